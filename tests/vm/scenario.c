/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.c - what each operation of a scenario comes to, read back from the kernel while the
 * workers run, and that nothing is left when a scenario ends badly.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define MS 1000000ull
#define ROOT "/sys/fs/cgroup/ktstr"

KTSTR_SCHEDULER(fixture, .binary = "scx-ktstr", .topology = "1n2l2c1t");

/* --- looking ---------------------------------------------------------------------------------- */

static char seen[65536];

static const char *slurp(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(seen, 1, sizeof(seen) - 1, file) : 0;

	seen[len] = '\0';
	if (file)
		fclose(file);
	return seen;
}

static const char *of_task(pid_t tid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, file);
	return slurp(path);
}

/* The value of "Key:\tvalue" in /proc/TID/status. */
static const char *status_of(pid_t tid, const char *key)
{
	char *line = strstr((char *)of_task(tid, "status"), key);

	if (!line)
		return "(not there)";
	line += strlen(key);
	line += strspn(line, ":\t ");
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static unsigned long long ran_ns(pid_t tid)
{
	return strtoull(of_task(tid, "schedstat"), NULL, 10);
}

struct look {
	struct ktstr_play *play;
	struct ktstr_verdict *verdict;
};

static void differ(struct look look, const char *what, const char *have, const char *want)
{
	ktstr_verdict_fail(look.verdict, KTSTR_KIND_OTHER, "%s is \"%s\", not \"%s\"", what, have,
			   want);
}

static void want_text(struct look look, const char *what, const char *have, const char *want)
{
	if (strcmp(have, want) != 0)
		differ(look, what, have, want);
}

/* The content of a cgroup's file, without its last newline. */
static void want_file(struct look look, const char *cgroup, const char *file, const char *want)
{
	struct ktstr_error err = {0};
	char *text = ktstr_play_read(look.play, cgroup, file, &err);

	if (!text)
		differ(look, file, err.msg, want);
	else if (*text)
		text[strlen(text) - 1] = '\0';
	if (text)
		want_text(look, file, text, want);
	free(text);
}

static void want_part(struct look look, const char *cgroup, const char *file, const char *want)
{
	char *text = ktstr_play_read(look.play, cgroup, file, NULL);

	if (!text || !strstr(text, want))
		differ(look, file, text ? text : "(not there)", want);
	free(text);
}

static void want_cpus(struct look look, const char *cgroup, size_t count, const char *const *lists)
{
	pid_t tids[16] = {0};
	size_t have = ktstr_play_tids(look.play, cgroup, tids, 16);

	if (have != count)
		ktstr_verdict_fail(look.verdict, KTSTR_KIND_OTHER, "%s has %zu workers, not %zu",
				   cgroup, have, count);
	for (size_t i = 0; i < count && i < have; i++)
		want_text(look, "Cpus_allowed_list", status_of(tids[i], "Cpus_allowed_list"),
			  lists[i]);
}
#define WANT_CPUS(cgroup, ...)                                                                     \
	want_cpus(look, cgroup, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),       \
		  (const char *const[]){__VA_ARGS__})

/* All workers of `label` are in the cgroup of this path, by what their tasks say. */
static void want_in(struct look look, const char *label, size_t count, const char *path)
{
	pid_t tids[16] = {0};
	char want[128];

	if (ktstr_play_tids(look.play, label, tids, 16) != count)
		ktstr_verdict_fail(look.verdict, KTSTR_KIND_OTHER, "%s: not %zu workers", label, count);
	snprintf(want, sizeof(want), "0::%s\n", path);
	for (size_t i = 0; i < count; i++)
		want_text(look, "cgroup", of_task(tids[i], "cgroup"), want);
}

#define BEGIN                                                                                      \
	struct look look = {.verdict = verdict};                                                   \
	int r = ktstr_play_begin(ctx, verdict, &look.play, err);                                   \
	if (r < 0)                                                                                 \
	return r
#define DO(...)                                                                                    \
	do {                                                                                       \
		const struct ktstr_op op_ = __VA_ARGS__;                                           \
		r = ktstr_play_op(look.play, &op_, err);                                           \
		if (r < 0)                                                                         \
			return r;                                                                  \
	} while (0)
