/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump_guest.h - a kernel made up for tests of dumps: types, page tables and 64 KiB of memory with two
 * CPUs, three tasks, a scheduler with a queue, and two BPF maps. All members are words of eight bytes.
 *
 * Guest-virtual addresses 0 to 1 GiB are guest-physical ones: a page of 1 GiB, made by guest_read().
 */
#ifndef DUMP_GUEST_H
#define DUMP_GUEST_H

#include <assert.h>
#include <bpf/btf.h>
#include <linux/bpf.h>

#include "dump/walk.h"

#define GUEST_BASE 0x100000ull         /* memory begins here; below are page tables */
#define GUEST_SIZE 65536u
#define GUEST_ROOT 0x1000ull
#define GUEST_TABLE 0x2000ull

/* Where things are, from GUEST_BASE. */
enum {
	AT_SYMBOLS = 0x0,              /* __per_cpu_offset[2], map_idr, scx_root, nr_node_ids */
	AT_TASK = 0x1000,              /* three, 0x400 apart; the first is init_task */
	AT_SIGNAL = 0x2000,            /* one each, 0x40 apart */
	AT_RQ = 0x3000,                /* two, 0x400 apart */
	AT_SCHED = 0x4000,
	AT_TABLE = 0x4400,
	AT_DSQ = 0x4800,
	AT_MAP = 0x5000,               /* two, 0x800 apart: array, hash */
	AT_NODE = 0x6000,
	AT_BUCKETS = 0x6400,
	AT_ELEMENT = 0x6800,
	AT_BTF = 0x7000,
	AT_BTF_DATA = 0x7100,
	CLASS_EXT = 0x9000,
};

struct guest_image {
	struct dump_guest guest;
	struct btf *btf, *map_btf;
	uint8_t bytes[GUEST_SIZE];
};

static inline bool guest_read(void *arg, uint64_t physical, void *buffer, size_t size)
{
	const struct guest_image *image = arg;
	uint64_t at = physical - GUEST_BASE, entry = 0;

	if (physical >= GUEST_BASE && at < GUEST_SIZE && size <= GUEST_SIZE - at) {
		memcpy(buffer, image->bytes + at, size);
		return true;
	}
	if (size != sizeof(entry) || physical < GUEST_ROOT || physical >= GUEST_BASE)
		return false;
	if (physical == GUEST_ROOT)
		entry = GUEST_TABLE | 1;
	else if (physical == GUEST_TABLE)
		entry = 0x81;          /* the first GiB, in one page */
	memcpy(buffer, &entry, sizeof(entry));
	return true;
}

/* "a b:type c:@4": words, members of a type that has been made, an array of words. */
static inline int guest_struct(struct btf *btf, int word, const char *name, const char *members)
{
	struct sv rest = sv_of(members);
	uint32_t bits = 0;
	int id = btf__add_struct(btf, name, 0);

	while (rest.data) {
		struct sv text = sv_split(&rest, ' '), member = sv_split(&text, ':');
		AUTO(free) char *field = xstrndup(member.data, member.len);
		AUTO(free) char *type = text.data ? xstrndup(text.data, text.len) : NULL;
		int of = !type ? word : btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
		int64_t size;

		if (type && *type == '@')
			of = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
		assert(of > 0);
		size = btf__resolve_size(btf, (uint32_t)of);
		assert(size > 0 && btf__add_field(btf, field, of, bits, 0) == 0);
		bits += 8 * (uint32_t)size;
	}
	((struct btf_type *)btf__type_by_id(btf, (uint32_t)id))->size = bits / 8;
	return id;
}

static inline struct btf *guest_types(void)
{
	static const char *const types[][2] = {
		{"list_head", "next prev"},
		{"scx_dsq_list_node", "node:list_head flags priv"},
		{"atomic", "counter"},
		{"scx_dispatch_q", "list:list_head nr seq id hash_node"},
		{"entity", "dsq dsq_list:scx_dsq_list_node dsq_vtime slice weight"},
		{"thread_info", "cpu"},
		{"task_struct", "__state exit_state pid tgid comm on_cpu sched_class cgroups signal "
				"tasks:list_head thread_node:list_head thread_info:thread_info scx:entity"},
		{"signal_struct", "thread_head:list_head"},
		{"css_set", "dfl_cgrp"},
		{"cgroup", "kn"},
		{"kernfs_node", "name __parent"},
		{"scx_rq", "local_dsq:scx_dispatch_q nr_running"},
		{"rq", "nr_running cpu curr clock scx:scx_rq"},
		{"rhashtable", "tbl"},
		{"bucket_table", "size nest buckets"},
		{"ops", "name"},
		{"scx_sched", "ops:ops dsq_hash:rhashtable global_dsqs exit_kind:atomic"},
		{"xarray", "xa_head"},
		{"idr", "idr_rt:xarray"},
		{"xa_node", "shift slots:@4"},
		{"btf", "data data_size"},
		{"bpf_map", "name id map_type key_size value_size max_entries btf_key_type_id "
			    "btf_value_type_id btf"},
		{"bpf_array", "map:bpf_map value"},
		{"bpf_htab", "map:bpf_map buckets n_buckets"},
		{"htab_elem", "link key"},
		{"bucket", "head"},
	};
	struct btf *btf = btf__new_empty();
	int word = btf__add_int(btf, "u64", 8, 0);
	int four = btf__add_array(btf, word, word, 4);

	btf__add_typedef(btf, "@4", four);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		guest_struct(btf, word, types[i][0], types[i][1]);
	return btf;
}

