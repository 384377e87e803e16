/* SPDX-License-Identifier: BSD-2-Clause */
/* Each type of work has its effect, in processes and in threads. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "workload/evidence.h"
#include "workload/kinds.h"
#include "workload/measure.h"
#include "workload/workers.h"
#include "worker_runs.h"

#define BOTH_WAYS(threads) (int threads = 0; threads < 2; threads++)

static struct worker_group group_of(enum ktstr_work_type type, unsigned count, int threads)
{
	return (struct worker_group){
		.cgroup = "cg", .count = count, .work = {.type = type}, .threads = threads};
}

static void pin(struct workers *workers, unsigned cpu)
{
	struct cpuset one = {0};

	cpuset_add(&one, cpu);
	for (size_t i = 0; i < workers_count(workers); i++)
		CHECK_EQ(workers_set_affinity(workers, i, &one, NULL), 0);
}

static unsigned first_cpu(void)
{
	struct cpuset cpus = {0};

	CHECK(syscall(SYS_sched_getaffinity, 0, sizeof(cpus.word), cpus.word) > 0);
	return (unsigned)cpuset_next(&cpus, 0);
}

static uint64_t iterations_of(struct workers *workers, size_t i)
{
	return __atomic_load_n(&workers->hands[i].slot->report.iterations, __ATOMIC_RELAXED);
}

static bool all_have_10_iterations(struct workers *workers, void *seen)
{
	(void)seen;
	for (size_t i = 0; i < workers_count(workers); i++) {
		if (iterations_of(workers, i) < 10)
			return false;
	}
	return true;
}

/* A number from a line "name: 17" of a file of the worker in /proc. */
static uint64_t proc_number(pid_t tid, const char *file, const char *name)
{
	char path[64];
	AUTO(buf_done) struct buf text = {0};
	struct sv rest, line;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, file);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 16, &text, NULL), 0);
	rest = sv_bytes(buf_text(&text), text.len);
	while (sv_line(&rest, &line)) {
		struct sv value = line;
		uint64_t number;

		if (sv_eq(sv_split(&value, ':'), name) &&
		    sv_u64(sv_trim(value), UINT64_MAX, &number) == 0)
			return number;
	}
	fail_msg("%s has no %s", path, name);
	return 0;
}

/* --- numbers ------------------------------------------------------------------------------------- */

TEST(jitter_is_an_eighth_at_most_and_follows_the_seed)
{
	struct ktstr_worker one = {.random = 7}, same = {.random = 7}, other = {.random = 8};
	uint64_t low = UINT64_MAX, high = 0, differ = 0;

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t value = jittered(&one, 8000);

		low = value < low ? value : low;
		high = value > high ? value : high;
		CHECK_EQ(value, jittered(&same, 8000));
		differ += value != jittered(&other, 8000);
	}
	CHECK(low >= 7000);
	CHECK(low < 7100);
	CHECK(high <= 9000);
	CHECK(high > 8900);
	CHECK(differ > 900);
	CHECK_EQ(jittered(&one, 7), 7);
	CHECK_EQ(jittered(&one, 0), 0);
}

TEST(nobody_begins_to_sleep_or_wait_after_the_stop)
{
	struct slot slot = {0};
	struct worker_config config = {0};
	struct ktstr_worker worker = {.slot = &slot, .config = &config};
	uint64_t before = clock_ns();
	_Atomic uint32_t word = 0;

	atomic_store(&worker_stop_asked, 1);
	CHECK(!sleep_until(&worker, before + 60 * NS_PER_S));
	CHECK(!sleep_for(&worker, 60 * NS_PER_S));
	CHECK(!sleep_until(&worker, before));
	CHECK(!wait_word(&worker, &word, 0));
	atomic_store(&worker_stop_asked, 0);
	CHECK(clock_ns() - before < 30 * NS_PER_S);
	CHECK_EQ(slot.wakes.seen, 0);
}

/* --- all of them ---------------------------------------------------------------------------------- */

static void any_work(struct ktstr_worker *self, const void *config)
{
	(void)config;
	while (!ktstr_worker_stopped(self)) {
		turn_loop(1000);
		ktstr_worker_progress(self, 1000);
	}
}

static bool can_run_here(enum ktstr_work_type type, int threads)
{
	if (type == KTSTR_WORK_CGROUP_CHURN || (type == KTSTR_WORK_FORK_EXIT && threads))
		return false;
	if (type == KTSTR_WORK_RT_STARVATION || type == KTSTR_WORK_PREEMPT_STORM)
		return has_capability(CAP_SYS_NICE);
	return true;
}

