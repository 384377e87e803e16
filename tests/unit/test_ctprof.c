/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "ctprof/bpf_task.h"
#include "ctprof/ctprof.h"
#include "ctprof/parse.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_ctprof_proc
#include "../fuzz/fuzz_ctprof_proc.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ctprof_snapshot
#include "../fuzz/fuzz_ctprof_snapshot.c"
#undef LLVMFuzzerTestOneInput

#include "../vm/ctprof_sources.h"

/* --- parsers -------------------------------------------------------------------------------------- */

#define STAT_TAIL                                                                                  \
	" S 1 7 7 0 -1 4194304 11 0 13 0 15 16 0 0 -51 -20 3 0 4242 4096 1 18446744073709551615 0 0 0 "  \
	"0 0 0 0 0 0 0 0 0 17 31 50 1 0 0 0\n"

TEST(stat_gives_its_fields_whatever_the_name)
{
	struct ctprof_thread thread = {0};
	struct parse_stat_extra extra;

	CHECK_EQ(parse_stat(sv_of("7 (a) R (b\\n\\\\)" STAT_TAIL), &thread, &extra), 0);
	CHECK_STR(thread.comm, "a) R (b\n\\");
	CHECK_EQ(thread.state, 'S');
	CHECK_EQ(extra.flags, 4194304);
	CHECK_EQ(extra.num_threads, 3);
	CHECK_EQ(thread.minflt, 11);
	CHECK_EQ(thread.majflt, 13);
	CHECK_EQ(thread.utime_clock_ticks, 15);
	CHECK_EQ(thread.stime_clock_ticks, 16);
	CHECK_EQ(thread.priority, -51);
	CHECK_EQ(thread.nice, -20);
	CHECK_EQ(thread.start_time_clock_ticks, 4242);
	CHECK_EQ(thread.processor, 31);
	CHECK_EQ(thread.rt_priority, 50);
	CHECK_EQ(thread.policy, 1);
	CHECK_EQ(parse_stat(sv_of("7 (a) S 1 7"), &thread, &extra), -EINVAL);
	CHECK_EQ(parse_stat(sv_of(")("), &thread, &extra), -EINVAL);
}

TEST(sched_times_are_nanoseconds_and_negative_ones_are_counted)
{
	struct ctprof_thread thread = {0};
	uint64_t negatives = 0;

	CHECK_EQ(parse_sched(sv_of("x (7, #threads: 1)\n---\n"
				   "se.nr_migrations     :      5\n"
				   "wait_sum             :      12.000034\n"
				   "wait_max             :      -3.000001\n"
				   "se.statistics.sleep_max : 7.000000\n"
				   "sum_sleep_runtime    :      9.500000\n"
				   "sum_block_runtime    :      2.250000\n"
				   "exec_max             :      1.5\n"
				   "se.slice             :      2800000\n"
				   "ext.enabled          :      1\n"),
			     &thread, &negatives),
		 0);
	CHECK_EQ(thread.nr_migrations, 5);
	CHECK_EQ(thread.wait_sum, 12000034);
	CHECK_EQ(thread.wait_max, 0);
	CHECK_EQ(negatives, 1);
	CHECK_EQ(thread.sleep_max, 7000000);
	CHECK_EQ(thread.voluntary_sleep_ns, 7250000);
	CHECK_EQ(thread.block_sum, 2250000);
	CHECK_EQ(thread.exec_max, 0);
	CHECK_EQ(thread.fair_slice_ns, 2800000);
	CHECK(thread.ext_enabled);
}

TEST(pressure_is_in_hundredths_of_a_percent)
{
	struct ctprof_psi_line some = {0}, full = {0};

	CHECK_EQ(parse_pressure(sv_of("some avg10=12.34 avg60=0.05 avg300=100.00 total=77\n"), &some, &full), 0);
	CHECK_EQ(some.avg10, 1234);
	CHECK_EQ(some.avg60, 5);
	CHECK_EQ(some.avg300, 10000);
	CHECK_EQ(some.total_usec, 77);
	CHECK_EQ(full.total_usec, 0);
	CHECK_EQ(parse_pressure(sv_of("some avg10=1.2\n"), &some, &full), -EINVAL);
	CHECK_EQ(some.avg10, 1234);
}

