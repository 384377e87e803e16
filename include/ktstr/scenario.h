/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - cgroups with workers in them, changed while they run, and judged.
 *
 * Three ways, one engine:
 *
 *	ktstr_run_cgroups()     cgroups side by side for the test's duration
 *	ktstr_run_scenario()    a backdrop and steps, as data
 *	ktstr_play_...()        one operation after the other, from a test body's own code
 *
 * Every worker is created, moved into its cgroup and only then released. When its time is up it is
 * stopped, reports what happened to it, and is reaped; then the cgroups are removed, on every path.
 * The scheduler's process is watched all the time: its death ends a scenario, as a finding.
 *
 * What the kernel was asked for is read back: a cpuset that it cut down, or a worker that may run
 * elsewhere than it should, is an error that says what the kernel has.
 *
 * A worker is judged with those of the cgroup that it is in at its end. Shares of CPU time are
 * compared among workers that were started together and have the same mask, pages and CPUs with what
 * the cgroup had at any time while it was there. CPUs that stand idle count against the scheduler
 * only where a worker that waited was free to run on them: not while its mask, its cpuset or a quota
 * kept it away, and not before it was there. Time in which workers are frozen counts for nothing.
 */
#ifndef KTSTR_SCENARIO_H
#define KTSTR_SCENARIO_H

#include <ktstr/test.h>
#include <ktstr/work.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- CPUs of a cgroup --------------------------------------------------------------------------- */

/*
 * Which CPUs, in terms of the machine at hand, wherever the cgroup is. "Usable" are all but the last
 * one, which is left to the rest of the system when the machine has more than two; an exact list may
 * name that one too. What comes out empty is an error.
 */
enum ktstr_cpus_kind {
	KTSTR_CPUS_NONE = 0,           /* no cpuset: what the parent has */
	KTSTR_CPUS_LLC,                /* the usable CPUs of LLC `index` */
	KTSTR_CPUS_NUMA,               /* of NUMA node `index` */
	KTSTR_CPUS_RANGE,              /* from fraction `from` to `to` of the usable CPUs */
	KTSTR_CPUS_DISJOINT,           /* part `index` of `of` equal parts */
	KTSTR_CPUS_OVERLAP,            /* the same, widened on both sides by `frac` of a part */
	KTSTR_CPUS_EXACT,              /* `list`: "0-3,6" */
};

struct ktstr_cpus {
	enum ktstr_cpus_kind kind;
	unsigned index, of;
	double from, to, frac;
	const char *list;
};

#define KTSTR_LLC(i) ((struct ktstr_cpus){.kind = KTSTR_CPUS_LLC, .index = (i)})
#define KTSTR_NUMA(i) ((struct ktstr_cpus){.kind = KTSTR_CPUS_NUMA, .index = (i)})
#define KTSTR_RANGE(a, b) ((struct ktstr_cpus){.kind = KTSTR_CPUS_RANGE, .from = (a), .to = (b)})
#define KTSTR_DISJOINT(i, n) ((struct ktstr_cpus){.kind = KTSTR_CPUS_DISJOINT, .index = (i), .of = (n)})
#define KTSTR_OVERLAP(i, n, f)                                                                     \
	((struct ktstr_cpus){.kind = KTSTR_CPUS_OVERLAP, .index = (i), .of = (n), .frac = (f)})
#define KTSTR_EXACT(text) ((struct ktstr_cpus){.kind = KTSTR_CPUS_EXACT, .list = (text)})

/* --- cgroups -------------------------------------------------------------------------------------- */

/* Kernel: Documentation/admin-guide/cgroup-v2.rst. 0: not written; UINT64_MAX: "max". */
struct ktstr_limits {
	uint64_t cpu_quota_us, cpu_period_us;          /* cpu.max; period 0: 100000 */
	unsigned cpu_weight;                           /* 1..10000 */
	uint64_t memory_max, memory_high, memory_low, memory_min, memory_swap_max;   /* bytes */
	unsigned io_weight;                            /* 1..10000; a note where the kernel has none */
	uint64_t pids_max;
};

