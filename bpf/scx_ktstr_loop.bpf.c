/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scx_ktstr_loop.bpf.c - a scheduler that no kernel loads: behind a loop, which the verifier follows
 * round by round, it uses a number as a pointer. Its log repeats the same lines, which is what
 * readers of logs are tested with. (A loop that is too long for the verifier takes it 14 s in det.)
 */
#include "scx_ktstr.h"
#include "ktstr_scx.h"

char _license[] SEC("license") = "Dual BSD/GPL";

#define ROUNDS 200

static volatile u64 sum;

SEC("struct_ops/enqueue")
void BPF_PROG(loop_enqueue, struct task_struct *p, u64 enq_flags)
{
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < ROUNDS; i++)
		sum += i;
	*(volatile u64 *)enq_flags = 0;
}

SEC(".struct_ops.link")
struct sched_ext_ops ktstr_ops = {
	.enqueue = (void *)loop_enqueue,
	.name = "ktstr_loop",
};
