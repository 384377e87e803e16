/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/buf.h"

#define REPLACEMENT "\xef\xbf\xbd"        /* U+FFFD */
#define ELLIPSIS "..."

/* The code point at text and its width; width 0 when no well-formed one is there (RFC 3629, 4). */
static uint32_t decode(const unsigned char *text, size_t left, size_t *ret_width)
{
	unsigned char lead = text[0];
	size_t width = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	uint32_t code = width == 1 ? lead : lead & (0x7fu >> width);

	*ret_width = 0;
	if (width == 0 || width > left || lead > 0xf4)
		return 0;
	for (size_t i = 1; i < width; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if ((width == 3 && code < 0x800) || (width == 4 && code < 0x10000) || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_width = width;
	return code;
}

static bool is_control(uint32_t code)
{
	return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0);
}

char *text_clean(struct sv text, size_t max)
{
	AUTO(buf_done) struct buf clean = {0};
	size_t cut = 0;        /* where an ellipsis would still fit */

	assert(max >= strlen(ELLIPSIS));
	for (size_t i = 0, width; i < text.len; i += width ? width : 1) {
		uint32_t code = decode((const unsigned char *)text.data + i, text.len - i, &width);
		struct sv piece = sv_bytes(text.data + i, width);

		if (width == 0)
			piece = sv_of(REPLACEMENT);
		else if (is_control(code))
			piece = sv_of("?");
		if (clean.len + piece.len > max)
			return xasprintf("%.*s" ELLIPSIS, (int)cut, buf_text(&clean));
		buf_bytes(&clean, piece.data, piece.len);
		if (clean.len + strlen(ELLIPSIS) <= max)
			cut = clean.len;
	}
	return xstrdup(buf_text(&clean));
}
