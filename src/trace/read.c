/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/trace.h"

void trace_done(struct trace *trace)
{
	if (trace->map)
		munmap(trace->map, trace->map_size);
	*trace = (struct trace){0};
}

static int check_record(const struct trace_record *record, size_t i, uint64_t *time_ns,
			struct ktstr_error *err)
{
	if (record->kind == 0 || record->kind >= TRACE_KIND_COUNT)
		return error_set(err, -EBADMSG, "record %zu is of unknown kind %u", i,
				 record->kind);
	if (record->kind == TRACE_CGROUP)
		return 0;
	if (record->cpu >= TRACE_CPUS_MAX || record->target >= TRACE_CPUS_MAX)
		return error_set(err, -EBADMSG, "record %zu names CPU %u", i,
				 record->cpu > record->target ? record->cpu : record->target);
	if (record->time_ns < *time_ns)
		return error_set(err, -EBADMSG, "record %zu is earlier than the one before", i);
	*time_ns = record->time_ns;
	return 0;
}

int trace_read(struct sv bytes, struct trace *ret_trace, struct ktstr_error *err)
{
	const struct trace_record *records;
	struct trace_header header;
	uint64_t time_ns = 0, count;

	if (bytes.len < TRACE_HEADER_SIZE)
		return error_set(err, -EBADMSG, "too short for a record file (%zu bytes)",
				 bytes.len);
	memcpy(&header, bytes.data, sizeof(header));
	if (memcmp(header.magic, TRACE_MAGIC, sizeof(header.magic)) != 0 ||
	    header.record_size != sizeof(*records))
		return error_set(err, -EBADMSG, "not a record file of this version of ktstr");
	if (header.tracer > TRACE_BY_BPF)
		return error_set(err, -EBADMSG, "made by unknown tracer %u", header.tracer);
	count = header.count;
	if (count > (bytes.len - TRACE_HEADER_SIZE) / sizeof(*records))
		return error_set(err, -EBADMSG, "%llu records do not fit into %zu bytes",
				 (unsigned long long)count, bytes.len);
	records = (const struct trace_record *)(const void *)(bytes.data + TRACE_HEADER_SIZE);
	for (size_t i = 0; i < count; i++) {
		int r = check_record(&records[i], i, &time_ns, err);

		if (r < 0)
			return r;
	}
	*ret_trace = (struct trace){
		.records = records,
		.count = count,
		.det = header.det != 0,
		.lost = header.lost,
		.unread = header.unread,
		.tracer = (enum trace_tracer)header.tracer,
		.cut = header.cut != 0,
	};
	return 0;
}

int trace_open(const char *path, struct trace *ret_trace, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO(trace_done) struct trace trace = {0};
	struct stat st;
	void *map;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "%s", path);
	if (st.st_size < TRACE_HEADER_SIZE)
		return error_set(err, -EBADMSG, "%s: too short for a record file", path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return error_sys(err, "map %s", path);
	r = trace_read(sv_bytes(map, (size_t)st.st_size), &trace, err);
	trace.map = map;
	trace.map_size = (size_t)st.st_size;
	if (r < 0)
		return error_wrap(err, r, "%s", path);
	*ret_trace = TAKE(trace, (struct trace){0});
	return 0;
}

int trace_trim(const char *path, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
	struct trace_header header;
	struct stat st;
	uint64_t size;

	if (fd < 0 || fstat(fd, &st) < 0 || pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return error_sys(err, "%s", path);
	size = (uint64_t)st.st_size;
	if (header.count > size / sizeof(struct trace_record))
		return error_set(err, -EBADMSG, "%s: its count of records is nonsense", path);
	if (TRACE_HEADER_SIZE + header.count * sizeof(struct trace_record) < size)
		size = TRACE_HEADER_SIZE + header.count * sizeof(struct trace_record);
	return ftruncate(fd, (off_t)size) < 0 ? error_sys(err, "%s", path) : 0;
}
