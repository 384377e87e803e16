/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctprof/heap.h"
#include "probe/probe.h"

/* A thread that does not stop within it (uninterruptible sleep) is let go, and its process failed. */
#define STOP_TIMEOUT_NS (200 * NS_PER_MS)
#define WORKERS_MAX 64

/* The rows of one process; what became of it is written by the one worker that took it. */
struct process {
	struct ctprof_thread *rows;
	size_t row_count;
	bool detected, ok;
	bool failed, privilege, refused;     /* privilege: ptrace was; refused: for lack of permission */
	const char *failure;         /* a tag; constant text of room probe */
	uint64_t stopped_ns_max;
};
DEFINE_VEC(processes, struct process, vec_keep)

struct work {
	struct processes processes;
	struct probe_layouts *layouts;
	atomic_size_t next;
};

/* --- one process ---------------------------------------------------------------------------------- */

/* That there is no jemalloc, or no executable any more, is how most processes are: no failure. */
static bool is_actionable(enum probe_fatal fatal, const struct ktstr_error *err)
{
	switch (fatal) {
	case PROBE_FATAL_NONE:
	case PROBE_FATAL_PID_MISSING:
	case PROBE_FATAL_JEMALLOC_NOT_FOUND:
	case PROBE_FATAL_EXE_IDENTITY_CHANGED:
	case PROBE_FATAL_SELF_PROBE_REJECTED:
		return false;
	case PROBE_FATAL_READLINK_FAILURE:
		return err->code == -EACCES || err->code == -EPERM;
	case PROBE_FATAL_JEMALLOC_IN_DSO:
	case PROBE_FATAL_MAPS_READ_FAILURE:
	case PROBE_FATAL_DWARF_PARSE_FAILURE:
	case PROBE_FATAL_ARCH_MISMATCH:
	case PROBE_FATAL_TID_ENUMERATION_FAILURE:
	case PROBE_FATAL_OTHER:
	case PROBE_FATAL_COUNT:
		break;
	}
	return err->code != -ESRCH && err->code != -ENOENT;
}

static void note_fatal(struct process *process, enum probe_fatal fatal, const struct ktstr_error *err)
{
	if (!is_actionable(fatal, err))
		return;
	process->failed = true;
	process->refused = err->code == -EACCES || err->code == -EPERM;
	process->failure = probe_fatal_tag(fatal);
}

static void note_reading(struct process *process, const struct probe_reading *reading)
{
	if (reading->stopped_ns > process->stopped_ns_max)
		process->stopped_ns_max = reading->stopped_ns;
	if (reading->failed == PROBE_STEP_NONE) {
		process->ok = true;
		return;
	}
	if (reading->code == -ESRCH)
		return;              /* it ended meanwhile */
	process->failed = true;
	process->refused |= reading->code == -EACCES || reading->code == -EPERM;
	process->failure = probe_step_word(reading->failed);
	if (reading->failed == PROBE_STEP_SEIZE || reading->failed == PROBE_STEP_INTERRUPT)
		process->privilege = true;
}

static int compare_tid(const void *key, const void *reading)
{
	pid_t tid = *(const pid_t *)key, other = ((const struct probe_reading *)reading)->tid;

	return (tid > other) - (tid < other);
}

static void copy_readings(struct process *process, const struct probe_readings *readings)
{
	for (size_t i = 0; i < process->row_count; i++) {
		struct ctprof_thread *row = &process->rows[i];
		pid_t tid = (pid_t)row->tid;
		const struct probe_reading *reading =
			bsearch(&tid, readings->at, readings->len, sizeof(*reading), compare_tid);

		if (!reading || reading->failed != PROBE_STEP_NONE)
			continue;
		row->allocated_bytes = reading->allocated_bytes;
		row->deallocated_bytes = reading->deallocated_bytes;
	}
}

static void read_process(struct work *work, struct process *process)
{
	AUTO(probe_target_free) struct probe_target *target = NULL;
	AUTO(probe_readings_done) struct probe_readings readings = {0};
	enum probe_fatal fatal = PROBE_FATAL_NONE;
	struct ktstr_error err = {0};

	if (probe_target_open((pid_t)process->rows->tgid, work->layouts, &target, &fatal, &err) < 0) {
		note_fatal(process, fatal, &err);
		return;
	}
	process->detected = true;
	if (probe_target_read(target, false, STOP_TIMEOUT_NS, NULL, &readings, &fatal, &err) < 0) {
		note_fatal(process, fatal, &err);
		return;
	}
	if (readings.len == 0)
		return;
	vec_each(reading, &readings)
		note_reading(process, reading);
	copy_readings(process, &readings);
}

