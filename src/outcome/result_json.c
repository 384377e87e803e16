/* SPDX-License-Identifier: BSD-2-Clause */
/* result_json.c - results as JSON documents, and the digest of an outcome. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>

#include "outcome/outcome.h"

#define STRING_MAX (1u << 20)        /* of one string in a document, in bytes */

static_assert(sizeof("sha256:") + SHA256_DIGEST_STRING_LENGTH - 1 <= OUTCOME_DIGEST_MAX,
	      "the digest and its NUL fit");

static json_t *string_or_null(const char *text)
{
	AUTO(free) char *clean = text ? text_clean(sv_of(text), STRING_MAX) : NULL;

	return json_pack("s?", clean);
}

/* JSON integers are 63 bits in jansson; a time that long has not passed. */
static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* A seed may have all 64 bits, which readers that hold numbers as doubles would round. */
static json_t *seed_string(uint64_t seed)
{
	char digits[21];

	snprintf(digits, sizeof(digits), "%" PRIu64, seed);
	return json_string(digits);
}

json_t *outcome_to_json(const struct outcome *outcome)
{
	json_t *details = json_array();

	vec_each(detail, &outcome->details)
		json_array_append_new(details,
				      json_pack("{s:s,s:o}", "kind", kind_name(detail->kind), "text",
						string_or_null(detail->text)));
	return json_pack("{s:s,s:o,s:O?,s:O?,s:O?,s:o}", "state", state_row(outcome->state)->word,
			 "details", details, "stats", outcome->stats, "workers", outcome->workers,
			 "scheduler", outcome->scheduler, "body_guest_ns",
			 number(outcome->body_guest_ns));
}

void outcome_digest(const struct outcome *outcome, char digest[OUTCOME_DIGEST_MAX])
{
	json_t *json = outcome_to_json(outcome);
	char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
	char hex[SHA256_DIGEST_STRING_LENGTH];

	assert(text);        /* every string in it was cleaned */
	SHA256Data((const uint8_t *)text, strlen(text), hex);
	snprintf(digest, OUTCOME_DIGEST_MAX, "sha256:%s", hex);
	free(text);
	json_decref(json);
}

static json_t *strings_to_json(const struct strings *words)
{
	json_t *list = json_array();

	vec_each(word, words)
		json_array_append_new(list, string_or_null(*word));
	return list;
}

static void add_identity(json_t *json, const struct identity *identity)
{
	json_object_set_new(json, "test_name", string_or_null(identity->test));
	json_object_set_new(json, "binary", string_or_null(identity->binary));
	json_object_set_new(json, "topology", string_or_null(identity->topology));
	json_object_set_new(json, "scheduler", string_or_null(identity->scheduler));
	json_object_set_new(json, "payload", string_or_null(identity->payload));
	json_object_set_new(json, "mode", string_or_null(identity->mode));
	json_object_set_new(json, "seed", seed_string(identity->seed));
	json_object_set_new(json, "disturbed", json_boolean(identity->disturbed));
	json_object_set_new(json, "tracer", string_or_null(identity->tracer));
	json_object_set_new(json, "memory_mib", number(identity->memory_mib));
	json_object_set_new(json, "duration_ms", number(identity->duration_ms));
	json_object_set_new(json, "icount_shift", number(identity->icount_shift));
	json_object_set_new(json, "options", strings_to_json(&identity->options));
	json_object_set_new(json, "kernel_release", string_or_null(identity->kernel_release));
	json_object_set_new(json, "kernel_package", string_or_null(identity->kernel_package));
	json_object_set_new(json, "active_flags", strings_to_json(&identity->active_flags));
	json_object_set_new(json, "sysctls", strings_to_json(&identity->sysctls));
	json_object_set_new(json, "kargs", strings_to_json(&identity->kargs));
	json_object_set_new(json, "project_commit", string_or_null(identity->project_commit));
	json_object_set_new(json, "template_key", string_or_null(identity->template_key));
}

static json_t *steps_to_json(const struct run_record *run)
{
	if (!run->steps_file)
		return json_null();
	return json_pack("{s:o,s:o}", "file", string_or_null(run->steps_file), "captures",
			 strings_to_json(&run->steps_labels));
}

static json_t *run_to_json(const struct run_record *run)
{
	const struct stage_times *stages = &run->stages;
	json_t *times = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "qemu_ns", number(stages->qemu_ns),
				  "boot_ns", number(stages->boot_ns), "setup_ns",
				  number(stages->setup_ns), "scheduler_ns",
				  number(stages->scheduler_ns), "test_ns", number(stages->test_ns),
				  "teardown_ns", number(stages->teardown_ns));

	return json_pack("{s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o}", "dir", string_or_null(run->dir),
			 "started_unix_ns", number(run->started_unix_ns), "host_ns",
			 number(run->host_ns), "cut_short", run->cut_short, "stages", times,
			 "qemu_version", string_or_null(run->qemu_version), "ktstr_version",
			 string_or_null(run->ktstr_version), "ctprof", steps_to_json(run));
}

json_t *result_to_json(const struct result *result)
{
	json_t *json = record_new();
	char digest[OUTCOME_DIGEST_MAX];

	outcome_digest(&result->outcome, digest);
	json_object_set_new(json, "schema_version", json_integer(RECORD_SCHEMA_VERSION));
	add_identity(json, &result->identity);
	json_object_set_new(json, "outcome", outcome_to_json(&result->outcome));
	json_object_set_new(json, "outcome_digest", json_string(digest));
	json_object_set_new(json, "run", run_to_json(&result->run));
	json_object_set_new(json, "run_id", string_or_null(result->run.id));
	json_object_set_new(json, "run_source", string_or_null(result->run.source));
	if (result->run.host)
		json_object_set(json, "host", result->run.host);
	json_object_set_new(json, "test_output", string_or_null(result->test_output));
	json_object_set_new(json, "scheduler_log", string_or_null(result->scheduler_log));
	json_object_set_new(json, "console_tail", string_or_null(result->console_tail));
	json_object_set_new(json, "repeat_command", string_or_null(result->repeat_command));
	record_derive(json);
	return json;
}

static char *document_text(const struct result *result)
{
	json_t *json = result_to_json(result);
	char *text = json_dumps(json, JSON_INDENT(2));

	json_decref(json);
	assert(text);
	return text;
}

int result_save(const struct result *result, struct ktstr_error *err)
{
	AUTO(free) char *path = NULL;
	AUTO(free) char *text = NULL;

	assert(result->run.dir);
	path = xasprintf("%s/result.json", result->run.dir);
	text = document_text(result);
	return file_write_atomic(path, text, strlen(text), 0644, err);
}

int result_save_begun(const struct result *result, struct ktstr_error *err)
{
	struct result begun = *result;        /* borrows all but its outcome */
	AUTO(result_done) struct result own = {0};
	AUTO(fd_close) int fd = -1;
	AUTO(free) char *path = NULL;
	AUTO(free) char *text = NULL;
	int r;

	assert(result->run.dir);
	path = xasprintf("%s/result.json", result->run.dir);
	outcome_error(&own.outcome, "cut short: ktstr ended before the test did");
	begun.outcome = own.outcome;
	begun.run.cut_short = true;
	text = document_text(&begun);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	if (r < 0) {
		errno = -r;
		return error_sys(err, "write %s", path);
	}
	return 0;
}
