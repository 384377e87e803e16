/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump.h - what a frozen guest's kernel was doing, read out of its memory from outside: registers,
 * run queues, tasks, dispatch queues of sched_ext and BPF maps, as one JSON document (docs/dump.md)
 * and a short text. A guest that hangs is no obstacle, and nothing runs in it.
 *
 * All of a guest's memory is hostile: every loop here has a bound, every address may be bad, and what
 * cannot be read is left out or says "unreadable". Addresses come from the kernel's symbol table
 * (it must run with nokaslr), offsets from its BTF. One thread.
 */
#ifndef DUMP_DUMP_H
#define DUMP_DUMP_H

#include <jansson.h>
#include <sys/types.h>

#include "base/base.h"
#include "kernel/kernel.h"

/* --- registers.c: `info registers -a` of QEMU's monitor ---------------------------------------------- */

#define DUMP_CPUS_MAX 256

struct dump_cpu {
	uint64_t rip, cr3, cr4;
	json_t *registers;             /* object of name to "0x..."; owned */
};
void dump_cpu_done(struct dump_cpu *cpu);
DEFINE_VEC(dump_cpus, struct dump_cpu, dump_cpu_done)

/* In the order of the CPUs, DUMP_CPUS_MAX at most; what is no register is skipped. */
void dump_registers_parse(struct sv text, struct dump_cpus *ret_cpus);

/* --- memory.c: where the guest's memory is, and x86-64 page tables ------------------------------------- */

/* A run of guest-physical memory and where QEMU has it. */
struct dump_piece {
	uint64_t physical, size, host;
};
DEFINE_VEC(dump_pieces, struct dump_piece, vec_keep)

/*
 * `info ramblock` of QEMU's monitor: the blocks ram0, ram1, ... one after the other, as q35 lays them
 * out around the hole below 4 GiB. -EBADMSG: none is in it.
 */
int dump_pieces_parse(struct sv text, struct dump_pieces *ret_pieces, struct ktstr_error *err);

#define DUMP_TLB 512

struct dump_memory {
	bool (*read)(void *arg, uint64_t physical, void *buffer, size_t size);      /* all or nothing */
	void *arg;
	uint64_t root;                 /* a CR3 */
	bool five_levels;              /* CR4.LA57 */
	uint32_t reads_left;           /* of pages; with 0 nothing can be read: what bounds all walks together */
	struct {
		uint64_t page, physical;       /* page 0: empty */
	} tlb[DUMP_TLB];
};

/* The physical address; false: not mapped. */
bool dump_translate(struct dump_memory *memory, uint64_t address, uint64_t *ret_physical);
bool dump_read(struct dump_memory *memory, uint64_t address, void *buffer, size_t size);

/* Physical memory of a process with these pieces, for struct dump_memory's read. */
struct dump_process {
	pid_t pid;
	const struct dump_pieces *pieces;
};
bool dump_process_read(void *process, uint64_t physical, void *buffer, size_t size);

/* --- types.c, render.c: values by their BTF ---------------------------------------------------------------- */

struct btf;

/* Where a member is; path: "scx.dsq_list.node". False: this kernel has none. */
bool dump_member(const struct btf *btf, const char *type_name, const char *path, uint32_t *ret_offset,
		 uint32_t *ret_size);

/* Bounds a document; zero is a full budget that was used up. */
struct dump_budget {
	uint32_t values;
};

/* A value of this type: bytes may be shorter than the type says, which is then "unreadable". */
json_t *dump_render(const struct btf *btf, uint32_t type_id, const uint8_t *bytes, size_t size,
		    struct dump_budget *budget);

/* --- the document ------------------------------------------------------------------------------------------- */

enum dump_symbol {
	DUMP_RUNQUEUES,
	DUMP_PER_CPU_OFFSET,
	DUMP_INIT_TASK,
	DUMP_MAP_IDR,
	DUMP_SCX_ROOT,
	DUMP_NR_NODE_IDS,
	DUMP_CLASS_STOP,
	DUMP_CLASS_DL,
	DUMP_CLASS_RT,
	DUMP_CLASS_FAIR,
	DUMP_CLASS_EXT,
	DUMP_CLASS_IDLE,
	DUMP_SYMBOL_COUNT
};

struct dump_guest {
	struct dump_memory memory;
	const struct btf *btf;                       /* the kernel's */
	uint64_t symbol[DUMP_SYMBOL_COUNT];
	uint32_t cpu_count;
	struct dump_budget budget;
	struct dump_fields *fields;                  /* offsets found so far */
};

json_t *dump_runqueues(struct dump_guest *guest);
json_t *dump_tasks(struct dump_guest *guest);
/* The loaded scheduler, or null, and all its queues that are not of one CPU. */
json_t *dump_scheduler(struct dump_guest *guest, json_t **ret_dsqs);
json_t *dump_maps(struct dump_guest *guest);

struct dump_config {
	const struct kernel *kernel;
	const char *test;
	const char *reason;                          /* why the guest was frozen */
	uint64_t guest_ns;                           /* its clock, as far as it said; 0: unknown */
	pid_t qemu;
	struct sv registers, ramblocks;              /* what QEMU's monitor said */
};

/*
 * Never fails: what could not be read is in the document's `problems`, and with no memory at all it
 * is a placeholder. The caller's.
 */
json_t *dump_take(const struct dump_config *config);

/* A few lines for a report. The texts are the guest's: not cleaned. */
void dump_excerpt(const json_t *dump, struct buf *out);

#endif
