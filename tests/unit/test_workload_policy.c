/* SPDX-License-Identifier: BSD-2-Clause */
/* How workers are scheduled and where their memory is; what is refused; processes and threads. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "workload/evidence.h"
#include "workload/kinds.h"
#include "workload/workers.h"
#include "worker_runs.h"

#define BOTH_WAYS(threads) (int threads = 0; threads < 2; threads++)

/* --- policy, nice value, CPUs ----------------------------------------------------------------------- */

TEST(policies_are_what_was_asked_for)
{
	static const struct {
		struct ktstr_policy policy;
		int number, priority;
	} rows[] = {
		{{.kind = KTSTR_POLICY_NORMAL}, SCHED_OTHER, 0},
		{{.kind = KTSTR_POLICY_BATCH}, SCHED_BATCH, 0},
		{{.kind = KTSTR_POLICY_IDLE}, SCHED_IDLE, 0},
		{{.kind = KTSTR_POLICY_FIFO}, SCHED_FIFO, 1},
		{{.kind = KTSTR_POLICY_FIFO, .priority = 9}, SCHED_FIFO, 9},
		{{.kind = KTSTR_POLICY_RR, .priority = 3}, SCHED_RR, 3},
	};

	if (!has_capability(CAP_SYS_NICE)) {
		skip();
		return;
	}
	for BOTH_WAYS(threads) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			struct worker_group group = {
				.cgroup = "cg", .count = 2, .work.type = KTSTR_WORK_IDLE_CHURN,
				.policy = rows[i].policy, .nice = -3, .threads = threads};
			AUTO(workers_free) struct workers *workers = start_running(&group);
			struct sched_param param;

			for (size_t k = 0; k < 2; k++) {
				pid_t tid = workers_tid(workers, k);

				CHECK_EQ(sched_getscheduler(tid), rows[i].number);
				CHECK_EQ(sched_getparam(tid, &param), 0);
				CHECK_EQ(param.sched_priority, rows[i].priority);
				CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)tid), -3);
			}
			(void)stop_all(workers);
		}
	}
}

/* The first 48 bytes of struct sched_attr (uapi/linux/sched/types.h). */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

