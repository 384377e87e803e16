/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays against a kernel of our own: directories with the files that a cgroup has, and real workers,
 * whose CPUs follow cpuset.cpus and who stop while frozen, because this file does that to them.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "scenario/play.h"
#include "tree.h"

/* --- the kernel ------------------------------------------------------------------------------------ */

static struct tree fs;
static bool deaf;                    /* it takes every word and does nothing */
static const char *refused;          /* it says EIO to this file */

static char *in_dir(const char *path, const char *file)
{
	AUTO(free) char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	return xasprintf("%s/%s", dir, file);
}

static void set_file(const char *path, const char *text)
{
	CHECK_EQ(file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static int make_cgroup(const char *path, struct ktstr_error *err)
{
	static const char *const files[] = {"cgroup.procs", "cgroup.freeze", "cgroup.kill",
					    "cpuset.cpus", "cpu.max", "cpu.weight", "memory.max",
					    "pids.max", "cgroup.subtree_control"};
	AUTO(free) char *events = xasprintf("%s/cgroup.events", path);
	AUTO(free) char *effective = xasprintf("%s/cpuset.cpus.effective", path);
	AUTO(free) char *above = in_dir(path, "cpuset.cpus.effective");
	AUTO(free) char *cpus = file_line(AT_FDCWD, above);

	if (mkdir(path, 0755) < 0)
		return error_sys(err, "mkdir %s", path);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		AUTO(free) char *file = xasprintf("%s/%s", path, files[i]);

		set_file(file, "");
	}
	set_file(events, "populated 0\nfrozen 0\n");
	set_file(effective, cpus);
	return 0;
}

static void each_process(const char *path, void (*fn)(pid_t pid, const char *path))
{
	AUTO(free) char *procs = in_dir(path, "cgroup.procs");
	AUTO(buf_done) struct buf text = {0};
	AUTO(pids_done) struct pids pids = {0};

	CHECK_EQ(file_read(AT_FDCWD, procs, 1 << 20, &text, NULL), 0);
	CHECK_EQ(pids_parse(sv_of(buf_text(&text)), &pids, NULL), 0);
	vec_each (pid, &pids)
		fn(*pid, path);
}

static void confine(pid_t pid, const char *path)
{
	AUTO(free) char *file = in_dir(path, "cpuset.cpus.effective");
	AUTO(free) char *line = file_line(AT_FDCWD, file);
	struct cpuset cpus;

	CHECK_EQ(cpuset_parse(sv_of(line), &cpus, NULL), 0);
	(void)sched_setaffinity(pid, sizeof(cpus), (cpu_set_t *)&cpus);
}

static void stop_process(pid_t pid, const char *path)
{
	(void)path;
	(void)kill(pid, SIGSTOP);
}

static void go_on_process(pid_t pid, const char *path)
{
	(void)path;
	(void)kill(pid, SIGCONT);
}

/* What is left of the parent's; all of the parent's where that is nothing. */
static void set_cpus(const char *path, const char *text)
{
	AUTO(free) char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	AUTO(free) char *effective = in_dir(path, "cpuset.cpus.effective");
	AUTO(free) char *above_path = in_dir(dir, "cpuset.cpus.effective");
	AUTO(free) char *above_list = file_line(AT_FDCWD, above_path);
	AUTO(buf_done) struct buf list = {0};
	struct cpuset asked, above, both;

	CHECK_EQ(cpuset_parse(sv_of(text), &asked, NULL), 0);
	CHECK_EQ(cpuset_parse(sv_of(above_list), &above, NULL), 0);
	both = cpus_intersection(&asked, &above);
	cpuset_format(cpuset_count(&both) ? &both : &above, &list);
	set_file(effective, buf_text(&list));
	each_process(path, confine);
}

/* A process is in one cgroup. */
static void move_process(const char *path, const char *text)
{
	AUTO(free) char *find = xasprintf("for f in $(find %s -name cgroup.procs); do sed -i /^%s$/d $f; "
					  "done", fs.path, text);
	AUTO(buf_done) struct buf procs = {0};

	CHECK_EQ(system(find), 0);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &procs, NULL), 0);
	buf_printf(&procs, "%s\n", text);
	set_file(path, buf_text(&procs));
	confine(atoi(text), path);
}

static void freeze(const char *path, const char *text)
{
	AUTO(free) char *events = in_dir(path, "cgroup.events");
	bool frozen = *text == '1';

	each_process(path, frozen ? stop_process : go_on_process);
	set_file(events, frozen ? "populated 0\nfrozen 1\n" : "populated 0\nfrozen 0\n");
}

static bool has_processes(const char *path)
{
	AUTO(free) char *procs = in_dir(path, "cgroup.procs");
	AUTO(free) char *line = file_line(AT_FDCWD, procs);

	return line && *line;
}

