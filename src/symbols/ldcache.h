/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ldcache.h - /etc/ld.so.cache: from a library's name to its path. For the room and its tests.
 */
#ifndef SYMBOLS_LDCACHE_H
#define SYMBOLS_LDCACHE_H

#include <stdint.h>

#include "base/error.h"
#include "base/sv.h"

#define LDCACHE_BYTES_MAX (64u << 20)

/* glibc: FLAG_ELF_LIBC6 with FLAG_X8664_LIB64 or FLAG_AARCH64_LIB64 (sysdeps/generic/ldconfig.h) */
#define LDCACHE_X86_64 0x0303u
#define LDCACHE_AARCH64 0x0a03u

/* A view; the bytes belong to the caller and must stay. All zero is a cache without entries. */
struct ldcache {
	struct sv bytes;            /* from the header on: offsets in the cache count from here */
	uint32_t entry_count;       /* so many entries lie inside bytes */
};

/* -ENOEXEC with words: not the format of glibc since 2.2, or cut short. */
int ldcache_parse(struct sv file, struct ldcache *ret_cache, struct ktstr_error *err);

/*
 * The absolute path of a library for every CPU of this kind, or NULL. The result points into the
 * cache's bytes, NUL included. An entry whose text lies outside is no entry, as for ld.so.
 */
const char *ldcache_find(const struct ldcache *cache, const char *name, uint32_t flags);

#endif
