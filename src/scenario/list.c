/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/list.h"

#include <errno.h>

static int check_name(const struct ktstr_cgroup *cgroups, size_t i, struct ktstr_error *err)
{
	const char *name = cgroups[i].name;

	if (!name || !*name)
		return error_set(err, -EINVAL, "cgroup number %zu: name is empty", i + 1);
	if (strchr(name, '/') || strchr(name, '\n'))
		return error_set(err, -EINVAL, "cgroup %s: name must not contain '/' or a newline",
				 name);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, -EINVAL, "cgroup %s: name is that of another directory",
				 name);
	for (size_t j = 0; j < i; j++) {
		if (strcmp(cgroups[j].name, name) == 0)
			return error_set(err, -EINVAL, "cgroup %s: name is there twice", name);
	}
	return 0;
}

int worker_groups_of(const struct ktstr_cgroup *cgroups, size_t count, unsigned workers_default,
		     struct worker_groups *groups, struct ktstr_error *err)
{
	size_t total = 0;

	if (count == 0)
		return error_set(err, -EINVAL, "cgroups: there are none to run");
	for (size_t i = 0; i < count; i++) {
		struct worker_group group = {
			.cgroup = cgroups[i].name,
			.count = cgroups[i].workers ?: workers_default,
			.work = cgroups[i].work,
		};
		int r = check_name(cgroups, i, err);

		if (r == 0)
			r = worker_group_check(&group, err);
		if (r < 0)
			return r;
		total += group.count;
		if (total > WORKERS_MAX)
			return error_set(err, -EINVAL, "cgroup %s: workers: more than %d in all",
					 group.cgroup, WORKERS_MAX);
		worker_groups_push(groups, group);
	}
	return 0;
}
