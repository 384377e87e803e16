/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * play.h - the inside of a play: its cgroups, its crews, and what the room's files do with them.
 *
 *	play.c      begin, hold, end; who may look inside
 *	ops.c       the operations
 *	places.c    cgroups: names, nesting, CPUs, limits
 *	crew.c      workers: start, place, stop
 *	judging.c   from reports to findings
 *	steps.c     scenarios, and lists of cgroups
 */
#ifndef SCENARIO_PLAY_H
#define SCENARIO_PLAY_H

#include "scenario/cgroup.h"
#include "scenario/machine.h"
#include "scenario/plan.h"
#include "scenario/scenario.h"
#include "workload/workload.h"

/* A cgroup of the play, or the label of workers outside of all (is_outside). */
struct place {
	char *name;
	char *dir;
	bool is_outside;
	bool is_implicit;            /* made because one inside of it was; nobody has declared it */
	bool is_made;
	bool is_frozen;
	bool has_quota;
	unsigned weight;             /* cpu.weight; 0: as the kernel has it */
	struct cpuset asked;         /* what cpuset.cpus was set to; empty: nothing */
	unsigned next_index;         /* of a worker */
};

/* Workers that were started together. They are in one cgroup, always all of them. */
struct crew {
	struct place *place;
	struct crew_plan plan;
	struct workers *workers;
	bool is_running;             /* released and not stopped */
	bool is_stopped;
	uint64_t release_ns, frozen_since_ns, frozen_ns;
	struct cpuset might;         /* the CPUs that it had at one time or another */
	/* In the phase that is open: how long they had waited at its start; moved since. */
	uint64_t phase_wait_ns;
	bool is_unsteady;
	struct worker_reports reports;        /* once stopped; they borrow from workers */
};

DEFINE_VEC(places, struct place *, vec_keep)
DEFINE_VEC(crews, struct crew *, vec_keep)

/* A step on its way; number 0 is the backdrop. */
struct step_state {
	unsigned number;
	char name[WORKER_CGROUP_NAME_MAX];
	uint32_t op_count, op_kinds;
	bool is_told;                /* its start is in the timeline, */
	bool is_over;                /* and its end */
};

struct ktstr_play {
	struct ktstr_ctx *ctx;
	struct ktstr_verdict *verdict;
	uint64_t start_ns;
	int scheduler_fd;            /* pidfd; -1 without a scheduler */
	bool scheduler_died;
	bool outranked;
	bool has_ended;
	struct cgroups cgroups;
	struct places places;        /* in the order in which they were declared */
	struct crews crews;          /* those that were not judged yet */
	unsigned crews_started;
	unsigned next_role;
	struct workers_progress ended;        /* sums over crews that were stopped */
	struct step_state step;
	struct step_state backdrop;  /* set aside while there is a step */
	/* A phase: time in which nothing is changed, or a loop. Its idle time has its own loads. */
	bool is_looping;
	bool phase_is_open;
	struct machine_sample phase_start;
	struct machine_window window;         /* over all phases */
	uint64_t idle_ns_of[CPUSET_CPU_MAX];  /* of each CPU likewise */
	uint64_t wasted_ns;
	uint64_t pages_migrated;     /* vmstat's at the start */
};

/* --- places.c ----------------------------------------------------------------------------------- */

struct place *place_find(struct ktstr_play *play, const char *name);
/* -ENOENT with words. An outside label counts only when wanted. */
int place_get(struct ktstr_play *play, const char *name, bool outside_too, struct place **ret_place,
	      struct ktstr_error *err);

/*
 * Know a cgroup, and those above it, by name; nothing is made yet. -EEXIST: it is declared already.
 */
int place_declare(struct ktstr_play *play, const char *name, struct place **ret_place,
		  struct ktstr_error *err);
struct place *place_outside(struct ktstr_play *play, const char *name, struct ktstr_error *err);
int place_make(struct ktstr_play *play, struct place *place, struct ktstr_error *err);
/* Remove it with what is in it, and forget it. */
int place_remove(struct ktstr_play *play, struct place *place, struct ktstr_error *err);
void place_forget(struct ktstr_play *play, struct place *place);

