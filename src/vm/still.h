/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * still.h - the one thread of QEMU that must not run while a det guest does. One thread drives it,
 * the one that started QEMU.
 *
 * QEMU frees old tables (the hash of translated blocks, when it has grown) in a thread of its own,
 * 50 ms of host time after they were put aside (util/rcu.c, call_rcu_thread()), and first makes the
 * vCPU that runs let go of them: it loses the rest of its turn (accel/tcg/tcg-accel-ops-rr.c,
 * rr_force_rcu()). Where several vCPUs are busy, that is another run. So the thread is stopped with
 * ptrace(2) while the guest runs, when it sleeps and holds no lock; what it would have freed goes with
 * QEMU.
 */
#ifndef VM_STILL_H
#define VM_STILL_H

#include <sys/types.h>

#include "base/base.h"

struct still {
	pid_t tid;        /* of the stopped thread; 0: none */
};

/* -errno with words when it cannot be had: the guest runs all the same. */
int still_begin(pid_t qemu, struct still *still, struct ktstr_error *err);

/* Let it go on. Also when QEMU has ended: nobody can wait for QEMU before. */
void still_end(struct still *still);

#endif
