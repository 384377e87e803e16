/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scx-ktstr.c - loads the fixture scheduler of bpf/scx_ktstr.bpf.c and stays until SIGTERM, SIGINT
 * or the kernel ends it. Everything it says goes to stderr; the lines "attached" and "exited: ..."
 * are for whoever watches a log. docs/fixture.md lists the misbehaviours.
 */
#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "../bpf/scx_ktstr.h"
#include "base/base.h"

#define EXIT_USAGE 64
#define MS_MAX 3600000                    /* of all options in ms but the watchdog's */
#define TIMEOUT_MS_MAX 30000              /* the kernel's SCX_WATCHDOG_MAX_TIMEOUT */
#define SLICE_US_MIN 100
#define SLICE_US_MAX 1000000
#define OPS_ENQ_LAST (1ull << 1)          /* SCX_OPS_ENQ_LAST */
#define OPS_SWITCH_PARTIAL (1ull << 3)    /* SCX_OPS_SWITCH_PARTIAL */

/* bpf/embed.S */
extern const char scx_ktstr_object[], scx_ktstr_object_end[];
extern const char scx_ktstr_reject_object[], scx_ktstr_reject_object_end[];
extern const char scx_ktstr_loop_object[], scx_ktstr_loop_object_end[];
extern const char scx_ktstr_kconfig_object[], scx_ktstr_kconfig_object_end[];

static const struct program {
	const char *object, *end;
	bool is_refused;                      /* by every verifier */
} fair_program = {scx_ktstr_object, scx_ktstr_object_end, false},
  reject_program = {scx_ktstr_reject_object, scx_ktstr_reject_object_end, true},
  loop_program = {scx_ktstr_loop_object, scx_ktstr_loop_object_end, true},
  kconfig_program = {scx_ktstr_kconfig_object, scx_ktstr_kconfig_object_end, false};

struct options {
	uint32_t slice_us, timeout_ms;
	uint32_t stall_after_ms, error_after_ms, die_after_ms;        /* 0: never */
	const char *starve_comm;
	uint32_t degrade_after_ms;            /* 0: faults from the beginning */
	uint32_t faults;                      /* enum scx_ktstr_fault */
	const struct program *program;
	bool partial, fail_start, no_attach;
};

struct scheduler {
	struct bpf_object *object;
	struct bpf_link *link;                /* NULL: not attached */
	struct ring_buffer *doorbell;         /* readable once the kernel has ended it */
	struct scx_ktstr_state state;         /* as read_state() found it */
};

static bool verbose, silent;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	AUTO(buf_done) struct buf line = {0};
	va_list args;

	if (silent)
		return;
	buf_str(&line, "scx-ktstr: ");
	va_start(args, fmt);
	buf_vprintf(&line, fmt, args);
	va_end(args);
	buf_char(&line, '\n');
	(void)fd_write_all(STDERR_FILENO, line.data, line.len);        /* nowhere left to complain */
}

/* libbpf passes a failed program's verifier log as a warning. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level <= LIBBPF_WARN || verbose ? vfprintf(stderr, fmt, args) : 0;
}

static void scheduler_done(struct scheduler *scheduler)
{
	bpf_link__destroy(scheduler->link);
	ring_buffer__free(scheduler->doorbell);
	bpf_object__close(scheduler->object);
	*scheduler = (struct scheduler){0};
}
DEFINE_AUTO_DONE(struct scheduler, scheduler_done)

/* What a map will hold once loaded. (libbpf 1.4 maps the live one only for skeletons.) */
static void *first_content(struct bpf_object *object, const char *name, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	size_t have = 0;
	void *memory = map ? bpf_map__initial_value(map, &have) : NULL;

	assert(memory);                /* we built the object */
	assert(have == size);
	return memory;
}

static uint32_t cpu_count(void)
{
	long count = sysconf(_SC_NPROCESSORS_CONF);

	return count < SCX_KTSTR_CPUS_MAX ? (uint32_t)count : SCX_KTSTR_CPUS_MAX;
}

