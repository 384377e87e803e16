/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PreemptStorm: a worker that is SCHED_FIFO runs for a moment and sleeps, again and again, beside
 * others that spin. (RtStarvation's workers all spin: work_spin_wait().)
 */
#include "workload/kinds.h"
#include "workload/measure.h"

static void flicker(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;

	while (!stopped()) {
		spin(worker, jittered(worker, work->iterations));
		checkpoint(worker);
		if (stopped())
			return;
		worker->report->iterations++;
		if (!sleep_until(worker, worker->checked_ns + jittered(worker, work->sleep_ns)))
			return;
		checkpoint(worker);
	}
}

void work_preempt_storm(struct ktstr_worker *worker)
{
	if (team_role_of(worker->work, worker->config->member) == 0)
		flicker(worker);
	else
		work_spin_wait(worker);
}
