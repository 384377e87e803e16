/* SPDX-License-Identifier: BSD-2-Clause */
/* walk.h - reading a guest's structs by the names of their members; for the files of this room. */
#ifndef DUMP_WALK_H
#define DUMP_WALK_H

#include <assert.h>

#include "dump/dump.h"

#define DUMP_TASKS_MAX 16384
#define DUMP_LIST_MAX 4096             /* tasks of one queue */

struct btf_type;

/* Behind const, volatile, typedefs and tags; NULL: nonsense. ret_id may be NULL. */
const struct btf_type *types_skip(const struct btf *btf, uint32_t id, uint32_t *ret_id);

struct dump_fields *types_fields_new(void);        /* for free(); what it has found is of one BTF */

/* type and path are string literals: they are compared as pointers. */
bool guest_offset(struct dump_guest *guest, const char *type, const char *path, uint32_t *ret_offset);
uint32_t guest_member_size(struct dump_guest *guest, const char *type, const char *path);
bool guest_sizeof(struct dump_guest *guest, const char *type, uint32_t *ret_size);

/* Up to eight bytes, zero extended. False: no such member, or its memory is not there; then it is 0. */
bool guest_field(struct dump_guest *guest, uint64_t base, const char *type, const char *path,
		 uint64_t *ret_value);
bool guest_u64(struct dump_guest *guest, uint64_t address, uint64_t *ret_value);
bool guest_text(struct dump_guest *guest, uint64_t address, char *text, size_t size);
bool guest_field_text(struct dump_guest *guest, uint64_t base, const char *type, const char *path, char *text,
		      size_t size);

uint64_t guest_per_cpu(struct dump_guest *guest, uint32_t cpu, uint64_t address);   /* 0: unreadable */

/* Above INT64_MAX, where JSON readers differ, it is text. */
json_t *json_number_of(uint64_t value);
json_t *json_address_of(uint64_t value);
json_t *json_text_of(const char *text);       /* cleaned */
/* A member that this kernel does not have is left out. */
void put_field(struct dump_guest *guest, json_t *object, const char *key, uint64_t base, const char *type,
	       const char *path);

json_t *dsq_to_json(struct dump_guest *guest, uint64_t dsq);
json_t *dsq_tasks(struct dump_guest *guest, uint64_t dsq);        /* array of pids, in their order */

#endif
