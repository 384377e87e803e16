/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever a guest writes on its card, reading it ends, and what is read lies within what
 * the guest says it wrote, in the host's own copy. The first eight bytes are the length that the
 * guest claims, the others its log; they are read as they are, and with their checksums corrected.
 */
#include <errno.h>

#include "frames.h"
#include "vm/vm.h"

#define FUZZ_LOG_MAX (1u << 20)

static const struct topology fuzz_machine = {1, 1, 2, 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_card_frame(const struct card_host *card, const struct wire_frame *frame,
			     struct sv payload)
{
	AUTO(buf_done) struct buf again = {.max = card->frame.max};

	assert(payload.len == frame->len);
	assert(payload.len <= WIRE_GUEST_PAYLOAD_MAX);
	assert(payload.data == card->frame.data + sizeof(*frame));
	assert(sizeof(*frame) + payload.len <= card->frame.len);
	wire_put(&again, FUZZ_NONCE, frame->type, frame->time_ns, payload.data,
		 (uint32_t)payload.len);
	assert(memcmp(again.data, card->frame.data, sizeof(*frame) + payload.len) == 0);
}

static void read_log(struct card_host *card, uint64_t claimed)
{
	struct ktstr_error err = {0};
	uint64_t before = 0;
	struct wire_frame frame;
	struct sv payload;
	int r;

	while ((r = card_next(card, &frame, &payload, &err)) == 1) {
		assert(card->read_len >= before + sizeof(frame));      /* so it ends */
		assert(card->read_len <= claimed);
		assert(claimed <= card->log_capacity);
		check_card_frame(card, &frame, payload);
		before = card->read_len;
	}
	assert(r == 0 || (r == -EBADMSG && err.msg[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(card_done) struct card_host card = {.fd = -1};
	uint64_t claimed;
	char *log;

	if (size < sizeof(claimed) || size > FUZZ_LOG_MAX)
		return 0;
	memcpy(&claimed, data, sizeof(claimed));
	data += sizeof(claimed);
	size -= sizeof(claimed);
	if (card_make(sv_of(""), FUZZ_NONCE, &fuzz_machine, &card, NULL) < 0)
		abort();
	log = (char *)card.map + card.log_offset;
	memcpy(log, data, size);
	atomic_store(&card.map->log_len, claimed);
	read_log(&card, claimed);

	card_reset_log(&card);
	frames_mend(log, size);
	atomic_store(&card.map->log_len, claimed);
	read_log(&card, claimed);
	return 0;
}
