/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/export.h"

EXPORT int ktstr_error_set(struct ktstr_error *err, int code, const char *fmt, ...)
{
	va_list args;

	assert(code < 0);
	if (!err)
		return code;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	return code;
}

/* Put text and ": " in front of what err says; a text too long for that loses its own end. */
static void prepend(struct ktstr_error *err, const char *text)
{
	size_t cause_len = strnlen(err->msg, sizeof(err->msg) - 1);
	size_t room = sizeof(err->msg) - 1 - cause_len;
	size_t text_len = strlen(text);

	if (room < 2)
		return;
	if (text_len > room - 2)
		text_len = room - 2;
	memmove(err->msg + text_len + 2, err->msg, cause_len);
	memcpy(err->msg, text, text_len);
	memcpy(err->msg + text_len, ": ", 2);
	err->msg[text_len + 2 + cause_len] = '\0';
}

EXPORT int ktstr_error_sys(struct ktstr_error *err, const char *fmt, ...)
{
	int saved = errno > 0 ? errno : EIO;
	char text[KTSTR_ERROR_MSG_MAX];
	va_list args;

	if (!err)
		return -saved;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err->code = -saved;
	snprintf(err->msg, sizeof(err->msg), "%s", strerrordesc_np(saved) ?: "unknown error");
	prepend(err, text);
	return -saved;
}

EXPORT int ktstr_error_wrap(struct ktstr_error *err, int code, const char *fmt, ...)
{
	char text[KTSTR_ERROR_MSG_MAX];
	va_list args;

	assert(code < 0);
	if (!err)
		return code;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err->code = code;
	prepend(err, text);
	return code;
}
