/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.h - the descriptors through which workers of a group reach each other: rings of pipes, and a
 * file that all of them use. Opened before the processes that share them are forked, or by the one
 * process whose threads share them.
 */
#ifndef WORKLOAD_LINKS_H
#define WORKLOAD_LINKS_H

#include "workload/worker.h"

DEFINE_VEC(descriptors, int, vec_keep)

struct links {
	struct descriptors pipes;      /* of a team: read end, write end, for member 0, 1, ... */
	int file_fd;                   /* or -1 */
};

#define LINKS_NONE ((struct links){.file_fd = -1})

/* The file of a group whose workers do this; nothing to do for most types. Negative errno. */
int links_open_file(struct links *links, const struct ktstr_work *work);
/* A new ring for the next team; the one before is closed. */
int links_open_team(struct links *links, const struct ktstr_work *work);
/* What a member reads and writes. Borrowed from links. */
void links_give(const struct links *links, struct worker_config *worker);

/* All that the workers of one process need, given to them. */
int links_open_group(struct links *links, struct worker_config *workers, size_t count);

void links_done(struct links *links);
DEFINE_AUTO_DONE(struct links, links_done)

#endif
