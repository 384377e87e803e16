/* SPDX-License-Identifier: BSD-2-Clause */
/* plan.c - where to look in a guest's kernel: addresses from its symbol table, offsets from its
 * BTF. */
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/btf_image.h"
#include "symbols/kallsyms.h"
#include "trace/fields.h"
#include "trace/trace.h"

DEFINE_AUTO(struct btf *, btf__free)

/* --- fields -------------------------------------------------------------------------------------
 */

static const struct field {
	enum trace_offset offset;
	const char *type;
	const char *path[2]; /* names a kernel may have for it: dots go into members */
} fields[] = {
	{TRACE_RQ_CURR, "rq", {"curr"}},
	{TRACE_RQ_CPU, "rq", {"cpu"}},
	{TRACE_RQ_NR_RUNNING, "rq", {"nr_running"}},
	{TRACE_RQ_NR_SWITCHES, "rq", {"nr_switches"}},
	{TRACE_RQ_CLOCK, "rq", {"clock"}},
	{TRACE_TASK_PID, "task_struct", {"pid"}},
	{TRACE_TASK_TGID, "task_struct", {"tgid"}},
	{TRACE_TASK_COMM, "task_struct", {"comm"}},
	{TRACE_TASK_STATE, "task_struct", {"__state"}},
	{TRACE_TASK_CPU, "task_struct", {"thread_info.cpu"}},
	{TRACE_TASK_CGROUPS, "task_struct", {"cgroups"}},
	{TRACE_CSS_SET_CGROUP, "css_set", {"dfl_cgrp"}},
	{TRACE_CGROUP_NODE, "cgroup", {"kn"}},
	{TRACE_NODE_ID, "kernfs_node", {"id"}},
	{TRACE_NODE_NAME, "kernfs_node", {"name"}},
	{TRACE_NODE_PARENT, "kernfs_node", {"__parent", "parent"}}, /* since 6.15, before */
	{TRACE_TK_CLOCK, "timekeeper", {"tkr_mono.clock"}},
	{TRACE_TK_MASK, "timekeeper", {"tkr_mono.mask"}},
	{TRACE_TK_CYCLE_LAST, "timekeeper", {"tkr_mono.cycle_last"}},
	{TRACE_TK_MULT, "timekeeper", {"tkr_mono.mult"}},
	{TRACE_TK_SHIFT, "timekeeper", {"tkr_mono.shift"}},
	{TRACE_TK_XTIME_NSEC, "timekeeper", {"tkr_mono.xtime_nsec"}},
	{TRACE_TK_BASE, "timekeeper", {"tkr_mono.base"}},
	{TRACE_CLOCK_NAME, "clocksource", {"name"}},
};
static_assert(sizeof(fields) / sizeof(fields[0]) == TRACE_OFFSET_COUNT, "all of them");

#define NESTING_MAX 16

static const struct btf_type *skip_names(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (int i = 0; type && i < NESTING_MAX; i++) {
		if (!btf_is_mod(type) && !btf_is_typedef(type))
			return type;
		type = btf__type_by_id(btf, type->type);
	}
	return NULL;
}

/* The bit offset of a member, those of unnamed structs and unions in it included; -1: none. */
static int64_t find_member(const struct btf *btf, const struct btf_type *type, struct sv name,
			   int depth, const struct btf_type **ret_type)
{
	const struct btf_member *members = btf_members(type);

	for (uint16_t i = 0; i < btf_vlen(type); i++) {
		const char *have = btf__name_by_offset(btf, members[i].name_off);
		const struct btf_type *inner = skip_names(btf, members[i].type);
		int64_t at = btf_member_bit_offset(type, i), below;

		if (have && *have && sv_eq(name, have)) {
			*ret_type = inner;
			return at;
		}
		if (!(have && *have) && inner && btf_is_composite(inner) && depth < NESTING_MAX) {
			below = find_member(btf, inner, name, depth + 1, ret_type);
			if (below >= 0)
				return at + below;
		}
	}
	return -1;
}