static int act(enum cgroup_act what, const char *path, const char *text, struct ktstr_error *err)
{
	const char *file = strrchr(path, '/') + 1;

	if (what == CGROUP_MKDIR)
		return make_cgroup(path, err);
	if (what == CGROUP_RMDIR)
		return tree_remove(path, err);
	if (access(path, W_OK) < 0)
		return error_sys(err, "open %s", path);
	if (refused && strcmp(file, refused) == 0)
		return error_set(err, -EIO, "write %s: Input/output error", path);
	if (deaf)
		return 0;
	if (strcmp(file, "cpuset.cpus") == 0 && *text == '\n' && has_processes(path))
		return error_set(err, -ENOSPC, "write %s: No space left on device", path);
	if (strcmp(file, "cgroup.procs") == 0)
		move_process(path, text);
	else
		set_file(path, text);
	if (strcmp(file, "cpuset.cpus") == 0)
		set_cpus(path, text);
	if (strcmp(file, "cgroup.freeze") == 0)
		freeze(path, text);
	return 0;
}

/* --- the machine ------------------------------------------------------------------------------------- */

static const struct ktstr_test some_test = {
	.name = "some", .duration_ms = 60, .workers_per_cgroup = 2};

struct stage {
	struct ktstr_ctx ctx;
	struct ktstr_verdict verdict;
	struct ktstr_error err;
};

static void stage_done(struct stage *stage)
{
	ctx_end_play(&stage->ctx);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
	CHECK_EQ(errno, ECHILD);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK(!is_there(&fs, "root/ktstr"));
	verdict_done(&stage->verdict);
	free(stage->ctx.cgroup_root);
	tree_done(&fs);
}
DEFINE_AUTO_DONE(struct stage, stage_done)

static struct stage stage_new(void)
{
	struct topology topology = {1, 1, (uint32_t)sysconf(_SC_NPROCESSORS_ONLN), 1};
	struct stage stage = {.ctx = {.test = &some_test, .mode = "host", .cgroup_act = act}};
	struct cpuset all, have = {0};
	AUTO(buf_done) struct buf list = {0};

	ctx_set_topology(&stage.ctx, &topology);
	all = cpus_all(&topology);
	CHECK(sched_getaffinity(0, sizeof(have), (cpu_set_t *)&have) > -1);
	if (!cpuset_equal(&all, &have))
		skip();        /* workers cannot be seen to have all CPUs */
	deaf = false;
	refused = NULL;
	fs = tree_new();
	cpuset_format(&all, &list);
	make(&fs, "root");
	put(&fs, "root/cpuset.cpus.effective", buf_text(&list));
	stage.ctx.cgroup_root = below(&fs, "root/ktstr");
	return stage;
}

static struct ktstr_play *begin(struct stage *stage)
{
	struct ktstr_play *play = NULL;

	if (ktstr_play_begin(&stage->ctx, &stage->verdict, &play, &stage->err) < 0)
		fail_msg("%s", stage->err.msg);
	return play;
}

static void do_op(struct ktstr_play *play, struct ktstr_op op)
{
	struct ktstr_error err = {0};

	if (ktstr_play_op(play, &op, &err) < 0)
		fail_msg("%s", err.msg);
}

static void refuse_op(struct ktstr_play *play, struct ktstr_op op, const char *words)
{
	struct ktstr_error err = {0};

	CHECK(ktstr_play_op(play, &op, &err) < 0);
	CHECK_HAS(err.msg, words);
}

static void check_file(struct ktstr_play *play, const char *cgroup, const char *file,
		       const char *want)
{
	struct ktstr_error err = {0};
	AUTO(free) char *text = ktstr_play_read(play, cgroup, file, &err);

	if (!text)
		fail_msg("%s", err.msg);
	CHECK_STR(text, want);
}

/* How many of the fake kernel's processes are in a cgroup. */
static size_t processes(struct ktstr_play *play, const char *cgroup)
{
	AUTO(pids_done) struct pids pids = {0};
	AUTO(free) char *text = ktstr_play_read(play, cgroup, "cgroup.procs", NULL);

	CHECK_EQ(pids_parse(sv_of(text), &pids, NULL), 0);
	return pids.len;
}

TEST(what_the_kernel_refuses_names_the_cgroup_once)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_op op = KTSTR_ADD(.name = "a", .workers = 1, .policy = {.kind = KTSTR_POLICY_EXT});
	struct ktstr_play *play = begin(&stage);
	struct ktstr_error err = {0};

	if (ktstr_play_op(play, &op, &err) == 0) {
		skip();        /* a kernel with sched_ext */
		return;
	}
	CHECK_STR(err.msg, "add_cgroup: cgroup a: worker 0: policy EXT: Invalid argument; this kernel has "
			   "no sched_ext");
}

