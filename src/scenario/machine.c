/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/machine.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define STAT_MAX (1u << 20)
#define TICKS_MAX (UINT64_MAX / NS_PER_S / CPUSET_CPU_MAX / 2)

static bool is_cpu_line(struct sv line)
{
	return sv_starts(line, "cpu") && line.len > 3 && isdigit((unsigned char)line.data[3]);
}

/* "cpu0 user nice system idle iowait ..." */
static int parse_idle_ticks(struct sv line, uint64_t *ret_ticks)
{
	uint64_t idle, iowait;

	for (unsigned i = 0; i < 4; i++)
		(void)sv_split(&line, ' ');
	if (sv_u64(sv_split(&line, ' '), TICKS_MAX, &idle) < 0 ||
	    sv_u64(sv_split(&line, ' '), TICKS_MAX, &iowait) < 0)
		return -EINVAL;
	*ret_ticks = idle + iowait;
	return 0;
}

int machine_parse(struct sv text, uint64_t ticks_per_s, struct machine_sample *ret_sample,
		  struct ktstr_error *err)
{
	struct machine_sample sample = {0};
	struct sv line;

	assert(ticks_per_s > 0);
	assert(ticks_per_s <= NS_PER_S);
	while (sv_line(&text, &line)) {
		uint64_t ticks;

		if (!is_cpu_line(line))
			continue;
		if (parse_idle_ticks(line, &ticks) < 0 || sample.cpus == CPUSET_CPU_MAX)
			return error_set(err, -EINVAL, "/proc/stat: cannot read \"%.*s\"",
					 SV_ARG(line));
		sample.cpus++;
		sample.idle_ns += ticks * (NS_PER_S / ticks_per_s);
	}
	if (sample.cpus == 0)
		return error_set(err, -EINVAL, "/proc/stat: it names no CPU");
	*ret_sample = sample;
	return 0;
}

int machine_read(struct machine_sample *ret_sample, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf text = {0};
	uint64_t now = clock_ns();
	int r = file_read(AT_FDCWD, "/proc/stat", STAT_MAX, &text, err);

	if (r == 0)
		r = machine_parse(sv_bytes(buf_text(&text), text.len),
				  (uint64_t)sysconf(_SC_CLK_TCK), ret_sample, err);
	if (r == 0)
		ret_sample->at_ns = now;
	return r;
}

struct machine_window machine_window_of(const struct machine_sample *before,
					const struct machine_sample *after)
{
	struct machine_window window = {.cpus = after->cpus};
	uint64_t most_ns;

	if (after->at_ns > before->at_ns)
		window.wall_ns = after->at_ns - before->at_ns;
	most_ns = window.wall_ns * window.cpus;
	if (after->idle_ns > before->idle_ns)
		window.idle_ns = after->idle_ns - before->idle_ns;
	if (window.idle_ns > most_ns)
		window.idle_ns = most_ns;
	return window;
}
