/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: what a guest says about its scheduler is refused with words, or becomes an object that
 * can be written out, and a judgement, none of which can drive a terminal. The bytes are three texts
 * with a NUL between them: the guest's word, its workers, the kernel's log.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "run/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		assert(c >= 0x20 || c == '\n' || c == '\t');
		assert(c != 0x7f);
	}
}

static void check_strings(json_t *value)
{
	json_t *element;
	const char *key;
	size_t i;

	if (json_is_string(value))
		check_printable(json_string_value(value));
	json_array_foreach(value, i, element)
		check_strings(element);
	json_object_foreach(value, key, element)
		check_strings(element);
}

static void check_document(const struct evidence *evidence, struct sv kernel_log)
{
	json_t *document = evidence_to_json(evidence, kernel_log);
	char *text;

	assert(json_is_object(document));
	assert(json_is_array(json_object_get(document, "programs")));
	check_strings(document);
	text = json_dumps(document, 0);
	assert(text);
	free(text);
	json_decref(document);
}

static void check_judgement(const struct evidence *evidence, const json_t *workers,
			    struct sv kernel_log)
{
	const struct test_plan plan = {
		.has_scheduler = evidence->asked,
		.scheduler = {.name = evidence->asked ? (char *)"mine" : NULL},
	};
	AUTO(result_done) struct result result = {0};
	bool scheduled = evidence_judge(evidence, &plan, workers, kernel_log, &result.outcome);

	assert(!scheduled || result.outcome.state != KTSTR_ERROR);
	vec_each(detail, &result.outcome.details)
		check_printable(detail->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(evidence_done) struct evidence evidence = {0};
	struct sv kernel_log = sv_bytes(data, size);
	struct sv said = sv_split(&kernel_log, '\0');
	struct sv workers_said = sv_split(&kernel_log, '\0');
	struct ktstr_error err = {0};
	json_t *workers;
	int r = evidence_read(said, &evidence, &err);

	if (r < 0) {
		assert(r == -EBADMSG);
		assert(err.msg[0]);
		return 0;
	}
	workers = workers_said.len ? json_loadb(workers_said.data, workers_said.len, 0, NULL) : NULL;
	check_document(&evidence, kernel_log);
	check_judgement(&evidence, workers, kernel_log);
	json_decref(workers);
	return 0;
}