TEST(a_deadline_reaches_the_kernel)
{
	struct worker_group group = {
		.cgroup = "cg", .count = 1, .work.type = KTSTR_WORK_FORK_EXIT,
		.policy = {.kind = KTSTR_POLICY_DEADLINE, .runtime_ns = 2 * NS_PER_MS,
			   .deadline_ns = 10 * NS_PER_MS, .period_ns = 20 * NS_PER_MS}};
	AUTO(workers_free) struct workers *workers = NULL;
	struct attributes attr = {0};
	const struct worker_report *report;

	if (!has_capability(CAP_SYS_NICE)) {
		skip();
		return;
	}
	workers = start_running(&group);
	CHECK_EQ(syscall(SYS_sched_getattr, workers_tid(workers, 0), &attr, sizeof(attr), 0), 0);
	CHECK_EQ(attr.policy, 6);
	CHECK_EQ(attr.runtime_ns, 2 * NS_PER_MS);
	CHECK_EQ(attr.deadline_ns, 10 * NS_PER_MS);
	CHECK_EQ(attr.period_ns, 20 * NS_PER_MS);
	CHECK_EQ(wait_for(workers, 100 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	report = stop_all(workers);
	CHECK(report->iterations > 0);        /* it may fork */
}

TEST(ext_is_there_or_said_not_to_be)
{
	struct worker_group group = {.cgroup = "cg", .count = 1, .policy.kind = KTSTR_POLICY_EXT};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	struct ktstr_error err = {0};
	int r;

	workers_settle(workers);
	r = workers_schedule(workers, &err);
	if (r == 0)
		CHECK_EQ(sched_getscheduler(workers_tid(workers, 0)), 7);
	else
		CHECK_STR(err.msg, "cgroup cg: worker 0: policy EXT: Invalid argument; this kernel has "
				   "no sched_ext");
}

TEST(a_worker_keeps_to_its_cpus)
{
	struct cpuset here = {0}, one = {0}, have = {0}, nowhere = {0};
	struct worker_group group = {.cgroup = "cg", .count = 2, .threads = true};
	AUTO(workers_free) struct workers *workers = start_ready(&group);
	const struct worker_report *reports;
	struct ktstr_error err = {0};

	CHECK(syscall(SYS_sched_getaffinity, 0, sizeof(here.word), here.word) > 0);
	cpuset_add(&one, (unsigned)cpuset_next(&here, 0));
	cpuset_add(&nowhere, CPUSET_CPU_MAX - 1);
	CHECK_EQ(workers_set_affinity(workers, 1, &one, &err), 0);
	CHECK_EQ(workers_set_affinity(workers, 0, &nowhere, &err), -EINVAL);
	CHECK_STR(err.msg, "cgroup cg: worker 0: CPUs 1023: Invalid argument; its cgroup has none of "
			   "them");
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 100 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	CHECK(syscall(SYS_sched_getaffinity, workers_tid(workers, 1), sizeof(have.word), have.word) > 0);
	CHECK(cpuset_equal(&have, &one));
	CHECK(syscall(SYS_sched_getaffinity, workers_tid(workers, 0), sizeof(have.word), have.word) > 0);
	CHECK(cpuset_equal(&have, &here));
	reports = stop_all(workers);
	CHECK(cpuset_equal(&reports[1].cpus, &one));
	CHECK_EQ(workers_set_affinity(workers, 1, &one, &err), 0);        /* it has ended: fine */
}

/* --- without privileges ------------------------------------------------------------------------------- */

/* What the words are when it may not; run in a child of ours that gave everything up. */
static int schedule_as_nobody(const struct worker_group *group, struct ktstr_error *err)
{
	struct workers_config config = {.groups = group, .group_count = 1};
	AUTO(workers_free) struct workers *workers = NULL;
	struct rlimit none = {0, 0};
	int r;

	if (setrlimit(RLIMIT_NICE, &none) < 0 || setrlimit(RLIMIT_RTPRIO, &none) < 0 ||
	    (getuid() == 0 && setresuid(65534, 65534, 65534) < 0))
		return error_sys(err, "give up privileges");
	r = workers_start(&config, &workers, err);
	if (r < 0)
		return r;
	workers_settle(workers);
	return workers_schedule(workers, err);
}

static void check_as_nobody(const struct worker_group *group, const char *words)
{
	int ends[2], status;
	char text[512] = {0};
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		struct ktstr_error err = {0};

		(void)schedule_as_nobody(group, &err);
		_exit(write(ends[1], err.msg, strlen(err.msg)) < 0);
	}
	CHECK(child > 0);
	CHECK_EQ(close(ends[1]), 0);
	CHECK(read(ends[0], text, sizeof(text) - 1) >= 0);
	CHECK_EQ(close(ends[0]), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_STR(text, words);
}

TEST(what_needs_a_privilege_says_so)
{
	struct worker_group fifo = {
		.cgroup = "cg", .count = 1, .policy = {.kind = KTSTR_POLICY_FIFO, .priority = 5}};
	struct worker_group nice = {.cgroup = "cg", .count = 1, .nice = -1};
	struct worker_group hogs = {
		.cgroup = "cg", .count = 2, .work.type = KTSTR_WORK_RT_STARVATION};
	struct worker_group churn = {
		.cgroup = "cg", .count = 1, .work.type = KTSTR_WORK_POLICY_CHURN};

	check_as_nobody(&fifo, "cgroup cg: worker 0: policy FIFO, priority 5: Operation not permitted; "
			       "it needs CAP_SYS_NICE");
	check_as_nobody(&nice, "cgroup cg: worker 0: nice -1: Permission denied; it needs CAP_SYS_NICE");
	check_as_nobody(&hogs, "cgroup cg: worker 0: policy FIFO, priority 50: Operation not permitted; "
			       "it needs CAP_SYS_NICE");
	check_as_nobody(&churn, "");
}

/* Exit status of a child that may nothing: 0 when the worker only ever had these nice values. */
static int sweep_as_nobody(void)
{
	struct worker_group group = {.cgroup = "cg", .count = 1, .work.type = KTSTR_WORK_NICE_SWEEP,
				     .work.iterations = 1000};
	struct workers_config config = {.groups = &group, .group_count = 1};
	AUTO(workers_free) struct workers *workers = NULL;
	struct deadline deadline = deadline_in(RUN_TIMEOUT_NS);
	struct rlimit none = {0, 0};
	enum workers_event event;
	int nice = 0;

	if (setrlimit(RLIMIT_NICE, &none) < 0 || (getuid() == 0 && setresuid(65534, 65534, 65534) < 0))
		return 1;
	if (workers_start(&config, &workers, NULL) < 0)
		return 2;
	workers_settle(workers);
	workers_release(workers);
	while (nice < 19) {
		int now = getpriority(PRIO_PROCESS, (id_t)workers_tid(workers, 0));

		if (now < nice || deadline_passed(deadline))
			return 3;
		nice = now;
		if (workers_wait(workers, deadline_in(NS_PER_MS), -1, &event, NULL) < 0)
			return 4;
	}
	return 0;
}

TEST(a_sweep_without_privileges_goes_up_from_0)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(sweep_as_nobody());
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* --- memory --------------------------------------------------------------------------------------------- */

TEST(pages_are_counted_where_they_are_a_task_s_own)
{
	uint64_t pages[WORKER_NODES_MAX] = {0};

	task_parse_numa_maps(
		sv_of("00400000 default file=/usr/bin/a mapped=2 N0=2 kernelpagesize_kB=4\n"
		      "01000000 default heap anon=9 dirty=9 active=0 N0=9 kernelpagesize_kB=4\n"
		      "7f0000000000 bind:1 anon=16 dirty=16 active=0 N1=16 kernelpagesize_kB=4\n"
		      "7f0000100000 interleave:0-1 anon=5 dirty=5 N0=2 N1=3 kernelpagesize_kB=4\n"
		      "7f0000200000 default anon=3 dirty=1 mapmax=2 N0=3 kernelpagesize_kB=4\n"
		      "7ffc00000000 default stack anon=3 dirty=3 N0=3 kernelpagesize_kB=4\n"
		      "7f0000300000 default anon=1 N63=1 N64=1 N=1 Nx=1 N1=x N1= N1=99999999999\n"),
		pages);
	CHECK_EQ(pages[0], 2);
	CHECK_EQ(pages[1], 19);
	CHECK_EQ(pages[63], 1);
}

TEST(memory_is_where_the_policy_wants_it)
{
	if (access("/proc/self/numa_maps", F_OK) < 0) {
		skip();        /* a kernel without CONFIG_NUMA */
		return;
	}
	for BOTH_WAYS(threads) {
		struct worker_group group = {.cgroup = "cg", .count = 2, .threads = threads,
					     .mempolicy.kind = KTSTR_MEM_BIND};
		AUTO(workers_free) struct workers *workers = NULL;
		const struct worker_report *reports;
		AUTO(buf_done) struct buf maps = {0};
		char path[64];

		cpuset_add(&group.mempolicy.nodes, 0);
		workers = start_running(&group);
		CHECK_EQ(wait_for(workers, 20 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
		snprintf(path, sizeof(path), "/proc/%d/numa_maps", workers_tid(workers, 1));
		CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &maps, NULL), 0);
		CHECK_HAS(buf_text(&maps), "bind:0");
		reports = stop_all(workers);
		for (unsigned i = 0; i < 2; i++) {
			CHECK(reports[i].pages_known);
			CHECK(reports[i].pages[0] >= 16);        /* 64 KiB of its own */
			CHECK(reports[i].pages[0] < 1000);        /* and not its parent's */
			CHECK_EQ(reports[i].pages[1], 0);
		}
	}
}

TEST(a_memory_policy_that_the_kernel_refuses_is_said)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = {.cgroup = "cg", .count = 2, .first_index = 4,
					     .threads = threads, .mempolicy.kind = KTSTR_MEM_BIND};
		AUTO(workers_free) struct workers *workers = NULL;
		struct ktstr_error err = {0};

		cpuset_add(&group.mempolicy.nodes, 63);
		workers = start(&group, 1);
		workers_settle(workers);
		CHECK_EQ(workers_schedule(workers, &err), -EINVAL);
		CHECK_STR(err.msg, "cgroup cg: worker 4: set_mempolicy: Invalid argument");
	}
}

