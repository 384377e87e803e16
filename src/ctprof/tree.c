/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ctprof/tree.h"

int tree_read(struct tree_buffer *buffer, int dir_fd, const char *path, struct sv *ret_text)
{
	AUTO(fd_close) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	if (!buffer->data)
		buffer->data = xmalloc(PARSE_FILE_MAX);
	for (;;) {
		ssize_t n = read(fd, buffer->data + len, PARSE_FILE_MAX - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		/* a seq_file of /proc gives a whole record; what stops short of a page is the end */
		if (n == 0 || (n < 2048 && len == (size_t)n))
			break;
		if (len == PARSE_FILE_MAX)
			return -EFBIG;
	}
	*ret_text = sv_bytes(buffer->data, len);
	return 0;
}

bool tree_number(struct tree_buffer *buffer, int dir_fd, const char *path, uint64_t *ret_value)
{
	struct sv text;

	if (tree_read(buffer, dir_fd, path, &text) < 0)
		return false;
	text = sv_trim(text);
	if (sv_eq(text, "max")) {
		*ret_value = UINT64_MAX;
		return true;
	}
	return sv_u64(text, UINT64_MAX, ret_value) == 0;
}

int tree_open_dir(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

DIR *tree_list(int dir_fd, const char *path)
{
	int fd = tree_open_dir(dir_fd, path);
	DIR *dir;

	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir)
		fd_close(fd);
	return dir;
}

bool tree_task_id(const struct dirent *entry, uint32_t *ret_id)
{
	return *entry->d_name != '0' && sv_u32(sv_of(entry->d_name), INT32_MAX, ret_id) == 0;
}
