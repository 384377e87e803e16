/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/stored.h"

#include <errno.h>
#include <string.h>

int stored_options(const json_t *json, struct drive_options *options, struct ktstr_error *err)
{
	const char *mode = record_text(json, "mode"), *seed = record_text(json, "seed");

	if (!record_text(json, "binary") || !record_text(json, "test_name") || !mode || !seed ||
	    sv_u64(sv_of(seed), UINT64_MAX, &options->seed) < 0)
		return error_set(err, -EBADMSG, "the result does not say what was run");
	options->mode_auto = false;
	if (strcmp(mode, "host") != 0 && !vm_mode_parse(sv_of(mode), &options->mode))
		return error_set(err, -EBADMSG, "the result's mode is \"%s\"", mode);
	options->selection.exact = record_text(json, "test_name");
	options->selection.topology = record_text(json, "topology");
	options->selection.memory_mib = record_number(json, "memory_mib");
	options->kernel = options->kernel ?: record_text(json, "kernel_release");
	options->disturb = json_is_true(json_object_get(json, "disturbed"));
	options->icount_shift = (int)record_number(json, "icount_shift");
	return 0;
}
