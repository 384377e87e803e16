/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_live.c - `ktstr ctprof top` on a terminal: painting, keys, resizing, leaving. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctprof_top.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

/* ECMA-48 and xterm's: the other screen, no cursor, no wrapping at the edge; and back */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

#define TYPED_MAX 200

static const char keys_line[] = "q quit  s sort  < > other metric  r reverse  g group  / filter  + - interval  p pause";

struct live {
	struct top *top;
	struct table_look look;
	size_t rows, skip, groups;
	bool paused, leaving;
	char prompt;                    /* 's' or '/': a line is being typed */
	struct buf typed;
	char note[KTSTR_ERROR_MSG_MAX];         /* what was wrong with the last one */
	int interrupt_fd, signal_fd;
};

static void live_done(struct live *live)
{
	terminal_restore();
	buf_done(&live->typed);
	fd_close(live->signal_fd);
}
DEFINE_AUTO_DONE(struct live, live_done)

/* --- painting ------------------------------------------------------------------------------------------- */

static void read_size(struct live *live)
{
	struct winsize size = {0};

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);        /* the defaults, then */
	live->rows = size.ws_row ?: 24;
	live->look.width = size.ws_col ?: 80;
}

static void put_bottom(const struct live *live, struct buf *out)
{
	AUTO(buf_done) struct buf line = {0};
	bool dim = live->look.colour && !live->prompt && !*live->note;

	if (live->prompt)
		buf_printf(&line, "%s%s_", live->prompt == 's' ? "sort by: " : "/", buf_text(&live->typed));
	else
		buf_str(&line, *live->note ? live->note : keys_line);
	buf_str(out, dim ? "\033[2m" : "");
	text_shorten(buf_text(&line), live->look.width, out);
	buf_str(out, dim ? "\033[0m" : "");
	buf_str(out, CLEAR_LINE CLEAR_BELOW);
}

/* All in one write, over what is there: no flicker. */
static int paint(struct live *live)
{
	AUTO(buf_done) struct buf text = {0}, screen = {0};
	size_t used = 0;
	struct sv rest, line;

	live->groups = top_print(live->top, &live->look, live->skip, live->rows - 1, live->paused ? "paused" : NULL,
				 &text);
	if (live->skip >= live->groups)
		live->skip = live->groups ? live->groups - 1 : 0;        /* some have gone: from the next on */
	buf_str(&screen, HOME);
	rest = sv_of(buf_text(&text));
	for (; used + 1 < live->rows && sv_line(&rest, &line); used++)
		buf_printf(&screen, "%.*s" CLEAR_LINE "\r\n", SV_ARG(line));
	for (; used + 1 < live->rows; used++)
		buf_str(&screen, CLEAR_LINE "\r\n");
	put_bottom(live, &screen);
	return fd_write_all(STDOUT_FILENO, screen.data, screen.len);
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static void finish_prompt(struct live *live)
{
	struct ktstr_error err = {0};
	int r = live->prompt == 's' ? top_set_metric(live->top, buf_text(&live->typed), &err) :
				      top_set_filter(live->top, buf_text(&live->typed), &err);

	live->prompt = 0;
	live->skip = 0;
	*live->note = '\0';
	if (r < 0) {
		AUTO(free) char *clean = text_clean(sv_of(err.msg), sizeof(live->note) - 1);

		(void)snprintf(live->note, sizeof(live->note), "%s", clean);
	}
	top_view(live->top);
}

static void type(struct live *live, char key)
{
	if (key == '\r' || key == '\n') {
		finish_prompt(live);
	} else if (key == 0x7f || key == '\b') {
		struct buf *typed = &live->typed;

		/* a whole code point */
		while (typed->len > 0 && (typed->data[--typed->len] & 0xc0) == 0x80)
			;
		if (typed->data)
			typed->data[typed->len] = '\0';
	} else if ((unsigned char)key >= ' ' && live->typed.len < TYPED_MAX) {
		buf_char(&live->typed, key);
	}
}

static void step_interval(struct live *live, int step)
{
	static const uint64_t ms[] = {100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
	const size_t count = sizeof(ms) / sizeof(*ms);
	size_t at = 0;

	while (at + 1 < count && ms[at] * NS_PER_MS < live->top->interval_ns)
		at++;
	if (step > 0 && at + 1 < count && ms[at] * NS_PER_MS <= live->top->interval_ns)
		at++;
	else if (step < 0 && at > 0)
		at--;
	live->top->interval_ns = ms[at] * NS_PER_MS;
}

static void scroll(struct live *live, long lines)
{
	long skip = (long)live->skip + lines, most = (long)live->groups - 1;

	live->skip = skip < 0 || most < 0 ? 0 : skip > most ? (size_t)most : (size_t)skip;
}

static void press(struct live *live, char key)
{
	*live->note = '\0';
	switch (key) {
	case 'q':
		live->leaving = true;
		return;
	case 's':
	case '/':
		live->prompt = key;
		buf_clear(&live->typed);
		return;
	case '<':
	case '>':
		top_step_metric(live->top, key == '<' ? -1 : 1);
		break;
	case 'r':
		live->top->ascending = !live->top->ascending;
		break;
	case 'g':
		top_step_group(live->top);
		live->skip = 0;
		break;
	case '+':
	case '-':
		step_interval(live, key == '+' ? 1 : -1);
		return;
	case 'p':
	case ' ':
		live->paused = !live->paused;
		return;
	default:
		return;
	}
	top_view(live->top);
}

/* A key that sends more than a byte: ESC [ and a letter, or digits and ~. Its length; 0: none. */
static size_t press_special(struct live *live, struct sv keys)
{
	long page = live->rows > 5 ? (long)live->rows - 5 : 1;
	size_t len = 2;

	if (keys.len < 3 || keys.data[0] != '\033' || (keys.data[1] != '[' && keys.data[1] != 'O'))
		return 0;
	while (len + 1 < keys.len && (keys.data[len] < '@' || keys.data[len] > '~'))
		len++;
	if (live->prompt)
		return len + 1;
	switch (keys.data[len]) {
	case 'A':
		scroll(live, -1);
		break;
	case 'B':
		scroll(live, 1);
		break;
	case 'C':
		press(live, '>');
		break;
	case 'D':
		press(live, '<');
		break;
	case '~':
		scroll(live, keys.data[2] == '5' ? -page : keys.data[2] == '6' ? page : 0);
		break;
	default:
		break;
	}
	return len + 1;
}

/* False: the terminal is gone. */
static bool read_keys(struct live *live)
{
	char bytes[256];
	ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));
	struct sv keys = sv_bytes(bytes, len > 0 ? (size_t)len : 0);

	while (keys.len > 0) {
		size_t special = press_special(live, keys);

		if (special == 0 && keys.data[0] == '\033')
			live->prompt = 0;
		else if (special == 0 && live->prompt)
			type(live, keys.data[0]);
		else if (special == 0)
			press(live, keys.data[0]);
		keys = sv_skip(keys, special ?: 1);
	}
	return len > 0 || (len < 0 && (errno == EINTR || errno == EAGAIN));
}

