/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <zstd.h>

#include "ctprof/snapshot_file.h"

#define ZSTD_LEVEL 3
#define STEP_BYTES (1u << 20)

static void cctx_free(ZSTD_CCtx *context)
{
	ZSTD_freeCCtx(context);
}
DEFINE_AUTO(ZSTD_CCtx *, cctx_free)

static void dctx_free(ZSTD_DCtx *context)
{
	ZSTD_freeDCtx(context);
}
DEFINE_AUTO(ZSTD_DCtx *, dctx_free)

int ctprof_snapshot_pack(const struct ctprof_snapshot *snapshot, struct buf *ret_data, struct ktstr_error *err)
{
	AUTO(cctx_free) ZSTD_CCtx *context = ZSTD_createCCtx();
	AUTO(buf_done) struct buf json = {.max = CTPROF_JSON_BYTES_MAX};
	AUTO(free) char *data = NULL;
	size_t bound, len;

	if (!context)
		return error_set(err, -ENOMEM, "zstd: no memory");
	ctprof_snapshot_to_json(snapshot, &json);
	buf_char(&json, '\n');
	if (json.truncated)
		return error_set(err, -EFBIG, "a snapshot above %u MiB cannot be read again",
				 CTPROF_JSON_BYTES_MAX >> 20);
	bound = ZSTD_compressBound(json.len);
	data = xmalloc(bound);
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	len = ZSTD_compress2(context, data, bound, json.data, json.len);
	if (ZSTD_isError(len))
		return error_set(err, -EIO, "zstd: %s", ZSTD_getErrorName(len));
	if (len > CTPROF_FILE_BYTES_MAX)
		return error_set(err, -EFBIG, "a packed snapshot above %u MiB cannot be read again",
				 CTPROF_FILE_BYTES_MAX >> 20);
	ret_data->max = CTPROF_FILE_BYTES_MAX;
	buf_bytes(ret_data, data, len);
	return 0;
}

int ctprof_snapshot_write(const struct ctprof_snapshot *snapshot, const char *path, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf data = {0};
	int r = ctprof_snapshot_pack(snapshot, &data, err);

	if (r < 0)
		return error_wrap(err, r, "%s", path);
	/* it tells of everybody's processes and of the kernel's command line: the owner's alone */
	if (strcmp(path, "-") != 0)
		return file_write_atomic(path, buf_text(&data), data.len, 0600, err);
	r = fd_write_all(STDOUT_FILENO, buf_text(&data), data.len);
	return r < 0 ? error_set(err, r, "write to stdout: %s", strerror(-r)) : 0;
}

/* --- reading -------------------------------------------------------------------------------------- */

static int refuse_foreign(const unsigned char *data, size_t len, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf start = {0};

	for (size_t i = 0; i < len && i < 8; i++)
		buf_printf(&start, " %02x", data[i]);
	if (len == 0)
		return error_set(err, -EINVAL, "empty, so no ctprof snapshot");
	return error_set(err, -EINVAL, "no ctprof snapshot: starts with%s instead of zstd's 28 b5 2f fd",
			 buf_text(&start));
}

static int unpack(const void *data, size_t len, struct buf *ret_json, struct ktstr_error *err)
{
	AUTO(dctx_free) ZSTD_DCtx *context = ZSTD_createDCtx();
	AUTO(free) char *step = xmalloc(STEP_BYTES);
	ZSTD_inBuffer in = {.src = data, .size = len};
	ZSTD_outBuffer out = {.dst = step, .size = STEP_BYTES};
	size_t left = 1;

	if (!context)
		return error_set(err, -ENOMEM, "zstd: no memory");
	/* ends when the input is used up and nothing more comes out of it */
	do {
		out.pos = 0;
		left = ZSTD_decompressStream(context, &out, &in);
		if (ZSTD_isError(left))
			return error_set(err, -EBADMSG, "damaged: zstd: %s", ZSTD_getErrorName(left));
		buf_bytes(ret_json, step, out.pos);
		if (ret_json->truncated)
			return error_set(err, -EFBIG, "unpacks to more than %u MiB: no snapshot is that large",
					 (unsigned)(ret_json->max >> 20));
	} while (in.pos < in.size || out.pos == out.size);
	if (left != 0)
		return error_set(err, -ENODATA, "truncated: the file ends after %zu bytes in the middle of the snapshot",
				 len);
	return 0;
}

int ctprof_snapshot_unpack(const void *data, size_t len, struct ctprof_snapshot *ret_snapshot,
			   struct ktstr_error *err)
{
	return ctprof_snapshot_unpack_max(data, len, CTPROF_JSON_BYTES_MAX, ret_snapshot, err);
}

int ctprof_snapshot_unpack_max(const void *data, size_t len, size_t json_max, struct ctprof_snapshot *ret_snapshot,
			       struct ktstr_error *err)
{
	static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	AUTO(buf_done) struct buf json = {.max = json_max};
	int r;

	if (len < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
		return refuse_foreign(data, len, err);
	r = unpack(data, len, &json, err);
	if (r < 0)
		return r;
	return ctprof_snapshot_from_json(buf_text(&json), json.len, ret_snapshot, err);
}

int ctprof_snapshot_read(const char *path, struct ctprof_snapshot *ret_snapshot, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf file = {.max = CTPROF_FILE_BYTES_MAX};
	int r = file_read(AT_FDCWD, path, CTPROF_FILE_BYTES_MAX, &file, err);

	if (r < 0)
		return r;
	r = ctprof_snapshot_unpack(buf_text(&file), file.len, ret_snapshot, err);
	return r < 0 ? error_wrap(err, r, "%s", path) : 0;
}
