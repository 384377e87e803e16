/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "ctprof/source.h"

int bpf_source_read(struct capture *capture, struct ktstr_error *err)
{
	(void)capture;
	return error_set(err, -EOPNOTSUPP, "built without BPF programs");
}