/* --- signals -------------------------------------------------------------------------------------------- */

static int catch_signals(struct live *live, struct ktstr_error *err)
{
	sigset_t set;

	live->interrupt_fd = interrupt_catch(err);
	if (live->interrupt_fd < 0)
		return live->interrupt_fd;
	interrupt_on_exit(terminal_restore);
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTSTP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, "sigprocmask");
	live->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return live->signal_fd < 0 ? error_sys(err, "signalfd") : 0;
}

static int enter(struct live *live, struct ktstr_error *err)
{
	read_size(live);
	return terminal_take_keys(ENTER, LEAVE, err);
}

/* Ctrl-Z: the shell gets its terminal as it was, and we ours again when it lets us go on. */
static int suspend(struct live *live, struct ktstr_error *err)
{
	terminal_restore();
	(void)raise(SIGSTOP);
	return enter(live, err);
}

static int take_signals(struct live *live, struct ktstr_error *err)
{
	struct signalfd_siginfo info;

	while (read(live->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int r = 0;

		if (info.ssi_signo == SIGTSTP)
			r = suspend(live, err);
		else
			read_size(live);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static int run(struct live *live, struct ktstr_error *err)
{
	while (!live->leaving && !interrupt_came()) {
		struct pollfd wait[] = {
			{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = live->signal_fd, .events = POLLIN},
			{.fd = live->interrupt_fd, .events = POLLIN},
		};
		struct deadline next = live->paused ?
					       DEADLINE_NEVER :
					       (struct deadline){.at_ns = live->top->last_ns + live->top->interval_ns};
		int r;

		if (deadline_passed(next))
			top_sample(live->top);
		r = paint(live);
		if (r < 0)
			return error_set(err, r, "the terminal: %s", strerrordesc_np(-r));
		if (!live->paused)
			next.at_ns = live->top->last_ns + live->top->interval_ns;
		if (poll(wait, 3, deadline_poll_ms(next)) < 0 && errno != EINTR)
			return error_sys(err, "poll");
		if (wait[1].revents && (r = take_signals(live, err)) < 0)
			return r;
		if (wait[0].revents && !read_keys(live))
			return error_set(err, -EIO, "the terminal is gone");
	}
	return 0;
}

int top_live(struct top *top)
{
	AUTO(live_done) struct live live = {.top = top, .signal_fd = -1, .look = ctprof_display_look(&top->display)};
	struct ktstr_error err = {0};
	int r = catch_signals(&live, &err);

	if (r == 0)
		r = enter(&live, &err);
	if (r == 0)
		r = run(&live, &err);
	terminal_restore();
	if (r < 0 && !interrupt_came()) {
		log_error("ctprof top: %s", err.msg);
		return EXIT_TROUBLE;
	}
	return interrupt_came() ? EXIT_INTERRUPTED : 0;
}
