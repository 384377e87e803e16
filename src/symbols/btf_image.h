/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf_image.h - type information (BTF) and build configuration out of a compressed kernel image.
 *
 * A bzImage carries vmlinux, stripped, as its payload, compressed by one of seven methods (the Makefile
 * of arch/x86/boot/compressed); all but LZO, which few use, are read. The last four bytes of the payload
 * are the uncompressed size, little endian (scripts/Makefile.lib, size_append; for gzip they
 * are gzip's own). Decompressing takes some 0.5 s and 60-100 MB: keep what you got.
 */
#ifndef SYMBOLS_BTF_IMAGE_H
#define SYMBOLS_BTF_IMAGE_H

#include "base/base.h"

#define VMLINUX_BYTES_MAX (512u << 20)
#define BTF_BYTES_MAX (64u << 20)

/*
 * These append to an empty *ret_..., whose `max` they set. -EINVAL: not a whole bzImage, or damaged;
 * -ENOTSUP: a compression that is not read here; -ENODATA: read, but the thing is not in it (no
 * CONFIG_DEBUG_INFO_BTF, no CONFIG_IKCONFIG). Errors name the path where one was given.
 */
int btf_from_image(const char *bzimage_path, struct buf *ret_btf, struct ktstr_error *err);

/* In steps, when both are wanted: the vmlinux ELF file, then the .BTF section and .config text. */
int vmlinux_from_image(const char *bzimage_path, struct buf *ret_vmlinux, struct ktstr_error *err);
int btf_from_vmlinux(const struct buf *vmlinux, struct buf *ret_btf, struct ktstr_error *err);
int config_from_vmlinux(const struct buf *vmlinux, struct buf *ret_config, struct ktstr_error *err);

/* One payload in memory; for tests and the above. */
int payload_decompress(const void *payload, size_t size, struct buf *ret_vmlinux,
		       struct ktstr_error *err);

#endif