/* --- processes and threads -------------------------------------------------------------------------------- */

TEST(threads_of_a_group_are_one_process)
{
	struct worker_group group = {.cgroup = "cg", .count = 3, .first_index = 2, .threads = true};
	AUTO(workers_free) struct workers *workers = start_ready(&group);

	for (size_t i = 0; i < 3; i++) {
		char path[64], comm[16];

		CHECK_EQ(workers_pid(workers, i), workers_pid(workers, 0));
		CHECK(workers_tid(workers, i) != workers_pid(workers, 0));
		CHECK(i == 0 || workers_tid(workers, i) != workers_tid(workers, i - 1));
		snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", workers_pid(workers, i),
			 workers_tid(workers, i));
		snprintf(comm, sizeof(comm), "cg-%zu", 2 + i);
		{
			AUTO(free) char *have = file_line(AT_FDCWD, path);

			CHECK(have);
			CHECK_STR(have, comm);
		}
	}
	CHECK_EQ(getpgid(workers_pid(workers, 0)), workers_pid(workers, 0));
}

TEST(threads_are_counted_one_by_one)
{
	struct worker_group groups[] = {{.cgroup = "cg", .count = 1, .threads = true},
					{.cgroup = "cg", .count = 2, .threads = true,
					 .work.type = KTSTR_WORK_IDLE_CHURN}};
	AUTO(workers_free) struct workers *workers = start(groups, 2);
	const struct worker_report *spin, *idle;
	size_t count;

	workers_settle(workers);
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 300 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	workers_observe(workers);
	workers_stop(workers);
	spin = workers_reports(workers, 0, &count);
	CHECK_EQ(count, 1);
	idle = workers_reports(workers, 1, &count);
	CHECK_EQ(count, 2);
	/* the schedstat of a process would be the sum of its threads', or that of one that waits */
	CHECK(spin[0].sched_run_ns > 0);
	CHECK(spin[0].sched_run_ns <= spin[0].wall_ns);
	CHECK(idle[0].sched_run_ns < idle[0].wall_ns / 2);
	CHECK(idle[0].timeslices > 0);
	CHECK(idle[1].timeslices > 0);
}