/*
 * cgroup v2 lets no process be in a cgroup whose children have controllers, and all of ours have cpu
 * and cpuset: "a" has workers, or cgroups such as "a/b", and both together are an error. memory, io
 * and pids are switched on for a cgroup, and those above it, by the first limit that needs them.
 */
struct ktstr_cgroup {
	const char *name;              /* below the test's own cgroup; "a/b" is b inside a */
	struct ktstr_cpus cpus;
	struct ktstr_limits limits;
	/* Its workers. The fields of the first kind are here: .workers is its count. */
	unsigned workers;              /* 0: the test's workers_per_cgroup */
	/* instead: so many in 100 of the cgroup's CPUs, rounded up, to whole groups too */
	unsigned workers_pct;
	struct ktstr_work work;
	struct ktstr_policy policy;
	struct ktstr_affinity affinity;
	struct ktstr_mempolicy mempolicy;
	int nice;
	bool threads, swappable;
	const struct ktstr_workers *more;              /* further kinds: KTSTR_MORE({...}, ...) */
	size_t more_count;
	bool empty;                    /* no workers at all */
};

#define KTSTR_MORE(...)                                                                            \
	.more = (const struct ktstr_workers[]){__VA_ARGS__},                                       \
	.more_count =                                                                              \
		sizeof((const struct ktstr_workers[]){__VA_ARGS__}) / sizeof(struct ktstr_workers)

/*
 * Run these cgroups side by side and judge them by the test's checks. Returns 0 with *verdict
 * filled, or a negative errno: -EINVAL for a declaration that makes no sense (named in *err).
 */
int ktstr_run_cgroup_list(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
			  struct ktstr_error *err, const struct ktstr_cgroup *cgroups,
			  size_t cgroup_count);

#define ktstr_run_cgroups(ctx, verdict, err, ...)                                                  \
	ktstr_run_cgroup_list(                                                                     \
		ctx, verdict, err, (const struct ktstr_cgroup[]){__VA_ARGS__},                     \
		sizeof((const struct ktstr_cgroup[]){__VA_ARGS__}) / sizeof(struct ktstr_cgroup))

/* --- operations ------------------------------------------------------------------------------------ */

/* The numbers are bits of a timeline event's op_kinds and must not change. */
enum ktstr_op_kind {
	KTSTR_OP_NONE = 0,
	KTSTR_OP_ADD_CGROUP,           /* `cgroup`, a whole definition, workers included */
	KTSTR_OP_REMOVE_CGROUP,        /* its workers are stopped and judged first */
	KTSTR_OP_SET_CPUSET,
	/* with tasks in it the kernel does not let it become empty: such a one gets all CPUs */
	KTSTR_OP_CLEAR_CPUSET,
	KTSTR_OP_SWAP_CPUSETS,         /* of `name` and `other` */
	KTSTR_OP_SPAWN,                /* `workers` into `name` */
	KTSTR_OP_STOP_CGROUP,          /* its workers are stopped, thawed if need be; it stays */
	KTSTR_OP_SET_AFFINITY,         /* of the workers in `name` */
	KTSTR_OP_SPAWN_HOST,           /* `workers` outside of the test's cgroups; `name` for reports */
	KTSTR_OP_MOVE_ALL_TASKS,       /* from `name` to `other` */
	KTSTR_OP_FREEZE,               /* until cgroup.events says so; those inside of it too */
	KTSTR_OP_UNFREEZE,
	KTSTR_OP_SET_LIMITS,
	KTSTR_OP_CALL,                 /* `call`: whatever the author wants to happen here */
	KTSTR_OP_RUN_PAYLOAD,          /* `payload` with `args` in the background, in cgroup `name` */
	KTSTR_OP_WAIT_PAYLOAD,         /* until it ends; then it is judged by its checks */
	KTSTR_OP_KILL_PAYLOAD,         /* and judged by what it printed until then */
	KTSTR_OP_KIND_COUNT
};

struct ktstr_play;
struct ktstr_payload;
typedef int ktstr_op_call(struct ktstr_play *play, void *arg, struct ktstr_error *err);

