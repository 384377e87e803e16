/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/target.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/words.h"

#define AUXV_BYTES_MAX 8192
#define STATUS_BYTES_MAX 65536
#define THREAD_MAX (1u << 22)         /* PID_MAX_LIMIT */
#define REST_NS (2 * NS_PER_S)        /* for a program to start, or to load a library */
#define LOOK_NS NS_PER_MS

/* What is being found out, for the whole of this file. */
struct attach {
	struct probe_target *target;
	enum probe_fatal *fatal;
	struct ktstr_error *err;
	struct place place;
	struct objects objects;
	const struct object *executable;
	uint64_t phdr, phdr_count;
};

static void attach_done(struct attach *attach)
{
	fd_close(attach->place.root_fd);
	objects_done(&attach->objects);
}
DEFINE_AUTO_DONE(struct attach, attach_done)

static char *proc_path(pid_t pid, const char *name)
{
	return xasprintf("/proc/%d/%s", (int)pid, name);
}

static bool is_refused(int code)
{
	return code == -EACCES || code == -EPERM;
}

__attribute__((format(printf, 4, 5)))
static int refuse(const struct attach *attach, enum probe_fatal fatal, int code, const char *fmt, ...)
{
	AUTO(buf_done) struct buf text = {0};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	*attach->fatal = fatal;
	return error_set(attach->err, code, "process %d: %s%s", (int)attach->target->pid,
			 buf_text(&text), is_refused(code) ? "; " PROBE_WAYS_OUT : "");
}

void probe_target_free(struct probe_target *target)
{
	if (!target)
		return;
	buf_done(&target->auxv);
	free(target->object);
	free(target);
}

const char *probe_target_object(const struct probe_target *target)
{
	return target->object;
}

/* ---- which process, and which file it executes ---- */

static int read_tgid(struct attach *attach)
{
	AUTO(free) char *path = proc_path(attach->target->pid, "status");
	AUTO(buf_done) struct buf status = {0};
	uint32_t tgid;
	int r = file_read(AT_FDCWD, path, STATUS_BYTES_MAX, &status, attach->err);

	if (r == -ENOENT || r == -ESRCH)
		return refuse(attach, PROBE_FATAL_PID_MISSING, -ESRCH, "there is no such process");
	if (r == 0)
		r = status_number(sv_bytes(status.data, status.len), "Tgid:", &tgid);
	if (r < 0)
		return refuse(attach, PROBE_FATAL_OTHER, r, "read %s: %s", path, strerrordesc_np(-r));
	if ((pid_t)tgid == getpid())
		return refuse(attach, PROBE_FATAL_SELF_PROBE_REJECTED, -EINVAL,
			      "that is this program itself, which cannot stop itself to read itself");
	attach->target->pid = attach->target->base = (pid_t)tgid;
	return 0;
}

static int list_threads(pid_t pid, struct probe_readings *readings)
{
	AUTO(free) char *path = proc_path(pid, "task");
	DIR *dir = opendir(path);
	struct dirent *entry;
	uint32_t tid;
	int r = 0;

	if (!dir)
		return -errno;
	errno = 0;
	while ((entry = readdir(dir)) && readings->len < THREAD_MAX) {
		if (sv_u32(sv_of(entry->d_name), INT32_MAX, &tid) == 0)
			probe_readings_push(readings, (struct probe_reading){.tid = (pid_t)tid});
	}
	if (!entry && errno)
		r = -errno;
	closedir(dir);
	return r;
}

/* Identity of the file it executes. -ENOENT: it has none (any more). */
static int stat_exe(pid_t pid, struct stat *ret_st)
{
	AUTO(free) char *path = proc_path(pid, "exe");

	return stat(path, ret_st) < 0 ? -errno : 0;
}

/* A process whose first thread has ended lives on in its others, and their files in /proc tell. */
static int find_base(struct probe_target *target, struct stat *ret_st)
{
	AUTO(probe_readings_done) struct probe_readings threads = {0};
	int r = stat_exe(target->pid, ret_st);

	if (r != -ENOENT || list_threads(target->pid, &threads) < 0)
		return r;
	vec_each(thread, &threads) {
		if (stat_exe(thread->tid, ret_st) == 0) {
			target->base = thread->tid;
			return 0;
		}
	}
	return -ENOENT;
}

