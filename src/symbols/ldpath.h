/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ldpath.h - absolute paths as text, with "" for the root directory, so that "%s/%s" joins them.
 * For the room and its tests.
 */
#ifndef SYMBOLS_LDPATH_H
#define SYMBOLS_LDPATH_H

#include <stdbool.h>

/* Is ".." one of its steps? Then text alone cannot tell where it leads. */
bool path_has_parent(const char *path);

/* Without "." and doubled or trailing slashes, which change nothing. The caller's, for free(). */
char *path_clean(const char *path);

char *path_dir(const char *path);             /* what is before the last slash; for free() */
const char *path_base(const char *path);      /* what is behind it; points into path */

#endif
