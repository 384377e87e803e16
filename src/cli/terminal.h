/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal.h - the user's terminal while we, or a guest, have it, and as it was before on every way
 * out: a return, exit(), a signal, an abort(). One at a time. (After a SIGKILL of ours it stays as we
 * made it; `reset` helps.) A guest has it raw, its bytes carried to and from a socket by a thread.
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

/*
 * For a program of our own that paints: keys come one by one and unseen, Ctrl-C and Ctrl-Z stay
 * signals, a line's end is \r\n. `greeting` is written now, `farewell` (static) to stdout by terminal_restore().
 */
int terminal_take_keys(const char *greeting, const char *farewell, struct ktstr_error *err);

/* Show what is still in the socket, end the thread, put the terminal back; fine when not connected. */
void terminal_release(void);

/* Only put it back: for signal handlers. */
void terminal_restore(void);

#endif
