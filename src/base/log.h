/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - lines on stderr, subject first: "vm steady: ...". KTSTR_LOG=debug shows all of them,
 * the default is info. Whole lines in one write, so that threads do not mix them.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A progress line of a terminal must be taken away before a log line and drawn again after it:
 * the reporter that owns one registers how. Both are called under the log's lock.
 */
void log_set_curtain(void (*lift)(void *arg), void (*lower)(void *arg), void *arg);

#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
