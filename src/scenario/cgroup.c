/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BUSY_RETRIES 3
#define BUSY_PAUSE_NS (100 * NS_PER_MS)
#define CGROUP_FILE_MAX (1u << 20)

static const char *const always_on[] = {"cpu", "cpuset"};        /* the first may be left out */

int cgroups_act(struct cgroups *cgroups, enum cgroup_act act, const char *path, const char *text,
		struct ktstr_error *err)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
	cgroup_act_fn *act_fn = cgroups->act ?: cgroup_act;
	int r = bounded_do(&cgroups->bounded, act_fn, act, path, text, BOUNDED_TIMEOUT_NS, err);

	for (unsigned i = 0; i < BUSY_RETRIES && r == -EBUSY; i++) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		r = bounded_do(&cgroups->bounded, act_fn, act, path, text, BOUNDED_TIMEOUT_NS, err);
	}
	return r;
}

/* --- making ----------------------------------------------------------------------------------- */

static int make_dir(struct cgroups *cgroups, const char *path, struct ktstr_error *err)
{
	int r = cgroups_act(cgroups, CGROUP_MKDIR, path, NULL, err);

	if (r == 0)
		strings_push(&cgroups->made, xstrdup(path));
	return r;
}

static bool has_word(const char *words, const char *word)
{
	struct sv rest = sv_of(words);

	while (rest.data) {
		if (sv_eq(sv_split(&rest, ' '), word))
			return true;
	}
	return false;
}

static char *line_of(const char *dir, const char *file)
{
	AUTO(free) char *path = xasprintf("%s/%s", dir, file);

	return file_line(AT_FDCWD, path);
}

static bool was_made(const struct cgroups *cgroups, const char *dir)
{
	vec_each (made, &cgroups->made) {
		if (strcmp(*made, dir) == 0)
			return true;
	}
	return false;
}

/*
 * -ENOTSUP without words: the controller is not offered. A directory without cgroup.controllers is
 * above the cgroup file system, or a stand-in for it.
 */
static int enable(struct cgroups *cgroups, const char *dir, const char *controller,
		  struct ktstr_error *err)
{
	AUTO(free) char *offer = line_of(dir, "cgroup.controllers");
	AUTO(free) char *on = line_of(dir, "cgroup.subtree_control");
	AUTO(free) char *path = xasprintf("%s/cgroup.subtree_control", dir);
	char word[32];
	int r;

	if (!offer)
		return 0;
	if (!has_word(offer, controller))
		return -ENOTSUP;
	if (on && has_word(on, controller))
		return 0;
	snprintf(word, sizeof(word), "+%s", controller);
	r = cgroups_act(cgroups, CGROUP_WRITE, path, word, err);
	if (r == -EBUSY)
		return error_wrap(err, r, "%s: it has processes of its own, so its children cannot "
					  "have the controller %s (cgroup v2)", dir, controller);
	if (r == 0 && !was_made(cgroups, dir))
		switched_ons_push(&cgroups->switched,
				  (struct switched_on){.dir = xstrdup(dir), .controller = controller});
	return r;
}

static int enable_always_on(struct cgroups *cgroups, const char *dir, struct ktstr_error *err)
{
	for (size_t i = cgroups->no_cpu; i < sizeof(always_on) / sizeof(*always_on); i++) {
		int r = enable(cgroups, dir, always_on[i], err);

		if (r < 0 && r != -ENOTSUP)
			return r;
	}
	return 0;
}

static int open_level(struct cgroups *cgroups, const char *dir, struct ktstr_error *err)
{
	int r = 0;

	if (access(dir, F_OK) < 0)
		r = make_dir(cgroups, dir, err);
	if (r == 0 && !cgroups->top) {
		AUTO(free) char *offer = line_of(dir, "cgroup.controllers");

		cgroups->top = offer ? xstrdup(dir) : NULL;
	}
	return r < 0 ? r : enable_always_on(cgroups, dir, err);
}

typedef int level_fn(struct cgroups *cgroups, const char *dir, void *arg, struct ktstr_error *err);

