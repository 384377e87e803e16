/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wprof.c - the user's tracer beside a test (contract 1.6): its arguments come on the kernel's
 * command line, which hands what it does not know to us as environment; its file goes onto the card
 * in pieces, and a last frame says that these were all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"

#define PROGRAM "/bin/wprof"
#define TRACE "/tmp/wprof.pb"
#define DATA "/tmp/wprof.data"
#define SEPARATOR '\x1f'
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

int wprof_finish(struct card *card, struct child *child, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf how = {0};
	int status;

	if (child_wait(child, deadline_in(WAIT_NS), &status) < 0)
		return error_set(err, -ETIMEDOUT, "wprof did not end within %llu s of the test's end",
				 (unsigned long long)(WAIT_NS / NS_PER_S));
	if (status) {
		status_describe(status, &how);
		return error_set(err, -EIO, "wprof ended with %s", buf_text(&how));
	}
	return card_put_file(card, TRACE, WIRE_WPROF, WIRE_WPROF_END, TRACE_MAX, err);
}
