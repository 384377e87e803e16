/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/feature.h"

#include <assert.h>
#include <bpf/btf.h>
#include <errno.h>

/* Everything about a feature. A kernel has it when all of its options are built in. */
static const struct {
	const char *word;
	const char *options[2];
	const char *what;
} table[KERNEL_FEATURE_COUNT] = {
	[KERNEL_SCHED_EXT] = {"sched_ext", {"SCHED_CLASS_EXT"}, "sched_ext, Linux 6.12 and later"},
	[KERNEL_BTF] = {"btf", {"DEBUG_INFO_BTF"}, "type information for BPF programs"},
	[KERNEL_BPF_SYSCALL] = {"bpf", {"BPF_SYSCALL"}, "the bpf() system call"},
	[KERNEL_BPF_JIT] = {"bpf_jit", {"BPF_JIT"}, "struct_ops programs"},
	[KERNEL_CGROUPS] = {"cgroups", {"CGROUPS"}, "control groups"},
	[KERNEL_CPUSETS] = {"cpusets", {"CPUSETS"}, "cgroups that are bound to CPUs"},
	[KERNEL_CGROUP_SCHED] = {"cgroup_sched", {"CGROUP_SCHED"}, "CPU weights of cgroups"},
	[KERNEL_SCHEDSTATS] = {"schedstats", {"SCHEDSTATS"}, "how long tasks wait"},
	[KERNEL_PSI] = {"psi", {"PSI"}, "pressure stall information"},
	[KERNEL_TASKSTATS] = {"taskstats", {"TASKSTATS", "TASK_DELAY_ACCT"}, "delay accounting"},
	[KERNEL_DEVMEM] = {"devmem", {"DEVMEM"}, "/dev/mem, the way to the host"},
	[KERNEL_IOPORT] = {"ioport", {"X86_IOPL_IOPERM"}, "iopl(), the doorbell to the host"},
	[KERNEL_SERIAL] = {"serial", {"SERIAL_8250", "SERIAL_8250_CONSOLE"}, "the console"},
	[KERNEL_INITRD] = {"initrd", {"BLK_DEV_INITRD"}, "an initramfs"},
	[KERNEL_DEVTMPFS] = {"devtmpfs", {"DEVTMPFS"}, "/dev"},
	[KERNEL_TMPFS] = {"tmpfs", {"TMPFS"}, "/tmp"},
};

static_assert(KERNEL_FEATURE_COUNT <= 32, "feature sets are 32 bits");

const char *kernel_feature_word(enum kernel_feature feature)
{
	return table[feature].word;
}

/* "CONFIG_NAME=y" -> NAME; else an empty view. */
static struct sv built_in(struct sv line)
{
	struct sv name = sv_split(&line, '=');

	if (!sv_starts(name, "CONFIG_") || !sv_eq(sv_trim(line), "y"))
		return (struct sv){0};
	return sv_skip(name, strlen("CONFIG_"));
}

struct features features_of_config(struct sv config)
{
	uint8_t found[KERNEL_FEATURE_COUNT] = {0};      /* a bit for each of a feature's options */
	struct features features = {0};
	bool for_x86_64 = false;
	struct sv line;

	while (sv_line(&config, &line)) {
		struct sv name = built_in(line);

		if (sv_eq(name, "X86_64"))
			for_x86_64 = true;
		for (unsigned i = 0; i < KERNEL_FEATURE_COUNT && name.len; i++) {
			for (unsigned o = 0; o < 2 && table[i].options[o]; o++)
				found[i] |= (uint8_t)(sv_eq(name, table[i].options[o]) << o);
		}
	}
	if (!for_x86_64)
		return features;
	for (unsigned i = 0; i < KERNEL_FEATURE_COUNT; i++) {
		features.known |= KERNEL_BIT(i);
		if (found[i] == (table[i].options[1] ? 3 : 1))
			features.has |= KERNEL_BIT(i);
	}
	return features;
}

static void btf_free(struct btf *btf)
{
	btf__free(btf);
}
DEFINE_AUTO(struct btf *, btf_free)

struct features features_of_btf(const struct buf *data)
{
	AUTO(btf_free) struct btf *btf = btf__new(data->data, (uint32_t)data->len);
	struct features features = {0};

	if (!btf)
		return features;
	/* lib/Kconfig.debug: DEBUG_INFO_BTF depends on BPF_SYSCALL. */
	features.known = features.has = KERNEL_BIT(KERNEL_BTF) | KERNEL_BIT(KERNEL_BPF_SYSCALL);
	features.known |= KERNEL_BIT(KERNEL_SCHED_EXT);
	/* kernel/Kconfig.preempt: SCHED_CLASS_EXT depends on BPF_JIT too. */
	if (btf__find_by_name_kind(btf, "sched_ext_ops", BTF_KIND_STRUCT) > 0) {
		features.known |= KERNEL_BIT(KERNEL_BPF_JIT);
		features.has |= KERNEL_BIT(KERNEL_BPF_JIT) | KERNEL_BIT(KERNEL_SCHED_EXT);
	}
	return features;
}

struct features features_merge(struct features first, struct features second)
{
	return (struct features){
		.known = first.known | second.known,
		.has = first.has | (second.has & ~first.known),
	};
}

/* "CONFIG_A (what it gives), CONFIG_B with CONFIG_C (...)" */
static void list_options(uint32_t lacks, struct buf *text)
{
	const char *comma = "";

	for (unsigned i = 0; i < KERNEL_FEATURE_COUNT; i++) {
		const char *second = table[i].options[1];

		if (!(lacks & KERNEL_BIT(i)))
			continue;
		buf_printf(text, "%sCONFIG_%s%s%s (%s)", comma, table[i].options[0],
			   second ? " with CONFIG_" : "", second ?: "", table[i].what);
		comma = ", ";
	}
}

int kernel_check(const struct kernel *kernel, uint32_t needs, struct ktstr_error *err)
{
	static const struct {
		uint32_t set;
		const char *who;
	} users[] = {
		{KERNEL_NEEDS_GUEST, "every guest needs"},
		{KERNEL_NEEDS_BPF, "BPF programs need"},
		{KERNEL_NEEDS_SCHED_EXT, "scheduler tests need"},
		{UINT32_MAX, "this test needs"},
	};
	uint32_t lacks = needs & kernel->known & ~kernel->features;
	AUTO(buf_done) struct buf text = {0};

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		if (!(lacks & users[i].set))
			continue;
		buf_str(&text, text.len ? "; and " : "");
		list_options(lacks & users[i].set, &text);
		buf_printf(&text, ", which %s", users[i].who);
		lacks &= ~users[i].set;
	}
	if (!text.len)
		return 0;
	return error_set(err, -EOPNOTSUPP, "kernel %s lacks %s", kernel->release, buf_text(&text));
}
