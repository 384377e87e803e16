/* SPDX-License-Identifier: BSD-2-Clause */
/* The source that needs nothing but /proc: seven files a thread. */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctprof/source.h"

/* One thread: where its files are and what went wrong with them. */
struct visit {
	struct capture *capture;
	int task_fd;                /* /proc/TGID/task */
	char id[16];
	int failed[CTPROF_FILES];   /* negative errno of a file that gave nothing */
	uint64_t negatives;
	uint32_t flags;
	bool has_allowed;
	struct cpuset allowed;
};

void count_read_failure(struct ctprof_parse_summary *summary, enum ctprof_file file, int code)
{
	summary->read_failures++;
	summary->read_failures_by_file[file]++;
	summary->refused_by_file[file] += code == -EACCES || code == -EPERM;
	summary->missing_by_file[file] += code == -ENOENT;
}

/* One that hides from us (hidepid) is there. */
static bool has_gone(int dir_fd, const char *id)
{
	return faccessat(dir_fd, id, F_OK, 0) < 0 && errno != EACCES && errno != EPERM;
}

/* What is not there because its thread has gone meanwhile is no file that this kernel lacks. */
static int why_missing(int dir_fd, const char *id, int code)
{
	return code == -ENOENT && has_gone(dir_fd, id) ? -ESRCH : code;
}

static bool read_task_file(struct visit *visit, enum ctprof_file file, struct sv *ret_text)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", visit->id, ctprof_file_name[file]);
	visit->failed[file] = tree_read(&visit->capture->buffer, visit->task_fd, path, ret_text);
	return visit->failed[file] == 0;
}

static void note(struct visit *visit, enum ctprof_file file, int r)
{
	if (r < 0)
		visit->failed[file] = r;
}

/* Where stat cannot be had, the name alone still says that the thread is there. */
static void read_comm(struct visit *visit, struct ctprof_thread *thread)
{
	char path[64];
	struct sv text;

	snprintf(path, sizeof(path), "%s/comm", visit->id);
	if (tree_read(&visit->capture->buffer, visit->task_fd, path, &text) < 0)
		return;
	if (text.len && text.data[text.len - 1] == '\n')
		text.len--;
	if (text.len >= sizeof(thread->comm))
		text.len = sizeof(thread->comm) - 1;
	memcpy(thread->comm, text.data, text.len);
}

static void read_files(struct visit *visit, struct ctprof_thread *thread)
{
	struct parse_stat_extra stat = {0};
	struct parse_status_extra status;
	struct sv text, path;

	if (read_task_file(visit, CTPROF_FILE_STAT, &text))
		note(visit, CTPROF_FILE_STAT, parse_stat(text, thread, &stat));
	visit->flags = stat.flags;
	if (visit->failed[CTPROF_FILE_STAT])
		read_comm(visit, thread);
	if (read_task_file(visit, CTPROF_FILE_SCHEDSTAT, &text))
		note(visit, CTPROF_FILE_SCHEDSTAT, parse_schedstat(text, thread));
	if (read_task_file(visit, CTPROF_FILE_IO, &text))
		note(visit, CTPROF_FILE_IO, parse_io(text, thread));
	if (read_task_file(visit, CTPROF_FILE_STATUS, &text)) {
		int r = parse_status(text, thread, &status);

		note(visit, CTPROF_FILE_STATUS, r);
		if (thread->tid == thread->tgid)
			thread->nr_threads = status.threads ? status.threads : stat.num_threads;
		visit->has_allowed = r == 0;
		visit->allowed = status.allowed;
	}
	if (read_task_file(visit, CTPROF_FILE_SCHED, &text))
		note(visit, CTPROF_FILE_SCHED, parse_sched(text, thread, &visit->negatives));
	if (read_task_file(visit, CTPROF_FILE_CGROUP, &text)) {
		int r = parse_cgroup(text, &path);

		note(visit, CTPROF_FILE_CGROUP, r);
		if (r == 0)
			thread->cgroup = ctprof_snapshot_name(visit->capture->snapshot, path);
	}
}

/* The kernel's answer leaves out CPUs that are off; status does not. */
static void read_affinity(struct visit *visit, struct ctprof_thread *thread)
{
	static_assert(sizeof(struct cpuset) == CPUSET_CPU_MAX / 8, "the layout of the system call");
	struct cpuset set = {0};

	if (visit->capture->live &&
	    sched_getaffinity((pid_t)thread->tid, sizeof(set), (cpu_set_t *)&set) == 0)
		thread->cpu_affinity = set;
	else if (visit->has_allowed)
		thread->cpu_affinity = visit->allowed;
}

static bool is_ghost(const struct ctprof_thread *thread)
{
	return !*thread->comm && thread->start_time_clock_ticks == 0;
}