struct ktstr_op {
	enum ktstr_op_kind kind;
	const char *name, *other;
	const struct ktstr_cgroup *cgroup;
	struct ktstr_cpus cpus;
	struct ktstr_workers workers;
	struct ktstr_affinity affinity;
	struct ktstr_limits limits;
	ktstr_op_call *call;
	void *arg;
	const struct ktstr_payload *payload;
	const char *const *args;
};

#define KTSTR_ADD(...)                                                                             \
	((struct ktstr_op){.kind = KTSTR_OP_ADD_CGROUP,                                            \
			   .cgroup = &(const struct ktstr_cgroup){__VA_ARGS__}})
#define KTSTR_REMOVE(cg) ((struct ktstr_op){.kind = KTSTR_OP_REMOVE_CGROUP, .name = (cg)})
#define KTSTR_SET_CPUSET(cg, ...)                                                                  \
	((struct ktstr_op){.kind = KTSTR_OP_SET_CPUSET, .name = (cg), .cpus = __VA_ARGS__})
#define KTSTR_CLEAR_CPUSET(cg) ((struct ktstr_op){.kind = KTSTR_OP_CLEAR_CPUSET, .name = (cg)})
#define KTSTR_SWAP_CPUSETS(a, b)                                                                   \
	((struct ktstr_op){.kind = KTSTR_OP_SWAP_CPUSETS, .name = (a), .other = (b)})
#define KTSTR_SPAWN(cg, ...)                                                                       \
	((struct ktstr_op){.kind = KTSTR_OP_SPAWN, .name = (cg), .workers = {__VA_ARGS__}})
#define KTSTR_SPAWN_HOST(label, ...)                                                               \
	((struct ktstr_op){.kind = KTSTR_OP_SPAWN_HOST, .name = (label), .workers = {__VA_ARGS__}})
#define KTSTR_STOP(cg) ((struct ktstr_op){.kind = KTSTR_OP_STOP_CGROUP, .name = (cg)})
#define KTSTR_SET_AFFINITY(cg, ...)                                                                \
	((struct ktstr_op){.kind = KTSTR_OP_SET_AFFINITY, .name = (cg), .affinity = {__VA_ARGS__}})
#define KTSTR_MOVE_ALL(from_cg, to_cg)                                                             \
	((struct ktstr_op){.kind = KTSTR_OP_MOVE_ALL_TASKS, .name = (from_cg), .other = (to_cg)})
#define KTSTR_FREEZE(cg) ((struct ktstr_op){.kind = KTSTR_OP_FREEZE, .name = (cg)})
#define KTSTR_UNFREEZE(cg) ((struct ktstr_op){.kind = KTSTR_OP_UNFREEZE, .name = (cg)})
#define KTSTR_CALL(fn, data) ((struct ktstr_op){.kind = KTSTR_OP_CALL, .call = (fn), .arg = (data)})
#define KTSTR_RUN_PAYLOAD(cg, what, ...)                                                           \
	((struct ktstr_op){.kind = KTSTR_OP_RUN_PAYLOAD, .name = (cg), .payload = (what),          \
			   .args = KTSTR_ARGS(__VA_ARGS__)})
#define KTSTR_WAIT_PAYLOAD(what)                                                                   \
	((struct ktstr_op){.kind = KTSTR_OP_WAIT_PAYLOAD, .payload = (what)})
#define KTSTR_KILL_PAYLOAD(what)                                                                   \
	((struct ktstr_op){.kind = KTSTR_OP_KILL_PAYLOAD, .payload = (what)})

/* --- steps ------------------------------------------------------------------------------------------ */

enum ktstr_hold_kind {
	KTSTR_HOLD_FULL = 0,           /* the test's duration */
	KTSTR_HOLD_FRAC,               /* that part of it */
	KTSTR_HOLD_FIXED,              /* so long */
	KTSTR_HOLD_LOOP,               /* the duration; the operations again every `ns`, cgroups once */
};

struct ktstr_hold {
	enum ktstr_hold_kind kind;
	double frac;                   /* LOOP too: of the duration; 0: all of it */
	uint64_t ns;
};

