/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * argv.c - the QEMU command line. What is fixed here and why: shared/DESIGN.md section 3.
 *
 * One socket per LLC works under every accelerator: with an Intel CPU model and l3-cache=on QEMU
 * gives each socket one L3 and lets SMT siblings share an L2 (measured: QEMU 10.0, Linux 6.18).
 */
#include <assert.h>
#include <string.h>

#include "vm/vm.h"

static const char *const mode_names[VM_MODE_COUNT] = {
	[VM_KVM] = "kvm",
	[VM_TCG] = "tcg",
	[VM_DET] = "det",
};

const char *vm_mode_name(enum vm_mode mode)
{
	assert((unsigned)mode < VM_MODE_COUNT);
	return mode_names[mode];
}

bool vm_mode_parse(struct sv word, enum vm_mode *ret_mode)
{
	for (int mode = 0; mode < VM_MODE_COUNT; mode++) {
		if (sv_eq(word, mode_names[mode])) {
			*ret_mode = (enum vm_mode)mode;
			return true;
		}
	}
	return false;
}

unsigned vm_icount_shift(const struct topology *topology)
{
	uint32_t cpus = topology_cpus(topology);
	unsigned shift = 3;

	for (uint32_t fair = 2; shift && fair < cpus; fair *= 2)
		shift--;
	return shift;
}

/*
 * What is off changes no scheduling and costs every test: security modules and hardening (2 million
 * instructions and 1,000 translated blocks of a clone), DAMON's statistics, whose thread wakes up every
 * 5 ms since Linux 6.17.
 */
char *vm_kernel_cmdline(const struct vm_config *config)
{
	AUTO(buf_done) struct buf line = {0};

	buf_str(&line, config->verbose ? "loglevel=7 " : "quiet ");
	buf_str(&line, "console=ttyS0 panic=-1 oops=panic nokaslr mitigations=off "
		       "cryptomgr.notests random.trust_cpu=on schedstats=enable delayacct "
		       "initcall_blacklist=jent_mod_init,load_system_certificate_list "
		       "lsm= init_on_alloc=0 hardened_usercopy=off randomize_kstack_offset=off damon_stat.enabled=0");
	if (config->mode != VM_KVM)
		/* the emulated TSC and loops are what they are: nothing to calibrate (fact 10) */
		buf_str(&line, " tsc=reliable no_timer_check lpj=4000000");
	if (config->cmdline_extra)
		buf_printf(&line, " %s", config->cmdline_extra);
	return buf_take(&line);
}

__attribute__((format(printf, 3, 4))) static void option(struct strings *argv, const char *name,
							 const char *fmt, ...)
{
	struct buf value = {0};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&value, fmt, args);
	va_end(args);
	strings_push(argv, xstrdup(name));
	strings_push(argv, buf_take(&value));
}

/*
 * The CPU of an emulated guest. Without `erms` and `fsrm` Linux clears and copies memory by words: QEMU
 * executes `rep stosb` a byte at a time.
 */
#define EMULATED_CPU "max,vendor=GenuineIntel,l3-cache=on,la57=off,erms=off,fsrm=off"

static void put_accelerator(struct strings *argv, const struct vm_config *config)
{
	switch (config->mode) {
	case VM_KVM:
		option(argv, "-accel", "kvm");
		option(argv, "-cpu", "host,l3-cache=on");
		break;
	case VM_TCG:
		option(argv, "-accel", "tcg,thread=multi");
		option(argv, "-cpu", EMULATED_CPU);
		break;
	case VM_DET:
		option(argv, "-accel", "tcg");
		/* an idle guest's clock runs on at once; before a person it keeps pace, and the host's CPU is free */
		option(argv, "-icount", "shift=%u,sleep=%s,align=off", config->icount_shift,
		       config->shell ? "on" : "off");
		option(argv, "-rtc", "base=2026-01-01T00:00:00,clock=vm");
		option(argv, "-cpu", EMULATED_CPU ",rdrand=off,rdseed=off");
		break;
	case VM_MODE_COUNT:
		assert(!"a mode");
	}
	option(argv, "-seed", "1");
}

