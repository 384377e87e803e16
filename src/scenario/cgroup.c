/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_RETRIES 3
#define BUSY_PAUSE_NS (100 * NS_PER_MS)
#define CGROUP_FILE_MAX 4096

static const char *const wanted_controllers[] = {"cpu", "cpuset"};

static int poke_retrying(struct cgroups *cgroups, const char *path, const char *text,
			 struct ktstr_error *err)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
	int r = cgroups->poke(AT_FDCWD, path, text, err);

	for (unsigned i = 0; i < BUSY_RETRIES && r == -EBUSY; i++) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		r = cgroups->poke(AT_FDCWD, path, text, err);
	}
	return r;
}

/* --- making ----------------------------------------------------------------------------------- */

static int make_dir(struct cgroups *cgroups, const char *path, struct ktstr_error *err)
{
	if (mkdir(path, 0755) < 0)
		return error_sys(err, "mkdir %s", path);
	strings_push(&cgroups->made, xstrdup(path));
	return 0;
}

static bool offers(struct sv controllers, const char *name)
{
	struct sv rest = sv_trim(controllers);

	while (rest.data) {
		if (sv_eq(sv_split(&rest, ' '), name))
			return true;
	}
	return false;
}

/* A directory without cgroup.controllers is above the cgroup file system, or a stand-in. */
static int enable_controllers(struct cgroups *cgroups, const char *dir, struct ktstr_error *err)
{
	AUTO(free) char *offer_path = xasprintf("%s/cgroup.controllers", dir);
	AUTO(free) char *enable_path = xasprintf("%s/cgroup.subtree_control", dir);
	AUTO(free) char *offer = file_line(AT_FDCWD, offer_path);
	AUTO(buf_done) struct buf enable = {0};

	if (!offer)
		return 0;
	for (size_t i = 0; i < sizeof(wanted_controllers) / sizeof(*wanted_controllers); i++) {
		if (offers(sv_of(offer), wanted_controllers[i]))
			buf_printf(&enable, "%s+%s", enable.len ? " " : "", wanted_controllers[i]);
	}
	if (enable.len == 0)
		return 0;
	return poke_retrying(cgroups, enable_path, buf_text(&enable), err);
}

static int open_level(struct cgroups *cgroups, const char *dir, struct ktstr_error *err)
{
	int r;

	if (access(dir, F_OK) < 0) {
		r = make_dir(cgroups, dir, err);
		if (r < 0)
			return r;
	}
	return enable_controllers(cgroups, dir, err);
}

int cgroups_open(struct cgroups *cgroups, const char *root, struct ktstr_error *err)
{
	AUTO(free) char *dir = xstrdup(root);

	*cgroups = (struct cgroups){.root = xstrdup(root), .poke = file_poke};
	for (char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = open_level(cgroups, dir, err);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return open_level(cgroups, dir, err);
}

int cgroups_make(struct cgroups *cgroups, const char *name, struct ktstr_error *err)
{
	AUTO(free) char *dir = xasprintf("%s/%s", cgroups->root, name);

	return make_dir(cgroups, dir, err);
}

int cgroups_move(struct cgroups *cgroups, const char *name, pid_t pid, struct ktstr_error *err)
{
	AUTO(free) char *procs = xasprintf("%s/%s/cgroup.procs", cgroups->root, name);
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", pid);
	r = poke_retrying(cgroups, procs, text, err);
	return r == -ESRCH ? 0 : r;
}

/* --- removing --------------------------------------------------------------------------------- */

static bool is_populated(int events_fd)
{
	char text[CGROUP_FILE_MAX];
	ssize_t len = pread(events_fd, text, sizeof(text), 0);
	struct sv rest, line;

	if (len <= 0)
		return false;
	rest = sv_bytes(text, (size_t)len);
	while (sv_line(&rest, &line)) {
		if (sv_eq(line, "populated 1"))
			return true;
	}
	return false;
}

/* cgroup.events says POLLPRI when it changes, from what was read of it last. */
static int wait_empty(const char *dir, struct deadline deadline, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/cgroup.events", dir);
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct pollfd change = {.fd = fd, .events = POLLPRI};

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "open %s", path);
	while (is_populated(fd)) {
		if (deadline_passed(deadline))
			return error_set(err, -ETIMEDOUT, "cgroup %s: processes in it do not end",
					 dir);
		(void)poll(&change, 1, deadline_poll_ms(deadline));
	}
	return 0;
}

static int remove_one(struct cgroups *cgroups, const char *dir, struct deadline deadline,
		      struct ktstr_error *err)
{
	AUTO(free) char *kill_path = xasprintf("%s/cgroup.kill", dir);
	int r = cgroups->poke(AT_FDCWD, kill_path, "1", err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = wait_empty(dir, deadline, err);
	if (r < 0)
		return r;
	return rmdir(dir) < 0 && errno != ENOENT ? error_sys(err, "rmdir %s", dir) : 0;
}

int cgroups_remove(struct cgroups *cgroups, struct deadline deadline, struct ktstr_error *err)
{
	int first = 0;

	for (size_t i = cgroups->made.len; i > 0; i--) {
		char *dir = cgroups->made.at[i - 1];
		int r = remove_one(cgroups, dir, deadline, first ? NULL : err);

		if (first == 0)
			first = r;
		free(dir);
	}
	cgroups->made.len = 0;
	return first;
}

void cgroups_done(struct cgroups *cgroups)
{
	(void)cgroups_remove(cgroups, deadline_in(CGROUPS_REMOVE_TIMEOUT_NS), NULL);
	strings_done(&cgroups->made);
	free(cgroups->root);
	*cgroups = (struct cgroups){0};
}