/* From a path's place `from` on, each directory above its last part, the upper one first. */
static int each_level_above(struct cgroups *cgroups, const char *path, size_t from, level_fn *fn,
			    void *arg, struct ktstr_error *err)
{
	AUTO(free) char *dir = xstrdup(path);

	for (char *slash = strchr(dir + from, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = fn(cgroups, dir, arg, err);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_level_fn(struct cgroups *cgroups, const char *dir, void *arg,
			 struct ktstr_error *err)
{
	(void)arg;
	return open_level(cgroups, dir, err);
}

int cgroups_open(struct cgroups *cgroups, const char *root, struct ktstr_error *err)
{
	int r;

	cgroups->root = xstrdup(root);
	r = each_level_above(cgroups, root, 1, open_level_fn, NULL, err);
	return r < 0 ? r : open_level(cgroups, root, err);
}

static char *path_of(const struct cgroups *cgroups, const char *name)
{
	return xasprintf("%s/%s", cgroups->root, name);
}

int cgroups_make(struct cgroups *cgroups, const char *name, struct ktstr_error *err)
{
	AUTO(free) char *dir = path_of(cgroups, name);
	size_t below = strlen(cgroups->root) + 1;
	int r = each_level_above(cgroups, dir, below, open_level_fn, NULL, err);

	return r < 0 ? r : make_dir(cgroups, dir, err);
}

static int need_level(struct cgroups *cgroups, const char *dir, void *arg, struct ktstr_error *err)
{
	const char *controller = arg;
	int r = enable(cgroups, dir, controller, err);

	if (r == -ENOTSUP)
		return error_set(err, r, "the controller %s is not offered by %s", controller, dir);
	return r;
}

int cgroups_need(struct cgroups *cgroups, const char *name, const char *controller,
		 struct ktstr_error *err)
{
	AUTO(free) char *dir = path_of(cgroups, name);

	return each_level_above(cgroups, dir, 1, need_level, (void *)controller, err);
}

/* --- files ------------------------------------------------------------------------------------ */

bool cgroups_has(const struct cgroups *cgroups, const char *name, const char *file)
{
	AUTO(free) char *path = xasprintf("%s/%s/%s", cgroups->root, name, file);

	return access(path, F_OK) == 0;
}

int cgroups_write(struct cgroups *cgroups, const char *name, const char *file, const char *text,
		  struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/%s/%s", cgroups->root, name, file);

	return cgroups_act(cgroups, CGROUP_WRITE, path, text, err);
}

int cgroups_read(const struct cgroups *cgroups, const char *name, const char *file,
		 struct buf *text, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/%s/%s", cgroups->root, name, file);

	return file_read(AT_FDCWD, path, CGROUP_FILE_MAX, text, err);
}

/* --- moving ----------------------------------------------------------------------------------- */

static int move_to(struct cgroups *cgroups, const char *dir, pid_t pid, struct ktstr_error *err)
{
	AUTO(free) char *procs = xasprintf("%s/cgroup.procs", dir);
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", pid);
	r = cgroups_act(cgroups, CGROUP_WRITE, procs, text, err);
	return r == -ESRCH ? 0 : r;
}

int cgroups_move(struct cgroups *cgroups, const char *name, pid_t pid, struct ktstr_error *err)
{
	AUTO(free) char *dir = path_of(cgroups, name);

	return move_to(cgroups, dir, pid, err);
}

int cgroups_move_out(struct cgroups *cgroups, pid_t pid, struct ktstr_error *err)
{
	return cgroups->top ? move_to(cgroups, cgroups->top, pid, err) : 0;
}

static int read_pids(const struct cgroups *cgroups, const char *name, struct pids *pids,
		     struct ktstr_error *err)
{
	AUTO(buf_done) struct buf text = {0};
	int r = cgroups_read(cgroups, name, "cgroup.procs", &text, err);

	if (r == 0)
		r = pids_parse(sv_bytes(buf_text(&text), text.len), pids, err);
	return r;
}

int cgroups_move_all(struct cgroups *cgroups, const char *from, const char *to,
		     struct deadline deadline, struct ktstr_error *err)
{
	for (;;) {
		AUTO(pids_done) struct pids pids = {0};
		int r = read_pids(cgroups, from, &pids, err);

		if (r < 0 || pids.len == 0)
			return r;
		if (deadline_passed(deadline))
			return error_set(err, -ETIMEDOUT,
					 "%zu processes are in it still, or were started meanwhile",
					 pids.len);
		vec_each (pid, &pids) {
			r = cgroups_move(cgroups, to, *pid, err);
			if (r < 0)
				return r;
		}
	}
}
