/* SPDX-License-Identifier: BSD-2-Clause */
/* kallsyms_writer.h - a vmlinux with nothing in it but a symbol table, as scripts/kallsyms.c writes
 * it. */
#ifndef KALLSYMS_WRITER_H
#define KALLSYMS_WRITER_H

#include <elf.h>

#include "base/base.h"

#define WRITER_TEXT 0xffffffff81000000ull /* where _text is, and the segment */

enum writer_addresses { WRITER_BASE, WRITER_PERCPU, WRITER_SELF };

struct writer_symbol {
	const char *name; /* with its type letter: "T_text" */
	uint64_t address; /* below WRITER_TEXT: of a per-CPU variable, WRITER_PERCPU only */
};

static inline void writer_align(struct buf *out)
{
	while (out->len % 8)
		buf_char(out, '\0');
}

static inline void writer_number(struct buf *out, uint64_t value, size_t size)
{
	buf_bytes(out, &value, size); /* little endian, as the only hosts are */
}

static inline void writer_names(struct buf *out, const struct writer_symbol *symbols,
				uint32_t count)
{
	AUTO(buf_done) struct buf markers = {0};
	size_t begin;

	writer_number(out, count, 4);
	writer_align(out);
	begin = out->len;
	for (uint32_t i = 0; i < count; i++) {
		size_t len = strlen(symbols[i].name);

		if (i % 256 == 0)
			writer_number(&markers, out->len - begin, 4);
		buf_char(out, (char)(len < 128 ? len : (len & 0x7f) | 0x80));
		if (len >= 128)
			buf_char(out, (char)(len >> 7));
		buf_str(out, symbols[i].name);
	}
	writer_align(out);
	buf_bytes(out, markers.data, markers.len);
	writer_align(out);
}

/* Every byte stands for itself, as far as it can; symbols begin with _text. */
static inline void writer_vmlinux(const struct writer_symbol *symbols, uint32_t count,
				  enum writer_addresses addresses, struct buf *out)
{
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			     .e_phoff = sizeof(header),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = 1};
	Elf64_Phdr segment = {.p_type = PT_LOAD, .p_offset = 128, .p_vaddr = WRITER_TEXT};

	buf_bytes(out, &header, sizeof(header));
	buf_bytes(out, &segment, sizeof(segment));
	writer_align(out);
	while (out->len < 128)
		buf_char(out, '\0');
	writer_names(out, symbols, count);
	for (int token = 0; token < 256; token++) {
		buf_char(out, token > ' ' && token <= '~' ? (char)token : '?');
		buf_char(out, '\0');
	}
	for (unsigned token = 0; token < 256; token++)
		writer_number(out, 2 * token, 2);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = symbols[i].address;
		uint64_t here = WRITER_TEXT + out->len - 128;

		if (addresses == WRITER_SELF)
			address -= here;
		else if (addresses == WRITER_BASE)
			address -= WRITER_TEXT;
		else if (address >= WRITER_TEXT)
			address = WRITER_TEXT - 1 - address;
		writer_number(out, address, 4);
	}
	writer_align(out);
	writer_number(out, WRITER_TEXT, 8);
	segment.p_filesz = segment.p_memsz = out->len - 128;
	memcpy(out->data + sizeof(header), &segment, sizeof(segment));
}

#endif
