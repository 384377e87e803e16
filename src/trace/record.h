/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - what the QEMU plugin and ktstr say to each other: a plan of where to look in the
 * guest's kernel, and the records of what happened there. libc only: the plugin includes it.
 *
 * The run queue of a record is target's for ENQUEUE and DEQUEUE, cpu's for all others.
 *
 * The record file is a header page and then records, in the order in which the guest's instructions
 * ran (under tcg: in which they took the plugin's lock). The plugin maps it shared, so that nothing
 * is lost when QEMU is killed; `count` is written last.
 */
#ifndef TRACE_RECORD_H
#define TRACE_RECORD_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_COMM_MAX 16 /* TASK_COMM_LEN, NUL included */

enum trace_kind {
	TRACE_SWITCH =
		1,  /* __switch_to_asm: task leaves the CPU, other gets it; arg: its __state */
	TRACE_WAKE, /* try_to_wake_up(): other wants task to run; arg: states that it wakes from */
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
static_assert(sizeof(struct trace_record) == 112, "a file may have been written yesterday");

#define TRACE_CGROUP_NAME_MAX 64

/* In place of a record: its kind lies where a record's does. */
struct trace_cgroup {
	uint64_t id;
	char name[TRACE_CGROUP_NAME_MAX]; /* the end of its path, with NUL */
	uint16_t kind;			  /* TRACE_CGROUP */
	uint16_t reserved[19];
};
static_assert(sizeof(struct trace_cgroup) == sizeof(struct trace_record), "either is a slot");
static_assert(offsetof(struct trace_cgroup, kind) == offsetof(struct trace_record, kind),
	      "tells which");

/* Why the plugin stands still and asks the host: one byte on the socket that they share. */
#define TRACE_HALT_ERROR 'e'  /* sched_ext is about to put its scheduler out */
#define TRACE_HALT_LEAVES 'l' /* the scheduler goes: it says so, or its process has ended */

#define TRACE_MAGIC "ktstrTR1"
#define TRACE_MAGIC_BYTES                              \
	{                                              \
		'k', 't', 's', 't', 'r', 'T', 'R', '1' \
	}
#define TRACE_HEADER_SIZE 4096

struct trace_header {
	char magic[8];
	uint32_t record_size;
	uint32_t det;	   /* times count instructions */
	uint64_t capacity; /* records that the file may hold */
	_Atomic uint64_t count;
	_Atomic uint64_t lost;	  /* records for which there was no room */
	_Atomic uint64_t unread;  /* fields that could not be read in the guest, and are 0 */
	_Atomic uint64_t untimed; /* events before the guest's clock ran on the TSC; not recorded */
};

/* --- the plan
 * ---------------------------------------------------------------------------------------- */

enum trace_offset {
	TRACE_RQ_CURR,
	TRACE_RQ_CPU,
	TRACE_RQ_NR_RUNNING,
	TRACE_RQ_NR_SWITCHES,
	TRACE_RQ_CLOCK,
	TRACE_TASK_PID,
	TRACE_TASK_TGID,
	TRACE_TASK_COMM,
	TRACE_TASK_STATE,
	TRACE_TASK_CPU,
	TRACE_TASK_CGROUPS,
	TRACE_CSS_SET_CGROUP,
	TRACE_CGROUP_NODE,
	TRACE_NODE_ID,
	TRACE_NODE_NAME,
	TRACE_NODE_PARENT,
	TRACE_TK_CLOCK, /* from the start of the kernel's timekeeper */
	TRACE_TK_MASK,
	TRACE_TK_CYCLE_LAST,
	TRACE_TK_MULT,
	TRACE_TK_SHIFT,
	TRACE_TK_XTIME_NSEC,
	TRACE_TK_BASE,
	TRACE_CLOCK_NAME,
	TRACE_OFFSET_COUNT
};

#define TRACE_HOOKS_MAX 32

struct trace_hook {
	uint64_t address;
	uint32_t kind; /* enum trace_kind */
	uint32_t reserved;
};

struct trace_plan {
	char magic[8];
	uint32_t det;		 /* 0: tcg, vCPUs run side by side */
	uint32_t icount_shift;	 /* det: an instruction takes 2^shift ns */
	uint64_t capacity;	 /* records */
	uint64_t runqueues;	 /* per-CPU symbol */
	uint64_t timekeeper_seq; /* symbol of the sequence counter, */
	uint64_t timekeeper;	 /* and what it protects */
	uint32_t hook_count;
	uint32_t offset[TRACE_OFFSET_COUNT];
	uint32_t reserved;
	struct trace_hook hook[TRACE_HOOKS_MAX];
};
static_assert(TRACE_OFFSET_COUNT == 24, "no padding");

#endif
