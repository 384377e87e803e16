/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trace_event.h - one scheduling event of a guest, as the QEMU plugin (src/trace/plugin) and the BPF
 * tracer (ktstr_trace.bpf.c) both record it, and what the latter's loader writes beside.
 *
 * The run queue of a record is target's for ENQUEUE and DEQUEUE, cpu's for all others.
 */
#ifndef TRACE_EVENT_H
#define TRACE_EVENT_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_COMM_MAX 16 /* TASK_COMM_LEN, NUL included */

enum trace_kind {
	TRACE_SWITCH =
		1,  /* __switch_to_asm: task leaves the CPU, other gets it; arg: its __state */
	/* try_to_wake_up(): other wants task to run; arg: states that it wakes from. BPF: only calls
	 * that found it waiting, where they have (sched_waking), and arg is its state. */
	TRACE_WAKE,
	TRACE_NEW,  /* wake_up_new_task(): other has made task */
	TRACE_ENQUEUE, /* a class's enqueue_task: task joins target's run queue; arg: its flags */
	TRACE_DEQUEUE, /* a class's dequeue_task; arg: its flags */
	TRACE_MIGRATE, /* set_task_cpu(): from CPU arg to CPU target */
	TRACE_MARK,    /* nr_context_switches(): other sums up the kernel's counters */
	TRACE_CGROUP,  /* struct trace_cgroup: the name of an id, before its first use */
	TRACE_KIND_COUNT
};

#define TRACE_FLAG_SLEEP 0x1 /* DEQUEUE_SLEEP, kernel/sched/sched.h: the task waits for something \
			      */

struct trace_record {
	uint64_t time_ns;     /* guest CLOCK_MONOTONIC at the instruction; never goes back */
	uint64_t clock_ns;    /* rq->clock of the run queue: what the kernel accounts by */
	uint64_t nr_switches; /* of cpu's run queue */
	uint64_t cgroup, other_cgroup; /* ids; 0: not known */
	uint32_t pid, tgid;
	uint32_t other_pid, other_tgid;
	/* SWITCH: what task waits in, 0 when it could go on. Others: its __state. */
	uint32_t state;
	uint32_t arg;
	uint32_t nr_running; /* of the run queue, before this */
	uint16_t cpu;	     /* that ran the instruction */
	/* ENQUEUE, DEQUEUE: CPU of the run queue. WAKE, NEW: of the task. MIGRATE: new one. Others:
	 * cpu. */
	uint16_t target;
	uint16_t kind;
	uint16_t reserved[3];
	char comm[TRACE_COMM_MAX];
	char other_comm[TRACE_COMM_MAX];
};
_Static_assert(sizeof(struct trace_record) == 112, "a file may have been written yesterday");

#define TRACE_CGROUP_NAME_MAX 64

/* In place of a record: its kind lies where a record's does. */
struct trace_cgroup {
	uint64_t id;
	char name[TRACE_CGROUP_NAME_MAX]; /* the end of its path, with NUL */
	uint16_t kind;			  /* TRACE_CGROUP */
	uint16_t reserved[19];
};
_Static_assert(sizeof(struct trace_cgroup) == sizeof(struct trace_record), "either is a slot");
_Static_assert(offsetof(struct trace_cgroup, kind) == offsetof(struct trace_record, kind),
	      "tells which");

/*
 * What the tracer in a guest writes on its stdout: a slot that begins with TRACE_STREAM_MAGIC, slots,
 * and a TRACE_END, without which it was cut short. Records are in the order in which CPUs took a place
 * for them, which is nearly that of their times.
 */
#define TRACE_STREAM_MAGIC "ktstrTG1"

enum trace_stream_kind {
	TRACE_MISSING = 0x100, /* struct trace_cgroup, its name: a function that the kernel does not have */
	TRACE_END,	       /* struct trace_end */
};

struct trace_end {
	uint64_t records; /* that were written, without TRACE_CGROUP */
	uint64_t lost;	  /* events for which the ring had no room, or that a program could not take */
	char reserved_head[56];
	uint16_t kind; /* TRACE_END */
	uint16_t reserved[19];
};
_Static_assert(sizeof(struct trace_end) == sizeof(struct trace_record), "a slot");
_Static_assert(offsetof(struct trace_end, kind) == offsetof(struct trace_record, kind), "tells which");

#endif
