/* SPDX-License-Identifier: BSD-2-Clause */
/* templates.c - the templates of a cache together: listing and bounding them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/template.h"

DEFINE_AUTO(json_t *, json_decref)

static void dir_close(DIR *dir)
{
	if (dir)
		closedir(dir);
}
DEFINE_AUTO(DIR *, dir_close)

void template_info_done(struct template_info *info)
{
	free(info->key);
	free(info->topology);
	free(info->mode);
	free(info->kernel);
	free(info->qemu);
}

/* Open the lock of a key and take it without waiting; -1 when somebody has it. */
static int try_lock(const char *templates, const char *key)
{
	AUTO(free) char *path = xasprintf("%s/%s.lock", templates, key);
	AUTO(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? TAKE_FD(fd) : -1;
}

static char *word(json_t *object, const char *key)
{
	return xstrdup(json_string_value(json_object_get(object, key)) ?: "?");
}

static struct template_info read_info(const char *templates, const char *key)
{
	AUTO(free) char *path = xasprintf("%s/%s/template.json", templates, key);
	AUTO(json_decref) json_t *said = json_load_file(path, 0, NULL);
	AUTO(fd_close) int lock = try_lock(templates, key);
	struct template_info info = {
		.key = xstrdup(key),
		.topology = word(said, "topology"),
		.mode = word(said, "mode"),
		.kernel = word(said, "kernel"),
		.qemu = word(said, "qemu"),
		.memory_mib = (uint64_t)json_integer_value(json_object_get(said, "memory_mib")),
		.in_use = lock < 0,
	};
	struct stat st;
	const char *name;
	json_t *size;

	if (stat(path, &st) == 0)
		info.used_unix_ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
	json_object_foreach(json_object_get(said, "files"), name, size) {
		AUTO(free) char *file = xasprintf("%s/%s/%s", templates, key, name);

		(void)size;
		if (stat(file, &st) == 0)
			info.disk_bytes += (uint64_t)st.st_blocks * 512;
	}
	return info;
}

static int later_first(const void *a, const void *b)
{
	const struct template_info *left = a, *right = b;

	return left->used_unix_ns < right->used_unix_ns ? 1 : left->used_unix_ns > right->used_unix_ns ? -1 : 0;
}

int templates_list(const char *cache_dir, struct template_infos *ret_infos, struct ktstr_error *err)
{
	AUTO(free) char *templates = xasprintf("%s/templates", cache_dir);
	AUTO(dir_close) DIR *dir = opendir(templates);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : error_sys(err, "open %s", templates);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !strchr(entry->d_name, '.'))
			template_infos_push(ret_infos, read_info(templates, entry->d_name));
	if (ret_infos->len)
		qsort(ret_infos->at, ret_infos->len, sizeof(*ret_infos->at), later_first);
	return 0;
}

/* Half-made ones whose maker is gone. */
static void sweep(const char *templates)
{
	AUTO(dir_close) DIR *dir = opendir(templates);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		AUTO(free) char *path = xasprintf("%s/%s", templates, entry->d_name);
		AUTO(fd_close) int lock = -1;

		if (!sv_starts(sv_of(entry->d_name), ".new-"))
			continue;
		lock = try_lock(templates, entry->d_name + strlen(".new-"));
		if (lock >= 0)
			(void)tree_remove(path, NULL);        /* the next start tries again */
	}
}

int templates_trim(const char *cache_dir, uint64_t max_bytes, struct strings *ret_removed,
		   struct ktstr_error *err)
{
	AUTO(free) char *templates = xasprintf("%s/templates", cache_dir);
	AUTO(template_infos_done) struct template_infos infos = {0};
	uint64_t kept_bytes = 0;
	int r;

	sweep(templates);
	r = templates_list(cache_dir, &infos, err);
	vec_each(info, &infos) {
		AUTO(free) char *path = xasprintf("%s/%s", templates, info->key);
		AUTO(fd_close) int lock = -1;

		kept_bytes += info->disk_bytes;
		if (r < 0 || (max_bytes && kept_bytes <= max_bytes))
			continue;
		lock = try_lock(templates, info->key);
		if (lock < 0)
			continue;
		r = tree_remove(path, err);
		kept_bytes -= info->disk_bytes;
		strings_push(ret_removed, xstrdup(info->key));
	}
	return r;
}
