/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time.c - what time is it in the guest? The plugin API does not tell, and QEMU's own clock must
 * not be read between two instructions. But the guest reads its TSC all the time, and what it read
 * stands in rdx:rax at the instruction after. From there:
 *
 * det: all vCPUs share one stream of instructions, each taking 2^shift ns, and the TSC counts ns of
 * that. So the time is the last TSC that any vCPU read plus the instructions begun since, counted
 * by the block. An exception in the middle of a block leaves the rest of it counted too much until
 * the next TSC is read: 536 ns at most and most often 8 ns over 7478 readings on 2 vCPUs.
 *
 * tcg: the TSC is the host's with an offset, which each reading tells anew: a stopped VM changes
 * it.
 *
 * From the TSC to CLOCK_MONOTONIC as the guest itself does it: timekeeping_cycles_to_ns() over the
 * timekeeper's tkr_mono, read again when its sequence counter has moved.
 */
#include <string.h>
#include <x86intrin.h>

#include "trace/plugin/plugin.h"

#define SITES_MAX 256	    /* instructions behind an RDTSC: Linux has a dozen in use */
#define PAIR_HOST_MAX 20000 /* TSC ticks of the host between RDTSC and the instruction after */

/* det: one thread at a time, QEMU takes turns. tcg: each vCPU's thread its own. */
static uint64_t instructions;	    /* det: begun, blocks counted whole */
static __thread uint64_t read_at;   /* in units of stream_now() */
static uint64_t sync_at;	    /* det: where in the stream the TSC was read, */
static uint64_t sync_tsc;	    /* and what it was */
static _Atomic uint64_t tcg_offset; /* tcg: guest's TSC minus host's; 0: not known */

static _Atomic uint64_t sites[SITES_MAX];
static _Atomic unsigned site_count;

static uint64_t stream_now(uint64_t left)
{
	return plan.det ? instructions - left : __rdtsc();
}

static void on_block(unsigned vcpu, void *count)
{
	(void)vcpu;
	instructions += (uintptr_t)count;
}

static void on_rdtsc(unsigned vcpu, void *left)
{
	(void)vcpu;
	read_at = stream_now((uintptr_t)left);
}

/* Only when it comes right behind the RDTSC: an interrupt in between would have made the value old.
 */
static void after_rdtsc(unsigned vcpu, void *left)
{
	uint64_t now = stream_now((uintptr_t)left);
	uint64_t tsc;

	(void)vcpu;
	if (now - read_at > (plan.det ? 1 : PAIR_HOST_MAX))
		return;
	tsc = guest_register(GUEST_RDX) << 32 | (uint32_t)guest_register(GUEST_RAX);
	if (plan.det) {
		sync_at = read_at;
		sync_tsc = tsc;
	} else {
		atomic_store_explicit(&tcg_offset, tsc - read_at, memory_order_relaxed);
	}
}

static bool is_site(uint64_t address)
{
	unsigned count = atomic_load_explicit(&site_count, memory_order_acquire);

	for (unsigned i = 0; i < count && i < SITES_MAX; i++) {
		if (atomic_load_explicit(&sites[i], memory_order_relaxed) == address)
			return true;
	}
	return false;
}

/* 0, or the length of the RDTSC or RDTSCP there. */
static unsigned rdtsc_length(const struct qemu_plugin_insn *insn)
{
	static const uint8_t rdtsc[] = {0x0f, 0x31}, rdtscp[] = {0x0f, 0x01, 0xf9};
	uint8_t bytes[sizeof(rdtscp) + 1];
	size_t size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));

	if (size == sizeof(rdtsc) && memcmp(bytes, rdtsc, size) == 0)
		return (unsigned)size;
	return size == sizeof(rdtscp) && memcmp(bytes, rdtscp, size) == 0 ? (unsigned)size : 0;
}

