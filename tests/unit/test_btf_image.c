/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bzimage_writer.h"
#include "symbols/btf_image.h"
#include "symbols/bzimage.h"
#include "test.h"

#include "../fuzz/fuzz_kernel_image.c"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_pvh
#include "../fuzz/fuzz_pvh.c"
#undef LLVMFuzzerTestOneInput

#define VERSION "6.18.15+deb13-cloud-amd64 (builder@host) #1 SMP"
#define TYPES "these are types"

static int parse(const struct buf *bytes, struct bzimage *image, struct ktstr_error *err)
{
	size_t head = bytes->len < BZIMAGE_HEAD_MAX ? bytes->len : BZIMAGE_HEAD_MAX;

	return bzimage_parse(buf_text(bytes), head, bytes->len, image, err);
}

static void check_refused(const struct buf *bytes, const char *reason)
{
	struct ktstr_error err = {0};
	struct bzimage image;

	CHECK_EQ(parse(bytes, &image, &err), -EINVAL);
	CHECK_HAS(err.msg, reason);
}

TEST(an_image_tells_its_release_and_where_its_payload_is)
{
	AUTO(buf_done) struct buf bytes = {0};
	struct bzimage image;

	bzimage_write(VERSION, "payload!", 8, &bytes);
	CHECK_EQ(parse(&bytes, &image, NULL), 0);
	CHECK_STR(image.release, "6.18.15+deb13-cloud-amd64");
	CHECK_EQ(image.payload_size, 8);
	CHECK(memcmp(bytes.data + image.payload_offset, "payload!", 8) == 0);
}

TEST(setup_sects_of_zero_means_four)
{
	AUTO(buf_done) struct buf bytes = {0};
	struct bzimage image;

	bzimage_write(VERSION, "payload!", 8, &bytes);
	bytes.data[0x1f1] = 0;
	CHECK_EQ(parse(&bytes, &image, NULL), 0);
	CHECK(memcmp(bytes.data + image.payload_offset, "payload!", 8) == 0);
}

TEST(what_is_no_bzimage_is_refused_by_name)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *reason;
	} rows[] = {
		{"", 0, "the file is empty"},
		{"#!/bin/sh\n", 10, "a text file"},
		{"\177ELF\2\1\1\0", 8, "an ELF file (vmlinux?)"},
		{"\0\1\2\3", 4, "too short for a bzImage"},
	};
	char noise[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf_done) struct buf bytes = {0};

		buf_bytes(&bytes, rows[i].bytes, rows[i].len);
		check_refused(&bytes, rows[i].reason);
	}
	memset(noise, 0x99, sizeof(noise));
	check_refused(&(struct buf){.data = noise, .len = sizeof(noise)}, "no Linux/x86 boot header");
}

TEST(a_damaged_header_is_refused)
{
	static const struct {
		size_t at;
		uint32_t value;
		unsigned bytes;
		const char *reason;
	} rows[] = {
		{0x1f4, 0x10000, 4, "truncated"},
		{0x206, 0x207, 2, "older than Linux 2.6.26"},
		{0x20e, 0, 2, "does not say its version"},
		{0x20e, 0xffff, 2, "unreadable version"},
		{0x20e, BZIMAGE_WRITER_CODE - 0x200 - 1, 2, "unreadable version"},
		{0x211, 0, 1, "a zImage"},
		{0x248, 0xffffffff, 4, "its payload is not inside it"},
		{0x24c, 0xffffffff, 4, "its payload is not inside it"},
		{0x24c, 0, 4, "its payload is not inside it"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf_done) struct buf bytes = {0};

		bzimage_write(VERSION, "payload!", 8, &bytes);
		put_le(&bytes, rows[i].at, rows[i].value, rows[i].bytes);
		check_refused(&bytes, rows[i].reason);
	}
}

TEST(an_image_that_lost_its_end_is_refused)
{
	AUTO(buf_done) struct buf bytes = {0};

	bzimage_write(VERSION, "payload!", 8, &bytes);
	bytes.len--;
	check_refused(&bytes, "a truncated bzImage");
}

TEST(files_that_are_no_image_are_named)
{
	struct ktstr_error err = {0};
	struct bzimage image;

	CHECK_EQ(bzimage_read("/nonexistent", &image, &err), -ENOENT);
	CHECK_STR(err.msg, "kernel image /nonexistent: No such file or directory");
	CHECK_EQ(bzimage_read("/dev/null", &image, &err), -EINVAL);
	CHECK_STR(err.msg, "kernel image /dev/null: not a regular file");
	CHECK_EQ(bzimage_read("/", &image, &err), -EINVAL);
	CHECK_STR(err.msg, "kernel image /: a directory; name the image in it");
}

