/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - nanoseconds on CLOCK_MONOTONIC, and deadlines that a wait is handed. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

struct deadline {
	uint64_t at_ns;      /* CLOCK_MONOTONIC; DEADLINE_NEVER.at_ns never comes */
};

#define DEADLINE_NEVER ((struct deadline){.at_ns = UINT64_MAX})

uint64_t clock_ns(void);              /* CLOCK_MONOTONIC */
uint64_t clock_unix_ns(void);         /* CLOCK_REALTIME */

struct deadline deadline_in(uint64_t ns);
struct deadline deadline_earlier(struct deadline a, struct deadline b);
uint64_t deadline_left_ns(struct deadline deadline);      /* 0 once it has passed */
bool deadline_passed(struct deadline deadline);
int deadline_poll_ms(struct deadline deadline);           /* for poll(): rounded up, -1 for never */

#endif