TEST(every_type_works_and_stops)
{
	static const struct ktstr_phase phases[] = {{KTSTR_PHASE_SPIN, NS_PER_MS}};

	for BOTH_WAYS(threads) {
		for (unsigned type = 0; type < KTSTR_WORK_TYPE_COUNT; type++) {
			struct worker_group group = group_of((enum ktstr_work_type)type, 0, threads);
			const struct worker_report *reports;

			if (!can_run_here(group.work.type, threads))
				continue;
			group.work.phases = phases;
			group.work.phase_count = 1;
			group.work.custom = any_work;
			group.work.burst_ns = group.work.sleep_ns = NS_PER_MS;
			group.count = 2 * work_group_size(&group.work);
			{
				AUTO(workers_free) struct workers *workers = start_running(&group);

				run_until(workers, all_have_10_iterations, NULL);
				reports = stop_all(workers);
				for (unsigned i = 0; i < group.count; i++) {
					CHECK(reports[i].cpu_ns > 0);
					CHECK(reports[i].cpu_ns <= reports[i].wall_ns);
					CHECK(reports[i].work_units > 0);
					CHECK(reports[i].max_gap_ns <= reports[i].wall_ns);
					CHECK(reports[i].wakes_len <= WORKER_WAKES_MAX);
					CHECK(reports[i].wakes_len <= reports[i].wake_count);
				}
			}
		}
	}
}

TEST(groups_have_the_size_of_their_parameters)
{
	static const struct {
		struct ktstr_work work;
		unsigned size;
	} rows[] = {
		{{.type = KTSTR_WORK_SPIN_WAIT, .fan_out = 9}, 1},
		{{.type = KTSTR_WORK_PIPE_IO}, 2},
		{{.type = KTSTR_WORK_FUTEX_PING_PONG}, 2},
		{{.type = KTSTR_WORK_CACHE_PIPE}, 2},
		{{.type = KTSTR_WORK_FUTEX_FAN_OUT}, 5},
		{{.type = KTSTR_WORK_FUTEX_FAN_OUT, .fan_out = 2}, 3},
		{{.type = KTSTR_WORK_FAN_OUT_COMPUTE}, 5},
		{{.type = KTSTR_WORK_MUTEX_CONTENTION}, 4},
		{{.type = KTSTR_WORK_THUNDERING_HERD}, 8},
		{{.type = KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE}, 3},
		{{.type = KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE, .fan_out = 1, .fan_in = 4}, 5},
		{{.type = KTSTR_WORK_RT_STARVATION}, 2},
		{{.type = KTSTR_WORK_WAKE_CHAIN}, 4},
		{{.type = KTSTR_WORK_CGROUP_CHURN}, 1},
		{{.type = KTSTR_WORK_PREEMPT_STORM}, 3},
		{{.type = KTSTR_WORK_TYPE_COUNT}, 1},
		{{.type = KTSTR_WORK_FUTEX_FAN_OUT, .fan_out = UINT32_MAX}, WORKERS_MAX + 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK_EQ(work_group_size(&rows[i].work), rows[i].size);
}

/* --- yielding --------------------------------------------------------------------------------------- */

/* How long two workers that share a CPU run at a stretch; whoever else runs there does not count. */
static uint64_t stretch_ns(enum ktstr_work_type type, int threads)
{
	struct worker_group group = group_of(type, 2, threads);
	AUTO(workers_free) struct workers *workers = start_ready(&group);
	const struct worker_report *reports;

	pin(workers, first_cpu());
	workers_release(workers);
	CHECK_EQ(wait_for(workers, 200 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	reports = stop_all(workers);
	CHECK(reports[0].timeslices > 0);
	return reports[0].sched_run_ns / reports[0].timeslices;
}

TEST(who_yields_gives_its_cpu_away)
{
	for BOTH_WAYS(threads) {
		uint64_t spinning_ns = stretch_ns(KTSTR_WORK_SPIN_WAIT, threads);

		CHECK(stretch_ns(KTSTR_WORK_MIXED, threads) * 10 < spinning_ns);
		CHECK(stretch_ns(KTSTR_WORK_CACHE_YIELD, threads) * 10 < spinning_ns);
		CHECK(stretch_ns(KTSTR_WORK_YIELD_HEAVY, threads) * 10 < spinning_ns);
	}
}

/* --- memory -------------------------------------------------------------------------------------------- */

TEST(accesses_go_by_the_stride_through_all_of_the_memory)
{
	struct ktstr_work work = {.type = KTSTR_WORK_CACHE_PRESSURE, .bytes = 1000, .stride = 64};
	unsigned char memory[1000] = {0};
	struct worker_report report = {0};
	struct ktstr_worker worker = {.work = &work, .report = &report, .memory = memory,
				      .memory_bytes = sizeof(memory), .turns_to_checkpoint = 1024};

	cache_accesses(&worker, 16 * 3);
	for (size_t i = 0; i < sizeof(memory); i++)
		CHECK_EQ(memory[i], i % 64 ? 0 : 3);
	CHECK_EQ(report.work_units, 48);
}

TEST(a_sweep_is_an_iteration)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_CACHE_PRESSURE, 1, threads);
		AUTO(workers_free) struct workers *workers = start_running(&group);
		const struct worker_report *report;

		run_until(workers, all_have_10_iterations, NULL);
		report = stop_all(workers);
		CHECK(report->work_units >= 512 * report->iterations);
		CHECK(report->work_units <= 512 * (report->iterations + 1));
	}
}

static uint64_t minor_faults(pid_t pid)
{
	char path[64];
	AUTO(free) char *line = NULL;
	const char *rest;
	unsigned long faults;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	line = file_line(AT_FDCWD, path);
	CHECK(line);
	rest = strrchr(line, ')');
	CHECK_EQ(sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %lu", &faults), 1);
	return faults;
}

TEST(dropped_pages_fault_again)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_PAGE_FAULT_CHURN, 1, threads);
		AUTO(workers_free) struct workers *workers = start_ready(&group);
		const struct worker_report *report;
		uint64_t before, after;

		before = minor_faults(workers_pid(workers, 0));
		workers_release(workers);
		run_until(workers, all_have_10_iterations, NULL);
		after = minor_faults(workers_pid(workers, 0));
		report = stop_all(workers);
		/* 256 places out of 1024 pages are 226 pages on average */
		CHECK(after - before >= 10 * 200);
		CHECK(report->work_units >= 256 * report->iterations);
		CHECK(report->work_units <= 256 * (report->iterations + 1));
	}
}

