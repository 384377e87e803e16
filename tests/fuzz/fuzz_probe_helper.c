/* SPDX-License-Identifier: BSD-2-Clause */
/* Property: two numbers that a helper or a remembered file gave lie in the TLS block, in order. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "probe/helper.h"

#define TLS_BYTES 2632

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsd_members members;

	if (helper_parse((const char *)data, size, TLS_BYTES, &members) == 0)
		assert(members.allocated < members.deallocated && members.deallocated <= TLS_BYTES - 8);
	return 0;
}
