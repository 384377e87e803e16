/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kallsyms.h - the symbols of a stripped vmlinux. A kernel with CONFIG_KALLSYMS carries its own
 * table, the one that /proc/kallsyms shows; nothing in the ELF file says where. With `nokaslr` the
 * addresses in it are those of the running kernel.
 */
#ifndef SYMBOLS_KALLSYMS_H
#define SYMBOLS_KALLSYMS_H

#include "base/base.h"

/* Views into a vmlinux, good as long as it is; filled by kallsyms_find(). */
struct kallsyms {
	uint32_t count;
	struct sv names; /* of all symbols, compressed */
	struct sv token_table;
	uint16_t token_index[256];
	struct sv offsets;
	uint64_t offsets_address;
	uint64_t relative_base;
	int encoding; /* of addresses; kallsyms.c */
};

/*
 * -EINVAL: no ELF file; -ENODATA: it has no table (CONFIG_KALLSYMS), or one of a layout that is not
 * known (Linux 6.4 and later are).
 */
int kallsyms_find(const struct buf *vmlinux, struct kallsyms *ret_kallsyms,
		  struct ktstr_error *err);

#define KALLSYMS_NAME_MAX 512 /* KSYM_NAME_LEN of Linux, with the type letter and NUL */

/*
 * Call visit for each symbol, in the order of their addresses, until it returns false. name lacks
 * the type letter and is good until visit returns. -EBADMSG: the table is damaged.
 */
int kallsyms_each(const struct kallsyms *kallsyms,
		  bool (*visit)(void *arg, const char *name, uint64_t address), void *arg,
		  struct ktstr_error *err);

#endif