/* --- taking turns ---------------------------------------------------------------------------------------- */

static void check_ring(struct ktstr_work work, unsigned size, int threads)
{
	struct worker_group group = {.cgroup = "ring", .count = 2 * size, .work = work,
				     .threads = threads};
	AUTO(workers_free) struct workers *workers = start_running(&group);
	const struct worker_report *reports;

	run_until(workers, all_have_10_iterations, NULL);
	reports = stop_all(workers);
	for (unsigned team = 0; team < 2; team++, reports += size) {
		for (unsigned i = 1; i < size; i++) {
			/* nobody is ahead of who comes before it, or two rounds behind */
			CHECK(reports[i].iterations <= reports[i - 1].iterations);
			CHECK(reports[i].iterations + 1 >= reports[0].iterations);
			CHECK(reports[i].wake_count >= reports[i].iterations);
			CHECK(reports[i].wake_count <= reports[i].iterations + 1);
			CHECK(reports[i].wake_ns_p50 > 0);
			CHECK(reports[i].max_gap_ns < reports[i].wall_ns);
		}
		CHECK(reports[0].wake_count <= reports[0].iterations);
		CHECK(reports[0].wake_count + 1 >= reports[0].iterations);
	}
}

TEST(a_ring_takes_turns)
{
	for BOTH_WAYS(threads) {
		check_ring((struct ktstr_work){.type = KTSTR_WORK_PIPE_IO}, 2, threads);
		check_ring((struct ktstr_work){.type = KTSTR_WORK_FUTEX_PING_PONG}, 2, threads);
		check_ring((struct ktstr_work){.type = KTSTR_WORK_CACHE_PIPE}, 2, threads);
		check_ring((struct ktstr_work){.type = KTSTR_WORK_WAKE_CHAIN}, 4, threads);
		check_ring((struct ktstr_work){.type = KTSTR_WORK_WAKE_CHAIN, .futex = true,
					       .fan_out = 33}, 33, threads);
	}
}

TEST(a_hop_spins_for_its_time)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_WAKE_CHAIN, 4, threads);
		AUTO(workers_free) struct workers *workers = NULL;
		const struct worker_report *reports;
		uint64_t hops = 0;

		group.work.sleep_ns = NS_PER_MS;
		workers = start_running(&group);
		run_until(workers, all_have_10_iterations, NULL);
		reports = stop_all(workers);
		for (unsigned i = 0; i < 4; i++)
			hops += reports[i].iterations;
		/* an eighth less at least, and one at a time */
		CHECK(reports[0].wall_ns >= hops * (NS_PER_MS - NS_PER_MS / 8));
	}
}

/* --- waking many ----------------------------------------------------------------------------------------- */