/* --- running ------------------------------------------------------------------------------------------ */

TEST(cgroups_side_by_side_are_judged_and_leave_nothing)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_verdict *verdict = &stage.verdict;

	CHECK_EQ(ktstr_run_cgroups(&stage.ctx, verdict, &stage.err,
				   (struct ktstr_cgroup){.name = "cg_0", .workers = 1},
				   (struct ktstr_cgroup){.name = "cg_1/in"},
				   (struct ktstr_cgroup){.name = "none", .empty = true}), 0);
	CHECK_EQ(verdict->cgroups.len, 2);
	CHECK_STR(verdict->cgroups.at[1].name, "cg_1/in");
	CHECK_EQ(verdict->workers.len, 3);
	vec_each (worker, &verdict->workers) {
		CHECK(worker->completed);
		CHECK(worker->wall_ns >= 60 * NS_PER_MS);
	}
	CHECK(verdict->workers.at[0].role != verdict->workers.at[1].role);
	CHECK(verdict->window.wall_ns >= 60 * NS_PER_MS);
	CHECK(verdict->cleanup_ns > 0);
	CHECK_EQ(verdict->timeline.len, 2);
	CHECK_EQ(verdict->timeline.at[0].op_count, 3);
	CHECK_EQ(verdict->timeline.at[0].op_kinds, 1u << KTSTR_OP_ADD_CGROUP);
	CHECK_EQ(verdict->timeline.at[0].workers, 3);
	CHECK_EQ(verdict->timeline.at[0].cgroups, 4);
	CHECK(verdict->timeline.at[1].end);
	CHECK(verdict->timeline.at[1].cpu_ns > verdict->timeline.at[0].cpu_ns);
}

TEST(every_operation_reaches_the_kernel)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);
	pid_t tids[8] = {0};
	struct cpuset first = {0}, have = {0};
	AUTO(free) char *all = get(&fs, "root/cpuset.cpus.effective");

	cpuset_add(&first, 0);
	do_op(play, KTSTR_ADD(.name = "a", .workers = 1, .cpus = KTSTR_EXACT("0"),
			      .limits = {.cpu_weight = 50, .pids_max = 9}));
	check_file(play, "a", "cpuset.cpus", "0\n");
	check_file(play, "a", "cpu.weight", "50");
	check_file(play, "a", "pids.max", "9");
	CHECK_EQ(processes(play, "a"), 1);
	do_op(play, KTSTR_ADD(.name = "b", .empty = true));
	do_op(play, KTSTR_SPAWN("b", .count = 2));
	CHECK_EQ(processes(play, "b"), 2);
	do_op(play, KTSTR_SWAP_CPUSETS("a", "b"));
	check_file(play, "a", "cpuset.cpus.effective", all);
	check_file(play, "b", "cpuset.cpus", "0\n");
	CHECK_EQ(ktstr_play_tids(play, "b", tids, 8), 2);
	CHECK(sched_getaffinity(tids[1], sizeof(have), (cpu_set_t *)&have) > -1);
	CHECK(cpuset_equal(&have, &first));
	do_op(play, KTSTR_CLEAR_CPUSET("b"));
	check_file(play, "b", "cpuset.cpus.effective", all);
	do_op(play, KTSTR_SET_CPUSET("b", KTSTR_EXACT("0")));
	check_file(play, "b", "cpuset.cpus.effective", "0");
	do_op(play, KTSTR_MOVE_ALL("b", "a"));
	CHECK_EQ(processes(play, "a"), 3);
	CHECK_EQ(processes(play, "b"), 0);
	CHECK_EQ(ktstr_play_tids(play, "a", tids, 2), 3);
	do_op(play, KTSTR_SET_AFFINITY("a", .kind = KTSTR_AFFINITY_EXACT, .cpus = "0"));
	CHECK(sched_getaffinity(tids[0], sizeof(have), (cpu_set_t *)&have) > -1);
	CHECK(cpuset_equal(&have, &first));
	do_op(play, (struct ktstr_op){.kind = KTSTR_OP_SET_LIMITS, .name = "a",
				      .limits = {.cpu_quota_us = 20000}});
	check_file(play, "a", "cpu.max", "20000 100000");
	do_op(play, KTSTR_FREEZE("a"));
	check_file(play, "a", "cgroup.events", "populated 0\nfrozen 1\n");
	do_op(play, KTSTR_UNFREEZE("a"));
	check_file(play, "a", "cgroup.freeze", "0");
	do_op(play, KTSTR_SPAWN_HOST("host", .count = 2));
	CHECK_EQ(ktstr_play_tids(play, "host", tids, 8), 2);
	CHECK_EQ(ktstr_play_hold(play, 30 * NS_PER_MS, &stage.err), 1);
	do_op(play, KTSTR_STOP("host"));
	CHECK_EQ(ktstr_play_tids(play, "host", tids, 8), 0);
	do_op(play, KTSTR_REMOVE("a"));
	CHECK(!is_there(&fs, "root/ktstr/a"));
	CHECK_EQ(stage.verdict.cgroups.len, 1);
	CHECK_EQ(stage.verdict.cgroups.at[0].workers, 3);
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
	CHECK_EQ(stage.verdict.cgroups.len, 2);
	CHECK(stage.verdict.workers.at[4].is_host);
	CHECK_EQ(ktstr_play_end(play, &stage.err), -EINVAL);
	CHECK_EQ(stage.verdict.timeline.len, 2);
	CHECK_EQ(stage.verdict.timeline.at[1].op_count, 14);
}

