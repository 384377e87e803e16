/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sv.h"

extern char **environ;

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/*
 * Move descriptors to their numbers in the child. Sources are first lifted above all targets, so
 * that no move overwrites a source that is still wanted.
 */
static int place_fds(const struct spawn_config *config)
{
	int from[3 + SPAWN_FD_MAX];
	unsigned count = 3 + config->keep_fd_count;

	for (unsigned i = 0; i < count; i++) {
		int fd = i == 0   ? config->stdin_fd
			 : i == 1 ? config->stdout_fd
			 : i == 2 ? config->stderr_fd
				  : config->keep_fd[i - 3];

		if (fd < 0)
			fd = open("/dev/null", i == 0 ? O_RDONLY : O_WRONLY);
		from[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 64);
		if (from[i] < 0)
			return -errno;
	}
	for (unsigned i = 0; i < count; i++) {
		if (dup2(from[i], (int)i) < 0)
			return -errno;
	}
	return 0;
}

/*
 * Close all but ours: a child that another thread starts meanwhile has its errno pipe in here too,
 * and must not have to wait for us to get further.
 */
static int close_others(const struct spawn_config *config, int report_fd)
{
	unsigned first = 3 + config->keep_fd_count;

	if (close_range(first, (unsigned)report_fd - 1, 0) < 0 ||
	    close_range((unsigned)report_fd + 1, ~0u, 0) < 0)
		return -errno;
	return 0;
}

static int become(const struct spawn_config *config, pid_t parent, int report_fd)
{
	const struct sched_param lowest = {.sched_priority = 1};
	sigset_t none;
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != parent)
		_exit(127);        /* the parent died before the line above took effect */
	if (config->own_session && setsid() < 0)
		return -errno;
	if (!config->own_session && !config->share_group && setpgid(0, 0) < 0)
		return -errno;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);        /* SIGKILL and SIGSTOP refuse; they are default */
	if (config->dir && chdir(config->dir) < 0)
		return -errno;
	r = place_fds(config);
	if (r == 0)
		r = close_others(config, report_fd);
	if (r < 0)
		return r;
	if (config->own_session && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return -errno;
	/* from here on it may be made to wait */
	if (config->cgroup_procs) {
		r = file_poke(AT_FDCWD, config->cgroup_procs, "0", NULL);
		if (r < 0)
			return r;
	}
	if (config->ahead_on &&
	    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0 &&
	    sched_setaffinity(0, sizeof(*config->ahead_on), config->ahead_on) < 0)
		return -errno;
	execvpe(config->argv[0], (char *const *)config->argv,
		config->env ? (char *const *)config->env : environ);
	return -errno;
}

#define START_NS (20 * NS_PER_S)

static int no_start(const struct spawn_config *config, uint64_t start_ns, struct ktstr_error *err)
{
	const char *why = config->ahead_on     ? ": something of real-time priority keeps its CPU busy"
			  : config->cgroup_procs ? ": is its cgroup frozen?"
						 : "";

	return error_set(err, -ETIMEDOUT, "start %s: after %.1f s it has not got as far as its program%s",
			 config->argv[0], (double)start_ns / NS_PER_S, why);
}

/* Until the program runs, or why it does not: the errno pipe is closed by exec. */
static int await_program(const struct spawn_config *config, int report_fd, struct ktstr_error *err)
{
	uint64_t start_ns = config->start_ns ?: START_NS;
	struct deadline deadline = deadline_in(start_ns);
	struct pollfd report = {.fd = report_fd, .events = POLLIN};
	int failure = 0;

	while (poll(&report, 1, deadline_poll_ms(deadline)) <= 0) {
		if (deadline_passed(deadline))
			return no_start(config, start_ns, err);
	}
	if (read(report_fd, &failure, sizeof(failure)) != sizeof(failure) || failure >= 0)
		return 0;
	errno = -failure;
	return error_sys(err, "start %s", config->argv[0]);
}

/* The number that the errno pipe gets in the child must survive place_fds(). */
static int lift_fd(int fd)
{
	int lifted = fcntl(fd, F_DUPFD_CLOEXEC, 200);

	return lifted < 0 ? fd : lifted;
}

int child_spawn(const struct spawn_config *config, struct child *ret_child, struct ktstr_error *err)
{
	AUTO(fd_close) int report_in = -1;
	AUTO(fd_close) int report_out = -1;
	struct child child = CHILD_NONE;
	pid_t parent = getpid();
	int pipe_fds[2], r;

	assert(config->keep_fd_count <= SPAWN_FD_MAX);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_sys(err, "start %s: pipe", config->argv[0]);
	report_in = pipe_fds[0];
	report_out = pipe_fds[1];

	child.pid = fork();
	if (child.pid < 0)
		return error_sys(err, "start %s: fork", config->argv[0]);
	if (child.pid == 0) {
		int fd = lift_fd(report_out);
		int failure = become(config, parent, fd);

		(void)fd_write_all(fd, &failure, sizeof(failure));
		_exit(127);
	}
	if (!config->own_session && !config->share_group)
		(void)setpgid(child.pid, child.pid);        /* the child does it too; one is first */
	child.pid_fd = pidfd_of(child.pid);
	fd_close(TAKE_FD(report_out));
	r = child.pid_fd < 0 ? error_sys(err, "start %s: pidfd_open", config->argv[0])
			     : await_program(config, report_in, err);
	if (r < 0) {
		child_done(&child);
		return r;
	}
	*ret_child = child;
	return 0;
}

