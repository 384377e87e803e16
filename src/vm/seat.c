/* SPDX-License-Identifier: BSD-2-Clause */
#include "vm/seat.h"

#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned guests[CPU_SETSIZE];

int seat_take(cpu_set_t *ret_cpus)
{
	cpu_set_t allowed;
	int first = sched_getcpu(), best = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -1;
	if (first < 0 || first >= CPU_SETSIZE)
		first = 0;
	pthread_mutex_lock(&lock);
	/* from where we are: the kernel has spread us and others of our kind */
	for (int i = 0; i < CPU_SETSIZE; i++) {
		int cpu = (first + i) % CPU_SETSIZE;

		if (CPU_ISSET(cpu, &allowed) && (best < 0 || guests[cpu] < guests[best]))
			best = cpu;
	}
	if (best >= 0)
		guests[best]++;
	pthread_mutex_unlock(&lock);
	if (best < 0)
		return -1;
	CPU_ZERO(ret_cpus);
	CPU_SET(best, ret_cpus);
	return best;
}

void seat_leave(int seat)
{
	if (seat < 0)
		return;
	pthread_mutex_lock(&lock);
	assert(guests[seat] > 0);
	guests[seat]--;
	pthread_mutex_unlock(&lock);
}