static const struct filter {
	const char *name;
	int (*add)(struct archive *);
} filters[] = {
	{"zstd", archive_write_add_filter_zstd},
	{"gzip", archive_write_add_filter_gzip},
	{"xz", archive_write_add_filter_xz},
	{"bzip2", archive_write_add_filter_bzip2},
	{"lzma", archive_write_add_filter_lzma},
	{"lz4", archive_write_add_filter_lz4},
};

static bool make_payload(const struct filter *filter, const struct buf *vmlinux, struct buf *payload)
{
	if (!compress_with(filter->add, vmlinux->data, vmlinux->len, payload))
		return false;
	if (strcmp(filter->name, "gzip") != 0)
		append_size(payload, vmlinux->len);
	return true;
}

/* More than one block of every method, and not all zeros. */
static void make_large_vmlinux(struct buf *vmlinux)
{
	AUTO(buf_done) struct buf types = {0};

	for (uint32_t i = 0, noise = 1; i < 400000; i++) {
		noise = noise * 1664525 + 1013904223;
		buf_char(&types, (char)(noise >> (i % 2 ? 24 : 31)));
	}
	vmlinux_write(".BTF", types.data, types.len, vmlinux);
}

TEST(every_compression_gives_the_vmlinux_back)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf payload = {0};
	unsigned count = 0;

	make_large_vmlinux(&vmlinux);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		AUTO(buf_done) struct buf back = {0};
		struct ktstr_error err = {0};

		if (!make_payload(&filters[i], &vmlinux, &payload))
			continue;
		if (payload_decompress(payload.data, payload.len, &back, &err) < 0)
			fail_msg("%s: %s", filters[i].name, err.msg);
		CHECK_EQ(back.len, vmlinux.len);
		CHECK(memcmp(back.data, vmlinux.data, vmlinux.len) == 0);
		count++;
	}
	CHECK(count >= 4);        /* a libarchive without most of them would test nothing */
}

TEST(a_payload_that_lies_about_its_size_is_refused)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf payload = {0};
	AUTO(buf_done) struct buf back = {0};
	struct ktstr_error err = {0};

	make_large_vmlinux(&vmlinux);
	CHECK(make_payload(&filters[0], &vmlinux, &payload));
	put_le(&payload, payload.len - 4, (uint32_t)vmlinux.len + 1, 4);
	CHECK_EQ(payload_decompress(payload.data, payload.len, &back, &err), -EINVAL);
	CHECK_HAS(err.msg, "the payload ends after");
	put_le(&payload, payload.len - 4, 0xffffffff, 4);
	CHECK_EQ(payload_decompress(payload.data, payload.len, &back, &err), -EINVAL);
	CHECK_HAS(err.msg, "claims to hold 4294967295 bytes");
	put_le(&payload, payload.len - 4, 1000, 4);
	CHECK_EQ(payload_decompress(payload.data, payload.len, &back, &err), 0);
	CHECK_EQ(back.len, 1000);
}

TEST(a_payload_with_a_flipped_bit_is_refused)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf payload = {0};
	AUTO(buf_done) struct buf back = {0};
	struct ktstr_error err = {0};

	make_large_vmlinux(&vmlinux);
	CHECK(make_payload(&filters[2], &vmlinux, &payload));
	payload.data[payload.len / 2] ^= 1;
	CHECK_EQ(payload_decompress(payload.data, payload.len, &back, &err), -EINVAL);
	CHECK_HAS(err.msg, "damaged xz data");
}

TEST(unknown_compressions_are_named)
{
	AUTO(buf_done) struct buf back = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(payload_decompress("\x89LZO\0\r\n\x1a\n....", 13, &back, &err), -ENOTSUP);
	CHECK_HAS(err.msg, "compressed with LZO");
	CHECK_EQ(payload_decompress("plain text", 10, &back, &err), -EINVAL);
	CHECK_HAS(err.msg, "in no known way");
}

/* A bzImage with this vmlinux in it, as a file; the path is the caller's to unlink and free. */
static char *image_file(const struct buf *vmlinux)
{
	AUTO(buf_done) struct buf payload = {0};
	AUTO(buf_done) struct buf bytes = {0};
	char *path = xstrdup("/tmp/ktstr-unit.XXXXXX");
	AUTO(fd_close) int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK(make_payload(&filters[0], vmlinux, &payload));
	bzimage_write(VERSION, payload.data, payload.len, &bytes);
	CHECK_EQ(fd_write_all(fd, bytes.data, bytes.len), 0);
	return path;
}

