/* SPDX-License-Identifier: BSD-2-Clause */
/* helper_blob.h - the helper program, carried inside this one. */
#ifndef PROBE_HELPER_BLOB_H
#define PROBE_HELPER_BLOB_H

#include "base/sv.h"

extern const char helper_blob_start[], helper_blob_end[];

static inline struct sv helper_blob(void)
{
	return sv_bytes(helper_blob_start, (size_t)(helper_blob_end - helper_blob_start));
}

#endif
