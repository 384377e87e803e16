/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctprof.c - captures in guests, where the worker is the only process with jemalloc: its bytes are
 * found, a kernel thread has none, and threads that come and go do no harm. Rules C1 to C12.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ctprof.h>
#include <ktstr/jemalloc_worker_contract.h>
#include <ktstr/ktstr.h>

#define WORKER "/include-files/ktstr-jemalloc-alloc-worker"

#define KNOWN_BYTES (16ull << 20)
#define MAX_SLOP (4ull << 20)
#define CHURN_BYTES (1ull << 20)
#define READY_MS 5000
#define KTHREADD 2
#define PREVIEW_MAX 16

extern char **environ;

struct worker {
	pid_t pid;
};

static void worker_kill(struct worker *worker)
{
	if (worker->pid <= 0)
		return;
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	worker->pid = 0;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until the marker is there, the worker ends, or five seconds are over. */
static int wait_ready(const struct worker *worker, int watch_fd, const char *role, struct ktstr_error *err)
{
	struct worker_ready_path marker = worker_ready_marker_path((uint32_t)worker->pid);
	int pid_fd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
	long deadline = now_ms() + READY_MS, left;
	int r = pid_fd < 0 ? ktstr_error_sys(err, "pidfd of the %s", role) : 0;

	while (r == 0 && access(marker.text, F_OK) != 0) {
		struct pollfd fds[] = {{.fd = watch_fd, .events = POLLIN}, {.fd = pid_fd, .events = POLLIN}};
		char events[4096];

		left = deadline - now_ms();
		if (left <= 0)
			r = ktstr_error_set(err, -ETIMEDOUT, "%s pid=%d did not create ready marker %s within %d ms",
					    role, worker->pid, marker.text, READY_MS);
		else if (poll(fds, 2, (int)left) > 0 && fds[1].revents)
			r = ktstr_error_set(err, -ECHILD,
					    "%s pid=%d exited before creating ready marker %s; its exit codes: "
					    "2=bytes==0, 3=threads!=1, 4=marker, 5=arguments, 6=/proc/self/task",
					    role, worker->pid, marker.text);
		else if (fds[0].revents && read(watch_fd, events, sizeof(events)) < 0)
			r = ktstr_error_sys(err, "watch /tmp");
	}
	if (pid_fd >= 0)
		close(pid_fd);
	return r;
}

static int worker_start(struct worker *ret_worker, const char *role, bool churn, uint64_t bytes,
			struct ktstr_error *err)
{
	char number[24];
	char *argv[] = {(char *)WORKER, number, churn ? (char *)"--churn" : NULL, NULL};
	int watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), r;
	struct worker worker = {0};

	snprintf(number, sizeof(number), "%llu", (unsigned long long)bytes);
	if (watch_fd < 0 || inotify_add_watch(watch_fd, "/tmp", IN_CLOSE_WRITE) < 0)
		return ktstr_error_sys(err, "watch /tmp");
	r = posix_spawn(&worker.pid, WORKER, NULL, NULL, argv, environ);
	if (r != 0)
		r = ktstr_error_set(err, -r, "start %s: %s", WORKER, strerror(r));
	else
		r = wait_ready(&worker, watch_fd, role, err);
	close(watch_fd);
	if (r < 0)
		worker_kill(&worker);
	else
		*ret_worker = worker;
	return r;
}

/* What the snapshot has of one process. */
struct found {
	size_t threads;
	bool leader;
	uint64_t leader_allocated, allocated_max, deallocated_max;
};

static struct found find(const struct ktstr_ctprof_snapshot *snapshot, pid_t tgid)
{
	struct found found = {0};

	for (size_t i = 0; i < snapshot->thread_count; i++) {
		const struct ktstr_ctprof_thread *thread = &snapshot->threads[i];

		if (thread->tgid != (uint32_t)tgid)
			continue;
		found.threads++;
		if (thread->tid == thread->tgid) {
			found.leader = true;
			found.leader_allocated = thread->allocated_bytes;
		}
		if (thread->allocated_bytes > found.allocated_max)
			found.allocated_max = thread->allocated_bytes;
		if (thread->deallocated_bytes > found.deallocated_max)
			found.deallocated_max = thread->deallocated_bytes;
	}
	return found;
}

