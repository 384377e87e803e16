/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "host/fields.h"

/*
 * jemalloc's own, when something else brought it into the process; else NULL. Nothing here makes the
 * linker take jemalloc: who links ktstr's libraries decides about his allocator.
 */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
	__attribute__((weak));

struct heap_field {
	const char *key, *stat;
	size_t offset;
	size_t size;        /* of jemalloc's own type */
};

#define FIELD(key, stat, type) {#key, stat, offsetof(struct host_heap_state, key), sizeof(type)}

/* In the order of the struct, which JSON has. */
static const struct heap_field fields[] = {
	FIELD(active_bytes, "stats.active", size_t),
	FIELD(allocated_bytes, "stats.allocated", size_t),
	FIELD(resident_bytes, "stats.resident", size_t),
	FIELD(mapped_bytes, "stats.mapped", size_t),
	FIELD(narenas, "arenas.narenas", unsigned),
};

#define FIELDS (sizeof(fields) / sizeof(*fields))

/* People read what they asked for first. */
static const struct heap_field *const shown[FIELDS] = {&fields[1], &fields[0], &fields[2], &fields[3],
						       &fields[4]};

static struct host_number read_stat(const char *name, size_t size)
{
	size_t bytes = 0, len = size;
	unsigned count = 0;
	void *into = size == sizeof(count) ? (void *)&count : (void *)&bytes;

	static_assert(sizeof(unsigned) != sizeof(size_t), "the size tells the types apart");
	if (mallctl(name, into, &len, NULL, 0) != 0 || len != size)
		return (struct host_number){0};
	return (struct host_number){.known = true, .value = bytes + count};
}

struct host_heap_state host_heap_collect(void)
{
	struct host_heap_state heap = {0};
	uint64_t epoch = 1;        /* any write refreshes what the statistics say (jemalloc(3), "epoch") */

	if (!mallctl || mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0)
		return heap;
	for (size_t i = 0; i < FIELDS; i++)
		*host_number_at(&heap, fields[i].offset) = read_stat(fields[i].stat, fields[i].size);
	return heap;
}

bool host_heap_is_unused(const struct host_heap_state *heap)
{
	return heap->allocated_bytes.known && heap->allocated_bytes.value == 0 &&
	       heap->active_bytes.known && heap->active_bytes.value == 0;
}

static bool number_equal(struct host_number a, struct host_number b)
{
	return a.known == b.known && (!a.known || a.value == b.value);
}

bool host_heap_equal(const struct host_heap_state *a, const struct host_heap_state *b)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (!number_equal(*host_number_at(a, fields[i].offset),
				  *host_number_at(b, fields[i].offset)))
			return false;
	return true;
}

json_t *host_heap_to_json(const struct host_heap_state *heap)
{
	json_t *json = json_object();

	for (size_t i = 0; i < FIELDS; i++) {
		struct host_number number = *host_number_at(heap, fields[i].offset);

		if (number.known)
			json_object_set_new(json, fields[i].key, json_integer((json_int_t)number.value));
	}
	return json;
}

int host_number_from_json(const json_t *object, const char *key, struct host_number *ret_number,
			  struct ktstr_error *err)
{
	const json_t *value = json_object_get(object, key);

	*ret_number = (struct host_number){0};
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return error_set(err, -EBADMSG, "%s is not a whole number that is not negative", key);
	*ret_number = (struct host_number){.known = true, .value = (uint64_t)json_integer_value(value)};
	return 0;
}

int host_heap_from_json(const json_t *json, struct host_heap_state *ret_heap, struct ktstr_error *err)
{
	struct host_heap_state heap = {0};
	int r = json_is_object(json) ? 0 : error_set(err, -EBADMSG, "it is no object");

	for (size_t i = 0; r == 0 && i < FIELDS; i++)
		r = host_number_from_json(json, fields[i].key, host_number_at(&heap, fields[i].offset),
					  err);
	if (r < 0)
		return error_wrap(err, r, "heap_state");
	*ret_heap = heap;
	return 0;
}

void host_number_put(struct host_number number, struct buf *out)
{
	if (number.known)
		buf_printf(out, "%" PRIu64, number.value);
	else
		buf_str(out, HOST_UNKNOWN);
}

void host_heap_format(const struct host_heap_state *heap, unsigned indent, struct buf *out)
{
	for (size_t i = 0; i < FIELDS; i++) {
		buf_printf(out, "%*s%s: ", (int)indent, "", shown[i]->key);
		host_number_put(*host_number_at(heap, shown[i]->offset), out);
		buf_char(out, '\n');
	}
}

void host_heap_diff(const struct host_heap_state *before, const struct host_heap_state *after,
		    unsigned indent, struct buf *out)
{
	for (size_t i = 0; i < FIELDS; i++) {
		struct host_number a = *host_number_at(before, shown[i]->offset);
		struct host_number b = *host_number_at(after, shown[i]->offset);

		if (number_equal(a, b))
			continue;
		buf_printf(out, "%*s%s: ", (int)indent, "", shown[i]->key);
		host_number_put(a, out);
		buf_str(out, HOST_ARROW);
		host_number_put(b, out);
		buf_char(out, '\n');
	}
}
