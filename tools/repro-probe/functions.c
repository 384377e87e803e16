/* SPDX-License-Identifier: BSD-2-Clause */
/* functions.c - the kernel's functions: those that end a scheduler, those asked for, and where each is. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"

#define KALLSYMS_LINE 512

/*
 * What ends a scheduler, and where it says the kind: the names changed over the versions
 * (kernel/sched/ext.c: scx_ops_exit_kind() of 6.12, scx_exit() and scx_vexit() later).
 * bpf_scx_unreg() is a closed link: its program died, or detached it.
 */
static const struct ending {
	const char *function;
	uint8_t kind;
} endings[] = {
	{"scx_exit", 1}, {"scx_vexit", 1}, {"scx_ops_exit_kind", 0}, {"bpf_scx_unreg", REPRO_NO_ARG},
};

struct function *new_function(struct probe *probe, const char *name)
{
	struct function *function;

	if (probe->len == REPRO_FUNCTIONS_MAX)
		return NULL;
	function = &probe->functions[probe->len++];
	*function = (struct function){
		.name = xstrdup(name),
		.about = {.task = REPRO_NO_ARG, .queue = REPRO_NO_ARG, .kind = REPRO_NO_ARG},
		.link_fd = {-1, -1},
	};
	return function;
}

void add_function(struct probe *probe, const char *name)
{
	for (size_t i = 0; i < probe->len; i++) {
		if (strcmp(probe->functions[i].name, name) == 0)
			return;
	}
	(void)new_function(probe, name);        /* of more than there is room for the first are probed */
}

void add_endings(struct probe *probe)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct function *function = new_function(probe, endings[i].function);

		assert(function);        /* they are the first */
		function->about.kind = endings[i].kind;
		function->about.trigger = 1;
	}
}

/* One line of /proc/kallsyms: "ffffffff81000000 t name [module]". */
static bool kallsyms_line(char *line, uint64_t *ret_address, const char **ret_name)
{
	char *space = strchr(line, ' ');

	if (!space || sv_hex64(sv_bytes(line, (size_t)(space - line)), ret_address) < 0 ||
	    strlen(space) < 4)
		return false;
	*ret_name = space + 3;
	space[3 + strcspn(space + 3, "\t\n ")] = '\0';
	return true;
}

static void keep_symbol(struct probe *probe, uint64_t address, const char *name)
{
	if (probe->symbols.len && address < probe->symbols.at[probe->symbols.len - 1].address)
		return;        /* per-CPU offsets and modules are no text of the kernel */
	if (strcmp(name, "_etext") == 0)
		probe->text_end = address;
	if (probe->text_end)
		return;
	symbols_push(&probe->symbols, (struct symbol){.address = address, .name = (uint32_t)probe->names.len});
	buf_bytes(&probe->names, name, strlen(name) + 1);
}

/*
 * Once, before the scheduler starts: making up that file takes the kernel seconds of guest time in
 * det, and when the scheduler has ended there are few.
 */
static int find_symbols(struct probe *probe, struct ktstr_error *err)
{
	FILE *kallsyms = fopen("/proc/kallsyms", "re");
	char line[KALLSYMS_LINE];
	const char *name;
	uint64_t address;

	if (!kallsyms)
		return error_sys(err, "/proc/kallsyms");
	while (fgets(line, sizeof(line), kallsyms)) {
		if (!kallsyms_line(line, &address, &name))
			continue;
		keep_symbol(probe, address, name);
		for (size_t i = 0; i < probe->len; i++)
			if (strcmp(probe->functions[i].name, name) == 0)
				probe->functions[i].in_kallsyms = true;
	}
	(void)fclose(kallsyms);
	return 0;
}

const char *name_at(const struct probe *probe, uint32_t offset)
{
	return btf__name_by_offset(probe->btf, offset) ?: "";
}

const char *pointee(const struct probe *probe, uint32_t type)
{
	int id = btf__resolve_type(probe->btf, type);
	const struct btf_type *at = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

	if (!at || !btf_is_ptr(at))
		return "";
	id = btf__resolve_type(probe->btf, at->type);
	at = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);
	return at && btf_is_composite(at) ? name_at(probe, at->name_off) : "";
}

size_t arg_count(const struct function *function)
{
	size_t len = function->type ? btf_vlen(function->type) : 0;

	return len < REPRO_ARGS ? len : REPRO_ARGS;
}

char *arg_name(const struct probe *probe, const struct function *function, size_t index)
{
	const struct btf_type *type = function->named ?: function->type;
	const char *name = index < btf_vlen(type) ? name_at(probe, btf_params(type)[index].name_off) : "";
	const char *remark = function->named ? strstr(name, "__") : NULL;        /* "prev__nullable" */

	return *name ? xstrndup(name, remark ? (size_t)(remark - name) : strlen(name))
		     : xasprintf("arg%zu", index);
}

void look_up_args(struct probe *probe, struct function *function)
{
	for (size_t i = arg_count(function); i-- > 0;) {
		const char *to = pointee(probe, btf_params(function->type)[i].type);

		if (strcmp(to, "task_struct") == 0)
			function->about.task = (uint8_t)i;
		if (strcmp(to, "scx_dispatch_q") == 0)
			function->about.queue = (uint8_t)i;
	}
	choose_fields(probe, function);
}

static void look_up_prototype(struct probe *probe, struct function *function)
{
	int id = btf__find_by_name_kind(probe->btf, function->name, BTF_KIND_FUNC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(probe->btf, (uint32_t)id);

	function->type = type ? btf__type_by_id(probe->btf, type->type) : NULL;
	look_up_args(probe, function);
}

int find_functions(struct probe *probe, struct ktstr_error *err)
{
	int r;

	probe->btf = btf__load_vmlinux_btf();
	if (!probe->btf)
		return error_sys(err, "/sys/kernel/btf/vmlinux");
	r = find_symbols(probe, err);
	for (size_t i = 0; r == 0 && i < probe->len; i++)
		look_up_prototype(probe, &probe->functions[i]);
	return r;
}

void name_kernel_address(const struct probe *probe, uint64_t address, struct buf *out)
{
	size_t low = 0, high = probe->symbols.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (probe->symbols.at[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address >= probe->text_end)
		buf_printf(out, "0x%llx (a trampoline, or a module)", (unsigned long long)address);
	else
		buf_printf(out, "%s+0x%llx", probe->names.data + probe->symbols.at[low - 1].name,
			   (unsigned long long)(address - probe->symbols.at[low - 1].address));
}
