/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interrupt.h - Ctrl-C and SIGTERM become a readable descriptor, so that everything that waits can
 * stop in order. A second signal, 0.2 s later or more, ends the program at once; its QEMUs die with it (spawn.h).
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

#include "base/error.h"

/* The descriptor, for the life of the program; call once. */
int interrupt_catch(struct ktstr_error *err);
bool interrupt_came(void);
/*
 * Who reads our output has gone (`| head -1`): that ends in order, too, where a plain SIGPIPE would
 * leave guests' files behind. Call after interrupt_catch().
 */
int interrupt_catch_pipe(struct ktstr_error *err);
/* What that second signal does first; async-signal-safe. */
void interrupt_on_exit(void (*prepare)(void));

#endif
