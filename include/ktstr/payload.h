/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * payload.h - other programs as part of a test: shipped with it, started in a cgroup, ended on every
 * path, and what they print turned into metrics (contracts 1.3 and 1.8).
 *
 *	KTSTR_PAYLOAD(stress, .binary = "stress-ng",
 *		      .default_args = KTSTR_ARGS("--cpu", "2", "--timeout", "1"),
 *		      .default_checks = KTSTR_METRIC_CHECKS(KTSTR_EXIT_CODE_IS(0)));
 *
 *	KTSTR_TEST(under_stress, .workloads = KTSTR_PAYLOADS(&stress))
 *	{
 *		return ktstr_payload_run(ctx, verdict, err, &(struct ktstr_payload_config){
 *			.payload = &stress, .cgroup = "cg_0" }, NULL);
 *	}
 *
 * A payload's name is its identity; several may share a binary. What a test uses must be in its
 * .payload or .workloads: that is what the driver ships, with the libraries that it needs.
 */
#ifndef KTSTR_PAYLOAD_H
#define KTSTR_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ktstr/error.h>
#include <ktstr/verdict.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ktstr_ctx;
struct ktstr_play;
struct ktstr_scheduler;

enum ktstr_output {
	KTSTR_OUTPUT_EXIT_CODE = 0,    /* what it prints is no metric */
	KTSTR_OUTPUT_JSON,             /* M1 to M4: the numbers in the first JSON document it prints */
	/*
	 * Lines "words: 1.5 unit" or "words = 1.5", as sysbench, hackbench and YAML have them; named by
	 * the words in lower case, joined by '_', below those of the last line that is only "words:".
	 */
	KTSTR_OUTPUT_LINES,
};

enum ktstr_polarity {
	KTSTR_POLARITY_UNKNOWN = 0,
	KTSTR_HIGHER_IS_BETTER,
	KTSTR_LOWER_IS_BETTER,
	KTSTR_TARGET_VALUE,            /* the nearer to `target` the better */
};

/* What is known of a metric before it is there, by its exact name; ends with a NULL name. */
struct ktstr_metric_hint {
	const char *name;
	enum ktstr_polarity polarity;
	double target;
	const char *unit;
};

enum ktstr_metric_check_kind {
	KTSTR_CHECK_END = 0,
	KTSTR_CHECK_MIN,
	KTSTR_CHECK_MAX,
	KTSTR_CHECK_RANGE,
	KTSTR_CHECK_EXISTS,
	KTSTR_CHECK_EXIT_CODE,
};

/* M6. A metric that is not there fails its check. Exit codes are judged first. */
struct ktstr_metric_check {
	enum ktstr_metric_check_kind kind;
	const char *metric;
	double lo, hi;                 /* both included */
	int code;
};

#define KTSTR_AT_LEAST(name, v) {.kind = KTSTR_CHECK_MIN, .metric = (name), .lo = (v)}
#define KTSTR_AT_MOST(name, v) {.kind = KTSTR_CHECK_MAX, .metric = (name), .hi = (v)}
#define KTSTR_BETWEEN(name, a, b)                                                                  \
	{.kind = KTSTR_CHECK_RANGE, .metric = (name), .lo = (a), .hi = (b)}
#define KTSTR_EXISTS(name) {.kind = KTSTR_CHECK_EXISTS, .metric = (name)}
#define KTSTR_EXIT_CODE_IS(n) {.kind = KTSTR_CHECK_EXIT_CODE, .code = (n)}
#define KTSTR_METRIC_CHECKS(...) ((const struct ktstr_metric_check[]){__VA_ARGS__, {0}})
#define KTSTR_METRIC_HINTS(...) ((const struct ktstr_metric_hint[]){__VA_ARGS__, {0}})

/* PM-7: what is plausible of the whole set. */
struct ktstr_metric_bounds {
	size_t min_count;
	bool bounded;                  /* the two values count */
	double value_min, value_max;
};

/* P1: ten fields; .binary or .scheduler is the kind. */
struct ktstr_payload {
	const char *name;
	struct {
		const char *binary;                        /* of PATH, or a path on the host */
		const struct ktstr_scheduler *scheduler;
	};
	enum ktstr_output output;
	const char *const *default_args;                   /* KTSTR_ARGS(...) */
	const struct ktstr_metric_check *default_checks;
	const struct ktstr_metric_hint *metrics;
	const char *const *include_files;
	bool uses_parent_pgrp;         /* no process group of its own (PM-3) */
	/* Known "--flags", without what follows '='; others are refused. NULL: all are fine. */
	const char *const *known_flags;
	const struct ktstr_metric_bounds *metric_bounds;
};

#define KTSTR_PAYLOAD(ident, ...)                                                                  \
	static const struct ktstr_payload ident __attribute__((unused)) = {.name = #ident,         \
									   __VA_ARGS__}
#define KTSTR_PAYLOADS(...) ((const struct ktstr_payload *const[]){__VA_ARGS__, NULL})

/* The kernel's own scheduler as a payload (PM-1). */
extern const struct ktstr_payload ktstr_kernel_default;

/* --- what it measured -------------------------------------------------------------------------- */

enum ktstr_metric_stream {
	KTSTR_STREAM_STDOUT = 0,
	KTSTR_STREAM_STDERR,
	KTSTR_STREAM_SYNTHESIZED,
};

struct ktstr_metric {
	const char *name;              /* "snapshots.0.threads.1.tid" */
	double value;                  /* finite */
	enum ktstr_polarity polarity;
	double target;
	const char *unit;              /* never NULL */
	enum ktstr_metric_stream stream;
};

