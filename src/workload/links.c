/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload/links.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "workload/kinds.h"

int links_open_file(struct links *links, const struct ktstr_work *work)
{
	return work_kind(work)->file ? work_io_prepare_file(work, &links->file_fd) : 0;
}

static int add_ring(struct links *links, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		descriptors_push(&links->pipes, ends[0]);
		descriptors_push(&links->pipes, ends[1]);
	}
	return 0;
}

static void close_rings(struct links *links)
{
	vec_each (fd, &links->pipes)
		fd_close(*fd);
	links->pipes.len = 0;
}

int links_open_team(struct links *links, const struct ktstr_work *work)
{
	close_rings(links);
	return work_uses_pipes(work) ? add_ring(links, team_size_of(work)) : 0;
}

/* Member i reads the pipe i of its ring and writes to that of the next. */
static void give_from(const struct links *links, struct worker_config *worker, size_t ring)
{
	const int *pipes = links->pipes.at + 2 * ring;

	worker->read_fd = links->file_fd;
	worker->write_fd = -1;
	if (!work_uses_pipes(worker->work))
		return;
	worker->read_fd = pipes[2 * worker->member];
	worker->write_fd = pipes[2 * ((worker->member + 1) % worker->team_size) + 1];
}

void links_give(const struct links *links, struct worker_config *worker)
{
	give_from(links, worker, 0);
}

int links_open_group(struct links *links, struct worker_config *workers, size_t count)
{
	const struct ktstr_work *work = workers[0].work;
	int r = links_open_file(links, work);

	if (r == 0 && work_uses_pipes(work))
		r = add_ring(links, (unsigned)count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		give_from(links, &workers[i], i - workers[i].member);
	return 0;
}

void links_done(struct links *links)
{
	close_rings(links);
	descriptors_done(&links->pipes);
	fd_close(TAKE_FD(links->file_fd));
}
