/* SPDX-License-Identifier: BSD-2-Clause */
#include "dump/dump.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "dump/walk.h"
#include "symbols/btf_image.h"
#include "symbols/kallsyms.h"

#define VALUES_MAX 200000              /* of all maps together */
#define READS_MAX (1u << 20)           /* a machine with 100 tasks takes some 10,000 */
#define SYMBOL_MAX 160

DEFINE_AUTO(struct btf *, btf__free)
DEFINE_AUTO(json_t *, json_decref)

static const char *const symbol_names[] = {
	[DUMP_RUNQUEUES] = "runqueues",
	[DUMP_PER_CPU_OFFSET] = "__per_cpu_offset",
	[DUMP_INIT_TASK] = "init_task",
	[DUMP_MAP_IDR] = "map_idr",
	[DUMP_SCX_ROOT] = "scx_root",
	[DUMP_NR_NODE_IDS] = "nr_node_ids",
	[DUMP_CLASS_STOP] = "stop_sched_class",
	[DUMP_CLASS_DL] = "dl_sched_class",
	[DUMP_CLASS_RT] = "rt_sched_class",
	[DUMP_CLASS_FAIR] = "fair_sched_class",
	[DUMP_CLASS_EXT] = "ext_sched_class",
	[DUMP_CLASS_IDLE] = "idle_sched_class",
};
static_assert(sizeof(symbol_names) / sizeof(symbol_names[0]) == DUMP_SYMBOL_COUNT, "all of them");

/* --- the kernel ----------------------------------------------------------------------------------- */

struct near {
	uint64_t address;
	char name[SYMBOL_MAX];
};

struct search {
	uint64_t *symbol;
	const struct dump_cpus *cpus;
	struct near *near;             /* of each CPU's instruction pointer */
};

/* In the order of addresses, so the last one that is not behind an instruction is its function. */
static bool look_at(void *arg, const char *name, uint64_t address)
{
	struct search *search = arg;

	for (size_t i = 0; i < DUMP_SYMBOL_COUNT; i++)
		if (strcmp(name, symbol_names[i]) == 0)
			search->symbol[i] = address;
	for (size_t i = 0; i < search->cpus->len; i++) {
		struct near *near = &search->near[i];

		if (address > search->cpus->at[i].rip || address < near->address)
			continue;
		near->address = address;
		snprintf(near->name, sizeof(near->name), "%s", name);
	}
	return true;
}

/* A user's instruction is far from all symbols. */
static void name_instructions(const struct dump_cpus *cpus, const struct near *near)
{
	for (size_t i = 0; i < cpus->len; i++) {
		uint64_t rip = cpus->at[i].rip;
		AUTO(free) char *text = NULL;

		if ((int64_t)rip >= 0)
			text = xstrdup("user");
		else if (near[i].address)
			text = xasprintf("%s+0x%llx", near[i].name,
					 (unsigned long long)(rip - near[i].address));
		if (text)
			json_object_set_new(cpus->at[i].registers, "at", json_string(text));
	}
}

static int load_kernel(const struct kernel *kernel, const struct dump_cpus *cpus, struct dump_guest *guest,
		       struct btf **ret_btf, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf vmlinux = {.max = VMLINUX_BYTES_MAX};
	AUTO(buf_done) struct buf bytes = {0};
	AUTO(free) struct near *near = xcalloc(cpus->len + 1, sizeof(*near));
	struct search search = {.symbol = guest->symbol, .cpus = cpus, .near = near};
	struct kallsyms kallsyms;
	int r = kernel->vmlinux ? file_read(AT_FDCWD, kernel->vmlinux, VMLINUX_BYTES_MAX, &vmlinux, err)
				: vmlinux_from_image(kernel->image, &vmlinux, err);

	if (r == 0)
		r = btf_from_vmlinux(&vmlinux, &bytes, err);
	if (r == 0)
		r = kallsyms_find(&vmlinux, &kallsyms, err);
	if (r == 0)
		r = kallsyms_each(&kallsyms, look_at, &search, err);
	if (r < 0)
		return r;
	name_instructions(cpus, near);
	*ret_btf = btf__new(bytes.data, (uint32_t)bytes.len);
	return *ret_btf ? 0 : error_set(err, -EBADMSG, "its type information is damaged");
}