/* The CPUs that share CPU 0's last cache, as bits; CPU 0 alone where sysfs does not say. */
static uint64_t llc_of_cpu0(void)
{
	AUTO(buf_done) struct buf list = {0};
	struct cpuset cpus = {0};

	if (file_read(AT_FDCWD, "/sys/devices/system/cpu/cpu0/cache/index3/shared_cpu_list", 4096,
		      &list, NULL) < 0 ||
	    cpuset_parse(sv_trim(sv_of(buf_text(&list))), &cpus, NULL) < 0)
		return 1;
	return cpus.word[0] | 1;
}

static void set_config(struct bpf_object *object, const struct options *options)
{
	struct scx_ktstr_config config = {
		.slice_ns = options->slice_us * NS_PER_US,
		.stall_after_ns = options->stall_after_ms * NS_PER_MS,
		.error_after_ns = options->error_after_ms * NS_PER_MS,
		.faults_after_ns = options->degrade_after_ms * NS_PER_MS,
		.faults = options->faults,
		.llc_cpus = options->faults & SCX_KTSTR_ONE_LLC ? llc_of_cpu0() : 0,
		.cpu_count = cpu_count(),
	};

	if (options->starve_comm)
		memcpy(config.starve_comm, options->starve_comm, strlen(options->starve_comm));
	memcpy(first_content(object, ".rodata.config", sizeof(config)), &config, sizeof(config));
}

/* Set a number in the BPF program's struct sched_ext_ops, which lies as its BTF says. */
static void set_ops(struct bpf_object *object, const char *member, const void *value, size_t size)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf__find_by_name_kind(btf, "sched_ext_ops", BTF_KIND_STRUCT);
	const struct btf_type *ops = btf__type_by_id(btf, (uint32_t)id);
	char *memory = first_content(object, "ktstr_ops", ops->size);

	for (uint32_t i = 0; i < btf_vlen(ops); i++) {
		const struct btf_member *at = btf_members(ops) + i;

		if (strcmp(btf__name_by_offset(btf, at->name_off), member) == 0) {
			memcpy(memory + at->offset / 8, value, size);
			return;
		}
	}
	assert(!"a member of struct sched_ext_ops that ktstr_scx.h does not have");
}

static int on_doorbell(void *arg, void *data, size_t size)
{
	(void)arg, (void)data, (void)size;        /* what there is to know is in the state */
	return 0;
}

static int load(const struct options *options, struct scheduler *ret_scheduler,
		struct ktstr_error *err)
{
	AUTO(scheduler_done) struct scheduler scheduler = {0};
	const struct program *program = options->program;
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = "scx_ktstr");
	uint64_t flags = (options->partial ? OPS_SWITCH_PARTIAL : 0) |
			 /* else a task that is alone on a CPU outside stays there without a word to us */
			 (options->faults & SCX_KTSTR_ONE_LLC ? OPS_ENQ_LAST : 0);
	int r;

	scheduler.object = bpf_object__open_mem(
		program->object, (size_t)(program->end - program->object), &open_options);
	if (!scheduler.object)
		return error_sys(err, "open the embedded BPF object");
	if (!program->is_refused)
		set_config(scheduler.object, options);
	set_ops(scheduler.object, "timeout_ms", &options->timeout_ms, sizeof(options->timeout_ms));
	set_ops(scheduler.object, "flags", &flags, sizeof(flags));

	r = bpf_object__load(scheduler.object);
	if (r < 0)
		return error_set(err, r, "the kernel did not load the BPF program: %s", strerror(-r));
	if (program->is_refused)
		return error_set(err, -EPROTO, "the verifier let a program pass that it must refuse");

	r = bpf_object__find_map_fd_by_name(scheduler.object, "doorbell");
	scheduler.doorbell = ring_buffer__new(r, on_doorbell, NULL, NULL);
	if (!scheduler.doorbell)
		return error_sys(err, "open the ring buffer of the BPF program");
	*ret_scheduler = TAKE(scheduler, (struct scheduler){0});
	return 0;
}