TEST(a_fan_out_wakes_all_in_every_round)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_FUTEX_FAN_OUT, 5, threads);
		AUTO(workers_free) struct workers *workers = NULL;
		const struct worker_report *reports;

		group.role = 7;
		workers = start_running(&group);
		run_until(workers, all_have_10_iterations, NULL);
		reports = stop_all(workers);
		CHECK(reports[0].is_messenger);
		CHECK_EQ(reports[0].role, 7);
		for (unsigned i = 1; i < 5; i++) {
			CHECK(!reports[i].is_messenger);
			CHECK_EQ(reports[i].role, 8);
			CHECK(reports[i].iterations <= reports[0].iterations);
			CHECK(reports[i].iterations + 1 >= reports[0].iterations);
			CHECK(reports[i].wake_count >= reports[i].iterations);
			CHECK(reports[i].wake_count <= reports[i].iterations + 1);
			CHECK(reports[i].wake_ns_p50 > 0);
		}
	}
}

TEST(a_herd_is_woken_together)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_THUNDERING_HERD, 8, threads);
		AUTO(workers_free) struct workers *workers = start_running(&group);
		const struct worker_report *reports;

		/* all of them, at least once; on a busy host who has not come to its wait misses a round */
		run_until(workers, all_have_10_iterations, NULL);
		reports = stop_all(workers);
		CHECK(reports[0].is_messenger);
		/* one round every 5 ms */
		CHECK(reports[0].iterations <= 1 + reports[0].wall_ns / (5 * NS_PER_MS * 7 / 8));
		for (unsigned i = 1; i < 8; i++) {
			CHECK(reports[i].wake_count <= reports[0].iterations);
			CHECK(reports[i].iterations <= reports[i].wake_count + 1);
		}
	}
}

TEST(a_fan_out_of_computing_wakes_and_multiplies)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_FAN_OUT_COMPUTE, 3, threads);
		AUTO(workers_free) struct workers *workers = NULL;
		const struct worker_report *reports;

		group.work.fan_out = 2;
		group.work.bytes = 3 * 16 * 16 * 8;
		workers = start_running(&group);
		run_until(workers, all_have_10_iterations, NULL);
		reports = stop_all(workers);
		CHECK(reports[0].is_messenger);
		for (unsigned i = 1; i < 3; i++) {
			CHECK(reports[i].work_units >= 5 * 16 * 16 * reports[i].iterations);
			CHECK(reports[i].work_units <= 5 * 16 * 16 * (reports[i].iterations + 1));
			CHECK(reports[i].iterations <= reports[0].iterations);
			CHECK(reports[i].wake_count <= reports[0].iterations);
			CHECK(reports[i].wake_count > 0);
		}
	}
}

/* --- a lock, a queue --------------------------------------------------------------------------------------- */

static void check_lock(unsigned contenders, int threads)
{
	struct worker_group group = group_of(KTSTR_WORK_MUTEX_CONTENTION, contenders, threads);
	AUTO(workers_free) struct workers *workers = NULL;
	const struct worker_report *reports;
	uint64_t held = 0, wakes = 0;

	group.work.fan_out = contenders;
	/* hold it for most of the time, so that somebody loses a CPU with it */
	group.work.hold_iterations = 100000;
	workers = start_running(&group);
	run_until(workers, all_have_10_iterations, NULL);
	reports = stop_all(workers);
	for (unsigned i = 0; i < contenders; i++) {
		held += reports[i].iterations;
		wakes += reports[i].wake_count;
	}
	/* read at the beginning of a hold and written at its end: with two holders one is lost */
	CHECK_EQ(((struct team *)(workers->hands[contenders - 1].slot + 1))->held, held);
	CHECK(wakes > 0);
}

TEST(a_lock_is_never_held_by_two)
{
	for BOTH_WAYS(threads) {
		check_lock(4, threads);
		check_lock(40, threads);
	}
}

static void check_queue(unsigned operations, int threads)
{
	struct worker_group group = group_of(KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE, 5, threads);
	AUTO(workers_free) struct workers *workers = NULL;
	const struct worker_report *reports;
	const struct team *team;

	group.work.fan_out = 3;
	group.work.fan_in = 2;
	group.work.operations = operations;
	workers = start_running(&group);
	run_until(workers, all_have_10_iterations, NULL);
	reports = stop_all(workers);
	team = (const struct team *)(workers->hands[4].slot + 1);
	CHECK_EQ(team->put, reports[0].iterations + reports[1].iterations + reports[2].iterations);
	CHECK_EQ(team->taken, reports[3].iterations + reports[4].iterations);
	CHECK(team->taken <= team->put);
	CHECK(team->put - team->taken <= QUEUE_CELLS);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(reports[i].role, 0);
		CHECK(reports[i].iterations <= 1 + reports[i].wall_ns / (NS_PER_MS * 7 / 8));
	}
	CHECK_EQ(reports[3].role, 1);
}

TEST(what_is_put_into_a_queue_is_taken_once)
{
	for BOTH_WAYS(threads)
		check_queue(64, threads);
}