#define HOLD(ms)                                                                                   \
	do {                                                                                       \
		r = ktstr_play_hold(look.play, (ms) * MS, err);                                    \
		if (r < 0)                                                                         \
			return r;                                                                  \
	} while (0)

static int end(struct look look, struct ktstr_error *err)
{
	int r = ktstr_play_end(look.play, err);

	ktstr_play_free(look.play);
	if (r == 0 && access(ROOT, F_OK) == 0)
		ktstr_verdict_fail(look.verdict, KTSTR_KIND_OTHER, "%s is still there", ROOT);
	return r;
}

/* --- time ------------------------------------------------------------------------------------- */

static unsigned long long now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000 * MS + (unsigned long long)now.tv_nsec;
}

/* The only CPU belongs to SCHED_FIFO workers of priority 50; the engine and PID 1 outrank them. */
KTSTR_TEST(real_time_workers_do_not_stretch_a_hold, .topology = "1n1l1c1t",
	   .checks = {.starvation = -1, .max_gap_ms = -1, .max_spread_pct = -1})
{
	unsigned long long began, held;

	BEGIN;
	DO(KTSTR_ADD(.name = "hogs", .workers = 4, .work = {.type = KTSTR_WORK_RT_STARVATION}));
	began = now_ns();
	HOLD(200);
	held = now_ns() - began;
	if (held < 200 * MS || held > 210 * MS)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "a hold of 200 ms took %llu us", held / 1000);
	return end(look, err);
}

/* --- CPUs ------------------------------------------------------------------------------------- */

static int cpusets(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	BEGIN;
	DO(KTSTR_ADD(.name = "a", .workers = 2, .cpus = KTSTR_LLC(0)));
	DO(KTSTR_ADD(.name = "b", .workers = 1, .threads = true, .cpus = KTSTR_LLC(1)));
	want_file(look, "a", "cpuset.cpus.effective", "0-1");
	want_file(look, "b", "cpuset.cpus.effective", "2");
	WANT_CPUS("a", "0-1", "0-1");
	WANT_CPUS("b", "2");
	HOLD(100);
	DO(KTSTR_SWAP_CPUSETS("a", "b"));
	WANT_CPUS("a", "2", "2");
	WANT_CPUS("b", "0-1");
	HOLD(100);
	DO(KTSTR_SET_CPUSET("a", KTSTR_EXACT("1,3")));
	WANT_CPUS("a", "1,3", "1,3");
	DO(KTSTR_CLEAR_CPUSET("a"));
	want_file(look, "a", "cpuset.cpus.effective", "0-3");
	WANT_CPUS("a", "0-3", "0-3");
	HOLD(100);
	return end(look, err);
}

KTSTR_TEST(cpusets_change_while_workers_run, .topology = "1n2l2c1t", .checks = {.isolation = 1})
{
	return cpusets(ctx, verdict, err);
}

KTSTR_TEST(cpusets_change_under_the_fixture, .scheduler = &fixture, .checks = {.isolation = 1})
{
	return cpusets(ctx, verdict, err);
}

KTSTR_TEST(masks_are_those_of_the_declaration, .topology = "1n2l1c2t")
{
	BEGIN;
	DO(KTSTR_ADD(.name = "single", .workers = 3, .affinity = {.kind = KTSTR_AFFINITY_SINGLE_CPU}));
	DO(KTSTR_ADD(.name = "pair", .workers = 2, .threads = true,
		     .affinity = {.kind = KTSTR_AFFINITY_SMT_PAIR}));
	DO(KTSTR_ADD(.name = "llc", .workers = 1, .cpus = KTSTR_EXACT("1-3"),
		     .affinity = {.kind = KTSTR_AFFINITY_LLC},
		     KTSTR_MORE({.count = 1, .affinity = {.kind = KTSTR_AFFINITY_EXACT, .cpus = "0-1"}})));
	WANT_CPUS("single", "0", "1", "2");
	WANT_CPUS("pair", "0", "1");
	WANT_CPUS("llc", "2-3", "1");
	HOLD(50);
	DO(KTSTR_SET_AFFINITY("single", .kind = KTSTR_AFFINITY_EXACT, .cpus = "2-3"));
	WANT_CPUS("single", "2-3", "2-3", "2-3");
	DO(KTSTR_SET_AFFINITY("single", .kind = KTSTR_AFFINITY_INHERIT));
	WANT_CPUS("single", "0-3", "0-3", "0-3");
	DO(KTSTR_SET_AFFINITY("single", .kind = KTSTR_AFFINITY_RANDOM_SUBSET));
	/* a mask of which a cpuset leaves nothing gives way, and comes back */
	DO(KTSTR_SET_CPUSET("llc", KTSTR_EXACT("0")));
	WANT_CPUS("llc", "0", "0");
	DO(KTSTR_CLEAR_CPUSET("llc"));
	WANT_CPUS("llc", "2-3", "0-1");
	HOLD(50);
	return end(look, err);
}