TEST(masks_are_random_by_the_seed_and_workers_of_one_mask_are_compared)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);

	do_op(play, KTSTR_ADD(.name = "a", .workers = 4,
			      .affinity = {.kind = KTSTR_AFFINITY_RANDOM_SUBSET}));
	do_op(play, KTSTR_SET_AFFINITY("a", .kind = KTSTR_AFFINITY_RANDOM_SUBSET));
	do_op(play, KTSTR_SET_AFFINITY("a", .kind = KTSTR_AFFINITY_SINGLE_CPU));
	CHECK_EQ(ktstr_play_hold(play, 20 * NS_PER_MS, &stage.err), 1);
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
	for (unsigned i = 1; i < 4; i++) {
		const struct worker_report *reports = stage.verdict.workers.at;
		unsigned cpus = ktstr_ctx_cpu_count(&stage.ctx);

		CHECK_EQ(reports[i].role == reports[0].role, i % cpus == 0);
	}
}

/* long, because on a busy host what is left of a worker's time may be uneven by much */
#define FROZEN_NS (3 * NS_PER_S)

TEST(time_in_which_workers_are_frozen_is_not_held_against_anybody)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);
	const struct worker_report *report;

	do_op(play, KTSTR_ADD(.name = "a", .workers = 1));
	CHECK_EQ(ktstr_play_hold(play, 20 * NS_PER_MS, &stage.err), 1);
	do_op(play, KTSTR_FREEZE("a"));
	CHECK_EQ(ktstr_play_hold(play, FROZEN_NS, &stage.err), 1);
	refuse_op(play, KTSTR_SPAWN("a", .count = 1), "spawn: cgroup a: a is frozen");
	refuse_op(play, KTSTR_FREEZE("a"), "freeze a: a is frozen already");
	do_op(play, KTSTR_UNFREEZE("a"));
	refuse_op(play, KTSTR_UNFREEZE("a"), "unfreeze a: it is not frozen");
	CHECK_EQ(ktstr_play_hold(play, 20 * NS_PER_MS, &stage.err), 1);
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
	report = &stage.verdict.workers.at[0];
	CHECK(report->max_gap_ns < FROZEN_NS);
	CHECK(report->wall_ns >= 40 * NS_PER_MS);
	CHECK(report->wall_ns < FROZEN_NS);
}

TEST(frozen_workers_are_thawed_to_be_stopped)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);

	do_op(play, KTSTR_ADD(.name = "a", .workers = 1));
	do_op(play, KTSTR_ADD(.name = "b", .workers = 1));
	do_op(play, KTSTR_FREEZE("a"));
	do_op(play, KTSTR_FREEZE("b"));
	do_op(play, KTSTR_STOP("a"));
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
	CHECK_EQ(stage.verdict.workers.len, 2);
	CHECK(stage.verdict.workers.at[0].completed);
	CHECK(stage.verdict.workers.at[1].completed);
}

/* --- steps ---------------------------------------------------------------------------------------------- */

static int count_calls(struct ktstr_play *play, void *arg, struct ktstr_error *err)
{
	unsigned *calls = arg;

	(void)play, (void)err;
	++*calls;
	return 0;
}

struct looks {
	struct ktstr_play **play;
	struct buf labels;
	unsigned workers[8], count;
	bool in_phase;
};

static void look(void *arg, const char *label)
{
	struct looks *looks = arg;
	struct ktstr_play *play = *looks->play;

	buf_printf(&looks->labels, "%s|", label);
	looks->in_phase |= play->phase_is_open;
	vec_each(crew, &play->crews)
		looks->workers[looks->count] += (*crew)->is_running;
	looks->count++;
}

