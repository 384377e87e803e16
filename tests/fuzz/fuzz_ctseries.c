/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: bytes that are no series are explained; the frames of one that is lie in it, in order,
 * and together with the rest make it up but for what zstd lets one skip; each is a snapshot that can
 * be shown, or is explained.
 */
#include <assert.h>
#include <stdlib.h>

#include "ctprof/ctprof.h"
#include "ctview/ctview.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_shown(const struct ctprof_snapshot *snapshot)
{
	const struct ctview_config config = {.limit = 50};
	const struct ctview_origin origin[CTVIEW_SIDES] = {{"a", snapshot}, {"b", snapshot}};
	const struct table_look look = {.width = 60};
	AUTO(ctview_done) struct ctview view = {0};
	AUTO(buf_done) struct buf text = {0};

	ctview_build(&config, snapshot, snapshot, &view);
	assert(view.only[0].len == 0 && view.only[1].len == 0);
	vec_each(row, &view.rows)
		assert(row->delta.kind != CTVIEW_DELTA_DIFFERS);
	ctview_print_text(&view, &config, origin, &look, &text);
	assert(text.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(ctprof_series_done) struct ctprof_series series = {0};
	struct ktstr_error err = {0};
	size_t end = 0;

	if (ctprof_series_unpack(data, size, &series, &err) < 0) {
		assert(err.msg[0]);
		return 0;
	}
	assert(series.frames.len > 0);
	for (size_t i = 0; i < series.frames.len; i++) {
		AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

		assert(series.frames.at[i].at >= end);
		end = series.frames.at[i].at + series.frames.at[i].len;
		assert(end + series.rest <= size);
		if (ctprof_series_get(&series, i, &snapshot, &err) == 0)
			check_shown(&snapshot);
		else
			assert(err.msg[0]);
	}
	return 0;
}