static void put_memory(struct strings *argv, const struct vm_config *config)
{
	const struct topology *topology = &config->topology;
	uint64_t left_mib = config->memory_mib;

	option(argv, "-m", "size=%lluM,slots=1,maxmem=%lluM",
	       (unsigned long long)config->memory_mib,
	       (unsigned long long)(config->memory_mib + 4096));
	for (uint32_t node = 0; node < topology->numa_nodes; node++) {
		uint64_t share_mib = left_mib / (topology->numa_nodes - node);
		struct cpuset cpus = topology_cpus_of_node(topology, node);
		AUTO(buf_done) struct buf list = {0};

		cpuset_format(&cpus, &list);
		if (config->template_dir)
			option(argv, "-object",
			       "memory-backend-file,id=ram%u,size=%lluM,mem-path=%s/ram%u,share=%s", node,
			       (unsigned long long)share_mib, config->template_dir, node,
			       config->clone ? "off" : "on");
		else
			option(argv, "-object", "memory-backend-ram,id=ram%u,size=%lluM", node,
			       (unsigned long long)share_mib);
		option(argv, "-numa", "node,nodeid=%u,memdev=ram%u,cpus=%s", node, node,
		       buf_text(&list));
		left_mib -= share_mib;
	}
	for (uint32_t from = 0; from < topology->numa_nodes; from++)
		for (uint32_t to = 0; to < topology->numa_nodes; to++)
			if (from != to)
				option(argv, "-numa", "dist,src=%u,dst=%u,val=%d", from, to,
				       TOPOLOGY_DISTANCE_REMOTE);
}

struct strings vm_argv(const struct vm_config *config, int qmp_fd, int card_fd)
{
	const struct topology *topology = &config->topology;
	struct strings argv = {0};

	strings_push(&argv, xstrdup(config->qemu->program));
	strings_push(&argv, xstrdup("-nodefaults"));
	strings_push(&argv, xstrdup("-no-user-config"));
	option(&argv, "-display", "none");
	option(&argv, "-machine", "q35,hpet=off,nvdimm=on,vmport=off,usb=off");
	/* comes with QEMU; a kernel is all that we start, and under emulation SeaBIOS takes 0.5 s more */
	option(&argv, "-bios", "qboot.rom");
	put_accelerator(&argv, config);
	option(&argv, "-smp", "cpus=%u,sockets=%u,cores=%u,threads=%u", topology_cpus(topology),
	       topology->llcs, topology->cores_per_llc, topology->threads_per_core);
	put_memory(&argv, config);
	option(&argv, "-object", "memory-backend-file,id=card,size=%llu,mem-path=/proc/self/fd/%d,share=on",
	       (unsigned long long)WIRE_CARD_SIZE, card_fd);
	option(&argv, "-device", "nvdimm,id=nvdimm0,memdev=card");
	option(&argv, "-device", "pvpanic,ioport=%d", WIRE_DOORBELL_PORT);
	option(&argv, "-action", "panic=pause,reboot=shutdown%s", config->stay_when_off ? ",shutdown=pause" : "");
	option(&argv, "-chardev", "file,id=console,path=%s/console.log", config->dir);
	option(&argv, "-serial", "chardev:console");
	/* a device of every guest, so that a shell can be a clone of any template */
	if (config->shell)
		option(&argv, "-chardev", "socket,id=shell,fd=%d", VM_SHELL_FD);
	option(&argv, "-serial", config->shell ? "chardev:shell" : "null");
	option(&argv, "-chardev", "socket,id=qmp,fd=%d", qmp_fd);
	option(&argv, "-mon", "chardev=qmp,mode=control");
	option(&argv, "-kernel", "%s", config->kernel);
	option(&argv, "-initrd", "%s", config->initramfs);
	strings_push(&argv, xstrdup("-append"));
	strings_push(&argv, vm_kernel_cmdline(config));
	strings_push(&argv, xstrdup("-S"));
	if (config->plugin)
		option(&argv, "-plugin", "%s", config->plugin);
	if (config->clone)
		option(&argv, "-incoming", "defer");
	strings_push(&argv, NULL);
	return argv;
}
