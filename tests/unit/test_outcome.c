/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <unistd.h>

#include "outcome/difference.h"
#include "outcome/outcome.h"
#include "outcome/scenario_stats.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_outcome
#include "../fuzz/fuzz_outcome.c"
#undef LLVMFuzzerTestOneInput

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_record
#include "../fuzz/fuzz_record.c"
#undef LLVMFuzzerTestOneInput

static const char whole[] =
	"{\"state\":\"fail\","
	"\"details\":[{\"kind\":\"starved\",\"text\":\"tid 7 starved (0 work units)\"},"
	"{\"kind\":\"note\",\"text\":\"a note\"}],"
	"\"metrics\":{\"rps\":1.5,\"n\":3},"
	"\"window\":{\"wall_ns\":2000000000,\"cpus\":4,\"idle_ns\":8},"
	"\"totals\":{\"total_workers\":2,\"worst_gap_cpu\":-1,\"worst_spread\":1.25},"
	"\"timeline\":[{\"name\":\"a\",\"elapsed_ns\":5,\"step\":1,\"end\":false,\"op_count\":1,"
	"\"op_kinds\":[\"spawn\"],\"cpu_ns\":3}],\"cleanup_ns\":4,"
	"\"cgroups\":[{\"name\":\"cg_0\",\"workers\":2,\"cpus\":2,\"spread_pct\":1.25,\"max_gap_cpu\":-1}],"
	"\"workers\":[{\"cgroup\":\"cg_0\",\"index\":0,\"tid\":7,\"completed\":true,\"cpus\":\"0-1,3\","
	"\"moves\":[{\"at_ns\":1,\"from\":0,\"to\":3}],\"pages\":[4,5],"
	"\"scheduler_known\":false,\"ext_enabled\":null}]}";

static int read_text(struct outcome *outcome, const char *text, struct ktstr_error *err)
{
	return outcome_read_verdict(outcome, sv_of(text), err);
}

TEST(a_verdict_becomes_an_outcome)
{
	AUTO(result_done) struct result result = {0};
	struct outcome *outcome = &result.outcome;
	struct ktstr_error err = {0};

	CHECK_EQ(read_text(outcome, whole, &err), 0);
	CHECK_EQ(outcome->state, KTSTR_FAIL);
	CHECK_EQ(outcome->details.len, 2);
	CHECK_EQ(outcome->details.at[0].kind, KTSTR_KIND_STARVED);
	CHECK_STR(outcome->details.at[0].text, "tid 7 starved (0 work units)");
	CHECK_EQ(json_array_size(outcome->workers), 1);
	CHECK_STR(json_string_value(json_object_get(json_array_get(outcome->workers, 0), "cpus")),
		  "0-1,3");
	CHECK_EQ(json_integer_value(json_object_get(json_object_get(outcome->stats, "window"), "cpus")),
		 4);
	CHECK(json_real_value(json_object_get(json_object_get(outcome->stats, "metrics"), "rps")) ==
	      1.5);
}

