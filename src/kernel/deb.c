/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A .deb (deb(5)) is an ar archive of three members:
 *
 *	debian-binary
 *	control.tar.xz
 *	data.tar.xz        or .gz, .zst, or none: the files, with names like "./boot/vmlinuz-..."
 */
#include "kernel/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READ_BLOCK 65536
#define ENTRIES_MAX 100000

static const char *const image_names[] = {
	"boot/vmlinuz-*",
	"usr/lib/modules/*/vmlinuz",
	"usr/lib/modules/*/vmlinuz.unsigned",
	NULL,
};

static const char *const config_names[] = {
	"boot/config-*",
	"usr/lib/modules/*/config",
	NULL,
};

void deb_kernel_done(struct deb_kernel *kernel)
{
	buf_done(&kernel->image);
	buf_done(&kernel->config);
}

static void reader_free(struct archive *reader)
{
	archive_read_free(reader);
}
DEFINE_AUTO(struct archive *, reader_free)

static const char *why(struct archive *reader)
{
	return archive_error_string(reader) ?: "unreadable";
}

static bool is_one_of(const char *name, const char *const *patterns)
{
	if (strncmp(name, "./", 2) == 0)
		name += 2;
	for (; *patterns; patterns++) {
		if (fnmatch(*patterns, name, FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

static int read_content(struct archive *files, const char *name, size_t max, struct buf *buf,
			struct ktstr_error *err)
{
	AUTO(free) char *block = xmalloc(READ_BLOCK);
	la_ssize_t len;

	buf->max = max;
	while ((len = archive_read_data(files, block, READ_BLOCK)) > 0) {
		buf_bytes(buf, block, (size_t)len);
		if (buf->truncated)
			return error_set(err, -EFBIG, "%s is larger than %zu bytes", name, max);
	}
	return len < 0 ? error_set(err, -EINVAL, "%s: %s", name, why(files)) : 0;
}

static int read_file(struct archive *files, struct archive_entry *entry, struct deb_kernel *kernel,
		     struct ktstr_error *err)
{
	const char *name = archive_entry_pathname(entry);

	if (!name || archive_entry_filetype(entry) != AE_IFREG)
		return 0;
	if (!kernel->image.len && is_one_of(name, image_names))
		return read_content(files, name, DEB_IMAGE_BYTES_MAX, &kernel->image, err);
	if (!kernel->config.len && is_one_of(name, config_names))
		return read_content(files, name, DEB_CONFIG_BYTES_MAX, &kernel->config, err);
	return 0;
}

static int read_files(struct archive *files, struct deb_kernel *kernel, struct ktstr_error *err)
{
	for (unsigned i = 0; i < ENTRIES_MAX && !(kernel->image.len && kernel->config.len); i++) {
		struct archive_entry *entry;
		int r = archive_read_next_header(files, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return error_set(err, -EINVAL, "%s", why(files));
		r = read_file(files, entry, kernel, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The inner archive is read through the outer one, so that nothing is unpacked twice. */
struct member {
	struct archive *deb;
	char block[READ_BLOCK];
};

static la_ssize_t read_member(struct archive *files, void *data, const void **ret_block)
{
	struct member *member = data;
	la_ssize_t len = archive_read_data(member->deb, member->block, sizeof(member->block));

	*ret_block = member->block;
	if (len < 0)
		archive_set_error(files, EINVAL, "%s", why(member->deb));
	return len;
}

static int read_data_member(struct archive *deb, struct deb_kernel *kernel, struct ktstr_error *err)
{
	AUTO(free) struct member *member = xmalloc(sizeof(*member));
	AUTO(reader_free) struct archive *files = archive_read_new();

	member->deb = deb;
	if (!files || archive_read_support_filter_xz(files) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(files) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(files) != ARCHIVE_OK ||
	    archive_read_support_format_tar(files) != ARCHIVE_OK)
		return error_set(err, -ENOTSUP, "this libarchive does not read tar with xz, gzip and zstd");
	if (archive_read_open(files, member, NULL, read_member, NULL) != ARCHIVE_OK)
		return error_set(err, -EINVAL, "%s", why(files));
	return read_files(files, kernel, err);
}

static int read_deb(struct archive *deb, const char *path, struct deb_kernel *kernel,
		    struct ktstr_error *err)
{
	struct archive_entry *entry;

	if (archive_read_support_format_ar(deb) != ARCHIVE_OK ||
	    archive_read_open_filename(deb, path, READ_BLOCK) != ARCHIVE_OK)
		return error_set(err, -EINVAL, "%s", why(deb));
	for (unsigned i = 0; i < 10; i++) {
		const char *name;

		if (archive_read_next_header(deb, &entry) != ARCHIVE_OK)
			break;
		name = archive_entry_pathname(entry);
		if (name && fnmatch("data.tar*", name, 0) == 0)
			return read_data_member(deb, kernel, err);
	}
	return error_set(err, -EINVAL, "not a Debian package (it has no data.tar)");
}

int deb_read(const char *path, struct deb_kernel *kernel, struct ktstr_error *err)
{
	AUTO(reader_free) struct archive *deb = archive_read_new();
	int r;

	if (!deb)
		return error_set(err, -ENOMEM, "libarchive: out of memory");
	r = read_deb(deb, path, kernel, err);
	return r < 0 ? error_wrap(err, r, "%s", path) : 0;
}
