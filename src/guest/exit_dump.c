/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exit_dump.c - sched_ext's dump of what it found when it ended a scheduler with an error. It goes to
 * the scheduler, which may not print it; and line by line to the tracepoint sched_ext_dump
 * (kernel/sched/ext.c, dump_line()), which is on in every guest from before the template on, so that
 * no run has a part in it. An instance of tracefs is ours alone: what a test does with tracing is
 * not touched (Documentation/trace/ftrace.rst, "Instances").
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"

#define INSTANCE "instances/ktstr"
#define EVENT "events/sched_ext/sched_ext_dump/enable"
#define LINE "sched_ext_dump: "
#define BUFFER_KB "256"                    /* a CPU's; a dump of 100 waiting tasks is 110 KB, all on one */
#define DUMP_MAX (4u << 20)

/* A kernel without tracing or without the event has no dump but the scheduler's own. */
void exit_dump_prepare(const char *tracing)
{
	static const struct {
		const char *file, *value;
	} knobs[] = {
		{"buffer_size_kb", BUFFER_KB},
		/* the first lines say most */
		{"trace_options", "nooverwrite"},
		{"trace_options", "nocontext-info"},
		{EVENT, "1"},
	};
	AUTO(free) char *instance = xasprintf("%s/" INSTANCE, tracing);
	AUTO(free) char *event = xasprintf("%s/" EVENT, tracing);

	if (access(event, F_OK) < 0 || (mkdir(instance, 0700) < 0 && errno != EEXIST))
		return;
	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++) {
		AUTO(free) char *path = xasprintf("%s/%s", instance, knobs[i].file);

		(void)file_poke(AT_FDCWD, path, knobs[i].value, NULL);
	}
}

/* Lines for which there was no room, of all CPUs. */
static uint64_t count_dropped(const char *instance)
{
	static const char word[] = "dropped events: ";
	uint64_t sum = 0;

	for (long cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		AUTO(free) char *path = xasprintf("%s/per_cpu/cpu%ld/stats", instance, cpu);
		AUTO(buf_done) struct buf text = {0};
		struct sv rest, line;
		uint64_t count;

		if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0)
			continue;
		rest = sv_bytes(buf_text(&text), text.len);
		while (sv_line(&rest, &line)) {
			if (sv_starts(line, word) &&
			    sv_u64(sv_skip(line, strlen(word)), UINT64_MAX, &count) == 0)
				sum += count;
		}
	}
	return sum;
}

void exit_dump_read(const char *tracing, struct buf *out)
{
	AUTO(free) char *instance = xasprintf("%s/" INSTANCE, tracing);
	AUTO(free) char *path = xasprintf("%s/trace", instance);
	AUTO(buf_done) struct buf text = {0};
	struct sv rest, line;
	uint64_t dropped;

	if (file_read(AT_FDCWD, path, DUMP_MAX, &text, NULL) < 0)
		return;
	rest = sv_bytes(buf_text(&text), text.len);
	while (sv_line(&rest, &line)) {
		if (!sv_starts(line, LINE))
			continue;
		line = sv_skip(line, strlen(LINE));
		buf_bytes(out, line.data, line.len);
		buf_char(out, '\n');
	}
	dropped = out->len ? count_dropped(instance) : 0;
	if (dropped)
		buf_printf(out, "(%llu more lines: there was no room for them)\n", (unsigned long long)dropped);
}
