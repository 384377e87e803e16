/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctprof.c - what a capture costs: time per thread of both sources beside a plain loop that reads
 * the same files of the same threads, and beside `ps -eLo`; the most memory that each had, and how
 * long a capture of jemalloc's counters stopped any thread: this program and its sleepers are linked
 * with jemalloc. Everything in one run, the best of some rounds each, because this machine may be busy.
 * `bench/ctprof-capture` builds and runs it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctprof/ctprof.h"

#define THREADS_PER_PROCESS 50
#define ROUNDS 5
#define READY_S 60

static void *sleeper(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void be_a_process(unsigned threads, int ready_fd)
{
	pthread_attr_t attr;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (unsigned i = 1; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attr, sleeper, NULL) != 0)
			_exit(1);
	}
	if (write(ready_fd, "", 1) != 1)
		_exit(1);
	sleeper(NULL);
}

DEFINE_VEC(pids, pid_t, vec_keep)

static bool start_threads(unsigned count, struct pids *pids)
{
	int ready[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return false;
	while (count > 0) {
		unsigned threads = count < THREADS_PER_PROCESS ? count : THREADS_PER_PROCESS;
		pid_t pid = fork();
		char byte;

		if (pid == 0)
			be_a_process(threads, ready[1]);
		alarm(READY_S);
		if (pid < 0 || read(ready[0], &byte, 1) != 1)
			return false;
		alarm(0);
		pids_push(pids, pid);
		count -= threads;
	}
	close(ready[0]);
	close(ready[1]);
	return true;
}

static void stop_threads(struct pids *pids)
{
	vec_each(pid, pids)
		kill(*pid, SIGKILL);
	vec_each(pid, pids)
		waitpid(*pid, NULL, 0);
	pids->len = 0;
}

/* --- what is compared ----------------------------------------------------------------------------- */

static void read_plainly(const char *path)
{
	static char buffer[64 << 10];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
}

/* The files of a capture, the way a script reads them: by path, to their end. */
static void plain_loop(void)
{
	static const char *const files[] = {"stat", "schedstat", "io", "status", "sched", "cgroup", "comm"};
	DIR *processes = opendir("/proc");
	struct dirent *process, *task;
	char path[PATH_MAX];

	while (processes && (process = readdir(processes))) {
		DIR *tasks;

		if (*process->d_name < '1' || *process->d_name > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", process->d_name);
		read_plainly(path);
		snprintf(path, sizeof(path), "/proc/%s/task", process->d_name);
		tasks = opendir(path);
		while (tasks && (task = readdir(tasks))) {
			for (size_t i = 0; *task->d_name != '.' && i < sizeof(files) / sizeof(*files); i++) {
				snprintf(path, sizeof(path), "/proc/%s/task/%s/%s", process->d_name,
					 task->d_name, files[i]);
				read_plainly(path);
			}
		}
		if (tasks)
			closedir(tasks);
	}
	if (processes)
		closedir(processes);
}

static void ps(void)
{
	static const char *const argv[] = {"ps", "-eLo", "pid,tid,comm,psr,pri,ni,cls,stat,time,min_flt,maj_flt,cgroup", NULL};
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_error err = {0};

	if (run_and_read(argv, 64 << 20, deadline_in(60 * NS_PER_S), &out, &err) < 0)
		log_warn("%s", err.msg);
}

static struct ctprof_capture_config config;
static struct ctprof_capture_report report;
static size_t rows;

static void capture(void)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

	ctprof_capture(&config, &snapshot, &report);
	rows = snapshot.threads.len;
}

static void capture_proc(void)
{
	config = (struct ctprof_capture_config){.source = CTPROF_SOURCE_PROC, .no_heap = true};
	capture();
}

static void capture_bpf(void)
{
	config = (struct ctprof_capture_config){.source = CTPROF_SOURCE_BPF, .no_heap = true};
	capture();
}

static void capture_heap(void)
{
	config = (struct ctprof_capture_config){.source = CTPROF_SOURCE_AUTO};
	capture();
}

/* What one way costs; made in a process of its own, whose memory is then that way's alone. */
struct cost {
	uint64_t ns;                    /* the best round */
	size_t rows;
	uint64_t stopped_ns_max;        /* of all rounds */
	bool by_bpf;
	char why_not_bpf[KTSTR_ERROR_MSG_MAX];
	long max_kib;
};

static void measure_rounds(void (*work)(void), struct cost *cost)
{
	cost->ns = UINT64_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start_ns = clock_ns(), ns;

		work();
		ns = clock_ns() - start_ns;
		cost->ns = ns < cost->ns ? ns : cost->ns;
		if (report.stopped_ns_max > cost->stopped_ns_max)
			cost->stopped_ns_max = report.stopped_ns_max;
	}
	cost->rows = rows;
	cost->by_bpf = report.source == CTPROF_SOURCE_BPF;
	memcpy(cost->why_not_bpf, report.why_not_bpf, sizeof(cost->why_not_bpf));
}

