/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registers.c - QEMU prints, for each CPU,
 *
 *	CPU#0
 *	RAX=0000000000000000 RBX=... R8 =... CR0=80050033 CR2=... CR3=... CR4=... II=0 HLT=1
 *
 * and segments as "CS =0010 base limit flags", of which the selector is kept.
 */
#include <string.h>

#include "dump/dump.h"

#define REGISTERS_MAX 128

void dump_cpu_done(struct dump_cpu *cpu)
{
	json_decref(cpu->registers);
}

static bool is_kept(struct sv name)
{
	static const char *const kept[] = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8",
					   "R9", "R10", "R11", "R12", "R13", "R14", "R15", "RIP", "RFL",
					   "CR0", "CR2", "CR3", "CR4", "CPL", "HLT", "CS", "SS", "FS", "GS"};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (sv_eq(name, kept[i]))
			return true;
	return false;
}

static void take_register(struct dump_cpu *cpu, struct sv name, uint64_t value)
{
	AUTO(free) char *key = xstrndup(name.data, name.len);
	AUTO(free) char *text = xasprintf("0x%llx", (unsigned long long)value);

	for (char *c = key; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	json_object_set_new(cpu->registers, key, json_string(text));
	if (sv_eq(name, "RIP"))
		cpu->rip = value;
	else if (sv_eq(name, "CR3"))
		cpu->cr3 = value;
	else if (sv_eq(name, "CR4"))
		cpu->cr4 = value;
}

static bool is_word(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void take_line(struct dump_cpu *cpu, struct sv line)
{
	size_t at = 0;

	while (at < line.len) {
		size_t begin = at, end, number;
		uint64_t value;

		while (at < line.len && is_word(line.data[at]))
			at++;
		end = at;
		while (at < line.len && line.data[at] == ' ')
			at++;
		if (end == begin || at == line.len || line.data[at] != '=') {
			at = at > begin ? at : begin + 1;
			continue;
		}
		number = ++at;
		while (at < line.len && is_hex(line.data[at]))
			at++;
		if (is_kept(sv_bytes(line.data + begin, end - begin)) &&
		    sv_hex64(sv_bytes(line.data + number, at - number), &value) == 0)
			take_register(cpu, sv_bytes(line.data + begin, end - begin), value);
	}
}

void dump_registers_parse(struct sv text, struct dump_cpus *ret_cpus)
{
	struct dump_cpu *cpu = NULL;
	struct sv line;

	while (sv_line(&text, &line)) {
		line = sv_trim(line);
		if (sv_starts(line, "CPU#")) {
			if (ret_cpus->len == DUMP_CPUS_MAX)
				return;
			cpu = dump_cpus_push(ret_cpus, (struct dump_cpu){.registers = json_object()});
		} else if (cpu && json_object_size(cpu->registers) < REGISTERS_MAX) {
			take_line(cpu, line);
		}
	}
}
