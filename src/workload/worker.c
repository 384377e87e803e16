/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/worker.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "workload/reservoir.h"

#define UNITS_PER_CHECKPOINT 1024
#define TURNS_PER_YIELD 64
#define WAKES_MAX 4096
#define EXIT_NOT_SET_UP 3

struct worker {
	const struct worker_config *config;
	struct slot *slot;
	struct worker_report *report;
	uint64_t units_to_checkpoint;
	uint64_t checked_ns;               /* when the last checkpoint was */
	uint64_t cpu_before_ns;            /* CPU time used before the release */
	int cpu;                           /* at the last checkpoint; -1: none yet */
	struct reservoir wakes;
};

static volatile sig_atomic_t stop_asked;

static void ask_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

/* --- measuring -------------------------------------------------------------------------------- */

static uint64_t thread_cpu_ns(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);        /* cannot fail for ourselves */
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

static void see_cpu(struct worker *worker)
{
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu == worker->cpu)
		return;
	if (worker->cpu >= 0)
		worker->report->migrations++;
	worker->cpu = cpu;
	cpuset_add(&worker->report->cpus, (unsigned)cpu);
}

static void checkpoint(struct worker *worker)
{
	struct worker_report *report = worker->report;
	uint64_t since = atomic_load_explicit(&worker->slot->since_ns, memory_order_relaxed);
	uint64_t now = clock_ns();

	see_cpu(worker);
	/* since is ahead of now when a stop cut a sleep or a wait short */
	if (now > since && now - since > report->max_gap_ns) {
		report->max_gap_ns = now - since;
		report->max_gap_at_ns = now - worker->config->shared->release_ns;
		report->max_gap_cpu = worker->cpu;
	}
	atomic_store_explicit(&worker->slot->since_ns, now, memory_order_relaxed);
	worker->checked_ns = now;
	worker->units_to_checkpoint = UNITS_PER_CHECKPOINT;
}

/* The worker runs again; its slot says when that was due. */
static void note_wake(struct worker *worker)
{
	uint64_t due = atomic_load_explicit(&worker->slot->since_ns, memory_order_acquire);
	uint64_t now = clock_ns();

	reservoir_add(&worker->wakes, now > due ? now - due : 0);
}

/* --- working ---------------------------------------------------------------------------------- */

/* No PAUSE: under KVM it can leave the guest, and it takes 4 to 140 cycles depending on the CPU. */
static void turn_loop(uint64_t turns)
{
	for (; turns; turns--)
		__asm__ volatile("" : "+r"(turns));
}

/* Returns early when told to stop. */
static void spin(struct worker *worker, uint64_t units)
{
	while (units && !stop_asked) {
		uint64_t left = worker->units_to_checkpoint;
		uint64_t part = units < left ? units : left;

		turn_loop(part);
		units -= part;
		worker->report->work_units += part;
		worker->units_to_checkpoint -= part;
		if (worker->units_to_checkpoint == 0)
			checkpoint(worker);
	}
}

static void work_spin_wait(struct worker *worker)
{
	while (!stop_asked) {
		spin(worker, worker->config->work.iterations);
		if (!stop_asked)
			worker->report->iterations++;
	}
}

static void work_yield_heavy(struct worker *worker)
{
	while (!stop_asked) {
		turn_loop(TURNS_PER_YIELD);
		(void)sched_yield();        /* always succeeds on Linux */
		worker->report->work_units++;
		worker->report->iterations++;
		checkpoint(worker);
	}
}

/* False when the stop came first. */
static bool sleep_until(struct worker *worker, uint64_t wake_ns)
{
	struct timespec wake = {
		.tv_sec = (time_t)(wake_ns / NS_PER_S),
		.tv_nsec = (long)(wake_ns % NS_PER_S),
	};

	atomic_store_explicit(&worker->slot->since_ns, wake_ns, memory_order_relaxed);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) != 0) {
		if (stop_asked)
			return false;
	}
	note_wake(worker);
	return true;
}

static void work_bursty(struct worker *worker)
{
	const struct ktstr_work *work = &worker->config->work;

	while (!stop_asked) {
		uint64_t end_ns = worker->checked_ns + work->burst_ns;

		while (worker->checked_ns < end_ns && !stop_asked)
			spin(worker, worker->units_to_checkpoint);
		if (stop_asked)
			return;
		worker->report->iterations++;
		if (!sleep_until(worker, worker->checked_ns + work->sleep_ns))
			return;
		checkpoint(worker);
	}
}

/*
 * The partner only answers what we send: our slot says WAITING before the byte is on its way, so
 * the partner's later word about when our wait ended stands.
 */
static bool hand_over(struct worker *worker)
{
	const struct worker_config *config = worker->config;

	checkpoint(worker);
	atomic_store_explicit(&worker->slot->since_ns, WORKER_SINCE_WAITING, memory_order_release);
	atomic_store_explicit(&config->partner->since_ns, clock_ns(), memory_order_release);
	return write(config->write_fd, "", 1) == 1;        /* EPIPE: the partner is gone */
}

