/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>

#include "ctview/derived.h"

#define DELAYS (CTPROF_TAG_TASKSTATS | CTPROF_TAG_TASK_DELAY_ACCT)

#define QUOTIENT(name_, a, b, unit_, tags_, description_)                                          \
	{                                                                                          \
		.name = (name_), .formula = CTVIEW_QUOTIENT, .unit = CTVIEW_UNIT_##unit_,          \
		.input = {a, b}, .tags = (tags_), .description = (description_),                   \
	}
#define AVERAGE_DELAY(word, what)                                                                  \
	QUOTIENT("avg_" word "_delay_ns", word "_delay_total_ns", word "_delay_count", NS, DELAYS,  \
		 "average wait " what)

const struct ctview_derived ctview_deriveds[] = {
	QUOTIENT("affine_success_ratio", "nr_wakeups_affine", "nr_wakeups_affine_attempts", RATIO,
		 CTPROF_TAG_CFS_ONLY | CTPROF_TAG_SCHEDSTATS, "wake-ups pulled to the waker, of those considered"),
	QUOTIENT("avg_wait_ns", "wait_sum", "wait_count", NS, CTPROF_TAG_NON_EXT | CTPROF_TAG_SCHEDSTATS,
		 "average wait for a CPU"),
	{
		.name = "cpu_efficiency", .formula = CTVIEW_SHARE, .unit = CTVIEW_UNIT_RATIO,
		.input = {"run_time_ns", "wait_time_ns"}, .tags = CTPROF_TAG_SCHED_INFO,
		.description = "time on a CPU, of the time that it wanted one",
	},
	QUOTIENT("avg_slice_ns", "run_time_ns", "timeslices", NS, CTPROF_TAG_SCHED_INFO, "average turn on a CPU"),
	{
		.name = "involuntary_csw_ratio", .formula = CTVIEW_SHARE, .unit = CTVIEW_UNIT_RATIO,
		.input = {"nonvoluntary_csw", "voluntary_csw"},
		.description = "switches because another took the CPU, of all",
	},
	QUOTIENT("disk_io_fraction", "read_bytes", "rchar", RATIO, CTPROF_TAG_TASK_IO_ACCOUNTING,
		 "bytes fetched from storage, of those read"),
	{
		.name = "live_heap_estimate", .formula = CTVIEW_DIFFERENCE, .unit = CTVIEW_UNIT_BYTES,
		.input = {"allocated_bytes", "deallocated_bytes"},
		.description = "allocated less freed; below 0 where it frees what others allocated",
	},
	QUOTIENT("avg_iowait_ns", "iowait_sum", "iowait_count", NS, CTPROF_TAG_NON_EXT | CTPROF_TAG_SCHEDSTATS,
		 "average time blocked on I/O"),
	AVERAGE_DELAY("cpu", "for a CPU"),
	AVERAGE_DELAY("blkio", "for block I/O"),
	AVERAGE_DELAY("swapin", "for a page from swap"),
	AVERAGE_DELAY("freepages", "in memory reclaim"),
	AVERAGE_DELAY("thrashing", "for pages dropped too early"),
	AVERAGE_DELAY("compact", "in memory compaction"),
	AVERAGE_DELAY("wpcopy", "for copy-on-write"),
	AVERAGE_DELAY("irq", "while interrupts ran"),
	{
		/* swap-in and thrashing are counted for the same wait: kernel/delayacct.c, mm/page_io.c */
		.name = "total_offcpu_delay_ns", .formula = CTVIEW_OFFCPU, .unit = CTVIEW_UNIT_NS,
		.input = {"cpu_delay_total_ns", "blkio_delay_total_ns", "freepages_delay_total_ns",
			  "compact_delay_total_ns", "wpcopy_delay_total_ns", "irq_delay_total_ns", NULL},
		.tags = DELAYS,
		.description = "all delays; of swap-in and thrashing, which overlap, the longer",
	},
};

const size_t ctview_derived_count = sizeof(ctview_deriveds) / sizeof(*ctview_deriveds);

const struct ctview_derived *ctview_derived_find(struct sv name)
{
	for (size_t i = 0; i < ctview_derived_count; i++)
		if (sv_eq(name, ctview_deriveds[i].name))
			return &ctview_deriveds[i];
	return NULL;
}

static bool input(const struct ctview_cell *cells, const char *name, double *ret_value)
{
	const struct ctprof_metric *metric = ctprof_metric_find(sv_of(name));

	assert(metric);
	return ctview_cell_number(&cells[metric - ctprof_metrics], ret_value);
}

static struct ctview_cell real(double value)
{
	return (struct ctview_cell){.kind = CTVIEW_REAL, .real = value};
}

static struct ctview_cell offcpu(const struct ctview_derived *derived, const struct ctview_cell *cells)
{
	double sum = 0, value, swapin, thrashing;

	for (const char *const *name = derived->input; *name; name++) {
		if (!input(cells, *name, &value))
			return (struct ctview_cell){0};
		sum += value;
	}
	if (!input(cells, "swapin_delay_total_ns", &swapin) || !input(cells, "thrashing_delay_total_ns", &thrashing))
		return (struct ctview_cell){0};
	sum += swapin > thrashing ? swapin : thrashing;
	/* all zero is what a kernel without delay accounting gives */
	return sum == 0 ? (struct ctview_cell){0} : real(sum);
}

struct ctview_cell ctview_derive(const struct ctview_derived *derived, const struct ctview_cell *cells)
{
	const struct ctview_cell absent = {0};
	double a, b;

	if (derived->formula == CTVIEW_OFFCPU)
		return offcpu(derived, cells);
	if (!input(cells, derived->input[0], &a) || !input(cells, derived->input[1], &b))
		return absent;
	switch (derived->formula) {
	case CTVIEW_QUOTIENT:
		return b == 0 ? absent : real(a / b);
	case CTVIEW_SHARE:
		return a + b == 0 ? absent : real(a / (a + b));
	case CTVIEW_DIFFERENCE:
		/* both zero is what a process without jemalloc gives */
		return a == 0 && b == 0 ? absent : real(a - b);
	case CTVIEW_OFFCPU:
		break;
	}
	return absent;
}
