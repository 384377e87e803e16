/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watchdog.c - schedulers that stop dispatching, with other timeouts of sched_ext's watchdog than their
 * own. tests/vm/watchdog.sh looks at when the kernel puts them out.
 */
#include <ktstr/ktstr.h>

#define STALLING(timeout) KTSTR_ARGS("--stall-after", "100", "--timeout-ms", timeout)
#define LOAD ktstr_run_cgroups(ctx, verdict, err, (struct ktstr_cgroup){.name = "cg_0", .workers = 4})

KTSTR_SCHEDULER(made_600, .binary = "scx-ktstr", .args = STALLING("3000"), .watchdog_timeout_ms = 600);
KTSTR_TEST(shorter, .scheduler = &made_600, .duration_ms = 1200, .auto_repro = KTSTR_OFF)
{
	return LOAD;
}

KTSTR_SCHEDULER(made_1500, .binary = "scx-ktstr", .args = STALLING("300"), .watchdog_timeout_ms = 1500);
KTSTR_TEST(longer, .scheduler = &made_1500, .duration_ms = 2500, .auto_repro = KTSTR_OFF)
{
	return LOAD;
}

KTSTR_TEST(tests_win, .scheduler = &made_1500, .duration_ms = 700, .watchdog_timeout_ms = 200,
	   .auto_repro = KTSTR_OFF)
{
	return LOAD;
}

/* It runs for longer than its watchdog would wait, and stays. */
KTSTR_SCHEDULER(fair, .binary = "scx-ktstr", .watchdog_timeout_ms = 300);
KTSTR_TEST(fair_one, .scheduler = &fair, .duration_ms = 1000)
{
	return LOAD;
}
