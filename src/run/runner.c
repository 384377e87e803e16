/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runner.c - many tests at once. A thread drives one guest at a time; a test starts when the host's
 * CPUs and memory have room for it, in the order of the plans. The calling thread hands results to
 * the report, also in that order.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "outcome/difference.h"
#include "run/one.h"
#include "store/store.h"

#define TICK_NS (200 * NS_PER_MS)
#define THREADS_MAX 64

struct cost {
	uint64_t cpus, memory_mib;
};

struct slot {
	bool finished, cancelled;
	struct result result;
};

struct pool {
	const struct run_config *config;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot *slots;
	size_t next;                          /* the first test that nobody has taken */
	unsigned running;
	struct cost have, used;
	bool stop;
};

static uint64_t host_cpus(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count > 0 ? (uint64_t)count : 1;
}

/* What may be used of the host's memory: four fifths of what is available now. */
static uint64_t host_memory_mib(void)
{
	AUTO(buf_done) struct buf text = {0};
	uint64_t kib = 1 << 20;
	struct sv rest, line;

	if (file_read(AT_FDCWD, "/proc/meminfo", 1 << 16, &text, NULL) < 0)
		return kib >> 10;
	rest = sv_bytes(buf_text(&text), text.len);
	while (sv_line(&rest, &line)) {
		struct sv name = sv_split(&line, ':');

		line = sv_trim(line);
		if (sv_eq(name, "MemAvailable"))
			(void)sv_u64(sv_split(&line, ' '), UINT64_MAX, &kib);
	}
	return (kib >> 10) * 4 / 5;
}

/* Under instruction counting all vCPUs share one host thread; otherwise each has its own. */
static struct cost cost_of(const struct run_config *config, size_t index)
{
	const struct test_plan *plan = run_plan(config, index);
	uint64_t cpus = topology_cpus(&plan->topology);

	if (plan->host_only)
		return (struct cost){.cpus = host_cpus()};
	if (config->mode == VM_DET)
		cpus = 1;
	return (struct cost){.cpus = cpus, .memory_mib = plan->memory_mib};
}

static bool fits(const struct pool *pool, struct cost cost)
{
	bool memory = pool->used.memory_mib + cost.memory_mib <= pool->have.memory_mib;

	if (pool->running == 0)
		return true;        /* alone, a test gets what there is */
	if (pool->config->jobs)
		return memory && pool->running < pool->config->jobs;
	return memory && pool->used.cpus + cost.cpus <= pool->have.cpus;
}

/* With the lock held: wait for a test that fits. False when none is left. */
static bool take_test(struct pool *pool, size_t *ret_index, struct cost *ret_cost)
{
	for (;;) {
		if (pool->stop || pool->next == run_count(pool->config))
			return false;
		*ret_cost = cost_of(pool->config, pool->next);
		if (fits(pool, *ret_cost))
			break;
		pthread_cond_wait(&pool->changed, &pool->lock);
	}
	pool->running++;
	pool->used.cpus += ret_cost->cpus;
	pool->used.memory_mib += ret_cost->memory_mib;
	*ret_index = pool->next++;
	return true;
}

