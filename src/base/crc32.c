/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/crc32.h"

#include <libdeflate.h>

uint32_t crc32_of(uint32_t crc, const void *data, size_t len)
{
	return len ? libdeflate_crc32(crc, data, len) : crc;        /* it takes no data for a beginning */
}
