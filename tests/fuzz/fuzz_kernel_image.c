/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever the bytes, they are refused with words, or the release is one printable word and
 * the payload lies within them; and what is found in the payload is no larger than it says, and lies
 * within it.
 */
#include <assert.h>
#include <ctype.h>

#include "symbols/btf_image.h"
#include "symbols/bzimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const struct bzimage *image, size_t size)
{
	assert(image->payload_size > 0);
	assert(image->payload_offset <= size);
	assert(image->payload_size <= size - image->payload_offset);
	assert(image->release[0]);
	assert(memchr(image->release, '\0', sizeof(image->release)));
	for (const char *c = image->release; *c; c++)
		assert(isgraph((unsigned char)*c));
}

static void check_payload(const void *payload, size_t size)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf btf = {0};
	AUTO(buf_done) struct buf config = {0};
	struct ktstr_error err = {0};

	if (payload_decompress(payload, size, &vmlinux, &err) < 0) {
		assert(err.msg[0]);
		assert(!vmlinux.len);
		return;
	}
	assert(vmlinux.len <= VMLINUX_BYTES_MAX);
	if (btf_from_vmlinux(&vmlinux, &btf, &err) == 0 && btf.len)
		assert(memmem(vmlinux.data, vmlinux.len, btf.data, btf.len));
	(void)config_from_vmlinux(&vmlinux, &config, NULL);      /* only has to come back */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t head = size < BZIMAGE_HEAD_MAX ? size : BZIMAGE_HEAD_MAX;
	struct ktstr_error err = {0};
	struct bzimage image;

	if (bzimage_parse(data, head, size, &image, &err) < 0) {
		assert(err.msg[0]);
		return 0;
	}
	check_header(&image, size);
	check_payload(data + image.payload_offset, image.payload_size);
	return 0;
}
