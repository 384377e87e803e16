/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a peer that says these bytes and hangs up is never waited for; every event that we are
 * given is an object with an event's name; and the end is an error with words.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm/qmp.h"

#define QMP_SAID_MAX (64u << 10)          /* fits into a socket without a reader */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_no_hang(int r, const struct ktstr_error *err)
{
	assert(r == 0 || r == -ECONNRESET || r == -EBADMSG || r == -EIO);
	assert(r == 0 || err->msg[0]);
}

static void take_events(struct qmp *qmp)
{
	struct ktstr_error err = {0};
	json_t *event = NULL;
	int r;

	while ((r = qmp_event(qmp, &event, &err)) == 1) {
		assert(json_is_object(event));
		assert(json_object_get(event, "event"));
		json_decref(event);
	}
	assert(r == -ECONNRESET || r == -EBADMSG);
	assert(err.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(qmp_done) struct qmp qmp = {.fd = -1};
	AUTO(fd_close) int peer = -1;
	struct deadline deadline = deadline_in(5 * NS_PER_S);
	struct ktstr_error err = {0};
	json_t *status = NULL;
	int ends[2], r;

	if (size > QMP_SAID_MAX)
		return 0;
	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
	assert(r == 0);
	peer = ends[1];
	qmp_init(&qmp, ends[0]);
	r = fd_write_all(peer, data, size);
	assert(r == 0);
	r = shutdown(peer, SHUT_WR);
	assert(r == 0);

	r = qmp_handshake(&qmp, deadline, &err);
	check_no_hang(r, &err);
	if (r == 0) {
		r = qmp_execute(&qmp, "query-status", NULL, deadline, &status, &err);
		check_no_hang(r, &err);
		json_decref(status);
	}
	take_events(&qmp);
	return 0;
}