/* False when the stop came first, or the partner is gone. */
static bool wait_turn(struct worker *worker)
{
	char byte;
	ssize_t n;

	do {
		n = read(worker->config->read_fd, &byte, 1);
	} while (n < 0 && errno == EINTR && !stop_asked);
	if (n != 1)
		return false;
	note_wake(worker);
	return true;
}

static void work_pipe_io(struct worker *worker)
{
	bool my_turn = worker->config->first;

	while (!stop_asked) {
		if (!my_turn && !wait_turn(worker))
			return;
		my_turn = false;
		spin(worker, worker->config->work.iterations);
		if (stop_asked)
			return;
		worker->report->iterations++;
		if (!hand_over(worker))
			return;
	}
}

static void work(struct worker *worker)
{
	switch (worker->config->work.type) {
	case KTSTR_WORK_SPIN_WAIT:
		return work_spin_wait(worker);
	case KTSTR_WORK_YIELD_HEAVY:
		return work_yield_heavy(worker);
	case KTSTR_WORK_BURSTY:
		return work_bursty(worker);
	case KTSTR_WORK_PIPE_IO:
		return work_pipe_io(worker);
	case KTSTR_WORK_TYPE_COUNT:
		break;
	}
	_exit(EXIT_NOT_SET_UP);        /* workers_start() lets no other value in */
}

/* --- from fork to exit ------------------------------------------------------------------------ */

/* The smallest descriptor from `fd` on that the worker keeps; UINT_MAX: none. */
static unsigned next_kept(const struct worker_config *config, unsigned fd)
{
	const int kept[] = {config->read_fd, config->write_fd, config->ready_fd};
	unsigned next = UINT_MAX;

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		if (kept[i] >= (int)fd && (unsigned)kept[i] < next)
			next = (unsigned)kept[i];
	}
	return next;
}

static void close_others(const struct worker_config *config)
{
	unsigned fd = 3, kept;

	while ((kept = next_kept(config, fd)) != UINT_MAX) {
		if (kept > fd)
			(void)close_range(fd, kept - 1, 0);
		fd = kept + 1;
	}
	(void)close_range(fd, UINT_MAX, 0);
}

static int set_up_signals(void)
{
	struct sigaction stop = {.sa_handler = ask_stop};        /* no SA_RESTART: it ends sleeps */
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);        /* SIGKILL and SIGSTOP refuse: they are */
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	if (sigaction(SIGUSR1, &stop, NULL) < 0)
		return -errno;
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int set_up(const struct worker_config *config)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NAME, config->comm) < 0)
		return -errno;
	if (getppid() != config->parent)
		return -ESRCH;        /* the parent died before the line above took effect */
	if (setpgid(0, 0) < 0)
		return -errno;
	close_others(config);
	return set_up_signals();
}

/* False when the stop came first. */
static bool wait_release(const struct worker_config *config)
{
	struct shared *shared = config->shared;
	uint64_t one = 1;

	if (write(config->ready_fd, &one, sizeof(one)) != sizeof(one))
		_exit(EXIT_NOT_SET_UP);
	while (!atomic_load(&shared->released)) {
		if (stop_asked)
			return false;
		(void)syscall(SYS_futex, &shared->released, FUTEX_WAIT, 0, NULL, NULL, 0);
	}
	return true;
}

static void report_wakes(struct worker *worker)
{
	struct worker_report *report = worker->report;
	struct reservoir *wakes = &worker->wakes;

	report->wake_count = wakes->seen;
	if (wakes->seen == 0)
		return;
	reservoir_sort(wakes);
	report->wake_ns_p50 = percentile_nearest_rank(wakes->at, wakes->len, 0.50);
	report->wake_ns_p99 = percentile_nearest_rank(wakes->at, wakes->len, 0.99);
	report->wake_ns_max = wakes->max;
}

_Noreturn void worker_main(const struct worker_config *config)
{
	struct worker worker = {
		.config = config,
		.slot = config->slot,
		.report = &config->slot->report,
		.units_to_checkpoint = UNITS_PER_CHECKPOINT,
		.cpu = -1,
	};

	if (set_up(config) < 0)
		_exit(EXIT_NOT_SET_UP);
	reservoir_init(&worker.wakes, WAKES_MAX, config->seed);
	worker.report->tid = getpid();        /* as the parent has it: brings the slot's page in */
	if (wait_release(config)) {
		worker.cpu_before_ns = thread_cpu_ns();
		if (!config->partner || config->first)
			checkpoint(&worker);
		work(&worker);
		worker.report->cpu_ns = thread_cpu_ns() - worker.cpu_before_ns;
		checkpoint(&worker);
		worker.report->wall_ns = worker.checked_ns - config->shared->release_ns;
	}
	report_wakes(&worker);
	__atomic_store_n(&worker.report->completed, true, __ATOMIC_RELEASE);
	_exit(0);
}
