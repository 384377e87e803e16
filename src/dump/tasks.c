/* SPDX-License-Identifier: BSD-2-Clause */
/* tasks.c - run queues and tasks. */
#include <string.h>

#include "dump/walk.h"

#define TEXT_MAX 128
#define CGROUP_DEPTH 16
#define THREADS_MAX 4096

uint64_t guest_per_cpu(struct dump_guest *guest, uint32_t cpu, uint64_t address)
{
	uint64_t base;

	if (!address || !guest_u64(guest, guest->symbol[DUMP_PER_CPU_OFFSET] + 8ull * cpu, &base))
		return 0;
	return base + address;
}

/* --- run queues ----------------------------------------------------------------------------------- */

static json_t *current_of(struct dump_guest *guest, uint64_t rq)
{
	char comm[TEXT_MAX];
	uint64_t task, pid;

	if (!guest_field(guest, rq, "rq", "curr", &task) ||
	    !guest_field(guest, task, "task_struct", "pid", &pid))
		return json_string("unreadable");
	(void)guest_field_text(guest, task, "task_struct", "comm", comm, sizeof(comm));
	return json_pack("{s:o, s:o}", "pid", json_number_of(pid), "comm", json_text_of(comm));
}

static json_t *runqueue(struct dump_guest *guest, uint32_t cpu)
{
	uint64_t rq = guest_per_cpu(guest, cpu, guest->symbol[DUMP_RUNQUEUES]), said;
	json_t *all = json_object();
	uint32_t at;

	json_object_set_new(all, "cpu", json_integer(cpu));
	if (!guest_field(guest, rq, "rq", "cpu", &said) || said != cpu) {
		json_object_set_new(all, "trouble", json_string("unreadable"));
		return all;
	}
	put_field(guest, all, "nr_running", rq, "rq", "nr_running");
	json_object_set_new(all, "curr", current_of(guest, rq));
	put_field(guest, all, "clock_ns", rq, "rq", "clock");
	put_field(guest, all, "nr_switches", rq, "rq", "nr_switches");
	put_field(guest, all, "cfs_nr_queued", rq, "rq", "cfs.h_nr_queued");
	put_field(guest, all, "rt_nr_running", rq, "rq", "rt.rt_nr_running");
	put_field(guest, all, "scx_nr_running", rq, "rq", "scx.nr_running");
	put_field(guest, all, "scx_flags", rq, "rq", "scx.flags");
	put_field(guest, all, "scx_local_dsq_depth", rq, "rq", "scx.local_dsq.nr");
	if (guest_offset(guest, "rq", "scx.local_dsq", &at))
		json_object_set_new(all, "scx_local_dsq", dsq_tasks(guest, rq + at));
	return all;
}

json_t *dump_runqueues(struct dump_guest *guest)
{
	json_t *all = json_array();

	for (uint32_t cpu = 0; cpu < guest->cpu_count && guest->symbol[DUMP_RUNQUEUES]; cpu++)
		json_array_append_new(all, runqueue(guest, cpu));
	return all;
}

/* --- tasks ---------------------------------------------------------------------------------------- */

static const char *class_of(struct dump_guest *guest, uint64_t task)
{
	static const char *const words[] = {"stop", "dl", "rt", "fair", "ext", "idle"};
	uint64_t class;

	if (!guest_field(guest, task, "task_struct", "sched_class", &class))
		return "unreadable";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (class && class == guest->symbol[DUMP_CLASS_STOP + i])
			return words[i];
	return "unknown";
}

/* include/linux/sched.h: the bits of task_report; with none of them it is runnable. */
static const char *state_of(uint64_t state, uint64_t exit_state)
{
	static const struct {
		uint64_t bit;
		const char *word;
	} words[] = {{0x1, "sleeping"}, {0x402, "idle"}, {0x2, "waiting"}, {0x4, "stopped"},
		     {0x8, "traced"},   {0x40, "parked"}, {0x80, "dead"}, {0x800, "new"}, {0x8000, "frozen"}};

	if (exit_state)
		return exit_state & 0x10 ? "dead" : "zombie";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((state & words[i].bit) == words[i].bit)
			return words[i].word;
	return state == 0 ? "runnable" : "other";
}

/* "/ktstr/cg_0", from its end. */
static json_t *cgroup_of(struct dump_guest *guest, uint64_t task)
{
	AUTO(free) char *path = xstrdup("");
	uint64_t set, cgroup, node, parent;

	if (!guest_field(guest, task, "task_struct", "cgroups", &set) ||
	    !guest_field(guest, set, "css_set", "dfl_cgrp", &cgroup) ||
	    !guest_field(guest, cgroup, "cgroup", "kn", &node))
		return json_string("unreadable");
	for (int depth = 0; depth < CGROUP_DEPTH; depth++) {
		char name[TEXT_MAX] = "";
		uint64_t text;
		char *longer;

		/* the member's name since 6.15, and before */
		if (!guest_field(guest, node, "kernfs_node", "__parent", &parent) &&
		    !guest_field(guest, node, "kernfs_node", "parent", &parent))
			return json_string("unreadable");
		if (!parent)
			break;
		if (!guest_field(guest, node, "kernfs_node", "name", &text) ||
		    !guest_text(guest, text, name, sizeof(name)))
			return json_string("unreadable");
		longer = xasprintf("/%s%s", name, path);
		free(path);
		path = longer;
		node = parent;
	}
	return json_text_of(*path ? path : "/");
}

