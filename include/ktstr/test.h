/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test.h - declaring schedulers and tests.
 *
 *	KTSTR_SCHEDULER(my_sched, .binary = "scx_my_sched", .topology = "1n2l4c1t");
 *
 *	KTSTR_TEST(two_cgroups, .scheduler = &my_sched, .llcs = 1)
 *	{
 *		return ktstr_run_cgroups(ctx, verdict, err,
 *			(struct ktstr_cgroup){ .name = "cg_0", .workers = 2 },
 *			(struct ktstr_cgroup){ .name = "cg_1", .workers = 2 });
 *	}
 *
 * A test exists by being linked: the macro puts a pointer to its declaration into a linker section.
 * The body runs inside a guest, as a child of PID 1, as root. It returns 0 when *verdict says what
 * was found, or a negative errno with *err filled when it could not be found out.
 *
 * Declarations are checked when the program starts; a bad one stops it with a message that names
 * the test and the field.
 */
#ifndef KTSTR_TEST_H
#define KTSTR_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ktstr/error.h>
#include <ktstr/verdict.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Limits that worker checks judge by (the rows AS-1 to AS-13). In a scheduler or test declaration,
 * 0 means "as the layer below says": built-in values, then the scheduler's, then the test's; the
 * last that is set wins. A negative limit switches its check off. What has no built-in value is off.
 *
 * A check that makes no sense in a mode is a note there: in det a loop's turns say nothing about a
 * scheduler, so checks of work rates are not judged, and starvation is judged by CPU time alone.
 */
struct ktstr_checks {
	double max_gap_ms;                /* between a worker's checkpoints; built in: 2000 */
	/* of off-CPU shares within a cgroup; built in: 15; in windows below 2 s (in det 5 s) it grows */
	double max_spread_pct;
	double max_idle_waiting_pct;      /* machine time idle while workers waited; built in: 25 */
	int starvation;                   /* > 0 on, < 0 off; built in: on */
	int isolation;                    /* > 0: workers of a cgroup with a cpuset stay within it */
	double max_throughput_cv;         /* of work units per CPU second, among workers of a role */
	double min_work_rate;             /* work units per CPU second, each worker */
	double max_p99_wake_latency_ns;   /* nearest rank over all wake-ups of a cgroup */
	double max_wake_latency_cv;       /* over the same */
	double min_iteration_rate;        /* iterations per second of wall time, each worker */
	double max_migration_ratio;       /* migrations / iterations, of a cgroup */
	double min_page_locality;         /* share of pages on the nodes that they should be on */
	double max_cross_node_migration_ratio;    /* pages moved between nodes / pages */
	double max_slow_tier_ratio;       /* share of pages on nodes without CPUs */
	double max_cleanup_ms;            /* from the end of the load until all cgroups are gone */
	/*
	 * In percentage points, between the share of CPU time that a cgroup had among its competitors
	 * (siblings with the same CPUs and the same time) and the share that its cpu.weight gives it.
	 */
	double max_weight_error_pct;
};

/* Named as by sysctl(8): "kernel.sched_rt_runtime_us", or with slashes where a part has a dot. */
struct ktstr_sysctl {
	const char *key, *value;
};

/* A feature of a scheduler that tests and `ktstr test --flags` switch on. */
struct ktstr_flag {
	const char *name;
	const char *const *args;          /* KTSTR_ARGS("--steal"), behind all others; or NULL */
	const char *const *requires;      /* names of flags that come with it, or NULL */
};

