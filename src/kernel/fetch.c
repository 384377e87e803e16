/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/apt.h"
#include "kernel/cache.h"
#include "kernel/deb.h"
#include "kernel/store.h"
#include "kernel/version.h"
#include "symbols/btf_image.h"
#include "symbols/pvh.h"
#include "symbols/bzimage.h"

#define LOCK_NS (60 * 60 * NS_PER_S)

struct fetch {
	const struct kernel_fetch_config *config;
	const char *wanted;
	const struct places *places;
	const struct store *store;
	struct apt apt;
	bool index_is_fresh;          /* read in this run */
};

static void progress(const struct kernel_fetch_config *config, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void progress(const struct kernel_fetch_config *config, const char *fmt, ...)
{
	AUTO(buf_done) struct buf line = {0};
	va_list args;

	if (!config->progress)
		return;
	va_start(args, fmt);
	buf_vprintf(&line, fmt, args);
	va_end(args);
	config->progress(buf_text(&line), config->arg);
}

static void say_waiting(void *arg)
{
	progress(arg, "waiting for another ktstr that changes the kernel cache");
}

/* An index that could not be read again still serves, unless the caller wanted it new. */
static int read_index(struct fetch *fetch, bool refresh, struct packages *ret_packages,
		      struct ktstr_error *err)
{
	struct ktstr_error update = {0};
	int r;

	if (refresh) {
		progress(fetch->config, "reading the package index of %s", fetch->apt.suites);
		fetch->index_is_fresh = true;
		r = apt_update(&fetch->apt, &update);
		if (r < 0 && fetch->config->refresh)
			return error_set(err, r, "%s", update.msg);
	}
	r = apt_kernels(&fetch->apt, ret_packages, err);
	if (!update.code)
		return r;
	if (r < 0 || !ret_packages->len)
		return error_set(err, update.code, "%s", update.msg);
	progress(fetch->config, "going by an older index: %s", update.msg);
	return 0;
}

static int download(const struct fetch *fetch, const struct package *package,
		    struct deb_kernel *kernel, struct ktstr_error *err)
{
	AUTO(free) char *path = NULL;
	int r;

	progress(fetch->config, "downloading %s %s (%.1f MiB)", package->name, package->version,
		 (double)package->size / (1 << 20));
	r = apt_download(&fetch->apt, package, &path, err);
	return r < 0 ? r : deb_read(path, kernel, err);
}

static int write_file(const char *dir, const char *name, const void *data, size_t len,
		      struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/%s", dir, name);

	return file_write_atomic(path, data, len, 0644, err);
}

static int write_origin(const struct fetch *fetch, const struct offer *offer, const char *dir,
			struct ktstr_error *err)
{
	char when[sizeof("2026-01-01T00:00:00Z")];
	time_t now = time(NULL);
	json_t *json;
	char *text;
	int r;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	json = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s}", "release", offer->release, "package",
			 offer->image->name, "version", offer->image->version, "signed",
			 (int)offer->is_signed, "wanted", fetch->wanted, "fetched_at", when);
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	json_decref(json);
	if (!text)
		return error_set(err, -EINVAL, "package %s: a name that is not UTF-8", offer->image->name);
	r = write_file(dir, "kernel.json", text, strlen(text), err);
	free(text);
	return r;
}

/*
 * The uncompressed kernel, if a VM can start it: under emulation decompressing costs more than a
 * second of each boot. And its type information; one without any is as good as any other for a test
 * that needs none.
 */
static int write_vmlinux(const char *dir, struct ktstr_error *err)
{
	AUTO(free) char *image = xasprintf("%s/vmlinuz", dir);
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};
	int r = vmlinux_from_image(image, &vmlinux, err);

	if (r == 0 && vmlinux_has_pvh(&vmlinux))
		r = write_file(dir, "vmlinux", vmlinux.data, vmlinux.len, err);
	if (r == 0)
		r = btf_from_vmlinux(&vmlinux, &btf, err);
	if (r == -ENODATA)
		return 0;
	return r < 0 ? r : write_file(dir, "vmlinux.btf", btf.data, btf.len, err);
}

/* What a package holds must be what its name says: the entry is found by that. */
static int check_release(const char *dir, const struct offer *offer, struct ktstr_error *err)
{
	AUTO(free) char *image = xasprintf("%s/vmlinuz", dir);
	struct bzimage header;
	int r = bzimage_read(image, &header, err);

	if (r < 0 || strcmp(header.release, offer->release) == 0)
		return r;
	return error_set(err, -EINVAL, "package %s holds a kernel that calls itself %s",
			 offer->image->name, header.release);
}

/* Make the entry in the scratch directory. */
static int make_entry(const struct fetch *fetch, const struct offer *offer,
		      const struct deb_kernel *files, const char *dir, struct ktstr_error *err)
{
	int r = dir_make(dir, 0755, err);

	if (r == 0)
		r = write_file(dir, "vmlinuz", files->image.data, files->image.len, err);
	if (r == 0 && files->config.len)
		r = write_file(dir, "config", files->config.data, files->config.len, err);
	if (r == 0)
		r = check_release(dir, offer, err);
	if (r == 0)
		r = write_vmlinux(dir, err);
	if (r == 0)
		r = write_origin(fetch, offer, dir, err);
	return r;
}

