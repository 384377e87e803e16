/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32.h - the CRC-32 of IEEE 802.3 and zlib. By libdeflate's carry-less multiplication: a table takes
 * five instructions a byte, and in det those of a request's files are time of the guest.
 */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Start with crc = 0 and feed the result back in to continue. */
uint32_t crc32_of(uint32_t crc, const void *data, size_t len);

#endif
