/* SPDX-License-Identifier: BSD-2-Clause */
/* tree.h - short reads of files below a directory descriptor, without a message on failure. */
#ifndef CTPROF_TREE_H
#define CTPROF_TREE_H

#include <dirent.h>

#include "ctprof/parse.h"

static inline void dir_close(DIR *dir)
{
	if (dir)
		closedir(dir);
}
DEFINE_AUTO(DIR *, dir_close)

/* Memory that reading one file after the other uses again. Not shared between threads. */
struct tree_buffer {
	char *data;                 /* PARSE_FILE_MAX bytes; free() */
};

/*
 * The content of a file, in one read() where the kernel gives it in one: a view into the buffer,
 * good until its next use. Negative errno; -EFBIG beyond PARSE_FILE_MAX.
 */
int tree_read(struct tree_buffer *buffer, int dir_fd, const char *path, struct sv *ret_text);

/* The same for a file with one number or "max"; false when it is not there or something else. */
bool tree_number(struct tree_buffer *buffer, int dir_fd, const char *path, uint64_t *ret_value);

int tree_open_dir(int dir_fd, const char *path);        /* a descriptor or -errno */
DIR *tree_list(int dir_fd, const char *path);           /* or NULL */

/* The name of an entry as a task id; false for all others. */
bool tree_task_id(const struct dirent *entry, uint32_t *ret_id);

#endif
