/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/workers.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_TIMEOUT_NS (5 * NS_PER_S)
#define STOP_REPEAT_NS (100 * NS_PER_MS)
#define EVENTS_AT_ONCE 64

size_t workers_count(const struct workers *workers)
{
	return workers->count;
}

pid_t workers_pid(const struct workers *workers, size_t i)
{
	assert(i < workers->count);
	return workers->hands[i].pid;
}

const struct worker_report *workers_reports(const struct workers *workers, size_t group,
					    size_t *ret_count)
{
	assert(group < workers->group_count);
	*ret_count = workers->first[group + 1] - workers->first[group];
	return &workers->reports[workers->first[group]];
}

int workers_watch(struct workers *workers, int fd, uint64_t word)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = word};

	return epoll_ctl(workers->events_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void workers_unwatch(struct workers *workers, int fd)
{
	(void)epoll_ctl(workers->events_fd, EPOLL_CTL_DEL, fd, NULL);        /* it is there */
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void note_end(struct workers *workers, struct hand *hand)
{
	workers_unwatch(workers, hand->pid_fd);
	hand->ended = true;
	hand->ended_ns = clock_ns();
	workers->alive--;
}

/*
 * Sleep until the deadline, the end of a worker or the watched descriptor's event, and note who has
 * ended. Returns whether there was that event. May return early: callers look at the time.
 */
static bool sleep_for_events(struct workers *workers, struct deadline until)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	uint64_t left_ns = deadline_left_ns(until);
	struct timespec left = {
		.tv_sec = (time_t)(left_ns / NS_PER_S),
		.tv_nsec = (long)(left_ns % NS_PER_S),
	};
	int n = epoll_pwait2(workers->events_fd, events, EVENTS_AT_ONCE, &left, NULL);
	bool watched = false;

	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == WORKERS_WATCHED)
			watched = true;
		else
			note_end(workers, &workers->hands[events[i].data.u64]);
	}
	return watched;
}

void workers_settle(struct workers *workers)
{
	struct deadline deadline = deadline_in(READY_TIMEOUT_NS);

	/* should this fail, the deadline ends the wait */
	(void)workers_watch(workers, workers->ready_fd, WORKERS_WATCHED);
	while (workers->ready < workers->alive && !deadline_passed(deadline)) {
		uint64_t more;

		if (sleep_for_events(workers, deadline) &&
		    read(workers->ready_fd, &more, sizeof(more)) == sizeof(more))
			workers->ready += more;
	}
	workers_unwatch(workers, workers->ready_fd);
	for (size_t i = 0; i < workers->count; i++) {
		struct hand *hand = &workers->hands[i];

		hand->evidence.before = task_sample_counters(workers->proc_fd, hand->pid);
	}
}

