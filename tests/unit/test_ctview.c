/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules are those of shared/spec/2-capabilities.md 2.15, one by one. */
#include <fcntl.h>
#include <unistd.h>

#include "ctprof/ctprof.h"
#include "ctview/ctview.h"
#include "ctview/pattern.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_ctnames
#include "../fuzz/fuzz_ctnames.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ctseries
#include "../fuzz/fuzz_ctseries.c"
#undef LLVMFuzzerTestOneInput

TEST(names_and_globs_hold_their_property)
{
	replay_corpus("ctnames", fuzz_ctnames);
}

TEST(series_hold_their_property)
{
	replay_corpus("ctseries", fuzz_ctseries);
}

/* --- names ------------------------------------------------------------------------------------------- */

static char *pattern(enum ctview_names_kind kind, const char *name)
{
	struct buf out = {0};

	ctview_pattern(kind, sv_of(name), &out);
	return out.len ? buf_take(&out) : xstrdup("");
}

TEST(thread_names_become_patterns_by_the_first_rule_that_fits)
{
	static const struct {
		const char *name, *pattern;
	} table[] = {
		{"kworker", "kworker"},
		{"kworker/0:1", "kworker/{N}:{N}"},          /* all digits */
		{"kworker/u8:3-events", "kworker/u{N}:{N}-events"},      /* u is no hex digit: letters, digits */
		{"kworker/0:1H", "kworker/{N}:{N}H"},        /* digits, letters: H is no hex digit */
		{"pool-ff0", "pool-{H}"},                    /* hex with a digit */
		{"pool-a1", "pool-{H}"},                     /* before letters{N} */
		{"pool-1a", "pool-{H}"},                     /* before {N}letters */
		{"pool-cafe", "pool-cafe"},                  /* hex without a digit */
		{"pool-7", "pool-{N}"},                      /* all digits, before hex */
		{"pool-FF0", "pool-FF{N}"},                  /* hex is lower case */
		{"worker12", "worker{N}"},
		{"12worker", "{N}worker"},
		{"a1b2g3", "a1b2g3"},                        /* none */
		{"x1y", "x1y"},
		{"tokio-runtime-w", "tokio-runtime-w"},
		{"a.1_2 3@4+5[6]", "a.{N}_{N} {N}@{N}+{N}[{N}]"},        /* every separator */
		{"a\t1", "a\t{N}"},
		{"--1--", "--{N}--"},                        /* runs stay */
		{"", ""},
		{"1", "{N}"},
		{"\xc3\xa4" "1", "\xc3\xa4" "1"},            /* letters are ASCII's */
		{"getty@tty1.service", "getty@tty{N}.service"},          /* no cgroup */
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		AUTO(free) char *have = pattern(CTVIEW_THREAD_NAMES, table[i].name);

		CHECK_STR(have, table[i].pattern);
	}
}