/* At most 16 tgids, which the snapshot has in order, and how many there are. */
static void preview_tgids(const struct ktstr_ctprof_snapshot *snapshot, char *text, size_t size)
{
	size_t distinct = 0, len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < snapshot->thread_count; i++) {
		if (i > 0 && snapshot->threads[i].tgid == snapshot->threads[i - 1].tgid)
			continue;
		if (distinct++ < PREVIEW_MAX && len < size)
			len += (size_t)snprintf(text + len, size - len, "%s%u", len ? ", " : "",
						snapshot->threads[i].tgid);
	}
	if (len < size)
		snprintf(text + len, size - len, " (of %zu distinct tgids)", distinct);
}

KTSTR_TEST(capture_finds_what_a_worker_allocated, .llcs = 1, .cores = 1, .threads = 1,
	   .include_files = KTSTR_ARGS(KTSTR_ALLOC_WORKER))
{
	struct ktstr_ctprof_snapshot *snapshot;
	struct worker worker;
	struct found found;
	pid_t pid;
	int r = worker_start(&worker, "alloc-worker", false, KNOWN_BYTES, err);

	if (r < 0)
		return r;
	pid = worker.pid;
	snapshot = ktstr_ctprof_capture();
	worker_kill(&worker);
	found = find(snapshot, pid);
	if (found.threads == 0)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "worker tgid=%d is not among %zu captured threads",
				   pid, snapshot->thread_count);
	else if (found.allocated_max < KNOWN_BYTES || found.allocated_max > KNOWN_BYTES + MAX_SLOP)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER,
				   "worker tgid=%d allocated_bytes=%llu, expected %llu to %llu; threads in it: %zu of %zu",
				   pid, (unsigned long long)found.allocated_max, KNOWN_BYTES, KNOWN_BYTES + MAX_SLOP,
				   found.threads, snapshot->thread_count);
	else if (found.deallocated_max >= KNOWN_BYTES)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER,
				   "worker tgid=%d deallocated_bytes=%llu, expected below %llu; threads in it: %zu",
				   pid, (unsigned long long)found.deallocated_max, KNOWN_BYTES, found.threads);
	ktstr_verdict_note(verdict, "tgid=%d, threads_in_tgid=%zu, allocated=%llu, deallocated=%llu", pid,
			   found.threads, (unsigned long long)found.allocated_max,
			   (unsigned long long)found.deallocated_max);
	ktstr_ctprof_free(snapshot);
	return 0;
}

KTSTR_TEST(capture_of_a_bare_guest_has_kthreadd_without_a_heap, .llcs = 1, .cores = 1, .threads = 1)
{
	struct ktstr_ctprof_snapshot *snapshot = ktstr_ctprof_capture();
	struct found found = find(snapshot, KTHREADD);
	char tgids[512];

	preview_tgids(snapshot, tgids, sizeof(tgids));
	if (found.threads == 0)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "kthreadd (tgid=%d) is not among %zu captured threads: %s",
				   KTHREADD, snapshot->thread_count, tgids);
	else if (found.allocated_max || found.deallocated_max)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER,
				   "kthreadd has allocated_bytes=%llu, deallocated_bytes=%llu, but no heap",
				   (unsigned long long)found.allocated_max, (unsigned long long)found.deallocated_max);
	if (!find(snapshot, getpid()).leader)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "the capturing process %d is missing: %s", getpid(),
				   tgids);
	ktstr_verdict_note(verdict, "kthreadd_threads=%zu, total_threads=%zu", found.threads, snapshot->thread_count);
	ktstr_ctprof_free(snapshot);
	return 0;
}

KTSTR_TEST(capture_outlives_threads_that_come_and_go, .llcs = 1, .cores = 2, .threads = 2,
	   .include_files = KTSTR_ARGS(KTSTR_ALLOC_WORKER))
{
	struct ktstr_ctprof_snapshot *snapshot;
	struct worker worker;
	struct found found;
	pid_t pid;
	int r = worker_start(&worker, "churn alloc-worker", true, CHURN_BYTES, err);

	if (r < 0)
		return r;
	pid = worker.pid;
	snapshot = ktstr_ctprof_capture();
	worker_kill(&worker);
	found = find(snapshot, pid);
	if (!found.leader)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER,
				   "of worker tgid=%d %zu threads were captured, but not its leader", pid,
				   found.threads);
	ktstr_verdict_note(verdict, "tgid=%d, total_threads=%zu, main_allocated_bytes=%llu", pid,
			   snapshot->thread_count, (unsigned long long)found.leader_allocated);
	ktstr_ctprof_free(snapshot);
	return 0;
}
