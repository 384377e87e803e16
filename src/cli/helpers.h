/* SPDX-License-Identifier: BSD-2-Clause */
/* helpers.h - where the programs are that belong to this ktstr. */
#ifndef CLI_HELPERS_H
#define CLI_HELPERS_H

#include "base/base.h"

/*
 * A program that was built or installed with this one: in the build tree's tools/, or in the
 * folder for programs that people do not start. -ENOENT names the places. The caller's string.
 */
int helper_find(const char *name, char **ret_path, struct ktstr_error *err);

/*
 * A1, J1: tell tests, and the part that ships files, where the jemalloc programs are, unless somebody
 * has said so. To be called before there are threads.
 */
void helpers_export(void);

#endif
