/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scx_ktstr_faults.h - what scx-ktstr does wrong all the time, when asked; a part of
 * scx_ktstr.bpf.c. Each fault takes the place of one decision of the fair policy and leaves the
 * others as they are, so that what is found can only be due to it.
 */
#ifndef SCX_KTSTR_FAULTS_H
#define SCX_KTSTR_FAULTS_H

#define FIFO_QUEUE 2
#define LLC_QUEUE 3
#define LATE_QUEUE 4                      /* and 5: one fills while the other is served */
#define LONG_SLICE_NS (200 * 1000000ull)
#define SHORT_SLICE_NS 1000000ull
#define LATE_TICK_NS (20 * 1000000ull)
#define SLEEPER_PENALTY_NS (100 * 1000000ull)

/* Who wakes in a tick is served from the next one on. */
static volatile u32 late_ticks;
static volatile u32 scattered;

struct late_timer {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct late_timer);
} late_timers SEC(".maps");

static u64 slice_of_queue_ns(void)
{
	return has_fault(SCX_KTSTR_GLOBAL_FIFO) ? LONG_SLICE_NS : config.slice_ns;
}

/* --- one LLC --- */

static bool in_llc(s32 cpu)
{
	return cpu >= 0 && cpu < SCX_KTSTR_CPUS_MAX && (config.llc_cpus >> cpu & 1);
}