TEST(who_looks_at_steps_sees_their_workers_and_no_phase)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct looks looks = {.play = &stage.ctx.play};
	static const unsigned workers[] = {1, 2, 2, 1, 1, 1};

	stage.ctx.on_step = look;
	stage.ctx.on_step_arg = &looks;
	CHECK_EQ(ktstr_run_scenario(&stage.ctx, &stage.verdict, &stage.err,
				    &(struct ktstr_scenario){
					    KTSTR_CGROUPS({.name = "base", .workers = 1}),
					    KTSTR_STEPS({.name = "more", KTSTR_CGROUPS({.name = "more", .workers = 1}),
							 .hold = KTSTR_FIXED(10000000)},
							{.hold = KTSTR_FIXED(10000000)})}), 0);
	CHECK_STR(buf_text(&looks.labels), "backdrop: start|step 1 (more): start|step 1 (more): end|step 2: start|"
					   "step 2: end|backdrop: end|");
	CHECK_EQ(looks.count, 6);
	for (size_t i = 0; i < looks.count; i++)
		CHECK_EQ(looks.workers[i], workers[i]);
	CHECK(!looks.in_phase);
	buf_done(&looks.labels);
}

TEST(steps_by_hand_are_looked_at_too)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);
	struct looks looks = {.play = &play};

	stage.ctx.on_step = look;
	stage.ctx.on_step_arg = &looks;
	ktstr_play_step(play, "one");
	do_op(play, KTSTR_ADD(.name = "a", .workers = 1));
	CHECK_EQ(ktstr_play_hold(play, 5000000, &stage.err), 1);
	CHECK_EQ(ktstr_play_hold(play, 5000000, &stage.err), 1);
	ktstr_play_step(play, NULL);
	CHECK_EQ(ktstr_play_hold(play, 5000000, &stage.err), 1);
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
	CHECK_STR(buf_text(&looks.labels), "step 1 (one): start|step 1 (one): end|step 2: start|step 2: end|");
	CHECK(!looks.in_phase);
	/* the time of both steps was judged for idle CPUs, though the phase was closed between */
	CHECK(play->window.wall_ns >= 14 * NS_PER_MS);
	buf_done(&looks.labels);
	ktstr_play_free(play);
}

TEST(steps_are_told_and_loops_do_not_flood)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_verdict *verdict = &stage.verdict;
	unsigned calls = 0;
	const struct {
		unsigned step;
		bool end;
		const char *name;
		unsigned cgroups, workers;
	} want[] = {
		{0, false, "", 1, 1},   {1, false, "more", 2, 2}, {1, true, "more", 2, 2},
		{2, false, "", 2, 1}, {2, true, "", 2, 1},    {0, true, "", 2, 1},
	};

	CHECK_EQ(ktstr_run_scenario(
			 &stage.ctx, verdict, &stage.err,
			 &(struct ktstr_scenario){
				 KTSTR_CGROUPS({.name = "base", .workers = 1}),
				 KTSTR_STEPS({.name = "more",
					      KTSTR_CGROUPS({.name = "more", .workers = 1}),
					      .hold = KTSTR_FRAC(0.5)},
					     {KTSTR_OPS(KTSTR_ADD(.name = "stays", .empty = true),
							KTSTR_CALL(count_calls, &calls)),
					      .hold = KTSTR_FIXED(10000000)})}), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(verdict->timeline.len, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < verdict->timeline.len; i++) {
		const struct timeline_event *event = &verdict->timeline.at[i];

		CHECK_EQ(event->step, want[i].step);
		CHECK_EQ(event->end, want[i].end);
		CHECK_STR(event->name, want[i].name);
		CHECK_EQ(event->cgroups, want[i].cgroups);
		CHECK_EQ(event->workers, want[i].workers);
	}
	CHECK(verdict->timeline.at[2].elapsed_ns - verdict->timeline.at[1].elapsed_ns >=
	      30 * NS_PER_MS);
	/* the ended one's iterations are in the sum */
	CHECK(verdict->timeline.at[3].iterations >= verdict->timeline.at[2].iterations);
	CHECK_EQ(verdict->cgroups.len, 2);
}

TEST(a_loop_repeats_its_operations_and_makes_its_cgroups_once)
{
	AUTO(stage_done) struct stage stage = stage_new();
	unsigned calls = 0;

	CHECK_EQ(ktstr_run_scenario(
			 &stage.ctx, &stage.verdict, &stage.err,
			 &(struct ktstr_scenario){
				 KTSTR_STEPS({KTSTR_OPS(KTSTR_CALL(count_calls, &calls)),
					      KTSTR_CGROUPS({.name = "cg", .workers = 1}),
					      .hold = KTSTR_LOOP(5000000)})}), 0);
	CHECK(calls >= 2);
	CHECK(calls <= 12);
	CHECK_EQ(stage.verdict.timeline.len, 2);
	CHECK_EQ(stage.verdict.timeline.at[1].op_count, calls + 1);
	CHECK_EQ(stage.verdict.cgroups.len, 1);
}

/* --- what is wrong is named -------------------------------------------------------------------------------- */

static int cannot(struct ktstr_play *play, void *arg, struct ktstr_error *err)
{
	(void)play;
	return ktstr_error_set(err, -EPERM, "%s", (const char *)arg);
}

