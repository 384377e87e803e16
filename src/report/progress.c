/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress.c - one line on a terminal that says what runs. Whoever else writes to the terminal has
 * it lifted (erased) first and lowered (drawn again) afterwards; the lock is held in between, so that
 * no tick draws it into their text. Nothing here logs while it holds the lock: the log's own lock
 * comes first.
 */
#include <assert.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/format.h"

#define WIDTH_DEFAULT 80
#define ERASE "\r\x1b[K"        /* ECMA-48 EL: to the end of the line */

struct running {
	size_t test_index;
	char *test;
	char *stage;
	uint64_t since_ns;       /* when this stage began */
};

static void running_done(struct running *running)
{
	free(running->test);
	free(running->stage);
}
DEFINE_VEC(running_list, struct running, running_done)

struct progress {
	int fd;
	size_t test_count, finished;
	struct running_list running;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of all below, and of the line */
static struct progress *current;

static void put(struct progress *progress, struct sv text)
{
	(void)fd_write_all(progress->fd, text.data, text.len);    /* a terminal that is gone: so be it */
}

static size_t terminal_width(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : WIDTH_DEFAULT;
}

/* A character that is not ASCII may take no column or two: it is shown as '?'. */
static void put_ascii(struct buf *line, const char *text)
{
	for (; *text; text++) {
		bool continues = ((unsigned char)*text & 0xc0) == 0x80;

		if (!continues)
			buf_char(line, *text >= ' ' && *text <= '~' ? *text : '?');
	}
}

static void draw(struct progress *progress)
{
	/* One column stays free: terminals differ in what they do behind a full line. */
	AUTO(buf_done) struct buf line = {.max = terminal_width(progress->fd) - 1};
	AUTO(buf_done) struct buf bytes = {0};
	uint64_t now = clock_ns();

	buf_printf(&line, "[%zu/%zu] %zu running", progress->finished, progress->test_count,
		   progress->running.len);
	vec_each(running, &progress->running) {
		buf_str(&line, running == progress->running.at ? ": " : ", ");
		put_ascii(&line, running->test);
		buf_str(&line, " (");
		put_ascii(&line, running->stage);
		buf_printf(&line, " %.1fs)", (double)(now - running->since_ns) / NS_PER_S);
	}
	buf_printf(&bytes, "\r%s\x1b[K", buf_text(&line));
	put(progress, sv_bytes(bytes.data, bytes.len));
}

void progress_lift(void)
{
	pthread_mutex_lock(&lock);
	if (current)
		put(current, sv_of(ERASE));
}

void progress_lower(void)
{
	if (current)
		draw(current);
	pthread_mutex_unlock(&lock);
}

static void lift_for_log(void *arg)
{
	(void)arg;
	progress_lift();
}

static void lower_for_log(void *arg)
{
	(void)arg;
	progress_lower();
}

struct progress *progress_begin(int fd, size_t test_count)
{
	const char *terminal = getenv("TERM");
	struct progress *progress;

	if (!isatty(fd) || (terminal && strcmp(terminal, "dumb") == 0))
		return NULL;
	progress = xcalloc(1, sizeof(*progress));
	progress->fd = fd;
	progress->test_count = test_count;
	pthread_mutex_lock(&lock);
	assert(!current);
	current = progress;
	pthread_mutex_unlock(&lock);
	log_set_curtain(lift_for_log, lower_for_log, NULL);
	return progress;
}

static struct running *find(struct progress *progress, size_t test_index)
{
	vec_each(running, &progress->running) {
		if (running->test_index == test_index)
			return running;
	}
	return NULL;
}

void progress_stage(struct progress *progress, size_t test_index, const char *test,
		    const char *stage)
{
	struct running *running;

	if (!progress)
		return;
	pthread_mutex_lock(&lock);
	running = find(progress, test_index);
	if (!running)
		running = running_list_push(&progress->running,
					    (struct running){.test_index = test_index,
							     .test = xstrdup(test)});
	free(running->stage);
	running->stage = xstrdup(stage);
	running->since_ns = clock_ns();
	draw(progress);
	pthread_mutex_unlock(&lock);
}

/* The others keep their order: a name does not jump about in the line. */
static void forget(struct progress *progress, size_t test_index)
{
	struct running_list *list = &progress->running;
	struct running *running = find(progress, test_index);

	if (!running)
		return;
	running_done(running);
	memmove(running, running + 1,
		(size_t)(list->at + list->len - (running + 1)) * sizeof(*running));
	list->len--;
}

void progress_finish(struct progress *progress, size_t test_index)
{
	if (!progress)
		return;
	pthread_mutex_lock(&lock);
	forget(progress, test_index);
	progress->finished++;
	draw(progress);
	pthread_mutex_unlock(&lock);
}

void progress_tick(struct progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&lock);
	draw(progress);
	pthread_mutex_unlock(&lock);
}

void progress_end(struct progress *progress)
{
	AUTO(running_list_done) struct running_list running = {0};

	if (!progress)
		return;
	log_set_curtain(NULL, NULL, NULL);
	pthread_mutex_lock(&lock);
	put(progress, sv_of(ERASE));
	current = NULL;
	pthread_mutex_unlock(&lock);
	running = progress->running;
	free(progress);
}
