/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>

#include "run/repro.h"
#include "run/wprof.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_probe_log
#include "../fuzz/fuzz_probe_log.c"
#undef LLVMFuzzerTestOneInput

/* As the fixture's log has it with --exit-after, kernel 6.18. */
#define DUMP                                                                                       \
	"scx-ktstr: attached\n"                                                                    \
	"swapper/1[0] triggered exit kind 1025:\n"                                                 \
	"  scx_bpf_error (ktstr: error on purpose after 500 ms)\n\n"                               \
	"Backtrace:\n"                                                                             \
	"  scx_bpf_error_bstr+0x7a/0xa0\n"                                                         \
	"  bpf_prog_643ba53f8fc3c203_ktstr_select_cpu+0xac/0x1af\n"                                \
	"  bpf__sched_ext_ops_select_cpu+0x4f/0xb4\n"                                              \
	"  select_task_rq_scx+0xce/0x290\n"                                                        \
	"  try_to_wake_up+0x162/0x820\n"                                                           \
	"  hrtimer_wakeup+0x22/0x40\n"                                                             \
	"  asm_sysvec_apic_timer_interrupt+0x1a/0x20\n"                                            \
	"  common_startup_64+0x13e/0x141\n\n"                                                      \
	"CPU states\n----------\n\n"                                                               \
	"    do_nanosleep+0x60/0x1c0\n"

static char *joined(const struct strings *words)
{
	AUTO(buf_done) struct buf text = {0};

	vec_each(word, words)
		buf_printf(&text, "%s%s", text.len ? " " : "", *word);
	return xstrdup(buf_text(&text));
}

#define CHECK_WORDS(words, want)                                                                   \
	do {                                                                                       \
		AUTO(free) char *joined_ = joined(words);                                          \
		CHECK_STR(joined_, want);                                                          \
	} while (0)

/* --- functions of a crash -------------------------------------------------------------------------- */

TEST(the_backtrace_of_a_dump_gives_its_own_functions)
{
	AUTO(strings_done) struct strings functions = {0};
	AUTO(strings_done) struct strings bpf = {0};

	crash_stack_functions(sv_of(DUMP), &functions, &bpf);
	CHECK_WORDS(&functions, "select_task_rq_scx hrtimer_wakeup");
	CHECK_WORDS(&bpf, "ktstr_select_cpu");
}

TEST(bpf_programs_are_named_as_their_author_did)
{
	AUTO(strings_done) struct strings functions = {0};

	crash_stack_functions(sv_of("? bpf_prog_0123456789abcdef_x_enqueue+0x1/0x2 [m]\n"
				    "bpf_prog_0123456789abcdeg_y+0x1/0x2\n"
				    "bpf_prog_0123_z+0x1/0x2\n"),
			      &functions, NULL);
	CHECK_WORDS(&functions, "x_enqueue bpf_prog_0123456789abcdeg_y bpf_prog_0123_z");
}

TEST(oopses_and_plain_backtraces_count_and_each_function_once)
{
	AUTO(strings_done) struct strings functions = {0};

	crash_stack_functions(sv_of("RIP: 0010:dispatch_enqueue+0x12/0x300\n"
				    " ? do_enqueue_task+0x1/0x20\n"
				    " do_enqueue_task+0x1/0x20\n"
				    " foo.isra.0+0xab/0xcd [module]\n"
				    " not a frame +0x12/ bar+0x/0x1 baz+0x12 +0x1/0x2\n"),
			      &functions, NULL);
	CHECK_WORDS(&functions, "dispatch_enqueue do_enqueue_task foo.isra.0");
}

TEST(what_is_on_every_stack_is_no_function_of_a_crash)
{
	static const char *const generic[] = {
		"__schedule", "schedule", "do_syscall_64", "entry_SYSCALL_64_after_hwframe", "__x64_sys_futex",
		"_raw_spin_lock_irqsave", "native_queued_spin_lock_slowpath", "kthread", "ret_from_fork_asm",
		"scx_exit", "scx_vexit", "scx_ops_exit_kind", "scx_dump_state", "bpf_trampoline_12345",
		"bpf__sched_ext_ops_enqueue", "dump_stack_lvl", "stack_trace_save", "do_idle",
		"secondary_startup_64_no_verify", "irqentry_exit_to_user_mode", "scx_disable_workfn",
	};

	for (size_t i = 0; i < sizeof(generic) / sizeof(generic[0]); i++) {
		AUTO(strings_done) struct strings functions = {0};
		AUTO(free) char *line = xasprintf(" %s+0x1/0x2\n", generic[i]);

		crash_stack_functions(sv_of(line), &functions, NULL);
		CHECK_WORDS(&functions, "");
	}
}

