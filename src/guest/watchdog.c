/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watchdog.c - sched_ext's watchdog with another timeout than the scheduler asked for.
 *
 * The kernel takes it from sched_ext_ops.timeout_ms when a scheduler attaches, and sets a timer for half
 * of it, at which it looks at all tasks for the first time (kernel/sched/ext.c, scx_watchdog_workfn()).
 * To write scx_watchdog_timeout afterwards is too late for a shorter one: the timer stays where it is, and
 * scx_tick() takes it for a watchdog that has died. So the operations are changed on their way into the
 * kernel: a scheduler hands them over as the value of a struct_ops map (bpf(2), BPF_MAP_UPDATE_ELEM)
 * before it attaches that. Whoever loads it, in whatever language, makes that system call.
 *
 * A keeper traces the scheduler, its threads and its children until then. The scheduler waits in front of
 * its execve() until it is traced, and is traced no more when the keeper has ended, so that a test's load
 * never meets it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/guest.h"

#define SELF "/proc/self/exe"
#define GATE_FD 3                      /* of both processes: the scheduler waits until it is closed */
#define MAPS_MAX 4096
#define VALUE_MAX 65536

/* kernel/bpf/bpf_struct_ops.c: a value begins with a count and one of these; in use is 1, by a link 3 */
#define STATE_OFFSET 4
#define STATE_INUSE 1
#define STATE_READY 3

static long bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* --- maps ----------------------------------------------------------------------------------------- */

/* A descriptor of the map with this id if it holds operations of sched_ext, or -1. */
static int open_operations(uint32_t id, const struct wire_watchdog *watchdog, uint32_t *ret_value_size)
{
	union bpf_attr open_attr = {.map_id = id};
	struct bpf_map_info info = {0};
	union bpf_attr info_attr = {0};
	AUTO(fd_close) int fd = (int)bpf(BPF_MAP_GET_FD_BY_ID, &open_attr);

	if (fd < 0)
		return -1;
	info_attr.info.bpf_fd = (uint32_t)fd;
	info_attr.info.info_len = sizeof(info);
	info_attr.info.info = (uint64_t)(uintptr_t)&info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &info_attr) < 0 || info.type != BPF_MAP_TYPE_STRUCT_OPS ||
	    info.btf_vmlinux_value_type_id != watchdog->value_type_id || info.value_size > VALUE_MAX ||
	    watchdog->offset > info.value_size - sizeof(uint32_t))
		return -1;
	*ret_value_size = info.value_size;
	return TAKE_FD(fd);
}

static bool read_timeout(int map_fd, uint32_t value_size, uint32_t offset, uint32_t *ret_timeout_ms)
{
	AUTO(free) char *value = xcalloc(1, value_size);
	uint32_t key = 0, state;
	union bpf_attr attr = {.map_fd = (uint32_t)map_fd,
			       .key = (uint64_t)(uintptr_t)&key,
			       .value = (uint64_t)(uintptr_t)value};

	if (bpf(BPF_MAP_LOOKUP_ELEM, &attr) < 0)
		return false;
	memcpy(&state, value + STATE_OFFSET, sizeof(state));
	memcpy(ret_timeout_ms, value + offset, sizeof(*ret_timeout_ms));
	return state == STATE_INUSE || state == STATE_READY;
}

bool watchdog_read(const struct wire_watchdog *watchdog, uint32_t *ret_timeout_ms)
{
	union bpf_attr attr = {0};

	for (int i = 0; i < MAPS_MAX && bpf(BPF_MAP_GET_NEXT_ID, &attr) == 0; i++) {
		uint32_t value_size = 0;
		AUTO(fd_close) int fd = open_operations(attr.next_id, watchdog, &value_size);

		if (fd >= 0 && read_timeout(fd, value_size, watchdog->offset, ret_timeout_ms))
			return true;
		attr.start_id = attr.next_id;
	}
	return false;
}

/* --- the keeper ----------------------------------------------------------------------------------- */

/* The id of the map that a thread has as this descriptor. */
static bool map_of(pid_t tid, uint32_t fd, uint32_t *ret_id)
{
	AUTO(free) char *path = xasprintf("/proc/%d/fdinfo/%u", tid, fd);
	AUTO(buf_done) struct buf text = {0};
	struct sv rest, line;

	if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return false;
	rest = sv_bytes(buf_text(&text), text.len);
	while (sv_line(&rest, &line)) {
		if (sv_eq(sv_split(&line, ':'), "map_id"))
			return sv_u32(sv_trim(line), UINT32_MAX, ret_id) == 0;
	}
	return false;
}

/* A thread enters bpf(BPF_MAP_UPDATE_ELEM, attr, size): change what it will give. False: it is not that. */
static bool change_update(pid_t tid, uint64_t attr_address, const struct wire_watchdog *watchdog)
{
	AUTO(free) char *path = xasprintf("/proc/%d/mem", tid);
	AUTO(fd_close) int memory = open(path, O_RDWR | O_CLOEXEC);
	AUTO(fd_close) int map_fd = -1;
	const size_t size = sizeof(watchdog->timeout_ms);
	union bpf_attr attr = {0};
	uint32_t id, value_size = 0;

	/* up to value, whose place has not changed since there are maps */
	if (memory < 0 || pread(memory, &attr, 24, (off_t)attr_address) != 24 || !map_of(tid, attr.map_fd, &id))
		return false;
	map_fd = open_operations(id, watchdog, &value_size);
	if (map_fd < 0)
		return false;
	if (pwrite(memory, &watchdog->timeout_ms, size, (off_t)(attr.value + watchdog->offset)) != (ssize_t)size)
		fprintf(stderr, "ktstr: the watchdog timeout cannot be changed: %s\n", strerror(errno));
	return true;
}

