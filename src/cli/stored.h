/* SPDX-License-Identifier: BSD-2-Clause */
/* stored.h - running again what a stored result (outcome/record.h) says was run. */
#ifndef CLI_STORED_H
#define CLI_STORED_H

#include <jansson.h>

#include "cli/drive.h"

/* The identity of the stored result as the options that make it; strings borrowed from it. */
int stored_options(const json_t *json, struct drive_options *options, struct ktstr_error *err);

#endif