TEST(the_cgroup_is_that_of_the_second_hierarchy)
{
	struct sv path;

	CHECK_EQ(parse_cgroup(sv_of("4:memory:/a\n0::/system.slice/x.service\n"), &path), 0);
	CHECK(sv_eq(path, "/system.slice/x.service"));
	CHECK_EQ(parse_cgroup(sv_of("4:memory:/a\n"), &path), -EINVAL);
}

/* --- the kernel's values -------------------------------------------------------------------------- */

static struct ctprof_thread converted(struct ctprof_task task)
{
	struct bpf_task_rules rules = {.has_schedstat = true, .has_io = true, .has_sched = true,
				       .has_statistics = true, .has_slice = true, .has_taskstats = true,
				       .page_bytes = 4096};
	struct ctprof_thread thread;
	uint64_t negatives = 0;

	memset(&rules.active, 0xff, sizeof(rules.active));
	bpf_task_to_thread(&task, &rules, &thread, &negatives);
	return thread;
}

TEST(states_are_the_letters_of_stat)
{
	CHECK_EQ(converted((struct ctprof_task){.state = 0}).state, 'R');
	CHECK_EQ(converted((struct ctprof_task){.state = 0x2001}).state, 'S');        /* freezable */
	CHECK_EQ(converted((struct ctprof_task){.state = 0x102}).state, 'D');         /* killable */
	CHECK_EQ(converted((struct ctprof_task){.state = 0x402}).state, 'I');
	CHECK_EQ(converted((struct ctprof_task){.state = 0x8000}).state, 'D');        /* frozen */
	CHECK_EQ(converted((struct ctprof_task){.state = 0x80, .exit_state = 0x20}).state, 'Z');
	CHECK_EQ(converted((struct ctprof_task){.state = 0x40}).state, 'P');
}

TEST(cpu_times_are_scaled_to_the_run_time_and_never_go_back)
{
	struct ctprof_thread thread;

	/* one tick in four was the system's, of 8 s on a CPU */
	thread = converted((struct ctprof_task){.utime_ns = 3000, .stime_ns = 1000, .sum_exec_ns = 8000000000});
	CHECK_EQ(thread.utime_clock_ticks, 600);
	CHECK_EQ(thread.stime_clock_ticks, 200);
	/* /proc has already said 7 s of user time */
	thread = converted((struct ctprof_task){.utime_ns = 3000, .stime_ns = 1000, .sum_exec_ns = 8000000000,
						.prev_utime_ns = 7000000000});
	CHECK_EQ(thread.utime_clock_ticks, 700);
	CHECK_EQ(thread.stime_clock_ticks, 100);
	thread = converted((struct ctprof_task){.sum_exec_ns = 100, .prev_utime_ns = 50000000, .prev_stime_ns = 20000000});
	CHECK_EQ(thread.utime_clock_ticks, 5);
	CHECK_EQ(thread.stime_clock_ticks, 2);
}

TEST(priorities_and_slices_are_shown_as_proc_does)
{
	struct ctprof_thread thread;

	thread = converted((struct ctprof_task){.policy = 0, .prio = 125, .static_prio = 125, .slice_ns = 3000000});
	CHECK_EQ(thread.nice, 5);
	CHECK_EQ(thread.priority, 25);
	CHECK_EQ(thread.fair_slice_ns, 3000000);
	thread = converted((struct ctprof_task){.policy = 1, .prio = 49, .static_prio = 120, .slice_ns = 3000000});
	CHECK_EQ(thread.priority, -51);
	CHECK_EQ(thread.fair_slice_ns, 0);
}

/* --- a recorded machine --------------------------------------------------------------------------- */

#define TREE_PROCESSES 16
#define TREE_THREADS 32         /* in each */

static char *tree_new(void)
{
	char *path = xasprintf("%s/ctprof-tree-XXXXXX", getenv("TMPDIR") ?: "/tmp");

	if (!mkdtemp(path))
		fail_msg("mkdtemp: %s", strerror(errno));
	return path;
}

