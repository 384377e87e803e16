/* SPDX-License-Identifier: BSD-2-Clause */
/* text.h - foreign bytes made fit to print. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

#include "base/sv.h"

/*
 * Foreign text as UTF-8 that is safe on a terminal and in every report: control characters other
 * than newline and tab become '?', bytes that are not UTF-8 become U+FFFD, and what passes max bytes
 * is cut and ends in "...". The caller's, for free().
 */
char *text_clean(struct sv text, size_t max);

#endif
