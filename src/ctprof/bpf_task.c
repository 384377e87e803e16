/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <strings.h>

#include "ctprof/bpf_task.h"
#include "ctprof/parse.h"

#define NS_PER_TICK 10000000u        /* USER_HZ is 100 on every architecture of ours */
#define MAX_RT_PRIO 100
#define DEFAULT_PRIO 120

/* include/linux/sched.h: what of the state is reported, and what is reported as something else */
#define TASK_UNINTERRUPTIBLE 0x0002u
#define TASK_REPORT 0x007fu
#define TASK_REPORT_IDLE 0x0080u
#define TASK_IDLE 0x0402u
#define TASK_RTLOCK_WAIT 0x1000u
#define TASK_FROZEN 0x8000u

static char state_letter(uint32_t state, uint32_t exit_state)
{
	static const char letters[] = "RSDTtXZPI";
	uint32_t report = (state | exit_state) & TASK_REPORT;
	int at;

	if ((state & TASK_IDLE) == TASK_IDLE)
		report = TASK_REPORT_IDLE;
	if (state & (TASK_RTLOCK_WAIT | TASK_FROZEN))
		report = TASK_UNINTERRUPTIBLE;
	at = report ? 32 - __builtin_clz(report) : 0;
	assert(at < (int)sizeof(letters) - 1);
	return letters[at];
}

/* cputime_adjust(): the ticks' ratio of user and system time, scaled to the exact run time */
static void adjust_cputime(const struct ctprof_task *task, uint64_t *ret_user_ns, uint64_t *ret_system_ns)
{
	uint64_t user = task->utime_ns, system = task->stime_ns, run = task->sum_exec_ns;

	*ret_user_ns = task->prev_utime_ns;
	*ret_system_ns = task->prev_stime_ns;
	if (task->prev_utime_ns + task->prev_stime_ns >= run)
		return;
	if (system == 0)
		user = run;
	else if (user == 0)
		system = run;
	else
		system = (uint64_t)((unsigned __int128)system * run / ((unsigned __int128)system + user));
	if (system > run)
		system = run;
	if (system < task->prev_stime_ns)
		system = task->prev_stime_ns;
	user = run - system;
	if (user < task->prev_utime_ns) {
		user = task->prev_utime_ns;
		system = run - user;
	}
	*ret_user_ns = user;
	*ret_system_ns = system;
}

/* Policies for which the fair class's slice is shown: kernel/sched/sched.h, fair_policy() */
static bool is_fair_policy(uint32_t policy)
{
	return policy == 0 || policy == 3 || policy == 7;
}

static void set_policy(const struct ctprof_task *task, const struct bpf_task_rules *rules,
		       struct ctprof_thread *thread)
{
	static_assert(sizeof(thread->cpu_affinity) == sizeof(task->cpus), "1024 CPUs both");

	thread->policy = task->policy;
	thread->nice = task->static_prio - DEFAULT_PRIO;
	thread->priority = task->prio - MAX_RT_PRIO;
	thread->rt_priority = (int32_t)task->rt_priority;
	thread->processor = (int32_t)task->cpu;
	thread->state = state_letter(task->state, task->exit_state);
	thread->ext_enabled = rules->has_sched && task->on_ext;
	if (rules->has_slice && is_fair_policy(task->policy))
		thread->fair_slice_ns = task->slice_ns;
	for (size_t i = 0; i < CTPROF_TASK_CPU_WORDS; i++)
		thread->cpu_affinity.word[i] = task->cpus[i] & rules->active.word[i];
}

static void set_statistics(const struct ctprof_task *task, const struct bpf_task_rules *rules,
			   struct ctprof_thread *thread, uint64_t *negatives)
{
	uint64_t sleep_ns;

