/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot file, packed or plain: what can be read is written and read again without a change. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "ctprof/ctprof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot first = {0}, second = {0};
	AUTO(buf_done) struct buf once = {0}, twice = {0};
	struct ktstr_error err = {0};

	if (ctprof_snapshot_unpack(data, size, &first, &err) < 0 &&
	    ctprof_snapshot_from_json((const char *)data, size, &first, &err) < 0) {
		assert(*err.msg);
		return 0;
	}
	ctprof_snapshot_to_json(&first, &once);
	assert(ctprof_snapshot_from_json(once.data, once.len, &second, &err) == 0);
	ctprof_snapshot_to_json(&second, &twice);
	assert(once.len == twice.len);
	assert(memcmp(once.data, twice.data, once.len) == 0);
	return 0;
}
