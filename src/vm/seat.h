/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seat.h - the host CPU that a det guest has. Any thread may call.
 *
 * QEMU's main loop moves the virtual clock while all vCPUs are idle, and stops the VM. The thread of
 * the vCPUs wakes it, and runs on until it comes: on another CPU, that is as many instructions as
 * the host needs for waking a thread. (accel/tcg/icount-common.c, icount_start_warp_timer(), takes a
 * vCPU that has just executed HLT for idle while what it executed is not in the clock yet;
 * system/cpus.c, vm_stop(), in a vCPU's thread only asks.) With both threads on one CPU and the main
 * loop's ahead, it comes at the instruction that wakes it, or when the other lets go of their lock.
 */
#ifndef VM_SEAT_H
#define VM_SEAT_H

#include <sched.h>

/*
 * The one of the CPUs where the caller may run that has the fewest guests of this process, as a
 * set, and its number to give back; -1 on machines whose CPUs no cpu_set_t can name.
 */
int seat_take(cpu_set_t *ret_cpus);
void seat_leave(int seat);        /* -1 is fine */

#endif