int64_t fields_find(const struct btf *btf, const char *type_name, const char *path)
{
	int32_t id = btf__find_by_name_kind(btf, type_name, BTF_KIND_STRUCT);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	struct sv rest = sv_of(path);
	int64_t bits = 0;

	while (rest.data) {
		struct sv name = sv_split(&rest, '.');
		int64_t at = type && btf_is_composite(type) ? find_member(btf, type, name, 0, &type)
							    : -1;

		if (at < 0)
			return -1;
		bits += at;
	}
	return bits % 8 ? -1 : bits / 8;
}

static int find_fields(const struct btf *btf, struct trace_plan *plan, struct ktstr_error *err)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *field = &fields[i];
		int64_t at = fields_find(btf, field->type, field->path[0]);

		if (at < 0 && field->path[1])
			at = fields_find(btf, field->type, field->path[1]);
		if (at < 0 || at > UINT32_MAX)
			return error_set(err, -ENODATA, "its struct %s has no %s", field->type,
					 field->path[0]);
		plan->offset[field->offset] = (uint32_t)at;
	}
	return 0;
}

/* --- symbols -------------------------------------------------------------------------------------
 */

/*
 * Class methods and not enqueue_task(), which compilers inline: what is called through a pointer
 * has one entry.
 */
static const struct hook_symbol {
	const char *name;
	enum trace_kind kind;
	bool needed;
} hook_symbols[] = {
	{"__switch_to_asm", TRACE_SWITCH, true},     {"try_to_wake_up", TRACE_WAKE, true},
	{"wake_up_new_task", TRACE_NEW, true},	     {"set_task_cpu", TRACE_MIGRATE, false},
	{"enqueue_task_fair", TRACE_ENQUEUE, true},  {"dequeue_task_fair", TRACE_DEQUEUE, true},
	{"enqueue_task_rt", TRACE_ENQUEUE, false},   {"dequeue_task_rt", TRACE_DEQUEUE, false},
	{"enqueue_task_dl", TRACE_ENQUEUE, false},   {"dequeue_task_dl", TRACE_DEQUEUE, false},
	{"enqueue_task_stop", TRACE_ENQUEUE, false}, {"dequeue_task_stop", TRACE_DEQUEUE, false},
	{"enqueue_task_scx", TRACE_ENQUEUE, false},  {"dequeue_task_scx", TRACE_DEQUEUE, false},
	{"nr_context_switches", TRACE_MARK, false},
};
#define HOOK_SYMBOLS (sizeof(hook_symbols) / sizeof(hook_symbols[0]))
static_assert(HOOK_SYMBOLS <= TRACE_HOOKS_MAX, "a clone each still has room");

struct search {
	struct trace_plan *plan;
	bool found[HOOK_SYMBOLS];
	bool keeper_data; /* timekeeper_data[] of 6.18, else tk_core */
};

/* The function, or a clone of it that a compiler made for some callers: it has the same arguments.
 */
static bool is_function(const char *name, const char *wanted)
{
	size_t len = strlen(wanted);

	return strncmp(name, wanted, len) == 0 &&
	       (name[len] == '\0' || strncmp(name + len, ".constprop.", 11) == 0);
}

static bool look_at(void *arg, const char *name, uint64_t address)
{
	struct search *search = arg;
	struct trace_plan *plan = search->plan;

	if (strcmp(name, "runqueues") == 0)
		plan->runqueues = address;
	if (strcmp(name, "timekeeper_data") == 0 ||
	    (strcmp(name, "tk_core") == 0 && !search->keeper_data)) {
		search->keeper_data = *name == 't' && name[1] == 'i';
		plan->timekeeper_seq = address;
	}
	for (size_t i = 0; i < HOOK_SYMBOLS && plan->hook_count < TRACE_HOOKS_MAX; i++) {
		if (!is_function(name, hook_symbols[i].name))
			continue;
		search->found[i] = true;
		plan->hook[plan->hook_count++] =
			(struct trace_hook){.address = address, .kind = hook_symbols[i].kind};
	}
	return true;
}

