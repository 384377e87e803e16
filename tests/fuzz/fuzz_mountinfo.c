/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a mount point that is found in whatever mountinfo says is a text that is no longer than the
 * input; where there is none, the words say so.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *path = NULL;
	struct ktstr_error err = {0};

	if (cgroup_mount_parse(sv_bytes(data, size), &path, &err) < 0) {
		assert(!path);
		assert(strstr(err.msg, "no cgroup v2"));
		return 0;
	}
	assert(strlen(path) <= size);
	return 0;
}
