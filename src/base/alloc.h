/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc.h - memory that is there or ends the program. A size that comes from input is checked
 * against a limit first (an error with words); after that running out of memory aborts here, and
 * nobody writes a path that cannot be tested.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc_array(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