static void *work(void *arg)
{
	struct pool *pool = arg;
	struct cost cost;
	size_t index;

	pthread_mutex_lock(&pool->lock);
	while (take_test(pool, &index, &cost)) {
		struct slot *slot = &pool->slots[index];
		int r;

		pthread_mutex_unlock(&pool->lock);
		r = one_run(pool->config, index, &slot->result);
		if (pool->config->progress)
			progress_finish(pool->config->progress, index);
		pthread_mutex_lock(&pool->lock);
		pool->running--;
		pool->used.cpus -= cost.cpus;
		pool->used.memory_mib -= cost.memory_mib;
		slot->cancelled = r == -ECANCELED;
		slot->finished = true;
		pool->stop = pool->stop || slot->cancelled;
		pthread_cond_broadcast(&pool->changed);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void wait_for_change(struct pool *pool)
{
	struct timespec until;
	uint64_t at = clock_ns() + TICK_NS;

	until = (struct timespec){.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
	(void)pthread_cond_timedwait(&pool->changed, &pool->lock, &until);
	if (pool->config->progress)
		progress_tick(pool->config->progress);
}

/* In det, rounds of one seed are one run: the first is what the others are held against. */
static void compare_rounds(struct pool *pool, size_t index)
{
	const struct run_config *config = pool->config;
	size_t round = index % config->rounds;
	const struct slot *first = &pool->slots[index - round];
	struct result *result = &pool->slots[index].result;
	AUTO(free) char *difference = NULL;
	struct ktstr_error err = {0};

	if (round == 0 || config->seed_per_round || config->mode != VM_DET || !first->finished ||
	    first->cancelled || run_plan(config, index)->host_only)
		return;
	difference = outcome_difference(&first->result.outcome, &result->outcome);
	if (!difference)
		return;
	outcome_fail(&result->outcome, KTSTR_KIND_OTHER,
		     "round %zu is not the run that round 1 was; the first difference: %s", round + 1,
		     difference);
	if (result_save(result, &err) < 0)
		log_warn("%s: its result cannot be kept: %s", result->identity.test, err.msg);
}

/* The record is saved: that its row is missing costs nothing but a look at the files later. */
static void index_result(const struct run_config *config, const struct result *result)
{
	struct ktstr_error err = {0};
	json_t *record;

	if (!config->store || !result->run.dir)
		return;
	record = result_to_json(result);
	if (run_store_add(config->store, record, result->run.dir, &err) < 0)
		log_warn("%s: not in the list of results yet: %s", result->identity.test, err.msg);
	json_decref(record);
}

static void report_one(struct pool *pool, size_t index, struct report_totals *totals)
{
	const struct result *result = &pool->slots[index].result;

	compare_rounds(pool, index);
	pool->config->on_result(pool->config->arg, result);
	totals->count[result->outcome.state]++;
}

/* Hand over results as they become known; with an interruption, those that were found. */
static void report_all(struct pool *pool, struct report_totals *totals)
{
	pthread_mutex_lock(&pool->lock);
	for (size_t i = 0; i < run_count(pool->config); i++) {
		struct slot *slot = &pool->slots[i];

		while (!slot->finished && !(pool->stop && i >= pool->next))
			wait_for_change(pool);
		if (!slot->finished) {
			totals->interrupted = true;
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		if (!slot->cancelled)
			report_one(pool, i, totals);
		index_result(pool->config, &slot->result);
		pthread_mutex_lock(&pool->lock);
		totals->interrupted = totals->interrupted || slot->cancelled;
	}
	pthread_mutex_unlock(&pool->lock);
}

static void pool_init(struct pool *pool, const struct run_config *config)
{
	pthread_condattr_t monotonic;

	*pool = (struct pool){
		.config = config,
		.have = {.cpus = host_cpus(), .memory_mib = host_memory_mib()},
		.slots = xcalloc(run_count(config), sizeof(*pool->slots)),
	};
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void pool_done(struct pool *pool)
{
	for (size_t i = 0; i < run_count(pool->config); i++)
		result_done(&pool->slots[i].result);
	free(pool->slots);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
}
DEFINE_AUTO_DONE(struct pool, pool_done)

int run_tests(const struct run_config *config, struct report_totals *ret_totals,
	      struct ktstr_error *err)
{
	AUTO(pool_done) struct pool pool;
	pthread_t threads[THREADS_MAX];
	size_t wanted, started = 0;
	int r = 0;

	pool_init(&pool, config);
	wanted = config->jobs ? config->jobs : pool.have.cpus;
	if (wanted > run_count(config))
		wanted = run_count(config);
	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	while (started < wanted && r == 0) {
		r = pthread_create(&threads[started], NULL, work, &pool);
		started += r == 0;
	}
	if (started == 0 && wanted)
		return error_set(err, -r, "start a thread: %s", strerrordesc_np(r));
	report_all(&pool, ret_totals);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
