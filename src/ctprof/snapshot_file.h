/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot_file.h - snapshots as files: one JSON object, compressed with zstd (NAME.ctprof.zst; the
 * name's ending does not matter to the reader). docs/ctprof.md describes the keys. A key that the
 * reader does not know is skipped, a missing one is 0 or empty, so files outlive versions.
 */
#ifndef CTPROF_SNAPSHOT_FILE_H
#define CTPROF_SNAPSHOT_FILE_H

#include "ctprof/snapshot.h"

#define CTPROF_SCHEMA_VERSION 1             /* grows only when old readers would misread */

/* A capture of 200,000 threads is below both. */
#define CTPROF_FILE_BYTES_MAX (256u << 20)
#define CTPROF_JSON_BYTES_MAX (512u << 20)

/* The JSON text. */
void ctprof_snapshot_to_json(const struct ctprof_snapshot *snapshot, struct buf *ret_json);

/*
 * -EBADMSG: not such JSON; -EPROTO: a schema from the future. Hostile input ends there. *ret_snapshot
 * is the caller's, for ctprof_snapshot_done(); untouched on failure.
 */
int ctprof_snapshot_from_json(const char *json, size_t len, struct ctprof_snapshot *ret_snapshot,
			      struct ktstr_error *err);

/* The bytes of a file: one zstd frame, with a newline behind the JSON. -EFBIG: above the limits. */
int ctprof_snapshot_pack(const struct ctprof_snapshot *snapshot, struct buf *ret_data, struct ktstr_error *err);

/* The file: whole or not at all (a temporary file beside it, renamed). "-" is stdout. */
int ctprof_snapshot_write(const struct ctprof_snapshot *snapshot, const char *path, struct ktstr_error *err);

/*
 * -EINVAL: no zstd file (its start is shown); -ENODATA: it ends early; -EFBIG: more than the
 * limits above; -EBADMSG, -EPROTO as above. Messages start with the path.
 */
int ctprof_snapshot_read(const char *path, struct ctprof_snapshot *ret_snapshot, struct ktstr_error *err);

/* The same for the bytes of a file, with at most json_max bytes of JSON in it. */
int ctprof_snapshot_unpack_max(const void *data, size_t len, size_t json_max, struct ctprof_snapshot *ret_snapshot,
			       struct ktstr_error *err);
int ctprof_snapshot_unpack(const void *data, size_t len, struct ctprof_snapshot *ret_snapshot,
			   struct ktstr_error *err);

#endif