TEST(cgroup_instances_come_before_tokens)
{
	static const struct {
		const char *name, *pattern;
	} table[] = {
		{"/s/getty@tty1.service", "/s/getty@{I}.service"},
		{"/s/user@1000.service/app.slice", "/s/user@{I}.service/app.slice"},
		{"/s/a@b-1.service", "/s/a@b-{N}.service"},             /* has a - */
		{"/s/a@b_1.service", "/s/a@b_{N}.service"},
		{"/s/a@1.2.service", "/s/a@{N}.{N}.service"},
		{"/s/a@x:1.service", "/s/a@{I}.service"},
		{"/s/a@x1.slice", "/s/a@x{N}.slice"},                   /* no service */
		{"/s/a@x1.services", "/s/a@x{N}.services"},
		{"/s/a@.service", "/s/a@.service"},
		{"/user.slice/user-1000.slice/session-3.scope", "/user.slice/user-{N}.slice/session-{N}.scope"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		AUTO(free) char *have = pattern(CTVIEW_CGROUP_NAMES, table[i].name);

		CHECK_STR(have, table[i].pattern);
	}
}

static void add_names(struct ctview_names *names, const char *const *list)
{
	for (; *list; list++)
		ctview_names_add(names, *list);
	ctview_names_resolve(names);
}

TEST(a_pattern_with_one_member_is_that_name)
{
	AUTO(ctview_names_done) struct ctview_names names = {.kind = CTVIEW_THREAD_NAMES};
	static const char *const list[] = {"eth0", "wlan0", "wlan1", "eth0", NULL};

	add_names(&names, list);
	CHECK_STR(ctview_names_called(&names, "eth0"), "eth0");
	CHECK_STR(ctview_names_called(&names, "wlan0"), "wlan{N}");
	CHECK_STR(ctview_names_called(&names, "wlan1"), "wlan{N}");
}

TEST(positions_that_all_cgroups_share_stay_literal)
{
	AUTO(ctview_names_done) struct ctview_names names = {.kind = CTVIEW_CGROUP_NAMES};
	static const char *const list[] = {"/user-1000/session-3", "/user-1000/session-4", "/lone-7",
					   "/a@x.service/1", "/a@x.service/2", NULL};

	add_names(&names, list);
	CHECK_STR(ctview_names_called(&names, "/user-1000/session-3"), "/user-1000/session-{N}");
	CHECK_STR(ctview_names_called(&names, "/lone-7"), "/lone-7");
	CHECK_STR(ctview_names_called(&names, "/a@x.service/2"), "/a@x.service/{N}");
}

TEST(literal_names_are_left_alone)
{
	AUTO(ctview_names_done) struct ctview_names names = {.literal = true};
	static const char *const list[] = {"w-1", "w-2", NULL};

	add_names(&names, list);
	CHECK_STR(ctview_names_called(&names, "w-2"), "w-2");
}

static char *flatten(const char *path, const char *first, const char *second)
{
	AUTO(strings_done) struct strings globs = {0};

	strings_push(&globs, xstrdup(first));
	if (second)
		strings_push(&globs, xstrdup(second));
	return ctview_flatten(path, &globs);
}

TEST(parts_of_paths_that_match_a_glob_become_it)
{
	static const struct {
		const char *path, *first, *second, *flat;
	} table[] = {
		{"/kubepods/pod-1/db", "/kubepods/pod-*", NULL, "/kubepods/pod-*/db"},
		{"/x/kubepods/pod-1", "/kubepods/pod-*", NULL, "/x/kubepods/pod-1"},        /* from the root */
		{"/k/pod-1/db", "pod-*", NULL, "/k/pod-*/db"},                              /* wherever */
		{"/pod-1/pod-2", "pod-?", NULL, "/pod-?/pod-?"},
		{"/a/b/c", "a/*", NULL, "/a/*/c"},
		{"/a/b/c", "a*c", NULL, "/a/b/c"},                                          /* within a part */
		{"/a/b/c", "[ab]/[bc]", NULL, "/[ab]/[bc]/c"},
		{"/a/1/b/2", "a/*", "b/*", "/a/*/b/*"},                                     /* in turn */
		{"/a", "/a/b", NULL, "/a"},
		{"/", "*", NULL, "/"},
		{"", "*", NULL, ""},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		AUTO(free) char *have = flatten(table[i].path, table[i].first, table[i].second);

		CHECK_STR(have, table[i].flat);
	}
}

TEST(globs_that_cannot_match_are_refused)
{
	struct ktstr_error err = {0};

	CHECK_EQ(ctview_flatten_check("//", &err), -EINVAL);
	CHECK_STR(err.msg, "glob \"//\" has nothing between its slashes");
	CHECK_EQ(ctview_flatten_check("", NULL), -EINVAL);
	CHECK_EQ(ctview_flatten_check("*a*b*c*d*", NULL), -EINVAL);
	CHECK_EQ(ctview_flatten_check("/a/*", NULL), 0);
}

/* --- cells ------------------------------------------------------------------------------------------- */

#define CELL(metric_, ...)                                                                         \
	({                                                                                         \
		const struct ctprof_thread threads_[] = {__VA_ARGS__};                             \
		cell_of(metric_, threads_, sizeof(threads_) / sizeof(*threads_), &words);          \
	})

static struct ctview_cell cell_of(const char *metric, const struct ctprof_thread *threads, size_t count,
				  struct strings *words)
{
	const struct ctprof_thread *ref[8];

	CHECK(count <= 8);
	for (size_t i = 0; i < count; i++)
		ref[i] = &threads[i];
	return ctview_aggregate(ctprof_metric_find(sv_of(metric)), ref, count, words);
}

static char *format(const struct ctview_cell *cell, enum ctview_unit unit)
{
	struct buf out = {0};

	ctview_cell_format(cell, unit, &out);
	return buf_take(&out);
}

TEST(sums_add_up_and_stop_at_the_top)
{
	AUTO(strings_done) struct strings words = {0};
	struct ctview_cell cell = CELL("run_time_ns", {.run_time_ns = 5}, {.run_time_ns = 7});

	CHECK_EQ(cell.kind, CTVIEW_WHOLE);
	CHECK_EQ(cell.low, 12);
	cell = CELL("run_time_ns", {.run_time_ns = UINT64_MAX}, {.run_time_ns = 7});
	CHECK_EQ(cell.low, INT64_MAX);
	cell = CELL("thread_count", {0}, {0}, {0});
	CHECK_EQ(cell.low, 3);
	cell = ctview_aggregate(ctprof_metric_find(sv_of("run_time_ns")), NULL, 0, &words);
	CHECK_EQ(cell.kind, CTVIEW_ABSENT);
}

TEST(maxima_do_not_add_up)
{
	static const char *const maxima[] = {
		"wait_max", "sleep_max", "block_max", "exec_max", "slice_max", "fair_slice_ns", "nr_threads",
		"cpu_delay_max_ns", "cpu_delay_min_ns", "irq_delay_max_ns", "hiwater_rss_bytes", "hiwater_vm_bytes",
	};
	AUTO(strings_done) struct strings words = {0};
	struct ctview_cell cell = CELL("wait_max", {.wait_max = 5}, {.wait_max = 9}, {.wait_max = 7});

	CHECK_EQ(cell.low, 9);
	for (size_t i = 0; i < sizeof(maxima) / sizeof(*maxima); i++)
		CHECK_EQ(ctprof_metric_find(sv_of(maxima[i]))->aggregate, CTPROF_MAX);
}

TEST(ranges_keep_both_ends_and_differ_by_their_middles)
{
	AUTO(strings_done) struct strings words = {0};
	struct ctview_cell a = CELL("nice", {.nice = -5}, {.nice = 0});
	struct ctview_cell b = CELL("nice", {.nice = 10}, {.nice = 10});
	struct ctview_delta delta = ctview_cell_delta(&a, &b);
	AUTO(free) char *first = format(&a, CTVIEW_UNIT_NONE);
	AUTO(free) char *second = format(&b, CTVIEW_UNIT_NONE);
	AUTO(buf_done) struct buf text = {0};

	CHECK_STR(first, "-5..0");
	CHECK_STR(second, "10");
	CHECK_EQ(delta.kind, CTVIEW_DELTA_NUMBER);
	CHECK(delta.value == 12.5);
	CHECK(delta.percent == 500);        /* of |-2.5| */
	ctview_delta_format(&delta, CTVIEW_UNIT_NONE, &text);
	CHECK_STR(buf_text(&text), "+12.5");
	CHECK_EQ(CELL("processor", {.processor = 3}, {.processor = 1}).low, 1);
	CHECK_EQ(CELL("priority", {.priority = -2}, {.priority = 20}).kind, CTVIEW_RANGE);
	CHECK_EQ(CELL("rt_priority", {.rt_priority = 1}).kind, CTVIEW_RANGE);
}

TEST(modes_are_the_most_frequent_and_ties_the_first_by_name)
{
	AUTO(strings_done) struct strings words = {0};

	CHECK_STR(CELL("policy", {.policy = 1}, {.policy = 0}, {.policy = 1}).word, "SCHED_FIFO");
	/* SCHED_OTHER (0), SCHED_BATCH (3) */
	CHECK_STR(CELL("policy", {.policy = 0}, {.policy = 3}).word, "SCHED_BATCH");
	CHECK_STR(CELL("policy", {.policy = 3}, {.policy = 0}).word, "SCHED_BATCH");
	CHECK_STR(CELL("state", {.state = 'S'}, {.state = 'R'}, {.state = 'S'}).word, "S");
	CHECK_STR(CELL("state", {.state = 'S'}, {.state = 'R'}).word, "R");
	CHECK_STR(CELL("state", {.state = 0}).word, "?");
	CHECK_STR(CELL("ext_enabled", {.ext_enabled = true}, {0}, {.ext_enabled = true}).word, "yes");
	CHECK_STR(CELL("ext_enabled", {.ext_enabled = true}, {0}).word, "no");
}

TEST(affinities_are_one_set_or_mixed)
{
	AUTO(strings_done) struct strings words = {0};
	struct ctprof_thread two = {.cpu_affinity.word[0] = 0x3}, three = {.cpu_affinity.word[0] = 0x83};
	struct ctprof_thread other = {.cpu_affinity.word[0] = 0xc}, none = {0};
	struct ctview_cell uniform = CELL("cpu_affinity", two, two), mixed = CELL("cpu_affinity", two, three);
	struct ctview_delta delta = ctview_cell_delta(&uniform, &mixed);

	CHECK_STR(uniform.word, "0-1");
	CHECK_STR(mixed.word, "mixed (2-3 CPUs)");
	CHECK_STR(CELL("cpu_affinity", two, other).word, "mixed (2 CPUs)");
	CHECK_EQ(CELL("cpu_affinity", none).kind, CTVIEW_ABSENT);
	CHECK_EQ(delta.kind, CTVIEW_DELTA_DIFFERS);
	CHECK(!delta.has_percent);
	delta = ctview_cell_delta(&uniform, &uniform);
	CHECK_EQ(delta.kind, CTVIEW_DELTA_SAME);
}

TEST(cells_step_up_at_the_next_unit)
{
	static const struct {
		double value;
		enum ctview_unit unit;
		const char *text;
	} table[] = {
		{0, CTVIEW_UNIT_NS, "0ns"},
		{999, CTVIEW_UNIT_NS, "999ns"},
		{1000, CTVIEW_UNIT_NS, "1.000µs"},
		{1500000, CTVIEW_UNIT_NS, "1.500ms"},
		{1e9, CTVIEW_UNIT_NS, "1.000s"},
		{3600e9, CTVIEW_UNIT_NS, "3600.000s"},
		{999, CTVIEW_UNIT_US, "999µs"},
		{1000, CTVIEW_UNIT_US, "1.000ms"},
		{2.5e6, CTVIEW_UNIT_US, "2.500s"},
		{1023, CTVIEW_UNIT_BYTES, "1023B"},
		{1024, CTVIEW_UNIT_BYTES, "1.000KiB"},
		{3 << 20, CTVIEW_UNIT_BYTES, "3.000MiB"},
		{1ull << 30, CTVIEW_UNIT_BYTES, "1.000GiB"},
		{1ull << 40, CTVIEW_UNIT_BYTES, "1.000TiB"},
		{0x1p50, CTVIEW_UNIT_BYTES, "1024.000TiB"},
		{999, CTVIEW_UNIT_TICKS, "999ticks"},
		{1000, CTVIEW_UNIT_TICKS, "1.000Kticks"},
		{2e6, CTVIEW_UNIT_TICKS, "2.000Mticks"},
		{999, CTVIEW_UNIT_COUNT, "999"},
		{1234, CTVIEW_UNIT_COUNT, "1.234K"},
		{1e6, CTVIEW_UNIT_COUNT, "1.000M"},
		{5e9, CTVIEW_UNIT_COUNT, "5.000G"},
		{5e12, CTVIEW_UNIT_COUNT, "5000.000G"},
		{123456, CTVIEW_UNIT_NONE, "123456"},
		{0.5, CTVIEW_UNIT_RATIO, "0.500"},
		{1.25, CTVIEW_UNIT_RATIO, "1.250"},
		{1234, CTVIEW_UNIT_CENTI, "12.34%"},
		{-1500, CTVIEW_UNIT_NS, "-1.500µs"},
		{-999, CTVIEW_UNIT_BYTES, "-999B"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		AUTO(buf_done) struct buf text = {0}, signed_text = {0}, want = {0};

		ctview_number_format(table[i].value, table[i].unit, false, &text);
		CHECK_STR(buf_text(&text), table[i].text);
		ctview_number_format(table[i].value, table[i].unit, true, &signed_text);
		buf_printf(&want, "%s%s", table[i].value > 0 ? "+" : "", table[i].text);
		CHECK_STR(buf_text(&signed_text), buf_text(&want));
	}
}

TEST(deltas_of_large_sums_are_exact)
{
	const struct ctview_cell a = {.kind = CTVIEW_WHOLE, .low = (1ll << 60) + 1};
	const struct ctview_cell b = {.kind = CTVIEW_WHOLE, .low = (1ll << 60) + 4};
	const struct ctview_cell zero = {.kind = CTVIEW_WHOLE}, absent = {0};
	struct ctview_delta delta = ctview_cell_delta(&a, &b);

	CHECK(delta.value == 3);
	delta = ctview_cell_delta(&zero, &b);
	CHECK_EQ(delta.kind, CTVIEW_DELTA_NUMBER);
	CHECK(!delta.has_percent);
	delta = ctview_cell_delta(&absent, &b);
	CHECK_EQ(delta.kind, CTVIEW_DELTA_NONE);
	CHECK(ctview_cell_is_zero(&zero) && ctview_cell_is_zero(&absent) && !ctview_cell_is_zero(&a));
}

/* --- derived ----------------------------------------------------------------------------------------- */

static char *derive(const char *name, const struct ctprof_thread *thread)
{
	AUTO(strings_done) struct strings words = {0};
	AUTO(free) struct ctview_cell *cells = xcalloc(ctprof_metric_count, sizeof(*cells));
	const struct ctview_derived *derived = ctview_derived_find(sv_of(name));
	struct ctview_cell cell;

	CHECK(derived);
	for (size_t i = 0; i < ctprof_metric_count; i++)
		cells[i] = ctview_aggregate(&ctprof_metrics[i], &thread, 1, &words);
	cell = ctview_derive(derived, cells);
	return format(&cell, derived->unit);
}

TEST(derived_metrics_follow_their_formulas)
{
	const struct ctprof_thread thread = {
		.nr_wakeups_affine = 3, .nr_wakeups_affine_attempts = 4, .wait_sum = 9000, .wait_count = 3,
		.run_time_ns = 750, .wait_time_ns = 250, .timeslices = 5, .nonvoluntary_csw = 1, .voluntary_csw = 3,
		.read_bytes = 1, .rchar = 8, .allocated_bytes = 1024, .deallocated_bytes = 3072,
		.iowait_sum = 100, .iowait_count = 3,
		.delay = {
			[CTPROF_DELAY_CPU] = {.count = 2, .total_ns = 200},
			[CTPROF_DELAY_BLKIO] = {.count = 4, .total_ns = 40},
			[CTPROF_DELAY_SWAPIN] = {.count = 1, .total_ns = 7},
			[CTPROF_DELAY_FREEPAGES] = {.count = 1, .total_ns = 1},
			[CTPROF_DELAY_THRASHING] = {.count = 1, .total_ns = 9},
			[CTPROF_DELAY_COMPACT] = {.count = 1, .total_ns = 2},
			[CTPROF_DELAY_WPCOPY] = {.count = 1, .total_ns = 3},
			[CTPROF_DELAY_IRQ] = {.count = 1, .total_ns = 4},
		},
	};
	static const struct {
		const char *name, *value;
	} table[] = {
		{"affine_success_ratio", "0.750"},
		{"avg_wait_ns", "3.000µs"},
		{"cpu_efficiency", "0.750"},
		{"avg_slice_ns", "150ns"},
		{"involuntary_csw_ratio", "0.250"},
		{"disk_io_fraction", "0.125"},
		{"live_heap_estimate", "-2.000KiB"},
		{"avg_iowait_ns", "33ns"},
		{"avg_cpu_delay_ns", "100ns"},
		{"avg_blkio_delay_ns", "10ns"},
		{"avg_swapin_delay_ns", "7ns"},
		{"avg_freepages_delay_ns", "1ns"},
		{"avg_thrashing_delay_ns", "9ns"},
		{"avg_compact_delay_ns", "2ns"},
		{"avg_wpcopy_delay_ns", "3ns"},
		{"avg_irq_delay_ns", "4ns"},
		{"total_offcpu_delay_ns", "259ns"},          /* 200 + 40 + 1 + 2 + 3 + 4 + max(7, 9) */
	};
	const struct ctprof_thread empty = {0};

	CHECK_EQ(sizeof(table) / sizeof(*table), ctview_derived_count);
	for (size_t i = 0; i < ctview_derived_count; i++) {
		AUTO(free) char *have = derive(table[i].name, &thread);
		AUTO(free) char *none = derive(table[i].name, &empty);

		CHECK_STR(ctview_deriveds[i].name, table[i].name);
		CHECK_STR(have, table[i].value);
		CHECK_STR(none, "-");
	}
}

/* --- views ------------------------------------------------------------------------------------------- */

struct fake {
	const char *pcomm, *comm, *cgroup;
	uint64_t run_time_ns, allocated_bytes;
};

static void fill(struct ctprof_snapshot *snapshot, const struct fake *fakes, size_t count)
{
	*snapshot = (struct ctprof_snapshot){.captured_at_unix_ns = 1};
	for (size_t i = 0; i < count; i++) {
		struct ctprof_thread thread = {
			.tid = (uint32_t)i + 1, .tgid = (uint32_t)i + 1, .run_time_ns = fakes[i].run_time_ns,
			.allocated_bytes = fakes[i].allocated_bytes, .start_time_clock_ticks = 100 * (i + 1),
			.cgroup = ctprof_snapshot_name(snapshot, sv_of(fakes[i].cgroup ?: "/")),
		};

		(void)snprintf(thread.pcomm, sizeof(thread.pcomm), "%s", fakes[i].pcomm);
		(void)snprintf(thread.comm, sizeof(thread.comm), "%s", fakes[i].comm ?: fakes[i].pcomm);
		ctprof_threads_push(&snapshot->threads, thread);
	}
}

#define FILL(snapshot, ...)                                                                        \
	do {                                                                                       \
		const struct fake fakes_[] = {__VA_ARGS__};                                        \
		fill(snapshot, fakes_, sizeof(fakes_) / sizeof(*fakes_));                          \
	} while (0)

/* "group=value group=value" of one metric, in the order of the rows. */
static char *summary(const struct ctview_config *config, const struct ctprof_snapshot *a,
		     const struct ctprof_snapshot *b, const char *metric)
{
	AUTO(ctview_done) struct ctview view = {0};
	struct buf out = {0};

	ctview_build(config, a, b, &view);
	vec_each(row, &view.rows) {
		if (strcmp(row->metric, metric) != 0)
			continue;
		buf_printf(&out, "%s%s=", out.len ? " " : "", view.groups.at[row->group].name);
		if (b)
			ctview_delta_format(&row->delta, CTVIEW_UNIT_NONE, &out);
		else
			ctview_cell_raw(&row->side[0], &out);
	}
	return out.len ? buf_take(&out) : xstrdup("");
}

#define CHECK_SUMMARY(config, a, b, metric, want)                                                  \
	do {                                                                                       \
		AUTO(free) char *have_summary_ = summary(config, a, b, metric);                    \
		CHECK_STR(have_summary_, want);                                                    \
	} while (0)

TEST(threads_are_grouped_by_what_is_asked_for)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM};

	FILL(&snapshot, {"db", "io-1", "/k/pod-1", 1, 0}, {"db", "io-2", "/k/pod-2", 2, 0},
	     {"web", "io-1", "/k/pod-2", 4, 0});
	CHECK_SUMMARY(&config, &snapshot, NULL, "run_time_ns", "web=4 db=3");
	config.group_by = CTVIEW_BY_COMM;
	CHECK_SUMMARY(&config, &snapshot, NULL, "run_time_ns", "io-{N}=7");
	config.group_by = CTVIEW_BY_COMM_EXACT;
	CHECK_SUMMARY(&config, &snapshot, NULL, "run_time_ns", "io-1=5 io-2=2");
	config.group_by = CTVIEW_BY_CGROUP;
	CHECK_SUMMARY(&config, &snapshot, NULL, "run_time_ns", "/k/pod-{N}=7");
	config.no_cg_normalize = true;
	CHECK_SUMMARY(&config, &snapshot, NULL, "run_time_ns", "/k/pod-2=6 /k/pod-1=1");
	config.group_by = CTVIEW_BY_ALL;
	config.no_cg_normalize = false;
	CHECK_SUMMARY(&config, &snapshot, NULL, "run_time_ns",
		      "web | io-{N} | /k/pod-{N}=4 db | io-{N} | /k/pod-{N}=3");
	config.no_thread_normalize = true;
	config.group_by = CTVIEW_BY_COMM;
	CHECK_SUMMARY(&config, &snapshot, NULL, "run_time_ns", "io-1=5 io-2=2");
}