/* A CPU of the LLC that this task may use and that is idle, or any that it may use, or -1. */
static s32 llc_cpu(struct task_struct *p, bool *ret_idle)
{
	s32 any = -1;

	*ret_idle = false;
	for (s32 cpu = 0; cpu < SCX_KTSTR_CPUS_MAX; cpu++) {
		if (!in_llc(cpu) || !bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
			continue;
		any = cpu;
		if (bpf_ksym_exists(scx_bpf_test_and_clear_cpu_idle) &&
		    scx_bpf_test_and_clear_cpu_idle(cpu)) {
			*ret_idle = true;
			return cpu;
		}
	}
	return any;
}

static bool llc_enqueue(struct task_struct *p, u64 enq_flags)
{
	bool idle;
	s32 cpu = llc_cpu(p, &idle);

	if (cpu < 0)
		return false;
	scx_insert_vtime(p, LLC_QUEUE, turn_ns(p), vtime_in_bounds(p, enq_flags), enq_flags);
	if (idle && bpf_ksym_exists(scx_bpf_kick_cpu))
		scx_bpf_kick_cpu(cpu, 0);
	return true;
}

/*
 * Nobody else wants this CPU, and with SCX_OPS_ENQ_LAST (the loader sets it for this fault) we are
 * asked: it stays, unless its CPU is outside of the LLC.
 */
static bool last_may_stay(struct task_struct *p, u64 enq_flags)
{
	if (!(enq_flags & SCX_ENQ_LAST))
		return false;
	return !has_fault(SCX_KTSTR_ONE_LLC) || !bpf_ksym_exists(scx_bpf_task_cpu) ||
	       in_llc(scx_bpf_task_cpu(p));
}

/* --- scatter --- */

/* The next CPU that the task may use and is not on; -1: there is none. */
static s32 another_cpu(struct task_struct *p, s32 present)
{
	u32 count = config.cpu_count;

	for (u32 i = 0; i < SCX_KTSTR_CPUS_MAX && i < count; i++) {
		s32 cpu = scattered++ % count;

		if (cpu != present && bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
			return cpu;
	}
	return -1;
}

static bool scatter_enqueue(struct task_struct *p, u64 enq_flags)
{
	s32 cpu = bpf_ksym_exists(scx_bpf_task_cpu) ? another_cpu(p, scx_bpf_task_cpu(p)) : -1;

	if (cpu < 0)
		return false;
	scx_insert(p, SCX_DSQ_LOCAL_ON | cpu, SHORT_SLICE_NS, enq_flags);
	return true;
}

/* --- late wake-ups --- */

static int on_late_tick(void *map, int *key, struct bpf_timer *timer)
{
	late_ticks++;
	for (u32 cpu = 0; cpu < SCX_KTSTR_CPUS_MAX && cpu < config.cpu_count; cpu++) {
		if (bpf_ksym_exists(scx_bpf_kick_cpu))
			scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	}
	bpf_timer_start(timer, LATE_TICK_NS, 0);
	return 0;
}

static s32 start_late_timer(void)
{
	int first = 0;
	struct late_timer *timer = bpf_map_lookup_elem(&late_timers, &first);
	s32 r;

	if (!timer)
		return -ENOMEM;
	r = bpf_timer_init(&timer->timer, &late_timers, CLOCK_MONOTONIC);
	if (r == 0)
		r = bpf_timer_set_callback(&timer->timer, on_late_tick);
	if (r == 0)
		r = bpf_timer_start(&timer->timer, LATE_TICK_NS, 0);
	return r;
}

/* --- in the place of the fair policy's decisions: true when one was taken --- */

static bool faulty_select_cpu(struct task_struct *p, s32 prev_cpu, s32 *ret_cpu)
{
	bool idle;

	if (!is_queued(p))
		return false;
	*ret_cpu = prev_cpu;
	if (has_fault(SCX_KTSTR_LATE_WAKE))
		return true;
	if (has_fault(SCX_KTSTR_SCATTER)) {
		*ret_cpu = another_cpu(p, prev_cpu);
		if (*ret_cpu >= 0)
			scx_insert(p, SCX_DSQ_LOCAL, SHORT_SLICE_NS, 0);
		return *ret_cpu >= 0;
	}
	if (has_fault(SCX_KTSTR_ONE_LLC)) {
		*ret_cpu = llc_cpu(p, &idle);
		if (*ret_cpu >= 0 && idle)
			scx_insert(p, SCX_DSQ_LOCAL, config.slice_ns, 0);
		return *ret_cpu >= 0;
	}
	return false;
}

static bool faulty_enqueue(struct task_struct *p, u64 enq_flags)
{
	u64 vtime;

	if (has_fault(SCX_KTSTR_GLOBAL_FIFO)) {
		scx_insert(p, FIFO_QUEUE, LONG_SLICE_NS, enq_flags);
		wake_idle_cpu(p);
		return true;
	}
	if (has_fault(SCX_KTSTR_LATE_WAKE) && (enq_flags & SCX_ENQ_WAKEUP)) {
		scx_insert(p, LATE_QUEUE + (late_ticks & 1), turn_ns(p), enq_flags);
		return true;
	}
	if (has_fault(SCX_KTSTR_SLEEPER_PENALTY) && (enq_flags & SCX_ENQ_WAKEUP)) {
		vtime = front_ns + stretch_by_weight(SLEEPER_PENALTY_NS, p);
		scx_insert_vtime(p, QUEUE, turn_ns(p), vtime, enq_flags);
		wake_idle_cpu(p);
		return true;
	}
	if (has_fault(SCX_KTSTR_SCATTER))
		return scatter_enqueue(p, enq_flags);
	if (has_fault(SCX_KTSTR_ONE_LLC))
		return llc_enqueue(p, enq_flags);
	return false;
}

/*
 * The queue of a fault before the fair one; but what is in the fair one when all have begun to go
 * to another came before them.
 */
static bool faulty_dispatch(s32 cpu)
{
	if (config.faults & SCX_KTSTR_GLOBAL_FIFO)
		return scx_take(QUEUE) || scx_take(FIFO_QUEUE);
	if ((config.faults & SCX_KTSTR_LATE_WAKE) && scx_take(LATE_QUEUE + ((late_ticks + 1) & 1)))
		return true;
	return (config.faults & SCX_KTSTR_ONE_LLC) && in_llc(cpu) && scx_take(LLC_QUEUE);
}

static s32 faulty_init(void)
{
	u32 queued = SCX_KTSTR_GLOBAL_FIFO | SCX_KTSTR_ONE_LLC | SCX_KTSTR_LATE_WAKE;
	s32 r = 0;

	if (!(config.faults & queued))
		return 0;
	if (!bpf_ksym_exists(scx_bpf_create_dsq))
		return -EOPNOTSUPP;
	for (u64 queue = FIFO_QUEUE; r == 0 && queue <= LATE_QUEUE + 1; queue++)
		r = scx_bpf_create_dsq(queue, -1);
	if (r == 0 && (config.faults & SCX_KTSTR_LATE_WAKE))
		r = start_late_timer();
	return r;
}

#endif
