/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "kallsyms_writer.h"
#include "test.h"
#include "trace/trace.h"

#define LLVMFuzzerTestOneInput fuzz_trace
#include "../fuzz/fuzz_trace.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_trace_stream
#include "../fuzz/fuzz_trace_stream.c"
#include "../fuzz/replay.h"

DEFINE_AUTO(struct btf *, btf__free)

#define ALL 0, UINT64_MAX

/* A file that grows by records. */
struct file {
	struct buf bytes;
	uint64_t count;
};

static void file_done(struct file *file)
{
	buf_done(&file->bytes);
}
DEFINE_AUTO_DONE(struct file, file_done)

static void put(struct file *file, const void *record)
{
	struct trace_header header = {.magic = TRACE_MAGIC_BYTES,
				      .record_size = sizeof(struct trace_record)};

	while (file->bytes.len < TRACE_HEADER_SIZE)
		buf_char(&file->bytes, '\0');
	buf_bytes(&file->bytes, record, sizeof(struct trace_record));
	header.count = ++file->count;
	memcpy(file->bytes.data, &header, sizeof(header));
}

static struct trace_record task(enum trace_kind kind, uint64_t time_ns, uint16_t cpu, uint32_t pid)
{
	struct trace_record record = {.kind = (uint16_t)kind,
				      .time_ns = time_ns,
				      .clock_ns = time_ns,
				      .cpu = cpu,
				      .target = cpu,
				      .pid = pid,
				      .tgid = pid};

	snprintf(record.comm, sizeof(record.comm), "t%u", pid);
	return record;
}

/* prev leaves the CPU and waits in `state` (0: could go on); next gets it. */
static void put_switch(struct file *file, uint64_t time_ns, uint16_t cpu, uint32_t prev,
		       uint32_t state, uint32_t next)
{
	static uint64_t switches[4];
	struct trace_record record = task(TRACE_SWITCH, time_ns, cpu, prev);

	record.state = record.arg = state;
	record.other_pid = record.other_tgid = next;
	record.nr_running = prev != 0;
	record.nr_switches = ++switches[cpu];
	snprintf(record.other_comm, sizeof(record.other_comm), "t%u", next);
	put(file, &record);
}

static void put_wake(struct file *file, uint64_t time_ns, uint16_t cpu, uint32_t pid,
		     uint32_t state, uint32_t mask)
{
	struct trace_record record = task(TRACE_WAKE, time_ns, cpu, pid);

	record.state = state;
	record.arg = mask;
	put(file, &record);
}

static void put_queue(struct file *file, enum trace_kind kind, uint64_t time_ns, uint16_t cpu,
		      uint32_t pid, uint32_t flags, uint32_t nr_running)
{
	struct trace_record record = task(kind, time_ns, cpu, pid);

	record.arg = flags;
	record.nr_running = nr_running;
	put(file, &record);
}

static struct trace read_back(const struct file *file)
{
	struct trace trace;

	CHECK_EQ(trace_read(sv_bytes(file->bytes.data, file->bytes.len), &trace, NULL), 0);
	return trace;
}

static struct trace_analysis *analyse(const struct file *file, uint64_t begin_ns, uint64_t end_ns)
{
	struct trace trace = read_back(file);

	return trace_analyse(&trace, begin_ns, end_ns);
}

/* --- waits
 * ------------------------------------------------------------------------------------------ */

TEST(wakeup_latency_is_from_the_call_to_the_cpu)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	const struct trace_task *task;

	put_switch(&file, 1000, 0, 7, 1, 0);
	put_wake(&file, 2000, 0, 7, 1, 3);
	put_queue(&file, TRACE_ENQUEUE, 2100, 0, 7, 1, 0);
	put_switch(&file, 2500, 0, 0, 0, 7);
	analysis = analyse(&file, ALL);
	task = trace_find_task(analysis, 7);
	CHECK_EQ(task->wakeups, 1);
	CHECK_EQ(task->wakeup.count, 1);
	CHECK_EQ(task->wakeup.max_ns, 500);
	CHECK_EQ(task->delay.max_ns, 500);
	CHECK_EQ(task->slept, 1);
	CHECK_STR(task->comm, "t7");
	CHECK(trace_find_task(analysis, 8) == NULL);
}

