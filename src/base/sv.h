/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sv.h - a view of text that somebody else owns. Parsing copies nothing; numbers are whole or
 * refused: no sign, no leading space, no trailing junk, nothing above the caller's maximum.
 */
#ifndef BASE_SV_H
#define BASE_SV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sv {
	const char *data;
	size_t len;
};

#define SV_ARG(sv) (int)(sv).len, (sv).data     /* for "%.*s" */

static inline struct sv sv_bytes(const void *data, size_t len)
{
	return (struct sv){.data = data, .len = len};
}

static inline struct sv sv_of(const char *text)
{
	return sv_bytes(text, strlen(text));
}

bool sv_eq(struct sv sv, const char *text);
bool sv_starts(struct sv sv, const char *prefix);
struct sv sv_trim(struct sv sv);                            /* without ASCII space at both ends */
struct sv sv_skip(struct sv sv, size_t len);                /* len must not pass the end */
/* The part before the first `separator`; *rest moves behind it, or becomes empty with NULL data. */
struct sv sv_split(struct sv *rest, char separator);
/* The same by lines; a last line without newline counts. False when nothing is left. */
bool sv_line(struct sv *rest, struct sv *ret_line);

int sv_u32(struct sv sv, uint32_t max, uint32_t *ret_value);   /* -EINVAL, -ERANGE */
int sv_u64(struct sv sv, uint64_t max, uint64_t *ret_value);
int sv_hex64(struct sv sv, uint64_t *ret_value);               /* with or without 0x */

#endif