#define KTSTR_FRAC(f) {.kind = KTSTR_HOLD_FRAC, .frac = (f)}
#define KTSTR_FIXED(n) {.kind = KTSTR_HOLD_FIXED, .ns = (n)}
#define KTSTR_LOOP(n) {.kind = KTSTR_HOLD_LOOP, .ns = (n)}

struct ktstr_step {
	const char *name;              /* for the timeline; may be NULL */
	const struct ktstr_op *ops;    /* first: KTSTR_OPS(...) */
	size_t op_count;
	const struct ktstr_cgroup *cgroups;            /* then: removed when the step is over */
	size_t cgroup_count;
	struct ktstr_hold hold;        /* then */
};

struct ktstr_scenario {
	/* The backdrop: made before the first step, judged and removed after the last. */
	const struct ktstr_cgroup *cgroups;            /* KTSTR_CGROUPS(...) */
	size_t cgroup_count;
	const struct ktstr_op *ops;    /* after the cgroups */
	size_t op_count;
	const struct ktstr_step *steps;                /* KTSTR_STEPS(...); none: one FULL hold */
	size_t step_count;
	bool no_cpu_controller;        /* cgroups without weights: the cpu controller stays off */
};

#define KTSTR_OPS(...)                                                                             \
	.ops = (const struct ktstr_op[]){__VA_ARGS__},                                             \
	.op_count = sizeof((const struct ktstr_op[]){__VA_ARGS__}) / sizeof(struct ktstr_op)
#define KTSTR_CGROUPS(...)                                                                         \
	.cgroups = (const struct ktstr_cgroup[]){__VA_ARGS__},                                     \
	.cgroup_count = sizeof((const struct ktstr_cgroup[]){__VA_ARGS__}) / sizeof(struct ktstr_cgroup)
#define KTSTR_STEPS(...)                                                                           \
	.steps = (const struct ktstr_step[]){__VA_ARGS__},                                         \
	.step_count = sizeof((const struct ktstr_step[]){__VA_ARGS__}) / sizeof(struct ktstr_step)

/*
 * Play it and judge it. 0 with *verdict filled, or a negative errno whose words name the step, the
 * operation and the cgroup. What was found until then stays in *verdict.
 */
int ktstr_run_scenario(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err,
		       const struct ktstr_scenario *scenario);

/* --- playing by hand ---------------------------------------------------------------------------------- */

/*
 * A play owns cgroups and workers. What *verdict gets: the judgement of each worker when it ends,
 * and of the machine in ktstr_play_end(). Whether that was reached or not, ktstr_play_free() stops
 * and removes what is left; a play that a body forgets is freed when the body returns. There is one
 * at a time. One thread, the one that began it, which is SCHED_FIFO until ktstr_play_free(), so that
 * no scheduler under test can keep it from going on; its children are not.
 *
 * An operation that failed may have been done in part; ADD and SPAWN leave nothing behind.
 */
int ktstr_play_begin(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
		     struct ktstr_play **ret_play, struct ktstr_error *err);
int ktstr_play_op(struct ktstr_play *play, const struct ktstr_op *op, struct ktstr_error *err);
/* Marks the beginning of a step in the timeline; the one before ends there. */
void ktstr_play_step(struct ktstr_play *play, const char *name);
/*
 * Let them run for so long. 1: go on; 0: the scheduler is gone, which is a finding already, and the
 * body should end the play; negative: an error.
 */
int ktstr_play_hold(struct ktstr_play *play, uint64_t ns, struct ktstr_error *err);
int ktstr_play_end(struct ktstr_play *play, struct ktstr_error *err);
void ktstr_play_free(struct ktstr_play *play);

/* What the kernel has: contents of a file of the cgroup; the caller's, for free(); NULL with *err. */
char *ktstr_play_read(struct ktstr_play *play, const char *cgroup, const char *file,
		      struct ktstr_error *err);
/* Thread ids of the workers of a cgroup, at most max; returns how many there are. */
size_t ktstr_play_tids(const struct ktstr_play *play, const char *cgroup, pid_t *tids, size_t max);
/* A random number that follows the test's seed. */
uint64_t ktstr_ctx_random(struct ktstr_ctx *ctx);

#ifdef __cplusplus
}
#endif
#endif
