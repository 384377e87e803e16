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

/*
 * The guest of one plan from its start to its end, with a shell in it if one is given; console.log
 * and qemu.log go to dir. plugin: as in vm_config, or NULL. probes: kernel functions to probe while
 * the scheduler runs, or NULL (run/repro.h).
 */
int guest_run(const struct run_config *config, size_t index, const char *dir, const struct shell *shell,
	      const char *plugin, const struct strings *probes, struct session *ret_session, struct ktstr_error *err);

/*
 * The file of the test's wprof beside its other artefacts; NULL and a line in the log that says why
 * where there is none. The caller's.
 */
char *wprof_keep(const struct test_plan *plan, const struct session *session, struct result *result,
		 bool repro);

/* What a traced guest needs beside the rest; empty while it is not traced. */
struct traced {
	char *dir;                    /* of the test's artefacts: trace.plan, trace.raw, trace.pb */
	char *option;                 /* for vm_config.plugin; NULL: not traced */
	char *missing;                /* functions that this kernel does not have, or NULL */
};
void traced_done(struct traced *traced);
DEFINE_AUTO_DONE(struct traced, traced_done)

/* Whether and how to trace this run. Errors: it must be traced and cannot be. */
int traced_prepare(const struct run_config *config, size_t index, const char *dir,
		   struct traced *ret_traced, struct ktstr_error *err);

/* A note where limits on waits are declared and nothing can judge them: kvm, host. */
void traced_note(const struct test_plan *plan, const char *mode, struct outcome *outcome);

/* After the guest: judge, summarise, write the Perfetto file. */
int traced_finish(const struct run_config *config, size_t index, const struct traced *traced,
		  const struct session *session, struct result *result, struct ktstr_error *err);

#endif
