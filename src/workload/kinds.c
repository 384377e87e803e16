/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/kinds.h"

#include <assert.h>

#define ALONE {{.fixed = 1}}

const struct work_kind work_kinds[KTSTR_WORK_TYPE_COUNT] = {
	[KTSTR_WORK_SPIN_WAIT] = {
		.name = "SpinWait", .work = work_spin_wait,
		.defaults = {.iterations = 1024}, .roles = ALONE,
	},
	[KTSTR_WORK_YIELD_HEAVY] = {
		.name = "YieldHeavy", .work = work_yield_heavy, .roles = ALONE,
	},
	[KTSTR_WORK_MIXED] = {
		.name = "Mixed", .work = work_mixed,
		.defaults = {.iterations = 1024}, .roles = ALONE,
	},
	[KTSTR_WORK_IO_SYNC_WRITE] = {
		.name = "IoSyncWrite", .work = work_io_sync_write, .roles = ALONE,
		.file = true, .memory_bytes = memory_of_io,
	},
	[KTSTR_WORK_IO_RAND_READ] = {
		.name = "IoRandRead", .work = work_io_rand_read, .roles = ALONE,
		.file = true, .memory_bytes = memory_of_io,
	},
	[KTSTR_WORK_BURSTY] = {
		.name = "Bursty", .work = work_bursty,
		.defaults = {.burst_ns = 50 * NS_PER_MS, .sleep_ns = 100 * NS_PER_MS},
		.roles = ALONE,
	},
	[KTSTR_WORK_PIPE_IO] = {
		.name = "PipeIo", .work = work_ring,
		.defaults = {.iterations = 1024}, .roles = {{.fixed = 2}}, .ring = true, .pipes = true,
	},
	[KTSTR_WORK_FUTEX_PING_PONG] = {
		.name = "FutexPingPong", .work = work_ring,
		.defaults = {.iterations = 1024}, .roles = {{.fixed = 2}}, .ring = true,
	},
	[KTSTR_WORK_CACHE_PRESSURE] = {
		.name = "CachePressure", .work = work_cache_pressure,
		.defaults = {.bytes = 32 << 10, .stride = 64}, .roles = ALONE,
		.memory_bytes = memory_of_cache,
	},
	[KTSTR_WORK_CACHE_YIELD] = {
		.name = "CacheYield", .work = work_cache_yield,
		.defaults = {.bytes = 32 << 10, .stride = 64}, .roles = ALONE,
		.memory_bytes = memory_of_cache,
	},
	[KTSTR_WORK_CACHE_PIPE] = {
		.name = "CachePipe", .work = work_ring,
		.defaults = {.bytes = 32 << 10, .stride = 64, .iterations = 1024},
		.roles = {{.fixed = 2}}, .ring = true, .pipes = true,
		.memory_bytes = memory_of_cache,
	},
	[KTSTR_WORK_FUTEX_FAN_OUT] = {
		.name = "FutexFanOut", .work = work_futex_fan_out,
		.defaults = {.fan_out = 4, .iterations = 1024},
		.roles = {{.fixed = 1, .messenger = true}, {.fan_out = true, .waits = true}},
	},
	[KTSTR_WORK_FAN_OUT_COMPUTE] = {
		.name = "FanOutCompute", .work = work_fan_out_compute,
		.defaults = {.fan_out = 4, .bytes = 256 << 10, .operations = 5,
			     .sleep_ns = 100 * NS_PER_US},
		.roles = {{.fixed = 1, .messenger = true}, {.fan_out = true, .waits = true}},
		.memory_bytes = memory_of_compute,
	},
	[KTSTR_WORK_SEQUENCE] = {
		.name = "Sequence", .work = work_sequence, .roles = ALONE,
		.unnamed = true, .file = true, .memory_bytes = memory_of_io,
	},
	[KTSTR_WORK_FORK_EXIT] = {
		.name = "ForkExit", .work = work_fork_exit, .roles = ALONE, .no_threads = true,
	},
	[KTSTR_WORK_NICE_SWEEP] = {
		.name = "NiceSweep", .work = work_nice_sweep,
		.defaults = {.iterations = 512}, .roles = ALONE,
	},
	[KTSTR_WORK_AFFINITY_CHURN] = {
		.name = "AffinityChurn", .work = work_affinity_churn,
		.defaults = {.iterations = 1024}, .roles = ALONE,
	},
	[KTSTR_WORK_POLICY_CHURN] = {
		.name = "PolicyChurn", .work = work_policy_churn,
		.defaults = {.iterations = 1024}, .roles = ALONE, .changes_policy = true,
	},
	[KTSTR_WORK_PAGE_FAULT_CHURN] = {
		.name = "PageFaultChurn", .work = work_page_fault_churn,
		.defaults = {.bytes = 4 << 20, .operations = 256, .iterations = 64},
		.roles = ALONE, .memory_bytes = memory_of_faults,
	},
	[KTSTR_WORK_MUTEX_CONTENTION] = {
		.name = "MutexContention", .work = work_mutex_contention,
		.defaults = {.fan_out = 4, .iterations = 1024, .hold_iterations = 256},
		.roles = {{.fan_out = true}}, .team_min = 2,
	},
	[KTSTR_WORK_CUSTOM] = {
		.name = "Custom", .work = work_custom, .roles = ALONE, .unnamed = true,
	},
	[KTSTR_WORK_THUNDERING_HERD] = {
		.name = "ThunderingHerd", .work = work_thundering_herd,
		.defaults = {.fan_out = 7, .sleep_ns = 5 * NS_PER_MS},
		.roles = {{.fixed = 1, .messenger = true}, {.fan_out = true, .waits = true}},
	},
	[KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE] = {
		.name = "ProducerConsumerImbalance", .work = work_queue,
		.defaults = {.fan_out = 2, .fan_in = 1, .operations = 4096},
		.roles = {{.fan_out = true}, {.fan_in = true, .waits = true}}, .queue = true,
	},
	[KTSTR_WORK_RT_STARVATION] = {
		.name = "RtStarvation", .work = work_spin_wait,
		.defaults = {.fan_out = 1, .fan_in = 1, .rt_priority = 50, .iterations = 1024},
		.roles = {{.fan_out = true, .realtime = true}, {.fan_in = true}},
	},
	[KTSTR_WORK_WAKE_CHAIN] = {
		.name = "WakeChain", .work = work_ring,
		.defaults = {.fan_out = 4, .sleep_ns = 100 * NS_PER_US},
		.roles = {{.fan_out = true}}, .team_min = 2, .ring = true, .pipes = true,
	},
	[KTSTR_WORK_CGROUP_CHURN] = {
		.name = "CgroupChurn", .work = work_cgroup_churn,
		.defaults = {.fan_out = 2, .sleep_ns = 100 * NS_PER_MS}, .roles = ALONE,
	},
	[KTSTR_WORK_PREEMPT_STORM] = {
		.name = "PreemptStorm", .work = work_preempt_storm,
		.defaults = {.fan_out = 2, .iterations = 1024, .sleep_ns = NS_PER_MS,
			     .rt_priority = 50},
		.roles = {{.fixed = 1, .realtime = true}, {.fan_out = true}},
	},
	[KTSTR_WORK_IDLE_CHURN] = {
		.name = "IdleChurn", .work = work_idle_churn,
		.defaults = {.burst_ns = NS_PER_MS, .sleep_ns = 5 * NS_PER_MS}, .roles = ALONE,
	},
};

