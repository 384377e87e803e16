/* SPDX-License-Identifier: BSD-2-Clause */
/* programs.c - the scheduler's BPF programs: found while it runs, and asked when it has gone. */
#include <unistd.h>

#include "probe.h"

#define SUBPROGRAMS_MAX 64

void hold_programs(struct probe *probe)
{
	uint32_t id = 0;

	while (probe->held_count < HELD_MAX && bpf_prog_get_next_id(id, &id) == 0) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		AUTO(fd_close) int fd = bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && bpf_prog_get_info_by_fd(fd, &info, &size) == 0 &&
		    info.type == BPF_PROG_TYPE_STRUCT_OPS)
			probe->held[probe->held_count++] = TAKE_FD(fd);
	}
}

static bool name_in_program(int fd, uint64_t address, struct buf *out)
{
	uint64_t starts[SUBPROGRAMS_MAX] = {0};
	uint32_t lens[SUBPROGRAMS_MAX] = {0};
	struct bpf_prog_info info = {
		.jited_ksyms = (uint64_t)(uintptr_t)starts,
		.nr_jited_ksyms = SUBPROGRAMS_MAX,
		.jited_func_lens = (uint64_t)(uintptr_t)lens,
		.nr_jited_func_lens = SUBPROGRAMS_MAX,
	};
	uint32_t size = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &size) < 0)
		return false;
	for (size_t i = 0; i < SUBPROGRAMS_MAX && i < info.nr_jited_ksyms; i++) {
		if (address < starts[i] || address - starts[i] >= lens[i])
			continue;
		buf_str(out, "bpf_prog_");
		for (size_t byte = 0; byte < sizeof(info.tag); byte++)
			buf_printf(out, "%02x", info.tag[byte]);
		buf_printf(out, "_%.*s+0x%llx", (int)sizeof(info.name), info.name,
			   (unsigned long long)(address - starts[i]));
		return true;
	}
	return false;
}

bool name_program_address(const struct probe *probe, uint64_t address, struct buf *out)
{
	for (size_t i = 0; i < probe->held_count; i++) {
		if (name_in_program(probe->held[i], address, out))
			return true;
	}
	return false;
}
