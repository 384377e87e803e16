/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * series.h - snapshots of one machine in one file, one behind the other:
 *
 *	zstd frame: one snapshot as a line of JSON | zstd frame: the next | ...
 *
 * A snapshot file is a series of one, and `zstd -dc FILE` gives a line a snapshot. A frame is
 * written whole before the next is begun, so a recorder that was killed leaves a good series, and
 * perhaps a piece of a frame behind it, which reading names and skips.
 */
#ifndef CTPROF_SERIES_H
#define CTPROF_SERIES_H

#include "ctprof/snapshot_file.h"

#define CTPROF_SERIES_BYTES_MAX (1u << 30)

struct ctprof_frame {
	size_t at, len;
};
DEFINE_VEC(ctprof_frames, struct ctprof_frame, vec_keep)

struct ctprof_series {
	struct buf bytes;                   /* the file */
	struct ctprof_frames frames;        /* the snapshots in it, at least one */
	size_t rest;                        /* bytes behind them that are no whole frame */
	size_t json_max;                    /* what a snapshot may unpack to; 0: CTPROF_JSON_BYTES_MAX */
};
void ctprof_series_done(struct ctprof_series *series);
DEFINE_AUTO_DONE(struct ctprof_series, ctprof_series_done)

/*
 * Fails as ctprof_snapshot_read() does, where the file does not begin with a whole frame. Frames
 * are looked into by ctprof_series_get() alone.
 */
int ctprof_series_read(const char *path, struct ctprof_series *ret_series, struct ktstr_error *err);
int ctprof_series_unpack(const void *data, size_t len, struct ctprof_series *ret_series, struct ktstr_error *err);

/* index < frames.len. Fails as ctprof_snapshot_unpack() does; the message names the index, from 1. */
int ctprof_series_get(const struct ctprof_series *series, size_t index, struct ctprof_snapshot *ret_snapshot,
		      struct ktstr_error *err);

/* --- writing ------------------------------------------------------------------------------------------- */

struct ctprof_recorder {
	int fd;
	bool is_file;               /* it can be shortened again */
	size_t bytes, count;
	char *path;
};
void ctprof_recorder_done(struct ctprof_recorder *recorder);
DEFINE_AUTO_DONE(struct ctprof_recorder, ctprof_recorder_done)

/* Replaces what is there, mode 600. "-" is stdout. */
int ctprof_recorder_open(const char *path, struct ctprof_recorder *ret_recorder, struct ktstr_error *err);

/*
 * One snapshot more. On failure (a full disk; -EFBIG: the file would pass CTPROF_SERIES_BYTES_MAX)
 * the file is as it was before.
 */
int ctprof_recorder_add(struct ctprof_recorder *recorder, const struct ctprof_snapshot *snapshot,
			struct ktstr_error *err);

#endif
