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
static int parse_idle_ticks(struct sv line, uint32_t *ret_cpu, uint64_t *ret_ticks)
{
	struct sv cpu = sv_skip(sv_split(&line, ' '), strlen("cpu"));
	uint64_t idle, iowait;

	if (sv_u32(cpu, CPUSET_CPU_MAX - 1, ret_cpu) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < 3; i++)
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
		uint32_t cpu;

		if (!is_cpu_line(line))
			continue;
		if (parse_idle_ticks(line, &cpu, &ticks) < 0 || sample.cpus == CPUSET_CPU_MAX)
			return error_set(err, -EINVAL, "/proc/stat: cannot read \"%.*s\"",
					 SV_ARG(line));
		sample.cpus++;
		sample.idle_ns_of[cpu] = ticks * (NS_PER_S / ticks_per_s);
		sample.idle_ns += sample.idle_ns_of[cpu];
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

uint64_t machine_idle_ns(const struct machine_sample *before, const struct machine_sample *after,
			 unsigned cpu)
{
	uint64_t wall_ns = after->at_ns > before->at_ns ? after->at_ns - before->at_ns : 0;
	uint64_t from = before->idle_ns_of[cpu], to = after->idle_ns_of[cpu];
	uint64_t idle_ns = to > from ? to - from : 0;

	return idle_ns < wall_ns ? idle_ns : wall_ns;
}

uint64_t machine_wasted_ns(const struct machine_sample *before, const struct machine_sample *after,
			   const struct machine_load *loads, size_t count)
{
	uint64_t idle_ns[CPUSET_CPU_MAX], wasted_ns = 0;

	for (unsigned cpu = 0; cpu < CPUSET_CPU_MAX; cpu++)
		idle_ns[cpu] = machine_idle_ns(before, after, cpu);
	for (size_t i = 0; i < count; i++) {
		uint64_t wait_ns = loads[i].wait_ns;

		for_each_cpu (cpu, &loads[i].cpus) {
			uint64_t part = wait_ns < idle_ns[cpu] ? wait_ns : idle_ns[cpu];

			idle_ns[cpu] -= part;
			wait_ns -= part;
			wasted_ns += part;
		}
	}
	return wasted_ns;
}

/* --- memory ----------------------------------------------------------------------------------- */

uint64_t vmstat_parse(struct sv text, const char *name)
{
	struct sv line;

	while (sv_line(&text, &line)) {
		uint64_t value;

		if (sv_eq(sv_split(&line, ' '), name) && sv_u64(line, UINT64_MAX, &value) == 0)
			return value;
	}
	return 0;
}

uint64_t vmstat_read(const char *name)
{
	AUTO(buf_done) struct buf text = {0};

	if (file_read(AT_FDCWD, "/proc/vmstat", STAT_MAX, &text, NULL) < 0)
		return 0;
	return vmstat_parse(sv_bytes(buf_text(&text), text.len), name);
}

static struct cpuset node_list(const char *file)
{
	AUTO(free) char *path = xasprintf("/sys/devices/system/node/%s", file);
	AUTO(free) char *line = file_line(AT_FDCWD, path);
	struct cpuset nodes = {0};

	if (line)
		(void)cpuset_parse(sv_of(line), &nodes, NULL);        /* it stays empty */
	return nodes;
}

struct cpuset machine_cpuless_nodes(void)
{
	struct cpuset memory = node_list("has_memory"), cpu = node_list("has_cpu"), cpuless = {0};

	for_each_cpu (node, &memory) {
		if (!cpuset_has(&cpu, (unsigned)node))
			cpuset_add(&cpuless, (unsigned)node);
	}
	return cpuless;
}
