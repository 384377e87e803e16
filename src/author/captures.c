/* SPDX-License-Identifier: BSD-2-Clause */
#include "author/captures.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/wire.h"

#define ANSWER_NS (60 * NS_PER_S)        /* guest time: in det 16 busy CPUs share one stream of instructions */
#define ANSWER_MAX 1024

void captures_done(struct captures *captures)
{
	fd_close(TAKE_FD(captures->socket_fd));
	child_done(&captures->agent);
}

/* No more of them: a machine in which one could not be made would only lose time. */
static void give_up(struct captures *captures, const char *why)
{
	ktstr_verdict_note(captures->verdict, "no captures after the first %u: %s", captures->count, why);
	captures_done(captures);
}

static int read_answer(struct captures *captures, char answer[ANSWER_MAX], struct ktstr_error *err)
{
	struct pollfd wait = {.fd = captures->socket_fd, .events = POLLIN};
	struct deadline deadline = deadline_in(ANSWER_NS);
	ssize_t len;
	int r;

	do
		r = poll(&wait, 1, deadline_poll_ms(deadline));
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return error_set(err, -ETIMEDOUT, "the agent did not answer within %llu s",
				 (unsigned long long)(ANSWER_NS / NS_PER_S));
	len = r < 0 ? -1 : recv(captures->socket_fd, answer, ANSWER_MAX - 1, 0);
	if (len < 0)
		return error_sys(err, "the agent");
	if (len == 0)
		return error_set(err, -EPIPE, "the agent ended");
	answer[len] = '\0';
	return 0;
}

static void expect(struct captures *captures, const char *word)
{
	char answer[ANSWER_MAX];
	struct ktstr_error err = {0};

	if (read_answer(captures, answer, &err) < 0)
		give_up(captures, err.msg);
	else if (strcmp(answer, word) != 0)
		give_up(captures, answer);
}

void captures_begin(struct captures *captures, struct ktstr_verdict *verdict)
{
	const char *path = getenv("KTSTR_CTPROF_AGENT");
	AUTO(free) char *libraries = xasprintf("LD_LIBRARY_PATH=%s", getenv("KTSTR_CTPROF_LIBRARIES") ?: "");
	const char *const argv[] = {path, WIRE_STEPS_FILE, NULL}, *const env[] = {libraries, NULL};
	AUTO(fd_close) int agent_fd = -1;
	struct spawn_config config = {.argv = argv, .env = env, .dir = "/", .stdout_fd = -1, .stderr_fd = STDERR_FILENO};
	struct ktstr_error err = {0};
	int pair[2];

	*captures = CAPTURES_NONE;
	captures->verdict = verdict;
	if (!path || !*path)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		give_up(captures, strerrordesc_np(errno));
		return;
	}
	captures->socket_fd = pair[0];
	config.stdin_fd = agent_fd = pair[1];
	if (child_spawn(&config, &captures->agent, &err) < 0) {
		give_up(captures, err.msg);
		return;
	}
	fd_close(TAKE_FD(agent_fd));        /* so that its end is noticed */
	expect(captures, "ready");
}

void captures_take(void *arg, const char *label)
{
	struct captures *captures = arg;

	if (captures->socket_fd < 0)
		return;
	if (captures->count == CAPTURES_MAX)
		give_up(captures, "a test gets no more");
	else if (send(captures->socket_fd, label, strlen(label), MSG_NOSIGNAL) < 0)
		give_up(captures, strerrordesc_np(errno));
	else
		expect(captures, "ok");
	captures->count += captures->socket_fd >= 0;
}
