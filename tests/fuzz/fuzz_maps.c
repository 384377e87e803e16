/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever a file maps or stat of /proc says, the objects found in it have a length, a file
 * and a path that ends; and what is refused is refused with words.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(objects_done) struct objects objects = {0};
	struct ktstr_error err = {0};
	struct sv text = sv_bytes(data, size);
	char comm[8], state;
	uint64_t start;

	if (objects_parse(text, &objects, &err) < 0)
		assert(objects.len == 0 && strstr(err.msg, "maps"));
	vec_each(object, &objects) {
		assert(object->start < object->end);
		assert(object->inode);
		assert(strlen(object->path) <= size);
	}
	if (stat_parse(text, comm, sizeof(comm), &state, &start) == 0)
		assert(memchr(data, '(', size) && strlen(comm) < sizeof(comm));
	return 0;
}
