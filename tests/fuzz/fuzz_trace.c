/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever is in a record file (the guest chose the values), it is refused with words, or
 * read within its bounds, and what is said about it is bounded and in order. The first eight bytes
 * are the count that the file claims, the others its records.
 */
#include <assert.h>
#include <errno.h>

#include "trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_times(const struct trace_times *times)
{
	assert(times->p50_ns <= times->p99_ns);
	assert(times->p99_ns <= times->max_ns);
	assert(times->max_ns <= times->total_ns);
}

static void check_analysis(const struct trace *trace, const struct trace_analysis *analysis)
{
	AUTO(free) char *text = trace_summary(trace, analysis);

	assert(analysis->tasks.len <= 2 * trace->count);
	assert(analysis->wait_count <= TRACE_WAITS_MAX);
	assert(analysis->cpu_count <= TRACE_CPUS_MAX);
	assert(strlen(text) < 1 << 16);
	for (const char *c = text; *c; c++)
		assert(*c == '\n' || (*c >= ' ' && *c <= '~'));
	for (size_t i = 0; i < analysis->wait_count; i++)
		assert(analysis->wait[i].begin_ns <= analysis->wait[i].end_ns);
	vec_each (task, &analysis->tasks) {
		check_times(&task->wakeup);
		check_times(&task->delay);
		assert(trace_find_task(analysis, task->pid) == task);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_header header = {.magic = TRACE_MAGIC_BYTES,
				      .record_size = sizeof(struct trace_record)};
	AUTO(buf_done) struct buf file = {0};
	AUTO(trace_done) struct trace trace = {0};
	struct ktstr_error err = {0};
	uint64_t count;

	if (size < sizeof(count))
		return 0;
	memcpy(&count, data, sizeof(count));
	header.count = count;
	buf_bytes(&file, &header, sizeof(header));
	while (file.len < TRACE_HEADER_SIZE)
		buf_char(&file, '\0');
	buf_bytes(&file, data + sizeof(count), size - sizeof(count));
	if (trace_read(sv_bytes(file.data, file.len), &trace, &err) < 0) {
		assert(err.code == -EBADMSG && err.msg[0]);
		return 0;
	}
	assert(trace.count == count);
	for (uint64_t end_ns = 1000; end_ns; end_ns = end_ns == 1000 ? UINT64_MAX : 0) {
		AUTO(trace_analysis_free)
		struct trace_analysis *analysis = trace_analyse(&trace, 500, end_ns);

		check_analysis(&trace, analysis);
	}
	return 0;
}
