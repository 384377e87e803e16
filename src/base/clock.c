/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"

#include <assert.h>
#include <limits.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec now;

	if (clock_gettime(id, &now) < 0)
		assert(!"clock_gettime");
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_unix_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

struct deadline deadline_in(uint64_t ns)
{
	uint64_t now = clock_ns();

	return (struct deadline){.at_ns = ns > UINT64_MAX - now ? UINT64_MAX : now + ns};
}

struct deadline deadline_earlier(struct deadline a, struct deadline b)
{
	return a.at_ns < b.at_ns ? a : b;
}

uint64_t deadline_left_ns(struct deadline deadline)
{
	uint64_t now = clock_ns();

	return deadline.at_ns > now ? deadline.at_ns - now : 0;
}

bool deadline_passed(struct deadline deadline)
{
	return deadline_left_ns(deadline) == 0;
}

int deadline_poll_ms(struct deadline deadline)
{
	uint64_t left_ms;

	if (deadline.at_ns == UINT64_MAX)
		return -1;
	left_ms = (deadline_left_ns(deadline) + NS_PER_MS - 1) / NS_PER_MS;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}
