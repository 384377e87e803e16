/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - what ktstr-repro-probe knows: which functions it looks at, where they are, what is attached
 * to them, and the scheduler around which all that is. One thread.
 */
#ifndef REPRO_PROBE_H
#define REPRO_PROBE_H

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "../../bpf/repro.h"
#include "base/base.h"

#define REPRO_MARK "ktstr-repro-probe: "
#define HELD_MAX 128

struct function {
	const char *name;
	bool in_kallsyms;
	const struct btf_type *type;          /* its prototype, or NULL */
	struct repro_function about;
	struct bpf_link *links[2];
};

/* A function of the kernel's own text. */
struct symbol {
	uint64_t address;
	uint32_t name;                        /* offset in names */
};
DEFINE_VEC(symbols, struct symbol, vec_keep)

struct probe {
	struct symbols symbols;               /* in the order of addresses, as kallsyms has them */
	struct buf names;
	uint64_t text_end;                    /* _etext */
	struct btf *btf;
	struct bpf_object *object;
	struct function functions[REPRO_FUNCTIONS_MAX];
	size_t len;
	int held[HELD_MAX];                   /* the scheduler's programs */
	size_t held_count;
	struct child scheduler;
	bool asked_to_end;
};

/* --- functions.c: which functions, and what BTF says of them ---------------------------------------------- */

void add_endings(struct probe *probe);
void add_function(struct probe *probe, const char *name);
/* Where the functions are, with their prototypes. */
int find_functions(struct probe *probe, struct ktstr_error *err);
size_t arg_count(const struct function *function);
const char *name_at(const struct probe *probe, uint32_t offset);
/* "task_struct" of a pointer to struct task_struct, or "" */
const char *pointee(const struct probe *probe, uint32_t type);
/* "scx_exit+0x1"; an address that is in none of the kernel's functions is told as it is */
void name_kernel_address(const struct probe *probe, uint64_t address, struct buf *out);

/* --- attach.c: the kernel's functions ------------------------------------------------------------------------ */

int attach_functions(struct probe *probe, struct ktstr_error *err);

/* --- programs.c: the scheduler's BPF programs ----------------------------------------------------------------- */

/* Held, they can be asked for their addresses when the scheduler has gone. */
void hold_programs(struct probe *probe);
/* "bpf_prog_643ba53f8fc3c203_my_enqueue+0x1f", as the kernel would write it; false: of none of them. */
bool name_program_address(const struct probe *probe, uint64_t address, struct buf *out);

/* --- told.c: what was seen, as JSON lines on stderr -------------------------------------------------------------- */

void put_report(const struct probe *probe);
void put_trouble(const struct ktstr_error *err);

#endif