TEST(a_full_queue_waits_and_is_emptied_once_by_many)
{
	struct worker_group group = group_of(KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE, 6, 0);
	AUTO(workers_free) struct workers *workers = NULL;
	const struct worker_report *reports;
	const struct team *team;

	group.work.fan_in = 4;
	group.work.operations = 1;
	workers = start_running(&group);
	team = (const struct team *)(workers->hands[5].slot + 1);
	for (size_t i = 2; i < 6; i++)
		kill(workers_pid(workers, i), SIGSTOP);
	for (struct deadline deadline = deadline_in(RUN_TIMEOUT_NS);
	     team->put - team->taken < QUEUE_CELLS;) {
		CHECK(!deadline_passed(deadline));
		CHECK_EQ(wait_for(workers, 10 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	}
	CHECK_EQ(wait_for(workers, 20 * NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	CHECK_EQ(team->put - team->taken, QUEUE_CELLS);
	for (size_t i = 2; i < 6; i++)
		kill(workers_pid(workers, i), SIGCONT);
	for (struct deadline deadline = deadline_in(RUN_TIMEOUT_NS);
	     team->put - team->taken > QUEUE_CELLS / 8;) {
		CHECK(!deadline_passed(deadline));
		CHECK_EQ(wait_for(workers, NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	}
	reports = stop_all(workers);
	CHECK_EQ(team->put, reports[0].iterations + reports[1].iterations);
	CHECK_EQ(team->taken, reports[2].iterations + reports[3].iterations +
				      reports[4].iterations + reports[5].iterations);
}

/* --- files --------------------------------------------------------------------------------------------------- */

static void check_io(enum ktstr_work_type type, const char *counter, int threads)
{
	struct worker_group group = group_of(type, 2, threads);
	AUTO(workers_free) struct workers *workers = start_running(&group);
	const struct worker_report *reports;
	uint64_t units[2], bytes[2];

	run_until(workers, all_have_10_iterations, NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct worker_report *report = &workers->hands[i].slot->report;

		units[i] = __atomic_load_n(&report->work_units, __ATOMIC_RELAXED);
		/* a process' own file, so the sum over its threads */
		bytes[i] = proc_number(workers_pid(workers, i), "io", counter);
	}
	reports = stop_all(workers);
	for (unsigned i = 0; i < 2; i++)
		CHECK(bytes[i] >= units[i] * 4096);
	if (type == KTSTR_WORK_IO_SYNC_WRITE) {
		CHECK(reports[0].work_units >= 16 * reports[0].iterations);
		CHECK(reports[0].work_units <= 16 * (reports[0].iterations + 1));
	}
}

TEST(files_are_really_written_and_read)
{
	for BOTH_WAYS(threads) {
		check_io(KTSTR_WORK_IO_SYNC_WRITE, "wchar", threads);
		check_io(KTSTR_WORK_IO_RAND_READ, "rchar", threads);
	}
}

/* --- processes ------------------------------------------------------------------------------------------------ */

/* "processes N" of /proc/stat: forks since boot. */
static uint64_t forks(void)
{
	AUTO(buf_done) struct buf text = {0};
	const char *line;

	CHECK_EQ(file_read(AT_FDCWD, "/proc/stat", 1 << 20, &text, NULL), 0);
	line = strstr(buf_text(&text), "\nprocesses ");
	CHECK(line);
	return strtoull(line + strlen("\nprocesses "), NULL, 10);
}

TEST(children_are_really_forked)
{
	struct worker_group group = group_of(KTSTR_WORK_FORK_EXIT, 2, 0);
	AUTO(workers_free) struct workers *workers = start_ready(&group);
	const struct worker_report *reports;
	uint64_t before = forks();

	workers_release(workers);
	run_until(workers, all_have_10_iterations, NULL);
	reports = stop_all(workers);
	CHECK(forks() - before >= reports[0].iterations + reports[1].iterations);
	CHECK(reports[0].wake_count > 0);
	CHECK(reports[0].wake_count <= reports[0].iterations + 1);
}

/* --- churning -------------------------------------------------------------------------------------------------- */

struct nice_seen {
	bool at[40];
	unsigned count;
};

static bool sees_many_nice_values(struct workers *workers, void *data)
{
	struct nice_seen *seen = data;
	int nice = getpriority(PRIO_PROCESS, (id_t)workers_tid(workers, 0));

	CHECK(nice >= -20);
	CHECK(nice <= 19);
	seen->count += !seen->at[nice + 20];
	seen->at[nice + 20] = true;
	return seen->count >= (has_capability(CAP_SYS_NICE) ? 20 : 2);
}

TEST(nice_values_are_really_swept)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_NICE_SWEEP, 1, threads);
		AUTO(workers_free) struct workers *workers = NULL;
		struct nice_seen seen = {0};

		group.work.iterations = 100000;
		workers = start_running(&group);
		run_until(workers, sees_many_nice_values, &seen);
		(void)stop_all(workers);
	}
}

struct cpus_seen {
	struct cpuset cpus;
	unsigned wanted;
};

static bool sees_single_cpus(struct workers *workers, void *data)
{
	struct cpus_seen *seen = data;
	struct cpuset cpus = {0};

	CHECK(syscall(SYS_sched_getaffinity, workers_tid(workers, 0), sizeof(cpus.word),
		      cpus.word) > 0);
	if (iterations_of(workers, 0) < 2)
		return false;        /* it still has all */
	CHECK_EQ(cpuset_count(&cpus), 1);
	cpuset_union(&seen->cpus, &cpus);
	return cpuset_count(&seen->cpus) >= seen->wanted &&
	       workers->hands[0].slot->report.migrations > WORKER_MOVES_MAX;
}

TEST(affinity_masks_change_and_migrations_happen)
{
	struct cpuset here = {0};

	CHECK(syscall(SYS_sched_getaffinity, 0, sizeof(here.word), here.word) > 0);
	if (cpuset_count(&here) < 2) {
		skip();        /* one CPU: nowhere to migrate */
		return;
	}
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_AFFINITY_CHURN, 1, threads);
		AUTO(workers_free) struct workers *workers = start_running(&group);
		struct cpus_seen seen = {.wanted = 2};
		const struct worker_report *report;

		run_until(workers, sees_single_cpus, &seen);
		report = stop_all(workers);
		CHECK(cpuset_covers(&here, &seen.cpus));
		CHECK(cpuset_count(&report->cpus) >= 2);
		CHECK_EQ(report->moves_len, WORKER_MOVES_MAX);
		for (unsigned i = 0; i < report->moves_len; i++) {
			const struct worker_move *move = &report->moves[i];

			CHECK(move->from != move->to);
			CHECK(move->at_ns <= report->wall_ns);
			CHECK(cpuset_has(&report->cpus, (unsigned)move->to));
			CHECK(i == 0 || move->from == move[-1].to);
			CHECK(i == 0 || move->at_ns >= move[-1].at_ns);
		}
	}
}

TEST(who_churns_its_affinity_stays_where_it_may)
{
	struct worker_group group = group_of(KTSTR_WORK_AFFINITY_CHURN, 1, 0);
	AUTO(workers_free) struct workers *workers = start_ready(&group);
	const struct worker_report *report;

	pin(workers, first_cpu());
	workers_release(workers);
	run_until(workers, all_have_10_iterations, NULL);
	report = stop_all(workers);
	CHECK_EQ(cpuset_count(&report->cpus), 1);
	CHECK(cpuset_has(&report->cpus, first_cpu()));
	CHECK_EQ(report->migrations, 0);
}

struct policies_seen {
	bool at[8];
};

static bool sees_all_policies(struct workers *workers, void *data)
{
	struct policies_seen *seen = data;
	int policy = sched_getscheduler(workers_tid(workers, 0));
	bool realtime = seen->at[SCHED_FIFO] && seen->at[SCHED_RR];

	CHECK(policy >= 0);
	seen->at[policy & 7] = true;
	return seen->at[SCHED_OTHER] && seen->at[SCHED_BATCH] && seen->at[SCHED_IDLE] &&
	       (realtime || !has_capability(CAP_SYS_NICE));
}

TEST(policies_are_really_changed)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_POLICY_CHURN, 1, threads);
		AUTO(workers_free) struct workers *workers = NULL;
		struct policies_seen seen = {0};

		group.work.iterations = 100000;
		workers = start_running(&group);
		run_until(workers, sees_all_policies, &seen);
		workers_observe(workers);
		/* it says one thing now and another in a moment */
		CHECK(!stop_all(workers)[0].scheduler_known);
	}
}

