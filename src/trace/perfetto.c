/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfetto.c - records as a Perfetto trace: a sequence of packets, each 0x0a, its length and a
 * TracePacket, so that the file is a `Trace` message and begins with 0x0a.
 *
 *	process tree          names of processes and threads
 *	bundles               sched_switch, sched_waking, sched_wakeup_new; one CPU each
 *	tracks                steps and markers; a cgroup each, while its tasks do anything; on a
 *	                      thread's own, its cgroup; and a counter each for the tasks on a CPU's
 *	                      run queue
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/perfetto_write.h"

#define BUNDLE_MAX 256
#define MARKER_TRACKS_MAX 8

static void clean_comm(char to[TRACE_COMM_MAX], const char from[TRACE_COMM_MAX])
{
	for (int i = 0; i < TRACE_COMM_MAX; i++)
		to[i] = from[i] == '\0' || (from[i] >= ' ' && from[i] <= '~') ? from[i] : '?';
	to[TRACE_COMM_MAX - 1] = '\0';
}

/* --- processes and threads
 * ------------------------------------------------------------------------ */

static void put_thread(struct writer *writer, const struct trace_task *task)
{
	Pf__TracePacket packet = PF__TRACE_PACKET__INIT;
	Pf__ProcessTree tree = PF__PROCESS_TREE__INIT;
	Pf__Process process = PF__PROCESS__INIT, *processes[] = {&process};
	Pf__Thread thread = PF__THREAD__INIT, *threads[] = {&thread};
	char *words[] = {(char *)task->comm};

	process.has_pid = true;
	process.pid = (int32_t)task->tgid;
	process.n_cmdline = 1;
	process.cmdline = words;
	thread.has_tid = thread.has_tgid = true;
	thread.tid = (int32_t)task->pid;
	thread.tgid = (int32_t)task->tgid;
	thread.name = (char *)task->comm;
	if (task->pid == task->tgid) {
		tree.n_processes = 1;
		tree.processes = processes;
	}
	tree.n_threads = 1;
	tree.threads = threads;
	packet.process_tree = &tree;
	put_packet(writer, &packet);
}

/* --- scheduling events
 * ---------------------------------------------------------------------------- */

struct slot {
	Pf__FtraceEvent event;
	Pf__SchedSwitch change;
	Pf__SchedWaking waking;
	char comm[TRACE_COMM_MAX], other_comm[TRACE_COMM_MAX];
};

struct bundle {
	size_t count;
	uint32_t cpu;
	struct slot slot[BUNDLE_MAX];
	Pf__FtraceEvent *event[BUNDLE_MAX];
};

static void flush_bundle(struct writer *writer, struct bundle *bundle)
{
	Pf__TracePacket packet = PF__TRACE_PACKET__INIT;
	Pf__FtraceEventBundle events = PF__FTRACE_EVENT_BUNDLE__INIT;

	if (bundle->count == 0)
		return;
	events.has_cpu = true;
	events.cpu = bundle->cpu;
	events.n_event = bundle->count;
	events.event = bundle->event;
	packet.ftrace_events = &events;
	put_packet(writer, &packet);
	bundle->count = 0;
}

/*
 * A task's state as the sched_switch event of the kernel reports it (include/linux/sched.h,
 * task_state_index(); the event's print format): bits up to TASK_PARKED as they are, TASK_DEAD as
 * dead, TASK_IDLE as idle.
 */
static int64_t reported_state(uint32_t state)
{
	if (state & 0x80)
		return 0x10;
	if ((state & 0x402) == 0x402)
		return 0x80;
	return state & 0x7f;
}

static void fill_switch(struct slot *slot, const struct trace_record *record)
{
	pf__sched_switch__init(&slot->change);
	slot->change.prev_comm = slot->comm;
	slot->change.next_comm = slot->other_comm;
	slot->change.has_prev_pid = slot->change.has_next_pid = slot->change.has_prev_state = true;
	slot->change.prev_pid = (int32_t)record->pid;
	slot->change.next_pid = (int32_t)record->other_pid;
	slot->change.prev_state = reported_state(record->state);
	slot->change.has_prev_prio = slot->change.has_next_prio = true;
	slot->change.prev_prio = slot->change.next_prio = 120;
	slot->event.sched_switch = &slot->change;
	slot->event.pid = record->pid;
}

static void fill_waking(struct slot *slot, const struct trace_record *record)
{
	pf__sched_waking__init(&slot->waking);
	slot->waking.comm = slot->comm;
	slot->waking.has_pid = slot->waking.has_success = slot->waking.has_target_cpu = true;
	slot->waking.pid = (int32_t)record->pid;
	slot->waking.success = 1;
	slot->waking.target_cpu = record->target;
	slot->waking.has_prio = true;
	slot->waking.prio = 120;
	if (record->kind == TRACE_NEW)
		slot->event.sched_wakeup_new = &slot->waking;
	else
		slot->event.sched_waking = &slot->waking;
	slot->event.pid = record->other_pid;
}

static bool is_event(const struct trace_record *record)
{
	return record->kind == TRACE_SWITCH || record->kind == TRACE_NEW ||
	       (record->kind == TRACE_WAKE && record->state & record->arg);
}

