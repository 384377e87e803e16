/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - from the stream of the tracer in a guest (bpf/trace_event.h) to a record file: what is no
 * record is taken out, names of cgroups go in front, and records in the order of their times, which
 * CPUs took a little before they took their places. Every byte is the guest's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/trace.h"

#define SLOT sizeof(struct trace_record)
#define MISSING_MAX 32

struct stream {
	const struct trace_record *slots;
	size_t count;
	const struct trace_end *end;              /* NULL: cut short */
	size_t events;                            /* slots that are neither names nor the end */
	struct buf missing;
};

static void stream_done(struct stream *stream)
{
	buf_done(&stream->missing);
}
DEFINE_AUTO_DONE(struct stream, stream_done)

static bool is_event(const struct trace_record *slot)
{
	return slot->kind != TRACE_CGROUP && slot->kind != TRACE_MISSING && slot->kind != TRACE_END;
}

static void add_missing(struct stream *stream, const struct trace_record *slot)
{
	const struct trace_cgroup *missing = (const struct trace_cgroup *)(const void *)slot;

	buf_str(&stream->missing, stream->missing.len ? ", " : "");
	for (size_t i = 0; i < sizeof(missing->name) && missing->name[i]; i++)
		buf_char(&stream->missing,
			 missing->name[i] > ' ' && missing->name[i] <= '~' ? missing->name[i] : '?');
}

/* Sort out the slots, up to the end or as far as they go. Half a slot at the end of bytes is nothing. */
static int look_through(struct sv bytes, struct stream *stream, struct ktstr_error *err)
{
	unsigned missing = 0;

	if (bytes.len < SLOT || memcmp(bytes.data, TRACE_STREAM_MAGIC, strlen(TRACE_STREAM_MAGIC)) != 0)
		return error_set(err, -EBADMSG, "not the stream of a tracer of this version (%zu bytes)",
				 bytes.len);
	stream->slots = (const struct trace_record *)(const void *)(bytes.data + SLOT);
	stream->count = bytes.len / SLOT - 1;
	for (size_t i = 0; i < stream->count; i++) {
		const struct trace_record *slot = &stream->slots[i];

		if (slot->kind == TRACE_END) {
			stream->end = (const struct trace_end *)(const void *)slot;
			stream->count = i;
			break;
		}
		stream->events += is_event(slot);
		if (slot->kind == TRACE_MISSING && missing++ < MISSING_MAX)
			add_missing(stream, slot);
	}
	if (stream->end && stream->end->records != stream->events)
		return error_set(err, -EBADMSG, "the tracer wrote %llu records, and %zu came",
				 (unsigned long long)stream->end->records, stream->events);
	return 0;
}

/* Where there are equal times, as they came. */
static int by_time(const void *a, const void *b)
{
	const struct trace_record *x = *(const struct trace_record *const *)a;
	const struct trace_record *y = *(const struct trace_record *const *)b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x < y ? -1 : x > y;
}

static const struct trace_record **sort_events(const struct stream *stream)
{
	const struct trace_record **sorted = xcalloc(stream->events + 1, sizeof(*sorted));
	size_t len = 0;

	for (size_t i = 0; i < stream->count; i++)
		if (is_event(&stream->slots[i]))
			sorted[len++] = &stream->slots[i];
	qsort(sorted, len, sizeof(*sorted), by_time);
	return sorted;
}

static void put(FILE *out, const void *data, size_t size)
{
	(void)fwrite(data, size, 1, out);        /* ferror() is asked at the end */
}

static void put_file(FILE *out, const struct stream *stream, bool det)
{
	AUTO(free) const struct trace_record **sorted = sort_events(stream);
	union {
		struct trace_header header;
		char page[TRACE_HEADER_SIZE];
	} first = {0};
	size_t names = 0;

	for (size_t i = 0; i < stream->count; i++)
		names += stream->slots[i].kind == TRACE_CGROUP;
	memcpy(first.header.magic, TRACE_MAGIC, sizeof(first.header.magic));
	first.header.record_size = SLOT;
	first.header.det = det;
	first.header.capacity = first.header.count = names + stream->events;
	first.header.lost = stream->end ? stream->end->lost : 0;
	first.header.tracer = TRACE_BY_BPF;
	first.header.cut = !stream->end;
	put(out, &first, sizeof(first));
	for (size_t i = 0; i < stream->count; i++)
		if (stream->slots[i].kind == TRACE_CGROUP)
			put(out, &stream->slots[i], SLOT);
	for (size_t i = 0; i < stream->events; i++)
		put(out, sorted[i], SLOT);
}

int trace_from_guest(struct sv bytes, bool det, const char *path, char **ret_missing,
		     struct ktstr_error *err)
{
	AUTO(stream_done) struct stream stream = {0};
	FILE *out;
	bool failed;
	int r = look_through(bytes, &stream, err);

	if (r < 0)
		return r;
	out = fopen(path, "we");
	if (!out)
		return error_sys(err, "create %s", path);
	put_file(out, &stream, det);
	failed = ferror(out);
	if (fclose(out) == EOF || failed)
		return error_sys(err, "write %s", path);
	*ret_missing = stream.missing.len ? buf_take(&stream.missing) : NULL;
	return 0;
}

int trace_from_guest_file(const char *stream_path, bool det, const char *path, char **ret_missing,
			  struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open(stream_path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "%s", stream_path);
	if (st.st_size == 0)
		return error_set(err, -EBADMSG, "the guest's tracer told nothing");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return error_sys(err, "map %s", stream_path);
	r = trace_from_guest(sv_bytes(map, (size_t)st.st_size), det, path, ret_missing, err);
	munmap(map, (size_t)st.st_size);
	return r;
}
