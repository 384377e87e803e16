/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload/evidence.h"
#include "workload/reservoir.h"
#include "workload/worker.h"
#include "workload/workload.h"
#include "test.h"
#include "worker_runs.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_task
#include "../fuzz/fuzz_task.c"
#undef LLVMFuzzerTestOneInput

/* --- names ------------------------------------------------------------------------------------ */

TEST(work_types_have_one_spelling)
{
	struct ktstr_error err = {0};
	enum ktstr_work_type type;

	for (unsigned i = 0; i < KTSTR_WORK_TYPE_COUNT; i++) {
		const char *name = work_type_name((enum ktstr_work_type)i);

		if (!work_type_by_name((enum ktstr_work_type)i))
			continue;
		CHECK_EQ(work_type_parse(sv_of(name), &type, &err), 0);
		CHECK_EQ(type, i);
	}
	CHECK_EQ(work_type_parse(sv_of("spinwait"), &type, &err), -EINVAL);
	CHECK_STR(err.msg, "no work type is called \"spinwait\"; did you mean SpinWait?");
	CHECK_EQ(work_type_parse(sv_of("Brusty"), &type, &err), -EINVAL);
	CHECK_STR(err.msg, "no work type is called \"Brusty\"; did you mean Bursty?");
	CHECK_EQ(work_type_parse(sv_of("CpuSpin"), &type, &err), -EINVAL);
	CHECK_STR(err.msg, "no work type is called \"CpuSpin\"; did you mean SpinWait?");
	CHECK_EQ(work_type_parse(sv_of("IoSync"), &type, &err), -EINVAL);
	CHECK_STR(err.msg, "no work type is called \"IoSync\"; did you mean IoSyncWrite?");
}

TEST(what_needs_data_is_not_chosen_by_name)
{
	struct ktstr_error err = {0};
	enum ktstr_work_type type;

	for (const char *const *name = (const char *const[]){"Sequence", "Custom", NULL}; *name; name++) {
		CHECK_EQ(work_type_parse(sv_of(*name), &type, &err), -EINVAL);
		CHECK_HAS(err.msg, *name);
		CHECK_HAS(err.msg, "cannot be chosen by name");
	}
	CHECK_EQ(work_type_parse(sv_of("Custon"), &type, &err), -EINVAL);
	CHECK_HAS(err.msg, "there are SpinWait");
}

TEST(a_work_type_like_no_other_gets_the_list)
{
	struct ktstr_error err = {0};
	enum ktstr_work_type type;
	char longest[64] = {0};

	memset(longest, 'x', sizeof(longest) - 1);
	for (const char *const *bad = (const char *const[]){"", "x", "Compile", longest, NULL}; *bad;
	     bad++) {
		CHECK_EQ(work_type_parse(sv_of(*bad), &type, &err), -EINVAL);
		CHECK_HAS(err.msg, "there are SpinWait, YieldHeavy, Mixed, IoSyncWrite, IoRandRead, ");
		CHECK(!strstr(err.msg, "Custom"));
	}
}

/* --- the sample of wake-ups ------------------------------------------------------------------- */

TEST(a_reservoir_that_is_not_full_holds_everything)
{
	struct reservoir reservoir;
	uint64_t room[8];

	reservoir_init(&reservoir, room, 8, 0);
	for (uint64_t value = 5; value > 0; value--)
		reservoir_add(&reservoir, value);
	reservoir_sort(room, reservoir.len);
	CHECK_EQ(reservoir.len, 5);
	for (uint64_t i = 0; i < 5; i++)
		CHECK_EQ(reservoir.at[i], i + 1);
}

TEST(a_full_reservoir_samples_the_whole_stream_and_repeats_by_seed)
{
	uint64_t room[3][256];
	struct reservoir one, same, other;

	reservoir_init(&one, room[0], 256, 7);
	reservoir_init(&same, room[1], 256, 7);
	reservoir_init(&other, room[2], 256, 8);
	for (uint64_t value = 0; value < 100000; value++) {
		reservoir_add(&one, value);
		reservoir_add(&same, value);
		reservoir_add(&other, value);
	}
	CHECK_EQ(one.len, 256);
	CHECK_EQ(one.seen, 100000);
	CHECK_EQ(one.max, 99999);
	CHECK_EQ(memcmp(one.at, same.at, 256 * sizeof(uint64_t)), 0);
	CHECK(memcmp(one.at, other.at, 256 * sizeof(uint64_t)) != 0);
	reservoir_sort(one.at, one.len);
	/* the median of 256 uniform samples is off by 3 % in one standard deviation */
	CHECK(one.at[128] > 35000);
	CHECK(one.at[128] < 65000);
}

