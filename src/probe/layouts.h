/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layouts.h - what one file says about where jemalloc's numbers are, learned once however many
 * processes map it. Files are told apart by device and inode as maps has them; what a helper process
 * had to be asked for is kept on disk by build-id.
 */
#ifndef PROBE_LAYOUTS_H
#define PROBE_LAYOUTS_H

#include "probe/probe.h"
#include "probe/proc.h"

/* Where a file of a process is found. */
struct place {
	pid_t pid;                /* for /proc/PID/exe and map_files */
	int root_fd;              /* O_PATH; the root directory as the process sees it */
	bool is_foreign;          /* another mount namespace than ours */
};

struct layout {
	bool has_jemalloc;
	enum probe_fatal unknown;         /* why its numbers cannot be found, with jemalloc; or NONE */
	char *reason;                     /* in words; owned */
	int code;                         /* the errno of that */
	uint64_t allocated, deallocated;  /* into the TLS block */
	int64_t from_pointer;             /* of an executable: thread pointer + this is the TLS block */
	uint64_t base_address;            /* what the mapping at offset 0 would be at, unmoved */
};

/*
 * The layout of one mapped file; the table's, until probe_layouts_free(). The first who asks for a
 * file learns it, others who want it meanwhile wait. Never NULL: that a file cannot be opened or is
 * damaged means that no jemalloc is known to be in it.
 */
const struct layout *layout_of(struct probe_layouts *layouts, const struct place *place,
			       const struct object *object, bool is_executable);

/* The file itself, by whichever of /proc's ways is open to us. *ret_fd is the caller's. */
int object_open(const struct place *place, const struct object *object, int *ret_fd);

#endif
