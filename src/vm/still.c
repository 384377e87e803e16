/* SPDX-License-Identifier: BSD-2-Clause */
#include "vm/still.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define FIND_NS (2 * NS_PER_S)
#define LOOK_NS (NS_PER_MS / 5)

/* QEMU starts it in a constructor, before main(): it is the first behind the leader. 0: not there. */
static pid_t second_thread(pid_t qemu)
{
	AUTO(free) char *path = xasprintf("/proc/%d/task", qemu);
	DIR *dir = opendir(path);
	struct dirent *entry;
	uint32_t tid = 0;

	while (dir && (entry = readdir(dir))) {
		if (sv_u32(sv_of(entry->d_name), INT32_MAX, &tid) == 0 && (pid_t)tid != qemu)
			break;
		tid = 0;
	}
	if (dir)
		closedir(dir);
	return (pid_t)tid;
}

/*
 * Does it wait for work (a QemuEvent: util/qemu-thread-posix.c), or for more of it? The file has
 * "number argument argument ...", proc(5).
 */
static bool sleeps(pid_t tid)
{
	AUTO(free) char *path = xasprintf("/proc/%d/syscall", tid);
	AUTO(free) char *line = file_line(AT_FDCWD, path);
	unsigned long long op = 0, value = 0;
	long number = -1;

	if (!line || sscanf(line, "%ld %*x %llx %llx", &number, &op, &value) < 1)
		return false;
	return number == SYS_clock_nanosleep ||
	       (number == SYS_futex && op == FUTEX_WAIT && (uint32_t)value == UINT32_MAX);
}

/* 0: it is stopped in its sleep. -EAGAIN: it woke up before, and goes on. */
static int stop(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) == 0 && waitpid(tid, &status, __WALL) == tid &&
	    WIFSTOPPED(status) && sleeps(tid))
		return 0;
	(void)ptrace(PTRACE_DETACH, tid, 0, 0);        /* if it has ended, that is found elsewhere */
	return -EAGAIN;
}

int still_begin(pid_t qemu, struct still *still, struct ktstr_error *err)
{
	const struct timespec look = {.tv_nsec = LOOK_NS};
	struct deadline deadline = deadline_in(FIND_NS);
	pid_t tid = second_thread(qemu);
	int r = -EAGAIN;

	while (tid && r == -EAGAIN && !deadline_passed(deadline)) {
		if (sleeps(tid))
			r = stop(tid);
		if (r == -EAGAIN)
			(void)nanosleep(&look, NULL);        /* nothing tells when a thread falls asleep */
	}
	if (r < 0)
		return error_set(err, r, "stop QEMU's RCU thread: %s",
				 r == -EAGAIN ? "it does not sleep" : strerrordesc_np(-r));
	still->tid = tid;
	return 0;
}

void still_end(struct still *still)
{
	int status;

	if (!still->tid)
		return;
	if (ptrace(PTRACE_DETACH, still->tid, 0, 0) < 0)
		(void)waitpid(still->tid, &status, __WALL);        /* it was killed: reap it */
	still->tid = 0;
}
