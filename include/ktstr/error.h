/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.h - why something could not be done, in words, with an errno to branch on.
 *
 * A function that can fail returns 0 (or a count), or a negative errno with *err filled. The value
 * lives on the caller's stack: nothing to free, no memory needed to make one. A NULL err means "I
 * only care whether". Any thread may use its own value.
 */
#ifndef KTSTR_ERROR_H
#define KTSTR_ERROR_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KTSTR_ERROR_MSG_MAX 1000

struct ktstr_error {
	int code;                          /* negative errno; 0 while nothing has failed */
	char msg[KTSTR_ERROR_MSG_MAX];     /* "outer: inner: cause" */
};

/* A fact that we found. Returns code, which must be negative. */
int ktstr_error_set(struct ktstr_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A failed system call: appends strerror(errno) and returns -errno. */
int ktstr_error_sys(struct ktstr_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Put context in front of what *err already says; returns code. When the text would not fit, the
 * context is shortened: the cause stays whole.
 */
int ktstr_error_wrap(struct ktstr_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
#endif
