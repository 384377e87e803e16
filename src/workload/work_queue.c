/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ProducerConsumerImbalance: producers put items into a bounded queue by the clock, consumers take
 * them and work on each. The queue is Dmitry Vyukov's bounded one for many producers and consumers:
 * a cell's turn says whether it is to be filled (2 * lap) or emptied (2 * lap + 1).
 */
#include <sched.h>

#include "workload/kinds.h"
#include "workload/measure.h"

#define ITEM_NS NS_PER_MS              /* of each producer: 1,000 a second */

void queue_init(struct team *team)
{
	for (size_t i = 0; i < QUEUE_CELLS; i++)
		atomic_store(&team->cells[i].turn, 0);
}

/* The next place in the queue that is in this state, now ours; NULL: there is none. */
static struct cell *claim(struct team *team, _Atomic uint64_t *count, unsigned filled)
{
	uint64_t place = atomic_load(count);

	for (;;) {
		struct cell *cell = &team->cells[place % QUEUE_CELLS];
		uint64_t wanted = place / QUEUE_CELLS * 2 + filled;
		uint64_t turn = atomic_load(&cell->turn);

		if (turn < wanted)
			return NULL;
		/* on failure another was faster, and `place` is the next one */
		if (turn > wanted)
			place = atomic_load(count);
		else if (atomic_compare_exchange_strong(count, &place, place + 1))
			return cell;
	}
}

static bool put(struct team *team, uint64_t item)
{
	struct cell *cell = claim(team, &team->put, 0);

	if (!cell)
		return false;
	cell->item = item;
	atomic_fetch_add(&cell->turn, 1);
	return true;
}

static bool take(struct team *team, uint64_t *ret_item)
{
	struct cell *cell = claim(team, &team->taken, 1);

	if (!cell)
		return false;
	*ret_item = cell->item;
	atomic_fetch_add(&cell->turn, 1);
	return true;
}

static bool put_or_wait(struct ktstr_worker *worker, uint64_t item)
{
	struct team *team = worker->config->team;

	if (put(team, item))
		return true;
	for (;;) {
		uint32_t seen = atomic_load(&team->room);

		begin_wait(worker);
		if (put(team, item))
			break;
		if (!wait_word(worker, &team->room, seen))
			return false;
		end_wait(worker);
	}
	end_wait(worker);
	return true;
}

static bool take_or_wait(struct ktstr_worker *worker, uint64_t *ret_item)
{
	struct team *team = worker->config->team;

	if (take(team, ret_item))
		return true;
	for (;;) {
		uint32_t seen = atomic_load(&team->items);

		begin_wait(worker);
		if (take(team, ret_item))
			break;
		if (!wait_word(worker, &team->items, seen))
			return false;
		end_wait(worker);
	}
	end_wait(worker);
	return true;
}

static void produce(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;
	struct team *team = worker->config->team;
	uint64_t due_ns = worker->checked_ns;

	for (;;) {
		due_ns += jittered(worker, ITEM_NS);
		if (due_ns < worker->checked_ns)
			due_ns = worker->checked_ns;        /* what the queue had no room for is not made up */
		if (!sleep_until(worker, due_ns))
			return;
		checkpoint(worker);
		if (!put_or_wait(worker, worker->report->iterations))
			return;
		worker->report->work_units++;
		worker->report->iterations++;
		atomic_fetch_add(&team->items, 1);
		wake_one_of(worker, &team->items, work->fan_out, work->fan_in);
		checkpoint(worker);
	}
}

static void consume(struct ktstr_worker *worker)
{
	const struct ktstr_work *work = worker->work;
	struct team *team = worker->config->team;
	uint64_t item;

	while (!stopped() && take_or_wait(worker, &item)) {
		worker->report->iterations++;
		atomic_fetch_add(&team->room, 1);
		wake_one_of(worker, &team->room, 0, work->fan_out);
		spin(worker, jittered(worker, work->operations));
	}
}

void work_queue(struct ktstr_worker *worker)
{
	if (team_role_of(worker->work, worker->config->member) == 0)
		produce(worker);
	else
		consume(worker);
}
