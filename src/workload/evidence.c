/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define PROC_FILE_MAX (64u << 10)
#define PROC_PATH_MAX 32
#define NUMA_MAPS_MAX (8u << 20)      /* a line for each mapping of a process of 4096 threads */
#define STAT_CPU_FIELD 37

int task_parse_schedstat(struct sv text, struct task_sample *sample)
{
	struct sv rest = sv_trim(text);
	uint64_t value[3];

	for (unsigned i = 0; i < 3; i++) {
		if (sv_u64(sv_split(&rest, ' '), UINT64_MAX, &value[i]) < 0)
			return -EINVAL;
	}
	if (rest.data)
		return -EINVAL;
	sample->run_ns = value[0];
	sample->wait_ns = value[1];
	sample->timeslices = value[2];
	return 0;
}

/*
 * "17 (name) S 1 17 ...": the name may hold anything, parentheses and spaces included. Behind it
 * the first field is the state and the 37th the CPU.
 */
int task_parse_stat(struct sv text, struct task_sample *sample)
{
	struct sv rest = sv_trim(text), field;
	size_t name_end = rest.len;
	uint32_t cpu;
	char state;

	while (name_end > 0 && rest.data[name_end - 1] != ')')
		name_end--;
	rest = sv_skip(rest, name_end);
	if (name_end == 0 || !sv_starts(rest, " "))
		return -EINVAL;
	rest = sv_skip(rest, 1);
	field = sv_split(&rest, ' ');
	if (field.len != 1)
		return -EINVAL;
	state = field.data[0];
	for (unsigned i = 1; i < STAT_CPU_FIELD; i++)
		field = sv_split(&rest, ' ');
	if (sv_u32(field, CPUSET_CPU_MAX - 1, &cpu) < 0)
		return -EINVAL;
	sample->state = state;
	sample->cpu = (int32_t)cpu;
	return 0;
}

/* SCHED_FIFO, SCHED_RR and SCHED_DEADLINE are never sched_ext's. */
static bool is_fair_policy(struct sv number)
{
	return !sv_eq(number, "1") && !sv_eq(number, "2") && !sv_eq(number, "6");
}

void task_parse_sched(struct sv text, struct task_sample *sample)
{
	struct sv line;

	while (sv_line(&text, &line)) {
		struct sv value = line;
		struct sv name = sv_split(&value, ':');

		if (sv_eq(sv_trim(name), "ext.enabled"))
			sample->ext_enabled = sv_eq(sv_trim(value), "1");
		if (sv_eq(sv_trim(name), "policy"))
			sample->scheduler_known = is_fair_policy(sv_trim(value));
	}
}

/* "N1=17": so many pages on that node. */
static void add_node(struct sv word, uint64_t pages[WORKER_NODES_MAX])
{
	struct sv count = word;
	struct sv node = sv_split(&count, '=');
	uint32_t n;
	uint64_t more;

	if (!sv_starts(node, "N") || sv_u32(sv_skip(node, 1), WORKER_NODES_MAX - 1, &n) < 0 ||
	    sv_u64(count, UINT32_MAX, &more) < 0)
		return;
	pages[n] += more;
}

/*
 * "7f0000000000 bind:1 anon=16 dirty=16 N1=16 kernelpagesize_kB=4"; "file=", "heap" and "stack" say
 * what else it is, "mapmax=2" that others map some of it, too.
 */
static bool is_own_memory(struct sv line)
{
	while (line.data) {
		struct sv word = sv_split(&line, ' ');

		if (sv_starts(word, "file=") || sv_starts(word, "mapmax=") ||
		    sv_eq(word, "heap") || sv_eq(word, "stack"))
			return false;
	}
	return true;
}

void task_parse_numa_maps(struct sv text, uint64_t pages[WORKER_NODES_MAX])
{
	struct sv line;

	while (sv_line(&text, &line)) {
		if (!is_own_memory(line))
			continue;
		while (line.data)
			add_node(sv_split(&line, ' '), pages);
	}
}

static int read_task_file(int proc_fd, pid_t tid, const char *name, size_t max, struct buf *buf)
{
	char path[PROC_PATH_MAX];

	snprintf(path, sizeof(path), "%d/%s", tid, name);
	return file_read(proc_fd, path, max, buf, NULL);
}