/* --- what the kernel says --------------------------------------------------------------------- */

TEST(schedstat_is_three_numbers)
{
	struct task_sample sample = {0};

	CHECK_EQ(task_parse_schedstat(sv_of("1234567 89 10\n"), &sample), 0);
	CHECK_EQ(sample.run_ns, 1234567);
	CHECK_EQ(sample.wait_ns, 89);
	CHECK_EQ(sample.timeslices, 10);
	for (const char *const *bad = (const char *const[]){"", "1 2", "1 2 3 4", "1 2 x", "-1 2 3",
							     "1  2 3", NULL};
	     *bad; bad++)
		CHECK_EQ(task_parse_schedstat(sv_of(*bad), &sample), -EINVAL);
}

#define STAT_TAIL                                                                                  \
	" 1 17 17 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 99 1000 10 18446744073709551615 1 2 3 0 0 "    \
	"0 0 0 0 1 0 0 17 6 0 0"

TEST(a_task_may_be_called_anything)
{
	struct task_sample sample = {0};

	CHECK_EQ(task_parse_stat(sv_of("17 (a) R (b) S" STAT_TAIL), &sample), 0);
	CHECK_EQ(sample.state, 'S');
	CHECK_EQ(sample.cpu, 6);
	for (const char *const *bad = (const char *const[]){"", "17", "17 (a)", "17 (a) ", "17 (a)R",
							     "17 (a) R", "17 (a) R 1 2 3", NULL};
	     *bad; bad++)
		CHECK_EQ(task_parse_stat(sv_of(*bad), &sample), -EINVAL);
}

TEST(sched_ext_shows_in_one_line)
{
	struct task_sample ext = {0}, fair = {0}, old = {.scheduler_known = true};

	task_parse_sched(sv_of("cg_0-0 (77, #threads: 1)\n---\n"
			       "policy                        :                    0\n"
			       "ext.enabled                   :                    1\n"), &ext);
	task_parse_sched(sv_of("ext.enabled                   :                    0\n"), &fair);
	task_parse_sched(sv_of("policy                        :                    1\n"), &old);
	CHECK(ext.ext_enabled);
	CHECK(!fair.ext_enabled);
	CHECK(ext.scheduler_known);
	CHECK(!old.scheduler_known);        /* SCHED_FIFO: nobody asks whose it is */
	CHECK(!old.ext_enabled);
}

/* --- deciding from evidence ------------------------------------------------------------------- */

static struct worker_evidence evidence_of(char state, uint64_t run_ns, uint64_t wait_ns)
{
	return (struct worker_evidence){
		.before = {.counted = true, .run_ns = 7, .wait_ns = 8, .timeslices = 1, .state = 'S'},
		.after = {.counted = true, .at_ns = 1000 + 2 * NS_PER_S, .run_ns = 7 + run_ns,
			  .wait_ns = 8 + wait_ns, .timeslices = 1, .state = state, .cpu = 3},
		.release_ns = 1000,
		.since_ns = 1000,
		.end_ns = 1000 + 2 * NS_PER_S,
		.wait_status = -1,
	};
}

TEST(a_worker_that_never_ran_waited_and_stood_still_all_the_time)
{
	struct worker_report report = {.max_gap_cpu = -1};
	struct worker_evidence evidence = evidence_of('R', 0, 0);

	report_complete(&report, &evidence);
	CHECK_EQ(report.run_delay_ns, 2 * NS_PER_S);
	CHECK_EQ(report.max_gap_ns, 2 * NS_PER_S);
	CHECK_EQ(report.max_gap_at_ns, 2 * NS_PER_S);
	CHECK_EQ(report.max_gap_cpu, 3);
	CHECK_EQ(report.wall_ns, 2 * NS_PER_S);
	CHECK_EQ(report.cpu_ns, 0);
	CHECK_EQ(report.wait_status, -1);
}

