/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_compare PLUGIN.raw BPF.raw MEDIAN_NS BOUND_NS - reads "counters ..." lines of traced.c on stdin and compares
 * two traces of one run: every switch between the first and the last time (by the plugin) that the body
 * summed up the kernel's counters, and all that follows for the tasks. Switches are found by their CPU
 * and the kernel's own counter there. Prints one line for each difference, and one at the end that says how
 * much was compared and how far times were apart, which half of them may be by MEDIAN_NS and none by
 * more than BOUND_NS: it is the way from the tracepoint to the switch, and another CPU's turn in between.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

struct window {
	size_t begin, end;        /* records */
};

struct comparison {
	uint64_t switches, of_tasks, wrong;
	struct trace_samples apart_ns;
};

/* From the body's first mark to its last one; empty where it made none. */
static struct window between_marks(const struct trace *trace, uint32_t pid)
{
	struct window window = {0};

	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_record *record = &trace->records[i];

		if (record->kind != TRACE_MARK || record->other_pid != pid)
			continue;
		if (!window.begin)
			window.begin = i;
		window.end = i;
	}
	return window;
}

/* The next switch of the window from *at on; NULL: there is none. */
static const struct trace_record *next_switch(const struct trace *trace, const struct window *window,
					      uint32_t cpu, size_t *at)
{
	for (; *at < window->end; (*at)++) {
		const struct trace_record *record = &trace->records[*at];

		if (record->kind == TRACE_SWITCH && record->cpu == cpu)
			return &trace->records[(*at)++];
	}
	return NULL;
}

static bool same_switch(const struct trace_record *a, const struct trace_record *b)
{
	return a->nr_switches == b->nr_switches && a->pid == b->pid && a->tgid == b->tgid &&
	       a->other_pid == b->other_pid && a->other_tgid == b->other_tgid && a->state == b->state &&
	       a->arg == b->arg && a->nr_running == b->nr_running && a->clock_ns == b->clock_ns &&
	       a->cgroup == b->cgroup && a->other_cgroup == b->other_cgroup &&
	       memcmp(a->comm, b->comm, sizeof(a->comm)) == 0 &&
	       memcmp(a->other_comm, b->other_comm, sizeof(a->other_comm)) == 0;
}

static void compare_switches(const struct trace *plugin, const struct trace *bpf, uint32_t pid, uint32_t cpu,
			     struct comparison *result)
{
	struct window outside = between_marks(plugin, pid), inside = {.end = bpf->count};
	size_t a = outside.begin, b = 0;
	const struct trace_record *x, *y = NULL;

	while ((x = next_switch(plugin, &outside, cpu, &a))) {
		bool first = !y;

		do
			y = next_switch(bpf, &inside, cpu, &b);
		while (first && y && y->nr_switches < x->nr_switches);
		result->switches++;
		if (!y) {
			result->wrong += (uint64_t)printf("CPU %u: BPF has no switch %" PRIu64 "\n", cpu,
							  x->nr_switches);
			return;
		}
		if (!same_switch(x, y)) {
			printf("switch %" PRIu64 " of CPU %u: plugin %u -> %u state %x, BPF %" PRIu64
			       ": %u -> %u state %x\n", x->nr_switches, cpu, x->pid, x->other_pid, x->state,
			       y->nr_switches, y->pid, y->other_pid, y->state);
			result->wrong++;
			return;
		}
		/* the tracepoint comes first */
		if (y->time_ns > x->time_ns)
			result->wrong += (uint64_t)printf("switch %" PRIu64 " of CPU %u: BPF is late\n",
							  x->nr_switches, cpu);
		else
			trace_samples_push(&result->apart_ns, x->time_ns - y->time_ns);
	}
}

static void compare_number(const char *what, uint32_t pid, uint64_t plugin, uint64_t bpf,
			   struct comparison *result)
{
	if (plugin == bpf)
		return;
	printf("%s of %u: plugin %" PRIu64 ", BPF %" PRIu64 "\n", what, pid, plugin, bpf);
	result->wrong++;
}

