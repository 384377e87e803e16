/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/helpers.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* KTSTR_LIBEXECDIR: absolute, where `make install` puts them */
int helper_find(const char *name, char **ret_path, struct ktstr_error *err)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	AUTO(buf_done) struct buf places = {0};
	const char *slash;

	if (len < 0)
		return error_sys(err, "readlink /proc/self/exe");
	self[len] = '\0';
	slash = strrchr(self, '/');
	for (int i = 0; i < 3; i++) {
		int dir_len = (int)(slash - self);
		char *path = i == 0   ? xasprintf("%.*s/../../tools/%s", dir_len, self, name)
			     : i == 1 ? xasprintf("%.*s/../libexec/ktstr/%s", dir_len, self, name)
				      : xasprintf("%s/%s", KTSTR_LIBEXECDIR, name);

		if (access(path, X_OK) == 0) {
			*ret_path = path;
			return 0;
		}
		buf_printf(&places, "%s%s", i ? ", " : "", path);
		free(path);
	}
	return error_set(err, -ENOENT, "%s is not in %s", name, buf_text(&places));
}

static void export_one(const char *variable, const char *name)
{
	AUTO(free) char *path = NULL;
	AUTO(free) char *whole = NULL;

	if (getenv(variable) || helper_find(name, &path, NULL) < 0)
		return;
	whole = realpath(path, NULL);
	if (whole)
		setenv(variable, whole, 0);
}

void helpers_export(void)
{
	export_one("KTSTR_JEMALLOC_PROBE_BINARY", "ktstr-jemalloc-probe");
	export_one("KTSTR_JEMALLOC_ALLOC_WORKER_BINARY", "ktstr-jemalloc-alloc-worker");
	export_one("KTSTR_GUEST_TRACER_BINARY", "ktstr-guest-tracer");
	export_one("KTSTR_REPRO_PROBE_BINARY", "ktstr-repro-probe");
	export_one("KTSTR_CTPROF_AGENT_BINARY", "ktstr-ctprof-agent");
}
