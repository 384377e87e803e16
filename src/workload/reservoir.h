/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reservoir.h - a uniform sample of a stream of numbers (Vitter's algorithm R), the same for the
 * same seed and stream. Its memory is its owner's.
 */
#ifndef WORKLOAD_RESERVOIR_H
#define WORKLOAD_RESERVOIR_H

#include <stddef.h>
#include <stdint.h>

struct reservoir {
	uint64_t *at;
	size_t len, capacity;
	uint64_t seen, max;          /* of the whole stream */
	uint64_t random;
};

void reservoir_init(struct reservoir *reservoir, uint64_t *at, size_t capacity, uint64_t seed);
void reservoir_add(struct reservoir *reservoir, uint64_t value);
/* Sorts numbers upwards, as percentiles want them. */
void reservoir_sort(uint64_t *at, size_t len);

#endif
