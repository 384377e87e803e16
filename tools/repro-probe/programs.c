/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * programs.c - the scheduler's BPF programs: found while it runs, and asked when it has gone. What the
 * kernel keeps of one: its machine code's places, and from its object file the names of its functions
 * and the source line of each piece of code (Documentation/bpf/btf.rst).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define PARTS_MAX 1024
#define LINES_MAX (1u << 20)

void program_done(struct program *program)
{
	fd_close(program->fd);
	free(program->functions);
	free(program->starts);
	free(program->sizes);
	bpf_prog_linfo__free(program->lines);
}
DEFINE_AUTO_DONE(struct program, program_done)

void btf_held_done(struct btf_held *held)
{
	btf__free(held->btf);
}

/* Programs of one object share it. */
static const struct btf *btf_of(struct probe *probe, uint32_t id)
{
	struct btf *btf;

	vec_each(held, &probe->btfs) {
		if (held->id == id)
			return held->btf;
	}
	btf = id ? btf__load_from_kernel_by_id(id) : NULL;
	if (btf)
		btfs_push(&probe->btfs, (struct btf_held){.id = id, .btf = btf});
	return btf;
}

static void read_lines(struct program *program, struct bpf_prog_info *info)
{
	AUTO(free) struct bpf_line_info *lines = xcalloc(info->nr_line_info, sizeof(*lines));
	AUTO(free) uint64_t *jited = xcalloc(info->nr_jited_line_info, sizeof(*jited));
	struct bpf_prog_info wanted = {
		.nr_jited_ksyms = program->part_count,
		.jited_ksyms = (uint64_t)(uintptr_t)program->starts,
		.nr_jited_func_lens = program->part_count,
		.jited_func_lens = (uint64_t)(uintptr_t)program->sizes,
		.nr_line_info = info->nr_line_info,
		.line_info_rec_size = sizeof(*lines),
		.line_info = (uint64_t)(uintptr_t)lines,
		.nr_jited_line_info = info->nr_jited_line_info,
		.jited_line_info_rec_size = sizeof(*jited),
		.jited_line_info = (uint64_t)(uintptr_t)jited,
	};
	uint32_t size = sizeof(wanted);

	if (bpf_prog_get_info_by_fd(program->fd, &wanted, &size) == 0 && wanted.nr_line_info)
		program->lines = bpf_prog_linfo__new(&wanted);
}

/* False: it is no struct_ops program, or has been unloaded. */
static bool program_read(struct probe *probe, int fd, struct program *ret_program)
{
	AUTO(program_done) struct program program = {.fd = fd};
	struct bpf_prog_info info = {0}, parts = {0};
	uint32_t size = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &size) < 0 || info.type != BPF_PROG_TYPE_STRUCT_OPS)
		return false;
	program.id = info.id;
	memcpy(program.name, info.name, sizeof(program.name));
	for (size_t i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(program.tag + 2 * i, 3, "%02x", info.tag[i]);
	program.btf = btf_of(probe, info.btf_id);
	program.part_count = info.nr_jited_ksyms < PARTS_MAX ? info.nr_jited_ksyms : 0;
	program.starts = xcalloc(program.part_count + 1, sizeof(*program.starts));
	program.sizes = xcalloc(program.part_count + 1, sizeof(*program.sizes));
	parts = (struct bpf_prog_info){
		.nr_jited_ksyms = program.part_count,
		.jited_ksyms = (uint64_t)(uintptr_t)program.starts,
		.nr_jited_func_lens = program.part_count,
		.jited_func_lens = (uint64_t)(uintptr_t)program.sizes,
	};
	if (info.nr_func_info && info.nr_func_info == program.part_count) {
		program.functions = xcalloc(program.part_count, sizeof(*program.functions));
		parts.nr_func_info = program.part_count;
		parts.func_info_rec_size = sizeof(*program.functions);
		parts.func_info = (uint64_t)(uintptr_t)program.functions;
	}
	size = sizeof(parts);
	if (bpf_prog_get_info_by_fd(fd, &parts, &size) < 0)
		return false;
	if (program.btf && info.nr_line_info < LINES_MAX && info.nr_jited_line_info < LINES_MAX)
		read_lines(&program, &info);
	*ret_program = TAKE(program, (struct program){.fd = -1});
	return true;
}

const struct program *held_program(struct probe *probe, uint32_t id)
{
	vec_each(program, &probe->programs) {
		if (program->id == id)
			return program;
	}
	return NULL;
}

void hold_programs(struct probe *probe)
{
	uint32_t id = 0;

	while (probe->programs.len < PROGRAMS_MAX && bpf_prog_get_next_id(id, &id) == 0) {
		struct program program;
		int fd = held_program(probe, id) ? -1 : bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && program_read(probe, fd, &program))
			programs_push(&probe->programs, program);
	}
}

const char *program_name(const struct program *program, uint32_t part)
{
	const struct btf_type *type = NULL;

	if (program->functions && program->btf && part < program->part_count)
		type = btf__type_by_id(program->btf, program->functions[part].type_id);
	return type && btf_is_func(type) ? btf__name_by_offset(program->btf, type->name_off) : program->name;
}

/* "main.bpf.c:123" of a line of its BTF */
static void put_line_number(const struct program *program, const struct bpf_line_info *line, struct buf *out)
{
	const char *path = line ? btf__name_by_offset(program->btf, line->file_name_off) : NULL;
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (path && *path)
		buf_printf(out, "%s:%u", slash ? slash + 1 : path, BPF_LINE_INFO_LINE_NUM(line->line_col));
}

char *program_source(const struct program *program)
{
	AUTO(buf_done) struct buf text = {0};

	if (program->lines)
		put_line_number(program, bpf_prog_linfo__lfind(program->lines, 0, 0), &text);
	return text.len ? buf_take(&text) : NULL;
}

bool name_program_address(const struct probe *probe, uint64_t address, struct buf *out)
{
	vec_each(program, &probe->programs) {
		for (uint32_t i = 0; i < program->part_count; i++) {
			uint64_t offset = address - program->starts[i];
			AUTO(buf_done) struct buf line = {0};

			if (offset >= program->sizes[i])
				continue;
			buf_printf(out, "bpf_prog_%s_%s+0x%llx", program->tag, program_name(program, i),
				   (unsigned long long)offset);
			/* a return address: the call is the instruction before it */
			if (program->lines)
				put_line_number(program,
						bpf_prog_linfo__lfind_addr_func(program->lines, address - 1, i, 0),
						&line);
			if (line.len)
				buf_printf(out, " (%s)", buf_text(&line));
			return true;
		}
	}
	return false;
}
