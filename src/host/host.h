/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - the machine that a result was found on, and this process's own heap on it, as data that
 * is stored beside results and compared later. Driver half. Any thread may call.
 *
 * What could not be found out is absent: left out of the JSON (unlike a result's absent fields,
 * which are null), "(unknown)" in text. Reading JSON takes what is missing as absent, ignores keys
 * that it does not know, and refuses values of another type; its strings are cleaned (base/text.h)
 * and everything is bounded, for the file may come from anywhere.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <jansson.h>

#include "base/base.h"

struct host_number {
	bool known;
	uint64_t value;
};

/* --- heap.c: what jemalloc says of this process --------------------------------------------------- */

/*
 * In bytes, but narenas. Where jemalloc serves the process: active >= allocated, resident >= active,
 * mapped >= active; mapped and resident have no order; all but allocated are multiples of the page
 * size; narenas starts at four times the CPUs (jemalloc(3), "stats.active" and following).
 */
struct host_heap_state {
	struct host_number active_bytes;         /* pages with live allocations in them */
	struct host_number allocated_bytes;      /* live allocations themselves */
	struct host_number resident_bytes;       /* in RAM, the allocator's own data included */
	struct host_number mapped_bytes;         /* in active extents */
	struct host_number narenas;
};

/*
 * Now, in microseconds. It cannot fail: without jemalloc in the process, or when its epoch does not
 * advance, all are absent; a read that fails makes only its own field absent. ktstr's libraries do
 * not bring jemalloc; the shipped programs have it as their allocator.
 */
struct host_heap_state host_heap_collect(void);

/* jemalloc is linked but serves nobody: allocated and active are both there, and both 0. */
bool host_heap_is_unused(const struct host_heap_state *heap);

bool host_heap_equal(const struct host_heap_state *a, const struct host_heap_state *b);

/* Keys in the order of the struct; the caller's. */
json_t *host_heap_to_json(const struct host_heap_state *heap);
int host_heap_from_json(const json_t *json, struct host_heap_state *ret_heap, struct ktstr_error *err);

/* A line "key: value" a field, allocated_bytes first; every line begins with `indent` spaces. */
void host_heap_format(const struct host_heap_state *heap, unsigned indent, struct buf *out);

/* The same order, "key: before → after", only what changed. */
void host_heap_diff(const struct host_heap_state *before, const struct host_heap_state *after,
		    unsigned indent, struct buf *out);

/* --- context.c ------------------------------------------------------------------------------------ */

struct host_pair {
	char *key, *value;
};
void host_pair_done(struct host_pair *pair);
DEFINE_VEC(host_pairs, struct host_pair, host_pair_done)

struct host_map {
	bool known;                      /* it could be looked for; it may be empty */
	struct host_pairs pairs;         /* sorted by key, numbers in it by value: cpu2, cpu10 */
};

/* In the order in which it is printed. Strings are owned; NULL is absent. */
struct host_context {
	char *kernel_name, *kernel_release, *arch;
	char *cpu_model, *cpu_vendor;                /* of the first CPU in /proc/cpuinfo */
	struct host_number total_memory_kb;
	struct host_number hugepages_total, hugepages_free, hugepages_size_kb;
	struct host_number online_cpus, numa_nodes;
	char *thp_enabled, *thp_defrag;              /* as in /sys, the choice in brackets */
	char *kernel_cmdline;                        /* raw: it may hold secrets */
	struct host_map cpufreq_governor;            /* "cpu0" to its governor */
	struct host_map sched_tunables;              /* /proc/sys/kernel/sched_*, the name to its value */
	bool has_heap_state;
	struct host_heap_state heap_state;
};

void host_context_done(struct host_context *context);
DEFINE_AUTO_DONE(struct host_context, host_context_done)

/*
 * This host and this process, now. What does not change while a process runs was read when it was
 * first asked for; huge pages and heap are as of this call. No heap state where host_heap_is_unused().
 */
void host_context_collect(struct host_context *ret_context);

/* Everything but the heap, from /proc and /sys below root_fd: for tests. */
void host_context_read(int root_fd, struct host_context *ret_context);

bool host_context_equal(const struct host_context *a, const struct host_context *b);

/* The caller's. */
json_t *host_context_to_json(const struct host_context *context);
/* -EBADMSG with words: it is none; *ret_context is untouched then. */
int host_context_from_json(const json_t *json, struct host_context *ret_context,
			   struct ktstr_error *err);

/* A line "key: value" a field; maps and the heap as a block two spaces deep. */
void host_context_format(const struct host_context *context, struct buf *out);

/*
 * What changed, a line "  key: before → after" a field; single entries of maps as "  map.key: ..."
 * with "(absent)", the heap as a block. Nothing when they are equal.
 */
void host_context_diff(const struct host_context *before, const struct host_context *after,
		       struct buf *out);

#endif