static int without_exe(const struct attach *attach)
{
	AUTO(free) char *path = proc_path(attach->target->pid, "stat");
	AUTO(buf_done) struct buf stat = {0};
	char comm[64], state = 0;
	uint64_t start;

	if (file_read(AT_FDCWD, path, STATUS_BYTES_MAX, &stat, NULL) < 0)
		return refuse(attach, PROBE_FATAL_PID_MISSING, -ESRCH, "it has just ended");
	(void)stat_parse(sv_bytes(stat.data, stat.len), comm, sizeof(comm), &state, &start);
	return refuse(attach, PROBE_FATAL_READLINK_FAILURE, -ENOENT, "%s",
		      state == 'Z' || state == 'X'
			      ? "it is a zombie: it has ended, and its parent has not asked how"
			      : "it executes no file: a thread of the kernel");
}

static int read_exe(struct attach *attach)
{
	struct probe_target *target = attach->target;
	struct stat st;
	int r = find_base(target, &st);

	if (r == -ENOENT || r == -ESRCH)
		return without_exe(attach);
	if (r < 0)
		return refuse(attach, PROBE_FATAL_READLINK_FAILURE, r,
			      "which file it executes (/proc/%d/exe): %s", (int)target->base,
			      strerrordesc_np(-r));
	target->exe_dev = st.st_dev;
	target->exe_ino = st.st_ino;
	attach->place.pid = target->base;
	return 0;
}

/* ---- what is mapped ---- */

static int read_auxv(const struct attach *attach, struct buf *ret_auxv)
{
	AUTO(free) char *path = proc_path(attach->target->base, "auxv");
	struct ktstr_error err = {0};
	int r = file_read(AT_FDCWD, path, AUXV_BYTES_MAX, ret_auxv, &err);

	return r < 0 ? refuse(attach, PROBE_FATAL_OTHER, r, "%s", err.msg) : 0;
}

static int read_maps(struct attach *attach)
{
	AUTO(free) char *path = proc_path(attach->target->base, "maps");
	AUTO(buf_done) struct buf maps = {.max = PROC_MAPS_BYTES_MAX};
	struct ktstr_error err = {0};
	int r = file_read(AT_FDCWD, path, PROC_MAPS_BYTES_MAX, &maps, &err);

	if (r == 0)
		r = objects_parse(sv_bytes(maps.data, maps.len), &attach->objects, &err);
	if (r < 0)
		return refuse(attach, PROBE_FATAL_MAPS_READ_FAILURE, r, "%s", err.msg);
	if (maps.len == 0)
		return without_exe(attach);
	return 0;
}

/*
 * The program headers that the kernel told the program of are in the executable: the first page, as
 * a rule. (Names and inodes of /proc/PID/exe and of maps need not agree on every file system.)
 */
static int find_executable(struct attach *attach)
{
	struct sv auxv = sv_bytes(attach->target->auxv.data, attach->target->auxv.len);

	if (!auxv_value(auxv, AT_PHDR, &attach->phdr) || !auxv_value(auxv, AT_PHNUM, &attach->phdr_count))
		return refuse(attach, PROBE_FATAL_ARCH_MISMATCH, -ENOTSUP,
			      "its auxiliary vector is not that of a 64-bit program");
	vec_each(object, &attach->objects) {
		if (object->start <= attach->phdr && attach->phdr < object->end)
			attach->executable = object;
	}
	return 0;
}

