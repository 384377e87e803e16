/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.c - BPF maps. map_idr is an idr, so an xarray: an entry that ends in binary 10 is a node of
 * more slots, another one a struct bpf_map (Documentation/core-api/xarray.rst). Values are rendered
 * by the BTF that the map was made with, which the kernel keeps as it was loaded.
 */
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <string.h>

#include "dump/walk.h"

#define MAPS_MAX 512
#define ENTRIES_MAX 256                /* of one map */
#define VALUE_MAX (1u << 20)
#define KEY_MAX 4096u
#define BTF_MAX (2u << 20)
#define XARRAY_DEPTH 12
#define SLOTS_MAX 64u
#define BUCKETS_MAX (1u << 20)
#define TEXT_MAX 64

DEFINE_AUTO(struct btf *, btf__free)

struct map {
	uint64_t address, type, key_size, value_size, max_entries, key_type, value_type;
	struct btf *btf;               /* NULL: it has none */
};

static struct btf *read_btf(struct dump_guest *guest, uint64_t address)
{
	AUTO(free) char *bytes = NULL;
	uint64_t data, size;

	if (!guest_field(guest, address, "btf", "data", &data) ||
	    !guest_field(guest, address, "btf", "data_size", &size) || size == 0 || size > BTF_MAX)
		return NULL;
	bytes = xmalloc(size);
	return dump_read(&guest->memory, data, bytes, size) ? btf__new(bytes, (uint32_t)size) : NULL;
}

static json_t *hex(const uint8_t *bytes, size_t size)
{
	AUTO(buf_done) struct buf text = {0};

	for (size_t i = 0; i < size && i < 64; i++)
		buf_printf(&text, "%02x", bytes[i]);
	if (size > 64)
		buf_str(&text, "...");
	return json_string(buf_text(&text));
}

static json_t *value_of(struct dump_guest *guest, const struct map *map, uint64_t type, uint64_t address,
			uint64_t size)
{
	AUTO(free) uint8_t *bytes = xmalloc(size ?: 1);

	if (!dump_read(&guest->memory, address, bytes, size))
		return json_string("unreadable");
	return map->btf && type ? dump_render(map->btf, (uint32_t)type, bytes, size, &guest->budget)
				: hex(bytes, size);
}

/* One value a CPU, each at a multiple of eight bytes. */
static json_t *values_per_cpu(struct dump_guest *guest, const struct map *map, uint64_t pointer)
{
	json_t *all = json_array();

	for (uint32_t cpu = 0; cpu < guest->cpu_count && guest->budget.values; cpu++) {
		uint64_t address = guest_per_cpu(guest, cpu, pointer);

		json_array_append_new(all, address ? value_of(guest, map, map->value_type, address,
							      map->value_size)
						   : json_string("unreadable"));
	}
	return all;
}

static void put_array(struct dump_guest *guest, const struct map *map, json_t *entries)
{
	uint64_t step = (map->value_size + 7) & ~7ull;
	bool per_cpu = map->type == BPF_MAP_TYPE_PERCPU_ARRAY;
	uint32_t at;

	if (!(per_cpu ? guest_offset(guest, "bpf_array", "pptrs", &at)
		      : guest_offset(guest, "bpf_array", "value", &at)))
		return;
	for (uint64_t i = 0; i < map->max_entries && i < ENTRIES_MAX && guest->budget.values; i++) {
		json_t *entry = json_object();
		uint64_t pointer;

		json_object_set_new(entry, "key", json_integer((json_int_t)i));
		if (!per_cpu)
			json_object_set_new(entry, "value", value_of(guest, map, map->value_type,
								     map->address + at + i * step,
								     map->value_size));
		else
			json_object_set_new(entry, "values",
					    guest_u64(guest, map->address + at + 8 * i, &pointer)
						    ? values_per_cpu(guest, map, pointer)
						    : json_string("unreadable"));
		json_array_append_new(entries, entry);
	}
}

static json_t *hash_entry(struct dump_guest *guest, const struct map *map, uint64_t element, uint32_t key_offset)
{
	bool per_cpu = map->type == BPF_MAP_TYPE_PERCPU_HASH || map->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	uint64_t key = element + key_offset, value = key + ((map->key_size + 7) & ~7ull), pointer;
	json_t *entry = json_object();

	json_object_set_new(entry, "key", value_of(guest, map, map->key_type, key, map->key_size));
	if (!per_cpu)
		json_object_set_new(entry, "value",
				    value_of(guest, map, map->value_type, value, map->value_size));
	else
		json_object_set_new(entry, "values", guest_u64(guest, value, &pointer)
							     ? values_per_cpu(guest, map, pointer)
							     : json_string("unreadable"));
	return entry;
}

