/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splitmix.h - random-looking numbers that follow from a seed, the same everywhere: SplitMix64 of
 * Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014). No secrets.
 */
#ifndef BASE_SPLITMIX_H
#define BASE_SPLITMIX_H

#include <stdint.h>

/* The next number; *state is the seed at first. */
static inline uint64_t splitmix64(uint64_t *state)
{
	uint64_t word = *state += 0x9e3779b97f4a7c15;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return word ^ word >> 31;
}

#endif
