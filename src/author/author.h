/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * author.h - what a test executable does: it knows its tests, checks their declarations, lists and
 * describes them, and runs one body in the process that it is. Guests are driven by the `ktstr`
 * program, which a bare `./my_tests` executes. Guest half: libc only. One thread.
 *
 * The program's main() is ktstr_main() of <ktstr/test.h>; it lives in an archive member of its own,
 * so that a program with a main() brings its own.
 */
#ifndef AUTHOR_AUTHOR_H
#define AUTHOR_AUTHOR_H

#include <ktstr/test.h>

#include "base/base.h"
#include "topology/topology.h"
#include "verdict/verdict.h"

#define AUTHOR_EXIT_ERROR 3          /* shared by every "could not find out" */
#define AUTHOR_EXIT_NO_TEST 4
#define AUTHOR_EXIT_USAGE 64

#define AUTHOR_NAME_MAX 128          /* it becomes part of file names */
#define AUTHOR_DURATION_MS_MAX 3600000u
#define AUTHOR_TIMEOUT_MS_MAX 86400000u
#define AUTHOR_WATCHDOG_MS_MAX 30000u
#define AUTHOR_FLAGS_DEPTH 8                 /* of flags that require flags */
#define AUTHOR_MEMORY_MIB_MAX (1u << 20)
#define AUTHOR_WORKERS_MAX 4096u
#define AUTHOR_KARGS_MAX 1024        /* x86's COMMAND_LINE_SIZE is 2048, and ours come first */
#define AUTHOR_CGROUP_PARENT_MAX 256

#define AUTHOR_DESCRIPTION_SCHEMA 1

/* --- the registry ------------------------------------------------------------------------------ */

struct registry {
	const struct ktstr_test *const *at;
	size_t count;
};

/*
 * The tests that were linked into this program: files in link order, and the tests of a file by
 * line, whatever order the compiler gave them. The array is made once and lives on.
 */
struct registry registry_linked(void);

/* By name, with or without "ktstr/" in front. NULL: there is none. */
const struct ktstr_test *registry_find(const struct registry *registry, const char *name);

/* The name most like a mistyped one, or NULL when none is like it. */
const char *registry_suggest(const struct registry *registry, const char *name);

/* Append a line for each thing that is wrong with a declaration; returns how many. */
size_t registry_problems(const struct registry *registry, struct buf *lines);

/* --- what a declaration comes to ----------------------------------------------------------------- */

/* Contract TD-3: 1n1l2c1t, then the scheduler's topology and numbers, then the test's. */
int declared_topology(const struct ktstr_test *test, struct topology *ret_topology,
		      struct ktstr_error *err);
unsigned declared_timeout_ms(const struct ktstr_test *test);
bool declared_ignored(const struct ktstr_test *test);          /* contract L2: demo_... */
bool declared_trace_checks(const struct ktstr_test *test);     /* one of them is set */
bool declared_expect_err(const struct ktstr_test *test);       /* an expect_kind implies it */

/* --- the commands ---------------------------------------------------------------------------------- */

enum author_action {
	AUTHOR_HELP,
	AUTHOR_LIST,
	AUTHOR_DESCRIBE,
	AUTHOR_BODY,        /* run the body of `test` in this process */
	AUTHOR_BOOT,        /* have the driver run `test` on a machine of `topology` */
	AUTHOR_DRIVE,       /* all else is the driver's */
};

/* Strings are borrowed from argv. */
struct author_command {
	enum author_action action;
	bool ignored;
	bool json;
	const char *test;
	const char *topology;
};

/* -EINVAL, in words, when the options make no sense together. */
int author_command_parse(int argc, char **argv, struct author_command *ret_command,
			 struct ktstr_error *err);

/* Contract L1: "ktstr/<name>: test" lines, or one JSON array. */
void author_list(const struct registry *registry, bool ignored, bool json, struct buf *out);

/* The JSON document by which the driver knows the tests; describe.c draws it. */
void author_describe(const struct registry *registry, struct buf *out);

/*
 * Run a body here, with the context that the environment gives, and hand its verdict over:
 * as one frame to KTSTR_RESULT_FD, or as text to stdout where that is not set. Returns the exit
 * status of the verdict's state, or AUTHOR_EXIT_ERROR with words on stderr.
 */
int author_run_body(const struct ktstr_test *test);

/* What a finished body's return value and words add to its verdict. */
void author_settle(struct ktstr_verdict *verdict, int returned, const struct ktstr_error *err);

/* The same for people. Here, and only here, what the test expects is taken into account. */
void author_summary(const struct ktstr_test *test, const struct ktstr_verdict *verdict,
		    struct buf *out);

/*
 * Find the `ktstr` program: KTSTR_PROGRAM, beside self, PATH, where this ktstr was installed.
 * *ret_path is the caller's. -ENOENT with all the places.
 */
int driver_find(const char *self, char **ret_path, struct ktstr_error *err);

/* Become `ktstr test SELF WORDS...` (NULL-terminated); returns only when that failed. */
int driver_exec(char *const *words, struct ktstr_error *err);

#endif
