/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/debugfile.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32.h"
#include "base/fd.h"

#define DEBUG_DIR "/usr/lib/debug"
#define DEBUG_BYTES_MAX (4ll << 30)

int open_in_root(int root_fd, const char *path, int *ret_fd)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,      /* a FIFO must not hold us up */
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	AUTO(fd_close) int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static bool has_build_id(int fd, const char *build_id)
{
	AUTO(image_done) struct image image = {.fd = -1};

	return image_open(fd, &image, NULL) == 0 && strcmp(image.build_id, build_id) == 0;
}

static int open_by_build_id(int root_fd, const char *build_id, int *ret_fd)
{
	AUTO(free) char *path =
		xasprintf(DEBUG_DIR "/.build-id/%.2s/%s.debug", build_id, build_id + 2);
	AUTO(fd_close) int fd = -1;
	int r = open_in_root(root_fd, path, &fd);

	if (r == 0 && !has_build_id(fd, build_id))
		r = -ENOENT;
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

static bool has_checksum(int fd, uint32_t want)
{
	static const size_t chunk_bytes = 1 << 20;
	AUTO(free) char *chunk = xmalloc(chunk_bytes);
	off_t at = 0;
	uint32_t crc = 0;
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) < 0 || st.st_size > DEBUG_BYTES_MAX)
		return false;
	while ((len = pread(fd, chunk, chunk_bytes, at)) > 0) {
		crc = crc32_of(crc, chunk, (size_t)len);
		at += len;
	}
	return len == 0 && crc == want;
}

static int open_by_link(int root_fd, const char *path, const char *name, uint32_t crc, int *ret_fd)
{
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash - path) : 0;
	char *candidates[] = {
		xasprintf("%.*s/%s", dir_len, path, name),
		xasprintf("%.*s/.debug/%s", dir_len, path, name),
		xasprintf(DEBUG_DIR "%.*s/%s", dir_len, path, name),
	};
	int r = -ENOENT;

	for (unsigned i = 0; i < 3; i++) {
		AUTO(fd_close) int fd = -1;

		if (r < 0 && open_in_root(root_fd, candidates[i], &fd) == 0 && has_checksum(fd, crc)) {
			*ret_fd = TAKE_FD(fd);
			r = 0;
		}
		free(candidates[i]);
	}
	return r;
}

int debug_file_open(int root_fd, const char *path, const struct image *stripped, int *ret_fd)
{
	AUTO(fd_close) int own_root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *link;
	GElf_Word crc;

	/* by identity first: ours is as good as the target's, and is there for a container's file too */
	if (strlen(stripped->build_id) > 2 &&
	    (open_by_build_id(own_root_fd, stripped->build_id, ret_fd) == 0 ||
	     open_by_build_id(root_fd, stripped->build_id, ret_fd) == 0))
		return 0;
	link = dwelf_elf_gnu_debuglink(stripped->elf, &crc);
	if (!link || !link[0] || strchr(link, '/'))
		return -ENOENT;
	return open_by_link(root_fd, path, link, crc, ret_fd);
}