static bool all_have_worked(struct workers *workers, void *seen)
{
	(void)seen;
	for (size_t i = 0; i < workers->count; i++) {
		if (__atomic_load_n(&workers->hands[i].slot->report.work_units, __ATOMIC_RELAXED) == 0)
			return false;
	}
	return true;
}

TEST(threads_die_together)
{
	struct worker_group group = {.cgroup = "cg", .count = 3, .threads = true};
	AUTO(workers_free) struct workers *workers = start_running(&group);
	const struct worker_report *reports;
	size_t count;

	CHECK_EQ(workers_alive(workers), 3);
	run_until(workers, all_have_worked, NULL);
	kill(workers_pid(workers, 0), SIGKILL);
	CHECK_EQ(wait_for(workers, RUN_TIMEOUT_NS, -1), WORKERS_ALL_ENDED);
	CHECK_EQ(workers_alive(workers), 0);
	workers_observe(workers);
	workers_stop(workers);
	reports = workers_reports(workers, 0, &count);
	for (size_t i = 0; i < 3; i++) {
		CHECK(!reports[i].completed);
		CHECK(WIFSIGNALED(reports[i].wait_status));
		CHECK(reports[i].work_units > 0);
	}
	CHECK(has_no_children());
}

TEST(threads_that_do_not_stop_are_killed)
{
	struct worker_group group = {.cgroup = "cg", .count = 2, .threads = true};
	AUTO(workers_free) struct workers *workers = start_with(&group, 1, NS_PER_S / 5);
	const struct worker_report *reports;
	size_t count;

	workers_settle(workers);
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 50 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	kill(workers_pid(workers, 0), SIGSTOP);
	workers_observe(workers);
	workers_stop(workers);
	reports = workers_reports(workers, 0, &count);
	CHECK(!reports[0].completed);
	CHECK_EQ(reports[1].wait_status, -1);
	workers_free(TAKE_PTR(workers));
	CHECK(has_no_children());
}

static void ignore_the_stop(struct ktstr_worker *self, const void *config)
{
	pid_t child = fork();

	(void)config;
	if (child == 0)
		for (;;)
			pause();
	ktstr_worker_progress(self, (uint64_t)child);
	for (;;)
		pause();
}

static bool has_forked(struct workers *workers, void *seen)
{
	(void)seen;
	return __atomic_load_n(&workers->hands[0].slot->report.iterations, __ATOMIC_RELAXED);
}

