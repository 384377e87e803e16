/* SPDX-License-Identifier: BSD-2-Clause */
/* target.h - what is known of a process once jemalloc was found in it. */
#ifndef PROBE_TARGET_H
#define PROBE_TARGET_H

#include <sys/stat.h>

#include "probe/layouts.h"
#include "probe/remote.h"

struct probe_target {
	pid_t pid;                       /* of the process: a tgid */
	pid_t base;                      /* a thread whose /proc files work; pid, unless that is a zombie */
	struct probe_layouts *layouts;
	dev_t exe_dev;
	ino_t exe_ino;
	struct buf auxv;                 /* its pointers change with each execve() */
	char *object;                    /* path of the file with jemalloc */
	struct tls_place place;
	uint64_t allocated, deallocated; /* into the TLS block */
};

/*
 * thread.c: fill in readings[].tid's numbers, as probe_target_read() does for all of them; returns how
 * many were touched before *cancel was true.
 */
size_t threads_read(const struct probe_target *target, struct probe_reading *readings, size_t count,
		    bool identity, uint64_t timeout_ns, const atomic_bool *cancel);

#endif
