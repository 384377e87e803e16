/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "host/fields.h"

#define TEXT_MAX (1u << 20)            /* bytes of one string */
#define MAP_ENTRIES_MAX 65536

static json_t *map_to_json(const struct host_map *map)
{
	json_t *json = json_object();

	vec_each(pair, &map->pairs)
		json_object_set_new(json, pair->key, json_string(pair->value));
	return json;
}

json_t *host_context_to_json(const struct host_context *context)
{
	json_t *json = json_object();

	for (const struct host_field *field = host_context_fields; field->key; field++) {
		json_t *value = NULL;

		switch (field->type) {
		case HOST_TEXT:
			if (*host_text_at(context, field))
				value = json_string(*host_text_at(context, field));
			break;
		case HOST_NUMBER:
			if (host_number_at(context, field->offset)->known)
				value = json_integer(
					(json_int_t)host_number_at(context, field->offset)->value);
			break;
		case HOST_MAP:
			if (host_map_at(context, field)->known)
				value = map_to_json(host_map_at(context, field));
			break;
		}
		if (value)
			json_object_set_new(json, field->key, value);
	}
	if (context->has_heap_state)
		json_object_set_new(json, "heap_state", host_heap_to_json(&context->heap_state));
	return json;
}

static char *clean_string(const json_t *string)
{
	return text_clean(sv_bytes(json_string_value(string), json_string_length(string)), TEXT_MAX);
}

static int map_from_json(const json_t *json, const char *key, struct host_map *map,
			 struct ktstr_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(json))
		return error_set(err, -EBADMSG, "%s is no object", key);
	if (json_object_size(json) > MAP_ENTRIES_MAX)
		return error_set(err, -EBADMSG, "%s has %zu entries; at most %d are taken", key,
				 json_object_size(json), MAP_ENTRIES_MAX);
	map->known = true;
	json_object_foreach((json_t *)json, name, value) {
		if (!json_is_string(value))
			return error_set(err, -EBADMSG, "an entry of %s is not a string", key);
		host_pairs_push(&map->pairs,
				(struct host_pair){.key = text_clean(sv_of(name), TEXT_MAX),
						   .value = clean_string(value)});
	}
	host_map_sort(map);
	return 0;
}

static int field_from_json(const json_t *json, const struct host_field *field,
			   struct host_context *context, struct ktstr_error *err)
{
	const json_t *value = json_object_get(json, field->key);

	if (!value)
		return 0;
	switch (field->type) {
	case HOST_TEXT:
		if (!json_is_string(value))
			return error_set(err, -EBADMSG, "%s is not a string", field->key);
		*host_text_at(context, field) = clean_string(value);
		return 0;
	case HOST_NUMBER:
		return host_number_from_json(json, field->key, host_number_at(context, field->offset),
					     err);
	case HOST_MAP:
		return map_from_json(value, field->key, host_map_at(context, field), err);
	}
	return 0;
}

int host_context_from_json(const json_t *json, struct host_context *ret_context,
			   struct ktstr_error *err)
{
	AUTO(host_context_done) struct host_context context = {0};
	const json_t *heap = json_object_get(json, "heap_state");
	int r = json_is_object(json) ? 0 : error_set(err, -EBADMSG, "it is no object");

	for (const struct host_field *field = host_context_fields; r == 0 && field->key; field++)
		r = field_from_json(json, field, &context, err);
	if (r == 0 && heap)
		r = host_heap_from_json(heap, &context.heap_state, err);
	if (r < 0)
		return error_wrap(err, r, "the host context");
	context.has_heap_state = heap != NULL;
	*ret_context = TAKE(context, (struct host_context){0});
	return 0;
}
