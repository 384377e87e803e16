/* SPDX-License-Identifier: BSD-2-Clause */
/* template.h - what the files of this room that deal with templates share. */
#ifndef VM_TEMPLATE_H
#define VM_TEMPLATE_H

#include <jansson.h>

#include "vm/vm.h"

#define TEMPLATE_SCHEMA 1
#define TEMPLATE_KEY_MAX 40

/*
 * A digest of what the booted state depends on: the QEMU command line without what may differ
 * between clones, the contents of kernel and initramfs, QEMU's version, and under KVM the host's CPU
 * model and kernel. Digests of large files are remembered in the cache by the file's identity.
 */
int template_key(const struct vm_config *config, const char *cache_dir, char key[TEMPLATE_KEY_MAX],
		 struct ktstr_error *err);

#endif
