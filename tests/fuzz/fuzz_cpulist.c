/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a CPU list that is accepted is the same set when read back from what we print of it, and
 * that text is the same the second time; what is none is refused with words.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count_by_steps(const struct cpuset *set)
{
	unsigned count = 0;

	for_each_cpu (cpu, set) {
		assert(cpuset_has(set, (unsigned)cpu));
		count++;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf text = {0};
	AUTO(buf_done) struct buf text_again = {0};
	struct ktstr_error err = {0};
	struct cpuset set, again;
	int r = cpuset_parse(sv_bytes(data, size), &set, &err);

	if (r < 0) {
		assert(r == -EINVAL);
		assert(sv_starts(sv_of(err.msg), "CPU list "));
		return 0;
	}
	cpuset_format(&set, &text);
	if (cpuset_parse(sv_of(buf_text(&text)), &again, NULL) < 0)
		abort();
	assert(cpuset_equal(&set, &again));
	cpuset_format(&again, &text_again);
	assert(strcmp(buf_text(&text), buf_text(&text_again)) == 0);
	assert(count_by_steps(&set) == cpuset_count(&set));
	return 0;
}