TEST(what_a_worker_forked_ends_with_it)
{
	struct worker_group group = {.cgroup = "cg", .count = 1, .work.type = KTSTR_WORK_CUSTOM,
				     .work.custom = ignore_the_stop};
	AUTO(workers_free) struct workers *workers = start_with(&group, 1, NS_PER_S / 5);
	struct deadline deadline = deadline_in(RUN_TIMEOUT_NS);
	const struct worker_report *report;
	size_t count;
	pid_t forked;

	workers_settle(workers);
	workers_release(workers);
	run_until(workers, has_forked, NULL);
	workers_observe(workers);
	workers_stop(workers);
	report = workers_reports(workers, 0, &count);
	CHECK(!report->completed);
	forked = (pid_t)report->work_units;
	workers_free(TAKE_PTR(workers));
	/* init reaps it */
	while (kill(forked, 0) == 0) {
		char path[32];
		AUTO(free) char *line = NULL;

		snprintf(path, sizeof(path), "/proc/%d/stat", forked);
		line = file_line(AT_FDCWD, path);
		if (!line || strstr(line, ") Z "))
			break;
		CHECK(!deadline_passed(deadline));
		usleep(1000);
	}
}

/* --- while they run ------------------------------------------------------------------------------------------ */

static bool has_progressed(struct workers *workers, void *seen)
{
	const struct workers_progress *before = seen;
	struct workers_progress now = workers_progress(workers);

	CHECK(now.iterations >= before->iterations);
	CHECK(now.cpu_ns >= before->cpu_ns);
	return now.iterations > before->iterations && now.cpu_ns > before->cpu_ns;
}

TEST(progress_is_the_sum_so_far)
{
	struct worker_group group = {.cgroup = "cg", .count = 2};
	AUTO(workers_free) struct workers *workers = start_running(&group);
	struct workers_progress early = {0}, late;

	/* on a busy host it takes a while until they get a CPU again */
	run_until(workers, has_progressed, &early);
	early = workers_progress(workers);
	run_until(workers, has_progressed, &early);
	late = workers_progress(workers);
	CHECK(late.wait_ns >= early.wait_ns);
	(void)stop_all(workers);
}

