/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * repro.h - what ktstr-repro-probe's BPF half and its loader share. All times are nanoseconds of
 * CLOCK_MONOTONIC, all pointers the kernel's, as numbers.
 */
#ifndef REPRO_H
#define REPRO_H

#include <stdint.h>

#define REPRO_ARGS 6                      /* what registers carry */
#define REPRO_FIELDS 8                    /* of what a call's arguments point to */
#define REPRO_FUNCTIONS_MAX 128           /* a power of two */
#define REPRO_CALLS 8192                  /* a ring: the newest ones stay; a power of two */
#define REPRO_STACK 24
#define REPRO_CPU_WORDS 4                 /* 256 CPUs of a cpumask */
#define REPRO_NO_ARG 0xff

/* Eight bytes of what an argument points to; who reads them knows how many belong to the field. */
struct repro_field {
	uint32_t offset;
	uint16_t arg;
	uint16_t used;                    /* 0: no more fields */
};

/* Where in a function's arguments the things are that we look into. */
struct repro_function {
	uint8_t task, queue;              /* index of a struct task_struct *, scx_dispatch_q *, or none */
	uint8_t kind;                     /* of the enum scx_exit_kind: this one is a trigger; or none */
	uint8_t trigger;                  /* 1: it ends the scheduler, whether or not it says a kind */
	uint32_t reserved;
	struct repro_field fields[REPRO_FIELDS];
};
_Static_assert(sizeof(struct repro_function) == 72, "both halves must agree on it");

/* Fields of struct task_struct and of its scx; those that a kernel lacks are left 0 */
struct repro_task {
	uint64_t scx_dsq_id;              /* of the queue that it is on; 0: on none */
	uint64_t scx_dsq_vtime, scx_slice;
	uint64_t cpus[REPRO_CPU_WORDS];   /* cpus_ptr */
	uint32_t scx_flags, scx_weight;
	int32_t scx_sticky_cpu, scx_holding_cpu;
	int32_t on_cpu, cpu;
	uint32_t state, static_prio;
};
_Static_assert(sizeof(struct repro_task) == 88, "both halves must agree on it");

struct repro_call {
	uint64_t number;                  /* 1 is the first call of all; 0: no call was written here */
	uint64_t entry_ns, exit_ns;       /* exit 0: it had not returned */
	uint64_t args[REPRO_ARGS];
	uint64_t ret;
	uint64_t current_task, task;      /* task: the argument, or 0 */
	uint64_t queue_id;                /* of the scx_dispatch_q argument */
	struct repro_task before, after;  /* of task */
	uint64_t fields_before[REPRO_FIELDS], fields_after[REPRO_FIELDS];
	uint32_t function, cpu;
	int32_t current_pid, task_pid;
	char current_comm[16], task_comm[16];
};
_Static_assert(sizeof(struct repro_call) == 456, "both halves must agree on it");

/* What ended the scheduler: the first trigger that was called. */
struct repro_trigger {
	uint64_t time_ns;
	uint64_t task;                    /* current */
	uint64_t kind;                    /* enum scx_exit_kind, where the function says it */
	uint64_t stack[REPRO_STACK];      /* return addresses, the innermost first */
	uint32_t fired;                   /* 1 once all of the above is there */
	uint32_t function, cpu;
	int32_t pid;
	char comm[16];
};
_Static_assert(sizeof(struct repro_trigger) == 248, "both halves must agree on it");

#endif
