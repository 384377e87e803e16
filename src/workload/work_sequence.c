/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequence and Custom: what the author of a test puts together. */
#include <sched.h>

#include "workload/kinds.h"
#include "workload/measure.h"

static void yield_until(struct ktstr_worker *worker, uint64_t end_ns)
{
	while (worker->checked_ns < end_ns && !stopped()) {
		(void)sched_yield();        /* always succeeds on Linux */
		worker->report->work_units++;
		checkpoint(worker);
	}
}

static void io_until(struct ktstr_worker *worker, uint64_t end_ns)
{
	while (worker->checked_ns < end_ns) {
		if (!io_sync_write_once(worker))
			return;
	}
}

static void run_phase(struct ktstr_worker *worker, const struct ktstr_phase *phase)
{
	uint64_t end_ns = worker->checked_ns + jittered(worker, phase->ns);

	switch (phase->kind) {
	case KTSTR_PHASE_SPIN:
		spin_until(worker, end_ns);
		return;
	case KTSTR_PHASE_SLEEP:
		if (sleep_until(worker, end_ns))
			checkpoint(worker);
		return;
	case KTSTR_PHASE_YIELD:
		yield_until(worker, end_ns);
		return;
	case KTSTR_PHASE_IO:
		io_until(worker, end_ns);
		return;
	}
}

void work_sequence(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;

	while (!stopped()) {
		for (size_t i = 0; i < work->phase_count && !stopped(); i++)
			run_phase(worker, &work->phases[i]);
		if (!stopped())
			worker->report->iterations++;
	}
}

/* --- Custom ---------------------------------------------------------------------------------------------- */

void work_custom(struct ktstr_worker *worker)
{
	worker->work->custom(worker, worker->work->custom_config);
}

EXPORT bool ktstr_worker_stopped(const struct ktstr_worker *self)
{
	(void)self;
	return stopped();
}

EXPORT unsigned ktstr_worker_index(const struct ktstr_worker *self)
{
	return self->config->index;
}

EXPORT uint64_t ktstr_worker_seed(const struct ktstr_worker *self)
{
	return self->config->seed;
}

EXPORT void ktstr_worker_progress(struct ktstr_worker *self, uint64_t units)
{
	self->report->work_units += units;
	self->report->iterations++;
	checkpoint(self);
}

/* The time until then was no gap. */
EXPORT void ktstr_worker_woke(struct ktstr_worker *self, uint64_t due_ns)
{
	note_wake(self, due_ns);
	if (due_ns > atomic_load(&self->slot->since_ns))
		atomic_store(&self->slot->since_ns, due_ns);
}