TEST(a_wake_that_the_task_does_not_wait_for_is_none)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;

	put_switch(&file, 1000, 0, 7, 2, 0);
	put_wake(&file, 1500, 0, 7, 2, 1);
	put_wake(&file, 2000, 0, 7, 2, 3);
	put_wake(&file, 2100, 0, 7, 0x200, 3); /* TASK_WAKING: somebody else was faster */
	put_switch(&file, 2500, 0, 0, 0, 7);
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 7)->wakeups, 1);
	CHECK_EQ(trace_find_task(analysis, 7)->wakeup.max_ns, 500);
}

TEST(who_is_woken_before_it_has_left_waits_from_then)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;

	put_switch(&file, 1000, 0, 0, 0, 7);
	put_queue(&file, TRACE_DEQUEUE, 2000, 0, 7, TRACE_FLAG_SLEEP, 1);
	put_wake(&file, 2200, 1, 7, 1, 3);
	put_switch(&file, 2500, 0, 7, 1, 0);
	put_switch(&file, 2900, 1, 0, 0, 7);
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 7)->wakeup.count, 1);
	CHECK_EQ(trace_find_task(analysis, 7)->wakeup.max_ns, 400);
}

TEST(a_sleeper_that_is_moved_to_another_run_queue_does_not_wait)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	struct trace_record moved = task(TRACE_ENQUEUE, 3000, 1, 7);

	put_queue(&file, TRACE_DEQUEUE, 1000, 0, 7, TRACE_FLAG_SLEEP, 1);
	put_switch(&file, 1100, 0, 7, 0x402, 0);
	moved.state = 0x402;
	put(&file, &moved);
	moved.time_ns = 5000;
	moved.state = 0x200; /* TASK_WAKING: whoever wakes it has it */
	put(&file, &moved);
	put_switch(&file, 6000, 1, 0, 0, 7);
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.count, 1);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.max_ns, 1000);
}

TEST(waking_a_task_that_runs_is_no_wakeup)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;

	put_switch(&file, 1000, 0, 0, 0, 7);
	put_wake(&file, 1500, 0, 7, 1, 3); /* it has set its state, and is not dequeued yet */
	put_switch(&file, 2000, 0, 7, 0, 8);
	put_switch(&file, 2700, 0, 8, 1, 7);
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 7)->wakeup.count, 0);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.max_ns, 700);
	CHECK_EQ(trace_find_task(analysis, 7)->preempted, 1);
	CHECK_EQ(analysis->wakeups, 0);
}

TEST(a_new_task_waits_from_its_making)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	struct trace_record record = task(TRACE_NEW, 1000, 0, 9);

	put(&file, &record);
	put_switch(&file, 1800, 0, 7, 0, 9);
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 9)->delay.max_ns, 800);
	CHECK_EQ(trace_find_task(analysis, 9)->wakeup.count, 0);
}

TEST(a_wait_counts_where_it_ends_and_one_without_end_up_to_the_window)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *first = NULL;
	AUTO(trace_analysis_free) struct trace_analysis *second = NULL;

	put_switch(&file, 1000, 0, 7, 0, 8);
	put_switch(&file, 1500, 1, 9, 0, 6);
	put_switch(&file, 3000, 0, 8, 0, 7);
	put_switch(&file, 9000, 0, 7, 1, 0);
	first = analyse(&file, 0, 2000);
	CHECK_EQ(trace_find_task(first, 7)->delay.max_ns, 1000); /* still waits */
	CHECK_EQ(trace_find_task(first, 9)->delay.max_ns, 500);
	second = analyse(&file, 2000, 5000);
	CHECK_EQ(trace_find_task(second, 7)->delay.max_ns, 2000);
	CHECK_EQ(trace_find_task(second, 9)->delay.max_ns, 3500); /* starves */
	CHECK_EQ(trace_find_task(second, 7)->run_ns, 2000);
	CHECK_EQ(trace_find_task(second, 8)->run_ns, 1000);
	CHECK_EQ(second->switches, 1);
}

TEST(percentiles_are_of_all_waits)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	uint64_t now_ns = 0;

	for (uint64_t wait = 1; wait <= 200; wait++) {
		put_switch(&file, now_ns += 1000, 0, 7, 0, 8);
		put_switch(&file, now_ns += wait, 0, 8, 1, 7);
	}
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.count, 200);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.p50_ns, 100);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.p99_ns, 198);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.max_ns, 200);
	CHECK_EQ(trace_find_task(analysis, 7)->delay.total_ns, 200 * 201 / 2);
}

