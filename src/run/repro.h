/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * repro.h - a scheduler's end, looked at with probes: which functions to probe, what the probes saw,
 * and that as text. docs/repro.md. All but repro.c is pure.
 */
#ifndef RUN_REPRO_H
#define RUN_REPRO_H

#include <jansson.h>

#include "run/run.h"

#define REPRO_PROBE_PROGRAM "ktstr-repro-probe"
#define REPRO_MARK "ktstr-repro-probe: "         /* in front of its lines in a scheduler's log */
#define REPRO_FUNCTIONS_WANTED 32                /* at most, of one run */

/* --- crash_stack.c: which functions ------------------------------------------------------------------- */

/*
 * The functions in the backtraces of a log ("name+0x1a/0x20" as the kernel prints them), each once and
 * innermost first; BPF programs by the name that their author gave them ("bpf_prog_<tag>_name" is
 * "name"). Left out are those that are on every stack: entry points, locks, the ways through which
 * sched_ext ends a scheduler, trampolines, what dumps. bpf: NULL, or those that are BPF programs, which
 * a kprobe cannot reach. Where sched_ext's dump is in the log, only its own backtrace counts.
 */
void crash_stack_functions(struct sv log, struct strings *functions, struct strings *bpf);

/*
 * Add the kernel's functions that call the callback of struct sched_ext_ops for which this program
 * is, by the end of its name: "my_enqueue" is called by do_enqueue_task().
 */
void crash_stack_callers(const char *program, struct strings *functions);

/* --- probe_log.c: what the probes saw --------------------------------------------------------------------- */

/*
 * The probe program's lines of a scheduler's log as one object: "functions", "trigger" (or null),
 * "calls" (oldest first), "end" (or null), "trouble" (or null). Lines that are no JSON objects are
 * counted in "unreadable". The bytes are a guest's: every value may be of any type. The caller's.
 */
json_t *probe_log_read(struct sv log);

/* The log without those lines. */
void probe_log_strip(struct sv log, struct buf *out);

/*
 * The task, as the kernel's pointer, whose calls explain the end: the one that the kernel names
 * in one of these texts ("spin[166] failed to run for 1.024s"), or else the one that ran when the trigger
 * fired; 0: unknown.
 */
uint64_t probe_log_subject(const json_t *probes, struct sv log, struct sv dump);

/* "0x1f" or a number; 0 for anything else. */
uint64_t probe_number(const json_t *value);

/* --- probe_text.c ------------------------------------------------------------------------------------------ */

struct repro_report {
	const json_t *probes;                    /* of probe_log_read(); or NULL: nothing came */
	struct sv log;                           /* the scheduler's, of the run with probes */
	struct sv dump;                          /* sched_ext's of that run, or empty */
	const char *ended;                       /* how the run with probes ended, for people */
	bool reproduced;
	bool never_attached;                     /* the first run never came to its test */
	bool primary;                            /* the probes were in the first run (--repro) */
	uint64_t host_ns;                        /* that run with probes took */
	const char *trace, *tracer;              /* its Perfetto file and who wrote it; or NULL */
};
void repro_report_text(const struct repro_report *report, struct buf *out);

/* A text of a guest's on one line, "" for anything else; the caller's. */
char *probe_word(const json_t *object, const char *key);

/* --- probe_values.c: as a person reads them ------------------------------------------------------------------ */

void dsq_describe(uint64_t id, struct buf *out);                 /* "local queue of CPU 3" */
void enq_flags_describe(uint64_t flags, struct buf *out);        /* "WAKEUP|LAST|0x100" */

/* What a call's arguments pointed to when it began: a line, or nothing. */
void entry_describe(const json_t *function, const json_t *call, struct buf *out);
/* What it changed there, a line each. */
void changes_describe(const json_t *function, const json_t *call, struct buf *out);
/* All that is known of its task; call may be NULL. */
void state_describe(const json_t *call, struct buf *out);

/* --- repro.c -------------------------------------------------------------------------------------------------- */

/* The functions to probe: those asked for, the crash's, and the callers of the scheduler's programs. */
void repro_functions(const struct strings *asked, const struct session *crash, const json_t *scheduler,
		     struct strings *functions);

/* The probes' lines out of a session's log of the scheduler; *ret_log gets all of it as it was. */
void repro_split(struct session *session, struct buf *ret_log);

/* From a run with probes that is over to the section of the report and its files. */
void repro_keep(const struct repro_report *report, struct result *result);

/* AR-1: whether what was found asks for a second guest. */
bool repro_wanted(const struct run_config *config, const struct test_plan *plan,
		  const struct outcome *outcome);

/*
 * The second guest, after this session. What goes wrong becomes a line of the section; only
 * -ECANCELED (interrupted) is returned.
 */
int repro_run(const struct run_config *config, size_t index, const struct session *crash,
	      struct result *result, struct ktstr_error *err);

/* --repro: the probes were in the first guest. log: from repro_split(); dump: sched_ext's */
void repro_of_primary(const struct buf *log, const struct buf *dump, uint64_t host_ns, struct result *result);

#endif