/* Every key that the guest half writes is named in our tables, and nothing else is. */
TEST(nothing_of_what_the_guest_half_writes_is_lost)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(result_done) struct result result = {0};
	AUTO(buf_done) struct buf text = {0};
	struct worker_report worker = {.cgroup = "cg_0", .tid = 7, .max_gap_cpu = -1, .wait_status = -1,
				       .scheduler_known = true, .ext_enabled = true, .moves_len = 1,
				       .moves = {{.at_ns = 1, .from = -1, .to = 3}},
				       .pages_known = true, .pages = {[2] = 9}};
	struct cgroup_facts cg_0 = {.name = "cg_0"};
	struct timeline_event event = {.name = "step", .elapsed_ns = 8, .op_kinds = UINT32_MAX};
	struct payload_record *payload = xcalloc(1, sizeof(*payload));
	json_t *said;

	payload->payload = xstrdup("fio");
	payload->exit_code = -9;
	payload->stdout_tail = xstrdup("two\nlines\n");
	payload_metrics_push(&payload->metrics, (struct ktstr_metric){
		.name = xstrdup("iops"), .value = 1.5, .polarity = KTSTR_TARGET_VALUE, .target = 2,
		.unit = xstrdup("1/s"), .stream = KTSTR_STREAM_STDERR});
	verdict_payload(&verdict, payload);

	cpuset_add(&worker.cpus, 3);
	worker_reports_push(&verdict.workers, worker);
	cgroup_stats_list_push(&verdict.cgroups, cgroup_stats_of(&cg_0, &worker, 1));
	scenario_stats_add(&verdict.totals, &verdict.cgroups.at[0]);
	verdict_timeline(&verdict, &event);
	verdict.cleanup_ns = 12;
	verdict.window = (struct machine_window){.wall_ns = 5, .cpus = 4, .idle_ns = 3};
	cpuset_add(&verdict.window.idle_cpus, 2);
	ktstr_verdict_metric(&verdict, "rps", 1e300);
	ktstr_verdict_fail(&verdict, KTSTR_KIND_STUCK, "stuck");
	verdict_to_json(&verdict, &text);

	CHECK_EQ(read_text(&result.outcome, buf_text(&text), NULL), 0);
	CHECK_EQ(result.outcome.state, KTSTR_FAIL);
	said = json_loads(buf_text(&text), 0, NULL);
	CHECK(json_equal(json_object_get(said, "workers"), result.outcome.workers));
	for (const char *const *key = (const char *const[]){"cgroups", "window", "metrics", "totals",
							   "timeline", "cleanup_ns", "payloads", NULL};
	     *key;
	     key++)
		CHECK(json_equal(json_object_get(said, *key),
				 json_object_get(result.outcome.stats, *key)));
	CHECK_EQ(json_object_size(result.outcome.stats), 7);
	json_decref(said);
}

TEST(bytes_that_are_no_verdict_are_explained_and_change_nothing)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "the guest's verdict: byte 0: "},
		{"[]", "the guest's verdict: it is no object"},
		{"{}", "the guest's verdict: it has no state"},
		{"{\"state\":\"pass\"} x", "end of file expected"},
		{"{\"state\":\"pass\",\"state\":\"fail\"}", "duplicate"},
		{"{\"state\":\"great\"}", "there is no state \"great\""},
		{"{\"state\":\"fail\",\"details\":[{\"kind\":\"hun\\u0007gry\",\"text\":\"\"}]}",
		 "there is no kind \"hun?gry\""},
		{"{\"state\":\"fail\",\"details\":[{\"kind\":\"other\"}]}",
		 "a detail needs a kind and a text"},
		{"{\"state\":\"fail\",\"details\":{}}", "details is no array"},
		{"{\"state\":\"pass\",\"metrics\":{\"m\":\"1\"}}", "metric m is not a number"},
		{"{\"state\":\"pass\",\"metrics\":{\"m\":1e999}}", "real number overflow"},
		{"{\"state\":\"pass\",\"window\":{\"cpus\":-1}}",
		 "window: cpus is not a whole number that is not negative"},
		{"{\"state\":\"pass\",\"workers\":[{\"completed\":1}]}",
		 "workers: completed is not true or false"},
		{"{\"state\":\"pass\",\"workers\":[{\"cpus\":\"0-99999\"}]}",
		 "workers: cpus is not a list of CPUs"},
		{"{\"state\":\"pass\",\"cgroups\":[7]}", "cgroups is no object"},
		{"{\"state\":\"pass\",\"totals\":[]}", "totals is no object"},
		{"{\"state\":\"pass\",\"totals\":{\"worst_spread\":\"1\"}}",
		 "totals: worst_spread is not a number"},
		{"{\"state\":\"pass\",\"cleanup_ns\":-1}", "cleanup_ns is not a whole number"},
		{"{\"state\":\"pass\",\"timeline\":[{\"op_kinds\":[\"sing\"]}]}",
		 "timeline: op_kinds is not an array of kinds of operations"},
		{"{\"state\":\"pass\",\"timeline\":[{\"op_kinds\":7}]}", "timeline: op_kinds is not"},
		{"{\"state\":\"pass\",\"timeline\":[{\"end\":0}]}", "timeline: end is not true or false"},
		{"{\"state\":\"pass\",\"workers\":[{\"moves\":[{\"from\":0.5}]}]}",
		 "workers: moves is not an array of moves"},
		{"{\"state\":\"pass\",\"workers\":[{\"pages\":[1,-1]}]}",
		 "workers: pages is not null or an array of pages by node"},
		{"{\"state\":\"pass\",\"details\":[{\"kind\":\"note\",\"text\":\"a\\u0000b\"}]}", "\\u0000"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(result_done) struct result result = {0};
		struct ktstr_error err = {0};

		CHECK_EQ(read_text(&result.outcome, cases[i].text, &err), -EBADMSG);
		CHECK_HAS(err.msg, cases[i].why);
		CHECK_EQ(result.outcome.details.len, 0);
		CHECK_EQ(result.outcome.state, KTSTR_PASS);
		CHECK(!result.outcome.judged);
		CHECK(!result.outcome.stats);
	}
}

