/* SPDX-License-Identifier: BSD-2-Clause */
#include "cancel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

atomic_bool cancelled;
static int event_fd = -1;             /* so that no sleep can miss it */
static char deadline_text[64];

static void cancel(int sig)
{
	static const uint64_t one = 1;
	int saved_errno = errno;

	if (sig == SIGALRM && !atomic_load(&cancelled))
		(void)!write(STDERR_FILENO, deadline_text, strlen(deadline_text));
	atomic_store(&cancelled, true);
	(void)!write(event_fd, &one, sizeof(one));
	errno = saved_errno;
}

static int start_timer(uint32_t ms, struct ktstr_error *err)
{
	struct itimerspec in = {
		.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000 * NS_PER_MS)},
	};
	timer_t timer;

	snprintf(deadline_text, sizeof(deadline_text),
		 "ktstr-probe-deadline: abort after %ums\n", ms);
	if (timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0 || timer_settime(timer, 0, &in, NULL) < 0)
		return error_sys(err, "set a timer");
	return 0;
}

int cancel_init(uint32_t abort_after_ms, struct ktstr_error *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGALRM};
	struct sigaction action = {.sa_handler = cancel};        /* no SA_RESTART */

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		return error_sys(err, "eventfd");
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], &action, NULL) < 0)
			return error_sys(err, "sigaction");
	}
	return abort_after_ms ? start_timer(abort_after_ms, err) : 0;
}

bool cancel_sleep_until(uint64_t at_ns)
{
	struct pollfd event = {.fd = event_fd, .events = POLLIN};
	struct deadline deadline = {.at_ns = at_ns};

	while (!atomic_load(&cancelled) && !deadline_passed(deadline)) {
		uint64_t left = deadline_left_ns(deadline);
		struct timespec timeout = {
			.tv_sec = (time_t)(left / NS_PER_S),
			.tv_nsec = (long)(left % NS_PER_S),
		};

		(void)ppoll(&event, 1, &timeout, NULL);      /* the loop asks what it was */
	}
	return atomic_load(&cancelled);
}
