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
#define PROGRAMS_MAX 128

/* Of what an argument points to. */
struct field {
	char *name;                           /* "rq.scx.nr_running", argument in front */
	unsigned bytes;
	bool is_signed, is_cpus;              /* is_cpus: the first word of a cpumask */
};

struct function {
	char *name;
	bool in_kallsyms;
	const struct btf_type *type;          /* its prototype, or NULL */
	const struct btf_type *named;         /* one with the same arguments that has their names, or NULL */
	struct repro_function about;
	struct field fields[REPRO_FIELDS];
	struct bpf_link *links[2];
	/* a program of the scheduler: */
	const char *callback;                 /* member of struct sched_ext_ops; NULL: the kernel's own */
	uint32_t program_id;
	char *source;                         /* "main.bpf.c:123", or NULL */
	int link_fd[2];                       /* -1: not attached */
	char *refused;                        /* why it is not, in the kernel's words */
};

/* A function of the kernel's own text. */
struct symbol {
	uint64_t address;
	uint32_t name;                        /* offset in names */
};
DEFINE_VEC(symbols, struct symbol, vec_keep)

/* One BPF program of the scheduler. */
struct program {
	int fd;
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
	char tag[2 * BPF_TAG_SIZE + 1];
	const struct btf *btf;                /* its object's, or NULL; the probe's */
	uint32_t part_count;                  /* itself and its subprograms: */
	struct bpf_func_info *functions;      /* their types, or NULL; */
	uint64_t *starts;                     /* where they are, */
	uint32_t *sizes;                      /* and how long */
	struct bpf_prog_linfo *lines;         /* or NULL */
};
void program_done(struct program *program);
DEFINE_VEC(programs, struct program, program_done)

struct btf_held {
	uint32_t id;
	struct btf *btf;
};
void btf_held_done(struct btf_held *held);
DEFINE_VEC(btfs, struct btf_held, btf_held_done)

struct probe {
	struct symbols symbols;               /* in the order of addresses, as kallsyms has them */
	struct buf names;
	uint64_t text_end;                    /* _etext */
	struct btf *btf;
	struct bpf_object *object;
	struct function functions[REPRO_FUNCTIONS_MAX];
	size_t len;
	struct bpf_link *stopper;             /* halts the scheduler when it has loaded its callbacks, or NULL */
	struct programs programs;             /* the scheduler's */
	struct btfs btfs;
	uint64_t callbacks_ns;                /* when they were probed; 0: never */
	bool before_enabled;                  /* by then sched_ext had not called any of them */
	struct child scheduler;
	bool asked_to_end;
};

/* --- functions.c: which functions, and what BTF says of them ---------------------------------------------- */

void add_endings(struct probe *probe);
/* NULL: there is no more room. */
struct function *new_function(struct probe *probe, const char *name);
/* The same for one of the kernel's, once. */
void add_function(struct probe *probe, const char *name);
/* Where the functions are, with their prototypes. */
int find_functions(struct probe *probe, struct ktstr_error *err);
size_t arg_count(const struct function *function);
char *arg_name(const struct probe *probe, const struct function *function, size_t index);        /* the caller's */
/* From its prototype: where the task and the queue are among its arguments, and fields that they point to. */
void look_up_args(struct probe *probe, struct function *function);
const char *name_at(const struct probe *probe, uint32_t offset);
/* "task_struct" of a pointer to struct task_struct, or "" */
const char *pointee(const struct probe *probe, uint32_t type);
/* "scx_exit+0x1"; an address that is in none of the kernel's functions is told as it is */
void name_kernel_address(const struct probe *probe, uint64_t address, struct buf *out);

/* --- attach.c: the kernel's functions ------------------------------------------------------------------------ */

int attach_functions(struct probe *probe, struct ktstr_error *err);
/* The same to the BPF half, once functions were added or the scheduler has started. */
int tell_functions(struct probe *probe, struct ktstr_error *err);
int tell_scheduler(struct probe *probe, struct ktstr_error *err);

/* --- fields.c ------------------------------------------------------------------------------------------------- */

/* Of what its arguments from the index-th on point to, as many as there is room for. */
void choose_fields(struct probe *probe, struct function *function);

/* --- callbacks.c: the second phase, once the scheduler has loaded them ---------------------------------------------- */

/* Probe the callbacks of all struct sched_ext_ops in the kernel that are not probed yet. */
void probe_callbacks(struct probe *probe);

/* --- programs.c: the scheduler's BPF programs ----------------------------------------------------------------- */

/* Held, they can be asked for their addresses when the scheduler has gone. */
void hold_programs(struct probe *probe);
const struct program *held_program(struct probe *probe, uint32_t id);
/* The name that its author gave it, not cut short; "main.bpf.c:123" where it begins, the caller's, or NULL */
const char *program_name(const struct program *program, uint32_t part);
char *program_source(const struct program *program);
/* "bpf_prog_643ba53f8fc3c203_my_enqueue+0x1f", as the kernel would write it; false: of none of them. */
bool name_program_address(const struct probe *probe, uint64_t address, struct buf *out);

/* --- told.c: what was seen, as JSON lines on stderr -------------------------------------------------------------- */

void put_report(const struct probe *probe);
void put_trouble(const struct ktstr_error *err);

#endif