TEST(a_log_without_a_backtrace_gives_no_functions)
{
	AUTO(strings_done) struct strings functions = {0};

	crash_stack_functions(sv_of("scx-ktstr: dying on purpose\n"), &functions, NULL);
	crash_stack_functions(sv_of(""), &functions, NULL);
	CHECK_EQ(functions.len, 0);
}

TEST(callbacks_bring_their_callers_in_the_kernel)
{
	AUTO(strings_done) struct strings functions = {0};

	crash_stack_callers("ktstr_enqueue", &functions);
	CHECK_WORDS(&functions, "do_enqueue_task enqueue_task_scx dispatch_enqueue");
	strings_done(&functions);
	crash_stack_callers("x_cgroup_set_weight", &functions);
	CHECK_WORDS(&functions, "scx_group_set_weight");
	strings_done(&functions);
	crash_stack_callers("my_requeue", &functions);
	crash_stack_callers("nonenqueue", &functions);
	CHECK_WORDS(&functions, "");
}

TEST(functions_asked_for_come_first_and_usual_ones_last)
{
	AUTO(strings_done) struct strings asked = {0};
	AUTO(strings_done) struct strings functions = {0};
	struct session crash = {0};
	AUTO(free) char *words = NULL;

	strings_push(&asked, xstrdup("mine"));
	buf_str(&crash.stream[WIRE_SCHEDULER_LOG], DUMP);
	repro_functions(&asked, &crash, NULL, &functions);
	words = joined(&functions);
	CHECK_HAS(words, "mine select_task_rq_scx hrtimer_wakeup do_enqueue_task");
	CHECK_HAS(words, "set_next_task_scx");
	buf_done(&crash.stream[WIRE_SCHEDULER_LOG]);
}

/* --- values ---------------------------------------------------------------------------------------- */

static void check_dsq(uint64_t id, const char *want)
{
	AUTO(buf_done) struct buf text = {0};

	dsq_describe(id, &text);
	CHECK_STR(buf_text(&text), want);
}

TEST(queue_ids_are_decoded)
{
	check_dsq(0, "none");
	check_dsq(7, "user queue 0x7");
	check_dsq(0x8000000000000001, "global queue");
	check_dsq(0x8000000000000002, "local queue");
	check_dsq(0xc000000000000003, "local queue of CPU 3");
	check_dsq(0x8000000000000000, "built-in queue 0x8000000000000000");
}

static void check_flags(uint64_t flags, const char *want)
{
	AUTO(buf_done) struct buf text = {0};

	enq_flags_describe(flags, &text);
	CHECK_STR(buf_text(&text), want);
}

TEST(enqueue_flags_are_decoded)
{
	check_flags(0, "0");
	check_flags(1, "WAKEUP");
	check_flags(0x41, "WAKEUP|0x40");
	check_flags(1ull << 41 | 1ull << 56, "LAST|CLEAR_OPSS");
}

/* --- what probes saw ------------------------------------------------------------------------------- */

static void read_sample(const char *name, struct buf *log)
{
	AUTO(free) char *path =
		xasprintf("%s/fuzz/probe_log/%s", getenv("KTSTR_TEST_DATA") ?: "tests/data", name);

	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, log, NULL), 0);
}

TEST(calls_of_the_stalled_task_are_told_with_what_they_changed)
{
	AUTO(buf_done) struct buf log = {0};
	AUTO(buf_done) struct buf text = {0};
	struct repro_report report = {.ended = "runnable task stall", .reproduced = true,
				      .host_ns = 2500000000};
	json_t *probes;

	read_sample("stall", &log);
	report.log = sv_bytes(log.data, log.len);
	report.probes = probes = probe_log_read(report.log);
	CHECK_EQ(probe_log_subject(probes, report.log, (struct sv){0}), 0xffff2);
	repro_report_text(&report, &text);
	CHECK_HAS(buf_text(&text), "reproduced in a second guest: runnable task stall\n"
				   "trigger: scx_exit() of kind 1026 (stall) on CPU 1, while kworker[37] ran\n"
				   "    scx_exit+0x1\n"
				   "probed: scx_exit, do_enqueue_task\n"
				   "not probed: balance_one: inlined\n"
				   "calls that concern spin[126], times before the trigger:\n");
	CHECK_HAS(buf_text(&text), "-7.000 ms  CPU 1   do_enqueue_task(p=spin[126], enq_flags=WAKEUP, "
				   "sticky_cpu=-1) = 0; by kworker[37]\n");
	CHECK_HAS(buf_text(&text), "queue: none → user queue 0x1\n"
				   "                 scx.slice: 0 → 5000000\n"
				   "                 cpus allowed: 0-3 → 0-2\n");
	CHECK_HAS(buf_text(&text), "the run with probes took 2.5 s\n"
				   "the scheduler's last words in this run:\n    scx-ktstr: attached\n");
	CHECK(!strstr(buf_text(&text), "scx.flags: "));        /* it did not change */
	CHECK(!strstr(buf_text(&text), REPRO_MARK));
	json_decref(probes);
}

