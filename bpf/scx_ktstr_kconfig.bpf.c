/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scx_ktstr_kconfig.bpf.c - the fair scheduler, asking for the kernel's configuration: libbpf looks for
 * it in /boot/config-RELEASE and /proc/config.gz and loads nothing without it. A program of its own,
 * so that the default one loads everywhere.
 */
#define KTSTR_KCONFIG
#include "scx_ktstr.bpf.c"
