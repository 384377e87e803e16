/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_totals RAW - reads "counters ..." lines of traced.c on stdin and prints one line for each
 * that the trace does not confirm to the last digit, and one at the end that says how much was
 * compared. trace_totals --switches RAW - how many context switches there are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

/* Switches between the first and the last time that this task summed up the kernel's counters. */
static uint64_t switches_between(const struct trace *trace, uint32_t pid)
{
	uint64_t count = 0, result = 0;
	bool begun = false;

	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_record *record = &trace->records[i];

		if (record->kind == TRACE_SWITCH)
			count++;
		if (record->kind != TRACE_MARK || record->other_pid != pid)
			continue;
		if (!begun)
			count = 0;
		begun = true;
		result = count;
	}
	return result;
}

static unsigned compare(const char *what, uint32_t pid, uint64_t kernel, uint64_t trace)
{
	if (kernel == trace && kernel)
		return 0;
	printf("%s of %u: the kernel counted %" PRIu64 ", the trace %" PRIu64 "\n", what, pid,
	       kernel, trace);
	return 1;
}

int main(int argc, char **argv)
{
	AUTO(trace_done) struct trace trace = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	struct ktstr_error err = {0};
	unsigned wrong = 0, compared = 0;
	char line[256];

	if (argc == 3 && strcmp(argv[1], "--switches") == 0 &&
	    trace_open(argv[2], &trace, &err) == 0) {
		analysis = trace_analyse(&trace, 0, UINT64_MAX);
		printf("%" PRIu64 "\n", analysis->switches);
		return 0;
	}
	if (argc != 2 || trace_open(argv[1], &trace, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg[0] ? err.msg : "usage: trace_totals RAW <COUNTERS");
		return 1;
	}
	analysis = trace_analyse(&trace, 0, UINT64_MAX);
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t delay, slices, voluntary, involuntary, switches;
		const struct trace_task *task;
		uint32_t pid;

		if (sscanf(line, "counters switches %" SCNu32 " %" SCNu64, &pid, &switches) == 2) {
			wrong += compare("switches", pid, switches, switches_between(&trace, pid));
			compared++;
		}
		if (sscanf(line,
			   "counters task %" SCNu32 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
			   &pid, &delay, &slices, &voluntary, &involuntary) != 5)
			continue;
		task = trace_find_task(analysis, pid);
		if (!task)
			return 1;
		wrong += compare("run_delay", pid, delay, task->kernel_delay_ns);
		wrong += compare("pcount", pid, slices, task->kernel_slices);
		wrong += compare("voluntary switches", pid, voluntary, task->slept);
		wrong += compare("involuntary switches", pid, involuntary, task->preempted);
		compared += 4;
	}
	for (uint32_t cpu = 0; cpu < analysis->cpu_count; cpu++)
		wrong += analysis->cpu[cpu].miscounted != 0;
	printf("%u counters compared, %" PRIu64 " lost\n", compared, trace.lost);
	return wrong || !compared || trace.lost;
}
