/* SPDX-License-Identifier: BSD-2-Clause */
/* one.h - one test, from its plan to its result. */
#ifndef RUN_ONE_H
#define RUN_ONE_H

#include "run/run.h"

/* What the index-th of run_count() runs runs, and with which seed. */
const struct test_plan *run_plan(const struct run_config *config, size_t index);
uint64_t run_seed(const struct run_config *config, size_t index);

/*
 * Never fails: what goes wrong becomes an error outcome. Blocks until the guest is gone. index is
 * below run_count(). -ECANCELED: interrupted; the result is what was found until then.
 */
int one_run(const struct run_config *config, size_t index, struct result *ret_result);

struct dumped;

/*
 * The guest of one plan from its start to its end, with a shell in it if one is given; console.log
 * and qemu.log go to dir. traced: of traced_prepare(), or NULL. probes: kernel functions to probe
 * while the scheduler runs, or NULL (run/repro.h). dumped: NULL for no dump.
 */
struct traced;

int guest_run(const struct run_config *config, size_t index, const char *dir, const struct shell *shell,
	      const struct traced *traced, const struct strings *probes, struct dumped *dumped,
	      struct session *ret_session, struct ktstr_error *err);

/*
 * The file of the test's wprof beside its other artefacts; NULL and a line in the log that says why
 * where there is none. The caller's.
 */
char *wprof_keep(const struct test_plan *plan, const struct session *session, struct result *result,
		 bool repro);

/*
 * How to have sched_ext's watchdog wait for so long. Without type information that says so: zeroed,
 * and a line in the log.
 */
void watchdog_find(const struct kernel *kernel, uint32_t timeout_ms, struct wire_watchdog *ret_watchdog);

/* What a traced guest needs beside the rest; empty while it is not traced. */
struct traced {
	char *dir;                    /* of the test's artefacts: trace.plan, trace.raw, trace.pb */
	char *option;                 /* for vm_config.plugin; NULL: no plugin */
	char *tracer, *stream;        /* the guest's tracer, and the file for what it tells; NULL: none */
	char *missing;                /* functions that this kernel does not have, or NULL */
};
void traced_done(struct traced *traced);
DEFINE_AUTO_DONE(struct traced, traced_done)

/* The plugin for this QEMU; the caller's string. */
int plugin_find(const struct qemu *qemu, char **ret_path, struct ktstr_error *err);

/* Whether and how to trace this run. Errors: it must be traced and cannot be. */
int traced_prepare(const struct run_config *config, size_t index, const char *dir,
		   struct traced *ret_traced, struct ktstr_error *err);

/* A note where limits on waits are declared and nothing can judge them: on the host. */
void traced_note(const struct test_plan *plan, struct outcome *outcome);

/* After the guest: judge, summarise, write the Perfetto file. */
int traced_finish(const struct run_config *config, size_t index, const struct traced *traced,
		  const struct session *session, struct result *result, struct ktstr_error *err);

/* What a run's dump needs until the verdict is known; zeroed: nothing is wanted. */
struct dumped {
	const struct run_config *config;
	const struct test_plan *plan;
	char *path;                   /* of the file, when there will be one */
	json_t *dump;                 /* taken, or NULL */
	char *tracer;                 /* was in the first run's guest, so it is in the second's; or NULL */
	uint64_t took_ns;             /* host time */
	bool wants_load_end;          /* look when the load ends, if nothing went wrong until then */
	bool ends_run;                /* this run is only there to be looked at */
	bool had_test;                /* a body has begun */
	/* NULL, or for vm_config.plugin: it halts where sched_ext loses its scheduler, with this option */
	char *plugin, *halt;
};
void dumped_done(struct dumped *dumped);
DEFINE_AUTO_DONE(struct dumped, dumped_done)

/* Before the guest: nothing of an earlier run may be left where the dump will be. */
void dumped_prepare(const struct run_config *config, size_t index, const struct result *result,
		    struct dumped *dumped);

/* For struct session_config's on_frozen; arg is a struct dumped. */
bool dumped_take(void *dumped, struct vm *vm, const char *reason, uint64_t guest_ns);

/*
 * Once the verdict is known: keep the dump if it is wanted, and in det run the test again up to the
 * failing moment if it was not taken yet. Failures are logged: a dump is a convenience.
 */
void dumped_finish(size_t index, struct dumped *dumped, struct result *result);

/* A step from its operations' end to its own; an end that is not later is not known. Guest time. */
struct step_marker {
	char *name;
	uint64_t begin_ns, end_ns;
};
static inline void step_marker_done(struct step_marker *marker)
{
	free(marker->name);
}
DEFINE_VEC(step_markers, struct step_marker, step_marker_done)

/*
 * The steps of an outcome's timeline with their times out of the verdict's own bytes, which the outcome
 * does not have; what runs up to end_ns has not ended. Both are a guest's: what is no time is left out.
 */
void step_markers_make(struct sv verdict, const json_t *timeline, uint64_t end_ns,
		       struct step_markers *markers);

#endif
