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

#include "workload/kinds.h"

#define READY_TIMEOUT_NS (5 * NS_PER_S)
#define STOP_REPEAT_NS (100 * NS_PER_MS)
#define EVENTS_AT_ONCE 64

size_t workers_count(const struct workers *workers)
{
	return workers->count;
}

static const struct process *process_of(const struct workers *workers, size_t i)
{
	assert(i < workers->count);
	return &workers->processes[workers->hands[i].process];
}

pid_t workers_pid(const struct workers *workers, size_t i)
{
	return process_of(workers, i)->pid;
}

pid_t workers_tid(const struct workers *workers, size_t i)
{
	assert(i < workers->count);
	return atomic_load(&workers->hands[i].slot->tid);
}

void workers_describe(const struct workers *workers, size_t i, struct buf *buf)
{
	const struct hand *hand = &workers->hands[i];

	buf_printf(buf, "cgroup %s: worker %u", workers->groups[hand->group].cgroup,
		   hand->slot->report.index);
}

const struct worker_report *workers_reports(const struct workers *workers, size_t group,
					    size_t *ret_count)
{
	assert(group < workers->group_count);
	*ret_count = workers->groups[group].count;
	return &workers->reports[workers->groups[group].first];
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

static void note_end(struct workers *workers, struct process *process)
{
	workers_unwatch(workers, process->pid_fd);
	process->ended = true;
	process->ended_ns = clock_ns();
	workers->alive -= process->count;
}

/*
 * Sleep until the deadline, the end of a process or the watched descriptor's event, and note who has
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
			note_end(workers, &workers->processes[events[i].data.u64]);
	}
	return watched;
}

int workers_fd(const struct workers *workers)
{
	return workers->events_fd;
}

size_t workers_alive(struct workers *workers)
{
	(void)sleep_for_events(workers, deadline_in(0));
	return workers->alive;
}

static void go_on(struct workers *workers, enum phase phase)
{
	_Atomic uint32_t *word = &workers->shared->phase;

	atomic_store(word, phase);
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool all_settled(struct workers *workers)
{
	size_t i = workers->settled;

	while (i < workers->count && (atomic_load(&workers->hands[i].slot->ready) ||
				      process_of(workers, i)->ended))
		i++;
	workers->settled = i;
	return i == workers->count;
}

void workers_settle(struct workers *workers)
{
	struct deadline deadline = deadline_in(READY_TIMEOUT_NS);
	uint64_t more;

	/* should this fail, the deadline ends the wait */
	(void)workers_watch(workers, workers->ready_fd, WORKERS_WATCHED);
	go_on(workers, PHASE_PREPARE);
	while (!all_settled(workers) && !deadline_passed(deadline)) {
		if (sleep_for_events(workers, deadline))
			(void)!read(workers->ready_fd, &more, sizeof(more));        /* how many is in the slots */
	}
	workers_unwatch(workers, workers->ready_fd);
	for (size_t i = 0; i < workers->count; i++)
		workers->hands[i].evidence.before =
			task_sample_counters(workers->proc_fd, workers_tid(workers, i));
}