static void put_events(struct writer *writer, const struct trace *trace)
{
	AUTO(free) struct bundle *bundle = xcalloc(1, sizeof(*bundle));

	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_record *record = &trace->records[i];
		struct slot *slot;

		if (!is_event(record))
			continue;
		if (record->cpu != bundle->cpu || bundle->count == BUNDLE_MAX)
			flush_bundle(writer, bundle);
		bundle->cpu = record->cpu;
		slot = &bundle->slot[bundle->count];
		pf__ftrace_event__init(&slot->event);
		slot->event.has_timestamp = slot->event.has_pid = true;
		slot->event.timestamp = record->time_ns;
		clean_comm(slot->comm, record->comm);
		clean_comm(slot->other_comm, record->other_comm);
		if (record->kind == TRACE_SWITCH)
			fill_switch(slot, record);
		else
			fill_waking(slot, record);
		bundle->event[bundle->count++] = &slot->event;
	}
	flush_bundle(writer, bundle);
}

/* --- tracks
 * --------------------------------------------------------------------------------------- */

static void put_markers(struct writer *writer, const struct trace_marker *markers, size_t count)
{
	const char *tracks[MARKER_TRACKS_MAX];
	size_t track_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct trace_marker *marker = &markers[i];
		size_t track = 0;

		while (track < track_count && strcmp(tracks[track], marker->track) != 0)
			track++;
		assert(track < MARKER_TRACKS_MAX);
		if (track == track_count) {
			tracks[track_count++] = marker->track;
			put_track(writer, TRACK_MARKERS(track), marker->track, false);
		}
		if (marker->end_ns > marker->begin_ns)
			put_slice(writer, TRACK_MARKERS(track),
				  &(struct slice){.name = marker->name,
						  .begin_ns = marker->begin_ns,
						  .end_ns = marker->end_ns});
		else
			put_instant(writer, TRACK_MARKERS(track), marker->begin_ns, marker->name);
	}
}

static void put_cgroup(struct writer *writer, const struct trace *trace,
		       const struct trace_cgroup_name *cgroup, size_t i)
{
	AUTO(free) char *name = xasprintf("cgroup %s", cgroup->name);
	uint64_t begin_ns = 0, end_ns = 0;

	for (size_t at = 0; at < trace->count; at++) {
		const struct trace_record *record = &trace->records[at];

		if (record->kind == TRACE_CGROUP ||
		    (record->cgroup != cgroup->id && record->other_cgroup != cgroup->id))
			continue;
		begin_ns = begin_ns ?: record->time_ns;
		end_ns = record->time_ns;
	}
	if (end_ns <= begin_ns)
		return;
	put_track(writer, TRACK_CGROUP(i), name, false);
	put_slice(writer, TRACK_CGROUP(i),
		  &(struct slice){.name = cgroup->name, .begin_ns = begin_ns, .end_ns = end_ns});
}

/* Records tell how long a queue was before them: the value belongs to the record before. */
static void put_lengths(struct writer *writer, const struct trace *trace,
			const struct trace_analysis *analysis)
{
	uint64_t since_ns[TRACE_CPUS_MAX] = {0};
	uint32_t shown[TRACE_CPUS_MAX];

	for (uint32_t cpu = 0; cpu < analysis->cpu_count; cpu++) {
		AUTO(free) char *name = xasprintf("runnable on CPU %u", cpu);

		shown[cpu] = UINT32_MAX;
		if (analysis->cpu[cpu].seen)
			put_track(writer, TRACK_CPU(cpu), name, true);
	}
	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_record *record = &trace->records[i];
		uint16_t cpu = record->kind == TRACE_SWITCH ? record->cpu : record->target;

		if (record->kind != TRACE_SWITCH && record->kind != TRACE_ENQUEUE &&
		    record->kind != TRACE_DEQUEUE)
			continue;
		if (cpu >= analysis->cpu_count || !analysis->cpu[cpu].seen)
			continue;
		if (since_ns[cpu] && record->nr_running != shown[cpu])
			put_counter(writer, TRACK_CPU(cpu), since_ns[cpu], record->nr_running);
		shown[cpu] = record->nr_running;
		since_ns[cpu] = record->time_ns;
	}
}

/* --- the file
 * --------------------------------------------------------------------------------------- */

int trace_perfetto(const struct trace *trace, const struct trace_marker *markers,
		   size_t marker_count, const char *path, struct ktstr_error *err)
{
	/* of all of it, whatever the caller judges: who is seen has a name */
	AUTO(trace_analysis_free) struct trace_analysis *analysis =
		trace_analyse(trace, 0, UINT64_MAX);
	AUTO(free) char *real = NULL;
	AUTO(free) char *aside = NULL;
	struct writer writer = {0};
	bool in_place;
	int r = file_output_find(path, &real, &in_place, err);

	if (r < 0)
		return r;
	aside = in_place ? xstrdup(real) : xasprintf("%s.new-%d", real, (int)getpid());
	writer.out = fopen(aside, "we");
	if (!writer.out)
		return error_sys(err, "create %s", aside);
	vec_each (task, &analysis->tasks)
		put_thread(&writer, task);
	put_events(&writer, trace);
	put_markers(&writer, markers, marker_count);
	for (size_t i = 0; i < analysis->cgroups.len; i++)
		put_cgroup(&writer, trace, &analysis->cgroups.at[i], i);
	put_memberships(&writer, trace, analysis);
	put_lengths(&writer, trace, analysis);
	if (ferror(writer.out))
		r = error_set(err, -EIO, "write %s failed", aside);
	if (fclose(writer.out) == EOF && r == 0)
		r = error_sys(err, "write %s", aside);
	if (r == 0 && !in_place && rename(aside, real) < 0)
		r = error_sys(err, "rename %s to %s", aside, real);
	if (r < 0 && !in_place)
		(void)unlink(aside); /* it may not be there; the error is told */
	return r;
}
