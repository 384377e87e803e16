/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image.h - an ELF file as far as it tells where jemalloc keeps a thread's numbers. The bytes are
 * foreign: a container's, or those of a file that is being rewritten.
 */
#ifndef PROBE_IMAGE_H
#define PROBE_IMAGE_H

#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/error.h"

#define IMAGE_NAME_MAX 64
#define IMAGE_TLS_BYTES_MAX (1u << 30)

struct image {
	Elf *elf;                 /* for image_done() */
	int fd;                   /* borrowed; must outlive it */
	uint16_t machine;
	bool is_64bit;

	bool has_tls;             /* PT_TLS */
	uint64_t tls_bytes;       /* p_memsz */
	uint64_t tls_align;       /* a power of two, at least 1 */
	uint64_t tls_address;     /* p_vaddr, of which glibc keeps the bits below the alignment */
	uint64_t base_address;    /* p_vaddr of the PT_LOAD at offset 0, in whole pages */

	bool has_symbols;         /* .symtab */
	bool has_tsd;             /* a TLS symbol tsd_tls, je_tsd_tls or _rjem_je_tsd_tls */
	uint64_t tsd_offset;      /* into the TLS block */
	char mallctl[IMAGE_NAME_MAX];      /* dynamic function named so or PREFIX_mallctl; or empty */
	char build_id[129];       /* hexadecimal; or empty */
};

/* -ENOEXEC: no ELF file, or a damaged one. */
int image_open(int fd, struct image *ret_image, struct ktstr_error *err);
void image_done(struct image *image);
DEFINE_AUTO_DONE(struct image, image_done)

/* Whether this program can read processes of that machine at all. */
bool image_is_native(const struct image *image);

/*
 * From the thread pointer to the TLS block of an executable: the first module, whose place is fixed.
 * x86-64 has it before the thread pointer, aarch64 behind two words that begin there; "ELF Handling
 * For Thread-Local Storage", variants II and I. -ENOTSUP: another machine.
 */
int image_tls_from_pointer(const struct image *image, int64_t *ret_offset);

/* Members of struct tsd_s. */
struct tsd_members {
	uint64_t allocated, deallocated;
};

/* -ENODATA: no debug information, or none about it. -EBADMSG: it makes no sense. */
int image_read_members(const struct image *image, struct tsd_members *ret_members,
		       struct ktstr_error *err);

#endif
