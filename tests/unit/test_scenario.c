/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "scenario/files.h"
#include "scenario/machine.h"
#include "scenario/plan.h"
#include "scenario/scenario.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_machine
#include "../fuzz/fuzz_machine.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_cgroup_files
#include "../fuzz/fuzz_cgroup_files.c"
#undef LLVMFuzzerTestOneInput

/* --- the machine ------------------------------------------------------------------------------ */

TEST(idle_time_is_idle_and_iowait_of_each_cpu)
{
	struct machine_sample sample;

	CHECK_EQ(machine_parse(sv_of("cpu  9 9 9 99 99 9 9 9 9 9\n"
				     "cpu0 1 2 3 100 7 0 0 0 0 0\n"
				     "cpu3 1 2 3 50 0 0 0 0 0 0\n"
				     "intr 5 cpu1\nctxt 3\n"), 100, &sample, NULL), 0);
	CHECK_EQ(sample.cpus, 2);
	CHECK_EQ(sample.idle_ns, 157 * 10 * NS_PER_MS);
}

TEST(a_stat_file_without_cpus_or_with_junk_is_refused)
{
	struct machine_sample sample;
	struct ktstr_error err = {0};

	CHECK_EQ(machine_parse(sv_of("cpu  1 2 3 4 5\nctxt 3\n"), 100, &sample, &err), -EINVAL);
	CHECK_STR(err.msg, "/proc/stat: it names no CPU");
	for (const char *const *bad =
		     (const char *const[]){"cpu0 1 2 3 4\n", "cpu0 1 2 3 x 5\n", "cpu0\n",
					   "cpu0 1 2 3 18446744073709551615 1\n", NULL};
	     *bad; bad++)
		CHECK_EQ(machine_parse(sv_of(*bad), 100, &sample, &err), -EINVAL);
}

TEST(a_machine_is_not_idle_for_longer_than_it_was_there)
{
	struct machine_sample before = {.at_ns = 10, .cpus = 2, .idle_ns = 5};
	struct machine_sample after = {.at_ns = 110, .cpus = 2, .idle_ns = 10 * NS_PER_MS};
	struct machine_window window = machine_window_of(&before, &after);

	CHECK_EQ(window.wall_ns, 100);
	CHECK_EQ(window.cpus, 2);
	CHECK_EQ(window.idle_ns, 200);
	window = machine_window_of(&after, &before);
	CHECK_EQ(window.wall_ns, 0);
	CHECK_EQ(window.idle_ns, 0);
}

TEST(idle_time_is_wasted_where_a_worker_that_waits_could_run)
{
	static const struct machine_sample before = {.at_ns = 0};
	static const struct machine_sample after = {
		.at_ns = 100, .cpus = 3, .idle_ns_of = {40, 30, 500}};
	struct machine_load loads[] = {{.wait_ns = 50}, {.wait_ns = 1000}};

	cpuset_add(&loads[0].cpus, 0);
	CHECK_EQ(machine_wasted_ns(&before, &after, loads, 1), 40);
	cpuset_add(&loads[0].cpus, 1);
	CHECK_EQ(machine_wasted_ns(&before, &after, loads, 1), 50);
	/* 20 of CPU 1's are left for the second, and all 100 that CPU 2 can have been idle */
	cpuset_add(&loads[1].cpus, 1);
	cpuset_add(&loads[1].cpus, 2);
	CHECK_EQ(machine_wasted_ns(&before, &after, loads, 2), 50 + 20 + 100);
	CHECK_EQ(machine_wasted_ns(&after, &before, loads, 2), 0);
	CHECK_EQ(machine_wasted_ns(&before, &after, NULL, 0), 0);
	CHECK_EQ(machine_idle_ns(&before, &after, 0), 40);
	CHECK_EQ(machine_idle_ns(&before, &after, 2), 100);
	CHECK_EQ(machine_idle_ns(&after, &before, 2), 0);
}

