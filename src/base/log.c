/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

static const char *const level_words[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	void (*lift)(void *arg);
	void (*lower)(void *arg);
	void *arg;
} curtain;

static enum log_level threshold(void)
{
	const char *wanted = getenv("KTSTR_LOG");

	for (int level = LOG_LEVEL_DEBUG; wanted && level <= LOG_LEVEL_ERROR; level++) {
		if (strcmp(wanted, level_words[level]) == 0)
			return (enum log_level)level;
	}
	return LOG_LEVEL_INFO;
}

void log_set_curtain(void (*lift)(void *arg), void (*lower)(void *arg), void *arg)
{
	pthread_mutex_lock(&lock);
	curtain.lift = lift;
	curtain.lower = lower;
	curtain.arg = arg;
	pthread_mutex_unlock(&lock);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	AUTO(buf_done) struct buf line = {0};
	va_list args;

	if (level < threshold())
		return;
	buf_str(&line, "ktstr: ");
	if (level == LOG_LEVEL_DEBUG || level == LOG_LEVEL_WARN)
		buf_printf(&line, "%s: ", level_words[level]);
	va_start(args, fmt);
	buf_vprintf(&line, fmt, args);
	va_end(args);
	buf_char(&line, '\n');

	pthread_mutex_lock(&lock);
	if (curtain.lift)
		curtain.lift(curtain.arg);
	(void)fd_write_all(STDERR_FILENO, line.data, line.len);    /* nobody is left to tell */
	if (curtain.lower)
		curtain.lower(curtain.arg);
	pthread_mutex_unlock(&lock);
}
