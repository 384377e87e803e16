/* SPDX-License-Identifier: BSD-2-Clause */
/* attach.c - the BPF programs, and the kernel's functions that they are attached to. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "probe.h"

extern const char ktstr_repro_object[], ktstr_repro_object_end[];        /* bpf/embed_repro.S */

static int load(struct probe *probe, struct ktstr_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ktstr_repro");
	int r;

	probe->object = bpf_object__open_mem(
		ktstr_repro_object, (size_t)(ktstr_repro_object_end - ktstr_repro_object), &options);
	if (!probe->object)
		return error_sys(err, "open the embedded BPF object");
	r = bpf_object__load(probe->object);
	return r < 0 ? error_set(err, r, "the kernel did not load the BPF program: %s", strerror(-r)) : 0;
}

static int set_map(struct probe *probe, const char *name, const void *value, struct ktstr_error *err)
{
	int fd = bpf_object__find_map_fd_by_name(probe->object, name);
	const uint32_t first = 0;

	assert(fd >= 0);                /* we built the object */
	return bpf_map_update_elem(fd, &first, value, BPF_ANY) < 0 ? error_sys(err, "write map %s", name) : 0;
}

int tell_functions(struct probe *probe, struct ktstr_error *err)
{
	struct repro_function functions[REPRO_FUNCTIONS_MAX] = {0};

	for (size_t i = 0; i < probe->len; i++)
		functions[i] = probe->functions[i].about;
	return set_map(probe, ".data.functions", functions, err);
}

int tell_scheduler(struct probe *probe, struct ktstr_error *err)
{
	uint32_t tgid = (uint32_t)probe->scheduler.pid;

	return set_map(probe, ".data.scheduler", &tgid, err);
}

static struct bpf_link *attach_one(struct probe *probe, const char *program, size_t index, bool is_return)
{
	LIBBPF_OPTS(bpf_kprobe_opts, options, .bpf_cookie = index, .retprobe = is_return);

	return bpf_program__attach_kprobe_opts(bpf_object__find_program_by_name(probe->object, program),
					       probe->functions[index].name, &options);
}

/*
 * Called for each of its struct_ops, with all their programs loaded and before any is called
 * (kernel/bpf/bpf_struct_ops.c). A kernel that lets nobody probe it: callbacks are found later.
 */
static void attach_stopper(struct probe *probe)
{
	LIBBPF_OPTS(bpf_kprobe_opts, options);

	probe->stopper = bpf_program__attach_kprobe_opts(
		bpf_object__find_program_by_name(probe->object, "on_struct_ops"),
		"bpf_struct_ops_map_update_elem", &options);
}

/* A function that cannot be probed is told, and the others are. */
static int attach(struct probe *probe, struct ktstr_error *err)
{
	bool any_trigger = false;

	for (size_t i = 0; i < probe->len; i++) {
		struct function *function = &probe->functions[i];

		if (!function->in_kallsyms)
			continue;
		if (!function->about.trigger)
			function->links[1] = attach_one(probe, "on_return", i, true);
		function->links[0] = attach_one(probe, "on_entry", i, false);
		any_trigger |= function->about.trigger && function->links[0];
	}
	return any_trigger ? 0 : error_set(err, -ENOENT, "this kernel has none of the functions that "
							 "end a scheduler, or does not let them be probed");
}

int attach_functions(struct probe *probe, struct ktstr_error *err)
{
	int r = load(probe, err);

	if (r == 0)
		r = tell_functions(probe, err);
	if (r == 0)
		r = attach(probe, err);
	if (r == 0)
		attach_stopper(probe);
	return r;
}
