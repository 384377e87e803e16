/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guest/guest.h"

#define BUSY_NS_MIN (20 * NS_PER_US)
#define BUSY_NS_MAX (500 * NS_PER_US)
#define PAUSE_NS_MIN (500 * NS_PER_US)
#define PAUSE_NS_MAX (10 * NS_PER_MS)

static uint64_t between(uint64_t *state, uint64_t min, uint64_t max)
{
	return min + splitmix64(state) % (max - min);
}

static void disturb_once(uint64_t *state, unsigned cpus)
{
	struct timespec pause = {.tv_nsec = (long)between(state, PAUSE_NS_MIN, PAUSE_NS_MAX)};
	struct deadline busy;
	cpu_set_t target;

	(void)nanosleep(&pause, NULL);
	CPU_ZERO(&target);
	CPU_SET(splitmix64(state) % cpus, &target);
	(void)sched_setaffinity(0, sizeof(target), &target);        /* CPUs do not come and go here */
	busy = deadline_in(between(state, BUSY_NS_MIN, BUSY_NS_MAX));
	while (!deadline_passed(busy))
		;
}

int disturb_start(uint64_t seed, struct child *ret_child, struct ktstr_error *err)
{
	const struct sched_param rank = {.sched_priority = 2};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct child child = CHILD_NONE;

	child.pid = fork();
	if (child.pid < 0)
		return error_sys(err, "start the disturber: fork");
	if (child.pid == 0) {
		(void)prctl(PR_SET_NAME, "ktstr-disturb");
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sched_setscheduler(0, SCHED_FIFO, &rank) < 0)
			_exit(1);
		for (;;)
			disturb_once(&seed, cpus > 0 ? (unsigned)cpus : 1);
	}
	child.pid_fd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	*ret_child = child;
	return 0;
}
