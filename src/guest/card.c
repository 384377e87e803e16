/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"

#define PIECE (1u << 20)             /* of a file, in a frame */
#define NFIT_PATH "/sys/firmware/acpi/tables/NFIT"

static void ring_port(void *arg)
{
	(void)arg;
	outb(WIRE_DOORBELL_VALUE, WIRE_DOORBELL_PORT);
}

int card_open(struct card *ret_card, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = -1;
	AUTO(buf_done) struct buf nfit = {0};
	struct card card = {0};
	uint64_t address;
	int r;

	r = file_read(AT_FDCWD, NFIT_PATH, 1 << 20, &nfit, err);
	if (r == 0)
		r = nfit_find_range(sv_bytes(buf_text(&nfit), nfit.len), WIRE_CARD_SIZE, &address,
				    err);
	if (r < 0)
		return r;
	fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "open /dev/mem");
	card.map = mmap(NULL, WIRE_CARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			(off_t)address);
	if (card.map == MAP_FAILED)
		return error_sys(err, "map the card at %#llx", (unsigned long long)address);
	(void)madvise(card.map, WIRE_CARD_SIZE, MADV_DONTFORK);        /* children have no use for it */
	if (ioperm(WIRE_DOORBELL_PORT, 1, 1) < 0)
		return error_sys(err, "ioperm for the doorbell");
	r = card_reopen(&card, err);
	if (r == 0)
		*ret_card = card;
	return r;
}

int card_reopen(struct card *card, struct ktstr_error *err)
{
	int r = wire_card_check(card->map, WIRE_CARD_SIZE, err);

	if (r < 0)
		return r;
	card->log = (struct wire_log){
		.card = card->map,
		.nonce = card->map->nonce,
		.offset = card->map->log_offset,
		.capacity = WIRE_CARD_SIZE - card->map->log_offset,
		.ring = ring_port,
	};
	return 0;
}

void card_put(struct card *card, enum wire_type type, const void *payload, size_t len)
{
	wire_log_put(&card->log, type, clock_ns(), payload,
		     len > WIRE_GUEST_PAYLOAD_MAX ? WIRE_GUEST_PAYLOAD_MAX : (uint32_t)len);
}

void card_stage(struct card *card, enum wire_stage stage)
{
	uint32_t value = stage;

	card_put(card, WIRE_STAGE, &value, sizeof(value));
}

void card_trouble(struct card *card, enum wire_trouble_code code, int error, const char *fmt, ...)
{
	struct wire_trouble trouble = {.code = code, .error = error};
	AUTO(buf_done) struct buf payload = {.max = 4096};
	va_list args;

	buf_bytes(&payload, &trouble, sizeof(trouble));
	va_start(args, fmt);
	buf_vprintf(&payload, fmt, args);
	va_end(args);
	card_put(card, WIRE_TROUBLE, payload.data, payload.len);
}

static int put_pieces(struct card *card, int fd, enum wire_type type, uint64_t max, struct wire_pieces_end *ret_end,
		      struct ktstr_error *err)
{
	AUTO(free) char *piece = xmalloc(PIECE);
	ssize_t len;

	while ((len = read(fd, piece, PIECE)) > 0) {
		ret_end->size += (uint64_t)len;
		ret_end->crc = crc32_of(ret_end->crc, piece, (size_t)len);
		if (ret_end->size > max)
			return error_set(err, -EFBIG, "more than %llu MiB", (unsigned long long)max >> 20);
		card_put(card, type, piece, (size_t)len);
	}
	return len < 0 ? error_sys(err, "read") : 0;
}

int card_put_file(struct card *card, const char *path, enum wire_type type, enum wire_type end_type, uint64_t max,
		  struct ktstr_error *err)
{
	/* who left it is not trusted: neither a link nor a pipe that nobody writes to */
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct wire_pieces_end end = {0};
	struct stat status;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return error_sys(err, "open %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, -EINVAL, "%s is no regular file", path);
	r = put_pieces(card, fd, type, max, &end, err);
	if (r < 0)
		return error_wrap(err, r, "%s", path);
	card_put(card, end_type, &end, sizeof(end));
	return 0;
}

void card_ring(struct card *card, enum wire_bell bell)
{
	uint32_t value = bell;

	card_put(card, WIRE_DOORBELL, &value, sizeof(value));
	card->log.ring(card->log.arg);
}