TEST(a_counter_of_vmstat_is_found_by_its_whole_name)
{
	const struct sv text = sv_of("numa_pages_migrated_x 3\nnuma_pages_migrated 17\nx y\n");

	CHECK_EQ(vmstat_parse(text, "numa_pages_migrated"), 17);
	CHECK_EQ(vmstat_parse(text, "numa_pages"), 0);
	CHECK_EQ(vmstat_parse(text, "x"), 0);
}

/* --- files of a cgroup -------------------------------------------------------------------------- */

TEST(limits_become_writes_in_the_kernels_words)
{
	const struct ktstr_limits limits = {.cpu_quota_us = 50000,
					    .cpu_weight = 10000,
					    .memory_max = 1 << 20,
					    .memory_high = UINT64_MAX,
					    .io_weight = 7,
					    .pids_max = 99};
	const struct limit_write want[] = {{"cpu", "cpu.max", "50000 100000"},
					   {"cpu", "cpu.weight", "10000"},
					   {"memory", "memory.high", "max"},
					   {"memory", "memory.max", "1048576"},
					   {"io", "io.weight", "7"},
					   {"pids", "pids.max", "99"}};
	struct limit_write writes[LIMIT_WRITES_MAX];

	CHECK_EQ(limits_writes(&limits, writes, NULL), 6);
	for (int i = 0; i < 6; i++) {
		CHECK_STR(writes[i].controller, want[i].controller);
		CHECK_STR(writes[i].file, want[i].file);
		CHECK_STR(writes[i].text, want[i].text);
	}
	CHECK_EQ(limits_writes(&(struct ktstr_limits){0}, writes, NULL), 0);
	CHECK_EQ(limits_writes(&(struct ktstr_limits){.cpu_quota_us = UINT64_MAX,
						      .cpu_period_us = 20000}, writes, NULL), 1);
	CHECK_STR(writes[0].text, "max 20000");
}

TEST(a_limit_that_makes_no_sense_names_its_file)
{
	const struct {
		struct ktstr_limits limits;
		const char *words;
	} bad[] = {
		{{.cpu_weight = 10001}, "cpu.weight must be 1..10000, not 10001"},
		{{.io_weight = 20000}, "io.weight must be 1..10000, not 20000"},
		{{.cpu_quota_us = 999}, "cpu.max: the quota must be 1000 us or more, not 999"},
		{{.cpu_quota_us = 5000, .cpu_period_us = 999},
		 "cpu.max: the period must be 1000..1000000 us, not 999"},
		{{.cpu_period_us = 5000}, "cpu.max: a period without a quota"},
	};
	struct limit_write writes[LIMIT_WRITES_MAX];
	struct ktstr_error err = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(limits_writes(&bad[i].limits, writes, &err), -EINVAL);
		CHECK_STR(err.msg, bad[i].words);
	}
}

TEST(cgroup_events_are_read_by_key_and_value)
{
	struct cgroup_events events = cgroup_events_parse(sv_of("populated 1\nfrozen 0\n"));

	CHECK(events.populated);
	CHECK(!events.frozen);
	events = cgroup_events_parse(sv_of("populated 0\nfrozen 1"));
	CHECK(!events.populated);
	CHECK(events.frozen);
	events = cgroup_events_parse(sv_of("populated 11\nxfrozen 1\n"));
	CHECK(!events.populated);
	CHECK(!events.frozen);
}

TEST(processes_are_numbers_line_by_line)
{
	AUTO(pids_done) struct pids pids = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(pids_parse(sv_of("12\n4711\n"), &pids, NULL), 0);
	CHECK_EQ(pids.len, 2);
	CHECK_EQ(pids.at[1], 4711);
	CHECK_EQ(pids_parse(sv_of("12\n-3\n"), &pids, &err), -EINVAL);
	CHECK_STR(err.msg, "\"-3\" is no process");
	CHECK_EQ(pids_parse(sv_of("4294967295\n"), &pids, NULL), -EINVAL);
}

/* --- plans --------------------------------------------------------------------------------------- */

static const struct ktstr_test some_test = {
	.name = "some", .duration_ms = 100, .workers_per_cgroup = 2};

