/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - every scheduling event of a guest and what follows from them. Recorded from outside by a
 * QEMU plugin, of which the guest cannot tell: in det a run with the trace is the run without it; or by
 * BPF programs inside (tools/guest-tracer.c), which take part in the run. The door of room trace;
 * docs/trace.md says what is exact and what is not.
 *
 *	trace_plan_write()    where the plugin has to look in this kernel
 *	trace_from_guest()    a record file of what the tracer in the guest told
 *	trace_open()          the records, once the guest is gone
 *	trace_analyse()       pure
 *	trace_summary()       text for people
 *	trace_perfetto()      for ui.perfetto.dev
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "base/base.h"
#include "kernel/kernel.h"
#include "trace/record.h"

#define TRACE_CAPACITY (16ull << 20) /* records: 1.8 GB, on a disk that has them */

/* --- plan.c
 * ------------------------------------------------------------------------------------------- */

struct trace_config {
	const struct kernel *kernel;
	bool det;
	unsigned icount_shift; /* det */
};

/*
 * Write the plan for a kernel. *ret_missing: functions that this kernel does not have and that are
 * therefore not hooked, "a, b", or NULL; the caller's. -ENODATA: something needed is not there.
 */
int trace_plan_write(const struct trace_config *config, const char *path, char **ret_missing,
		     struct ktstr_error *err);

/* The same from the bytes: only addresses and offsets are filled in. */
int trace_plan_make(const struct buf *vmlinux, const struct buf *btf, struct trace_plan *ret_plan,
		    char **ret_missing, struct ktstr_error *err);

/* The plugin's path: KTSTR_TRACE_PLUGIN, or where it was built or installed. The caller's. */
int trace_plugin_find(char **ret_path, struct ktstr_error *err);

/* --- halt.c
 * ------------------------------------------------------------------------------------------- */

/* Addresses and an offset; where the plugin halts (trace/record.h, TRACE_HALT_...). */
struct trace_halt {
	uint64_t queue, function, offset; /* irq_work_queue(work) with this function in the work */
	uint64_t leave;			  /* bpf_scx_unreg() */
};

/* -ENODATA: this kernel lacks something that the message names. */
int trace_halt_find(const struct kernel *kernel, struct trace_halt *ret_halt,
		    struct ktstr_error *err);
/* The same from the bytes. */
int trace_halt_make(const struct buf *vmlinux, const struct buf *btf, struct trace_halt *ret_halt,
		    struct ktstr_error *err);
/* The plugin's option; fd: of the socket, in QEMU. The caller's. */
char *trace_halt_option(const struct trace_halt *halt, int fd);

/* --- read.c
 * --------------------------------------------------------------------------------------------- */

/* A record file, checked; records are in order of time, fields of tasks are what a guest said. */
struct trace {
	const struct trace_record *records; /* TRACE_CGROUP among them are struct trace_cgroup */
	size_t count;
	bool det;
	uint64_t lost;	 /* events without a record, for want of room */
	uint64_t unread; /* fields that could not be read and are 0 */
	enum trace_tracer tracer;
	bool cut;	 /* the guest ended before its tracer had told the rest */
	void *map;	 /* of trace_open() */
	size_t map_size;
};
void trace_done(struct trace *trace);
DEFINE_AUTO_DONE(struct trace, trace_done)

/* -EBADMSG with words: not such a file, cut short, or with times that go back. Borrows bytes. */
int trace_read(struct sv bytes, struct trace *ret_trace, struct ktstr_error *err);
int trace_open(const char *path, struct trace *ret_trace, struct ktstr_error *err);
/* Give back the disk that the plugin did not need. */
int trace_trim(const char *path, struct ktstr_error *err);

/* --- guest.c
 * -------------------------------------------------------------------------------------------- */

/*
 * Make a record file at path from the stream of the tracer in a guest. *ret_missing as of
 * trace_plan_write(). A stream without its end is taken as far as it goes, and the file is marked as
 * cut. -EBADMSG: it is no such stream, or records of it are missing.
 */
int trace_from_guest(struct sv stream, bool det, const char *path, char **ret_missing,
		     struct ktstr_error *err);
int trace_from_guest_file(const char *stream_path, bool det, const char *path, char **ret_missing,
			  struct ktstr_error *err);

/* CPUs and PIDs that the analysis takes; a guest that claims others is refused by trace_read(). */
#define TRACE_CPUS_MAX 512

/* --- analyse.c
 * ------------------------------------------------------------------------------------------ */

DEFINE_VEC(trace_samples, uint64_t, vec_keep)

/* Exact: over all of them. All 0 when there was none. */
struct trace_times {
	uint64_t count, total_ns, p50_ns, p99_ns, max_ns;
};

