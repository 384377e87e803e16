/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/wire.h"

#include <errno.h>
#include <string.h>

const char *wire_stage_name(enum wire_stage stage)
{
	static const char *const names[] = {
		[WIRE_STAGE_BOOT] = "boot",           [WIRE_STAGE_SETUP] = "set-up",
		[WIRE_STAGE_SCHEDULER] = "scheduler", [WIRE_STAGE_TEST] = "test",
		[WIRE_STAGE_TEARDOWN] = "teardown",
	};

	return (unsigned)stage < WIRE_STAGE_COUNT ? names[stage] : "unknown";
}

static uint32_t checksum(const struct wire_frame *frame, const void *payload)
{
	uint32_t crc = crc32_of(0, &frame->nonce, sizeof(frame->nonce) + sizeof(frame->time_ns));

	crc = crc32_of(crc, payload, frame->len);
	return crc32_of(crc, &frame->type, sizeof(frame->type) + sizeof(frame->len));
}

struct wire_frame wire_frame_for(uint64_t nonce, uint32_t type, uint64_t time_ns,
				 const void *payload, uint32_t len)
{
	struct wire_frame frame = {
		.magic = WIRE_FRAME_MAGIC,
		.type = type,
		.len = len,
		.nonce = nonce,
		.time_ns = time_ns,
	};

	frame.crc = checksum(&frame, payload);
	return frame;
}

void wire_put(struct buf *buf, uint64_t nonce, uint32_t type, uint64_t time_ns, const void *payload,
	      uint32_t len)
{
	struct wire_frame frame = wire_frame_for(nonce, type, time_ns, payload, len);
	static const char zeros[8];

	buf_bytes(buf, &frame, sizeof(frame));
	buf_bytes(buf, payload, len);
	buf_bytes(buf, zeros, wire_padded(len) - len);
}

int64_t wire_get(struct sv bytes, uint64_t nonce, uint32_t payload_max,
		 struct wire_frame *ret_frame, struct sv *ret_payload, struct ktstr_error *err)
{
	struct wire_frame frame;
	uint64_t total;

	if (bytes.len < sizeof(frame))
		return 0;
	memcpy(&frame, bytes.data, sizeof(frame));
	if (frame.magic != WIRE_FRAME_MAGIC)
		return error_set(err, -EBADMSG, "frame: bad magic %#x", frame.magic);
	if (frame.nonce != nonce)
		return error_set(err, -EBADMSG, "frame of type %u: it belongs to another run",
				 frame.type);
	if (frame.len > payload_max)
		return error_set(err, -EBADMSG, "frame of type %u: %u bytes are more than %u",
				 frame.type, frame.len, payload_max);
	total = sizeof(frame) + wire_padded(frame.len);
	if (bytes.len < total)
		return 0;
	if (checksum(&frame, bytes.data + sizeof(frame)) != frame.crc)
		return error_set(err, -EBADMSG, "frame of type %u: bad checksum", frame.type);
	*ret_frame = frame;
	*ret_payload = sv_bytes(bytes.data + sizeof(frame), frame.len);
	return (int64_t)total;
}

int wire_card_check(const struct wire_card *card, uint64_t mapped_size, struct ktstr_error *err)
{
	if (card->magic != WIRE_CARD_MAGIC)
		return error_set(err, -EBADMSG, "card: bad magic %#llx",
				 (unsigned long long)card->magic);
	if (card->version != WIRE_VERSION)
		return error_set(err, -EBADMSG, "card: version %u, not %d", card->version,
				 WIRE_VERSION);
	if (card->size != mapped_size || card->log_offset < WIRE_REQUEST_OFFSET ||
	    card->log_offset % 4096 || card->log_offset > card->size - WIRE_LOG_SIZE_MIN ||
	    card->request_len > card->log_offset - WIRE_REQUEST_OFFSET)
		return error_set(err, -EBADMSG, "card: its header points outside of it");
	return 0;
}

void wire_log_put(struct wire_log *log, uint32_t type, uint64_t time_ns, const void *payload,
		  uint32_t len)
{
	char *base = (char *)log->card + log->offset;
	struct wire_frame frame;
	uint64_t used, need;

	if (len > WIRE_GUEST_PAYLOAD_MAX)
		len = WIRE_GUEST_PAYLOAD_MAX;
	frame = wire_frame_for(log->nonce, type, time_ns, payload, len);
	need = sizeof(frame) + wire_padded(len);

	used = atomic_load_explicit(&log->card->log_len, memory_order_acquire);
	/* room for one doorbell frame is always kept, so that asking for room needs none */
	if (type != WIRE_DOORBELL && used + need + 48 > log->capacity) {
		uint32_t reason = WIRE_BELL_DRAIN;

		wire_log_put(log, WIRE_DOORBELL, time_ns, &reason, sizeof(reason));
		log->ring(log->arg);
		used = atomic_load_explicit(&log->card->log_len, memory_order_acquire);
	}
	if (used + need > log->capacity)
		return;        /* the host did not make room: what it lost is in its own hands */
	memcpy(base + used, &frame, sizeof(frame));
	if (len)
		memcpy(base + used + sizeof(frame), payload, len);
	memset(base + used + sizeof(frame) + len, 0, wire_padded(len) - len);
	atomic_store_explicit(&log->card->log_len, used + need, memory_order_release);
}
