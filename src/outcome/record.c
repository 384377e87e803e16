/* SPDX-License-Identifier: BSD-2-Clause */
#include "outcome/record.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "outcome/outcome.h"
#include "outcome/scenario_stats.h"

#define TEXT_MAX (16u << 20)        /* bytes of one string */

#define NOT_SAID "it was recorded by a ktstr that did not say"
#define NO_PART "this version of ktstr does not record it"

const struct record_field record_fields[] = {
	{"schema_version", false, NULL},
	{"test_name", false, NULL},
	{"topology", false, "the test runs on the host and got no machine"},
	{"scheduler", false, NULL},
	{"scheduler_commit", false, "a scheduler is a program; nothing in it says of which commit it is"},
	{"project_commit", false,
	 "neither the test program nor the current directory is in a git work tree, git is not installed, "
	 "or it did not answer within 300 ms"},
	{"payload", false, "the test declares no payload"},
	{"metrics", true, "no payload ran, or none gave a metric"},
	{"passed", false, NULL},
	{"skipped", false, NULL},
	{"stats", false, "no cgroup of workers was judged: the test was skipped or cut short, ended without "
			 "a verdict, or runs no workers"},
	{"monitor", false, "the guest was not watched from outside"},
	{"stimulus_events", true, "the test changes nothing while its workers run"},
	{"work_type", false, "no work type was chosen for the whole test; each worker has its own"},
	{"active_flags", true, "the test ran without flags"},
	{"verifier_stats", true, "the scheduler's BPF programs were not measured: " NO_PART},
	{"kvm_stats", false, "KVM did not run the guest, or its statistics were not read: " NO_PART},
	{"sysctls", true, "the test sets no sysctl"},
	{"kargs", true, "the test adds nothing to the kernel's command line"},
	{"kernel_version", false, "the kernel's release does not begin with a number, or is not known"},
	{"kernel_commit", false, "the kernel is a distribution's or was given as a file: its source is not known"},
	{"timestamp", false, NULL},
	{"run_id", false, NULL},
	{"host", false, NOT_SAID},
	{"cleanup_duration_ms", false, "the guest did not reach its teardown"},
	{"run_source", false, NOT_SAID},
	{"binary", false, NULL},
	{"mode", false, NULL},
	{"seed", false, NULL},
	{"disturbed", false, NULL},
	{"tracer", false, "nothing in the guest recorded its scheduler's events; the QEMU plugin is not in it"},
	{"memory_mib", false, NULL},
	{"duration_ms", false, NULL},
	{"icount_shift", false, NULL},
	{"options", true, "the test ran as it is declared"},
	{"kernel_release", false, NOT_SAID},
	{"kernel_package", false, "the kernel did not come from `ktstr kernel fetch`"},
	{"template_key", false, "the guest was booted from cold, did not start, or there was none"},
	{"outcome", false, NULL},
	{"outcome_digest", false, NULL},
	{"run", false, NULL},
	{"test_output", false, "the test was skipped or its guest never ran"},
	{"scheduler_log", false, "no guest ran"},
	{"console_tail", false, "no guest ran"},
	{"repeat_command", false, NOT_SAID},
	{NULL, false, NULL},
};

json_t *record_new(void)
{
	json_t *record = json_object();

	for (const struct record_field *field = record_fields; field->key; field++)
		json_object_set_new(record, field->key, field->list ? json_array() : json_null());
	return record;
}

const char *record_text(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

uint64_t record_number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

const char *record_state(const json_t *record)
{
	return record_text(json_object_get(record, "outcome"), "state");
}

/* "6.18.15" of "6.18.15+deb13-cloud-amd64", and "6.15-rc3" of that. */
static json_t *version_of(const char *release)
{
	size_t len = strspn(release, "0123456789.");
	size_t rc = strncmp(release + len, "-rc", 3) == 0 ? 3 + strspn(release + len + 3, "0123456789") : 0;

	return len ? json_stringn(release, len + rc) : json_null();
}

static json_t *timestamp_of(uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);
	char stamp[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(stamp);
}

/* A field of the record that is a part of what the outcome's stats say. */
static void derive_array(json_t *record, const char *field, const char *part)
{
	const json_t *stats = json_object_get(json_object_get(record, "outcome"), "stats");
	json_t *array = json_object_get(stats, part);

	if (json_is_array(array))
		json_object_set(record, field, array);
}

/* The guest's totals; of outcomes from before there were any, what their cgroups tell. */
static json_t *stats_of(const json_t *outcome)
{
	json_t *totals = json_object_get(json_object_get(outcome, "stats"), "totals");

	return json_is_object(totals) ? json_incref(totals) : scenario_stats(outcome);
}

void record_derive(json_t *record)
{
	const json_t *run = json_object_get(record, "run");
	uint64_t teardown_ns = record_number(json_object_get(run, "stages"), "teardown_ns");
	const char *release = record_text(record, "kernel_release");
	enum ktstr_state state = KTSTR_ERROR;

	(void)state_parse(sv_of(record_state(record) ?: ""), &state);        /* unknown: not passed */
	json_object_set_new(record, "passed", json_boolean(state == KTSTR_PASS || state == KTSTR_SKIP));
	json_object_set_new(record, "skipped", json_boolean(state == KTSTR_SKIP));
	json_object_set_new(record, "stats", stats_of(json_object_get(record, "outcome")));
	derive_array(record, "metrics", "payloads");
	derive_array(record, "stimulus_events", "timeline");
	json_object_set_new(record, "timestamp", timestamp_of(record_number(run, "started_unix_ns")));
	json_object_set_new(record, "cleanup_duration_ms",
			    teardown_ns ? json_integer((json_int_t)(teardown_ns / NS_PER_MS))
					: json_null());
	json_object_set_new(record, "kernel_version", release ? version_of(release) : json_null());
}

/* --- reading --------------------------------------------------------------------------------------- */

static json_t *clean(const json_t *value);

static json_t *clean_object(const json_t *object)
{
	json_t *copy = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)object, key, value) {
		AUTO(free) char *name = text_clean(sv_of(key), TEXT_MAX);

		json_object_set_new(copy, name, clean(value));
	}
	return copy;
}

