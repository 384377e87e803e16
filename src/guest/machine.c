/* SPDX-License-Identifier: BSD-2-Clause */
/* machine.c - the mounts, links and knobs that tests rely on (shared/spec/2-capabilities.md, GI-6). */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/guest.h"

#define SETTLE_WINDOW_NS (100 * NS_PER_MS)
#define SETTLE_QUIET 3                     /* windows in a row */
#define SETTLE_WINDOWS_MAX 50

struct mount_row {
	const char *dir, *type, *options;
	bool optional;          /* a kernel may lack it, and only some tests need it */
};

static const struct mount_row early[] = {
	{"/proc", "proc", NULL, false},
	{"/sys", "sysfs", NULL, false},
	{"/dev", "devtmpfs", "mode=0755", false},
};

static const struct mount_row later[] = {
	{"/dev/pts", "devpts", "ptmxmode=0666", true},
	{"/dev/shm", "tmpfs", "mode=1777", false},
	{"/tmp", "tmpfs", "mode=1777", false},
	{"/run", "tmpfs", "mode=0755", false},
	{"/sys/fs/cgroup", "cgroup2", NULL, false},
	{"/sys/kernel/debug", "debugfs", NULL, true},
	{GUEST_TRACING, "tracefs", NULL, true},
	{"/sys/fs/bpf", "bpf", NULL, true},
};

static int mount_rows(const struct mount_row *rows, size_t count, struct ktstr_error *err)
{
	for (const struct mount_row *row = rows; row < rows + count; row++) {
		(void)mkdir(row->dir, 0755);        /* mount() says when it is not there */
		if (mount(row->type, row->dir, row->type, MS_NOSUID, row->options) < 0 &&
		    errno != EBUSY && !row->optional)
			return error_sys(err, "mount %s on %s", row->type, row->dir);
	}
	return 0;
}

int machine_mount_early(struct ktstr_error *err)
{
	return mount_rows(early, sizeof(early) / sizeof(*early), err);
}

static void link_standard_streams(void)
{
	(void)symlink("/proc/self/fd", "/dev/fd");        /* programs that want them will say so */
	(void)symlink("/proc/self/fd/0", "/dev/stdin");
	(void)symlink("/proc/self/fd/1", "/dev/stdout");
	(void)symlink("/proc/self/fd/2", "/dev/stderr");
}

static void bring_loopback_up(void)
{
	AUTO(fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};

	if (fd < 0)
		return;        /* a kernel without IP is no obstacle to scheduler tests */
	strcpy(request.ifr_name, "lo");
	(void)ioctl(fd, SIOCSIFFLAGS, &request);
}

/* Knobs that a kernel may lack; what a test cannot do without is checked before anything boots. */
static void set_knobs(void)
{
	static const struct {
		const char *path, *value;
	} knobs[] = {
		{"/proc/sys/kernel/sched_schedstats", "1"},
		{"/proc/sys/kernel/task_delayacct", "1"},
		{"/proc/sys/kernel/bpf_stats_enabled", "1"},
		{"/proc/sys/kernel/hung_task_timeout_secs", "0"},
		{"/proc/self/oom_score_adj", "-1000"},
	};

	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++)
		(void)file_poke(AT_FDCWD, knobs[i].path, knobs[i].value, NULL);
}

/* Jiffies of all CPUs together since boot, idle and in all (Documentation/filesystems/proc.rst). */
static bool read_jiffies(uint64_t *ret_idle, uint64_t *ret_all)
{
	AUTO(buf_done) struct buf text = {0};
	struct sv line;

	*ret_idle = *ret_all = 0;
	if (file_read(AT_FDCWD, "/proc/stat", 1 << 20, &text, NULL) < 0)
		return false;
	line = sv_bytes(buf_text(&text), text.len);
	line = sv_split(&line, '\n');
	if (!sv_starts(line, "cpu "))
		return false;
	line = sv_trim(sv_skip(line, strlen("cpu ")));
	for (int column = 0; line.len; column++) {
		uint64_t value;

		if (sv_u64(sv_split(&line, ' '), UINT64_MAX, &value) < 0)
			return false;
		*ret_all += value;
		*ret_idle += column == 3 || column == 4 ? value : 0;
	}
	return true;
}

