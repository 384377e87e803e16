/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "guest/guest.h"

void request_done(struct request *request)
{
	strings_done(&request->test_argv);
	strings_done(&request->test_env);
	strings_done(&request->scheduler_argv);
	strings_done(&request->scheduler_env);
	strings_done(&request->sysctls);
	free(request->cgroup);
	strings_done(&request->wprof_env);
	strings_done(&request->tracer_env);
	strings_done(&request->enable);
	strings_done(&request->disable);
}

static bool path_is_plain(const char *path)
{
	struct sv rest = sv_of(path);

	if (path[0] != '/' || rest.len >= 4096)
		return false;
	while (rest.len) {
		if (sv_eq(sv_split(&rest, '/'), ".."))
			return false;
	}
	return true;
}

static int write_file(const char *path, uint32_t mode, struct sv content, struct ktstr_error *err)
{
	AUTO(free) char *dir = xstrdup(path);
	AUTO(fd_close) int fd = -1;
	int r;

	*strrchr(dir, '/') = '\0';
	if (*dir) {
		r = dir_make(dir, 0755, err);
		if (r < 0)
			return r;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 07777);
	if (fd < 0)
		return error_sys(err, "create %s", path);
	r = fd_write_all(fd, content.data, content.len);
	if (r == -ENOSPC || r == -ENOMEM)
		return error_set(err, -ENOMEM,
				 "%s: the guest has no room for its %zu KiB: raise the test's memory_mib",
				 path, content.len >> 10);
	if (r < 0)
		return error_set(err, r, "write %s: %s", path, strerrordesc_np(-r));
	(void)fchmod(fd, mode & 07777);        /* open() applied a umask that we set to 0 */
	return 0;
}

static int take_file(const char *root, struct sv payload, struct ktstr_error *err)
{
	AUTO(free) char *path = NULL;
	struct wire_file file;
	const char *name;

	if (payload.len < sizeof(file))
		return error_set(err, -EBADMSG, "request: a file without a header");
	memcpy(&file, payload.data, sizeof(file));
	payload = sv_skip(payload, sizeof(file));
	if (file.path_len >= payload.len || payload.data[file.path_len] != '\0' ||
	    strlen(payload.data) != file.path_len)
		return error_set(err, -EBADMSG, "request: a file whose path has no end");
	name = payload.data;
	if (!path_is_plain(name))
		return error_set(err, -EBADMSG, "request: file path \"%s\"", name);
	path = xasprintf("%s%s", root, name);
	return write_file(path, file.mode, sv_skip(payload, file.path_len + 1), err);
}

static void take_word(struct strings *words, struct sv payload)
{
	strings_push(words, xstrndup(payload.data, payload.len));
}

/* 1: that was the last frame */
static int take(struct request *request, const char *root, uint32_t type, struct sv payload,
		struct ktstr_error *err)
{
	switch (type) {
	case WIRE_REQ_FILE:
		return take_file(root, payload, err);
	case WIRE_REQ_TEST:
		take_word(&request->test_argv, payload);
		return 0;
	case WIRE_REQ_TEST_ENV:
		take_word(&request->test_env, payload);
		return 0;
	case WIRE_REQ_SCHEDULER:
		take_word(&request->scheduler_argv, payload);
		return 0;
	case WIRE_REQ_SCHEDULER_ENV:
		take_word(&request->scheduler_env, payload);
		return 0;
	case WIRE_REQ_SYSCTL:
		take_word(&request->sysctls, payload);
		return 0;
	case WIRE_REQ_CGROUP:
		free(request->cgroup);
		request->cgroup = xstrndup(payload.data, payload.len);
		if (!path_is_plain(request->cgroup))
			return error_set(err, -EBADMSG, "request: cgroup path \"%s\"", request->cgroup);
		return 0;
	case WIRE_REQ_WPROF_ENV:
		take_word(&request->wprof_env, payload);
		return 0;
	case WIRE_REQ_TRACER_ENV:
		take_word(&request->tracer_env, payload);
		return 0;
	case WIRE_REQ_ENABLE:
		take_word(&request->enable, payload);
		return 0;
	case WIRE_REQ_DISABLE:
		take_word(&request->disable, payload);
		return 0;
	case WIRE_REQ_RUN:
		if (payload.len != sizeof(request->run))
			return error_set(err, -EBADMSG, "request: run conditions of %zu bytes",
					 payload.len);
		memcpy(&request->run, payload.data, sizeof(request->run));
		return 0;
	case WIRE_REQ_WATCHDOG:
		if (payload.len != sizeof(request->watchdog))
			return error_set(err, -EBADMSG, "request: a watchdog of %zu bytes", payload.len);
		memcpy(&request->watchdog, payload.data, sizeof(request->watchdog));
		return 0;
	case WIRE_REQ_SHELL:
		if (payload.len != sizeof(request->shell))
			return error_set(err, -EBADMSG, "request: a shell of %zu bytes", payload.len);
		memcpy(&request->shell, payload.data, sizeof(request->shell));
		if (request->shell != WIRE_SHELL_COMMAND && request->shell != WIRE_SHELL_TERMINAL)
			return error_set(err, -EBADMSG, "request: a shell of unknown kind %u",
					 request->shell);
		return 0;
	case WIRE_REQ_END:
		return 1;
	default:
		return error_set(err, -EBADMSG, "request: frame of unknown type %u", type);
	}
}

int request_read(struct sv frames, uint64_t nonce, const char *root, struct request *ret_request,
		 struct ktstr_error *err)
{
	AUTO(request_done) struct request request = {0};
	int r = 0;

	while (r == 0) {
		struct wire_frame frame;
		struct sv payload;
		int64_t used = wire_get(frames, nonce, WIRE_PAYLOAD_MAX, &frame, &payload, err);

		if (used < 0)
			return error_wrap(err, (int)used, "request");
		if (used == 0)
			return error_set(err, -EBADMSG, "request: it ends before its last frame");
		r = take(&request, root, frame.type, payload, err);
		frames = sv_skip(frames, (size_t)used);
	}
	if (r < 0)
		return r;
	if (request.test_argv.len == 0)
		return error_set(err, -EBADMSG, "request: no test program");
	*ret_request = TAKE(request, (struct request){0});
	return 0;
}