/* --- where workers are ------------------------------------------------------------------------- */

KTSTR_TEST(nested_cgroups_hold_their_workers, .topology = "1n2l2c1t")
{
	BEGIN;
	DO(KTSTR_ADD(.name = "p/q", .workers = 2));
	DO(KTSTR_ADD(.name = "p/r/s", .empty = true, .cpus = KTSTR_LLC(0)));
	want_file(look, "p", "cgroup.procs", "");
	want_in(look, "p/q", 2, "/ktstr/p/q");
	HOLD(50);
	DO(KTSTR_MOVE_ALL("p/q", "p/r/s"));
	want_file(look, "p/q", "cgroup.procs", "");
	want_in(look, "p/r/s", 2, "/ktstr/p/r/s");
	WANT_CPUS("p/r/s", "0-1", "0-1");
	DO(KTSTR_SET_CPUSET("p", KTSTR_EXACT("1-2")));
	want_file(look, "p/r/s", "cpuset.cpus.effective", "1");
	WANT_CPUS("p/r/s", "1", "1");
	HOLD(50);
	DO(KTSTR_REMOVE("p/q"));
	if (access(ROOT "/p/q", F_OK) == 0)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "p/q is still there");
	return end(look, err);
}

KTSTR_TEST(all_tasks_move_while_they_fork, .topology = "1n2l2c1t")
{
	BEGIN;
	DO(KTSTR_ADD(.name = "a", .workers = 3, .work = {.type = KTSTR_WORK_FORK_EXIT}));
	DO(KTSTR_ADD(.name = "b", .empty = true));
	for (int i = 0; i < 5; i++) {
		HOLD(20);
		DO(KTSTR_MOVE_ALL("a", "b"));
		want_file(look, "a", "cgroup.procs", "");
		want_in(look, "b", 3, "/ktstr/b");
		HOLD(20);
		DO(KTSTR_MOVE_ALL("b", "a"));
		want_in(look, "a", 3, "/ktstr/a");
	}
	return end(look, err);
}

KTSTR_TEST(host_workers_are_outside, .topology = "1n1l2c1t")
{
	BEGIN;
	DO(KTSTR_ADD(.name = "a", .workers = 1));
	DO(KTSTR_SPAWN_HOST("host", .count = 2));
	want_in(look, "host", 2, "/");
	HOLD(100);
	DO(KTSTR_STOP("host"));
	if (ktstr_play_tids(look.play, "host", NULL, 0) != 0)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "host workers go on");
	HOLD(50);
	return end(look, err);
}

/* --- limits and policies ------------------------------------------------------------------------- */