struct ktstr_work work_resolve(struct ktstr_work work)
{
	const struct ktstr_work *defaults = &work_kind(&work)->defaults;

	work.iterations = work.iterations ?: defaults->iterations;
	work.hold_iterations = work.hold_iterations ?: defaults->hold_iterations;
	work.burst_ns = work.burst_ns ?: defaults->burst_ns;
	work.sleep_ns = work.sleep_ns ?: defaults->sleep_ns;
	work.bytes = work.bytes ?: defaults->bytes;
	work.stride = work.stride ?: defaults->stride;
	work.operations = work.operations ?: defaults->operations;
	work.fan_out = work.fan_out ?: defaults->fan_out;
	work.fan_in = work.fan_in ?: defaults->fan_in;
	work.rt_priority = work.rt_priority ?: defaults->rt_priority;
	return work;
}

static unsigned role_size(const struct ktstr_work *work, const struct role_kind *role)
{
	return role->fixed + (role->fan_out ? work->fan_out : 0) + (role->fan_in ? work->fan_in : 0);
}

unsigned team_size_of(const struct ktstr_work *work)
{
	const struct work_kind *kind = work_kind(work);

	return role_size(work, &kind->roles[0]) + role_size(work, &kind->roles[1]);
}

unsigned team_role_of(const struct ktstr_work *work, unsigned member)
{
	return member >= role_size(work, &work_kind(work)->roles[0]);
}

bool team_begins_waiting(const struct ktstr_work *work, unsigned member)
{
	const struct work_kind *kind = work_kind(work);

	return kind->ring ? member > 0 : kind->roles[team_role_of(work, member)].waits;
}

bool work_uses_pipes(const struct ktstr_work *work)
{
	return work_kind(work)->pipes && !work->futex;
}

unsigned work_group_size(const struct ktstr_work *work)
{
	struct ktstr_work resolved;

	if ((unsigned)work->type >= KTSTR_WORK_TYPE_COUNT)
		return 1;
	resolved = work_resolve(*work);
	if (resolved.fan_out > WORKERS_MAX || resolved.fan_in > WORKERS_MAX)
		return WORKERS_MAX + 1;
	return team_size_of(&resolved);
}

bool work_type_by_name(enum ktstr_work_type type)
{
	assert((unsigned)type < KTSTR_WORK_TYPE_COUNT);
	return !work_kinds[type].unnamed;
}