TEST(cgroups_are_flattened_before_they_are_grouped)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	AUTO(ctview_config_done) struct ctview_config config = {.group_by = CTVIEW_BY_CGROUP};

	FILL(&a, {"db", NULL, "/k/blue/x", 1, 0});
	FILL(&b, {"db", NULL, "/k/green/x", 3, 0});
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "");
	strings_push(&config.flatten, xstrdup("/k/*"));
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "/k/*/x=+2");
}

TEST(one_member_on_each_side_is_still_a_pattern)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM};

	FILL(&a, {"kworker/0:1", NULL, NULL, 1, 0}, {"eth0", NULL, NULL, 2, 0});
	FILL(&b, {"kworker/1:2", NULL, NULL, 4, 0}, {"eth0", NULL, NULL, 3, 0});
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "kworker/{N}:{N}=+3 eth0=+1");
}

TEST(a_kernel_worker_is_called_by_its_later_name_on_both_sides)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0}, other = {0};
	struct ctview_config config = {.group_by = CTVIEW_BY_COMM, .keep_silent = true};

	/* tids are the places in the list */
	FILL(&a, {"kworker/u8:1-flush", NULL, NULL, 900, 0}, {"kworker/u8:2-events", NULL, NULL, 5, 0},
	     {"kworker/0:1+mm", NULL, NULL, 70, 0}, {"shell", NULL, NULL, 1, 0}, {"kworker/R-a", NULL, NULL, 3, 0});
	FILL(&b, {"kworker/u8:1-events", NULL, NULL, 902, 0}, {"kworker/u8:2-events", NULL, NULL, 5, 0},
	     {"kworker/0:1-mm", NULL, NULL, 71, 0}, {"tool", NULL, NULL, 2, 0}, {"kworker/R-b", NULL, NULL, 4, 0});
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "kworker/0:1-mm=+1 kworker/u{N}:{N}-events=+2");
	config.group_by = CTVIEW_BY_PCOMM;
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "kworker/0:1-mm=+1 kworker/u{N}:{N}-events=+2");
	/* names as they are, where that is asked for */
	config.no_thread_normalize = true;
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "kworker/u8:2-events=0");
	config.no_thread_normalize = false;
	config.group_by = CTVIEW_BY_COMM_EXACT;
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "kworker/u8:2-events=0");
	/* another worker under the same tid, of another pool or born later, is another */
	config.group_by = CTVIEW_BY_COMM;
	FILL(&other, {"kworker/u9:1-events", NULL, NULL, 7, 0}, {"kworker/u8:2-flush", NULL, NULL, 8, 0});
	other.threads.at[1].start_time_clock_ticks++;
	CHECK_SUMMARY(&config, &a, &other, "run_time_ns", "kworker/u{N}:{N}-flush=-892 kworker/u{N}:{N}-events=+2");
}

