/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: bytes that are no result are explained; a result that was read, written out and read
 * again is the same, has all fields, and nothing in it can drive a terminal.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "outcome/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	AUTO(free) char *clean = text_clean(sv_of(text), strlen(text) + 3);

	assert(strcmp(clean, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ktstr_error err = {0};
	json_t *first = NULL, *second = NULL, *value;
	const char *key;
	char *text;
	int r = record_parse(sv_bytes(data, size), &first, &err);

	if (r < 0) {
		assert(r == -EBADMSG || r == -EPROTONOSUPPORT);
		assert(err.msg[0]);
		assert(!first);
		return 0;
	}
	text = json_dumps(first, JSON_COMPACT);
	if (record_parse(sv_of(text), &second, &err) < 0)
		abort();
	assert(json_equal(first, second));
	for (const struct record_field *field = record_fields; field->key; field++)
		assert(json_object_get(first, field->key));
	json_object_foreach(first, key, value) {
		check_text(key);
		if (json_is_string(value))
			check_text(json_string_value(value));
	}
	free(text);
	json_decref(first);
	json_decref(second);
	return 0;
}
