/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MutexContention: a lock of one word, by compare-and-swap and FUTEX_WAIT. Ulrich Drepper, "Futexes
 * Are Tricky" (2011), the second mutex: FREE, HELD, or HELD while others may wait. Here who
 * releases it picks whom to wake, so that the one knows since when it could run.
 */
#include "workload/kinds.h"
#include "workload/measure.h"

enum { FREE = 0, HELD = 1, WAITED_FOR = 2 };

static bool take(struct ktstr_worker *worker)
{
	_Atomic uint32_t *lock = &worker->config->team->word;
	uint32_t was = FREE;

	if (atomic_compare_exchange_strong(lock, &was, HELD))
		return true;
	begin_wait(worker);
	while (atomic_exchange(lock, WAITED_FOR) != FREE) {
		if (!wait_word(worker, lock, WAITED_FOR))
			return false;
		/* woken, but another was faster: that wake-up is over, and a new wait begins */
		if (atomic_load(&worker->slot->since_ns) != WORKER_SINCE_WAITING) {
			end_wait(worker);
			begin_wait(worker);
		}
	}
	end_wait(worker);
	return true;
}

static void release(struct ktstr_worker *worker)
{
	struct team *team = worker->config->team;

	if (atomic_exchange(&team->word, FREE) == WAITED_FOR)
		wake_one_of(worker, &team->word, 0, worker->config->team_size);
}

/*
 * One unit is a turn, inside the lock as well. Who is told to stop lets the lock go first: the
 * others may be about to stop, too, but wait for it until they look.
 */
void work_mutex_contention(struct ktstr_worker *worker)
{
	struct team *team = worker->config->team;

	while (!stopped()) {
		uint64_t held;

		spin(worker, jittered(worker, worker->work->iterations));
		if (stopped() || !take(worker))
			return;
		held = team->held;
		spin(worker, jittered(worker, worker->work->hold_iterations));
		team->held = held + 1;
		worker->report->iterations++;
		release(worker);
	}
}
