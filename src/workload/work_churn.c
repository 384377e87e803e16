/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NiceSweep, AffinityChurn, PolicyChurn and CgroupChurn: workers that keep changing how they are
 * scheduled themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload/kinds.h"
#include "workload/measure.h"

/* True: it is done, and no stop came. */
static bool cycle(struct ktstr_worker *worker)
{
	spin(worker, jittered(worker, worker->work->iterations));
	if (stopped())
		return false;
	worker->report->iterations++;
	return true;
}

/* --- NiceSweep ---------------------------------------------------------------------------------------- */

/*
 * PRIO_PROCESS and 0 are the calling thread. Without CAP_SYS_NICE the sweep begins at 0, and once it
 * has come to 19 there is no way back (setpriority(2)): it stays.
 */
void work_nice_sweep(struct ktstr_worker *worker)
{
	int lowest = setpriority(PRIO_PROCESS, 0, -20) == 0 ? -20 : 0;

	for (int nice = lowest; cycle(worker); nice = nice == 19 ? lowest : nice + 1) {
		(void)setpriority(PRIO_PROCESS, 0, nice);
		checkpoint(worker);
	}
}

/* --- AffinityChurn ------------------------------------------------------------------------------------- */

static void get_allowed(struct cpuset *cpus)
{
	*cpus = (struct cpuset){0};
	(void)syscall(SYS_sched_getaffinity, 0, sizeof(cpus->word), cpus->word);
}

static int set_allowed(const struct cpuset *cpus)
{
	return (int)syscall(SYS_sched_setaffinity, 0, sizeof(cpus->word), cpus->word);
}

static unsigned random_cpu(struct ktstr_worker *worker, const struct cpuset *cpus)
{
	uint64_t nth = random_below(worker, cpuset_count(cpus) ?: 1);

	for_each_cpu (cpu, cpus) {
		if (nth-- == 0)
			return (unsigned)cpu;
	}
	return 0;
}

/* The cgroup's CPUs have changed: all that it now has. */
static void get_allowed_again(struct cpuset *cpus)
{
	struct cpuset all;

	memset(&all, 0xff, sizeof(all));
	(void)set_allowed(&all);        /* the kernel takes what the cgroup has of them */
	get_allowed(cpus);
}

/* "Allowed" is what it had when it began, as long as that holds. */
void work_affinity_churn(struct ktstr_worker *worker)
{
	struct cpuset allowed;

	get_allowed(&allowed);
	while (cycle(worker)) {
		struct cpuset one = {0};

		cpuset_add(&one, random_cpu(worker, &allowed));
		if (set_allowed(&one) < 0)
			get_allowed_again(&allowed);
		(void)sched_yield();        /* always succeeds on Linux */
		checkpoint(worker);
	}
}

/* --- PolicyChurn --------------------------------------------------------------------------------------- */

/* FIFO and RR have priority 1, and are skipped where they are not allowed. */
void work_policy_churn(struct ktstr_worker *worker)
{
	static const int policies[] = {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_FIFO, SCHED_RR};
	const unsigned count = sizeof(policies) / sizeof(*policies);

	for (unsigned i = 0; cycle(worker); i = (i + 1) % count) {
		bool realtime = policies[i] == SCHED_FIFO || policies[i] == SCHED_RR;
		struct sched_param param = {.sched_priority = realtime};

		/* the raw call is for the thread; glibc's is, too, but does not say so */
		(void)syscall(SYS_sched_setscheduler, 0, policies[i], &param);
		checkpoint(worker);
	}
}

/* --- CgroupChurn --------------------------------------------------------------------------------------- */

static void churn_path(char path[CHURN_PATH_MAX], const char *dir, unsigned i, const char *file)
{
	snprintf(path, CHURN_PATH_MAX, "%s/wt-cgroup-churn-%u%s", dir, i, file);
}

int churn_cgroup_make(const char *dir, unsigned i)
{
	char path[CHURN_PATH_MAX];

	churn_path(path, dir, i, "");
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Another set of workers may still be in it; the last one succeeds. */
void churn_cgroup_remove(const char *dir, unsigned i)
{
	char path[CHURN_PATH_MAX];

	churn_path(path, dir, i, "");
	(void)rmdir(path);
}

/* Itself, with all of its threads: cgroup.procs takes whole processes. */
static bool enter(const char *dir, unsigned i)
{
	char path[CHURN_PATH_MAX];

	churn_path(path, dir, i, "/cgroup.procs");
	for (unsigned attempt = 0; attempt < 3; attempt++) {
		if (file_poke(AT_FDCWD, path, "0", NULL) == 0)
			return true;
		/* another set of workers has ended and taken it away */
		if (churn_cgroup_make(dir, i) < 0)
			return false;
	}
	return false;
}

void work_cgroup_churn(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;
	uint64_t next_ns = worker->checked_ns;
	unsigned i = worker->config->index % work->fan_out;

	while (!stopped()) {
		if (!enter(worker->config->cgroup_dir, i))
			return;
		worker->report->iterations++;
		checkpoint(worker);
		i = (i + 1) % work->fan_out;
		next_ns += jittered(worker, work->sleep_ns);
		spin_until(worker, next_ns);
	}
}
