/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.h - what /proc says about a process: its mappings, auxiliary vector and threads. Readers take
 * text, so that tests need no process.
 *
 * A line of maps (Documentation/filesystems/proc.rst):
 *
 *	55d0c4a00000-55d0c4a21000 r-xp 00002000 fe:01 1234      /usr/bin/redis-check-rdb
 *	from         to           perm offset   dev   inode     path, where it has one
 *
 * The path is as the target sees it, with newlines as \012, and " (deleted)" behind it once that is so.
 */
#ifndef PROBE_PROC_H
#define PROBE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"
#include "base/vec.h"

#define PROC_MAPS_BYTES_MAX (256u << 20)
#define PROC_OBJECT_MAX 8192

struct mapping {
	uint64_t start, end, offset;      /* start < end */
	uint64_t inode;
	uint32_t major, minor;
	bool executable;
	struct sv path;                   /* of the line; empty for anonymous memory */
};

/* -EINVAL: not such a line. */
int mapping_parse(struct sv line, struct mapping *ret_mapping);

/* A file that is mapped, executable in part: an executable or a shared object. */
struct object {
	uint64_t start, end;              /* of its mapping at offset 0 */
	uint64_t inode;
	uint32_t major, minor;
	char *path;                       /* owned; without " (deleted)" */
};

static inline void object_done(struct object *object)
{
	free(object->path);
}
DEFINE_VEC(objects, struct object, object_done)

/* In order of address. Files without a mapping at offset 0 are none: nothing says where they begin. */
int objects_parse(struct sv maps, struct objects *ret_objects, struct ktstr_error *err);

/* Field 2, as far as it fits, and field 22 of /proc/PID/stat; proc(5). The name may hold anything. */
int stat_parse(struct sv stat, char *ret_comm, size_t comm_size, char *ret_state,
	       uint64_t *ret_start_time_jiffies);

/* The number behind "Tgid:" or its like in /proc/PID/status. */
int status_number(struct sv status, const char *key, uint32_t *ret_number);

/* The value with this type in an auxiliary vector of 64-bit words; false without one. */
bool auxv_value(struct sv auxv, uint64_t type, uint64_t *ret_value);

#endif
