/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/layouts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "probe/debugfile.h"
#include "probe/helper.h"
#include "probe/image.h"

#define BUCKET_COUNT 256
#define MEMORY_FORMAT "1"        /* of a remembered file: the first word in it */

struct entry {
	struct entry *next;
	uint64_t inode;
	uint32_t major, minor;
	bool is_executable;       /* as which it was looked at */
	bool ready;
	struct layout layout;
};

struct probe_layouts {
	char *cache_dir;          /* or NULL */
	pthread_mutex_t lock;     /* of all that follows; not held while a file is learned */
	pthread_cond_t learned;
	struct entry *buckets[BUCKET_COUNT];
};

struct probe_layouts *probe_layouts_new(const char *cache_dir)
{
	struct probe_layouts *layouts = xcalloc(1, sizeof(*layouts));

	layouts->cache_dir = cache_dir ? xstrdup(cache_dir) : NULL;
	pthread_mutex_init(&layouts->lock, NULL);
	pthread_cond_init(&layouts->learned, NULL);
	return layouts;
}

void probe_layouts_free(struct probe_layouts *layouts)
{
	if (!layouts)
		return;
	for (size_t i = 0; i < BUCKET_COUNT; i++) {
		struct entry *entry = layouts->buckets[i];

		while (entry) {
			struct entry *next = entry->next;

			free(entry->layout.reason);
			free(entry);
			entry = next;
		}
	}
	pthread_cond_destroy(&layouts->learned);
	pthread_mutex_destroy(&layouts->lock);
	free(layouts->cache_dir);
	free(layouts);
}

/*
 * map_files leads to the file even where its name is gone, but asks for CAP_CHECKPOINT_RESTORE; the
 * name must lead to the same inode. (Not to the same device: btrfs and overlayfs have others in maps
 * than stat() has.)
 */
int object_open(const struct place *place, const struct object *object, int *ret_fd)
{
	AUTO(free) char *link = xasprintf("/proc/%d/map_files/%llx-%llx", (int)place->pid,
					  (unsigned long long)object->start,
					  (unsigned long long)object->end);
	AUTO(fd_close) int fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0) {
		r = open_in_root(place->root_fd, object->path, &fd);
		if (r < 0)
			return r;
		if (fstat(fd, &st) < 0 || st.st_ino != object->inode)
			return -ESTALE;
	} else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return -EINVAL;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void set_unknown(struct layout *layout, enum probe_fatal why, int code, const char *reason)
{
	layout->unknown = why;
	layout->code = code;
	layout->reason = xstrdup(reason);
}

static void set_members(struct layout *layout, uint64_t base, const struct tsd_members *members)
{
	layout->allocated = base + members->allocated;
	layout->deallocated = base + members->deallocated;
}

/* ---- what a helper was asked for, on disk ---- */

static char *memory_path(const struct probe_layouts *layouts, const struct image *image)
{
	if (!layouts->cache_dir || !image->build_id[0])
		return NULL;
	return xasprintf("%s/%s", layouts->cache_dir, image->build_id);
}

static bool recall(const struct probe_layouts *layouts, const struct image *image,
		   struct tsd_members *ret_members)
{
	AUTO(free) char *path = memory_path(layouts, image);
	AUTO(buf_done) struct buf text = {0};

	return path && file_read(AT_FDCWD, path, 256, &text, NULL) == 0 &&
	       sv_starts(sv_bytes(text.data, text.len), MEMORY_FORMAT " ") &&
	       helper_parse(text.data + 2, text.len - 2, image->tls_bytes, ret_members) == 0;
}

/* Failing to remember costs the next run a helper, and is no failure of this one. */
static void remember(const struct probe_layouts *layouts, const struct image *image,
		     const struct tsd_members *members)
{
	AUTO(free) char *path = memory_path(layouts, image);
	AUTO(free) char *text = xasprintf(MEMORY_FORMAT " %llu %llu\n",
					  (unsigned long long)members->allocated,
					  (unsigned long long)members->deallocated);
	struct ktstr_error err = {0};

	if (path && (dir_make(layouts->cache_dir, 0755, &err) < 0 ||
		     file_write_atomic(path, text, strlen(text), 0644, &err) < 0))
		log_debug("probe: %s", err.msg);
}

/*
 * Anybody can make a file with Debian's build-id. One from another mount namespace (a container's)
 * may use what is remembered under that name, to its own harm at most, but is never remembered.
 */
static int ask_helper(struct probe_layouts *layouts, const struct place *place,
		      const struct image *image, struct tsd_members *ret_members,
		      struct ktstr_error *err)
{
	int r;

	if (recall(layouts, image, ret_members))
		return 0;
	r = helper_ask(image, ret_members, err);
	if (r == 0 && !place->is_foreign)
		remember(layouts, image, ret_members);
	return r;
}

/* ---- learning ---- */

/* A stripped file may have its symbols and its debug information elsewhere. */
static int read_separate(const struct place *place, const struct object *object,
			 const struct image *image, uint64_t *ret_tsd, struct tsd_members *ret_members,
			 struct ktstr_error *err)
{
	AUTO(image_done) struct image separate = {.fd = -1};
	AUTO(fd_close) int fd = -1;
	int r = debug_file_open(place->root_fd, object->path, image, &fd);