TEST(the_longest_waits_say_who_ran_instead)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	const struct trace_wait *wait;

	put_switch(&file, 1000, 0, 7, 0, 8);
	put_switch(&file, 1100, 1, 0, 0, 6); /* another CPU says nothing about it */
	put_switch(&file, 2000, 0, 8, 1, 0);
	put_switch(&file, 2300, 0, 0, 0, 8);
	put_switch(&file, 5000, 0, 8, 1, 7);
	analysis = analyse(&file, ALL);
	CHECK(analysis->wait_count >= 1);
	wait = &analysis->wait[0];
	CHECK_EQ(wait->pid, 7);
	CHECK_EQ(wait->begin_ns, 1000);
	CHECK_EQ(wait->end_ns, 5000);
	CHECK(!wait->after_wakeup);
	CHECK_EQ(wait->instead[0].pid, 8);
	CHECK_EQ(wait->instead[0].ns, 3700);
	CHECK_EQ(wait->instead[1].pid, 0);
	CHECK_EQ(wait->instead[1].ns, 300);
	CHECK_EQ(wait->instead[2].ns, 0);
}

TEST(only_the_longest_waits_are_kept_in_order)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	uint64_t now_ns = 0;

	for (uint64_t i = 0; i < 30; i++) {
		put_switch(&file, now_ns += 10, 0, 7, 0, 8);
		put_switch(&file, now_ns += 100 + i * 7 % 30, 0, 8, 1, 7);
	}
	analysis = analyse(&file, ALL);
	CHECK_EQ(analysis->wait_count, TRACE_WAITS_MAX);
	for (uint64_t i = 0; i < TRACE_WAITS_MAX; i++)
		CHECK_EQ(analysis->wait[i].end_ns - analysis->wait[i].begin_ns, 129 - i);
}

/* --- CPUs
 * ------------------------------------------------------------------------------------------- */

TEST(cpus_are_busy_or_idle_and_queues_have_lengths)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;

	put_switch(&file, 1000, 0, 0, 0, 7);		   /* 0 before */
	put_queue(&file, TRACE_ENQUEUE, 2000, 0, 8, 0, 1); /* 1 before */
	put_queue(&file, TRACE_ENQUEUE, 4000, 0, 9, 0, 2);
	put_queue(&file, TRACE_DEQUEUE, 8000, 0, 9, 0, 3);
	put_switch(&file, 9000, 0, 7, 1, 0);
	analysis = analyse(&file, 500, 7000);
	CHECK_EQ(analysis->cpu[0].length_ns[1], 1000);
	CHECK_EQ(analysis->cpu[0].length_ns[2], 2000);
	CHECK_EQ(analysis->cpu[0].length_ns[3], 3000);
	CHECK_EQ(analysis->cpu[0].length_max, 3);
	CHECK_EQ(analysis->cpu[0].busy_ns, 6000);
	CHECK_EQ(analysis->cpu_count, 1);
	CHECK_EQ(trace_find_task(analysis, 7)->run_ns, 6000);
	CHECK(cpuset_has(&trace_find_task(analysis, 7)->cpus, 0));
}

TEST(a_switch_that_only_the_kernel_counted_is_noticed)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	AUTO(file_done) struct file unused = {0};
	AUTO(free) char *text = NULL;
	struct trace trace;

	put_switch(&file, 1000, 3, 0, 0, 7);
	put_switch(&unused, 1100, 3, 7, 0, 8);
	put_switch(&file, 1200, 3, 8, 0, 7);
	analysis = analyse(&file, ALL);
	CHECK_EQ(analysis->cpu[3].miscounted, 1);
	trace = read_back(&file);
	text = trace_summary(&trace, analysis);
	CHECK_HAS(text, "1 switches that the kernel counted are missing");
}

TEST(run_delay_is_accounted_as_the_kernel_does)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	struct trace_record record;

	put_queue(&file, TRACE_ENQUEUE, 1000, 0, 7, 1, 0);
	put_queue(&file, TRACE_DEQUEUE, 1500, 0, 7, 0, 1); /* moved: 500 so far */
	put_queue(&file, TRACE_ENQUEUE, 1600, 1, 7, 0, 0);
	put_queue(&file, TRACE_DEQUEUE, 1700, 1, 7, 2, 1); /* saved and restored: none */
	put_queue(&file, TRACE_ENQUEUE, 1800, 1, 7, 2, 0);
	put_switch(&file, 2000, 1, 0, 0, 7); /* 400 */
	record = task(TRACE_SWITCH, 2500, 1, 7);
	record.arg = 1; /* preempted with its state set: the kernel does not count that */
	record.other_pid = 8;
	put(&file, &record);
	put_switch(&file, 2900, 1, 8, 1, 7);
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 7)->kernel_delay_ns, 900);
	CHECK_EQ(trace_find_task(analysis, 7)->kernel_slices, 1);
	CHECK_EQ(trace_find_task(analysis, 7)->switches_in, 2);
}