static void put(const char *root, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void put(const char *root, const char *path, const char *fmt, ...)
{
	AUTO(free) char *full = xasprintf("%s/%s", root, path);
	AUTO(buf_done) struct buf text = {0};
	va_list args;

	*strrchr(full, '/') = '\0';
	CHECK_EQ(dir_make(full, 0755, NULL), 0);
	full[strlen(full)] = '/';
	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	CHECK_EQ(file_write_atomic(full, buf_text(&text), text.len, 0644, NULL), 0);
}

static void put_task(const char *root, unsigned tgid, unsigned tid)
{
	AUTO(free) char *dir = xasprintf("proc/%u/task/%u", tgid, tid);
	AUTO(free) char *stat = xasprintf("%s/stat", dir), *schedstat = xasprintf("%s/schedstat", dir);
	AUTO(free) char *status = xasprintf("%s/status", dir), *cgroup = xasprintf("%s/cgroup", dir);
	AUTO(free) char *sched = xasprintf("%s/sched", dir);

	put(root, stat, "%u (job %u)" STAT_TAIL, tid, tid);
	put(root, schedstat, "%u %u %u\n", tid * 1000, tid * 10, tid);
	put(root, status, "Threads:\t%d\nCpus_allowed_list:\t0-3,%u\nvoluntary_ctxt_switches:\t%u\n"
			  "nonvoluntary_ctxt_switches:\t2\n", TREE_THREADS, 8 + tid % 8, tid);
	put(root, cgroup, "0::/job.slice/%u\n", tgid);
	put(root, sched, "nr_wakeups : %u\nwait_sum : %u.000001\n", tid, tid);
}

static void put_cgroup(const char *root)
{
	put(root, "sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
	put(root, "sys/fs/cgroup/job.slice/cpu.stat", "usage_usec 10\nnr_throttled 3\nthrottled_usec 44\n");
	put(root, "sys/fs/cgroup/job.slice/cpu.max", "50000 200000\n");
	put(root, "sys/fs/cgroup/job.slice/cpu.weight", "100\n");
	put(root, "sys/fs/cgroup/job.slice/cpu.weight.nice", "-3\n");
	put(root, "sys/fs/cgroup/job.slice/memory.current", "4096\n");
	put(root, "sys/fs/cgroup/job.slice/memory.max", "max\n");
	put(root, "sys/fs/cgroup/job.slice/memory.low", "0\n");
	put(root, "sys/fs/cgroup/job.slice/memory.min", "max\n");
	put(root, "sys/fs/cgroup/job.slice/memory.stat", "anon 77\nfile 3\n");
	put(root, "sys/fs/cgroup/job.slice/pids.current", "6\n");
	put(root, "sys/fs/cgroup/job.slice/cpu.pressure", "some avg10=0.10 avg60=0.00 avg300=0.00 total=5\n");
}

static struct ctprof_snapshot capture_tree(const char *root)
{
	const struct ctprof_capture_config config = {.root = root};
	struct ctprof_snapshot snapshot;

	ctprof_capture(&config, &snapshot, NULL);
	return snapshot;
}

TEST(a_recorded_tree_is_captured_whole_and_asks_nothing_live)
{
	AUTO(free) char *root = tree_new();
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	const struct ctprof_cgroup *cgroup;
	const struct ctprof_thread *thread;

	for (unsigned process = 0; process < TREE_PROCESSES; process++)
		for (unsigned i = 0; i < TREE_THREADS; i++)
			put_task(root, 1000 + 100 * process, 1000 + 100 * process + i);
	put(root, "proc/1000/smaps_rollup", "5-7 ---p 0 0:0 0 [rollup]\nRss:     12 kB\nPss:      7 kB\n");
	put(root, "proc/pressure/memory", "some avg10=1.00 avg60=0.00 avg300=0.00 total=9\n");
	put(root, "sys/kernel/sched_ext/state", "enabled\n");
	put(root, "sys/kernel/sched_ext/enable_seq", "4\n");
	put_cgroup(root);
	snapshot = capture_tree(root);
	CHECK_EQ(tree_remove(root, NULL), 0);

	CHECK_EQ(snapshot.threads.len, TREE_PROCESSES * TREE_THREADS);
	CHECK(!snapshot.has_summaries);
	CHECK(!snapshot.host);
	thread = &snapshot.threads.at[TREE_THREADS + 5];        /* 1105 */
	CHECK_EQ(thread->tgid, 1100);
	CHECK_EQ(thread->tid, 1105);
	CHECK_STR(thread->comm, "job 1105");
	CHECK_STR(thread->pcomm, "job 1100");
	CHECK_STR(thread->cgroup, "/job.slice/1100");
	CHECK_EQ(thread->run_time_ns, 1105000);
	CHECK_EQ(thread->voluntary_csw, 1105);
	CHECK_EQ(thread->nr_threads, 0);
	CHECK_EQ(snapshot.threads.at[TREE_THREADS].nr_threads, TREE_THREADS);
	CHECK_EQ(thread->wait_sum, 1105000001);
	CHECK_EQ(cpuset_count(&thread->cpu_affinity), 5);
	CHECK_EQ(snapshot.threads.at[0].smaps_rollup_kib.len, 2);
	CHECK_STR(snapshot.threads.at[0].smaps_rollup_kib.at[1].key, "Pss");
	CHECK_EQ(snapshot.psi.resource[CTPROF_PSI_MEMORY].some.avg10, 100);
	CHECK(snapshot.has_sched_ext);
	CHECK_STR(snapshot.sched_ext.state, "enabled");
	CHECK_EQ(snapshot.sched_ext.enable_seq, 4);

	CHECK_EQ(snapshot.cgroups.len, 2);
	cgroup = ctprof_snapshot_cgroup(&snapshot, "/job.slice");
	CHECK(cgroup);
	CHECK_EQ(cgroup->cpu.throttled_usec, 44);
	CHECK_EQ(cgroup->cpu.max_quota_us.value, 50000);
	CHECK_EQ(cgroup->cpu.max_period_us, 200000);
	CHECK_EQ((int64_t)cgroup->cpu.weight_nice.value, -3);
	CHECK(!cgroup->memory.max.present);
	CHECK(cgroup->memory.low.present && cgroup->memory.low.value == 0);
	CHECK(cgroup->memory.min.present && cgroup->memory.min.value == UINT64_MAX);
	CHECK_EQ(cgroup->memory.stat.len, 2);
	CHECK_EQ(cgroup->psi.resource[CTPROF_PSI_CPU].some.total_usec, 5);
	CHECK_EQ(ctprof_snapshot_cgroup(&snapshot, "/")->cpu.max_period_us, 100000);
}

TEST(ghosts_are_left_out_but_leaders_are_not)
{
	AUTO(free) char *root = tree_new();
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

	put_task(root, 10, 11);
	put(root, "proc/10/task/10/other", "a leader with nothing to read\n");
	put(root, "proc/10/task/12/other", "a thread that ended\n");
	snapshot = capture_tree(root);
	CHECK_EQ(tree_remove(root, NULL), 0);
	CHECK_EQ(snapshot.threads.len, 2);
	CHECK_EQ(snapshot.threads.at[0].tid, 10);
	CHECK_EQ(snapshot.threads.at[1].tid, 11);
}

/* --- live ----------------------------------------------------------------------------------------- */

TEST(this_process_is_in_a_capture_of_this_machine)
{
	const struct ctprof_capture_config config = {.source = CTPROF_SOURCE_PROC, .no_heap = true};
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	const struct ctprof_thread *self = NULL;

	ctprof_capture(&config, &snapshot, NULL);
	vec_each(thread, &snapshot.threads)
		if (thread->tid == (uint32_t)getpid())
			self = thread;
	CHECK(self);
	CHECK_EQ(self->state, 'R');
	CHECK_EQ(self->tgid, getpid());
	CHECK_EQ(self->nr_threads, 1);
	CHECK(self->minflt > 0);
	CHECK(cpuset_count(&self->cpu_affinity) > 0);
	CHECK(snapshot.has_summaries);
	CHECK(snapshot.parse_summary.tids_walked >= snapshot.threads.len);
	CHECK(snapshot.host);
}

TEST(both_sources_tell_the_same_of_this_machine)
{
	struct sources_result result;

	sources_compare(&result);
	if (!result.has_bpf) {
		print_message("not by BPF here: %s\n", result.why_not_bpf);
		buf_done(&result.words);
		skip();
	}
	if (result.differences)
		fail_msg("%zu differences:\n%s", result.differences, buf_text(&result.words));
	CHECK(result.threads > 0);
	buf_done(&result.words);
}

/* --- files ---------------------------------------------------------------------------------------- */

static struct ctprof_snapshot small_snapshot(void)
{
	struct ctprof_snapshot snapshot = {.captured_at_unix_ns = 5};
	struct ctprof_thread thread = {.tid = 8, .tgid = 7, .comm = "we\"ird\n", .policy = 6, .nice = -3,
				       .state = 'D', .ext_enabled = true, .run_time_ns = UINT64_MAX};

	for (size_t i = 0; i < ctprof_metric_count; i++)
		if (ctprof_metrics[i].type == CTPROF_TYPE_U64 && strcmp(ctprof_metrics[i].name, "run_time_ns") != 0)
			*(uint64_t *)((char *)&thread + ctprof_metrics[i].offset) = 1000 + i;
	cpuset_add(&thread.cpu_affinity, 0);
	cpuset_add(&thread.cpu_affinity, 700);
	thread.cgroup = ctprof_snapshot_name(&snapshot, sv_of("/a"));
	ctprof_threads_push(&snapshot.threads, thread);
	snapshot.label = ctprof_snapshot_name(&snapshot, sv_of("step 1: end"));
	snapshot.has_summaries = true;
	snapshot.probe_summary.refused = 4;
	for (int i = 0; i < CTPROF_FILES; i++) {
		snapshot.parse_summary.read_failures_by_file[i] = 100 + (uint64_t)i;
		snapshot.parse_summary.refused_by_file[i] = 200 + (uint64_t)i;
		snapshot.parse_summary.missing_by_file[i] = 300 + (uint64_t)i;
	}
	return snapshot;
}

static char *temporary_path(void)
{
	return xasprintf("%s/ctprof-%d.zst", getenv("TMPDIR") ?: "/tmp", getpid());
}

TEST(a_file_gives_back_every_field)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot written = small_snapshot(), read = {0};
	AUTO(free) char *path = temporary_path();
	struct ktstr_error err = {0};
	struct stat status;

	CHECK_EQ(ctprof_snapshot_write(&written, path, &err), 0);
	CHECK_EQ(stat(path, &status), 0);
	CHECK_EQ(status.st_mode & 0777, 0600);
	CHECK_EQ(ctprof_snapshot_read(path, &read, &err), 0);
	unlink(path);
	CHECK_EQ(read.threads.len, 1);
	for (size_t i = 0; i < ctprof_metric_count; i++) {
		const struct ctprof_metric *metric = &ctprof_metrics[i];

		if (metric->type == CTPROF_TYPE_CPUS || strcmp(metric->name, "run_time_ns") == 0)
			continue;
		if (ctprof_metric_value(metric, written.threads.at) != ctprof_metric_value(metric, read.threads.at))
			fail_msg("%s is not kept", metric->name);
	}
	CHECK_EQ(read.threads.at->run_time_ns, INT64_MAX);        /* JSON has no more */
	CHECK(cpuset_equal(&written.threads.at->cpu_affinity, &read.threads.at->cpu_affinity));
	CHECK_STR(read.threads.at->comm, "we\"ird\n");
	CHECK_STR(read.threads.at->cgroup, "/a");
	CHECK_STR(read.label, "step 1: end");
	CHECK_EQ(read.probe_summary.refused, 4);
	CHECK_EQ(memcmp(&read.parse_summary.read_failures_by_file, &written.parse_summary.read_failures_by_file,
			sizeof(read.parse_summary.read_failures_by_file)), 0);
	CHECK_EQ(memcmp(&read.parse_summary.refused_by_file, &written.parse_summary.refused_by_file,
			sizeof(read.parse_summary.refused_by_file)), 0);
	CHECK_EQ(memcmp(&read.parse_summary.missing_by_file, &written.parse_summary.missing_by_file,
			sizeof(read.parse_summary.missing_by_file)), 0);
}

static int unpack_error(const void *data, size_t len, struct ktstr_error *err)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

	*err = (struct ktstr_error){0};
	return ctprof_snapshot_unpack(data, len, &snapshot, err);
}

