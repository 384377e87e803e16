/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dsqs.c - the dispatch queues of sched_ext. Those that a scheduler made are in a hash table of its
 * struct scx_sched (Linux 6.16 and later); a chain of that table ends with an odd number (linux/rhashtable.h).
 */
#include "dump/walk.h"

#define BUCKETS_MAX 65536
#define QUEUES_MAX 4096
#define NODES_MAX 64
#define CURSOR 1u                      /* SCX_DSQ_LNODE_ITER_CURSOR: no task, but somebody's place */
#define TEXT_MAX 1024                  /* SCX_EXIT_MSG_LEN */

json_t *dsq_tasks(struct dump_guest *guest, uint64_t dsq)
{
	json_t *all = json_array();
	uint64_t head, at, flags, pid;
	uint32_t list, node;

	if (!guest_offset(guest, "scx_dispatch_q", "list", &list) ||
	    !guest_offset(guest, "task_struct", "scx.dsq_list.node", &node))
		return all;
	head = dsq + list;
	for (int count = 0; guest_u64(guest, count ? at : head, &at) && at != head; count++) {
		if (count == DUMP_LIST_MAX) {
			json_array_append_new(all, json_string("..."));
			return all;
		}
		/* at the beginning of struct scx_dsq_list_node */
		if (!guest_field(guest, at, "scx_dsq_list_node", "flags", &flags))
			break;
		if (flags & CURSOR)
			continue;
		json_array_append_new(all, guest_field(guest, at - node, "task_struct", "pid", &pid)
						   ? json_number_of(pid)
						   : json_string("unreadable"));
	}
	if (at != head)
		json_array_append_new(all, json_string("unreadable"));
	return all;
}

json_t *dsq_to_json(struct dump_guest *guest, uint64_t dsq)
{
	json_t *all = json_object();
	uint64_t id;

	json_object_set_new(all, "id", guest_field(guest, dsq, "scx_dispatch_q", "id", &id)
					       ? json_address_of(id)
					       : json_string("unreadable"));
	put_field(guest, all, "nr", dsq, "scx_dispatch_q", "nr");
	put_field(guest, all, "seq", dsq, "scx_dispatch_q", "seq");
	json_object_set_new(all, "tasks", dsq_tasks(guest, dsq));
	return all;
}

static void put_chain(struct dump_guest *guest, json_t *all, uint64_t at, uint32_t node)
{
	while (at > 1 && !(at & 1) && json_array_size(all) < QUEUES_MAX) {
		json_array_append_new(all, dsq_to_json(guest, at - node));
		if (!guest_u64(guest, at, &at))
			return;
	}
}

static void put_own(struct dump_guest *guest, json_t *all, uint64_t scheduler)
{
	uint64_t table, size, nest, at;
	uint32_t buckets, node;

	if (!guest_field(guest, scheduler, "scx_sched", "dsq_hash.tbl", &table) ||
	    !guest_field(guest, table, "bucket_table", "size", &size) ||
	    !guest_field(guest, table, "bucket_table", "nest", &nest) || nest ||
	    !guest_offset(guest, "bucket_table", "buckets", &buckets) ||
	    !guest_offset(guest, "scx_dispatch_q", "hash_node", &node))
		return;
	for (uint64_t i = 0; i < size && i < BUCKETS_MAX; i++)
		if (guest_u64(guest, table + buckets + 8 * i, &at))
			put_chain(guest, all, at & ~1ull, node);        /* its bit 0 is a lock */
}

static void put_global(struct dump_guest *guest, json_t *all, uint64_t scheduler)
{
	uint64_t queues, dsq;
	uint32_t nodes = 1;

	if (guest->symbol[DUMP_NR_NODE_IDS])
		(void)dump_read(&guest->memory, guest->symbol[DUMP_NR_NODE_IDS], &nodes, sizeof(nodes));
	if (!guest_field(guest, scheduler, "scx_sched", "global_dsqs", &queues))
		return;
	for (uint32_t node = 0; node < nodes && node < NODES_MAX; node++)
		if (guest_u64(guest, queues + 8ull * node, &dsq) && dsq)
			json_array_append_new(all, dsq_to_json(guest, dsq));
}

/* Why sched_ext puts it out, as the kernel has it before the scheduler is told. */
static void put_exit(struct dump_guest *guest, json_t *all, uint64_t scheduler)
{
	char reason[TEXT_MAX] = "", message[TEXT_MAX] = "";
	uint64_t info, text;

	if (!guest_field(guest, scheduler, "scx_sched", "exit_info", &info) || !info)
		return;
	if (guest_field(guest, info, "scx_exit_info", "reason", &text) && text)
		(void)guest_text(guest, text, reason, sizeof(reason));
	if (guest_field(guest, info, "scx_exit_info", "msg", &text) && text)
		(void)guest_text(guest, text, message, sizeof(message));
	json_object_set_new(all, "exit_reason", json_text_of(reason));
	json_object_set_new(all, "exit_message", json_text_of(message));
}

json_t *dump_scheduler(struct dump_guest *guest, json_t **ret_dsqs)
{
	json_t *all;
	char name[TEXT_MAX];
	uint64_t scheduler;

	*ret_dsqs = json_array();
	if (!guest->symbol[DUMP_SCX_ROOT] ||
	    !guest_u64(guest, guest->symbol[DUMP_SCX_ROOT], &scheduler) || !scheduler)
		return json_null();
	all = json_object();
	(void)guest_field_text(guest, scheduler, "scx_sched", "ops.name", name, sizeof(name));
	json_object_set_new(all, "name", json_text_of(name));
	put_field(guest, all, "exit_kind", scheduler, "scx_sched", "exit_kind.counter");
	put_field(guest, all, "watchdog_timeout_ms", scheduler, "scx_sched", "ops.timeout_ms");
	put_exit(guest, all, scheduler);
	put_global(guest, *ret_dsqs, scheduler);
	put_own(guest, *ret_dsqs, scheduler);
	return all;
}