static int read_state(struct scheduler *scheduler, struct ktstr_error *err)
{
	int fd = bpf_object__find_map_fd_by_name(scheduler->object, ".data.state");
	const uint32_t first = 0;

	if (bpf_map_lookup_elem(fd, &first, &scheduler->state) < 0)
		return error_sys(err, "read the state of the BPF program");
	return 0;
}

/* The resolution of a coarse clock is a tick (kernel/time/posix-timers.c, posix_get_coarse_res()). */
static int check_hz(uint64_t hz, struct ktstr_error *err)
{
	struct timespec tick = {0};

	(void)clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	say("CONFIG_HZ is %llu", (unsigned long long)hz);
	if ((uint64_t)tick.tv_nsec == NS_PER_S / hz)
		return 0;
	return error_set(err, -EPROTO, "a tick of this kernel is %ld ns, its configuration says %llu Hz",
			 tick.tv_nsec, (unsigned long long)hz);
}

static int attach(struct scheduler *scheduler, struct ktstr_error *err)
{
	struct bpf_map *ops = bpf_object__find_map_by_name(scheduler->object, "ktstr_ops");
	int r;

	scheduler->link = bpf_map__attach_struct_ops(ops);
	if (!scheduler->link)
		return error_sys(err, "attach (is another scheduler in /sys/kernel/sched_ext/root/ops?)");
	say("attached");
	r = read_state(scheduler, err);
	if (r == 0 && scheduler->state.hz)
		r = check_hz(scheduler->state.hz, err);
	if (r == 0 && scheduler->state.without_queue)
		say("this kernel's BTF lets no scheduler create a queue: first come, first served");
	return r;
}

static const char *exit_kind_name(enum scx_exit_kind kind)
{
	switch (kind) {
	case SCX_EXIT_NONE:
		return "none";
	case SCX_EXIT_DONE:
		return "done";
	case SCX_EXIT_UNREG:
		return "unregistered";
	case SCX_EXIT_UNREG_BPF:
		return "unregistered by BPF";
	case SCX_EXIT_UNREG_KERN:
		return "unregistered by the kernel";
	case SCX_EXIT_SYSRQ:
		return "sysrq";
	case SCX_EXIT_PARENT:
		return "parent";
	case SCX_EXIT_ERROR:
		return "error";
	case SCX_EXIT_ERROR_BPF:
		return "BPF error";
	case SCX_EXIT_ERROR_STALL:
		return "stall";
	}
	return "unknown";
}

/* Say how it ended, if it has. Returns 0, or 1 if it was not us who ended it. */
static int report_exit(const struct scx_ktstr_state *state)
{
	enum scx_exit_kind kind = state->exit_kind;

	if (kind == SCX_EXIT_NONE)
		return 0;
	say("exited: kind=%u (%s) reason=\"%.*s\" msg=\"%.*s\"", kind, exit_kind_name(kind),
	    (int)sizeof(state->reason), state->reason, (int)sizeof(state->message), state->message);
	if (kind >= SCX_EXIT_ERROR && !silent)
		fprintf(stderr, "%.*s", (int)sizeof(state->dump), state->dump);
	return kind == SCX_EXIT_UNREG ? 0 : 1;
}

static struct deadline in_ms(uint32_t ms)
{
	return ms ? deadline_in(ms * NS_PER_MS) : DEADLINE_NEVER;
}

/* Wait for a signal or for the kernel to end the scheduler; die when told to. */
static void stay(const struct scheduler *scheduler, int signal_fd, const struct options *options)
{
	struct deadline die = in_ms(options->die_after_ms);
	/* On an idle machine it is our waking up that calls the BPF program to raise the error. */
	struct deadline error_due = in_ms(options->error_after_ms);
	struct pollfd fds[] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = ring_buffer__epoll_fd(scheduler->doorbell), .events = POLLIN},
	};

	while (poll(fds, 2, deadline_poll_ms(deadline_earlier(die, error_due))) <= 0) {
		if (deadline_passed(die)) {
			say("dying on purpose");
			_exit(1);
		}
		if (deadline_passed(error_due))
			error_due = DEADLINE_NEVER;
	}
}

