/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite.c - the tests of `make check` that run in guests: what a sane scheduler passes, and that each
 * misbehaviour of the fixture scheduler is found for the right reason (docs/fixture.md).
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define LOAD(...) ktstr_run_cgroups(ctx, verdict, err, __VA_ARGS__)
#define SPIN(cgroup, count) ((struct ktstr_cgroup){.name = cgroup, .workers = (count)})

/*
 * How even two seconds of EEVDF come out depends on which CPU each worker wakes on first, and that on
 * every byte of the programs: a wider limit than the built-in one holds for all of them.
 */
KTSTR_SCHEDULER(eevdf, .checks = {.max_spread_pct = 40});
KTSTR_SCHEDULER(fixture, .binary = "scx-ktstr", .topology = "1n1l2c1t");

/* --- what passes -------------------------------------------------------------------------------- */

KTSTR_TEST(eevdf_is_fair_to_two_cgroups, .scheduler = &eevdf)
{
	return LOAD(SPIN("cg_0", 2), SPIN("cg_1", 2));
}

KTSTR_TEST(fixture_is_fair_to_two_cgroups, .scheduler = &fixture)
{
	return LOAD(SPIN("cg_0", 2), SPIN("cg_1", 2));
}

/* It refuses to run where CONFIG_HZ is not what the kernel's clock says. */
KTSTR_SCHEDULER(configured, .binary = "scx-ktstr", .topology = "1n1l2c1t", .args = KTSTR_ARGS("--kconfig"));
KTSTR_TEST(fixture_reads_the_kernels_configuration, .scheduler = &configured, .duration_ms = 300)
{
	return LOAD(SPIN("cg_0", 2));
}

KTSTR_TEST(eevdf_runs_every_work_type, .scheduler = &eevdf, .llcs = 1, .cores = 4)
{
	return LOAD(SPIN("spin", 1),
		    (struct ktstr_cgroup){.name = "yield", .workers = 1, .work = {.type = KTSTR_WORK_YIELD_HEAVY}},
		    (struct ktstr_cgroup){.name = "burst", .workers = 1, .work = {.type = KTSTR_WORK_BURSTY}},
		    (struct ktstr_cgroup){.name = "pipe", .workers = 2, .work = {.type = KTSTR_WORK_PIPE_IO}});
}

KTSTR_TEST(fixture_runs_every_work_type, .scheduler = &fixture, .llcs = 1, .cores = 4)
{
	return LOAD(SPIN("spin", 1),
		    (struct ktstr_cgroup){.name = "yield", .workers = 1, .work = {.type = KTSTR_WORK_YIELD_HEAVY}},
		    (struct ktstr_cgroup){.name = "burst", .workers = 1, .work = {.type = KTSTR_WORK_BURSTY}},
		    (struct ktstr_cgroup){.name = "pipe", .workers = 2, .work = {.type = KTSTR_WORK_PIPE_IO}});
}

/* two nodes, two LLCs each, SMT: PID 1 has compared /sys with that before a body runs */
KTSTR_TEST(a_machine_of_any_shape, .scheduler = &eevdf, .topology = "2n4l1c2t")
{
	if (strcmp(ktstr_ctx_topology(ctx), "2n4l1c2t") != 0 || ktstr_ctx_cpu_count(ctx) != 8 ||
	    sysconf(_SC_NPROCESSORS_ONLN) != 8)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "topology %s with %ld CPUs online",
				   ktstr_ctx_topology(ctx), sysconf(_SC_NPROCESSORS_ONLN));
	return LOAD(SPIN("cg_0", 8));
}

/* no host has that */
KTSTR_TEST(demo_a_machine_that_is_too_large, .memory_mib = 1 << 20)
{
	return 0;
}

KTSTR_TEST(a_program_brings_its_libraries, .include_files = KTSTR_ARGS("ls"))
{
	char *const argv[] = {"ls", "/include-files", NULL};
	pid_t pid;
	int status;

	errno = posix_spawn(&pid, "/include-files/ls", NULL, NULL, argv, environ);
	if (errno)
		return ktstr_error_sys(err, "start /include-files/ls");
	if (waitpid(pid, &status, 0) != pid)
		return ktstr_error_sys(err, "wait for ls");
	if (status)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "ls ended with status %#x", status);
	return 0;
}

/* contract P10 */
KTSTR_TEST(a_passing_test_may_say_something)
{
	ktstr_verdict_note(verdict, "the machine has %u CPUs", ktstr_ctx_cpu_count(ctx));
	ktstr_verdict_metric(verdict, "answer", 42);
	printf("a line on stdout\n");
	return 0;
}

/* --- what the fixture does wrong on purpose ----------------------------------------------------- */

/* with the default watchdog sched_ext would put the scheduler out before the test is over */
KTSTR_SCHEDULER(starver, .binary = "scx-ktstr",
		.args = KTSTR_ARGS("--starve", "cg_0-1", "--timeout-ms", "30000"));
KTSTR_TEST(fixture_starves_a_task, .scheduler = &starver, .expect_kind = KTSTR_KIND_STARVED)
{
	return LOAD(SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(crowder, .binary = "scx-ktstr", .args = KTSTR_ARGS("--crowd"));
KTSTR_TEST(fixture_crowds_cpu0, .scheduler = &crowder, .cores = 4,
	   .expect_kind = KTSTR_KIND_IDLE_WHILE_WAITING)
{
	return LOAD(SPIN("cg_0", 2), SPIN("cg_1", 2));
}

KTSTR_SCHEDULER(staller, .binary = "scx-ktstr",
		.args = KTSTR_ARGS("--stall-after", "500", "--timeout-ms", "3000"));
KTSTR_TEST(fixture_stops_dispatching, .scheduler = &staller, .duration_ms = 3000,
	   .expect_kind = KTSTR_KIND_SCHEDULER_DIED)
{
	return LOAD(SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(quitter, .binary = "scx-ktstr", .args = KTSTR_ARGS("--exit-after", "500"));
KTSTR_TEST(fixture_exits_with_error, .scheduler = &quitter, .expect_kind = KTSTR_KIND_SCHEDULER_DIED)
{
	return LOAD(SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(mortal, .binary = "scx-ktstr", .args = KTSTR_ARGS("--die-after", "500"));
KTSTR_TEST(fixture_dies_mid_test, .scheduler = &mortal, .expect_kind = KTSTR_KIND_SCHEDULER_DIED)
{
	return LOAD(SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(unverifiable, .binary = "scx-ktstr", .args = KTSTR_ARGS("--fail-verify"));
KTSTR_TEST(fixture_fails_to_load, .scheduler = &unverifiable,
	   .expect_kind = KTSTR_KIND_SCHEDULER_DIED)
{
	return LOAD(SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(looper, .binary = "scx-ktstr", .args = KTSTR_ARGS("--verify-loop"));
KTSTR_TEST(fixture_is_refused_behind_a_loop, .scheduler = &looper,
	   .expect_kind = KTSTR_KIND_SCHEDULER_DIED)
{
	return LOAD(SPIN("cg_0", 2));
}

KTSTR_SCHEDULER(stillborn, .binary = "scx-ktstr", .args = KTSTR_ARGS("--fail-start"));
KTSTR_TEST(fixture_dies_at_start, .scheduler = &stillborn, .expect_kind = KTSTR_KIND_SCHEDULER_DIED)
{
	return LOAD(SPIN("cg_0", 2));
}
