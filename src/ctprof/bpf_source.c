/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The source that asks the kernel once for all threads: a BPF task iterator writes a struct
 * ctprof_task for each (bpf/ctprof_tasks.bpf.c). Where its numbers would differ from /proc's (other
 * namespaces, virtual CPU time accounting) it declines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "ctprof/bpf_task.h"
#include "ctprof/source.h"

#define TASKS_MAX (4u << 20)            /* the kernel's own limit of pids */
#define INIT_PID_NAMESPACE "pid:[4026531836]"        /* include/linux/proc_ns.h, PROC_PID_INIT_INO */

extern const char ctprof_tasks_object[], ctprof_tasks_object_end[];

DEFINE_VEC(records, struct ctprof_task, vec_keep)
DEFINE_AUTO(struct bpf_object *, bpf_object__close)

static int bpf_link_gone(struct bpf_link *link)
{
	return link ? bpf_link__destroy(link) : 0;
}
DEFINE_AUTO(struct bpf_link *, bpf_link_gone)

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	AUTO(buf_done) struct buf line = {0};
	struct sv text;

	if (level == LIBBPF_DEBUG)
		return 0;
	buf_vprintf(&line, fmt, args);
	text = sv_trim(sv_bytes(buf_text(&line), line.len));
	log_debug("ctprof: %.*s", SV_ARG(text));
	return 0;
}

/* --- whether what it says is what /proc would say ------------------------------------------------- */

static int check_namespaces(struct capture *capture, struct ktstr_error *err)
{
	char name[64] = "";
	struct sv text, line;

	if (readlinkat(capture->proc_fd, "self/ns/pid", name, sizeof(name) - 1) < 0 ||
	    strcmp(name, INIT_PID_NAMESPACE) != 0)
		return error_set(err, -EOPNOTSUPP, "not in the initial pid namespace");
	if (tree_read(&capture->buffer, capture->proc_fd, "self/timens_offsets", &text) < 0)
		return 0;
	while (sv_line(&text, &line)) {
		if (!sv_starts(line, "boottime"))
			continue;
		for (line = sv_skip(line, strlen("boottime")); line.len; line = sv_skip(line, 1))
			if (*line.data != ' ' && *line.data != '0')
				return error_set(err, -EOPNOTSUPP, "in a time namespace");
	}
	return 0;
}

/* With nohz_full CPU times are kept elsewhere: kernel/sched/cputime.c, vtime_accounting_enabled() */
static int check_cputime(struct capture *capture, struct ktstr_error *err)
{
	struct sv text;

	if (tree_read(&capture->buffer, AT_FDCWD, "/sys/devices/system/cpu/nohz_full", &text) < 0)
		return 0;
	for (; text.len; text = sv_skip(text, 1))
		if (*text.data >= '0' && *text.data <= '9')
			return error_set(err, -EOPNOTSUPP, "CPUs without ticks (nohz_full)");
	return 0;
}

static bool has_line(struct sv text, const char *name)
{
	struct sv line;

	while (sv_line(&text, &line))
		if (sv_eq(sv_trim(sv_split(&line, ':')), name))
			return true;
	return false;
}

static bool has_file(const struct capture *capture, const char *path)
{
	return faccessat(capture->proc_fd, path, R_OK, 0) == 0;
}