TEST(groups_of_one_side_are_listed_apart)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	AUTO(ctview_done) struct ctview view = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM, .keep_silent = true};

	FILL(&a, {"old", NULL, NULL, 9, 0}, {"both", NULL, NULL, 1, 0});
	FILL(&b, {"both", NULL, NULL, 2, 0}, {"small", NULL, NULL, 1, 0}, {"big", NULL, NULL, 7, 0},
	     {"big", NULL, NULL, 1, 0});
	ctview_build(&config, &a, &b, &view);
	vec_each(row, &view.rows) {
		const char *name = view.groups.at[row->group].name;

		CHECK(strcmp(name, "both") == 0 || strcmp(name, "host") == 0);
	}
	CHECK_EQ(view.only[0].len, 1);
	CHECK_STR(view.only[0].at[0].name, "old");
	CHECK_EQ(view.only[1].len, 2);
	CHECK_STR(view.only[1].at[0].name, "big");
	CHECK_EQ(view.only[1].at[0].threads[1], 2);
	CHECK_EQ(view.only[1].at[0].run_time_ns[1], 8);
	CHECK_STR(view.only[1].at[1].name, "small");
}

TEST(the_greatest_relative_change_comes_first)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM, .keep_silent = true};

	FILL(&a, {"still", NULL, NULL, 5, 0}, {"half", NULL, NULL, 1000, 0}, {"ten", NULL, NULL, 1, 0},
	     {"new", NULL, NULL, 0, 0}, {"gone", NULL, NULL, 10, 0}, {"fresh", NULL, NULL, 0, 0});
	FILL(&b, {"still", NULL, NULL, 5, 0}, {"half", NULL, NULL, 500, 0}, {"ten", NULL, NULL, 11, 0},
	     {"new", NULL, NULL, 900, 0}, {"gone", NULL, NULL, 0, 0}, {"fresh", NULL, NULL, 50000000, 0});
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "fresh=+50000000 ten=+10 gone=-10 half=-500 new=+900 still=0");
	config.keep_silent = false;
	CHECK_SUMMARY(&config, &a, &b, "run_time_ns", "fresh=+50000000 ten=+10 gone=-10 half=-500 new=+900");
}