static void put_array(struct buf *text, const char *key, const char *element, size_t count)
{
	buf_printf(text, "{\"state\":\"pass\",\"%s\":[", key);
	for (size_t i = 0; i < count; i++)
		buf_printf(text, "%s%s", i ? "," : "", element);
	buf_str(text, "]}");
}

TEST(a_flood_is_refused_at_its_limit)
{
	static const struct {
		const char *key, *element;
		size_t max;
	} cases[] = {
		{"details", "{\"kind\":\"note\",\"text\":\"\"}", VERDICT_DETAILS_MAX},
		{"workers", "{}", VERDICT_WORKERS_MAX},
		{"cgroups", "{}", VERDICT_CGROUPS_MAX},
		{"timeline", "{}", VERDICT_TIMELINE_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(result_done) struct result result = {0};
		AUTO(buf_done) struct buf text = {0};
		struct ktstr_error err = {0};

		put_array(&text, cases[i].key, cases[i].element, cases[i].max);
		CHECK_EQ(read_text(&result.outcome, text.data, &err), 0);
		buf_clear(&text);
		put_array(&text, cases[i].key, cases[i].element, cases[i].max + 1);
		CHECK_EQ(read_text(&result.outcome, text.data, &err), -EBADMSG);
		CHECK_HAS(err.msg, "entries; at most");
	}
}

TEST(keys_that_nobody_named_are_left_out)
{
	AUTO(result_done) struct result result = {0};
	json_t *document;
	char *text;

	CHECK_EQ(read_text(&result.outcome,
			   "{\"state\":\"pass\",\"host_time\":1,\"workers\":[{\"tid\":1,\"host_time\":2}],"
			   "\"window\":{\"host_time\":3}}",
			   NULL),
		 0);
	document = result_to_json(&result);
	text = json_dumps(document, 0);
	CHECK(!strstr(text, "host_time"));
	CHECK_HAS(text, "\"tid\": 1");
	free(text);
	json_decref(document);
}

TEST(the_worse_finding_wins_and_a_skip_only_stands_alone)
{
	AUTO(result_done) struct result result = {0};
	struct outcome *outcome = &result.outcome;

	outcome_skip(outcome, "no %s", "KVM");
	CHECK_EQ(outcome->state, KTSTR_SKIP);
	CHECK_EQ(outcome->details.at[0].kind, KTSTR_KIND_SKIP);
	CHECK_STR(outcome->details.at[0].text, "no KVM");
	CHECK_EQ(read_text(outcome, "{\"state\":\"pass\"}", NULL), 0);
	CHECK_EQ(outcome->state, KTSTR_PASS);
	outcome_skip(outcome, "too late");
	CHECK_EQ(outcome->state, KTSTR_PASS);
	outcome_error(outcome, "QEMU \x1b ended");
	CHECK_EQ(outcome->state, KTSTR_ERROR);
	CHECK_EQ(outcome->details.at[2].kind, KTSTR_KIND_OTHER);
	CHECK_STR(outcome->details.at[2].text, "QEMU ? ended");
	outcome_fail(outcome, KTSTR_KIND_SCHEDULER_DIED, "scx_foo: exit status 1");
	CHECK_EQ(outcome->state, KTSTR_ERROR);
	CHECK_EQ(outcome->details.len, 4);
}

TEST(a_guest_that_skips_is_skipped)
{
	AUTO(result_done) struct result result = {0};

	CHECK_EQ(read_text(&result.outcome,
			   "{\"state\":\"skip\",\"details\":[{\"kind\":\"skip\",\"text\":\"no SMT\"}]}", NULL),
		 0);
	CHECK_EQ(result.outcome.state, KTSTR_SKIP);
}

TEST(the_digest_is_about_the_outcome_and_nothing_of_the_host)
{
	AUTO(result_done) struct result here = {.run = {.host_ns = 1, .id = xstrdup("a")}};
	AUTO(result_done) struct result there = {.run = {.host_ns = 2}, .console_tail = xstrdup("x")};
	char digest[3][OUTCOME_DIGEST_MAX];

	CHECK_EQ(read_text(&here.outcome, whole, NULL), 0);
	CHECK_EQ(read_text(&there.outcome, whole, NULL), 0);
	outcome_digest(&here.outcome, digest[0]);
	outcome_digest(&there.outcome, digest[1]);
	CHECK_STR(digest[0], digest[1]);
	there.outcome.body_guest_ns++;
	outcome_digest(&there.outcome, digest[2]);
	CHECK(strcmp(digest[1], digest[2]) != 0);
}

/* It is compared across versions and machines: a change of it is a change of the schema. */
TEST(the_digest_of_an_empty_outcome_is_the_sha256_of_its_canonical_text)
{
	struct outcome outcome = {0};
	char digest[OUTCOME_DIGEST_MAX];

	/* {"body_guest_ns":0,"details":[],"scheduler":null,"state":"pass","stats":null,"workers":null} */
	outcome_digest(&outcome, digest);
	CHECK_STR(digest, "sha256:9b0148ce57dd68e8ee407cdf5871d3a29336a57199e67b64589f845a05600809");
}

/* SC-1: these names in this order, absent ones null; ours follow. */
TEST(the_keys_of_a_document_keep_their_order_and_absent_is_null)
{
	AUTO(result_done) struct result result = {
		.identity = {.test = xstrdup("steady"), .seed = UINT64_MAX, .icount_shift = 3},
		.run = {.host = json_pack("{s:s}", "arch", "x86_64"), .id = xstrdup("bad \xff byte"), .host_ns = UINT64_MAX},
	};
	json_t *document;
	char *text, *digest;

	strings_push(&result.identity.options, xstrdup("--workers"));
	strings_push(&result.identity.options, xstrdup("4"));
	document = result_to_json(&result);
	text = json_dumps(document, JSON_COMPACT);
	digest = strstr(text, "sha256:");

	CHECK(digest);
	memset(digest + strlen("sha256:"), 'x', 64);
	CHECK_STR(text,
		  "{\"schema_version\":2,\"test_name\":\"steady\",\"topology\":null,\"scheduler\":null,"
		  "\"scheduler_commit\":null,\"project_commit\":null,\"payload\":null,\"metrics\":[],\"passed\":true,\"skipped\":false,"
		  "\"stats\":null,\"monitor\":null,\"stimulus_events\":[],\"work_type\":null,\"active_flags\":[],"
		  "\"verifier_stats\":[],\"kvm_stats\":null,\"sysctls\":[],\"kargs\":[],\"kernel_version\":null,\"kernel_commit\":null,"
		  "\"timestamp\":\"1970-01-01T00:00:00Z\",\"run_id\":\"bad \xef\xbf\xbd byte\",\"host\":{\"arch\":\"x86_64\"},"
		  "\"cleanup_duration_ms\":null,\"run_source\":null,"
		  "\"binary\":null,\"mode\":null,\"seed\":\"18446744073709551615\",\"disturbed\":false,\"tracer\":null,\"memory_mib\":0,"
		  "\"duration_ms\":0,\"icount_shift\":3,\"options\":[\"--workers\",\"4\"],\"kernel_release\":null,\"kernel_package\":null,\"template_key\":null,"
		  "\"outcome\":{\"state\":\"pass\",\"details\":[],\"stats\":null,\"workers\":null,\"scheduler\":null,\"body_guest_ns\":0},"
		  "\"outcome_digest\":\"sha256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\","
		  "\"run\":{\"dir\":null,\"started_unix_ns\":0,\"host_ns\":9223372036854775807,\"cut_short\":false,"
		  "\"stages\":{\"qemu_ns\":0,\"boot_ns\":0,\"setup_ns\":0,\"scheduler_ns\":0,\"test_ns\":0,\"teardown_ns\":0},"
		  "\"qemu_version\":null,\"ktstr_version\":null,\"ctprof\":null},\"test_output\":null,\"scheduler_log\":null,\"console_tail\":null,"
		  "\"repeat_command\":null}");
	free(text);
	json_decref(document);
}

TEST(a_result_is_saved_whole_and_can_be_read_back)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(result_done) struct result result = {.identity = {.test = xstrdup("steady")}};
	AUTO(free) char *path = NULL;
	struct ktstr_error err = {0};
	json_t *want, *have;

	CHECK(mkdtemp(dir));
	result.run.dir = xstrdup(dir);
	CHECK_EQ(read_text(&result.outcome, whole, NULL), 0);
	CHECK_EQ(result_save(&result, &err), 0);
	path = xasprintf("%s/result.json", dir);
	have = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	want = result_to_json(&result);
	CHECK(json_equal(want, have));
	json_decref(want);
	json_decref(have);
	CHECK_EQ(tree_remove(dir, &err), 0);
	CHECK_EQ(result_save(&result, &err), -ENOENT);
	CHECK_HAS(err.msg, "result.json");
}

