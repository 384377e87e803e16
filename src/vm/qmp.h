/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qmp.h - a QMP connection (QEMU's docs/interop/qmp-spec.rst): one JSON object a line. Knows no
 * process: a test's fake peer can be at the other end. One thread.
 */
#ifndef VM_QMP_H
#define VM_QMP_H

#include <jansson.h>

#include "base/base.h"

#define QMP_LINE_MAX (1u << 20)

struct qmp {
	int fd;                     /* owned; -1 when closed */
	struct buf input;           /* bytes after the last whole line */
	json_t *events;             /* array: events that came while a reply was waited for */
};

void qmp_init(struct qmp *qmp, int fd);        /* takes fd, makes it non-blocking */
void qmp_done(struct qmp *qmp);
DEFINE_AUTO_DONE(struct qmp, qmp_done)

/* Wait for the greeting and leave negotiation mode. -ECONNRESET: the peer hung up. */
int qmp_handshake(struct qmp *qmp, struct deadline deadline, struct ktstr_error *err);

/*
 * Execute a command and wait for its reply. arguments (NULL: none) is a reference that this takes
 * over; ret_return may be NULL. -ECONNRESET: the peer has hung up, before the command or after it.
 */
int qmp_execute(struct qmp *qmp, const char *command, json_t *arguments, struct deadline deadline,
		json_t **ret_return, struct ktstr_error *err);

/*
 * Wait for an event of this name whose data has this status: -EIO when it says "failed". Other
 * events are dropped; only while nobody else waits for any.
 */
int qmp_await_status(struct qmp *qmp, const char *event, const char *status,
		     struct deadline deadline, struct ktstr_error *err);

/*
 * The next event that has come in, without waiting: 1 with *ret_event (the caller's reference), 0
 * for none, -ECONNRESET when the peer has hung up, -EBADMSG when it talks nonsense.
 */
int qmp_event(struct qmp *qmp, json_t **ret_event, struct ktstr_error *err);

#endif