TEST(migrations_and_cgroups_belong_to_tasks)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	struct trace_cgroup cgroup = {.kind = TRACE_CGROUP, .id = 42, .name = "/ktstr/cg\0330"};
	struct trace_record record = task(TRACE_MIGRATE, 1000, 0, 7);

	put(&file, &cgroup);
	record.cgroup = 42;
	record.target = 1;
	put(&file, &record);
	analysis = analyse(&file, ALL);
	CHECK_EQ(trace_find_task(analysis, 7)->migrations, 1);
	CHECK_EQ(analysis->migrations, 1);
	CHECK_STR(trace_cgroup_name(analysis, trace_find_task(analysis, 7)->cgroup), "/ktstr/cg?0");
	CHECK_STR(trace_cgroup_name(analysis, 43), "");
}

TEST(more_tasks_than_a_hash_begins_with_are_all_found)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;

	for (uint32_t pid = 1; pid <= 1000; pid++)
		put_switch(&file, pid, 0, pid, 1, pid + 1);
	analysis = analyse(&file, ALL);
	CHECK_EQ(analysis->tasks.len, 1001);
	for (uint32_t pid = 1; pid <= 1001; pid++)
		CHECK(trace_find_task(analysis, pid));
}

/* --- files
 * ------------------------------------------------------------------------------------------ */

static void refused(const struct file *file, const char *why)
{
	struct ktstr_error err = {0};
	struct trace trace;

	CHECK_EQ(trace_read(sv_bytes(file->bytes.data, file->bytes.len), &trace, &err), -EBADMSG);
	CHECK_HAS(err.msg, why);
}

TEST(a_file_of_another_kind_or_cut_short_is_refused)
{
	AUTO(file_done) struct file file = {0};

	put_switch(&file, 1000, 0, 7, 0, 8);
	file.bytes.len--;
	refused(&file, "1 records do not fit");
	file.bytes.len = 100;
	refused(&file, "too short");
	file.bytes.len = TRACE_HEADER_SIZE;
	file.bytes.data[0] = 'K';
	refused(&file, "not a record file");
}

TEST(records_that_cannot_be_are_refused)
{
	AUTO(file_done) struct file kind = {0};
	AUTO(file_done) struct file cpu = {0};
	AUTO(file_done) struct file time = {0};
	struct trace_record record = task(TRACE_KIND_COUNT, 1, 0, 1);

	put(&kind, &record);
	refused(&kind, "record 0 is of unknown kind 9");
	record = task(TRACE_WAKE, 1, TRACE_CPUS_MAX, 1);
	put(&cpu, &record);
	refused(&cpu, "record 0 names CPU 512");
	put_wake(&time, 5, 0, 1, 1, 1);
	put_wake(&time, 4, 0, 1, 1, 1);
	refused(&time, "record 1 is earlier");
}

TEST(a_file_is_trimmed_to_its_records_and_opened)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_done) struct trace trace = {0};
	char path[] = "/tmp/ktstr-test-trace-XXXXXX";
	int fd = mkstemp(path);

	put_switch(&file, 1000, 0, 7, 0, 8);
	CHECK_EQ(fd_write_all(fd, file.bytes.data, file.bytes.len), 0);
	CHECK_EQ(ftruncate(fd, 1 << 20), 0);
	CHECK_EQ(trace_trim(path, NULL), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), TRACE_HEADER_SIZE + sizeof(struct trace_record));
	CHECK_EQ(trace_open(path, &trace, NULL), 0);
	CHECK_EQ(trace.count, 1);
	close(fd);
	unlink(path);
}

TEST(a_perfetto_file_is_written_whole)
{
	AUTO(file_done) struct file file = {0};
	AUTO(buf_done) struct buf bytes = {0};
	struct ktstr_error err = {0};
	struct trace_marker marker = {.track = "steps", .name = "step one", .begin_ns = 1000, .end_ns = 2000};
	char path[] = "/tmp/ktstr-test-perfetto-XXXXXX";
	struct trace trace;

	close(mkstemp(path));
	for (uint64_t i = 0; i < 1000; i++)
		put_switch(&file, 1000 + i, i % 2, 7, 0, 8);
	trace = read_back(&file);
	CHECK_EQ(trace_perfetto(&trace, &marker, 1, path, &err), 0);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &bytes, NULL), 0);
	CHECK_EQ(bytes.data[0], 0x0a);
	CHECK(memmem(bytes.data, bytes.len, "step one", 8));
	unlink(path);
	CHECK_EQ(trace_perfetto(&trace, NULL, 0, "/nonexistent/x.pb", &err), -ENOENT);
	CHECK_HAS(err.msg, "/nonexistent/x.pb");
}

