/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest-tracer.c - records every scheduling event of the kernel that it runs on, until SIGTERM: what
 * the QEMU plugin does from outside, where there is none. `ktstr-guest-tracer >STREAM`; the stream is
 * that of bpf/trace_event.h, and its first bytes say that recording has begun. KTSTR_TRACER_RING_KIB:
 * the ring's size, instead of one that goes by the machine's memory.
 *
 * It is a task among those that it records, so it sleeps until the ring is half full; and it is
 * real-time, so that no sched_ext scheduler has it to care for, or can keep it from reading.
 */
#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fts.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bpf/trace_event.h"
#include "base/base.h"

#define RING_BYTES_MIN (4u << 20)
#define RING_BYTES_MAX (128u << 20)
#define RING_SHARE 32                     /* of the machine's memory, at most */
#define CGROUP_ROOT "/sys/fs/cgroup"
#define WARNING_MAX 256

extern const char ktstr_trace_object[], ktstr_trace_object_end[];        /* bpf/embed_trace.S */

/* Without these a trace says nothing; the others may not be in a kernel. */
static const char *const needed[] = {"on_switch", "on_waking", "wake_up_new_task", "enqueue_task_fair",
				     "dequeue_task_fair"};

static char warning[WARNING_MAX];         /* libbpf's first one: why something did not work */

struct tracer {
	struct bpf_object *object;
	struct ring_buffer *ring;
	uint64_t records;
	int signal_fd;
};

static void tracer_done(struct tracer *tracer)
{
	ring_buffer__free(tracer->ring);
	bpf_object__close(tracer->object);
	fd_close(tracer->signal_fd);
}
DEFINE_AUTO_DONE(struct tracer, tracer_done)

/* --- what is written ------------------------------------------------------------------------------ */

/* stdio has the buffer, and ferror() is asked when it is flushed. */
static void put_slot(const void *slot)
{
	(void)fwrite(slot, sizeof(struct trace_record), 1, stdout);
}

static int flush(struct ktstr_error *err)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		return error_sys(err, "write the records");
	return 0;
}

static void put_name(uint16_t kind, uint64_t id, const char *name)
{
	struct trace_cgroup slot = {.kind = kind, .id = id};
	size_t len = strlen(name);

	if (len >= sizeof(slot.name))
		name += len - (sizeof(slot.name) - 1);        /* the end tells more */
	memcpy(slot.name, name, strlen(name));
	put_slot(&slot);
}

/* Those that are there; ones that come later are recorded. A cgroup's id is its inode's number. */
static int put_cgroups(struct ktstr_error *err)
{
	char *roots[] = {(char *)CGROUP_ROOT, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
	FTSENT *entry;

	if (!tree)
		return error_sys(err, CGROUP_ROOT);
	while ((entry = fts_read(tree))) {
		const char *name = entry->fts_path + strlen(CGROUP_ROOT);

		if (entry->fts_info == FTS_D)
			put_name(TRACE_CGROUP, entry->fts_statp->st_ino, *name ? name : "/");
	}
	(void)fts_close(tree);
	return 0;
}

static int take_record(void *arg, void *data, size_t size)
{
	struct tracer *tracer = arg;
	const struct trace_record *record = data;

	if (size != sizeof(*record))
		return 0;        /* none of our programs writes such */
	tracer->records += record->kind != TRACE_CGROUP;
	put_slot(record);
	return 0;
}

/* --- the programs --------------------------------------------------------------------------------- */

static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_WARN && !*warning)
		(void)vsnprintf(warning, sizeof(warning), fmt, args);
	warning[strcspn(warning, "\n")] = '\0';
	return 0;
}

static int map_fd(const struct tracer *tracer, const char *name)
{
	return bpf_object__find_map_fd_by_name(tracer->object, name);
}

static uint32_t ring_bytes(void)
{
	uint64_t share = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / RING_SHARE;
	uint32_t size = (uint32_t)sysconf(_SC_PAGESIZE);
	const char *wanted = getenv("KTSTR_TRACER_RING_KIB");
	uint32_t kib;

	if (wanted && sv_u32(sv_of(wanted), RING_BYTES_MAX >> 10, &kib) == 0)
		share = (uint64_t)kib << 10;
	else if (share < RING_BYTES_MIN)
		share = RING_BYTES_MIN;
	while (size < RING_BYTES_MAX && 2ull * size <= share)
		size *= 2;        /* the kernel takes powers of two */
	return size;
}

static bool is_needed(const struct bpf_program *program)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (strcmp(bpf_program__name(program), needed[i]) == 0)
			return true;
	}
	return false;
}

/* What it is attached to: "enqueue_task_rt" of "fentry/enqueue_task_rt" */
static const char *target(const struct bpf_program *program)
{
	return strchr(bpf_program__section_name(program), '/') + 1;
}

/* A function that this kernel does not have, or whose type it does not tell, would end the loading. */
static int choose_programs(struct tracer *tracer, const struct btf *btf, struct ktstr_error *err)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, tracer->object) {
		const char *section = bpf_program__section_name(program);
		AUTO(free) char *tracepoint = xasprintf("btf_trace_%s", target(program));
		bool is_function = strncmp(section, "fentry/", 7) == 0;

		if (btf__find_by_name_kind(btf, is_function ? target(program) : tracepoint,
					   is_function ? BTF_KIND_FUNC : BTF_KIND_TYPEDEF) >= 0)
			continue;
		if (is_needed(program))
			return error_set(err, -ENODATA, "this kernel's type information has no %s",
					 target(program));
		bpf_program__set_autoload(program, false);
	}
	return 0;
}

