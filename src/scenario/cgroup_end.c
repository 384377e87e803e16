/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup_end.c - what is waited for: cgroups that freeze, and those that empty and are removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "scenario/cgroup.h"

#define EVENTS_MAX 4096
#define DEPTH_MAX 16

static struct cgroup_events read_events(int events_fd)
{
	char text[EVENTS_MAX];
	ssize_t len = pread(events_fd, text, sizeof(text), 0);

	return cgroup_events_parse(sv_bytes(text, len > 0 ? (size_t)len : 0));
}

static bool is_empty(struct cgroup_events events)
{
	return !events.populated;
}

static bool is_frozen(struct cgroup_events events)
{
	return events.frozen;
}

static bool is_thawed(struct cgroup_events events)
{
	return !events.frozen;
}

/*
 * cgroup.events says POLLPRI when it changes, from what was read of it last. -ETIMEDOUT has no words;
 * -ENOENT: there is no such file.
 */
static int wait_until(const char *dir, bool (*is_so)(struct cgroup_events),
		      struct deadline deadline, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/cgroup.events", dir);
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct pollfd change = {.fd = fd, .events = POLLPRI};

	if (fd < 0)
		return error_sys(err, "open %s", path);
	while (!is_so(read_events(fd))) {
		if (deadline_passed(deadline))
			return -ETIMEDOUT;
		(void)poll(&change, 1, deadline_poll_ms(deadline));
	}
	return 0;
}

int cgroups_freeze(struct cgroups *cgroups, const char *name, bool frozen,
		   struct deadline deadline, struct ktstr_error *err)
{
	AUTO(free) char *dir = xasprintf("%s/%s", cgroups->root, name);
	int r = cgroups_write(cgroups, name, "cgroup.freeze", frozen ? "1" : "0", err);

	if (r == 0)
		r = wait_until(dir, frozen ? is_frozen : is_thawed, deadline, err);
	if (r == -ETIMEDOUT)
		return error_set(err, r, "%s: its processes do not %s", dir,
				 frozen ? "freeze" : "thaw");
	return r;
}

/* --- removing --------------------------------------------------------------------------------- */

/*
 * Cgroups that a worker or a scheduler made in one of ours; by now nobody is in them. What cannot be
 * removed keeps its parent from being removed too, and that is said.
 */
static void remove_inside(struct cgroups *cgroups, const char *dir, unsigned depth)
{
	DIR *listing = opendir(dir);
	struct dirent *entry;

	while (listing && depth < DEPTH_MAX && (entry = readdir(listing))) {
		AUTO(free) char *path = NULL;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		path = xasprintf("%s/%s", dir, entry->d_name);
		remove_inside(cgroups, path, depth + 1);
		(void)cgroups_act(cgroups, CGROUP_RMDIR, path, NULL, NULL);
	}
	if (listing)
		closedir(listing);
}

static int remove_dir(struct cgroups *cgroups, const char *dir, struct deadline deadline,
		      struct ktstr_error *err)
{
	AUTO(free) char *kill_path = xasprintf("%s/cgroup.kill", dir);
	int r = cgroups_act(cgroups, CGROUP_WRITE, kill_path, "1", err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = wait_until(dir, is_empty, deadline, err);
	if (r == -ETIMEDOUT)
		return error_set(err, r, "cgroup %s: processes in it do not end", dir);
	if (r < 0 && r != -ENOENT)
		return r;
	remove_inside(cgroups, dir, 0);
	r = cgroups_act(cgroups, CGROUP_RMDIR, dir, NULL, err);
	return r == -ENOENT ? 0 : r;
}

int cgroups_remove_one(struct cgroups *cgroups, const char *name, struct deadline deadline,
		       struct ktstr_error *err)
{
	AUTO(free) char *dir = xasprintf("%s/%s", cgroups->root, name);
	struct strings *made = &cgroups->made;
	int r = remove_dir(cgroups, dir, deadline, err);

	if (r < 0)
		return r;
	for (size_t i = made->len; i > 0; i--) {
		if (strcmp(made->at[i - 1], dir) != 0)
			continue;
		free(made->at[i - 1]);
		memmove(&made->at[i - 1], &made->at[i], (made->len - i) * sizeof(*made->at));
		made->len--;
		break;
	}
	return 0;
}

/* Somebody else may use the controller by now: then the kernel says so, and it stays on. */
static void switch_off(struct cgroups *cgroups, const struct switched_on *on)
{
	AUTO(free) char *path = xasprintf("%s/cgroup.subtree_control", on->dir);
	AUTO(free) char *word = xasprintf("-%s", on->controller);
	cgroup_act_fn *act_fn = cgroups->act ?: cgroup_act;

	(void)bounded_do(&cgroups->bounded, act_fn, CGROUP_WRITE, path, word, BOUNDED_TIMEOUT_NS,
			 NULL);
}

int cgroups_remove(struct cgroups *cgroups, struct deadline deadline, struct ktstr_error *err)
{
	int first = 0;

	for (size_t i = cgroups->made.len; i > 0; i--) {
		char *dir = cgroups->made.at[i - 1];
		int r = remove_dir(cgroups, dir, deadline, first ? NULL : err);

		if (first == 0)
			first = r;
		free(dir);
	}
	cgroups->made.len = 0;
	for (size_t i = cgroups->switched.len; i > 0; i--)
		switch_off(cgroups, &cgroups->switched.at[i - 1]);
	switched_ons_done(&cgroups->switched);
	return first;
}

void cgroups_done(struct cgroups *cgroups)
{
	(void)cgroups_remove(cgroups, deadline_in(CGROUPS_REMOVE_TIMEOUT_NS), NULL);
	bounded_done(&cgroups->bounded);
	strings_done(&cgroups->made);
	free(cgroups->root);
	free(cgroups->top);
	*cgroups = (struct cgroups){0};
}