static size_t count_of(const struct buf *bytes, const char *text)
{
	size_t len = strlen(text), count = 0;

	for (size_t i = 0; i + len <= bytes->len; i++)
		count += memcmp(bytes->data + i, text, len) == 0;
	return count;
}

TEST(a_thread_tells_its_cgroups_one_after_the_other)
{
	AUTO(file_done) struct file file = {0};
	AUTO(buf_done) struct buf bytes = {0};
	char path[] = "/tmp/ktstr-test-members-XXXXXX";
	struct trace trace;

	for (uint64_t id = 1; id <= 3; id++) {
		struct trace_cgroup cgroup = {.kind = TRACE_CGROUP, .id = id};

		snprintf(cgroup.name, sizeof(cgroup.name), id == 1 ? "/" : "/in%d", (int)id);
		put(&file, &cgroup);
	}
	for (uint64_t i = 0; i < 8; i++) {
		struct trace_record record = task(TRACE_WAKE, 1000 + i, 0, 7);

		record.cgroup = i < 3 ? 1 : i < 6 ? 2 : 3;
		record.other_pid = record.other_tgid = 8;
		record.other_cgroup = 1;
		put(&file, &record);
	}
	close(mkstemp(path));
	trace = read_back(&file);
	CHECK_EQ(trace_perfetto(&trace, NULL, 0, path, NULL), 0);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &bytes, NULL), 0);
	unlink(path);
	/* a cgroup's own track and its slice, and a thread's slice in it with its note */
	CHECK_EQ(count_of(&bytes, "cgroup /in2"), 2);
	CHECK_EQ(count_of(&bytes, "cgroup /in3"), 2);
	CHECK_EQ(count_of(&bytes, "/in2"), 4);
	CHECK_EQ(count_of(&bytes, "cgroup /"), 5); /* the fifth is the root's own track */
}

TEST(the_summary_names_tasks_cpus_and_waits)
{
	AUTO(file_done) struct file file = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	AUTO(free) char *text = NULL;
	struct trace trace;

	put_switch(&file, 1000000, 0, 7, 0, 8);
	put_switch(&file, 6000000, 0, 8, 1, 7);
	put_switch(&file, 9000000, 0, 7, 1, 0);
	analysis = analyse(&file, ALL);
	trace = read_back(&file);
	text = trace_summary(&trace, analysis);
	CHECK_HAS(text, "recorded by the QEMU plugin, of which the guest cannot tell\n");
	CHECK_HAS(text,
		  "0.008 s of guest time: 3 switches, 0 wake-ups, 0 migrations; nothing lost\n");
	CHECK_HAS(text,
		  "\n    5.000 ms  t7/7 on CPU 0, able to go on at 0.000 s; there ran instead "
		  "5.000 ms t8/8\n");
	CHECK_HAS(text, "\nt7/7 ");
}

/* --- what a tracer in the guest tells
 * ---------------------------------------------------------------- */

static void begin_stream(struct buf *stream)
{
	char first[sizeof(struct trace_record)] = TRACE_STREAM_MAGIC;

	buf_bytes(stream, first, sizeof(first));
}

static void put_event(struct buf *stream, enum trace_kind kind, uint64_t time_ns, uint16_t cpu)
{
	struct trace_record record = task(kind, time_ns, cpu, 7);

	buf_bytes(stream, &record, sizeof(record));
}

static void put_named(struct buf *stream, uint16_t kind, uint64_t id, const char *name)
{
	struct trace_cgroup slot = {.kind = kind, .id = id};

	snprintf(slot.name, sizeof(slot.name), "%s", name);
	buf_bytes(stream, &slot, sizeof(slot));
}

static void end_stream(struct buf *stream, uint64_t records, uint64_t lost)
{
	struct trace_end end = {.kind = TRACE_END, .records = records, .lost = lost};

	buf_bytes(stream, &end, sizeof(end));
}

/* 0 with the trace, which is the caller's; or an error. */
static int take(const struct buf *stream, struct trace *ret_trace, char **missing, struct ktstr_error *err)
{
	char path[] = "/tmp/ktstr-test-stream-XXXXXX";
	int r;

	close(mkstemp(path));
	r = trace_from_guest(sv_bytes(buf_text(stream), stream->len), true, path, missing, err);
	if (r == 0)
		r = trace_open(path, ret_trace, err);
	unlink(path);
	return r;
}