bool place_is_inside(const struct place *inner, const struct place *outer);     /* or the same */
/* -EBUSY with words when workers cannot be there: it has cgroups inside, or is frozen. */
int place_takes_workers(struct ktstr_play *play, const struct place *place,
			struct ktstr_error *err);

/* The CPUs that the kernel should let it have. */
struct cpuset place_cpus(struct ktstr_play *play, const struct place *place);
/* An empty set clears it. The kernel's answer is read back, for all that is in it too. */
int place_set_cpus(struct ktstr_play *play, struct place *place, const struct cpuset *cpus,
		   struct ktstr_error *err);
int place_set_limits(struct ktstr_play *play, struct place *place,
		     const struct ktstr_limits *limits, struct ktstr_error *err);
int place_freeze(struct ktstr_play *play, struct place *place, bool freeze,
		 struct ktstr_error *err);
/* Thaw this place and what it is in. */
int place_thaw_around(struct ktstr_play *play, struct place *place, struct ktstr_error *err);

/* --- crew.c ------------------------------------------------------------------------------------- */

/* Where workers of that place would start now. */
struct crew_place crew_place_of(struct ktstr_play *play, const struct place *place);

/*
 * Start them, put them into their place and make them ready; they hold still. Takes the plan. An
 * empty plan is no crew: *ret_crew NULL.
 */
int crew_start(struct ktstr_play *play, struct place *place, struct crew_plan *plan,
	       struct crew **ret_crew, struct ktstr_error *err);
void crew_release(struct ktstr_play *play, struct crew *crew);

/* All that run there, or everywhere (NULL): thawed, stopped together, their reports taken. */
int crews_stop(struct ktstr_play *play, struct place *place, struct ktstr_error *err);
/* Sums over all crews, ended ones included. */
struct workers_progress crews_progress(struct ktstr_play *play);
void crew_forget(struct ktstr_play *play, struct crew *crew);
/* All workers of one crew to another place, whose CPUs they then have. */
void crew_moved(struct ktstr_play *play, struct crew *crew, struct place *to);

bool crew_is_there(const struct ktstr_play *play, const struct place *place);   /* and alive */
/* Masks anew, by seed. */
int crew_set_affinity(struct ktstr_play *play, struct crew *crew,
		      const struct ktstr_affinity *affinity, struct ktstr_error *err);
/* Its place or that place's CPUs have changed: read every worker's CPUs back. */
int crew_check_cpus(struct ktstr_play *play, struct crew *crew, struct ktstr_error *err);
void crew_excuse_freeze(struct crew *crew, uint64_t now_ns);

/* --- judging.c ------------------------------------------------------------------------------------ */

/* The reports of those that were stopped in this place, once. */
void place_judge(struct ktstr_play *play, struct place *place);
void play_judge_machine(struct ktstr_play *play);
/* A phase begins with the first hold after a change, and ends with the next change. */
int phase_open(struct ktstr_play *play, struct ktstr_error *err);
int phase_close(struct ktstr_play *play, struct ktstr_error *err);
struct ktstr_checks play_checks(const struct ktstr_play *play);
/* The scheduler is gone: found after a step of so many, or (0) while something was going on. */
void play_scheduler_died(struct ktstr_play *play, unsigned step, unsigned steps);
/* An event for the timeline about the step on its way (verdict.h: struct timeline_event). */
void play_tell(struct ktstr_play *play, bool end);

/* --- ops.c ----------------------------------------------------------------------------------------- */

/* Cgroups side by side: all of them are made and filled before the first worker may go. */
int play_add_cgroups(struct ktstr_play *play, const struct ktstr_cgroup *cgroups, size_t count,
		     struct ktstr_error *err);
int play_remove_cgroup(struct ktstr_play *play, const char *name, struct ktstr_error *err);
/* What stands in front of an error's words: "step 2 (split): ". */
int play_wrap_step(const struct ktstr_play *play, int code, struct ktstr_error *err);

/* --- play.c ---------------------------------------------------------------------------------------- */

DEFINE_AUTO(struct ktstr_play *, ktstr_play_free)

int play_begin(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, bool no_cpu_controller,
	       struct ktstr_play **ret_play, struct ktstr_error *err);
/* Whether the scheduler still lives, now. */
bool play_scheduler_lives(struct ktstr_play *play);
/* The step on its way is over; the timeline is told once. */
void play_end_step(struct ktstr_play *play);

#endif
