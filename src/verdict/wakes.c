/* SPDX-License-Identifier: BSD-2-Clause */
/* wakes.c - wake-up latencies of many workers, pooled. */
#include <stdlib.h>

#include "verdict/arithmetic.h"

#define POOL_MAX ((size_t)1 << 18)        /* 4 MiB: a guest may have 256 MiB in all */

struct wake {
	double weight;
	uint64_t ns;
};
DEFINE_VEC(pool, struct wake, vec_keep)

static int compare_wakes(const void *a, const void *b)
{
	uint64_t x = ((const struct wake *)a)->ns, y = ((const struct wake *)b)->ns;

	return (x > y) - (x < y);
}

static bool has_wakes(const struct worker_report *report)
{
	return report->wakes && report->wakes_len;
}

/* At most `most` of a worker's samples, evenly spaced. */
static void pool_worker(struct pool *pool, const struct worker_report *report, size_t most)
{
	size_t have = report->wakes_len < WORKER_WAKES_MAX ? report->wakes_len : WORKER_WAKES_MAX;
	size_t taken = have < most ? have : most;
	double seen = (double)(report->wake_count > have ? report->wake_count : have);

	for (size_t i = 0; i < taken; i++)
		pool_push(pool, (struct wake){.weight = seen / (double)taken,
					      .ns = report->wakes[i * have / taken]});
}

static void pool_fill(struct pool *pool, const struct worker_report *reports, size_t count)
{
	size_t sleepers = 0;

	for (size_t i = 0; i < count; i++)
		sleepers += has_wakes(&reports[i]);
	for (size_t i = 0; i < count; i++) {
		if (has_wakes(&reports[i]))
			pool_worker(pool, &reports[i],
				    sleepers < POOL_MAX ? POOL_MAX / sleepers : 1);
	}
	if (pool->len)
		qsort(pool->at, pool->len, sizeof(*pool->at), compare_wakes);
}

static double pool_weight(const struct pool *pool)
{
	double total = 0;

	vec_each(wake, pool)
		total += wake->weight;
	return total;
}

/* The first wake-up with at least `reach` of the weight up to and including it. */
static double at_weight(const struct pool *pool, double reach)
{
	double below = 0;

	vec_each(wake, pool) {
		below += wake->weight;
		if (below >= reach)
			return (double)wake->ns;
	}
	return pool->len ? (double)pool->at[pool->len - 1].ns : 0;
}

struct wake_stats wake_stats_of(const struct worker_report *reports, size_t count)
{
	AUTO(pool_done) struct pool pool = {0};
	AUTO(free) double *values = NULL;
	AUTO(free) double *weights = NULL;
	struct variation variation;
	double total;

	pool_fill(&pool, reports, count);
	values = xcalloc(pool.len + 1, sizeof(*values));
	weights = xcalloc(pool.len + 1, sizeof(*weights));
	for (size_t i = 0; i < pool.len; i++) {
		values[i] = (double)pool.at[i].ns;
		weights[i] = pool.at[i].weight;
	}
	variation = variation_of(values, weights, pool.len);
	total = pool_weight(&pool);
	return (struct wake_stats){
		.samples = pool.len,
		/* weights of 1 / 3 add up to nearly 1 */
		.p99_ns = at_weight(&pool, total * 0.99 * (1 - 1e-9)),
		/* more than half of them: sorted[n / 2] */
		.median_ns = at_weight(&pool, total / 2 * (1 + 1e-9)),
		.mean_ns = variation.mean,
		.cv = variation.cv,
	};
}
