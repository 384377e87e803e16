/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->truncated = false;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Make room for len more bytes and a NUL; returns how many of them may be put in. */
static size_t reserve(struct buf *buf, size_t len)
{
	size_t max = buf->max ? buf->max : BUF_MAX_DEFAULT;

	assert(buf->len <= max);
	if (len > max - buf->len) {
		buf->truncated = true;
		len = max - buf->len;
	}
	if (buf->len + len + 1 > buf->capacity) {
		buf->capacity = (buf->len + len + 1) * 3 / 2;
		if (buf->capacity < 128)
			buf->capacity = 128;
		buf->data = xrealloc_array(buf->data, buf->capacity, 1);
	}
	return len;
}

void buf_bytes(struct buf *buf, const void *data, size_t len)
{
	len = reserve(buf, len);
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_str(struct buf *buf, const char *text)
{
	buf_bytes(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
	buf_bytes(buf, &c, 1);
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
	char small[256];
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(small, sizeof(small), fmt, args);
	assert(len >= 0);
	if ((size_t)len < sizeof(small)) {
		buf_bytes(buf, small, (size_t)len);
	} else {
		AUTO(free) char *large = xmalloc((size_t)len + 1);

		vsnprintf(large, (size_t)len + 1, fmt, again);
		buf_bytes(buf, large, (size_t)len);
	}
	va_end(again);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_vprintf(buf, fmt, args);
	va_end(args);
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *text = buf->data ? buf->data : xstrdup("");

	buf->data = NULL;
	buf_done(buf);
	return text;
}