struct task_sample task_sample_counters(int proc_fd, pid_t tid)
{
	struct task_sample sample = {.at_ns = clock_ns(), .cpu = -1};
	AUTO(buf_done) struct buf counters = {0};
	AUTO(buf_done) struct buf state = {0};

	if (read_task_file(proc_fd, tid, "schedstat", PROC_FILE_MAX, &counters) == 0 &&
	    task_parse_schedstat(sv_bytes(buf_text(&counters), counters.len), &sample) == 0)
		sample.counted = true;
	if (read_task_file(proc_fd, tid, "stat", PROC_FILE_MAX, &state) == 0)
		(void)task_parse_stat(sv_bytes(buf_text(&state), state.len), &sample);
	return sample;
}

void task_sample_scheduler(int proc_fd, pid_t tid, struct task_sample *sample)
{
	AUTO(buf_done) struct buf text = {0};

	if (read_task_file(proc_fd, tid, "sched", PROC_FILE_MAX, &text) < 0)
		return;
	sample->scheduler_known = true;
	task_parse_sched(sv_bytes(buf_text(&text), text.len), sample);
}

bool task_read_pages(int proc_fd, pid_t tid, uint64_t pages[WORKER_NODES_MAX])
{
	AUTO(buf_done) struct buf text = {0};

	if (read_task_file(proc_fd, tid, "numa_maps", NUMA_MAPS_MAX, &text) < 0)
		return false;
	task_parse_numa_maps(sv_bytes(buf_text(&text), text.len), pages);
	return true;
}

unsigned nodes_online(void)
{
	AUTO(free) char *list = file_line(AT_FDCWD, "/sys/devices/system/node/online");
	struct cpuset nodes;

	if (!list || cpuset_parse(sv_of(list), &nodes, NULL) < 0)
		return 1;
	return cpuset_count(&nodes) ?: 1;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t open_wait_ns(const struct worker_evidence *evidence)
{
	const struct task_sample *after = &evidence->after;
	uint64_t window_ns = less(after->at_ns, evidence->release_ns);
	uint64_t open_ns = less(after->at_ns, evidence->since_ns);
	uint64_t known_ns = less(after->run_ns, evidence->before.run_ns) +
			    less(after->wait_ns, evidence->before.wait_ns);
	uint64_t room_ns = less(window_ns, known_ns);

	if (after->state != 'R')
		return 0;
	return open_ns < room_ns ? open_ns : room_ns;
}

uint64_t evidence_waited_ns(const struct worker_evidence *evidence)
{
	if (!evidence->before.counted || !evidence->after.counted)
		return 0;
	return less(evidence->after.wait_ns, evidence->before.wait_ns) + open_wait_ns(evidence);
}

static void add_counters(struct worker_report *report, const struct worker_evidence *evidence)
{
	const struct task_sample *before = &evidence->before, *after = &evidence->after;

	if (!before->counted || !after->counted)
		return;
	report->sched_run_ns = less(after->run_ns, before->run_ns);
	report->timeslices = less(after->timeslices, before->timeslices);
	report->run_delay_ns = evidence_waited_ns(evidence);
}

/* What a worker would have written at its end. */
static void stand_in(struct worker_report *report, const struct worker_evidence *evidence)
{
	uint64_t gap_ns = less(evidence->end_ns, evidence->since_ns);

	report->wall_ns = less(evidence->end_ns, evidence->release_ns);
	report->cpu_ns = report->sched_run_ns;
	if (gap_ns > report->max_gap_ns) {
		report->max_gap_ns = gap_ns;
		report->max_gap_at_ns = report->wall_ns;
		report->max_gap_cpu = evidence->after.cpu;
	}
}

void report_complete(struct worker_report *report, const struct worker_evidence *evidence)
{
	report->wait_status = evidence->wait_status;
	report->scheduler_known = evidence->after.scheduler_known;
	report->ext_enabled = evidence->after.ext_enabled;
	add_counters(report, evidence);
	if (!report->completed)
		stand_in(report, evidence);
}
