/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever a file that may be a vmlinux says, the search ends; the tables found lie
 * within it; and every name is shorter than the limit and printed or refused, never run past.
 */
#include <assert.h>
#include <errno.h>

#include "symbols/kallsyms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool see_symbol(void *arg, const char *name, uint64_t address)
{
	uint32_t *seen = arg;

	(void)address;
	assert(strlen(name) > 0);
	assert(strlen(name) < KALLSYMS_NAME_MAX);
	(*seen)++;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	struct ktstr_error err = {0};
	struct kallsyms kallsyms;
	uint32_t seen = 0;
	int r;

	buf_bytes(&vmlinux, data, size);
	if (kallsyms_find(&vmlinux, &kallsyms, &err) < 0) {
		assert(err.code == -EINVAL || err.code == -ENODATA);
		return 0;
	}
	assert(kallsyms.names.data >= vmlinux.data);
	assert(kallsyms.offsets.data + kallsyms.offsets.len <= vmlinux.data + vmlinux.len);
	r = kallsyms_each(&kallsyms, see_symbol, &seen, &err);
	assert(r == 0 ? seen == kallsyms.count : r == -EBADMSG);
	return 0;
}
