/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "ctprof/snapshot.h"

const char *const ctprof_file_name[CTPROF_FILES] = {
	[CTPROF_FILE_STAT] = "stat",
	[CTPROF_FILE_SCHEDSTAT] = "schedstat",
	[CTPROF_FILE_IO] = "io",
	[CTPROF_FILE_STATUS] = "status",
	[CTPROF_FILE_SCHED] = "sched",
	[CTPROF_FILE_CGROUP] = "cgroup",
	[CTPROF_FILE_SMAPS_ROLLUP] = "smaps_rollup",
};

/* A hash set with open addressing; `slots` is a power of two and at most half full. */
struct ctprof_names {
	char **slot;
	size_t slots;
	size_t len;
};

static size_t name_hash(struct sv text)
{
	uint64_t hash = 0xcbf29ce484222325;        /* FNV-1a */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3;
	return (size_t)(hash ^ hash >> 32);
}

static char **name_slot(const struct ctprof_names *names, struct sv text)
{
	size_t at = name_hash(text) & (names->slots - 1);

	while (names->slot[at] && !sv_eq(text, names->slot[at]))
		at = (at + 1) & (names->slots - 1);
	return &names->slot[at];
}

static void names_grow(struct ctprof_names *names)
{
	struct ctprof_names grown = {.slots = names->slots ? names->slots * 2 : 256, .len = names->len};

	grown.slot = xcalloc(grown.slots, sizeof(*grown.slot));
	for (size_t i = 0; i < names->slots; i++)
		if (names->slot[i])
			*name_slot(&grown, sv_of(names->slot[i])) = names->slot[i];
	free(names->slot);
	*names = grown;
}

const char *ctprof_snapshot_name(struct ctprof_snapshot *snapshot, struct sv text)
{
	struct ctprof_names *names = snapshot->names;
	const void *nul = text.len ? memchr(text.data, '\0', text.len) : NULL;
	char **slot;

	if (nul)
		text.len = (size_t)((const char *)nul - text.data);
	if (!names)
		names = snapshot->names = xcalloc(1, sizeof(*names));
	if (names->slots < 2 * (names->len + 1))
		names_grow(names);
	slot = name_slot(names, text);
	if (!*slot) {
		*slot = xstrndup(text.len ? text.data : "", text.len);
		names->len++;
	}
	return *slot;
}

void ctprof_thread_done(struct ctprof_thread *thread)
{
	ctprof_pairs_done(&thread->smaps_rollup_kib);
}

void ctprof_cgroup_done(struct ctprof_cgroup *cgroup)
{
	ctprof_pairs_done(&cgroup->memory.stat);
	ctprof_pairs_done(&cgroup->memory.events);
}

void ctprof_snapshot_done(struct ctprof_snapshot *snapshot)
{
	ctprof_threads_done(&snapshot->threads);
	ctprof_cgroups_done(&snapshot->cgroups);
	if (snapshot->host)
		host_context_done(snapshot->host);
	free(snapshot->host);
	for (size_t i = 0; snapshot->names && i < snapshot->names->slots; i++)
		free(snapshot->names->slot[i]);
	if (snapshot->names)
		free(snapshot->names->slot);
	free(snapshot->names);
	*snapshot = (struct ctprof_snapshot){0};
}

static int compare_threads(const void *left, const void *right)
{
	const struct ctprof_thread *a = left, *b = right;
	bool a_leads = a->tid == a->tgid, b_leads = b->tid == b->tgid;

	if (a->tgid != b->tgid)
		return a->tgid < b->tgid ? -1 : 1;
	if (a_leads != b_leads)
		return a_leads ? -1 : 1;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

static int compare_cgroups(const void *left, const void *right)
{
	const struct ctprof_cgroup *a = left, *b = right;

	return strcmp(a->path, b->path);
}

void ctprof_snapshot_sort(struct ctprof_snapshot *snapshot)
{
	if (snapshot->threads.len)
		qsort(snapshot->threads.at, snapshot->threads.len, sizeof(*snapshot->threads.at),
		      compare_threads);
	if (snapshot->cgroups.len)
		qsort(snapshot->cgroups.at, snapshot->cgroups.len, sizeof(*snapshot->cgroups.at),
		      compare_cgroups);
}

const struct ctprof_cgroup *ctprof_snapshot_cgroup(const struct ctprof_snapshot *snapshot, const char *path)
{
	const struct ctprof_cgroup key = {.path = path};

	if (!snapshot->cgroups.len)
		return NULL;
	return bsearch(&key, snapshot->cgroups.at, snapshot->cgroups.len, sizeof(key), compare_cgroups);
}
