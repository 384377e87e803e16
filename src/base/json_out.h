/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_out.h - writes JSON into a buf, for the guest half, which links libc only. (The driver reads
 * and writes JSON with jansson.) Keys in the order written. Bytes that are not UTF-8 become U+FFFD;
 * a number that is not finite becomes 0, so that a NaN never reaches a result.
 *
 *	struct json_out json = {.buf = &buf};
 *	jout_object(&json, NULL);
 *	jout_string(&json, "name", "cg_0");
 *	jout_array(&json, "cpus");  jout_u64(&json, NULL, 3);  jout_end(&json);
 *	jout_end(&json);                     -> {"name":"cg_0","cpus":[3]}
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define JSON_OUT_DEPTH_MAX 16

struct json_out {
	struct buf *buf;
	unsigned depth;
	char close[JSON_OUT_DEPTH_MAX];
	bool filled[JSON_OUT_DEPTH_MAX + 1];      /* a value was written at this depth */
};

/* key is NULL inside arrays and at the top */
void jout_object(struct json_out *json, const char *key);
void jout_array(struct json_out *json, const char *key);
void jout_end(struct json_out *json);
void jout_string(struct json_out *json, const char *key, const char *value);   /* NULL: null */
void jout_string_bytes(struct json_out *json, const char *key, const char *value, size_t len);
void jout_u64(struct json_out *json, const char *key, uint64_t value);
void jout_i64(struct json_out *json, const char *key, int64_t value);
void jout_real(struct json_out *json, const char *key, double value);
void jout_bool(struct json_out *json, const char *key, bool value);
void jout_null(struct json_out *json, const char *key);
void jout_raw(struct json_out *json, const char *key, const struct buf *value);   /* JSON as it is; NULL: null */

#endif