static bool is_system_call(int status)
{
	return WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80);
}

/* True: the operations of sched_ext are on their way. */
static bool look_at(pid_t tid, int status, const struct wire_watchdog *watchdog)
{
	struct __ptrace_syscall_info info;

	return is_system_call(status) && ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY && info.arch == AUDIT_ARCH_X86_64 &&
	       info.entry.nr == SYS_bpf && info.entry.args[0] == BPF_MAP_UPDATE_ELEM &&
	       change_update(tid, info.entry.args[1], watchdog);
}

/* ptrace(2), "Stopped states": what it was stopped for must happen, but for what only tracing makes. */
static void go_on(pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		(void)ptrace(PTRACE_LISTEN, tid, 0, 0);        /* it may have been killed meanwhile */
		return;
	}
	(void)ptrace(PTRACE_SYSCALL, tid, 0, event || is_system_call(status) ? 0 : sig);
}

/* Everything that it traces goes on untraced when it ends. */
static int keep(pid_t scheduler, const struct wire_watchdog *watchdog)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status;
	pid_t tid;

	if (ptrace(PTRACE_SEIZE, scheduler, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, scheduler, 0, 0) < 0 ||
	    waitpid(scheduler, &status, __WALL) < 0 || ptrace(PTRACE_SYSCALL, scheduler, 0, 0) < 0) {
		fprintf(stderr, "ktstr: the watchdog timeout cannot be changed: ptrace: %s\n", strerror(errno));
		return 1;
	}
	fd_close(GATE_FD);
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid < 0 || !WIFSTOPPED(status))
			continue;
		if (look_at(tid, status, watchdog))
			return 0;
		go_on(tid, status);
	}
	return 0;
}

/* --- two programs in one -------------------------------------------------------------------------- */

static int hold(char **argv)
{
	char nothing;

	while (read(GATE_FD, &nothing, 1) < 0 && errno == EINTR)
		;
	fd_close(GATE_FD);
	execv(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	return 127;
}

int watchdog_main(int argc, char **argv)
{
	struct wire_watchdog watchdog = {0};
	uint32_t pid;

	if (argc >= 3 && strcmp(argv[1], "hold") == 0)
		return hold(argv + 2);
	if (argc == 6 && strcmp(argv[1], "keep") == 0 && sv_u32(sv_of(argv[2]), INT32_MAX, &pid) == 0 &&
	    sv_u32(sv_of(argv[3]), UINT32_MAX, &watchdog.timeout_ms) == 0 &&
	    sv_u32(sv_of(argv[4]), UINT32_MAX, &watchdog.value_type_id) == 0 &&
	    sv_u32(sv_of(argv[5]), UINT32_MAX, &watchdog.offset) == 0)
		return keep((pid_t)pid, &watchdog);
	fprintf(stderr, "ktstr-init is the first process of a guest\n");
	return 64;
}

static int spawn_keeper(const struct wire_watchdog *watchdog, const struct spawn_config *config, pid_t scheduler,
			int gate, struct child *ret_keeper, struct ktstr_error *err)
{
	AUTO(free) char *pid = xasprintf("%d", scheduler);
	AUTO(free) char *timeout = xasprintf("%u", watchdog->timeout_ms);
	AUTO(free) char *type = xasprintf("%u", watchdog->value_type_id);
	AUTO(free) char *offset = xasprintf("%u", watchdog->offset);
	const char *argv[] = {SELF, "keep", pid, timeout, type, offset, NULL};
	struct spawn_config keeper = {
		.argv = argv,
		.stdin_fd = -1,
		.stdout_fd = config->stdout_fd,
		.stderr_fd = config->stderr_fd,
		.keep_fd = {gate},
		.keep_fd_count = 1,
	};

	return child_spawn(&keeper, ret_keeper, err);
}

int watchdog_spawn(const struct wire_watchdog *watchdog, const struct spawn_config *config,
		   struct child *ret_scheduler, struct child *ret_keeper, struct ktstr_error *err)
{
	AUTO(free) const char **argv = NULL;
	AUTO(fd_close) int wait_fd = -1;
	AUTO(fd_close) int gate_fd = -1;
	struct spawn_config held = *config;
	size_t count = 0;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	wait_fd = fds[0];
	gate_fd = fds[1];
	while (config->argv[count])
		count++;
	argv = xcalloc(count + 3, sizeof(*argv));
	argv[0] = SELF;
	argv[1] = "hold";
	memcpy(argv + 2, config->argv, count * sizeof(*argv));
	held.argv = argv;
	held.keep_fd[0] = wait_fd;
	held.keep_fd_count = 1;
	r = child_spawn(&held, ret_scheduler, err);
	if (r < 0)
		return r;
	/* without a keeper the gate closes at our return, and the scheduler goes on as it is */
	if (spawn_keeper(watchdog, config, ret_scheduler->pid, gate_fd, ret_keeper, err) < 0)
		dprintf(config->stderr_fd, "ktstr: the watchdog timeout cannot be changed: %s\n", err->msg);
	return 0;
}
