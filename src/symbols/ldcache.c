/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ld.so.cache, as glibc's elf/cache.c writes it (struct cache_file_new in dl-cache.h):
 *
 *	[ "ld.so-1.7.0\0" | u32 count | count * 12 bytes ]    the format before 2.2, where ldconfig
 *	[ padding to 8 bytes ]                                was told to write both
 *	"glibc-ld.so.cache" "1.1"                             20 bytes
 *	u32 count | u32 string bytes | u8 byte order, 3 pad | u32 extensions | 12 unused
 *	count * { u32 flags | u32 key | u32 value | u32 OS version | u64 hwcap }
 *	strings
 *
 * Key (the name) and value (the path) are offsets from the "g" of the second magic.
 */
#include "symbols/ldcache.h"

#include <errno.h>
#include <string.h>

#define OLD_MAGIC "ld.so-1.7.0"
#define OLD_HEADER_BYTES 16
#define OLD_ENTRY_BYTES 12
#define MAGIC "glibc-ld.so.cache1.1"
#define HEADER_BYTES 48
#define ENTRY_BYTES 24

#define BYTE_ORDER_OFFSET 28
#define BYTE_ORDER_MASK 3
#define BYTE_ORDER_UNSET 0       /* before glibc 2.33 */
#define BYTE_ORDER_LITTLE 2

static uint32_t le32(struct sv bytes, uint64_t offset)
{
	const unsigned char *at = (const unsigned char *)bytes.data + offset;

	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* How far into the file the new format starts. */
static uint64_t old_format_bytes(struct sv file)
{
	uint64_t bytes;

	if (file.len < OLD_HEADER_BYTES || !sv_starts(file, OLD_MAGIC))
		return 0;
	bytes = OLD_HEADER_BYTES + (uint64_t)le32(file, 12) * OLD_ENTRY_BYTES;
	return (bytes + 7) & ~7ull;
}

int ldcache_parse(struct sv file, struct ldcache *ret_cache, struct ktstr_error *err)
{
	uint64_t skip = old_format_bytes(file);
	struct ldcache cache;
	unsigned byte_order;

	if (skip > file.len || !sv_starts(sv_skip(file, skip), MAGIC))
		return error_set(err, -ENOEXEC,
				 "not in the format " MAGIC "; ldconfig rewrites it");
	cache.bytes = sv_skip(file, skip);
	if (cache.bytes.len < HEADER_BYTES)
		return error_set(err, -ENOEXEC, "ends inside its header; ldconfig rewrites it");
	byte_order = (unsigned char)cache.bytes.data[BYTE_ORDER_OFFSET] & BYTE_ORDER_MASK;
	if (byte_order != BYTE_ORDER_UNSET && byte_order != BYTE_ORDER_LITTLE)
		return error_set(err, -ENOEXEC, "not in little-endian byte order");
	cache.entry_count = le32(cache.bytes, 20);
	if (cache.entry_count > (cache.bytes.len - HEADER_BYTES) / ENTRY_BYTES)
		return error_set(err, -ENOEXEC,
				 "announces %u entries, more than its %zu bytes hold; ldconfig "
				 "rewrites it",
				 cache.entry_count, cache.bytes.len);
	*ret_cache = cache;
	return 0;
}

static const char *text_at(struct sv bytes, uint32_t offset)
{
	if (offset >= bytes.len || !memchr(bytes.data + offset, '\0', bytes.len - offset))
		return NULL;
	return bytes.data + offset;
}

const char *ldcache_find(const struct ldcache *cache, const char *name, uint32_t flags)
{
	for (uint32_t i = 0; i < cache->entry_count; i++) {
		uint64_t entry = HEADER_BYTES + (uint64_t)i * ENTRY_BYTES;
		const char *key, *value;

		/* with a hwcap it is a variant for newer CPUs; the plain one has its own entry */
		if (le32(cache->bytes, entry) != flags || le32(cache->bytes, entry + 16) != 0 ||
		    le32(cache->bytes, entry + 20) != 0)
			continue;
		key = text_at(cache->bytes, le32(cache->bytes, entry + 4));
		if (!key || strcmp(key, name) != 0)
			continue;
		value = text_at(cache->bytes, le32(cache->bytes, entry + 8));
		if (value && value[0] == '/')
			return value;
	}
	return NULL;
}
