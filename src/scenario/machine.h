/* SPDX-License-Identifier: BSD-2-Clause */
/* machine.h - how long the CPUs of this machine have been idle (proc_stat(5)). */
#ifndef SCENARIO_MACHINE_H
#define SCENARIO_MACHINE_H

#include "base/base.h"
#include "verdict/verdict.h"

struct machine_sample {
	uint64_t at_ns;
	uint32_t cpus;               /* online */
	uint64_t idle_ns;            /* of all of them, waiting for I/O included */
};

/*
 * The content of /proc/stat, whose times are in ticks of ticks_per_s. -EINVAL with words for text
 * that has no CPUs or that no kernel writes.
 */
int machine_parse(struct sv text, uint64_t ticks_per_s, struct machine_sample *ret_sample,
		  struct ktstr_error *err);
int machine_read(struct machine_sample *ret_sample, struct ktstr_error *err);

/* Idle time never exceeds the time that there was. */
struct machine_window machine_window_of(const struct machine_sample *before,
					const struct machine_sample *after);

#endif
