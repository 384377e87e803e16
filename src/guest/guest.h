/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.h - PID 1 of the VM: a small static program that reads its request from the card, makes the
 * machine ready, starts the scheduler and the test body, watches both, and writes down what it saw.
 * It never waits for the host. It runs SCHED_FIFO (its children do not), so that a scheduler under
 * test that runs nothing cannot keep it from telling about it.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include <sched.h>

#include "base/base.h"
#include "topology/topology.h"
#include "wire/wire.h"

#define GUEST_TRACING "/sys/kernel/tracing"        /* where tracefs is */

/* --- card.c: the card as the guest sees it ------------------------------------------------------ */

struct card {
	struct wire_card *map;
	struct wire_log log;
};

/*
 * Find the card through the ACPI NFIT table, map it through /dev/mem and check its header. There is
 * nowhere to report to before this has worked; the caller prints the error on the console.
 */
int card_open(struct card *ret_card, struct ktstr_error *err);

/* After the template's doorbell another card may be in its place: check it and start its log. */
int card_reopen(struct card *card, struct ktstr_error *err);

void card_put(struct card *card, enum wire_type type, const void *payload, size_t len);
void card_stage(struct card *card, enum wire_stage stage);
void card_trouble(struct card *card, enum wire_trouble_code code, int error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * A regular file as frames of `type`, and one of `end_type` behind them (struct wire_pieces_end).
 * -EFBIG: more than max bytes; the end is missing then, as on every failure.
 */
int card_put_file(struct card *card, const char *path, enum wire_type type, enum wire_type end_type, uint64_t max,
		  struct ktstr_error *err);
void card_ring(struct card *card, enum wire_bell bell);      /* the VM stops; returns if resumed */

/* --- nfit.c ---------------------------------------------------------------------------------------- */

/*
 * The first persistent memory range of `size` bytes in an NFIT (ACPI 6.5, 5.2.25). -EBADMSG when it
 * is no such table, -ENOENT when it has no such range.
 */
int nfit_find_range(struct sv table, uint64_t size, uint64_t *ret_address, struct ktstr_error *err);

/* --- machine.c: mounts and knobs -------------------------------------------------------------------- */

int machine_mount_early(struct ktstr_error *err);     /* /proc, /sys, /dev: what card_open() needs */
int machine_prepare(struct ktstr_error *err);         /* the other mounts, links, sysctls */

/*
 * Wait until the kernel has finished what it began at boot: late self-tests and deferred work would
 * steal from the first seconds of every clone. Gives up after some seconds of guest time.
 */
void machine_settle(void);

/* Make a clone an individual: its random numbers, and the time of day. */
int machine_personalize(const struct wire_run *run, struct ktstr_error *err);

/*
 * What a declaration asks of the machine. sysctls are "key=value", below proc_sys ("/proc/sys"); one
 * that this kernel does not have is an error that names it, and so is a value that it refuses.
 */
int machine_set_sysctls(const char *proc_sys, const struct strings *sysctls, struct ktstr_error *err);

/* --- timers.c: a guest in which nothing will happen by itself ----------------------------------------- */

struct timers {
	void *apic;                           /* registers of the CPU that one is on, or MAP_FAILED */
	cpu_set_t home, held;                 /* where PID 1 may run; whose timers are held */
};

/*
 * Between the two no CPU has a timer, and only what PID 1 does makes anything happen; it stays on
 * one CPU. Without an APIC in memory nothing is held.
 */
void timers_hold(struct timers *timers);
void timers_release(struct timers *timers);

/* --- request.c: what the host asked for ------------------------------------------------------------- */

struct request {
	struct wire_run run;
	uint32_t shell;                       /* enum wire_shell; 0: test_argv is a test */
	struct strings test_argv;
	struct strings test_env;
	struct strings scheduler_argv;        /* empty: EEVDF */
	struct strings scheduler_env;
	struct strings sysctls;               /* "key=value" */
	char *cgroup;                         /* or NULL */
	struct strings wprof_env;             /* empty: no wprof */
	struct strings tracer_env;            /* empty: no tracer */
	struct strings enable, disable;       /* commands of a scheduler that the kernel has built in */
	struct wire_watchdog watchdog;        /* timeout_ms 0: as the scheduler says */
};

void request_done(struct request *request);
DEFINE_AUTO_DONE(struct request, request_done)

/* Read all frames; files are written below root ("" in a guest, a directory in tests) as they come. */
int request_read(struct sv frames, uint64_t nonce, const char *root, struct request *ret_request,
		 struct ktstr_error *err);

/* --- ext.c: who schedules ------------------------------------------------------------------------------ */

struct ext_state {
	bool present;                         /* the kernel has sched_ext */
	char state[32];                       /* "enabled", "disabled", ... */
	char ops[128];                        /* name of the loaded scheduler, or "" */
	uint64_t enable_seq;
	uint64_t nr_rejected;
};

void ext_read(struct ext_state *ret_state);

/* Run counts of all loaded struct_ops programs, as JSON array "name" under key (bpf_stats on). */
void ext_programs_to_json(struct json_out *json, const char *key);
void ext_to_json(struct json_out *json, const char *key, const struct ext_state *state);

/* Where the kernel tells what happens: opened before a template is taken, so that clones have them. */
struct ears {
	int kmsg_fd, uevent_fd;
};

int ears_open(struct ears *ret_ears, struct ktstr_error *err);

/* --- watchdog.c: a timeout that is not the scheduler's own ------------------------------------------------ */

/*
 * Start the scheduler as config says, watched by *ret_keeper: when it hands sched_ext its operations,
 * their timeout is changed, and the keeper ends. Where that fails the scheduler goes on as it is, and
 * config's stderr has the words. Both are children of the caller.
 */
int watchdog_spawn(const struct wire_watchdog *watchdog, const struct spawn_config *config,
		   struct child *ret_scheduler, struct child *ret_keeper, struct ktstr_error *err);

/* What the operations of the loaded scheduler say now, by their map; false: none is to be found. */
bool watchdog_read(const struct wire_watchdog *watchdog, uint32_t *ret_timeout_ms);

/* What those two processes do first; for main(), when it is not PID 1. Returns an exit status. */
int watchdog_main(int argc, char **argv);

/* --- exit_dump.c: sched_ext's last words about a scheduler ------------------------------------------------ */

/* tracing: the mount point of tracefs. Once, before the template. */
void exit_dump_prepare(const char *tracing);
/* All that was dumped since, or nothing. */
void exit_dump_read(const char *tracing, struct buf *out);

/* --- shell.c: what a shell wants more than a test ------------------------------------------------------ */

int shell_install_applets(struct ktstr_error *err);   /* links to /bin/busybox in /bin */
int shell_open_terminal(int *ret_fd, struct ktstr_error *err);
void shell_set_window(int fd, uint32_t window);       /* as of wire_window() */
void shell_flush_terminal(int fd);                    /* until the host has all output, or 5 s */

/* --- wprof.c: the user's tracer ------------------------------------------------------------------------ */

/* Its words for arguments joined with 0x1f, and where its files go. */
void wprof_argv(const char *joined, struct strings *ret_argv);

int wprof_start(const struct strings *env, int output_fd, struct child *ret_child,
		struct ktstr_error *err);

/* Wait for it and put its trace on the card. */
int wprof_finish(struct card *card, struct child *child, struct ktstr_error *err);

/* --- tracer.c: ktstr's own, where it is wanted inside the guest ------------------------------------------ */

struct tracer {
	struct child child;
	int fd;                               /* of its stream, non-blocking; -1: it has ended, or none */
	int words_fd;                         /* of its stderr */
	bool has_begun;                       /* every event from now on is recorded */
};

#define TRACER_NONE ((struct tracer){.child = CHILD_NONE, .fd = -1, .words_fd = -1})
#define TRACER_BEGIN_NS (60 * NS_PER_S)       /* loading BPF programs is instructions */
#define TRACER_END_NS (30 * NS_PER_S)

int tracer_start(const struct strings *env, struct tracer *ret_tracer, struct ktstr_error *err);
void tracer_done(struct tracer *tracer);

/* What it has written since the last call goes onto the card. */
void tracer_read(struct tracer *tracer, struct card *card);

/* Once it has ended, or had its time: say on the card what went wrong, if anything did. */
void tracer_judge(struct tracer *tracer, struct card *card);

/* --- disturb.c --------------------------------------------------------------------------------------------- */

/*
 * Start a child that outranks all ordinary tasks and takes a random CPU for a random short time at
 * random moments, as the seed says: another seed, another interleaving; the same seed, in det, the
 * same again. It takes about a twentieth of one CPU's time.
 */
int disturb_start(uint64_t seed, struct child *ret_child, struct ktstr_error *err);

/* --- watch.c: one run, from the scheduler's start to its end ---------------------------------------------- */

/* Everything that happened is on the card afterwards; only our own failures are returned. */
int watch_run(struct card *card, const struct request *request, const struct ears *ears,
	      struct ktstr_error *err);

#endif