TEST(errors_name_step_operation_and_cgroup)
{
	static char reason[] = "the moon";
	const struct {
		struct ktstr_op op;
		const char *words;
	} bad[] = {
		{KTSTR_SET_CPUSET("cg", KTSTR_LLC(7)),
		 "step 2 (split): set_cpuset cg: LLC 7: the machine has 1"},
		{KTSTR_SET_CPUSET("no", KTSTR_LLC(0)),
		 "step 2 (split): set_cpuset no: there is no cgroup of that name"},
		{KTSTR_SET_CPUSET("cg", (struct ktstr_cpus){0}),
		 "step 2 (split): set_cpuset cg: no CPUs were given"},
		{KTSTR_SPAWN("no", .count = 1),
		 "step 2 (split): spawn: cgroup no: there is no cgroup of that name"},
		{KTSTR_SPAWN("cg", .count = 3, .work.type = KTSTR_WORK_PIPE_IO),
		 "step 2 (split): spawn: cgroup cg: workers must be"},
		{KTSTR_SPAWN("cg", .count = 1, .mempolicy = {.kind = KTSTR_MEM_BIND, .nodes = "5"}),
		 "step 2 (split): spawn: cgroup cg: mempolicy: nodes 5: the cgroup's CPUs are on node 0"},
		{KTSTR_ADD(.name = "cg"),
		 "step 2 (split): add_cgroup: cgroup cg: there is one of that name already"},
		{KTSTR_ADD(.name = "cg/in", .workers = 1),
		 "step 2 (split): add_cgroup: cgroup cg/in: cg has workers of its own"},
		{KTSTR_SPAWN("in", .count = 1),
		 "step 2 (split): spawn: cgroup in: in/side is in it, and cgroup v2 lets no worker"},
		{KTSTR_MOVE_ALL("cg", "in"), "step 2 (split): move_all_tasks cg: cgroup in: in/side is"},
		{KTSTR_MOVE_ALL("cg", "cg"),
		 "step 2 (split): move_all_tasks cg: from a cgroup to itself"},
		{KTSTR_MOVE_ALL("cg", "no"),
		 "step 2 (split): move_all_tasks cg: no: there is no cgroup of that name"},
		{KTSTR_REMOVE("in"), "step 2 (split): remove_cgroup in: cgroup in/side is in it"},
		{KTSTR_SPAWN_HOST("cg", .count = 1), "step 2 (split): spawn_host: cgroup cg: exists"},
		{KTSTR_CALL(cannot, reason), "step 2 (split): call: the moon"},
		{KTSTR_CALL(NULL, NULL), "step 2 (split): call: no function was given"},
		{{.kind = KTSTR_OP_SET_LIMITS, .name = "cg", .limits = {.cpu_weight = 99999}},
		 "step 2 (split): set_limits cg: cpu.weight must be 1..10000"},
		{{.kind = KTSTR_OP_SET_LIMITS, .name = "cg", .limits = {.memory_low = 5}},
		 "step 2 (split): set_limits cg: write \"5\": open "},
		{{.kind = 99}, "step 2 (split): operation: there is no operation 99"},
		{{0}, "there is no operation 0"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO(stage_done) struct stage stage = stage_new();
		int r = ktstr_run_scenario(
			&stage.ctx, &stage.verdict, &stage.err,
			&(struct ktstr_scenario){
				KTSTR_CGROUPS({.name = "cg", .workers = 1},
					      {.name = "in/side", .empty = true}),
				KTSTR_STEPS({.hold = KTSTR_FIXED(1)},
					    {.name = "split", .ops = &bad[i].op, .op_count = 1})});

		CHECK(r < 0);
		CHECK_HAS(stage.err.msg, bad[i].words);
	}
}

TEST(a_scenario_is_checked_before_anything_starts)
{
	const struct {
		struct ktstr_scenario scenario;
		const char *words;
	} bad[] = {
		{{KTSTR_STEPS({.hold = KTSTR_FRAC(2)})}, "step 1: hold: the fraction"},
		{{KTSTR_STEPS({.hold = KTSTR_FIXED(5)}, {.name = "x", .hold = KTSTR_LOOP(0)})},
		 "step 2 (x): hold: must be above 0"},
		{{KTSTR_CGROUPS({.name = "a"}, {.name = "a"})}, "cgroup a: name is there twice"},
		{{KTSTR_STEPS({KTSTR_CGROUPS({.name = "a/../b"})})}, "step 1: cgroup a/../b: \"..\""},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO(stage_done) struct stage stage = stage_new();

		refused = "cgroup.procs";        /* no worker can get anywhere */
		CHECK_EQ(ktstr_run_scenario(&stage.ctx, &stage.verdict, &stage.err,
					    &bad[i].scenario), -EINVAL);
		CHECK_HAS(stage.err.msg, bad[i].words);
	}
	AUTO(stage_done) struct stage stage = stage_new();
	CHECK_EQ(ktstr_run_cgroup_list(&stage.ctx, &stage.verdict, &stage.err, NULL, 0), -EINVAL);
	CHECK_STR(stage.err.msg, "cgroups: there are none to run");
}

TEST(a_list_that_cannot_be_started_is_undone)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);

	refuse_op(play, KTSTR_ADD(.name = "a", .workers = 5000), "cgroup a: workers must be 1..4096");
	refused = "cgroup.procs";
	refuse_op(play, KTSTR_ADD(.name = "a", .workers = 1), "add_cgroup: cgroup a: worker 0: write ");
	CHECK(!is_there(&fs, "root/ktstr/a"));
	CHECK_EQ(ktstr_play_tids(play, "a", NULL, 0), 0);
	refused = NULL;
	do_op(play, KTSTR_ADD(.name = "a", .workers = 1));
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
	CHECK_EQ(stage.verdict.workers.len, 1);
}