struct ktstr_scheduler {
	const char *name;
	/*
	 * A path, or a name that is looked up: KTSTR_SCHEDULER_BIN_<NAME>, KTSTR_SCHEDULER, beside the
	 * test program and in the folder above it, PATH. NULL: the kernel's own scheduler (EEVDF).
	 */
	const char *binary;
	/*
	 * One that the kernel has built in: shell commands (busybox) that switch it on before the body starts,
	 * and off behind it, KTSTR_ARGS("echo 1 > /sys/kernel/my_sched/enable"), in their order, as root in the
	 * guest. There is no binary then, and whether it scheduled is not judged: the body may.
	 */
	const char *const *enable, *const *disable;
	/*
	 * KTSTR_ARGS("-v", "--slice-us", "2000"). They come behind what the fields below add, and before
	 * the test's extra_sched_args.
	 */
	const char *const *args;
	/* KTSTR_FLAGS({.name = "llc", .args = KTSTR_ARGS("--llc")}) */
	const struct ktstr_flag *flags;
	/* A host file that it reads: packed as /include-files/NAME, and told as --config PATH. */
	const char *config_file;
	/*
	 * "/sys/fs/cgroup/workload": made before it starts and told as --cell-parent-cgroup PATH; the
	 * cgroups of the test's workers are made below it.
	 */
	const char *cgroup_parent;
	/* KTSTR_SYSCTLS({"kernel.panic_on_warn", "1"}), in this order, before it starts. */
	const struct ktstr_sysctl *sysctls;
	/* Kernel arguments, KTSTR_ARGS("preempt=full"): a guest that boots with others is another template. */
	const char *const *kargs;
	/*
	 * 1..30000: sched_ext's watchdog puts it out when a runnable task has waited for so long, whatever
	 * its sched_ext_ops.timeout_ms says. 0: as the scheduler says.
	 */
	unsigned watchdog_timeout_ms;
	const char *topology;             /* "1n2l4c2t": nodes, LLCs in all, cores per LLC, threads */
	unsigned numa_nodes, llcs, cores, threads;        /* each overrides its part of .topology */
	struct ktstr_checks checks;
};

/*
 * Limits judged from a trace of every scheduling event, for all workers of the scenario from the
 * body's start to its result. In microseconds of guest time; 0: not judged. A test that sets one is
 * always traced; on the host a note says that they are not judged.
 */
struct ktstr_trace_checks {
	double max_wakeup_latency_us;     /* from the call that wakes a worker until it runs */
	double max_wakeup_latency_p99_us; /* of all wake-ups of all workers together */
	double max_run_delay_us;          /* one wait for a CPU, after a wake-up or a preemption */
	double max_run_delay_p99_us;
};

enum ktstr_switch { KTSTR_DEFAULT, KTSTR_ON, KTSTR_OFF };

struct ktstr_ctx;
struct ktstr_payload;

typedef int ktstr_body(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
		       struct ktstr_error *err);

struct ktstr_test {
	const char *name;                 /* no '/' and no '\'; unique in the program */
	ktstr_body *body;
	const char *file;
	int line;
	const struct ktstr_scheduler *scheduler;          /* NULL: EEVDF */
	const char *const *extra_sched_args;
	const char *const *required_flags;                /* of the scheduler, always on: KTSTR_ARGS("llc") */
	const char *const *excluded_flags;                /* with one of these on, the test is left out */
	unsigned watchdog_timeout_ms;     /* 0: the scheduler's */
	/* The machine: what is not set comes from the scheduler, then from 1n1l2c1t. */
	const char *topology;
	unsigned numa_nodes, llcs, cores, threads;
	unsigned memory_mib;              /* at least; the guest gets max(64 a CPU, 256, this) */
	unsigned duration_ms;             /* of the load that canned scenarios make */
	unsigned workers_per_cgroup;      /* where a cgroup does not say */
	/* Guest time from the start of the body until it counts as hung; 0: 30 s + 3 x duration. */
	unsigned timeout_ms;
	struct ktstr_checks checks;
	/* Programs that the body runs (payload.h): they and their include files go into the guest. */
	const struct ktstr_payload *payload;               /* the primary one */
	const struct ktstr_payload *const *workloads;      /* KTSTR_PAYLOADS(&a, &b) */
	const char *const *include_files; /* host files and folders, seen under /include-files */
	/* The test is about a failure: passing fails it, and with a kind only that one will do. */
	bool expect_err;
	enum ktstr_kind expect_kind;
	bool host_only;                   /* the body runs on the host, without a guest */
	struct ktstr_trace_checks trace_checks;
	/* When the scheduler dies: the same again in a second guest, with probes. By default on. */
	enum ktstr_switch auto_repro;
	/*
	 * Run the program that KTSTR_WPROF_PATH names beside the test, and keep the Perfetto file that it
	 * writes. wprof_args: its arguments, split at white space; NULL: 500 ms of scheduler events. The
	 * guest gets at least 2048 MiB.
	 */
	bool wprof;
	const char *wprof_args;
	/*
	 * Capture every thread of the guest at the start and at the end of each step, and keep the captures
	 * beside the test's record; a failure shows the largest changes (docs/ctprof.md). Takes guest time.
	 */
	bool ctprof;
};

