/* SPDX-License-Identifier: BSD-2-Clause */
/* words.h - what helps who is not allowed to trace; ptrace(2), "Ptrace access mode checking". */
#ifndef PROBE_WORDS_H
#define PROBE_WORDS_H

#define PROBE_WAYS_OUT                                                                             \
	"run as root, or with CAP_SYS_PTRACE (setcap cap_sys_ptrace+ep), or as the user of the "   \
	"target where /proc/sys/kernel/yama/ptrace_scope is 0"

#endif
