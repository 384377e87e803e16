/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - what tracers and ktstr say to each other: a plan of where the QEMU plugin has to look in
 * the guest's kernel, and the file of records of what happened there. libc only: the plugin includes it.
 *
 * The record file is a header page and then records (bpf/trace_event.h), in the order in which the
 * guest's instructions ran (under tcg: in which they took the plugin's lock; the BPF tracer's: by
 * their times). The plugin maps it shared, so that nothing is lost when QEMU is killed; `count` is
 * written last.
 */
#ifndef TRACE_RECORD_H
#define TRACE_RECORD_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/trace_event.h"

/* Why the plugin stands still and asks the host: one byte on the socket that they share. */
#define TRACE_HALT_ERROR 'e'  /* sched_ext is about to put its scheduler out */
#define TRACE_HALT_LEAVES 'l' /* the scheduler goes: it says so, or its process has ended */

#define TRACE_MAGIC "ktstrTR1"
#define TRACE_MAGIC_BYTES                              \
	{                                              \
		'k', 't', 's', 't', 'r', 'T', 'R', '1' \
	}
#define TRACE_HEADER_SIZE 4096

enum trace_tracer {
	TRACE_BY_PLUGIN, /* in QEMU: the guest cannot tell */
	TRACE_BY_BPF,	 /* programs in the guest, which take part in what they record */
};

struct trace_header {
	char magic[8];
	uint32_t record_size;
	uint32_t det;	   /* times count instructions */
	uint64_t capacity; /* records that the file may hold */
	_Atomic uint64_t count;
	_Atomic uint64_t lost;	  /* records for which there was no room */
	_Atomic uint64_t unread;  /* fields that could not be read in the guest, and are 0 */
	_Atomic uint64_t untimed; /* events before the guest's clock ran on the TSC; not recorded */
	uint32_t tracer;	  /* enum trace_tracer */
	uint32_t cut;		  /* the guest ended before its tracer had told the rest */
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