/* A copy whose texts are safe to print. jansson's parser has bounded the depth. */
static json_t *clean(const json_t *value)
{
	if (json_is_object(value))
		return clean_object(value);
	if (json_is_array(value)) {
		json_t *copy = json_array();

		for (size_t i = 0; i < json_array_size(value); i++)
			json_array_append_new(copy, clean(json_array_get(value, i)));
		return copy;
	}
	if (json_is_string(value)) {
		AUTO(free) char *text = text_clean(sv_bytes(json_string_value(value),
							    json_string_length(value)), TEXT_MAX);

		return json_string(text);
	}
	return json_copy((json_t *)value);
}

static void move_key(json_t *from, const char *key, json_t *to, const char *new_key)
{
	json_t *value = json_object_get(from, key);

	if (value) {
		json_object_set(to, new_key, value);
		json_object_del(from, key);
	}
}

/* Schema 1 had other names for three fields, and knew of the host only its kernel. */
static void upgrade_from_1(json_t *old)
{
	json_t *run = json_object_get(old, "run"), *host = json_object();

	move_key(old, "test", old, "test_name");
	move_key(run, "id", old, "run_id");
	move_key(run, "host_kernel", host, "kernel_release");
	if (json_is_string(json_object_get(host, "kernel_release")))
		json_object_set(old, "host", host);
	json_decref(host);
}

static int check_type(const json_t *record, const char *key, json_type type, struct ktstr_error *err)
{
	const json_t *value = json_object_get(record, key);

	if (!value || json_typeof(value) != type)
		return error_set(err, -EBADMSG, "it has no %s", key);
	return 0;
}

/* What every reader relies on. */
static int check(const json_t *record, struct ktstr_error *err)
{
	enum ktstr_state state;
	int r = check_type(record, "test_name", JSON_STRING, err);

	if (r == 0)
		r = check_type(record, "outcome", JSON_OBJECT, err);
	if (r == 0)
		r = check_type(record, "run", JSON_OBJECT, err);
	if (r == 0 && (!record_state(record) || !state_parse(sv_of(record_state(record)), &state)))
		r = error_set(err, -EBADMSG, "its outcome has no state");
	return r;
}

static int read_version(json_t *document, json_int_t *ret_version, struct ktstr_error *err)
{
	const json_t *version = json_object_get(document, "schema_version");

	if (!json_is_integer(version) || json_integer_value(version) < 1)
		return error_set(err, -EBADMSG, "it has no schema_version");
	*ret_version = json_integer_value(version);
	if (*ret_version > RECORD_SCHEMA_VERSION)
		return error_set(err, -EPROTONOSUPPORT,
				 "it has schema version %lld, and this ktstr reads up to %d: a newer ktstr "
				 "can", (long long)*ret_version, RECORD_SCHEMA_VERSION);
	return 0;
}

static int read_document(json_t *document, json_t **ret_record, struct ktstr_error *err)
{
	json_int_t version = 0;
	json_t *record;
	int r = read_version(document, &version, err);

	if (r < 0)
		return r;
	if (version == 1)
		upgrade_from_1(document);
	r = check(document, err);
	if (r < 0)
		return r;
	record = record_new();
	json_object_update(record, document);
	if (version == 1)
		record_derive(record);
	json_object_set_new(record, "schema_version", json_integer(RECORD_SCHEMA_VERSION));
	*ret_record = record;
	return 0;
}

int record_parse(struct sv text, json_t **ret_record, struct ktstr_error *err)
{
	json_error_t why;
	json_t *raw = json_loadb(text.data ?: "", text.len, JSON_REJECT_DUPLICATES, &why), *document;
	int r;

	if (!raw) {
		AUTO(free) char *words = text_clean(sv_of(why.text), sizeof(why.text));

		return error_set(err, -EBADMSG, "byte %d: %s", why.position, words);
	}
	if (!json_is_object(raw)) {
		json_decref(raw);
		return error_set(err, -EBADMSG, "it is no object");
	}
	document = clean(raw);
	json_decref(raw);
	r = read_document(document, ret_record, err);
	json_decref(document);
	return r;
}

int record_load(const char *path, json_t **ret_record, struct ktstr_error *err)
{
	AUTO(free) char *inside = xasprintf("%s/result.json", path);
	AUTO(buf_done) struct buf text = {0};
	struct stat st;
	int r;

	r = file_read(AT_FDCWD, stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? inside : path,
		      RECORD_FILE_MAX, &text, err);
	if (r < 0)
		return r;
	r = record_parse(sv_bytes(buf_text(&text), text.len), ret_record, err);
	return r < 0 ? error_wrap(err, r, "%s is no result that can be read", path) : 0;
}
