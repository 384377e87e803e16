/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * needs.h - what a single file asks for in order to be started or loaded: the "#!" of a script, the
 * PT_INTERP and PT_DYNAMIC of an ELF file. Goes by program headers alone: a stripped file may have
 * no sections. For the room and its tests.
 */
#ifndef SYMBOLS_NEEDS_H
#define SYMBOLS_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

#define NEEDS_TEXT_MAX 65536     /* bytes of one search path or name */
#define NEEDS_NAME_MAX 4096      /* DT_NEEDED entries of one file */

enum needs_form {
	NEEDS_FORM_DATA,       /* neither ELF nor script; needs nothing */
	NEEDS_FORM_SCRIPT,     /* only `interpreter` is filled in */
	NEEDS_FORM_ELF,
};

struct elf_abi {
	uint8_t elf_class;     /* ELFCLASS32, ELFCLASS64 */
	uint8_t data;          /* ELFDATA2LSB, ELFDATA2MSB */
	uint16_t machine;      /* EM_X86_64 ... */
};

static inline bool elf_abi_equal(struct elf_abi a, struct elf_abi b)
{
	return a.elf_class == b.elf_class && a.data == b.data && a.machine == b.machine;
}

/* Texts are NULL where the file has none, and never longer than NEEDS_TEXT_MAX. */
struct needs {
	enum needs_form form;
	struct elf_abi abi;
	char *interpreter;         /* PT_INTERP, or the word behind "#!" */
	char *soname;              /* DT_SONAME */
	char *rpath;               /* DT_RPATH; NULL beside a DT_RUNPATH, which overrules it */
	char *runpath;             /* DT_RUNPATH */
	bool no_default_dirs;      /* DF_1_NODEFLIB */
	struct strings needed;     /* DT_NEEDED, in the file's order, none empty */
};

void needs_done(struct needs *needs);
DEFINE_AUTO_DONE(struct needs, needs_done)

/*
 * With `only`, an ELF file of another ABI is not read any further than that: form and abi are
 * filled in. Errors of open(2) are returned as they are; -ENOEXEC: truncated or corrupt; -EINVAL:
 * no regular file. The words name path.
 */
int needs_read(const char *path, const struct elf_abi *only, struct needs *ret_needs,
	       struct ktstr_error *err);

/* Does this result of needs_read() make ld.so try the next place (open_path() in dl-load.c)? */
bool needs_is_absent(int result);

#endif
