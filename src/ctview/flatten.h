/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flatten.h - cgroups that are the same thing under another name: parts of a path that match a GLOB
 * become the GLOB's own text. Parts are what lies between slashes; * ? and [...] match within one.
 *
 *	/kubepods/pod?      with  /kubepods/pod1/db   gives  /kubepods/pod?/db     from the root on
 *	pod?                with  /k/pod1/db          gives  /k/pod?/db            wherever it is
 */
#ifndef CTVIEW_FLATTEN_H
#define CTVIEW_FLATTEN_H

#include "base/base.h"

#define CTVIEW_GLOB_MAX 1024        /* bytes; fnmatch(3) is slow on many stars in a row, and refused then */

/* -EINVAL with words: nothing between slashes, too long, or more than four stars in a part. */
int ctview_flatten_check(const char *glob, struct ktstr_error *err);

/* `path` with all globs applied in turn, each of them checked; the caller's. */
char *ctview_flatten(const char *path, const struct strings *globs);

#endif