static void set_ring_size(struct tracer *tracer, uint32_t size)
{
	struct bpf_map *records = bpf_object__find_map_by_name(tracer->object, "records");
	struct bpf_map *constants = bpf_object__find_map_by_name(tracer->object, ".rodata");
	uint64_t *wake_bytes;
	size_t len = 0;

	assert(records);                /* we built the object */
	(void)bpf_map__set_max_entries(records, size);        /* fails only once it is loaded */
	wake_bytes = constants ? bpf_map__initial_value(constants, &len) : NULL;
	assert(wake_bytes);
	assert(len >= sizeof(*wake_bytes));
	*wake_bytes = size / 2;
}

static int load(struct tracer *tracer, struct ktstr_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ktstr_trace");
	struct btf *btf = btf__load_vmlinux_btf();
	int r;

	if (!btf)
		return error_sys(err, "this kernel has no type information (CONFIG_DEBUG_INFO_BTF): "
				      "/sys/kernel/btf/vmlinux");
	tracer->object = bpf_object__open_mem(ktstr_trace_object,
					      (size_t)(ktstr_trace_object_end - ktstr_trace_object), &options);
	r = tracer->object ? choose_programs(tracer, btf, err) : error_sys(err, "the embedded BPF object");
	btf__free(btf);
	if (r < 0)
		return r;
	set_ring_size(tracer, ring_bytes());
	r = bpf_object__load(tracer->object);
	if (r < 0)
		return error_set(err, r, "this kernel did not load the BPF programs: %s%s%s", strerror(-r),
				 *warning ? "; " : "", warning);
	return 0;
}

/* Their links end with us. */
static int attach(struct tracer *tracer, struct ktstr_error *err)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, tracer->object) {
		bool wanted = bpf_program__autoload(program);

		warning[0] = '\0';
		if (wanted && bpf_program__attach(program))
			continue;
		if (is_needed(program))
			return error_set(err, -errno, "this kernel does not let a BPF program see %s: %s%s%s",
					 target(program), strerror(errno), *warning ? "; " : "", warning);
		put_name(TRACE_MISSING, 0, target(program));
	}
	return 0;
}

/* Events that a program was not run for, because it ran already on that CPU. */
static uint64_t count_misses(const struct tracer *tracer)
{
	struct bpf_program *program;
	uint64_t sum = 0;

	bpf_object__for_each_program(program, tracer->object) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);

		if (bpf_program__autoload(program) &&
		    bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
			sum += info.recursion_misses;
	}
	return sum;
}

/* --- its life ------------------------------------------------------------------------------------- */

static int make_ready(struct tracer *tracer, struct ktstr_error *err)
{
	const struct sched_param priority = {.sched_priority = sched_get_priority_max(SCHED_FIFO) - 1};
	char begin[sizeof(struct trace_record)] = TRACE_STREAM_MAGIC;
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	tracer->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (tracer->signal_fd < 0 || sched_setscheduler(0, SCHED_FIFO, &priority) < 0)
		return error_sys(err, "signalfd, SCHED_FIFO");
	put_slot(begin);
	r = load(tracer, err);
	if (r == 0)
		r = attach(tracer, err);
	if (r == 0)
		r = put_cgroups(err);
	if (r < 0)
		return r;
	tracer->ring = ring_buffer__new(map_fd(tracer, "records"), take_record, tracer, NULL);
	if (!tracer->ring)
		return error_sys(err, "ring of records");
	return flush(err);
}

/* Until SIGTERM */
static int stay(struct tracer *tracer, struct ktstr_error *err)
{
	struct pollfd fds[] = {
		{.fd = tracer->signal_fd, .events = POLLIN},
		{.fd = ring_buffer__epoll_fd(tracer->ring), .events = POLLIN},
	};

	while (!fds[0].revents) {
		int r;

		if (poll(fds, 2, -1) < 0)
			return error_sys(err, "poll");
		r = fds[1].revents ? ring_buffer__poll(tracer->ring, 0) : 0;
		if (r < 0)
			return error_set(err, r, "read the ring: %s", strerror(-r));
	}
	return 0;
}

static int finish(struct tracer *tracer, struct ktstr_error *err)
{
	struct trace_end end = {.kind = TRACE_END};
	const uint64_t stop = 1;
	uint32_t key = 0;
	int r = bpf_map_update_elem(map_fd(tracer, ".data.stop"), &key, &stop, BPF_ANY);

	if (r < 0)
		return error_set(err, r, "stop the programs: %s", strerror(-r));
	r = ring_buffer__consume(tracer->ring);
	if (r < 0)
		return error_set(err, r, "read the ring: %s", strerror(-r));
	r = bpf_map_lookup_elem(map_fd(tracer, ".data.lost"), &key, &end.lost);
	if (r < 0)
		return error_set(err, r, "how many events were lost: %s", strerror(-r));
	end.lost += count_misses(tracer);
	end.records = tracer->records;
	put_slot(&end);
	return flush(err);
}

int main(void)
{
	AUTO(tracer_done) struct tracer tracer = {.signal_fd = -1};
	static char buffer[65536];
	struct ktstr_error err = {0};
	int r;

	libbpf_set_print(keep_warning);
	(void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));        /* as much as a pipe holds */
	r = make_ready(&tracer, &err);
	if (r == 0)
		r = stay(&tracer, &err);
	if (r == 0)
		r = finish(&tracer, &err);
	if (r == 0)
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	_exit(1);        /* what stdout has buffered would look like a beginning */
}
