/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plugin.c - hooks the guest kernel's scheduler. QEMU loads it with
 * `-plugin FILE,plan=PLAN,out=RECORDS` or `,halt=...` (halt.c).
 *
 * Which vCPU runs is asked of the guest (its gs_base leads to its run queue): with vCPUs that take
 * turns QEMU 10.0 hands callbacks the number of the vCPU that the block was translated on, and its
 * inline counters use that number too, and corrupt a constant of the guest's code with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trace/plugin/plugin.h"

PLUGIN_EXPORT extern int qemu_plugin_version;
PLUGIN_EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

int qemu_plugin_version = 4;

struct trace_plan plan;

#define CPUS_MAX 1024

/* The task that has gone to sleep on a CPU, between its dequeue and the switch away from it. */
static struct {
	uint64_t task;
	uint32_t state;
} sleeper[CPUS_MAX];

static uint64_t task_field(uint64_t task, enum trace_offset field)
{
	return task + plan.offset[field];
}

/* --- cgroups: ids whose names the file has already
 * --------------------------------------------------- */

#define CGROUPS_MAX 4096 /* a power of two */
#define PATH_DEPTH_MAX 8

static uint64_t named[CGROUPS_MAX];

static bool remember(uint64_t id)
{
	for (unsigned i = 0; i < CGROUPS_MAX; i++) {
		uint64_t *slot = &named[(id + i) % CGROUPS_MAX];

		if (*slot == id)
			return false;
		if (*slot == 0) {
			*slot = id;
			return true;
		}
	}
	return false; /* full: later ones are known by their id alone */
}

/* "/ktstr/cg_0", from the leaf up; what does not fit is cut in front. */
static void put_path(uint64_t node, char name[TRACE_CGROUP_NAME_MAX])
{
	size_t begin = TRACE_CGROUP_NAME_MAX - 1;
	char path[TRACE_CGROUP_NAME_MAX] = {0};

	for (int depth = 0; node && depth < PATH_DEPTH_MAX && begin > 0; depth++) {
		char part[TRACE_CGROUP_NAME_MAX] = {0};
		size_t len;

		guest_bytes(guest_u64(node + plan.offset[TRACE_NODE_NAME]), part, sizeof(part) - 1);
		len = strlen(part);
		node = guest_u64(node + plan.offset[TRACE_NODE_PARENT]);
		if (!node && depth)
			break; /* the root has no name */
		len = len < begin ? len : begin - 1;
		begin -= len;
		memcpy(path + begin, part, len);
		path[--begin] = '/';
	}
	memcpy(name, path + begin, TRACE_CGROUP_NAME_MAX - begin);
}

static uint64_t cgroup_of(uint64_t task)
{
	uint64_t set = guest_u64(task_field(task, TRACE_TASK_CGROUPS));
	uint64_t cgroup = set ? guest_u64(set + plan.offset[TRACE_CSS_SET_CGROUP]) : 0;
	uint64_t node = cgroup ? guest_u64(cgroup + plan.offset[TRACE_CGROUP_NODE]) : 0;
	uint64_t id = node ? guest_u64(node + plan.offset[TRACE_NODE_ID]) : 0;
	struct trace_cgroup *record;

	if (!id || !remember(id))
		return id;
	record = (struct trace_cgroup *)output_next();
	if (record) {
		record->kind = TRACE_CGROUP;
		record->id = id;
		put_path(node, record->name);
		output_commit();
	}
	return id;
}

/* --- one event
 * ------------------------------------------------------------------------------------------ */

struct event {
	enum trace_kind kind;
	uint64_t task, other; /* task_struct; 0: none */
	uint64_t rq;	      /* of the record's target */
	uint64_t own_rq;      /* of the CPU that runs this */
	uint32_t arg, state;
};

static void write_event(const struct event *event, uint64_t time_ns)
{
	uint64_t cgroup = event->task ? cgroup_of(event->task) : 0;
	uint64_t other_cgroup = event->other ? cgroup_of(event->other) : 0;
	struct trace_record *record = output_next();

	if (!record)
		return;
	record->time_ns = time_ns;
	record->kind = (uint16_t)event->kind;
	record->arg = event->arg;
	record->state = event->state;
	record->cgroup = cgroup;
	record->other_cgroup = other_cgroup;
	record->clock_ns = guest_u64(event->rq + plan.offset[TRACE_RQ_CLOCK]);
	record->nr_running = guest_u32(event->rq + plan.offset[TRACE_RQ_NR_RUNNING]);
	record->target = (uint16_t)guest_u32(event->rq + plan.offset[TRACE_RQ_CPU]);
	record->nr_switches = guest_u64(event->own_rq + plan.offset[TRACE_RQ_NR_SWITCHES]);
	record->cpu = (uint16_t)guest_u32(event->own_rq + plan.offset[TRACE_RQ_CPU]);
	if (event->task) {
		record->pid = guest_u32(task_field(event->task, TRACE_TASK_PID));
		record->tgid = guest_u32(task_field(event->task, TRACE_TASK_TGID));
		guest_bytes(task_field(event->task, TRACE_TASK_COMM), record->comm, TRACE_COMM_MAX);
	}
	if (event->other) {
		record->other_pid = guest_u32(task_field(event->other, TRACE_TASK_PID));
		record->other_tgid = guest_u32(task_field(event->other, TRACE_TASK_TGID));
		guest_bytes(task_field(event->other, TRACE_TASK_COMM), record->other_comm,
			    TRACE_COMM_MAX);
	}
	if (event->kind == TRACE_MIGRATE)
		record->target = (uint16_t)guest_register(GUEST_RSI);
	if (event->kind == TRACE_WAKE || event->kind == TRACE_NEW)
		record->target = (uint16_t)guest_u32(task_field(event->task, TRACE_TASK_CPU));
	output_commit();
}

