/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: of any bytes as an ELF file, what is said about thread-local storage is possible: an
 * alignment that is one, offsets below the bounds, the first number before the second.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_image(const struct image *image)
{
	struct tsd_members members;
	struct thread_db db;
	struct ktstr_error err = {0};
	int64_t offset;

	if (image->has_tls) {
		assert(image->tls_align && !(image->tls_align & (image->tls_align - 1)));
		if (image_tls_from_pointer(image, &offset) == 0)
			assert((offset < 0) == (image->machine == EM_X86_64));
	}
	assert(strlen(image->build_id) % 2 == 0);
	if (image_read_members(image, &members, &err) == 0)
		assert(members.allocated < members.deallocated &&
		       members.deallocated <= IMAGE_TLS_BYTES_MAX);
	else
		assert(err.msg[0]);
	if (thread_db_read(image, &db, NULL) == 0)
		assert(db.dtv_slot_bytes >= 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(image_done) struct image image = {.fd = -1};
	AUTO(fd_close) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct ktstr_error err = {0};

	assert(fd >= 0 && fd_write_all(fd, data, size) == 0);
	if (image_open(fd, &image, &err) < 0)
		assert(err.msg[0]);
	else
		check_image(&image);
	return 0;
}