TEST(a_wait_that_goes_on_counts_from_the_last_checkpoint)
{
	struct worker_report report = {0};
	struct worker_evidence evidence = evidence_of('R', NS_PER_S / 2, NS_PER_S / 4);

	evidence.since_ns = evidence.after.at_ns - NS_PER_S;
	report_complete(&report, &evidence);
	CHECK_EQ(report.run_delay_ns, NS_PER_S / 4 + NS_PER_S);
	CHECK_EQ(report.max_gap_ns, NS_PER_S);
	CHECK_EQ(report.cpu_ns, NS_PER_S / 2);
}

TEST(a_worker_never_waits_longer_than_it_did_not_run)
{
	struct worker_report report = {0};
	struct worker_evidence evidence = evidence_of('R', 3 * NS_PER_S / 2, NS_PER_S / 4);

	report_complete(&report, &evidence);
	CHECK_EQ(report.run_delay_ns, NS_PER_S / 2);
}

TEST(a_worker_that_sleeps_does_not_wait_for_a_cpu)
{
	struct worker_report report = {0};
	struct worker_evidence evidence = evidence_of('S', NS_PER_S, NS_PER_S / 4);

	evidence.since_ns = WORKER_SINCE_WAITING;
	report_complete(&report, &evidence);
	CHECK_EQ(report.run_delay_ns, NS_PER_S / 4);
	CHECK_EQ(report.max_gap_ns, 0);
}

TEST(what_a_worker_reported_itself_stands)
{
	struct worker_report report = {
		.completed = true, .wall_ns = 11, .cpu_ns = 12, .max_gap_ns = 13, .max_gap_cpu = 1};
	struct worker_evidence evidence = evidence_of('R', NS_PER_S, 0);

	evidence.wait_status = 0;
	report_complete(&report, &evidence);
	CHECK_EQ(report.wall_ns, 11);
	CHECK_EQ(report.cpu_ns, 12);
	CHECK_EQ(report.max_gap_ns, 13);
	CHECK_EQ(report.sched_run_ns, NS_PER_S);
}

TEST(a_task_that_is_gone_has_no_counters)
{
	struct worker_report report = {0};
	struct worker_evidence evidence = evidence_of('R', NS_PER_S, 0);

	evidence.after = (struct task_sample){.at_ns = 5};
	report_complete(&report, &evidence);
	CHECK_EQ(report.sched_run_ns, 0);
	CHECK_EQ(report.run_delay_ns, 0);
	CHECK_EQ(report.timeslices, 0);
}

/* --- real workers ----------------------------------------------------------------------------- */

static const struct worker_report *run(struct workers *workers, uint64_t ns)
{
	size_t count;

	workers_settle(workers);
	workers_release(workers);
	CHECK_EQ(wait_for(workers, ns, -1), WORKERS_TIME_IS_UP);
	workers_observe(workers);
	workers_stop(workers);
	return workers_reports(workers, 0, &count);
}

TEST(spinning_workers_use_their_time)
{
	struct worker_group groups[] = {{.cgroup = "spin", .count = 2}, {.cgroup = "b", .count = 1}};
	AUTO(workers_free) struct workers *workers = start(groups, 2);
	const struct worker_report *reports = run(workers, 300 * NS_PER_MS);
	size_t count;

	for (uint32_t i = 0; i < 2; i++) {
		CHECK_STR(reports[i].cgroup, "spin");
		CHECK_EQ(reports[i].index, i);
		CHECK(reports[i].tid > 0);
		CHECK(reports[i].completed);
		CHECK_EQ(reports[i].wait_status, 0);
		CHECK(reports[i].work_units >= 1024);
		CHECK(reports[i].iterations >= 1);
		CHECK(reports[i].iterations <= reports[i].work_units / (1024 - 128));
		CHECK(reports[i].wall_ns >= 300 * NS_PER_MS);
		CHECK(reports[i].cpu_ns > 0);
		CHECK(reports[i].cpu_ns <= reports[i].wall_ns);
		CHECK(reports[i].max_gap_ns > 0);
		CHECK(reports[i].max_gap_ns <= reports[i].wall_ns);
		CHECK(reports[i].max_gap_cpu >= 0);
		CHECK(cpuset_has(&reports[i].cpus, (unsigned)reports[i].max_gap_cpu));
		CHECK_EQ(reports[i].wake_count, 0);
	}
	reports = workers_reports(workers, 1, &count);
	CHECK_EQ(count, 1);
	CHECK_STR(reports[0].cgroup, "b");
	CHECK_EQ(reports[0].index, 0);
	CHECK(has_no_children());
}

