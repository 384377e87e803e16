/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing memory by a stride. */
#include <sched.h>

#include "workload/kinds.h"
#include "workload/measure.h"

size_t memory_of_cache(const struct ktstr_work *work)
{
	return work->bytes;
}

void cache_accesses(struct ktstr_worker *worker, uint64_t count)
{
	volatile unsigned char *memory = worker->memory;
	size_t bytes = worker->memory_bytes, stride = worker->work->stride;

	while (count && !stopped()) {
		uint64_t left = worker->turns_to_checkpoint;
		uint64_t part = count < left ? count : left;

		for (uint64_t i = 0; i < part; i++) {
			memory[worker->place]++;
			worker->place += stride;
			if (worker->place >= bytes)
				worker->place = 0;
		}
		count -= part;
		worker->report->work_units += part;
		worker->turns_to_checkpoint -= part;
		if (worker->turns_to_checkpoint == 0)
			checkpoint(worker);
	}
}

static uint64_t accesses_per_sweep(const struct ktstr_work *work)
{
	return (work->bytes + work->stride - 1) / work->stride;
}

void work_cache_pressure(struct ktstr_worker *worker)
{
	while (!stopped()) {
		cache_accesses(worker, accesses_per_sweep(worker->work));
		if (!stopped())
			worker->report->iterations++;
	}
}

void work_cache_yield(struct ktstr_worker *worker)
{
	while (!stopped()) {
		cache_accesses(worker, accesses_per_sweep(worker->work));
		if (stopped())
			return;
		(void)sched_yield();        /* always succeeds on Linux */
		worker->report->iterations++;
		checkpoint(worker);
	}
}
