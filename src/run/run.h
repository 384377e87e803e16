/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h - from test programs to results: asks a program what tests it has, boots a guest for each
 * (several at once, within the host's CPUs and memory), follows it, and decides what it found.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "base/base.h"
#include "kernel/kernel.h"
#include "outcome/outcome.h"
#include "report/report.h"
#include "topology/topology.h"
#include "trace/trace.h"
#include "vm/vm.h"

/* --- plan.c: tests as data ------------------------------------------------------------------------ */

#define CATALOGUE_PROGRAM "ktstr-catalogue"      /* the test program behind `ktstr run` */

struct flag_plan {
	char *name;
	struct strings args, requires;
	bool active;
};
void flag_plan_done(struct flag_plan *flag);
DEFINE_VEC(flag_plans, struct flag_plan, flag_plan_done)

struct scheduler_plan {
	char *name;
	char *binary;                 /* as declared: a path or a name to look up; NULL: EEVDF */
	bool asked;                   /* by --scheduler, so that KTSTR_SCHEDULER does not count */
	struct strings args;
	char *config_file, *cgroup_parent;           /* or NULL */
	struct strings enable, disable;              /* shell commands: it is built into the kernel */
	struct strings sysctls, kargs;               /* "key=value"; words of the kernel's command line */
	uint64_t watchdog_timeout_ms;                /* 0: as it says itself */
	struct flag_plans flags;                     /* that it has; args get those of the active ones */
};

void scheduler_plan_done(struct scheduler_plan *scheduler);

/* Who may set a limit; the last one that does wins. */
enum check_layer { CHECK_LAYER_DEFAULT, CHECK_LAYER_SCHEDULER, CHECK_LAYER_TEST, CHECK_LAYERS };

const char *check_layer_word(enum check_layer layer);        /* "scheduler" */

struct test_plan {
	char *program;                /* path of the test program */
	char *name;
	struct topology topology;
	uint64_t memory_mib;          /* that the guest gets, contract L8 applied */
	bool memory_overridden;       /* the user said how much */
	bool machine_asked;           /* the user asked for exactly this one: not to have it is an error */
	uint64_t duration_ms, timeout_ms;
	char *payload;                /* name of the primary one; NULL: none */
	bool has_scheduler;
	struct scheduler_plan scheduler;
	uint64_t watchdog_timeout_ms; /* 0: the scheduler's; plan_watchdog_ms() has what counts */
	struct strings required_flags, excluded_flags;
	struct strings active_flags;  /* by plans_select(), in the scheduler's order */
	struct strings include_files;
	bool expect_err;
	enum ktstr_kind expect_kind;  /* KTSTR_KIND_NONE: any */
	bool wprof;                   /* the user's wprof runs beside the test */
	struct strings wprof_args;    /* empty: its default arguments */
	bool ctprof;                  /* captures at the ends of its steps */
	bool no_auto_repro;           /* the test wants no second run when its scheduler dies */
	bool host_only;
	bool ignored;                 /* runs only when asked for by name */
	struct strings overrides;     /* "KTSTR_WORKERS=4": what the body's environment says beside */
	struct strings options;       /* the options of `ktstr test` that changed this plan, to repeat it */
	struct ktstr_checks checks[CHECK_LAYERS];      /* as each layer declares them */
	char *project_commit;         /* of the program's source, when plans_note_commits() found it */
	struct ktstr_trace_checks trace_checks;
};

void test_plan_done(struct test_plan *plan);
/* The scheduler's, "eevdf" where nothing else was asked for. */
const char *plan_scheduler_name(const struct test_plan *plan);
/* The timeout of sched_ext's watchdog that was declared; 0: none was. */
uint64_t plan_watchdog_ms(const struct test_plan *plan);
DEFINE_VEC(test_plans, struct test_plan, test_plan_done)

/* Parse what a test program prints for --ktstr-describe. -EBADMSG with words. */
int plans_parse(struct sv json, const char *program, struct test_plans *plans,
		struct ktstr_error *err);

/* Run the program with --ktstr-describe and append its tests. Its own words are in *err. */
int plans_describe(const char *program, struct test_plans *plans, struct ktstr_error *err);

/* The limits that a test is judged by and who set each, for people or as JSON (the caller's). */
void thresholds_to_text(const struct test_plan *plan, struct buf *out);
json_t *thresholds_to_json(const struct test_plan *plan);
/*
 * Ask git for the commit of each program's source, in the directory of the program, or else in the
 * current one: "1417582", "1417582-dirty". Where it has no answer within 300 ms, none is noted.
 */
void plans_note_commits(struct test_plans *plans);

/* What the user wants of them. Strings borrowed; NULL or 0: as declared. */
struct selection {
	const char *pattern;          /* substring, or a glob when it has one of "*?[" */
	const char *exact;            /* "name" or "ktstr/name" */
	char *const *names;           /* these and no others; ends with NULL */
	const char *topology;
	uint64_t memory_mib;
	bool ignored;                 /* include the ones that run only when asked for */
	/* another scheduler for all of them, or other loads in scenarios that leave them open */
	const char *scheduler;        /* program; "eevdf": the kernel's own */
	struct strings scheduler_args;               /* owned */
	uint64_t duration_ms;
	uint32_t workers;
	const char *work_type;
	const char *flags;            /* "a,b": active beside those that a test requires; NULL: none */
	bool on_host;                 /* no guests: on this machine, under its own scheduler */
	bool recorded;                /* words of a record: nobody asked for its machine just now */
};

/*
 * Drops what is not wanted, applies overrides. -EINVAL: a bad topology or work type; -ENOENT: one of
 * the names is none, with the nearest one.
 */
int plans_select(struct test_plans *plans, const struct selection *selection,
		 struct ktstr_error *err);

/* --- places.c ------------------------------------------------------------------------------------------ */

/* KTSTR_RUNS_DIR, or XDG state `ktstr/`. The caller's string. */
char *runs_dir(void);

/*
 * The directory of one `ktstr test` call: <runs>/<id>/, with an open, locked file `lock` in it for
 * as long as this process lives. What a killed run left locked by nobody is swept first.
 */
struct run_dir {
	char *id;
	char *path;
	int lock_fd;
};
int run_dir_make(struct run_dir *ret_dir, struct ktstr_error *err);
void run_dir_done(struct run_dir *dir);        /* removes `lock` and scratch, keeps results */
DEFINE_AUTO_DONE(struct run_dir, run_dir_done)

/* Where the scheduler's program is; -ENOENT lists the places (TD-6). The caller's string. */
int scheduler_find(const struct scheduler_plan *scheduler, const char *test_program, char **ret_path,
		   struct ktstr_error *err);

/* --- host_machine.c: this machine as the place of a test -------------------------------------------------- */

/*
 * The mount point of the cgroup v2 file system in the content of /proc/self/mountinfo
 * (proc_pid_mountinfo(5)). -ENOENT: there is none. The caller's string.
 */
int cgroup_mount_parse(struct sv mountinfo, char **ret_path, struct ktstr_error *err);

/*
 * What /sys says of this machine's CPUs, when it has the regular shape that a topology can say:
 * as many CPUs in each core, cores in each LLC and LLCs in each node. Otherwise one LLC of them all.
 */
struct topology host_topology(int sys_fd);
int host_topology_here(struct topology *ret_topology, struct ktstr_error *err);

/* The same as it is, whatever its shape. LLCs are numbered by their first CPUs, nodes as in /sys. */
#define HOST_NODES_MAX 64
struct host_group {
	unsigned number;
	struct cpuset cpus;
};
static inline void host_group_done(struct host_group *group)
{
	(void)group;
}
DEFINE_VEC(host_group_list, struct host_group, host_group_done)

struct host_groups {
	struct cpuset online;
	struct host_group_list llcs, nodes;
};
int host_groups_read(int sys_fd, struct host_groups *ret_groups, struct ktstr_error *err);
void host_groups_done(struct host_groups *groups);
DEFINE_AUTO_DONE(struct host_groups, host_groups_done)

/*
 * Whether cgroups of workers can be run on this machine: root, and cgroup v2. *ret_root: the
 * directory below which they are made, of this process alone; the caller's string.
 */
int host_cgroup_root(char **ret_root, struct ktstr_error *err);

/* Where cgroup v2 is mounted on this machine; -ENOENT: nowhere. The caller's string. */
int host_cgroup_mount(char **ret_mount, struct ktstr_error *err);

/* --- host_cgroups.c: what killed runs on this machine left there -------------------------------------------- */

/* Whether a directory of this name is ktstr's: "ktstr" (*ret_pid 0), or "ktstr-PID". */
bool leftover_parse(const char *name, uint32_t *ret_pid);

/*
 * Remove those directly below `mount` whose ktstr is dead, with the processes in them, and append
 * their paths to `removed`; those of live ones go to `live`. The first that cannot be removed ends it.
 */
int cgroup_leftovers_remove(const char *mount, struct strings *removed, struct strings *live,
			    struct ktstr_error *err);

/*
 * Remove this cgroup and those below it, whoever's they are. Processes are killed only where the name
 * is ktstr's; -EBUSY: another cgroup has some, and nothing was removed. -EINVAL: it is no cgroup v2;
 * -EPERM: it is the root of all of them.
 */
int cgroup_leftover_remove(const char *dir, struct ktstr_error *err);

/* --- shell.c: a program of the user's choice in a guest, instead of a test ----------------------------- */

struct shell {                        /* all borrowed */
	const char *busybox;          /* host path, of busybox_find() */
	const char *command;          /* for `sh -c`; NULL: a login shell on the terminal */
	const char *const *env;       /* "TERM=..." and the like; ends with NULL */
	int terminal_fd;              /* QEMU's end of the terminal's socket */
	const _Atomic uint32_t *window;              /* of the terminal, as of wire_window() */
	void (*on_begin)(void *arg);                 /* it runs now */
	void (*on_output)(void *arg, enum wire_stream stream, struct sv bytes);
	void (*on_console)(void *arg, struct sv bytes);        /* the kernel printed this; NULL: not asked for */
	void *arg;
};

struct run_config;

/* The host's busybox: KTSTR_BUSYBOX_PATH, or `busybox` in PATH. The caller's string. */
int busybox_find(char **ret_path, struct ktstr_error *err);

/*
 * Run it in a guest like that of config's only plan, whose timeout_ms is the command's. 0 with the
 * wait status, as from waitpid(); errors say how the guest ended. -ECANCELED: cancel_fd.
 */
int shell_run(const struct run_config *config, const struct shell *shell, int *ret_wait_status,
	      struct ktstr_error *err);

/* --- flags.c: features of a scheduler that are switched on ------------------------------------------ */

int flags_parse(json_t *scheduler, struct flag_plans *ret_flags, struct ktstr_error *err);
/*
 * Switch on what the test requires and what is wanted ("a,b" or NULL), with what that requires, and
 * append their arguments. 1; 0: the scheduler does not have one of the wanted, or the test excludes one
 * that is on.
 */
int flags_activate(struct test_plan *plan, const char *wanted, struct ktstr_error *err);

/* --- files.c: what travels into the guest ------------------------------------------------------------ */

struct request_config {
	const struct test_plan *plan;
	const char *scheduler;        /* host path, or NULL */
	const struct kernel *kernel;  /* its configuration goes along where it has one; or NULL */
	const struct shell *shell;    /* NULL: the plan's test */
	const char *wprof;            /* host path, or NULL */
	const char *busybox;          /* host path, when the scheduler has commands */
	const struct strings *probes; /* functions to probe while the scheduler runs; NULL: none */
	const char *tracer;           /* host path of ktstr-guest-tracer, or NULL */
	struct wire_watchdog watchdog;                /* timeout_ms 0: as the scheduler says */
	enum vm_mode mode;
	uint64_t seed;
	bool disturb;
	bool freeze;                  /* the body says when its load ends, for a dump */
	uint64_t nonce;
};

/* All frames of the request for this test, files and their libraries included. */
int request_build(const struct request_config *config, struct buf *ret_request,
		  struct ktstr_error *err);

/* --- session.c: following one guest -------------------------------------------------------------------- */

#define SESSION_TEXT_MAX (4u << 20)          /* what probes saw are up to two of them */

enum session_end {
	SESSION_DONE,                 /* the guest said all it had to say */
	SESSION_PANIC,                /* the kernel stopped */
	SESSION_QEMU_ENDED,
	SESSION_TIMEOUT,              /* a stage took longer than its host deadline */
	SESSION_NONSENSE,             /* what it wrote is no frame */
	SESSION_CANCELLED,
};

/* A file that comes in pieces; without the last one it is none. */
struct pieces {
	struct buf bytes;
	uint32_t crc;                 /* of what is in it so far */
	bool whole;
	char *trouble;                /* why the guest has none, or NULL */
};

/* Everything that a guest said and how it ended; judge.c makes an outcome of it. */
struct session {
	enum session_end end;
	char *template_key;           /* of the template that it was cloned from, or NULL */
	char *end_text;               /* the panic line, QEMU's last words, ... or NULL */
	bool hello;
	char kernel_release[64];
	enum wire_stage stage;        /* the last one that had begun */
	uint64_t stage_host_ns[WIRE_STAGE_COUNT];    /* how long each took, on the host */
	uint64_t qemu_start_ns;
	uint64_t test_began_ns, result_at_ns;        /* guest time */
	bool has_result, has_scheduler_state, has_trouble, done;
	struct buf result, scheduler_state;          /* JSON as the guest wrote it */
	struct wire_trouble trouble;
	char *trouble_text;
	struct pieces wprof, steps;                  /* the trace; captures of the test's steps */
	char *trace_trouble;                         /* why trace_stream is not whole, or NULL */
	struct wire_done done_status;
	struct buf stream[WIRE_STREAM_COUNT];        /* the first SESSION_TEXT_MAX of each */
	char *console_tail;
};

void session_done(struct session *session);
DEFINE_AUTO_DONE(struct session, session_done)

struct session_config {
	struct vm_config vm;          /* card_fd is filled in here */
	struct sv request;
	uint64_t nonce;
	const struct test_plan *plan;
	const struct shell *shell;    /* NULL: a test */
	const char *trace_stream;     /* file for what the guest's tracer tells; NULL: it has none */
	uint64_t boot_limit_ns;       /* host time for stage boot */
	int cancel_fd;
	/*
	 * Called while the guest stands still where it went wrong; guest_ns: its clock as far as it said.
	 * True: the session ends here, else the guest goes on if it can. NULL: nobody wants to look.
	 */
	bool (*on_frozen)(void *arg, struct vm *vm, const char *reason, uint64_t guest_ns);
	void *frozen_arg;
	bool may_ring;                /* PID 1 rings for it where the run goes wrong; else only what ends a guest */
	void (*on_stage)(void *arg, const char *stage);      /* may be NULL */
	void *arg;
};

/* How long a boot may take on the host where nobody says. */
uint64_t session_boot_limit_ns(enum vm_mode mode, const struct topology *topology);

/* Boot and follow it to its end; QEMU is gone afterwards. Errors are only ours: QEMU did not start. */
int session_run(const struct session_config *config, struct session *ret_session,
		struct ktstr_error *err);

/* --- judge.c: from what a guest said to an outcome; pure -------------------------------------------------- */

int judge_session(const struct test_plan *plan, const struct session *session,
		  struct outcome *ret_outcome, struct ktstr_error *err);

/* Only how it ended and what the guest had trouble with. */
void judge_end(const struct session *session, struct outcome *outcome);

/* Passing is the failure, and a kind wants that kind (test.h, expect_err). */
void judge_expectation(const struct test_plan *plan, struct outcome *outcome);

/* --- evidence.c: who scheduled ------------------------------------------------------------------------------ */

/* The guest's words about sched_ext at four moments, checked and bounded. */
struct ext_moment {
	char *state, *ops;            /* NULL: unknown, none */
	uint64_t enable_seq, nr_rejected;
};

struct evidence {
	bool asked;
	struct ext_moment before, start, during, after;
	uint64_t run_count_start, run_count_during;  /* of all struct_ops programs */
	json_t *programs;             /* [{name, run_count}] at `during`: increments since `start` */
	bool has_timeout;
	uint64_t watchdog_timeout_ms; /* when one was declared: what the kernel had taken */
	char *disable_trouble;        /* what went wrong when it was switched off, or NULL */
	char *ended_early;            /* "exit status 1"; NULL: it ran until it was stopped */
	uint64_t ended_ns;
};

int evidence_read(struct sv json, struct evidence *ret_evidence, struct ktstr_error *err);
void evidence_done(struct evidence *evidence);
DEFINE_AUTO_DONE(struct evidence, evidence_done)
json_t *evidence_to_json(const struct evidence *evidence, struct sv kernel_log);

/*
 * Did the scheduler that was asked for run the workers? Adds what speaks against it: a failure when
 * it died, an error when it did not schedule at all. True when it did schedule.
 */
bool evidence_judge(const struct evidence *evidence, const struct test_plan *plan,
		    const json_t *workers, struct sv kernel_log, struct outcome *outcome);

/* --- traced.c: a run with a trace ------------------------------------------------------------------------ */

enum trace_wish {
	TRACE_AS_TESTS_WANT,          /* only those that are judged by it */
	TRACE_IF_POSSIBLE,            /* where it is not, a line says so */
	TRACE_ALWAYS,                 /* where it is not, tests end in an error */
};

/* Who records. */
enum tracer_choice {
	TRACER_AUTO,                  /* kvm: BPF programs in the guest; else the plugin */
	TRACER_PLUGIN,                /* in QEMU: det and tcg */
	TRACER_BPF,                   /* they take part in the run: in det it is another one than without */
	TRACER_BOTH,                  /* det and tcg: what is judged and shown is the plugin's */
};

bool tracer_choice_parse(struct sv word, enum tracer_choice *ret_choice);

/*
 * Judge what the workers (the outcome's list) had to wait, and add to the outcome what was over a
 * limit. A limit and nothing that could pass it, or a trace that is not whole: inconclusive. Pure.
 */
void judge_trace(const struct ktstr_trace_checks *checks, const struct trace_analysis *analysis,
		 struct outcome *outcome);

/* --- dumped.c: a guest's state where it failed ------------------------------------------------------------ */

enum dump_wish { DUMP_ON_FAILURE, DUMP_ALWAYS, DUMP_NEVER };

bool dump_wish_parse(struct sv word, enum dump_wish *ret_wish);

/* --- runner.c -------------------------------------------------------------------------------------------------- */

struct run_store;

struct run_config {
	const struct test_plans *plans;
	size_t rounds;                /* each test runs so often, at least once; its runs are neighbours */
	bool seed_per_round;          /* the seed grows by one a round; else all rounds are the same run */
	const struct qemu *qemu;
	const struct kernel *kernel;
	const char *initramfs;
	const struct run_dir *dir;
	enum vm_mode mode;
	uint64_t seed;
	bool no_skip;                 /* a test that is skipped has failed */
	bool disturb;                 /* PID 1's seeded disturber preempts at random moments */
	const char *template_cache;   /* the cache directory; NULL: every guest boots from cold */
	uint64_t template_max_bytes;  /* of disk, for all templates together */
	int icount_shift;             /* det; -1: by the number of CPUs */
	unsigned jobs;                /* guests at once; 0: as the host's CPUs allow */
	uint64_t boot_limit_ns;       /* 0: by mode and CPU count */
	int cancel_fd;
	bool verbose_kernel;
	enum trace_wish trace;
	enum tracer_choice tracer;
	enum dump_wish dump;
	bool auto_repro;              /* a scheduler that dies is run again, with probes */
	bool probes;                  /* in every guest, from the beginning (--repro) */
	struct strings probe_stack;   /* functions that the user wants probed; borrowed */
	const char *trace_path;       /* the Perfetto file of a traced test; NULL: trace.pb beside its log */
	/* in the order of plans and rounds, on the thread that called run_tests(); the result is borrowed */
	void (*on_result)(void *arg, const struct result *result);
	void *arg;
	struct progress *progress;    /* may be NULL */
	struct run_store *store;      /* indexes the results, in their order; or NULL */
};

size_t run_count(const struct run_config *config);

/*
 * Whether each test has what its guest is given: programs, libraries, files, which no seed changes.
 * The first that has not is the error. Tests that will be skipped are not asked.
 */
int run_check(const struct run_config *config, struct ktstr_error *err);

/*
 * Run all plans. In det, rounds with the same seed must have the same outcome: one that has not
 * fails, and says what the first difference is. Only our own failures return.
 */
int run_tests(const struct run_config *config, struct report_totals *ret_totals,
	      struct ktstr_error *err);

#endif
