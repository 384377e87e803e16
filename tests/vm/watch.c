/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup/ktstr"
#define CGROUPS_MAX 64
#define TASKS_MAX 1024
#define TEXT 64
#define PATH 512
#define DIR_MAX 400
#define PERIOD_NS 2000000

struct cgroup {
	char name[TEXT];
	bool is_here, was_found;
	ino_t id;                /* another one: removed and made anew between two looks */
	char cpus[TEXT], control[TEXT], tasks[TEXT];
	unsigned task_count, seen_first;
};

struct task {
	pid_t pid;
	char name[TEXT];
	bool is_first;
	char in[TEXT], mask[TEXT], policy[TEXT], nice[TEXT], waits[TEXT], faults[TEXT];
};

static struct watch_log *out;
static struct cgroup cgroups[CGROUPS_MAX];
static struct task tasks[TASKS_MAX];
static size_t cgroup_count, task_count;

/* --- lines ---------------------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	size_t at = out->count++;
	va_list args;

	if (at >= WATCH_LINES_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(out->line[at], WATCH_LINE_MAX, fmt, args);
	va_end(args);
}

static void note(const char *subject, const char *key, char have[TEXT], const char *now)
{
	if (strcmp(have, now) == 0)
		return;
	snprintf(have, TEXT, "%s", now);
	say("%s %s=%s", subject, key, now);
}

static void note_number(const char *subject, const char *key, char have[TEXT], long now)
{
	char text[TEXT];

	snprintf(text, sizeof(text), "%ld", now);
	note(subject, key, have, text);
}

/* Every power of ten that it has reached since it was looked at last. */
static void note_magnitude(const char *subject, const char *key, char have[TEXT], long now)
{
	for (long power = *have ? strtol(have, NULL, 10) * 10 : 10; power <= now; power *= 10)
		note_number(subject, key, have, power);
}

/* --- tasks ---------------------------------------------------------------------------------------- */

static void format_mask(const cpu_set_t *mask, char text[TEXT])
{
	size_t len = 0;

	text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && len < TEXT - 16; cpu++) {
		int last = cpu;

		if (!CPU_ISSET(cpu, mask))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, mask))
			last++;
		len += (size_t)snprintf(text + len, TEXT - len, last > cpu ? "%s%d-%d" : "%s%d",
					len ? "," : "", cpu, last);
		cpu = last;
	}
}

static long number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

static void slurp(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, size - 1, file) : 0;

	text[len] = '\0';
	if (file)
		fclose(file);
}

static void look_at_counts(struct task *task)
{
	char path[TEXT], text[4096];
	const char *field;

	snprintf(path, sizeof(path), "/proc/%d/status", task->pid);
	slurp(path, text, sizeof(text));
	note_magnitude(task->name, "waits", task->waits, number_after(text, "\nvoluntary_ctxt_switches:"));
	snprintf(path, sizeof(path), "/proc/%d/stat", task->pid);
	slurp(path, text, sizeof(text));
	field = strrchr(text, ')');        /* the second field; minflt is the tenth */
	for (int i = 2; field && i < 10; i++)
		field = strchr(field + 1, ' ');
	if (field)
		note_magnitude(task->name, "faults", task->faults, strtol(field, NULL, 10));
}

static void look_at_task(struct task *task, const char *cgroup)
{
	static const char *const names[] = {"NORMAL", "FIFO", "RR", "BATCH", "?", "IDLE", "DEADLINE", "EXT"};
	int policy = sched_getscheduler(task->pid) & ~SCHED_RESET_ON_FORK;
	char text[TEXT];
	struct sched_param param;
	cpu_set_t mask;

	note(task->name, "in", task->in, cgroup);
	if (policy < 0 || policy > 7 || sched_getparam(task->pid, &param) < 0 ||
	    sched_getaffinity(task->pid, sizeof(mask), &mask) < 0)
		return;        /* it has just ended */
	format_mask(&mask, text);
	note(task->name, "mask", task->mask, text);
	snprintf(text, sizeof(text), "%s %d", names[policy], param.sched_priority);
	note(task->name, "policy", task->policy, text);
	note_number(task->name, "nice", task->nice, getpriority(PRIO_PROCESS, (id_t)task->pid));
	if (task->is_first)
		look_at_counts(task);
}

static struct task *task_of(pid_t pid, struct cgroup *cgroup)
{
	struct task *task = &tasks[task_count];

	for (size_t i = 0; i < task_count; i++) {
		if (tasks[i].pid == pid)
			return &tasks[i];
	}
	if (task_count == TASKS_MAX)
		return NULL;
	task_count++;
	cgroup->seen_first++;
	task->pid = pid;
	task->is_first = cgroup->seen_first == 1;
	snprintf(task->name, sizeof(task->name), "%.40s.%u", cgroup->name, cgroup->seen_first);
	return task;
}

/* --- cgroups -------------------------------------------------------------------------------------- */

static struct cgroup *cgroup_of(const char *name)
{
	for (size_t i = 0; i < cgroup_count; i++) {
		if (strcmp(cgroups[i].name, name) == 0)
			return &cgroups[i];
	}
	if (cgroup_count == CGROUPS_MAX)
		return NULL;
	snprintf(cgroups[cgroup_count].name, TEXT, "%s", name);
	return &cgroups[cgroup_count++];
}

static void read_line(const char *dir, const char *file, char text[TEXT])
{
	char path[PATH];

	snprintf(path, sizeof(path), "%.*s/%s", DIR_MAX, dir, file);
	slurp(path, text, TEXT);
	text[strcspn(text, "\n")] = '\0';
}

