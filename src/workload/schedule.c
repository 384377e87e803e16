/* SPDX-License-Identifier: BSD-2-Clause */
/* How workers are scheduled: nice value, policy and CPUs, set by their parent, thread by thread. */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload/kinds.h"
#include "workload/workers.h"

/*
 * uapi/linux/sched.h and sched/types.h cannot be included beside the C library's sched.h. The first
 * size of the struct is enough: SCHED_ATTR_SIZE_VER0.
 */
#define POLICY_DEADLINE 6
#define POLICY_EXT 7
#define FLAG_RESET_ON_FORK 0x01

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};
static_assert(sizeof(struct attributes) == 48, "struct sched_attr, SCHED_ATTR_SIZE_VER0");

static const struct {
	const char *name;
	unsigned number;
} policies[] = {
	[KTSTR_POLICY_NORMAL] = {"NORMAL", SCHED_OTHER},
	[KTSTR_POLICY_BATCH] = {"BATCH", SCHED_BATCH},
	[KTSTR_POLICY_IDLE] = {"IDLE", SCHED_IDLE},
	[KTSTR_POLICY_FIFO] = {"FIFO", SCHED_FIFO},
	[KTSTR_POLICY_RR] = {"RR", SCHED_RR},
	[KTSTR_POLICY_DEADLINE] = {"DEADLINE", POLICY_DEADLINE},
	[KTSTR_POLICY_EXT] = {"EXT", POLICY_EXT},
};

static const char *hint(enum ktstr_policy_kind kind, int code)
{
	if (code == EPERM || code == EACCES)
		return kind == KTSTR_POLICY_DEADLINE
			       ? "; it needs CAP_SYS_NICE and no smaller set of CPUs than the machine's"
			       : "; it needs CAP_SYS_NICE";
	if (code == EBUSY && kind == KTSTR_POLICY_DEADLINE)
		return "; the machine has not that much CPU time to promise";
	if (code == EINVAL && kind == KTSTR_POLICY_EXT)
		return "; this kernel has no sched_ext";
	return "";
}

/* A worker that is gone needs no policy. */
static int failed(const struct workers *workers, size_t i, const char *what, const char *more,
		  struct ktstr_error *err)
{
	AUTO(buf_done) struct buf who = {0};
	int code = errno;

	if (code == ESRCH)
		return 0;
	workers_describe(workers, i, &who);
	return error_set(err, -code, "%s: %s: %s%s", buf_text(&who), what, strerror(code), more);
}

static struct ktstr_policy policy_of(const struct workers *workers, size_t i)
{
	const struct group *group = &workers->groups[workers->hands[i].group];
	unsigned member = (unsigned)(i - group->first) % team_size_of(&group->work);
	unsigned role = team_role_of(&group->work, member);

	if (work_kind(&group->work)->roles[role].realtime)
		return (struct ktstr_policy){.kind = KTSTR_POLICY_FIFO,
					     .priority = (int)group->work.rt_priority};
	return group->policy;
}

static int set_policy(const struct workers *workers, size_t i, struct ktstr_error *err)
{
	const struct group *group = &workers->groups[workers->hands[i].group];
	struct ktstr_policy policy = policy_of(workers, i);
	bool realtime = policy.kind == KTSTR_POLICY_FIFO || policy.kind == KTSTR_POLICY_RR;
	bool deadline = policy.kind == KTSTR_POLICY_DEADLINE;
	struct attributes attr = {
		.size = sizeof(attr),
		.policy = policies[policy.kind].number,
		.flags = deadline ? FLAG_RESET_ON_FORK : 0,        /* it may not fork otherwise */
		.nice = group->nice,
		.priority = realtime ? (unsigned)policy.priority ?: 1 : 0,
		.runtime_ns = deadline ? policy.runtime_ns : 0,
		.deadline_ns = deadline ? policy.deadline_ns : 0,
		.period_ns = deadline ? policy.period_ns ?: policy.deadline_ns : 0,
	};
	char what[64];

	if (policy.kind == KTSTR_POLICY_NORMAL)
		return 0;
	if (syscall(SYS_sched_setattr, workers_tid(workers, i), &attr, 0) == 0)
		return 0;
	snprintf(what, sizeof(what), realtime ? "policy %s, priority %u" : "policy %s",
		 policies[policy.kind].name, attr.priority);
	return failed(workers, i, what, hint(policy.kind, errno), err);
}

static int set_nice(const struct workers *workers, size_t i, struct ktstr_error *err)
{
	const struct group *group = &workers->groups[workers->hands[i].group];
	char what[32];

	if (group->nice == 0 ||
	    setpriority(PRIO_PROCESS, (id_t)workers_tid(workers, i), group->nice) == 0)
		return 0;
	snprintf(what, sizeof(what), "nice %d", group->nice);
	return failed(workers, i, what, hint(KTSTR_POLICY_NORMAL, errno), err);
}

static int check_set_up(const struct workers *workers, size_t i, struct ktstr_error *err)
{
	const struct slot *slot = workers->hands[i].slot;

	if (!atomic_load(&slot->ready) || slot->setup_errno == 0)
		return 0;
	errno = slot->setup_errno;
	return failed(workers, i, slot->setup_step, "", err);
}

int workers_schedule(struct workers *workers, struct ktstr_error *err)
{
	for (size_t i = 0; i < workers->count; i++) {
		int r = check_set_up(workers, i, err);

		if (r == 0 && workers_tid(workers, i) == 0)
			continue;        /* not there yet, and 0 would be ourselves */
		if (r == 0)
			r = set_nice(workers, i, err);
		if (r == 0)
			r = set_policy(workers, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int workers_set_affinity(struct workers *workers, size_t i, const struct cpuset *cpus,
			 struct ktstr_error *err)
{
	AUTO(buf_done) struct buf what = {0};
	pid_t tid = workers_tid(workers, i);
	int code;

	if (tid == 0 ||
	    syscall(SYS_sched_setaffinity, tid, sizeof(cpus->word), cpus->word) == 0)
		return 0;
	code = errno;
	buf_str(&what, "CPUs ");
	cpuset_format(cpus, &what);
	errno = code;
	return failed(workers, i, buf_text(&what),
		      errno == EINVAL ? "; its cgroup has none of them" : "", err);
}
