/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfetto.c - records as a Perfetto trace: a sequence of packets, each 0x0a, its length and a
 * TracePacket, so that the file is a `Trace` message and begins with 0x0a.
 *
 *	process tree          names of processes and threads
 *	bundles               sched_switch, sched_waking, sched_wakeup_new; one CPU each
 *	tracks                steps and markers; a cgroup each, while its tasks do anything; and a
 *	                      counter each for the tasks on a CPU's run queue
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perfetto.pb-c.h"
#include "trace/trace.h"

#define BUNDLE_MAX 256
#define SEQUENCE 1 /* of track events: one writer, one sequence */
#define SEQUENCE_INCREMENTAL_STATE_CLEARED 1

/* Numbers that name tracks; anything unique. */
#define TRACK_MARKERS 1
#define TRACK_CPU(cpu) (0x1000ull + (cpu))
#define TRACK_CGROUP(i) (0x100000ull + (i))

struct writer {
	FILE *out;
	bool sequence_begun;
};

static void put_packet(struct writer *writer, const Pf__TracePacket *packet)
{
	size_t size = pf__trace_packet__get_packed_size(packet), rest = size;
	AUTO(free) uint8_t *bytes = xmalloc(size + 16);
	size_t head = 0;

	bytes[head++] = 0x0a;
	for (; rest >= 0x80; rest >>= 7)
		bytes[head++] = (uint8_t)(rest | 0x80);
	bytes[head++] = (uint8_t)rest;
	head += pf__trace_packet__pack(packet, bytes + head);
	(void)fwrite(bytes, 1, head, writer->out); /* ferror() is asked at the end */
}

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

static void put_track(struct writer *writer, uint64_t uuid, const char *name, bool is_counter)
{
	Pf__TracePacket packet = PF__TRACE_PACKET__INIT;
	Pf__TrackDescriptor track = PF__TRACK_DESCRIPTOR__INIT;
	Pf__CounterDescriptor counter = PF__COUNTER_DESCRIPTOR__INIT;

	track.has_uuid = true;
	track.uuid = uuid;
	track.name = (char *)name;
	counter.unit_name = (char *)"tasks";
	if (is_counter)
		track.counter = &counter;
	packet.track_descriptor = &track;
	packet.has_trusted_packet_sequence_id = true;
	packet.trusted_packet_sequence_id = SEQUENCE;
	if (!writer->sequence_begun) {
		packet.has_sequence_flags = true;
		packet.sequence_flags = SEQUENCE_INCREMENTAL_STATE_CLEARED;
		writer->sequence_begun = true;
	}
	put_packet(writer, &packet);
}

static void put_track_event(struct writer *writer, uint64_t uuid, uint64_t time_ns,
			    Pf__TrackEvent__Type type, const char *name, int64_t value)
{
	Pf__TracePacket packet = PF__TRACE_PACKET__INIT;
	Pf__TrackEvent event = PF__TRACK_EVENT__INIT;
	char *categories[] = {(char *)"ktstr"};

	event.has_type = event.has_track_uuid = true;
	event.type = type;
	event.track_uuid = uuid;
	event.name = (char *)name;
	if (type == PF__TRACK_EVENT__TYPE__COUNTER) {
		event.has_counter_value = true;
		event.counter_value = value;
	} else {
		event.n_categories = 1;
		event.categories = categories;
	}
	packet.has_timestamp = packet.has_trusted_packet_sequence_id = true;
	packet.timestamp = time_ns;
	packet.trusted_packet_sequence_id = SEQUENCE;
	packet.track_event = &event;
	put_packet(writer, &packet);
}

static void put_slice(struct writer *writer, uint64_t uuid, const char *name, uint64_t begin_ns,
		      uint64_t end_ns)
{
	put_track_event(writer, uuid, begin_ns, PF__TRACK_EVENT__TYPE__SLICE_BEGIN, name, 0);
	put_track_event(writer, uuid, end_ns, PF__TRACK_EVENT__TYPE__SLICE_END, NULL, 0);
}

static void put_markers(struct writer *writer, const struct trace_marker *markers, size_t count)
{
	if (count)
		put_track(writer, TRACK_MARKERS, "ktstr", false);
	for (size_t i = 0; i < count; i++) {
		if (markers[i].end_ns > markers[i].begin_ns)
			put_slice(writer, TRACK_MARKERS, markers[i].name, markers[i].begin_ns,
				  markers[i].end_ns);
		else
			put_track_event(writer, TRACK_MARKERS, markers[i].begin_ns,
					PF__TRACK_EVENT__TYPE__INSTANT, markers[i].name, 0);
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
	put_slice(writer, TRACK_CGROUP(i), cgroup->name, begin_ns, end_ns);
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
			put_track_event(writer, TRACK_CPU(cpu), since_ns[cpu],
					PF__TRACK_EVENT__TYPE__COUNTER, NULL, record->nr_running);
		shown[cpu] = record->nr_running;
		since_ns[cpu] = record->time_ns;
	}
}

/* --- the file
 * --------------------------------------------------------------------------------------- */

int trace_perfetto(const struct trace *trace, const struct trace_analysis *analysis,
		   const struct trace_marker *markers, size_t marker_count, const char *path,
		   struct ktstr_error *err)
{
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
