/* SPDX-License-Identifier: BSD-2-Clause */
/* shell.c - a shell in a guest: the busybox that goes there, and what its end means. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/one.h"

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int busybox_find(char **ret_path, struct ktstr_error *err)
{
	const char *named = getenv("KTSTR_BUSYBOX_PATH");
	struct sv rest = sv_of(getenv("PATH") ?: "");

	if (named && *named && is_program(named)) {
		*ret_path = xstrdup(named);
		return 0;
	}
	if (named && *named)
		return error_set(err, -ENOENT, "KTSTR_BUSYBOX_PATH=%s: there is no program", named);
	while (rest.len) {
		struct sv dir = sv_split(&rest, ':');
		AUTO(free) char *path = xasprintf("%.*s/busybox", SV_ARG(dir));

		if (dir.len && is_program(path)) {
			*ret_path = TAKE_PTR(path);
			return 0;
		}
	}
	return error_set(err, -ENOENT, "no busybox in PATH: install the package busybox-static, or name "
				       "one with KTSTR_BUSYBOX_PATH");
}

/* How it ended, when that was not with its own last words: the first thing that was found. */
static int explain(const struct session *session, struct ktstr_error *err)
{
	AUTO(result_done) struct result result = {0};

	judge_end(session, &result.outcome);
	if (result.outcome.details.len)
		return error_set(err, -EIO, "%s", result.outcome.details.at[0].text);
	if (session->done_status.test_wait_status == -1)
		return error_set(err, -EIO, "the guest did not run the shell and did not say why");
	return 0;
}

int shell_run(const struct run_config *config, const struct shell *shell, int *ret_wait_status,
	      struct ktstr_error *err)
{
	AUTO(session_done) struct session session = {0};
	AUTO(buf_done) struct buf how = {0};
	int r = guest_run(config, 0, config->dir->path, shell, NULL, NULL, &session, err);

	if (r == 0)
		r = explain(&session, err);
	if (r < 0)
		return r;
	if (session.done_status.scheduler_wait_status != -1) {
		status_describe(session.done_status.scheduler_wait_status, &how);
		log_warn("the scheduler ended before the shell did: %s", buf_text(&how));
	}
	*ret_wait_status = session.done_status.test_wait_status;
	return 0;
}