void workers_release(struct workers *workers)
{
	uint64_t release_ns = clock_ns();

	workers->shared->release_ns = release_ns;
	for (size_t i = 0; i < workers->count; i++) {
		struct hand *hand = &workers->hands[i];
		uint64_t none = 0;

		/* who begins by waiting for a mate is WAITING already */
		atomic_compare_exchange_strong(&hand->slot->since_ns, &none, release_ns);
		hand->evidence.release_ns = release_ns;
	}
	go_on(workers, PHASE_RUN);
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

/* As if the time that is excused had not been. */
static uint64_t since_when(const struct slot *slot, uint64_t now_ns)
{
	uint64_t since_ns = atomic_load(&slot->since_ns);

	return since_ns < now_ns ? since_ns + slot_excused_ns(slot, since_ns, now_ns) : since_ns;
}

void workers_observe(struct workers *workers)
{
	for (size_t i = 0; i < workers->count; i++) {
		struct hand *hand = &workers->hands[i];

		hand->evidence.after =
			task_sample_counters(workers->proc_fd, workers_tid(workers, i));
		hand->evidence.since_ns = since_when(hand->slot, hand->evidence.after.at_ns);
	}
}

/*
 * One excuse for each is enough: only one that did not run between two freezes could need both, and
 * for it they become one as long as the two together.
 */
void workers_excuse(struct workers *workers, uint64_t since_ns, uint64_t now_ns)
{
	for (size_t i = 0; i < workers->count; i++) {
		struct slot *slot = workers->hands[i].slot;
		uint64_t from_ns = atomic_load(&slot->excused_from_ns);
		uint64_t to_ns = atomic_load(&slot->excused_to_ns);
		bool ran = atomic_load(&slot->since_ns) >= to_ns;

		atomic_store(&slot->excused_from_ns, ran ? since_ns : since_ns - (to_ns - from_ns));
		atomic_store(&slot->excused_to_ns, now_ns);
	}
}

struct workers_progress workers_progress(struct workers *workers)
{
	struct workers_progress sum = {0};

	for (size_t i = 0; i < workers->count; i++) {
		struct hand *hand = &workers->hands[i];
		struct worker_evidence so_far = hand->evidence;

		so_far.after = task_sample_counters(workers->proc_fd, workers_tid(workers, i));
		so_far.since_ns = since_when(hand->slot, so_far.after.at_ns);
		sum.iterations +=
			__atomic_load_n(&hand->slot->report.iterations, __ATOMIC_RELAXED);
		if (!so_far.before.counted || !so_far.after.counted)
			continue;
		sum.cpu_ns += so_far.after.run_ns - so_far.before.run_ns;
		sum.wait_ns += evidence_waited_ns(&so_far);
	}
	return sum;
}

/* This takes longer than the counters do, and is as true a little later. */
static void observe_scheduler(struct workers *workers)
{
	bool many_nodes = nodes_online() > 1;

	for (size_t i = 0; i < workers->count; i++) {
		struct hand *hand = &workers->hands[i];
		struct worker_report *report = &workers->reports[i];

		if (!work_kind(&workers->groups[hand->group].work)->changes_policy)
			task_sample_scheduler(workers->proc_fd, workers_tid(workers, i),
					      &hand->evidence.after);
		if (many_nodes || workers->groups[hand->group].reads_pages)
			report->pages_known = task_read_pages(
				workers->proc_fd, workers_tid(workers, i), report->pages);
	}
}

/* --- ending ----------------------------------------------------------------------------------- */

/* Not reaped yet, so the numbers are still theirs; a thread may have ended. */
static void ask_process(const struct workers *workers, const struct process *process)
{
	bool whole = true;

	for (size_t i = process->first; i < process->first + process->count; i++) {
		pid_t tid = workers_tid(workers, i);

		if (tid == 0)
			continue;
		(void)syscall(SYS_tgkill, process->pid, tid, SIGUSR1);
		whole = false;
	}
	if (whole)        /* it has not come so far as to start one */
		(void)kill(process->pid, SIGUSR1);
}

static void ask_living(const struct workers *workers)
{
	for (size_t i = 0; i < workers->process_count; i++) {
		if (!workers->processes[i].ended)
			ask_process(workers, &workers->processes[i]);
	}
}

static void wait_all_ended(struct workers *workers, struct deadline deadline)
{
	while (workers->alive && !deadline_passed(deadline))
		(void)sleep_for_events(workers, deadline);
}

/*
 * It and what it has forked: they are in its group, whose number is taken as long as it is not
 * reaped. The group may not be there yet.
 */
static void kill_group(const struct process *process)
{
	(void)kill(-process->pid, SIGKILL);
	(void)kill(process->pid, SIGKILL);
}

/* Only when it has ended. */
static void reap(struct process *process)
{
	int status;

	if (process->pid == 0)
		return;
	kill_group(process);
	if (waitpid(process->pid, &status, WNOHANG) != process->pid)
		return;
	process->wait_status = status;
	process->pid = 0;
}

static void kill_living(struct workers *workers)
{
	for (size_t i = 0; i < workers->process_count; i++) {
		if (!workers->processes[i].ended && workers->processes[i].pid)
			kill_group(&workers->processes[i]);
	}
	wait_all_ended(workers, deadline_in(workers->kill_timeout_ns));
	workers->given_up = workers->alive > 0;
}

/* A worker's look at its flag and the sleep that follows are not one step: so ask again. */
static void wait_for_reports(struct workers *workers)
{
	struct deadline deadline = deadline_in(workers->stop_timeout_ns);

	while (workers->alive && !deadline_passed(deadline)) {
		wait_all_ended(workers, deadline_earlier(deadline, deadline_in(STOP_REPEAT_NS)));
		if (workers->alive)
			ask_living(workers);
	}
}

static void end_evidence(struct workers *workers, uint64_t stop_ns)
{
	for (size_t i = 0; i < workers->count; i++) {
		struct worker_evidence *evidence = &workers->hands[i].evidence;
		const struct process *process = process_of(workers, i);
		bool ended_before = process->ended && process->ended_ns < stop_ns;

		evidence->end_ns = ended_before ? process->ended_ns : stop_ns;
		evidence->wait_status = process->wait_status;
	}
}

/* From a copy, as one that does not even die could still add to its own. */
static void report_wakes(struct hand *hand, struct worker_report *report)
{
	const struct reservoir *sample = &hand->slot->wakes;
	size_t len = sample->len < WORKER_WAKES_MAX ? sample->len : WORKER_WAKES_MAX;

	if (len == 0)
		return;
	hand->wakes = xcalloc(len, sizeof(*hand->wakes));
	memcpy(hand->wakes, sample->at, len * sizeof(*hand->wakes));
	reservoir_sort(hand->wakes, len);
	report->wakes = hand->wakes;
	report->wakes_len = (uint32_t)len;
	report->wake_count = sample->seen;
	report->wake_ns_max = sample->max;
	report->wake_ns_p50 = percentile_nearest_rank(hand->wakes, len, 0.50);
	report->wake_ns_p99 = percentile_nearest_rank(hand->wakes, len, 0.99);
}

static void make_report(struct workers *workers, size_t i)
{
	struct hand *hand = &workers->hands[i];
	struct worker_report *report = &workers->reports[i], read = *report;
	bool completed = __atomic_load_n(&hand->slot->report.completed, __ATOMIC_ACQUIRE);

	*report = hand->slot->report;
	report->completed = completed;
	report->tid = atomic_load(&hand->slot->tid);
	report->pages_known = read.pages_known;
	memcpy(report->pages, read.pages, sizeof(report->pages));
	report_wakes(hand, report);
	report_complete(report, &hand->evidence);
}

void workers_ask_to_stop(struct workers *workers)
{
	assert(workers->shared->release_ns);
	observe_scheduler(workers);
	workers->asked_ns = clock_ns();
	ask_living(workers);
}

void workers_stop(struct workers *workers)
{
	if (workers->asked_ns == 0)
		workers_ask_to_stop(workers);
	wait_for_reports(workers);
	for (size_t i = 0; i < workers->process_count; i++) {
		if (workers->processes[i].ended)
			reap(&workers->processes[i]);
	}
	end_evidence(workers, workers->asked_ns);
	if (workers->alive)
		kill_living(workers);
	for (size_t i = 0; i < workers->count; i++)
		make_report(workers, i);
}

static void groups_done(struct workers *workers)
{
	for (size_t i = 0; i < workers->group_count; i++) {
		struct group *group = &workers->groups[i];

		for (unsigned k = 0; group->churn_dir && k < group->work.fan_out; k++)
			churn_cgroup_remove(group->churn_dir, k);
		free(group->churn_dir);
	}
	free(workers->groups);
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	if (workers->alive && !workers->given_up)
		kill_living(workers);
	for (size_t i = 0; i < workers->process_count; i++) {
		reap(&workers->processes[i]);        /* if given up, it stays our child */
		fd_close(workers->processes[i].pid_fd);
	}
	groups_done(workers);
	fd_close(workers->events_fd);
	fd_close(workers->ready_fd);
	fd_close(workers->proc_fd);
	for (size_t i = 0; i < workers->count; i++)
		free(workers->hands[i].wakes);
	if (workers->shared)
		munmap(workers->shared, workers->shared_bytes);
	free(workers->processes);
	free(workers->hands);
	free(workers->reports);
	free(workers);
}
