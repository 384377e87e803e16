/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/worker.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "workload/kinds.h"
#include "workload/links.h"
#include "workload/measure.h"

#define EXIT_NOT_SET_UP 3
#define THREAD_STACK_BYTES (1 << 20)        /* address space; what it touches is memory */
#define POLICY_MEMORY_BYTES (64 << 10)
#define MEMPOLICY_WEIGHTED_INTERLEAVE 6       /* uapi/linux/mempolicy.h of Linux 6.9 */

static void ask_stop(int sig)
{
	(void)sig;
	atomic_store_explicit(&worker_stop_asked, 1, memory_order_relaxed);
}

/* --- setting up --------------------------------------------------------------------------------- */

/* Descriptors that the process keeps, upwards. */
static unsigned next_kept(const struct process_config *process, unsigned fd)
{
	const int kept[] = {process->ready_fd, process->workers[0].read_fd,
			    process->workers[0].write_fd};
	unsigned next = UINT_MAX;

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		if (kept[i] >= (int)fd && (unsigned)kept[i] < next)
			next = (unsigned)kept[i];
	}
	return next;
}

static void close_others(const struct process_config *process)
{
	unsigned fd = 3, kept;

	while ((kept = next_kept(process, fd)) != UINT_MAX) {
		if (kept > fd)
			(void)close_range(fd, kept - 1, 0);
		fd = kept + 1;
	}
	(void)close_range(fd, UINT_MAX, 0);
}

static int set_up_signals(void)
{
	struct sigaction stop = {.sa_handler = ask_stop};        /* no SA_RESTART: it ends sleeps */
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);        /* SIGKILL and SIGSTOP refuse: they are */
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	if (sigaction(SIGUSR1, &stop, NULL) < 0)
		return -errno;
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int set_up(const struct process_config *process)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != process->parent)
		return -ESRCH;        /* the parent died before the line above took effect */
	if (setpgid(0, 0) < 0)
		return -errno;
	close_others(process);
	return set_up_signals();
}

/* False when the stop came first. */
static bool wait_phase(struct shared *shared, enum phase phase)
{
	uint32_t now;

	while ((now = atomic_load(&shared->phase)) < phase) {
		if (stopped())
			return false;
		(void)syscall(SYS_futex, &shared->phase, FUTEX_WAIT, now, NULL, NULL, 0);
	}
	return true;
}

static int policy_mode(enum ktstr_mempolicy_kind kind)
{
	switch (kind) {
	case KTSTR_MEM_DEFAULT:
		return MPOL_DEFAULT;
	case KTSTR_MEM_BIND:
		return MPOL_BIND;
	case KTSTR_MEM_PREFERRED:
		return MPOL_PREFERRED;
	case KTSTR_MEM_INTERLEAVE:
		return MPOL_INTERLEAVE;
	case KTSTR_MEM_LOCAL:
		return MPOL_LOCAL;
	case KTSTR_MEM_PREFERRED_MANY:
		return MPOL_PREFERRED_MANY;
	case KTSTR_MEM_WEIGHTED_INTERLEAVE:
		return MEMPOLICY_WEIGHTED_INTERLEAVE;
	}
	return -1;
}

/* Of the calling thread, and of threads that it starts. */
static int set_mempolicy_of(const struct worker_mempolicy *mempolicy)
{
	bool has_nodes = cpuset_count(&mempolicy->nodes) > 0;
	long mode = policy_mode(mempolicy->kind) | (long)mempolicy->flags;

	if (mempolicy->kind == KTSTR_MEM_DEFAULT)
		return 0;
	/* the kernel takes one bit less than it is told: get_nodes() in mm/mempolicy.c */
	if (syscall(SYS_set_mempolicy, mode, has_nodes ? mempolicy->nodes.word : NULL,
		    has_nodes ? CPUSET_CPU_MAX + 1 : 0) < 0)
		return -errno;
	return 0;
}

/* --- ready, or why not -------------------------------------------------------------------------- */

static void say_ready(const struct process_config *process, struct slot *slot)
{
	uint64_t one = 1;

	atomic_store(&slot->ready, 1);
	if (write(process->ready_fd, &one, sizeof(one)) != sizeof(one))
		_exit(EXIT_NOT_SET_UP);
}

static void say_failed(const struct process_config *process, struct slot *slot, const char *step,
		       int code)
{
	snprintf(slot->setup_step, sizeof(slot->setup_step), "%s", step);
	slot->setup_errno = -code;
	say_ready(process, slot);
}

static void all_failed(const struct process_config *process, const char *step, int code)
{
	for (size_t i = 0; i < process->count; i++)
		say_failed(process, process->workers[i].slot, step, code);
}

/* Memory of its own, there before it counts. */
static int take_memory(struct ktstr_worker *worker)
{
	const struct work_kind *kind = work_kind(worker->work);
	size_t bytes = kind->memory_bytes ? kind->memory_bytes(worker->work) : 0;
	void *memory;

	if (bytes == 0 && worker->process->mempolicy.kind != KTSTR_MEM_DEFAULT)
		bytes = POLICY_MEMORY_BYTES;        /* so that there is something to follow it */
	if (bytes == 0)
		return 0;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	(void)madvise(memory, bytes, MADV_NOHUGEPAGE);        /* EINVAL where there are none anyway */
	memset(memory, 1, bytes);
	worker->memory = memory;
	worker->memory_bytes = bytes;
	return 0;
}

