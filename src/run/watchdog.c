/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watchdog.c - where a kernel's struct_ops maps have the timeout of sched_ext's watchdog. Their value is a
 * struct that the kernel makes for each kind of operations, bpf_struct_ops_sched_ext_ops here; the guest
 * knows it by its type's number (src/guest/watchdog.c).
 */
#include <bpf/btf.h>

#include "dump/dump.h"
#include "run/one.h"

#define VALUE_TYPE "bpf_struct_ops_sched_ext_ops"

DEFINE_AUTO(struct btf *, btf__free)

static int find(const struct kernel *kernel, struct wire_watchdog *watchdog, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf bytes = {0};
	AUTO(btf__free) struct btf *btf = NULL;
	uint32_t size;
	int32_t id;
	int r = kernel_btf(kernel, &bytes, err);

	if (r < 0)
		return r;
	btf = btf__new(bytes.data, (uint32_t)bytes.len);
	if (!btf)
		return error_set(err, -EBADMSG, "its type information is damaged");
	id = btf__find_by_name_kind(btf, VALUE_TYPE, BTF_KIND_STRUCT);
	if (id <= 0 || !dump_member(btf, VALUE_TYPE, "data.timeout_ms", &watchdog->offset, &size) ||
	    size != sizeof(watchdog->timeout_ms))
		return error_set(err, -ENODATA, "its type information has no data.timeout_ms in " VALUE_TYPE);
	watchdog->value_type_id = (uint32_t)id;
	return 0;
}

void watchdog_find(const struct kernel *kernel, uint32_t timeout_ms, struct wire_watchdog *ret_watchdog)
{
	struct wire_watchdog watchdog = {.timeout_ms = timeout_ms};
	struct ktstr_error err = {0};

	if (find(kernel, &watchdog, &err) < 0)
		log_warn("kernel %s: watchdog_timeout_ms has no effect: %s", kernel->release, err.msg);
	else
		*ret_watchdog = watchdog;
}
