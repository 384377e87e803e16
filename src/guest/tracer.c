/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracer.c - tools/guest-tracer.c beside a test. What it writes is the host's to understand; its first
 * bytes say that it records, and the end of its output that it has told everything.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guest/guest.h"

#define WORDS_MAX 1024

void tracer_done(struct tracer *tracer)
{
	child_done(&tracer->child);
	fd_close(TAKE_FD(tracer->fd));
	fd_close(TAKE_FD(tracer->words_fd));
}

static int make_pipe(int *ret_read_fd, int *ret_write_fd, struct ktstr_error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? error_sys(err, "pipe") : 0;
}

int tracer_start(const struct strings *env, struct tracer *tracer, struct ktstr_error *err)
{
	static const char *const argv[] = {WIRE_TRACER, NULL};
	AUTO(free) const char **words = xcalloc(env->len + 1, sizeof(*words));
	AUTO(fd_close) int out_fd = -1;
	AUTO(fd_close) int err_fd = -1;
	struct spawn_config config = {.argv = argv, .env = words, .dir = "/", .stdin_fd = -1};
	int r;

	for (size_t i = 0; i < env->len; i++)
		words[i] = env->at[i];
	r = make_pipe(&tracer->fd, &out_fd, err);
	if (r == 0)
		r = make_pipe(&tracer->words_fd, &err_fd, err);
	if (r < 0)
		return r;
	config.stdout_fd = out_fd;
	config.stderr_fd = err_fd;
	return child_spawn(&config, &tracer->child, err);
}

void tracer_read(struct tracer *tracer, struct card *card)
{
	static char chunk[65536];

	while (tracer->fd >= 0) {
		ssize_t len = read(tracer->fd, chunk, sizeof(chunk));

		if (len < 0 && errno == EAGAIN)
			return;
		if (len > 0) {
			tracer->has_begun = true;
			card_put(card, WIRE_TRACE, chunk, (size_t)len);
		} else {
			fd_close(TAKE_FD(tracer->fd));        /* closing takes it out of epoll */
		}
	}
}

static void put_trouble(struct card *card, const struct buf *text)
{
	card_put(card, WIRE_TRACE_TROUBLE, buf_text(text), text->len);
}

void tracer_judge(struct tracer *tracer, struct card *card)
{
	AUTO(buf_done) struct buf text = {.max = WORDS_MAX};
	char words[WORDS_MAX];
	int status = 0;
	ssize_t len;
	int r;

	if (tracer->fd >= 0) {
		buf_str(&text, tracer->has_begun ? "the tracer did not come to its end in time"
						 : "the tracer did not begin in time");
		put_trouble(card, &text);
		return;
	}
	r = child_wait(&tracer->child, deadline_in(TRACER_END_NS), &status);
	if (r == 0 && status == 0)
		return;
	len = read(tracer->words_fd, words, sizeof(words));
	if (len > 0) {
		struct sv line = sv_trim(sv_bytes(words, (size_t)len));

		buf_bytes(&text, line.data, line.len);
	} else if (r == 0) {
		buf_str(&text, "the tracer ended: ");
		status_describe(status, &text);
	} else {
		buf_str(&text, "the tracer has told everything, and did not end");
	}
	put_trouble(card, &text);
}
