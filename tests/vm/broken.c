/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broken.c - tests that do not end well: tests/vm/broken.sh runs them and compares state, kind and
 * words of each with what they must be.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define SPIN(cgroup, count) ((struct ktstr_cgroup){.name = cgroup, .workers = (count)})

/* with the default watchdog sched_ext would put the scheduler out before the test is over */
KTSTR_SCHEDULER(starver, .binary = "scx-ktstr",
		.args = KTSTR_ARGS("--starve", "cg_0-1", "--timeout-ms", "30000"));
KTSTR_TEST(starved, .scheduler = &starver)
{
	return ktstr_run_cgroups(ctx, verdict, err, SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(crowder, .binary = "scx-ktstr", .args = KTSTR_ARGS("--crowd"));
KTSTR_TEST(crowded, .scheduler = &crowder)
{
	return ktstr_run_cgroups(ctx, verdict, err, SPIN("cg_0", 2), SPIN("cg_1", 2));
}

KTSTR_SCHEDULER(staller, .binary = "scx-ktstr",
		.args = KTSTR_ARGS("--stall-after", "500", "--timeout-ms", "3000"));
KTSTR_TEST(stalled, .scheduler = &staller, .duration_ms = 3000)
{
	return ktstr_run_cgroups(ctx, verdict, err, SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(quitter, .binary = "scx-ktstr", .args = KTSTR_ARGS("--exit-after", "500"));
KTSTR_TEST(quit, .scheduler = &quitter)
{
	return ktstr_run_cgroups(ctx, verdict, err, SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(unattached, .binary = "scx-ktstr", .args = KTSTR_ARGS("--no-attach"));
KTSTR_TEST(not_attached, .scheduler = &unattached)
{
	return 0;
}

/* it says that it expects a failure, and gets none because nothing was scheduled: no pass */
KTSTR_TEST(expected_but_not_attached, .scheduler = &unattached, .expect_err = true)
{
	return 0;
}

/* sched_ext has the scheduler, but with SCX_OPS_SWITCH_PARTIAL ordinary workers stay with EEVDF */
KTSTR_SCHEDULER(bystander, .binary = "scx-ktstr", .args = KTSTR_ARGS("--partial"));
KTSTR_TEST(scheduled_by_another, .scheduler = &bystander, .duration_ms = 500)
{
	return ktstr_run_cgroups(ctx, verdict, err, SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(nowhere, .binary = "scx_nowhere");
KTSTR_TEST(scheduler_not_found, .scheduler = &nowhere)
{
	return 0;
}

KTSTR_TEST(passes_but_should_not, .expect_err = true)
{
	return 0;
}

KTSTR_TEST(body_could_not_find_out)
{
	return ktstr_error_set(err, -EIO, "the moon was in the way");
}

KTSTR_TEST(body_skips)
{
	ktstr_verdict_skip(verdict, "no moon");
	return 0;
}

KTSTR_TEST(body_is_inconclusive)
{
	ktstr_verdict_inconclusive(verdict, "nothing to judge by");
	return 0;
}

KTSTR_TEST(body_crashes)
{
	raise(SIGSEGV);
	return 0;
}

KTSTR_TEST(body_hangs, .timeout_ms = 1500)
{
	pause();
	return 0;
}

KTSTR_TEST(kernel_panics)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd < 0 || write(fd, "c", 1) != 1)
		return ktstr_error_sys(err, "/proc/sysrq-trigger");
	pause();
	return 0;
}

KTSTR_TEST(eats_all_memory, .memory_mib = 256)
{
	for (;;) {
		char *chunk = malloc(1 << 20);

		if (!chunk)
			return ktstr_error_set(err, -ENOMEM, "malloc");
		memset(chunk, 1, 1 << 20);
	}
}

KTSTR_TEST(powers_off)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd < 0 || write(fd, "o", 1) != 1)
		return ktstr_error_sys(err, "/proc/sysrq-trigger");
	pause();
	return 0;
}

KTSTR_SCHEDULER(mistuned, .sysctls = KTSTR_SYSCTLS({"kernel.no_such_knob", "1"}));
KTSTR_TEST(sysctl_not_found, .scheduler = &mistuned)
{
	return 0;
}

KTSTR_SCHEDULER(not_built_in, .enable = KTSTR_ARGS("true", "echo 1 > /sys/kernel/no_such_scheduler", "false"));
KTSTR_TEST(not_switched_on, .scheduler = &not_built_in)
{
	return 0;
}

KTSTR_SCHEDULER(sticky, .enable = KTSTR_ARGS("true"), .disable = KTSTR_ARGS("true", "test -e /body_was_here && exit 3", "false"));
KTSTR_TEST(not_switched_off, .scheduler = &sticky)
{
	return close(creat("/body_was_here", 0600));
}

KTSTR_TEST(worker_misdeclared)
{
	return ktstr_run_cgroups(ctx, verdict, err, SPIN("a//b", 2));
}