TEST(reading_a_damaged_verdict_keeps_the_property_of_the_fuzz_target)
{
	AUTO(free) char *bytes = xstrdup(whole);
	size_t len = strlen(whole);

	CHECK_EQ(fuzz_outcome((const uint8_t *)whole, len), 0);
	for (size_t i = 0; i < len; i++) {
		CHECK_EQ(fuzz_outcome((const uint8_t *)whole, i), 0);
		for (const char *c = "\"0e-\x80,{"; *c; c++) {
			bytes[i] = *c;
			CHECK_EQ(fuzz_outcome((const uint8_t *)bytes, len), 0);
		}
		bytes[i] = whole[i];
	}
}

static char *difference(const char *left, const char *right)
{
	json_t *a = json_loads(left, 0, NULL), *b = json_loads(right, 0, NULL);
	char *text = json_difference(a, b);

	json_decref(a);
	json_decref(b);
	return text;
}

TEST(the_first_difference_is_named_by_its_path)
{
	static const struct {
		const char *a, *b, *want;
	} rows[] = {
		{"{\"a\":[1,{\"b\":2}]}", "{\"a\":[1,{\"b\":3}]}", "a[1].b: 2 and 3"},
		{"{\"a\":1}", "{\"a\":1,\"c\":\"x\"}", "c: nothing and \"x\""},
		{"{\"a\":[1,2]}", "{\"a\":[1]}", "a[1]: 2 and nothing"},
		{"{\"a\":1}", "{\"a\":\"1\"}", "a: 1 and \"1\""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO(free) char *text = difference(rows[i].a, rows[i].b);

		CHECK(text != NULL);
		CHECK_STR(text, rows[i].want);
	}
	CHECK(difference("{\"a\":[1,null]}", "{\"a\":[1,null]}") == NULL);
}

TEST(no_corrupted_verdict_breaks_the_property_of_the_fuzz_target)
{
	replay_corpus("outcome", fuzz_outcome);
}

/* --- records ---------------------------------------------------------------------------------------- */

static char *data_path(const char *name)
{
	return xasprintf("%s/%s", getenv("KTSTR_TEST_DATA") ?: "tests/data", name);
}

TEST(a_record_of_schema_1_is_read_under_its_new_names)
{
	AUTO(free) char *path = data_path("fuzz/record/schema1.json");
	struct ktstr_error err = {0};
	json_t *record = NULL;
	const json_t *run, *stats;

	CHECK_EQ(record_load(path, &record, &err), 0);
	CHECK_EQ(record_number(record, "schema_version"), 2);
	CHECK_STR(record_text(record, "test_name"), "steady");
	CHECK_STR(record_text(record, "run_id"), "20261121-0");
	CHECK_STR(record_text(record, "kernel_version"), "6.18.15");
	CHECK_STR(record_text(record, "timestamp"), "2026-11-21T05:46:40Z");
	CHECK_STR(record_text(json_object_get(record, "host"), "kernel_release"), "6.1.0");
	CHECK_STR(record_text(record, "seed"), "7");
	CHECK_EQ(record_number(record, "cleanup_duration_ms"), 7);
	CHECK(json_is_false(json_object_get(record, "passed")));
	CHECK(json_is_false(json_object_get(record, "skipped")));
	CHECK(json_is_null(json_object_get(record, "template_key")));
	CHECK_EQ(json_array_size(json_object_get(record, "metrics")), 0);
	CHECK(!json_object_get(record, "test"));
	run = json_object_get(record, "run");
	CHECK(!json_object_get(run, "id"));
	stats = json_object_get(record, "stats");
	CHECK_EQ(record_number(stats, "total_migrations"), 4);
	CHECK_EQ(record_number(stats, "worst_gap_cpu"), 1);
	json_decref(record);
}

TEST(bytes_that_are_no_record_are_refused_in_words)
{
	static const struct {
		const char *text, *why;
		int code;
	} cases[] = {
		{"", "byte 0: ", -EBADMSG},
		{"[]", "it is no object", -EBADMSG},
		{"{}", "it has no schema_version", -EBADMSG},
		{"{\"schema_version\":0}", "it has no schema_version", -EBADMSG},
		{"{\"schema_version\":3}", "schema version 3, and this ktstr reads up to 2",
		 -EPROTONOSUPPORT},
		{"{\"schema_version\":1}", "it has no test_name", -EBADMSG},
		{"{\"schema_version\":2,\"test_name\":\"a\",\"outcome\":{},\"run\":{}}",
		 "its outcome has no state", -EBADMSG},
		{"{\"schema_version\":2,\"test_name\":\"a\",\"outcome\":{\"state\":\"x\"},\"run\":{}}",
		 "its outcome has no state", -EBADMSG},
		{"{\"schema_version\":2,\"test_name\":\"a\",\"outcome\":{\"state\":\"pass\"},\"run\":[]}",
		 "it has no run", -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ktstr_error err = {0};
		json_t *record = NULL;

		CHECK_EQ(record_parse(sv_of(cases[i].text), &record, &err), cases[i].code);
		CHECK_HAS(err.msg, cases[i].why);
		CHECK(!record);
	}
}

TEST(hostile_records_are_survived)
{
	replay_corpus("record", fuzz_record);
}

TEST(a_test_that_began_leaves_a_record_until_its_own_replaces_it)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(result_done) struct result result = {.identity = {.test = xstrdup("steady")}};
	struct ktstr_error err = {0};
	json_t *record = NULL;

	CHECK(mkdtemp(dir));
	result.run.dir = xstrdup(dir);
	CHECK_EQ(result_save_begun(&result, &err), 0);
	CHECK_EQ(record_load(dir, &record, &err), 0);
	CHECK_STR(record_state(record), "error");
	CHECK(json_is_true(json_object_get(json_object_get(record, "run"), "cut_short")));
	CHECK(json_is_false(json_object_get(record, "passed")));
	json_decref(record);
	CHECK_EQ(result_save_begun(&result, &err), -EEXIST);        /* it never replaces one */
	CHECK_EQ(result_save(&result, &err), 0);
	CHECK_EQ(record_load(dir, &record, &err), 0);
	CHECK_STR(record_state(record), "pass");
	CHECK(json_is_false(json_object_get(json_object_get(record, "run"), "cut_short")));
	json_decref(record);
	CHECK_EQ(tree_remove(dir, &err), 0);
}

TEST(a_kernels_version_is_the_number_in_its_release)
{
	static const char *const cases[][2] = {
		{"6.18.15+deb13-cloud-amd64", "6.18.15"}, {"6.15.0-rc3-00012-gabc", "6.15.0-rc3"},
		{"6.14", "6.14"}, {"6.14-x", "6.14"}, {"custom", NULL}, {NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *record = record_new();

		if (cases[i][0])
			json_object_set_new(record, "kernel_release", json_string(cases[i][0]));
		record_derive(record);
		if (cases[i][1])
			CHECK_STR(record_text(record, "kernel_version"), cases[i][1]);
		else
			CHECK(json_is_null(json_object_get(record, "kernel_version")));
		json_decref(record);
	}
}

/* SC-6 */
TEST(a_skip_is_passed_and_skipped)
{
	static const struct {
		enum ktstr_state state;
		bool passed, skipped;
	} cases[] = {
		{KTSTR_PASS, true, false},  {KTSTR_SKIP, true, true},   {KTSTR_INCONCLUSIVE, false, false},
		{KTSTR_FAIL, false, false}, {KTSTR_ERROR, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO(result_done) struct result result = {.outcome.state = cases[i].state};
		json_t *record = result_to_json(&result);

		CHECK_EQ(json_is_true(json_object_get(record, "passed")), cases[i].passed);
		CHECK_EQ(json_is_true(json_object_get(record, "skipped")), cases[i].skipped);
		json_decref(record);
	}
}

TEST(a_records_stats_are_the_totals_that_the_guest_sent)
{
	AUTO(result_done) struct result result = {0};
	json_t *record;
	const json_t *stats;

	CHECK_EQ(read_text(&result.outcome,
			   "{\"state\":\"pass\",\"cgroups\":[{\"name\":\"cg_0\",\"workers\":2,\"migrations\":4}],"
			   "\"totals\":{\"total_workers\":3,\"worst_wake_latency_cv\":0.5,"
			   "\"worst_page_locality\":0.75,\"worst_cross_node_migration_ratio\":0.25}}", NULL), 0);
	record = result_to_json(&result);
	stats = json_object_get(record, "stats");
	CHECK_EQ(record_number(stats, "total_workers"), 3);        /* and not what its cgroups add up to */
	CHECK(!json_object_get(stats, "total_migrations"));
	CHECK(json_equal(stats, json_object_get(json_object_get(json_object_get(record, "outcome"), "stats"),
						"totals")));
	json_decref(record);
}

TEST(a_record_repeats_what_payloads_measured_and_what_changed_when)
{
	AUTO(result_done) struct result result = {0};
	json_t *record;
	const json_t *metrics, *events;

	CHECK_EQ(read_text(&result.outcome,
			   "{\"state\":\"pass\",\"payloads\":[{\"payload_index\":0,\"payload\":\"fio\",\"exit_code\":0,"
			   "\"metrics\":[{\"name\":\"iops\",\"value\":1.5}]},{\"payload\":\"true\"}],"
			   "\"timeline\":[{\"name\":\"shrink\",\"step\":1,\"op_kinds\":[\"set_cpuset\"]}]}", NULL), 0);
	record = result_to_json(&result);
	metrics = json_object_get(record, "metrics");
	events = json_object_get(record, "stimulus_events");
	CHECK_EQ(json_array_size(metrics), 2);
	CHECK_STR(record_text(json_array_get(metrics, 0), "payload"), "fio");
	CHECK_EQ(json_array_size(json_object_get(json_array_get(metrics, 0), "metrics")), 1);
	CHECK_EQ(json_array_size(events), 1);
	CHECK_STR(record_text(json_array_get(events, 0), "name"), "shrink");
	CHECK_EQ(record_number(json_array_get(events, 0), "step"), 1);
	json_decref(record);
}

TEST(a_records_lists_are_empty_where_its_outcome_has_none)
{
	static const char *const outcomes[] = {
		"{\"state\":\"pass\"}", "{\"state\":\"pass\",\"stats\":null}",
		"{\"state\":\"pass\",\"stats\":{\"payloads\":null,\"timeline\":7}}",
		"{\"state\":\"pass\",\"stats\":{\"payloads\":{},\"timeline\":\"[]\",\"totals\":[]}}",
	};

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
		json_t *record = record_new();

		json_object_set_new(record, "outcome", json_loads(outcomes[i], 0, NULL));
		record_derive(record);
		CHECK(json_is_array(json_object_get(record, "metrics")));
		CHECK_EQ(json_array_size(json_object_get(record, "metrics")), 0);
		CHECK(json_is_array(json_object_get(record, "stimulus_events")));
		CHECK_EQ(json_array_size(json_object_get(record, "stimulus_events")), 0);
		CHECK(json_is_null(json_object_get(record, "stats")));
		json_decref(record);
	}
}

static json_t *stats_of(const char *cgroups)
{
	AUTO(free) char *text = xasprintf("{\"stats\":{\"cgroups\":%s}}", cgroups);
	json_t *outcome = json_loads(text, 0, NULL), *stats = scenario_stats(outcome);

	json_decref(outcome);
	return stats;
}

/* 2.8, merging: totals add up, worst_ is the largest, but iterations per worker the lowest non-zero. */
TEST(a_scenario_is_as_bad_as_its_worst_cgroup)
{
	json_t *stats = stats_of(
		"[{\"workers\":2,\"cpus\":1,\"migrations\":3,\"iterations\":30,\"spread_pct\":1.5,"
		"\"max_gap_ms\":7,\"max_gap_cpu\":5,\"wake_us_p99\":40,\"wake_us_median\":10},"
		"{\"workers\":4,\"cpus\":2,\"migrations\":1,\"iterations\":100,\"spread_pct\":0.5,"
		"\"max_gap_ms\":9,\"max_gap_cpu\":0,\"wake_us_p99\":20,\"wake_us_median\":0},"
		"{\"workers\":1,\"iterations\":0,\"migrations\":2}]");
	AUTO(free) char *text = json_dumps(stats, JSON_COMPACT | JSON_REAL_PRECISION(4));

	json_decref(stats);
	CHECK_STR(text, "{\"total_workers\":7,\"total_cpus\":3,\"total_migrations\":6,"
			"\"total_iterations\":130,\"worst_spread\":1.5,\"worst_gap_ms\":9.0,"
			"\"worst_migration_ratio\":0.1,\"worst_p99_wake_latency_us\":40.0,"
			"\"worst_median_wake_latency_us\":10.0,\"worst_wake_latency_tail_ratio\":4.0,"
			"\"worst_iterations_per_worker\":15.0,\"worst_gap_cpu\":0}");
}

TEST(what_the_cgroups_do_not_tell_is_absent)
{
	json_t *none = stats_of("[]"), *strange = stats_of("[7,{\"workers\":\"two\",\"cpus\":3}]");

	CHECK(json_is_null(none));
	CHECK_EQ(json_object_size(strange), 1);
	CHECK_EQ(record_number(strange, "total_cpus"), 3);
	json_decref(none);
	json_decref(strange);
}

RUN_TESTS();
