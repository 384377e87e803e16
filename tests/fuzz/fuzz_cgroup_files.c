/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: every number of a cgroup.procs that is accepted is there when it is printed again; what
 * is refused has words; events and counters that are found stand in the text.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "scenario/files.h"
#include "scenario/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pids(struct sv text)
{
	AUTO(pids_done) struct pids pids = {0};
	AUTO(pids_done) struct pids again = {0};
	AUTO(buf_done) struct buf printed = {0};
	struct ktstr_error err = {0};
	int r = pids_parse(text, &pids, &err);

	if (r < 0) {
		assert(r == -EINVAL);
		assert(err.msg[0]);
		return;
	}
	vec_each (pid, &pids) {
		assert(*pid >= 0);
		buf_printf(&printed, "%d\n", *pid);
	}
	assert(pids_parse(sv_of(buf_text(&printed)), &again, NULL) == 0);
	assert(again.len == pids.len);
	for (size_t i = 0; i < pids.len; i++)
		assert(pids.at[i] == again.at[i]);
}

static bool contains(struct sv text, const char *part)
{
	return text.len && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv text = sv_bytes(data, size);
	struct cgroup_events events = cgroup_events_parse(text);

	check_pids(text);
	assert(!events.populated || contains(text, "populated 1"));
	assert(!events.frozen || contains(text, "frozen 1"));
	assert(vmstat_parse(text, "numa_hit") == 0 || contains(text, "numa_hit "));
	return 0;
}