/* Returns the exit status, or a negative errno. */
static int run(const struct options *options, struct ktstr_error *err)
{
	AUTO(scheduler_done) struct scheduler scheduler = {0};
	AUTO(fd_close) int signal_fd = -1;
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (signal_fd < 0)
		return error_sys(err, "signalfd");

	r = load(options, &scheduler, err);
	if (r < 0)
		return r;
	if (options->no_attach) {
		say("loaded, not attaching on purpose");
	} else {
		r = attach(&scheduler, err);
		if (r < 0) {
			if (read_state(&scheduler, NULL) == 0)
				report_exit(&scheduler.state);
			return r;
		}
	}
	stay(&scheduler, signal_fd, options);
	/* The kernel has called ops.exit when this returns (scx_disable() waits). */
	bpf_link__destroy(TAKE_PTR(scheduler.link));
	r = read_state(&scheduler, err);
	return r < 0 ? r : report_exit(&scheduler.state);
}

static const char usage[] =
	"Usage: scx-ktstr [OPTION]...\n"
	"A fair sched_ext scheduler that misbehaves on request, for testing a test harness.\n"
	"\n"
	"      --slice-us N      time slice (default 5000)\n"
	"      --timeout-ms N    after which the kernel's watchdog throws it out when a task\n"
	"                        waited so long (default 4000, at most 30000)\n"
	"      --partial         schedule only tasks of policy SCHED_EXT\n"
	"      --config FILE     options, apart at white space, that come before the others; this one\n"
	"                        comes first\n"
	"      --cell-parent-cgroup PATH  refuse to start unless this cgroup exists\n"
	"      --kconfig         ask for CONFIG_HZ, and refuse to run when it is not the kernel's\n"
	"      --verbose         show what libbpf does\n"
	"      --silent          say nothing from here on, not of its end either\n"
	"      --help            show this and exit\n"
	"\n"
	"Misbehaviour:\n"
	"      --starve COMM     never run tasks of this name\n"
	"      --crowd           run all tasks that may run on CPU 0 only there\n"
	"      --global-fifo     one queue, first come first served, slices of 200 ms\n"
	"      --one-llc         run all tasks that may run on CPU 0's LLC only there\n"
	"      --ignore-weights  treat tasks and cgroups of all weights alike\n"
	"      --late-wake       leave who wakes waiting until a tick of 20 ms, idle CPUs or not\n"
	"      --sleeper-penalty send who slept 100 ms behind the others, unless a CPU is idle\n"
	"      --scatter         never run a task on the same CPU twice, slices of 1 ms\n"
	"      --degrade-after MS  be fair until then, and only then as above\n"
	"      --degrade, --slow, --scattershot\n"
	"                        --global-fifo, --late-wake, --scatter by older names\n"
	"      --stall-after MS  stop dispatching\n"
	"      --exit-after MS   raise an error in the BPF program\n"
	"      --die-after MS    exit with status 1\n"
	"      --fail-verify     load a program that the verifier refuses\n"
	"      --verify-loop     load one that it refuses behind a loop, with a long log\n"
	"      --fail-start      exit with status 1 before loading anything\n"
	"      --no-attach       load, but never attach\n";

enum option_key {
	KEY_HELP = 1,
	KEY_SLICE,
	KEY_TIMEOUT,
	KEY_PARTIAL,
	KEY_VERBOSE,
	KEY_SILENT,
	KEY_KCONFIG,
	KEY_CONFIG,
	KEY_CELL_PARENT,
	KEY_STARVE,
	KEY_CROWD,
	KEY_GLOBAL_FIFO,
	KEY_ONE_LLC,
	KEY_IGNORE_WEIGHTS,
	KEY_LATE_WAKE,
	KEY_SLEEPER_PENALTY,
	KEY_SCATTER,
	KEY_DEGRADE_AFTER,
	KEY_STALL,
	KEY_EXIT,
	KEY_DIE,
	KEY_FAIL_VERIFY,
	KEY_VERIFY_LOOP,
	KEY_FAIL_START,
	KEY_NO_ATTACH,
};