/* --- cgroups ---------------------------------------------------------------------------------------------------- */

/* A cgroup2 mount that only this process sees; false where that is not allowed. */
static bool mount_cgroup2(const char *dir)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", dir, "cgroup2", 0, NULL) == 0;
}

struct siblings_seen {
	bool at[2];
	size_t worker;
};

static bool sees_both_siblings(struct workers *workers, void *data)
{
	struct siblings_seen *seen = data;
	char path[64];
	AUTO(buf_done) struct buf text = {0};

	snprintf(path, sizeof(path), "/proc/%d/cgroup", workers_tid(workers, seen->worker));
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 16, &text, NULL), 0);
	seen->at[0] |= strstr(buf_text(&text), "/wt-cgroup-churn-0\n") != NULL;
	seen->at[1] |= strstr(buf_text(&text), "/wt-cgroup-churn-1\n") != NULL;
	return seen->at[0] && seen->at[1];
}

static void check_cgroup_churn(const char *dir, int threads)
{
	struct worker_group group = group_of(KTSTR_WORK_CGROUP_CHURN, 2, threads);
	AUTO(workers_free) struct workers *workers = NULL;
	char path[128];

	group.cgroup_dir = dir;
	group.work.sleep_ns = 20 * NS_PER_MS;
	workers = start_running(&group);
	snprintf(path, sizeof(path), "%s/wt-cgroup-churn-1", dir);
	CHECK_EQ(access(path, F_OK), 0);
	for (size_t i = 0; i < 2; i++) {
		struct siblings_seen seen = {.worker = i};

		run_until(workers, sees_both_siblings, &seen);
	}
	(void)stop_all(workers);
	workers_free(TAKE_PTR(workers));
	CHECK(access(path, F_OK) < 0);
}

