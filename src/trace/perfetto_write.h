/* SPDX-License-Identifier: BSD-2-Clause */
/* perfetto_write.h - packets of a Perfetto trace, inside the trace room. Failures show in ferror(out). */
#ifndef TRACE_PERFETTO_WRITE_H
#define TRACE_PERFETTO_WRITE_H

#include <stdio.h>

#include "perfetto.pb-c.h"
#include "trace/trace.h"

struct writer {
	FILE *out;
	bool sequence_begun;
};

void put_packet(struct writer *writer, const Pf__TracePacket *packet);

/* A track has a number of its own (uuid); its events come after it. */
void put_track(struct writer *writer, uint64_t uuid, const char *name, bool is_counter);
void put_thread_track(struct writer *writer, uint64_t uuid, uint32_t pid, uint32_t tgid);
void put_counter(struct writer *writer, uint64_t uuid, uint64_t time_ns, int64_t value);
void put_instant(struct writer *writer, uint64_t uuid, uint64_t time_ns, const char *name);

struct slice {
	const char *name;
	uint64_t begin_ns, end_ns;
	const char *note, *note_value; /* shown when it is selected; or NULL */
};
void put_slice(struct writer *writer, uint64_t uuid, const struct slice *slice);

/*
 * perfetto_members.c: in which cgroup a task was while it was seen, as slices on its thread's track. Tasks that
 * were only ever in the root are left out: all of the kernel's threads are.
 */
void put_memberships(struct writer *writer, const struct trace *trace,
		     const struct trace_analysis *analysis);

/* Numbers that name tracks; anything unique. */
#define TRACK_MARKERS(i) (1 + (uint64_t)(i))
#define TRACK_CPU(cpu) (0x1000ull + (cpu))
#define TRACK_CGROUP(i) (0x100000ull + (i))
#define TRACK_THREAD(pid) (0x100000000ull + (pid))

#endif