void workers_release(struct workers *workers)
{
	struct shared *shared = workers->shared;

	shared->release_ns = clock_ns();
	for (size_t i = 0; i < workers->count; i++) {
		uint64_t none = 0;

		/* the second of a pair is WAITING already */
		atomic_compare_exchange_strong(&shared->slots[i].since_ns, &none,
					       shared->release_ns);
		workers->hands[i].evidence.release_ns = shared->release_ns;
	}
	atomic_store(&shared->released, 1);
	(void)syscall(SYS_futex, &shared->released, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static enum workers_event next_event(struct workers *workers, struct deadline until)
{
	for (;;) {
		if (sleep_for_events(workers, until))
			return WORKERS_WATCHED_FD;
		if (workers->alive == 0)
			return WORKERS_ALL_ENDED;
		if (deadline_passed(until))
			return WORKERS_TIME_IS_UP;
	}
}

int workers_wait(struct workers *workers, struct deadline until, int watch_fd,
		 enum workers_event *ret_event, struct ktstr_error *err)
{
	int r = watch_fd < 0 ? 0 : workers_watch(workers, watch_fd, WORKERS_WATCHED);

	if (r < 0) {
		errno = -r;
		return error_sys(err, "epoll_ctl");
	}
	*ret_event = next_event(workers, until);
	if (watch_fd >= 0)
		workers_unwatch(workers, watch_fd);
	return 0;
}

void workers_observe(struct workers *workers)
{
	for (size_t i = 0; i < workers->count; i++) {
		struct worker_evidence *evidence = &workers->hands[i].evidence;

		evidence->after = task_sample_counters(workers->proc_fd, workers->hands[i].pid);
		evidence->since_ns = atomic_load(&workers->shared->slots[i].since_ns);
	}
}

/* This takes longer than the counters do, and is as true a little later. */
static void observe_scheduler(struct workers *workers)
{
	for (size_t i = 0; i < workers->count; i++)
		task_sample_scheduler(workers->proc_fd, workers->hands[i].pid,
				      &workers->hands[i].evidence.after);
}

/* --- ending ----------------------------------------------------------------------------------- */

static void signal_living(const struct workers *workers, int sig)
{
	for (size_t i = 0; i < workers->count; i++) {
		const struct hand *hand = &workers->hands[i];

		if (hand->ended || hand->pid == 0)
			continue;
		/* not reaped yet, so the number is still its own; a group's kill may find none */
		if (sig == SIGKILL)
			(void)kill(-hand->pid, sig);
		(void)kill(hand->pid, sig);
	}
}

static void wait_all_ended(struct workers *workers, struct deadline deadline)
{
	while (workers->alive && !deadline_passed(deadline))
		(void)sleep_for_events(workers, deadline);
}

/* -1 when it has not ended. */
static int32_t reap(struct hand *hand)
{
	int status;

	if (waitpid(hand->pid, &status, WNOHANG) != hand->pid)
		return -1;
	hand->pid = 0;
	return status;
}

static void kill_living(struct workers *workers)
{
	signal_living(workers, SIGKILL);
	wait_all_ended(workers, deadline_in(workers->kill_timeout_ns));
	workers->given_up = workers->alive > 0;
}

/* A worker's look at its flag and the sleep that follows are not one step: so ask again. */
static void ask_to_stop(struct workers *workers)
{
	struct deadline deadline = deadline_in(workers->stop_timeout_ns);

	while (workers->alive && !deadline_passed(deadline)) {
		signal_living(workers, SIGUSR1);
		wait_all_ended(workers, deadline_earlier(deadline, deadline_in(STOP_REPEAT_NS)));
	}
}

void workers_stop(struct workers *workers)
{
	uint64_t stop_ns;

	assert(workers->shared->release_ns);
	observe_scheduler(workers);
	stop_ns = clock_ns();
	ask_to_stop(workers);
	for (size_t i = 0; i < workers->count; i++) {
		struct hand *hand = &workers->hands[i];
		bool ended_before = hand->ended && hand->ended_ns < stop_ns;

		hand->evidence.end_ns = ended_before ? hand->ended_ns : stop_ns;
		hand->evidence.wait_status = hand->ended ? reap(hand) : -1;
	}
	if (workers->alive)
		kill_living(workers);
	for (size_t i = 0; i < workers->count; i++) {
		struct slot *slot = &workers->shared->slots[i];
		bool completed = __atomic_load_n(&slot->report.completed, __ATOMIC_ACQUIRE);

		workers->reports[i] = slot->report;
		workers->reports[i].completed = completed;
		report_complete(&workers->reports[i], &workers->hands[i].evidence);
	}
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	if (workers->alive && !workers->given_up)
		kill_living(workers);
	for (size_t i = 0; i < workers->count; i++) {
		if (workers->hands[i].pid)
			(void)reap(&workers->hands[i]);        /* if given up, it stays our child */
		fd_close(workers->hands[i].pid_fd);
	}
	fd_close(workers->events_fd);
	fd_close(workers->ready_fd);
	fd_close(workers->proc_fd);
	if (workers->shared)
		munmap(workers->shared, workers->shared_bytes);
	free(workers->hands);
	free(workers->reports);
	free(workers->first);
	free(workers);
}
