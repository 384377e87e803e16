/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines.c - numbers in text for people:
 *
 *	Latency (ms):                      a section
 *	     95th percentile:   0.24       latency_ms.95th_percentile = 0.24
 *	Time: 0.011                        time = 0.011, or below the section when it is indented more
 *	- stressor: cpu                    no number: nothing
 *
 * A number may be followed by a unit ("1.5 s", "1.0003s", "64.86%"), not by more digits.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "payload/payload.h"

#define NAME_LEN_MAX 100
#define NUMBER_LEN_MAX 40

struct section {
	char name[NAME_LEN_MAX + 1];
	size_t indent;
};

static size_t indent_of(struct sv line)
{
	size_t indent = 0;

	while (indent < line.len && (line.data[indent] == ' ' || line.data[indent] == '\t'))
		indent++;
	return indent;
}

/* Letters and digits in lower case, everything between them one '_'. */
static bool format_name(struct sv words, char name[NAME_LEN_MAX + 1])
{
	size_t len = 0;
	bool gap = false;

	for (size_t i = 0; i < words.len; i++) {
		unsigned char c = (unsigned char)words.data[i];

		if (!isalnum(c)) {
			gap = len > 0;
			continue;
		}
		if (len + 2 > NAME_LEN_MAX)
			return false;
		if (gap)
			name[len++] = '_';
		gap = false;
		name[len++] = (char)tolower(c);
	}
	name[len] = '\0';
	return len > 0;
}

/* "0.24", "1.0003s", "64 KiB": strtod on a copy, since a view has no end that it would see */
static bool read_number(struct sv text, double *ret_value)
{
	char copy[NUMBER_LEN_MAX + 1], *end;
	size_t len = text.len < NUMBER_LEN_MAX ? text.len : NUMBER_LEN_MAX;

	if (len == 0 || !(isdigit((unsigned char)*text.data) || strchr("+-.", *text.data)))
		return false;
	memcpy(copy, text.data, len);
	copy[len] = '\0';
	*ret_value = strtod(copy, &end);
	if (end == copy || !isfinite(*ret_value) || end == copy + NUMBER_LEN_MAX)
		return false;
	/* a date, a version, a range or a fraction is no number with a unit */
	return !strpbrk(end, "0123456789:/") && *end != '.' && *end != '-';
}

/* The value behind the first ':' or '=' that has something before it; false when there is none. */
static bool split_line(struct sv line, struct sv *ret_words, struct sv *ret_value)
{
	for (size_t i = 1; i < line.len; i++) {
		if (line.data[i] != ':' && line.data[i] != '=')
			continue;
		*ret_words = sv_trim(sv_bytes(line.data, i));
		*ret_value = sv_trim(sv_skip(line, i + 1));
		return true;
	}
	return false;
}

void payload_extract_lines(struct sv text, enum ktstr_metric_stream stream,
			   const struct ktstr_metric_hint *hints, struct payload_record *record)
{
	struct section section = {0};
	struct sv line, words, value;

	while (sv_line(&text, &line)) {
		size_t indent = indent_of(line);
		char name[NAME_LEN_MAX + 1], path[2 * NAME_LEN_MAX + 2];
		double number;

		if (!split_line(line, &words, &value) || !format_name(words, name))
			continue;
		if (section.name[0] && indent <= section.indent)
			section.name[0] = '\0';
		if (value.len == 0) {
			section.indent = indent;
			memcpy(section.name, name, sizeof(name));
			continue;
		}
		if (!read_number(value, &number))
			continue;
		snprintf(path, sizeof(path), "%s%s%s", section.name, section.name[0] ? "." : "", name);
		payload_add_metric(record, hints, path, number, stream);
	}
}
