/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - changing the cache: under one lock, with one scratch directory, by renames. Whatever is
 * in the scratch directory belongs to nobody who lives, because the lock is held.
 */
#ifndef KERNEL_STORE_H
#define KERNEL_STORE_H

#include "kernel/cache.h"

struct store {
	char *dir;            /* "<cache>/kernels" */
	char *scratch;        /* "<cache>/kernels/.new": empty after store_open() */
	int lock_fd;
};

#define STORE_NONE ((struct store){.lock_fd = -1})

/*
 * Create what is missing, take the lock, sweep the scratch directory. wait is called once when
 * somebody else holds the lock. -ETIMEDOUT: for longer than the deadline.
 */
int store_open(const char *dir, void (*wait)(void *arg), void *arg, struct deadline deadline,
	       struct store *ret_store, struct ktstr_error *err);
void store_done(struct store *store);
DEFINE_AUTO_DONE(struct store, store_done)

/* Make the directory `from`, which lies in the scratch directory, the entry of this name. */
int store_install(const struct store *store, const char *from, const char *name, struct ktstr_error *err);

/* Take an entry away. */
int store_remove(const struct store *store, const char *name, struct ktstr_error *err);

#endif
