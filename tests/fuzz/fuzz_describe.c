/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever a test program says for --ktstr-describe is refused with words, or every test
 * of it has a name that is good for a terminal and a file, a machine that can be, and times that
 * can be counted in nanoseconds.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "run/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan_name(const char *name)
{
	assert(*name);
	assert(*name != '.');
	for (; *name; name++) {
		assert(isgraph((unsigned char)*name));
		assert(*name != '/');
	}
}

static void check_plan(const struct test_plan *plan)
{
	check_plan_name(plan->name);
	assert(strcmp(plan->program, "./prog") == 0);
	assert(topology_check(&plan->topology, NULL) == 0);
	assert(plan->memory_mib >= topology_memory_mib(&plan->topology, 0));
	assert(plan->memory_mib <= UINT64_MAX >> 20);
	assert(plan->timeout_ms <= UINT64_MAX / NS_PER_S);       /* room for a session's factors */
	assert(plan->duration_ms <= UINT64_MAX / NS_PER_S);
	assert(!plan->has_scheduler || (plan->scheduler.name && plan->scheduler.binary));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct ktstr_error err = {0};
	int r = plans_parse(sv_bytes(data, size), "./prog", &plans, &err);

	assert(r == 0 || sv_starts(sv_of(err.msg), "./prog: "));
	assert(r <= 0);
	vec_each(plan, &plans)
		check_plan(plan);
	return 0;
}
