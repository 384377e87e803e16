/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traced.c - bodies for trace.sh: what the guest's kernel counts itself, printed for a comparison
 * with the trace, and limits on waits.
 */
#include <ktstr/ktstr.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap_ms(long ms)
{
	const struct timespec time = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&time, NULL);
}

static void spin(unsigned long turns)
{
	for (volatile unsigned long i = 0; i < turns; i++)
		;
}

/* Sleeps, yields, is preempted and migrates; all of it ends before its counters are read. */
static void busy_child(unsigned i)
{
	for (int round = 0; round < 40; round++) {
		cpu_set_t cpus;

		spin(20000);
		(void)sched_yield();
		nap_ms(1 + (long)(i + (unsigned)round) % 3);
		CPU_ZERO(&cpus);
		CPU_SET((i + (unsigned)round / 4) % 2, &cpus);
		(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	}
	_exit(0);
}

static void read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	text[len < 0 ? 0 : len] = '\0';
	if (fd >= 0)
		close(fd);
}

static unsigned long long number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

/* "counters task PID RUN_DELAY SLICES VOLUNTARY INVOLUNTARY" of a zombie that has left its CPU */
static void print_counters(pid_t pid)
{
	unsigned long long ran = 0, delay = 0, slices = 0;
	char path[64], text[8192];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	read_file(path, text, sizeof(text));
	(void)sscanf(text, "%llu %llu %llu", &ran, &delay, &slices);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	read_file(path, text, sizeof(text));
	printf("counters task %d %llu %llu %llu %llu\n", pid, delay, slices,
	       number_after(text, "\nvoluntary_ctxt_switches:"),
	       number_after(text, "\nnonvoluntary_ctxt_switches:"));
}

static unsigned long long context_switches(void)
{
	static char text[65536];

	read_file("/proc/stat", text, sizeof(text));
	return number_after(text, "\nctxt ");
}

KTSTR_TEST(counters, .llcs = 1, .cores = 2, .threads = 1)
{
	unsigned long long before = context_switches();
	pid_t child[6];
	siginfo_t info;

	for (unsigned i = 0; i < 6; i++) {
		child[i] = fork();
		if (child[i] == 0)
			busy_child(i);
	}
	for (unsigned i = 0; i < 6; i++)
		if (waitid(P_PID, (id_t)child[i], &info, WEXITED | WNOWAIT) < 0)
			return ktstr_error_sys(err, "waitid");
	nap_ms(20);
	for (unsigned i = 0; i < 6; i++) {
		print_counters(child[i]);
		(void)waitpid(child[i], NULL, 0);
	}
	printf("counters switches %d %llu\n", getpid(), context_switches() - before);
	return 0;
}

KTSTR_TEST(within_limits, .duration_ms = 300,
	   .trace_checks = {.max_wakeup_latency_us = 1e6,
			    .max_run_delay_us = 1e6,
			    .max_wakeup_latency_p99_us = 1e6,
			    .max_run_delay_p99_us = 1e6})
{
	return ktstr_run_cgroups(ctx, verdict, err,
				 (struct ktstr_cgroup){.name = "cg_0",
						       .workers = 2,
						       .work = {.type = KTSTR_WORK_BURSTY,
								.burst_ns = 1000000,
								.sleep_ns = 5000000}});
}

KTSTR_TEST(over_a_limit, .duration_ms = 300, .cores = 1, .checks = {.max_spread_pct = -1},
	   .trace_checks = {.max_run_delay_us = 50, .max_run_delay_p99_us = 40})
{
	return ktstr_run_cgroups(ctx, verdict, err,
				 (struct ktstr_cgroup){.name = "cg_0", .workers = 4});
}

KTSTR_TEST(steps, .duration_ms = 400, .cores = 2, .checks = {.max_spread_pct = -1})
{
	return ktstr_run_scenario(
		ctx, verdict, err,
		&(struct ktstr_scenario){
			KTSTR_CGROUPS({.name = "from", .workers = 2}, {.name = "to", .workers = 1}),
			KTSTR_STEPS({.name = "pinned",
				     KTSTR_OPS(KTSTR_SET_CPUSET("to", KTSTR_EXACT("1"))),
				     .hold = KTSTR_FRAC(0.5)},
				    {.name = "moved",
				     KTSTR_OPS(KTSTR_MOVE_ALL("from", "to")),
				     .hold = KTSTR_FRAC(0.5)})});
}

KTSTR_TEST(on_the_host, .host_only = true, .trace_checks = {.max_run_delay_us = 1})
{
	return 0;
}

KTSTR_TEST(nothing_to_judge, .trace_checks = {.max_wakeup_latency_us = 50})
{
	ktstr_verdict_note(verdict, "no workers");
	return 0;
}
