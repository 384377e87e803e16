/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sidecar.c - the run's numbers, appended to a result record:
 *
 *	{ ..., "metrics": [ ..., { "payload_index": 1, "exit_code": 0, "metrics": [
 *	    { "name": "jemalloc_probe.snapshots.0.threads.0.allocated_bytes", "value": 16788224,
 *	      "polarity": "LowerBetter", "unit": "bytes", "source": "Json", "stream": "Stdout" }, ... ]}]}
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/base.h"
#include "cancel.h"
#include "run.h"

#define PREFIX "jemalloc_probe"
#define LOCK_NS (30 * NS_PER_S)
#define LOCK_RETRY_NS (50 * NS_PER_MS)
#define RECORD_BYTES_MAX (1u << 30)

static int lock(const char *sidecar, int *ret_fd, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s.lock", sidecar);
	AUTO(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct deadline deadline = deadline_in(LOCK_NS);

	if (fd < 0)
		return error_sys(err, "open %s", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(err, "lock %s", path);
		if (deadline_passed(deadline))
			return error_set(err, -ETIMEDOUT, "%s: somebody has held it for 30 s", path);
		if (cancel_sleep_until(clock_ns() + LOCK_RETRY_NS))
			return error_set(err, -EINTR, "%s: cancelled while somebody held it", path);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static bool ends_with(const char *name, const char *tail)
{
	size_t len = strlen(name), tail_len = strlen(tail);

	return len >= tail_len && strcmp(name + len - tail_len, tail) == 0;
}

static void push_metric(json_t *metrics, const char *name, json_t *value)
{
	bool is_bytes = ends_with(name, ".allocated_bytes") || ends_with(name, ".deallocated_bytes");

	json_array_append_new(metrics,
			      json_pack("{s:s, s:O, s:s, s:s, s:s, s:s}", "name", name, "value", value,
					"polarity", is_bytes ? "LowerBetter" : "Unknown", "unit",
					is_bytes ? "bytes" : "", "source", "Json", "stream", "Stdout"));
}

/* Numbers alone; our own document, so its depth needs no bound. */
static void flatten(const char *name, json_t *value, json_t *metrics)
{
	const char *key;
	size_t index;
	json_t *part;

	if (json_is_number(value))
		push_metric(metrics, name, value);
	json_object_foreach(value, key, part) {
		AUTO(free) char *path = xasprintf("%s.%s", name, key);

		flatten(path, part, metrics);
	}
	json_array_foreach(value, index, part) {
		AUTO(free) char *path = xasprintf("%s.%zu", name, index);

		flatten(path, part, metrics);
	}
}

static int append(json_t *record, json_t *document, int exit_code, const char *path,
		  struct ktstr_error *err)
{
	json_t *payloads = json_object_get(record, "metrics"), *metrics = json_array();

	flatten(PREFIX, document, metrics);
	if (json_is_object(record) && (!payloads || json_is_null(payloads))) {
		payloads = json_array();
		json_object_set_new(record, "metrics", payloads);
	}
	if (!json_is_array(payloads)) {
		json_decref(metrics);
		return error_set(err, -EINVAL, "%s: no result record: it has no array \"metrics\"", path);
	}
	json_array_append_new(payloads, json_pack("{s:I, s:o, s:i}", "payload_index",
						  (json_int_t)json_array_size(payloads), "metrics",
						  metrics, "exit_code", exit_code));
	return 0;
}

int sidecar_append(const struct run *run, json_t *document, int exit_code, struct ktstr_error *err)
{
	const char *path = run->options->sidecar;
	AUTO(fd_close) int lock_fd = -1;
	AUTO(buf_done) struct buf text = {.max = RECORD_BYTES_MAX};
	AUTO(free) char *dump = NULL;
	json_error_t where;
	json_t *record;
	int r = lock(path, &lock_fd, err);

	if (r == 0)
		r = file_read(AT_FDCWD, path, RECORD_BYTES_MAX, &text, err);
	if (r < 0)
		return r;
	record = json_loadb(buf_text(&text), text.len, 0, &where);
	if (!record)
		return error_set(err, -EINVAL, "%s:%d: %s", path, where.line, where.text);
	r = append(record, document, exit_code, path, err);
	if (r == 0)
		dump = json_dumps(record, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
	json_decref(record);
	if (r == 0)
		r = file_write_atomic(path, dump, strlen(dump), 0644, err);
	return r;
}