TEST(too_many_workers_in_all_are_refused_before_the_first_is_started)
{
	AUTO(stage_done) struct stage stage = stage_new();

	refused = "cgroup.procs";
	CHECK_EQ(ktstr_run_cgroups(&stage.ctx, &stage.verdict, &stage.err,
				   (struct ktstr_cgroup){.name = "a", .workers = 4095},
				   (struct ktstr_cgroup){.name = "b", .workers = 2}), -EINVAL);
	CHECK_STR(stage.err.msg, "cgroup b: workers: more than 4096 in all");
}

TEST(what_the_kernel_has_is_read_back)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);

	if (ktstr_ctx_cpu_count(&stage.ctx) < 2)
		skip();
	do_op(play, KTSTR_ADD(.name = "a", .workers = 1));
	deaf = true;
	refuse_op(play, KTSTR_SET_CPUSET("a", KTSTR_EXACT("0")),
		  "set_cpuset a: cpuset.cpus.effective of a is 0-");
	deaf = false;
	do_op(play, KTSTR_SET_CPUSET("a", KTSTR_EXACT("0")));
	/* a child cannot have what its parent does not have */
	do_op(play, KTSTR_ADD(.name = "p", .cpus = KTSTR_EXACT("0"), .empty = true));
	refuse_op(play, KTSTR_ADD(.name = "p/in", .cpus = KTSTR_EXACT("1"), .empty = true),
		  "add_cgroup: cgroup p/in: cpuset.cpus.effective of p/in is 0, not 1");
	/* and one whose parent gets less has less too */
	do_op(play, KTSTR_ADD(.name = "q/in", .workers = 1));
	put(&fs, "root/ktstr/q/in/cpuset.cpus.effective", "1");
	refuse_op(play, KTSTR_SET_CPUSET("q", KTSTR_EXACT("0")),
		  "set_cpuset q: cpuset.cpus.effective of q/in is 1, not 0");
	put(&fs, "root/ktstr/q/in/cpuset.cpus.effective", "0");
	refuse_op(play, KTSTR_SET_CPUSET("q", KTSTR_EXACT("0")), "may run on CPUs 0-");
}

TEST(a_write_that_fails_is_named)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);

	do_op(play, KTSTR_ADD(.name = "a", .workers = 1));
	refused = "cgroup.freeze";
	refuse_op(play, KTSTR_FREEZE("a"), "freeze a: write ");
	refused = "cpuset.cpus";
	refuse_op(play, KTSTR_SET_CPUSET("a", KTSTR_EXACT("0")), "set_cpuset a: write ");
	refuse_op(play, KTSTR_ADD(.name = "b", .cpus = KTSTR_EXACT("0")),
		  "add_cgroup: cgroup b: write ");
	CHECK(!is_there(&fs, "root/ktstr/b"));
	refused = NULL;
	CHECK_EQ(ktstr_play_hold(play, UINT64_MAX, &stage.err), -EINVAL);
	CHECK(!ktstr_play_read(play, "a", "../cgroup.procs", &stage.err));
	CHECK_STR(stage.err.msg, "read ../cgroup.procs: is no name of a cgroup's file");
	CHECK(!ktstr_play_read(play, "no", "cgroup.procs", &stage.err));
	CHECK_HAS(stage.err.msg, "read cgroup.procs of cgroup no: there is no cgroup of that name");
}

TEST(an_io_weight_that_the_kernel_does_not_know_is_a_note)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage);

	do_op(play, KTSTR_ADD(.name = "a", .limits = {.io_weight = 5}, .empty = true));
	CHECK_EQ(stage.verdict.details.len, 1);
	CHECK_EQ(stage.verdict.details.at[0].kind, KTSTR_KIND_NOTE);
	CHECK_STR(stage.verdict.details.at[0].text,
		  "cgroup a: io.weight is not set: this kernel has none");
}

