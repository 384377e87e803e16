/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * racy.c - a test with a bug that only some interleavings show: two threads add to a counter without
 * a lock. A switch between one's load and its store loses what the other added meanwhile. On its one
 * CPU only a preemption does that, so it follows from the seed whether it happens.
 */
#include <pthread.h>
#include <stdio.h>

#include <ktstr/ktstr.h>

#define ADDS 200
#define TURNS_BETWEEN 4000
#define TURNS_INSIDE 100

static volatile unsigned counter;

static void turn(unsigned turns)
{
	for (; turns; turns--)
		__asm__ volatile("" : "+r"(turns));
}

static void *add(void *arg)
{
	for (unsigned i = 0; i < ADDS; i++) {
		unsigned have = counter;

		turn(TURNS_INSIDE);
		counter = have + 1;
		turn(TURNS_BETWEEN);
	}
	return arg;
}

KTSTR_TEST(lost_update, .topology = "1n1l1c1t")
{
	pthread_t threads[2];

	counter = 0;
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, add, NULL) != 0)
			return ktstr_error_set(err, -11, "start a thread");
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	if (counter != 2 * ADDS)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "%u of %u additions were lost",
				   2 * ADDS - counter, 2 * ADDS);
	return 0;
}