/* --- all of them ---------------------------------------------------------------------------------- */

static void *run_worker(void *arg)
{
	struct work *work = arg;
	size_t at;

	while ((at = atomic_fetch_add(&work->next, 1)) < work->processes.len)
		read_process(work, &work->processes.at[at]);
	return NULL;
}

static void find_processes(struct ctprof_snapshot *snapshot, struct processes *ret_processes)
{
	struct ctprof_threads *threads = &snapshot->threads;
	uint32_t self = (uint32_t)getpid();

	for (size_t i = 0, end; i < threads->len; i = end) {
		for (end = i + 1; end < threads->len && threads->at[end].tgid == threads->at[i].tgid; end++)
			;
		if (threads->at[i].tgid != self)
			processes_push(ret_processes,
				       (struct process){.rows = &threads->at[i], .row_count = end - i});
	}
}

static size_t worker_count(size_t processes)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t count = (cpus > 0 ? (size_t)cpus : 1) / 2 + 1;

	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	return count < processes ? count : processes;
}

static void run_workers(struct work *work)
{
	pthread_t workers[WORKERS_MAX];
	size_t count = worker_count(work->processes.len), started = 0;

	/* this thread is one of them, so that it gets done even where no other can be started */
	while (started + 1 < count && pthread_create(&workers[started], NULL, run_worker, work) == 0)
		started++;
	run_worker(work);
	for (size_t i = 0; i < started; i++)
		pthread_join(workers[i], NULL);
}

/* Tags are few: those of enum probe_fatal and enum probe_step. */
#define TAGS_MAX (PROBE_FATAL_COUNT + PROBE_STEP_COUNT)

struct tally {
	const char *tag[TAGS_MAX];
	uint64_t count[TAGS_MAX];
};

static void tally_add(struct tally *tally, const char *tag)
{
	for (size_t i = 0; i < TAGS_MAX; i++) {
		if (tally->tag[i] && strcmp(tally->tag[i], tag) != 0)
			continue;
		tally->tag[i] = tag;
		tally->count[i]++;
		return;
	}
}

/* The most frequent one, of several the first by name; NULL without any. */
static const char *tally_most(const struct tally *tally)
{
	size_t best = 0;

	for (size_t i = 1; i < TAGS_MAX && tally->tag[i]; i++)
		if (tally->count[i] > tally->count[best] ||
		    (tally->count[i] == tally->count[best] && strcmp(tally->tag[i], tally->tag[best]) < 0))
			best = i;
	return tally->tag[best];
}

/* Both kinds of tags are written with dashes here. */
static const char *tag_name(struct ctprof_snapshot *snapshot, const char *tag)
{
	AUTO(buf_done) struct buf name = {0};

	for (; *tag; tag++)
		buf_char(&name, *tag == '_' ? '-' : *tag);
	return ctprof_snapshot_name(snapshot, sv_of(buf_text(&name)));
}

static void summarize(struct ctprof_snapshot *snapshot, const struct processes *processes)
{
	struct ctprof_probe_summary *summary = &snapshot->probe_summary;
	struct tally tally = {0};
	uint64_t privilege = 0;

	vec_each(process, processes) {
		summary->tgids_walked++;
		summary->jemalloc_detected += process->detected;
		summary->probed_ok += process->ok;
		summary->failed += process->failed;
		summary->refused += process->failed && process->refused;
		privilege += process->failed && process->privilege;
		if (process->failed)
			tally_add(&tally, process->failure);
	}
	if (summary->failed)
		summary->dominant_failure = tag_name(snapshot, tally_most(&tally));
	summary->privilege_dominant = summary->failed && 2 * privilege >= summary->failed;
}

void heap_fill(struct ctprof_snapshot *snapshot, uint64_t *ret_stopped_ns_max)
{
	AUTO(probe_layouts_free) struct probe_layouts *layouts = probe_layouts_new(NULL);
	AUTO(processes_done) struct processes processes = {0};
	struct work work = {.layouts = layouts};

	find_processes(snapshot, &processes);
	work.processes = processes;
	run_workers(&work);
	summarize(snapshot, &processes);
	vec_each(process, &processes)
		if (process->stopped_ns_max > *ret_stopped_ns_max)
			*ret_stopped_ns_max = process->stopped_ns_max;
}
