/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: bytes that are no verdict leave the outcome as it was and are explained; what is taken
 * for one, written out and read again, is the same outcome.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "outcome/outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The outcome as a guest would say it, from the document that we write. */
static char *say_again(const struct result *result)
{
	json_t *document = result_to_json(result);
	json_t *said = json_deep_copy(json_object_get(document, "outcome"));
	char *text;

	json_object_update(said, json_object_get(said, "stats"));
	text = json_dumps(said, 0);
	assert(text);
	json_decref(said);
	json_decref(document);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(result_done) struct result first = {0};
	AUTO(result_done) struct result second = {0};
	AUTO(free) char *said = NULL;
	struct ktstr_error err = {0};
	char digest[2][OUTCOME_DIGEST_MAX];

	if (outcome_read_verdict(&first.outcome, sv_bytes(data, size), &err) < 0) {
		assert(err.code == -EBADMSG);
		assert(err.msg[0]);
		assert(!first.outcome.details.len);
		assert(!first.outcome.stats);
		return 0;
	}
	said = say_again(&first);
	if (outcome_read_verdict(&second.outcome, sv_of(said), &err) < 0)
		abort();
	outcome_digest(&first.outcome, digest[0]);
	outcome_digest(&second.outcome, digest[1]);
	assert(strcmp(digest[0], digest[1]) == 0);
	return 0;
}
