/* SPDX-License-Identifier: BSD-2-Clause */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sha2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/vm.h"

DEFINE_AUTO(struct archive *, archive_write_free)
DEFINE_AUTO(struct archive_entry *, archive_entry_free)

static la_ssize_t append(struct archive *archive, void *arg, const void *data, size_t len)
{
	(void)archive;
	buf_bytes(arg, data, len);
	return (la_ssize_t)len;
}

/* One regular file, /init, with no time and no owner: the same bytes make the same archive. */
static int pack(struct sv init, struct buf *out, struct ktstr_error *err)
{
	AUTO(archive_write_free) struct archive *archive = archive_write_new();
	AUTO(archive_entry_free) struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, "init");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0755);
	archive_entry_set_size(entry, (la_int64_t)init.len);
	archive_entry_set_nlink(entry, 1);
	if (archive_write_set_format_cpio_newc(archive) < ARCHIVE_OK ||
	    archive_write_open2(archive, out, NULL, append, NULL, NULL) < ARCHIVE_OK ||
	    archive_write_header(archive, entry) < ARCHIVE_OK ||
	    archive_write_data(archive, init.data, init.len) != (la_ssize_t)init.len ||
	    archive_write_close(archive) < ARCHIVE_OK)
		return error_set(err, -EIO, "initramfs: %s", archive_error_string(archive));
	return 0;
}

int initramfs_make(const char *dir, struct sv init, char **ret_path, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf packed = {0};
	AUTO(free) char *path = NULL;
	char digest[SHA256_DIGEST_STRING_LENGTH];
	struct stat st;
	int r = pack(init, &packed, err);

	if (r < 0)
		return r;
	SHA256Data((const uint8_t *)packed.data, packed.len, digest);
	path = xasprintf("%s/%.32s.cpio", dir, digest);
	if (stat(path, &st) < 0 || (size_t)st.st_size != packed.len) {
		r = dir_make(dir, 0755, err);
		if (r == 0)
			r = file_write_atomic(path, packed.data, packed.len, 0644, err);
		if (r < 0)
			return error_wrap(err, r, "initramfs");
	}
	*ret_path = TAKE_PTR(path);
	return 0;
}
