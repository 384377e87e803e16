/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal.h - the user's terminal while a guest has it: raw, its bytes carried to and from a socket
 * by a thread, and as it was before on every way out: a return, exit(), a signal, an abort(). One at
 * a time. (After a SIGKILL of ours it stays raw; `stty sane` helps.)
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Watch the size of the terminal on stdin from here on; call before any thread is started. Returns
 * the size as of wire_window(), which changes as the terminal does.
 */
const _Atomic uint32_t *terminal_watch(struct ktstr_error *err);

/* Make it raw and carry bytes; cancel_fd, an eventfd, becomes readable when the user leaves by force. */
int terminal_connect(int socket_fd, int cancel_fd, struct ktstr_error *err);

/* Show what is still in the socket, end the thread, put the terminal back; fine when not connected. */
void terminal_release(void);

/* Only put it back: for signal handlers. */
void terminal_restore(void);

#endif