static int install(const struct fetch *fetch, const struct offer *offer,
		   const struct deb_kernel *files, struct kernel *ret_kernel, struct ktstr_error *err)
{
	AUTO(free) char *dir = xasprintf("%s/entry", fetch->store->scratch);
	AUTO(kernel_done) struct kernel kernel = {0};
	int r = make_entry(fetch, offer, files, dir, err);

	if (r == 0)
		r = store_install(fetch->store, dir, offer->release, err);
	if (r == 0)
		r = cache_read(fetch->places, offer->release, &kernel, err);
	if (r == 0)
		*ret_kernel = TAKE(kernel, (struct kernel){0});
	return r;
}

static int get_offer(const struct fetch *fetch, const struct offer *offer, struct kernel *ret_kernel,
		     struct ktstr_error *err)
{
	AUTO(deb_kernel_done) struct deb_kernel files = {0};
	int r = download(fetch, offer->image, &files, err);

	if (r == 0 && !files.config.len && offer->base)
		r = download(fetch, offer->base, &files, err);
	if (r < 0)
		return r;
	if (!files.image.len)
		return error_set(err, -EIO, "package %s holds no kernel image", offer->image->name);
	progress(fetch->config, "unpacking kernel %s%s", offer->release,
		 files.config.len ? "" : " (its configuration is not in the archive any more)");
	r = install(fetch, offer, &files, ret_kernel, err);
	if (r < 0)
		return error_wrap(err, r, "kernel %s", offer->release);
	progress(fetch->config, "kernel %s is in %s", ret_kernel->release, fetch->store->dir);
	return 0;
}

/* The entry of the offer's release, if it is of the offer's very package. */
static bool is_there(const struct fetch *fetch, const struct offer *offer, struct kernel *ret_kernel)
{
	AUTO(free) char *package = xasprintf("%s %s", offer->image->name, offer->image->version);
	AUTO(kernel_done) struct kernel kernel = {0};

	if (cache_read(fetch->places, offer->release, &kernel, NULL) < 0 || !kernel.package ||
	    strcmp(kernel.package, package) != 0)
		return false;
	*ret_kernel = TAKE(kernel, (struct kernel){0});
	return true;
}

static int fetch_newest(struct fetch *fetch, bool refresh, struct kernel *ret_kernel,
			struct ktstr_error *err)
{
	AUTO(packages_done) struct packages packages = {0};
	AUTO(offer_done) struct offer offer = {0};
	int r = read_index(fetch, refresh, &packages, err);

	if (r == 0)
		r = package_choose(&packages, fetch->wanted, &offer, err);
	if (r < 0)
		return r;
	if (!is_there(fetch, &offer, ret_kernel))
		return get_offer(fetch, &offer, ret_kernel, err);
	progress(fetch->config, "kernel %s is the newest of %s and in the cache already",
		 offer.release, fetch->wanted);
	return 0;
}

static bool is_enough(const struct kernel_fetch_config *config, const struct places *places,
		      const char *wanted, struct kernel *ret_kernel)
{
	return config->if_missing && cache_find(places, wanted, ret_kernel, NULL) == 0;
}

/* With the lock held. */
static int fetch_locked(struct fetch *fetch, struct kernel *ret_kernel, struct ktstr_error *err)
{
	AUTO(free) char *dir = xasprintf("%s/.apt", fetch->store->dir);
	bool refresh;
	int r;

	if (is_enough(fetch->config, fetch->places, fetch->wanted, ret_kernel))
		return 0;        /* who held the lock before us has fetched it */
	r = apt_open(dir, fetch->store->scratch, &fetch->apt, err);
	if (r < 0)
		return r;
	refresh = fetch->config->refresh || fetch->apt.is_stale;
	r = fetch_newest(fetch, refresh, ret_kernel, err);
	/* Within the day that an index may serve, the archive can have replaced what it names. */
	if (r < 0 && !fetch->index_is_fresh)
		r = fetch_newest(fetch, true, ret_kernel, err);
	return r;
}

int kernel_fetch(const struct kernel_fetch_config *config, struct kernel *ret_kernel,
		 struct ktstr_error *err)
{
	AUTO(places_done) struct places places = {0};
	AUTO(store_done) struct store store = STORE_NONE;
	struct fetch fetch = {
		.config = config,
		.wanted = config->wanted ?: KERNEL_SERIES_DEFAULT,
		.places = &places,
		.store = &store,
	};
	int r = version_check(fetch.wanted, err);

	if (r == 0)
		r = places_init(&places, err);
	if (r < 0)
		return r;
	if (is_enough(config, &places, fetch.wanted, ret_kernel))
		return 0;
	r = store_open(places.cache, say_waiting, (void *)config, deadline_in(LOCK_NS), &store, err);
	if (r == 0)
		r = fetch_locked(&fetch, ret_kernel, err);
	apt_done(&fetch.apt);
	return r < 0 ? error_wrap(err, r, "fetch kernel %s", fetch.wanted) : 0;
}
