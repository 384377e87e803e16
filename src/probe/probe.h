/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - the door of the probe room: how many bytes each thread of a running process has got from
 * jemalloc and given back, read from outside. The target needs no preparation; each of its threads
 * is stopped for some microseconds.
 *
 * jemalloc keeps both numbers in a thread-local struct tsd_s. Where that is in a thread follows from
 * its thread pointer and from what is learned once per file: debug information of an executable or a
 * shared object tells, and for a stripped shared object a helper process that has it preloaded.
 *
 *	struct probe_layouts    what was learned about files; one for many targets, any thread
 *	struct probe_target     one process; one thread at a time
 *
 * Nothing here leaves a thread stopped or traced, a child, a descriptor or a temporary file.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/vec.h"

/* Why nothing can be read of a process. */
enum probe_fatal {
	PROBE_FATAL_NONE,
	PROBE_FATAL_PID_MISSING,
	PROBE_FATAL_EXE_IDENTITY_CHANGED,     /* it executes another file than before */
	PROBE_FATAL_JEMALLOC_NOT_FOUND,
	PROBE_FATAL_JEMALLOC_IN_DSO,          /* there, but where its numbers are cannot be found out */
	PROBE_FATAL_READLINK_FAILURE,         /* no executable: kernel thread, zombie; or no permission */
	PROBE_FATAL_MAPS_READ_FAILURE,
	PROBE_FATAL_DWARF_PARSE_FAILURE,
	PROBE_FATAL_ARCH_MISMATCH,
	PROBE_FATAL_SELF_PROBE_REJECTED,
	PROBE_FATAL_TID_ENUMERATION_FAILURE,
	PROBE_FATAL_OTHER,
	PROBE_FATAL_COUNT,
};
const char *probe_fatal_tag(enum probe_fatal fatal);     /* "pid-missing" */

/* Why nothing could be read of one thread: the step that failed. */
enum probe_step {
	PROBE_STEP_NONE,                      /* nothing failed */
	PROBE_STEP_SEIZE,
	PROBE_STEP_INTERRUPT,
	PROBE_STEP_WAITPID,
	PROBE_STEP_GET_REGSET,
	PROBE_STEP_READ,
	PROBE_STEP_ARITHMETIC,
	PROBE_STEP_COUNT,
};
const char *probe_step_word(enum probe_step step);       /* "ptrace_seize" */

struct probe_layouts;

/*
 * cache_dir is where the offsets of stripped shared objects are kept for later runs, by build-id; it
 * is made when there is something to keep. NULL: they are forgotten at the end.
 */
struct probe_layouts *probe_layouts_new(const char *cache_dir);
void probe_layouts_free(struct probe_layouts *layouts);  /* after its targets; NULL is fine */
DEFINE_AUTO(struct probe_layouts *, probe_layouts_free)

struct probe_target;

/*
 * Find jemalloc in the process that pid belongs to. On failure *ret_fatal says what kind, and *err
 * says it in words, with the way out where there is one; err->code is -EACCES or -EPERM where it was
 * for lack of privilege. May start a helper process and wait for it, at most 5 s. A process that is
 * just starting, or loading a library, is waited for, at most 2 s: -EAGAIN.
 */
int probe_target_open(pid_t pid, struct probe_layouts *layouts, struct probe_target **ret_target,
		      enum probe_fatal *ret_fatal, struct ktstr_error *err);
void probe_target_free(struct probe_target *target);     /* NULL is fine */
DEFINE_AUTO(struct probe_target *, probe_target_free)

/*
 * Before the target is read again after a while: a process that has executed the same file anew is
 * attached to anew, as of probe_target_open(); another file is PROBE_FATAL_EXE_IDENTITY_CHANGED.
 */
int probe_target_renew(struct probe_target *target, enum probe_fatal *ret_fatal,
		       struct ktstr_error *err);

const char *probe_target_object(const struct probe_target *target);  /* path of the file with jemalloc */

struct probe_reading {
	pid_t tid;
	char comm[64];                   /* empty: could not be read */
	uint64_t start_time_jiffies;     /* since boot, as in /proc/PID/stat; with comm */
	uint64_t allocated_bytes;        /* since the thread was born, as is the other */
	uint64_t deallocated_bytes;
	uint64_t stopped_ns;             /* from when it still ran to the release; an upper bound */
	enum probe_step failed;          /* PROBE_STEP_NONE: the numbers are good */
	int code;                        /* negative errno of what failed; -ESRCH: it has ended */
	pid_t tracer;                    /* who traces it already, where that is why; else 0 */
};
DEFINE_VEC(probe_readings, struct probe_reading, vec_keep)

/*
 * The numbers of each thread of the process, sorted by tid; with identity also comm and start time,
 * read before the numbers. Stops one thread at a time, and waits for that for timeout_ns, or ten times
 * that where the thread only waits for a CPU. 1: *cancel (NULL: never) became true, so there are only
 * those that had been touched by then. A process that executes
 * its file anew meanwhile is attached to and read anew, so that all numbers are of one execution.
 *
 * ptrace belongs to the thread that called it, and a tracee that does not stop (uninterruptible
 * sleep) can be let go only by the end of its tracer. So the work is done by a thread of its own,
 * which ends with it: any thread may call this, and many may at once. But a program that calls
 * waitpid(-1) or wait() meanwhile takes away the stops that are waited for here.
 */
int probe_target_read(struct probe_target *target, bool identity, uint64_t timeout_ns,
		      const atomic_bool *cancel, struct probe_readings *ret_readings,
		      enum probe_fatal *ret_fatal, struct ktstr_error *err);

/* Why a reading failed, for people: what, why and what helps. */
void probe_reading_explain(const struct probe_reading *reading, struct buf *ret_text);

#endif
