/* SPDX-License-Identifier: BSD-2-Clause */
/* perfetto_write.c - one packet of a Perfetto trace at a time. */
#include "trace/perfetto_write.h"

#define SEQUENCE 1 /* of track events: one writer, one sequence */
#define SEQUENCE_INCREMENTAL_STATE_CLEARED 1

void put_packet(struct writer *writer, const Pf__TracePacket *packet)
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

static void put_descriptor(struct writer *writer, Pf__TrackDescriptor *track)
{
	Pf__TracePacket packet = PF__TRACE_PACKET__INIT;

	packet.track_descriptor = track;
	packet.has_trusted_packet_sequence_id = true;
	packet.trusted_packet_sequence_id = SEQUENCE;
	if (!writer->sequence_begun) {
		packet.has_sequence_flags = true;
		packet.sequence_flags = SEQUENCE_INCREMENTAL_STATE_CLEARED;
		writer->sequence_begun = true;
	}
	put_packet(writer, &packet);
}

void put_track(struct writer *writer, uint64_t uuid, const char *name, bool is_counter)
{
	Pf__TrackDescriptor track = PF__TRACK_DESCRIPTOR__INIT;
	Pf__CounterDescriptor counter = PF__COUNTER_DESCRIPTOR__INIT;

	track.has_uuid = true;
	track.uuid = uuid;
	track.name = (char *)name;
	counter.unit_name = (char *)"tasks";
	if (is_counter)
		track.counter = &counter;
	put_descriptor(writer, &track);
}

void put_thread_track(struct writer *writer, uint64_t uuid, uint32_t pid, uint32_t tgid)
{
	Pf__TrackDescriptor track = PF__TRACK_DESCRIPTOR__INIT;
	Pf__ThreadDescriptor thread = PF__THREAD_DESCRIPTOR__INIT;

	track.has_uuid = true;
	track.uuid = uuid;
	thread.has_pid = thread.has_tid = true;
	thread.pid = (int32_t)tgid;
	thread.tid = (int32_t)pid;
	track.thread = &thread;
	put_descriptor(writer, &track);
}

static void put_event(struct writer *writer, uint64_t uuid, uint64_t time_ns,
		      Pf__TrackEvent *event)
{
	Pf__TracePacket packet = PF__TRACE_PACKET__INIT;
	char *categories[] = {(char *)"ktstr"};

	event->has_type = event->has_track_uuid = true;
	event->track_uuid = uuid;
	if (event->type != PF__TRACK_EVENT__TYPE__COUNTER) {
		event->n_categories = 1;
		event->categories = categories;
	}
	packet.has_timestamp = packet.has_trusted_packet_sequence_id = true;
	packet.timestamp = time_ns;
	packet.trusted_packet_sequence_id = SEQUENCE;
	packet.track_event = event;
	put_packet(writer, &packet);
}

void put_counter(struct writer *writer, uint64_t uuid, uint64_t time_ns, int64_t value)
{
	Pf__TrackEvent event = PF__TRACK_EVENT__INIT;

	event.type = PF__TRACK_EVENT__TYPE__COUNTER;
	event.has_counter_value = true;
	event.counter_value = value;
	put_event(writer, uuid, time_ns, &event);
}

void put_instant(struct writer *writer, uint64_t uuid, uint64_t time_ns, const char *name)
{
	Pf__TrackEvent event = PF__TRACK_EVENT__INIT;

	event.type = PF__TRACK_EVENT__TYPE__INSTANT;
	event.name = (char *)name;
	put_event(writer, uuid, time_ns, &event);
}

void put_slice(struct writer *writer, uint64_t uuid, const struct slice *slice)
{
	Pf__TrackEvent begin = PF__TRACK_EVENT__INIT, end = PF__TRACK_EVENT__INIT;
	Pf__DebugAnnotation note = PF__DEBUG_ANNOTATION__INIT, *notes[] = {&note};

	begin.type = PF__TRACK_EVENT__TYPE__SLICE_BEGIN;
	begin.name = (char *)slice->name;
	if (slice->note) {
		note.name = (char *)slice->note;
		note.string_value = (char *)slice->note_value;
		begin.n_debug_annotations = 1;
		begin.debug_annotations = notes;
	}
	put_event(writer, uuid, slice->begin_ns, &begin);
	end.type = PF__TRACK_EVENT__TYPE__SLICE_END;
	put_event(writer, uuid, slice->end_ns, &end);
}