TEST(another_cpu_is_no_greater_change_than_more_work)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	AUTO(ctview_done) struct ctview view = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM};

	FILL(&a, {"moves", NULL, NULL, 5, 0}, {"works", NULL, NULL, 100, 0});
	FILL(&b, {"moves", NULL, NULL, 5, 0}, {"works", NULL, NULL, 101, 0});
	a.threads.at[0].processor = 1;
	b.threads.at[0].processor = 63;
	ctview_build(&config, &a, &b, &view);
	CHECK_EQ(view.rows.len, 2);
	CHECK_STR(view.rows.at[0].metric, "run_time_ns");
	CHECK_STR(view.rows.at[1].metric, "processor");
	CHECK_EQ((int64_t)view.rows.at[1].delta.percent, 6200);
}

static void sort_by(struct ctview_config *config, const char *list)
{
	ctview_sorts_done(&config->sort);
	CHECK_EQ(ctview_parse_sort(list, &config->sort, NULL), 0);
}

TEST(groups_are_sorted_by_metrics)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	AUTO(ctview_config_done) struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM};

	FILL(&a, {"x", NULL, NULL, 1, 10}, {"y", NULL, NULL, 2, 10}, {"z", NULL, NULL, 3, 5});
	FILL(&b, {"x", NULL, NULL, 9, 40}, {"y", NULL, NULL, 2, 40}, {"z", NULL, NULL, 5, 5});
	sort_by(&config, "allocated_bytes");
	CHECK_SUMMARY(&config, &a, NULL, "run_time_ns", "x=1 y=2 z=3");
	sort_by(&config, "allocated_bytes,run_time_ns");
	CHECK_SUMMARY(&config, &a, NULL, "run_time_ns", "y=2 x=1 z=3");
	sort_by(&config, "allocated_bytes:asc,run_time_ns:desc");
	CHECK_SUMMARY(&config, &a, NULL, "run_time_ns", "z=3 y=2 x=1");
	/* compared: by the change */
	sort_by(&config, "allocated_bytes,run_time_ns:asc");
	CHECK_SUMMARY(&config, &a, &b, "allocated_bytes", "y=+30 x=+30 z=0");
	/* one without the metric is the last in either direction */
	sort_by(&config, "avg_slice_ns:asc");
	CHECK_SUMMARY(&config, &a, NULL, "run_time_ns", "x=1 y=2 z=3");
}

TEST(a_group_keeps_the_order_of_the_registry)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	AUTO(ctview_done) struct ctview view = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM, .keep_silent = true,
					     .sections = 1u << CTVIEW_PRIMARY};

	FILL(&a, {"x", NULL, NULL, 1, 10});
	ctview_build(&config, &a, NULL, &view);
	CHECK_STR(view.rows.at[0].metric, "thread_count");
	CHECK_STR(view.rows.at[1].metric, "policy");
	for (size_t i = 0; i < view.rows.len; i++) {
		CHECK_STR(view.rows.at[i].metric, ctprof_metrics[i].name);
		CHECK_EQ(view.rows.at[i].section, CTVIEW_PRIMARY);
	}
}

