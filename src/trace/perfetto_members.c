/* SPDX-License-Identifier: BSD-2-Clause */
/* perfetto_members.c - which cgroup a thread is in, on the thread's own track. */
#include <stdlib.h>
#include <string.h>

#include "trace/perfetto_write.h"

/* A task as it was when it was last seen. */
struct member {
	uint32_t pid, tgid;
	uint64_t cgroup; /* id; 0: not seen yet, or not known */
	uint64_t begin_ns, last_ns;
	bool has_track;
};

static int by_pid(const void *a, const void *b)
{
	const struct member *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

static bool is_root(const char *name)
{
	return !*name || strcmp(name, "/") == 0;
}

/* What ends with its leaving the cgroup, or with the trace. */
static void put_stay(struct writer *writer, const struct trace_analysis *analysis,
		     struct member *member, uint64_t end_ns)
{
	const char *path = trace_cgroup_name(analysis, member->cgroup);
	AUTO(free) char *name = xasprintf("cgroup %s", path);

	if (is_root(path) || end_ns <= member->begin_ns)
		return;
	if (!member->has_track)
		put_thread_track(writer, TRACK_THREAD(member->pid), member->pid, member->tgid);
	member->has_track = true;
	put_slice(writer, TRACK_THREAD(member->pid),
		  &(struct slice){.name = name,
				  .begin_ns = member->begin_ns,
				  .end_ns = end_ns,
				  .note = "cgroup",
				  .note_value = path});
}

struct sight {
	uint32_t pid;
	uint64_t cgroup, time_ns;
};

static void see(struct writer *writer, const struct trace_analysis *analysis,
		struct member *members, struct sight sight)
{
	struct member *member =
		bsearch(&(struct member){.pid = sight.pid}, members, analysis->tasks.len,
			sizeof(*members), by_pid);

	if (!member || !sight.cgroup)
		return;
	if (member->cgroup != sight.cgroup) {
		if (member->cgroup)
			put_stay(writer, analysis, member, sight.time_ns);
		member->cgroup = sight.cgroup;
		member->begin_ns = sight.time_ns;
	}
	member->last_ns = sight.time_ns;
}

void put_memberships(struct writer *writer, const struct trace *trace,
		     const struct trace_analysis *analysis)
{
	size_t count = analysis->tasks.len;
	AUTO(free) struct member *members = xcalloc(count + 1, sizeof(*members));

	for (size_t i = 0; i < count; i++)
		members[i] = (struct member){.pid = analysis->tasks.at[i].pid,
					     .tgid = analysis->tasks.at[i].tgid};
	qsort(members, count, sizeof(*members), by_pid);
	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_record *record = &trace->records[i];

		if (record->kind == TRACE_CGROUP || record->kind == TRACE_MARK)
			continue;
		see(writer, analysis, members,
		    (struct sight){record->pid, record->cgroup, record->time_ns});
		see(writer, analysis, members,
		    (struct sight){record->other_pid, record->other_cgroup, record->time_ns});
	}
	for (size_t i = 0; i < count; i++)
		if (members[i].cgroup)
			put_stay(writer, analysis, &members[i], members[i].last_ns);
}