static struct cost cost_of(void (*work)(void))
{
	struct cost cost = {0};
	struct rusage usage = {0};
	int result[2];
	pid_t pid;

	if (pipe2(result, O_CLOEXEC) < 0)
		return cost;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		measure_rounds(work, &cost);
		_exit(write(result[1], &cost, sizeof(cost)) != sizeof(cost));
	}
	close(result[1]);
	if (pid < 0 || read(result[0], &cost, sizeof(cost)) != sizeof(cost))
		log_error("a measuring process ended early");
	if (pid > 0)
		(void)wait4(pid, NULL, 0, &usage);
	close(result[0]);
	cost.max_kib = usage.ru_maxrss;
	return cost;
}

static void print_cost(const char *what, const struct cost *cost, uint64_t loop_ns, size_t thread_count)
{
	printf("%-22s %10.2f ms %9.2f us a thread %7.3f of the loop %6.1f MiB", what, (double)cost->ns / 1e6,
	       (double)cost->ns / 1e3 / (double)thread_count, (double)cost->ns / (double)loop_ns,
	       (double)cost->max_kib / 1024);
	if (cost->stopped_ns_max)
		printf("  longest stop of a thread %.1f us", (double)cost->stopped_ns_max / 1e3);
	printf("\n");
}

static void measure(unsigned count)
{
	AUTO(pids_done) struct pids pids = {0};
	struct cost loop, by_ps, proc, bpf, heap;

	if (!start_threads(count, &pids)) {
		log_error("%u threads cannot be started: %s", count, strerror(errno));
		stop_threads(&pids);
		return;
	}
	loop = cost_of(plain_loop);
	by_ps = cost_of(ps);
	proc = cost_of(capture_proc);
	bpf = cost_of(capture_bpf);
	heap = cost_of(capture_heap);
	printf("%zu threads, %u of them sleepers in processes of %u, with jemalloc\n", proc.rows, count,
	       THREADS_PER_PROCESS);
	print_cost("plain loop", &loop, loop.ns, proc.rows);
	print_cost("ps -eLo", &by_ps, loop.ns, proc.rows);
	print_cost("capture, /proc", &proc, loop.ns, proc.rows);
	print_cost("capture, BPF", &bpf, loop.ns, proc.rows);
	if (!bpf.by_bpf)
		printf("  (by /proc: %s)\n", bpf.why_not_bpf);
	print_cost("capture, heap included", &heap, loop.ns, proc.rows);
	printf("\n");
	fflush(stdout);
	stop_threads(&pids);
}

int main(int argc, char **argv)
{
	static const unsigned counts[] = {500, 5000, 20000};

	if (argc > 1) {
		for (int i = 1; i < argc; i++) {
			uint32_t count;

			if (sv_u32(sv_of(argv[i]), 1000000, &count) < 0 || count == 0) {
				log_error("how many threads is \"%s\"?", argv[i]);
				return 64;
			}
			measure(count);
		}
		return 0;
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		measure(counts[i]);
	return 0;
}
