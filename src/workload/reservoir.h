/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reservoir.h - a uniform sample of a stream of numbers (Vitter's algorithm R), the same for the
 * same seed and stream. Its memory is there, and touched, from the start.
 */
#ifndef WORKLOAD_RESERVOIR_H
#define WORKLOAD_RESERVOIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

struct reservoir {
	uint64_t *at;
	size_t len, capacity;
	uint64_t seen, max;          /* of the whole stream */
	uint64_t random;
};

void reservoir_init(struct reservoir *reservoir, size_t capacity, uint64_t seed);
void reservoir_done(struct reservoir *reservoir);
DEFINE_AUTO_DONE(struct reservoir, reservoir_done)
void reservoir_add(struct reservoir *reservoir, uint64_t value);
/* Sorts `at`; the sample is complete then. */
void reservoir_sort(struct reservoir *reservoir);

#endif
