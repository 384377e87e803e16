/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scx_ktstr_loop.bpf.c - a scheduler that no kernel loads: its loop ends, but only after more steps
 * than the verifier follows (one million instructions, BPF_COMPLEXITY_LIMIT_INSNS), and no two of
 * them look alike to it. Its log repeats the same lines, which is what readers of logs are tested
 * with.
 */
#include "scx_ktstr.h"
#include "ktstr_scx.h"

char _license[] SEC("license") = "Dual BSD/GPL";

static volatile u64 sum;

SEC("struct_ops/enqueue")
void BPF_PROG(loop_enqueue, struct task_struct *p, u64 enq_flags)
{
	for (u32 i = 0; i < 10000000; i++)
		sum += i;
}

SEC(".struct_ops.link")
struct sched_ext_ops ktstr_ops = {
	.enqueue = (void *)loop_enqueue,
	.name = "ktstr_loop",
};
