/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json_out.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at text, or 0 (Unicode 15, table 3-7). */
static size_t utf8_len(const unsigned char *text, size_t left)
{
	unsigned char lead = text[0], low = 0x80, high = 0xbf;
	size_t len;

	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		len = 2;
	else if (lead >= 0xe0 && lead <= 0xef)
		len = 3;
	else if (lead >= 0xf0 && lead <= 0xf4)
		len = 4;
	else
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	if (left < len || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static void quoted(struct buf *buf, const char *text, size_t len)
{
	buf_char(buf, '"');
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t width = utf8_len((const unsigned char *)text + i, len - i);

		if (width == 0)
			buf_str(buf, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			buf_printf(buf, "\\%c", c);
		else if (c == '\n')
			buf_str(buf, "\\n");
		else if (c < 0x20)
			buf_printf(buf, "\\u%04x", c);
		else
			buf_bytes(buf, text + i, width);
		i += width ? width : 1;
	}
	buf_char(buf, '"');
}

static void before_value(struct json_out *json, const char *key)
{
	if (json->filled[json->depth])
		buf_char(json->buf, ',');
	json->filled[json->depth] = true;
	if (key) {
		quoted(json->buf, key, strlen(key));
		buf_char(json->buf, ':');
	}
}

static void begin(struct json_out *json, const char *key, char open, char close)
{
	assert(json->depth < JSON_OUT_DEPTH_MAX);
	before_value(json, key);
	buf_char(json->buf, open);
	json->close[json->depth++] = close;
	json->filled[json->depth] = false;
}

void jout_object(struct json_out *json, const char *key)
{
	begin(json, key, '{', '}');
}

void jout_array(struct json_out *json, const char *key)
{
	begin(json, key, '[', ']');
}

void jout_end(struct json_out *json)
{
	assert(json->depth > 0);
	buf_char(json->buf, json->close[--json->depth]);
}

void jout_string_bytes(struct json_out *json, const char *key, const char *value, size_t len)
{
	before_value(json, key);
	quoted(json->buf, value, len);
}

void jout_string(struct json_out *json, const char *key, const char *value)
{
	if (value)
		jout_string_bytes(json, key, value, strlen(value));
	else
		jout_null(json, key);
}

void jout_u64(struct json_out *json, const char *key, uint64_t value)
{
	before_value(json, key);
	buf_printf(json->buf, "%" PRIu64, value);
}

void jout_i64(struct json_out *json, const char *key, int64_t value)
{
	before_value(json, key);
	buf_printf(json->buf, "%" PRId64, value);
}

void jout_real(struct json_out *json, const char *key, double value)
{
	before_value(json, key);
	buf_printf(json->buf, "%.17g", isfinite(value) ? value : 0.0);
}

void jout_bool(struct json_out *json, const char *key, bool value)
{
	before_value(json, key);
	buf_str(json->buf, value ? "true" : "false");
}

void jout_null(struct json_out *json, const char *key)
{
	before_value(json, key);
	buf_str(json->buf, "null");
}

void jout_raw(struct json_out *json, const char *key, const struct buf *value)
{
	before_value(json, key);
	buf_str(json->buf, value ? buf_text(value) : "null");
}
