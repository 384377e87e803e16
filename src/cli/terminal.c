/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "wire/wire.h"

#define ESCAPE 1                      /* Ctrl-A */
#define PENDING_MAX (64u << 10)       /* typed or pasted, and not yet taken by the guest */
#define JOIN_NS (2 * NS_PER_S)

static struct termios before;
static volatile sig_atomic_t is_raw;
static const char *parting;           /* what the screen is told when the terminal is put back */
static _Atomic uint32_t window;

static struct relay {
	bool running;
	pthread_t thread;
	int socket_fd, cancel_fd, resize_fd, stop_fd;
	bool escaped;                 /* the last byte was ESCAPE */
	bool heard;                   /* the guest's shell has spoken: before, its terminal is not set up */
	struct buf pending;
} relay = {.socket_fd = -1, .resize_fd = -1, .stop_fd = -1};

/* --- putting it back ------------------------------------------------------------------------------ */

void terminal_restore(void)
{
	sigset_t ttou, old;

	if (!is_raw)
		return;
	/* or a process in the background would be stopped instead */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	(void)pthread_sigmask(SIG_BLOCK, &ttou, &old);
	if (parting)
		(void)!write(STDOUT_FILENO, parting, strlen(parting));
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);        /* gone with its window, it needs nothing */
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	is_raw = 0;
}

static void on_fatal_signal(int signal_number)
{
	terminal_restore();
	(void)raise(signal_number);        /* SA_RESETHAND: now it does what it does */
}

static void restore_on_every_exit(void)
{
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGPIPE, SIGALRM};
	const struct sigaction action = {
		.sa_handler = on_fatal_signal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER,
	};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		(void)sigaction(fatal[i], &action, NULL);        /* these can all be caught */
	(void)atexit(terminal_restore);
}

static int change(const struct termios *settings, struct ktstr_error *err)
{
	is_raw = 1;
	return tcsetattr(STDIN_FILENO, TCSANOW, settings) < 0 ? error_sys(err, "the terminal on stdin") : 0;
}

int terminal_take_keys(const char *greeting, const char *farewell, struct ktstr_error *err)
{
	struct termios keys;
	int r;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return error_sys(err, "the terminal on stdin");
	restore_on_every_exit();
	parting = farewell;
	keys = before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_oflag &= ~(tcflag_t)OPOST;
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	r = change(&keys, err);
	if (r == 0)
		r = fd_write_all(STDOUT_FILENO, greeting, strlen(greeting));
	return r;
}

/* --- its size --------------------------------------------------------------------------------------- */

static void read_window(void)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		atomic_store(&window, wire_window(size.ws_row ?: 24, size.ws_col ?: 80));
}

const _Atomic uint32_t *terminal_watch(struct ktstr_error *err)
{
	sigset_t resize;

	sigemptyset(&resize);
	sigaddset(&resize, SIGWINCH);
	if (pthread_sigmask(SIG_BLOCK, &resize, NULL) != 0)
		return NULL;
	relay.resize_fd = signalfd(-1, &resize, SFD_CLOEXEC | SFD_NONBLOCK);
	if (relay.resize_fd < 0) {
		(void)error_sys(err, "signalfd");
		return NULL;
	}
	read_window();
	return &window;
}

/* --- the bytes -------------------------------------------------------------------------------------- */

static void cancel(void)
{
	const uint64_t one = 1;
	ssize_t written = write(relay.cancel_fd, &one, sizeof(one));

	(void)written;        /* it is readable already, then */
}

/* Ctrl-A x ends the guest, Ctrl-A a is a Ctrl-A; before anything else it is one, too. */
static void take_typed(const char *bytes, size_t len)
{
	static const char escape = ESCAPE;

	for (size_t i = 0; i < len; i++) {
		if (!relay.escaped && bytes[i] == ESCAPE) {
			relay.escaped = true;
			continue;
		}
		if (relay.escaped && bytes[i] == 'x')
			cancel();
		if (relay.escaped)
			buf_bytes(&relay.pending, &escape, 1);
		if (!relay.escaped || bytes[i] != 'a')
			buf_bytes(&relay.pending, &bytes[i], 1);
		relay.escaped = false;
	}
}