static int open_root(struct attach *attach)
{
	AUTO(free) char *root = proc_path(attach->target->base, "root");
	AUTO(free) char *ns = proc_path(attach->target->base, "ns/mnt");
	struct stat here, there;

	attach->place.root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (attach->place.root_fd < 0) {
		int code = -errno;

		return refuse(attach, PROBE_FATAL_OTHER, code, "its root directory (/proc/%d/root): %s",
			      (int)attach->target->base, strerrordesc_np(-code));
	}
	attach->place.is_foreign = stat("/proc/self/ns/mnt", &here) < 0 || stat(ns, &there) < 0 ||
				   here.st_ino != there.st_ino || here.st_dev != there.st_dev;
	return 0;
}

/* ---- where jemalloc is ---- */

static void take_layout(struct probe_target *target, const struct object *object,
			const struct layout *layout)
{
	free(target->object);
	target->object = xstrdup(object->path);
	target->allocated = layout->allocated;
	target->deallocated = layout->deallocated;
}

static bool is_glibc(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return strncmp(name, "libc.so.", 8) == 0 || strncmp(name, "libc-2.", 7) == 0 ||
	       strncmp(name, "libpthread", 10) == 0;
}

static bool is_musl(const struct objects *objects)
{
	vec_each(object, objects) {
		if (strstr(object->path, "/ld-musl-"))
			return true;
	}
	return false;
}

static int read_thread_db(const struct attach *attach, struct thread_db *ret_db, struct ktstr_error *err)
{
	int r = -ENOENT;

	error_set(err, r, "%s", is_musl(&attach->objects)
					? "its C library is musl, which tells nobody where it has TLS blocks"
					: "its C library is not glibc");
	vec_each(object, &attach->objects) {
		AUTO(image_done) struct image image = {.fd = -1};
		AUTO(fd_close) int fd = -1;

		if (!is_glibc(object->path))
			continue;
		r = object_open(&attach->place, object, &fd);
		if (r == 0)
			r = image_open(fd, &image, err);
		else
			error_set(err, r, "open: %s", strerrordesc_np(-r));
		if (r == 0)
			r = thread_db_read(&image, ret_db, err);
		if (r == 0)
			return 0;
		error_wrap(err, r, "%s", object->path);
	}
	return r;
}

static int attach_shared(struct attach *attach, const struct object *object, const struct layout *layout)
{
	struct probe_target *target = attach->target;
	struct ktstr_error err = {0};
	struct thread_db db;
	int r = read_thread_db(attach, &db, &err);

	if (r == 0)
		r = tls_place_find(target->base, remote_read, attach->phdr, attach->phdr_count,
				   object->start - layout->base_address, &db, &target->place, &err);
	if (r < 0)
		return refuse(attach, PROBE_FATAL_JEMALLOC_IN_DSO, r, "jemalloc is in %s: %s",
			      object->path, err.msg);
	take_layout(target, object, layout);
	return 0;
}

static int attach_executable(struct attach *attach, const struct layout *layout)
{
	struct probe_target *target = attach->target;

	if (layout->unknown)
		return refuse(attach, layout->unknown, layout->code, "%s%s: %s",
			      layout->unknown == PROBE_FATAL_ARCH_MISMATCH ? "" : "jemalloc is in ",
			      attach->executable->path, layout->reason);
	target->place = (struct tls_place){.is_static = true, .from_pointer = layout->from_pointer};
	take_layout(target, attach->executable, layout);
	return 0;
}

/* Of several shared objects the first that can be read; of none that can, the first one's reason. */
static int find_jemalloc(struct attach *attach)
{
	struct probe_layouts *layouts = attach->target->layouts;
	const struct layout *unknown = NULL;
	const struct object *where = NULL;

	if (attach->executable) {
		const struct layout *layout =
			layout_of(layouts, &attach->place, attach->executable, true);

		if (layout->has_jemalloc || layout->unknown)
			return attach_executable(attach, layout);
	}
	vec_each(object, &attach->objects) {
		const struct layout *layout;

		if (object == attach->executable)
			continue;
		layout = layout_of(layouts, &attach->place, object, false);
		if (layout->has_jemalloc && !layout->unknown)
			return attach_shared(attach, object, layout);
		if (layout->unknown && !unknown) {
			unknown = layout;
			where = object;
		}
	}
	if (unknown)
		return refuse(attach, unknown->unknown, unknown->code, "jemalloc is in %s: %s",
			      where->path, unknown->reason);
	return refuse(attach, PROBE_FATAL_JEMALLOC_NOT_FOUND, -ENOENT,
		      "no jemalloc in any of the %zu files that it executes (no symbol tsd_tls, "
		      "je_tsd_tls or _rjem_je_tsd_tls, and no shared object with mallctl)",
		      attach->objects.len);
}

