/* SPDX-License-Identifier: BSD-2-Clause */
/* arithmetic.h - what the files of this room share; inside the verdict room. */
#ifndef VERDICT_ARITHMETIC_H
#define VERDICT_ARITHMETIC_H

#include "verdict/verdict.h"

/* a / b, and 0 where that says nothing: b is 0, or the ratio is not finite. */
double ratio_of(double a, double b);

double clamp(double value, double min, double max);

/* The guest half links no libm. 0 for what is negative or not finite. */
double square_root(double x);

/* Of the population: stddev / mean. weights NULL: all 1. 0 for fewer than two values. */
struct variation {
	double mean, cv;
};
struct variation variation_of(const double *values, const double *weights, size_t count);

/* On a CPU, by whichever clock says more: its own or schedstat's. */
uint64_t worker_ran_ns(const struct worker_report *report);

/* NUMA pages of a cgroup's workers, as far as they are known. */
struct pages {
	bool expected;                  /* there are nodes where they should be */
	double total, local, slow;
};
struct pages pages_of(const struct cgroup_facts *facts, const struct worker_report *reports,
		      size_t count);

#endif
