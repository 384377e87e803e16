/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * analyse.c - from records to what tasks and CPUs did. One walk over all records; what happens
 *outside the window only sets the scene.
 *
 * A task sleeps, waits for a CPU, or runs:
 *
 *	SWITCH away, able to go on   runs -> waits         SWITCH away, state set    runs -> sleeps
 *	WAKE that matches its state  sleeps -> waits       ENQUEUE                   sleeps -> waits
 *	NEW                          -> waits              SWITCH to it              -> runs
 *
 * A WAKE between the dequeue of a task that goes to sleep and the switch away from it finds it
 *still on its CPU: it waits from that switch on.
 */
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"
#include "verdict/verdict.h"

/* kernel/sched/sched.h: the same in all kernels with sched_ext */
#define TASK_WAKING 0x200 /* include/linux/sched.h: try_to_wake_up() has it */
#define FLAG_RESTORE 0x2 /* ENQUEUE_RESTORE, DEQUEUE_SAVE: not accounted as queueing */

enum life { LIFE_UNKNOWN, LIFE_SLEEPS, LIFE_WAITS, LIFE_RUNS };

/* What a walk knows of a task beside what it reports. */
struct live {
	enum life life;
	uint64_t since_ns; /* waits: from then on; runs: accounted up to then */
	bool after_wakeup;
	bool dequeued; /* runs, and has gone to sleep already, */
	bool woken;    /* and was woken again */
	uint16_t queue_cpu;
	uint64_t last_queued_ns; /* struct sched_info of the kernel; 0: not queued */
};
DEFINE_VEC(lives, struct live, vec_keep)

struct seat {
	bool known; /* who ran since since_ns */
	uint32_t pid;
	uint64_t since_ns;
	uint64_t length_since_ns;
	uint64_t nr_switches; /* of the last switch; 0: none yet */
};

struct walk {
	struct trace_analysis *out;
	struct lives lives; /* of out->tasks, by index */
	uint32_t *slots;    /* hash of pid to index + 1; 0: free */
	size_t slot_count;  /* a power of two */
	struct seat seats[TRACE_CPUS_MAX];
	uint64_t begin_ns, end_ns, first_ns;
};

void trace_task_done(struct trace_task *task)
{
	trace_samples_done(&task->wakeup_samples);
	trace_samples_done(&task->delay_samples);
}

void trace_analysis_free(struct trace_analysis *analysis)
{
	if (!analysis)
		return;
	trace_tasks_done(&analysis->tasks);
	trace_cgroup_names_done(&analysis->cgroups);
	free(analysis);
}

/* --- tasks
 * ---------------------------------------------------------------------------------------- */

static size_t slot_of(const struct walk *walk, uint32_t pid)
{
	size_t slot = (pid * 2654435761u) & (walk->slot_count - 1);

	while (walk->slots[slot] && walk->out->tasks.at[walk->slots[slot] - 1].pid != pid)
		slot = (slot + 1) & (walk->slot_count - 1);
	return slot;
}

static void grow_slots(struct walk *walk)
{
	size_t count = walk->slot_count ? 2 * walk->slot_count : 256;

	free(walk->slots);
	walk->slots = xcalloc(count, sizeof(*walk->slots));
	walk->slot_count = count;
	for (size_t i = 0; i < walk->out->tasks.len; i++)
		walk->slots[slot_of(walk, walk->out->tasks.at[i].pid)] = (uint32_t)i + 1;
}

static void copy_comm(char to[TRACE_COMM_MAX], const char from[TRACE_COMM_MAX])
{
	for (int i = 0; i < TRACE_COMM_MAX; i++)
		to[i] = from[i] == '\0' || (from[i] >= ' ' && from[i] <= '~') ? from[i] : '?';
	to[TRACE_COMM_MAX - 1] = '\0';
}

/* Where a task is in both lists. A pid that is used again goes on as the same task. */
static size_t take_task(struct walk *walk, uint32_t pid, uint32_t tgid,
			const char comm[TRACE_COMM_MAX], uint64_t cgroup)
{
	struct trace_task *task;
	size_t slot;

	if (walk->out->tasks.len * 2 >= walk->slot_count)
		grow_slots(walk);
	slot = slot_of(walk, pid);
	if (!walk->slots[slot]) {
		trace_tasks_push(&walk->out->tasks, (struct trace_task){.pid = pid});
		lives_push(&walk->lives, (struct live){.life = LIFE_UNKNOWN});
		walk->slots[slot] = (uint32_t)walk->out->tasks.len;
	}
	task = &walk->out->tasks.at[walk->slots[slot] - 1];
	task->tgid = tgid;
	copy_comm(task->comm, comm);
	if (cgroup)
		task->cgroup = cgroup;
	return walk->slots[slot] - 1;
}

