/* SPDX-License-Identifier: BSD-2-Clause */
/* fd.h - file descriptors and whole files. Reading has a bound; writing a file is all or nothing. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/error.h"

void fd_close(int fd);                /* -1 is fine */
DEFINE_AUTO(int, fd_close)

/*
 * Take the numbers 0, 1 and 2 where the caller left them closed, before a file gets them and is written
 * to as if it were stdout. Using them fails as before (-EBADF). First thing in main().
 */
int fd_keep_standard(void);

/* Write it all, or fail with the errno of the write that did not. Blocking descriptors only. */
int fd_write_all(int fd, const void *data, size_t len);

/*
 * Append what can be read until end of file to buf. -EFBIG: more than max bytes were there.
 * For files and for pipes whose writer ends.
 */
int fd_read_to_end(int fd, size_t max, struct buf *buf);

/* The content of a file below dir_fd (AT_FDCWD for plain paths), appended to buf. */
int file_read(int dir_fd, const char *path, size_t max, struct buf *buf, struct ktstr_error *err);

/* The same without trailing white space, and NULL instead of an error: for /proc and /sys. */
char *file_line(int dir_fd, const char *path);

/* Write to an existing file such as a cgroup's or a sysctl's, in one write(). */
int file_poke(int dir_fd, const char *path, const char *text, struct ktstr_error *err);

/*
 * Where output for this path really goes: to the file behind symbolic links, and *ret_in_place when
 * that is a device or a pipe, which can only be written to as it is. Who replaced /dev/null by a file
 * would break the machine. -EISDIR; -ENOENT or -EACCES: no file can be made there.
 */
int file_output_find(const char *path, char **ret_path, bool *ret_in_place, struct ktstr_error *err);

/*
 * Replace the file behind path by one with this content, or leave it as it was: temporary name, fsync,
 * rename. A device or a pipe is written to.
 */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
		      struct ktstr_error *err);

/* Whether this errno (negative) means that a directory cannot be written to at all: full, read-only. */
bool is_unwritable(int code);

/* mkdir -p */
int dir_make(const char *path, mode_t mode, struct ktstr_error *err);

/* rm -rf, without following symbolic links or leaving the file system; a missing path is fine. */
int tree_remove(const char *path, struct ktstr_error *err);

#endif
