/* SPDX-License-Identifier: BSD-2-Clause */
/* worker_runs.h - starting real workers and looking at them while they run, for unit tests. */
#ifndef WORKER_RUNS_H
#define WORKER_RUNS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload/workload.h"
#include "test.h"

#define RUN_TIMEOUT_NS (20 * NS_PER_S)

/*
 * cmocka leaves a test that fails by a long jump, so its workers are still there. That is no fault of
 * the tests that follow.
 */
static inline void end_leftovers(void)
{
	AUTO(free) char *pids = file_line(AT_FDCWD, "/proc/thread-self/children");
	struct sv rest = sv_of(pids ?: ""), word;
	uint32_t pid;

	while (rest.data && (word = sv_split(&rest, ' ')).len) {
		if (sv_u32(word, INT32_MAX, &pid) < 0)
			continue;
		(void)kill((pid_t)pid, SIGKILL);
		(void)waitpid((pid_t)pid, NULL, 0);
	}
}

static inline struct workers *start_with(const struct worker_group *groups, size_t count,
					 uint64_t stop_timeout_ns)
{
	struct workers_config config = {
		.groups = groups,
		.group_count = count,
		.seed = 1,
		.stop_timeout_ns = stop_timeout_ns,
		.kill_timeout_ns = RUN_TIMEOUT_NS,
	};
	struct ktstr_error err = {0};
	struct workers *workers = NULL;

	end_leftovers();
	if (workers_start(&config, &workers, &err) < 0)
		fail_msg("%s", err.msg);
	return workers;
}

static inline struct workers *start(const struct worker_group *groups, size_t count)
{
	return start_with(groups, count, RUN_TIMEOUT_NS);
}

/* Ready, with their policies. */
static inline struct workers *start_ready(const struct worker_group *group)
{
	struct workers *workers = start(group, 1);
	struct ktstr_error err = {0};

	workers_settle(workers);
	if (workers_schedule(workers, &err) < 0)
		fail_msg("%s", err.msg);
	return workers;
}

static inline struct workers *start_running(const struct worker_group *group)
{
	struct workers *workers = start_ready(group);

	workers_release(workers);
	return workers;
}

static inline enum workers_event wait_for(struct workers *workers, uint64_t ns, int watch_fd)
{
	enum workers_event event;

	CHECK_EQ(workers_wait(workers, deadline_in(ns), watch_fd, &event, NULL), 0);
	return event;
}

/* Look again and again until it is so; a test that waits in vain fails. */
typedef bool condition(struct workers *workers, void *seen);

static inline void run_until(struct workers *workers, condition *is_so, void *seen)
{
	struct deadline deadline = deadline_in(RUN_TIMEOUT_NS);

	while (!is_so(workers, seen)) {
		CHECK(!deadline_passed(deadline));
		CHECK_EQ(wait_for(workers, NS_PER_MS, -1), WORKERS_TIME_IS_UP);
	}
}

static inline bool has_no_children(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* Each one stops when told. */
static inline const struct worker_report *stop_all(struct workers *workers)
{
	const struct worker_report *reports;
	size_t count;

	workers_observe(workers);
	workers_stop(workers);
	reports = workers_reports(workers, 0, &count);
	for (size_t i = 0; i < count; i++) {
		CHECK(reports[i].completed);
		CHECK_EQ(reports[i].wait_status, 0);
	}
	CHECK(has_no_children());
	return reports;
}

static inline bool has_capability(unsigned capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	return data[capability / 32].effective >> capability % 32 & 1;
}

#endif
