/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote.h - another process's memory, and what glibc's dynamic linker keeps there about the modules
 * of a process:
 *
 *	executable's PT_DYNAMIC, DT_DEBUG -> struct r_debug { r_version, r_map, r_brk, r_state, ... }
 *	  r_map               the first module; r_state is RT_CONSISTENT unless some are being loaded
 *	struct link_map { l_addr, l_name, l_ld, l_next, l_prev, ... }      one a module, by <link.h>
 *	  ... l_tls_offset      where the module's TLS block is before (x86-64) the thread pointer,
 *	                        for modules there from the start: static TLS
 *	  ... l_tls_modid       else its index in each thread's dtv, an array of pointers to blocks
 *
 * The offsets of the fields after "..." differ between versions of glibc, which tells them to
 * debuggers in variables named _thread_db_* (nptl_db/structs.def) that no strip takes away: they are
 * dynamic symbols.
 */
#ifndef PROBE_REMOTE_H
#define PROBE_REMOTE_H

#include "probe/image.h"
#include "probe/layouts.h"

/* All of it or -errno; -EFAULT where nothing is mapped. */
int remote_read(pid_t tid, uint64_t address, void *buf, size_t bytes);

/* The same through process_vm_readv, in tests a fake. */
typedef int remote_reader(pid_t tid, uint64_t address, void *buf, size_t bytes);

struct thread_db {
	uint32_t l_tls_offset, l_tls_modid;      /* in struct link_map */
	uint32_t dtvp;                           /* in struct pthread: the thread's dtv */
	uint32_t dtv_slot_bytes, dtv_pointer;    /* one element, and the pointer in it */
};

/* From the file of glibc's libc.so.6 (before 2.34, libpthread.so.0). -ENOENT: it is not in there. */
int thread_db_read(const struct image *image, struct thread_db *ret_db, struct ktstr_error *err);

/* Where a module's TLS block is. */
struct tls_place {
	bool is_static;
	int64_t from_pointer;       /* static: thread pointer + this */
	uint64_t modid;             /* else: index in the dtv, from 1 */
	struct thread_db db;
};

/*
 * Of the module whose file is loaded with this bias. phdr and phdr_count are AT_PHDR and AT_PHNUM.
 * -ENOENT: the dynamic linker does not know such a module. -EAGAIN: it is busy with loading.
 */
int tls_place_find(pid_t pid, remote_reader *read, uint64_t phdr, uint64_t phdr_count, uint64_t bias,
		   const struct thread_db *db, struct tls_place *ret_place, struct ktstr_error *err);

/* Whether it is loading modules just now: those that a program starts with, or later ones. */
bool linker_is_busy(pid_t pid, remote_reader *read, uint64_t phdr, uint64_t phdr_count);

/*
 * The block's address in the thread with that thread pointer. *ret_block is 0 where it has none:
 * it has never used the module. For a stopped thread.
 */
int tls_block_find(pid_t tid, remote_reader *read, const struct tls_place *place, uint64_t pointer,
		   uint64_t *ret_block);

#endif
