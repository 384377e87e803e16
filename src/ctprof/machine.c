/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "ctprof/machine.h"
#include "ctprof/metrics.h"

#define CGROUP_DEPTH_MAX 64
#define CGROUPS_MAX 100000

static void read_pressures(struct tree_buffer *buffer, int dir_fd, const char *format, struct ctprof_psi *psi)
{
	for (int i = 0; i < CTPROF_PSI_RESOURCES; i++) {
		char path[64];
		struct sv text;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof(path), format, ctprof_psi_name[i]);
#pragma GCC diagnostic pop
		if (tree_read(buffer, dir_fd, path, &text) == 0)
			(void)parse_pressure(text, &psi->resource[i].some, &psi->resource[i].full);
	}
}

void machine_read_psi(struct tree_buffer *buffer, int root_fd, struct ctprof_psi *ret_psi)
{
	read_pressures(buffer, root_fd, "proc/pressure/%s", ret_psi);
}

void machine_read_sched_ext(struct tree_buffer *buffer, int root_fd, struct ctprof_snapshot *snapshot)
{
	AUTO(fd_close) int fd = tree_open_dir(root_fd, "sys/kernel/sched_ext");
	struct ctprof_sched_ext *ext = &snapshot->sched_ext;
	struct sv text;

	if (fd < 0)
		return;
	snapshot->has_sched_ext = true;
	if (tree_read(buffer, fd, "state", &text) < 0)
		text = sv_of("");
	ext->state = ctprof_snapshot_name(snapshot, sv_trim(text));
	(void)tree_number(buffer, fd, "switch_all", &ext->switch_all);
	(void)tree_number(buffer, fd, "nr_rejected", &ext->nr_rejected);
	(void)tree_number(buffer, fd, "hotplug_seq", &ext->hotplug_seq);
	(void)tree_number(buffer, fd, "enable_seq", &ext->enable_seq);
}

/* --- cgroups: Documentation/admin-guide/cgroup-v2.rst --------------------------------------------- */

/* One cgroup: its descriptor and what is being filled. */
struct visit {
	struct tree_buffer *buffer;
	struct ctprof_snapshot *snapshot;
	int fd;
	struct ctprof_cgroup *cgroup;
};

static struct ctprof_optional read_optional(struct visit *visit, const char *file)
{
	struct ctprof_optional value = {0};

	value.present = tree_number(visit->buffer, visit->fd, file, &value.value);
	return value;
}

/* "max" is the absence of a limit */
static struct ctprof_optional read_limit(struct visit *visit, const char *file)
{
	struct ctprof_optional value = read_optional(visit, file);

	if (value.value == UINT64_MAX)
		value = (struct ctprof_optional){0};
	return value;
}

static uint64_t pair_value(const struct ctprof_pairs *pairs, const char *key)
{
	vec_each(pair, pairs)
		if (strcmp(pair->key, key) == 0)
			return pair->value;
	return 0;
}

static void read_cpu(struct visit *visit)
{
	AUTO(ctprof_pairs_done) struct ctprof_pairs stat = {0};
	struct ctprof_cgroup *cgroup = visit->cgroup;
	struct sv text, period;
	uint64_t number;

	if (tree_read(visit->buffer, visit->fd, "cpu.stat", &text) == 0)
		parse_flat_keyed(text, visit->snapshot, &stat);
	cgroup->cpu.usage_usec = pair_value(&stat, "usage_usec");
	cgroup->cpu.nr_throttled = pair_value(&stat, "nr_throttled");
	cgroup->cpu.throttled_usec = pair_value(&stat, "throttled_usec");
	cgroup->cpu.max_period_us = 100000;
	if (tree_read(visit->buffer, visit->fd, "cpu.max", &text) == 0) {
		period = sv_trim(text);
		if (sv_u64(sv_split(&period, ' '), UINT64_MAX - 1, &number) == 0)
			cgroup->cpu.max_quota_us = (struct ctprof_optional){true, number};
		(void)sv_u64(period, UINT64_MAX, &cgroup->cpu.max_period_us);
	}
	cgroup->cpu.weight = read_optional(visit, "cpu.weight");
	if (tree_read(visit->buffer, visit->fd, "cpu.weight.nice", &text) == 0) {
		bool negative = sv_starts(text, "-");

		if (sv_u64(sv_trim(negative ? sv_skip(text, 1) : text), 1000, &number) == 0)
			cgroup->cpu.weight_nice = (struct ctprof_optional){true, negative ? -number : number};
	}
}

static void read_memory(struct visit *visit)
{
	struct ctprof_cgroup *cgroup = visit->cgroup;
	struct sv text;

	(void)tree_number(visit->buffer, visit->fd, "memory.current", &cgroup->memory.current);
	cgroup->memory.max = read_limit(visit, "memory.max");
	cgroup->memory.high = read_limit(visit, "memory.high");
	cgroup->memory.low = read_optional(visit, "memory.low");
	cgroup->memory.min = read_optional(visit, "memory.min");
	if (tree_read(visit->buffer, visit->fd, "memory.stat", &text) == 0)
		parse_flat_keyed(text, visit->snapshot, &cgroup->memory.stat);
	if (tree_read(visit->buffer, visit->fd, "memory.events", &text) == 0)
		parse_flat_keyed(text, visit->snapshot, &cgroup->memory.events);
}

static void read_cgroup(struct tree_buffer *buffer, struct ctprof_snapshot *snapshot, int fd, const char *path)
{
	struct ctprof_cgroup cgroup = {.path = ctprof_snapshot_name(snapshot, sv_of(path))};
	struct visit visit = {.buffer = buffer, .snapshot = snapshot, .fd = fd, .cgroup = &cgroup};

	read_cpu(&visit);
	read_memory(&visit);
	cgroup.pids.current = read_optional(&visit, "pids.current");
	cgroup.pids.max = read_limit(&visit, "pids.max");
	read_pressures(buffer, fd, "%s.pressure", &cgroup.psi);
	ctprof_cgroups_push(&snapshot->cgroups, cgroup);
}

static void walk(struct tree_buffer *buffer, struct ctprof_snapshot *snapshot, int parent_fd, const char *name,
		 struct buf *path, unsigned depth)
{
	AUTO(dir_close) DIR *dir = tree_list(parent_fd, name);
	size_t len = path->len;
	struct dirent *entry;

	if (!dir || snapshot->cgroups.len >= CGROUPS_MAX)
		return;
	read_cgroup(buffer, snapshot, dirfd(dir), len ? path->data : "/");
	while (depth < CGROUP_DEPTH_MAX && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || *entry->d_name == '.')
			continue;
		buf_printf(path, "/%s", entry->d_name);
		walk(buffer, snapshot, dirfd(dir), entry->d_name, path, depth + 1);
		path->len = len;
		path->data[len] = '\0';
	}
}

void machine_read_cgroups(struct tree_buffer *buffer, int root_fd, struct ctprof_snapshot *snapshot)
{
	/* systems that keep version 1 beside it mount it one step down */
	static const char *const mounts[] = {"sys/fs/cgroup", "sys/fs/cgroup/unified"};
	AUTO(buf_done) struct buf path = {.max = PATH_MAX};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		AUTO(fd_close) int fd = tree_open_dir(root_fd, mounts[i]);

		if (fd < 0 || faccessat(fd, "cgroup.controllers", F_OK, 0) < 0)
			continue;
		walk(buffer, snapshot, fd, ".", &path, 0);
		return;
	}
}