TEST(a_freeze_on_purpose_is_no_gap)
{
	for (int excused = 0; excused < 2; excused++) {
		struct worker_group group = {.cgroup = "cg", .count = 1};
		AUTO(workers_free) struct workers *workers = start_running(&group);
		const struct worker_report *report;
		uint64_t since_ns;

		CHECK_EQ(wait_for(workers, 50 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
		kill(workers_pid(workers, 0), SIGSTOP);
		since_ns = clock_ns();
		CHECK_EQ(wait_for(workers, 800 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
		if (excused)
			workers_excuse(workers, since_ns, clock_ns());
		kill(workers_pid(workers, 0), SIGCONT);
		CHECK_EQ(wait_for(workers, 50 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
		report = stop_all(workers);
		CHECK_EQ(report->max_gap_ns >= 800 * NS_PER_MS, !excused);
	}
}

TEST(an_excuse_covers_its_time_and_no_other)
{
	struct worker_group group = {.cgroup = "cg", .count = 1};
	AUTO(workers_free) struct workers *workers = start(&group, 1);
	struct slot *slot = workers->hands[0].slot;

	CHECK_EQ(slot_excused_ns(slot, 0, 9000), 0);
	atomic_store(&slot->since_ns, 500);
	workers_excuse(workers, 1000, 4000);
	CHECK_EQ(slot_excused_ns(slot, 500, 4100), 3000);
	CHECK_EQ(slot_excused_ns(slot, 2000, 4100), 2000);        /* due in it */
	CHECK_EQ(slot_excused_ns(slot, 500, 1500), 500);
	CHECK_EQ(slot_excused_ns(slot, 4100, 5000), 0);
	/* it did not run until the next one: both */
	workers_excuse(workers, 5000, 6000);
	CHECK_EQ(slot_excused_ns(slot, 500, 6100), 4000);
	atomic_store(&slot->since_ns, 7000);
	workers_excuse(workers, 8000, 9000);
	CHECK_EQ(slot_excused_ns(slot, 7000, 9100), 1000);
}

TEST(a_set_s_descriptor_tells_of_an_end)
{
	struct worker_group group = {.cgroup = "cg", .count = 2};
	AUTO(workers_free) struct workers *workers = start_running(&group);
	struct pollfd ended = {.fd = workers_fd(workers), .events = POLLIN};

	CHECK_EQ(poll(&ended, 1, 0), 0);
	CHECK_EQ(workers_alive(workers), 2);
	kill(workers_pid(workers, 1), SIGKILL);
	CHECK_EQ(poll(&ended, 1, 20000), 1);
	CHECK_EQ(workers_alive(workers), 1);
	CHECK_EQ(poll(&ended, 1, 0), 0);
}

/* --- what is refused ------------------------------------------------------------------------------------------ */

static void some_work(struct ktstr_worker *self, const void *config)
{
	(void)self;
	(void)config;
}

TEST(parameters_that_make_no_sense_are_named)
{
	static const struct ktstr_phase no_time[] = {{KTSTR_PHASE_SPIN, 0}};
	static const struct ktstr_phase no_kind[] = {{(enum ktstr_phase_kind)4, 1}};
	static const struct {
		struct worker_group group;
		const char *words;
	} rows[] = {
		{{.count = 3, .work.type = KTSTR_WORK_FUTEX_FAN_OUT},
		 "cgroup cg: workers must be a multiple of 5 for FutexFanOut, not 3"},
		{{.count = 4, .work = {.type = KTSTR_WORK_FUTEX_FAN_OUT, .fan_out = 4096}},
		 "cgroup cg: workers must be a multiple of 4097 for FutexFanOut, not 4"},
		{{.count = 4, .work = {.type = KTSTR_WORK_FUTEX_FAN_OUT, .fan_out = UINT32_MAX}},
		 "cgroup cg: work.fan_out must be 0..4096 for FutexFanOut, not 4294967295"},
		{{.count = 1, .work = {.type = KTSTR_WORK_WAKE_CHAIN, .fan_out = 1}},
		 "cgroup cg: work.fan_out must be 2..4096 for WakeChain, not 1"},
		{{.count = 1, .work = {.type = KTSTR_WORK_MUTEX_CONTENTION, .fan_out = 1}},
		 "cgroup cg: work.fan_out must be 2..4096 for MutexContention, not 1"},
		{{.count = 1, .work = {.type = KTSTR_WORK_CACHE_PRESSURE, .bytes = UINT64_MAX}},
		 "cgroup cg: work.bytes must be 1..1073741824 for CachePressure, not "
		 "18446744073709551615"},
		{{.count = 1, .work = {.type = KTSTR_WORK_CACHE_PRESSURE, .bytes = 64, .stride = 65}},
		 "cgroup cg: work.stride must be 1..64 for CachePressure, not 65"},
		{{.count = 1, .work = {.type = KTSTR_WORK_PAGE_FAULT_CHURN, .bytes = 4095}},
		 "cgroup cg: work.bytes must be 4096..1073741824 for PageFaultChurn, not 4095"},
		{{.count = 5, .work = {.type = KTSTR_WORK_FAN_OUT_COMPUTE, .bytes = 23}},
		 "cgroup cg: work.bytes must be 24..1073741824 for FanOutCompute, not 23"},
		{{.count = 1, .work = {.type = KTSTR_WORK_PAGE_FAULT_CHURN, .operations = 1u << 21}},
		 "cgroup cg: work.operations must be 0..1048576 for PageFaultChurn, not 2097152"},
		{{.count = 1, .work = {.iterations = UINT64_MAX}},
		 "cgroup cg: work.iterations must be 0..1099511627776 for SpinWait, not "
		 "18446744073709551615"},
		{{.count = 2, .work = {.type = KTSTR_WORK_RT_STARVATION, .rt_priority = 100}},
		 "cgroup cg: work.rt_priority must be 0..99 for RtStarvation, not 100"},
		{{.count = 1, .work = {.type = KTSTR_WORK_BURSTY, .burst_ns = 3601 * NS_PER_S}},
		 "cgroup cg: work.burst_ns must be at most an hour"},
		{{.count = 1, .work.type = KTSTR_WORK_SEQUENCE},
		 "cgroup cg: work.phases must be 1..64 phases for Sequence, not 0"},
		{{.count = 1, .work = {.type = KTSTR_WORK_SEQUENCE, .phases = no_time, .phase_count = 1}},
		 "cgroup cg: work.phases[0].ns must be 1 ns to an hour"},
		{{.count = 1, .work = {.type = KTSTR_WORK_SEQUENCE, .phases = no_kind, .phase_count = 1}},
		 "cgroup cg: work.phases[0].kind 4 is none of enum ktstr_phase_kind"},
		{{.count = 1, .work.type = KTSTR_WORK_CUSTOM},
		 "cgroup cg: work.custom must be a function for Custom"},
		{{.count = 1, .work.type = KTSTR_WORK_CGROUP_CHURN},
		 "cgroup cg: CgroupChurn needs a cgroup to make its siblings in, and these workers run "
		 "outside of the test's"},
		{{.count = 1, .cgroup_dir = "/x", .work = {.type = KTSTR_WORK_CGROUP_CHURN, .fan_out = 65}},
		 "cgroup cg: work.fan_out must be 0..64 for CgroupChurn, not 65"},
		{{.count = 1, .threads = true, .work.type = KTSTR_WORK_FORK_EXIT},
		 "cgroup cg: ForkExit cannot run in threads; leave .threads out"},
		{{.count = 1, .nice = 20}, "cgroup cg: nice must be -20..19, not 20"},
		{{.count = 1, .policy = {.kind = KTSTR_POLICY_RR, .priority = 100}},
		 "cgroup cg: policy.priority must be 1..99, not 100"},
		{{.count = 1, .policy = {.kind = (enum ktstr_policy_kind)7}},
		 "cgroup cg: policy.kind 7 is none of enum ktstr_policy_kind"},
		{{.count = 1, .policy = {.kind = KTSTR_POLICY_DEADLINE, .runtime_ns = 1023,
					 .deadline_ns = 5000}},
		 "cgroup cg: policy DEADLINE must have 1024 ns <= runtime_ns <= deadline_ns <= "
		 "period_ns, not 1023, 5000, 5000"},
		{{.count = 1, .policy = {.kind = KTSTR_POLICY_DEADLINE, .runtime_ns = 6000,
					 .deadline_ns = 5000, .period_ns = 7000}},
		 "cgroup cg: policy DEADLINE must have 1024 ns <= runtime_ns <= deadline_ns <= "
		 "period_ns, not 6000, 5000, 7000"},
		{{.count = 1, .mempolicy = {.kind = (enum ktstr_mempolicy_kind)7}},
		 "cgroup cg: mempolicy.kind 7 is none of enum ktstr_mempolicy_kind"},
		{{.count = 1, .mempolicy = {.kind = KTSTR_MEM_BIND}},
		 "cgroup cg: mempolicy.nodes must be some"},
		{{.count = 1, .mempolicy = {.kind = KTSTR_MEM_LOCAL, .nodes = {{1}}}},
		 "cgroup cg: mempolicy.nodes must be left out with this kind"},
		{{.count = 1, .mempolicy = {.kind = KTSTR_MEM_BIND, .nodes = {{1}}, .flags = 3u << 14}},
		 "cgroup cg: mempolicy.flags 0xc000 must be KTSTR_MEM_STATIC_NODES or _RELATIVE_NODES, "
		 "and KTSTR_MEM_NUMA_BALANCING"},
		{{.count = 1, .mempolicy = {.kind = KTSTR_MEM_BIND, .nodes = {{1}}, .flags = 1}},
		 "cgroup cg: mempolicy.flags 0x1 must be KTSTR_MEM_STATIC_NODES or _RELATIVE_NODES, "
		 "and KTSTR_MEM_NUMA_BALANCING"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct worker_group group = rows[i].group;
		struct ktstr_error err = {0};

		group.cgroup = "cg";
		CHECK_EQ(worker_group_check(&group, &err), -EINVAL);
		CHECK_STR(err.msg, rows[i].words);
	}
}

TEST(what_is_at_the_edge_is_fine)
{
	static const struct worker_group rows[] = {
		{.count = 1, .work = {.type = KTSTR_WORK_CUSTOM, .custom = some_work}},
		{.count = 1, .work = {.type = KTSTR_WORK_CACHE_PRESSURE, .bytes = 1, .stride = 1}},
		{.count = 2, .work = {.type = KTSTR_WORK_WAKE_CHAIN, .fan_out = 2}},
		{.count = 1, .nice = -20, .policy = {.kind = KTSTR_POLICY_RR, .priority = 99}},
		{.count = 1, .policy = {.kind = KTSTR_POLICY_DEADLINE, .runtime_ns = 1024,
					.deadline_ns = 1024}},
		{.count = 1, .mempolicy = {.kind = KTSTR_MEM_INTERLEAVE, .nodes = {{3}},
					   .flags = KTSTR_MEM_STATIC_NODES}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct worker_group group = rows[i];
		struct ktstr_error err = {0};

		group.cgroup = "cg";
		if (worker_group_check(&group, &err) < 0)
			fail_msg("%s", err.msg);
	}
}

RUN_TESTS();
