/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kernel/feature.h"
#include "kernel/version.h"
#include "symbols/btf_image.h"
#include "symbols/bzimage.h"

#define CONFIG_BYTES_MAX (4u << 20)

static const char *const origin_words[] = {
	[KERNEL_FROM_PATH] = "path",
	[KERNEL_FROM_CACHE] = "cache",
	[KERNEL_FROM_HOST] = "host",
};

const char *kernel_origin_word(enum kernel_origin origin)
{
	return origin_words[origin];
}

void kernel_done(struct kernel *kernel)
{
	free(kernel->image);
	free(kernel->release);
	free(kernel->package);
	free(kernel->config);
	free(kernel->vmlinux);
	free(kernel->btf);
	*kernel = (struct kernel){0};
}

void places_done(struct places *places)
{
	free(places->cache);
	free(places->boot);
	free(places->modules);
	free(places->running);
	*places = (struct places){0};
}

int kernel_cache_dir(char **ret_dir, struct ktstr_error *err)
{
	const char *cache = getenv("KTSTR_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (cache && cache[0] == '/')
		*ret_dir = xasprintf("%s/kernels", cache);
	else if (cache && cache[0])
		return error_set(err, -EINVAL, "KTSTR_CACHE_DIR=%s: must be an absolute path", cache);
	else if (xdg && xdg[0] == '/')        /* the XDG base directory text: ignore relative ones */
		*ret_dir = xasprintf("%s/ktstr/kernels", xdg);
	else if (home && home[0] == '/')
		*ret_dir = xasprintf("%s/.cache/ktstr/kernels", home);
	else
		return error_set(err, -ENOENT, "no place for the cache: HOME is not set; "
					       "set it or KTSTR_CACHE_DIR");
	return 0;
}

int places_init(struct places *places, struct ktstr_error *err)
{
	struct utsname host;
	int r = kernel_cache_dir(&places->cache, err);

	if (r < 0)
		return r;
	if (uname(&host) < 0)
		return error_sys(err, "uname");
	places->boot = xstrdup("/boot");
	places->modules = xstrdup("/lib/modules");
	places->running = xstrdup(host.release);
	return 0;
}

/* path if it can be read, for the caller; else NULL, and path is freed. */
static char *if_readable(char *path)
{
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* config-<release> beside the image as in packages, else where the running system keeps it. */
static char *find_config(const struct places *places, const char *image, const char *release)
{
	const char *slash = strrchr(image, '/');
	int dir_len = slash ? (int)(slash - image) : 1;

	return if_readable(xasprintf("%.*s/config-%s", dir_len, slash ? image : ".", release))
		?: if_readable(xasprintf("%s/config-%s", places->boot, release))
		?: if_readable(xasprintf("%s/%s/config", places->modules, release));
}

static struct features read_config(const char *path)
{
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};

	if (file_read(AT_FDCWD, path, CONFIG_BYTES_MAX, &text, &err) < 0) {
		log_debug("%s", err.msg);
		return (struct features){0};
	}
	return features_of_config(sv_bytes(buf_text(&text), text.len));
}

/* Decompresses the image, so only when nothing lies beside it. What cannot be read stays unknown. */
static struct features read_image(const char *image)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf config = {0};
	AUTO(buf_done) struct buf btf = {0};
	struct features features = {0};
	struct ktstr_error err = {0};
	int r;

	if (vmlinux_from_image(image, &vmlinux, &err) < 0) {
		log_debug("%s", err.msg);
		return features;
	}
	if (config_from_vmlinux(&vmlinux, &config, NULL) == 0)
		features = features_of_config(sv_bytes(buf_text(&config), config.len));
	r = btf_from_vmlinux(&vmlinux, &btf, NULL);
	if (r == 0)
		return features_merge(features, features_of_btf(&btf));
	return r == -ENODATA ? features_merge(features, FEATURES_WITHOUT_BTF) : features;
}

static void find_features(struct kernel *kernel)
{
	AUTO(buf_done) struct buf btf = {0};
	struct features features = {0};

	if (kernel->config)
		features = read_config(kernel->config);
	if (!features.known && kernel->btf && kernel_btf(kernel, &btf, NULL) == 0)
		features = features_of_btf(&btf);
	if (!features.known)
		features = read_image(kernel->image);
	kernel->known = features.known;
	kernel->features = features.has;
}

int kernel_read(const struct places *places, const char *image, struct kernel *ret_kernel,
		struct ktstr_error *err)
{
	struct bzimage header;
	struct kernel kernel;
	int r = bzimage_read(image, &header, err);

	if (r < 0)
		return r;
	kernel = (struct kernel){
		.origin = KERNEL_FROM_PATH,
		.image = xstrdup(image),
		.release = xstrdup(header.release),
		.config = find_config(places, image, header.release),
	};
	find_features(&kernel);
	*ret_kernel = kernel;
	return 0;
}

