/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/btf_image.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "symbols/bzimage.h"

#define CHUNK (64u << 10)
#define SIZE_TAIL 4
#define CONFIG_BYTES_MAX (4u << 20)

static const struct method {
	const char *name;
	const char *magic;
	size_t magic_len;
	int (*enable)(struct archive *archive);        /* NULL: not read here */
} methods[] = {
	{"zstd", "\x28\xb5\x2f\xfd", 4, archive_read_support_filter_zstd},
	{"gzip", "\x1f\x8b\x08", 3, archive_read_support_filter_gzip},
	{"xz", "\xfd\x37zXZ\0", 6, archive_read_support_filter_xz},
	{"bzip2", "BZh", 3, archive_read_support_filter_bzip2},
	{"lzma", "\x5d\0\0", 3, archive_read_support_filter_lzma},
	{"lz4", "\x02\x21\x4c\x18", 4, archive_read_support_filter_lz4},
	{"lz4", "\x04\x22\x4d\x18", 4, archive_read_support_filter_lz4},
	{"LZO", "\x89LZO", 4, NULL},
};

static void reader_free(struct archive *reader)
{
	archive_read_free(reader);
}
DEFINE_AUTO(struct archive *, reader_free)

static const struct method *method_of(const void *data, size_t size)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (size >= methods[i].magic_len &&
		    memcmp(data, methods[i].magic, methods[i].magic_len) == 0)
			return &methods[i];
	}
	return NULL;
}

/* Decompress until out->max bytes are there or the data ends. */
static int decompress(const struct method *method, const void *data, size_t size, struct buf *out,
		      struct ktstr_error *err)
{
	AUTO(reader_free) struct archive *reader = archive_read_new();
	AUTO(free) char *chunk = xmalloc(CHUNK);
	struct archive_entry *entry;

	if (!reader)
		return error_set(err, -ENOMEM, "libarchive: out of memory");
	/*
	 * ARCHIVE_WARN means that libarchive was built without this method and would run a program
	 * for it; that is no good reason to start one.
	 */
	if (method->enable(reader) != ARCHIVE_OK)
		return error_set(err, -ENOTSUP, "this libarchive does not read %s", method->name);
	if (archive_read_support_format_raw(reader) != ARCHIVE_OK ||
	    archive_read_open_memory(reader, data, size) != ARCHIVE_OK ||
	    archive_read_next_header(reader, &entry) != ARCHIVE_OK)
		return error_set(err, -EINVAL, "damaged %s data: %s", method->name,
				 archive_error_string(reader) ?: "unreadable");
	while (out->len < out->max) {
		size_t left = out->max - out->len;
		la_ssize_t len = archive_read_data(reader, chunk, left < CHUNK ? left : CHUNK);

		if (len < 0)
			return error_set(err, -EINVAL, "damaged %s data: %s", method->name,
					 archive_error_string(reader) ?: "unreadable");
		if (len == 0)
			break;
		buf_bytes(out, chunk, (size_t)len);
	}
	return 0;
}

int payload_decompress(const void *payload, size_t size, struct buf *ret_vmlinux,
		       struct ktstr_error *err)
{
	const struct method *method = method_of(payload, size);
	AUTO(buf_done) struct buf vmlinux = {0};
	const uint8_t *tail;
	uint32_t want;
	int r;

	if (!method || size <= SIZE_TAIL)
		return error_set(err, -EINVAL, "the payload is compressed in no known way");
	if (!method->enable)
		return error_set(err, -ENOTSUP, "the payload is compressed with %s, which is not read",
				 method->name);
	tail = (const uint8_t *)payload + size - SIZE_TAIL;
	want = tail[0] | tail[1] << 8 | tail[2] << 16 | (uint32_t)tail[3] << 24;
	if (want == 0 || want > VMLINUX_BYTES_MAX)
		return error_set(err, -EINVAL, "the payload claims to hold %u bytes; 1..%u are allowed",
				 want, VMLINUX_BYTES_MAX);
	vmlinux.max = want;
	/* A decompressor takes the appended size for damage; gzip's size is part of its format. */
	if (method->enable != archive_read_support_filter_gzip)
		size -= SIZE_TAIL;
	r = decompress(method, payload, size, &vmlinux, err);
	if (r < 0)
		return r;
	if (vmlinux.len < want)
		return error_set(err, -EINVAL, "the payload ends after %zu of %u bytes", vmlinux.len,
				 want);
	buf_done(ret_vmlinux);
	*ret_vmlinux = TAKE(vmlinux, (struct buf){0});
	return 0;
}