static inline void guest_put(struct guest_image *image, uint64_t at, uint64_t value)
{
	assert(at <= GUEST_SIZE - sizeof(value));
	memcpy(image->bytes + at, &value, sizeof(value));
}

static inline void guest_set(struct guest_image *image, uint64_t at, const char *type, const char *path,
			     uint64_t value)
{
	uint32_t offset, size;

	assert(dump_member(image->btf, type, path, &offset, &size));
	guest_put(image, at + offset, value);
}

static inline uint64_t guest_word_of(const char *text)
{
	uint64_t word = 0;

	memcpy(&word, text, strlen(text));
	return word;
}

static inline uint64_t guest_at(struct guest_image *image, uint64_t at, const char *type, const char *path)
{
	uint32_t offset = 0, size;

	if (type)
		assert(dump_member(image->btf, type, path, &offset, &size));
	return GUEST_BASE + at + offset;
}

/* Only the second runs; the third is runnable and in the scheduler's queue. */
static inline void guest_put_tasks(struct guest_image *image)
{
	static const char *const names[] = {"swapper", "runs", "waits"};

	for (uint64_t i = 0; i < 3; i++) {
		uint64_t task = AT_TASK + 0x400 * i, next = AT_TASK + 0x400 * ((i + 1) % 3);
		uint64_t signal = AT_SIGNAL + 0x40 * i;

		guest_set(image, task, "task_struct", "pid", 100 * i);
		guest_set(image, task, "task_struct", "tgid", 100 * i);
		guest_set(image, task, "task_struct", "comm", guest_word_of(names[i]));
		guest_set(image, task, "task_struct", "on_cpu", i == 1);
		guest_set(image, task, "task_struct", "thread_info.cpu", 1);
		guest_set(image, task, "task_struct", "sched_class", CLASS_EXT);
		guest_set(image, task, "task_struct", "signal", GUEST_BASE + signal);
		guest_set(image, task, "task_struct", "tasks.next", guest_at(image, next, "task_struct", "tasks"));
		guest_set(image, signal, "signal_struct", "thread_head.next",
			  guest_at(image, task, "task_struct", "thread_node"));
		guest_set(image, task, "task_struct", "thread_node.next",
			  guest_at(image, signal, "signal_struct", "thread_head"));
	}
}

static inline void guest_put_queues(struct guest_image *image)
{
	uint64_t waiter = AT_TASK + 0x800;

	for (uint64_t cpu = 0; cpu < 2; cpu++) {
		uint64_t rq = AT_RQ + 0x400 * cpu;

		guest_put(image, AT_SYMBOLS + 8 * cpu, 0x400 * cpu);
		guest_set(image, rq, "rq", "cpu", cpu);
		guest_set(image, rq, "rq", "nr_running", 2 * cpu);
		guest_set(image, rq, "rq", "clock", 5000 + cpu);
		guest_set(image, rq, "rq", "curr", GUEST_BASE + AT_TASK + 0x400 * cpu);
		guest_set(image, rq, "rq", "scx.local_dsq.list.next",
			  guest_at(image, rq, "rq", "scx.local_dsq.list"));
	}
	guest_put(image, AT_SYMBOLS + 0x20, GUEST_BASE + AT_SCHED);
	guest_set(image, AT_SCHED, "scx_sched", "ops.name", guest_word_of("fair"));
	guest_set(image, AT_SCHED, "scx_sched", "dsq_hash.tbl", GUEST_BASE + AT_TABLE);
	guest_set(image, AT_TABLE, "bucket_table", "size", 1);
	guest_set(image, AT_TABLE, "bucket_table", "buckets", guest_at(image, AT_DSQ, "scx_dispatch_q", "hash_node"));
	guest_set(image, AT_DSQ, "scx_dispatch_q", "hash_node", 1);
	guest_set(image, AT_DSQ, "scx_dispatch_q", "id", 7);
	guest_set(image, AT_DSQ, "scx_dispatch_q", "nr", 1);
	guest_set(image, AT_DSQ, "scx_dispatch_q", "list.next",
		  guest_at(image, waiter, "task_struct", "scx.dsq_list.node"));
	guest_set(image, waiter, "task_struct", "scx.dsq_list.node.next",
		  guest_at(image, AT_DSQ, "scx_dispatch_q", "list"));
	guest_set(image, waiter, "task_struct", "scx.dsq", GUEST_BASE + AT_DSQ);
}

