/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a task's file in /proc that is refused leaves the sample as it was; one that is accepted
 * gives counters that read back unchanged, and a CPU that can be. The bytes are every file in turn.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "workload/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_unchanged(const struct task_sample *sample)
{
	assert(sample->run_ns == 1);
	assert(sample->wait_ns == 2);
	assert(sample->timeslices == 3);
	assert(sample->state == '?');
	assert(sample->cpu == -1);
	assert(!sample->ext_enabled);
}

static unsigned count_spaces(struct sv text)
{
	unsigned count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == ' ';
	return count;
}

static void fuzz_schedstat(struct sv text, struct task_sample sample)
{
	AUTO(free) char *printed = NULL;
	struct task_sample again = {0};

	if (task_parse_schedstat(text, &sample) < 0) {
		check_unchanged(&sample);
		return;
	}
	assert(count_spaces(sv_trim(text)) == 2);
	printed = xasprintf("%llu %llu %llu\n", (unsigned long long)sample.run_ns,
			    (unsigned long long)sample.wait_ns,
			    (unsigned long long)sample.timeslices);
	if (task_parse_schedstat(sv_of(printed), &again) < 0)
		abort();
	assert(again.run_ns == sample.run_ns);
	assert(again.wait_ns == sample.wait_ns);
	assert(again.timeslices == sample.timeslices);
}

static void fuzz_stat(struct sv text, struct task_sample sample)
{
	if (task_parse_stat(text, &sample) < 0) {
		check_unchanged(&sample);
		return;
	}
	assert(sample.cpu >= 0);
	assert(sample.cpu < CPUSET_CPU_MAX);
	assert(sample.state != ' ');
	assert(memchr(text.data, sample.state, text.len));
}

static void fuzz_sched(struct sv text, struct task_sample sample)
{
	static const char name[] = "ext.enabled";

	task_parse_sched(text, &sample);
	assert(!sample.ext_enabled || memmem(text.data, text.len, name, strlen(name)));
	sample.ext_enabled = false;
	check_unchanged(&sample);
}

/* Pages are counted at nodes that can be, and no more than the text has room to name. */
static void fuzz_numa_maps(struct sv text)
{
	uint64_t pages[WORKER_NODES_MAX + 1] = {0};

	task_parse_numa_maps(text, pages);
	for (unsigned node = 0; node < WORKER_NODES_MAX; node++)
		assert(pages[node] <= (text.len / strlen("N0=1") + 1) * UINT32_MAX);
	assert(pages[WORKER_NODES_MAX] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct task_sample sample = {
		.run_ns = 1, .wait_ns = 2, .timeslices = 3, .state = '?', .cpu = -1,
	};

	fuzz_schedstat(sv_bytes(data, size), sample);
	fuzz_stat(sv_bytes(data, size), sample);
	fuzz_sched(sv_bytes(data, size), sample);
	fuzz_numa_maps(sv_bytes(data, size));
	return 0;
}