static size_t subject(struct walk *walk, const struct trace_record *record)
{
	return take_task(walk, record->pid, record->tgid, record->comm, record->cgroup);
}

static size_t other(struct walk *walk, const struct trace_record *record)
{
	return take_task(walk, record->other_pid, record->other_tgid, record->other_comm,
			 record->other_cgroup);
}

/* --- waits
 * ---------------------------------------------------------------------------------------- */

static bool in_window(const struct walk *walk, uint64_t time_ns)
{
	return time_ns >= walk->begin_ns && time_ns < walk->end_ns;
}

/* The part of a stretch of time that lies in the window. */
static uint64_t clip(const struct walk *walk, uint64_t from_ns, uint64_t to_ns)
{
	from_ns = from_ns > walk->begin_ns ? from_ns : walk->begin_ns;
	to_ns = to_ns < walk->end_ns ? to_ns : walk->end_ns;
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

static void keep_wait(struct trace_analysis *out, const struct trace_wait *wait)
{
	uint64_t ns = wait->end_ns - wait->begin_ns;
	size_t at = out->wait_count;

	while (at > 0 && out->wait[at - 1].end_ns - out->wait[at - 1].begin_ns < ns)
		at--;
	if (at == TRACE_WAITS_MAX)
		return;
	if (out->wait_count < TRACE_WAITS_MAX)
		out->wait_count++;
	memmove(&out->wait[at + 1], &out->wait[at],
		(out->wait_count - 1 - at) * sizeof(out->wait[0]));
	out->wait[at] = *wait;
}

static void end_wait(struct walk *walk, size_t i, uint64_t now_ns)
{
	struct trace_task *task = &walk->out->tasks.at[i];
	const struct live *live = &walk->lives.at[i];
	struct trace_wait wait = {
		.pid = task->pid,
		.after_wakeup = live->after_wakeup,
		.cpu = live->queue_cpu,
		.begin_ns = live->since_ns,
		.end_ns = now_ns,
	};

	memcpy(wait.comm, task->comm, sizeof(wait.comm));
	trace_samples_push(&task->delay_samples, now_ns - live->since_ns);
	if (live->after_wakeup)
		trace_samples_push(&task->wakeup_samples, now_ns - live->since_ns);
	keep_wait(walk->out, &wait);
}

static void begin_wait(struct live *live, uint64_t now_ns, bool after_wakeup, uint16_t cpu)
{
	live->life = LIFE_WAITS;
	live->since_ns = now_ns;
	live->after_wakeup = after_wakeup;
	live->queue_cpu = cpu;
	live->dequeued = live->woken = false;
}

/* --- the kernel's own accounting: kernel/sched/stats.h, sched_info_*()
 * ------------------------------ */

static void info_enqueue(struct live *live, uint64_t clock_ns)
{
	if (!live->last_queued_ns)
		live->last_queued_ns = clock_ns;
}

static bool info_leave(struct walk *walk, size_t i, const struct trace_record *record)
{
	struct live *live = &walk->lives.at[i];
	bool was_queued = live->last_queued_ns != 0;

	if (was_queued && in_window(walk, record->time_ns))
		walk->out->tasks.at[i].kernel_delay_ns += record->clock_ns - live->last_queued_ns;
	live->last_queued_ns = 0;
	return was_queued;
}

/* --- events
 * --------------------------------------------------------------------------------------- */

static void leave_cpu(struct walk *walk, const struct trace_record *record, uint64_t since_ns)
{
	size_t i = subject(walk, record);
	struct trace_task *task = &walk->out->tasks.at[i];
	struct live *live = &walk->lives.at[i];
	bool counts = in_window(walk, record->time_ns), woken = live->woken;

	task->run_ns += clip(walk, since_ns, record->time_ns);
	if (clip(walk, since_ns, record->time_ns))
		cpuset_add(&task->cpus, record->cpu);
	if (record->state == 0) {
		task->preempted += counts;
		begin_wait(live, record->time_ns, false, record->cpu);
	} else {
		task->slept += counts;
		live->life = LIFE_SLEEPS;
		live->dequeued = live->woken = false;
		if (woken)
			begin_wait(live, record->time_ns, true, record->cpu);
	}
	if (record->arg == 0)
		info_enqueue(live, record->clock_ns);
}

static void take_cpu(struct walk *walk, const struct trace_record *record)
{
	size_t i = other(walk, record);
	struct trace_task *task = &walk->out->tasks.at[i];
	bool counts = in_window(walk, record->time_ns);

	if (walk->lives.at[i].life == LIFE_WAITS && counts)
		end_wait(walk, i, record->time_ns);
	walk->lives.at[i].life = LIFE_RUNS;
	walk->lives.at[i].dequeued = walk->lives.at[i].woken = false;
	task->switches_in += counts;
	if (counts)
		cpuset_add(&task->cpus, record->cpu);
	if (info_leave(walk, i, record))
		task->kernel_slices += counts;
}

static void on_switch(struct walk *walk, const struct trace_record *record)
{
	struct seat *seat = &walk->seats[record->cpu];
	struct trace_cpu *cpu = &walk->out->cpu[record->cpu];
	uint64_t since_ns = seat->known ? seat->since_ns : walk->first_ns;
	uint64_t ns = clip(walk, since_ns, record->time_ns);

	if (in_window(walk, record->time_ns)) {
		cpu->switches++;
		cpu->switches_to_tasks += record->other_pid != 0;
		walk->out->switches++;
		if (seat->nr_switches && record->nr_switches != seat->nr_switches + 1)
			cpu->miscounted += record->nr_switches - seat->nr_switches - 1;
	}
	*(record->pid ? &cpu->busy_ns : &cpu->idle_ns) += ns;
	if (record->pid)
		leave_cpu(walk, record, since_ns);
	if (record->other_pid)
		take_cpu(walk, record);
	seat->known = true;
	seat->pid = record->other_pid;
	seat->since_ns = record->time_ns;
	seat->nr_switches = record->nr_switches;
}

static void on_wake(struct walk *walk, const struct trace_record *record)
{
	size_t i = subject(walk, record);
	struct live *live = &walk->lives.at[i];

	if (!(record->state & record->arg))
		return; /* it does not wait for this, or not any more */
	if (live->life == LIFE_RUNS) {
		live->woken = live->dequeued;
		walk->out->wakeups += live->woken && in_window(walk, record->time_ns);
		walk->out->tasks.at[i].wakeups += live->woken && in_window(walk, record->time_ns);
	}
	if (live->life != LIFE_SLEEPS && live->life != LIFE_UNKNOWN)
		return;
	begin_wait(live, record->time_ns, true, record->target);
	walk->out->tasks.at[i].wakeups += in_window(walk, record->time_ns);
	walk->out->wakeups += in_window(walk, record->time_ns);
}

static void on_enqueue(struct walk *walk, const struct trace_record *record)
{
	size_t i = subject(walk, record);
	struct live *live = &walk->lives.at[i];

	/* EEVDF leaves sleepers on run queues for a while, and moves them with the rest (sched_delayed) */
	if ((live->life == LIFE_SLEEPS || live->life == LIFE_UNKNOWN) && !(record->state & ~TASK_WAKING))
		begin_wait(live, record->time_ns, true, record->target);
	live->queue_cpu = record->target;
	if (!(record->arg & FLAG_RESTORE))
		info_enqueue(live, record->clock_ns);
}

static void on_dequeue(struct walk *walk, const struct trace_record *record)
{
	size_t i = subject(walk, record);

	if (record->arg & TRACE_FLAG_SLEEP && walk->lives.at[i].life == LIFE_RUNS)
		walk->lives.at[i].dequeued = true;
	if (!(record->arg & FLAG_RESTORE))
		(void)info_leave(walk, i, record);
}

/* The length of a run queue has been this since the last record about it. */
static void note_length(struct walk *walk, const struct trace_record *record, uint16_t cpu_index)
{
	struct seat *seat = &walk->seats[cpu_index];
	struct trace_cpu *cpu = &walk->out->cpu[cpu_index];
	uint64_t since_ns = seat->length_since_ns ?: walk->first_ns;
	uint64_t ns = clip(walk, since_ns, record->time_ns);
	uint32_t length = record->nr_running;

	cpu->length_ns[length < TRACE_LENGTH_MAX ? length : TRACE_LENGTH_MAX] += ns;
	if (ns && length > cpu->length_max)
		cpu->length_max = length;
	seat->length_since_ns = record->time_ns;
}

static void take_cgroup(struct walk *walk, const struct trace_record *record)
{
	const struct trace_cgroup *cgroup = (const struct trace_cgroup *)record;
	struct trace_cgroup_name name = {.id = cgroup->id};

	for (int i = 0; i < TRACE_CGROUP_NAME_MAX - 1 && cgroup->name[i]; i++)
		name.name[i] =
			cgroup->name[i] >= ' ' && cgroup->name[i] <= '~' ? cgroup->name[i] : '?';
	trace_cgroup_names_push(&walk->out->cgroups, name);
}

static void see_cpu(struct walk *walk, uint16_t cpu)
{
	walk->out->cpu[cpu].seen = true;
	if (cpu >= walk->out->cpu_count)
		walk->out->cpu_count = cpu + 1u;
}

static void take_record(struct walk *walk, const struct trace_record *record)
{
	size_t i;

	if (record->kind == TRACE_CGROUP) {
		take_cgroup(walk, record);
		return;
	}
	see_cpu(walk, record->cpu);
	switch ((enum trace_kind)record->kind) {
	case TRACE_SWITCH:
		note_length(walk, record, record->cpu);
		on_switch(walk, record);
		return;
	case TRACE_WAKE:
		on_wake(walk, record);
		return;
	case TRACE_NEW:
		i = subject(walk, record);
		begin_wait(&walk->lives.at[i], record->time_ns, false, record->target);
		walk->lives.at[i].last_queued_ns = 0;
		return;
	case TRACE_ENQUEUE:
		note_length(walk, record, record->target);
		on_enqueue(walk, record);
		return;
	case TRACE_DEQUEUE:
		note_length(walk, record, record->target);
		on_dequeue(walk, record);
		return;
	case TRACE_MIGRATE:
		i = subject(walk, record);
		walk->out->tasks.at[i].migrations += in_window(walk, record->time_ns);
		walk->out->migrations += in_window(walk, record->time_ns);
		return;
	case TRACE_MARK:
	case TRACE_CGROUP:
	case TRACE_KIND_COUNT:
		return;
	}
}

/* --- the end
 * ---------------------------------------------------------------------------------------- */

static void end_walk(struct walk *walk, uint64_t last_ns)
{
	uint64_t end_ns = last_ns < walk->end_ns ? last_ns : walk->end_ns;

	for (size_t i = 0; i < walk->out->tasks.len; i++) {
		const struct live *live = &walk->lives.at[i];

		if (live->life == LIFE_WAITS && live->since_ns < end_ns)
			end_wait(walk, i, end_ns);
	}
	for (uint32_t cpu = 0; cpu < walk->out->cpu_count; cpu++) {
		const struct seat *seat = &walk->seats[cpu];
		uint64_t ns = seat->known ? clip(walk, seat->since_ns, last_ns) : 0;

		*(seat->pid ? &walk->out->cpu[cpu].busy_ns : &walk->out->cpu[cpu].idle_ns) += ns;
		if (seat->known && seat->pid)
			walk->out->tasks.at[walk->slots[slot_of(walk, seat->pid)] - 1].run_ns += ns;
	}
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct trace_times trace_times_of(struct trace_samples *samples)
{
	struct trace_times times = {.count = samples->len};

	if (samples->len == 0)
		return times;
	qsort(samples->at, samples->len, sizeof(*samples->at), compare_u64);
	vec_each (sample, samples)
		times.total_ns = saturating_add(times.total_ns, *sample);
	times.p50_ns = percentile_nearest_rank(samples->at, samples->len, 0.5);
	times.p99_ns = percentile_nearest_rank(samples->at, samples->len, 0.99);
	times.max_ns = samples->at[samples->len - 1];
	return times;
}

/* --- who ran instead
 * -------------------------------------------------------------------------------- */

#define RIVALS_MAX 64

struct rivals {
	size_t count;
	struct {
		uint32_t pid;
		const char *comm;
		uint64_t ns;
	} at[RIVALS_MAX];
};

static void add_rival(struct rivals *rivals, uint32_t pid, const char *comm, uint64_t ns)
{
	size_t i = 0;

	while (i < rivals->count && rivals->at[i].pid != pid)
		i++;
	if (ns == 0 || i == RIVALS_MAX)
		return;
	if (i == rivals->count)
		rivals->count++;
	rivals->at[i].pid = pid;
	rivals->at[i].comm = comm;
	rivals->at[i].ns += ns;
}

static void name_rivals(struct trace_wait *wait, struct rivals *rivals)
{
	for (int place = 0; place < TRACE_INSTEAD_MAX; place++) {
		size_t most = 0;

		for (size_t i = 1; i < rivals->count; i++)
			if (rivals->at[i].ns > rivals->at[most].ns)
				most = i;
		if (rivals->count == 0 || rivals->at[most].ns == 0)
			return;
		wait->instead[place].pid = rivals->at[most].pid;
		wait->instead[place].ns = rivals->at[most].ns;
		copy_comm(wait->instead[place].comm, rivals->at[most].comm);
		rivals->at[most].ns = 0;
	}
}

/* The first record at or after a moment; records without a time go with the one behind them. */
static size_t find_time(const struct trace *trace, uint64_t time_ns)
{
	size_t low = 0, high = trace->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2, at = middle;

		while (at < high && trace->records[at].kind == TRACE_CGROUP)
			at++;
		if (at == high || trace->records[at].time_ns >= time_ns)
			high = middle;
		else
			low = at + 1;
	}
	return low;
}

static void find_rivals(const struct trace *trace, struct trace_wait *wait)
{
	const struct trace_record *last = NULL;
	struct rivals rivals = {0};
	uint64_t since_ns = wait->begin_ns;

	for (size_t i = find_time(trace, wait->begin_ns);
	     i < trace->count && since_ns < wait->end_ns; i++) {
		const struct trace_record *record = &trace->records[i];
		uint64_t until_ns;

		if (record->kind != TRACE_SWITCH || record->cpu != wait->cpu)
			continue;
		until_ns = record->time_ns < wait->end_ns ? record->time_ns : wait->end_ns;
		add_rival(&rivals, record->pid, record->comm, until_ns - since_ns);
		since_ns = record->time_ns;
		last = record;
	}
	if (last && since_ns < wait->end_ns)
		add_rival(&rivals, last->other_pid, last->other_comm, wait->end_ns - since_ns);
	name_rivals(wait, &rivals);
}

/* --- the door
 * ----------------------------------------------------------------------------------------- */

static uint64_t edge_ns(const struct trace *trace, bool last)
{
	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_record *record =
			&trace->records[last ? trace->count - 1 - i : i];

		if (record->kind != TRACE_CGROUP)
			return record->time_ns;
	}
	return 0;
}

