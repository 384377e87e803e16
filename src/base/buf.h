/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buf.h - text or bytes that grow up to a bound. The content is always followed by a NUL that
 * `len` does not count. What would pass the bound is dropped and remembered in `truncated`, so a
 * flood from a guest costs bounded memory and is not mistaken for the whole.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"

#define BUF_MAX_DEFAULT (64u << 20)

struct buf {
	char *data;       /* NULL while nothing was put in; use buf_text() to print */
	size_t len;
	size_t capacity;
	size_t max;       /* 0: BUF_MAX_DEFAULT */
	bool truncated;
};

void buf_done(struct buf *buf);
DEFINE_AUTO_DONE(struct buf, buf_done)
void buf_clear(struct buf *buf);                /* forgets the content, keeps memory and bound */
void buf_bytes(struct buf *buf, const void *data, size_t len);
void buf_str(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *fmt, va_list args);
const char *buf_text(const struct buf *buf);    /* never NULL */
char *buf_take(struct buf *buf);                /* the caller's, for free(); the buf is empty */

#endif