TEST(what_a_guest_tells_becomes_records_in_the_order_of_time)
{
	AUTO(buf_done) struct buf stream = {0};
	AUTO(trace_done) struct trace trace = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	AUTO(free) char *missing = NULL;
	AUTO(free) char *text = NULL;

	begin_stream(&stream);
	put_named(&stream, TRACE_MISSING, 0, "enqueue_task_dl");
	put_named(&stream, TRACE_CGROUP, 1, "/");
	put_event(&stream, TRACE_WAKE, 2000, 0);
	put_event(&stream, TRACE_SWITCH, 3000, 1);
	put_named(&stream, TRACE_MISSING, 0, "no\tsuch");
	put_event(&stream, TRACE_MIGRATE, 1000, 2);
	put_event(&stream, TRACE_ENQUEUE, 2000, 3);
	put_named(&stream, TRACE_CGROUP, 2, "/late");
	end_stream(&stream, 4, 5);
	CHECK_EQ(take(&stream, &trace, &missing, NULL), 0);
	CHECK_EQ(trace.count, 6);
	CHECK_EQ(trace.records[0].kind, TRACE_CGROUP);
	CHECK_EQ(trace.records[1].kind, TRACE_CGROUP);
	CHECK_EQ(trace.records[2].cpu, 2);
	CHECK_EQ(trace.records[3].cpu, 0); /* equal times: as they came */
	CHECK_EQ(trace.records[4].cpu, 3);
	CHECK_EQ(trace.records[5].cpu, 1);
	CHECK_EQ(trace.tracer, TRACE_BY_BPF);
	CHECK_EQ(trace.lost, 5);
	CHECK(trace.det && !trace.cut);
	CHECK_STR(missing, "enqueue_task_dl, no?such");
	analysis = trace_analyse(&trace, ALL);
	CHECK_STR(trace_cgroup_name(analysis, 2), "/late");
	CHECK_EQ(analysis->lost, 5);
	text = trace_summary(&trace, analysis);
	CHECK_HAS(text, "recorded by BPF programs in the guest, which took part in the run\n");
	CHECK_HAS(text, "5 events LOST");
	CHECK(!strstr(text, "CUT SHORT"));
}

TEST(what_a_guest_could_not_finish_telling_is_marked)
{
	AUTO(buf_done) struct buf stream = {0};
	AUTO(trace_done) struct trace trace = {0};
	AUTO(trace_analysis_free) struct trace_analysis *analysis = NULL;
	AUTO(free) char *missing = NULL;
	AUTO(free) char *text = NULL;

	begin_stream(&stream);
	put_event(&stream, TRACE_WAKE, 2000, 0);
	put_event(&stream, TRACE_WAKE, 3000, 0);
	stream.len -= 8;
	CHECK_EQ(take(&stream, &trace, &missing, NULL), 0);
	CHECK_EQ(trace.count, 1);
	CHECK(trace.cut);
	CHECK(missing == NULL);
	analysis = trace_analyse(&trace, ALL);
	CHECK(analysis->cut);
	text = trace_summary(&trace, analysis);
	CHECK_HAS(text, "CUT SHORT");
}

TEST(what_is_no_stream_or_lacks_records_is_refused)
{
	AUTO(buf_done) struct buf other = {0};
	AUTO(buf_done) struct buf fewer = {0};
	AUTO(buf_done) struct buf kind = {0};
	struct ktstr_error err = {0};
	struct trace trace;
	char *missing = NULL;

	put_event(&other, TRACE_WAKE, 1, 0);
	CHECK_EQ(take(&other, &trace, &missing, &err), -EBADMSG);
	CHECK_HAS(err.msg, "not the stream of a tracer");
	begin_stream(&fewer);
	put_event(&fewer, TRACE_WAKE, 1, 0);
	end_stream(&fewer, 2, 0);
	CHECK_EQ(take(&fewer, &trace, &missing, &err), -EBADMSG);
	CHECK_HAS(err.msg, "the tracer wrote 2 records, and 1 came");
	begin_stream(&kind);
	put_event(&kind, 0x200, 1, 0);
	end_stream(&kind, 1, 0);
	CHECK_EQ(take(&kind, &trace, &missing, &err), -EBADMSG);
	CHECK_HAS(err.msg, "unknown kind 512");
}

/* --- plans
 * ------------------------------------------------------------------------------------------ */