static const struct option long_options[] = {
	{"help", no_argument, NULL, KEY_HELP},
	{"slice-us", required_argument, NULL, KEY_SLICE},
	{"timeout-ms", required_argument, NULL, KEY_TIMEOUT},
	{"partial", no_argument, NULL, KEY_PARTIAL},
	{"verbose", no_argument, NULL, KEY_VERBOSE},
	{"silent", no_argument, NULL, KEY_SILENT},
	{"kconfig", no_argument, NULL, KEY_KCONFIG},
	{"config", required_argument, NULL, KEY_CONFIG},
	{"cell-parent-cgroup", required_argument, NULL, KEY_CELL_PARENT},
	{"starve", required_argument, NULL, KEY_STARVE},
	{"crowd", no_argument, NULL, KEY_CROWD},
	{"global-fifo", no_argument, NULL, KEY_GLOBAL_FIFO},
	{"degrade", no_argument, NULL, KEY_GLOBAL_FIFO},
	{"one-llc", no_argument, NULL, KEY_ONE_LLC},
	{"ignore-weights", no_argument, NULL, KEY_IGNORE_WEIGHTS},
	{"late-wake", no_argument, NULL, KEY_LATE_WAKE},
	{"slow", no_argument, NULL, KEY_LATE_WAKE},
	{"sleeper-penalty", no_argument, NULL, KEY_SLEEPER_PENALTY},
	{"scatter", no_argument, NULL, KEY_SCATTER},
	{"scattershot", no_argument, NULL, KEY_SCATTER},
	{"degrade-after", required_argument, NULL, KEY_DEGRADE_AFTER},
	{"stall-after", required_argument, NULL, KEY_STALL},
	{"exit-after", required_argument, NULL, KEY_EXIT},
	{"die-after", required_argument, NULL, KEY_DIE},
	{"fail-verify", no_argument, NULL, KEY_FAIL_VERIFY},
	{"verify-loop", no_argument, NULL, KEY_VERIFY_LOOP},
	{"fail-start", no_argument, NULL, KEY_FAIL_START},
	{"no-attach", no_argument, NULL, KEY_NO_ATTACH},
	{0},
};

static void usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void usage_error(const char *fmt, ...)
{
	AUTO(buf_done) struct buf text = {0};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	say("%s; see --help", buf_text(&text));
	exit(EXIT_USAGE);
}

static uint32_t number(int index, uint32_t min, uint32_t max)
{
	uint32_t value;

	if (sv_u32(sv_of(optarg), max, &value) < 0 || value < min)
		usage_error("--%s %s: must be %u..%u", long_options[index].name, optarg, min, max);
	return value;
}

static void need_cgroup(const char *path)
{
	AUTO(free) char *procs = xasprintf("%s/cgroup.procs", path);

	if (access(procs, F_OK) < 0)
		usage_error("--cell-parent-cgroup %s: it is no cgroup", path);
}

static const char *comm(void)
{
	size_t len = strlen(optarg);

	if (len == 0 || len >= SCX_KTSTR_COMM_SIZE)
		usage_error("--starve %s: a task's name has 1..%d bytes", optarg,
			    SCX_KTSTR_COMM_SIZE - 1);
	return optarg;
}

