/* SPDX-License-Identifier: BSD-2-Clause */
/* bzimage_writer.h - kernel images made by hand: boot header, compressed payload, an ELF file in it. */
#ifndef BZIMAGE_WRITER_H
#define BZIMAGE_WRITER_H

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <elf.h>
#include <string.h>

#include "base/base.h"

enum {
	BZIMAGE_WRITER_CODE = 5 * 512,       /* where the protected-mode code starts: setup_sects 4 */
	BZIMAGE_WRITER_VERSION = 0x400,
	BZIMAGE_WRITER_PAYLOAD = 32,         /* behind the start of the code */
};

static inline void put_le(struct buf *out, size_t at, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out->data[at + i] = (char)(value >> (8 * i));
}

static inline void put_zeros(struct buf *out, size_t until)
{
	while (out->len < until)
		buf_char(out, '\0');
}

/* version: the text that the header points to, such as "6.1 (builder) #1". */
static inline void bzimage_write(const char *version, const void *payload, size_t size, struct buf *out)
{
	buf_clear(out);
	put_zeros(out, BZIMAGE_WRITER_CODE + BZIMAGE_WRITER_PAYLOAD);
	out->data[0x1f1] = 4;
	put_le(out, 0x1f4, (uint32_t)(BZIMAGE_WRITER_PAYLOAD + size + 15) / 16, 4);
	put_le(out, 0x1fe, 0xaa55, 2);
	memcpy(out->data + 0x202, "HdrS", 4);
	put_le(out, 0x206, 0x20f, 2);
	put_le(out, 0x20e, BZIMAGE_WRITER_VERSION - 0x200, 2);
	out->data[0x211] = 1;
	put_le(out, 0x248, BZIMAGE_WRITER_PAYLOAD, 4);
	put_le(out, 0x24c, (uint32_t)size, 4);
	memcpy(out->data + BZIMAGE_WRITER_VERSION, version, strlen(version) + 1);
	buf_bytes(out, payload, size);
	put_zeros(out, (out->len + 15) / 16 * 16);
}

/* A 64-bit ELF file with a section table of: none, the section, the names. */
static inline void vmlinux_write(const char *section, const void *data, size_t size, struct buf *out)
{
	static const char names_section[] = ".shstrtab";
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3,
		.e_shstrndx = 2,
	};
	size_t names_len = 1 + strlen(section) + 1 + sizeof(names_section);
	Elf64_Shdr sections[3] = {
		[1] = {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_addralign = 1, .sh_size = size},
		[2] = {.sh_name = (Elf64_Word)(2 + strlen(section)), .sh_type = SHT_STRTAB,
		       .sh_addralign = 1, .sh_size = names_len},
	};

	sections[2].sh_offset = sizeof(header) + sizeof(sections);
	sections[1].sh_offset = sections[2].sh_offset + names_len;
	buf_clear(out);
	buf_bytes(out, &header, sizeof(header));
	buf_bytes(out, sections, sizeof(sections));
	buf_bytes(out, "", 1);
	buf_bytes(out, section, strlen(section) + 1);
	buf_bytes(out, names_section, sizeof(names_section));
	buf_bytes(out, data, size);
}

static inline la_ssize_t buf_writer(struct archive *archive, void *out, const void *data, size_t len)
{
	(void)archive;
	buf_bytes(out, data, len);
	return (la_ssize_t)len;
}

/* One of archive_write_add_filter_...(); false when this libarchive has it not built in. */
static inline bool compress_with(int (*add_filter)(struct archive *), const void *data, size_t size,
				 struct buf *out)
{
	struct archive *writer = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	bool built_in = add_filter(writer) == ARCHIVE_OK;

	buf_clear(out);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "data");
	if (built_in) {
		int r = archive_write_set_format_raw(writer);

		r |= archive_write_set_bytes_in_last_block(writer, 1);
		r |= archive_write_open(writer, out, NULL, buf_writer, NULL);
		r |= archive_write_header(writer, entry);
		assert(r == ARCHIVE_OK);
		assert(archive_write_data(writer, data, size) == (la_ssize_t)size);
		assert(archive_write_close(writer) == ARCHIVE_OK);
	}
	archive_entry_free(entry);
	archive_write_free(writer);
	return built_in;
}

/* As scripts/Makefile.lib does after every method but gzip. */
static inline void append_size(struct buf *out, size_t size)
{
	put_zeros(out, out->len + 4);
	put_le(out, out->len - 4, (uint32_t)size, 4);
}

#endif
