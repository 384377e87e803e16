/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PipeIo, FutexPingPong, CachePipe and WakeChain: members of a ring take turns. Who has the turn
 * works, hands it to the next, and waits until it comes round again.
 */
#include <errno.h>
#include <unistd.h>

#include "workload/kinds.h"
#include "workload/measure.h"

static struct slot *next_slot(struct ktstr_worker *worker)
{
	const struct worker_config *config = worker->config;

	return &config->mates[(config->member + 1) % config->team_size];
}

/*
 * The turn comes back only after it was handed on: our slot says WAITING before that, so the word
 * of who ends our wait about when it did stands.
 */
static bool hand_over(struct ktstr_worker *worker)
{
	const struct worker_config *config = worker->config;
	unsigned next = (config->member + 1) % config->team_size;

	begin_wait(worker);
	(void)due_now(next_slot(worker));        /* it waits, or is gone */
	if (config->write_fd >= 0)
		return write(config->write_fd, "", 1) == 1;        /* EPIPE: the next one is gone */
	atomic_store(&config->team->word, next);
	wake_member(&config->team->word, next);
	return true;
}

static bool read_turn(struct ktstr_worker *worker)
{
	char byte;
	ssize_t n;

	do {
		n = read(worker->config->read_fd, &byte, 1);
	} while (n < 0 && errno == EINTR && !stopped());
	return n == 1;
}

static bool watch_turn(struct ktstr_worker *worker)
{
	_Atomic uint32_t *turn = &worker->config->team->word;
	uint32_t whose;

	while ((whose = atomic_load(turn)) != worker->config->member) {
		if (!wait_word(worker, turn, whose))
			return false;
	}
	return true;
}

/* False when the stop came first, or the one before us is gone. */
static bool wait_turn(struct ktstr_worker *worker)
{
	bool mine = worker->config->read_fd >= 0 ? read_turn(worker) : watch_turn(worker);

	if (mine)
		end_wait(worker);
	return mine;
}

static void work_turn(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;

	switch ((unsigned)work->type) {
	case KTSTR_WORK_WAKE_CHAIN:
		checkpoint(worker);
		spin_until(worker, worker->checked_ns + jittered(worker, work->sleep_ns));
		break;
	case KTSTR_WORK_CACHE_PIPE:
		cache_accesses(worker, jittered(worker, work->iterations));
		break;
	default:
		spin(worker, jittered(worker, work->iterations));
		break;
	}
}

void work_ring(struct ktstr_worker *worker)
{
	bool my_turn = worker->config->member == 0;

	while (!stopped()) {
		if (!my_turn && !wait_turn(worker))
			return;
		my_turn = false;
		work_turn(worker);
		if (stopped())
			return;
		worker->report->iterations++;
		if (!hand_over(worker))
			return;
	}
}
