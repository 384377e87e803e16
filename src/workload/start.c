/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/workers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_TIMEOUT_NS (5 * NS_PER_S)
#define KILL_TIMEOUT_NS (5 * NS_PER_S)

#define BURST_NS (50 * NS_PER_MS)
#define SLEEP_NS (100 * NS_PER_MS)
#define ITERATIONS 1024

#define DESCRIPTORS_BESIDE_PIDFDS 64

int worker_group_check(const struct worker_group *group, struct ktstr_error *err)
{
	const struct ktstr_work *work = &group->work;

	if (strlen(group->cgroup) >= WORKER_CGROUP_NAME_MAX)
		return error_set(err, -EINVAL, "cgroup %s: name is longer than %d bytes",
				 group->cgroup, WORKER_CGROUP_NAME_MAX - 1);
	if (group->count < 1 || group->count > WORKERS_MAX)
		return error_set(err, -EINVAL, "cgroup %s: workers must be 1..%d, not %u",
				 group->cgroup, WORKERS_MAX, group->count);
	if ((unsigned)work->type >= KTSTR_WORK_TYPE_COUNT)
		return error_set(err, -EINVAL,
				 "cgroup %s: work.type %u is none of enum ktstr_work_type",
				 group->cgroup, (unsigned)work->type);
	if (work->type == KTSTR_WORK_PIPE_IO && group->count % 2)
		return error_set(err, -EINVAL,
				 "cgroup %s: workers must be even for PipeIo, not %u", group->cgroup,
				 group->count);
	if (work->burst_ns > WORK_DURATION_MAX_NS || work->sleep_ns > WORK_DURATION_MAX_NS)
		return error_set(err, -EINVAL, "cgroup %s: work.%s must be at most an hour",
				 group->cgroup,
				 work->burst_ns > WORK_DURATION_MAX_NS ? "burst_ns" : "sleep_ns");
	return 0;
}

static struct ktstr_work with_defaults(struct ktstr_work work)
{
	work.burst_ns = work.burst_ns ?: BURST_NS;
	work.sleep_ns = work.sleep_ns ?: SLEEP_NS;
	work.iterations = work.iterations ?: ITERATIONS;
	return work;
}

static uint64_t seed_of(uint64_t seed, size_t group, size_t index)
{
	return seed ^ (group + 1) * 0x9e3779b97f4a7c15ull ^ (index + 1) * 0xc2b2ae3d27d4eb4full;
}

/* A name that does not fit loses its end, not the index. */
static void format_comm(char comm[WORKER_COMM_MAX], const char *cgroup, size_t index)
{
	char number[8];
	size_t room;

	assert(index < WORKERS_MAX);
	room = WORKER_COMM_MAX - 1 -
	       (size_t)snprintf(number, sizeof(number), "-%u", (unsigned)index);
	snprintf(comm, WORKER_COMM_MAX, "%.*s", (int)room, cgroup);
	strcat(comm, number);
}

/* Every worker costs us a descriptor. */
static int make_room_for_descriptors(size_t workers, struct ktstr_error *err)
{
	rlim_t wanted = workers + DESCRIPTORS_BESIDE_PIDFDS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return 0;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_sys(err, "%zu workers: raise the limit of open files to %llu", workers,
				 (unsigned long long)wanted);
	return 0;
}

/* From here on it is ours to end. */
static int adopt(struct workers *workers, pid_t pid)
{
	struct hand *hand = &workers->hands[workers->count];
	int r;

	(void)setpgid(pid, pid);        /* the child does it too; one is first */
	hand->pid = pid;
	hand->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = hand->pid_fd < 0 ? -errno : workers_watch(workers, hand->pid_fd, workers->count);
	if (r < 0) {
		fd_close(hand->pid_fd);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	workers->shared->slots[workers->count].report.tid = pid;
	workers->count++;
	workers->alive++;
	return 0;
}

static int fork_worker(struct workers *workers, const struct worker_config *config)
{
	sigset_t stop, before;
	pid_t pid;

	sigemptyset(&stop);
	sigaddset(&stop, SIGUSR1);
	sigprocmask(SIG_BLOCK, &stop, &before);
	pid = fork();
	if (pid == 0)
		worker_main(config);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -errno : adopt(workers, pid);
}

static void init_slot(struct slot *slot, const struct worker_group *group, size_t index)
{
	snprintf(slot->report.cgroup, sizeof(slot->report.cgroup), "%s", group->cgroup);
	slot->report.index = (uint32_t)index;
	slot->report.wait_status = -1;
	slot->report.max_gap_cpu = -1;
}

/* The pipes between two PipeIo workers: ends[i] are what worker i of the pair reads and writes. */
struct pair {
	int ends[2][2];
};

#define PAIR_NONE ((struct pair){{{-1, -1}, {-1, -1}}})

static void pair_done(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		fd_close(TAKE_FD(pair->ends[i][0]));
		fd_close(TAKE_FD(pair->ends[i][1]));
	}
}
DEFINE_AUTO_DONE(struct pair, pair_done)

