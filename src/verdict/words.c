/* SPDX-License-Identifier: BSD-2-Clause */
/* words.c - the tables of states, kinds and operations; everything else follows from them. */
#include "verdict/verdict.h"

/* clang-format off */
static const struct state_row states[] = {
	/*                       word          rank  TAP             ok     JUnit      exit */
	[KTSTR_PASS]         = {"pass",         2,   NULL,           true,  NULL,      0},
	[KTSTR_SKIP]         = {"skip",         1,   "SKIP",         true,  "skipped", 0},
	[KTSTR_INCONCLUSIVE] = {"inconclusive", 3,   "INCONCLUSIVE", false, "failure", 2},
	[KTSTR_FAIL]         = {"fail",         4,   NULL,           false, "failure", 1},
	[KTSTR_ERROR]        = {"error",        5,   "ERROR",        false, "error",   3},
};
/* clang-format on */
#define STATE_COUNT (sizeof(states) / sizeof(states[0]))

static const char *const kinds[KTSTR_KIND_COUNT] = {
	[KTSTR_KIND_NONE] = "none",
	[KTSTR_KIND_STARVED] = "starved",
	[KTSTR_KIND_STUCK] = "stuck",
	[KTSTR_KIND_UNFAIR] = "unfair",
	[KTSTR_KIND_IDLE_WHILE_WAITING] = "idle_while_waiting",
	[KTSTR_KIND_ISOLATION] = "isolation",
	[KTSTR_KIND_BENCHMARK] = "benchmark",
	[KTSTR_KIND_MIGRATION] = "migration",
	[KTSTR_KIND_PAGE_LOCALITY] = "page_locality",
	[KTSTR_KIND_CROSS_NODE_MIGRATION] = "cross_node_migration",
	[KTSTR_KIND_SLOW_TIER] = "slow_tier",
	[KTSTR_KIND_MONITOR] = "monitor",
	[KTSTR_KIND_SCHEDULER_DIED] = "scheduler_died",
	[KTSTR_KIND_WORKER_DIED] = "worker_died",
	[KTSTR_KIND_SKIP] = "skip",
	[KTSTR_KIND_NOTE] = "note",
	[KTSTR_KIND_OTHER] = "other",
};

static const char *const op_kinds[KTSTR_OP_KIND_COUNT] = {
	[KTSTR_OP_ADD_CGROUP] = "add_cgroup",
	[KTSTR_OP_REMOVE_CGROUP] = "remove_cgroup",
	[KTSTR_OP_SET_CPUSET] = "set_cpuset",
	[KTSTR_OP_CLEAR_CPUSET] = "clear_cpuset",
	[KTSTR_OP_SWAP_CPUSETS] = "swap_cpusets",
	[KTSTR_OP_SPAWN] = "spawn",
	[KTSTR_OP_STOP_CGROUP] = "stop_cgroup",
	[KTSTR_OP_SET_AFFINITY] = "set_affinity",
	[KTSTR_OP_SPAWN_HOST] = "spawn_host",
	[KTSTR_OP_MOVE_ALL_TASKS] = "move_all_tasks",
	[KTSTR_OP_FREEZE] = "freeze",
	[KTSTR_OP_UNFREEZE] = "unfreeze",
	[KTSTR_OP_SET_LIMITS] = "set_limits",
	[KTSTR_OP_CALL] = "call",
	[KTSTR_OP_RUN_PAYLOAD] = "run_payload",
	[KTSTR_OP_WAIT_PAYLOAD] = "wait_payload",
	[KTSTR_OP_KILL_PAYLOAD] = "kill_payload",
};

static_assert(KTSTR_OP_KIND_COUNT <= 32, "a kind needs a bit in op_kinds");

const char *op_kind_name(unsigned kind)
{
	return kind < KTSTR_OP_KIND_COUNT ? op_kinds[kind] : NULL;
}

const struct state_row *state_row(enum ktstr_state state)
{
	assert((unsigned)state < STATE_COUNT);
	return &states[state];
}

enum ktstr_state state_worse(enum ktstr_state a, enum ktstr_state b)
{
	return state_row(a)->rank >= state_row(b)->rank ? a : b;
}

bool state_parse(struct sv word, enum ktstr_state *ret_state)
{
	for (size_t i = 0; i < STATE_COUNT; i++) {
		if (sv_eq(word, states[i].word)) {
			*ret_state = (enum ktstr_state)i;
			return true;
		}
	}
	return false;
}

const char *kind_name(enum ktstr_kind kind)
{
	assert((unsigned)kind < KTSTR_KIND_COUNT);
	return kinds[kind];
}

bool kind_parse(struct sv word, enum ktstr_kind *ret_kind)
{
	for (size_t i = KTSTR_KIND_NONE + 1; i < KTSTR_KIND_COUNT; i++) {
		if (sv_eq(word, kinds[i])) {
			*ret_kind = (enum ktstr_kind)i;
			return true;
		}
	}
	return false;
}
