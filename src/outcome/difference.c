/* SPDX-License-Identifier: BSD-2-Clause */
#include "outcome/difference.h"

#include <string.h>

#define VALUE_MAX 80        /* bytes of a value that are shown */

static void put_value(struct buf *out, const json_t *value)
{
	AUTO(free) char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	AUTO(free) char *clean = text_clean(sv_of(text ?: "nothing"), VALUE_MAX);

	buf_str(out, clean);
}

static bool find(const json_t *a, const json_t *b, const char *path, struct buf *out);

static bool find_in_object(const json_t *a, const json_t *b, const char *path, struct buf *out)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)a, key, value) {
		AUTO(free) char *below = xasprintf("%s%s%s", path, *path ? "." : "", key);

		if (find(value, json_object_get(b, key), below, out))
			return true;
	}
	json_object_foreach((json_t *)b, key, value) {
		AUTO(free) char *below = xasprintf("%s%s%s", path, *path ? "." : "", key);

		if (!json_object_get(a, key) && find(NULL, value, below, out))
			return true;
	}
	return false;
}

static bool find_in_array(const json_t *a, const json_t *b, const char *path, struct buf *out)
{
	size_t len = json_array_size(a) > json_array_size(b) ? json_array_size(a) : json_array_size(b);

	for (size_t i = 0; i < len; i++) {
		AUTO(free) char *below = xasprintf("%s[%zu]", path, i);

		if (find(json_array_get(a, i), json_array_get(b, i), below, out))
			return true;
	}
	return false;
}

static bool find(const json_t *a, const json_t *b, const char *path, struct buf *out)
{
	if (json_is_object(a) && json_is_object(b))
		return find_in_object(a, b, path, out);
	if (json_is_array(a) && json_is_array(b))
		return find_in_array(a, b, path, out);
	if (a && b && json_equal(a, b))
		return false;
	buf_printf(out, "%s: ", path);
	put_value(out, a);
	buf_str(out, " and ");
	put_value(out, b);
	return true;
}

char *json_difference(const json_t *a, const json_t *b)
{
	AUTO(buf_done) struct buf out = {0};

	return find(a, b, "", &out) ? buf_take(&out) : NULL;
}

char *outcome_difference(const struct outcome *a, const struct outcome *b)
{
	json_t *left = outcome_to_json(a), *right = outcome_to_json(b);
	char *difference = json_difference(left, right);

	json_decref(left);
	json_decref(right);
	return difference;
}