static json_t *queue_of(struct dump_guest *guest, uint64_t task)
{
	uint64_t dsq, id;

	if (!guest_field(guest, task, "task_struct", "scx.dsq", &dsq) || !dsq)
		return json_null();
	return guest_field(guest, dsq, "scx_dispatch_q", "id", &id) ? json_address_of(id)
								    : json_string("unreadable");
}

static json_t *ext_of(struct dump_guest *guest, uint64_t task)
{
	json_t *all = json_object();

	json_object_set_new(all, "dsq", queue_of(guest, task));
	put_field(guest, all, "dsq_vtime", task, "task_struct", "scx.dsq_vtime");
	put_field(guest, all, "slice_ns", task, "task_struct", "scx.slice");
	put_field(guest, all, "weight", task, "task_struct", "scx.weight");
	put_field(guest, all, "flags", task, "task_struct", "scx.flags");
	put_field(guest, all, "ops_state", task, "task_struct", "scx.ops_state.counter");
	put_field(guest, all, "runnable_at_jiffies", task, "task_struct", "scx.runnable_at");
	put_field(guest, all, "sticky_cpu", task, "task_struct", "scx.sticky_cpu");
	put_field(guest, all, "holding_cpu", task, "task_struct", "scx.holding_cpu");
	return all;
}

static json_t *task_to_json(struct dump_guest *guest, uint64_t task)
{
	json_t *all = json_object();
	char comm[TEXT_MAX];
	uint64_t state, exit_state, on_cpu;

	put_field(guest, all, "pid", task, "task_struct", "pid");
	put_field(guest, all, "tgid", task, "task_struct", "tgid");
	(void)guest_field_text(guest, task, "task_struct", "comm", comm, sizeof(comm));
	json_object_set_new(all, "comm", json_text_of(comm));
	(void)guest_field(guest, task, "task_struct", "exit_state", &exit_state);
	json_object_set_new(all, "state",
			    json_string(guest_field(guest, task, "task_struct", "__state", &state)
						? state_of(state, exit_state)
						: "unreadable"));
	(void)guest_field(guest, task, "task_struct", "on_cpu", &on_cpu);
	json_object_set_new(all, "on_cpu", json_boolean(on_cpu != 0));
	put_field(guest, all, "cpu", task, "task_struct", "thread_info.cpu");
	put_field(guest, all, "on_rq", task, "task_struct", "on_rq");
	json_object_set_new(all, "class", json_string(class_of(guest, task)));
	put_field(guest, all, "policy", task, "task_struct", "policy");
	put_field(guest, all, "prio", task, "task_struct", "prio");
	put_field(guest, all, "nr_cpus_allowed", task, "task_struct", "nr_cpus_allowed");
	put_field(guest, all, "nvcsw", task, "task_struct", "nvcsw");
	put_field(guest, all, "nivcsw", task, "task_struct", "nivcsw");
	put_field(guest, all, "vruntime", task, "task_struct", "se.vruntime");
	put_field(guest, all, "cpu_time_ns", task, "task_struct", "se.sum_exec_runtime");
	put_field(guest, all, "wait_ns", task, "task_struct", "sched_info.run_delay");
	json_object_set_new(all, "cgroup", cgroup_of(guest, task));
	json_object_set_new(all, "scx", ext_of(guest, task));
	return all;
}

/* The threads of a process: signal->thread_head, linked through thread_node. */
static bool put_threads(struct dump_guest *guest, json_t *all, uint64_t leader)
{
	uint64_t signal, head, at;
	uint32_t head_offset, node_offset;

	if (!guest_field(guest, leader, "task_struct", "signal", &signal) || !signal ||
	    !guest_offset(guest, "signal_struct", "thread_head", &head_offset) ||
	    !guest_offset(guest, "task_struct", "thread_node", &node_offset))
		return false;
	head = signal + head_offset;
	if (!guest_u64(guest, head, &at))
		return false;
	for (int count = 0; at != head; count++) {
		if (count == THREADS_MAX || json_array_size(all) >= DUMP_TASKS_MAX)
			return false;
		json_array_append_new(all, task_to_json(guest, at - node_offset));
		if (!guest_u64(guest, at, &at))
			return false;
	}
	return true;
}

json_t *dump_tasks(struct dump_guest *guest)
{
	json_t *all = json_array();
	uint64_t first = guest->symbol[DUMP_INIT_TASK], at;
	uint32_t offset;

	if (!first || !guest_offset(guest, "task_struct", "tasks", &offset) ||
	    !guest_u64(guest, first + offset, &at))
		return all;
	for (int count = 0; at != first + offset && count < DUMP_TASKS_MAX; count++) {
		if (!put_threads(guest, all, at - offset) || !guest_u64(guest, at, &at)) {
			json_array_append_new(all, json_pack("{s:s}", "trouble", "unreadable"));
			break;
		}
	}
	return all;
}