static void set_option(struct options *options, enum option_key key, int index)
{
	switch (key) {
	case KEY_HELP:
		fputs(usage, stdout);
		exit(0);
	case KEY_SLICE:
		options->slice_us = number(index, SLICE_US_MIN, SLICE_US_MAX);
		break;
	case KEY_TIMEOUT:
		options->timeout_ms = number(index, 1, TIMEOUT_MS_MAX);
		break;
	case KEY_PARTIAL:
		options->partial = true;
		break;
	case KEY_VERBOSE:
		verbose = true;
		break;
	case KEY_SILENT:
		silent = true;
		break;
	case KEY_KCONFIG:
		options->program = &kconfig_program;
		break;
	case KEY_CONFIG:
		usage_error("--config must be the first option, and comes once");
	case KEY_CELL_PARENT:
		need_cgroup(optarg);
		break;
	case KEY_STARVE:
		options->starve_comm = comm();
		break;
	case KEY_CROWD:
		options->faults |= SCX_KTSTR_CROWD;
		break;
	case KEY_GLOBAL_FIFO:
		options->faults |= SCX_KTSTR_GLOBAL_FIFO;
		break;
	case KEY_ONE_LLC:
		options->faults |= SCX_KTSTR_ONE_LLC;
		break;
	case KEY_IGNORE_WEIGHTS:
		options->faults |= SCX_KTSTR_IGNORE_WEIGHTS;
		break;
	case KEY_LATE_WAKE:
		options->faults |= SCX_KTSTR_LATE_WAKE;
		break;
	case KEY_SLEEPER_PENALTY:
		options->faults |= SCX_KTSTR_SLEEPER_PENALTY;
		break;
	case KEY_SCATTER:
		options->faults |= SCX_KTSTR_SCATTER;
		break;
	case KEY_DEGRADE_AFTER:
		options->degrade_after_ms = number(index, 1, MS_MAX);
		break;
	case KEY_STALL:
		options->stall_after_ms = number(index, 1, MS_MAX);
		break;
	case KEY_EXIT:
		options->error_after_ms = number(index, 1, MS_MAX);
		break;
	case KEY_DIE:
		options->die_after_ms = number(index, 1, MS_MAX);
		break;
	case KEY_FAIL_VERIFY:
		options->program = &reject_program;
		break;
	case KEY_VERIFY_LOOP:
		options->program = &loop_program;
		break;
	case KEY_FAIL_START:
		options->fail_start = true;
		break;
	case KEY_NO_ATTACH:
		options->no_attach = true;
		break;
	}
}

/* The program's words with those of its --config in front; both live as long as we do. */
static void insert_config(int *argc, char ***argv)
{
	static struct strings words;
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	char *rest, *word;

	if (*argc < 3 || strcmp((*argv)[1], "--config") != 0)
		return;
	if (file_read(AT_FDCWD, (*argv)[2], 65536, &text, &err) < 0)
		usage_error("--config: %s", err.msg);
	strings_push(&words, xstrdup((*argv)[0]));
	rest = text.data;
	while (rest && (word = strsep(&rest, " \t\n")))
		if (*word)
			strings_push(&words, xstrdup(word));
	for (int i = 3; i < *argc; i++)
		strings_push(&words, xstrdup((*argv)[i]));
	*argc = (int)words.len;
	strings_push(&words, NULL);
	*argv = words.at;
}

static void parse_options(int argc, char **argv, struct options *options)
{
	int key, index = 0;

	opterr = 0;
	while ((key = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (key == '?')
			usage_error("%s: unknown, ambiguous, or without its value", argv[optind - 1]);
		set_option(options, (enum option_key)key, index);
	}
	if (optind < argc)
		usage_error("unexpected argument %s", argv[optind]);
}

int main(int argc, char **argv)
{
	struct options options = {.program = &fair_program, .slice_us = 5000, .timeout_ms = 4000};
	struct ktstr_error err = {0};
	int r;

	insert_config(&argc, &argv);
	parse_options(argc, argv, &options);
	libbpf_set_print(print_libbpf);
	if (options.fail_start) {
		say("failing to start on purpose");
		return 1;
	}
	r = run(&options, &err);
	if (r < 0) {
		say("%s", err.msg);
		return 1;
	}
	return r;
}