/* Chains of struct htab_elem, whose links come first; each ends with an odd number. */
static void put_hash(struct dump_guest *guest, const struct map *map, json_t *entries)
{
	uint64_t buckets, count, at;
	uint32_t key, bucket_size;

	if (!guest_field(guest, map->address, "bpf_htab", "buckets", &buckets) ||
	    !guest_field(guest, map->address, "bpf_htab", "n_buckets", &count) ||
	    !guest_offset(guest, "htab_elem", "key", &key) || !guest_sizeof(guest, "bucket", &bucket_size))
		return;
	for (uint64_t i = 0; i < count && i < BUCKETS_MAX; i++) {
		if (!guest_u64(guest, buckets + i * bucket_size, &at))
			return;
		while (at && !(at & 1)) {
			if (json_array_size(entries) == ENTRIES_MAX || !guest->budget.values)
				return;
			json_array_append_new(entries, hash_entry(guest, map, at, key));
			if (!guest_u64(guest, at, &at))
				break;
		}
	}
}

static bool read_map(struct dump_guest *guest, struct map *map)
{
	return guest_field(guest, map->address, "bpf_map", "map_type", &map->type) &&
	       guest_field(guest, map->address, "bpf_map", "key_size", &map->key_size) &&
	       guest_field(guest, map->address, "bpf_map", "value_size", &map->value_size) &&
	       guest_field(guest, map->address, "bpf_map", "max_entries", &map->max_entries) &&
	       guest_field(guest, map->address, "bpf_map", "btf_key_type_id", &map->key_type) &&
	       guest_field(guest, map->address, "bpf_map", "btf_value_type_id", &map->value_type);
}

/* As in linux/bpf.h; the rest are numbers. */
static json_t *type_word(uint64_t type)
{
	static const char *const words[] = {
		[BPF_MAP_TYPE_HASH] = "hash",
		[BPF_MAP_TYPE_ARRAY] = "array",
		[BPF_MAP_TYPE_PERCPU_HASH] = "percpu_hash",
		[BPF_MAP_TYPE_PERCPU_ARRAY] = "percpu_array",
		[BPF_MAP_TYPE_LRU_HASH] = "lru_hash",
		[BPF_MAP_TYPE_LRU_PERCPU_HASH] = "lru_percpu_hash",
		[BPF_MAP_TYPE_STRUCT_OPS] = "struct_ops",
		[BPF_MAP_TYPE_RINGBUF] = "ringbuf",
		[BPF_MAP_TYPE_TASK_STORAGE] = "task_storage",
	};

	if (type < sizeof(words) / sizeof(words[0]) && words[type])
		return json_string(words[type]);
	return json_number_of(type);
}

static void put_entries(struct dump_guest *guest, const struct map *map, json_t *entries)
{
	switch (map->type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		put_array(guest, map, entries);
		break;
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		put_hash(guest, map, entries);
		break;
	default:
		break;        /* no content that is read here */
	}
}

static json_t *map_to_json(struct dump_guest *guest, uint64_t address)
{
	AUTO(btf__free) struct btf *btf = NULL;
	struct map map = {.address = address};
	json_t *all = json_object(), *entries = json_array();
	char name[TEXT_MAX];
	uint64_t types;

	(void)guest_field_text(guest, address, "bpf_map", "name", name, sizeof(name));
	json_object_set_new(all, "name", json_text_of(name));
	put_field(guest, all, "id", address, "bpf_map", "id");
	if (!read_map(guest, &map) || map.value_size > VALUE_MAX || map.key_size > KEY_MAX) {
		json_object_set_new(all, "trouble", json_string("unreadable"));
		json_decref(entries);
		return all;
	}
	if (guest_field(guest, address, "bpf_map", "btf", &types) && types)
		map.btf = btf = read_btf(guest, types);
	json_object_set_new(all, "type", type_word(map.type));
	json_object_set_new(all, "key_size", json_number_of(map.key_size));
	json_object_set_new(all, "value_size", json_number_of(map.value_size));
	json_object_set_new(all, "max_entries", json_number_of(map.max_entries));
	json_object_set_new(all, "has_btf", json_boolean(btf != NULL));
	put_entries(guest, &map, entries);
	json_object_set_new(all, "entries", entries);
	return all;
}

static void put_slot(struct dump_guest *guest, json_t *all, uint64_t entry, int depth)
{
	uint64_t node = entry - 2, slot;
	uint32_t slots, count;

	if (!entry || json_array_size(all) >= MAPS_MAX || depth > XARRAY_DEPTH)
		return;
	if ((entry & 3) == 0) {
		json_array_append_new(all, map_to_json(guest, entry));
		return;
	}
	if ((entry & 3) != 2 || entry <= 4096 || !guest_offset(guest, "xa_node", "slots", &slots))
		return;
	count = guest_member_size(guest, "xa_node", "slots") / 8;
	for (uint32_t i = 0; i < count && i < SLOTS_MAX; i++)
		if (guest_u64(guest, node + slots + 8ull * i, &slot))
			put_slot(guest, all, slot, depth + 1);
}

json_t *dump_maps(struct dump_guest *guest)
{
	json_t *all = json_array();
	uint64_t head;

	if (guest_field(guest, guest->symbol[DUMP_MAP_IDR], "idr", "idr_rt.xa_head", &head))
		put_slot(guest, all, head, 0);
	return all;
}