TEST(workers_do_nothing_before_the_release)
{
	struct worker_group group = {.cgroup = "held", .count = 2};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	AUTO(fd_close) int proc_fd = -1;
	struct deadline deadline = deadline_in(20 * NS_PER_S);
	struct task_sample early, late;
	const struct worker_report *reports;
	uint64_t before;

	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	workers_settle(workers);
	do {
		CHECK(!deadline_passed(deadline));
		usleep(10000);
		early = task_sample_counters(proc_fd, workers_pid(workers, 0));
	} while (early.state != 'S');
	usleep(200000);
	late = task_sample_counters(proc_fd, workers_pid(workers, 0));
	CHECK_EQ(late.run_ns, early.run_ns);
	CHECK_EQ(late.timeslices, early.timeslices);
	before = clock_ns();
	reports = run(workers, 0);
	CHECK(reports[0].wall_ns < clock_ns() - before);
}

TEST(a_worker_carries_its_cgroup_and_index_in_its_name)
{
	struct worker_group group = {.cgroup = "a_very_long_cgroup", .count = 12};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	char path[64];

	workers_settle(workers);
	snprintf(path, sizeof(path), "/proc/%d/comm", workers_pid(workers, 11));
	AUTO(free) char *comm = file_line(-1, path);
	CHECK_STR(comm, "a_very_long_-11");
	CHECK_EQ(getpgid(workers_pid(workers, 3)), workers_pid(workers, 3));
}

TEST(yielding_workers_pass_a_checkpoint_at_every_yield)
{
	struct worker_group group = {
		.cgroup = "yield", .count = 2, .work = {.type = KTSTR_WORK_YIELD_HEAVY}};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	const struct worker_report *reports = run(workers, 100 * NS_PER_MS);

	CHECK(reports[0].completed);
	CHECK(reports[0].work_units > 0);
	CHECK_EQ(reports[0].work_units, reports[0].iterations);
}

TEST(bursty_workers_sleep_and_measure_how_late_they_wake)
{
	struct worker_group group = {.cgroup = "bursty",
				     .count = 1,
				     .work = {.type = KTSTR_WORK_BURSTY,
					      .burst_ns = 2 * NS_PER_MS,
					      .sleep_ns = 18 * NS_PER_MS}};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	const struct worker_report *report = run(workers, 500 * NS_PER_MS);

	CHECK(report->completed);
	CHECK(report->wake_count >= 2);
	CHECK(report->wake_count <= report->wall_ns / (18 * NS_PER_MS));
	CHECK(report->iterations >= report->wake_count);
	CHECK(report->wake_ns_p50 > 0);
	CHECK(report->wake_ns_p50 <= report->wake_ns_p99);
	CHECK(report->wake_ns_p99 <= report->wake_ns_max);
	/* asleep 9/10 of the time; a burst is wall time, so its CPU time can only be less */
	CHECK(report->cpu_ns < report->wall_ns / 4);
}

TEST(a_sleep_is_no_gap)
{
	struct worker_group group = {.cgroup = "bursty",
				     .count = 1,
				     .work = {.type = KTSTR_WORK_BURSTY,
					      .burst_ns = 1,
					      .sleep_ns = WORK_DURATION_MAX_NS}};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	const struct worker_report *report = run(workers, NS_PER_S);

	CHECK(report->completed);
	CHECK_EQ(report->wait_status, 0);
	CHECK_EQ(report->wake_count, 0);
	CHECK(report->max_gap_ns < 700 * NS_PER_MS);
}

