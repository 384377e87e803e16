/* SPDX-License-Identifier: BSD-2-Clause */
/* deb.h - a kernel image and its configuration out of Debian packages. */
#ifndef KERNEL_DEB_H
#define KERNEL_DEB_H

#include "base/base.h"

#define DEB_IMAGE_BYTES_MAX (256u << 20)
#define DEB_CONFIG_BYTES_MAX (4u << 20)

/* What was found so far; a buf that is empty was not. */
struct deb_kernel {
	struct buf image, config;
};

void deb_kernel_done(struct deb_kernel *kernel);
DEFINE_AUTO_DONE(struct deb_kernel, deb_kernel_done)

/*
 * Add what a package holds of the two and `kernel` has not yet: boot/vmlinuz-* and boot/config-*, or,
 * since Linux 7.2's packages, usr/lib/modules/REL/{vmlinuz,config}. Nothing else is looked at.
 */
int deb_read(const char *path, struct deb_kernel *kernel, struct ktstr_error *err);

#endif
