/* SPDX-License-Identifier: BSD-2-Clause */
/* dumped.c - tests whose guests are looked at; tests/vm/dump.sh compares that with what they print. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define SPINNERS 3

static void spin_on_last_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpus);
	prctl(PR_SET_PDEATHSIG, 9);
	prctl(PR_SET_NAME, "spins");
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		_exit(1);
	for (;;)
		;
}

/* The last CPU has three tasks and nothing else; then it is silent. */
KTSTR_TEST(spins_and_hangs, .timeout_ms = 1500)
{
	for (int i = 0; i < SPINNERS; i++) {
		pid_t child = fork();

		if (child == 0)
			spin_on_last_cpu();
		printf("spins %d\n", child);
	}
	printf("hangs %d\n", getpid());
	fflush(stdout);
	pause();
	return 0;
}

KTSTR_SCHEDULER(dying, .binary = "scx-ktstr", .args = KTSTR_ARGS("--die-after", "300"));
KTSTR_TEST(dies, .scheduler = &dying, .duration_ms = 500, .auto_repro = KTSTR_OFF)
{
	return ktstr_run_cgroups(ctx, verdict, err, (struct ktstr_cgroup){.name = "cg_0", .workers = 2});
}

KTSTR_TEST(passes, .duration_ms = 200)
{
	return ktstr_run_cgroups(ctx, verdict, err, (struct ktstr_cgroup){.name = "cg_0", .workers = 2});
}