struct trace_task {
	uint32_t pid, tgid;
	char comm[TRACE_COMM_MAX]; /* the last one, printable */
	uint64_t cgroup;	   /* the last one's id; 0: not known */
	uint64_t run_ns;
	uint64_t switches_in;	   /* got a CPU so often */
	uint64_t slept, preempted; /* left it so often, to wait for something or able to go on */
	uint64_t wakeups, migrations;
	/* From the call that wakes it to its first instruction; waking a task that runs is none. */
	struct trace_times wakeup;
	/* All waits for a CPU: after wake-ups, and after it was taken off one. */
	struct trace_times delay;
	/* As the kernel accounts it in /proc/PID/schedstat, in its own clock. */
	uint64_t kernel_delay_ns, kernel_slices;
	struct cpuset cpus;				    /* that it ran on */
	struct trace_samples wakeup_samples, delay_samples; /* sorted */
};
void trace_task_done(struct trace_task *task);
DEFINE_VEC(trace_tasks, struct trace_task, trace_task_done)

#define TRACE_LENGTH_MAX 16 /* longer run queues count as this long */

struct trace_cpu {
	bool seen;
	uint64_t switches;
	uint64_t switches_to_tasks; /* without those to the idle task */
	uint64_t idle_ns, busy_ns;
	uint64_t length_ns[TRACE_LENGTH_MAX + 1]; /* time with so many runnable tasks */
	uint32_t length_max;
	uint64_t miscounted; /* switches that the kernel counted and the trace did not */
};

#define TRACE_WAITS_MAX 10
#define TRACE_INSTEAD_MAX 3

/* One of the longest waits for a CPU, and who ran on the CPU where it queued. */
struct trace_wait {
	uint32_t pid;
	char comm[TRACE_COMM_MAX];
	bool after_wakeup; /* else after it was made, or taken off a CPU */
	uint16_t cpu;	   /* whose run queue it joined last */
	uint64_t begin_ns, end_ns;
	struct {
		uint32_t pid; /* 0: nobody, the CPU was idle */
		char comm[TRACE_COMM_MAX];
		uint64_t ns;
	} instead[TRACE_INSTEAD_MAX]; /* the longest first; ns 0: no more */
};

struct trace_cgroup_name {
	uint64_t id;
	char name[TRACE_CGROUP_NAME_MAX];
};
DEFINE_VEC(trace_cgroup_names, struct trace_cgroup_name, vec_keep)

struct trace_analysis {
	uint64_t begin_ns, end_ns; /* of what was looked at */
	uint64_t switches, wakeups, migrations;
	uint64_t lost; /* events that were not recorded, in the window or not, as far as they are known */
	bool cut;      /* as of struct trace */
	struct trace_tasks tasks; /* without idle tasks, in order of appearance */
	struct trace_cpu cpu[TRACE_CPUS_MAX];
	uint32_t cpu_count;			 /* highest one seen, and one */
	struct trace_wait wait[TRACE_WAITS_MAX]; /* the longest first */
	size_t wait_count;
	struct trace_cgroup_names cgroups;
};
void trace_analysis_free(struct trace_analysis *analysis);
DEFINE_AUTO(struct trace_analysis *, trace_analysis_free)

/*
 * Events with begin_ns <= time < end_ns; what a task did before is known from earlier records, so a
 * wait counts in full in the window in which it ends. Waits that have not ended count up to end_ns.
 * The caller's, for trace_analysis_free().
 */
struct trace_analysis *trace_analyse(const struct trace *trace, uint64_t begin_ns, uint64_t end_ns);

const struct trace_task *trace_find_task(const struct trace_analysis *analysis, uint32_t pid);
const char *trace_cgroup_name(const struct trace_analysis *analysis,
			      uint64_t id); /* "" if unknown */

/* Over these tasks together. sorted[ceil(n * p) - 1], as everywhere in ktstr. */
struct trace_times trace_times_of(struct trace_samples *samples);

/* --- summary.c
 * ------------------------------------------------------------------------------------------ */

/* Some twenty lines: totals, the tasks of interest, the longest waits. The caller's. */
char *trace_summary(const struct trace *trace, const struct trace_analysis *analysis);

/* --- perfetto.c
 * ----------------------------------------------------------------------------------------- */

/* A step, a phase: shown on the track of this name, of which there are at most 8. */
struct trace_marker {
	const char *track;
	const char *name;
	uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC of the guest; end 0: a moment */
};

/* Write the records as a Perfetto trace, to be opened in ui.perfetto.dev, whole or not at all. */
int trace_perfetto(const struct trace *trace, const struct trace_marker *markers,
		   size_t marker_count, const char *path, struct ktstr_error *err);

#endif
