/* SPDX-License-Identifier: BSD-2-Clause */
/* extract.c - contract 1.8: the numbers in what a program printed. */
#include "payload/payload.h"

#include <jansson.h>
#include <math.h>

/* Foreign output may be all brackets: so many bytes are looked at in search of a document. */
#define SEARCH_BUDGET (64u << 20)

DEFINE_AUTO(json_t *, json_decref)

struct walk {
	struct payload_record *record;
	const struct ktstr_metric_hint *hints;
	enum ktstr_metric_stream stream;
	struct buf path;
	bool truncated;
};

static void walk_value(struct walk *walk, const json_t *value, unsigned depth);

static void walk_below(struct walk *walk, const char *key, const json_t *value, unsigned depth)
{
	size_t len = walk->path.len;

	buf_printf(&walk->path, "%s%s", len ? "." : "", key);
	walk_value(walk, value, depth + 1);
	walk->path.len = len;
	walk->path.data[len] = '\0';
}

/* M1; M2 when it is too deep. */
static void walk_value(struct walk *walk, const json_t *value, unsigned depth)
{
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_number(value)) {
		double number = json_number_value(value);

		if (isfinite(number) && walk->path.len)
			payload_add_metric(walk->record, walk->hints, buf_text(&walk->path), number,
					   walk->stream);
		return;
	}
	if (!json_is_object(value) && !json_is_array(value))
		return;
	if (depth == PAYLOAD_DEPTH_MAX) {
		walk->truncated = true;
		return;
	}
	json_object_foreach((json_t *)value, key, child)
		walk_below(walk, key, child, depth);
	json_array_foreach(value, i, child) {
		char index[24];

		snprintf(index, sizeof(index), "%zu", i);
		walk_below(walk, index, child, depth);
	}
}

static json_t *parse(struct sv text)
{
	return json_loadb(text.data, text.len, 0, NULL);
}

/* Length of the balanced region at the start of text, which is an opening bracket; 0: none. */
static size_t balanced_len(struct sv text)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

/* M3 */
static json_t *find_document(struct sv text)
{
	struct sv whole = sv_trim(text);
	size_t looked_at = 0;
	json_t *document = parse(whole);

	for (size_t i = 0; !document && i < whole.len && looked_at < SEARCH_BUDGET; i++) {
		size_t len;

		if (whole.data[i] != '{' && whole.data[i] != '[')
			continue;
		len = balanced_len(sv_skip(whole, i));
		looked_at += len ?: whole.len - i;
		if (len)
			document = parse(sv_bytes(whole.data + i, len));
	}
	return document;
}

void payload_extract(struct sv text, enum ktstr_metric_stream stream,
		     const struct ktstr_metric_hint *hints, struct payload_record *record)
{
	AUTO(json_decref) json_t *document = find_document(text);
	struct walk walk = {.record = record, .hints = hints, .stream = stream};

	if (!document)
		return;
	walk_value(&walk, document, 0);
	if (walk.truncated)
		payload_add_metric(record, hints, PAYLOAD_TRUNCATED, PAYLOAD_DEPTH_MAX,
				   KTSTR_STREAM_SYNTHESIZED);
	buf_done(&walk.path);
}