/* How long run queues were at the end of the window is told by what changed them after it. */
static void finish_lengths(struct walk *walk, const struct trace *trace, size_t from)
{
	for (size_t i = from; i < trace->count; i++) {
		const struct trace_record *record = &trace->records[i];

		if (record->kind == TRACE_SWITCH)
			note_length(walk, record, record->cpu);
		if (record->kind == TRACE_ENQUEUE || record->kind == TRACE_DEQUEUE)
			note_length(walk, record, record->target);
	}
}

/* The tracer's count, or what the kernel's counter of switches tells of others: some may be in both. */
static uint64_t lost_events(const struct trace *trace, const struct trace_analysis *out)
{
	uint64_t miscounted = 0;

	for (uint32_t cpu = 0; cpu < out->cpu_count; cpu++)
		miscounted = saturating_add(miscounted, out->cpu[cpu].miscounted);
	return trace->lost > miscounted ? trace->lost : miscounted;
}

struct trace_analysis *trace_analyse(const struct trace *trace, uint64_t begin_ns, uint64_t end_ns)
{
	struct trace_analysis *out = xcalloc(1, sizeof(*out));
	struct walk *walk = xcalloc(1, sizeof(*walk));
	uint64_t last_ns = edge_ns(trace, true);
	size_t i = 0;