static void check_report(const char *log, struct repro_report report, const char *want)
{
	AUTO(buf_done) struct buf text = {0};
	json_t *probes = probe_log_read(sv_of(log));

	report.probes = probes;
	report.log = sv_of(log);
	report.ended = "the end";
	repro_report_text(&report, &text);
	CHECK_HAS(buf_text(&text), want);
	json_decref(probes);
}

TEST(callbacks_are_told_with_their_source_and_what_their_arguments_point_to)
{
	AUTO(buf_done) struct buf log = {0};
	AUTO(buf_done) struct buf text = {0};
	struct repro_report report = {.ended = "error", .reproduced = true};
	json_t *probes;

	read_sample("callbacks", &log);
	report.log = sv_bytes(log.data, log.len);
	report.probes = probes = probe_log_read(report.log);
	repro_report_text(&report, &text);
	CHECK_HAS(buf_text(&text), "    bpf_prog_e01a98cc94a38bcd_my_dispatch+0x92 (main.bpf.c:114)\n"
				   "probed: scx_exit\n"
				   "probed callbacks: my_dispatch (dispatch, main.bpf.c:233)\n"
				   "not probed: my_init: the kernel refused: too bad (Invalid argument)\n"
				   "its first calls are missing: ");
	CHECK_HAS(buf_text(&text), "not recorded: 3 calls and 2 returns\n");
	CHECK_HAS(buf_text(&text), "my_dispatch(cpu=-1, prev=spin[126], rq=0xffff3) at main.bpf.c:233; "
				   "by kworker[37]\n"
				   "                 at entry: prev: queue none, scx.slice 0, cpu 1, rq.nr 2, "
				   "rq.node -1, rq.flags 0x10, rq.allowed 0\n"
				   "                 queue: none → user queue 0x1\n"
				   "                 rq.nr: 2 → 3\n"
				   "                 rq.flags: 0x10 → 0x30\n"
				   "                 rq.allowed: 0 → 1-2\n");
	json_decref(probes);
}

TEST(callbacks_that_were_never_loaded_are_missed)
{
	check_report(REPRO_MARK "{\"what\":\"function\",\"name\":\"f\"}\n"
		     REPRO_MARK "{\"what\":\"end\",\"callbacks_ns\":0}\n", (struct repro_report){0},
		     "not probed: the scheduler's callbacks: it ended before it had loaded any\n");
}

TEST(the_stalled_task_of_a_scheduler_that_says_nothing_is_in_the_dump)
{
	AUTO(buf_done) struct buf log = {0};
	json_t *probes;

	read_sample("stall", &log);
	probes = probe_log_read(sv_bytes(log.data, log.len));
	CHECK_EQ(probe_log_subject(probes, sv_of("quiet\n"), sv_of("")), 0xffff1);
	CHECK_EQ(probe_log_subject(probes, sv_of("quiet\n"),
				   sv_of("  runnable task stall (spin[126] failed to run for 0.708s)\n")), 0xffff2);
	json_decref(probes);
}

TEST(without_a_named_task_the_triggers_own_is_told_of)
{
	json_t *probes = probe_log_read(sv_of(REPRO_MARK "{\"what\":\"trigger\",\"task\":\"0xabc\",\"pid\":0}\n"));

	CHECK_EQ(probe_log_subject(probes, sv_of("x[1] failed to run for 1s"), sv_of("")), 0xabc);
	CHECK_EQ(probe_log_subject(probes, sv_of(""), (struct sv){0}), 0xabc);
	json_decref(probes);
}

