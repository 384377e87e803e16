/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * halt.c - where a kernel's sched_ext loses its scheduler (kernel/sched/ext.c). Every error goes through
 * one place: it notes kind, reason and message, and then queues an irq_work that begins to put the
 * scheduler out. So irq_work_queue(work) with that function in the work is the moment at which all is
 * said and nothing is done: locks are held, tasks are where they were. A scheduler that goes by itself,
 * or whose process ends, comes through the unreg() of its struct_ops.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "symbols/btf_image.h"
#include "symbols/kallsyms.h"
#include "trace/fields.h"
#include "trace/trace.h"

DEFINE_AUTO(struct btf *, btf__free)

static bool look_at(void *arg, const char *name, uint64_t address)
{
	/* since 7.1, since 6.16, since 6.12 */
	static const char *const works[] = {"scx_disable_irq_workfn", "scx_error_irq_workfn",
					    "scx_ops_error_irq_workfn"};
	struct trace_halt *halt = arg;

	if (strcmp(name, "irq_work_queue") == 0)
		halt->queue = address;
	if (strcmp(name, "bpf_scx_unreg") == 0)
		halt->leave = address;
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (strcmp(name, works[i]) == 0)
			halt->function = address;
	return true;
}

int trace_halt_make(const struct buf *vmlinux, const struct buf *btf_bytes, struct trace_halt *ret_halt,
		    struct ktstr_error *err)
{
	AUTO(btf__free) struct btf *btf = btf__new(btf_bytes->data, (uint32_t)btf_bytes->len);
	struct trace_halt halt = {0};
	struct kallsyms kallsyms;
	int64_t offset;
	int r;

	if (!btf)
		return error_set(err, -EBADMSG, "its type information is damaged");
	offset = fields_find(btf, "irq_work", "func");
	if (offset < 0)
		return error_set(err, -ENODATA, "its struct irq_work has no func");
	halt.offset = (uint64_t)offset;
	r = kallsyms_find(vmlinux, &kallsyms, err);
	if (r == 0)
		r = kallsyms_each(&kallsyms, look_at, &halt, err);
	if (r < 0)
		return r;
	if (!halt.queue || !halt.function || !halt.leave)
		return error_set(err, -ENODATA, "it has no symbol %s",
				 !halt.queue      ? "irq_work_queue"
				 : !halt.function ? "scx_error_irq_workfn"
						  : "bpf_scx_unreg");
	*ret_halt = halt;
	return 0;
}

int trace_halt_find(const struct kernel *kernel, struct trace_halt *ret_halt, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};
	uint64_t began = clock_ns();
	int r = fields_read_vmlinux(kernel, &vmlinux, err);

	if (r == 0)
		r = btf_from_vmlinux(&vmlinux, &btf, err);
	if (r == 0)
		r = trace_halt_make(&vmlinux, &btf, ret_halt, err);
	log_debug("halt: symbols in %.1f ms", (double)(clock_ns() - began) / NS_PER_MS);
	return r;
}

char *trace_halt_option(const struct trace_halt *halt, int fd)
{
	return xasprintf("halt=%d:%llx:%llx:%llx:%llx", fd, (unsigned long long)halt->queue,
			 (unsigned long long)halt->function, (unsigned long long)halt->offset,
			 (unsigned long long)halt->leave);
}