TEST(cgroups_are_really_changed)
{
	char mounted[] = "/tmp/ktstr-cgroup2-XXXXXX";
	char dir[64];

	CHECK(mkdtemp(mounted));
	if (!mount_cgroup2(mounted)) {
		CHECK_EQ(rmdir(mounted), 0);
		skip();        /* not root, or no cgroup v2; tests/vm does it in a guest */
		return;
	}
	snprintf(dir, sizeof(dir), "%s/ktstr-unit-%d", mounted, getpid());
	CHECK_EQ(mkdir(dir, 0755), 0);
	for BOTH_WAYS(threads)
		check_cgroup_churn(dir, threads);
	CHECK_EQ(rmdir(dir), 0);
	CHECK_EQ(umount(mounted), 0);
	CHECK_EQ(rmdir(mounted), 0);
}

TEST(cgroup_churn_says_what_it_could_not_make)
{
	struct worker_group group = group_of(KTSTR_WORK_CGROUP_CHURN, 1, 0);
	AUTO(workers_free) struct workers *workers = NULL;
	struct ktstr_error err = {0};

	group.cgroup_dir = "/proc/self/no-cgroup";
	workers = start(&group, 1);
	workers_settle(workers);
	CHECK_EQ(workers_schedule(workers, &err), -ENOENT);
	CHECK_STR(err.msg, "cgroup cg: worker 0: make its siblings' cgroups: No such file or directory");
}

/* --- real time ---------------------------------------------------------------------------------------------------- */

TEST(hogs_are_fifo_and_the_others_are_not)
{
	static const enum ktstr_work_type types[] = {KTSTR_WORK_RT_STARVATION,
						     KTSTR_WORK_PREEMPT_STORM};

	if (!has_capability(CAP_SYS_NICE)) {
		skip();
		return;
	}
	for BOTH_WAYS(threads) {
		for (unsigned i = 0; i < 2; i++) {
			struct worker_group group = group_of(types[i], 2 + i, threads);
			AUTO(workers_free) struct workers *workers = NULL;
			struct sched_param param;

			group.work.rt_priority = 7;
			group.policy.kind = KTSTR_POLICY_BATCH;
			workers = start_running(&group);
			run_until(workers, all_have_10_iterations, NULL);
			CHECK_EQ(sched_getscheduler(workers_tid(workers, 0)), SCHED_FIFO);
			CHECK_EQ(sched_getparam(workers_tid(workers, 0), &param), 0);
			CHECK_EQ(param.sched_priority, 7);
			CHECK_EQ(sched_getscheduler(workers_tid(workers, 1)), SCHED_BATCH);
			(void)stop_all(workers);
		}
	}
}

TEST(a_storm_flickers)
{
	struct worker_group group = group_of(KTSTR_WORK_PREEMPT_STORM, 3, 0);
	AUTO(workers_free) struct workers *workers = NULL;
	const struct worker_report *reports;

	if (!has_capability(CAP_SYS_NICE)) {
		skip();
		return;
	}
	workers = start_running(&group);
	run_until(workers, all_have_10_iterations, NULL);
	reports = stop_all(workers);
	CHECK(reports[0].wake_count + 1 >= reports[0].iterations);
	CHECK(reports[0].iterations <= 1 + reports[0].wall_ns / (NS_PER_MS * 7 / 8));
	CHECK(reports[0].cpu_ns < reports[0].wall_ns / 2);
	CHECK_EQ(reports[1].wake_count, 0);
}

/* --- sleeping, phases, custom -------------------------------------------------------------------------------------- */

