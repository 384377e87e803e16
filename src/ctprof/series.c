/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "ctprof/series.h"

#define SKIPPABLE_MAGIC 0x50            /* …2a4d18, and 0x51 to 0x5f: RFC 8878, 3.1.2 */

void ctprof_series_done(struct ctprof_series *series)
{
	buf_done(&series->bytes);
	ctprof_frames_done(&series->frames);
	series->rest = 0;
}

static bool is_skippable(const char *frame)
{
	return ((unsigned char)frame[0] & 0xf0) == SKIPPABLE_MAGIC;
}

/* Where frames begin and end; takes *bytes. */
static int index_frames(struct buf *bytes, struct ctprof_series *ret_series, struct ktstr_error *err)
{
	AUTO(ctprof_series_done) struct ctprof_series series = {.bytes = TAKE(*bytes, (struct buf){0})};
	size_t at = 0, len = series.bytes.len;

	while (at < len) {
		const char *frame = series.bytes.data + at;
		size_t size = ZSTD_findFrameCompressedSize(frame, len - at);

		if (ZSTD_isError(size))
			break;
		if (!is_skippable(frame))
			ctprof_frames_push(&series.frames, (struct ctprof_frame){.at = at, .len = size});
		at += size;
	}
	if (series.frames.len == 0) {
		struct ctprof_snapshot none = {0};
		int r = ctprof_snapshot_unpack(buf_text(&series.bytes), len, &none, err);

		/* it has words for what this is */
		ctprof_snapshot_done(&none);
		return r < 0 ? r : error_set(err, -EBADMSG, "damaged: no zstd frame that can be measured");
	}
	series.rest = len - at;
	*ret_series = TAKE(series, (struct ctprof_series){0});
	return 0;
}

int ctprof_series_unpack(const void *data, size_t len, struct ctprof_series *ret_series, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf bytes = {.max = CTPROF_SERIES_BYTES_MAX};

	buf_bytes(&bytes, data, len);
	if (bytes.truncated)
		return error_set(err, -EFBIG, "more than %u MiB", CTPROF_SERIES_BYTES_MAX >> 20);
	return index_frames(&bytes, ret_series, err);
}

int ctprof_series_read(const char *path, struct ctprof_series *ret_series, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf bytes = {.max = CTPROF_SERIES_BYTES_MAX};
	int r = file_read(AT_FDCWD, path, CTPROF_SERIES_BYTES_MAX, &bytes, err);

	if (r < 0)
		return r;
	r = index_frames(&bytes, ret_series, err);
	return r < 0 ? error_wrap(err, r, "%s", path) : 0;
}

int ctprof_series_get(const struct ctprof_series *series, size_t index, struct ctprof_snapshot *ret_snapshot,
		      struct ktstr_error *err)
{
	const struct ctprof_frame *frame;
	int r;

	assert(index < series->frames.len);
	frame = &series->frames.at[index];
	r = ctprof_snapshot_unpack_max(series->bytes.data + frame->at, frame->len,
				       series->json_max ?: CTPROF_JSON_BYTES_MAX, ret_snapshot, err);
	return r < 0 ? error_wrap(err, r, "snapshot %zu", index + 1) : 0;
}

/* --- writing ------------------------------------------------------------------------------------------- */

void ctprof_recorder_done(struct ctprof_recorder *recorder)
{
	if (recorder->is_file)
		fd_close(recorder->fd);
	free(recorder->path);
	*recorder = (struct ctprof_recorder){.fd = -1};
}

int ctprof_recorder_open(const char *path, struct ctprof_recorder *ret_recorder, struct ktstr_error *err)
{
	struct ctprof_recorder recorder = {.fd = STDOUT_FILENO};

	if (strcmp(path, "-") != 0) {
		recorder.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (recorder.fd < 0)
			return error_sys(err, "open %s", path);
		recorder.is_file = true;
	}
	recorder.path = xstrdup(path);
	*ret_recorder = recorder;
	return 0;
}

int ctprof_recorder_add(struct ctprof_recorder *recorder, const struct ctprof_snapshot *snapshot,
			struct ktstr_error *err)
{
	AUTO(buf_done) struct buf frame = {.max = CTPROF_FILE_BYTES_MAX};
	int r = ctprof_snapshot_pack(snapshot, &frame, err);

	if (r < 0)
		return error_wrap(err, r, "%s", recorder->path);
	if (recorder->bytes + frame.len > CTPROF_SERIES_BYTES_MAX)
		return error_set(err, -EFBIG, "%s: would be more than %u MiB with another snapshot; begin another file",
				 recorder->path, CTPROF_SERIES_BYTES_MAX >> 20);
	r = fd_write_all(recorder->fd, frame.data, frame.len);
	if (r < 0) {
		/* a piece of a frame does no harm, but is of no use either */
		if (recorder->is_file)
			(void)!ftruncate(recorder->fd, (off_t)recorder->bytes);
		return error_set(err, r, "write %s: %s", recorder->path, strerrordesc_np(-r));
	}
	recorder->bytes += frame.len;
	recorder->count++;
	return 0;
}
