/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/sv.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>

bool sv_eq(struct sv sv, const char *text)
{
	return strlen(text) == sv.len && (sv.len == 0 || memcmp(sv.data, text, sv.len) == 0);
}

bool sv_starts(struct sv sv, const char *prefix)
{
	size_t len = strlen(prefix);

	return len <= sv.len && (len == 0 || memcmp(sv.data, prefix, len) == 0);
}

struct sv sv_skip(struct sv sv, size_t len)
{
	assert(len <= sv.len);
	return (struct sv){.data = len ? sv.data + len : sv.data, .len = sv.len - len};
}

struct sv sv_trim(struct sv sv)
{
	while (sv.len && isspace((unsigned char)sv.data[0]))
		sv = sv_skip(sv, 1);
	while (sv.len && isspace((unsigned char)sv.data[sv.len - 1]))
		sv.len--;
	return sv;
}

struct sv sv_split(struct sv *rest, char separator)
{
	struct sv part = *rest;
	const char *found = rest->len ? memchr(rest->data, separator, rest->len) : NULL;

	if (!found) {
		*rest = (struct sv){0};
		return part;
	}
	part.len = (size_t)(found - rest->data);
	*rest = sv_skip(*rest, part.len + 1);
	return part;
}

bool sv_line(struct sv *rest, struct sv *ret_line)
{
	if (rest->len == 0)
		return false;
	*ret_line = sv_split(rest, '\n');
	return true;
}

int sv_u64(struct sv sv, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (sv.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < sv.len; i++) {
		unsigned digit = (unsigned char)sv.data[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int sv_u32(struct sv sv, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;
	int r = sv_u64(sv, max, &value);

	if (r == 0)
		*ret_value = (uint32_t)value;
	return r;
}

int sv_hex64(struct sv sv, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (sv_starts(sv, "0x"))
		sv = sv_skip(sv, 2);
	if (sv.len == 0)
		return -EINVAL;
	if (sv.len > 16)
		return -ERANGE;
	for (size_t i = 0; i < sv.len; i++) {
		unsigned char c = (unsigned char)sv.data[i];

		if (!isxdigit(c))
			return -EINVAL;
		value = value << 4 | (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	*ret_value = value;
	return 0;
}