/* False: it is gone, and nothing that it failed to give counts. */
static bool visit_thread(struct visit *visit, struct ctprof_thread *thread)
{
	read_files(visit, thread);
	if (is_ghost(thread) && thread->tid == thread->tgid) {
		/* the leader of a process that is still there is never left out */
		read_files(visit, thread);
		if (is_ghost(thread) && has_gone(visit->task_fd, visit->id))
			return false;
	} else if (is_ghost(thread)) {
		return false;
	}
	read_affinity(visit, thread);
	if (visit->capture->taskstats)
		taskstats_read(visit->capture->taskstats, thread,
			       &visit->capture->snapshot->taskstats_summary);
	return true;
}

static void add_thread(struct capture *capture, int task_fd, uint32_t tgid, uint32_t tid)
{
	struct visit visit = {.capture = capture, .task_fd = task_fd};
	struct ctprof_parse_summary *summary = &capture->snapshot->parse_summary;
	struct ctprof_thread thread = {.tid = tid, .tgid = tgid};

	thread.cgroup = ctprof_snapshot_name(capture->snapshot, sv_of(""));
	snprintf(visit.id, sizeof(visit.id), "%u", tid);
	summary->tids_walked++;
	if (!visit_thread(&visit, &thread))
		return;
	for (int i = 0; i < CTPROF_FILES; i++)
		if (visit.failed[i] < 0)
			count_read_failure(summary, i, why_missing(task_fd, visit.id, visit.failed[i]));
	summary->negative_dotted_values += visit.negatives;
	if (tid == tgid && !(visit.flags & PF_KTHREAD))
		read_smaps_rollup(capture, &thread);
	ctprof_threads_push(&capture->snapshot->threads, thread);
}

static void read_process(struct capture *capture, uint32_t tgid)
{
	AUTO(dir_close) DIR *tasks = NULL;
	struct dirent *entry;
	char path[32];
	uint32_t tid;

	snprintf(path, sizeof(path), "%u/task", tgid);
	tasks = tree_list(capture->proc_fd, path);
	if (!tasks && (errno == EACCES || errno == EPERM))        /* hidepid: it is there, and no more is told */
		add_thread(capture, capture->proc_fd, tgid, tgid);
	while (tasks && (entry = readdir(tasks)))
		if (tree_task_id(entry, &tid))
			add_thread(capture, dirfd(tasks), tgid, tid);
}

void proc_source_read(struct capture *capture)
{
	AUTO(dir_close) DIR *processes = tree_list(capture->proc_fd, ".");
	struct dirent *entry;
	uint32_t tgid;

	while (processes && (entry = readdir(processes)))
		if (tree_task_id(entry, &tgid))
			read_process(capture, tgid);
}

static int compare_tgid(const void *key, const void *row)
{
	uint32_t tgid = *(const uint32_t *)key;
	const struct ctprof_thread *thread = row;

	return (tgid > thread->tgid) - (tgid < thread->tgid);
}

void proc_source_add_missing(struct capture *capture)
{
	AUTO(dir_close) DIR *processes = tree_list(capture->proc_fd, ".");
	const struct ctprof_threads *threads = &capture->snapshot->threads;
	size_t known = threads->len;
	struct dirent *entry;
	uint32_t tgid;

	/* the rows that are added come behind the sorted ones */
	while (processes && (entry = readdir(processes)))
		if (tree_task_id(entry, &tgid) &&
		    !bsearch(&tgid, threads->at, known, sizeof(*threads->at), compare_tgid))
			read_process(capture, tgid);
}

/* A process that is ending has no memory left, and the file then ends in ESRCH: no failure. */
void read_smaps_rollup(struct capture *capture, struct ctprof_thread *leader)
{
	char path[64];
	struct sv text;
	int r;

	if (leader->state == 'Z' || leader->state == 'X')
		return;
	snprintf(path, sizeof(path), "%u/smaps_rollup", leader->tgid);
	r = tree_read(&capture->buffer, capture->proc_fd, path, &text);
	if (r == -ESRCH)
		return;
	if (r == 0)
		r = parse_smaps_rollup(text, capture->snapshot, &leader->smaps_rollup_kib);
	if (r < 0) {
		snprintf(path, sizeof(path), "%u", leader->tgid);
		count_read_failure(&capture->snapshot->parse_summary, CTPROF_FILE_SMAPS_ROLLUP,
				   why_missing(capture->proc_fd, path, r));
	}
}

void fill_pcomm(struct ctprof_snapshot *snapshot)
{
	const struct ctprof_thread *leader = NULL;

	vec_each(thread, &snapshot->threads) {
		if (thread->tid == thread->tgid)
			leader = thread;
		if (leader && leader->tgid == thread->tgid)
			memcpy(thread->pcomm, leader->comm, sizeof(thread->pcomm));
	}
}