static void look_at_tasks(struct cgroup *cgroup, const char *dir)
{
	char path[PATH];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "%.*s/cgroup.procs", DIR_MAX, dir);
	file = fopen(path, "re");
	cgroup->task_count = 0;
	while (file && fscanf(file, "%d", &pid) == 1) {
		struct task *task = task_of(pid, cgroup);

		cgroup->task_count++;
		if (task)
			look_at_task(task, cgroup->name);
	}
	if (file)
		fclose(file);
	note_number(cgroup->name, "tasks", cgroup->tasks, cgroup->task_count);
}

static void forget(struct cgroup *cgroup)
{
	cgroup->is_here = false;
	cgroup->cpus[0] = cgroup->tasks[0] = '\0';
}

static void look_at_cgroup(struct cgroup *cgroup, const char *dir, ino_t id)
{
	char text[TEXT], control[TEXT];

	if (cgroup->is_here && cgroup->id != id) {
		say("%s gone; made anew since", cgroup->name);
		forget(cgroup);
	}
	cgroup->id = id;
	cgroup->was_found = true;
	if (!cgroup->is_here)
		say("%s here", cgroup->name);
	cgroup->is_here = true;
	read_line(dir, "cpuset.cpus.effective", text);
	if (*text)
		note(cgroup->name, "cpus", cgroup->cpus, text);
	read_line(dir, "cgroup.subtree_control", text);
	snprintf(control, sizeof(control), " %.60s ", text);
	note(cgroup->name, "control", cgroup->control, control);
	look_at_tasks(cgroup, dir);
}

static void look_below(const char *dir, const char *prefix)
{
	DIR *list = opendir(dir);
	struct dirent *entry;

	while (list && (entry = readdir(list))) {
		char path[PATH], name[TEXT];
		struct cgroup *cgroup;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.300s/%.150s", dir, entry->d_name);
		snprintf(name, sizeof(name), "%.30s%s%.30s", prefix, *prefix ? "/" : "", entry->d_name);
		cgroup = cgroup_of(name);
		if (!cgroup)
			continue;
		look_at_cgroup(cgroup, path, entry->d_ino);
		look_below(path, name);
	}
	if (list)
		closedir(list);
}

/* Workers that are in no cgroup of the scenario, by their names: "host-0" and so on. */
static void look_outside(pid_t self)
{
	static char have[TEXT];
	FILE *file = fopen("/sys/fs/cgroup/cgroup.procs", "re");
	long count = 0;
	int pid;

	while (file && fscanf(file, "%d", &pid) == 1) {
		char path[TEXT], comm[TEXT];

		if (pid <= self)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		slurp(path, comm, sizeof(comm));
		count += strncmp(comm, "host-", 5) == 0;
	}
	if (file)
		fclose(file);
	if (count || *have)
		note_number("host", "tasks", have, count);
}

static void tell_gone(void)
{
	unsigned stay = 0;

	for (size_t i = 0; i < cgroup_count; i++)
		stay += cgroups[i].was_found ? cgroups[i].task_count : 0;
	for (size_t i = 0; i < cgroup_count; i++) {
		struct cgroup *cgroup = &cgroups[i];

		if (cgroup->is_here && !cgroup->was_found) {
			say("%s gone; %u tasks stay", cgroup->name, stay);
			forget(cgroup);
		}
		cgroup->was_found = false;
	}
}

static void look(pid_t self)
{
	static char control[TEXT];
	char text[TEXT], padded[TEXT];

	if (access(ROOT, F_OK) == 0) {
		read_line(ROOT, "cgroup.subtree_control", text);
		snprintf(padded, sizeof(padded), " %.60s ", text);
		note(".", "control", control, padded);
	}
	look_below(ROOT, "");
	look_outside(self);
	tell_gone();
}

/* --- the process ---------------------------------------------------------------------------------- */

/* It outranks the workers, which may be real-time ones too, and looks for a moment only. */
static void run(void)
{
	const struct sched_param rank = {.sched_priority = 90};
	const struct timespec period = {.tv_nsec = PERIOD_NS};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_FIFO, &rank) < 0)
		_exit(1);
	while (!__atomic_load_n(&out->stop, __ATOMIC_ACQUIRE)) {
		look(getpid());
		(void)nanosleep(&period, NULL);
	}
	_exit(0);
}

int watch_start(struct watch *watch)
{
	void *log = mmap(NULL, sizeof(*watch->log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);

	if (log == MAP_FAILED)
		return -errno;
	*watch = (struct watch){.log = log, .pid = fork()};
	out = log;
	if (watch->pid == 0)
		run();
	return watch->pid < 0 ? -errno : 0;
}

void watch_stop(struct watch *watch)
{
	__atomic_store_n(&watch->log->stop, 1, __ATOMIC_RELEASE);
	if (watch->pid > 0)
		(void)waitpid(watch->pid, NULL, 0);
	watch->pid = 0;
}

void watch_done(struct watch *watch)
{
	munmap(watch->log, sizeof(*watch->log));
}

/* --- what was seen -------------------------------------------------------------------------------- */

int watch_saw(const struct watch *watch, const char *what)
{
	size_t lines = watch->log->count < WATCH_LINES_MAX ? watch->log->count : WATCH_LINES_MAX;
	bool never = *what == '!';
	size_t at = 0;

	for (what += never; *what; ) {
		size_t len = strcspn(what, ">");
		char pattern[256];

		snprintf(pattern, sizeof(pattern), "%.*s", (int)(what[len] ? len - 1 : len), what);
		while (at < lines && fnmatch(pattern, watch->log->line[at], 0) != 0)
			at++;
		if (at++ >= lines)
			return never;
		what += what[len] ? len + 2 : len;
	}
	return !never;
}