	*walk = (struct walk){.out = out, .begin_ns = begin_ns, .end_ns = end_ns};
	walk->first_ns = edge_ns(trace, false);
	out->begin_ns = begin_ns > walk->first_ns ? begin_ns : walk->first_ns;
	out->end_ns = end_ns < last_ns ? end_ns : last_ns;
	grow_slots(walk);
	for (; i < trace->count &&
	       (trace->records[i].kind == TRACE_CGROUP || trace->records[i].time_ns < end_ns);
	     i++)
		take_record(walk, &trace->records[i]);
	finish_lengths(walk, trace, i);
	end_walk(walk, last_ns);
	out->cut = trace->cut;
	out->lost = lost_events(trace, out);
	vec_each (task, &out->tasks) {
		task->wakeup = trace_times_of(&task->wakeup_samples);
		task->delay = trace_times_of(&task->delay_samples);
	}
	for (size_t wait = 0; wait < out->wait_count; wait++)
		find_rivals(trace, &out->wait[wait]);
	lives_done(&walk->lives);
	free(walk->slots);
	free(walk);
	return out;
}

const struct trace_task *trace_find_task(const struct trace_analysis *analysis, uint32_t pid)
{
	vec_each (task, &analysis->tasks) {
		if (task->pid == pid)
			return task;
	}
	return NULL;
}

const char *trace_cgroup_name(const struct trace_analysis *analysis, uint64_t id)
{
	vec_each (cgroup, &analysis->cgroups) {
		if (cgroup->id == id)
			return cgroup->name;
	}
	return "";
}
