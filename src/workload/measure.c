/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/measure.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Atomic int worker_stop_asked;

uint64_t thread_cpu_ns(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);        /* cannot fail for ourselves */
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

static void note_move(struct ktstr_worker *worker, int cpu, uint64_t now)
{
	struct worker_report *report = worker->report;

	if (report->moves_len < WORKER_MOVES_MAX)
		report->moves[report->moves_len++] = (struct worker_move){
			.at_ns = now - worker->process->shared->release_ns,
			.from = worker->cpu,
			.to = cpu,
		};
	report->migrations++;
}

static void see_cpu(struct ktstr_worker *worker, uint64_t now)
{
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu == worker->cpu)
		return;
	if (worker->cpu >= 0)
		note_move(worker, cpu, now);
	worker->cpu = cpu;
	cpuset_add(&worker->report->cpus, (unsigned)cpu);
}

static void note_gap(struct ktstr_worker *worker, uint64_t since, uint64_t now)
{
	struct worker_report *report = worker->report;
	uint64_t gap_ns = now - since - slot_excused_ns(worker->slot, since, now);

	if (gap_ns <= report->max_gap_ns)
		return;
	report->max_gap_ns = gap_ns;
	report->max_gap_at_ns = now - worker->process->shared->release_ns;
	report->max_gap_cpu = worker->cpu;
}

void checkpoint(struct ktstr_worker *worker)
{
	struct worker_report *report = worker->report;
	uint64_t since = atomic_load_explicit(&worker->slot->since_ns, memory_order_relaxed);
	uint64_t now = clock_ns();

	see_cpu(worker, now);
	/* since is ahead of now when a stop cut a sleep or a wait short */
	if (now > since && now - since > report->max_gap_ns)
		note_gap(worker, since, now);
	atomic_store_explicit(&worker->slot->since_ns, now, memory_order_relaxed);
	worker->checked_ns = now;
	worker->turns_to_checkpoint = WORKER_TURNS_PER_CHECKPOINT;
}

/* --- working ---------------------------------------------------------------------------------- */

/* No PAUSE: under KVM it can leave the guest, and it takes 4 to 140 cycles depending on the CPU. */
void turn_loop(uint64_t turns)
{
	for (; turns; turns--)
		__asm__ volatile("" : "+r"(turns));
}

void spin(struct ktstr_worker *worker, uint64_t turns)
{
	while (turns && !stopped()) {
		uint64_t left = worker->turns_to_checkpoint;
		uint64_t part = turns < left ? turns : left;

		turn_loop(part);
		turns -= part;
		worker->report->work_units += part;
		worker->turns_to_checkpoint -= part;
		if (worker->turns_to_checkpoint == 0)
			checkpoint(worker);
	}
}

void spin_until(struct ktstr_worker *worker, uint64_t end_ns)
{
	while (worker->checked_ns < end_ns && !stopped())
		spin(worker, worker->turns_to_checkpoint);
}

uint64_t random_below(struct ktstr_worker *worker, uint64_t below)
{
	return splitmix64(&worker->random) % below;
}

uint64_t jittered(struct ktstr_worker *worker, uint64_t value)
{
	return value - value / 8 + random_below(worker, value / 8 * 2 + 1);
}

/* --- waiting ------------------------------------------------------------------------------------ */

void note_wake(struct ktstr_worker *worker, uint64_t due_ns)
{
	uint64_t now = clock_ns();

	reservoir_add(&worker->slot->wakes,
		      now > due_ns ? now - due_ns - slot_excused_ns(worker->slot, due_ns, now) : 0);
}

static bool sleep_until_due(struct ktstr_worker *worker, uint64_t due_ns, int flags, uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	if (stopped())
		return false;
	atomic_store_explicit(&worker->slot->since_ns, due_ns, memory_order_relaxed);
	while (clock_nanosleep(CLOCK_MONOTONIC, flags, &left, flags ? NULL : &left) != 0) {
		if (stopped())
			return false;
	}
	note_wake(worker, due_ns);
	return true;
}

bool sleep_until(struct ktstr_worker *worker, uint64_t wake_ns)
{
	return sleep_until_due(worker, wake_ns, TIMER_ABSTIME, wake_ns);
}

bool sleep_for(struct ktstr_worker *worker, uint64_t ns)
{
	return sleep_until_due(worker, clock_ns() + ns, 0, ns);
}

void begin_wait(struct ktstr_worker *worker)
{
	checkpoint(worker);
	atomic_store(&worker->slot->since_ns, WORKER_SINCE_WAITING);
	atomic_store(&worker->slot->waits, 1);
}

/*
 * Nobody said so when what it waits for was there before it was seen to wait: then it did not
 * really wait, and the time counts from here.
 */
void end_wait(struct ktstr_worker *worker)
{
	uint64_t waiting = WORKER_SINCE_WAITING;

	atomic_store(&worker->slot->waits, 0);
	if (!atomic_compare_exchange_strong(&worker->slot->since_ns, &waiting, clock_ns()))
		note_wake(worker, waiting);
}

bool due_now(struct slot *slot)
{
	uint64_t waiting = WORKER_SINCE_WAITING;

	return atomic_compare_exchange_strong(&slot->since_ns, &waiting, clock_ns());
}

static uint32_t bit_of(unsigned member)
{
	return 1u << member % 32;
}

/* The word lies in memory that processes share, so no FUTEX_PRIVATE_FLAG. */
bool wait_word(struct ktstr_worker *worker, _Atomic uint32_t *word, uint32_t value)
{
	if (stopped())
		return false;
	(void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, NULL, NULL,
		      bit_of(worker->config->member));
	return !stopped();
}

/* Members that share a bit look at what they wait for, and go on waiting. */
void wake_member(_Atomic uint32_t *word, unsigned member)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, bit_of(member));
}

void wake_all(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/*
 * Also one that was told before: told between its look at what it waits for and its sleep, it may be
 * asleep all the same. Who is awake looks again in any case.
 */
void wake_one_of(struct ktstr_worker *worker, _Atomic uint32_t *word, unsigned first, unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		unsigned member = first + (worker->config->member + i) % count;

		if (atomic_load(&worker->config->mates[member].waits)) {
			(void)due_now(&worker->config->mates[member]);
			wake_member(word, member);
			return;
		}
	}
}