TEST(who_churns_idle_sleeps_most_of_the_time)
{
	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_IDLE_CHURN, 1, threads);
		AUTO(workers_free) struct workers *workers = start_running(&group);
		const struct worker_report *report;

		run_until(workers, all_have_10_iterations, NULL);
		report = stop_all(workers);
		CHECK(report->wake_count <= report->iterations);
		CHECK(report->wake_count + 1 >= report->iterations);
		CHECK(report->wall_ns >= report->wake_count * 5 * NS_PER_MS * 7 / 8);
		CHECK(report->cpu_ns < report->wall_ns / 2);
		CHECK(report->max_gap_ns < report->wall_ns);
	}
}

TEST(a_sequence_goes_through_its_phases)
{
	static const struct ktstr_phase phases[] = {
		{KTSTR_PHASE_SPIN, NS_PER_MS},
		{KTSTR_PHASE_SLEEP, 2 * NS_PER_MS},
		{KTSTR_PHASE_YIELD, NS_PER_MS},
		{KTSTR_PHASE_IO, NS_PER_MS},
	};

	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_SEQUENCE, 1, threads);
		AUTO(workers_free) struct workers *workers = NULL;
		const struct worker_report *report;
		uint64_t written;

		group.work.phases = phases;
		group.work.phase_count = 4;
		workers = start_running(&group);
		run_until(workers, all_have_10_iterations, NULL);
		written = proc_number(workers_pid(workers, 0), "io", "wchar");
		report = stop_all(workers);
		CHECK(written >= 10 * 16 * 4096);
		CHECK(report->wake_count >= report->iterations);
		CHECK(report->wake_count <= report->iterations + 1);
		CHECK(report->wall_ns >= report->iterations * 5 * NS_PER_MS * 7 / 8);
		CHECK(report->cpu_ns < report->wall_ns);
	}
}

struct custom_config {
	uint64_t units;
};

static void custom_work(struct ktstr_worker *self, const void *data)
{
	const struct custom_config *config = data;

	while (!ktstr_worker_stopped(self)) {
		uint64_t due_ns = clock_ns();

		usleep(1000);
		ktstr_worker_woke(self, due_ns + NS_PER_MS);
		ktstr_worker_progress(self, config->units * (ktstr_worker_index(self) + 1));
	}
}

TEST(custom_work_reports_by_itself)
{
	static const struct custom_config config = {.units = 100};

	for BOTH_WAYS(threads) {
		struct worker_group group = group_of(KTSTR_WORK_CUSTOM, 2, threads);
		AUTO(workers_free) struct workers *workers = NULL;
		const struct worker_report *reports;

		group.first_index = 3;
		group.work.custom = custom_work;
		group.work.custom_config = &config;
		workers = start_running(&group);
		run_until(workers, all_have_10_iterations, NULL);
		reports = stop_all(workers);
		for (unsigned i = 0; i < 2; i++) {
			CHECK_EQ(reports[i].index, 3 + i);
			CHECK_EQ(reports[i].work_units, 100 * (4 + i) * reports[i].iterations);
			CHECK_EQ(reports[i].wake_count, reports[i].iterations);
			CHECK(reports[i].max_gap_ns < reports[i].wall_ns);
		}
	}
}

/* --- seeds --------------------------------------------------------------------------------------------------------- */

static void note_seed(struct ktstr_worker *self, const void *config)
{
	(void)config;
	ktstr_worker_progress(self, ktstr_worker_seed(self) >> 32);
	while (!ktstr_worker_stopped(self))
		usleep(1000);
}

static bool all_have_an_iteration(struct workers *workers, void *seen)
{
	(void)seen;
	return iterations_of(workers, 0) && iterations_of(workers, 1);
}

static void seeds_of(uint64_t seed, unsigned first_index, uint64_t ret_seeds[2])
{
	struct worker_group group = group_of(KTSTR_WORK_CUSTOM, 2, 0);
	struct workers_config config = {.groups = &group, .group_count = 1, .seed = seed};
	AUTO(workers_free) struct workers *workers = NULL;
	const struct worker_report *reports;

	group.first_index = first_index;
	group.work.custom = note_seed;
	CHECK_EQ(workers_start(&config, &workers, NULL), 0);
	workers_settle(workers);
	workers_release(workers);
	run_until(workers, all_have_an_iteration, NULL);
	reports = stop_all(workers);
	ret_seeds[0] = reports[0].work_units;
	ret_seeds[1] = reports[1].work_units;
}

TEST(a_worker_s_seed_is_its_own_and_repeats)
{
	uint64_t one[2], same[2], other[2], later[2];

	seeds_of(5, 0, one);
	seeds_of(5, 0, same);
	seeds_of(6, 0, other);
	seeds_of(5, 1, later);
	CHECK(one[0] != one[1]);
	CHECK_EQ(memcmp(one, same, sizeof(one)), 0);
	CHECK(one[0] != other[0]);
	CHECK_EQ(one[1], later[0]);        /* by its index, not by its place in a group */
}

RUN_TESTS();
