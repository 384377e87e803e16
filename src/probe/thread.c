/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - stop one thread, read its two numbers, let it go. ptrace(2), PTRACE_SEIZE.
 *
 * What a tracer must not do to its tracee: leave it stopped, take a signal away from it, or start it
 * when it was stopped. A seized thread is stopped by PTRACE_INTERRUPT without a signal. If a signal
 * came first, the stop is that signal's delivery, and letting go passes it on. A thread of a process
 * that SIGSTOP had stopped goes back to that when it is let go (kernel/ptrace.c, __ptrace_unlink).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "probe/target.h"

#define SPIN_NS (100 * NS_PER_US)
#define NAP_NS (20 * NS_PER_US)
#define HURRY_NICE (-20)
#define PATIENCE 10               /* timeouts for a thread that only waits for a CPU to stop on */
#define SPAN_BYTES_MAX 4104

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#ifndef NT_ARM_TLS
#define NT_ARM_TLS 0x401
#endif

struct job {
	const struct probe_target *target;
	struct probe_reading *readings;
	size_t count;
	bool identity;
	uint64_t timeout_ns;
	const atomic_bool *cancel;
	size_t done;
	pid_t tracer;
	bool is_stuck;          /* the last one did not stop: only our end lets it go */
};

static bool is_cancelled(const struct job *job)
{
	return job->cancel && atomic_load(job->cancel);
}

static void fail(struct probe_reading *reading, enum probe_step step, int code)
{
	reading->failed = step;
	reading->code = code;
}

/* As in /proc/TID/stat; 'X' when it is gone. */
static char state_of(pid_t tid)
{
	AUTO(free) char *path = xasprintf("/proc/%d/stat", (int)tid);
	AUTO(buf_done) struct buf stat = {0};
	char comm[64], state;
	uint64_t start;

	if (file_read(AT_FDCWD, path, 1 << 16, &stat, NULL) < 0 ||
	    stat_parse(sv_bytes(stat.data, stat.len), comm, sizeof(comm), &state, &start) < 0)
		return 'X';
	return state;
}

/* Who traces it already; 0 for nobody. *ret_ended: it is a zombie. */
static pid_t look_at_refused(pid_t tid, bool *ret_ended)
{
	AUTO(free) char *path = xasprintf("/proc/%d/status", (int)tid);
	AUTO(buf_done) struct buf status = {0};
	char state = state_of(tid);
	uint32_t tracer = 0;

	*ret_ended = state == 'Z' || state == 'X';
	if (file_read(AT_FDCWD, path, 1 << 16, &status, NULL) == 0)
		(void)status_number(sv_bytes(status.data, status.len), "TracerPid:", &tracer);
	return (pid_t)tracer;
}

/*
 * Until the thread has stopped. wait4() has no deadline and SIGCHLD belongs to the program that we
 * are a part of, so ask again and again: at first without sleeping, because the thread needs a few
 * microseconds, perhaps of this very CPU, and stands still for as long as we sleep afterwards.
 * *ret_running_ns is when it had not stopped yet. One that is not asleep will stop once it gets a CPU,
 * which on a busy machine takes longer than timeout_ns: -EAGAIN, where it does not get any.
 */
static int wait_for_stop(const struct job *job, pid_t tid, int *ret_status, uint64_t *ret_running_ns)
{
	const uint64_t begin = clock_ns();
	unsigned timeouts = 0;

	*ret_running_ns = begin;
	for (;;) {
		uint64_t asked = clock_ns();
		pid_t found = waitpid(tid, ret_status, __WALL | WNOHANG);

		if (found == tid)
			return WIFSTOPPED(*ret_status) ? 0 : -ESRCH;
		if (found < 0)
			return errno == ECHILD ? -ESRCH : -errno;
		*ret_running_ns = asked;
		if (asked - begin > (timeouts + 1) * job->timeout_ns) {
			if (state_of(tid) == 'D')
				return -ETIMEDOUT;
			if (++timeouts == PATIENCE || is_cancelled(job))
				return -EAGAIN;
		}
		if (asked - begin < SPIN_NS)
			sched_yield();
		else
			nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
	}
}

static int read_thread_pointer(pid_t tid, uint64_t *ret_pointer)
{
#if defined(__x86_64__)
	struct user_regs_struct registers;
	struct iovec into = {.iov_base = &registers, .iov_len = sizeof(registers)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &into) < 0)
		return -errno;
	*ret_pointer = registers.fs_base;
	return into.iov_len == sizeof(registers) ? 0 : -EIO;
#elif defined(__aarch64__)
	struct iovec into = {.iov_base = ret_pointer, .iov_len = sizeof(*ret_pointer)};

	return ptrace(PTRACE_GETREGSET, tid, NT_ARM_TLS, &into) < 0 ? -errno : 0;
#else
	(void)tid, (void)ret_pointer;
	return -ENOTSUP;
#endif
}

/* Both numbers in one read: they lie 16 bytes apart. */
static void read_numbers(const struct probe_target *target, uint64_t block,
			 struct probe_reading *reading)
{
	uint64_t span = target->deallocated + 8 - target->allocated;
	char bytes[SPAN_BYTES_MAX];
	int r;

	if (span > sizeof(bytes)) {
		fail(reading, PROBE_STEP_ARITHMETIC, -ERANGE);
		return;
	}
	r = remote_read(reading->tid, block + target->allocated, bytes, span);
	if (r < 0) {
		fail(reading, PROBE_STEP_READ, r);
		return;
	}
	memcpy(&reading->allocated_bytes, bytes, 8);
	memcpy(&reading->deallocated_bytes, bytes + span - 8, 8);
}