/* One look at our own thread's files tells what this kernel shows in everybody's. */
static int learn_rules(struct capture *capture, struct bpf_task_rules *ret_rules, struct ktstr_error *err)
{
	struct ctprof_thread self = {.tid = (uint32_t)gettid()};
	struct ctprof_taskstats_summary summary = {0};
	struct bpf_task_rules rules = {.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
	struct sv text;
	int r;

	rules.has_schedstat = has_file(capture, "thread-self/schedstat");
	rules.has_io = has_file(capture, "thread-self/io");
	if (tree_read(&capture->buffer, capture->proc_fd, "thread-self/sched", &text) == 0) {
		rules.has_sched = true;
		rules.has_statistics = has_line(text, "wait_sum");
		rules.has_core_forceidle = has_line(text, "core_forceidle_sum");
		rules.has_slice = has_line(text, "se.slice");
	}
	if (capture->taskstats)
		taskstats_read(capture->taskstats, &self, &summary);
	rules.has_taskstats = summary.ok_count > 0;
	r = tree_read(&capture->buffer, AT_FDCWD, "/sys/devices/system/cpu/online", &text);
	if (r < 0)
		return error_set(err, r, "/sys/devices/system/cpu/online: %s", strerror(-r));
	r = cpuset_parse(text, &rules.active, err);
	if (r < 0)
		return r;
	*ret_rules = rules;
	return 0;
}

/* --- the program ---------------------------------------------------------------------------------- */

static int find_symbol(const char *name, uint64_t *ret_address, struct ktstr_error *err)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];

	*ret_address = 0;
	while (file && *ret_address == 0 && fgets(line, sizeof(line), file)) {
		struct sv rest = sv_trim(sv_of(line)), address = sv_split(&rest, ' ');

		(void)sv_split(&rest, ' ');        /* the kind */
		if (sv_eq(rest, name) && sv_hex64(address, ret_address) < 0)
			break;
	}
	if (file)
		fclose(file);
	return *ret_address ? 0 : error_set(err, -ENOENT, "/proc/kallsyms does not tell where %s is", name);
}

/* struct ext_sched_class's place matters only while tasks are in that class */
static int set_ext_class(struct bpf_object *object, struct ktstr_error *err)
{
	AUTO(free) char *state = file_line(AT_FDCWD, "/sys/kernel/sched_ext/state");
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	uint64_t address;
	size_t size;
	void *data;
	int r;

	if (!state || strcmp(state, "disabled") == 0)
		return 0;
	r = find_symbol("ext_sched_class", &address, err);
	if (r < 0)
		return r;
	data = map ? bpf_map__initial_value(map, &size) : NULL;
	if (!data || size < sizeof(address))
		return error_set(err, -EINVAL, "the program has no place for a class");
	memcpy(data, &address, sizeof(address));
	return 0;
}

static int open_iterator(int *ret_fd, struct ktstr_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ctprof_tasks");
	AUTO(bpf_object__close) struct bpf_object *object = NULL;
	AUTO(bpf_link_gone) struct bpf_link *link = NULL;
	int r;

	libbpf_set_print(quiet);
	object = bpf_object__open_mem(ctprof_tasks_object,
				      (size_t)(ctprof_tasks_object_end - ctprof_tasks_object), &options);
	if (!object)
		return error_sys(err, "open the iterator");
	r = set_ext_class(object, err);
	if (r < 0)
		return r;
	if (bpf_object__load(object) < 0)
		return error_sys(err, "load the iterator");
	link = bpf_program__attach_iter(bpf_object__find_program_by_name(object, "ctprof_tasks"), NULL);
	if (!link)
		return error_sys(err, "attach the iterator");
	/* the descriptor keeps program and maps */
	r = bpf_iter_create(bpf_link__fd(link));
	if (r < 0)
		return error_sys(err, "start the iterator");
	*ret_fd = r;
	return 0;
}

/* Records never straddle a read: the kernel's buffer holds whole ones (kernel/bpf/bpf_iter.c). */
static int read_records(int fd, struct records *ret_records, struct ktstr_error *err)
{
	AUTO(records_done) struct records records = {0};
	ssize_t n;

	records.capacity = 256;
	records.at = xrealloc_array(NULL, records.capacity, sizeof(*records.at));
	for (;;) {
		if (records.capacity - records.len < 64) {
			records.capacity *= 2;
			records.at = xrealloc_array(records.at, records.capacity, sizeof(*records.at));
		}
		n = read(fd, records.at + records.len,
			 (records.capacity - records.len) * sizeof(*records.at));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		if ((size_t)n % sizeof(*records.at))
			return error_set(err, -EBADMSG, "the iterator gave part of a record");
		records.len += (size_t)n / sizeof(*records.at);
		if (records.len > TASKS_MAX)
			return error_set(err, -EFBIG, "the iterator does not end");
	}
	if (n < 0)
		return error_sys(err, "read the iterator");
	*ret_records = TAKE(records, (struct records){0});
	return 0;
}

/* --- what the record has not ---------------------------------------------------------------------- */

