/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/hostrun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define RESULT_FD 3
#define OUTPUT_MAX (1u << 20)

extern char **environ;

struct pipes {
	int read_fd[2];          /* output, result */
	int write_fd[2];
};

static void pipes_done(struct pipes *pipes)
{
	for (int i = 0; i < 2; i++) {
		fd_close(pipes->read_fd[i]);
		fd_close(pipes->write_fd[i]);
	}
}
DEFINE_AUTO_DONE(struct pipes, pipes_done)

static int pipes_make(struct pipes *pipes, struct ktstr_error *err)
{
	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) < 0)
			return error_sys(err, "pipe");
		pipes->read_fd[i] = fds[0];
		pipes->write_fd[i] = fds[1];
	}
	return 0;
}

static int start(const struct test_plan *plan, uint64_t seed, struct pipes *pipes,
		 struct child *ret_child, struct ktstr_error *err)
{
	const char *argv[] = {plan->program, "--ktstr-test-fn", plan->name, NULL};
	char topology[TOPOLOGY_TEXT_MAX];
	AUTO(strings_done) struct strings env = {0};
	struct spawn_config config = {
		.argv = argv,
		.stdin_fd = -1,
		.stdout_fd = pipes->write_fd[0],
		.stderr_fd = pipes->write_fd[0],
		.keep_fd = {pipes->write_fd[1]},
		.keep_fd_count = 1,
	};

	for (char **word = environ; *word; word++)
		strings_push(&env, xstrdup(*word));
	topology_format(&plan->topology, topology);
	strings_push(&env, xasprintf("KTSTR_RESULT_FD=%d", RESULT_FD));
	strings_push(&env, xstrdup("KTSTR_NONCE=0"));
	strings_push(&env, xstrdup("KTSTR_MODE=host"));
	strings_push(&env, xasprintf("KTSTR_TOPOLOGY=%s", topology));
	strings_push(&env, xasprintf("KTSTR_SEED=%llu", (unsigned long long)seed));
	vec_each(word, &plan->overrides)
		strings_push(&env, xstrdup(*word));
	strings_push(&env, NULL);
	config.env = (const char *const *)env.at;
	return child_spawn(&config, ret_child, err);
}

/* Collect until both pipes are closed. -ETIMEDOUT, -ECANCELED. */
static int collect(struct pipes *pipes, struct deadline deadline, int cancel_fd, struct buf *output,
		   struct buf *result)
{
	struct buf *into[2] = {output, result};

	while (pipes->read_fd[0] >= 0 || pipes->read_fd[1] >= 0) {
		struct pollfd wait[3] = {
			{.fd = pipes->read_fd[0], .events = POLLIN},
			{.fd = pipes->read_fd[1], .events = POLLIN},
			{.fd = cancel_fd, .events = POLLIN},
		};

		if (deadline_passed(deadline))
			return -ETIMEDOUT;
		if (poll(wait, 3, deadline_poll_ms(deadline)) < 0 && errno != EINTR)
			return -errno;
		if (wait[2].revents)
			return -ECANCELED;
		for (int i = 0; i < 2; i++) {
			char chunk[16384];
			ssize_t len;

			if (!wait[i].revents)
				continue;
			len = read(pipes->read_fd[i], chunk, sizeof(chunk));
			if (len <= 0)
				fd_close(TAKE_FD(pipes->read_fd[i]));
			else
				buf_bytes(into[i], chunk, (size_t)len);
		}
	}
	return 0;
}

static int judge(struct child *child, const struct buf *result, struct outcome *outcome,
		 struct ktstr_error *err)
{
	AUTO(buf_done) struct buf how = {0};
	struct wire_frame frame;
	struct sv payload;
	int status;

	if (wire_get(sv_bytes(buf_text(result), result->len), 0, WIRE_GUEST_PAYLOAD_MAX, &frame,
		     &payload, NULL) > 0 &&
	    frame.type == WIRE_RESULT)
		return outcome_read_verdict(outcome, payload, err);
	if (child_wait(child, deadline_in(5 * NS_PER_S), &status) < 0)
		buf_str(&how, "it closed its output and went on");
	else
		status_describe(status, &how);
	outcome_error(outcome, "the test program ended without a result: %s", buf_text(&how));
	return 0;
}

int host_run(const struct test_plan *plan, uint64_t seed, int cancel_fd, struct outcome *ret_outcome,
	     struct buf *ret_output, struct ktstr_error *err)
{
	AUTO(child_done) struct child child = CHILD_NONE;
	AUTO(pipes_done) struct pipes pipes = {{-1, -1}, {-1, -1}};
	AUTO(buf_done) struct buf result = {.max = WIRE_GUEST_PAYLOAD_MAX + 4096};
	int r;

	ret_output->max = OUTPUT_MAX;
	r = pipes_make(&pipes, err);
	if (r == 0)
		r = start(plan, seed, &pipes, &child, err);
	if (r < 0)
		return r;
	fd_close(TAKE_FD(pipes.write_fd[0]));
	fd_close(TAKE_FD(pipes.write_fd[1]));
	r = collect(&pipes, deadline_in(plan->timeout_ms * NS_PER_MS), cancel_fd, ret_output, &result);
	if (r == -ETIMEDOUT) {
		outcome_error(ret_outcome, "the test gave no result within %.1f s",
			      (double)plan->timeout_ms / 1000);
		return 0;
	}
	if (r == -ECANCELED)
		return error_set(err, r, "interrupted");
	if (r < 0)
		return error_set(err, r, "read from the test: %s", strerrordesc_np(-r));
	return judge(&child, &result, ret_outcome, err);
}
