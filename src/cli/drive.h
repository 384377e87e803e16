/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive.h - what every subcommand that runs tests has in common: the options that choose tests and
 * machine, and making that machine ready. One of them a process.
 */
#ifndef CLI_DRIVE_H
#define CLI_DRIVE_H

#include "run/run.h"

struct drive_options {
	const char *command;          /* for messages: "test" */
	struct selection selection;
	bool mode_auto, verbose, no_template;
	enum vm_mode mode;
	const char *kernel;           /* NULL: KTSTR_KERNEL, or auto */
	uint64_t seed, boot_limit_ns, template_max_mib;
	uint32_t jobs;
	int icount_shift;
	bool disturb;
	bool no_skip;                 /* a test that is skipped is a failure */
	enum tracer_choice tracer;
	bool quiet;                   /* no line about the machine */
};

/* Values of long options that have no letter begin here; a subcommand's own at DRIVE_OPT_END. */
enum {
	DRIVE_OPT_EXACT = 256,
	DRIVE_OPT_IGNORED,
	DRIVE_OPT_KERNEL,
	DRIVE_OPT_TOPOLOGY,
	DRIVE_OPT_MEMORY,
	DRIVE_OPT_SEED,
	DRIVE_OPT_ICOUNT_SHIFT,
	DRIVE_OPT_NO_TEMPLATE,
	DRIVE_OPT_DISTURB,
	DRIVE_OPT_NO_SKIP,
	DRIVE_OPT_TRACER,
	DRIVE_OPT_SCHEDULER,
	DRIVE_OPT_SCHEDULER_ARG,
	DRIVE_OPT_DURATION,
	DRIVE_OPT_DURATION_MS,
	DRIVE_OPT_WORKERS,
	DRIVE_OPT_WORK_TYPE,
	DRIVE_OPT_FLAGS,
	DRIVE_OPT_HOST,
	DRIVE_OPT_HELP,
	DRIVE_OPT_END,
};

#define DRIVE_SHORT_OPTIONS "k:m:j:vh"
#define DRIVE_LONG_OPTIONS                                                                         \
	{"pattern", required_argument, NULL, 'k'},                                                 \
	{"exact", required_argument, NULL, DRIVE_OPT_EXACT},                                       \
	{"ignored", no_argument, NULL, DRIVE_OPT_IGNORED},                                         \
	{"mode", required_argument, NULL, 'm'},                                                    \
	{"kernel", required_argument, NULL, DRIVE_OPT_KERNEL},                                     \
	{"topology", required_argument, NULL, DRIVE_OPT_TOPOLOGY},                                 \
	{"ktstr-topo", required_argument, NULL, DRIVE_OPT_TOPOLOGY},                               \
	{"memory-mib", required_argument, NULL, DRIVE_OPT_MEMORY},                                 \
	{"seed", required_argument, NULL, DRIVE_OPT_SEED},                                         \
	{"jobs", required_argument, NULL, 'j'},                                                    \
	{"icount-shift", required_argument, NULL, DRIVE_OPT_ICOUNT_SHIFT},                         \
	{"no-template", no_argument, NULL, DRIVE_OPT_NO_TEMPLATE},                                 \
	{"disturb", no_argument, NULL, DRIVE_OPT_DISTURB},                                         \
	{"no-skip-mode", no_argument, NULL, DRIVE_OPT_NO_SKIP},                                    \
	{"tracer", required_argument, NULL, DRIVE_OPT_TRACER},                                     \
	{"scheduler", required_argument, NULL, DRIVE_OPT_SCHEDULER},                               \
	{"scheduler-arg", required_argument, NULL, DRIVE_OPT_SCHEDULER_ARG},                       \
	{"duration", required_argument, NULL, DRIVE_OPT_DURATION},                                 \
	{"duration-ms", required_argument, NULL, DRIVE_OPT_DURATION_MS},                           \
	{"workers", required_argument, NULL, DRIVE_OPT_WORKERS},                                   \
	{"work-type", required_argument, NULL, DRIVE_OPT_WORK_TYPE},                               \
	{"ktstr-work-type", required_argument, NULL, DRIVE_OPT_WORK_TYPE},                         \
	{"flags", required_argument, NULL, DRIVE_OPT_FLAGS},                                       \
	{"host", no_argument, NULL, DRIVE_OPT_HOST},                                               \
	{"verbose", no_argument, NULL, 'v'},                                                       \
	{"help", no_argument, NULL, DRIVE_OPT_HELP}

/* What --help says about these options. */
extern const char drive_help_which[], drive_help_load[], drive_help_how[];

/* Defaults and environment; 0, or the exit status after a message. */
int drive_options_init(const char *command, struct drive_options *options);

/* One option as getopt_long() returned it (not DRIVE_OPT_HELP): 0, or the exit status. */
int drive_take_option(int option, struct drive_options *options);

/* The tests that were asked for: 0, or the exit status after a message. */
int drive_plans(const struct drive_options *options, char *const *programs, int count,
		struct test_plans *ret_plans);

/* Kernel, QEMU, mode, a directory for the run, and Ctrl-C as a descriptor. */
struct drive {
	const struct drive_options *options;
	struct run_dir dir;
	struct qemu qemu;
	struct kernel kernel;
	char *initramfs;
	char *cache_dir;
	enum vm_mode mode;
	int cancel_fd;
	struct run_store *store;      /* NULL: it cannot be used, and a line said why */
};

int drive_begin(const struct drive_options *options, const struct test_plans *plans,
		struct drive *ret_drive, struct ktstr_error *err);
void drive_done(struct drive *drive);
DEFINE_AUTO_DONE(struct drive, drive_done)

/*
 * What only records need: the commit of what is tested, and the store. Without a store records are
 * saved all the same, and `ktstr stats` finds them later.
 */
void drive_record(struct drive *drive, struct test_plans *plans);

/* For run_tests(): all but rounds and what becomes of results. */
struct run_config drive_run_config(const struct drive *drive, const struct test_plans *plans);

/* Whether a file that is written at the end can be: before a guest runs for it. NULL is fine. */
int drive_check_output(const char *path, struct ktstr_error *err);

/* Log what went wrong; the exit status. */
int drive_trouble(const struct ktstr_error *err);

#endif