static int check_exe(const struct attach *attach)
{
	const struct probe_target *target = attach->target;
	struct stat st;
	int r = stat_exe(target->base, &st);

	if (r == -ENOENT || r == -ESRCH)
		return refuse(attach, PROBE_FATAL_PID_MISSING, -ESRCH, "it has ended");
	if (r < 0)
		return refuse(attach, PROBE_FATAL_READLINK_FAILURE, r, "/proc/%d/exe: %s",
			      (int)target->base, strerrordesc_np(-r));
	if (st.st_dev != target->exe_dev || st.st_ino != target->exe_ino)
		return refuse(attach, PROBE_FATAL_EXE_IDENTITY_CHANGED, -ESTALE,
			      "it executes another file than a moment ago; run this again");
	return 0;
}

/* ---- when: not while it starts a program or loads a library ---- */

/*
 * execve() gives a process an empty address space and writes the auxiliary vector when all is mapped
 * (fs/binfmt_elf.c, create_elf_tables()). Then the dynamic linker, if there is one, has its turn.
 */
static bool is_starting(const struct attach *attach)
{
	const struct probe_target *target = attach->target;
	struct sv auxv = sv_bytes(target->auxv.data, target->auxv.len);
	uint64_t phdr, phdr_count, linker;

	if (auxv.len <= sizeof(Elf64_auxv_t))
		return auxv.len > 0;        /* nothing at all: no address space */
	return auxv_value(auxv, AT_BASE, &linker) && linker && auxv_value(auxv, AT_PHDR, &phdr) &&
	       auxv_value(auxv, AT_PHNUM, &phdr_count) &&
	       linker_is_busy(target->base, remote_read, phdr, phdr_count);
}

/* -EAGAIN: it is not the time for it. */
static int attach_once(struct attach *attach)
{
	int r = read_auxv(attach, &attach->target->auxv), changed;

	if (r == 0 && is_starting(attach))
		return -EAGAIN;
	if (r == 0)
		r = read_maps(attach);
	if (r == 0)
		r = open_root(attach);
	if (r == 0)
		r = find_executable(attach);
	if (r == 0)
		r = find_jemalloc(attach);
	changed = check_exe(attach);        /* explains what went wrong better than that does */
	return changed < 0 ? changed : r;
}

/* False also where it has ended. Whichever thread executes a file has the pid afterwards. */
static bool has_executed_anew(const struct probe_target *target)
{
	AUTO(free) char *path = proc_path(target->base, "auxv");
	AUTO(free) char *first = proc_path(target->pid, "auxv");
	AUTO(buf_done) struct buf auxv = {0};

	if (file_read(AT_FDCWD, path, AUXV_BYTES_MAX, &auxv, NULL) < 0 &&
	    file_read(AT_FDCWD, first, AUXV_BYTES_MAX, &auxv, NULL) < 0)
		return false;
	return auxv.len > 0 && (auxv.len != target->auxv.len ||
				memcmp(auxv.data, target->auxv.data, auxv.len) != 0);
}

/* The first thread may have ended, and be there again once another one has executed a file. */
static void renew_base(struct attach *attach)
{
	struct probe_target *target = attach->target;
	struct stat st;

	if (stat_exe(target->base, &st) == -ENOENT) {
		target->base = target->pid;
		(void)find_base(target, &st);        /* check_exe() looks again */
	}
	attach->place.pid = target->base;
}

static void forget(struct attach *attach)
{
	attach_done(attach);
	attach->place.root_fd = -1;
	attach->objects = (struct objects){0};
	attach->executable = NULL;
	buf_clear(&attach->target->auxv);
	renew_base(attach);
}

