/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: an address that is found stands in the table, behind its header and in front of the size
 * that was asked for; a table without it is refused with words.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"

#define NFIT_HEADER_LEN 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ktstr_error err = {0};
	uint64_t found[2] = {0, WIRE_CARD_SIZE};        /* base and length of a range, as in the table */
	int r = nfit_find_range(sv_bytes(data, size), WIRE_CARD_SIZE, &found[0], &err);

	if (r < 0) {
		assert(r == -EBADMSG || r == -ENOENT);
		assert(err.msg[0]);
		return 0;
	}
	assert(size > NFIT_HEADER_LEN);
	assert(memmem(data + NFIT_HEADER_LEN, size - NFIT_HEADER_LEN, found, sizeof(found)));
	return 0;
}