	if (r == 0)
		r = image_open(fd, &separate, err);
	if (r < 0)
		return r;
	if (!separate.has_tsd)
		return -ENOENT;
	*ret_tsd = separate.tsd_offset;
	return image_read_members(&separate, ret_members, err);
}

/* The executable, or a shared object that was not stripped of all: by debug information. */
static int learn_by_debug_info(const struct place *place, const struct object *object,
			       const struct image *image, struct layout *layout,
			       struct ktstr_error *err)
{
	struct tsd_members members;
	uint64_t tsd = image->tsd_offset;
	int r = -ENODATA;

	if (image->has_tsd)
		r = image_read_members(image, &members, err);
	if (r == -ENODATA) {
		struct ktstr_error separate = {0};
		int again = read_separate(place, object, image, &tsd, &members, &separate);

		if (again == 0 || again == -EBADMSG) {
			r = again;
			if (r < 0 && err)
				*err = separate;
		}
	}
	if (r == 0) {
		layout->has_jemalloc = true;
		set_members(layout, tsd, &members);
	}
	return r;
}

static void learn_executable(const struct place *place, const struct object *object,
			     const struct image *image, struct layout *layout)
{
	struct ktstr_error err = {0};
	int r;

	if (!image_is_native(image)) {
		set_unknown(layout, PROBE_FATAL_ARCH_MISMATCH, -ENOTSUP,
			    "it is a program for another machine or for 32 bits, whose registers this "
			    "program cannot read; use a ktstr-jemalloc-probe built for it");
		return;
	}
	if (!image->has_tls || image_tls_from_pointer(image, &layout->from_pointer) < 0)
		return;
	r = learn_by_debug_info(place, object, image, layout, &err);
	if (r < 0 && (image->has_tsd || image->mallctl[0])) {
		layout->has_jemalloc = true;
		set_unknown(layout, PROBE_FATAL_DWARF_PARSE_FAILURE, r,
			    err.msg[0] ? err.msg : "it is stripped and has no separate debug file");
	}
}

static void learn_shared(struct probe_layouts *layouts, const struct place *place,
			 const struct object *object, const struct image *image, struct layout *layout)
{
	struct ktstr_error err = {0}, asked = {0};
	struct tsd_members members;
	int r;

	if (!image->has_tls || !image_is_native(image) || (!image->has_tsd && !image->mallctl[0]))
		return;
	layout->has_jemalloc = true;
	r = learn_by_debug_info(place, object, image, layout, &err);
	if (r == 0)
		return;
	if (!image->mallctl[0]) {
		set_unknown(layout, PROBE_FATAL_JEMALLOC_IN_DSO, r, err.msg);
		return;
	}
	r = ask_helper(layouts, place, image, &members, &asked);
	if (r < 0)
		set_unknown(layout, PROBE_FATAL_JEMALLOC_IN_DSO, r, asked.msg);
	else
		set_members(layout, 0, &members);
}

static void learn(struct probe_layouts *layouts, const struct place *place,
		  const struct object *object, bool is_executable, struct layout *layout)
{
	AUTO(image_done) struct image image = {.fd = -1};
	AUTO(fd_close) int fd = -1;
	struct ktstr_error err = {0};

	if (object_open(place, object, &fd) < 0 || image_open(fd, &image, &err) < 0)
		return;
	layout->base_address = image.base_address;
	if (is_executable)
		learn_executable(place, object, &image, layout);
	else
		learn_shared(layouts, place, object, &image, layout);
}

static struct entry **find(struct probe_layouts *layouts, const struct object *object,
			   bool is_executable)
{
	struct entry **entry = &layouts->buckets[object->inode % BUCKET_COUNT];

	while (*entry && ((*entry)->inode != object->inode || (*entry)->major != object->major ||
			  (*entry)->minor != object->minor || (*entry)->is_executable != is_executable))
		entry = &(*entry)->next;
	return entry;
}

const struct layout *layout_of(struct probe_layouts *layouts, const struct place *place,
			       const struct object *object, bool is_executable)
{
	struct entry **slot, *entry;

	pthread_mutex_lock(&layouts->lock);
	slot = find(layouts, object, is_executable);
	entry = *slot;
	if (entry) {
		while (!entry->ready)
			pthread_cond_wait(&layouts->learned, &layouts->lock);
		pthread_mutex_unlock(&layouts->lock);
		return &entry->layout;
	}
	entry = *slot = xcalloc(1, sizeof(*entry));
	entry->inode = object->inode;
	entry->major = object->major;
	entry->minor = object->minor;
	entry->is_executable = is_executable;
	pthread_mutex_unlock(&layouts->lock);

	learn(layouts, place, object, is_executable, &entry->layout);

	pthread_mutex_lock(&layouts->lock);
	entry->ready = true;
	pthread_cond_broadcast(&layouts->learned);
	pthread_mutex_unlock(&layouts->lock);
	return &entry->layout;
}
