/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ready.c - contracts R12 to R18: wait for a worker's marker file. inotify and the worker's pidfd tell;
 * the texts and the deadline are the contract's. The file's content is not looked at (R6).
 */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "payload/payload.h"

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int watch_folder(const char *marker, struct ktstr_error *err)
{
	AUTO(free) char *copy = xstrdup(marker);
	AUTO(fd_close) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0)
		return error_sys(err, "inotify_init1");
	if (inotify_add_watch(fd, dirname(copy), IN_CREATE | IN_MOVED_TO) < 0)
		return error_sys(err, "watch the folder of %s", marker);
	return TAKE_FD(fd);
}

static void describe_ns(uint64_t ns, struct buf *text)
{
	if (ns % NS_PER_S == 0)
		buf_printf(text, "%llus", (unsigned long long)(ns / NS_PER_S));
	else
		buf_printf(text, "%llums", (unsigned long long)(ns / NS_PER_MS));
}

static void swallow_events(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

int payload_wait_marker(struct payload_child *child, const char *marker, uint64_t timeout_ns,
			const char *role, uint32_t pid, const char *legend, struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(timeout_ns);
	AUTO(buf_done) struct buf within = {0};
	AUTO(fd_close) int fd = watch_folder(marker, err);

	if (fd < 0)
		return fd;
	while (!exists(marker)) {
		struct pollfd events[2] = {
			{.fd = fd, .events = POLLIN},
			{.fd = payload_child_fd(child), .events = POLLIN},
		};

		if (payload_child_ended(child))        /* R13 */
			return error_set(err, -ECHILD,
					 "%s pid=%u exited before creating ready marker %s "
					 "(exit_code=%d \u2014 see stderr; worker exit codes: %s)",
					 role, pid, marker, payload_child_exit_code(child), legend);
		if (deadline_passed(deadline)) {       /* R14 */
			describe_ns(timeout_ns, &within);
			return error_set(err, -ETIMEDOUT,
					 "%s pid=%u did not create ready marker %s within %s", role, pid,
					 marker, buf_text(&within));
		}
		if (poll(events, 2, deadline_poll_ms(deadline)) > 0 && events[0].revents)
			swallow_events(fd);
	}
	if (payload_child_ended(child))                /* R15 */
		return error_set(err, -ECHILD,
				 "%s pid=%u exited after writing ready marker but before the caller's "
				 "next dispatch (exit_code=%d)", role, pid,
				 payload_child_exit_code(child));
	return 0;
}
