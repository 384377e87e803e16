/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ktstr_scx.h - the little of the kernel that our sched_ext programs see, so that building them
 * needs no kernel. libbpf moves every field to where the running kernel's BTF has it (CO-RE) and
 * leaves out what that kernel lacks; order and completeness here mean nothing. What the kernel
 * promises is in its Documentation/scheduler/sched-ext.rst; prototypes are from the BTF of 6.18 to
 * 7.2, those of 6.12 from its documentation.
 *
 * kfuncs changed names and arguments over the versions. All that did are weak: ask
 * bpf_ksym_exists() before calling one. libbpf treats a weak kfunc with another prototype as
 * absent, and takes what follows a name's last "___" for a remark of ours.
 */
#ifndef KTSTR_SCX_H
#define KTSTR_SCX_H

#include <stdbool.h>
#include <stdint.h>

/* What libbpf's headers expect from the kernel's. */
typedef uint8_t __u8;
typedef uint16_t __u16, __be16;
typedef uint32_t __u32, __be32, __wsum;
typedef uint64_t __u64;
typedef int8_t __s8;
typedef int16_t __s16;
typedef int32_t __s32;
typedef int64_t __s64;

typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* include/uapi/linux/bpf.h */
#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_RINGBUF 27
#define BPF_MAP_TYPE_TASK_STORAGE 29
#define BPF_F_NO_PREALLOC 1
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
#define CLOCK_MONOTONIC 1

struct bpf_timer {
	u64 opaque[2];
} __attribute__((aligned(8)));

/* uapi/asm-generic/errno-base.h, linux/sched.h, linux/sched/ext.h: the same from 6.12 to 7.2 */
#define ENOMEM 12
#define EOPNOTSUPP 95
#define PF_KTHREAD 0x00200000
#define SCX_DSQ_GLOBAL 0x8000000000000001ull
#define SCX_DSQ_LOCAL 0x8000000000000002ull
#define SCX_DSQ_LOCAL_ON 0xc000000000000000ull    /* | CPU */
#define SCX_ENQ_WAKEUP 1
#define SCX_ENQ_LAST (1ull << 41)
#define SCX_KICK_IDLE 1
#define SCX_WEIGHT_DEFAULT 100                    /* that of nice 0 */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Declared only, it would be another kind of type than the kernel's, and its kfuncs not found. */
struct cpumask {
	unsigned long bits[1];
};

struct sched_entity {
	u64 sum_exec_runtime;
};

struct sched_ext_entity {
	u32 weight;
};

struct task_struct {
	unsigned int flags;
	int nr_cpus_allowed;
	const struct cpumask *cpus_ptr;
	struct sched_entity se;
	struct sched_ext_entity scx;
	char comm[16];
};

struct scx_exit_info {
	enum scx_exit_kind kind;
	const char *reason;
	char *msg;
	char *dump;
};

struct scx_cpu_release_args;

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct scx_init_task_args {
	struct cgroup *cgroup;
};

struct scx_cgroup_init_args {
	u32 weight;
};

#pragma clang attribute pop

/* Only the members in use: libbpf matches them by name. */
struct sched_ext_ops {
	s32 (*select_cpu)(struct task_struct *p, s32 prev_cpu, u64 wake_flags);
	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	void (*cpu_release)(s32 cpu, struct scx_cpu_release_args *args);
	s32 (*init_task)(struct task_struct *p, struct scx_init_task_args *args);
	void (*enable)(struct task_struct *p);
	s32 (*cgroup_init)(struct cgroup *cgrp, struct scx_cgroup_init_args *args);
	void (*cgroup_exit)(struct cgroup *cgrp);
	void (*cgroup_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
	void (*cgroup_set_weight)(struct cgroup *cgrp, u32 weight);
	s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	u64 flags;
	u32 timeout_ms;
	char name[128];
};

bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *mask) __ksym;
s32 scx_bpf_select_cpu_dfl(struct task_struct *p, s32 prev_cpu, u64 wake_flags,
			   bool *ret_idle) __ksym;

/*
 * Since 7.1 the kernel passes most kfuncs a hidden last argument. A kernel built with an older
 * pahole shows it in the BTF of some, and then nobody can call those (Debian's 7.1 and 7.2 are
 * built so): hence weak.
 */