static uint32_t state_of(uint64_t task)
{
	return guest_u32(task_field(task, TRACE_TASK_STATE));
}

/* What the arguments of the hooked function are (System V ABI). False: nothing to record. */
static bool read_event(struct event *event)
{
	uint64_t first = guest_register(GUEST_RDI), second = guest_register(GUEST_RSI);
	unsigned cpu;

	event->own_rq = plan.runqueues + guest_register(GUEST_GS_BASE);
	event->rq = event->own_rq;
	event->other = guest_u64(event->own_rq + plan.offset[TRACE_RQ_CURR]);
	switch (event->kind) {
	case TRACE_SWITCH:
		event->task = first;
		event->other = second;
		event->arg = state_of(first);
		cpu = guest_u32(event->own_rq + plan.offset[TRACE_RQ_CPU]) % CPUS_MAX;
		if (sleeper[cpu].task == first)
			event->state = sleeper[cpu].state;
		sleeper[cpu].task = 0;
		return true;
	case TRACE_WAKE:
		event->arg = (uint32_t)second;
		/* fallthrough */
	case TRACE_NEW:
		event->task = first;
		event->state = state_of(first);
		return true;
	case TRACE_ENQUEUE:
	case TRACE_DEQUEUE:
		event->rq = first;
		event->task = second;
		event->arg = (uint32_t)guest_register(GUEST_RDX);
		event->state = state_of(second);
		cpu = guest_u32(first + plan.offset[TRACE_RQ_CPU]) % CPUS_MAX;
		if (event->kind == TRACE_DEQUEUE && event->arg & TRACE_FLAG_SLEEP &&
		    guest_u64(first + plan.offset[TRACE_RQ_CURR]) == second) {
			sleeper[cpu].task = second;
			sleeper[cpu].state = event->state;
		}
		return true;
	case TRACE_MIGRATE:
		event->task = first;
		event->state = state_of(first);
		event->arg = guest_u32(task_field(first, TRACE_TASK_CPU));
		return event->arg != (uint32_t)second;
	case TRACE_MARK:
		return true;
	case TRACE_CGROUP:
	case TRACE_KIND_COUNT:
		break;
	}
	return false;
}

/* What a callback is told: kind above, instructions left in the block below. */
#define LEFT_BITS 16

static void on_hook(unsigned vcpu, void *arg)
{
	uintptr_t word = (uintptr_t)arg;
	struct event event = {.kind = (enum trace_kind)(word >> LEFT_BITS)};
	uint64_t time_ns;

	(void)vcpu;
	output_lock();
	if (!time_now(word & ((1u << LEFT_BITS) - 1), &time_ns))
		output_count_untimed();
	else if (read_event(&event))
		write_event(&event, time_ns);
	output_unlock();
}

static void on_translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (plan.hook_count)
		time_hook(tb);
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		halt_hook(insn, address);
		for (uint32_t hook = 0; hook < plan.hook_count; hook++) {
			uintptr_t word = (uintptr_t)plan.hook[hook].kind << LEFT_BITS | (count - i);

			if (plan.hook[hook].address == address)
				qemu_plugin_register_vcpu_insn_exec_cb(
					insn, on_hook, QEMU_PLUGIN_READS_REGISTERS, (void *)word);
		}
	}
}

static void on_vcpu(uint64_t id, unsigned vcpu)
{
	(void)id;
	if (vcpu == 0)
		guest_find_registers();
}

/* --- the start
 * -------------------------------------------------------------------------------------------- */

static int complain(const char *what, int code)
{
	fprintf(stderr, "ktstr-trace: %s: %s\n", what, strerror(-code));
	return -1;
}

static int read_plan(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, &plan, sizeof(plan));

	if (size < 0)
		return -errno;
	close(fd);
	return size == sizeof(plan) && memcmp(plan.magic, TRACE_MAGIC, sizeof(plan.magic)) == 0 &&
			       plan.hook_count <= TRACE_HOOKS_MAX && plan.capacity
		       ? 0
		       : -EBADMSG;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	const char *plan_path = NULL, *out_path = NULL;
	bool halts = false;
	int r = 0;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "plan=", 5) == 0)
			plan_path = argv[i] + 5;
		if (strncmp(argv[i], "out=", 4) == 0)
			out_path = argv[i] + 4;
		if (strncmp(argv[i], "halt=", 5) == 0)
			halts = halt_option(argv[i]);
	}
	if (!plan_path != !out_path || (!plan_path && !halts))
		return complain("plan= and out=, or halt= are wanted", -EINVAL);
	if (plan_path)
		r = read_plan(plan_path);
	if (r < 0)
		return complain(plan_path, r);
	if (out_path)
		r = output_open(out_path);
	if (r < 0)
		return complain(out_path, r);
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
