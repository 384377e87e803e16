/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - the kernels that guests boot: which one to take, what it can do, where it comes from.
 * The door of room kernel.
 *
 * The cache is <cache>/kernels, where <cache> is KTSTR_CACHE_DIR, else $XDG_CACHE_HOME/ktstr, else
 * ~/.cache/ktstr:
 *
 *	<release>/vmlinuz        the bzImage
 *	<release>/config         its build configuration, when the distribution still offers it
 *	<release>/vmlinux        the same uncompressed, when a VM can start it so (CONFIG_PVH)
 *	<release>/vmlinux.btf    its type information, when it has any
 *	<release>/kernel.json    where it came from
 *	.apt/                    apt's private state: sources, indexes
 *	.new/                    what a fetch has not finished; swept by the next
 *	.lock                    held by whoever changes the cache
 *
 * An entry appears and disappears whole (rename), so readers take no lock. Any thread may call.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "base/base.h"

/* Taken when nobody says which: the newest long-term series with sched_ext. */
#define KERNEL_SERIES_DEFAULT "6.18"

enum kernel_feature {
	KERNEL_SCHED_EXT,
	KERNEL_BTF,
	KERNEL_BPF_SYSCALL,
	KERNEL_BPF_JIT,
	KERNEL_CGROUPS,
	KERNEL_CPUSETS,
	KERNEL_CGROUP_SCHED,
	KERNEL_SCHEDSTATS,
	KERNEL_PSI,
	KERNEL_TASKSTATS,
	KERNEL_DEVMEM,
	KERNEL_IOPORT,
	KERNEL_SERIAL,
	KERNEL_INITRD,
	KERNEL_DEVTMPFS,
	KERNEL_TMPFS,
	KERNEL_FEATURE_COUNT
};

#define KERNEL_BIT(feature) (1u << (feature))

/* What the init of a guest and every scenario stand on. */
#define KERNEL_NEEDS_GUEST                                                                         \
	(KERNEL_BIT(KERNEL_CGROUPS) | KERNEL_BIT(KERNEL_CPUSETS) | KERNEL_BIT(KERNEL_CGROUP_SCHED) | \
	 KERNEL_BIT(KERNEL_SCHEDSTATS) | KERNEL_BIT(KERNEL_DEVMEM) | KERNEL_BIT(KERNEL_IOPORT) |    \
	 KERNEL_BIT(KERNEL_SERIAL) | KERNEL_BIT(KERNEL_INITRD) | KERNEL_BIT(KERNEL_DEVTMPFS) |      \
	 KERNEL_BIT(KERNEL_TMPFS))

/* What a program of ours that loads BPF programs needs more, and what a sched_ext scheduler does. */
#define KERNEL_NEEDS_BPF                                                                           \
	(KERNEL_BIT(KERNEL_BTF) | KERNEL_BIT(KERNEL_BPF_SYSCALL) | KERNEL_BIT(KERNEL_BPF_JIT))
#define KERNEL_NEEDS_SCHED_EXT (KERNEL_BIT(KERNEL_SCHED_EXT) | KERNEL_NEEDS_BPF)

enum kernel_origin { KERNEL_FROM_PATH, KERNEL_FROM_CACHE, KERNEL_FROM_HOST };

struct kernel {
	enum kernel_origin origin;
	char *image;             /* path of the bzImage */
	char *release;           /* "6.18.15+deb13-cloud-amd64", from the image's header */
	char *package;           /* "linux-image-6.18.15+deb13-cloud-amd64 6.18.15-1~bpo13+1", or NULL */
	char *config;            /* path of its configuration, or NULL */
	char *vmlinux;           /* path of the uncompressed kernel, for emulated VMs, or NULL */
	char *btf;               /* path of its extracted type information, or NULL */
	uint32_t known;          /* KERNEL_BIT()s of which it was found out whether it has them */
	uint32_t features;       /* those it has; a subset of known */
};

void kernel_done(struct kernel *kernel);
DEFINE_AUTO_DONE(struct kernel, kernel_done)
DEFINE_VEC(kernels, struct kernel, kernel_done)

const char *kernel_feature_word(enum kernel_feature feature);     /* "sched_ext" */
const char *kernel_origin_word(enum kernel_origin origin);        /* "path", "cache", "host" */

/* <cache>/kernels, whether it exists or not; the caller's. -ENOENT: no home directory. */
int kernel_cache_dir(char **ret_dir, struct ktstr_error *err);

/*
 * The kernel to boot. spec is a path (anything with a '/'), a release ("6.18.15+deb13-cloud-amd64"),
 * a version ("6.18.15") or a series ("6.18") in the cache; "auto" or NULL: KTSTR_KERNEL if set, else
 * the newest in the cache that has what is needed, else the running host's. An explicit choice never
 * falls back. needs are KERNEL_BIT()s; what is unknown is not refused. -ENOENT: there is none;
 * -EOPNOTSUPP: it lacks what is needed; -EINVAL: the file is no whole bzImage.
 */
int kernel_resolve(const char *spec, uint32_t needs, struct kernel *ret_kernel, struct ktstr_error *err);

/* -EOPNOTSUPP and the names of what the kernel is known to lack. */
int kernel_check(const struct kernel *kernel, uint32_t needs, struct ktstr_error *err);

/* Its type information, for libbpf's btf__new(). -ENODATA: it has none. Appends to an empty buf. */
int kernel_btf(const struct kernel *kernel, struct buf *ret_btf, struct ktstr_error *err);

/* What is in the cache, newest first, then the running host's if it can be read. */
int kernel_list(struct kernels *ret_kernels, struct ktstr_error *err);

struct kernel_fetch_config {
	const char *wanted;      /* series, version or release; NULL: KERNEL_SERIES_DEFAULT */
	bool if_missing;         /* any kernel in the cache that matches will do: no network then */
	bool refresh;            /* read the archive's index again although it is not a day old */
	void (*progress)(const char *line, void *arg);      /* one call a stage; or NULL */
	void *arg;
};

/*
 * Put the newest kernel of a series into the cache, from the Debian archive that the system's apt
 * knows, verified by apt, installing nothing. Needs no root. Waits for another fetch to end.
 * -ENOENT: no apt, no Debian archive, or no such kernel in it.
 */
int kernel_fetch(const struct kernel_fetch_config *config, struct kernel *ret_kernel,
		 struct ktstr_error *err);

struct kernel_clean_config {
	const char *const *releases;      /* these entries, ... */
	size_t release_count;
	bool all;                         /* ... or all, apt's state included, ... */
	bool keep_newest;                 /* ... or all but the newest keep_count */
	unsigned keep_count;
};

/* Remove from the cache. ret_removed: the releases, also those removed before an error. */
int kernel_clean(const struct kernel_clean_config *config, struct strings *ret_removed,
		 struct ktstr_error *err);

#endif
