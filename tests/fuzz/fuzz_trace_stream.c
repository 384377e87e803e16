/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever a guest's tracer tells, it is refused with words, or becomes a file that is one of
 * ours, with no more slots than came, names of cgroups first; and what that says of its records is
 * for fuzz_trace.c.
 */
#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(const char *path, size_t size)
{
	AUTO(trace_done) struct trace trace = {0};
	struct ktstr_error err = {0};
	bool had_event = false;

	if (trace_open(path, &trace, &err) < 0) {
		assert(err.code == -EBADMSG && err.msg[0]);
		return;
	}
	assert(trace.tracer == TRACE_BY_BPF);
	assert((trace.count + 1) * sizeof(struct trace_record) <= size);
	for (size_t i = 0; i < trace.count; i++) {
		assert(!had_event || trace.records[i].kind != TRACE_CGROUP);
		had_event |= trace.records[i].kind != TRACE_CGROUP;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(fd_close) int fd = memfd_create("trace", MFD_CLOEXEC);
	AUTO(free) char *path = xasprintf("/proc/self/fd/%d", fd);
	AUTO(free) char *missing = NULL;
	struct ktstr_error err = {0};

	assert(fd >= 0);
	if (trace_from_guest(sv_bytes((const char *)data, size), false, path, &missing, &err) < 0) {
		assert(err.code == -EBADMSG && err.msg[0]);
		return 0;
	}
	check_file(path, size);
	return 0;
}
