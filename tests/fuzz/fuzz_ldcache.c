/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever the bytes, a path that the cache gives out is absolute, ends, and lies inside
 * them. The bytes are both the cache and the names that it is asked for.
 */
#include <assert.h>
#include <stdlib.h>

#include "symbols/ldcache.h"

#define NAMES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(struct sv bytes, const char *path)
{
	if (!path)
		return;
	assert(path >= bytes.data);
	assert(path < bytes.data + bytes.len);
	assert(memchr(path, '\0', (size_t)(bytes.data + bytes.len - path)));
	assert(path[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv rest = sv_bytes(data, size);
	struct ktstr_error err = {0};
	struct ldcache cache;

	if (ldcache_parse(rest, &cache, &err) < 0) {
		assert(err.msg[0]);
		return 0;
	}
	for (int i = 0; i < NAMES_MAX && rest.len && memchr(rest.data, '\0', rest.len); i++) {
		struct sv name = sv_split(&rest, '\0');

		check_answer(cache.bytes, ldcache_find(&cache, name.data, LDCACHE_X86_64));
		check_answer(cache.bytes, ldcache_find(&cache, name.data, LDCACHE_AARCH64));
	}
	return 0;
}
