/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.h - what all types of work are made of: doing units, passing checkpoints, and waiting in
 * ways that tell when the wait should have ended. Called by the worker itself.
 */
#ifndef WORKLOAD_MEASURE_H
#define WORKLOAD_MEASURE_H

#include "workload/worker.h"

/* Set by SIGUSR1, for all threads of the process. */
extern _Atomic int worker_stop_asked;

static inline bool stopped(void)
{
	return atomic_load_explicit(&worker_stop_asked, memory_order_relaxed);
}

uint64_t thread_cpu_ns(void);

/* Ends a gap, begins another. */
void checkpoint(struct ktstr_worker *worker);

/* --- working ---------------------------------------------------------------------------------- */

/* So many turns of an empty loop. */
void turn_loop(uint64_t turns);
/* Turns as work units, with a checkpoint every 1024; returns early when told to stop. */
void spin(struct ktstr_worker *worker, uint64_t turns);
/* Turns until a checkpoint finds that it is this late. */
void spin_until(struct ktstr_worker *worker, uint64_t end_ns);

/* The worker's own random numbers: 0 to below - 1; and value plus or minus an eighth. */
uint64_t random_below(struct ktstr_worker *worker, uint64_t below);
uint64_t jittered(struct ktstr_worker *worker, uint64_t value);

/* --- waiting; false when the stop came first --------------------------------------------------- */

/* It runs, and could have since then: a measured wake-up. */
void note_wake(struct ktstr_worker *worker, uint64_t due_ns);
/* A measured sleep until then, on CLOCK_MONOTONIC. */
bool sleep_until(struct ktstr_worker *worker, uint64_t wake_ns);
/* The same by a relative nanosleep(). */
bool sleep_for(struct ktstr_worker *worker, uint64_t ns);

/* From here on it waits for somebody, who says when that should be over. */
void begin_wait(struct ktstr_worker *worker);
/* It runs again: a measured wake-up, if somebody said so. */
void end_wait(struct ktstr_worker *worker);
/* Said by who ends the wait, just before doing it; false when that one does not wait. */
bool due_now(struct slot *slot);

/* FUTEX_WAIT while *word is value, as the member of the team that it is. Returns also without cause. */
bool wait_word(struct ktstr_worker *worker, _Atomic uint32_t *word, uint32_t value);
void wake_member(_Atomic uint32_t *word, unsigned member);
void wake_all(_Atomic uint32_t *word);
/*
 * Wake one of the members first to first + count - 1 that wait, if one does, beginning behind the
 * worker itself so that each gets its turn.
 */
void wake_one_of(struct ktstr_worker *worker, _Atomic uint32_t *word, unsigned first, unsigned count);

#endif