static int read_payload(const char *path, const struct bzimage *image, void *payload,
			struct ktstr_error *err)
{
	AUTO(fd_close) int fd = -1;
	uint64_t file_size, done = 0;
	int r = bzimage_open(path, &fd, &file_size, err);

	if (r < 0)
		return r;
	while (done < image->payload_size) {
		ssize_t len = pread(fd, (char *)payload + done, image->payload_size - done,
				    (off_t)(image->payload_offset + done));

		if (len < 0)
			return error_sys(err, "read kernel image %s", path);
		if (len == 0)
			return error_set(err, -EINVAL, "kernel image %s: became shorter", path);
		done += (uint64_t)len;
	}
	return 0;
}

int vmlinux_from_image(const char *path, struct buf *ret_vmlinux, struct ktstr_error *err)
{
	AUTO(free) void *payload = NULL;
	struct bzimage image;
	int r = bzimage_read(path, &image, err);

	if (r < 0)
		return r;
	if (image.payload_size > VMLINUX_BYTES_MAX)
		return error_set(err, -EFBIG, "kernel image %s: a payload of %llu bytes", path,
				 (unsigned long long)image.payload_size);
	payload = xmalloc(image.payload_size);
	r = read_payload(path, &image, payload, err);
	if (r < 0)
		return r;
	r = payload_decompress(payload, image.payload_size, ret_vmlinux, err);
	return r < 0 ? error_wrap(err, r, "kernel image %s", path) : 0;
}

static void elf_close(Elf *elf)
{
	elf_end(elf);
}
DEFINE_AUTO(Elf *, elf_close)

/* The header of the section of this name; sections that cannot be read are not it. */
static bool find_section(Elf *elf, const char *name, GElf_Shdr *ret_header)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return false;
	while ((section = elf_nextscn(elf, section))) {
		const char *have;

		if (!gelf_getshdr(section, ret_header))
			continue;
		have = elf_strptr(elf, names, ret_header->sh_name);
		if (have && strcmp(have, name) == 0)
			return true;
	}
	return false;
}

int btf_from_vmlinux(const struct buf *vmlinux, struct buf *ret_btf, struct ktstr_error *err)
{
	AUTO(elf_close) Elf *elf = NULL;
	GElf_Shdr header;

	(void)elf_version(EV_CURRENT);        /* libelf wants it said; this one never fails */
	elf = elf_memory(vmlinux->data, vmlinux->len);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		return error_set(err, -EINVAL, "its payload is not an ELF file");
	if (!find_section(elf, ".BTF", &header) || header.sh_type == SHT_NOBITS)
		return error_set(err, -ENODATA, "no type information (.BTF section); "
						"it was built without CONFIG_DEBUG_INFO_BTF");
	if (header.sh_size > BTF_BYTES_MAX || header.sh_offset > vmlinux->len ||
	    header.sh_size > vmlinux->len - header.sh_offset)
		return error_set(err, -EINVAL, "its .BTF section is not inside it");
	ret_btf->max = BTF_BYTES_MAX;
	buf_bytes(ret_btf, vmlinux->data + header.sh_offset, header.sh_size);
	return 0;
}

/* kernel/configs.c: "IKCFG_ST", the .config compressed with gzip, "IKCFG_ED". */
int config_from_vmlinux(const struct buf *vmlinux, struct buf *ret_config, struct ktstr_error *err)
{
	static const char start[8] = "IKCFG_ST", end[8] = "IKCFG_ED";
	const char *from = memmem(buf_text(vmlinux), vmlinux->len, start, sizeof(start));
	const char *to = NULL;
	const struct method *method;
	size_t size;

	if (from) {
		from += sizeof(start);
		to = memmem(from, (size_t)(vmlinux->data + vmlinux->len - from), end, sizeof(end));
	}
	if (!to)
		return error_set(err, -ENODATA,
				 "no configuration in it; it was built without CONFIG_IKCONFIG");
	size = (size_t)(to - from);
	method = method_of(from, size);
	if (!method || method->enable != archive_read_support_filter_gzip)
		return error_set(err, -EINVAL, "the configuration in it is not compressed with gzip");
	ret_config->max = CONFIG_BYTES_MAX;
	return decompress(method, from, size, ret_config, err);
}

int btf_from_image(const char *path, struct buf *ret_btf, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	int r = vmlinux_from_image(path, &vmlinux, err);

	if (r < 0)
		return r;
	r = btf_from_vmlinux(&vmlinux, ret_btf, err);
	return r < 0 ? error_wrap(err, r, "kernel image %s", path) : 0;
}