void machine_settle(void)
{
	const struct timespec window = {.tv_nsec = SETTLE_WINDOW_NS};
	uint64_t idle, all, idle_before, all_before;
	int quiet = 0;

	if (!read_jiffies(&idle_before, &all_before))
		return;
	for (int i = 0; i < SETTLE_WINDOWS_MAX && quiet < SETTLE_QUIET; i++) {
		(void)nanosleep(&window, NULL);
		if (!read_jiffies(&idle, &all))
			return;
		/* at most a twentieth of the time is anything but idle */
		quiet = (all - all_before) - (idle - idle_before) <= (all - all_before) / 20 ? quiet + 1 : 0;
		idle_before = idle;
		all_before = all;
	}
}

/* random(4): credited entropy goes into the pool at once, and the generator takes it from there. */
static int seed_pool(const uint8_t entropy[WIRE_ENTROPY_SIZE], struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	struct {
		int bits, bytes;
		uint8_t data[WIRE_ENTROPY_SIZE];
	} pool = {.bits = 8 * WIRE_ENTROPY_SIZE, .bytes = WIRE_ENTROPY_SIZE};

	memcpy(pool.data, entropy, sizeof(pool.data));
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return error_sys(err, "seed /dev/urandom");
	return 0;
}

int machine_personalize(const struct wire_run *run, struct ktstr_error *err)
{
	int r = seed_pool(run->entropy, err);
	const struct timespec now = {
		.tv_sec = (time_t)(run->realtime_ns / NS_PER_S),
		.tv_nsec = (long)(run->realtime_ns % NS_PER_S),
	};

	if (r == 0 && run->realtime_ns && clock_settime(CLOCK_REALTIME, &now) < 0)
		return error_sys(err, "set the time of day");
	return r;
}

int machine_prepare(struct ktstr_error *err)
{
	const struct rlimit locked = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	const struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
	static const uint8_t no_entropy[WIRE_ENTROPY_SIZE];
	int r = mount_rows(later, sizeof(later) / sizeof(*later), err);

	if (r < 0)
		return r;
	link_standard_streams();
	bring_loopback_up();
	set_knobs();
	exit_dump_prepare(GUEST_TRACING);
	/* the pool's first readiness makes the kernel print and change its own code: once a template */
	(void)seed_pool(no_entropy, NULL);
	(void)setrlimit(RLIMIT_MEMLOCK, &locked);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	return 0;
}

/* A key is split at its first separator's kind, as sysctl(8) does: "net.ipv4.conf", "net/x/eth0.1". */
static char *sysctl_path(const char *proc_sys, struct sv key)
{
	char *path = xasprintf("%s/%.*s", proc_sys, SV_ARG(key));

	if (!key.len || memchr(key.data, '/', key.len))
		return path;
	for (char *at = path + strlen(proc_sys) + 1; *at; at++)
		*at = *at == '.' ? '/' : *at;
	return path;
}

static int set_sysctl(const char *proc_sys, const char *word, struct ktstr_error *err)
{
	struct sv value = sv_of(word), key = sv_split(&value, '=');
	AUTO(free) char *path = sysctl_path(proc_sys, key);
	AUTO(free) char *text = xstrndup(value.data ?: "", value.len);

	int r;

	if (access(path, F_OK) < 0)
		return error_set(err, -ENOENT, "sysctl %.*s: this kernel does not have it (there is no %s)",
				 SV_ARG(key), path);
	r = file_poke(AT_FDCWD, path, text, err);
	return r < 0 ? error_wrap(err, r, "sysctl %.*s", SV_ARG(key)) : 0;
}

int machine_set_sysctls(const char *proc_sys, const struct strings *sysctls, struct ktstr_error *err)
{
	int r = 0;

	vec_each(word, sysctls) {
		if (r == 0)
			r = set_sysctl(proc_sys, *word, err);
	}
	return r;
}
