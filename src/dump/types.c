/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

#include "dump/walk.h"

#define NESTING_MAX 16

const struct btf_type *types_skip(const struct btf *btf, uint32_t id, uint32_t *ret_id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (int i = 0; type && i < NESTING_MAX; i++) {
		if (!btf_is_mod(type) && !btf_is_typedef(type) && !btf_is_type_tag(type)) {
			if (ret_id)
				*ret_id = id;
			return type;
		}
		id = type->type;
		type = btf__type_by_id(btf, id);
	}
	return NULL;
}

/* The bit offset of a member, those of unnamed structs and unions in it included; -1: none. */
static int64_t find_member(const struct btf *btf, const struct btf_type *type, struct sv name, int depth,
			   uint32_t *ret_id)
{
	const struct btf_member *members = btf_members(type);

	for (uint16_t i = 0; i < btf_vlen(type); i++) {
		const char *have = btf__name_by_offset(btf, members[i].name_off);
		const struct btf_type *inner;
		int64_t at = btf_member_bit_offset(type, i), below;

		if (have && *have) {
			if (!sv_eq(name, have))
				continue;
			*ret_id = members[i].type;
			return at;
		}
		inner = types_skip(btf, members[i].type, NULL);
		if (inner && btf_is_composite(inner) && depth < NESTING_MAX) {
			below = find_member(btf, inner, name, depth + 1, ret_id);
			if (below >= 0)
				return at + below;
		}
	}
	return -1;
}

static bool find_path(const struct btf *btf, uint32_t id, const char *path, uint32_t *ret_offset,
		      uint32_t *ret_size)
{
	struct sv rest = sv_of(path);
	int64_t bits = 0, size;

	while (rest.data) {
		struct sv name = sv_split(&rest, '.');
		const struct btf_type *type = types_skip(btf, id, NULL);
		int64_t at = type && btf_is_composite(type) ? find_member(btf, type, name, 0, &id) : -1;

		if (at < 0)
			return false;
		bits += at;
	}
	size = btf__resolve_size(btf, id);
	if (bits % 8 || bits / 8 > UINT32_MAX || size < 0 || size > UINT32_MAX)
		return false;
	*ret_offset = (uint32_t)(bits / 8);
	*ret_size = (uint32_t)size;
	return true;
}

static bool find_type(const struct btf *btf, const char *name, uint32_t *ret_id)
{
	int32_t id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	*ret_id = (uint32_t)id;
	return id > 0;
}

bool dump_member(const struct btf *btf, const char *type_name, const char *path, uint32_t *ret_offset,
		 uint32_t *ret_size)
{
	uint32_t id;

	return find_type(btf, type_name, &id) && find_path(btf, id, path, ret_offset, ret_size);
}

/* --- found once ----------------------------------------------------------------------------------- */

/* Looking a type up by its name goes through all of a kernel's. Names are string literals. */
struct dump_fields {
	struct known_type {
		const char *name;
		uint32_t id;
		bool is_there;
	} types[64];
	size_t type_count;
	struct known_field {
		const char *type, *path;
		uint32_t offset, size;
		bool is_there;
	} fields[256];
	size_t field_count;
};

struct dump_fields *types_fields_new(void)
{
	return xcalloc(1, sizeof(struct dump_fields));
}

static struct known_type *known_type(struct dump_guest *guest, const char *name)
{
	struct dump_fields *fields = guest->fields;
	struct known_type *type = fields->types;

	for (; type < fields->types + fields->type_count; type++)
		if (strcmp(type->name, name) == 0)
			return type;
	assert(fields->type_count < sizeof(fields->types) / sizeof(fields->types[0]));
	fields->type_count++;
	type->name = name;
	type->is_there = find_type(guest->btf, name, &type->id);
	return type;
}

static struct known_field *known_field(struct dump_guest *guest, const char *type_name, const char *path)
{
	struct dump_fields *fields = guest->fields;
	struct known_field *field = fields->fields;
	struct known_type *type;

	for (; field < fields->fields + fields->field_count; field++)
		if (field->path == path && field->type == type_name)
			return field;
	assert(fields->field_count < sizeof(fields->fields) / sizeof(fields->fields[0]));
	fields->field_count++;
	type = known_type(guest, type_name);
	field->type = type_name;
	field->path = path;
	field->is_there = type->is_there &&
			  find_path(guest->btf, type->id, path, &field->offset, &field->size);
	return field;
}

bool guest_offset(struct dump_guest *guest, const char *type, const char *path, uint32_t *ret_offset)
{
	const struct known_field *field = known_field(guest, type, path);

	*ret_offset = field->offset;
	return field->is_there;
}

uint32_t guest_member_size(struct dump_guest *guest, const char *type, const char *path)
{
	return known_field(guest, type, path)->size;
}

bool guest_sizeof(struct dump_guest *guest, const char *type, uint32_t *ret_size)
{
	struct known_type *known = known_type(guest, type);
	int64_t size = known->is_there ? btf__resolve_size(guest->btf, known->id) : -1;

	*ret_size = size > 0 ? (uint32_t)size : 0;
	return size > 0;
}

bool guest_field(struct dump_guest *guest, uint64_t base, const char *type, const char *path,
		 uint64_t *ret_value)
{
	const struct known_field *field = known_field(guest, type, path);

	*ret_value = 0;
	if (!field->is_there || field->size > sizeof(*ret_value) || !base)
		return false;
	return dump_read(&guest->memory, base + field->offset, ret_value, field->size);
}

bool guest_u64(struct dump_guest *guest, uint64_t address, uint64_t *ret_value)
{
	*ret_value = 0;
	return address && dump_read(&guest->memory, address, ret_value, sizeof(*ret_value));
}

/* Up to the first NUL, or as much of it as one page has. */
bool guest_text(struct dump_guest *guest, uint64_t address, char *text, size_t size)
{
	size_t len = 0;

	for (; len + 1 < size; len++) {
		if (!dump_read(&guest->memory, address + len, text + len, 1))
			break;
		if (!text[len])
			return true;
	}
	text[len] = '\0';
	return len > 0;
}

bool guest_field_text(struct dump_guest *guest, uint64_t base, const char *type, const char *path, char *text,
		      size_t size)
{
	const struct known_field *field = known_field(guest, type, path);

	text[0] = '\0';
	if (!field->is_there || !base)
		return false;
	return guest_text(guest, base + field->offset, text, field->size + 1 < size ? field->size + 1 : size);
}

/* --- what fields become in a document --------------------------------------------------------------- */

json_t *json_number_of(uint64_t value)
{
	AUTO(free) char *text = NULL;

	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	text = xasprintf("%llu", (unsigned long long)value);
	return json_string(text);
}

json_t *json_address_of(uint64_t value)
{
	AUTO(free) char *text = xasprintf("0x%llx", (unsigned long long)value);

	return json_string(text);
}

json_t *json_text_of(const char *text)
{
	AUTO(free) char *clean = text_clean(sv_of(text), strlen(text) + 4);

	return json_string(clean);
}

void put_field(struct dump_guest *guest, json_t *object, const char *key, uint64_t base, const char *type,
	       const char *path)
{
	const struct known_field *field = known_field(guest, type, path);
	uint64_t value;

	if (!field->is_there)
		return;        /* of another kernel, or another configuration */
	json_object_set_new(object, key, guest_field(guest, base, type, path, &value)
						 ? json_number_of(value)
						 : json_string("unreadable"));
}
