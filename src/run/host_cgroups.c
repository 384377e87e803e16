/* SPDX-License-Identifier: BSD-2-Clause */
/* host_cgroups.c - cgroups that runs on this machine left behind when they were killed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "run/run.h"

#define OWN_NAME "ktstr"
#define DEPTH_MAX 32
#define EVENTS_MAX 4096
#define EMPTY_NS (5 * NS_PER_S)

DEFINE_AUTO(DIR *, closedir)

/* --- whose are they? -------------------------------------------------------------------------------- */

bool leftover_parse(const char *name, uint32_t *ret_pid)
{
	struct sv rest = sv_of(name);

	*ret_pid = 0;
	if (sv_eq(rest, OWN_NAME))
		return true;
	return sv_starts(rest, OWN_NAME "-") &&
	       sv_u32(sv_skip(rest, strlen(OWN_NAME "-")), INT32_MAX, ret_pid) == 0 && *ret_pid > 0;
}

/* A process of that number that is no ktstr has got the number of one that is dead. */
static bool is_live_ktstr(uint32_t pid)
{
	AUTO(free) char *path = xasprintf("/proc/%u/comm", pid);
	AUTO(free) char *comm = file_line(AT_FDCWD, path);

	return comm && sv_starts(sv_of(comm), OWN_NAME);
}

static bool is_populated(const char *dir)
{
	AUTO(free) char *path = xasprintf("%s/cgroup.events", dir);
	AUTO(buf_done) struct buf text = {0};

	return file_read(AT_FDCWD, path, EVENTS_MAX, &text, NULL) == 0 &&
	       strstr(buf_text(&text), "populated 1");
}

/* The one without a number has no owner to ask for; who has processes in it is at work. */
static bool is_live(const char *dir, uint32_t pid)
{
	return pid ? is_live_ktstr(pid) : is_populated(dir);
}

/* All cgroups of the machine, or of a container, are below it. */
static bool is_mount_root(const char *dir)
{
	struct statx st;

	return statx(AT_FDCWD, dir, AT_NO_AUTOMOUNT, STATX_TYPE, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* --- removing --------------------------------------------------------------------------------------- */

static int remove_tree(const char *dir, unsigned depth, struct ktstr_error *err)
{
	AUTO(closedir) DIR *list = opendir(dir);
	struct dirent *entry;

	if (!list)
		return error_sys(err, "open %s", dir);
	while (depth < DEPTH_MAX && (entry = readdir(list))) {
		AUTO(free) char *path = NULL;
		int r;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s", dir, entry->d_name);
		r = remove_tree(path, depth + 1, err);
		if (r < 0)
			return r;
	}
	if (rmdir(dir) == 0)
		return 0;
	return errno == EBUSY ? error_set(err, -EBUSY, "%s has processes in it", dir)
			      : error_sys(err, "rmdir %s", dir);
}

/* cgroup.events tells of its change by POLLPRI (Documentation/admin-guide/cgroup-v2.rst). */
static void kill_all_in(const char *dir)
{
	AUTO(free) char *kill_path = xasprintf("%s/cgroup.kill", dir);
	AUTO(free) char *events = xasprintf("%s/cgroup.events", dir);
	struct deadline deadline = deadline_in(EMPTY_NS);
	AUTO(fd_close) int fd = open(events, O_RDONLY | O_CLOEXEC);
	struct pollfd change = {.fd = fd, .events = POLLPRI};
	char text[EVENTS_MAX];

	(void)file_poke(AT_FDCWD, kill_path, "1", NULL);        /* that it failed, rmdir will say */
	while (fd >= 0 && !deadline_passed(deadline)) {
		ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

		text[len > 0 ? len : 0] = '\0';
		if (!strstr(text, "populated 1"))
			return;
		(void)poll(&change, 1, deadline_poll_ms(deadline));
	}
}

int cgroup_leftover_remove(const char *dir, struct ktstr_error *err)
{
	AUTO(free) char *plain = xstrdup(dir);
	struct statfs fs;
	size_t len = strlen(plain);
	const char *slash;
	uint32_t pid;

	while (len > 1 && plain[len - 1] == '/')
		plain[--len] = '\0';
	if (statfs(plain, &fs) < 0)
		return error_sys(err, "%s", plain);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return error_set(err, -EINVAL, "%s is no cgroup", plain);
	if (is_mount_root(plain))
		return error_set(err, -EPERM, "%s is where cgroups are mounted: name one in it", plain);
	slash = strrchr(plain, '/');
	if (leftover_parse(slash ? slash + 1 : plain, &pid))        /* other cgroups' processes are not ours */
		kill_all_in(plain);
	else if (is_populated(plain))
		return error_set(err, -EBUSY, "%s has processes in it", plain);
	return remove_tree(plain, 0, err);
}

int cgroup_leftovers_remove(const char *mount, struct strings *removed, struct strings *live,
			    struct ktstr_error *err)
{
	AUTO(closedir) DIR *list = opendir(mount);
	struct dirent *entry;

	if (!list)
		return error_sys(err, "open %s", mount);
	while ((entry = readdir(list))) {
		AUTO(free) char *path = NULL;
		uint32_t pid;
		int r = 0;

		if (entry->d_type != DT_DIR || !leftover_parse(entry->d_name, &pid))
			continue;
		path = xasprintf("%s/%s", mount, entry->d_name);
		if (is_live(path, pid)) {
			strings_push(live, TAKE_PTR(path));
			continue;
		}
		r = cgroup_leftover_remove(path, err);
		if (r < 0)
			return r;
		strings_push(removed, TAKE_PTR(path));
	}
	return 0;
}
