/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * captures.h - captures of all threads at the ends of a test's steps, made by a child (`ktstr-ctprof-agent`)
 * that outranks whatever scheduler is under test. Found in the environment:
 *
 *   KTSTR_CTPROF_AGENT        its path; without it there are no captures
 *   KTSTR_CTPROF_LIBRARIES    its LD_LIBRARY_PATH; without it: none
 *
 * Over a socket, a packet each: it says "ready", then for every label that it gets "ok", or what went
 * wrong. The captures are in WIRE_STEPS_FILE.
 */
#ifndef AUTHOR_CAPTURES_H
#define AUTHOR_CAPTURES_H

#include "base/base.h"
#include "verdict/verdict.h"

#define CAPTURES_MAX 128                 /* of one test; a play by hand may have any number of steps */

struct captures {
	struct ktstr_verdict *verdict;   /* gets a note where captures end early; borrowed */
	struct child agent;
	int socket_fd;                   /* -1: none are made (any more) */
	unsigned count;
};
void captures_done(struct captures *captures);
DEFINE_AUTO_DONE(struct captures, captures_done)

#define CAPTURES_NONE ((struct captures){.agent = CHILD_NONE, .socket_fd = -1})

/* Start the agent, if there is one, and wait until it is ready. What goes wrong is a note. */
void captures_begin(struct captures *captures, struct ktstr_verdict *verdict);

/* One now; `arg` is the struct captures. Returns when it has been made, or cannot be. */
void captures_take(void *arg, const char *label);

#endif
