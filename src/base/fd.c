/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sv.h"

void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

int fd_keep_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* the lowest free number is given (POSIX), so this one */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -errno;
	}
	return 0;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_read_to_end(int fd, size_t max, struct buf *buf)
{
	size_t total = 0;

	for (;;) {
		char chunk[16384];
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if ((size_t)n > max - total)
			return -EFBIG;
		total += (size_t)n;
		buf_bytes(buf, chunk, (size_t)n);
	}
}

int file_read(int dir_fd, const char *path, size_t max, struct buf *buf, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return error_sys(err, "open %s", path);
	r = fd_read_to_end(fd, max, buf);
	if (r == -EFBIG)
		return error_set(err, r, "%s: larger than %zu bytes", path, max);
	if (r < 0) {
		errno = -r;
		return error_sys(err, "read %s", path);
	}
	return 0;
}

char *file_line(int dir_fd, const char *path)
{
	AUTO(buf_done) struct buf buf = {0};
	struct sv line;

	if (file_read(dir_fd, path, 1 << 20, &buf, NULL) < 0)
		return NULL;
	line = sv_trim(sv_bytes(buf_text(&buf), buf.len));
	return xstrndup(line.data, line.len);
}

int file_poke(int dir_fd, const char *path, const char *text, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "open %s", path);
	if (write(fd, text, strlen(text)) < 0)
		return error_sys(err, "write \"%s\" to %s", text, path);
	return 0;
}

static int write_and_sync(int fd, const void *data, size_t len, mode_t mode)
{
	int r = fd_write_all(fd, data, len);

	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* The directory that a file of this path is in. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/*
 * A file without a name cannot be left behind by a kill; a file system without O_TMPFILE gets a
 * temporary name. *ret_named says which.
 */
static int open_aside(const char *path, char *aside, bool *ret_named)
{
	AUTO(free) char *dir = folder_of(path);
	int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	*ret_named = fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
	return *ret_named ? mkostemp(aside, O_CLOEXEC) : fd;
}

/* Link the nameless file beside its destination; the next step renames it. */
static int give_name(int fd, char *aside, bool *named)
{
	static _Atomic unsigned counter;
	size_t suffix = strlen(aside) - 6;
	char self[64];

	if (*named)
		return 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	for (int tries = 0; tries < 100; tries++) {
		snprintf(aside + suffix, 7, "%06x", ((unsigned)getpid() * 31 + counter++) & 0xffffff);
		if (linkat(AT_FDCWD, self, AT_FDCWD, aside, AT_SYMLINK_FOLLOW) == 0) {
			*named = true;
			return 0;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int file_output_find(const char *path, char **ret_path, bool *ret_in_place, struct ktstr_error *err)
{
	AUTO(free) char *real = realpath(path, NULL);
	AUTO(free) char *dir = folder_of(real ?: path);
	struct stat st = {0};

	/* a pipe of /dev/stdout has no path, but the link to it does */
	if (stat(path, &st) < 0 && errno != ENOENT)
		return error_sys(err, "create %s", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EISDIR, "create %s: it is a directory", path);
	*ret_in_place = st.st_mode && !S_ISREG(st.st_mode);
	if (!*ret_in_place && access(dir, W_OK | X_OK) < 0)
		return error_sys(err, "create %s", path);
	*ret_path = real && !*ret_in_place ? TAKE_PTR(real) : xstrdup(path);
	return 0;
}

static int write_in_place(const char *path, const void *data, size_t len, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : fd_write_all(fd, data, len);

	return r < 0 ? error_set(err, r, "write %s: %s", path, strerrordesc_np(-r)) : 0;
}

static int replace(const char *path, const void *data, size_t len, mode_t mode, struct ktstr_error *err)
{
	AUTO(free) char *aside = xasprintf("%s.XXXXXX", path);
	bool named;
	AUTO(fd_close) int fd = open_aside(path, aside, &named);
	int r;

	if (fd < 0)
		return error_sys(err, "create %s", path);
	r = write_and_sync(fd, data, len, mode);
	if (r == 0)
		r = give_name(fd, aside, &named);
	if (r == 0 && rename(aside, path) < 0)
		r = -errno;
	if (r < 0) {
		if (named)
			(void)unlink(aside);        /* it holds nothing that anybody saw */
		errno = -r;
		return error_sys(err, "write %s", path);
	}
	return 0;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
		      struct ktstr_error *err)
{
	AUTO(free) char *real = NULL;
	bool in_place;
	int r = file_output_find(path, &real, &in_place, err);

	if (r < 0)
		return r;
	return in_place ? write_in_place(real, data, len, err) : replace(real, data, len, mode, err);
}

bool is_unwritable(int code)
{
	return code == -ENOSPC || code == -EDQUOT || code == -EROFS || code == -EACCES;
}

int dir_make(const char *path, mode_t mode, struct ktstr_error *err)
{
	AUTO(free) char *part = xstrdup(path);

	for (char *slash = part + 1; *part && *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return error_sys(err, "mkdir %s", part);
		*slash = '/';
	}
	if (mkdir(part, mode) < 0 && errno != EEXIST)
		return error_sys(err, "mkdir %s", part);
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int tree_remove(const char *path, struct ktstr_error *err)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", path);
	return 0;
}
