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

struct scx_ktstr_config {
	uint64_t slice_ns;
	uint64_t stall_after_ns;          /* from attaching on; 0: never */
	uint64_t error_after_ns;          /* from attaching on; 0: never */
	char starve_comm[SCX_KTSTR_COMM_SIZE];    /* "": nobody */
	uint32_t crowd;                   /* 1: all that may run on CPU 0 run only there */
	uint32_t reserved;
};
_Static_assert(sizeof(struct scx_ktstr_config) == 48, "both halves must agree on it");

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
	char reason[128];
	char message[1024];               /* the kernel's SCX_EXIT_MSG_LEN */
	char dump[SCX_KTSTR_DUMP_SIZE];
};
_Static_assert(sizeof(struct scx_ktstr_state) == 33928, "both halves must agree on it");

#endif
