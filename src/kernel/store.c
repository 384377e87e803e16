/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_POLL_NS (100 * 1000 * 1000)

/* flock() has no deadline of its own, and the lock must end with its holder however that ends. */
static int lock(int fd, void (*wait)(void *arg), void *arg, struct deadline deadline)
{
	static const struct timespec pause = {.tv_nsec = LOCK_POLL_NS};

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (deadline_passed(deadline))
			return -ETIMEDOUT;
		if (wait)
			wait(arg);
		wait = NULL;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int sweep(const struct store *store, struct ktstr_error *err)
{
	int r = tree_remove(store->scratch, err);

	return r < 0 ? r : dir_make(store->scratch, 0755, err);
}

int store_open(const char *dir, void (*wait)(void *arg), void *arg, struct deadline deadline,
	       struct store *ret_store, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/.lock", dir);
	AUTO(store_done) struct store store = STORE_NONE;
	int r = dir_make(dir, 0755, err);

	if (r < 0)
		return error_wrap(err, r, "kernel cache");
	store.lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (store.lock_fd < 0)
		return error_sys(err, "kernel cache: open %s", path);
	r = lock(store.lock_fd, wait, arg, deadline);
	if (r == -ETIMEDOUT)
		return error_set(err, r, "kernel cache: another ktstr holds %s for too long", path);
	if (r < 0)
		return error_set(err, r, "kernel cache: lock %s: %s", path, strerrordesc_np(-r));
	store.dir = xstrdup(dir);
	store.scratch = xasprintf("%s/.new", dir);
	r = sweep(&store, err);
	if (r < 0)
		return error_wrap(err, r, "kernel cache");
	*ret_store = TAKE(store, STORE_NONE);
	return 0;
}

void store_done(struct store *store)
{
	if (store->scratch)
		(void)tree_remove(store->scratch, NULL);        /* what stays, the next one sweeps */
	fd_close(store->lock_fd);
	free(store->scratch);
	free(store->dir);
	*store = STORE_NONE;
}

int store_install(const struct store *store, const char *from, const char *name, struct ktstr_error *err)
{
	AUTO(free) char *entry = xasprintf("%s/%s", store->dir, name);

	if (renameat2(AT_FDCWD, from, AT_FDCWD, entry, RENAME_NOREPLACE) == 0)
		return 0;
	/* The old entry comes to the scratch directory, and goes with it. */
	if (errno == EEXIST && renameat2(AT_FDCWD, from, AT_FDCWD, entry, RENAME_EXCHANGE) == 0)
		return 0;
	return error_sys(err, "kernel cache: put %s in place", entry);
}

int store_remove(const struct store *store, const char *name, struct ktstr_error *err)
{
	AUTO(free) char *entry = xasprintf("%s/%s", store->dir, name);
	AUTO(free) char *aside = xasprintf("%s/%s", store->scratch, name);

	if (rename(entry, aside) < 0)
		return error_sys(err, "kernel cache: remove %s", entry);
	return tree_remove(aside, err);
}
