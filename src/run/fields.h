/* SPDX-License-Identifier: BSD-2-Clause */
/* fields.h - members of a test program's description; for the files of this room. */
#ifndef RUN_FIELDS_H
#define RUN_FIELDS_H

#include <jansson.h>

#include "base/base.h"

/* -EBADMSG with the field's name: not there, or something else. A string may be null: NULL. */
int field_string(json_t *object, const char *field, char **ret, struct ktstr_error *err);
int field_strings(json_t *object, const char *field, struct strings *ret, struct ktstr_error *err);

#endif