/* --- the document --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void problem(json_t *dump, const char *fmt, ...)
{
	AUTO(buf_done) struct buf text = {0};
	AUTO(free) char *clean = NULL;
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	clean = text_clean(sv_bytes(buf_text(&text), text.len), text.len + 4);
	json_array_append_new(json_object_get(dump, "problems"), json_string(clean));
}

static json_t *skeleton(const struct dump_config *config)
{
	json_t *dump = json_object();

	json_object_set_new(dump, "schema", json_string("single"));
	json_object_set_new(dump, "is_placeholder", json_true());
	json_object_set_new(dump, "test", json_text_of(config->test));
	json_object_set_new(dump, "reason", json_text_of(config->reason));
	json_object_set_new(dump, "kernel", json_text_of(config->kernel->release ?: "?"));
	json_object_set_new(dump, "guest_ns", json_number_of(config->guest_ns));
	json_object_set_new(dump, "problems", json_array());
	json_object_set_new(dump, "vcpu_regs", json_array());
	json_object_set_new(dump, "scheduler", json_null());
	json_object_set_new(dump, "runqueues", json_array());
	json_object_set_new(dump, "tasks", json_array());
	json_object_set_new(dump, "dsqs", json_array());
	json_object_set_new(dump, "maps", json_array());
	return dump;
}

/* The kernel's half is the same in every process's page tables: one that has it will do. */
static bool find_tables(struct dump_guest *guest, const struct dump_cpus *cpus)
{
	vec_each(cpu, cpus) {
		uint64_t word;

		guest->memory.root = cpu->cr3;
		guest->memory.five_levels = cpu->cr4 & 1u << 12;
		if (cpu->cr3 && guest_u64(guest, guest->symbol[DUMP_INIT_TASK], &word))
			return true;
	}
	return false;
}

static void put_walks(struct dump_guest *guest, json_t *dump)
{
	json_t *dsqs;

	json_object_set_new(dump, "scheduler", dump_scheduler(guest, &dsqs));
	json_object_set_new(dump, "dsqs", dsqs);
	json_object_set_new(dump, "runqueues", dump_runqueues(guest));
	json_object_set_new(dump, "tasks", dump_tasks(guest));
	json_object_set_new(dump, "maps", dump_maps(guest));
	if (!guest->budget.values)
		problem(dump, "maps have more than %d values; the rest is left out", VALUES_MAX);
	if (!guest->memory.reads_left)
		problem(dump, "its lists have no end; what %u reads gave is here", READS_MAX);
	json_object_set_new(dump, "is_placeholder", json_false());
}

static void put_memory(const struct dump_config *config, const struct dump_cpus *cpus, json_t *dump)
{
	AUTO(dump_pieces_done) struct dump_pieces pieces = {0};
	AUTO(btf__free) struct btf *btf = NULL;
	AUTO(free) struct dump_fields *fields = types_fields_new();
	struct dump_process process = {.pid = config->qemu, .pieces = &pieces};
	AUTO(free) struct dump_guest *guest = xcalloc(1, sizeof(*guest));
	struct ktstr_error err = {0};
	uint64_t began = clock_ns();

	guest->memory.read = dump_process_read;
	guest->memory.arg = &process;
	guest->memory.reads_left = READS_MAX;
	guest->cpu_count = (uint32_t)cpus->len;
	guest->budget.values = VALUES_MAX;
	guest->fields = fields;
	if (dump_pieces_parse(config->ramblocks, &pieces, &err) < 0 ||
	    load_kernel(config->kernel, cpus, guest, &btf, &err) < 0) {
		problem(dump, "%s", err.msg);
		return;
	}
	guest->btf = btf;
	for (size_t i = 0; i < DUMP_SYMBOL_COUNT; i++)
		if (!guest->symbol[i])
			problem(dump, "this kernel has no symbol %s", symbol_names[i]);
	log_debug("dump: symbols and types in %.1f ms", (double)(clock_ns() - began) / NS_PER_MS);
	if (find_tables(guest, cpus))
		put_walks(guest, dump);
	else
		problem(dump, "no CPU's page tables have the kernel: is it nokaslr, and has it booted?");
}

json_t *dump_take(const struct dump_config *config)
{
	AUTO(dump_cpus_done) struct dump_cpus cpus = {0};
	json_t *dump = skeleton(config);

	dump_registers_parse(config->registers, &cpus);
	put_memory(config, &cpus, dump);
	for (size_t i = 0; i < cpus.len; i++) {
		json_object_set_new(cpus.at[i].registers, "cpu", json_integer((json_int_t)i));
		json_array_append(json_object_get(dump, "vcpu_regs"), cpus.at[i].registers);
	}
	return dump;
}
