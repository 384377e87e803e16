/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm/vm.h"

void card_done(struct card_host *card)
{
	if (card->map)
		munmap(card->map, WIRE_CARD_SIZE);
	if (card->fd > 0)
		close(card->fd);
	buf_done(&card->frame);
	*card = (struct card_host){.fd = -1};
}

int card_make(struct sv request, uint64_t nonce, const struct topology *topology, struct card_host *ret_card,
	      struct ktstr_error *err)
{
	AUTO(card_done) struct card_host card = {.fd = -1, .nonce = nonce};
	uint64_t end = WIRE_REQUEST_OFFSET + request.len;

	card.frame.max = sizeof(struct wire_frame) + WIRE_GUEST_PAYLOAD_MAX;
	card.log_offset = (end + 4095) & ~4095ull;
	if (end > WIRE_CARD_SIZE - WIRE_LOG_SIZE_MIN)
		return error_set(err, -E2BIG,
				 "the files that this test takes into the guest are %llu MiB; %llu MiB fit",
				 (unsigned long long)(request.len >> 20),
				 (WIRE_CARD_SIZE - WIRE_LOG_SIZE_MIN - WIRE_REQUEST_OFFSET) >> 20);
	card.log_capacity = WIRE_CARD_SIZE - card.log_offset;
	card.fd = memfd_create("ktstr-card", MFD_CLOEXEC);
	if (card.fd < 0 || ftruncate(card.fd, WIRE_CARD_SIZE) < 0)
		return error_sys(err, "make a card of %llu bytes", WIRE_CARD_SIZE);
	card.map = mmap(NULL, WIRE_CARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, card.fd, 0);
	if (card.map == MAP_FAILED) {
		card.map = NULL;
		return error_sys(err, "map the card");
	}
	memcpy((char *)card.map + WIRE_REQUEST_OFFSET, request.data, request.len);
	card.map->magic = WIRE_CARD_MAGIC;
	card.map->version = WIRE_VERSION;
	card.map->nonce = nonce;
	card.map->size = WIRE_CARD_SIZE;
	card.map->request_len = request.len;
	card.map->log_offset = card.log_offset;
	card.map->topology = (struct wire_topology){
		.numa_nodes = topology->numa_nodes,
		.llcs = topology->llcs,
		.cores_per_llc = topology->cores_per_llc,
		.threads_per_core = topology->threads_per_core,
	};
	*ret_card = TAKE(card, ((struct card_host){.fd = -1}));
	return 0;
}

/*
 * The guest may change its memory at any time, so a frame is copied out with the length that its
 * header had at one moment, and only the copy is checked and used.
 */
int card_next(struct card_host *card, struct wire_frame *ret_frame, struct sv *ret_payload,
	      struct ktstr_error *err)
{
	uint64_t written = atomic_load_explicit(&card->map->log_len, memory_order_acquire);
	const char *at = (const char *)card->map + card->log_offset + card->read_len;
	struct wire_frame frame;
	uint64_t total;
	int64_t used;

	if (written > card->log_capacity || written < card->read_len)
		return error_set(err, -EBADMSG, "card: the guest says it wrote %llu of %llu bytes",
				 (unsigned long long)written, (unsigned long long)card->log_capacity);
	if (written - card->read_len < sizeof(frame))
		return 0;
	memcpy(&frame, at, sizeof(frame));
	total = sizeof(frame) + wire_padded(frame.len);
	if (frame.len > WIRE_GUEST_PAYLOAD_MAX || total > written - card->read_len)
		return error_set(err, -EBADMSG, "card: a frame of %u bytes where %llu were written",
				 frame.len, (unsigned long long)(written - card->read_len));
	buf_clear(&card->frame);
	buf_bytes(&card->frame, at, total);
	used = wire_get(sv_bytes(card->frame.data, card->frame.len), card->nonce,
			WIRE_GUEST_PAYLOAD_MAX, ret_frame, ret_payload, err);
	if (used <= 0)
		return used < 0 ? (int)used : error_set(err, -EBADMSG, "card: a frame changed its length");
	card->read_len += (uint64_t)used;
	return 1;
}

void card_reset_log(struct card_host *card)
{
	card->read_len = 0;
	atomic_store_explicit(&card->map->log_len, 0, memory_order_release);
}
