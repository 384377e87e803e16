/* SPDX-License-Identifier: BSD-2-Clause */
/* shell.c - what a shell wants more than a test: busybox's applets, and a terminal on the second port. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "guest/guest.h"

#define TERMINAL "/dev/ttyS1"
#define INSTALL_NS (20 * NS_PER_S)
#define FLUSH_NS (5 * NS_PER_S)
#define FLUSH_LOOK_NS (2 * NS_PER_MS)

int shell_install_applets(struct ktstr_error *err)
{
	static const char *const argv[] = {"/bin/busybox", "--install", "-s", "/bin", NULL};
	const struct spawn_config config = {
		.argv = argv, .dir = "/", .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1,
	};
	AUTO(child_done) struct child busybox = CHILD_NONE;
	AUTO(buf_done) struct buf how = {0};
	int status, r = child_spawn(&config, &busybox, err);

	if (r < 0)
		return r;
	r = child_wait(&busybox, deadline_in(INSTALL_NS), &status);
	if (r < 0)
		return error_set(err, r, "busybox --install does not end");
	status_describe(status, &how);
	return status == 0 ? 0 : error_set(err, -EIO, "busybox --install: %s", buf_text(&how));
}

int shell_open_terminal(int *ret_fd, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open(TERMINAL, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios termios;

	if (fd < 0 || tcgetattr(fd, &termios) < 0)
		return error_sys(err, "open " TERMINAL);
	/* the rest is as the kernel's tty_std_termios has it: echo, line editing, signals */
	termios.c_iflag |= IUTF8;
	termios.c_iflag &= ~(tcflag_t)IXON;
	termios.c_cflag |= CLOCAL;
	(void)cfsetspeed(&termios, B115200);        /* cannot fail: it is one of the speeds */
	if (tcsetattr(fd, TCSANOW, &termios) < 0 || fcntl(fd, F_SETFL, 0) < 0)
		return error_sys(err, "set up " TERMINAL);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

void shell_set_window(int fd, uint32_t window)
{
	const struct winsize size = {
		.ws_row = (unsigned short)(window >> 16),
		.ws_col = (unsigned short)window,
	};

	if (window)        /* the kernel tells the foreground job when it has changed */
		(void)ioctl(fd, TIOCSWINSZ, &size);
}

void shell_flush_terminal(int fd)
{
	const struct timespec look = {.tv_nsec = FLUSH_LOOK_NS};
	struct deadline deadline = deadline_in(FLUSH_NS);
	int left;

	/* not tcdrain(), which has no end when nobody reads on the host */
	while (ioctl(fd, TIOCOUTQ, &left) == 0 && left > 0 && !deadline_passed(deadline))
		(void)nanosleep(&look, NULL);
	if (deadline_passed(deadline))
		(void)tcflush(fd, TCOFLUSH);        /* closing it would wait on */
}
