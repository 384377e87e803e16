/* SPDX-License-Identifier: BSD-2-Clause */
#include "author/author.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

DEFINE_VEC(words, char *, vec_keep)

/* A program that can be started and is not self, which would find itself again for ever. */
static bool is_driver(const char *path, const char *self)
{
	struct stat st, self_st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return false;
	return stat(self, &self_st) < 0 || st.st_dev != self_st.st_dev || st.st_ino != self_st.st_ino;
}

static char *find_in_path(const char *self)
{
	const char *path = getenv("PATH");
	struct sv rest = sv_of(path ?: "");

	while (rest.len) {
		struct sv dir = sv_split(&rest, ':');
		AUTO(free) char *candidate = NULL;

		if (dir.len == 0)
			dir = sv_of(".");
		candidate = xasprintf("%.*s/ktstr", SV_ARG(dir));
		if (is_driver(candidate, self))
			return TAKE_PTR(candidate);
	}
	return NULL;
}

int driver_find(const char *self, char **ret_path, struct ktstr_error *err)
{
	const char *wanted = getenv("KTSTR_PROGRAM");
	const char *slash = strrchr(self, '/');
	AUTO(free) char *beside = NULL;
	AUTO(free) char *found = NULL;

	if (wanted && *wanted) {
		if (!is_driver(wanted, self))
			return error_set(err, -ENOENT,
					 "KTSTR_PROGRAM: %s is not the ktstr program or cannot be started",
					 wanted);
		*ret_path = xstrdup(wanted);
		return 0;
	}
	beside = xasprintf("%.*s/ktstr", slash ? (int)(slash - self) : 1, slash ? self : ".");
	if (is_driver(beside, self))
		found = xstrdup(beside);
	if (!found)
		found = find_in_path(self);
	if (!found && is_driver(KTSTR_BINDIR "/ktstr", self))
		found = xstrdup(KTSTR_BINDIR "/ktstr");
	if (!found)
		return error_set(err, -ENOENT,
				 "the ktstr program, which boots guests for tests, was not found: not "
				 "as %s, not in PATH, not as %s; install it, or let KTSTR_PROGRAM name it",
				 beside, KTSTR_BINDIR "/ktstr");
	*ret_path = TAKE_PTR(found);
	return 0;
}

int driver_exec(char *const *args, struct ktstr_error *err)
{
	AUTO(words_done) struct words argv = {0};
	AUTO(free) char *self = realpath("/proc/self/exe", NULL);
	AUTO(free) char *driver = NULL;
	int r;

	if (!self)
		return error_sys(err, "/proc/self/exe");
	r = driver_find(self, &driver, err);
	if (r < 0)
		return r;
	words_push(&argv, driver);
	words_push(&argv, (char *)"test");
	words_push(&argv, self);
	for (size_t i = 0; args[i]; i++)
		words_push(&argv, args[i]);
	words_push(&argv, NULL);
	execv(driver, argv.at);
	return error_sys(err, "start %s", driver);
}
