/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * version.h - kernel releases as people ask for them: the series "6.18", the version "6.18.15", the
 * release "6.18.15+deb13-cloud-amd64". Pure functions on text.
 */
#ifndef KERNEL_VERSION_H
#define KERNEL_VERSION_H

#include "base/base.h"

/* -EINVAL and words unless text has the form of one of the three; so it is also safe as a file name. */
int version_check(const char *text, struct ktstr_error *err);

/* "6.1" takes 6.1.0-50-cloud-amd64 and not 6.18.15; a whole release takes only itself. */
bool version_takes(const char *wanted, const char *release);

/* As strcmp(), older first; release candidates ("6.19~rc4...", "6.19.0-rc4") before their release. */
int version_compare(const char *a, const char *b);

/* "6.18" of "6.18.15+deb13-cloud-amd64"; the caller's. */
char *version_series(const char *release);

#endif