static size_t pack_text(const char *text, size_t len, char *packed, size_t max)
{
	size_t size = ZSTD_compress(packed, max, text, len, 3);

	CHECK(!ZSTD_isError(size));
	return size;
}

TEST(what_is_no_snapshot_is_named_as_such)
{
	static const char future[] = "{\"schema_version\": 2, \"threads\": []}";
	struct ktstr_error err;
	char packed[4096];
	size_t len;

	CHECK_EQ(unpack_error("\x7f" "ELF", 4, &err), -EINVAL);
	CHECK_HAS(err.msg, "starts with 7f 45 4c 46");
	CHECK_EQ(unpack_error("", 0, &err), -EINVAL);
	CHECK_HAS(err.msg, "empty");
	len = pack_text(future, strlen(future), packed, sizeof(packed));
	CHECK_EQ(unpack_error(packed, len, &err), -EPROTO);
	CHECK_HAS(err.msg, "newer ktstr");
	CHECK_EQ(unpack_error(packed, len - 3, &err), -ENODATA);
	CHECK_HAS(err.msg, "truncated");
	len = pack_text("[]", 2, packed, sizeof(packed));
	CHECK_EQ(unpack_error(packed, len, &err), -EBADMSG);
	CHECK_HAS(err.msg, "no ctprof snapshot");
	len = pack_text("{", 1, packed, sizeof(packed));
	CHECK_EQ(unpack_error(packed, len, &err), -EBADMSG);
	CHECK_HAS(err.msg, "not JSON");
}

