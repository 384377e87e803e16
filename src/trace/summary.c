/* SPDX-License-Identifier: BSD-2-Clause */
/* summary.c - what a person at 3 a.m. wants from a trace, in some twenty lines. Pure. */
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

#define TASKS_SHOWN 8
#define CPUS_SHOWN 16

static const char *const tracer_words[] = {
	[TRACE_BY_PLUGIN] = "the QEMU plugin, of which the guest cannot tell",
	[TRACE_BY_BPF] = "BPF programs in the guest, which took part in the run",
};

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static double us(uint64_t ns)
{
	return (double)ns / 1e3;
}

static void put_totals(struct buf *out, const struct trace *trace,
		       const struct trace_analysis *analysis)
{
	uint64_t miscounted = 0;

	for (uint32_t cpu = 0; cpu < analysis->cpu_count; cpu++)
		miscounted += analysis->cpu[cpu].miscounted;
	buf_printf(out, "recorded by %s\n", tracer_words[trace->tracer]);
	if (trace->cut)
		buf_str(out, "CUT SHORT: the guest ended before its tracer had told the rest\n");
	buf_printf(out, "%.3f s of guest time: %llu switches, %llu wake-ups, %llu migrations; ",
		   (double)(analysis->end_ns - analysis->begin_ns) / 1e9,
		   (unsigned long long)analysis->switches, (unsigned long long)analysis->wakeups,
		   (unsigned long long)analysis->migrations);
	if (trace->lost || miscounted)
		buf_printf(out,
			   "%llu events LOST, %llu switches that the kernel counted are missing\n",
			   (unsigned long long)trace->lost, (unsigned long long)miscounted);
	else
		buf_str(out, "nothing lost\n");
	if (trace->unread)
		buf_printf(out, "%llu fields could not be read in the guest and are 0\n",
			   (unsigned long long)trace->unread);
}

static void put_cpus(struct buf *out, const struct trace_analysis *analysis)
{
	uint32_t shown = 0;

	buf_printf(out, "%-4s  %6s  %8s  %s\n", "CPU", "busy", "switches",
		   "runnable: mean, longest queue");
	for (uint32_t i = 0; i < analysis->cpu_count && shown < CPUS_SHOWN; i++) {
		const struct trace_cpu *cpu = &analysis->cpu[i];
		uint64_t all_ns = cpu->busy_ns + cpu->idle_ns, sum = 0, weighted = 0;

		if (!cpu->seen)
			continue;
		for (uint32_t length = 0; length <= TRACE_LENGTH_MAX; length++) {
			sum += cpu->length_ns[length];
			weighted += length * cpu->length_ns[length];
		}
		buf_printf(out, "%-4u  %5.1f%%  %8llu  %.2f, %u\n", i,
			   all_ns ? 100.0 * (double)cpu->busy_ns / (double)all_ns : 0,
			   (unsigned long long)cpu->switches,
			   sum ? (double)weighted / (double)sum : 0, cpu->length_max);
		shown++;
	}
	if (analysis->cpu_count > CPUS_SHOWN)
		buf_printf(out, "and %u more CPUs\n", analysis->cpu_count - CPUS_SHOWN);
}

static int by_wait(const void *a, const void *b)
{
	const struct trace_task *const *x = a, *const *y = b;

	if ((*x)->delay.total_ns != (*y)->delay.total_ns)
		return (*x)->delay.total_ns < (*y)->delay.total_ns ? 1 : -1;
	return (*x)->pid < (*y)->pid ? -1 : (*x)->pid > (*y)->pid;
}

static void put_task(struct buf *out, const struct trace_analysis *analysis,
		     const struct trace_task *task)
{
	AUTO(free) char *name = xasprintf("%s/%u", task->comm, task->pid);
	AUTO(buf_done) struct buf cpus = {0};

	cpuset_format(&task->cpus, &cpus);
	buf_printf(out, "%-22s  %9.1f  %-6s %8llu  %7.0f %7.0f %7.0f  %7.0f %7.0f %7.0f  %s\n",
		   name, ms(task->run_ns), buf_text(&cpus), (unsigned long long)task->switches_in,
		   us(task->wakeup.p50_ns), us(task->wakeup.p99_ns), us(task->wakeup.max_ns),
		   us(task->delay.p50_ns), us(task->delay.p99_ns), us(task->delay.max_ns),
		   trace_cgroup_name(analysis, task->cgroup));
}

/* The tasks that waited the longest in all. */
static void put_tasks(struct buf *out, const struct trace_analysis *analysis)
{
	AUTO(free)
	const struct trace_task **sorted = xmalloc((analysis->tasks.len + 1) * sizeof(*sorted));
	size_t count = 0;

	vec_each (task, &analysis->tasks)
		if (task->delay.count)
			sorted[count++] = task;
	if (count == 0)
		return;
	qsort(sorted, count, sizeof(*sorted), by_wait);
	buf_printf(out, "%-22s  %9s  %-6s %8s  %23s  %23s  %s\n", "waited most", "ran ms", "CPUs",
		   "got CPU", "wake-up us p50 p99 max", "run delay us p50 p99 max", "cgroup");
	for (size_t i = 0; i < count && i < TASKS_SHOWN; i++)
		put_task(out, analysis, sorted[i]);
	if (count > TASKS_SHOWN)
		buf_printf(out, "and %zu more tasks\n", count - TASKS_SHOWN);
}

static void put_wait(struct buf *out, const struct trace_analysis *analysis,
		     const struct trace_wait *wait)
{
	uint64_t at_ns =
		wait->begin_ns > analysis->begin_ns ? wait->begin_ns - analysis->begin_ns : 0;

	buf_printf(out, "%9.3f ms  %s/%u on CPU %u, %s at %.3f s;",
		   ms(wait->end_ns - wait->begin_ns), wait->comm, wait->pid, wait->cpu,
		   wait->after_wakeup ? "woken" : "able to go on", (double)at_ns / 1e9);
	for (int i = 0; i < TRACE_INSTEAD_MAX && wait->instead[i].ns; i++) {
		buf_printf(out, "%s %.3f ms ", i ? "," : " there ran instead",
			   ms(wait->instead[i].ns));
		if (wait->instead[i].pid)
			buf_printf(out, "%s/%u", wait->instead[i].comm, wait->instead[i].pid);
		else
			buf_str(out, "nobody");
	}
	buf_char(out, '\n');
}

char *trace_summary(const struct trace *trace, const struct trace_analysis *analysis)
{
	AUTO(buf_done) struct buf out = {0};

	put_totals(&out, trace, analysis);
	put_cpus(&out, analysis);
	put_tasks(&out, analysis);
	if (analysis->wait_count)
		buf_str(&out, "longest waits for a CPU\n");
	for (size_t i = 0; i < analysis->wait_count && i < 5; i++)
		put_wait(&out, analysis, &analysis->wait[i]);
	return buf_take(&out);
}