s32 scx_bpf_create_dsq(u64 dsq_id, s32 node) __ksym __weak;
s32 scx_bpf_pick_idle_cpu(const struct cpumask *allowed, u64 flags) __ksym __weak;
bool scx_bpf_test_and_clear_cpu_idle(s32 cpu) __ksym __weak;
s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym __weak;
u32 scx_bpf_reenqueue_local(void) __ksym __weak;
void scx_bpf_kick_cpu(s32 cpu, u64 flags) __ksym __weak;
void scx_bpf_error_bstr(char *fmt, unsigned long long *data, u32 data__sz) __ksym __weak;
void scx_bpf_exit_bstr(s64 code, char *fmt, unsigned long long *data, u32 data__sz) __ksym __weak;

/* Put a task on a queue: 6.19 on, 6.13 on, 6.12. */
bool scx_bpf_dsq_insert___v2___ktstr(struct task_struct *p, u64 dsq_id, u64 slice_ns,
				     u64 enq_flags) __ksym __weak;
void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice_ns,
			u64 enq_flags) __ksym __weak;
void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice_ns, u64 enq_flags) __ksym __weak;

static inline void scx_insert(struct task_struct *p, u64 dsq_id, u64 slice_ns, u64 enq_flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert___v2___ktstr))
		scx_bpf_dsq_insert___v2___ktstr(p, dsq_id, slice_ns, enq_flags);
	else if (bpf_ksym_exists(scx_bpf_dsq_insert))
		scx_bpf_dsq_insert(p, dsq_id, slice_ns, enq_flags);
	else
		scx_bpf_dispatch(p, dsq_id, slice_ns, enq_flags);
}

/* The same on a queue ordered by vtime: 6.19 on, 6.13 on, 6.12. */
struct scx_bpf_dsq_insert_vtime_args {
	u64 dsq_id;
	u64 slice;
	u64 vtime;
	u64 enq_flags;
};
bool __scx_bpf_dsq_insert_vtime(struct task_struct *p,
				struct scx_bpf_dsq_insert_vtime_args *args) __ksym __weak;
void scx_bpf_dsq_insert_vtime(struct task_struct *p, u64 dsq_id, u64 slice_ns, u64 vtime,
			      u64 enq_flags) __ksym __weak;
void scx_bpf_dispatch_vtime(struct task_struct *p, u64 dsq_id, u64 slice_ns, u64 vtime,
			    u64 enq_flags) __ksym __weak;

static inline void scx_insert_vtime(struct task_struct *p, u64 dsq_id, u64 slice_ns, u64 vtime,
				    u64 enq_flags)
{
	struct scx_bpf_dsq_insert_vtime_args args = {
		.dsq_id = dsq_id,
		.slice = slice_ns,
		.vtime = vtime,
		.enq_flags = enq_flags,
	};

	if (bpf_ksym_exists(__scx_bpf_dsq_insert_vtime))
		__scx_bpf_dsq_insert_vtime(p, &args);
	else if (bpf_ksym_exists(scx_bpf_dsq_insert_vtime))
		scx_bpf_dsq_insert_vtime(p, dsq_id, slice_ns, vtime, enq_flags);
	else
		scx_bpf_dispatch_vtime(p, dsq_id, slice_ns, vtime, enq_flags);
}

/* Take the first task of a queue that may run on this CPU: 7.1 on, 6.13 on, 6.12. */
bool scx_bpf_dsq_move_to_local___v2___ktstr(u64 dsq_id, u64 enq_flags) __ksym __weak;
bool scx_bpf_dsq_move_to_local(u64 dsq_id) __ksym __weak;
bool scx_bpf_consume(u64 dsq_id) __ksym __weak;

/* True: there was one. */
static inline bool scx_take(u64 dsq_id)
{
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local___v2___ktstr))
		return scx_bpf_dsq_move_to_local___v2___ktstr(dsq_id, 0);
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local))
		return scx_bpf_dsq_move_to_local(dsq_id);
	return scx_bpf_consume(dsq_id);
}

#endif
