/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scx_ktstr_reject.bpf.c - a scheduler that no kernel loads: it uses a number as a pointer, which
 * the verifier has refused since there is one. A program of its own, so that the default one does
 * not depend on how a kernel treats it.
 */
#include "scx_ktstr.h"
#include "ktstr_scx.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("struct_ops/enqueue")
void BPF_PROG(reject_enqueue, struct task_struct *p, u64 enq_flags)
{
	*(volatile u64 *)enq_flags = 0;
}

SEC(".struct_ops.link")
struct sched_ext_ops ktstr_ops = {
	.enqueue = (void *)reject_enqueue,
	.name = "ktstr_reject",
};