TEST(a_context_answers_what_a_body_asks)
{
	struct topology topology = {2, 4, 3, 2};
	struct ktstr_ctx ctx = {
		.test = &some_test, .mode = "det", .seed = 9, .scheduler_pid = 77};

	ctx_set_topology(&ctx, &topology);
	CHECK_STR(ktstr_ctx_topology(&ctx), "2n4l3c2t");
	CHECK_EQ(ktstr_ctx_cpu_count(&ctx), 24);
	CHECK_EQ(ktstr_ctx_duration_ns(&ctx), 100 * NS_PER_MS);
	CHECK_EQ(ktstr_ctx_workers_per_cgroup(&ctx), 2);
	CHECK_EQ(ktstr_ctx_scheduler_pid(&ctx), 77);
	CHECK_STR(ktstr_ctx_mode(&ctx), "det");
	CHECK_EQ(ktstr_ctx_seed(&ctx), 9);
}


static struct ktstr_ctx ctx_of(const char *topology_text)
{
	struct ktstr_ctx ctx = {.test = &some_test, .mode = "host", .seed = 1};
	struct topology topology;

	CHECK_EQ(topology_parse(sv_of(topology_text), &topology, NULL), 0);
	ctx_set_topology(&ctx, &topology);
	return ctx;
}

static struct crew_place place_of(const struct ktstr_ctx *ctx)
{
	return (struct crew_place){.name = "cg", .dir = "/cg", .cpus = cpus_all(&ctx->topology)};
}

TEST(random_numbers_follow_the_seed)
{
	struct ktstr_ctx a = ctx_of("1n1l2c1t"), b = ctx_of("1n1l2c1t"), c = ctx_of("1n1l2c1t");

	c.seed = 2;
	CHECK_EQ(ktstr_ctx_random(&a), ktstr_ctx_random(&b));
	CHECK_EQ(ktstr_ctx_random(&a), ktstr_ctx_random(&b));
	CHECK(ktstr_ctx_random(&a) != ktstr_ctx_random(&c));
}

static void check_count(struct ktstr_ctx *ctx, struct ktstr_cgroup cgroup, unsigned want,
			enum ktstr_work_type type)
{
	AUTO(crew_plan_done) struct crew_plan plan = {0};
	struct crew_place place = place_of(ctx);
	struct ktstr_error err = {0};

