/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kallsyms.c - scripts/kallsyms.c of Linux writes these into .rodata, each at a multiple of 8, in
 * this order since Linux 6.4:
 *
 *	num_syms       u32
 *	names          a symbol: length (one byte; two when bit 7 is set, the low seven bits first),
 *then so many tokens of one byte; the expansion begins with the type letter markers        u32 for
 *every 256th symbol: where in names it begins token_table    256 strings with their NULs
 *	token_index    256 u16: where in token_table each begins
 *	offsets        u32 for every symbol
 *	relative_base  u64; gone once offsets count from themselves
 *
 * token_index is found first: 256 growing numbers that fit the strings before them are no accident.
 * The other tables are where they must be from there, and are checked.
 */
#include "symbols/kallsyms.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum encoding {
	ENCODING_BASE,	 /* relative_base + u32 */
	ENCODING_PERCPU, /* CONFIG_KALLSYMS_ABSOLUTE_PERCPU: >= 0 itself, else base - 1 - offset */
	ENCODING_SELF,	 /* the address of the offset + s32 */
	ENCODING_COUNT
};

#define TOKENS 256
#define MARKER_EVERY 256
#define COUNT_MAX (1u << 22)
#define TOKEN_TABLE_MAX 4096

static uint64_t le(struct sv bytes, size_t at, unsigned count)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < count; i++)
		value |= (uint64_t)(uint8_t)bytes.data[at + i] << (8 * i);
	return value;
}

static size_t align8(size_t at)
{
	return (at + 7) & ~(size_t)7;
}

/* --- where the tables are; all positions are in data, the file content of one segment
 * --------------- */

struct tables {
	struct sv data;
	size_t names, names_end, markers, marker_count, token_table, token_index;
};

/* token_index at `at`, and the table before it? */
static bool is_token_index(struct tables *tables, size_t at)
{
	struct sv data = tables->data;
	size_t last, table_size, start;

	if (at < 8 || at + 2 * TOKENS > data.len || le(data, at, 2) != 0)
		return false;
	for (size_t i = 1; i < TOKENS; i++) {
		if (le(data, at + 2 * i, 2) <= le(data, at + 2 * (i - 1), 2))
			return false;
	}
	last = le(data, at + 2 * (TOKENS - 1), 2);
	if (last >= TOKEN_TABLE_MAX)
		return false;
	/* the last string has an unknown length, and NULs pad the table */
	for (table_size = last + 2; table_size <= last + 256 && align8(table_size) <= at;
	     table_size++) {
		start = at - align8(table_size);
		if (data.data[start + table_size - 1] == '\0' &&
		    data.data[start + table_size - 2] != '\0')
			break;
	}
	if (table_size > last + 256 || align8(table_size) > at)
		return false;
	start = at - align8(table_size);
	for (size_t i = 1; i < TOKENS; i++) {
		size_t token = le(data, at + 2 * i, 2);

		if (data.data[start + token - 1] != '\0' || data.data[start + token] == '\0')
			return false;
	}
	tables->token_table = start;
	tables->token_index = at;
	return true;
}

static bool find_tokens(struct tables *tables)
{
	for (size_t at = 8; at + 2 * TOKENS <= tables->data.len; at += 8) {
		if (is_token_index(tables, at))
			return true;
	}
	return false;
}

/* Markers grow from 0, and end at the token table or four bytes before. */
static bool find_markers(struct tables *tables)
{
	struct sv data = tables->data;
	size_t end = tables->token_table, at;

	if (end >= 8 && le(data, end - 4, 4) == 0)
		end -= 4;
	for (at = end; at >= 8; at -= 4) {
		uint64_t value = le(data, at - 4, 4);

		if (at != end && value >= le(data, at, 4))
			return false;
		if (value == 0) {
			tables->markers = at - 4;
			tables->marker_count = (end - tables->markers) / 4;
			return true;
		}
	}
	return false;
}

/* The position after the name at `at`; 0: it does not end before `end`. */
static size_t skip_name(struct sv data, size_t at, size_t end)
{
	size_t len;

	if (at + 2 > end)
		return 0;
	len = (uint8_t)data.data[at++];
	if (len & 0x80)
		len = (len & 0x7f) | (size_t)(uint8_t)data.data[at++] << 7;
	return len && at + len <= end ? at + len : 0;
}

/* Names begin at `at`, if every 256th name begins where its marker says. */
static bool are_names(const struct tables *tables, size_t at, size_t *ret_end, uint32_t count)
{
	size_t name = at;

	for (uint32_t i = 0; i < count; i++) {
		if (i % MARKER_EVERY == 0 &&
		    name - at != le(tables->data, tables->markers + i / MARKER_EVERY * 4, 4))
			return false;
		name = skip_name(tables->data, name, tables->markers);
		if (!name)
			return false;
	}
	*ret_end = name;
	return align8(name) == tables->markers;
}

static bool find_names(struct tables *tables, uint32_t *ret_count)
{
	uint64_t last = le(tables->data, tables->markers + (tables->marker_count - 1) * 4, 4);
	size_t high, low;

	if (last > tables->markers)
		return false;
	high = (tables->markers - last) & ~(size_t)7;
	low = high > MARKER_EVERY * KALLSYMS_NAME_MAX ? high - MARKER_EVERY * KALLSYMS_NAME_MAX : 8;
	for (size_t at = high; at >= low && at >= 8; at -= 8) {
		uint64_t count = le(tables->data, at - 8, 4);

		if (count == 0 || count > COUNT_MAX ||
		    (count + MARKER_EVERY - 1) / MARKER_EVERY != tables->marker_count)
			continue;
		if (!are_names(tables, at, &tables->names_end, (uint32_t)count))
			continue;
		tables->names = at;
		*ret_count = (uint32_t)count;
		return true;
	}
	return false;
}

