/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callbacks.c - the second phase: probes on the scheduler's own programs, which do not exist before it
 * has loaded them. Which program is which callback is in its struct_ops map: read from user space it
 * is a struct sched_ext_ops with a program's id in place of each function pointer
 * (bpf_struct_ops_map_sys_lookup_elem(), kernel/bpf/bpf_struct_ops.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define OPS "sched_ext_ops"
#define WRAPPER "bpf_struct_ops_" OPS
#define VALUE_MAX 65536
#define LOG_SIZE 4096

/* --- attaching ------------------------------------------------------------------------------------ */

/* The verifier's last words before its totals. */
static char *last_words(const char *log, int code)
{
	struct sv rest = sv_of(log), line, last = {0};

	while (sv_line(&rest, &line)) {
		if (sv_trim(line).len && !sv_starts(line, "processed "))
			last = sv_trim(line);
	}
	return last.len ? xasprintf("the kernel refused: %.*s (%s)", SV_ARG(last), strerror(-code))
			: xasprintf("the kernel refused: %s", strerror(-code));
}

/* A link's descriptor, or -1 with the reason in function->refused. */
static int attach_one(struct probe *probe, struct function *function, const struct program *program,
		      const char *ours, enum bpf_attach_type type)
{
	const struct bpf_program *loaded = bpf_object__find_program_by_name(probe->object, ours);
	char log[LOG_SIZE] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type,
		    .attach_prog_fd = (uint32_t)program->fd, .attach_btf_id = program->functions[0].type_id,
		    .log_buf = log, .log_size = sizeof(log));
	LIBBPF_OPTS(bpf_link_create_opts, link_options,
		    .tracing.cookie = (uint64_t)(function - probe->functions));
	AUTO(fd_close) int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, ours, "Dual BSD/GPL",
					      bpf_program__insns(loaded), bpf_program__insn_cnt(loaded), &options);
	int link_fd = fd < 0 ? fd : bpf_link_create(fd, 0, type, &link_options);

	if (link_fd >= 0)
		return link_fd;
	free(function->refused);
	function->refused = last_words(fd < 0 ? log : "", link_fd);
	return -1;
}

static void attach_callback(struct probe *probe, struct function *function, const struct program *program)
{
	if (!program->functions) {
		function->refused = xstrdup("it was loaded without BTF of its functions");
		return;
	}
	/* the return first: a call that is seen to begin is seen to end */
	function->link_fd[1] = attach_one(probe, function, program, "on_callback_return", BPF_TRACE_FEXIT);
	if (function->link_fd[1] >= 0)
		function->link_fd[0] = attach_one(probe, function, program, "on_callback", BPF_TRACE_FENTRY);
}

/* --- which program is which ------------------------------------------------------------------------ */

static bool is_known(const struct probe *probe, uint32_t program_id)
{
	for (size_t i = 0; i < probe->len; i++) {
		if (probe->functions[i].program_id == program_id)
			return true;
	}
	return false;
}

/* Arguments have names in the kernel's own stub of each callback, and none in a function pointer's type. */
static const struct btf_type *stub_of(const struct probe *probe, const char *callback)
{
	AUTO(free) char *name = xasprintf(OPS "__%s", callback);
	int id = btf__find_by_name_kind(probe->btf, name, BTF_KIND_FUNC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

	return type ? btf__type_by_id(probe->btf, type->type) : NULL;
}

static void add_callback(struct probe *probe, const char *callback, const struct btf_type *prototype,
			 uint32_t program_id)
{
	const struct program *program = held_program(probe, program_id);
	struct function *function;

	if (!program || is_known(probe, program_id))
		return;
	function = new_function(probe, program_name(program, 0));
	if (!function)
		return;
	function->callback = callback;
	function->program_id = program_id;
	function->type = prototype;
	function->named = stub_of(probe, callback);
	function->source = program_source(program);
	look_up_args(probe, function);
}

static const struct btf_type *resolved(const struct probe *probe, uint32_t type)
{
	int id = btf__resolve_type(probe->btf, type);

	return id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);
}

/* value: a struct sched_ext_ops of this type */
static void add_callbacks(struct probe *probe, const struct btf_type *ops, const char *value, size_t size)
{
	for (uint32_t i = 0; i < btf_vlen(ops); i++) {
		const struct btf_member *member = btf_members(ops) + i;
		const struct btf_type *type = resolved(probe, member->type);
		const struct btf_type *to = type && btf_is_ptr(type) ? resolved(probe, type->type) : NULL;
		size_t offset = btf_member_bit_offset(ops, i) / 8;
		uint64_t id = 0;

		if (!to || !btf_is_func_proto(to) || offset > size || size - offset < sizeof(id))
			continue;
		memcpy(&id, value + offset, sizeof(id));
		if (id)
			add_callback(probe, name_at(probe, member->name_off), to, (uint32_t)id);
	}
}

static void look_into_map(struct probe *probe, int fd)
{
	AUTO(free) char *value = NULL;
	struct bpf_map_info info = {0};
	const struct btf_type *wrapper;
	uint32_t size = sizeof(info);
	const uint32_t first = 0;

	if (bpf_map_get_info_by_fd(fd, &info, &size) < 0 || info.type != BPF_MAP_TYPE_STRUCT_OPS ||
	    info.value_size > VALUE_MAX)
		return;
	wrapper = btf__type_by_id(probe->btf, info.btf_vmlinux_value_type_id);
	if (!wrapper || strcmp(name_at(probe, wrapper->name_off), WRAPPER) != 0)
		return;
	value = xcalloc(1, info.value_size);
	if (bpf_map_lookup_elem(fd, &first, value) < 0)
		return;
	for (uint32_t i = 0; i < btf_vlen(wrapper); i++) {
		const struct btf_type *type = resolved(probe, btf_members(wrapper)[i].type);
		size_t offset = btf_member_bit_offset(wrapper, i) / 8;

		if (type && btf_is_struct(type) && strcmp(name_at(probe, type->name_off), OPS) == 0 &&
		    offset <= info.value_size)
			add_callbacks(probe, type, value + offset, info.value_size - offset);
	}
}

void probe_callbacks(struct probe *probe)
{
	size_t first = probe->len;
	struct ktstr_error err = {0};
	uint32_t id = 0;

	hold_programs(probe);
	while (bpf_map_get_next_id(id, &id) == 0) {
		AUTO(fd_close) int fd = bpf_map_get_fd_by_id(id);

		if (fd >= 0)
			look_into_map(probe, fd);
	}
	if (probe->len == first)
		return;
	if (tell_functions(probe, &err) < 0) {
		put_trouble(&err);
		return;
	}
	for (size_t i = first; i < probe->len; i++)
		attach_callback(probe, &probe->functions[i], held_program(probe, probe->functions[i].program_id));
	probe->callbacks_ns = clock_ns();
}
