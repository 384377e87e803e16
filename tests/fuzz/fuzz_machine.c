/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a /proc/stat that is accepted names some CPUs and no more than can be, its idle time is
 * the same number of ticks however long a tick is (so nothing overflowed), and no window over it is
 * idle for longer than it was; what is refused is refused with words.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "scenario/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_window(struct machine_sample after)
{
	const struct machine_sample before = {.cpus = after.cpus};
	struct machine_window window;

	after.at_ns = NS_PER_S;
	window = machine_window_of(&before, &after);
	assert(window.cpus == after.cpus);
	assert(window.wall_ns == NS_PER_S);
	assert(window.idle_ns <= window.wall_ns * window.cpus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ktstr_error err = {0};
	struct machine_sample slow, fast;
	int r = machine_parse(sv_bytes(data, size), 1, &slow, &err);

	if (r < 0) {
		assert(r == -EINVAL);
		assert(sv_starts(sv_of(err.msg), "/proc/stat: "));
		return 0;
	}
	if (machine_parse(sv_bytes(data, size), NS_PER_S, &fast, NULL) < 0)
		abort();
	assert(slow.cpus >= 1);
	assert(slow.cpus <= CPUSET_CPU_MAX);
	assert(slow.idle_ns % NS_PER_S == 0);
	assert(slow.idle_ns / NS_PER_S == fast.idle_ns);
	check_window(slow);
	return 0;
}
