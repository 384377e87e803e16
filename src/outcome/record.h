/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - result documents: the one table of their fields, and reading what an older ktstr, or
 * anybody, wrote. docs/result.md says what the fields mean.
 *
 * The fields up to run_source are those that readers of sidecar records know (SC-1), in that order.
 * All of a document's fields are always written: null or [] where nothing is known.
 */
#ifndef OUTCOME_RECORD_H
#define OUTCOME_RECORD_H

#include <jansson.h>

#include "base/base.h"

#define RECORD_SCHEMA_VERSION 2
#define RECORD_FILE_MAX (64u << 20)

struct record_field {
	const char *key;
	bool list;              /* [] while empty; other fields are null */
	const char *why;        /* it may be absent; NULL: it never is */
};

extern const struct record_field record_fields[];        /* ends with a NULL key */

/* All fields, absent. The caller's. */
json_t *record_new(void);

/*
 * Fill in what follows from other fields: outcome gives passed, skipped and stats, run gives
 * timestamp and cleanup_duration_ms, kernel_release gives kernel_version.
 */
void record_derive(json_t *record);

/*
 * A document of schema 1 or 2 as one of schema 2, the caller's. Texts are cleaned (base/text.h), so
 * that they are safe to print; keys that are not known stay. -EBADMSG with words: it is no result;
 * -EPROTONOSUPPORT: a later ktstr wrote it.
 */
int record_parse(struct sv text, json_t **ret_record, struct ktstr_error *err);

/* The same from a file, or from result.json in a directory. */
int record_load(const char *path, json_t **ret_record, struct ktstr_error *err);

/* Access that takes anything: NULL, 0 or false where the field is absent or of another type. */
const char *record_text(const json_t *record, const char *key);
uint64_t record_number(const json_t *object, const char *key);
const char *record_state(const json_t *record);        /* "pass", ... */

#endif
