/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/arithmetic.h"

#include <math.h>

uint64_t saturating_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

double ratio_of(double a, double b)
{
	double ratio = b > 0 ? a / b : 0;

	return isfinite(ratio) ? ratio : 0;
}

double clamp(double value, double min, double max)
{
	return value < min ? min : value > max ? max : value;
}

/* Newton's: from above it only falls, until rounding stops it. */
double square_root(double x)
{
	double root = x > 1 ? x : 1, next;

	if (!(x > 0) || !isfinite(x))
		return 0;
	for (int i = 0; i < 1100; i++) {        /* the exponent halves, then six rounds */
		next = (root + x / root) / 2;
		if (next >= root)
			break;
		root = next;
	}
	return root;
}

static double weight_of(const double *weights, size_t i)
{
	return weights ? weights[i] : 1;
}

struct variation variation_of(const double *values, const double *weights, size_t count)
{
	struct variation variation = {0};
	double total = 0, sum = 0, squares = 0;

	for (size_t i = 0; i < count; i++) {
		total += weight_of(weights, i);
		sum += weight_of(weights, i) * values[i];
	}
	variation.mean = ratio_of(sum, total);
	for (size_t i = 0; i < count; i++) {
		double distance = values[i] - variation.mean;

		squares += weight_of(weights, i) * distance * distance;
	}
	if (count >= 2)
		variation.cv = ratio_of(square_root(ratio_of(squares, total)), variation.mean);
	return variation;
}

uint64_t percentile_nearest_rank(const uint64_t *sorted, size_t n, double p)
{
	double exact;
	size_t rank;

	assert(p > 0);
	assert(p <= 1);
	if (n == 0)
		return 0;
	exact = (double)n * p * (1 - 1e-12);        /* 100 * 0.07 is 7.000000000000001 */
	rank = (size_t)exact;
	if ((double)rank < exact)
		rank++;
	return sorted[rank - 1];
}

uint64_t worker_ran_ns(const struct worker_report *report)
{
	return report->cpu_ns > report->sched_run_ns ? report->cpu_ns : report->sched_run_ns;
}
