/* SPDX-License-Identifier: BSD-2-Clause */
/* Spinning, yielding, and spinning with sleeps between. */
#include <sched.h>

#include "workload/kinds.h"
#include "workload/measure.h"

#define TURNS_PER_YIELD 64

/* RtStarvation is the same: what makes its hogs hogs is their policy. */
void work_spin_wait(struct ktstr_worker *worker)
{
	while (!stopped()) {
		spin(worker, jittered(worker, worker->work->iterations));
		if (!stopped())
			worker->report->iterations++;
	}
}

void work_yield_heavy(struct ktstr_worker *worker)
{
	while (!stopped()) {
		turn_loop(jittered(worker, TURNS_PER_YIELD));
		(void)sched_yield();        /* always succeeds on Linux */
		worker->report->work_units++;
		worker->report->iterations++;
		checkpoint(worker);
	}
}

void work_mixed(struct ktstr_worker *worker)
{
	while (!stopped()) {
		spin(worker, jittered(worker, worker->work->iterations));
		if (stopped())
			return;
		(void)sched_yield();
		worker->report->iterations++;
		checkpoint(worker);
	}
}

void work_bursty(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;

	while (!stopped()) {
		spin_until(worker, worker->checked_ns + jittered(worker, work->burst_ns));
		if (stopped())
			return;
		worker->report->iterations++;
		if (!sleep_until(worker, worker->checked_ns + jittered(worker, work->sleep_ns)))
			return;
		checkpoint(worker);
	}
}

void work_idle_churn(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;

	while (!stopped()) {
		spin_until(worker, worker->checked_ns + jittered(worker, work->burst_ns));
		if (stopped())
			return;
		worker->report->iterations++;
		if (!sleep_for(worker, jittered(worker, work->sleep_ns)))
			return;
		checkpoint(worker);
	}
}
