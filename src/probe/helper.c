/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/sv.h"
#include "probe/helper_blob.h"

#define HELPER_NS (2 * NS_PER_S)
#define OBJECT_BYTES_MAX (256ll << 20)
#define WORDS_BYTES_MAX 4096

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u        /* linux/memfd.h since 6.3; vm.memfd_noexec may ask for it */
#endif

static int make_memfd(const char *name, int *ret_fd, struct ktstr_error *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_sys(err, "memfd_create (see /proc/sys/vm/memfd_noexec)");
	*ret_fd = fd;
	return 0;
}

static int seal(int fd, struct ktstr_error *err)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return error_sys(err, "seal a memfd");
	return 0;
}

static int copy_object(int from_fd, int *ret_fd, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = -1;
	struct stat st;
	off_t at = 0;
	int r;

	if (fstat(from_fd, &st) < 0)
		return error_sys(err, "stat");
	if (st.st_size > OBJECT_BYTES_MAX)
		return error_set(err, -EFBIG, "it is larger than 256 MiB");
	r = make_memfd("jemalloc", &fd, err);
	if (r < 0)
		return r;
	while (at < st.st_size) {
		ssize_t n = sendfile(fd, from_fd, &at, (size_t)(st.st_size - at));

		if (n < 0)
			return error_sys(err, "copy it");
		if (n == 0)
			return error_set(err, -EIO, "it became shorter while it was copied");
	}
	r = seal(fd, err);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

static int make_program(int *ret_fd, struct ktstr_error *err)
{
	struct sv blob = helper_blob();
	AUTO(fd_close) int fd = -1;
	int r = make_memfd("ktstr-jemalloc-helper", &fd, err);

	if (r < 0)
		return r;
	r = fd_write_all(fd, blob.data, blob.len);
	if (r < 0)
		return error_set(err, r, "write a memfd: %s", strerrordesc_np(-r));
	r = seal(fd, err);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int helper_parse(const char *text, size_t len, uint64_t tls_bytes, struct tsd_members *ret_members)
{
	struct sv rest = sv_bytes(text, len), line, first;
	struct tsd_members members;

	if (len == 0 || text[len - 1] != '\n' || !sv_line(&rest, &line) || rest.len)
		return -EBADMSG;
	first = sv_split(&line, ' ');
	if (tls_bytes < 8 || sv_u64(first, tls_bytes - 8, &members.allocated) < 0 ||
	    sv_u64(line, tls_bytes - 8, &members.deallocated) < 0 ||
	    members.deallocated <= members.allocated || members.allocated % 8 ||
	    members.deallocated % 8)
		return -EBADMSG;
	*ret_members = members;
	return 0;
}

/*
 * What it wrote to one stream until it closed it. The helper may be of ill will: what is too much or
 * too late ends it.
 */
static int collect(int fd, struct deadline deadline, struct buf *words)
{
	struct pollfd stream = {.fd = fd, .events = POLLIN};

	for (;;) {
		char chunk[512];
		ssize_t n;

		if (poll(&stream, 1, deadline_poll_ms(deadline)) < 0 && errno != EINTR)
			return -errno;
		if (deadline_passed(deadline))
			return -ETIMEDOUT;
		if (!stream.revents)
			continue;
		n = read(fd, chunk, sizeof(chunk));
		if (n <= 0)
			return n < 0 ? -errno : 0;
		buf_bytes(words, chunk, (size_t)n);
		if (words->truncated)
			return -EFBIG;
	}
}

static int judge(int status, const struct buf *words, uint64_t tls_bytes,
		 struct tsd_members *ret_members, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf how = {0};
	struct sv said = sv_trim(sv_bytes(buf_text(words), words->len));

	if (status == 0 && helper_parse(buf_text(words), words->len, tls_bytes, ret_members) == 0)
		return 0;
	status_describe(status, &how);
	if (said.len > 300)
		said = sv_skip(said, said.len - 300);
	return error_set(err, -EIO, "the helper that has it preloaded: %s%s%.*s", buf_text(&how),
			 said.len ? ": " : "", SV_ARG(said));
}

int helper_ask(const struct image *image, struct tsd_members *ret_members, struct ktstr_error *err)
{
	static const char *const env[] = {NULL};
	AUTO(fd_close) int object_fd = -1;
	AUTO(fd_close) int program_fd = -1;
	AUTO(fd_close) int words_fd = -1;
	AUTO(child_done) struct child child = CHILD_NONE;
	AUTO(buf_done) struct buf words = {.max = WORDS_BYTES_MAX};
	struct deadline deadline = deadline_in(HELPER_NS);
	struct spawn_config config = {.env = env, .stdin_fd = -1, .keep_fd_count = 2};
	int pipe_fds[2], status, r = copy_object(image->fd, &object_fd, err);

	if (r == 0)
		r = make_program(&program_fd, err);
	if (r < 0)
		return r;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	words_fd = pipe_fds[0];
	/* where keep_fd[0] is in the child */
	config.argv = (const char *const[]){"/proc/self/fd/3", "confine", image->mallctl, NULL};
	config.keep_fd[0] = program_fd;
	config.keep_fd[1] = object_fd;
	config.stdout_fd = config.stderr_fd = pipe_fds[1];
	r = child_spawn(&config, &child, err);
	fd_close(pipe_fds[1]);
	if (r < 0)
		return r;
	r = collect(words_fd, deadline, &words);
	if (r == 0)
		r = child_wait(&child, deadline, &status);
	if (r < 0)
		return error_set(err, r, "the helper that has it preloaded: %s",
				 r == -ETIMEDOUT ? "no answer within 2 s"
						 : strerrordesc_np(-r));
	return judge(status, &words, image->tls_bytes, ret_members, err);
}
