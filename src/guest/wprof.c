/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wprof.c - the user's tracer beside a test (contract 1.6): its arguments come on the kernel's
 * command line, which hands what it does not know to us as environment; its file goes onto the card
 * in pieces, and a last frame says that these were all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"

#define PROGRAM "/bin/wprof"
#define TRACE "/tmp/wprof.pb"
#define DATA "/tmp/wprof.data"
#define SEPARATOR '\x1f'
#define PIECE (1u << 20)
#define TRACE_MAX (128u << 20)
#define WAIT_NS (30 * NS_PER_S)           /* after the test: its own time, and writing the file */

void wprof_argv(const char *joined, struct strings *ret_argv)
{
	struct sv rest = sv_of(joined);

	strings_push(ret_argv, xstrdup(PROGRAM));
	while (rest.len) {
		struct sv word = sv_split(&rest, SEPARATOR);

		strings_push(ret_argv, xstrndup(word.data, word.len));
	}
	strings_push(ret_argv, xstrdup("-T"));
	strings_push(ret_argv, xstrdup(TRACE));
	strings_push(ret_argv, xstrdup("-D"));
	strings_push(ret_argv, xstrdup(DATA));
}

int wprof_start(const struct strings *env, int output_fd, struct child *ret_child, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings argv = {0};
	AUTO(strings_done) struct strings own_env = {0};
	struct spawn_config config = {.dir = "/", .stdin_fd = -1, .stdout_fd = output_fd,
				      .stderr_fd = output_fd};

	wprof_argv(getenv("KTSTR_WPROF_ARGS") ?: "", &argv);
	strings_push(&argv, NULL);
	vec_each(word, env)
		strings_push(&own_env, xstrdup(*word));
	strings_push(&own_env, NULL);
	config.argv = (const char *const *)argv.at;
	config.env = (const char *const *)own_env.at;
	return child_spawn(&config, ret_child, err);
}

static int ship(struct card *card, int fd, struct wire_wprof_end *end, struct ktstr_error *err)
{
	AUTO(free) char *piece = xmalloc(PIECE);
	ssize_t len;

	while ((len = read(fd, piece, PIECE)) > 0) {
		end->size += (uint64_t)len;
		end->crc = crc32_of(end->crc, piece, (size_t)len);
		if (end->size > TRACE_MAX)
			return error_set(err, -EFBIG, TRACE " is larger than %u MiB", TRACE_MAX >> 20);
		card_put(card, WIRE_WPROF, piece, (size_t)len);
	}
	return len < 0 ? error_sys(err, "read " TRACE) : 0;
}

int wprof_finish(struct card *card, struct child *child, struct ktstr_error *err)
{
	struct wire_wprof_end end = {0};
	AUTO(buf_done) struct buf how = {0};
	AUTO(fd_close) int fd = -1;
	int status, r;

	if (child_wait(child, deadline_in(WAIT_NS), &status) < 0)
		return error_set(err, -ETIMEDOUT, "wprof did not end within %llu s of the test's end",
				 (unsigned long long)(WAIT_NS / NS_PER_S));
	if (status) {
		status_describe(status, &how);
		return error_set(err, -EIO, "wprof ended with %s", buf_text(&how));
	}
	fd = open(TRACE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "wprof wrote no " TRACE);
	r = ship(card, fd, &end, err);
	if (r == 0)
		card_put(card, WIRE_WPROF_END, &end, sizeof(end));
	return r;
}
