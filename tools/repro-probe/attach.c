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
	struct repro_function *functions;
	struct bpf_map *map;
	size_t size = 0;
	int r;

	probe->object = bpf_object__open_mem(
		ktstr_repro_object, (size_t)(ktstr_repro_object_end - ktstr_repro_object), &options);
	if (!probe->object)
		return error_sys(err, "open the embedded BPF object");
	map = bpf_object__find_map_by_name(probe->object, ".rodata.functions");
	functions = map ? bpf_map__initial_value(map, &size) : NULL;
	assert(functions);                /* we built the object */
	assert(size == REPRO_FUNCTIONS_MAX * sizeof(*functions));
	for (size_t i = 0; i < probe->len; i++)
		functions[i] = probe->functions[i].about;
	r = bpf_object__load(probe->object);
	return r < 0 ? error_set(err, r, "the kernel did not load the BPF program: %s", strerror(-r)) : 0;
}

static struct bpf_link *attach_one(struct probe *probe, const char *program, size_t index, bool is_return)
{
	LIBBPF_OPTS(bpf_kprobe_opts, options, .bpf_cookie = index, .retprobe = is_return);

	return bpf_program__attach_kprobe_opts(bpf_object__find_program_by_name(probe->object, program),
					       probe->functions[index].name, &options);
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

	return r < 0 ? r : attach(probe, err);
}
