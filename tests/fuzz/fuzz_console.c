/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: the end of a console log holds printable characters, tabs and newlines, and no more of
 * them than were asked for; a panic found in it is one line of it. The first byte says how much is
 * asked for, the others are the log.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm/vm.h"

#define CONSOLE_STEP 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_panic(struct sv console)
{
	AUTO(free) char *line = console_panic(console);

	if (!line)
		return;
	assert(*line);
	assert(!strchr(line, '\n'));
	assert(memmem(console.data, console.len, line, strlen(line)));
}

static void check_tail(const char *tail, size_t max)
{
	assert(strlen(tail) <= max);
	for (const char *c = tail; *c; c++)
		assert(*c == '\n' || *c == '\t' || (*c >= 0x20 && *c < 0x7f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *path = NULL;
	AUTO(free) char *tail = NULL;
	AUTO(fd_close) int fd = -1;
	size_t max;
	int r;

	if (size == 0)
		return 0;
	max = (size_t)data[0] * CONSOLE_STEP;
	fd = memfd_create("console", MFD_CLOEXEC);
	assert(fd >= 0);
	r = fd_write_all(fd, data + 1, size - 1);
	assert(r == 0);
	path = xasprintf("/proc/self/fd/%d", fd);
	tail = console_tail(path, max);
	check_tail(tail, max);
	check_panic(sv_of(tail));
	check_panic(sv_bytes(data + 1, size - 1));
	return 0;
}