TEST(a_bomb_is_refused_before_it_fills_the_memory)
{
	const size_t len = (size_t)CTPROF_JSON_BYTES_MAX + 1;
	AUTO(free) char *zeros = xcalloc(len, 1);
	AUTO(free) char *packed = xmalloc(1 << 20);
	struct ktstr_error err;

	CHECK_EQ(unpack_error(packed, pack_text(zeros, len, packed, 1 << 20), &err), -EFBIG);
	CHECK_HAS(err.msg, "unpacks to more than 512 MiB");
	CHECK_EQ(ctprof_snapshot_unpack_max(packed, pack_text(zeros, (2 << 20) + 1, packed, 1 << 20), 2 << 20,
					    &(struct ctprof_snapshot){0}, &err), -EFBIG);
	CHECK_HAS(err.msg, "unpacks to more than 2 MiB");
}

TEST(a_write_that_fails_leaves_the_old_file)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = small_snapshot();
	struct ktstr_error err = {0};

	CHECK(ctprof_snapshot_write(&snapshot, "/nonexistent/x.ctprof.zst", &err) < 0);
	CHECK_HAS(err.msg, "/nonexistent/x.ctprof.zst");
}

/* --- the registry --------------------------------------------------------------------------------- */

TEST(the_registry_has_each_metric_once)
{
	CHECK_STR(ctprof_metrics[0].name, "thread_count");
	CHECK_STR(ctprof_metrics[ctprof_metric_count - 1].name, "hiwater_vm_bytes");
	for (size_t i = 0; i < ctprof_metric_count; i++) {
		CHECK(*ctprof_metrics[i].description);
		CHECK(ctprof_metric_find(sv_of(ctprof_metrics[i].name)) == &ctprof_metrics[i]);
	}
	CHECK(!ctprof_metric_find(sv_of("nr_wakeups_idle")));
}

TEST(tags_and_policies_have_words)
{
	AUTO(buf_done) struct buf tags = {0}, policy = {0};
	uint32_t number;

	ctprof_tags_format(ctprof_metric_find(sv_of("nr_wakeups_affine"))->tags, &tags);
	CHECK_STR(buf_text(&tags), "[cfs-only] [SCHEDSTATS]");
	ctprof_policy_format(42, &policy);
	CHECK_STR(buf_text(&policy), "SCHED_42");
	CHECK_EQ(ctprof_policy_parse(sv_of("SCHED_EXT"), &number), 0);
	CHECK_EQ(number, 7);
	CHECK_EQ(ctprof_policy_parse(sv_of("SCHED_42"), &number), 0);
	CHECK_EQ(number, 42);
	CHECK_EQ(ctprof_policy_parse(sv_of("OTHER"), &number), -EINVAL);
}

TEST(the_corpora_hold)
{
	replay_corpus("ctprof_proc", fuzz_ctprof_proc);
	replay_corpus("ctprof_snapshot", fuzz_ctprof_snapshot);
}

RUN_TESTS();