static void read_terminal(void)
{
	char chunk[4096];
	ssize_t len = read(STDIN_FILENO, chunk, sizeof(chunk));

	if (len > 0)
		take_typed(chunk, (size_t)len);
	else if (len == 0 || (errno != EINTR && errno != EAGAIN))
		cancel();        /* the terminal is gone */
}

static void send_pending(void)
{
	ssize_t sent = send(relay.socket_fd, relay.pending.data, relay.pending.len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	struct buf rest = {.max = relay.pending.max};

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* a guest that is gone takes no more */
	if (sent > 0)
		buf_bytes(&rest, relay.pending.data + sent, relay.pending.len - (size_t)sent);
	buf_done(&relay.pending);
	relay.pending = rest;
}

/* 1: shown; 0: there is nothing now; -1: nothing will come */
static int show(void)
{
	char chunk[16384];
	ssize_t len = recv(relay.socket_fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len <= 0 || fd_write_all(STDOUT_FILENO, chunk, (size_t)len) < 0)
		return -1;
	relay.heard = true;
	return 1;
}

static void *carry(void *arg)
{
	bool open = true;

	(void)arg;
	for (;;) {
		bool typed = relay.heard && relay.pending.len > 0;
		struct pollfd wait[] = {
			{.fd = relay.stop_fd, .events = POLLIN},
			{.fd = relay.resize_fd, .events = POLLIN},
			{.fd = relay.pending.len < PENDING_MAX ? STDIN_FILENO : -1, .events = POLLIN},
			{.fd = open ? relay.socket_fd : -1,
			 .events = (short)(POLLIN | (typed ? POLLOUT : 0))},
		};
		struct signalfd_siginfo resize;

		if (poll(wait, 4, -1) < 0 && errno != EINTR)
			return NULL;
		if (wait[1].revents && read(relay.resize_fd, &resize, sizeof(resize)) > 0)
			read_window();
		if (wait[2].revents)
			read_terminal();
		if (wait[3].revents & POLLOUT)
			send_pending();
		if (wait[3].revents & (POLLIN | POLLHUP | POLLERR))
			open = show() >= 0;
		if (wait[2].revents & (POLLHUP | POLLERR | POLLNVAL))
			return NULL;        /* cancelled by read_terminal() */
		if (wait[0].revents)
			break;
	}
	while (open && show() == 1)
		;
	return NULL;
}

int terminal_connect(int socket_fd, int cancel_fd, struct ktstr_error *err)
{
	struct termios raw;
	int r;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return error_sys(err, "the terminal on stdin");
	restore_on_every_exit();
	relay.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (relay.stop_fd < 0)
		return error_sys(err, "eventfd");
	relay.socket_fd = socket_fd;
	relay.cancel_fd = cancel_fd;
	relay.pending.max = 2 * PENDING_MAX;
	raw = before;
	cfmakeraw(&raw);
	r = change(&raw, err);
	if (r < 0)
		return r;
	r = pthread_create(&relay.thread, NULL, carry, NULL);
	relay.running = r == 0;
	if (r == 0)
		return 0;
	terminal_restore();
	return error_set(err, -r, "start a thread: %s", strerrordesc_np(r));
}

void terminal_release(void)
{
	const uint64_t one = 1;
	struct timespec until;
	uint64_t at = clock_ns() + JOIN_NS;

	if (relay.running && write(relay.stop_fd, &one, sizeof(one)) == sizeof(one)) {
		until = (struct timespec){.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
		if (pthread_clockjoin_np(relay.thread, NULL, CLOCK_MONOTONIC, &until) != 0) {
			(void)pthread_cancel(relay.thread);        /* nobody reads the terminal */
			(void)pthread_join(relay.thread, NULL);
		}
	}
	relay.running = false;
	terminal_restore();
	fd_close(TAKE_FD(relay.stop_fd));
	fd_close(TAKE_FD(relay.resize_fd));
	buf_done(&relay.pending);
}