/* The types of the array map: a section ".bss" of one variable, a struct with a signed number. */
static inline uint32_t guest_map_types(struct guest_image *image)
{
	struct btf *btf = image->map_btf = btf__new_empty();
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED), state, var, section;

	state = btf__add_struct(btf, "state", 8);
	btf__add_field(btf, "stalled", number, 0, 0);
	btf__add_field(btf, "low", number, 32, 4);
	btf__add_field(btf, "high", number, 36, 4);
	var = btf__add_var(btf, "the_state", BTF_VAR_GLOBAL_ALLOCATED, state);
	section = btf__add_datasec(btf, ".bss", 8);
	btf__add_datasec_var_info(btf, var, 0, 8);
	return (uint32_t)section;
}

static inline void guest_put_map(struct guest_image *image, uint64_t at, const char *name, uint64_t type,
				 uint64_t value_size)
{
	guest_set(image, at, "bpf_map", "name", guest_word_of(name));
	guest_set(image, at, "bpf_map", "id", at);
	guest_set(image, at, "bpf_map", "map_type", type);
	guest_set(image, at, "bpf_map", "key_size", 4);
	guest_set(image, at, "bpf_map", "value_size", value_size);
	guest_set(image, at, "bpf_map", "max_entries", 1);
}

static inline void guest_put_maps(struct guest_image *image)
{
	uint32_t section = guest_map_types(image), size;
	const void *raw = btf__raw_data(image->map_btf, &size);

	assert(AT_BTF_DATA + size < CLASS_EXT);
	memcpy(image->bytes + AT_BTF_DATA, raw, size);
	guest_set(image, AT_BTF, "btf", "data", GUEST_BASE + AT_BTF_DATA);
	guest_set(image, AT_BTF, "btf", "data_size", size);
	guest_put_map(image, AT_MAP, "a.bss", BPF_MAP_TYPE_ARRAY, 8);
	guest_set(image, AT_MAP, "bpf_map", "btf", GUEST_BASE + AT_BTF);
	guest_set(image, AT_MAP, "bpf_map", "btf_value_type_id", section);
	guest_set(image, AT_MAP, "bpf_array", "value", 0x2f00000000 | (uint32_t)-3);
	guest_put_map(image, AT_MAP + 0x800, "hash", BPF_MAP_TYPE_HASH, 8);
	guest_set(image, AT_MAP + 0x800, "bpf_htab", "buckets", GUEST_BASE + AT_BUCKETS);
	guest_set(image, AT_MAP + 0x800, "bpf_htab", "n_buckets", 2);
	guest_put(image, AT_BUCKETS, GUEST_BASE + AT_ELEMENT);
	guest_put(image, AT_BUCKETS + 8, 1);
	guest_put(image, AT_ELEMENT, 1);
	guest_set(image, AT_ELEMENT, "htab_elem", "key", 0x2a);
	guest_set(image, AT_ELEMENT + 8, "htab_elem", "key", 0x1122);
	guest_put(image, AT_SYMBOLS + 0x10, GUEST_BASE + AT_NODE + 2);
	guest_set(image, AT_NODE, "xa_node", "slots", GUEST_BASE + AT_MAP);
	guest_put(image, guest_at(image, AT_NODE, "xa_node", "slots") - GUEST_BASE + 16, GUEST_BASE + AT_MAP + 0x800);
}

static inline struct guest_image *guest_new(void)
{
	struct guest_image *image = xcalloc(1, sizeof(*image));
	struct dump_guest *guest = &image->guest;

	image->btf = guest_types();
	*guest = (struct dump_guest){
		.memory = {.read = guest_read, .arg = image, .root = GUEST_ROOT, .reads_left = 20000},
		.btf = image->btf,
		.cpu_count = 2,
		.budget.values = 1000,
		.fields = types_fields_new(),
	};
	guest->symbol[DUMP_PER_CPU_OFFSET] = GUEST_BASE + AT_SYMBOLS;
	guest->symbol[DUMP_MAP_IDR] = GUEST_BASE + AT_SYMBOLS + 0x10;
	guest->symbol[DUMP_SCX_ROOT] = GUEST_BASE + AT_SYMBOLS + 0x20;
	guest->symbol[DUMP_RUNQUEUES] = GUEST_BASE + AT_RQ;
	guest->symbol[DUMP_INIT_TASK] = GUEST_BASE + AT_TASK;
	guest->symbol[DUMP_CLASS_EXT] = CLASS_EXT;
	guest_put_tasks(image);
	guest_put_queues(image);
	guest_put_maps(image);
	return image;
}

static inline void guest_free(struct guest_image *image)
{
	btf__free(image->btf);
	btf__free(image->map_btf);
	free(image->guest.fields);
	free(image);
}
DEFINE_AUTO(struct guest_image *, guest_free)

#endif