/* What a task waited each time, in the order of length: one may begin and end a little later. */
static void compare_waits(const char *what, uint32_t pid, const struct trace_samples *plugin,
			  const struct trace_samples *bpf, uint64_t bound_ns, struct comparison *result)
{
	compare_number(what, pid, plugin->len, bpf->len, result);
	for (size_t i = 0; i < plugin->len && i < bpf->len; i++) {
		uint64_t a = plugin->at[i], b = bpf->at[i];

		if ((a > b ? a - b : b - a) > bound_ns)
			compare_number(what, pid, a, b, result);
	}
}

static void compare_task(const struct trace_task *plugin, const struct trace_task *bpf, uint64_t bound_ns,
			 struct comparison *result)
{
	result->of_tasks += plugin->switches_in;
	compare_number("switches in", plugin->pid, plugin->switches_in, bpf->switches_in, result);
	compare_number("sleeps", plugin->pid, plugin->slept, bpf->slept, result);
	compare_number("preemptions", plugin->pid, plugin->preempted, bpf->preempted, result);
	compare_number("wake-ups", plugin->pid, plugin->wakeups, bpf->wakeups, result);
	compare_number("migrations", plugin->pid, plugin->migrations, bpf->migrations, result);
	compare_number("run delay", plugin->pid, plugin->kernel_delay_ns, bpf->kernel_delay_ns, result);
	compare_number("slices", plugin->pid, plugin->kernel_slices, bpf->kernel_slices, result);
	compare_waits("wake-up latency", plugin->pid, &plugin->wakeup_samples, &bpf->wakeup_samples, bound_ns,
		      result);
	compare_waits("wait", plugin->pid, &plugin->delay_samples, &bpf->delay_samples, bound_ns, result);
}

int main(int argc, char **argv)
{
	AUTO(trace_done) struct trace plugin = {0};
	AUTO(trace_done) struct trace bpf = {0};
	AUTO(trace_analysis_free) struct trace_analysis *outside = NULL;
	AUTO(trace_analysis_free) struct trace_analysis *inside = NULL;
	struct comparison result = {0};
	struct ktstr_error err = {0};
	uint64_t median_ns = argc == 5 ? strtoull(argv[3], NULL, 10) : 0;
	uint64_t bound_ns = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
	struct trace_times apart;
	unsigned tasks = 0;
	char line[256];

	if (!bound_ns || trace_open(argv[1], &plugin, &err) < 0 || trace_open(argv[2], &bpf, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg[0] ? err.msg : "usage: trace_compare PLUGIN BPF MEDIAN_NS BOUND_NS");
		return 1;
	}
	outside = trace_analyse(&plugin, 0, UINT64_MAX);
	inside = trace_analyse(&bpf, 0, UINT64_MAX);
	while (fgets(line, sizeof(line), stdin)) {
		const struct trace_task *a, *b;
		uint32_t pid;

		if (sscanf(line, "counters switches %" SCNu32, &pid) == 1) {
			for (uint32_t cpu = 0; cpu < outside->cpu_count; cpu++)
				compare_switches(&plugin, &bpf, pid, cpu, &result);
			continue;
		}
		if (sscanf(line, "counters task %" SCNu32, &pid) != 1)
			continue;
		a = trace_find_task(outside, pid);
		b = trace_find_task(inside, pid);
		if (!a || !b)
			return 1;
		compare_task(a, b, bound_ns, &result);
		tasks++;
	}
	apart = trace_times_of(&result.apart_ns);
	trace_samples_done(&result.apart_ns);
	printf("%" PRIu64 " switches and %u tasks compared, apart by %" PRIu64 " ns, 1 in 100 by %" PRIu64
	       ", one by %" PRIu64 "; %" PRIu64 " wrong\n", result.switches, tasks, apart.p50_ns, apart.p99_ns,
	       apart.max_ns, result.wrong);
	return result.wrong || !tasks || !result.of_tasks || result.switches < result.of_tasks ||
	       apart.p50_ns > median_ns || apart.max_ns > bound_ns || plugin.tracer != TRACE_BY_PLUGIN ||
	       bpf.tracer != TRACE_BY_BPF || bpf.lost || bpf.cut;
}
