/* SPDX-License-Identifier: BSD-2-Clause */
/* init_blob.h - PID 1 of the guests, carried inside this program. */
#ifndef CLI_INIT_BLOB_H
#define CLI_INIT_BLOB_H

#include "base/sv.h"

extern const char init_blob_start[], init_blob_end[];

static inline struct sv init_blob(void)
{
	return sv_bytes(init_blob_start, (size_t)(init_blob_end - init_blob_start));
}

#endif
