/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scx_ktstr.h - what scx-ktstr's BPF half and its loader share: the configuration, in the read-only
 * map ".rodata.config" and fixed once loaded, and the account of its end, in ".data.state".
 */
#ifndef SCX_KTSTR_H
#define SCX_KTSTR_H

#include <stdint.h>

#define SCX_KTSTR_COMM_SIZE 16            /* TASK_COMM_LEN, the NUL included */
#define SCX_KTSTR_DUMP_SIZE 32768         /* the kernel's SCX_EXIT_DUMP_DFL_LEN */

#define SCX_KTSTR_CPUS_MAX 64             /* that --one-llc, --scatter and --late-wake know of */

/* What it does wrong all the time, or from faults_after_ns on. */
enum scx_ktstr_fault {
	SCX_KTSTR_CROWD = 1,              /* all that may run on CPU 0 run only there */
	SCX_KTSTR_GLOBAL_FIFO = 2,        /* one queue, first come first served, long slices */
	SCX_KTSTR_ONE_LLC = 4,            /* all that may run on llc_cpus run only there */
	SCX_KTSTR_IGNORE_WEIGHTS = 8,
	SCX_KTSTR_LATE_WAKE = 16,         /* who wakes waits for the next tick of a slow timer */
	SCX_KTSTR_SLEEPER_PENALTY = 32,   /* who slept comes back far behind the front */
	SCX_KTSTR_SCATTER = 64,           /* never twice on the same CPU, in short slices */
};

struct scx_ktstr_config {
	uint64_t slice_ns;
	uint64_t stall_after_ns;          /* from attaching on; 0: never */
	uint64_t error_after_ns;          /* from attaching on; 0: never */
	uint64_t faults_after_ns;         /* from attaching on; 0: at once */
	uint64_t llc_cpus;                /* bit per CPU */
	char starve_comm[SCX_KTSTR_COMM_SIZE];    /* "": nobody */
	uint32_t faults;                  /* enum scx_ktstr_fault */
	uint32_t cpu_count;               /* at most SCX_KTSTR_CPUS_MAX */
};
_Static_assert(sizeof(struct scx_ktstr_config) == 64, "both halves must agree on it");

/* kernel/sched/ext*.h: 6.12's, and PARENT of 7.1 */
enum scx_exit_kind {
	SCX_EXIT_NONE = 0,
	SCX_EXIT_DONE = 1,
	SCX_EXIT_UNREG = 64,              /* its link was closed */
	SCX_EXIT_UNREG_BPF = 65,
	SCX_EXIT_UNREG_KERN = 66,
	SCX_EXIT_SYSRQ = 67,
	SCX_EXIT_PARENT = 68,
	SCX_EXIT_ERROR = 1024,            /* all from here on are errors */
	SCX_EXIT_ERROR_BPF = 1025,
	SCX_EXIT_ERROR_STALL = 1026,
};

struct scx_ktstr_state {
	uint32_t without_queue;           /* 1: this kernel lets no scheduler create a queue */
	uint32_t exit_kind;               /* enum scx_exit_kind; NONE until the texts are whole */
	uint64_t hz;                      /* of the kernel's configuration, where it was asked for it */
	char reason[128];
	char message[1024];               /* the kernel's SCX_EXIT_MSG_LEN */
	char dump[SCX_KTSTR_DUMP_SIZE];
};
_Static_assert(sizeof(struct scx_ktstr_state) == 33936, "both halves must agree on it");

#endif
