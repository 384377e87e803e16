/* SPDX-License-Identifier: BSD-2-Clause */
/* frames.h - what a fuzzer does not guess: the checksums of the frames that its bytes look like. */
#ifndef FUZZ_FRAMES_H
#define FUZZ_FRAMES_H

#include "wire/wire.h"

#define FUZZ_NONCE 0x1122334455667788ull

/* Correct the checksum of each frame, up to the first that is cut off. */
static inline void frames_mend(char *bytes, size_t len)
{
	struct wire_frame frame;

	while (len >= sizeof(frame)) {
		memcpy(&frame, bytes, sizeof(frame));
		if (frame.len > len - sizeof(frame))
			return;
		frame.crc = wire_frame_for(frame.nonce, frame.type, frame.time_ns,
					   bytes + sizeof(frame), frame.len).crc;
		memcpy(bytes, &frame, sizeof(frame));
		if (wire_padded(frame.len) > len - sizeof(frame))
			return;
		bytes += sizeof(frame) + wire_padded(frame.len);
		len -= sizeof(frame) + wire_padded(frame.len);
	}
}

#endif