TEST(metrics_sections_and_limits_leave_out_rows)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	AUTO(ctview_config_done) struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM, .limit = 2};
	AUTO(ctview_done) struct ctview view = {0};

	FILL(&a, {"x", NULL, NULL, 1, 0}, {"y", NULL, NULL, 2, 0}, {"z", NULL, NULL, 3, 0});
	CHECK_EQ(ctview_parse_metrics("run_time_ns,allocated_bytes", &config.metrics, NULL), 0);
	ctview_build(&config, &a, NULL, &view);
	CHECK_EQ(view.rows.len, 2);        /* z's, named, so shown though one is 0 */
	CHECK_STR(view.rows.at[1].metric, "allocated_bytes");
	CHECK_EQ(view.over[CTVIEW_PRIMARY], 4);
	CHECK_EQ(view.silent[CTVIEW_PRIMARY], 0);
	ctview_done(&view);
	config.sections = 1u << CTVIEW_DERIVED;
	ctview_build(&config, &a, NULL, &view);
	CHECK_EQ(view.rows.len, 0);
}

TEST(a_group_is_as_old_as_its_oldest_thread)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	AUTO(ctview_done) struct ctview view = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM};
	AUTO(buf_done) struct buf text = {0};

	FILL(&a, {"x", NULL, NULL, 9, 0}, {"x", NULL, NULL, 9, 0}, {"y", NULL, NULL, 1, 0});
	ctview_build(&config, &a, NULL, &view);
	CHECK_EQ(view.groups.at[0].uptime_ticks, 200);        /* 300, the newest, less 100 */
	CHECK_EQ(view.groups.at[1].uptime_ticks, 0);
	ctview_uptime_format(1234, &text);
	buf_char(&text, ' ');
	ctview_uptime_format(30700, &text);
	buf_char(&text, ' ');
	ctview_uptime_format(100 * 10920, &text);
	buf_char(&text, ' ');
	ctview_uptime_format(100 * (4 * 86400 + 3600), &text);
	CHECK_STR(buf_text(&text), "12.34s 5m07s 3h02m 4d01h");
}

TEST(hostile_names_cannot_steer_a_terminal)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM};

	FILL(&a, {"\033[2Ja\nb", NULL, NULL, 1, 0});
	CHECK_SUMMARY(&config, &a, NULL, "run_time_ns", "?[2Ja?b=1");
}

TEST(changes_are_what_the_same_threads_did)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0}, changes = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM, .keep_silent = true};

	FILL(&a, {"x", NULL, NULL, 10, 0}, {"ended", NULL, NULL, 99, 0}, {"tid", NULL, NULL, 50, 0});
	FILL(&b, {"x", NULL, NULL, 17, 0}, {"x", NULL, NULL, 3, 0}, {"tid", NULL, NULL, 5, 0});
	/* tid 2 is another thread now: it began later */
	b.threads.at[1].start_time_clock_ticks = 999;
	b.threads.at[0].nice = 4;
	a.threads.at[0].nice = 3;
	ctview_changes(&a, &b, &changes);
	CHECK_SUMMARY(&config, &changes, NULL, "run_time_ns", "x=10 tid=0");        /* 7 + 3; never below 0 */
	CHECK_SUMMARY(&config, &changes, NULL, "nice", "x=0..4 tid=0");
}

static struct ctprof_cgroup fake_cgroup(struct ctprof_snapshot *snapshot, const char *path)
{
	return (struct ctprof_cgroup){
		.path = ctprof_snapshot_name(snapshot, sv_of(path)),
		.cpu = {.usage_usec = 10, .weight_nice = {true, (uint64_t)-1}, .max_period_us = 100000},
		.memory = {.current = 4096, .max = {true, 8192}, .high = {true, UINT64_MAX}},
		.psi.resource[CTPROF_PSI_IO].some = {.avg10 = 300, .total_usec = 7},
	};
}

TEST(cgroups_of_one_name_are_joined_by_what_their_files_mean)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	const struct ctview_config config = {.keep_silent = true};
	struct ctprof_cgroup first = fake_cgroup(&a, "/pod-1"), second = fake_cgroup(&a, "/pod-2");

	second.memory.max.value = 16384;
	second.memory.high.value = 5;
	second.psi.resource[CTPROF_PSI_IO].some = (struct ctprof_psi_line){.avg10 = 200, .total_usec = 5};
	ctprof_cgroups_push(&a.cgroups, first);
	ctprof_cgroups_push(&a.cgroups, second);
	CHECK_SUMMARY(&config, &a, NULL, "cpu.usage_usec", "/pod-{N}=20");
	CHECK_SUMMARY(&config, &a, NULL, "memory.current", "/pod-{N}=8192");
	CHECK_SUMMARY(&config, &a, NULL, "memory.max", "/pod-{N}=8192..16384");
	CHECK_SUMMARY(&config, &a, NULL, "memory.high", "/pod-{N}=mixed");
	CHECK_SUMMARY(&config, &a, NULL, "cpu.weight_nice", "/pod-{N}=-1");
	CHECK_SUMMARY(&config, &a, NULL, "cpu.max_quota_us", "/pod-{N}=");
	CHECK_SUMMARY(&config, &a, NULL, "cpu.max_period_us", "/pod-{N}=");
	CHECK_SUMMARY(&config, &a, NULL, "psi.io.some.avg10", "/pod-{N}=300 host=0");
	CHECK_SUMMARY(&config, &a, NULL, "psi.io.some.total_usec", "/pod-{N}=12 host=0");
	a.cgroups.at[1].memory.high.value = UINT64_MAX;
	CHECK_SUMMARY(&config, &a, NULL, "memory.high", "/pod-{N}=max");
}

TEST(csv_quotes_what_it_must)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	AUTO(ctview_done) struct ctview view = {0};
	AUTO(buf_done) struct buf csv = {0};
	AUTO(ctview_config_done) struct ctview_config config = {
		.group_by = CTVIEW_BY_PCOMM, .columns = 1u << CTVIEW_GROUP | 1u << CTVIEW_VALUE,
	};

	FILL(&a, {"a \"b\", c", NULL, NULL, 1, 0});
	CHECK_EQ(ctview_parse_metrics("run_time_ns", &config.metrics, NULL), 0);
	ctview_build(&config, &a, NULL, &view);
	ctview_print_csv(&view, &config, &csv);
	CHECK_STR(buf_text(&csv), "section,group,value\nprimary,\"a \"\"b\"\", c\",1\n");
}

/* --- words ------------------------------------------------------------------------------------------- */

