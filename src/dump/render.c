/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/btf.h>
#include <string.h>

#include "dump/walk.h"

#define DEPTH_MAX 12
#define ELEMENTS_MAX 64                /* of one array */

struct render {
	const struct btf *btf;
	const uint8_t *bytes;
	size_t size;
	struct dump_budget *budget;
};

static json_t *value_at(const struct render *render, uint32_t id, uint64_t at, int depth);

static bool is_inside(const struct render *render, uint64_t at, uint64_t size)
{
	return at <= render->size && size <= render->size - at;
}

static uint64_t bits_at(const struct render *render, uint64_t at, uint32_t bit, uint32_t bits)
{
	uint64_t value = 0;
	uint32_t bytes = (bit + bits + 7) / 8;

	for (uint32_t i = 0; i < bytes && i < 8; i++)
		value |= (uint64_t)render->bytes[at + i] << (8 * i);
	value >>= bit;
	return bits < 64 ? value & ((1ull << bits) - 1) : value;
}

static int64_t sign_extend(uint64_t value, uint32_t bits)
{
	return bits < 64 ? (int64_t)(value << (64 - bits)) >> (64 - bits) : (int64_t)value;
}

static json_t *enum_of(const struct btf *btf, const struct btf_type *type, uint64_t value)
{
	for (uint16_t i = 0; i < btf_vlen(type); i++) {
		bool wide = btf_is_enum64(type);
		uint64_t have = wide ? btf_enum64_value(&btf_enum64(type)[i])
				     : (uint32_t)btf_enum(type)[i].val;
		const char *name = btf__name_by_offset(btf, wide ? btf_enum64(type)[i].name_off
								  : btf_enum(type)[i].name_off);

		if (have == value && name)
			return json_text_of(name);
	}
	return json_number_of(value);
}

/* An integer, enum or bool of these bits. */
static json_t *number(const struct render *render, const struct btf_type *type, uint64_t at, uint32_t bit,
		      uint32_t bits)
{
	uint64_t value;

	if (bits == 0 || bits > 64 || bit > 7 || bit + bits > 64 ||
	    !is_inside(render, at, (bit + bits + 7) / 8))
		return json_string("unreadable");
	value = bits_at(render, at, bit, bits);
	if (btf_is_any_enum(type))
		return enum_of(render->btf, type, value);
	if (btf_is_int(type) && btf_int_encoding(type) & BTF_INT_BOOL)
		return json_boolean(value != 0);
	if (btf_is_int(type) && btf_int_encoding(type) & BTF_INT_SIGNED)
		return json_integer(sign_extend(value, bits));
	return json_number_of(value);
}

static json_t *chars(const struct render *render, uint64_t at, uint32_t count)
{
	size_t len = strnlen((const char *)render->bytes + at, count);
	AUTO(free) char *clean = NULL;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = render->bytes[at + i];

		if ((c < ' ' && c != '\n' && c != '\t') || c > '~')
			return NULL;
	}
	for (size_t i = len; i < count; i++)
		if (render->bytes[at + i])
			return NULL;
	clean = xstrndup((const char *)render->bytes + at, len);
	return json_string(clean);
}

static json_t *array(const struct render *render, const struct btf_type *type, uint64_t at, int depth)
{
	const struct btf_array *info = btf_array(type);
	const struct btf_type *element = types_skip(render->btf, info->type, NULL);
	int64_t size = btf__resolve_size(render->btf, info->type);
	json_t *all;

	if (!element || size < 0)
		return json_string("unreadable");
	if (btf_is_int(element) && size == 1 && info->nelems && is_inside(render, at, info->nelems)) {
		json_t *text = chars(render, at, info->nelems);

		if (text)
			return text;
	}
	all = json_array();
	for (uint32_t i = 0; i < info->nelems && i < ELEMENTS_MAX && render->budget->values; i++)
		json_array_append_new(all, value_at(render, info->type, at + (uint64_t)i * (uint64_t)size,
						    depth + 1));
	if (info->nelems > json_array_size(all)) {
		AUTO(free) char *rest = xasprintf("... %zu more", info->nelems - json_array_size(all));

		json_array_append_new(all, json_string(rest));
	}
	return all;
}

static json_t *member(const struct render *render, const struct btf_type *type, uint16_t index, uint64_t at,
		      int depth)
{
	uint32_t bit = btf_member_bit_offset(type, index), bits = btf_member_bitfield_size(type, index);
	uint32_t id = btf_members(type)[index].type;
	const struct btf_type *inner = types_skip(render->btf, id, NULL);

	if (!bits)
		return value_at(render, id, at + bit / 8, depth + 1);
	render->budget->values--;
	return inner ? number(render, inner, at + bit / 8, bit % 8, bits) : json_string("unreadable");
}

static json_t *composite(const struct render *render, const struct btf_type *type, uint64_t at, int depth)
{
	json_t *all = json_object();

	for (uint16_t i = 0; i < btf_vlen(type) && render->budget->values; i++) {
		const char *name = btf__name_by_offset(render->btf, btf_members(type)[i].name_off);
		json_t *value = member(render, type, i, at, depth);

		if (name && *name)
			json_object_set_new(all, name, value);
		else {        /* of an unnamed struct: its members are ours */
			if (json_is_object(value))
				json_object_update_missing(all, value);
			json_decref(value);
		}
	}
	return all;
}

/* A section of a BPF object: its variables. */
static json_t *section(const struct render *render, const struct btf_type *type, uint64_t at, int depth)
{
	json_t *all = json_object();

	for (uint16_t i = 0; i < btf_vlen(type) && render->budget->values; i++) {
		const struct btf_var_secinfo *info = &btf_var_secinfos(type)[i];
		const struct btf_type *var = btf__type_by_id(render->btf, info->type);
		const char *name = var && btf_is_var(var) ? btf__name_by_offset(render->btf, var->name_off)
							  : NULL;

		if (name && *name)
			json_object_set_new(all, name, value_at(render, var->type, at + info->offset,
								depth + 1));
	}
	return all;
}

static json_t *value_at(const struct render *render, uint32_t id, uint64_t at, int depth)
{
	const struct btf_type *type = types_skip(render->btf, id, NULL);
	int64_t size = type ? btf__resolve_size(render->btf, id) : -1;

	if (!render->budget->values)
		return json_string("...");
	render->budget->values--;
	if (type && btf_is_datasec(type))
		return depth < DEPTH_MAX ? section(render, type, at, depth) : json_string("...");
	if (!type || size < 0 || !is_inside(render, at, (uint64_t)size))
		return json_string("unreadable");
	if (btf_is_ptr(type))
		return json_address_of(bits_at(render, at, 0, 64));
	if (btf_is_int(type) || btf_is_any_enum(type))
		return number(render, type, at, 0, size <= 8 ? (uint32_t)size * 8 : 0);
	if (depth >= DEPTH_MAX)
		return json_string("...");
	if (btf_is_array(type))
		return array(render, type, at, depth);
	if (btf_is_composite(type))
		return composite(render, type, at, depth);
	return json_string("unreadable");
}

json_t *dump_render(const struct btf *btf, uint32_t type_id, const uint8_t *bytes, size_t size,
		    struct dump_budget *budget)
{
	struct render render = {.btf = btf, .bytes = bytes, .size = size, .budget = budget};

	return value_at(&render, type_id, 0, 0);
}
