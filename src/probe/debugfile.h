/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debugfile.h - the separate debug file of a stripped one, where gdb looks for it too ("Separate
 * Debug Files" in its manual): by build-id, or by the name and checksum in .gnu_debuglink.
 */
#ifndef PROBE_DEBUGFILE_H
#define PROBE_DEBUGFILE_H

#include "probe/image.h"

/*
 * Open a regular file below root_fd without ever leaving it, whatever links are inside. *ret_fd is
 * the caller's.
 */
int open_in_root(int root_fd, const char *path, int *ret_fd);

/* path: of the stripped file below root_fd. -ENOENT: none, or none that belongs to it. */
int debug_file_open(int root_fd, const char *path, const struct image *stripped, int *ret_fd);

#endif