static int prepare(struct ktstr_worker *worker)
{
	const struct worker_config *config = worker->config;
	int r = prctl(PR_SET_NAME, config->comm) < 0 ? -errno : take_memory(worker);

	if (r < 0) {
		say_failed(worker->process, worker->slot, "memory to work in", r);
		return r;
	}
	for (unsigned i = 0; config->cgroup_dir && worker->work->type == KTSTR_WORK_CGROUP_CHURN &&
	     i < worker->work->fan_out; i++) {
		r = churn_cgroup_make(config->cgroup_dir, i);
		if (r < 0) {
			say_failed(worker->process, worker->slot, "make its siblings' cgroups", r);
			return r;
		}
	}
	return 0;
}

/* --- one worker ----------------------------------------------------------------------------------- */

/*
 * Not all at once, but by the seed. This sleep is not measured; the worker could have run from its
 * end on. False when the stop came first.
 */
static bool start_late(struct ktstr_worker *worker)
{
	uint64_t start_ns = worker->process->shared->release_ns +
			    random_below(worker, WORKER_START_SPREAD_NS);
	struct timespec start = {
		.tv_sec = (time_t)(start_ns / NS_PER_S),
		.tv_nsec = (long)(start_ns % NS_PER_S),
	};

	if (clock_ns() < start_ns)
		atomic_store(&worker->slot->since_ns, start_ns);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &start, NULL) != 0) {
		if (stopped())
			return false;
	}
	return true;
}

static void work_until_stopped(struct ktstr_worker *worker)
{
	worker->cpu_before_ns = thread_cpu_ns();
	if (team_begins_waiting(worker->work, worker->config->member)) {
		work_kind(worker->work)->work(worker);
	} else if (start_late(worker)) {
		checkpoint(worker);
		work_kind(worker->work)->work(worker);
	}
	worker->report->cpu_ns = thread_cpu_ns() - worker->cpu_before_ns;
	checkpoint(worker);
	worker->report->wall_ns = worker->checked_ns - worker->process->shared->release_ns;
}

static int worker_main(const struct process_config *process, const struct worker_config *config)
{
	struct ktstr_worker worker = {
		.process = process,
		.config = config,
		.work = config->work,
		.slot = config->slot,
		.report = &config->slot->report,
		.turns_to_checkpoint = WORKER_TURNS_PER_CHECKPOINT,
		.random = config->seed,
		.cpu = -1,
	};

	atomic_store(&worker.slot->tid, (int32_t)syscall(SYS_gettid));
	if (prepare(&worker) < 0)
		return EXIT_NOT_SET_UP;
	say_ready(process, worker.slot);
	if (wait_phase(process->shared, PHASE_RUN))
		work_until_stopped(&worker);
	__atomic_store_n(&worker.report->completed, true, __ATOMIC_RELEASE);
	if (worker.memory)
		(void)munmap(worker.memory, worker.memory_bytes);
	return 0;
}

/* --- many in one process ---------------------------------------------------------------------------- */

struct thread {
	const struct process_config *process;
	const struct worker_config *config;
	pthread_t id;
	int status;
};

static void *thread_main(void *data)
{
	struct thread *thread = data;

	thread->status = worker_main(thread->process, thread->config);
	return NULL;
}

/* The process itself only waits for its threads. */
static int run_threads(const struct process_config *process)
{
	struct thread *threads = xcalloc(process->count, sizeof(*threads));
	pthread_attr_t attr;
	size_t started;
	int status = 0;

	pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
	for (started = 0; started < process->count; started++) {
		struct thread *thread = &threads[started];
		int r;

		*thread = (struct thread){.process = process, .config = &process->workers[started]};
		r = pthread_create(&thread->id, &attr, thread_main, thread);
		if (r != 0) {
			for (size_t i = started; i < process->count; i++)
				say_failed(process, process->workers[i].slot, "start a thread", -r);
			status = EXIT_NOT_SET_UP;
			break;
		}
	}
	pthread_attr_destroy(&attr);
	for (size_t i = 0; i < started; i++) {
		(void)pthread_join(threads[i].id, NULL);        /* they end by themselves */
		status = threads[i].status ? threads[i].status : status;
	}
	free(threads);
	return status;
}

_Noreturn void worker_process(const struct process_config *process)
{
	AUTO(links_done) struct links links = LINKS_NONE;
	int r = set_up(process);

	if (r < 0)
		_exit(EXIT_NOT_SET_UP);
	if (!wait_phase(process->shared, PHASE_PREPARE))
		_exit(EXIT_NOT_SET_UP);
	r = set_mempolicy_of(&process->mempolicy);
	if (r < 0) {
		all_failed(process, "set_mempolicy", r);
		_exit(EXIT_NOT_SET_UP);
	}
	if (!process->threads)
		_exit(worker_main(process, &process->workers[0]));
	r = links_open_group(&links, process->workers, process->count);
	if (r < 0) {
		all_failed(process, "open pipes and files", r);
		_exit(EXIT_NOT_SET_UP);
	}
	_exit(run_threads(process));
}
