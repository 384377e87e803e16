/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "test.h"
#include "wire/wire.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_wire
#include "../fuzz/fuzz_wire.c"
#undef LLVMFuzzerTestOneInput

#define NONCE 0x1122334455667788ull

static struct sv all_of(const struct buf *buf)
{
	return sv_bytes(buf_text(buf), buf->len);
}

TEST(a_frame_survives_a_round_trip)
{
	AUTO(buf_done) struct buf bytes = {0};
	struct wire_frame frame;
	struct sv payload;

	wire_put(&bytes, NONCE, WIRE_RESULT, 42, "hello", 5);
	CHECK_EQ(bytes.len, 40);
	CHECK_EQ(wire_get(all_of(&bytes), NONCE, 100, &frame, &payload, NULL), 40);
	CHECK_EQ(frame.type, WIRE_RESULT);
	CHECK_EQ(frame.time_ns, 42);
	CHECK(sv_eq(payload, "hello"));
}

TEST(a_frame_that_is_not_whole_yet_is_waited_for)
{
	AUTO(buf_done) struct buf bytes = {0};
	struct wire_frame frame;
	struct sv payload;

	wire_put(&bytes, NONCE, WIRE_RESULT, 0, "hello", 5);
	for (size_t len = 0; len < bytes.len; len++)
		CHECK_EQ(wire_get(sv_bytes(bytes.data, len), NONCE, 100, &frame, &payload, NULL), 0);
}

TEST(a_changed_bit_anywhere_is_noticed)
{
	AUTO(buf_done) struct buf bytes = {0};
	struct wire_frame frame;
	struct sv payload;

	wire_put(&bytes, NONCE, WIRE_RESULT, 7, "12345678", 8);
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		CHECK(wire_get(all_of(&bytes), NONCE, 1 << 20, &frame, &payload, NULL) <= 0);
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
	}
}

TEST(a_frame_of_another_run_or_size_is_refused)
{
	AUTO(buf_done) struct buf bytes = {0};
	struct ktstr_error err = {0};
	struct wire_frame frame;
	struct sv payload;

	wire_put(&bytes, NONCE, WIRE_RESULT, 0, "hello", 5);
	CHECK_EQ(wire_get(all_of(&bytes), NONCE + 1, 100, &frame, &payload, &err), -EBADMSG);
	CHECK_HAS(err.msg, "belongs to another run");
	CHECK_EQ(wire_get(all_of(&bytes), NONCE, 4, &frame, &payload, &err), -EBADMSG);
	CHECK_HAS(err.msg, "5 bytes are more than 4");
}

static unsigned rung;

static void ring(void *arg)
{
	struct wire_log *log = arg;

	rung++;
	atomic_store(&log->card->log_len, 0);        /* what a host does: it read everything */
}

TEST(a_log_without_room_rings_once_and_goes_on)
{
	const uint64_t capacity = 1024;
	struct wire_card *card = xcalloc(1, sizeof(*card) + capacity);
	struct wire_log log = {.card = card, .nonce = NONCE, .offset = sizeof(*card),
			       .capacity = capacity, .ring = ring};
	struct wire_frame frame;
	struct sv payload;
	char text[64] = {0};

	log.arg = &log;
	for (int i = 0; i < 12; i++)
		wire_log_put(&log, WIRE_OUTPUT, (uint64_t)i, text, sizeof(text));
	CHECK_EQ(rung, 1);
	/* 96 bytes a frame and 48 kept for the doorbell: ten fit, the eleventh found no room */
	CHECK_EQ(card->log_len, 2 * 96);
	CHECK_EQ(wire_get(sv_bytes((char *)card + log.offset, card->log_len), NONCE, 100, &frame,
			  &payload, NULL),
		 96);
	CHECK_EQ(frame.time_ns, 10);
	free(card);
}

TEST(a_card_header_that_points_outside_is_refused)
{
	struct wire_card card = {
		.magic = WIRE_CARD_MAGIC,
		.version = WIRE_VERSION,
		.size = WIRE_CARD_SIZE,
		.request_len = 100,
		.log_offset = 8192,
	};

	CHECK_EQ(wire_card_check(&card, WIRE_CARD_SIZE, NULL), 0);
	card.request_len = 4097;
	CHECK_EQ(wire_card_check(&card, WIRE_CARD_SIZE, NULL), -EBADMSG);
	card.request_len = 100;
	card.log_offset = WIRE_CARD_SIZE - 4096;
	CHECK_EQ(wire_card_check(&card, WIRE_CARD_SIZE, NULL), -EBADMSG);
	card.log_offset = 8200;
	CHECK_EQ(wire_card_check(&card, WIRE_CARD_SIZE, NULL), -EBADMSG);
	card.log_offset = 8192;
	card.version++;
	CHECK_EQ(wire_card_check(&card, WIRE_CARD_SIZE, NULL), -EBADMSG);
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_wire_holds_on_its_corpus)
{
	replay_corpus("wire", fuzz_wire);
}

RUN_TESTS();
