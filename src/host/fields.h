/* SPDX-License-Identifier: BSD-2-Clause */
/* fields.h - one table of the host context's fields, for all that walk them; inside the host room. */
#ifndef HOST_FIELDS_H
#define HOST_FIELDS_H

#include "host/host.h"

#define HOST_UNKNOWN "(unknown)"
#define HOST_ARROW " \xe2\x86\x92 "        /* U+2192 */

enum host_field_type { HOST_TEXT, HOST_NUMBER, HOST_MAP };

struct host_field {
	const char *key;
	enum host_field_type type;
	size_t offset;
};

/* All but heap_state, which comes last; ends with a NULL key. */
extern const struct host_field host_context_fields[];

static inline char **host_text_at(const struct host_context *context, const struct host_field *field)
{
	return (char **)((char *)context + field->offset);
}

static inline struct host_number *host_number_at(const void *object, size_t offset)
{
	return (struct host_number *)((char *)object + offset);
}

static inline struct host_map *host_map_at(const struct host_context *context,
					   const struct host_field *field)
{
	return (struct host_map *)((char *)context + field->offset);
}

/* Sorts by key; of two with the same key one stays. */
void host_map_sort(struct host_map *map);

/* A number from JSON; absent when it is not there. */
int host_number_from_json(const json_t *object, const char *key, struct host_number *ret_number,
			  struct ktstr_error *err);

void host_number_put(struct host_number number, struct buf *out);

#endif
