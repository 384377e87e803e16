/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: JSON that is no host context is explained; one that is, written and read again, is equal,
 * and has no difference from itself to print.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "host/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(host_context_done) struct host_context first = {0};
	AUTO(host_context_done) struct host_context second = {0};
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	json_t *json = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	int r;

	if (!json)
		return 0;
	r = host_context_from_json(json, &first, &err);
	json_decref(json);
	if (r < 0) {
		assert(r == -EBADMSG && err.msg[0]);
		return 0;
	}
	json = host_context_to_json(&first);
	if (host_context_from_json(json, &second, &err) < 0)
		abort();
	json_decref(json);
	assert(host_context_equal(&first, &second));
	host_context_format(&first, &text);
	assert(text.len);
	return 0;
}