/* P6. Lives as long as the test body. */
struct ktstr_payload_metrics {
	unsigned payload_index;        /* increases with each payload that the test has run */
	const char *payload;
	const struct ktstr_metric *metrics;
	size_t metric_count;
	int exit_code;                 /* negative: killed by that signal */
	const char *stdout_tail, *stderr_tail;
};

/* 1.7.2; tids are signed 32-bit numbers */
#define KTSTR_MAX_SCAN_INDEX 1024

bool ktstr_has_metric(const struct ktstr_payload_metrics *metrics, const char *name);
bool ktstr_find_metric(const struct ktstr_payload_metrics *metrics, const char *name, double *ret_value);
/* Only a whole number from 0 to 2^53. */
bool ktstr_find_metric_u64(const struct ktstr_payload_metrics *metrics, const char *name,
			   uint64_t *ret_value);
/* Indices from 0 without a gap, of snapshots.0.threads.N.tid and snapshots.N.timestamp_unix_sec. */
size_t ktstr_thread_count(const struct ktstr_payload_metrics *metrics);
size_t ktstr_snapshot_count(const struct ktstr_payload_metrics *metrics);

enum ktstr_thread_lookup_state {
	KTSTR_THREAD_FOUND,
	KTSTR_THREAD_MISSING_ALLOCATED_BYTES,
	KTSTR_THREAD_ABSENT,
	KTSTR_THREAD_EXCEEDS_CAP,      /* not among the first KTSTR_MAX_SCAN_INDEX, and there are more */
};

struct ktstr_thread_lookup {
	enum ktstr_thread_lookup_state state;
	uint64_t allocated_bytes;
	bool has_deallocated;
	uint64_t deallocated_bytes;
};

struct ktstr_thread_lookup ktstr_lookup_thread(const struct ktstr_payload_metrics *metrics, int32_t tid);
struct ktstr_thread_lookup ktstr_snapshot_worker_allocated(const struct ktstr_payload_metrics *metrics,
							   size_t snapshot, int32_t tid);
/* "name = value" lines for a failure's text; the caller's, for free(). */
char *ktstr_flat_metrics_dump(const struct ktstr_payload_metrics *metrics);

/* --- running one --------------------------------------------------------------------------------- */

struct ktstr_payload_config {
	const struct ktstr_payload *payload;
	const char *const *args;       /* behind the default ones, */
	bool replace_args;             /* or instead of them */
	const struct ktstr_metric_check *checks;           /* beside the default ones, */
	bool replace_checks;           /* or instead of them */
	/*
	 * Of `play`, or without one below the test's own cgroup: made when it is not there, and gone
	 * with the payload. NULL: the cgroup of the body.
	 */
	const char *cgroup;
	struct ktstr_play *play;
	uint64_t timeout_ns;           /* of its whole run; 0: 60 s */
};

/*
 * Run it to its end. *ret_metrics (may be NULL) and the verdict get what it measured; checks that it
 * does not meet fail the verdict (kind other). Its exit status is no error by itself (P7); a program
 * that cannot be started (-ENOENT), or has to be killed at its deadline (-ETIMEDOUT), is one.
 */
int ktstr_payload_run(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err,
		      const struct ktstr_payload_config *config,
		      const struct ktstr_payload_metrics **ret_metrics);

/*
 * In the background. The handle is the caller's: ktstr_payload_kill() or ktstr_payload_wait() end
 * it, and ktstr_payload_free() in any case. What a body forgets is killed when it returns.
 */
struct ktstr_payload_handle;
int ktstr_payload_spawn(struct ktstr_ctx *ctx, const struct ktstr_payload_config *config,
			struct ktstr_payload_handle **ret_handle, struct ktstr_error *err);
pid_t ktstr_payload_pid(const struct ktstr_payload_handle *handle);        /* 0 once it is consumed */
/* 1: it has ended, with *ret_exit_code; 0: it runs. Does not consume it. */
int ktstr_payload_try_wait(struct ktstr_payload_handle *handle, int *ret_exit_code);
/* Wait for its end within its deadline, and judge it as ktstr_payload_run() does. Consumes it. */
int ktstr_payload_wait(struct ktstr_payload_handle *handle, struct ktstr_verdict *verdict,
		       struct ktstr_error *err, const struct ktstr_payload_metrics **ret_metrics);
/* Kill it, with its group, and judge what it printed until then. Consumes it. */
int ktstr_payload_kill(struct ktstr_payload_handle *handle, struct ktstr_verdict *verdict,
		       struct ktstr_error *err, const struct ktstr_payload_metrics **ret_metrics);
void ktstr_payload_free(struct ktstr_payload_handle *handle);              /* NULL is fine */

/*
 * R12 to R18: wait until the worker has made its marker file. It watches the folder and the process,
 * never kills it, and says in *err what is wrong: -ECHILD when the worker is gone, -ETIMEDOUT.
 */
int ktstr_wait_for_worker_ready(struct ktstr_payload_handle *handle, uint32_t pid, uint64_t timeout_ns,
				const char *role, const char *exit_code_legend,
				struct ktstr_error *err);
#define KTSTR_WORKER_LEGEND                                                                        \
	"2=bytes==0, 3=/proc/self/task thread count != 1, 4=ready-marker write failed, "           \
	"5=argument parse failed, 6=/proc/self/task unreadable, 101=internal failure, "            \
	"negative=killed by signal"
#define KTSTR_WORKER_LEGEND_CHURN                                                                  \
	"2=bytes==0, 4=ready-marker write failed, 5=argument parse failed, "                       \
	"101=internal failure, negative=killed by signal"

#ifdef __cplusplus
}
#endif
#endif