/* A struct of words with these names, each 8 bytes; it becomes the type that fields are added to.
 */
static int add_struct(struct btf *btf, const char *name, int word, const char *const *members)
{
	int id = btf__add_struct(btf, name, 256);

	for (uint32_t i = 0; members[i]; i++)
		CHECK_EQ(btf__add_field(btf, members[i], word, 64 * i, 0), 0);
	return id;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The structs that a plan wants; rq has `clock` under another name when it is told to. */
static void make_btf(const char *clock, const char *parent, struct buf *ret_bytes)
{
	AUTO(btf__free) struct btf *btf = btf__new_empty();
	int word = btf__add_int(btf, "u64", 8, 0), unnamed, info, base;
	const void *raw;
	uint32_t size;

	unnamed = btf__add_union(btf, NULL, 8);
	btf__add_field(btf, "donor", word, 0, 0);
	btf__add_field(btf, "curr", word, 0, 0);
	info = btf__add_typedef(btf, "info",
				add_struct(btf, "thread_info", word, WORDS("flags", "cpu")));
	base = add_struct(
		btf, "tk_read_base", word,
		WORDS("clock", "mask", "cycle_last", "mult", "shift", "xtime_nsec", "base"));
	add_struct(btf, "rq", word, WORDS("nr_running", "cpu", "nr_switches", clock));
	btf__add_field(btf, NULL, unnamed, 64 * 4, 0);
	add_struct(btf, "task_struct", word, WORDS("__state", "pid", "tgid", "comm", "cgroups"));
	btf__add_field(btf, "thread_info", info, 64 * 5, 0);
	add_struct(btf, "timekeeper", word, WORDS("x"));
	btf__add_field(btf, "tkr_mono", base, 64, 0);
	add_struct(btf, "tk_data", word, WORDS("seq", "y", "timekeeper"));
	add_struct(btf, "css_set", word, WORDS("dfl_cgrp"));
	add_struct(btf, "cgroup", word, WORDS("z", "kn"));
	add_struct(btf, "kernfs_node", word, WORDS("name", parent, "id"));
	add_struct(btf, "clocksource", word, WORDS("name"));
	raw = btf__raw_data(btf, &size);
	buf_bytes(ret_bytes, raw, size);
}

static const struct writer_symbol kernel_symbols[] = {
	{"T_text", WRITER_TEXT},
	{"T__switch_to_asm", WRITER_TEXT + 0x100},
	{"Ttry_to_wake_up", WRITER_TEXT + 0x200},
	{"ttry_to_wake_up.constprop.0", WRITER_TEXT + 0x280},
	{"ttry_to_wake_up.cold", WRITER_TEXT + 0x290},
	{"Twake_up_new_task", WRITER_TEXT + 0x300},
	{"tenqueue_task_fair", WRITER_TEXT + 0x400},
	{"tdequeue_task_fair", WRITER_TEXT + 0x500},
	{"dtk_core", WRITER_TEXT + 0x600},
	{"drunqueues", WRITER_TEXT + 0x700},
};

static int make_plan(const char *clock, const char *parent, uint32_t symbol_count,
		     struct trace_plan *plan, char **missing, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};

	writer_vmlinux(kernel_symbols, symbol_count, WRITER_BASE, &vmlinux);
	make_btf(clock, parent, &btf);
	return trace_plan_make(&vmlinux, &btf, plan, missing, err);
}

TEST(a_plan_has_addresses_and_offsets)
{
	AUTO(free) char *missing = NULL;
	struct trace_plan plan;

	CHECK_EQ(make_plan("clock", "__parent", 10, &plan, &missing, NULL), 0);
	CHECK_EQ(plan.hook_count, 6); /* a clone is hooked, its cold part is not */
	CHECK_EQ(plan.hook[2].address, WRITER_TEXT + 0x280);
	CHECK_EQ(plan.hook[2].kind, TRACE_WAKE);
	CHECK_EQ(plan.runqueues, WRITER_TEXT + 0x700);
	CHECK_EQ(plan.timekeeper_seq, WRITER_TEXT + 0x600);
	CHECK_EQ(plan.timekeeper, WRITER_TEXT + 0x610);
	CHECK_EQ(plan.offset[TRACE_RQ_CURR], 32);  /* in a union without a name */
	CHECK_EQ(plan.offset[TRACE_TASK_CPU], 48); /* through a typedef */
	CHECK_EQ(plan.offset[TRACE_TK_BASE], 56);
	CHECK_HAS(missing, "set_task_cpu, enqueue_task_rt, ");
	CHECK_HAS(missing, "enqueue_task_scx");
}

