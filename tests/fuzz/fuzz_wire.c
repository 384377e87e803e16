/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a frame that is accepted lies within the bytes, and a frame made of what was read is the
 * same bytes (padding aside, which no checksum covers). The bytes are read as they are, and with
 * their checksum corrected.
 */
#include <errno.h>

#include "frames.h"

#define FUZZ_PAYLOAD_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(struct sv bytes, const struct wire_frame *frame, struct sv payload,
			uint64_t used)
{
	AUTO(buf_done) struct buf again = {0};

	assert(used <= bytes.len);
	assert(payload.data == bytes.data + sizeof(*frame));
	assert(payload.len == frame->len);
	assert(payload.len <= FUZZ_PAYLOAD_MAX);
	assert(sizeof(*frame) + payload.len <= used);
	wire_put(&again, FUZZ_NONCE, frame->type, frame->time_ns, payload.data,
		 (uint32_t)payload.len);
	assert(again.len == used);
	assert(memcmp(again.data, bytes.data, sizeof(*frame) + payload.len) == 0);
}

static void check_bytes(struct sv bytes)
{
	struct ktstr_error err = {0};
	struct wire_frame frame;
	struct sv payload;
	int64_t used = wire_get(bytes, FUZZ_NONCE, FUZZ_PAYLOAD_MAX, &frame, &payload, &err);

	if (used < 0) {
		assert(used == -EBADMSG);
		assert(err.msg[0]);
	} else if (used == 0) {
		assert(bytes.len < sizeof(frame) + FUZZ_PAYLOAD_MAX);
	} else {
		check_frame(bytes, &frame, payload, (uint64_t)used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *mended = xmalloc(size);

	check_bytes(sv_bytes(data, size));
	if (size)
		memcpy(mended, data, size);
	frames_mend(mended, size);
	check_bytes(sv_bytes(mended, size));
	return 0;
}