KTSTR_TEST(limits_are_written_and_hold, .topology = "1n1l2c1t")
{
	unsigned long long used_us;
	char *text;

	BEGIN;
	DO(KTSTR_ADD(.name = "l/in", .workers = 1,
		     .limits = {.cpu_quota_us = 20000, .cpu_weight = 50, .memory_max = 64 << 20,
				.memory_high = 32 << 20, .memory_low = 1 << 20, .memory_min = 1 << 16,
				.memory_swap_max = 1 << 20, .io_weight = 70, .pids_max = 20}));
	want_file(look, "l/in", "cpu.max", "20000 100000");
	want_file(look, "l/in", "cpu.weight", "50");
	want_file(look, "l/in", "memory.max", "67108864");
	want_file(look, "l/in", "memory.high", "33554432");
	want_file(look, "l/in", "memory.low", "1048576");
	want_file(look, "l/in", "memory.min", "65536");
	want_file(look, "l/in", "memory.swap.max", "1048576");
	want_file(look, "l/in", "io.weight", "default 70");
	want_file(look, "l/in", "pids.max", "20");
	HOLD(500);
	text = ktstr_play_read(look.play, "l/in", "cpu.stat", err);
	if (!text)
		return -EIO;
	used_us = strtoull(text + strlen("usage_usec "), NULL, 10);
	free(text);
	/* 20 ms in each 100 ms; a period more at the edges, and what a slice is worth */
	if (used_us < 60000 || used_us > 140000)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "ran for %llu us of 500 ms", used_us);
	DO((struct ktstr_op){.kind = KTSTR_OP_SET_LIMITS, .name = "l/in",
			     .limits = {.cpu_quota_us = UINT64_MAX, .memory_max = UINT64_MAX}});
	want_file(look, "l/in", "cpu.max", "max 100000");
	want_file(look, "l/in", "memory.max", "max");
	want_file(look, "l/in", "pids.max", "20");
	HOLD(50);
	return end(look, err);
}

KTSTR_TEST(policies_are_those_of_the_declaration, .topology = "1n2l2c1t",
	   .checks = {.max_spread_pct = -1, .max_gap_ms = -1, .starvation = -1})
{
	const struct {
		const char *name;
		int policy;
		struct ktstr_policy declared;
	} rows[] = {
		{"batch", SCHED_BATCH, {.kind = KTSTR_POLICY_BATCH}},
		{"idle", SCHED_IDLE, {.kind = KTSTR_POLICY_IDLE}},
		{"fifo", SCHED_FIFO, {.kind = KTSTR_POLICY_FIFO, .priority = 3}},
		{"rr", SCHED_RR, {.kind = KTSTR_POLICY_RR}},
		{"deadline", SCHED_DEADLINE,
		 {.kind = KTSTR_POLICY_DEADLINE, .runtime_ns = MS, .deadline_ns = 50 * MS}},
	};
	pid_t tid;
	int policy;

	BEGIN;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		DO(KTSTR_ADD(.name = rows[i].name, .workers = 1, .policy = rows[i].declared,
			     .work = {.type = KTSTR_WORK_BURSTY, .burst_ns = MS, .sleep_ns = 20 * MS}));
		(void)ktstr_play_tids(look.play, rows[i].name, &tid, 1);
		policy = sched_getscheduler(tid) & ~SCHED_RESET_ON_FORK;
		if (policy != rows[i].policy)
			ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "%s: policy %d, not %d",
					   rows[i].name, policy, rows[i].policy);
	}
	HOLD(100);
	return end(look, err);
}

KTSTR_TEST(memory_comes_from_the_policys_nodes, .topology = "2n2l1c1t",
	   .checks = {.min_page_locality = 0.5})
{
	const struct ktstr_work pages = {.type = KTSTR_WORK_CACHE_PRESSURE, .bytes = 4 << 20};
	struct ktstr_error why = {0};
	const char *map;
	pid_t tid = 0;

	BEGIN;
	DO(KTSTR_ADD(.name = "far", .workers = 1, .work = pages, .affinity = {.kind = KTSTR_AFFINITY_EXACT, .cpus = "0"},
		     .mempolicy = {.kind = KTSTR_MEM_BIND, .nodes = "1"}));
	HOLD(200);
	(void)ktstr_play_tids(look.play, "far", &tid, 1);
	map = of_task(tid, "numa_maps");
	if (!strstr(map, " bind:1 ") || !strstr(map, " N1="))
		differ(look, "numa_maps", map, "... bind:1 ... N1=...");
	if (ktstr_play_op(look.play,
			  &KTSTR_ADD(.name = "no", .workers = 1, .cpus = KTSTR_NUMA(0),
				     .mempolicy = {.kind = KTSTR_MEM_BIND, .nodes = "1"}),
			  &why) != -EINVAL)
		differ(look, "the error", why.msg, "-EINVAL");
	want_text(look, "the error", why.msg,
		  "add_cgroup: cgroup no: mempolicy: nodes 1: the cgroup's CPUs are on node 0");
	return end(look, err);
}

