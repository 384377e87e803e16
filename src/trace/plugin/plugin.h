/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plugin.h - the parts of the plugin: guest.c reads the guest, time.c tells its time, output.c
 * writes records, plugin.c hooks. It runs inside QEMU, on the threads of the vCPUs: no allocation
 * after the start, no words but at the start, and nothing that the guest could tell.
 */
#ifndef TRACE_PLUGIN_PLUGIN_H
#define TRACE_PLUGIN_PLUGIN_H

#include "trace/plugin/qemu_api.h"
#include "trace/record.h"

extern struct trace_plan plan;	/* without hooks: nothing is recorded */

/* --- guest.c: of the vCPU that runs this thread
 * --------------------------------------------------------- */

enum guest_register {
	GUEST_RAX,
	GUEST_RDX,
	GUEST_RDI,
	GUEST_RSI,
	GUEST_GS_BASE,
	GUEST_REGISTER_COUNT
};

void guest_find_registers(void);
uint64_t guest_register(enum guest_register reg);
/* Zeroes and a count in the header where it cannot be read. */
void guest_bytes(uint64_t address, void *data, size_t size);
uint32_t guest_u32(uint64_t address);
uint64_t guest_u64(uint64_t address);

/* --- time.c
 * -------------------------------------------------------------------------------------------------
 */

/* Call for every block before it is translated on: it hooks what reads the TSC. */
void time_hook(struct qemu_plugin_tb *tb);
/*
 * CLOCK_MONOTONIC of the guest at the instruction that this thread is about to run, which is
 * followed by `left` - 1 more in its block. Call with the output locked. False: not known yet.
 */
bool time_now(uint64_t left, uint64_t *ret_ns);

/* --- halt.c
 * -------------------------------------------------------------------------------------------------
 */

bool halt_option(const char *text); /* "halt=..."; false: it is none */
void halt_hook(struct qemu_plugin_insn *insn, uint64_t address);

/* --- output.c
 * -----------------------------------------------------------------------------------------------
 */

int output_open(const char *path); /* 0, or a negative errno */
void output_lock(void);
void output_unlock(void);
/* A zeroed place for the next record, or NULL: it is lost, and counted. */
struct trace_record *output_next(void);
void output_commit(void);
void output_count_unread(void);
void output_count_untimed(void);

#endif
