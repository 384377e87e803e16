/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * declared.c - what a scheduler's declaration asks of the machine, as the body finds it in the guest.
 * The driver passes what it was told; only in a guest can it be seen that it is so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define PARENT "/sys/fs/cgroup/cell/load"

static int read_text(const char *path, char *text, size_t size, struct ktstr_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	if (len < 0)
		return ktstr_error_sys(err, "read %s", path);
	close(fd);
	text[len] = '\0';
	for (ssize_t i = 0; i + 1 < len; i++)        /* /proc/PID/cmdline has NULs between words */
		text[i] = text[i] ? text[i] : ' ';
	return 0;
}

static int expect(const char *path, const char *wanted, struct ktstr_verdict *verdict,
		  struct ktstr_error *err)
{
	char text[4096];
	int r = read_text(path, text, sizeof(text), err);

	if (r == 0 && !strstr(text, wanted))
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "%s: no \"%s\" in \"%s\"", path, wanted, text);
	return r;
}

/* its config has --slice-us; the arguments come behind what the fields add */
KTSTR_SCHEDULER(declared, .binary = "scx-ktstr", .args = KTSTR_ARGS("--timeout-ms", "5000"),
		.config_file = DECLARED_CONFIG, .cgroup_parent = PARENT,
		.sysctls = KTSTR_SYSCTLS({"kernel.panic_on_oops", "0"}, {"kernel/threads-max", "12345"}),
		.kargs = KTSTR_ARGS("audit=0", "ktstr_marker=1"));

KTSTR_TEST(a_declaration_reaches_the_guest, .scheduler = &declared, .duration_ms = 300)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)ktstr_ctx_scheduler_pid(ctx));
	r = expect(path, " --config /include-files/declared.conf --cell-parent-cgroup " PARENT
			 " --timeout-ms 5000", verdict, err);
	if (r == 0)
		r = expect("/proc/cmdline", " audit=0 ktstr_marker=1", verdict, err);
	if (r == 0)
		r = expect("/proc/sys/kernel/threads-max", "12345\n", verdict, err);
	if (r == 0)
		r = expect("/proc/sys/kernel/panic_on_oops", "0\n", verdict, err);
	if (r < 0)
		return r;
	return ktstr_run_cgroups(ctx, verdict, err, (struct ktstr_cgroup){.name = "cg_0", .workers = 2});
}

static int look_below_parent(struct ktstr_play *play, void *arg, struct ktstr_error *err)
{
	(void)play;
	return expect(PARENT "/cg_0/cgroup.procs", "\n", arg, err);
}

KTSTR_TEST(workers_are_below_the_cgroup_parent, .scheduler = &declared, .duration_ms = 300)
{
	/* the scheduler refuses to start without the directory, so it was there before it */
	return ktstr_run_scenario(
		ctx, verdict, err,
		&(struct ktstr_scenario){
			KTSTR_CGROUPS({.name = "cg_0", .workers = 2}),
			KTSTR_STEPS({KTSTR_OPS(KTSTR_CALL(look_below_parent, verdict)), .hold = KTSTR_FRAC(1)}),
		});
}

/* flags in the order of the scheduler, behind all arguments; "short" comes with "watched" */
KTSTR_SCHEDULER(flagged, .binary = "scx-ktstr", .args = KTSTR_ARGS("--timeout-ms", "5000"),
		.flags = KTSTR_FLAGS({.name = "short", .args = KTSTR_ARGS("--slice-us", "2000")},
				     {.name = "fifo", .args = KTSTR_ARGS("--global-fifo")},
				     {.name = "watched",
				      .args = KTSTR_ARGS("--timeout-ms", "6000"),
				      .requires = KTSTR_ARGS("short")}));
KTSTR_TEST(flags_reach_the_scheduler, .scheduler = &flagged, .duration_ms = 300,
	   .extra_sched_args = KTSTR_ARGS("--timeout-ms", "5500"), .required_flags = KTSTR_ARGS("watched"),
	   .excluded_flags = KTSTR_ARGS("fifo"))
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)ktstr_ctx_scheduler_pid(ctx));
	r = expect(path, " --timeout-ms 5000 --timeout-ms 5500 --slice-us 2000 --timeout-ms 6000", verdict, err);
	return r < 0 ? r
		     : ktstr_run_cgroups(ctx, verdict, err,
					 (struct ktstr_cgroup){.name = "cg_0", .workers = 2});
}

/* the commands of a kernel with a scheduler of its own; this one has none, but a shell writes to files */
KTSTR_SCHEDULER(built_in, .enable = KTSTR_ARGS("echo 34567 > /proc/sys/kernel/threads-max",
					       "n=$(cat /proc/sys/kernel/threads-max) && echo $n > /switched_on"),
		.disable = KTSTR_ARGS("true"));
KTSTR_TEST(one_that_is_built_in_is_switched_on, .scheduler = &built_in, .duration_ms = 300)
{
	int r = expect("/switched_on", "34567\n", verdict, err);

	return r < 0 ? r
		     : ktstr_run_cgroups(ctx, verdict, err,
					 (struct ktstr_cgroup){.name = "cg_0", .workers = 2});
}

KTSTR_SCHEDULER(plain, .sysctls = KTSTR_SYSCTLS({"kernel.threads-max", "23456"}), .cgroup_parent = PARENT,
		.kargs = KTSTR_ARGS("audit=0", "ktstr_marker=1"));
KTSTR_TEST(eevdf_has_sysctls_and_arguments_too, .scheduler = &plain, .duration_ms = 300)
{
	int r = expect("/proc/sys/kernel/threads-max", "23456\n", verdict, err);

	if (r == 0)
		r = expect("/proc/cmdline", " ktstr_marker=1", verdict, err);
	return r < 0 ? r
		     : ktstr_run_cgroups(ctx, verdict, err,
					 (struct ktstr_cgroup){.name = "cg_0", .workers = 2});
}