TEST(type_information_comes_out_of_an_image)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};
	AUTO(free) char *path = NULL;
	struct ktstr_error err = {0};
	int r;

	vmlinux_write(".BTF", TYPES, strlen(TYPES), &vmlinux);
	path = image_file(&vmlinux);
	r = btf_from_image(path, &btf, &err);
	unlink(path);
	CHECK_EQ(r, 0);
	CHECK_STR(buf_text(&btf), TYPES);
}

TEST(an_image_without_type_information_says_why)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};
	AUTO(free) char *path = NULL;
	struct ktstr_error err = {0};
	int r;

	vmlinux_write(".text", TYPES, strlen(TYPES), &vmlinux);
	path = image_file(&vmlinux);
	r = btf_from_image(path, &btf, &err);
	unlink(path);
	CHECK_EQ(r, -ENODATA);
	CHECK_HAS(err.msg, path);
	CHECK_HAS(err.msg, "built without CONFIG_DEBUG_INFO_BTF");
}

TEST(sections_outside_the_elf_file_are_refused)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};
	struct ktstr_error err = {0};
	Elf64_Shdr *sections;

	vmlinux_write(".BTF", TYPES, strlen(TYPES), &vmlinux);
	sections = (Elf64_Shdr *)(vmlinux.data + sizeof(Elf64_Ehdr));
	sections[1].sh_size++;
	CHECK_EQ(btf_from_vmlinux(&vmlinux, &btf, &err), -EINVAL);
	CHECK_HAS(err.msg, "not inside it");
	sections[1].sh_size = UINT64_MAX;
	sections[1].sh_offset = 2;
	CHECK_EQ(btf_from_vmlinux(&vmlinux, &btf, &err), -EINVAL);
	CHECK_EQ(btf.len, 0);
}

TEST(an_embedded_configuration_is_found)
{
	static const char text[] = "CONFIG_X86_64=y\n";
	AUTO(buf_done) struct buf packed = {0};
	AUTO(buf_done) struct buf data = {0};
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf config = {0};
	struct ktstr_error err = {0};

	CHECK(compress_with(archive_write_add_filter_gzip, text, strlen(text), &packed));
	buf_str(&data, "IKCFG_ST");
	buf_bytes(&data, packed.data, packed.len);
	vmlinux_write(".rodata", data.data, data.len, &vmlinux);
	CHECK_EQ(config_from_vmlinux(&vmlinux, &config, &err), -ENODATA);
	buf_str(&data, "IKCFG_ED");
	vmlinux_write(".rodata", data.data, data.len, &vmlinux);
	CHECK_EQ(config_from_vmlinux(&vmlinux, &config, &err), 0);
	CHECK_STR(buf_text(&config), text);
}

/* Where a flipped bit can matter: the boot header's fields and what is not padding. */
static bool is_meaningful(const struct buf *seed, size_t byte)
{
	return seed->data[byte] || (byte >= 0x1f0 && byte < 0x250);
}

/* The input cut at many lengths and with every third bit flipped; the target aborts when it fails. */
static void fuzz_around(const struct buf *seed)
{
	for (size_t len = 0; len <= seed->len; len += len < 0x250 ? 1 : 37) {
		AUTO(free) uint8_t *cut = xmalloc(len ?: 1);      /* its own, for the sanitizer */

		memcpy(cut, buf_text(seed), len);
		(void)LLVMFuzzerTestOneInput(cut, len);
	}
	for (size_t bit = 0; bit < 8 * seed->len; bit += 3) {
		if (!is_meaningful(seed, bit / 8))
			continue;
		seed->data[bit / 8] ^= (char)(1 << bit % 8);
		(void)LLVMFuzzerTestOneInput((const uint8_t *)seed->data, seed->len);
		seed->data[bit / 8] ^= (char)(1 << bit % 8);
	}
}

TEST(the_fuzz_target_holds_on_its_corpus)
{
	AUTO(free) char *path = xasprintf("%s/kernel", getenv("KTSTR_TEST_DATA") ?: "tests/data");
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	CHECK(dir);
	while ((entry = readdir(dir))) {
		AUTO(buf_done) struct buf seed = {0};

		if (entry->d_name[0] == '.')
			continue;
		CHECK_EQ(file_read(dirfd(dir), entry->d_name, 1 << 20, &seed, NULL), 0);
		fuzz_around(&seed);
		count++;
	}
	closedir(dir);
	CHECK(count >= 4);
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_pvh_holds_on_its_corpus)
{
	replay_corpus("pvh", fuzz_pvh);
}

RUN_TESTS();