TEST(no_data_says_whether_it_was_reproduced)
{
	check_report("quiet\n", (struct repro_report){.reproduced = true},
		     "reproduced in a second guest: the end\nno data: the probes printed nothing\n");
	check_report("quiet\n", (struct repro_report){0},
		     "not reproduced in a second guest: the end\nno data");
	check_report("", (struct repro_report){.reproduced = true, .never_attached = true},
		     "(the first run never reached its test)");
	check_report("", (struct repro_report){.primary = true}, "probes were in this run: the end\n");
	check_report(REPRO_MARK "{\"what\":\"trouble\",\"text\":\"no BTF\\u001b\"}\n", (struct repro_report){0},
		     "no data: the probes could not be set up: no BTF?\n");
	check_report(REPRO_MARK "{\"what\":\"function\",\"name\":\"f\"}\n", (struct repro_report){0},
		     "the end of what the probes said is missing\n");
}

TEST(equal_lines_of_a_log_are_told_once)
{
	check_report("a\nb\nb\nb\nc\n", (struct repro_report){0}, "    a\n    b  (3 times)\n    c\n");
}

/* --- wprof ----------------------------------------------------------------------------------------- */

TEST(a_guest_with_wprof_has_room_for_its_rings)
{
	const struct topology small = {1, 1, 2, 1}, large = {1, 1, 64, 1};

	CHECK_EQ(wprof_memory_floor(512, false), 512);
	CHECK_EQ(wprof_memory_floor(2047, true), 2048);
	CHECK_EQ(wprof_memory_floor(2048, true), 2048);
	CHECK_EQ(wprof_memory_floor(4096, true), 4096);
	CHECK_EQ(guest_memory_mib(&small, 0, false), 256);
	CHECK_EQ(guest_memory_mib(&small, 0, true), 2048);
	CHECK_EQ(guest_memory_mib(&large, 0, true), 4096);
	CHECK_EQ(guest_memory_mib(&small, 3000, true), 3000);
}

TEST(wprof_arguments_are_joined_by_the_separator)
{
	AUTO(strings_done) struct strings args = {0};
	AUTO(free) char *line = NULL;

	wprof_default_args(&args);
	line = wprof_cmdline(&args);
	CHECK_STR(line, "KTSTR_WPROF_ARGS=-d\x1f" "500\x1f-e\x1fsched\x1f--ringbuf-size=256000\x1f"
			"--ringbuf-cnt=8");
}

TEST(declared_wprof_arguments_are_split_at_white_space)
{
	AUTO(strings_done) struct strings args = {0};
	AUTO(free) char *longest = xmalloc(WPROF_ARGS_MAX + 2);
	struct ktstr_error err = {0};

	CHECK_EQ(wprof_args_split(" -d \t50\n--x=y ", &args, &err), 0);
	CHECK_WORDS(&args, "-d 50 --x=y");
	CHECK_EQ(wprof_args_split("", &args, &err), -EINVAL);
	CHECK_HAS(err.msg, "must not be empty");
	CHECK_EQ(wprof_args_split(" \t", &args, &err), -EINVAL);
	CHECK_EQ(wprof_args_split("a\x1f" "b", &args, &err), -EINVAL);
	CHECK_EQ(wprof_args_split("\"a", &args, &err), -EINVAL);
	memset(longest, 'a', WPROF_ARGS_MAX + 1);
	longest[WPROF_ARGS_MAX + 1] = '\0';
	CHECK_EQ(wprof_args_split(longest, &args, &err), -EINVAL);
}

TEST(without_a_path_wprof_is_an_error_that_says_how)
{
	struct ktstr_error err = {0};
	const char *path = NULL;

	unsetenv("KTSTR_WPROF_PATH");
	CHECK_EQ(wprof_find(&path, &err), -ENOENT);
	CHECK_HAS(err.msg, "KTSTR_WPROF_PATH is not set");
	setenv("KTSTR_WPROF_PATH", "/nowhere/wprof", 1);
	CHECK_EQ(wprof_find(&path, &err), -ENOENT);
	CHECK_HAS(err.msg, "KTSTR_WPROF_PATH=/nowhere/wprof: No such file");
	setenv("KTSTR_WPROF_PATH", "/bin/sh", 1);
	CHECK_EQ(wprof_find(&path, &err), 0);
	CHECK_STR(path, "/bin/sh");
}

