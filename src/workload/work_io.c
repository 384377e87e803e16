/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IoSyncWrite and IoRandRead: one temporary file for all workers of a group, without a name from the
 * moment that it is there. In a guest /tmp is a tmpfs: what is written is in memory then, so the calls
 * cost CPU time and hardly wait; and O_DIRECT works or not as the kernel has it (tmpfs since 6.6).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "workload/kinds.h"
#include "workload/measure.h"

#define BLOCK_BYTES 4096
#define BLOCKS_PER_STRIPE 16
#define FILE_BLOCKS 1024               /* of the file to read: 4 MiB */

size_t memory_of_io(const struct ktstr_work *work)
{
	(void)work;
	return BLOCK_BYTES;            /* mapped, so aligned for O_DIRECT */
}

static int fill(int fd)
{
	static const char blocks[16 * BLOCK_BYTES] = {1};

	for (unsigned i = 0; i < FILE_BLOCKS / 16; i++) {
		int r = fd_write_all(fd, blocks, sizeof(blocks));

		if (r < 0)
			return r;
	}
	return 0;
}

int work_io_prepare_file(const struct ktstr_work *work, int *ret_fd)
{
	bool reads = work->type == KTSTR_WORK_IO_RAND_READ;
	char path[] = "/tmp/ktstr-io-XXXXXX";
	AUTO(fd_close) int fd = mkostemp(path, O_CLOEXEC | (reads ? 0 : O_SYNC));
	int r;

	if (fd < 0)
		return -errno;
	(void)unlink(path);
	r = reads ? fill(fd) : 0;
	if (r < 0)
		return r;
	if (reads)
		(void)fcntl(fd, F_SETFL, O_DIRECT);        /* where it works */
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* One worker's stripe; a unit is a block. */
bool io_sync_write_once(struct ktstr_worker *worker)
{
	const struct worker_config *config = worker->config;

	for (unsigned i = 0; i < BLOCKS_PER_STRIPE && !stopped(); i++) {
		off_t at = ((off_t)config->index * BLOCKS_PER_STRIPE + i) * BLOCK_BYTES;

		if (pwrite(config->read_fd, worker->memory, BLOCK_BYTES, at) < 0 && errno != EINTR)
			return false;
		worker->report->work_units++;
		checkpoint(worker);
	}
	if (fdatasync(config->read_fd) < 0 && errno != EINTR)
		return false;
	checkpoint(worker);
	return !stopped();
}

void work_io_sync_write(struct ktstr_worker *worker)
{
	while (io_sync_write_once(worker))
		worker->report->iterations++;
}

void work_io_rand_read(struct ktstr_worker *worker)
{
	while (!stopped()) {
		off_t at = (off_t)random_below(worker, FILE_BLOCKS) * BLOCK_BYTES;

		if (pread(worker->config->read_fd, worker->memory, BLOCK_BYTES, at) < 0 &&
		    errno != EINTR)
			return;
		worker->report->work_units++;
		worker->report->iterations++;
		checkpoint(worker);
	}
}