static int pair_open(struct pair *pair)
{
	int to_odd[2], to_even[2];

	if (pipe2(to_odd, O_CLOEXEC) < 0)
		return -errno;
	pair->ends[1][0] = to_odd[0];
	pair->ends[0][1] = to_odd[1];
	if (pipe2(to_even, O_CLOEXEC) < 0)
		return -errno;
	pair->ends[0][0] = to_even[0];
	pair->ends[1][1] = to_even[1];
	return 0;
}

static int start_group(struct workers *workers, const struct workers_config *config, size_t group_i)
{
	const struct worker_group *group = &config->groups[group_i];
	AUTO(pair_done) struct pair pair = PAIR_NONE;
	struct slot *slots = &workers->shared->slots[workers->count];
	bool paired = group->work.type == KTSTR_WORK_PIPE_IO;
	int r;

	for (size_t i = 0; i < group->count; i++) {
		struct worker_config worker = {
			.shared = workers->shared,
			.slot = &slots[i],
			.partner = paired ? &slots[i ^ 1] : NULL,
			.first = i % 2 == 0,
			.ready_fd = workers->ready_fd,
			.parent = getpid(),
			.work = with_defaults(group->work),
			.seed = seed_of(config->seed, group_i, i),
		};

		if (paired && i % 2 == 0) {
			pair_done(&pair);
			r = pair_open(&pair);
			if (r < 0)
				return r;
		}
		worker.read_fd = pair.ends[i % 2][0];
		worker.write_fd = pair.ends[i % 2][1];
		format_comm(worker.comm, group->cgroup, i);
		init_slot(&slots[i], group, i);
		if (paired && i % 2)
			atomic_store(&slots[i].since_ns, WORKER_SINCE_WAITING);
		r = fork_worker(workers, &worker);
		if (r < 0)
			return r;
	}
	return 0;
}

static int allocate(struct workers *workers, size_t total, struct ktstr_error *err)
{
	void *shared;

	workers->hands = xcalloc(total, sizeof(*workers->hands));
	workers->reports = xcalloc(total, sizeof(*workers->reports));
	workers->shared_bytes = sizeof(struct shared) + total * sizeof(struct slot);
	shared = mmap(NULL, workers->shared_bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (shared == MAP_FAILED)
		return error_sys(err, "memory for %zu workers", total);
	workers->shared = shared;
	workers->events_fd = epoll_create1(EPOLL_CLOEXEC);
	if (workers->events_fd < 0)
		return error_sys(err, "epoll_create1");
	workers->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (workers->ready_fd < 0)
		return error_sys(err, "eventfd");
	workers->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (workers->proc_fd < 0)
		return error_sys(err, "open /proc");
	return 0;
}

static int count_workers(const struct workers_config *config, size_t *ret_total,
			 struct ktstr_error *err)
{
	size_t total = 0;

	for (size_t i = 0; i < config->group_count; i++) {
		int r = worker_group_check(&config->groups[i], err);

		if (r < 0)
			return r;
		total += config->groups[i].count;
	}
	if (total < 1 || total > WORKERS_MAX)
		return error_set(err, -EINVAL, "workers must be 1..%d in all, not %zu", WORKERS_MAX,
				 total);
	*ret_total = total;
	return 0;
}

int workers_start(const struct workers_config *config, struct workers **ret_workers,
		  struct ktstr_error *err)
{
	AUTO(workers_free) struct workers *workers = NULL;
	size_t total = 0;
	int r = count_workers(config, &total, err);

	if (r < 0)
		return r;
	workers = xcalloc(1, sizeof(*workers));
	workers->events_fd = workers->ready_fd = workers->proc_fd = -1;
	workers->stop_timeout_ns = config->stop_timeout_ns ?: STOP_TIMEOUT_NS;
	workers->kill_timeout_ns = config->kill_timeout_ns ?: KILL_TIMEOUT_NS;
	r = allocate(workers, total, err);
	if (r < 0)
		return r;
	r = make_room_for_descriptors(total, err);
	if (r < 0)
		return r;
	workers->first = xcalloc(config->group_count + 1, sizeof(*workers->first));
	workers->group_count = config->group_count;
	for (size_t i = 0; i < config->group_count; i++) {
		r = start_group(workers, config, i);
		workers->first[i + 1] = workers->count;
		if (r < 0) {
			errno = -r;
			return error_sys(err, "cgroup %s: start worker %zu of %zu",
					 config->groups[i].cgroup, workers->count + 1, total);
		}
	}
	*ret_workers = TAKE_PTR(workers);
	return 0;
}