/* No event tells that a program has started, or has loaded what it wants: look again every ms. */
static int attach_to(struct attach *attach)
{
	struct deadline deadline = deadline_in(REST_NS);
	int r;

	for (;;) {
		r = attach_once(attach);
		if (r < 0 && r != -EAGAIN && is_starting(attach))
			r = -EAGAIN;
		if (r != -EAGAIN && !has_executed_anew(attach->target))
			return r;
		if (deadline_passed(deadline))
			return refuse(attach, PROBE_FATAL_OTHER, -EAGAIN, "for 2 s it has been executing "
				      "programs, or loading libraries, without an end; try again");
		(void)nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
		forget(attach);
	}
}

int probe_target_open(pid_t pid, struct probe_layouts *layouts, struct probe_target **ret_target,
		      enum probe_fatal *ret_fatal, struct ktstr_error *err)
{
	AUTO(probe_target_free) struct probe_target *target = xcalloc(1, sizeof(*target));
	AUTO(attach_done) struct attach attach = {
		.target = target,
		.fatal = ret_fatal,
		.err = err,
		.place.root_fd = -1,
	};
	int r;

	assert(pid > 0);
	target->pid = pid;
	target->layouts = layouts;
	*ret_fatal = PROBE_FATAL_NONE;
	r = read_tgid(&attach);
	if (r == 0)
		r = read_exe(&attach);
	if (r == 0)
		r = attach_to(&attach);
	if (r == 0)
		*ret_target = TAKE_PTR(target);
	return r;
}

int probe_target_renew(struct probe_target *target, enum probe_fatal *ret_fatal,
		       struct ktstr_error *err)
{
	AUTO(attach_done) struct attach attach = {
		.target = target,
		.fatal = ret_fatal,
		.err = err,
		.place.root_fd = -1,
	};
	int r;

	*ret_fatal = PROBE_FATAL_NONE;
	renew_base(&attach);
	r = check_exe(&attach);
	if (r < 0 || !has_executed_anew(target))
		return r;
	buf_clear(&target->auxv);
	return attach_to(&attach);
}

/* ---- reading ---- */

static int by_tid(const void *a, const void *b)
{
	const struct probe_reading *one = a, *other = b;

	return (one->tid > other->tid) - (one->tid < other->tid);
}

static int find_threads(const struct probe_target *target, struct probe_readings *readings,
			enum probe_fatal *fatal, struct ktstr_error *err)
{
	int r = list_threads(target->pid, readings);

	if (r < 0) {
		*fatal = PROBE_FATAL_TID_ENUMERATION_FAILURE;
		return error_set(err, r, "process %d: list its threads (/proc/%d/task): %s",
				 (int)target->pid, (int)target->pid, strerrordesc_np(-r));
	}
	if (readings->len)
		qsort(readings->at, readings->len, sizeof(*readings->at), by_tid);
	return 0;
}

int probe_target_read(struct probe_target *target, bool identity, uint64_t timeout_ns,
		      const atomic_bool *cancel, struct probe_readings *ret_readings,
		      enum probe_fatal *ret_fatal, struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(REST_NS);

	for (;;) {
		AUTO(probe_readings_done) struct probe_readings readings = {0};
		size_t done, count;
		int r;

		*ret_fatal = PROBE_FATAL_NONE;
		r = find_threads(target, &readings, ret_fatal, err);
		if (r < 0)
			return r;
		count = readings.len;
		done = threads_read(target, readings.at, count, identity, timeout_ns, cancel);
		if (!has_executed_anew(target)) {
			readings.len = done;
			*ret_readings = TAKE(readings, (struct probe_readings){0});
			return done < count;
		}
		if (deadline_passed(deadline)) {
			*ret_fatal = PROBE_FATAL_OTHER;
			return error_set(err, -EAGAIN, "process %d: for 2 s it executed its file anew whenever "
					 "it was read; try again", (int)target->pid);
		}
		r = probe_target_renew(target, ret_fatal, err);
		if (r < 0)
			return r;
	}
}
