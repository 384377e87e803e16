/* SPDX-License-Identifier: BSD-2-Clause */
/* words.h - what users write for a view, checked: -EINVAL with words that name what there is. */
#ifndef CTVIEW_WORDS_H
#define CTVIEW_WORDS_H

#include "ctview/view.h"

/* Lists are separated by commas; empty parts are refused. */
int ctview_parse_group_by(const char *text, enum ctview_group_by *ret_group_by, struct ktstr_error *err);
int ctview_parse_sections(const char *list, unsigned *ret_sections, struct ktstr_error *err);
int ctview_parse_columns(const char *list, unsigned *ret_columns, struct ktstr_error *err);
/* Adds to what is there. */
int ctview_parse_metrics(const char *list, struct strings *metrics, struct ktstr_error *err);
/* "METRIC[:asc|desc],..." */
int ctview_parse_sort(const char *list, struct ctview_sorts *sorts, struct ktstr_error *err);

#endif