/* --- ends ---------------------------------------------------------------------------------------------------- */

TEST(a_play_that_a_body_leaves_open_is_ended)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play = begin(&stage), *second;

	do_op(play, KTSTR_ADD(.name = "a/b", .workers = 2));
	CHECK_EQ(ktstr_play_begin(&stage.ctx, &stage.verdict, &second, &stage.err), -EBUSY);
	CHECK_HAS(stage.err.msg, "there is a play already");
	CHECK_EQ(ktstr_run_cgroups(&stage.ctx, &stage.verdict, &stage.err,
				   (struct ktstr_cgroup){.name = "x"}), -EBUSY);
	ctx_end_play(&stage.ctx);
	CHECK(!stage.ctx.play);
	CHECK_EQ(stage.verdict.workers.len, 0);
	play = begin(&stage);
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
}

static pid_t scheduler_for(uint64_t ns)
{
	const struct timespec life = {.tv_sec = (time_t)(ns / NS_PER_S),
				      .tv_nsec = (long)(ns % NS_PER_S)};
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &life, NULL);
		_exit(0);
	}
	CHECK(pid > 0);
	return pid;
}

static void check_death(const struct ktstr_verdict *verdict, const char *words)
{
	CHECK_EQ(ktstr_verdict_state(verdict), KTSTR_FAIL);
	CHECK(ktstr_verdict_has(verdict, KTSTR_KIND_SCHEDULER_DIED));
	CHECK_HAS(verdict->details.at[0].text, words);
}

TEST(a_scheduler_that_is_gone_is_a_finding)
{
	AUTO(stage_done) struct stage stage = stage_new();
	pid_t pid = scheduler_for(0);

	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	stage.ctx.scheduler_pid = pid;
	CHECK_EQ(ktstr_run_cgroups(&stage.ctx, &stage.verdict, &stage.err,
				   (struct ktstr_cgroup){.name = "cg_0"}), 0);
	CHECK_EQ(stage.verdict.details.len, 1);
	check_death(&stage.verdict,
		    "scheduler process died unexpectedly during workload (0.0 s into test)");
}

TEST(a_scheduler_that_dies_ends_a_hold)
{
	AUTO(stage_done) struct stage stage = stage_new();
	struct ktstr_play *play;
	pid_t pid = scheduler_for(30 * NS_PER_MS);
	uint64_t before = clock_ns();

	stage.ctx.scheduler_pid = pid;
	play = begin(&stage);
	do_op(play, KTSTR_ADD(.name = "a", .workers = 1));
	CHECK_EQ(ktstr_play_hold(play, 60 * NS_PER_S, &stage.err), 0);
	CHECK(clock_ns() - before < 30 * NS_PER_S);
	CHECK_EQ(ktstr_play_hold(play, 60 * NS_PER_S, &stage.err), 0);
	CHECK_EQ(ktstr_play_end(play, &stage.err), 0);
	check_death(&stage.verdict, "died unexpectedly during workload (");
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static int end_scheduler(struct ktstr_play *play, void *arg, struct ktstr_error *err)
{
	siginfo_t info;

	(void)play, (void)err;
	CHECK_EQ(kill(*(pid_t *)arg, SIGKILL), 0);
	CHECK_EQ(waitid(P_PID, (id_t) * (pid_t *)arg, &info, WEXITED | WNOWAIT), 0);
	return 0;
}

/* A hold of a nanosecond is over before it looks; the step's end looks. */
static void die_in_step(unsigned step, const char *words)
{
	AUTO(stage_done) struct stage stage = stage_new();
	pid_t pid = scheduler_for(600 * NS_PER_S);
	struct ktstr_op end = KTSTR_CALL(end_scheduler, &pid);
	struct ktstr_step steps[3] = {{.hold = KTSTR_FIXED(1)}, {.hold = KTSTR_FIXED(1)},
				      {.hold = KTSTR_FIXED(1)}};

	steps[step - 1].ops = &end;
	steps[step - 1].op_count = 1;
	stage.ctx.scheduler_pid = pid;
	CHECK_EQ(ktstr_run_scenario(&stage.ctx, &stage.verdict, &stage.err,
				    &(struct ktstr_scenario){
					    KTSTR_CGROUPS({.name = "a", .workers = 1}),
					    .steps = steps, .step_count = 3}), 0);
	check_death(&stage.verdict, words);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(a_death_between_holds_names_the_step)
{
	die_in_step(2, "scheduler process died unexpectedly after completing step 2 of 3 (");
	die_in_step(3, "scheduler process died unexpectedly (detected after all 3 steps completed, ");
}

RUN_TESTS();
