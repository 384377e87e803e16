/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.c - a program whose output is drained by a thread of its own while the body does other
 * things. The thread ends when both streams do, or when it is told that the rest does not matter.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "payload/payload.h"

/* A descendant in a group of its own may hold the streams open for as long as it likes. */
#define LINGER_NS (500 * NS_PER_MS)

struct stream {
	int fd;
	struct buf text;
};

struct payload_child {
	char *name;
	pid_t pid;
	struct child child;                  /* NONE once it was reaped */
	bool own_group;
	struct deadline deadline;
	struct stream streams[2];            /* by enum ktstr_metric_stream; the thread's while it runs */
	int stop_fd;                         /* eventfd */
	int done_fd;                         /* eventfd: both streams are at their end */
	pthread_t drainer;
	bool draining;
	bool ended;
	int exit_code;
};

/* --- the thread -------------------------------------------------------------------------------- */

static void drain_some(struct stream *stream)
{
	char chunk[16384];
	ssize_t len = read(stream->fd, chunk, sizeof(chunk));

	if (len > 0)
		buf_bytes(&stream->text, chunk, (size_t)len);
	else if (len == 0 || errno != EINTR)
		fd_close(TAKE_FD(stream->fd));
}

static void *drain(void *arg)
{
	struct payload_child *child = arg;
	uint64_t one = 1;

	while (child->streams[0].fd >= 0 || child->streams[1].fd >= 0) {
		struct pollfd fds[3] = {
			{.fd = child->streams[0].fd, .events = POLLIN},
			{.fd = child->streams[1].fd, .events = POLLIN},
			{.fd = child->stop_fd, .events = POLLIN},
		};

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			break;
		for (int i = 0; i < 2; i++) {
			if (fds[i].fd >= 0 && fds[i].revents)
				drain_some(&child->streams[i]);
		}
		/* what was there when we were told to stop is in by now, or is a flood */
		if (fds[2].revents && !fds[0].revents && !fds[1].revents)
			break;
	}
	(void)write(child->done_fd, &one, sizeof(one));        /* an eventfd of ours takes it */
	return NULL;
}

static void finish_draining(struct payload_child *child)
{
	struct pollfd done = {.fd = child->done_fd, .events = POLLIN};
	struct deadline deadline = deadline_in(LINGER_NS);
	uint64_t one = 1;

	if (!child->draining)
		return;
	while (poll(&done, 1, deadline_poll_ms(deadline)) == 0 && !deadline_passed(deadline))
		;
	(void)write(child->stop_fd, &one, sizeof(one));
	pthread_join(child->drainer, NULL);
	child->draining = false;
}

/* --- from start to end -------------------------------------------------------------------------- */

static int open_streams(struct payload_child *child, int ends[2], struct ktstr_error *err)
{
	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) < 0)
			return error_sys(err, "pipe");
		child->streams[i].fd = fds[0];
		child->streams[i].text.max = PAYLOAD_OUTPUT_MAX;
		ends[i] = fds[1];
	}
	child->stop_fd = eventfd(0, EFD_CLOEXEC);
	child->done_fd = eventfd(0, EFD_CLOEXEC);
	return child->stop_fd < 0 || child->done_fd < 0 ? error_sys(err, "eventfd") : 0;
}

/* Signals are the body's business, not of a thread that it does not know. */
static int start_draining(struct payload_child *child, struct ktstr_error *err)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&child->drainer, NULL, drain, child);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return error_set(err, -r, "start a thread: %s", strerrordesc_np(r));
	child->draining = true;
	return 0;
}

int payload_child_start(const struct payload_start *start, struct payload_child **ret_child,
			struct ktstr_error *err)
{
	AUTO(payload_child_free) struct payload_child *child = xcalloc(1, sizeof(*child));
	AUTO(free) const char **argv = xcalloc(start->argv->len + 1, sizeof(*argv));
	int ends[2] = {-1, -1}, r;
	struct spawn_config config = {
		.argv = argv,
		.stdin_fd = -1,
		.cgroup_procs = start->cgroup_procs,
		.share_group = start->share_group,
	};

	*child = (struct payload_child){
		.name = xstrdup(start->name),
		.child = CHILD_NONE,
		.own_group = !start->share_group,
		.streams = {{.fd = -1}, {.fd = -1}},
		.stop_fd = -1,
		.done_fd = -1,
	};
	for (size_t i = 0; i < start->argv->len; i++)
		argv[i] = start->argv->at[i];
	r = open_streams(child, ends, err);
	config.stdout_fd = ends[0];
	config.stderr_fd = ends[1];
	if (r == 0)
		r = child_spawn(&config, &child->child, err);
	child->pid = child->child.pid;
	child->deadline = deadline_in(start->timeout_ns);
	fd_close(ends[0]);
	fd_close(ends[1]);
	if (r == 0)
		r = start_draining(child, err);
	if (r < 0)
		return error_wrap(err, r, "payload %s", start->name);
	*ret_child = TAKE_PTR(child);
	return 0;
}

pid_t payload_child_pid(const struct payload_child *child)
{
	return child->pid;
}

int payload_child_fd(const struct payload_child *child)
{
	return child->child.pid_fd;
}

int payload_child_exit_code(const struct payload_child *child)
{
	assert(child->ended);
	return child->exit_code;
}

struct sv payload_child_output(const struct payload_child *child, enum ktstr_metric_stream stream)
{
	assert(child->ended);
	assert(stream <= KTSTR_STREAM_STDERR);
	return sv_bytes(buf_text(&child->streams[stream].text), child->streams[stream].text.len);
}

/*
 * It has ended, but nobody has reaped it: its number, and so its group's, is still its own while we
 * kill what it left there.
 */
static void bury(struct payload_child *child, int wait_status)
{
	child->exit_code = WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
	child->ended = true;
	finish_draining(child);
}

bool payload_child_ended(struct payload_child *child)
{
	siginfo_t info = {0};
	int status;

	if (child->ended)
		return true;
	if (waitid(P_PID, (id_t)child->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return false;
	if (child->own_group)
		(void)kill(-child->child.pid, SIGKILL);        /* there may be nobody else */
	if (child_wait(&child->child, DEADLINE_NEVER, &status) < 0)
		return false;
	bury(child, status);
	return true;
}

void payload_child_kill(struct payload_child *child)
{
	if (payload_child_ended(child))
		return;
	if (child->own_group)
		(void)kill(-child->child.pid, SIGKILL);
	(void)kill(child->child.pid, SIGKILL);
	while (!payload_child_ended(child)) {
		struct pollfd end = {.fd = child->child.pid_fd, .events = POLLIN};

		(void)poll(&end, 1, -1);        /* nothing outlives a SIGKILL but a stuck kernel */
	}
}

int payload_child_wait(struct payload_child *child, struct ktstr_error *err)
{
	while (!payload_child_ended(child)) {
		struct pollfd end = {.fd = child->child.pid_fd, .events = POLLIN};

		if (deadline_passed(child->deadline)) {
			payload_child_kill(child);
			return error_set(err, -ETIMEDOUT, "payload %s: it did not end in time and was "
					 "killed", child->name);
		}
		(void)poll(&end, 1, deadline_poll_ms(child->deadline));
	}
	return 0;
}

void payload_child_free(struct payload_child *child)
{
	if (!child)
		return;
	if (child->child.pid > 0)
		payload_child_kill(child);
	finish_draining(child);
	for (int i = 0; i < 2; i++) {
		fd_close(child->streams[i].fd);
		buf_done(&child->streams[i].text);
	}
	fd_close(child->stop_fd);
	fd_close(child->done_fd);
	free(child->name);
	free(child);
}
