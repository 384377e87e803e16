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

#include "workload/kinds.h"
#include "workload/links.h"

#define STOP_TIMEOUT_NS (5 * NS_PER_S)
#define KILL_TIMEOUT_NS (5 * NS_PER_S)

/* A pidfd in us; two ends of a pipe in a process of threads. */
#define DESCRIPTORS_PER_WORKER 2
#define DESCRIPTORS_BESIDE 64

/* The same for a worker however the sets and groups around it are cut. */
static uint64_t seed_of(uint64_t seed, const char *cgroup, unsigned index)
{
	uint64_t state = seed;

	for (; *cgroup; cgroup++) {
		state ^= (unsigned char)*cgroup;
		state = splitmix64(&state);
	}
	state ^= index;
	return splitmix64(&state);
}

/* A name that does not fit loses its end, not the index. */
static void format_comm(char comm[WORKER_COMM_MAX], const char *cgroup, unsigned index)
{
	char number[12];
	size_t room = WORKER_COMM_MAX - 1 -
		      (size_t)snprintf(number, sizeof(number), "-%u", index);

	snprintf(comm, WORKER_COMM_MAX, "%.*s", (int)room, cgroup);
	strcat(comm, number);
}

static int make_room_for_descriptors(size_t workers, struct ktstr_error *err)
{
	rlim_t wanted = workers * DESCRIPTORS_PER_WORKER + DESCRIPTORS_BESIDE;
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

/* --- processes ------------------------------------------------------------------------------------- */

/* From here on it is ours to end. */
static int adopt(struct workers *workers, pid_t pid, size_t count)
{
	struct process *process = &workers->processes[workers->process_count];
	int r;

	(void)setpgid(pid, pid);        /* the child does it too; one is first */
	*process = (struct process){.pid = pid, .first = workers->count, .count = count,
				    .wait_status = -1};
	process->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = process->pid_fd < 0 ? -errno
				: workers_watch(workers, process->pid_fd, workers->process_count);
	if (r < 0) {
		fd_close(process->pid_fd);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	for (size_t i = 0; i < count; i++)
		workers->hands[workers->count + i].process = workers->process_count;
	workers->process_count++;
	workers->count += count;
	workers->alive += count;
	return 0;
}

static int fork_process(struct workers *workers, const struct process_config *config)
{
	sigset_t stop, before;
	pid_t pid;

	sigemptyset(&stop);
	sigaddset(&stop, SIGUSR1);
	sigprocmask(SIG_BLOCK, &stop, &before);
	pid = fork();
	if (pid == 0)
		worker_process(config);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -errno : adopt(workers, pid, config->count);
}

static int fork_threads(struct workers *workers, struct process_config process,
			struct worker_config *configs, size_t count)
{
	process.threads = true;
	process.workers = configs;
	process.count = count;
	return fork_process(workers, &process);
}

static int fork_each(struct workers *workers, struct process_config process,
		     struct worker_config *configs, size_t count)
{
	AUTO(links_done) struct links links = LINKS_NONE;
	int r = links_open_file(&links, configs[0].work);

	for (size_t i = 0; i < count && r == 0; i++) {
		process.workers = &configs[i];
		process.count = 1;
		if (configs[i].member == 0)
			r = links_open_team(&links, configs[i].work);
		if (r < 0)
			break;
		links_give(&links, &configs[i]);
		r = fork_process(workers, &process);
		if (r == 0)
			atomic_store(&configs[i].slot->tid, workers->processes[workers->process_count - 1].pid);
	}
	return r;
}

/* --- what they share --------------------------------------------------------------------------------- */

/* In this order, each part beginning at a multiple of 64 bytes. */
struct layout {
	size_t slots, teams, cells, wakes, end;
};

static struct layout layout_of(const struct workers_config *config, size_t total)
{
	struct layout layout = {.slots = (sizeof(struct shared) + 63) / 64 * 64};
	size_t teams = 0, cells = 0;

	for (size_t i = 0; i < config->group_count; i++) {
		struct ktstr_work work = work_resolve(config->groups[i].work);
		size_t n = config->groups[i].count / team_size_of(&work);

		teams += n;
		cells += work_kind(&work)->queue ? n * QUEUE_CELLS : 0;
	}
	layout.teams = layout.slots + total * sizeof(struct slot);
	layout.cells = layout.teams + teams * sizeof(struct team);
	layout.wakes = layout.cells + cells * sizeof(struct cell);
	layout.end = layout.wakes + total * WORKER_WAKES_MAX * sizeof(uint64_t);
	return layout;
}

/* Where the next group's part of it is. */
struct places {
	struct slot *slots;
	struct team *teams;
	struct cell *cells;
	uint64_t *wakes;
};

static void init_slot(struct slot *slot, const struct worker_group *group,
		      const struct worker_config *worker, uint64_t *wakes)
{
	struct worker_report *report = &slot->report;
	unsigned role = team_role_of(worker->work, worker->member);

	snprintf(report->cgroup, sizeof(report->cgroup), "%s", group->cgroup);
	report->index = worker->index;
	report->wait_status = -1;
	report->max_gap_cpu = -1;
	report->role = group->role + role;
	report->is_messenger = work_kind(worker->work)->roles[role].messenger;
	reservoir_init(&slot->wakes, wakes, WORKER_WAKES_MAX, worker->seed);
	if (team_begins_waiting(worker->work, worker->member))
		atomic_store(&slot->since_ns, WORKER_SINCE_WAITING);
}

static void init_team(struct team *team, const struct ktstr_work *work, struct places *places)
{
	if (!work_kind(work)->queue)
		return;
	team->cells = places->cells;
	places->cells += QUEUE_CELLS;
	queue_init(team);
}

static void lay_out(struct worker_config *configs, const struct worker_group *group,
		    const struct ktstr_work *work, uint64_t seed, struct places *places)
{
	unsigned team_size = team_size_of(work);

	for (unsigned i = 0; i < group->count; i++) {
		unsigned index = group->first_index + i;

		configs[i] = (struct worker_config){
			.cgroup = group->cgroup,
			.cgroup_dir = group->cgroup_dir,
			.work = work,
			.slot = &places->slots[i],
			.team = &places->teams[i / team_size],
			.mates = &places->slots[i - i % team_size],
			.member = i % team_size,
			.team_size = team_size,
			.index = index,
			.read_fd = -1,
			.write_fd = -1,
			.seed = seed_of(seed, group->cgroup, index),
		};
		format_comm(configs[i].comm, group->cgroup, index);
		init_slot(configs[i].slot, group, &configs[i], places->wakes);
		if (configs[i].member == 0)
			init_team(configs[i].team, work, places);
		places->wakes += WORKER_WAKES_MAX;
	}
	places->slots += group->count;
	places->teams += group->count / team_size;
}

/* --- a set ---------------------------------------------------------------------------------------------- */

static void init_group(struct group *to, const struct worker_group *from, size_t first)
{
	*to = (struct group){
		.first = first,
		.count = from->count,
		.work = work_resolve(from->work),
		.policy = from->policy,
		.nice = from->nice,
		.reads_pages = from->mempolicy.kind != KTSTR_MEM_DEFAULT,
	};
	snprintf(to->cgroup, sizeof(to->cgroup), "%s", from->cgroup);
	if (to->work.type == KTSTR_WORK_CGROUP_CHURN)
		to->churn_dir = xstrdup(from->cgroup_dir);
}

static int start_group(struct workers *workers, const struct workers_config *config, size_t group_i,
		       struct places *places)
{
	const struct worker_group *from = &config->groups[group_i];
	struct group *group = &workers->groups[group_i];
	AUTO(free) struct worker_config *configs = xcalloc(from->count, sizeof(*configs));
	struct process_config process = {
		.shared = workers->shared,
		.ready_fd = workers->ready_fd,
		.parent = getpid(),
		.mempolicy = from->mempolicy,
	};

	init_group(group, from, workers->count);
	workers->group_count = group_i + 1;
	for (size_t i = 0; i < from->count; i++) {
		workers->hands[group->first + i].slot = &places->slots[i];
		workers->hands[group->first + i].group = group_i;
	}
	lay_out(configs, from, &group->work, config->seed, places);
	return from->threads ? fork_threads(workers, process, configs, from->count)
			     : fork_each(workers, process, configs, from->count);
}

static int allocate(struct workers *workers, const struct layout *layout, size_t total,
		    struct ktstr_error *err)
{
	void *shared;

	workers->processes = xcalloc(total, sizeof(*workers->processes));
	workers->hands = xcalloc(total, sizeof(*workers->hands));
	workers->reports = xcalloc(total, sizeof(*workers->reports));
	/* the sample of wake-ups takes memory only where there are some */
	workers->shared_bytes = layout->end;
	shared = mmap(NULL, layout->end, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
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

static int start_groups(struct workers *workers, const struct workers_config *config,
			const struct layout *layout, struct ktstr_error *err)
{
	char *shared = (char *)workers->shared;
	struct places places = {
		.slots = (struct slot *)(shared + layout->slots),
		.teams = (struct team *)(shared + layout->teams),
		.cells = (struct cell *)(shared + layout->cells),
		.wakes = (uint64_t *)(shared + layout->wakes),
	};

	workers->groups = xcalloc(config->group_count, sizeof(*workers->groups));
	for (size_t i = 0; i < config->group_count; i++) {
		int r = start_group(workers, config, i, &places);

		if (r < 0) {
			errno = -r;
			return error_sys(err, "cgroup %s: start worker %zu",
					 config->groups[i].cgroup, workers->count);
		}
	}
	return 0;
}

int workers_start(const struct workers_config *config, struct workers **ret_workers,
		  struct ktstr_error *err)
{
	AUTO(workers_free) struct workers *workers = NULL;
	struct layout layout;
	size_t total = 0;
	int r = count_workers(config, &total, err);

	if (r < 0)
		return r;
	layout = layout_of(config, total);
	workers = xcalloc(1, sizeof(*workers));
	workers->events_fd = workers->ready_fd = workers->proc_fd = -1;
	workers->stop_timeout_ns = config->stop_timeout_ns ?: STOP_TIMEOUT_NS;
	workers->kill_timeout_ns = config->kill_timeout_ns ?: KILL_TIMEOUT_NS;
	r = allocate(workers, &layout, total, err);
	if (r == 0)
		r = make_room_for_descriptors(total, err);
	if (r == 0)
		r = start_groups(workers, config, &layout, err);
	if (r < 0)
		return r;
	*ret_workers = TAKE_PTR(workers);
	return 0;
}