/* What is not there: words for what cannot go without it, names for the rest. */
static int check_found(const struct search *search, char **ret_missing, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf missing = {0};

	if (!search->plan->runqueues || !search->plan->timekeeper_seq)
		return error_set(err, -ENODATA,
				 "its symbol table has no data (CONFIG_KALLSYMS_ALL)");
	for (size_t i = 0; i < HOOK_SYMBOLS; i++) {
		if (search->found[i])
			continue;
		if (hook_symbols[i].needed)
			return error_set(err, -ENODATA, "it has no symbol %s",
					 hook_symbols[i].name);
		buf_printf(&missing, "%s%s", missing.len ? ", " : "", hook_symbols[i].name);
	}
	*ret_missing = missing.len ? buf_take(&missing) : NULL;
	return 0;
}

/* Behind the sequence counter, as the compiler aligns what it protects. */
static int find_timekeeper(const struct btf *btf, struct trace_plan *plan)
{
	int64_t at = fields_find(btf, "tk_data", "timekeeper"); /* since 6.13 */

	plan->timekeeper = plan->timekeeper_seq + (uint64_t)(at < 0 ? 8 : at);
	return 0;
}

int trace_plan_make(const struct buf *vmlinux, const struct buf *btf_bytes,
		    struct trace_plan *ret_plan, char **ret_missing, struct ktstr_error *err)
{
	AUTO(btf__free) struct btf *btf = btf__new(btf_bytes->data, (uint32_t)btf_bytes->len);
	struct trace_plan plan = {.magic = TRACE_MAGIC_BYTES};
	struct search search = {.plan = &plan};
	struct kallsyms kallsyms;
	int r;

	if (!btf)
		return error_set(err, -EBADMSG, "its type information is damaged");
	r = find_fields(btf, &plan, err);
	if (r == 0)
		r = kallsyms_find(vmlinux, &kallsyms, err);
	if (r == 0)
		r = kallsyms_each(&kallsyms, look_at, &search, err);
	if (r == 0)
		r = check_found(&search, ret_missing, err);
	if (r == 0)
		r = find_timekeeper(btf, &plan);
	if (r == 0)
		*ret_plan = plan;
	return r;
}

/* --- files
 * ----------------------------------------------------------------------------------------- */

int fields_read_vmlinux(const struct kernel *kernel, struct buf *ret_vmlinux, struct ktstr_error *err)
{
	ret_vmlinux->max = VMLINUX_BYTES_MAX;
	return kernel->vmlinux
		       ? file_read(AT_FDCWD, kernel->vmlinux, VMLINUX_BYTES_MAX, ret_vmlinux, err)
		       : vmlinux_from_image(kernel->image, ret_vmlinux, err);
}

int trace_plan_write(const struct trace_config *config, const char *path, char **ret_missing,
		     struct ktstr_error *err)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};
	struct trace_plan plan;
	int r = fields_read_vmlinux(config->kernel, &vmlinux, err);

	if (r == 0)
		r = btf_from_vmlinux(&vmlinux, &btf, err);
	if (r == 0)
		r = trace_plan_make(&vmlinux, &btf, &plan, ret_missing, err);
	if (r < 0)
		return error_wrap(err, r, "kernel %s cannot be traced", config->kernel->release);
	plan.det = config->det;
	plan.icount_shift = config->icount_shift;
	plan.capacity = TRACE_CAPACITY;
	return file_write_atomic(path, &plan, sizeof(plan), 0644, err);
}

/* As meson lays things out, and as they are installed; KTSTR_LIBDIR is below the prefix. */
int trace_plugin_find(char **ret_path, struct ktstr_error *err)
{
	const char *named = getenv("KTSTR_TRACE_PLUGIN");
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *const places[] = {"../trace/ktstr-trace.so",
				      "../" KTSTR_LIBDIR "/ktstr/ktstr-trace.so"};

	if (named && *named) {
		*ret_path = xstrdup(named);
		return 0;
	}
	if (len <= 0)
		return error_sys(err, "readlink /proc/self/exe");
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		AUTO(free) char *path = xasprintf("%s/%s", self, places[i]);

		if (access(path, R_OK) == 0) {
			*ret_path = TAKE_PTR(path);
			return 0;
		}
	}
	return error_set(err, -ENOENT,
			 "no ktstr-trace.so in %s/%s or %s; KTSTR_TRACE_PLUGIN names one", self,
			 places[0], places[1]);
}