	cgroup.name = "cg";
	if (plan_cgroup(ctx, &place, &cgroup, &plan, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK_EQ(plan.groups.len, 1);
	CHECK_EQ(plan.groups.at[0].count, want);
	CHECK_EQ(plan.groups.at[0].work.type, type);
	CHECK_EQ(plan.masks.len, want);
}

TEST(workers_are_counted_by_number_by_share_or_by_the_test)
{
	struct ktstr_ctx ctx = ctx_of("1n1l3c1t");

	check_count(&ctx, (struct ktstr_cgroup){.workers = 7}, 7, KTSTR_WORK_SPIN_WAIT);
	check_count(&ctx, (struct ktstr_cgroup){0}, 2, KTSTR_WORK_SPIN_WAIT);
	check_count(&ctx, (struct ktstr_cgroup){.workers_pct = 100}, 3, KTSTR_WORK_SPIN_WAIT);
	check_count(&ctx, (struct ktstr_cgroup){.workers_pct = 34}, 2, KTSTR_WORK_SPIN_WAIT);
	check_count(&ctx, (struct ktstr_cgroup){.workers_pct = 1}, 1, KTSTR_WORK_SPIN_WAIT);
	check_count(&ctx, (struct ktstr_cgroup){.workers_pct = 400}, 12, KTSTR_WORK_SPIN_WAIT);
	ctx.override.workers = 3;
	check_count(&ctx, (struct ktstr_cgroup){0}, 3, KTSTR_WORK_SPIN_WAIT);
	check_count(&ctx, (struct ktstr_cgroup){.workers = 7}, 7, KTSTR_WORK_SPIN_WAIT);
	/* nobody asked for three, so whole pairs are made */
	check_count(&ctx, (struct ktstr_cgroup){.work.type = KTSTR_WORK_PIPE_IO}, 4,
		    KTSTR_WORK_PIPE_IO);
	check_count(&ctx, (struct ktstr_cgroup){.workers_pct = 100, .work.type = KTSTR_WORK_PIPE_IO},
		    4, KTSTR_WORK_PIPE_IO);
}

TEST(another_work_type_takes_the_place_of_swappable_work_where_its_groups_fit)
{
	struct ktstr_ctx ctx = ctx_of("1n1l3c1t");

	ctx.override = (struct ctx_override){.has_work = true, .work = KTSTR_WORK_PIPE_IO};
	check_count(&ctx, (struct ktstr_cgroup){.workers = 4}, 4, KTSTR_WORK_SPIN_WAIT);
	check_count(&ctx, (struct ktstr_cgroup){.workers = 4, .swappable = true}, 4,
		    KTSTR_WORK_PIPE_IO);
	check_count(&ctx, (struct ktstr_cgroup){.workers = 3, .swappable = true}, 3,
		    KTSTR_WORK_SPIN_WAIT);
	ctx.override.workers = 3;
	check_count(&ctx, (struct ktstr_cgroup){.swappable = true}, 4, KTSTR_WORK_PIPE_IO);
}

TEST(duration_and_workers_of_a_test_can_be_overridden)
{
	struct ktstr_ctx ctx = ctx_of("1n1l3c1t");

	ctx.override.duration_ms = 700;
	CHECK_EQ(ktstr_ctx_duration_ns(&ctx), 700 * NS_PER_MS);
	ctx.override.workers = 5;
	CHECK_EQ(ktstr_ctx_workers_per_cgroup(&ctx), 5);
}

TEST(a_cgroup_may_have_several_kinds_of_workers)
{
	struct ktstr_ctx ctx = ctx_of("2n2l2c1t");
	AUTO(crew_plan_done) struct crew_plan plan = {0};
	struct crew_place place = place_of(&ctx);
	const struct ktstr_cgroup cgroup = {
		.name = "cg", .workers = 2, .affinity = {.kind = KTSTR_AFFINITY_SINGLE_CPU},
		KTSTR_MORE({.count = 3}, {.count = 1, .work.type = KTSTR_WORK_BURSTY})};
	const struct ktstr_cgroup only_more = {.name = "cg", .empty = true};

	place.first_index = 10;
	place.first_role = 100;
	CHECK_EQ(plan_cgroup(&ctx, &place, &cgroup, &plan, NULL), 0);
	CHECK_EQ(plan.groups.len, 3);
	CHECK_EQ(plan.groups.at[0].first_index, 10);
	CHECK_EQ(plan.groups.at[1].first_index, 12);
	CHECK_EQ(plan.groups.at[2].first_index, 15);
	CHECK_EQ(plan.groups.at[1].role, 100 + ROLES_PER_GROUP);
	CHECK_EQ(plan.masks.len, 6);
	CHECK(cpuset_has(&plan.masks.at[1], 1));
	CHECK_EQ(cpuset_count(&plan.masks.at[2]), 0);
	crew_plan_done(&plan);
	plan = (struct crew_plan){0};
	CHECK_EQ(plan_cgroup(&ctx, &place, &only_more, &plan, NULL), 0);
	CHECK_EQ(plan.groups.len, 0);
}

TEST(pages_are_expected_where_policy_or_cpus_are)
{
	struct ktstr_ctx ctx = ctx_of("2n2l2c1t");
	struct crew_place place = place_of(&ctx);
	const struct {
		struct ktstr_mempolicy policy;
		bool confined;
		const char *nodes;
	} rows[] = {
		{{0}, false, ""},
		{{0}, true, "0-1"},
		{{.kind = KTSTR_MEM_BIND, .nodes = "1"}, false, "1"},
		{{.kind = KTSTR_MEM_BIND, .nodes = "0", .flags = KTSTR_MEM_RELATIVE_NODES}, true, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO(crew_plan_done) struct crew_plan plan = {0};
		AUTO(buf_done) struct buf text = {0};
		const struct ktstr_workers workers = {.count = 1, .mempolicy = rows[i].policy};

		place.confined = rows[i].confined;
		CHECK_EQ(plan_workers(&ctx, &place, &workers, &plan, NULL), 0);
		cpuset_format(&plan.nodes, &text);
		CHECK_STR(buf_text(&text), rows[i].nodes);
	}
}

TEST(a_declaration_that_makes_no_sense_names_cgroup_and_field)
{
	const struct {
		struct ktstr_cgroup cgroup;
		const char *words;
	} bad[] = {
		{{.workers = 4097}, "cgroup cg: workers must be 1..4096"},
		{{.workers = 2, .workers_pct = 50}, "cgroup cg: workers and workers_pct: only one"},
		{{.workers_pct = 100001}, "cgroup cg: workers_pct must be 1..100000, not 100001"},
		{{.empty = true, .workers = 1}, "cgroup cg: has workers, and is to be empty"},
		{{.workers = 1, .mempolicy = {.kind = KTSTR_MEM_BIND, .nodes = "3"}},
		 "cgroup cg: mempolicy: nodes 3: the cgroup's CPUs are on node 0"},
		{{.workers = 1, .affinity = {.kind = KTSTR_AFFINITY_EXACT, .cpus = "9"}},
		 "cgroup cg: affinity: CPU list \"9\": the machine has CPUs 0-2"},
	};
	struct ktstr_ctx ctx = ctx_of("1n1l3c1t");
	struct crew_place place = place_of(&ctx);
	struct ktstr_error err = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO(crew_plan_done) struct crew_plan plan = {0};

		CHECK_EQ(plan_cgroup(&ctx, &place, &bad[i].cgroup, &plan, &err), -EINVAL);
		CHECK_HAS(err.msg, bad[i].words);
	}
}

TEST(a_cgroups_name_is_a_path_of_directories)
{
	const char *const bad[] = {"", "/a", "a/", "a//b", ".", "a/..", "a/./b", "a\nb",
				   "0123456789012345678901234567890123456789012345678901234567890123"};
	struct ktstr_error err = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_EQ(cgroup_name_check(bad[i], &err), -EINVAL);
	CHECK_EQ(cgroup_name_check(NULL, &err), -EINVAL);
	CHECK_STR(err.msg, "a cgroup's name is empty");
	CHECK_EQ(cgroup_name_check("a//b", &err), -EINVAL);
	CHECK_STR(err.msg, "cgroup a//b: \"\" in its name is no directory of its own");
	CHECK_EQ(cgroup_name_check("a", NULL), 0);
	CHECK_EQ(cgroup_name_check("a/b.c/..d", NULL), 0);
}

TEST(holds_are_of_the_duration_or_of_their_own)
{
	const uint64_t s = NS_PER_S;
	const struct {
		struct ktstr_hold hold;
		uint64_t ns;             /* of a duration of 10 s; 0: refused */
	} rows[] = {
		{{0}, 10 * s},
		{KTSTR_FRAC(0.25), 10 * s / 4},
		{KTSTR_FRAC(0), 0},
		{KTSTR_FRAC(1.01), 0},
		{KTSTR_FIXED(3), 3},
		{KTSTR_FIXED(0), 0},
		{KTSTR_LOOP(5), 10 * s},
		{{.kind = KTSTR_HOLD_LOOP, .frac = 0.5, .ns = 5}, 5 * s},
		{{.kind = KTSTR_HOLD_LOOP, .frac = 2, .ns = 5}, 0},
		{KTSTR_LOOP(0), 0},
		{{.kind = 9}, 0},
	};
	struct ktstr_error err = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_EQ(hold_check(&rows[i].hold, &err), rows[i].ns ? 0 : -EINVAL);
		if (rows[i].ns)
			CHECK_EQ(hold_ns(&rows[i].hold, 10 * s), rows[i].ns);
		else
			CHECK_HAS(err.msg, "hold: ");
	}
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_machine_holds_on_its_corpus)
{
	replay_corpus("machine", fuzz_machine);
}

TEST(fuzz_cgroup_files_holds_on_its_corpus)
{
	replay_corpus("cgroup_files", fuzz_cgroup_files);
}

RUN_TESTS();
