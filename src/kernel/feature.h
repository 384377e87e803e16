/* SPDX-License-Identifier: BSD-2-Clause */
/* feature.h - what a kernel can do, from its build configuration or its type information. */
#ifndef KERNEL_FEATURE_H
#define KERNEL_FEATURE_H

#include "kernel/kernel.h"

struct features {
	uint32_t known, has;      /* KERNEL_BIT()s; has is a subset of known */
};

/*
 * From the text of a .config. A module counts as absent: guests carry none. A text that is no
 * configuration of an x86-64 kernel tells nothing.
 */
struct features features_of_config(struct sv config);

/* From BTF data: sched_ext and what BTF itself depends on; the rest stays unknown. */
struct features features_of_btf(const struct buf *btf);

#define FEATURES_WITHOUT_BTF ((struct features){.known = KERNEL_BIT(KERNEL_BTF)})

/* first wins where both know. */
struct features features_merge(struct features first, struct features second);

#endif
