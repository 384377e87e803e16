/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>

#include "workload/kinds.h"

#define ITERATIONS_MAX (1ull << 40)
#define BYTES_MAX (1ull << 30)
#define OPERATIONS_MAX (1u << 20)
#define PHASES_MAX 64
#define CHURN_GROUPS_MAX 64
#define PAGE_BYTES 4096
#define DEADLINE_MIN_NS 1024            /* kernel/sched/deadline.c, __checkparam_dl() */
#define DEADLINE_MAX_NS (1ull << 63)

/* --- what is done -------------------------------------------------------------------------------- */

static int check_range(const struct worker_group *group, const char *field, uint64_t value,
		       uint64_t min, uint64_t max, struct ktstr_error *err)
{
	if (value >= min && value <= max)
		return 0;
	return error_set(err, -EINVAL, "cgroup %s: work.%s must be %llu..%llu for %s, not %llu",
			 group->cgroup, field, (unsigned long long)min, (unsigned long long)max,
			 work_type_name(group->work.type), (unsigned long long)value);
}

static int check_time(const struct worker_group *group, const char *field, uint64_t ns,
		      struct ktstr_error *err)
{
	if (ns <= WORK_DURATION_MAX_NS)
		return 0;
	return error_set(err, -EINVAL, "cgroup %s: work.%s must be at most an hour", group->cgroup,
			 field);
}

static uint64_t bytes_min(const struct ktstr_work *work)
{
	switch ((unsigned)work->type) {
	case KTSTR_WORK_PAGE_FAULT_CHURN:
		return PAGE_BYTES;
	case KTSTR_WORK_FAN_OUT_COMPUTE:
		return 3 * sizeof(uint64_t);           /* three matrices of one number */
	default:
		return 1;
	}
}

/* Of a resolved work; a field that its type does not name is 0 or of no effect. */
static int check_numbers(const struct worker_group *group, const struct ktstr_work *work,
			 struct ktstr_error *err)
{
	unsigned fan_min = work->type == KTSTR_WORK_WAKE_CHAIN ||
			   work->type == KTSTR_WORK_MUTEX_CONTENTION ? 2 : 0;
	unsigned fan_max = work->type == KTSTR_WORK_CGROUP_CHURN ? CHURN_GROUPS_MAX : WORKERS_MAX;
	int r = check_time(group, "burst_ns", work->burst_ns, err);

	if (r == 0)
		r = check_time(group, "sleep_ns", work->sleep_ns, err);
	if (r == 0)
		r = check_range(group, "iterations", work->iterations, 0, ITERATIONS_MAX, err);
	if (r == 0)
		r = check_range(group, "hold_iterations", work->hold_iterations, 0, ITERATIONS_MAX,
				err);
	if (r == 0 && work->bytes)
		r = check_range(group, "bytes", work->bytes, bytes_min(work), BYTES_MAX, err);
	if (r == 0 && work->bytes && work->stride)
		r = check_range(group, "stride", work->stride, 1, work->bytes, err);
	if (r == 0)
		r = check_range(group, "operations", work->operations, 0, OPERATIONS_MAX, err);
	if (r == 0)
		r = check_range(group, "fan_out", work->fan_out, fan_min, fan_max, err);
	if (r == 0)
		r = check_range(group, "fan_in", work->fan_in, 0, WORKERS_MAX, err);
	if (r == 0)
		r = check_range(group, "rt_priority", work->rt_priority, 0, 99, err);
	return r;
}

static int check_phases(const struct worker_group *group, struct ktstr_error *err)
{
	const struct ktstr_work *work = &group->work;

	if (!work->phases || work->phase_count < 1 || work->phase_count > PHASES_MAX)
		return error_set(err, -EINVAL,
				 "cgroup %s: work.phases must be 1..%d phases for Sequence, not %zu",
				 group->cgroup, PHASES_MAX, work->phases ? work->phase_count : 0);
	for (size_t i = 0; i < work->phase_count; i++) {
		const struct ktstr_phase *phase = &work->phases[i];

		if ((unsigned)phase->kind > KTSTR_PHASE_IO)
			return error_set(err, -EINVAL,
					 "cgroup %s: work.phases[%zu].kind %u is none of enum "
					 "ktstr_phase_kind", group->cgroup, i, (unsigned)phase->kind);
		if (phase->ns < 1 || phase->ns > WORK_DURATION_MAX_NS)
			return error_set(err, -EINVAL,
					 "cgroup %s: work.phases[%zu].ns must be 1 ns to an hour",
					 group->cgroup, i);
	}
	return 0;
}

static int check_data(const struct worker_group *group, struct ktstr_error *err)
{
	if (group->work.type == KTSTR_WORK_SEQUENCE)
		return check_phases(group, err);
	if (group->work.type == KTSTR_WORK_CUSTOM && !group->work.custom)
		return error_set(err, -EINVAL, "cgroup %s: work.custom must be a function for Custom",
				 group->cgroup);
	if (group->work.type == KTSTR_WORK_CGROUP_CHURN && !group->cgroup_dir)
		return error_set(err, -EINVAL,
				 "cgroup %s: CgroupChurn needs a cgroup to make its siblings in, and "
				 "these workers run outside of the test's", group->cgroup);
	return 0;
}

