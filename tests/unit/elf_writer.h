/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_writer.h - ELF files as the dynamic linker sees them, made by hand: header, program headers,
 * PT_DYNAMIC and strings, one after the other, mapped by one PT_LOAD. No sections and no code.
 */
#ifndef ELF_WRITER_H
#define ELF_WRITER_H

#include <elf.h>
#include <stddef.h>

#include "base/buf.h"

#define ELF_WRITER_BASE 0x10000u     /* address of the file's first byte */
#define ELF_WRITER_DYN_MAX 4200

#define NEEDS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct elf_spec {
	const char *const *needed;     /* NEEDS("liba.so", "libb.so") */
	const char *interpreter, *soname, *rpath, *runpath;
	uint64_t flags_1;
	uint16_t machine;              /* 0: EM_X86_64 */
	bool bits32;                   /* says so in its header, and is garbage behind it */
};

/* What elf_write() puts where, for tests that damage it. */
enum {
	ELF_WRITER_PHDRS = sizeof(Elf64_Ehdr),
	ELF_WRITER_DYNAMIC = ELF_WRITER_PHDRS + 3 * sizeof(Elf64_Phdr),
};

struct elf_writer {
	struct buf strings;
	Elf64_Dyn dyn[ELF_WRITER_DYN_MAX];
	size_t dyn_count;
};

static inline void elf_writer_number(struct elf_writer *writer, int64_t tag, uint64_t value)
{
	writer->dyn[writer->dyn_count++] = (Elf64_Dyn){.d_tag = tag, .d_un.d_val = value};
}

static inline void elf_writer_text(struct elf_writer *writer, int64_t tag, const char *text)
{
	if (!text)
		return;
	elf_writer_number(writer, tag, writer->strings.len);
	buf_bytes(&writer->strings, text, strlen(text) + 1);
}

static inline void elf_write(const struct elf_spec *spec, struct buf *out)
{
	static struct elf_writer writer;
	uint64_t interpreter = 0, strings, size;

	writer.dyn_count = 0;
	buf_clear(&writer.strings);
	buf_char(&writer.strings, '\0');
	for (size_t i = 0; spec->needed && spec->needed[i]; i++)
		elf_writer_text(&writer, DT_NEEDED, spec->needed[i]);
	elf_writer_text(&writer, DT_SONAME, spec->soname);
	elf_writer_text(&writer, DT_RPATH, spec->rpath);
	elf_writer_text(&writer, DT_RUNPATH, spec->runpath);
	if (spec->flags_1)
		elf_writer_number(&writer, DT_FLAGS_1, spec->flags_1);
	strings = ELF_WRITER_DYNAMIC + (writer.dyn_count + 3) * sizeof(Elf64_Dyn);
	if (spec->interpreter) {
		interpreter = strings + writer.strings.len;
		buf_bytes(&writer.strings, spec->interpreter, strlen(spec->interpreter) + 1);
	}
	size = strings + writer.strings.len;
	elf_writer_number(&writer, DT_STRTAB, ELF_WRITER_BASE + strings);
	elf_writer_number(&writer, DT_STRSZ, writer.strings.len);
	elf_writer_number(&writer, DT_NULL, 0);

	const Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
			    spec->bits32 ? ELFCLASS32 : ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = spec->machine ? spec->machine : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = ELF_WRITER_PHDRS,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	const Elf64_Phdr phdrs[3] = {
		{
			.p_type = PT_LOAD,
			.p_vaddr = ELF_WRITER_BASE,
			.p_filesz = size,
			.p_memsz = size,
		},
		{
			.p_type = PT_DYNAMIC,
			.p_offset = ELF_WRITER_DYNAMIC,
			.p_vaddr = ELF_WRITER_BASE + ELF_WRITER_DYNAMIC,
			.p_filesz = writer.dyn_count * sizeof(Elf64_Dyn),
		},
		{
			.p_type = interpreter ? PT_INTERP : PT_NULL,
			.p_offset = interpreter,
			.p_filesz = spec->interpreter ? strlen(spec->interpreter) + 1 : 0,
		},
	};

	buf_bytes(out, &ehdr, sizeof(ehdr));
	buf_bytes(out, phdrs, sizeof(phdrs));
	buf_bytes(out, writer.dyn, writer.dyn_count * sizeof(Elf64_Dyn));
	buf_bytes(out, writer.strings.data, writer.strings.len);
}

#endif
