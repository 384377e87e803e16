#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""perfetto_check.py TRACE SWITCHES TASK... - read a Perfetto trace without any code of ktstr's.

Decodes the wire format itself, with the field numbers of Perfetto's own .proto files, and checks what
a trace processor relies on: on each CPU who leaves is who came, times do not go back, slices nest and
end, every thread that runs has a name, its cgroup is on its own track, and steps lie within the body.
SWITCHES is how many sched_switch events there must be; each TASK must have run; "cgroup NAME" and
"runnable on CPU N" must be tracks, "marker NAME" an event, "step NAME" a slice on the track of steps
of at least 50 ms, "N ns from NAME to NAME" the time between two of them, and "TASK in NAME" a task that
was in that cgroup."""

import collections
import sys


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """number -> values: integers, or bytes for messages and strings."""
    result = collections.defaultdict(list)
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size, "cut short"
        else:
            raise AssertionError(f"wire type {key & 7} is not used here")
        result[key >> 3].append(value)
    return result


def one(message, number, default=None):
    values = message.get(number, [default])
    assert len(values) == 1, f"field {number} stands there {len(values)} times"
    return values[0]


def main(path, want_switches, wanted):
    with open(path, "rb") as file:
        data = file.read()
    assert data[0] == 0x0A, "first byte"
    names, running, last, ran = {}, {}, collections.defaultdict(int), set()
    switches = wakings = counters = 0
    open_slices, tracks, used = collections.Counter(), {}, set()
    threads, begun, spans = {}, {}, collections.defaultdict(list)
    for raw in fields(data)[1]:                                  # Trace.packet
        packet = fields(raw)
        for tree in packet.get(2, []):                           # process_tree
            for thread in map(fields, fields(tree).get(2, [])):
                names[one(thread, 1)] = one(thread, 2).decode()
                assert one(thread, 3), "a thread without a process"
        for bundle in map(fields, packet.get(1, [])):            # ftrace_events
            cpu = one(bundle, 1)
            for event in map(fields, bundle[2]):
                time = one(event, 1)
                assert time >= last[cpu], f"time goes back on CPU {cpu}"
                last[cpu] = time
                if 4 in event:                                   # sched_switch
                    change = fields(one(event, 4))
                    prev, following = one(change, 2), one(change, 6)
                    assert running.get(cpu, prev) == prev, f"{prev} leaves CPU {cpu}, {running[cpu]} came"
                    assert one(event, 2) == prev
                    running[cpu] = following
                    ran.add(one(change, 5).decode())
                    assert following == 0 or following in names, f"{following} has no name"
                    switches += 1
                elif 20 in event or 114 in event:                # sched_waking, sched_wakeup_new
                    waking = fields((event.get(20) or event.get(114))[0])
                    assert one(waking, 2) in names
                    wakings += 1
                else:
                    raise AssertionError("an event of no kind")
        for track in map(fields, packet.get(60, [])):            # track_descriptor
            assert one(track, 1) not in tracks, "a track twice"
            tracks[one(track, 1)] = one(track, 2, b"").decode()
            if 4 in track:                                       # thread
                threads[one(track, 1)] = names[one(fields(one(track, 4)), 2)]
            else:
                assert tracks[one(track, 1)], "a track of nobody without a name"
        for event in map(fields, packet.get(11, [])):            # track_event
            kind, track = one(event, 9), one(event, 11)
            assert track in tracks and one(packet, 8) and one(packet, 10)
            open_slices[track] += {1: 1, 2: -1}.get(kind, 0)
            assert open_slices[track] >= 0, "an end without a beginning"
            counters += kind == 4
            if 23 in event:
                used.add("marker " + one(event, 23).decode())
            if kind == 1:
                begun[track] = one(packet, 8), one(event, 23).decode()
            elif kind == 2:
                begin, name = begun[track]
                assert one(packet, 8) > begin, f"{name} ends before it begins"
                spans[tracks[track]].append((begin, one(packet, 8), name))
            if track in threads and kind == 1:
                note = fields(one(event, 4))
                assert one(note, 10) == b"cgroup" and one(event, 23) == b"cgroup " + one(note, 6)
                used.add(f"{threads[track]} in {one(note, 6).decode()}")
    used |= ran | set(tracks.values())
    for begin, end, name in spans["steps"]:
        body = spans["ktstr"][0]
        assert body[0] <= begin and end <= body[1], f"{name} is not within {body[2]}"
        if end - begin >= 50e6:
            used.add("step " + name)
        used |= {f"{later[0] - begin} ns from {name} to {later[2]}" for later in spans["steps"]}
    assert not any(open_slices.values()), "a slice without an end"
    assert switches == want_switches, f"{switches} switches, not {want_switches}"
    assert wakings and counters
    missing = [name for name in wanted if name not in used]
    assert not missing, f"not in the trace: {missing}"
    print(f"{switches} switches, {wakings} wake-ups, {counters} counter values, {len(names)} threads")


main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
