/* SPDX-License-Identifier: BSD-2-Clause */
/* machine.h - inside the room: what is not about threads. Missing files leave zeros. */
#ifndef CTPROF_MACHINE_H
#define CTPROF_MACHINE_H

#include "ctprof/tree.h"

/* root_fd is "/" or a recorded tree with proc and sys in it. */
void machine_read_psi(struct tree_buffer *buffer, int root_fd, struct ctprof_psi *ret_psi);
void machine_read_sched_ext(struct tree_buffer *buffer, int root_fd, struct ctprof_snapshot *snapshot);
void machine_read_cgroups(struct tree_buffer *buffer, int root_fd, struct ctprof_snapshot *snapshot);

#endif
