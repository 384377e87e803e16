/* SPDX-License-Identifier: BSD-2-Clause */
/* tree.h - for unit tests: a directory of their own, with files put into it; gone with its scope. */
#ifndef TREE_H
#define TREE_H

#include <fcntl.h>
#include <unistd.h>

#include "base/base.h"
#include "test.h"

struct tree {
	char path[64];
};

static inline void tree_done(struct tree *tree)
{
	(void)tree_remove(tree->path, NULL);
}
DEFINE_AUTO_DONE(struct tree, tree_done)

static inline struct tree tree_new(void)
{
	struct tree tree = {.path = "/tmp/ktstr-test.XXXXXX"};

	if (!mkdtemp(tree.path))
		fail_msg("mkdtemp %s", tree.path);
	return tree;
}

static inline char *below(const struct tree *tree, const char *path)
{
	return xasprintf("%s/%s", tree->path, path);
}

static inline void put(const struct tree *tree, const char *path, const char *text)
{
	AUTO(free) char *full = below(tree, path);

	CHECK_EQ(file_write_atomic(full, text, strlen(text), 0644, NULL), 0);
}

static inline char *get(const struct tree *tree, const char *path)
{
	AUTO(free) char *full = below(tree, path);

	return file_line(AT_FDCWD, full);
}

static inline bool is_there(const struct tree *tree, const char *path)
{
	AUTO(free) char *full = below(tree, path);

	return access(full, F_OK) == 0;
}

static inline void make(const struct tree *tree, const char *path)
{
	AUTO(free) char *full = below(tree, path);

	CHECK_EQ(dir_make(full, 0755, NULL), 0);
}

#endif