/* An RDTSC ends its block, so the one behind it is translated later, and finds its address here. */
static void add_site(uint64_t address)
{
	unsigned count;

	if (is_site(address))
		return;
	output_lock();
	count = atomic_load_explicit(&site_count, memory_order_relaxed);
	if (count < SITES_MAX) {
		atomic_store_explicit(&sites[count], address, memory_order_relaxed);
		atomic_store_explicit(&site_count, count + 1, memory_order_release);
	}
	output_unlock();
}

void time_hook(struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	if (plan.det)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_NO_REGISTERS,
						     (void *)count);
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);
		unsigned length = rdtsc_length(insn);
		void *left = (void *)(count - i);

		if (is_site(address))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, after_rdtsc,
							       QEMU_PLUGIN_READS_REGISTERS, left);
		if (!length)
			continue;
		add_site(address + length);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_rdtsc, QEMU_PLUGIN_NO_REGISTERS,
						       left);
	}
}

/* --- from the TSC to CLOCK_MONOTONIC
 * --------------------------------------------------------------- */

static struct {
	bool valid; /* the guest's clock is the TSC */
	uint32_t seq, mult, shift;
	uint64_t mask, cycle_last, xtime_nsec, base;
} keeper;

static uint64_t keeper_u64(enum trace_offset field)
{
	return guest_u64(plan.timekeeper + plan.offset[field]);
}

static void read_keeper(uint32_t seq)
{
	char name[4];
	uint64_t clock = keeper_u64(TRACE_TK_CLOCK);

	keeper.seq = seq;
	keeper.valid = false;
	if (!clock)
		return;
	keeper.mask = keeper_u64(TRACE_TK_MASK);
	keeper.cycle_last = keeper_u64(TRACE_TK_CYCLE_LAST);
	keeper.xtime_nsec = keeper_u64(TRACE_TK_XTIME_NSEC);
	keeper.base = keeper_u64(TRACE_TK_BASE);
	keeper.mult = guest_u32(plan.timekeeper + plan.offset[TRACE_TK_MULT]);
	keeper.shift = guest_u32(plan.timekeeper + plan.offset[TRACE_TK_SHIFT]);
	guest_bytes(guest_u64(clock + plan.offset[TRACE_CLOCK_NAME]), name, sizeof(name));
	/* "tsc" or "tsc-early"; anything else counts something else */
	keeper.valid = memcmp(name, "tsc", 3) == 0 && keeper.shift < 64;
}

/* An odd counter: a vCPU is in the middle of changing it, and what we know still holds. */
static void refresh_keeper(void)
{
	for (int tries = 0; tries < 4; tries++) {
		uint32_t seq = guest_u32(plan.timekeeper_seq);

		if (seq & 1 || (seq == keeper.seq && keeper.valid))
			return;
		read_keeper(seq);
		if (guest_u32(plan.timekeeper_seq) == seq)
			return;
	}
}

static bool tsc_now(uint64_t left, uint64_t *ret_tsc)
{
	if (plan.det) {
		*ret_tsc = sync_tsc + ((stream_now(left) - sync_at) << plan.icount_shift);
		return sync_tsc != 0;
	}
	*ret_tsc = __rdtsc() + atomic_load_explicit(&tcg_offset, memory_order_relaxed);
	return atomic_load_explicit(&tcg_offset, memory_order_relaxed) != 0;
}

bool time_now(uint64_t left, uint64_t *ret_ns)
{
	static uint64_t latest_ns;
	uint64_t tsc, cycles, ns;

	refresh_keeper();
	if (!keeper.valid || !tsc_now(left, &tsc))
		return false;
	cycles = (tsc - keeper.cycle_last) & keeper.mask;
	if (cycles > keeper.mask / 2) /* just before the last update */
		cycles = 0;
	ns = keeper.base +
	     (uint64_t)(((unsigned __int128)cycles * keeper.mult + keeper.xtime_nsec) >>
			keeper.shift);
	if (ns > latest_ns)
		latest_ns = ns;
	*ret_ns = latest_ns;
	return true;
}
