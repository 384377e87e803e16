/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome.h - the result of one test run as data: what was found (outcome), what was run
 * (identity), and who, when and where (run). In det, "identical" means equal outcome digests, so
 * nothing of the host may get into an outcome. Driver half. All strings are owned; NULL is absent.
 */
#ifndef OUTCOME_OUTCOME_H
#define OUTCOME_OUTCOME_H

#include <jansson.h>

#include "base/base.h"
#include "outcome/record.h"
#include "verdict/verdict.h"

#define OUTCOME_DIGEST_MAX 72          /* "sha256:" and 64 hex digits, NUL */

struct outcome {
	enum ktstr_state state;
	bool judged;                   /* something was found, so a skip no longer counts */
	struct details details;        /* the reasons, worst ones first as they were found */
	json_t *stats;                 /* object from the guest, see docs/result.md; or NULL */
	json_t *workers;               /* array of worker reports; or NULL */
	json_t *scheduler;             /* object: evidence of who scheduled; or NULL */
	uint64_t body_guest_ns;        /* guest time from the body's start to its result */
};

/* What was asked for: together with the test program it repeats the run. */
struct identity {
	char *test;
	char *binary;                  /* path of the test program as it was given */
	char *topology;                /* "1n1l2c1t"; NULL for a test that got no machine */
	char *payload;                 /* name of the primary one, or NULL */
	char *scheduler;               /* name of the declaration; "eevdf" for the kernel's own */
	char *mode;                    /* "kvm", "tcg", "det", "host" */
	uint64_t seed;
	bool disturbed;                /* PID 1's seeded disturber preempted at random moments */
	char *tracer;                  /* "bpf" took part in the run; NULL: nothing in the guest traced it */
	uint64_t memory_mib;
	uint64_t duration_ms;
	unsigned icount_shift;         /* det: 2^shift ns an instruction */
	struct strings options;        /* what the user changed of the declaration: "--workers", "4" */
	char *kernel_release;          /* as the guest said */
	char *kernel_package;          /* name and version of the distribution's, when fetched */
	char *project_commit;          /* of the test program's source: "1417582-dirty" */
	struct strings sysctls;        /* "key=value" that PID 1 set, in order */
	struct strings active_flags;   /* of the scheduler */
	struct strings kargs;          /* what the kernel's command line had more */
	char *template_key;            /* of the template that it was cloned from; NULL: booted from cold */
};

/* Host times of the stages of a run, in order; a stage that was not reached has 0. */
struct stage_times {
	uint64_t qemu_ns;              /* exec to the VM's start */
	uint64_t boot_ns;              /* to PID 1's hello */
	uint64_t setup_ns;             /* files, topology check */
	uint64_t scheduler_ns;
	uint64_t test_ns;
	uint64_t teardown_ns;
};

struct run_record {
	char *id;                      /* of the whole `ktstr test` call; part of paths */
	char *dir;                     /* artefacts of this test: console.log, scheduler.log, ... */
	uint64_t started_unix_ns;
	uint64_t host_ns;              /* the whole run of this test */
	struct stage_times stages;
	bool cut_short;                /* it did not come to its end: Ctrl-C, or ktstr itself was killed */
	char *source;                  /* "local", "ci" */
	char *qemu_version;
	char *ktstr_version;
	json_t *host;                  /* object: the host context (host/host.h); or NULL */
	char *steps_file;              /* in dir: captures of the test's steps; NULL: there are none */
	struct strings steps_labels;   /* of each capture in it, in order: "step 1: start" */
};

struct result {
	struct identity identity;
	struct outcome outcome;
	struct run_record run;
	/* For a failure report; bounded tails, already free of control characters. */
	char *test_output;             /* what the body printed */
	char *scheduler_log;
	char *exit_dump;               /* the beginning of sched_ext's, for a report; or NULL: not stored */
	char *auto_repro;              /* what probes saw of a scheduler's end; NULL: there were none */
	char *console_tail;
	char *repeat_command;          /* one line for a shell */
	char *dump_excerpt;            /* of a guest that was looked at where it failed; else NULL */
	char *trace_summary;           /* of a traced run; else NULL */
	char *steps_changes;           /* what changed most in the steps of a test with captures; else NULL */
	char *kept;                    /* names of the files in run.dir, apart at spaces; or NULL */
};

void result_done(struct result *result);
DEFINE_AUTO_DONE(struct result, result_done)
DEFINE_VEC(results, struct result, result_done)

/* The document that `--format json` lists and result.json holds; docs/result.md. The caller's. */
json_t *result_to_json(const struct result *result);

/* Write that document to result.json in run.dir, whole or not at all. */
int result_save(const struct result *result, struct ktstr_error *err);

/*
 * Leave the record of a test that begins now, as an error that was cut short: result_save() replaces
 * it, unless this process is killed before. Not synced to disk, for it must cost nothing.
 */
int result_save_begun(const struct result *result, struct ktstr_error *err);

/* The part of that document that is the outcome. The caller's. */
json_t *outcome_to_json(const struct outcome *outcome);

/* Over the outcome alone, in a canonical form: sorted keys, no white space. */
void outcome_digest(const struct outcome *outcome, char digest[OUTCOME_DIGEST_MAX]);

/*
 * Take over what the guest's test body said (the payload of WIRE_RESULT). The bytes are hostile:
 * -EBADMSG with words when they are no verdict, and then the outcome is as it was. Adds details,
 * replaces stats and workers, and merges the state: the worse one, but a skip stands only while
 * nothing was found. Texts are cleaned; keys that docs/result.md does not name are left out.
 */
int outcome_read_verdict(struct outcome *outcome, struct sv json, struct ktstr_error *err);

/* What the driver itself found. The texts may quote a guest: they are cleaned. */
void outcome_fail(struct outcome *outcome, enum ktstr_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void outcome_error(struct outcome *outcome, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void outcome_inconclusive(struct outcome *outcome, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void outcome_note(struct outcome *outcome, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void outcome_skip(struct outcome *outcome, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
