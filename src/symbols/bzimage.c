/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/bzimage.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SETUP_SECTS = 0x1f1,
	SYSSIZE = 0x1f4,
	BOOT_FLAG = 0x1fe,
	MAGIC = 0x202,
	PROTOCOL = 0x206,
	KERNEL_VERSION = 0x20e,
	LOADFLAGS = 0x211,
	PAYLOAD_OFFSET = 0x248,
	PAYLOAD_LENGTH = 0x24c,
	HEADER_END = 0x250,
};

#define SECTOR 512u
#define PROTOCOL_WITH_PAYLOAD 0x208
#define LOADED_HIGH 1

static uint32_t le(const uint8_t *bytes, unsigned count)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < count; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

static bool is_text(const uint8_t *bytes, size_t size)
{
	size_t len = size < SECTOR ? size : SECTOR;

	for (size_t i = 0; i < len; i++) {
		if (!isprint(bytes[i]) && !isspace(bytes[i]))
			return false;
	}
	return true;
}

/* Why these bytes are no bzImage at all, or NULL. */
static const char *not_a_bzimage(const uint8_t *head, size_t size)
{
	if (size == 0)
		return "the file is empty";
	if (size >= 4 && memcmp(head, "\177ELF", 4) == 0)
		return "an ELF file (vmlinux?), not a bzImage; give arch/x86/boot/bzImage of the "
		       "same build";
	if (is_text(head, size))
		return "a text file, not a bzImage";
	if (size < HEADER_END)
		return "too short for a bzImage";
	if (le(head + BOOT_FLAG, 2) != 0xaa55 || memcmp(head + MAGIC, "HdrS", 4) != 0)
		return "not a bzImage (it has no Linux/x86 boot header)";
	if (!(head[LOADFLAGS] & LOADED_HIGH))
		return "a zImage, not a bzImage";
	if (le(head + PROTOCOL, 2) < PROTOCOL_WITH_PAYLOAD)
		return "a bzImage of a kernel older than Linux 2.6.26";
	return NULL;
}

/* "6.18.15+deb13-cloud-amd64 (builder@host) #1 SMP ...": the release is the first word. */
static int parse_release(const uint8_t *head, size_t size, struct bzimage *image, struct ktstr_error *err)
{
	uint32_t at = le(head + KERNEL_VERSION, 2);
	size_t len = 0;

	if (at == 0)
		return error_set(err, -EINVAL, "a bzImage whose header does not say its version");
	at += SECTOR;
	while (at + len < size && len < sizeof(image->release) - 1 && isgraph(head[at + len]))
		len++;
	if (len == 0 || at + len >= size || (head[at + len] != ' ' && head[at + len] != '\0'))
		return error_set(err, -EINVAL, "a bzImage with an unreadable version in its header");
	memcpy(image->release, head + at, len);
	image->release[len] = '\0';
	return 0;
}

int bzimage_parse(const void *data, size_t size, uint64_t file_size, struct bzimage *ret_image,
		  struct ktstr_error *err)
{
	const uint8_t *head = data;
	const char *reason = not_a_bzimage(head, size);
	struct bzimage image = {0};
	uint64_t code, code_size;
	uint32_t payload;
	int r;

	assert(size <= file_size);
	if (reason)
		return error_set(err, -EINVAL, "%s", reason);
	code = ((head[SETUP_SECTS] ?: 4) + 1) * SECTOR;
	code_size = le(head + SYSSIZE, 4) * 16ull;
	if (code + code_size > file_size)
		return error_set(err, -EINVAL,
				 "a truncated bzImage: %llu of %llu bytes are there; copy or fetch it "
				 "again",
				 (unsigned long long)file_size,
				 (unsigned long long)(code + code_size));
	payload = le(head + PAYLOAD_OFFSET, 4);
	image.payload_offset = code + payload;
	image.payload_size = le(head + PAYLOAD_LENGTH, 4);
	if (image.payload_size == 0 || payload + image.payload_size > code_size)
		return error_set(err, -EINVAL, "a damaged bzImage: its payload is not inside it");
	r = parse_release(head, size < code ? size : code, &image, err);
	if (r == 0)
		*ret_image = image;
	return r;
}

int bzimage_open(const char *path, int *ret_fd, uint64_t *ret_size, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "kernel image %s", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EINVAL, "kernel image %s: a directory; name the image in it", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "kernel image %s: not a regular file", path);
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int bzimage_read(const char *path, struct bzimage *ret_image, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = -1;
	AUTO(free) uint8_t *head = xmalloc(BZIMAGE_HEAD_MAX);
	uint64_t size;
	ssize_t len;
	int r;

	r = bzimage_open(path, &fd, &size, err);
	if (r < 0)
		return r;
	len = pread(fd, head, BZIMAGE_HEAD_MAX, 0);
	if (len < 0)
		return error_sys(err, "kernel image %s", path);
	if ((uint64_t)len > size)
		size = (uint64_t)len;        /* it grew since fstat() */
	r = bzimage_parse(head, (size_t)len, size, ret_image, err);
	return r < 0 ? error_wrap(err, r, "kernel image %s", path) : 0;
}
