/* SPDX-License-Identifier: BSD-2-Clause */
/* Property: a vmlinux that says it can be started by itself says so in a note of Xen's. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/pvh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf vmlinux = {0};

	buf_bytes(&vmlinux, data, size);
	if (vmlinux_has_pvh(&vmlinux))
		assert(memmem(data, size, "Xen", sizeof("Xen")));
	return 0;
}
