/* SPDX-License-Identifier: BSD-2-Clause */
#include "vm/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

DEFINE_AUTO(json_t *, json_decref)

void qmp_init(struct qmp *qmp, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	*qmp = (struct qmp){.fd = fd, .input = {.max = QMP_LINE_MAX}, .events = json_array()};
}

void qmp_done(struct qmp *qmp)
{
	fd_close(qmp->fd);
	buf_done(&qmp->input);
	json_decref(qmp->events);
	*qmp = (struct qmp){.fd = -1};
}

/* A whole line out of the input buffer: 1 with the message, 0 for none, -EBADMSG. */
static int take_message(struct qmp *qmp, json_t **ret_message, struct ktstr_error *err)
{
	const char *end = qmp->input.len ? memchr(qmp->input.data, '\n', qmp->input.len) : NULL;
	json_error_t why;
	json_t *message;
	size_t len;

	if (!end && qmp->input.truncated)
		return error_set(err, -EBADMSG, "QMP: a line of more than %u bytes", QMP_LINE_MAX);
	if (!end)
		return 0;
	len = (size_t)(end - qmp->input.data) + 1;
	message = json_loadb(qmp->input.data, len, JSON_REJECT_DUPLICATES, &why);
	memmove(qmp->input.data, qmp->input.data + len, qmp->input.len - len);
	qmp->input.len -= len;
	if (!json_is_object(message)) {
		json_decref(message);
		return error_set(err, -EBADMSG, "QMP: not a JSON object: %s", why.text);
	}
	*ret_message = message;
	return 1;
}

/* A message, reading what is there; 0 when there is no whole one yet. */
static int next_message(struct qmp *qmp, json_t **ret_message, struct ktstr_error *err)
{
	for (;;) {
		char chunk[4096];
		int r = take_message(qmp, ret_message, err);
		ssize_t len;

		if (r != 0)
			return r;
		len = read(qmp->fd, chunk, sizeof(chunk));
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return 0;
		if (len <= 0)
			return error_set(err, -ECONNRESET, "QMP: QEMU hung up");
		buf_bytes(&qmp->input, chunk, (size_t)len);
	}
}

static int wait_message(struct qmp *qmp, struct deadline deadline, json_t **ret_message,
			struct ktstr_error *err)
{
	for (;;) {
		struct pollfd input = {.fd = qmp->fd, .events = POLLIN};
		int r = next_message(qmp, ret_message, err);

		if (r != 0)
			return r;
		if (deadline_passed(deadline))
			return error_set(err, -ETIMEDOUT, "QMP: QEMU does not answer");
		if (poll(&input, 1, deadline_poll_ms(deadline)) < 0 && errno != EINTR)
			return error_sys(err, "QMP: poll");
	}
}

static int send_command(struct qmp *qmp, const char *command, json_t *arguments,
			struct ktstr_error *err)
{
	AUTO(json_decref) json_t *message =
		json_pack("{s:s, s:o*}", "execute", command, "arguments", arguments);
	AUTO(free) char *text = json_dumps(message, JSON_COMPACT);
	AUTO(free) char *line = xasprintf("%s\n", text ?: "");

	if (send(qmp->fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line))
		return 0;
	if (errno == EPIPE)
		return error_set(err, -ECONNRESET, "%s: QMP: QEMU hung up", command);
	return error_sys(err, "QMP: send %s", command);
}

int qmp_execute(struct qmp *qmp, const char *command, json_t *arguments, struct deadline deadline,
		json_t **ret_return, struct ktstr_error *err)
{
	int sent = send_command(qmp, command, arguments, err);

	if (sent < 0)
		return sent;
	for (;;) {
		AUTO(json_decref) json_t *message = NULL;
		json_t *failure;
		int r = wait_message(qmp, deadline, &message, err);

		if (r < 0)
			return error_wrap(err, r, "%s", command);
		if (json_object_get(message, "event")) {
			json_array_append(qmp->events, message);
			continue;
		}
		failure = json_object_get(message, "error");
		if (failure) {
			const char *text = json_string_value(json_object_get(failure, "desc"));

			return error_set(err, -EIO, "QMP: %s: %s", command, text ?: "refused");
		}
		if (ret_return)
			*ret_return = json_incref(json_object_get(message, "return"));
		return 0;
	}
}

int qmp_handshake(struct qmp *qmp, struct deadline deadline, struct ktstr_error *err)
{
	AUTO(json_decref) json_t *greeting = NULL;
	int r = wait_message(qmp, deadline, &greeting, err);

	if (r < 0)
		return r;
	if (!json_object_get(greeting, "QMP"))
		return error_set(err, -EBADMSG, "QMP: no greeting");
	return qmp_execute(qmp, "qmp_capabilities", NULL, deadline, NULL, err);
}

int qmp_await_status(struct qmp *qmp, const char *event, const char *status,
		     struct deadline deadline, struct ktstr_error *err)
{
	for (;;) {
		AUTO(json_decref) json_t *message = NULL;
		const char *name, *have;
		int r = qmp_event(qmp, &message, err);

		if (r == 0)
			r = wait_message(qmp, deadline, &message, err);
		if (r < 0)
			return error_wrap(err, r, "wait for %s", event);
		name = json_string_value(json_object_get(message, "event"));
		have = json_string_value(json_object_get(json_object_get(message, "data"), "status"));
		if (!name || strcmp(name, event) != 0 || !have)
			continue;
		if (strcmp(have, status) == 0)
			return 0;
		if (strcmp(have, "failed") == 0)
			return error_set(err, -EIO, "QEMU says that %s failed", event);
	}
}

int qmp_event(struct qmp *qmp, json_t **ret_event, struct ktstr_error *err)
{
	if (json_array_size(qmp->events)) {
		*ret_event = json_incref(json_array_get(qmp->events, 0));
		json_array_remove(qmp->events, 0);
		return 1;
	}
	for (;;) {
		json_t *message;
		int r = next_message(qmp, &message, err);

		if (r <= 0)
			return r;
		if (json_object_get(message, "event")) {
			*ret_event = message;
			return 1;
		}
		json_decref(message);        /* a reply that nobody waits for any more */
	}
}