/* --- addresses -----------------------------------------------------------------------------------
 */

static uint64_t address_of(const struct kallsyms *kallsyms, uint32_t i)
{
	int32_t offset = (int32_t)le(kallsyms->offsets, 4 * (size_t)i, 4);

	switch ((enum encoding)kallsyms->encoding) {
	case ENCODING_PERCPU:
		return offset >= 0 ? (uint64_t)offset
				   : kallsyms->relative_base - 1 - (uint64_t)(int64_t)offset;
	case ENCODING_SELF:
		return kallsyms->offsets_address + 4 * (uint64_t)i + (uint64_t)(int64_t)offset;
	case ENCODING_BASE:
	case ENCODING_COUNT:
		break;
	}
	return kallsyms->relative_base + (uint32_t)offset;
}

static bool is_text_start(void *arg, const char *name, uint64_t address)
{
	uint64_t *wanted = arg;

	if (strcmp(name, "_text") != 0 && strcmp(name, "_stext") != 0)
		return true;
	if (address == *wanted)
		*wanted = 0;
	return false;
}

/* The kernel does not say how addresses are written; its first byte tells. */
static bool find_encoding(struct kallsyms *kallsyms, uint64_t text_address)
{
	for (kallsyms->encoding = 0; kallsyms->encoding < ENCODING_COUNT; kallsyms->encoding++) {
		uint64_t wanted = text_address;

		if (kallsyms_each(kallsyms, is_text_start, &wanted, NULL) == 0 && wanted == 0)
			return true;
	}
	return false;
}

/* --- the door
 * -------------------------------------------------------------------------------------- */

static bool find_in_segment(struct sv data, uint64_t address, struct kallsyms *kallsyms)
{
	struct tables tables = {.data = data};
	size_t offsets, base;

	if (!find_tokens(&tables) || !find_markers(&tables) ||
	    !find_names(&tables, &kallsyms->count))
		return false;
	offsets = tables.token_index + 2 * TOKENS;
	base = align8(offsets + 4 * (size_t)kallsyms->count);
	if (base + 8 > data.len)
		return false;
	kallsyms->names = sv_bytes(data.data + tables.names, tables.names_end - tables.names);
	kallsyms->token_table =
		sv_bytes(data.data + tables.token_table, tables.token_index - tables.token_table);
	for (size_t i = 0; i < TOKENS; i++)
		kallsyms->token_index[i] = (uint16_t)le(data, tables.token_index + 2 * i, 2);
	kallsyms->offsets = sv_bytes(data.data + offsets, 4 * (size_t)kallsyms->count);
	kallsyms->offsets_address = address + offsets;
	kallsyms->relative_base = le(data, base, 8);
	return find_encoding(kallsyms, address);
}

int kallsyms_find(const struct buf *vmlinux, struct kallsyms *ret_kallsyms, struct ktstr_error *err)
{
	struct kallsyms kallsyms = {0};
	Elf64_Ehdr header;

	if (vmlinux->len < sizeof(header))
		return error_set(err, -EINVAL, "no ELF file");
	memcpy(&header, vmlinux->data, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
		return error_set(err, -EINVAL, "no 64-bit ELF file");
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		uint64_t at = header.e_phoff + i * sizeof(segment);

		if (header.e_phoff > vmlinux->len || at + sizeof(segment) > vmlinux->len)
			return error_set(err, -EINVAL, "a damaged ELF file");
		memcpy(&segment, vmlinux->data + at, sizeof(segment));
		if (segment.p_type != PT_LOAD)
			continue;
		if (segment.p_offset > vmlinux->len ||
		    segment.p_filesz > vmlinux->len - segment.p_offset)
			return error_set(err, -EINVAL, "a truncated ELF file");
		/* text and read-only data are one segment, the first */
		if (!find_in_segment(sv_bytes(vmlinux->data + segment.p_offset, segment.p_filesz),
				     segment.p_vaddr, &kallsyms))
			break;
		*ret_kallsyms = kallsyms;
		return 0;
	}
	return error_set(
		err, -ENODATA,
		"it has no symbol table that is understood (CONFIG_KALLSYMS, Linux 6.4 or later)");
}

/* Expand the name at `at`; the position after it, or 0. */
static size_t expand(const struct kallsyms *kallsyms, size_t at, char name[KALLSYMS_NAME_MAX])
{
	size_t end = skip_name(kallsyms->names, at, kallsyms->names.len), len = 0;
	size_t tokens = (uint8_t)kallsyms->names.data[at] & 0x80 ? at + 2 : at + 1;

	for (; end && tokens < end; tokens++) {
		size_t token = kallsyms->token_index[(uint8_t)kallsyms->names.data[tokens]];

		for (; token < kallsyms->token_table.len && kallsyms->token_table.data[token];
		     token++) {
			if (len == KALLSYMS_NAME_MAX - 1)
				return 0;
			name[len++] = kallsyms->token_table.data[token];
		}
	}
	name[len] = '\0';
	return len > 1 ? end : 0;
}

int kallsyms_each(const struct kallsyms *kallsyms,
		  bool (*visit)(void *arg, const char *name, uint64_t address), void *arg,
		  struct ktstr_error *err)
{
	char name[KALLSYMS_NAME_MAX];
	size_t at = 0;

	for (uint32_t i = 0; i < kallsyms->count; i++) {
		if (at + 2 > kallsyms->names.len || (at = expand(kallsyms, at, name)) == 0)
			return error_set(err, -EBADMSG,
					 "the kernel's symbol table is damaged at symbol %u", i);
		if (!visit(arg, name + 1, address_of(kallsyms, i)))
			return 0;
	}
	return 0;
}
