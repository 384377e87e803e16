/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/files.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

/* kernel/sched/core.c: min_cfs_quota_period, max_cfs_quota_period; and cgroup-v2.rst */
#define QUOTA_MIN_US 1000
#define PERIOD_DEFAULT_US 100000
#define PERIOD_MIN_US 1000
#define PERIOD_MAX_US 1000000
#define WEIGHT_MAX 10000

struct cgroup_events cgroup_events_parse(struct sv text)
{
	struct cgroup_events events = {0};
	struct sv line;

	while (sv_line(&text, &line)) {
		if (sv_eq(line, "populated 1"))
			events.populated = true;
		else if (sv_eq(line, "frozen 1"))
			events.frozen = true;
	}
	return events;
}

int pids_parse(struct sv text, struct pids *pids, struct ktstr_error *err)
{
	struct sv line;

	while (sv_line(&text, &line)) {
		uint32_t pid;

		/* 0 is a process outside of our PID namespace */
		if (sv_u32(line, INT32_MAX, &pid) < 0)
			return error_set(err, -EINVAL, "\"%.*s\" is no process", SV_ARG(line));
		pids_push(pids, (pid_t)pid);
	}
	return 0;
}

/* --- limits ------------------------------------------------------------------------------------- */

struct writes {
	struct limit_write *at;
	int count;
};

static struct limit_write *add(struct writes *writes, const char *controller, const char *file)
{
	assert(writes->count < LIMIT_WRITES_MAX);
	writes->at[writes->count] = (struct limit_write){.controller = controller, .file = file};
	return &writes->at[writes->count++];
}

static void add_number(struct writes *writes, const char *controller, const char *file,
		       uint64_t value)
{
	struct limit_write *write;

	if (value == 0)
		return;
	write = add(writes, controller, file);
	if (value == UINT64_MAX)
		snprintf(write->text, sizeof(write->text), "max");
	else
		snprintf(write->text, sizeof(write->text), "%llu", (unsigned long long)value);
}

static int add_quota(struct writes *writes, const struct ktstr_limits *limits,
		     struct ktstr_error *err)
{
	uint64_t quota_us = limits->cpu_quota_us;
	uint64_t period_us = limits->cpu_period_us ?: PERIOD_DEFAULT_US;
	struct limit_write *write;

	if (quota_us == 0 && limits->cpu_period_us)
		return error_set(err, -EINVAL, "cpu.max: a period without a quota");
	if (quota_us == 0)
		return 0;
	if (period_us < PERIOD_MIN_US || period_us > PERIOD_MAX_US)
		return error_set(err, -EINVAL, "cpu.max: the period must be %d..%d us, not %llu",
				 PERIOD_MIN_US, PERIOD_MAX_US, (unsigned long long)period_us);
	if (quota_us < QUOTA_MIN_US)
		return error_set(err, -EINVAL, "cpu.max: the quota must be %d us or more, not %llu",
				 QUOTA_MIN_US, (unsigned long long)quota_us);
	write = add(writes, "cpu", "cpu.max");
	if (quota_us == UINT64_MAX)
		snprintf(write->text, sizeof(write->text), "max %llu", (unsigned long long)period_us);
	else
		snprintf(write->text, sizeof(write->text), "%llu %llu", (unsigned long long)quota_us,
			 (unsigned long long)period_us);
	return 0;
}

static int add_weight(struct writes *writes, const char *controller, const char *file,
		      unsigned weight, struct ktstr_error *err)
{
	if (weight > WEIGHT_MAX)
		return error_set(err, -EINVAL, "%s must be 1..%d, not %u", file, WEIGHT_MAX, weight);
	add_number(writes, controller, file, weight);
	return 0;
}

int limits_writes(const struct ktstr_limits *limits, struct limit_write at[LIMIT_WRITES_MAX],
		  struct ktstr_error *err)
{
	struct writes writes = {.at = at};
	int r = add_quota(&writes, limits, err);

	if (r == 0)
		r = add_weight(&writes, "cpu", "cpu.weight", limits->cpu_weight, err);
	if (r < 0)
		return r;
	add_number(&writes, "memory", "memory.min", limits->memory_min);
	add_number(&writes, "memory", "memory.low", limits->memory_low);
	add_number(&writes, "memory", "memory.high", limits->memory_high);
	add_number(&writes, "memory", "memory.max", limits->memory_max);
	add_number(&writes, "memory", "memory.swap.max", limits->memory_swap_max);
	r = add_weight(&writes, "io", "io.weight", limits->io_weight, err);
	if (r < 0)
		return r;
	add_number(&writes, "pids", "pids.max", limits->pids_max);
	return writes.count;
}