TEST(a_field_that_was_renamed_is_found_under_either_name)
{
	AUTO(free) char *missing = NULL;
	struct trace_plan plan;

	CHECK_EQ(make_plan("clock", "parent", 10, &plan, &missing, NULL), 0);
	CHECK_EQ(plan.offset[TRACE_NODE_PARENT], 8);
}

TEST(a_kernel_that_lacks_something_is_told_what)
{
	AUTO(free) char *missing = NULL;
	struct ktstr_error err = {0};
	struct trace_plan plan;

	CHECK_EQ(make_plan("o_clock", "parent", 10, &plan, &missing, &err), -ENODATA);
	CHECK_STR(err.msg, "its struct rq has no clock");
	CHECK_EQ(make_plan("clock", "parent", 8, &plan, &missing, &err), -ENODATA);
	CHECK_HAS(err.msg, "CONFIG_KALLSYMS_ALL");
}

static const struct writer_symbol halt_symbols[] = {
	{"T_text", WRITER_TEXT},
	{"tbpf_scx_unreg", WRITER_TEXT + 0x100},
	{"tscx_error_irq_workfn", WRITER_TEXT + 0x200},
	{"Tirq_work_queue_on", WRITER_TEXT + 0x300},
	{"Tirq_work_queue", WRITER_TEXT + 0x400},
	/* 7.1 and 6.12 */
	{"tscx_disable_irq_workfn", WRITER_TEXT + 0x500},
	{"tscx_ops_error_irq_workfn", WRITER_TEXT + 0x600},
};

static int make_halt(const struct writer_symbol *symbols, uint32_t count, struct trace_halt *halt,
		     struct ktstr_error *err)
{
	AUTO(btf__free) struct btf *btf = btf__new_empty();
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf bytes = {0};
	int word = btf__add_int(btf, "u64", 8, 0);
	const void *raw;
	uint32_t size;

	add_struct(btf, "irq_work", word, WORDS("node", "flags", "func"));
	raw = btf__raw_data(btf, &size);
	buf_bytes(&bytes, raw, size);
	writer_vmlinux(symbols, count, WRITER_BASE, &vmlinux);
	return trace_halt_make(&vmlinux, &bytes, halt, err);
}

TEST(a_halt_is_where_the_kernel_queues_the_end_of_its_scheduler)
{
	AUTO(free) char *option = NULL;
	struct trace_halt halt;

	CHECK_EQ(make_halt(halt_symbols, 5, &halt, NULL), 0);
	CHECK_EQ(halt.queue, WRITER_TEXT + 0x400);
	CHECK_EQ(halt.function, WRITER_TEXT + 0x200);
	CHECK_EQ(halt.leave, WRITER_TEXT + 0x100);
	CHECK_EQ(halt.offset, 16);
	option = trace_halt_option(&(struct trace_halt){0xa, 0xb, 0x10, 0xc}, 6);
	CHECK_STR(option, "halt=6:a:b:10:c");
}

TEST(a_halt_is_found_in_kernels_with_other_names)
{
	struct writer_symbol symbols[5];
	struct trace_halt halt;

	memcpy(symbols, halt_symbols, sizeof(symbols));
	for (int i = 5; i < 7; i++) {
		symbols[2] = (struct writer_symbol){halt_symbols[i].name, WRITER_TEXT + 0x200};
		CHECK_EQ(make_halt(symbols, 5, &halt, NULL), 0);
		CHECK_EQ(halt.function, WRITER_TEXT + 0x200);
	}
}

TEST(a_kernel_without_a_place_to_halt_is_told_what_it_lacks)
{
	struct writer_symbol symbols[5];
	struct ktstr_error err = {0};
	struct trace_halt halt;

	CHECK_EQ(make_halt(halt_symbols, 4, &halt, &err), -ENODATA);
	CHECK_STR(err.msg, "it has no symbol irq_work_queue");
	memcpy(symbols, halt_symbols, sizeof(symbols));
	symbols[2].name = "tscx_another";
	CHECK_EQ(make_halt(symbols, 5, &halt, &err), -ENODATA);
	CHECK_STR(err.msg, "it has no symbol scx_error_irq_workfn");
}

/* --- all of it
 * -------------------------------------------------------------------------------------- */

TEST(files_of_any_content_keep_their_property)
{
	replay_corpus("trace", fuzz_trace);
}

TEST(streams_of_any_content_keep_their_property)
{
	replay_corpus("trace_stream", fuzz_trace_stream);
}

RUN_TESTS();
