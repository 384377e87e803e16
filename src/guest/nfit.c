/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nfit.c - where the card is. The NVDIMM Firmware Interface Table (ACPI 6.5, 5.2.25):
 *
 *   0         36        40
 *   +---------+---------+-----------------------------+----
 *   | header  | zeros   | u16 type | u16 length | ... | ...
 *   +---------+---------+-----------------------------+----
 *
 *  type 0, system physical address range: u64 base at 32, u64 length at 40 of the structure.
 */
#include <errno.h>

#include "guest/guest.h"

#define HEADER_LEN 40
#define RANGE_LEN 48

static uint64_t little(const unsigned char *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

int nfit_find_range(struct sv table, uint64_t size, uint64_t *ret_address, struct ktstr_error *err)
{
	struct sv rest;

	if (table.len < HEADER_LEN || !sv_starts(table, "NFIT"))
		return error_set(err, -EBADMSG, "NFIT: no such table");
	rest = sv_skip(table, HEADER_LEN);
	while (rest.len >= 4) {
		const unsigned char *at = (const unsigned char *)rest.data;
		uint64_t type = little(at, 2), len = little(at + 2, 2);

		if (len < 4 || len > rest.len)
			return error_set(err, -EBADMSG, "NFIT: a structure of %llu bytes",
					 (unsigned long long)len);
		if (type == 0 && len >= RANGE_LEN && little(at + 40, 8) == size) {
			*ret_address = little(at + 32, 8);
			return 0;
		}
		rest = sv_skip(rest, len);
	}
	return error_set(err, -ENOENT, "NFIT: no memory range of %llu bytes",
			 (unsigned long long)size);
}