static void read_stopped(const struct probe_target *target, struct probe_reading *reading)
{
	uint64_t pointer = 0, block = 0;
	int r = read_thread_pointer(reading->tid, &pointer);

	if (r < 0) {
		fail(reading, PROBE_STEP_GET_REGSET, r);
		return;
	}
	if (pointer == 0)        /* execve() has just been: no thread-local storage yet, and no jemalloc */
		return;
	if (pointer % 8) {
		fail(reading, PROBE_STEP_ARITHMETIC, -ENXIO);
		return;
	}
	r = tls_block_find(reading->tid, remote_read, &target->place, pointer, &block);
	if (r < 0)
		fail(reading, PROBE_STEP_READ, r);
	else if (block)
		read_numbers(target, block, reading);
	/* else a thread that has never used jemalloc: 0 and 0 */
}

static int seize(struct probe_reading *reading)
{
	int code;
	bool has_ended = false;

	if (ptrace(PTRACE_SEIZE, reading->tid, 0, 0) == 0)
		return 0;
	code = -errno;
	if (code == -EPERM)         /* what a zombie, a traced thread and a forbidden one have in common */
		reading->tracer = look_at_refused(reading->tid, &has_ended);
	fail(reading, PROBE_STEP_SEIZE, has_ended ? -ESRCH : code);
	return -1;
}

/* On every way out of here the thread is let go, or *ret_stuck. */
static void read_thread(const struct job *job, struct probe_reading *reading, bool *ret_stuck)
{
	uint64_t running_ns;
	uintptr_t signal = 0;
	int status, r;

	if (seize(reading) < 0)
		return;
	if (ptrace(PTRACE_INTERRUPT, reading->tid, 0, 0) < 0) {
		r = -errno;
		*ret_stuck = waitpid(reading->tid, &status, __WALL | WNOHANG) != reading->tid;
		fail(reading, PROBE_STEP_INTERRUPT, *ret_stuck ? r : -ESRCH);
		return;
	}
	r = wait_for_stop(job, reading->tid, &status, &running_ns);
	if (r < 0) {
		bool has_ended = r == -ESRCH;

		*ret_stuck = !has_ended;
		if (!has_ended)      /* a dead leader of living threads cannot be waited for */
			(void)look_at_refused(reading->tid, &has_ended);
		fail(reading, PROBE_STEP_WAITPID, has_ended ? -ESRCH : r);
		return;
	}
	if (status >> 16 != PTRACE_EVENT_STOP)
		signal = (uintptr_t)WSTOPSIG(status);
	read_stopped(job->target, reading);
	/* ESRCH: SIGKILL has ended it meanwhile */
	(void)ptrace(PTRACE_DETACH, reading->tid, 0, signal);
	reading->stopped_ns = clock_ns() - running_ns;
}

static void read_identity(pid_t pid, struct probe_reading *reading)
{
	AUTO(free) char *path = xasprintf("/proc/%d/task/%d/stat", (int)pid, (int)reading->tid);
	AUTO(buf_done) struct buf stat = {0};
	char state;

	if (file_read(AT_FDCWD, path, 1 << 16, &stat, NULL) < 0 ||
	    stat_parse(sv_bytes(stat.data, stat.len), reading->comm, sizeof(reading->comm), &state,
		       &reading->start_time_jiffies) < 0)
		reading->comm[0] = '\0';
}

/*
 * On a busy machine a tracer that waits for its turn keeps its tracee waiting too: measured, up to half
 * a second at a load of 5 a CPU. Without the privilege it goes on as it is.
 */
static void hurry(void)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), HURRY_NICE);
	(void)prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
}

static void *work(void *arg)
{
	struct job *job = arg;

	hurry();
	job->tracer = gettid();
	while (job->done < job->count && !job->is_stuck && !is_cancelled(job)) {
		struct probe_reading *reading = &job->readings[job->done];

		*reading = (struct probe_reading){.tid = reading->tid};
		if (job->identity)
			read_identity(job->target->pid, reading);
		read_thread(job, reading, &job->is_stuck);
		job->done++;
	}
	return NULL;
}

/* Joining does not wait for the kernel's end of a thread, which is what lets its tracees go. */
static void wait_for_end(pid_t thread)
{
	AUTO(free) char *path = xasprintf("/proc/self/task/%d", (int)thread);
	struct deadline deadline = deadline_in(NS_PER_S);

	while (access(path, F_OK) == 0 && !deadline_passed(deadline))
		sched_yield();
}

/* False: no thread could be had. Signals of the program are for its own threads. */
static bool run_tracer(struct job *job)
{
	sigset_t all, before;
	pthread_t tracer;
	int r;

	job->is_stuck = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&tracer, NULL, work, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		log_warn("probe: pthread_create: %s", strerrordesc_np(r));
		return false;
	}
	pthread_join(tracer, NULL);
	if (job->is_stuck)
		wait_for_end(job->tracer);
	return true;
}

size_t threads_read(const struct probe_target *target, struct probe_reading *readings, size_t count,
		    bool identity, uint64_t timeout_ns, const atomic_bool *cancel)
{
	struct job job = {
		.target = target,
		.readings = readings,
		.count = count,
		.identity = identity,
		.timeout_ns = timeout_ns,
		.cancel = cancel,
	};

	while (job.done < count && !is_cancelled(&job) && run_tracer(&job))
		;
	return job.done;
}
