/* SPDX-License-Identifier: BSD-2-Clause */
/* context_text.c - the host context for people. */
#include "host/fields.h"

#define ABSENT "(absent)"

static void put_map(const char *key, const struct host_map *map, struct buf *out)
{
	if (!map->known || !map->pairs.len) {
		buf_printf(out, "%s: %s\n", key, map->known ? "(empty)" : HOST_UNKNOWN);
		return;
	}
	buf_printf(out, "%s:\n", key);
	vec_each(pair, &map->pairs)
		buf_printf(out, "  %s: %s\n", pair->key, pair->value);
}

void host_context_format(const struct host_context *context, struct buf *out)
{
	for (const struct host_field *field = host_context_fields; field->key; field++) {
		switch (field->type) {
		case HOST_TEXT:
			buf_printf(out, "%s: %s\n", field->key,
				   *host_text_at(context, field) ?: HOST_UNKNOWN);
			break;
		case HOST_NUMBER:
			buf_printf(out, "%s: ", field->key);
			host_number_put(*host_number_at(context, field->offset), out);
			buf_char(out, '\n');
			break;
		case HOST_MAP:
			put_map(field->key, host_map_at(context, field), out);
			break;
		}
	}
	buf_printf(out, "heap_state:%s\n", context->has_heap_state ? "" : " " HOST_UNKNOWN);
	if (context->has_heap_state)
		host_heap_format(&context->heap_state, 2, out);
}

static void put_change(const char *map, const char *key, const char *before, const char *after,
		       struct buf *out)
{
	buf_printf(out, "  %s%s%s: %s" HOST_ARROW "%s\n", map, *map ? "." : "", key, before, after);
}

static void put_entry_count(const struct host_map *map, struct buf *out)
{
	if (map->known)
		buf_printf(out, "(%zu entries)", map->pairs.len);
	else
		buf_str(out, HOST_UNKNOWN);
}

/* Both are sorted: walk them side by side. */
static void diff_entries(const char *name, const struct host_pairs *before,
			 const struct host_pairs *after, struct buf *out)
{
	size_t i = 0, j = 0;

	while (i < before->len || j < after->len) {
		const struct host_pair *a = i < before->len ? &before->at[i] : NULL;
		const struct host_pair *b = j < after->len ? &after->at[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strverscmp(a->key, b->key);

		if (order < 0)
			put_change(name, a->key, a->value, ABSENT, out);
		else if (order > 0)
			put_change(name, b->key, ABSENT, b->value, out);
		else if (strcmp(a->value, b->value) != 0)
			put_change(name, a->key, a->value, b->value, out);
		i += order <= 0;
		j += order >= 0;
	}
}

static void diff_map(const char *name, const struct host_map *before, const struct host_map *after,
		     struct buf *out)
{
	if (before->known == after->known) {
		diff_entries(name, &before->pairs, &after->pairs, out);
		return;
	}
	buf_printf(out, "  %s: ", name);
	put_entry_count(before, out);
	buf_str(out, HOST_ARROW);
	put_entry_count(after, out);
	buf_char(out, '\n');
}

static void diff_number(const char *key, struct host_number before, struct host_number after,
			struct buf *out)
{
	AUTO(buf_done) struct buf a = {0};
	AUTO(buf_done) struct buf b = {0};

	host_number_put(before, &a);
	host_number_put(after, &b);
	if (strcmp(buf_text(&a), buf_text(&b)) != 0)
		put_change("", key, buf_text(&a), buf_text(&b), out);
}

static void diff_text(const char *key, const char *before, const char *after, struct buf *out)
{
	if (before != after && (!before || !after || strcmp(before, after) != 0))
		put_change("", key, before ?: HOST_UNKNOWN, after ?: HOST_UNKNOWN, out);
}

static void diff_heap(const struct host_context *before, const struct host_context *after,
		      struct buf *out)
{
	if (before->has_heap_state != after->has_heap_state) {
		put_change("", "heap_state", before->has_heap_state ? "(present)" : HOST_UNKNOWN,
			   after->has_heap_state ? "(present)" : HOST_UNKNOWN, out);
		return;
	}
	if (!before->has_heap_state || host_heap_equal(&before->heap_state, &after->heap_state))
		return;
	buf_str(out, "  heap_state:\n");
	host_heap_diff(&before->heap_state, &after->heap_state, 4, out);
}

void host_context_diff(const struct host_context *before, const struct host_context *after,
		       struct buf *out)
{
	for (const struct host_field *field = host_context_fields; field->key; field++) {
		switch (field->type) {
		case HOST_TEXT:
			diff_text(field->key, *host_text_at(before, field), *host_text_at(after, field),
				  out);
			break;
		case HOST_NUMBER:
			diff_number(field->key, *host_number_at(before, field->offset),
				    *host_number_at(after, field->offset), out);
			break;
		case HOST_MAP:
			diff_map(field->key, host_map_at(before, field), host_map_at(after, field), out);
			break;
		}
	}
	diff_heap(before, after, out);
}

bool host_context_equal(const struct host_context *a, const struct host_context *b)
{
	AUTO(buf_done) struct buf changes = {0};

	host_context_diff(a, b, &changes);
	return changes.len == 0;
}