static int check_count(const struct worker_group *group, const struct ktstr_work *work,
		       struct ktstr_error *err)
{
	unsigned size = team_size_of(work);

	if (group->count < 1 || group->count > WORKERS_MAX)
		return error_set(err, -EINVAL, "cgroup %s: workers must be 1..%d, not %u",
				 group->cgroup, WORKERS_MAX, group->count);
	if (group->count % size)
		return error_set(err, -EINVAL,
				 "cgroup %s: workers must be a multiple of %u for %s, not %u",
				 group->cgroup, size, work_type_name(work->type), group->count);
	if (group->threads && work_kind(work)->no_threads)
		return error_set(err, -EINVAL,
				 "cgroup %s: %s cannot run in threads; leave .threads out",
				 group->cgroup, work_type_name(work->type));
	return 0;
}

/* --- how it is scheduled --------------------------------------------------------------------------- */

static int check_deadline(const struct worker_group *group, struct ktstr_error *err)
{
	const struct ktstr_policy *policy = &group->policy;
	uint64_t period = policy->period_ns ?: policy->deadline_ns;

	if (policy->runtime_ns >= DEADLINE_MIN_NS && policy->runtime_ns <= policy->deadline_ns &&
	    policy->deadline_ns <= period && period < DEADLINE_MAX_NS)
		return 0;
	return error_set(err, -EINVAL,
			 "cgroup %s: policy DEADLINE must have %d ns <= runtime_ns <= deadline_ns <= "
			 "period_ns, not %llu, %llu, %llu", group->cgroup, DEADLINE_MIN_NS,
			 (unsigned long long)policy->runtime_ns,
			 (unsigned long long)policy->deadline_ns, (unsigned long long)period);
}

static int check_policy(const struct worker_group *group, struct ktstr_error *err)
{
	const struct ktstr_policy *policy = &group->policy;

	if (group->nice < -20 || group->nice > 19)
		return error_set(err, -EINVAL, "cgroup %s: nice must be -20..19, not %d",
				 group->cgroup, group->nice);
	switch (policy->kind) {
	case KTSTR_POLICY_FIFO:
	case KTSTR_POLICY_RR:
		if (policy->priority >= 0 && policy->priority <= 99)
			return 0;
		return error_set(err, -EINVAL, "cgroup %s: policy.priority must be 1..99, not %d",
				 group->cgroup, policy->priority);
	case KTSTR_POLICY_DEADLINE:
		return check_deadline(group, err);
	case KTSTR_POLICY_NORMAL:
	case KTSTR_POLICY_BATCH:
	case KTSTR_POLICY_IDLE:
	case KTSTR_POLICY_EXT:
		return 0;
	}
	return error_set(err, -EINVAL, "cgroup %s: policy.kind %u is none of enum ktstr_policy_kind",
			 group->cgroup, (unsigned)policy->kind);
}

static int check_mempolicy(const struct worker_group *group, struct ktstr_error *err)
{
	const struct worker_mempolicy *mempolicy = &group->mempolicy;
	const unsigned modes = KTSTR_MEM_STATIC_NODES | KTSTR_MEM_RELATIVE_NODES;
	const unsigned flags = modes | KTSTR_MEM_NUMA_BALANCING;
	bool takes_nodes = mempolicy->kind != KTSTR_MEM_DEFAULT && mempolicy->kind != KTSTR_MEM_LOCAL;

	if ((unsigned)mempolicy->kind > KTSTR_MEM_WEIGHTED_INTERLEAVE)
		return error_set(err, -EINVAL,
				 "cgroup %s: mempolicy.kind %u is none of enum ktstr_mempolicy_kind",
				 group->cgroup, (unsigned)mempolicy->kind);
	if (takes_nodes != (cpuset_count(&mempolicy->nodes) > 0))
		return error_set(err, -EINVAL, "cgroup %s: mempolicy.nodes must be %s", group->cgroup,
				 takes_nodes ? "some" : "left out with this kind");
	if ((mempolicy->flags & ~flags) || (mempolicy->flags & modes) == modes)
		return error_set(err, -EINVAL,
				 "cgroup %s: mempolicy.flags %#x must be KTSTR_MEM_STATIC_NODES or "
				 "_RELATIVE_NODES, and KTSTR_MEM_NUMA_BALANCING", group->cgroup,
				 mempolicy->flags);
	return 0;
}

int worker_group_check(const struct worker_group *group, struct ktstr_error *err)
{
	struct ktstr_work work;
	int r;

	if (strlen(group->cgroup) >= WORKER_CGROUP_NAME_MAX)
		return error_set(err, -EINVAL, "cgroup %s: name is longer than %d bytes",
				 group->cgroup, WORKER_CGROUP_NAME_MAX - 1);
	if ((unsigned)group->work.type >= KTSTR_WORK_TYPE_COUNT)
		return error_set(err, -EINVAL,
				 "cgroup %s: work.type %u is none of enum ktstr_work_type",
				 group->cgroup, (unsigned)group->work.type);
	work = work_resolve(group->work);
	r = check_numbers(group, &work, err);
	if (r == 0)
		r = check_count(group, &work, err);
	if (r == 0)
		r = check_data(group, err);
	if (r == 0)
		r = check_policy(group, err);
	return r < 0 ? r : check_mempolicy(group, err);
}
