/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvh.h - can a VM start this vmlinux by itself, without a boot loader's decompressor? A kernel with
 * CONFIG_PVH says so in an ELF note (Xen's public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY).
 */
#ifndef SYMBOLS_PVH_H
#define SYMBOLS_PVH_H

#include "base/base.h"

bool vmlinux_has_pvh(const struct buf *vmlinux);

#endif
