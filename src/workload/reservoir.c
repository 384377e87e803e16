/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/reservoir.h"

#include <assert.h>
#include <stdlib.h>

void reservoir_init(struct reservoir *reservoir, uint64_t *at, size_t capacity, uint64_t seed)
{
	assert(capacity > 0);
	*reservoir = (struct reservoir){
		.at = at,
		.capacity = capacity,
		.random = seed ? seed : 1,        /* xorshift never leaves 0 */
	};
}

/* Marsaglia, "Xorshift RNGs" (2003), the 64-bit triple 13, 7, 17 */
static uint64_t next_random(struct reservoir *reservoir)
{
	uint64_t x = reservoir->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	reservoir->random = x;
	return x;
}

void reservoir_add(struct reservoir *reservoir, uint64_t value)
{
	uint64_t place = reservoir->seen++;

	if (value > reservoir->max)
		reservoir->max = value;
	if (place >= reservoir->capacity)
		place = next_random(reservoir) % reservoir->seen;
	else
		reservoir->len++;
	if (place < reservoir->capacity)
		reservoir->at[place] = value;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

void reservoir_sort(uint64_t *at, size_t len)
{
	qsort(at, len, sizeof(*at), compare);
}
