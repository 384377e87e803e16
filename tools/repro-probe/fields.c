/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields.c - what of a structure is worth a look where an argument points to it: of some that is written
 * here, of the others the first numbers in them. Tasks are apart (struct repro_task).
 */
#include <string.h>

#include "probe.h"

#define DISCOVERED_MAX 4          /* of one argument */

static const struct known {
	const char *type, *paths[REPRO_FIELDS];
} known_types[] = {
	{"rq", {"nr_running", "cpu", "scx.nr_running", "scx.flags", "scx.local_dsq.nr"}},
	{"scx_dispatch_q", {"nr", "seq"}},
	{"scx_exit_info", {"kind", "exit_code"}},
	{"cpumask", {"bits"}},
	{"cgroup", {"level"}},
	{"task_struct", {NULL}},
	{"scx_sched", {NULL}},
	{"rq_flags", {NULL}},
};

static const struct btf_type *resolved(const struct probe *probe, uint32_t type)
{
	int id = btf__resolve_type(probe->btf, type);

	return id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);
}

static const struct btf_member *find_member(const struct probe *probe, const struct btf_type *type, struct sv name)
{
	for (uint32_t i = 0; type && btf_is_composite(type) && i < btf_vlen(type); i++) {
		const struct btf_member *member = btf_members(type) + i;

		if (sv_eq(name, name_at(probe, member->name_off)))
			return member;
	}
	return NULL;
}

static bool is_number(const struct btf_type *type)
{
	return type && (btf_is_int(type) || btf_is_any_enum(type)) && type->size <= 8;
}

static void add_field(struct probe *probe, struct function *function, size_t arg, const char *path,
		      uint64_t offset, const struct btf_type *type)
{
	AUTO(free) char *argument = arg_name(probe, function, arg);
	size_t at = 0;

	while (at < REPRO_FIELDS && function->about.fields[at].used)
		at++;
	if (at == REPRO_FIELDS)
		return;
	function->about.fields[at] = (struct repro_field){.offset = (uint32_t)offset, .arg = (uint16_t)arg, .used = 1};
	function->fields[at] = (struct field){
		.name = xasprintf("%s.%s", argument, path),
		.bytes = is_number(type) ? type->size : 8,
		.is_signed = btf_is_int(type) && (btf_int_encoding(type) & BTF_INT_SIGNED),
		.is_cpus = btf_is_array(type),
	};
}

/* "scx.local_dsq.nr", and what a kernel has not is left out */
static void add_path(struct probe *probe, struct function *function, size_t arg, const struct btf_type *type,
		     const char *path)
{
	struct sv rest = sv_of(path);
	uint64_t bits = 0;

	while (rest.len) {
		const struct btf_member *member = find_member(probe, type, sv_split(&rest, '.'));

		if (!member)
			return;
		/* of a bit-field only the low bits are the offset: those are not wanted */
		bits += btf_kflag(type) ? member->offset & 0xffffff : member->offset;
		type = resolved(probe, member->type);
	}
	if (is_number(type) || (type && btf_is_array(type)))
		add_field(probe, function, arg, path, bits / 8, type);
}

static void discover(struct probe *probe, struct function *function, size_t arg, const struct btf_type *type)
{
	size_t count = 0;

	for (uint32_t i = 0; i < btf_vlen(type) && count < DISCOVERED_MAX; i++) {
		const struct btf_type *of_member = resolved(probe, btf_members(type)[i].type);
		const char *name = name_at(probe, btf_members(type)[i].name_off);

		if (!*name || !is_number(of_member) || btf_member_bitfield_size(type, i))
			continue;
		add_field(probe, function, arg, name, btf_member_bit_offset(type, i) / 8, of_member);
		count++;
	}
}

static void choose_for(struct probe *probe, struct function *function, size_t arg)
{
	const struct btf_type *pointer = resolved(probe, btf_params(function->type)[arg].type);
	const struct btf_type *type = pointer && btf_is_ptr(pointer) ? resolved(probe, pointer->type) : NULL;

	if (!type || !btf_is_struct(type))
		return;
	for (size_t i = 0; i < sizeof(known_types) / sizeof(known_types[0]); i++) {
		if (strcmp(known_types[i].type, name_at(probe, type->name_off)) != 0)
			continue;
		for (size_t at = 0; at < REPRO_FIELDS && known_types[i].paths[at]; at++)
			add_path(probe, function, arg, type, known_types[i].paths[at]);
		return;
	}
	discover(probe, function, arg, type);
}

void choose_fields(struct probe *probe, struct function *function)
{
	for (size_t i = 0; i < arg_count(function); i++)
		choose_for(probe, function, i);
}
