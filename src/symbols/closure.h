/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * closure.h - which host files a program needs in order to start in a guest, and under which path
 * each must appear there: its dynamic linker and, breadth-first, every library that a DT_NEEDED
 * names, found as ld.so(8) of glibc finds it:
 *
 *	1. DT_RPATH of the file that needs it, of the file that brought that one in, and so on up
 *	   to the program; a file with DT_RUNPATH has no DT_RPATH, and its own needs use nobody's
 *	2. LD_LIBRARY_PATH
 *	3. DT_RUNPATH of the file that needs it, and of no other
 *	4. the directories beside a dynamic linker that is not the system's
 *	5. ld.so.cache
 *	6. the default directories, with and without the multiarch triplet
 *
 * with $ORIGIN, $LIB and $PLATFORM expanded. A name that is already loaded, be it by name or by
 * DT_SONAME, is not searched again. Files of another class or machine are passed over.
 *
 * A script gets its "#!" interpreter and what that one needs; an interpreter that is a script again
 * is not followed, nor is the argument of /usr/bin/env. Static programs and files that are neither
 * ELF nor script need nothing.
 *
 * Out of scope: what a program opens at run time with dlopen(3) (NSS and gconv modules, and
 * libgcc_s.so.1, which glibc itself opens for pthread_cancel), LD_PRELOAD, DT_FILTER, DT_AUXILIARY.
 * Variants for newer CPUs (glibc-hwcaps) are left out: the guest's CPU is not the host's.
 */
#ifndef SYMBOLS_CLOSURE_H
#define SYMBOLS_CLOSURE_H

#include "base/error.h"
#include "base/vec.h"

#define CLOSURE_FILE_MAX 4096

/* Both paths are absolute; the guest's has no ".", "..", or doubled slash. */
struct needed_file {
	char *guest_path;     /* the path by which it was found, symbolic links and all */
	char *host_path;      /* the file to read for it; may be a symbolic link */
};

static inline void needed_file_done(struct needed_file *file)
{
	free(file->guest_path);
	free(file->host_path);
}
DEFINE_VEC(needed_files, struct needed_file, needed_file_done)

struct closure {
	struct needed_files files;      /* without the program itself; each guest path once */
	/*
	 * Directories of `files` in which the guest's dynamic linker does not look of itself: the
	 * program must run with them in LD_LIBRARY_PATH. These were found through LD_LIBRARY_PATH
	 * or ld.so.cache (guests have none), beside a foreign dynamic linker, or by a search path
	 * that may mean something else in the guest: one through "..", relative to the working
	 * directory, or relative to the program, which the caller may put where it likes.
	 */
	struct strings library_dirs;
	/* What was not found: "libfoo.so.1 (needed by /opt/bin/x)". The caller judges. */
	struct strings unresolved;
};

void closure_done(struct closure *closure);
DEFINE_AUTO_DONE(struct closure, closure_done)

struct closure_config {
	const char *root;             /* host directory that stands for "/"; NULL: "/" */
	const char *library_path;     /* LD_LIBRARY_PATH; NULL: none */
	const char *cache_path;       /* below root; NULL: /etc/ld.so.cache. May be missing */
};

/*
 * program is a host path and need not lie below the root. On success *ret_closure is the caller's,
 * for closure_done(); on failure it is untouched. Any thread; keeps nothing between calls.
 *
 * -ENOENT, -EACCES and others of open(2): the program could not be read. -ENOEXEC: it, a file that
 * it needs, or ld.so.cache is truncated or corrupt. -EINVAL: one of them is no regular file.
 * -ENOTSUP: dynamic, but neither x86-64 nor aarch64. -E2BIG: more than CLOSURE_FILE_MAX files.
 */
int closure_of(const char *program, const struct closure_config *config,
	       struct closure *ret_closure, struct ktstr_error *err);

#endif