#define KTSTR_ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define KTSTR_FLAGS(...) ((const struct ktstr_flag[]){__VA_ARGS__, {NULL, NULL, NULL}})
#define KTSTR_SYSCTLS(...) ((const struct ktstr_sysctl[]){__VA_ARGS__, {NULL, NULL}})

/* A later value of a field replaces the default that the macro sets first; that is the point here. */
#define KTSTR_OVERRIDES_BEGIN_                                                                     \
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")
#define KTSTR_OVERRIDES_END_ _Pragma("GCC diagnostic pop")

#define KTSTR_SCHEDULER(ident, ...)                                                                \
	KTSTR_OVERRIDES_BEGIN_                                                                     \
	static const struct ktstr_scheduler ident = {.name = #ident, __VA_ARGS__};                 \
	KTSTR_OVERRIDES_END_                                                                       \
	_Static_assert(1, "")

#define KTSTR_TEST(ident, ...)                                                                     \
	static ktstr_body ident;                                                                   \
	KTSTR_OVERRIDES_BEGIN_                                                                     \
	static const struct ktstr_test ktstr_test_##ident = {                                      \
		.name = #ident,                                                                    \
		.body = ident,                                                                     \
		.file = __FILE__,                                                                  \
		.line = __LINE__,                                                                  \
		.memory_mib = 2048,                                                                \
		.duration_ms = 2000,                                                               \
		.workers_per_cgroup = 2,                                                           \
		__VA_ARGS__};                                                                      \
	KTSTR_OVERRIDES_END_                                                                       \
	static const struct ktstr_test *const ktstr_entry_##ident                                  \
		__attribute__((used, section("ktstr_tests"))) = &ktstr_test_##ident;               \
	static int ident(struct ktstr_ctx *ctx __attribute__((unused)),                            \
			 struct ktstr_verdict *verdict __attribute__((unused)),                    \
			 struct ktstr_error *err __attribute__((unused)))

/* --- inside a body ------------------------------------------------------------------------- */

const char *ktstr_ctx_topology(const struct ktstr_ctx *ctx);       /* "1n2l4c2t" */
unsigned ktstr_ctx_cpu_count(const struct ktstr_ctx *ctx);
unsigned ktstr_ctx_llc_count(const struct ktstr_ctx *ctx);
unsigned ktstr_ctx_node_count(const struct ktstr_ctx *ctx);        /* NUMA nodes */
uint64_t ktstr_ctx_duration_ns(const struct ktstr_ctx *ctx);
unsigned ktstr_ctx_workers_per_cgroup(const struct ktstr_ctx *ctx);
pid_t ktstr_ctx_scheduler_pid(const struct ktstr_ctx *ctx);        /* 0 under EEVDF */
const char *ktstr_ctx_mode(const struct ktstr_ctx *ctx);           /* "kvm", "tcg", "det", "host" */
uint64_t ktstr_ctx_seed(const struct ktstr_ctx *ctx);

/*
 * What main() does. libktstr brings a main() of its own; a program that has one calls this. Returns
 * the exit status of shared/DESIGN.md section 9.
 */
int ktstr_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