static int reap(struct child *child)
{
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	fd_close(child->pid_fd);
	*child = CHILD_NONE;
	return status;
}

int child_wait(struct child *child, struct deadline deadline, int *ret_status)
{
	struct pollfd ended = {.fd = child->pid_fd, .events = POLLIN};

	assert(child->pid > 0);
	for (;;) {
		int n = poll(&ended, 1, deadline_poll_ms(deadline));

		if (n > 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (deadline_passed(deadline))
			return -ETIMEDOUT;
	}
	*ret_status = reap(child);
	return 0;
}

void child_done(struct child *child)
{
	if (child->pid <= 0)
		return;
	if (getpgid(child->pid) == child->pid)
		(void)kill(-child->pid, SIGKILL);        /* it may have ended already */
	(void)kill(child->pid, SIGKILL);
	/* dying takes CPU time too, and `ahead_on` may have tied it to a CPU that gives it none */
	(void)sched_setscheduler(child->pid, SCHED_OTHER, &(struct sched_param){0});
	(void)reap(child);
}

void status_describe(int wait_status, struct buf *buf)
{
	if (WIFSIGNALED(wait_status))
		buf_printf(buf, "killed by SIG%s", sigabbrev_np(WTERMSIG(wait_status)) ?: "?");
	else
		buf_printf(buf, "exit status %d", WEXITSTATUS(wait_status));
}

/* Collect both streams until both are closed. -ETIMEDOUT, -EFBIG. */
static int collect(int out_fd, int err_fd, size_t max, struct deadline deadline, struct buf *out,
		   struct buf *complaints)
{
	struct pollfd streams[2] = {
		{.fd = out_fd, .events = POLLIN},
		{.fd = err_fd, .events = POLLIN},
	};

	while (streams[0].fd >= 0 || streams[1].fd >= 0) {
		int n = poll(streams, 2, deadline_poll_ms(deadline));

		if (n == 0 && deadline_passed(deadline))
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2 && n > 0; i++) {
			char chunk[16384];
			ssize_t len;

			if (streams[i].fd < 0 || !streams[i].revents)
				continue;
			len = read(streams[i].fd, chunk, sizeof(chunk));
			if (len <= 0) {
				streams[i].fd = -1;
			} else if (i == 0) {
				if ((size_t)len > max - out->len)
					return -EFBIG;
				buf_bytes(out, chunk, (size_t)len);
			} else {
				buf_bytes(complaints, chunk, (size_t)len);
			}
		}
	}
	return 0;
}

int run_and_read(const char *const *argv, size_t max, struct deadline deadline, struct buf *out,
		 struct ktstr_error *err)
{
	AUTO(child_done) struct child child = CHILD_NONE;
	AUTO(fd_close) int out_in = -1;
	AUTO(fd_close) int err_in = -1;
	AUTO(buf_done) struct buf complaints = {.max = 1 << 20};
	AUTO(buf_done) struct buf how = {0};
	struct spawn_config config = {.argv = argv, .stdin_fd = -1};
	int out_pipe[2], err_pipe[2], status, r;
	struct sv last;

	assert(out->len == 0);
	if (pipe2(out_pipe, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	out_in = out_pipe[0];
	config.stdout_fd = out_pipe[1];
	if (pipe2(err_pipe, O_CLOEXEC) < 0) {
		fd_close(out_pipe[1]);
		return error_sys(err, "pipe");
	}
	err_in = err_pipe[0];
	config.stderr_fd = err_pipe[1];
	r = child_spawn(&config, &child, err);
	fd_close(out_pipe[1]);
	fd_close(err_pipe[1]);
	if (r < 0)
		return r;
	r = collect(out_in, err_in, max, deadline, out, &complaints);
	if (r == 0)
		r = child_wait(&child, deadline, &status);
	if (r == -ETIMEDOUT)
		return error_set(err, r, "%s: did not end in time", argv[0]);
	if (r == -EFBIG)
		return error_set(err, r, "%s: printed more than %zu bytes", argv[0], max);
	if (r < 0)
		return error_set(err, r, "%s: %s", argv[0], strerrordesc_np(-r));
	if (status == 0)
		return 0;
	status_describe(status, &how);
	last = sv_trim(sv_bytes(buf_text(&complaints), complaints.len));
	if (last.len > 400)
		last = sv_skip(last, last.len - 400);
	return error_set(err, -EIO, "%s: %s%s%.*s", argv[0], buf_text(&how), last.len ? ": " : "",
			 SV_ARG(last));
}
