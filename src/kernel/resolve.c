/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "kernel/cache.h"
#include "kernel/version.h"

static bool is_auto(const char *spec)
{
	return !spec || !spec[0] || strcmp(spec, "auto") == 0;
}

static int resolve_explicit(const struct places *places, const char *spec, uint32_t needs,
			    struct kernel *ret_kernel, struct ktstr_error *err)
{
	AUTO(kernel_done) struct kernel kernel = {0};
	int r;

	if (strchr(spec, '/')) {
		r = kernel_read(places, spec, &kernel, err);
	} else {
		r = version_check(spec, err);
		if (r == 0)
			r = cache_find(places, spec, &kernel, err);
	}
	if (r == 0)
		r = kernel_check(&kernel, needs, err);
	if (r == 0)
		*ret_kernel = TAKE(kernel, (struct kernel){0});
	return r;
}

static int resolve_cached(const struct places *places, uint32_t needs, struct kernel *ret_kernel,
			  struct ktstr_error *err)
{
	AUTO(kernels_done) struct kernels kernels = {0};
	struct ktstr_error newest = {0};
	int r = cache_list(places, &kernels, err);

	if (r < 0)
		return r;
	vec_each(kernel, &kernels) {
		if (kernel_check(kernel, needs, newest.code ? NULL : &newest) < 0)
			continue;
		*ret_kernel = TAKE(*kernel, (struct kernel){0});
		return 0;
	}
	if (newest.code)
		return error_set(err, newest.code, "the newest of %zu in the cache: %s", kernels.len,
				 newest.msg);
	return error_set(err, -ENOENT, "the cache %s has none", places->cache);
}

static int resolve_host(const struct places *places, uint32_t needs, struct kernel *ret_kernel,
			struct ktstr_error *err)
{
	AUTO(kernel_done) struct kernel kernel = {0};
	int r = kernel_read_host(places, &kernel, err);

	if (r == 0)
		r = kernel_check(&kernel, needs, err);
	if (r == 0)
		*ret_kernel = TAKE(kernel, (struct kernel){0});
	return r;
}

int kernel_resolve_at(const struct places *places, const char *spec, const char *chosen, uint32_t needs,
		      struct kernel *ret_kernel, struct ktstr_error *err)
{
	struct ktstr_error cached = {0}, host = {0};
	int r;

	if (!is_auto(spec))
		return resolve_explicit(places, spec, needs, ret_kernel, err);
	if (!is_auto(chosen)) {
		r = resolve_explicit(places, chosen, needs, ret_kernel, err);
		return r < 0 ? error_wrap(err, r, "KTSTR_KERNEL") : 0;
	}
	if (resolve_cached(places, needs, ret_kernel, &cached) == 0 ||
	    resolve_host(places, needs, ret_kernel, &host) == 0)
		return 0;
	return error_set(err, cached.code == -EOPNOTSUPP ? cached.code : -ENOENT,
			 "no kernel to boot (%s; the host's: %s); get one by `ktstr kernel fetch`, or "
			 "name one with --kernel",
			 cached.msg, host.msg);
}

int kernel_resolve(const char *spec, uint32_t needs, struct kernel *ret_kernel, struct ktstr_error *err)
{
	AUTO(places_done) struct places places = {0};
	int r = places_init(&places, err);

	if (r < 0)
		return r;
	return kernel_resolve_at(&places, spec, getenv("KTSTR_KERNEL"), needs, ret_kernel, err);
}
