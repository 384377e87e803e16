/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bzimage.h - what an x86 kernel image says about itself, from the header that boot loaders read.
 *
 * Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"; offsets from the file's start:
 *
 *	0x1f1  setup_sects     sectors of real-mode code after the boot sector; 0 means 4
 *	0x1f4  syssize         size of the protected-mode code in 16-byte units
 *	0x1fe  boot_flag       0xaa55
 *	0x202  header          "HdrS"
 *	0x206  version         boot protocol; payload fields since 2.08
 *	0x20e  kernel_version  where the version text is, counted from 0x200; 0: no text
 *	0x211  loadflags       bit 0 LOADED_HIGH: a bzImage (clear: an old zImage)
 *	0x248  payload_offset  from the start of the protected-mode code, that is (setup_sects + 1) * 512
 *	0x24c  payload_length
 */
#ifndef SYMBOLS_BZIMAGE_H
#define SYMBOLS_BZIMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define BZIMAGE_HEAD_MAX (256 * 512)        /* boot sector and at most 255 of setup code */
#define BZIMAGE_RELEASE_MAX 128

struct bzimage {
	char release[BZIMAGE_RELEASE_MAX];  /* "6.18.15+deb13-cloud-amd64": printable, no space */
	uint64_t payload_offset;            /* in the file; the payload lies wholly within it */
	uint64_t payload_size;              /* bytes, the four of the appended size included */
};

/*
 * head: the first head_size bytes (BZIMAGE_HEAD_MAX, or the whole file when it is smaller) of a file
 * of file_size bytes. -EINVAL with words (err has no file name in it yet) for anything else than a
 * whole bzImage: text, an ELF vmlinux, a truncated image, ...
 */
int bzimage_parse(const void *head, size_t head_size, uint64_t file_size, struct bzimage *ret_image,
		  struct ktstr_error *err);

/* The same for a file; its errors name the path. */
int bzimage_read(const char *path, struct bzimage *ret_image, struct ktstr_error *err);

/* -EINVAL and words unless it is a regular file that can be read; *ret_fd is the caller's. */
int bzimage_open(const char *path, int *ret_fd, uint64_t *ret_size, struct ktstr_error *err);

#endif
