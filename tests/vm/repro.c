/* SPDX-License-Identifier: BSD-2-Clause */
/* repro.c - schedulers that die, and tests with a tracer beside them: tests/vm/repro.sh runs these. */
#include <ktstr/ktstr.h>

#define MACHINE .topology = "1n1l2c1t", .duration_ms = 1500
#define PLAY ktstr_run_cgroups(ctx, verdict, err, (struct ktstr_cgroup){.name = "cg_0", .workers = 3})

KTSTR_SCHEDULER(quitter, .binary = "scx-ktstr", .args = KTSTR_ARGS("--exit-after", "300"));
KTSTR_TEST(exits, .scheduler = &quitter, MACHINE)
{
	return PLAY;
}

KTSTR_TEST(exits_unasked, .scheduler = &quitter, MACHINE, .auto_repro = KTSTR_OFF)
{
	return PLAY;
}

KTSTR_TEST(exits_as_expected, .scheduler = &quitter, MACHINE, .expect_kind = KTSTR_KIND_SCHEDULER_DIED)
{
	return PLAY;
}

KTSTR_SCHEDULER(staller, .binary = "scx-ktstr",
		.args = KTSTR_ARGS("--stall-after", "300", "--timeout-ms", "500"));
KTSTR_TEST(stalls, .scheduler = &staller, MACHINE)
{
	return PLAY;
}

KTSTR_SCHEDULER(mute, .binary = "scx-ktstr",
		.args = KTSTR_ARGS("--silent", "--stall-after", "300", "--timeout-ms", "500"));
KTSTR_TEST(stalls_silently, .scheduler = &mute, MACHINE)
{
	return PLAY;
}

KTSTR_SCHEDULER(dier, .binary = "scx-ktstr", .args = KTSTR_ARGS("--die-after", "300"));
KTSTR_TEST(dies, .scheduler = &dier, MACHINE)
{
	return PLAY;
}

KTSTR_SCHEDULER(nonstarter, .binary = "scx-ktstr", .args = KTSTR_ARGS("--fail-start"));
KTSTR_TEST(never_starts, .scheduler = &nonstarter, MACHINE)
{
	return PLAY;
}

KTSTR_SCHEDULER(fair, .binary = "scx-ktstr");
KTSTR_TEST(lives, .scheduler = &fair, MACHINE)
{
	return PLAY;
}

KTSTR_TEST(traced, MACHINE, .wprof = true)
{
	return PLAY;
}

KTSTR_TEST(traced_my_way, MACHINE, .wprof = true, .wprof_args = " -d 50\t--mine ")
{
	return PLAY;
}

KTSTR_TEST(traced_crash, .scheduler = &quitter, MACHINE, .wprof = true)
{
	return PLAY;
}
