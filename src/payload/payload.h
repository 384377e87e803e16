/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * payload.h - the inside of <ktstr/payload.h>: what a program printed as metrics, the checks of
 * them, and the program as a child whose output is drained while it runs. Guest half; jansson is
 * linked into libktstr.a and stays inside it.
 *
 * Extraction and judging are pure. A child belongs to the thread that started it.
 */
#ifndef PAYLOAD_PAYLOAD_H
#define PAYLOAD_PAYLOAD_H

#include <ktstr/payload.h>

#include "base/base.h"
#include "verdict/verdict.h"

#define PAYLOAD_OUTPUT_MAX (16u << 20)      /* of each stream; the rest is dropped, and noted */
#define PAYLOAD_TAIL_MAX 4096
#define PAYLOAD_METRICS_MAX 65536
#define PAYLOAD_DEPTH_MAX 64                /* M2 */
#define PAYLOAD_TIMEOUT_NS (60 * NS_PER_S)

#define PAYLOAD_TRUNCATED "__walk_json_leaves_truncated"

/* Whether it can be declared so; -EINVAL with words that name payload and field. */
int payload_check(const struct ktstr_payload *payload, struct ktstr_error *err);

/* Of a payload's arguments those that it does not know; -EINVAL with a suggestion. */
int payload_check_flags(const struct ktstr_payload *payload, const struct strings *args,
			struct ktstr_error *err);

/* --- what was printed ------------------------------------------------------------------------ */

/*
 * M1 to M5: the numbers of the first JSON document in `text`, as metrics of that stream, appended to
 * record; nothing when there is none. The hints put polarity and unit on them.
 */
void payload_extract(struct sv text, enum ktstr_metric_stream stream,
		     const struct ktstr_metric_hint *hints, struct payload_record *record);

/* The same of lines "words: number". */
void payload_extract_lines(struct sv text, enum ktstr_metric_stream stream,
			   const struct ktstr_metric_hint *hints, struct payload_record *record);

/* A metric, with what the hints know of it; past the limit it is only counted. */
void payload_add_metric(struct payload_record *record, const struct ktstr_metric_hint *hints,
			const char *name, double value, enum ktstr_metric_stream stream);

/* M4: standard output, and only if it has no metrics, standard error. */
void payload_measure(const struct ktstr_payload *payload, struct sv out, struct sv errors,
		     struct payload_record *record);

/* M6 and PM-7: what does not hold becomes a failure of kind other. Exit codes first. */
void payload_judge(const struct ktstr_payload *payload, const struct ktstr_metric_check *more,
		   bool replace, const struct payload_record *record, struct ktstr_verdict *verdict);

/* --- a running one ----------------------------------------------------------------------------- */

struct payload_start {
	const char *name;                      /* for words */
	const struct strings *argv;
	const char *cgroup_procs;              /* file that it writes itself into before exec, or NULL */
	bool share_group;
	uint64_t timeout_ns;                   /* of the whole run */
};

struct payload_child;

/* -ENOENT: there is no such program. */
int payload_child_start(const struct payload_start *start, struct payload_child **ret_child,
			struct ktstr_error *err);
pid_t payload_child_pid(const struct payload_child *child);
/* Whether it has ended; what it left in its group is killed then. */
bool payload_child_ended(struct payload_child *child);
/* A descriptor that becomes readable when it ends. */
int payload_child_fd(const struct payload_child *child);
/* -ETIMEDOUT: it had to be killed at its deadline. */
int payload_child_wait(struct payload_child *child, struct ktstr_error *err);
void payload_child_kill(struct payload_child *child);
/* After its end: exit status, or minus the signal that killed it. */
int payload_child_exit_code(const struct payload_child *child);
/* What it has printed; good until payload_child_free(), complete after its end. */
struct sv payload_child_output(const struct payload_child *child, enum ktstr_metric_stream stream);
void payload_child_free(struct payload_child *child);      /* kills and reaps; NULL is fine */
DEFINE_AUTO(struct payload_child *, payload_child_free)

/* R12 to R15. Returns when the marker is there. */
int payload_wait_marker(struct payload_child *child, const char *marker, uint64_t timeout_ns,
			const char *role, uint32_t pid, const char *legend, struct ktstr_error *err);

#endif
