/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "run/run.h"

DEFINE_AUTO(DIR *, closedir)

/* Not /tmp without a HOME: somebody else may have made the directory there. */
static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user = home && *home ? NULL : getpwuid(getuid());

	return user ? user->pw_dir : home && *home ? home : ".";
}

char *runs_dir(void)
{
	const char *runs = getenv("KTSTR_RUNS_DIR");
	const char *state = getenv("XDG_STATE_HOME");

	if (runs && *runs)
		return xstrdup(runs);
	if (state && *state)
		return xasprintf("%s/ktstr", state);
	return xasprintf("%s/.local/state/ktstr", home_dir());
}

/* A directory whose lock file exists and is held by nobody was left by a run that was killed. */
static void sweep_one(int runs_fd, const char *runs, const char *id)
{
	AUTO(free) char *lock = xasprintf("%s/lock", id);
	AUTO(free) char *scratch = xasprintf("%s/%s/scratch", runs, id);
	AUTO(fd_close) int fd = openat(runs_fd, lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (tree_remove(scratch, NULL) == 0)
		(void)unlinkat(runs_fd, lock, 0);        /* else the next start tries again */
}

static void sweep(const char *runs)
{
	AUTO(closedir) DIR *dir = opendir(runs);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			sweep_one(dirfd(dir), runs, entry->d_name);
}

static int lock_new_dir(struct run_dir *dir, struct ktstr_error *err)
{
	AUTO(free) char *lock = xasprintf("%s/lock", dir->path);
	AUTO(free) char *scratch = xasprintf("%s/scratch", dir->path);

	dir->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (dir->lock_fd < 0 || flock(dir->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return error_sys(err, "lock %s", lock);
	return dir_make(scratch, 0755, err);
}

int run_dir_make(struct run_dir *ret_dir, struct ktstr_error *err)
{
	AUTO(run_dir_done) struct run_dir dir = {.lock_fd = -1};
	AUTO(free) char *runs = runs_dir();
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;
	int r = dir_make(runs, 0755, err);

	if (r < 0)
		return error_wrap(err, r, "the directory for results (KTSTR_RUNS_DIR)");
	sweep(runs);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	for (int i = 0; i < 1000; i++) {
		free(dir.id);
		free(dir.path);
		dir.id = i ? xasprintf("%s-%d-%d", stamp, getpid(), i)
			   : xasprintf("%s-%d", stamp, getpid());
		dir.path = xasprintf("%s/%s", runs, dir.id);
		if (mkdir(dir.path, 0755) == 0) {
			r = lock_new_dir(&dir, err);
			if (r == 0)
				*ret_dir = TAKE(dir, ((struct run_dir){.lock_fd = -1}));
			return r;
		}
		if (errno != EEXIST)
			break;
	}
	r = error_sys(err, "mkdir %s", dir.path);
	free(TAKE_PTR(dir.path));        /* it is not ours to clean */
	return r;
}

void run_dir_done(struct run_dir *dir)
{
	if (dir->path) {
		AUTO(free) char *scratch = xasprintf("%s/scratch", dir->path);
		AUTO(free) char *lock = xasprintf("%s/lock", dir->path);

		(void)tree_remove(scratch, NULL);        /* the next start sweeps what is left */
		(void)unlink(lock);
		(void)rmdir(dir->path);                  /* only when there is no result in it */
	}
	fd_close(dir->lock_fd);
	free(dir->path);
	free(dir->id);
	*dir = (struct run_dir){.lock_fd = -1};
}

/* --- where a scheduler is ---------------------------------------------------------------------------------- */

/* 1 when it is there; the place is noted for the error otherwise. */
static int try_place(char *path, struct buf *tried, char **ret_path)
{
	struct stat st;
	bool is_there = stat(path, &st) == 0;

	if (is_there && S_ISREG(st.st_mode) && access(path, X_OK) == 0) {
		*ret_path = path;
		return 1;
	}
	buf_printf(tried, "%s%s%s", tried->len && tried->data[tried->len - 1] != '=' ? ", " : "", path,
		   !is_there                 ? ""
		   : S_ISDIR(st.st_mode)     ? " (a directory)"
		   : !S_ISREG(st.st_mode)    ? " (no file)"
					     : " (not executable)");
	free(path);
	return 0;
}

/* 1, 0, or -ENOENT: what the user named is not replaced by what is found elsewhere. */
static int try_env(const char *name, struct buf *tried, char **ret_path)
{
	const char *value = getenv(name);

	if (value && *value) {
		buf_printf(tried, "%s%s=", tried->len ? ", " : "", name);
		return try_place(xstrdup(value), tried, ret_path) ? 1 : -ENOENT;
	}
	buf_printf(tried, "%s%s (not set)", tried->len ? ", " : "", name);
	return 0;
}

static int try_named_env(const char *scheduler, struct buf *tried, char **ret_path)
{
	AUTO(free) char *name = xasprintf("KTSTR_SCHEDULER_BIN_%s", scheduler);

	for (char *at = name; *at; at++)
		*at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
	return try_env(name, tried, ret_path);
}

static int try_beside(const char *binary, const char *test_program, struct buf *tried,
		      char **ret_path)
{
	AUTO(free) char *real = realpath(test_program, NULL);
	AUTO(free) char *dir = xstrdup(real ?: test_program);
	char *slash = strrchr(dir, '/');

	if (!slash)
		return 0;
	*slash = '\0';
	if (try_place(xasprintf("%s/%s", dir, binary), tried, ret_path))
		return 1;
	slash = strrchr(dir, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return try_place(xasprintf("%s/%s", dir, binary), tried, ret_path);
}

static int try_search_path(const char *binary, struct buf *tried, char **ret_path)
{
	const char *search = getenv("PATH");
	struct sv rest = sv_of(search ?: "");

	while (rest.len) {
		struct sv dir = sv_split(&rest, ':');
		AUTO(free) char *path = xasprintf("%.*s/%s", SV_ARG(dir), binary);

		if (dir.len && access(path, X_OK) == 0) {
			*ret_path = TAKE_PTR(path);
			return 1;
		}
	}
	buf_str(tried, ", PATH");
	return 0;
}

int scheduler_find(const struct scheduler_plan *scheduler, const char *test_program, char **ret_path,
		   struct ktstr_error *err)
{
	AUTO(buf_done) struct buf tried = {0};
	const char *binary = scheduler->binary;
	int found;

	if (strchr(binary, '/')) {
		found = try_place(xstrdup(binary), &tried, ret_path);
	} else {
		found = try_named_env(scheduler->name, &tried, ret_path);
		if (!found && !scheduler->asked)
			found = try_env("KTSTR_SCHEDULER", &tried, ret_path);
		if (!found)
			found = try_beside(binary, test_program, &tried, ret_path);
		if (!found)
			found = try_search_path(binary, &tried, ret_path);
	}
	if (found > 0)
		return 0;
	return error_set(err, -ENOENT, "scheduler %s: no program %s; tried: %s", scheduler->name, binary,
			 buf_text(&tried));
}
