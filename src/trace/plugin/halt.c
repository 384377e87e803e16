/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * halt.c - stands still where sched_ext loses its scheduler: a byte goes to the host, and the guest's
 * instruction runs when the host has answered. In det all vCPUs are on this one thread, so that all of
 * the guest stands still; QEMU's monitor is served by another.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "trace/plugin/plugin.h"

static int host = -1;
static uint64_t queue, function, offset, leave;

bool halt_option(const char *text)
{
	unsigned long long at[4];

	if (sscanf(text, "halt=%d:%llx:%llx:%llx:%llx", &host, &at[0], &at[1], &at[2], &at[3]) != 5)
		return false;
	queue = at[0];
	function = at[1];
	offset = at[2];
	leave = at[3];
	return true;
}

/* A host that has gone answers, too. */
static void stand_still(char kind)
{
	char answer;

	if (send(host, &kind, 1, MSG_NOSIGNAL) != 1)
		return;
	while (recv(host, &answer, 1, 0) < 0 && errno == EINTR)
		;
}

/* irq_work_queue(work) */
static void on_queue(unsigned vcpu, void *arg)
{
	(void)vcpu;
	(void)arg;
	if (guest_u64(guest_register(GUEST_RDI) + offset) == function)
		stand_still(TRACE_HALT_ERROR);
}

static void on_leave(unsigned vcpu, void *arg)
{
	(void)vcpu;
	(void)arg;
	stand_still(TRACE_HALT_LEAVES);
}

void halt_hook(struct qemu_plugin_insn *insn, uint64_t address)
{
	if (host < 0)
		return;
	if (address == queue)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_queue, QEMU_PLUGIN_READS_REGISTERS, NULL);
	if (address == leave)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_leave, QEMU_PLUGIN_READS_REGISTERS, NULL);
}
