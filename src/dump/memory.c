/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - from a kernel's addresses to bytes of QEMU's. Page tables: Intel SDM volume 3, 4.5; an
 * entry is present with bit 0, a page of 2 MiB or 1 GiB with bit 7, and holds address bits 12..51.
 *
 * The guest's RAM is mapped copy-on-write from a template's files, so what it has written is in
 * QEMU's address space only, and is read there. A clone of q35 has all RAM from 0 when it is smaller
 * than 0xb0000000, else 2 GiB below the hole and the rest from 4 GiB (QEMU's hw/i386/pc_q35.c).
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "dump/dump.h"

#define PAGE 4096ull
#define ADDRESS_BITS 0x000ffffffffff000ull
#define ENTRY_PRESENT 1ull
#define ENTRY_LARGE 0x80ull
#define LOW_ALL_BELOW 0xb0000000ull
#define LOW_SIZE 0x80000000ull
#define HIGH_BASE 0x100000000ull
#define PIECES_MAX 128

/* --- where it is ---------------------------------------------------------------------------------- */

/* One column of a line. */
static struct sv next_word(struct sv *line)
{
	struct sv trimmed = sv_trim(*line), word;
	const char *space = trimmed.len ? memchr(trimmed.data, ' ', trimmed.len) : NULL;

	word = space ? sv_bytes(trimmed.data, (size_t)(space - trimmed.data)) : trimmed;
	*line = sv_skip(trimmed, word.len);
	return word;
}

static bool is_ram(struct sv name, uint32_t number)
{
	AUTO(free) char *plain = xasprintf("ram%u", number);
	AUTO(free) char *path = xasprintf("/objects/ram%u", number);

	return sv_eq(name, plain) || sv_eq(name, path);
}

/* Block Name, PSize ("4 KiB"), Offset, Used, Total, HVA, RO */
static bool find_block(struct sv text, uint32_t number, uint64_t *ret_size, uint64_t *ret_host)
{
	struct sv line;

	while (sv_line(&text, &line)) {
		if (!is_ram(next_word(&line), number))
			continue;
		for (int skipped = 0; skipped < 3; skipped++)
			(void)next_word(&line);
		return sv_hex64(next_word(&line), ret_size) == 0 &&
		       (next_word(&line), sv_hex64(next_word(&line), ret_host) == 0);
	}
	return false;
}

static void put_piece(struct dump_pieces *pieces, uint64_t physical, uint64_t size, uint64_t host)
{
	if (size)
		dump_pieces_push(pieces,
				 (struct dump_piece){.physical = physical, .size = size, .host = host});
}

int dump_pieces_parse(struct sv text, struct dump_pieces *ret_pieces, struct ktstr_error *err)
{
	uint64_t total = 0, at = 0, low, size, host;

	for (uint32_t i = 0; i < PIECES_MAX && find_block(text, i, &size, &host); i++) {
		if (size > UINT64_MAX / 4 - total || host > UINT64_MAX - size)
			return error_set(err, -EBADMSG, "QEMU says that ram%u has %llu bytes", i,
					 (unsigned long long)size);
		total += size;
	}
	if (total == 0)
		return error_set(err, -EBADMSG, "QEMU's list of memory blocks has no ram0");
	low = total < LOW_ALL_BELOW ? total : LOW_SIZE;
	for (uint32_t i = 0; i < PIECES_MAX && find_block(text, i, &size, &host); i++) {
		uint64_t below = at >= low ? 0 : size < low - at ? size : low - at;

		put_piece(ret_pieces, at, below, host);
		put_piece(ret_pieces, HIGH_BASE + at + below - low, size - below, host + below);
		at += size;
	}
	return 0;
}

bool dump_process_read(void *arg, uint64_t physical, void *buffer, size_t size)
{
	const struct dump_process *process = arg;

	vec_each(piece, process->pieces) {
		uint64_t at = physical - piece->physical;
		struct iovec local = {.iov_base = buffer, .iov_len = size}, remote;

		if (physical < piece->physical || at >= piece->size || size > piece->size - at)
			continue;
		remote = (struct iovec){.iov_base = (void *)(uintptr_t)(piece->host + at), .iov_len = size};
		return process_vm_readv(process->pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
	}
	return false;
}

/* --- page tables ---------------------------------------------------------------------------------- */

static bool is_canonical(const struct dump_memory *memory, uint64_t address)
{
	int64_t high = (int64_t)address >> (memory->five_levels ? 56 : 47);

	return high == 0 || high == -1;
}

static bool walk(const struct dump_memory *memory, uint64_t address, uint64_t *ret_physical)
{
	uint64_t table = memory->root & ADDRESS_BITS;

	for (int level = memory->five_levels ? 5 : 4; level >= 1; level--) {
		unsigned shift = 12 + 9 * (unsigned)(level - 1);
		uint64_t entry, mask = (1ull << shift) - 1;

		if (!memory->read(memory->arg, table + (address >> shift & 511) * 8, &entry, sizeof(entry)) ||
		    !(entry & ENTRY_PRESENT))
			return false;
		if (level == 1 || (level <= 3 && (entry & ENTRY_LARGE))) {
			*ret_physical = (entry & ADDRESS_BITS & ~mask) | (address & mask);
			return true;
		}
		table = entry & ADDRESS_BITS;
	}
	return false;
}

bool dump_translate(struct dump_memory *memory, uint64_t address, uint64_t *ret_physical)
{
	uint64_t page = address & ~(PAGE - 1), physical;
	size_t slot = (page / PAGE) % DUMP_TLB;

	if (!is_canonical(memory, address))
		return false;
	if (page == 0 || memory->tlb[slot].page != page) {
		if (!walk(memory, page, &physical))
			return false;
		memory->tlb[slot].page = page;
		memory->tlb[slot].physical = physical;
	}
	*ret_physical = memory->tlb[slot].physical | (address & (PAGE - 1));
	return true;
}

bool dump_read(struct dump_memory *memory, uint64_t address, void *buffer, size_t size)
{
	char *out = buffer;

	while (size) {
		size_t left = PAGE - (address & (PAGE - 1)), part = size < left ? size : left;
		uint64_t physical;

		if (memory->reads_left == 0)
			return false;
		memory->reads_left--;
		if (!dump_translate(memory, address, &physical) ||
		    !memory->read(memory->arg, physical, out, part))
			return false;
		address += part;
		out += part;
		size -= part;
	}
	return true;
}