/* --- freezing ------------------------------------------------------------------------------------- */

KTSTR_TEST(frozen_workers_stand_still, .topology = "1n2l2c1t", .checks = {.max_gap_ms = 400})
{
	unsigned long long before;
	pid_t tid = 0;

	BEGIN;
	DO(KTSTR_ADD(.name = "a/b", .workers = 3));
	DO(KTSTR_ADD(.name = "c", .workers = 1));
	HOLD(50);
	(void)ktstr_play_tids(look.play, "a/b", &tid, 1);
	DO(KTSTR_FREEZE("a"));
	want_part(look, "a", "cgroup.events", "frozen 1");
	want_part(look, "a/b", "cgroup.events", "frozen 1");
	before = ran_ns(tid);
	HOLD(900);
	if (ran_ns(tid) != before)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "a frozen worker ran");
	DO(KTSTR_UNFREEZE("a"));
	want_part(look, "a", "cgroup.events", "frozen 0");
	HOLD(400);
	if (ran_ns(tid) == before)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "a worker did not thaw");
	DO(KTSTR_FREEZE("c"));        /* ending thaws it */
	return end(look, err);
}

/* --- steps ------------------------------------------------------------------------------------------ */

static int look_at_split(struct ktstr_play *play, void *arg, struct ktstr_error *err)
{
	struct look look = {.play = play, .verdict = arg};

	(void)err;
	want_file(look, "cg_0", "cpuset.cpus.effective", "0");
	want_file(look, "cg_1", "cpuset.cpus.effective", "1-2");
	WANT_CPUS("cg_0", "0", "0");
	return 0;
}

static int in_steps(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	return ktstr_run_scenario(
		ctx, verdict, err,
		&(struct ktstr_scenario){
			KTSTR_CGROUPS({.name = "cg_0", .workers = 2}, {.name = "cg_1", .workers = 2}),
			KTSTR_STEPS({.name = "together", .hold = KTSTR_FRAC(0.25)},
				    {.name = "split",
				     KTSTR_OPS(KTSTR_SET_CPUSET("cg_0", KTSTR_DISJOINT(0, 2)),
					       KTSTR_SET_CPUSET("cg_1", KTSTR_DISJOINT(1, 2)),
					       KTSTR_CALL(look_at_split, verdict)),
				     KTSTR_CGROUPS({.name = "guest", .workers = 1}),
				     .hold = KTSTR_FRAC(0.5)},
				    {.name = "flip",
				     KTSTR_OPS(KTSTR_SWAP_CPUSETS("cg_0", "cg_1")),
				     .hold = {.kind = KTSTR_HOLD_LOOP, .frac = 0.25, .ns = 50 * MS}})});
}

/* Once. */
static int add_flipper(struct ktstr_play *play, void *arg, struct ktstr_error *err)
{
	(void)arg;
	if (ktstr_play_tids(play, "flip", NULL, 0))
		return 0;
	return ktstr_play_op(play, &KTSTR_ADD(.name = "flip", .workers = 3, .cpus = KTSTR_EXACT("1")),
			     err);
}

static int flip(struct ktstr_play *play, void *arg, struct ktstr_error *err)
{
	static bool odd;

	(void)arg;
	odd = !odd;
	return ktstr_play_op(play, &KTSTR_SET_CPUSET("flip", KTSTR_EXACT(odd ? "0" : "1")), err);
}

/* CPUs are idle in one step and short in another: that is no waste */
KTSTR_TEST(steps_are_played, .topology = "1n2l2c1t", .duration_ms = 1200)
{
	return in_steps(ctx, verdict, err);
}

KTSTR_TEST(steps_are_played_under_the_fixture, .scheduler = &fixture, .duration_ms = 1200)
{
	return in_steps(ctx, verdict, err);
}