/* A work queue's thread has a name that its queue makes up (kernel/workqueue.c, wq_worker_comm). */
static void read_worker_name(struct capture *capture, struct ctprof_thread *thread)
{
	char path[32];
	struct sv text;

	snprintf(path, sizeof(path), "%u/comm", thread->tid);
	if (tree_read(&capture->buffer, capture->proc_fd, path, &text) < 0 || text.len == 0)
		return;
	text.len -= text.data[text.len - 1] == '\n';
	if (text.len >= sizeof(thread->comm))
		text.len = sizeof(thread->comm) - 1;
	memset(thread->comm, 0, sizeof(thread->comm));
	memcpy(thread->comm, text.data, text.len);
}

static int compare_cgroup_ids(const void *left, const void *right, void *tasks_of_rows)
{
	const struct ctprof_task *tasks = tasks_of_rows;
	uint64_t a = tasks[*(const uint32_t *)left].cgroup_id, b = tasks[*(const uint32_t *)right].cgroup_id;

	return (a > b) - (a < b);
}

static const char *ask_cgroup(struct capture *capture, const struct ctprof_thread *thread)
{
	char path[64];
	struct sv text, name;

	snprintf(path, sizeof(path), "%u/task/%u/cgroup", thread->tgid, thread->tid);
	if (tree_read(&capture->buffer, capture->proc_fd, path, &text) < 0 || parse_cgroup(text, &name) < 0)
		return NULL;
	return ctprof_snapshot_name(capture->snapshot, name);
}

/* Paths are asked for once per cgroup, of a thread in it that still lives. */
static void fill_cgroups(struct capture *capture, struct ctprof_thread *rows, struct records *records)
{
	AUTO(free) uint32_t *order = xcalloc(records->len + 1, sizeof(*order));
	const char *unknown = ctprof_snapshot_name(capture->snapshot, sv_of("")), *path = NULL;
	size_t first = 0;

	for (uint32_t i = 0; i < records->len; i++)
		order[i] = i;
	qsort_r(order, records->len, sizeof(*order), compare_cgroup_ids, records->at);
	for (size_t i = 0; i < records->len; i++) {
		if (records->at[order[i]].cgroup_id != records->at[order[first]].cgroup_id) {
			first = i;
			path = NULL;
		}
		if (!path) {
			path = ask_cgroup(capture, &rows[order[i]]);
			for (size_t earlier = first; path && earlier < i; earlier++)
				rows[order[earlier]].cgroup = path;
		}
		rows[order[i]].cgroup = path ? path : unknown;
	}
}

static void add_rows(struct capture *capture, const struct bpf_task_rules *rules, struct records *records)
{
	struct ctprof_snapshot *snapshot = capture->snapshot;
	struct ctprof_threads *threads = &snapshot->threads;
	uint64_t *negatives = &snapshot->parse_summary.negative_dotted_values;

	for (size_t i = 0; i < records->len; i++) {
		struct ctprof_thread thread;

		bpf_task_to_thread(&records->at[i], rules, &thread, negatives);
		if (records->at[i].flags & PF_WQ_WORKER)
			read_worker_name(capture, &thread);
		ctprof_threads_push(threads, thread);
	}
	fill_cgroups(capture, threads->at, records);
	for (size_t i = 0; i < records->len; i++)
		if (threads->at[i].tid == threads->at[i].tgid && !(records->at[i].flags & PF_KTHREAD))
			read_smaps_rollup(capture, &threads->at[i]);
	snapshot->parse_summary.tids_walked += records->len;
	if (rules->has_taskstats)
		snapshot->taskstats_summary.ok_count += records->len;
	else if (capture->taskstats)
		snapshot->taskstats_summary.eperm_count += records->len;
}

int bpf_source_read(struct capture *capture, struct ktstr_error *err)
{
	AUTO(records_done) struct records records = {0};
	AUTO(fd_close) int fd = -1;
	struct bpf_task_rules rules;
	int r = check_namespaces(capture, err);

	if (r == 0)
		r = check_cputime(capture, err);
	if (r == 0)
		r = learn_rules(capture, &rules, err);
	if (r == 0)
		r = open_iterator(&fd, err);
	if (r == 0)
		r = read_records(fd, &records, err);
	if (r == 0)
		add_rows(capture, &rules, &records);
	return r;
}