TEST(words_that_name_nothing_are_refused_with_what_there_is)
{
	struct ktstr_error err = {0};
	AUTO(strings_done) struct strings metrics = {0};
	AUTO(ctview_sorts_done) struct ctview_sorts sorts = {0};
	enum ctview_group_by group_by;
	unsigned bits;

	CHECK_EQ(ctview_parse_group_by("comm-exact", &group_by, NULL), 0);
	CHECK_EQ(group_by, CTVIEW_BY_COMM_EXACT);
	CHECK_EQ(ctview_parse_group_by("tid", &group_by, &err), -EINVAL);
	CHECK_STR(err.msg, "no grouping \"tid\"; there are all, pcomm, cgroup, comm, comm-exact");
	CHECK_EQ(ctview_parse_sections("primary,sched-ext", &bits, NULL), 0);
	CHECK_EQ(bits, 1u << CTVIEW_PRIMARY | 1u << CTVIEW_SCHED_EXT);
	CHECK_EQ(ctview_parse_sections("primary,", &bits, &err), -EINVAL);
	CHECK_EQ(ctview_parse_columns("group,%", &bits, NULL), 0);
	CHECK_EQ(ctview_parse_columns("grop", &bits, &err), -EINVAL);
	CHECK_HAS(err.msg, "no column \"grop\"; there are group, threads, metric, value, baseline, candidate, delta, %");
	CHECK_EQ(ctview_parse_metrics("run_time_ns,cpu_efficiency,cpu.usage_usec,memory.stat.anon,psi.io.full.avg60",
				      &metrics, NULL), 0);
	CHECK_EQ(ctview_parse_metrics("run_time", &metrics, &err), -EINVAL);
	CHECK_STR(err.msg, "no metric \"run_time\"; `ktstr ctprof metric-list` names them");
	CHECK_EQ(ctview_parse_metrics("psi.cpu.all.avg10", &metrics, NULL), -EINVAL);
	CHECK_EQ(ctview_parse_sort("run_time_ns:up", &sorts, &err), -EINVAL);
	CHECK_STR(err.msg, "order \"up\" of run_time_ns is neither asc nor desc");
}

/* --- tables ------------------------------------------------------------------------------------------ */

TEST(names_are_shortened_in_the_middle)
{
	static const char *const by_width[] = {"", "…", "…z", "a…z", "a…yz", "aµ…yz", "aµ…xyz", "aµcwxyz"};

	for (size_t width = 0; width < sizeof(by_width) / sizeof(*by_width); width++) {
		AUTO(buf_done) struct buf out = {0};

		text_shorten("aµcwxyz", width, &out);
		CHECK_STR(buf_text(&out), by_width[width]);
	}
}

static void check_width(const char *text, size_t width)
{
	struct sv rest = sv_of(text), line;

	while (sv_line(&rest, &line)) {
		AUTO(free) char *copy = xstrndup(line.data, line.len);

		if (text_width(copy) > width)
			fail_msg("\"%s\" is wider than %zu", copy, width);
	}
}

TEST(no_line_of_a_table_is_wider_than_the_terminal)
{
	AUTO(table_done) struct table table = {0};

	table_column(&table, (struct table_column){.title = "name", .gives = TABLE_GIVES_FIRST, .least = 8});
	table_column(&table, (struct table_column){.title = "metric", .gives = TABLE_GIVES_LAST, .least = 6});
	table_column(&table, (struct table_column){.title = "value", .right = true});
	table_column(&table, (struct table_column){.title = "tags", .optional = true});
	for (int i = 0; i < 3; i++) {
		table_cell(&table, "a-rather-long-name-of-a-group", TABLE_BOLD);
		table_cell(&table, "a_metric_name", TABLE_PLAIN);
		table_cell(&table, "123.456ms", TABLE_PLAIN);
		table_cell(&table, "[SOME_TAG]", TABLE_PLAIN);
	}
	for (size_t width = 10; width < 90; width++) {
		AUTO(buf_done) struct buf text = {0}, wrapped = {0};
		const struct table_look look = {.width = width}, wrap = {.width = width, .wrap = true};

		table_print(&table, &look, &text);
		check_width(buf_text(&text), width);
		table_print(&table, &wrap, &wrapped);
		check_width(buf_text(&wrapped), width);
		CHECK(strstr(buf_text(&wrapped), "…") == NULL);
		/* the optional column goes before a metric's name is touched */
		if (strstr(buf_text(&text), "[SOME_TAG]"))
			CHECK_HAS(buf_text(&text), "a_metric_name");
	}
}

TEST(colours_are_written_only_if_asked_for)
{
	AUTO(table_done) struct table table = {0};
	AUTO(buf_done) struct buf plain = {0}, coloured = {0};
	const struct table_look without = {0}, with = {.colour = true};

	table_column(&table, (struct table_column){.title = "name"});
	table_cell(&table, "x", TABLE_UP);
	table_print(&table, &without, &plain);
	CHECK_STR(buf_text(&plain), "name\nx\n");
	table_print(&table, &with, &coloured);
	CHECK_STR(buf_text(&coloured), "\033[1mname\033[0m\n\033[33mx\033[0m\n");
}

/* --- golden outputs ----------------------------------------------------------------------------------- */

static void read_snapshot(const char *name, struct ctprof_snapshot *ret_snapshot)
{
	AUTO(free) char *path = xasprintf("%s/ctview/%s", getenv("KTSTR_TEST_DATA") ?: "tests/data", name);
	AUTO(buf_done) struct buf json = {0};
	struct ktstr_error err = {0};

	if (file_read(AT_FDCWD, path, 1 << 20, &json, &err) < 0 ||
	    ctprof_snapshot_from_json(json.data, json.len, ret_snapshot, &err) < 0)
		fail_msg("%s", err.msg);
}

/* tests/data/ctview/NAME; KTSTR_GOLDEN_WRITE=1 writes it anew, to be looked at before it is kept. */
static void check_golden(const char *name, const struct buf *have)
{
	AUTO(free) char *path = xasprintf("%s/ctview/%s", getenv("KTSTR_TEST_DATA") ?: "tests/data", name);
	AUTO(buf_done) struct buf want = {0};

	if (getenv("KTSTR_GOLDEN_WRITE"))
		CHECK_EQ(file_write_atomic(path, have->data, have->len, 0644, NULL), 0);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &want, NULL), 0);
	CHECK_STR(buf_text(have), buf_text(&want));
}

TEST(show_prints_what_it_printed_before)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	AUTO(ctview_done) struct ctview view = {0};
	AUTO(buf_done) struct buf text = {0}, csv = {0};
	const struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM, .limit = CTVIEW_LIMIT};
	const struct table_look look = {.width = 90};
	struct ctview_origin origin[CTVIEW_SIDES];

	read_snapshot("before.json", &a);
	origin[0] = (struct ctview_origin){"before.ctprof.zst", &a};
	ctview_build(&config, &a, NULL, &view);
	ctview_print_text(&view, &config, origin, &look, &text);
	check_golden("show.txt", &text);
	ctview_print_csv(&view, &config, &csv);
	check_golden("show.csv", &csv);
}

