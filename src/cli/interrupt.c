/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/cli.h"

/* timeout(1) tells its child and then its process group, which is the child again. */
#define SAME_NS (200 * NS_PER_MS)

static int event_fd = -1;
static volatile sig_atomic_t came;
static _Atomic uint64_t came_ns;
static void (*prepare_exit)(void);

static void tell(void)
{
	const uint64_t one = 1;
	ssize_t written;

	if (!came)
		came_ns = clock_ns();        /* clock_gettime() may be called in a handler */
	came = 1;
	written = write(event_fd, &one, sizeof(one));
	(void)written;        /* an eventfd that is readable already will do */
}

static void on_signal(int signal_number)
{
	(void)signal_number;
	if (came && clock_ns() - came_ns < SAME_NS)
		return;
	if (came && prepare_exit)
		prepare_exit();
	if (came)
		_exit(EXIT_INTERRUPTED);
	tell();
}

/* It comes again with every line that is still written. */
static void on_pipe(int signal_number)
{
	(void)signal_number;
	tell();
}

int interrupt_catch(struct ktstr_error *err)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		return error_sys(err, "eventfd");
	if (sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
	    sigaction(SIGHUP, &action, NULL) < 0)
		return error_sys(err, "sigaction");
	return event_fd;
}

int interrupt_catch_pipe(struct ktstr_error *err)
{
	struct sigaction action = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};

	return sigaction(SIGPIPE, &action, NULL) < 0 ? error_sys(err, "sigaction") : 0;
}

void interrupt_on_exit(void (*prepare)(void))
{
	prepare_exit = prepare;
}

bool interrupt_came(void)
{
	return came != 0;
}
