/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stddef.h>

#include "ctprof/metrics.h"

#define AT(field) offsetof(struct ctprof_thread, field)

#define CFS CTPROF_TAG_CFS_ONLY
#define NON_EXT CTPROF_TAG_NON_EXT
#define STATS CTPROF_TAG_SCHEDSTATS
#define INFO CTPROF_TAG_SCHED_INFO
#define IO_ACCT CTPROF_TAG_TASK_IO_ACCOUNTING

#define METRIC(field_, type_, aggregate_, unit_, tags_, description_)                              \
	{                                                                                          \
		.name = #field_, .offset = AT(field_), .type = CTPROF_TYPE_##type_,                \
		.aggregate = CTPROF_##aggregate_, .unit = CTPROF_UNIT_##unit_, .tags = (tags_),    \
		.description = (description_),                                                     \
	}
#define COUNT(field, tags, description) METRIC(field, U64, SUM, COUNT, tags, description)
#define NS(field, tags, description) METRIC(field, U64, SUM, NS, tags, description)
#define NS_MAX(field, tags, description) METRIC(field, U64, MAX, NS, tags, description)
#define BYTES(field, tags, description) METRIC(field, U64, SUM, BYTES, tags, description)

#define DELAY_ROW(name_, member_, aggregate_, unit_, kind_, description_)                          \
	{                                                                                          \
		.name = (name_), .offset = AT(delay[CTPROF_DELAY_##kind_].member_),                \
		.type = CTPROF_TYPE_U64, .aggregate = CTPROF_##aggregate_,                         \
		.unit = CTPROF_UNIT_##unit_, .section = CTPROF_SECTION_TASKSTATS_DELAY,            \
		.tags = CTPROF_TAG_TASKSTATS | CTPROF_TAG_TASK_DELAY_ACCT,                         \
		.description = (description_),                                                     \
	}
#define DELAY(word, kind, what)                                                                    \
	DELAY_ROW(word "_delay_count", count, SUM, COUNT, kind, "times it waited " what),          \
	DELAY_ROW(word "_delay_total_ns", total_ns, SUM, NS, kind, "time waited " what),           \
	DELAY_ROW(word "_delay_max_ns", max_ns, MAX, NS, kind, "longest wait " what),              \
	DELAY_ROW(word "_delay_min_ns", min_ns, MAX, NS, kind, "shortest wait " what)

#define HIWATER(field_, description_)                                                              \
	{                                                                                          \
		.name = #field_, .offset = AT(field_), .type = CTPROF_TYPE_U64,                    \
		.aggregate = CTPROF_MAX, .unit = CTPROF_UNIT_BYTES,                                \
		.section = CTPROF_SECTION_TASKSTATS_DELAY, .tags = CTPROF_TAG_TASKSTATS,           \
		.description = (description_),                                                     \
	}

const struct ctprof_metric ctprof_metrics[] = {
	{.name = "thread_count", .type = CTPROF_TYPE_THREADS, .aggregate = CTPROF_SUM,
	 .unit = CTPROF_UNIT_COUNT, .description = "threads in the group"},
	METRIC(policy, POLICY, MODE, NONE, 0, "scheduling policy"),
	METRIC(nice, I32, RANGE, NONE, 0, "nice value, -20 (most) to 19 (least)"),
	METRIC(priority, I32, RANGE, NONE, 0, "kernel priority as in stat: 20 + nice, below 0 real time"),
	METRIC(rt_priority, I32, RANGE, NONE, 0, "real-time priority, 0 for other policies"),
	METRIC(cpu_affinity, CPUS, AFFINITY, NONE, 0, "CPUs that it may run on"),
	METRIC(processor, I32, RANGE, NONE, 0, "CPU that it ran on last"),
	METRIC(state, STATE, MODE, NONE, 0, "state letter as in stat: R running, S sleeping, D in the disk, …"),
	METRIC(ext_enabled, BOOL, MODE, NONE, CTPROF_TAG_SCHED_CLASS_EXT, "run by a sched_ext scheduler"),
	METRIC(nr_threads, U64, MAX, COUNT, 0, "threads of the process (leaders only)"),
	NS(run_time_ns, INFO, "time on a CPU"),
	NS(wait_time_ns, INFO, "time runnable but not on a CPU"),
	COUNT(timeslices, INFO, "turns on a CPU"),
	COUNT(voluntary_csw, 0, "switches because it waited for something"),
	COUNT(nonvoluntary_csw, 0, "switches because another took the CPU"),
	COUNT(nr_wakeups, STATS, "wake-ups"),
	COUNT(nr_wakeups_local, STATS, "wake-ups on the waker's CPU"),
	COUNT(nr_wakeups_remote, STATS, "wake-ups on another CPU"),
	COUNT(nr_wakeups_sync, STATS, "wake-ups whose waker was about to sleep"),
	COUNT(nr_wakeups_migrate, STATS, "wake-ups that moved it to another CPU"),
	COUNT(nr_wakeups_affine, CFS | STATS, "wake-ups pulled to the waker's cache"),
	COUNT(nr_wakeups_affine_attempts, CFS | STATS, "wake-ups for which that was considered"),
	COUNT(nr_migrations, 0, "moves between CPUs"),
	COUNT(nr_forced_migrations, CFS | STATS, "moves by the balancer though its cache was hot"),
	COUNT(nr_failed_migrations_affine, CFS | STATS, "moves given up: CPU not allowed"),
	COUNT(nr_failed_migrations_running, CFS | STATS, "moves given up: it was running"),
	COUNT(nr_failed_migrations_hot, CFS | STATS, "moves given up: its cache was hot"),
	NS(wait_sum, NON_EXT | STATS, "time runnable but not on a CPU, by the class's own clock"),
	COUNT(wait_count, NON_EXT | STATS, "waits for a CPU"),
	NS_MAX(wait_max, NON_EXT | STATS, "longest wait for a CPU"),
	NS(voluntary_sleep_ns, NON_EXT | STATS, "time asleep by its own choice (sleep without block)"),
	NS_MAX(sleep_max, NON_EXT | STATS, "longest sleep"),
	NS(block_sum, NON_EXT | STATS, "time in uninterruptible sleep"),
	NS_MAX(block_max, NON_EXT | STATS, "longest uninterruptible sleep"),
	NS(iowait_sum, NON_EXT | STATS, "time blocked on I/O"),
	COUNT(iowait_count, NON_EXT | STATS, "times blocked on I/O"),
	NS_MAX(exec_max, STATS, "longest stretch between two looks at its run time"),
	NS_MAX(slice_max, CFS | STATS, "longest turn on a CPU"),
	NS(core_forceidle_sum, CTPROF_TAG_SCHED_CORE | STATS, "time it kept an SMT sibling idle"),
	NS_MAX(fair_slice_ns, CTPROF_TAG_FAIR_POLICY, "slice that the fair class gives it"),
	BYTES(allocated_bytes, 0, "bytes that it allocated with jemalloc, ever"),
	BYTES(deallocated_bytes, 0, "bytes that it freed with jemalloc, ever"),
	COUNT(minflt, 0, "page faults without I/O"),
	COUNT(majflt, 0, "page faults with I/O"),
	METRIC(utime_clock_ticks, U64, SUM, TICKS, 0, "CPU time in user mode"),
	METRIC(stime_clock_ticks, U64, SUM, TICKS, 0, "CPU time in the kernel"),
	BYTES(rchar, IO_ACCT, "bytes that read calls returned"),
	BYTES(wchar, IO_ACCT, "bytes given to write calls"),
	COUNT(syscr, IO_ACCT, "read calls"),
	COUNT(syscw, IO_ACCT, "write calls"),
	BYTES(read_bytes, IO_ACCT, "bytes fetched from storage"),
	BYTES(write_bytes, IO_ACCT, "bytes sent to storage"),
	BYTES(cancelled_write_bytes, IO_ACCT, "bytes dirtied but never written (truncated)"),
	DELAY("cpu", CPU, "for a CPU"),
	DELAY("blkio", BLKIO, "for block I/O"),
	DELAY("swapin", SWAPIN, "for a page from swap"),
	DELAY("freepages", FREEPAGES, "in memory reclaim"),
	DELAY("thrashing", THRASHING, "for pages dropped too early"),
	DELAY("compact", COMPACT, "in memory compaction"),
	DELAY("wpcopy", WPCOPY, "for copy-on-write"),
	DELAY("irq", IRQ, "while interrupts ran"),
	HIWATER(hiwater_rss_bytes, "most resident memory, ever"),
	HIWATER(hiwater_vm_bytes, "most address space, ever"),
};

const size_t ctprof_metric_count = sizeof(ctprof_metrics) / sizeof(*ctprof_metrics);

const char *const ctprof_delay_name[CTPROF_DELAYS] = {
	[CTPROF_DELAY_CPU] = "cpu",
	[CTPROF_DELAY_BLKIO] = "blkio",
	[CTPROF_DELAY_SWAPIN] = "swapin",
	[CTPROF_DELAY_FREEPAGES] = "freepages",
	[CTPROF_DELAY_THRASHING] = "thrashing",
	[CTPROF_DELAY_COMPACT] = "compact",
	[CTPROF_DELAY_WPCOPY] = "wpcopy",
	[CTPROF_DELAY_IRQ] = "irq",
};

const char *const ctprof_psi_name[CTPROF_PSI_RESOURCES] = {
	[CTPROF_PSI_CPU] = "cpu",
	[CTPROF_PSI_MEMORY] = "memory",
	[CTPROF_PSI_IO] = "io",
	[CTPROF_PSI_IRQ] = "irq",
};

/* uapi/linux/sched.h; 4 was never used */
static const char *const policy_names[] = {
	"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", NULL, "SCHED_IDLE", "SCHED_DEADLINE", "SCHED_EXT",
};

#define POLICY_NAMES (sizeof(policy_names) / sizeof(*policy_names))

const struct ctprof_metric *ctprof_metric_find(struct sv name)
{
	for (size_t i = 0; i < ctprof_metric_count; i++)
		if (sv_eq(name, ctprof_metrics[i].name))
			return &ctprof_metrics[i];
	return NULL;
}

int64_t ctprof_metric_value(const struct ctprof_metric *metric, const struct ctprof_thread *thread)
{
	const char *field = (const char *)thread + metric->offset;

	switch (metric->type) {
	case CTPROF_TYPE_THREADS:
		return 1;
	case CTPROF_TYPE_U64:
		return (int64_t)*(const uint64_t *)field;
	case CTPROF_TYPE_I32:
		return *(const int32_t *)field;
	case CTPROF_TYPE_POLICY:
		return *(const uint32_t *)field;
	case CTPROF_TYPE_STATE:
		return *field;
	case CTPROF_TYPE_BOOL:
		return *(const bool *)field;
	case CTPROF_TYPE_CPUS:
		break;
	}
	assert(!"a CPU set is no number");
	return 0;
}

const struct cpuset *ctprof_metric_cpus(const struct ctprof_metric *metric, const struct ctprof_thread *thread)
{
	assert(metric->type == CTPROF_TYPE_CPUS);
	return (const struct cpuset *)((const char *)thread + metric->offset);
}

void ctprof_tags_format(unsigned tags, struct buf *buf)
{
	static const char *const words[] = {
		"cfs-only", "fair-policy", "non-ext", "dead", "SCHEDSTATS", "SCHED_INFO", "SCHED_CORE",
		"TASKSTATS", "TASK_DELAY_ACCT", "TASK_IO_ACCOUNTING", "SCHED_CLASS_EXT",
	};
	const char *space = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!(tags & 1u << i))
			continue;
		buf_printf(buf, "%s[%s]", space, words[i]);
		space = " ";
	}
}

void ctprof_policy_format(uint32_t policy, struct buf *buf)
{
	if (policy < POLICY_NAMES && policy_names[policy])
		buf_str(buf, policy_names[policy]);
	else
		buf_printf(buf, "SCHED_%u", policy);
}

int ctprof_policy_parse(struct sv text, uint32_t *ret_policy)
{
	for (uint32_t i = 0; i < POLICY_NAMES; i++) {
		if (policy_names[i] && sv_eq(text, policy_names[i])) {
			*ret_policy = i;
			return 0;
		}
	}
	if (!sv_starts(text, "SCHED_"))
		return -EINVAL;
	return sv_u32(sv_skip(text, strlen("SCHED_")), CTPROF_POLICY_MAX, ret_policy);
}
