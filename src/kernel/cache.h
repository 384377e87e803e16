/* SPDX-License-Identifier: BSD-2-Clause */
/* cache.h - where kernels are on this host, and reading them there. Changes nothing. */
#ifndef KERNEL_CACHE_H
#define KERNEL_CACHE_H

#include "kernel/kernel.h"

struct places {
	char *cache;           /* "<cache>/kernels" */
	char *boot;            /* "/boot" */
	char *modules;         /* "/lib/modules" */
	char *running;         /* release of the running kernel */
};

void places_done(struct places *places);
DEFINE_AUTO_DONE(struct places, places_done)
int places_init(struct places *places, struct ktstr_error *err);

/* A bzImage anywhere: its release, its configuration if there is one, and what it can do. */
int kernel_read(const struct places *places, const char *image, struct kernel *ret_kernel,
		struct ktstr_error *err);

/* The running host's kernel. -ENOENT and others name the file that was tried last. */
int kernel_read_host(const struct places *places, struct kernel *ret_kernel, struct ktstr_error *err);

/* The entry of this name in the cache. */
int cache_read(const struct places *places, const char *name, struct kernel *ret_kernel,
	       struct ktstr_error *err);

/* Names of the entries, newest first, readable or not. No cache directory: none. */
int cache_names(const struct places *places, struct strings *ret_names, struct ktstr_error *err);

/* The entries that can be read, newest first; one warning for each that cannot. */
int cache_list(const struct places *places, struct kernels *ret_kernels, struct ktstr_error *err);

/* The newest kernel in the cache that version_takes(); -ENOENT: none. */
int cache_find(const struct places *places, const char *wanted, struct kernel *ret_kernel,
	       struct ktstr_error *err);

/* kernel_resolve() with its environment as arguments; chosen is KTSTR_KERNEL or NULL. */
int kernel_resolve_at(const struct places *places, const char *spec, const char *chosen, uint32_t needs,
		      struct kernel *ret_kernel, struct ktstr_error *err);

#endif
