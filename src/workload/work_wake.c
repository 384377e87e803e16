/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FutexFanOut, FanOutCompute and ThunderingHerd: a messenger wakes all others, in rounds that
 * team->word counts.
 */
#include "workload/kinds.h"
#include "workload/measure.h"

static void wake_round(struct ktstr_worker *worker)
{
	const struct worker_config *config = worker->config;

	for (unsigned member = 1; member < config->team_size; member++)
		(void)due_now(&config->mates[member]);        /* false: it still works */
	atomic_fetch_add(&config->team->word, 1);
	wake_all(&config->team->word);
	worker->report->work_units++;
	worker->report->iterations++;
}

static bool wait_round_after(struct ktstr_worker *worker, uint32_t seen)
{
	_Atomic uint32_t *round = &worker->config->team->word;

	while (atomic_load(round) == seen) {
		if (!wait_word(worker, round, seen))
			return false;
	}
	end_wait(worker);
	return true;
}

/*
 * Whoever comes later than the round waits for the next one. One that falls between these two lines
 * did not see us wait, so it is no wake-up; after them it says so.
 */
static bool wait_next_round(struct ktstr_worker *worker)
{
	uint32_t seen = atomic_load(&worker->config->team->word);

	begin_wait(worker);
	return wait_round_after(worker, seen);
}

/* --- FutexFanOut: the next round begins when all have done this one --------------------------------- */

static bool wait_answers(struct ktstr_worker *worker, uint32_t seen)
{
	_Atomic uint32_t *answered = &worker->config->team->answered;

	while (atomic_load(answered) == seen) {
		if (!wait_word(worker, answered, seen))
			return false;
	}
	end_wait(worker);
	return true;
}

static void fan_out(struct ktstr_worker *worker)
{
	struct team *team = worker->config->team;

	while (!stopped()) {
		uint32_t seen = atomic_load(&team->answered);

		spin(worker, jittered(worker, worker->work->iterations));
		if (stopped())
			return;
		atomic_store(&team->left, worker->config->team_size - 1);
		begin_wait(worker);
		wake_round(worker);
		if (!wait_answers(worker, seen))
			return;
	}
}

/* Our slot says WAITING before the messenger may begin another round. */
static void answer(struct ktstr_worker *worker)
{
	const struct worker_config *config = worker->config;
	struct team *team = config->team;

	begin_wait(worker);
	if (atomic_fetch_sub(&team->left, 1) != 1)
		return;
	(void)due_now(&config->mates[0]);
	atomic_fetch_add(&team->answered, 1);
	wake_all(&team->answered);
}

void work_futex_fan_out(struct ktstr_worker *worker)
{
	if (worker->config->member == 0) {
		fan_out(worker);
		return;
	}
	for (uint32_t seen = 0; wait_round_after(worker, seen); seen++) {
		spin(worker, jittered(worker, worker->work->iterations));
		if (stopped())
			return;
		worker->report->iterations++;
		answer(worker);
	}
}

/* --- rounds by the clock ------------------------------------------------------------------------------ */

static void send_rounds(struct ktstr_worker *worker)
{
	while (sleep_until(worker, worker->checked_ns + jittered(worker, worker->work->sleep_ns))) {
		wake_round(worker);
		checkpoint(worker);
	}
}

/* Three square matrices of 64-bit numbers fill the memory. */
static size_t matrix_side(size_t bytes)
{
	size_t side = 1;

	while (3 * (side + 1) * (side + 1) * sizeof(uint64_t) <= bytes)
		side++;
	return side;
}

size_t memory_of_compute(const struct ktstr_work *work)
{
	return work->bytes;
}

static uint64_t row_by_column(const uint64_t *row, const uint64_t *column, size_t side)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < side; k++)
		sum += row[k] * column[k * side];
	return sum;
}

/* A unit is a number of the product; the next checkpoint comes after about 1024 multiplications. */
static void multiply(struct ktstr_worker *worker, size_t side)
{
	uint64_t *a = (uint64_t *)worker->memory, *b = a + side * side, *product = b + side * side;
	size_t per_checkpoint = WORKER_TURNS_PER_CHECKPOINT / side ?: 1;

	for (size_t i = 0; i < side * side && !stopped(); i++) {
		product[i] = row_by_column(a + i / side * side, b + i % side, side);
		worker->report->work_units++;
		if ((i + 1) % per_checkpoint == 0)
			checkpoint(worker);
	}
	checkpoint(worker);
}

void work_fan_out_compute(struct ktstr_worker *worker)
{
	size_t side = matrix_side(worker->memory_bytes);

	if (worker->config->member == 0) {
		send_rounds(worker);
		return;
	}
	while (wait_next_round(worker)) {
		for (unsigned i = 0; i < worker->work->operations; i++)
			multiply(worker, side);
		if (stopped())
			return;
		worker->report->iterations++;
	}
}

void work_thundering_herd(struct ktstr_worker *worker)
{
	if (worker->config->member == 0) {
		send_rounds(worker);
		return;
	}
	while (wait_next_round(worker)) {
		spin(worker, WORKER_TURNS_PER_CHECKPOINT);
		if (stopped())
			return;
		worker->report->iterations++;
	}
}
