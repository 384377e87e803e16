/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timers.c - the machine's timers held. QEMU moves the clock of a det guest to the next timer as soon
 * as no vCPU has anything to do, and a vCPU that stopped at a doorbell has nothing to do: whether
 * that happens before the VM stands still is up to the host. Without a timer there is nowhere to
 * move to.
 *
 * Each CPU has a timer in its local APIC (Intel SDM volume 3, 11.5.4), all at one address, so we go
 * to each. The others sleep from then on, unless somebody interrupts them; ours is last. QEMU's
 * real-time clock (MC146818A) has one for its alarm, a day ahead, if nothing nearer; a divider held in
 * reset stops it. It stays so: QEMU would tell of its going on over QMP, with a timer of host time to
 * tell no more for a second, and that timer would end some vCPU's turn. Linux keeps its own time. It
 * has switched off the PIT and does not ask the ACPI timer for interrupts.
 */
#include <fcntl.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "guest/guest.h"

#define APIC_ADDRESS 0xfee00000
#define APIC_SIZE 4096
#define APIC_VERSION 0x30
#define APIC_TIMER_ENTRY 0x320             /* of the local vector table */
#define APIC_TIMER_MASKED (1u << 16)
#define APIC_TIMER_COUNT 0x380             /* writing it starts the timer */
#define SOON 1000                          /* counts; the kernel then sets what it wants */
#define QUIET_NS (10 * NS_PER_MS)          /* for what the other CPUs still have to do */

#define RTC_PORT 0x70                      /* the number of a register, and behind it its value */
#define RTC_REGISTER_A 0x0a
#define RTC_DIVIDER 0x70
#define RTC_DIVIDER_RESET 0x60

#define ALONE_NS NS_PER_MS
#define ALONE_TURNS 8

static volatile uint32_t *apic_register(const struct timers *timers, unsigned offset)
{
	return (volatile uint32_t *)((char *)timers->apic + offset);
}

/* Discrete APICs have versions 0x, integrated ones 1x; in x2APIC mode there is nothing to see here. */
static bool apic_is_there(const struct timers *timers)
{
	return (*apic_register(timers, APIC_VERSION) & 0xf0) == 0x10;
}

static bool go_to(unsigned cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static void hold(struct timers *timers, unsigned cpu)
{
	volatile uint32_t *entry = apic_register(timers, APIC_TIMER_ENTRY);

	if (*entry & APIC_TIMER_MASKED)
		return;        /* the kernel does not use it */
	*entry |= APIC_TIMER_MASKED;
	CPU_SET(cpu, &timers->held);
}

static void release(struct timers *timers)
{
	*apic_register(timers, APIC_TIMER_ENTRY) &= ~APIC_TIMER_MASKED;
	*apic_register(timers, APIC_TIMER_COUNT) = SOON;
}

/* The kernel's own accesses do not come in between: it has none after boot. */
static void stop_clock(void)
{
	unsigned char value;

	if (ioperm(RTC_PORT, 2, 1) < 0)
		return;
	outb(RTC_REGISTER_A, RTC_PORT);
	value = inb(RTC_PORT + 1);
	outb((unsigned char)((value & ~RTC_DIVIDER) | RTC_DIVIDER_RESET), RTC_PORT + 1);
	(void)ioperm(RTC_PORT, 2, 0);
}

static unsigned first_cpu(const struct timers *timers)
{
	unsigned cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &timers->home))
		cpu++;
	return cpu;
}

void timers_hold(struct timers *timers)
{
	const struct timespec quiet = {.tv_nsec = QUIET_NS};
	AUTO(fd_close) int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	unsigned first;

	*timers = (struct timers){.apic = MAP_FAILED};
	if (fd < 0 || sched_getaffinity(0, sizeof(timers->home), &timers->home) < 0)
		return;
	timers->apic = mmap(NULL, APIC_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, APIC_ADDRESS);
	if (timers->apic == MAP_FAILED || !apic_is_there(timers))
		return;
	first = first_cpu(timers);
	for (unsigned cpu = CPU_SETSIZE - 1; cpu > first; cpu--)
		if (CPU_ISSET(cpu, &timers->home) && go_to(cpu))
			hold(timers, cpu);
	if (!go_to(first))
		return;
	(void)nanosleep(&quiet, NULL);
	stop_clock();
	hold(timers, first);
}

/*
 * A VM that goes on and one that was restored do not begin with the same vCPU's turn, nor do all
 * their vCPUs get whole ones. As long as the others sleep nobody notices, and after some rounds the
 * two are one again.
 */
static void take_turns_alone(void)
{
	const struct timespec turn = {.tv_nsec = ALONE_NS};

	for (int i = 0; i < ALONE_TURNS; i++)
		(void)nanosleep(&turn, NULL);
}

void timers_release(struct timers *timers)
{
	unsigned first = first_cpu(timers);

	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &timers->held) || !go_to(cpu))
			continue;
		release(timers);
		if (cpu == first)
			take_turns_alone();
	}
	if (timers->apic != MAP_FAILED)
		(void)munmap(timers->apic, APIC_SIZE);
	(void)sched_setaffinity(0, sizeof(timers->home), &timers->home);
}