TEST(compare_prints_what_it_printed_before)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	AUTO(ctview_done) struct ctview view = {0};
	AUTO(buf_done) struct buf text = {0}, json = {0};
	const struct ctview_config config = {.limit = 12};
	const struct table_look look = {.width = 130};
	struct ctview_origin origin[CTVIEW_SIDES];

	read_snapshot("before.json", &a);
	read_snapshot("after.json", &b);
	origin[0] = (struct ctview_origin){"before.ctprof.zst", &a};
	origin[1] = (struct ctview_origin){"after.ctprof.zst", &b};
	ctview_build(&config, &a, &b, &view);
	ctview_print_text(&view, &config, origin, &look, &text);
	check_golden("compare.txt", &text);
	CHECK_HAS(buf_text(&text), "Two kernels: 6.17.1 and 6.18.2.");
	CHECK_HAS(buf_text(&text), "  kernel_release: 6.17.1 → 6.18.2\n");
	ctview_print_json(&view, &config, origin, &json);
	check_golden("compare.json", &json);
}

TEST(a_missing_host_context_is_a_line)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	AUTO(ctview_done) struct ctview view = {0};
	AUTO(buf_done) struct buf text = {0};
	const struct ctview_config config = {0};
	const struct table_look look = {0};
	struct ctview_origin origin[CTVIEW_SIDES];

	read_snapshot("before.json", &a);
	FILL(&b, {"x", NULL, NULL, 1, 0});
	b.label = "step 1\n(\033[31m): end";
	origin[0] = (struct ctview_origin){"a", &a};
	origin[1] = (struct ctview_origin){"b", &b};
	ctview_build(&config, &a, &b, &view);
	ctview_print_text(&view, &config, origin, &look, &text);
	CHECK_HAS(buf_text(&text), "  kernel unknown  step 1?(?[31m): end\n");
	CHECK_HAS(buf_text(&text), "\nhost: no host context in the candidate; the hosts are not compared\n");
}

TEST(a_frame_has_a_line_a_group_and_the_metrics_that_fit)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0};
	AUTO(ctview_config_done) struct ctview_config config = {.group_by = CTVIEW_BY_PCOMM};
	AUTO(ctview_done) struct ctview view = {0};
	AUTO(buf_done) struct buf text = {0}, narrow = {0};
	static const char *const metrics[] = {"allocated_bytes", "run_time_ns"};
	struct table_look look = {0};
	regex_t regex;
	struct ctview_frame frame = {.metrics = metrics, .metric_count = 2, .lines = 2};

	FILL(&a, {"x", NULL, NULL, 1, 10}, {"yy", NULL, NULL, 2, 30}, {"z", NULL, NULL, 3, 20});
	CHECK_EQ(ctview_parse_metrics("allocated_bytes,run_time_ns", &config.metrics, NULL), 0);
	sort_by(&config, "allocated_bytes");
	ctview_build(&config, &a, NULL, &view);
	CHECK_EQ(ctview_print_frame(&view, &frame, &look, &text), 3);
	CHECK_STR(buf_text(&text), "group  threads  allocated_bytes  run_time_ns\n"
				   "yy           1              30B          2ns\n"
				   "z            1              20B          3ns\n");
	CHECK_EQ(regcomp(&regex, "^[xz]$", REG_EXTENDED | REG_NOSUB), 0);
	frame.filter = &regex;
	frame.skip = 1;
	look.width = 45;
	CHECK_EQ(ctview_print_frame(&view, &frame, &look, &narrow), 2);
	regfree(&regex);
	CHECK_STR(buf_text(&narrow), "group  threads  allocated_bytes\n"
				     "x            1              10B\n");
}

/* --- series ------------------------------------------------------------------------------------------- */

TEST(a_series_gives_back_what_was_recorded)
{
	char path[] = "/tmp/ktstr-test-series-XXXXXX";
	AUTO(ctprof_recorder_done) struct ctprof_recorder recorder = {.fd = -1};
	AUTO(ctprof_series_done) struct ctprof_series series = {0}, cut = {0};
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(ctprof_recorder_open(path, &recorder, NULL), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

		FILL(&snapshot, {"x", NULL, NULL, i, 0});
		CHECK_EQ(ctprof_recorder_add(&recorder, &snapshot, NULL), 0);
	}
	CHECK_EQ(ctprof_series_read(path, &series, NULL), 0);
	CHECK_EQ(series.frames.len, 3);
	CHECK_EQ(series.rest, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

		CHECK_EQ(ctprof_series_get(&series, i - 1, &snapshot, NULL), 0);
		CHECK_EQ(snapshot.threads.at[0].run_time_ns, i);
	}
	/* killed while it wrote the third */
	CHECK_EQ(truncate(path, (off_t)recorder.bytes - 10), 0);
	CHECK_EQ(ctprof_series_read(path, &cut, NULL), 0);
	CHECK_EQ(cut.frames.len, 2);
	CHECK_EQ(cut.rest, series.frames.at[2].len - 10);
	unlink(path);
}

TEST(what_is_no_series_is_named)
{
	AUTO(ctprof_series_done) struct ctprof_series series = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(ctprof_series_unpack("\x1f\x8b\x08", 3, &series, &err), -EINVAL);
	CHECK_HAS(err.msg, "no ctprof snapshot: starts with 1f 8b 08");
	CHECK_EQ(ctprof_series_unpack("", 0, &series, &err), -EINVAL);
	CHECK_EQ(ctprof_series_unpack("\x28\xb5\x2f\xfd\x04", 5, &series, &err), -ENODATA);
	CHECK_EQ(ctprof_series_read("/nonexistent/x", &series, &err), -ENOENT);
}

TEST(a_full_disk_leaves_the_series_as_it_was)
{
	AUTO(ctprof_recorder_done) struct ctprof_recorder recorder = {.fd = -1};
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	struct ktstr_error err = {0};

	if (access("/dev/full", W_OK) < 0)
		skip();
	FILL(&snapshot, {"x", NULL, NULL, 1, 0});
	CHECK_EQ(ctprof_recorder_open("/dev/full", &recorder, &err), 0);
	CHECK_EQ(ctprof_recorder_add(&recorder, &snapshot, &err), -ENOSPC);
	CHECK_STR(err.msg, "write /dev/full: No space left on device");
	CHECK_EQ(recorder.count, 0);
}

RUN_TESTS();