TEST(pairs_take_turns)
{
	struct worker_group group = {
		.cgroup = "pipe", .count = 4, .work = {.type = KTSTR_WORK_PIPE_IO, .iterations = 100}};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	const struct worker_report *reports = run(workers, 200 * NS_PER_MS);

	for (int i = 0; i < 4; i += 2) {
		const struct worker_report *first = &reports[i], *second = &reports[i + 1];

		CHECK(first->completed);
		CHECK(second->completed);
		CHECK(second->iterations > 0);
		CHECK(first->iterations >= second->iterations);
		CHECK(first->iterations <= second->iterations + 1);
		/* each burst is 100 turns, give or take an eighth */
		CHECK(first->work_units >= 88 * first->iterations);
		CHECK(first->work_units <= 112 * (first->iterations + 1));
		CHECK(second->wake_count >= second->iterations);
		CHECK(first->wake_count <= first->iterations);
		CHECK(first->wake_ns_p50 > 0);
		CHECK(first->wake_ns_max < first->wall_ns);
		/* one of them was waiting when the stop came: no gap */
		CHECK(first->max_gap_ns < first->wall_ns);
		CHECK(second->max_gap_ns < second->wall_ns);
	}
}

TEST(a_worker_whose_partner_is_gone_stops_cleanly)
{
	struct worker_group group = {
		.cgroup = "pipe", .count = 2, .work = {.type = KTSTR_WORK_PIPE_IO}};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	const struct worker_report *reports;
	size_t count;

	workers_settle(workers);
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 50 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	kill(workers_pid(workers, 0), SIGKILL);
	CHECK_EQ(wait_for(workers, 20 * NS_PER_S, -1), WORKERS_ALL_ENDED);
	workers_stop(workers);
	reports = workers_reports(workers, 0, &count);
	CHECK(!reports[0].completed);
	CHECK(reports[1].completed);
	CHECK_EQ(reports[1].wait_status, 0);
}

TEST(a_worker_that_has_nobody_to_hand_over_to_stops_cleanly)
{
	struct worker_group group = {
		.cgroup = "pipe", .count = 2, .work = {.type = KTSTR_WORK_PIPE_IO}};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	const struct worker_report *reports;
	size_t count;

	kill(workers_pid(workers, 1), SIGKILL);
	workers_settle(workers);
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 20 * NS_PER_S, -1), WORKERS_ALL_ENDED);
	workers_stop(workers);
	reports = workers_reports(workers, 0, &count);
	CHECK(reports[0].completed);
	CHECK_EQ(reports[0].wait_status, 0);
	CHECK_EQ(reports[0].iterations, 1);
	CHECK(!reports[1].completed);
}