KTSTR_TEST(waiting_where_no_other_cpu_is_allowed_is_no_waste, .topology = "1n2l2c1t")
{
	return ktstr_run_cgroups(ctx, verdict, err,
				 (struct ktstr_cgroup){.name = "a", .workers = 3, .cpus = KTSTR_EXACT("0")},
				 (struct ktstr_cgroup){.name = "b", .workers = 2,
						       .affinity = {.kind = KTSTR_AFFINITY_EXACT,
								    .cpus = "1"}});
}

KTSTR_TEST(nor_is_waiting_for_a_quota_or_for_cpus_that_come_and_go, .topology = "1n1l2c1t",
	   .duration_ms = 1000, .checks = {.max_idle_waiting_pct = 10})
{
	return ktstr_run_scenario(
		ctx, verdict, err,
		&(struct ktstr_scenario){KTSTR_STEPS(
			{KTSTR_CGROUPS({.name = "a", .workers = 4, .limits = {.cpu_quota_us = 20000}}),
			 .hold = KTSTR_FRAC(0.5)},
			{KTSTR_OPS(KTSTR_CALL(add_flipper, NULL), KTSTR_CALL(flip, NULL)),
			 .hold = {.kind = KTSTR_HOLD_LOOP, .frac = 0.5, .ns = 50 * MS}})});
}

KTSTR_SCHEDULER(crowder, .binary = "scx-ktstr", .args = KTSTR_ARGS("--crowd"));
KTSTR_TEST(waste_in_one_step_is_found, .scheduler = &crowder, .topology = "1n2l2c1t",
	   .expect_kind = KTSTR_KIND_IDLE_WHILE_WAITING)
{
	return ktstr_run_scenario(ctx, verdict, err,
				  &(struct ktstr_scenario){
					  KTSTR_CGROUPS({.name = "cg_0", .workers = 1}),
					  KTSTR_STEPS({.hold = KTSTR_FRAC(0.2)},
						      {KTSTR_CGROUPS({.name = "cg_1", .workers = 3}),
						       .hold = KTSTR_FRAC(0.8)})});
}

/* --- what goes wrong ---------------------------------------------------------------------------------- */

KTSTR_TEST(a_scenario_that_fails_midway_leaves_nothing, .topology = "1n2l2c1t")
{
	struct ktstr_error why = {0};
	struct look look = {.verdict = verdict};
	int r = ktstr_run_scenario(
		ctx, verdict, &why,
		&(struct ktstr_scenario){
			KTSTR_CGROUPS({.name = "a", .workers = 2}, {.name = "b/c", .workers = 1}),
			KTSTR_STEPS({.name = "bad",
				     KTSTR_OPS(KTSTR_FREEZE("a"), KTSTR_SET_CPUSET("a", KTSTR_LLC(9)))})});

	if (r != -EINVAL)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "it returned %d", r);
	want_text(look, "the error", why.msg,
		  "step 1 (bad): set_cpuset a: LLC 9: the machine has 2");
	if (access(ROOT, F_OK) == 0)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "%s is still there", ROOT);
	return 0;
}

KTSTR_TEST(workers_beside_child_cgroups_are_refused, .topology = "1n1l2c1t")
{
	struct ktstr_error why = {0};

	BEGIN;
	DO(KTSTR_ADD(.name = "a", .workers = 1));
	if (ktstr_play_op(look.play, &KTSTR_ADD(.name = "a/b", .workers = 1), &why) != -EBUSY)
		differ(look, "the error", why.msg, "-EBUSY");
	want_text(look, "the error", why.msg,
		  "add_cgroup: cgroup a/b: a has workers of its own, and cgroup v2 lets none be "
		  "beside child cgroups: put them into another child");
	HOLD(20);
	return end(look, err);
}

static void look_after_the_body(void)
{
	if (access(ROOT, F_OK) == 0)
		abort();        /* PID 1 tells of it */
}

KTSTR_TEST(a_play_that_a_body_forgets_is_ended, .topology = "1n1l2c1t")
{
	BEGIN;
	(void)atexit(look_after_the_body);
	DO(KTSTR_ADD(.name = "a", .workers = 2));
	DO(KTSTR_FREEZE("a"));
	want_part(look, "a", "cgroup.events", "frozen 1");
	return 0;
}