TEST(a_trace_has_4096_bytes_and_begins_with_a_packet)
{
	char bytes[WPROF_TRACE_MIN] = {0x0a};

	CHECK(wprof_shape_is_right(sv_bytes(bytes, sizeof(bytes))));
	CHECK(!wprof_shape_is_right(sv_bytes(bytes, sizeof(bytes) - 1)));
	CHECK(!wprof_shape_is_right(sv_bytes(NULL, 0)));
	bytes[0] = 0x0b;
	CHECK(!wprof_shape_is_right(sv_bytes(bytes, sizeof(bytes))));
}

TEST(a_trace_is_named_after_its_test_and_variant)
{
	const char *const one[] = {"a", "bc"}, *const other[] = {"ab", "c"};
	AUTO(free) char *primary = wprof_file_name("t", 0xabc, false);
	AUTO(free) char *repro = wprof_file_name("t", 0xabc, true);

	CHECK_STR(primary, "t-0000000000000abc.wprof.pb");
	CHECK_STR(repro, "t-0000000000000abc.repro.wprof.pb");
	CHECK_EQ(variant_hash(one, 2), variant_hash(one, 2));
	CHECK(variant_hash(one, 2) != variant_hash(other, 2));
}

/* As `--ktstr-describe` prints it. */
#define DESCRIBED(extra)                                                                           \
	"{\"schema\":1,\"tests\":[{\"name\":\"a_test\",\"topology\":\"1n1l2c1t\",\"memory_mib\":0,"      \
	"\"duration_ms\":2000,\"timeout_ms\":36000,\"expect_err\":false,\"expect_kind\":null,"         \
	"\"host_only\":false,\"ignored\":false,\"include_files\":[],\"scheduler\":null" extra "}]}"

TEST(plans_have_the_floor_and_an_override_stands)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct ktstr_error err = {0};
	struct selection selection = {.topology = "1n1l4c1t"};

	CHECK_EQ(plans_parse(sv_of(DESCRIBED(",\"wprof\":true,\"wprof_args\":\"-d 5\",\"auto_repro\":false")),
			     "./p", &plans, &err), 0);
	CHECK(plans.at[0].wprof);
	CHECK(plans.at[0].no_auto_repro);
	CHECK_WORDS(&plans.at[0].wprof_args, "-d 5");
	CHECK_EQ(plans.at[0].memory_mib, 2048);
	CHECK_EQ(plans_select(&plans, &selection, &err), 0);
	CHECK_EQ(plans.at[0].memory_mib, 2048);
	selection.memory_mib = 300;
	CHECK_EQ(plans_select(&plans, &selection, &err), 0);
	CHECK_EQ(plans.at[0].memory_mib, 300);
}

TEST(a_plan_without_wprof_needs_no_more_memory)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(plans_parse(sv_of(DESCRIBED("")), "./p", &plans, &err), 0);
	CHECK(!plans.at[0].no_auto_repro);
	CHECK_EQ(plans.at[0].memory_mib, 256);
	CHECK_EQ(plans_parse(sv_of(DESCRIBED(",\"wprof_args\":\" \"")), "./p", &plans, &err), -EINVAL);
}

/* --- when ------------------------------------------------------------------------------------------ */

TEST(only_an_unexpected_death_is_run_again)
{
	struct test_plan plan = {.has_scheduler = true};
	struct run_config config = {.auto_repro = true};
	AUTO(result_done) struct result died = {0};
	AUTO(result_done) struct result starved = {0};

	outcome_fail(&died.outcome, KTSTR_KIND_SCHEDULER_DIED, "it died");
	outcome_fail(&starved.outcome, KTSTR_KIND_STARVED, "one starved");
	CHECK(repro_wanted(&config, &plan, &died.outcome));
	CHECK(!repro_wanted(&config, &plan, &starved.outcome));
	plan.expect_err = true;
	CHECK(!repro_wanted(&config, &plan, &died.outcome));
	plan.expect_err = false;
	plan.no_auto_repro = true;
	CHECK(!repro_wanted(&config, &plan, &died.outcome));
	plan.no_auto_repro = false;
	config.probes = true;        /* they were in the first guest */
	CHECK(!repro_wanted(&config, &plan, &died.outcome));
	config = (struct run_config){0};
	CHECK(!repro_wanted(&config, &plan, &died.outcome));
}

TEST(fuzz_probe_log_holds_on_its_corpus)
{
	replay_corpus("probe_log", fuzz_probe_log);
}

RUN_TESTS();