TEST(a_killed_worker_keeps_what_it_had)
{
	struct worker_group group = {.cgroup = "spin", .count = 2};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	const struct worker_report *reports;
	siginfo_t ended;
	size_t count;

	workers_settle(workers);
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 200 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	kill(workers_pid(workers, 1), SIGKILL);
	/* on a busy host it takes a while until it has a CPU to die on */
	CHECK_EQ(waitid(P_PID, (id_t)workers_pid(workers, 1), &ended, WEXITED | WNOWAIT), 0);
	CHECK_EQ(wait_for(workers, 400 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	workers_observe(workers);
	workers_stop(workers);
	reports = workers_reports(workers, 0, &count);
	CHECK(reports[0].completed);
	CHECK(!reports[1].completed);
	CHECK(WIFSIGNALED(reports[1].wait_status));
	CHECK_EQ(WTERMSIG(reports[1].wait_status), SIGKILL);
	CHECK(reports[1].work_units > 0);
	/* its time ended with it */
	CHECK(reports[1].wall_ns >= 200 * NS_PER_MS);
	CHECK(reports[1].wall_ns + 100 * NS_PER_MS < reports[0].wall_ns);
	CHECK(has_no_children());
}

TEST(a_worker_that_does_not_stop_is_killed_at_the_deadline)
{
	struct worker_group group = {.cgroup = "stuck", .count = 2};
	AUTO(workers_free) struct workers *workers = start_with(&group, 1, NS_PER_S);
	const struct worker_report *reports;
	uint64_t before, took;
	size_t count;

	workers_settle(workers);
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 50 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	kill(workers_pid(workers, 0), SIGSTOP);
	CHECK_EQ(wait_for(workers, 100 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	workers_observe(workers);
	before = clock_ns();
	workers_stop(workers);
	took = clock_ns() - before;
	reports = workers_reports(workers, 0, &count);
	CHECK(!reports[0].completed);
	CHECK_EQ(reports[0].wait_status, -1);
	CHECK(reports[0].max_gap_ns >= 90 * NS_PER_MS);
	CHECK(reports[1].completed);
	CHECK(took >= NS_PER_S);
	CHECK(took < 15 * NS_PER_S);
	workers_free(TAKE_PTR(workers));
	CHECK(has_no_children());
}

TEST(a_worker_that_was_held_from_the_start_stood_still_all_the_time)
{
	struct worker_group group = {.cgroup = "stuck", .count = 1};
	AUTO(workers_free) struct workers *workers = start_with(&group, 1, NS_PER_S / 5);
	const struct worker_report *report;

	workers_settle(workers);
	kill(workers_pid(workers, 0), SIGSTOP);
	report = run(workers, 100 * NS_PER_MS);
	CHECK(!report->completed);
	CHECK_EQ(report->work_units, 0);
	CHECK(report->max_gap_ns >= 100 * NS_PER_MS);
	CHECK_EQ(report->max_gap_ns, report->wall_ns);
}

TEST(a_worker_that_died_early_does_not_hold_up_the_others)
{
	struct worker_group group = {.cgroup = "spin", .count = 2};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	uint64_t before = clock_ns();

	kill(workers_pid(workers, 0), SIGKILL);
	workers_settle(workers);
	CHECK(clock_ns() - before < 4 * NS_PER_S);
}

TEST(waiting_ends_early_when_something_happens)
{
	struct worker_group group = {.cgroup = "spin", .count = 2};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	AUTO(fd_close) int out = -1;
	AUTO(fd_close) int in = -1;
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	out = ends[0];
	in = ends[1];
	workers_settle(workers);
	workers_release(workers);
	fd_close(TAKE_FD(in));
	CHECK_EQ(wait_for(workers, 60 * NS_PER_S, out), WORKERS_WATCHED_FD);
	kill(workers_pid(workers, 0), SIGKILL);
	kill(workers_pid(workers, 1), SIGKILL);
	CHECK_EQ(wait_for(workers, 60 * NS_PER_S, -1), WORKERS_ALL_ENDED);
}

TEST(workers_are_not_left_when_nobody_stops_them)
{
	struct worker_group group = {.cgroup = "spin", .count = 3};
	struct workers *workers = start(&group, 1);

	workers_settle(workers);
	workers_release(workers);
	workers_free(workers);
	CHECK(has_no_children());
	workers_free(start(&group, 1));
	CHECK(has_no_children());
}

TEST(a_group_that_makes_no_sense_is_named)
{
	struct ktstr_error err = {0};
	struct worker_group odd = {.cgroup = "cg_0", .count = 3, .work.type = KTSTR_WORK_PIPE_IO};
	struct worker_group none = {.cgroup = "cg_1"};
	struct worker_group type = {.cgroup = "cg_2", .count = 1, .work.type = KTSTR_WORK_TYPE_COUNT};
	struct worker_group slow = {.cgroup = "cg_3", .count = 1, .work.sleep_ns = UINT64_MAX};
	struct worker_group many[2] = {{.cgroup = "a", .count = 4000}, {.cgroup = "b", .count = 97}};
	struct workers *workers = NULL;

	CHECK_EQ(worker_group_check(&odd, &err), -EINVAL);
	CHECK_STR(err.msg, "cgroup cg_0: workers must be a multiple of 2 for PipeIo, not 3");
	CHECK_EQ(worker_group_check(&none, &err), -EINVAL);
	CHECK_STR(err.msg, "cgroup cg_1: workers must be 1..4096, not 0");
	CHECK_EQ(worker_group_check(&type, &err), -EINVAL);
	CHECK_HAS(err.msg, "cgroup cg_2: work.type 28");
	CHECK_EQ(worker_group_check(&slow, &err), -EINVAL);
	CHECK_STR(err.msg, "cgroup cg_3: work.sleep_ns must be at most an hour");
	CHECK_EQ(workers_start(&(struct workers_config){.groups = many, .group_count = 2}, &workers,
			       &err), -EINVAL);
	CHECK_STR(err.msg, "workers must be 1..4096 in all, not 4097");
	CHECK(!workers);
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_task_holds_on_its_corpus)
{
	replay_corpus("task", fuzz_task);
}

RUN_TESTS();