int kernel_read_host(const struct places *places, struct kernel *ret_kernel, struct ktstr_error *err)
{
	AUTO(free) char *boot = xasprintf("%s/vmlinuz-%s", places->boot, places->running);
	AUTO(free) char *modules = xasprintf("%s/%s/vmlinuz", places->modules, places->running);
	int r = kernel_read(places, access(boot, R_OK) == 0 ? boot : modules, ret_kernel, err);

	/* Of two files that cannot be read, /boot's is the one that people know. */
	if (r < 0 && access(boot, R_OK) < 0 && access(modules, R_OK) < 0) {
		errno = access(boot, F_OK) == 0 ? EACCES : ENOENT;
		return error_sys(err, "kernel image %s", boot);
	}
	if (r == 0)
		ret_kernel->origin = KERNEL_FROM_HOST;
	return r;
}

/* "package version" out of kernel.json; an entry without it works too. */
static char *read_package(const char *path)
{
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *package = json_string_value(json_object_get(json, "package"));
	const char *version = json_string_value(json_object_get(json, "version"));
	char *text = package && version ? xasprintf("%s %s", package, version) : NULL;

	json_decref(json);
	return text;
}

int cache_read(const struct places *places, const char *name, struct kernel *ret_kernel,
	       struct ktstr_error *err)
{
	AUTO(free) char *dir = xasprintf("%s/%s", places->cache, name);
	AUTO(free) char *json = xasprintf("%s/kernel.json", dir);
	AUTO(kernel_done) struct kernel kernel = {
		.origin = KERNEL_FROM_CACHE,
		.image = xasprintf("%s/vmlinuz", dir),
	};
	struct bzimage header;
	int r = bzimage_read(kernel.image, &header, err);

	if (r < 0)
		return r;
	kernel.release = xstrdup(header.release);
	kernel.package = read_package(json);
	kernel.config = if_readable(xasprintf("%s/config", dir));
	kernel.vmlinux = if_readable(xasprintf("%s/vmlinux", dir));
	kernel.btf = if_readable(xasprintf("%s/vmlinux.btf", dir));
	find_features(&kernel);
	*ret_kernel = TAKE(kernel, (struct kernel){0});
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	return version_compare(*(const char *const *)b, *(const char *const *)a);
}

static void dir_close(DIR *dir)
{
	if (dir)
		closedir(dir);
}
DEFINE_AUTO(DIR *, dir_close)

int cache_names(const struct places *places, struct strings *ret_names, struct ktstr_error *err)
{
	AUTO(dir_close) DIR *dir = opendir(places->cache);
	struct dirent *entry;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return error_sys(err, "open %s", places->cache);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			strings_push(ret_names, xstrdup(entry->d_name));
	}
	if (ret_names->len)
		qsort(ret_names->at, ret_names->len, sizeof(char *), newest_first);
	return 0;
}

int cache_list(const struct places *places, struct kernels *ret_kernels, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings names = {0};
	int r = cache_names(places, &names, err);

	if (r < 0)
		return r;
	vec_each(name, &names) {
		struct ktstr_error why = {0};
		struct kernel kernel;

		if (cache_read(places, *name, &kernel, &why) == 0)
			kernels_push(ret_kernels, kernel);
		else
			log_warn("cache: left out: %s", why.msg);
	}
	return 0;
}

static void list_names(const struct strings *names, struct buf *text)
{
	vec_each(name, names)
		buf_printf(text, "%s%s", text->len ? ", " : "", *name);
	if (!text->len)
		buf_str(text, "nothing");
}

int cache_find(const struct places *places, const char *wanted, struct kernel *ret_kernel,
	       struct ktstr_error *err)
{
	AUTO(strings_done) struct strings names = {0};
	AUTO(buf_done) struct buf have = {0};
	int r = cache_names(places, &names, err);

	if (r < 0)
		return r;
	vec_each(name, &names) {
		if (version_takes(wanted, *name))
			return cache_read(places, *name, ret_kernel, err);
	}
	list_names(&names, &have);
	return error_set(err, -ENOENT, "kernel %s: not in the cache, which has %s; get it by "
				       "`ktstr kernel fetch %s`",
			 wanted, buf_text(&have), wanted);
}

int kernel_btf(const struct kernel *kernel, struct buf *ret_btf, struct ktstr_error *err)
{
	if (!kernel->btf)
		return btf_from_image(kernel->image, ret_btf, err);
	ret_btf->max = BTF_BYTES_MAX;
	return file_read(AT_FDCWD, kernel->btf, BTF_BYTES_MAX, ret_btf, err);
}

int kernel_list(struct kernels *ret_kernels, struct ktstr_error *err)
{
	AUTO(places_done) struct places places = {0};
	struct kernel host;
	int r = places_init(&places, err);

	if (r == 0)
		r = cache_list(&places, ret_kernels, err);
	if (r == 0 && kernel_read_host(&places, &host, NULL) == 0)
		kernels_push(ret_kernels, host);
	return r;
}