	if (!rules->has_statistics)
		return;
	thread->nr_wakeups = task->nr_wakeups;
	thread->nr_wakeups_local = task->nr_wakeups_local;
	thread->nr_wakeups_remote = task->nr_wakeups_remote;
	thread->nr_wakeups_sync = task->nr_wakeups_sync;
	thread->nr_wakeups_migrate = task->nr_wakeups_migrate;
	thread->nr_wakeups_affine = task->nr_wakeups_affine;
	thread->nr_wakeups_affine_attempts = task->nr_wakeups_affine_attempts;
	thread->nr_forced_migrations = task->nr_forced_migrations;
	thread->nr_failed_migrations_affine = task->nr_failed_migrations_affine;
	thread->nr_failed_migrations_running = task->nr_failed_migrations_running;
	thread->nr_failed_migrations_hot = task->nr_failed_migrations_hot;
	thread->wait_count = task->wait_count;
	thread->iowait_count = task->iowait_count;
	thread->wait_sum = parse_signed_ns(task->wait_sum_ns, negatives);
	thread->wait_max = parse_signed_ns(task->wait_max_ns, negatives);
	thread->sleep_max = parse_signed_ns(task->sleep_max_ns, negatives);
	thread->block_sum = parse_signed_ns(task->block_sum_ns, negatives);
	thread->block_max = parse_signed_ns(task->block_max_ns, negatives);
	thread->iowait_sum = parse_signed_ns(task->iowait_sum_ns, negatives);
	thread->exec_max = parse_signed_ns(task->exec_max_ns, negatives);
	thread->slice_max = parse_signed_ns(task->slice_max_ns, negatives);
	if (rules->has_core_forceidle)
		thread->core_forceidle_sum = parse_signed_ns(task->core_forceidle_sum_ns, negatives);
	sleep_ns = parse_signed_ns(task->sleep_sum_ns, negatives);
	thread->voluntary_sleep_ns = sleep_ns > thread->block_sum ? sleep_ns - thread->block_sum : 0;
}

static void set_taskstats(const struct ctprof_task *task, const struct bpf_task_rules *rules,
			  struct ctprof_thread *thread)
{
	for (size_t i = CTPROF_DELAY_CPU + 1; i < CTPROF_DELAYS; i++)
		thread->delay[i] = (struct ctprof_delay){task->delay[i].count, task->delay[i].total_ns,
							 task->delay[i].max_ns, task->delay[i].min_ns};
	thread->delay[CTPROF_DELAY_CPU] = (struct ctprof_delay){task->run_count, task->run_delay_ns,
								task->run_delay_max_ns,
								task->run_delay_min_ns};
	thread->hiwater_rss_bytes = task->hiwater_rss_pages * rules->page_bytes;
	thread->hiwater_vm_bytes = task->hiwater_vm_pages * rules->page_bytes;
}

void bpf_task_to_thread(const struct ctprof_task *task, const struct bpf_task_rules *rules,
			struct ctprof_thread *ret_thread, uint64_t *negatives)
{
	struct ctprof_thread thread = {.tid = task->pid, .tgid = task->tgid, .cgroup = ""};
	uint64_t user_ns, system_ns;

	static_assert(sizeof(thread.comm) == sizeof(task->comm), "one bound for names");
	memcpy(thread.comm, task->comm, sizeof(thread.comm));
	thread.comm[sizeof(thread.comm) - 1] = '\0';
	thread.start_time_clock_ticks = task->start_boottime_ns / NS_PER_TICK;
	if (task->pid == task->tgid)
		thread.nr_threads = task->nr_threads;
	set_policy(task, rules, &thread);
	if (rules->has_schedstat) {
		thread.run_time_ns = task->sum_exec_ns;
		thread.wait_time_ns = task->run_delay_ns;
		thread.timeslices = task->run_count;
	}
	thread.voluntary_csw = task->nvcsw;
	thread.nonvoluntary_csw = task->nivcsw;
	if (rules->has_sched)
		thread.nr_migrations = task->nr_migrations;
	set_statistics(task, rules, &thread, negatives);
	thread.minflt = task->min_flt;
	thread.majflt = task->maj_flt;
	adjust_cputime(task, &user_ns, &system_ns);
	thread.utime_clock_ticks = user_ns / NS_PER_TICK;
	thread.stime_clock_ticks = system_ns / NS_PER_TICK;
	if (rules->has_io) {
		thread.rchar = task->rchar;
		thread.wchar = task->wchar;
		thread.syscr = task->syscr;
		thread.syscw = task->syscw;
		thread.read_bytes = task->read_bytes;
		thread.write_bytes = task->write_bytes;
		thread.cancelled_write_bytes = task->cancelled_write_bytes;
	}
	if (rules->has_taskstats)
		set_taskstats(task, rules, &thread);
	*ret_thread = thread;
}
