/* SPDX-License-Identifier: BSD-2-Clause */
/* ktstr-jemalloc-probe - bytes that the threads of a running process got from jemalloc. docs/probe.md */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "cancel.h"
#include "run.h"

#define SNAPSHOT_MAX 100000
#define MS_MAX 3600000
#define THREAD_NS (500 * NS_PER_MS)       /* for one thread to stop */

enum exit_status {
	EXIT_OK = 0,
	EXIT_NOTHING = 1,         /* fatal, or every thread failed */
	EXIT_USAGE = 2,
	EXIT_SIDECAR = 3,         /* the numbers are printed, but could not be appended */
};

static const char usage[] =
	"usage: ktstr-jemalloc-probe --pid PID [--json] [--snapshots N --interval-ms MS]\n"
	"                            [--abort-after-ms MS] [--sidecar FILE]\n"
	"\n"
	"Print how many bytes each thread of process PID has got from jemalloc, and given back.\n"
	"Each thread is stopped for some microseconds.\n"
	"\n"
	"  --pid PID            the process; any of its threads will do\n"
	"  --json               print JSON\n"
	"  --snapshots N        read all threads N times (1..100000)\n"
	"  --interval-ms MS     from the start of one snapshot to that of the next (1..3600000)\n"
	"  --abort-after-ms MS  end then with what was read so far (1..3600000), as SIGINT does\n"
	"  --sidecar FILE       append the numbers to this result record too\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 read (or interrupted), 1 nothing could be read, 2 usage, 3 FILE not written.\n"
	"Needs root, CAP_SYS_PTRACE, or the user of the target and kernel.yama.ptrace_scope 0.\n";

__attribute__((format(printf, 1, 2), noreturn)) static void refuse_usage(const char *fmt, ...)
{
	va_list args;

	fputs("error: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("\n\n", stderr);
	fputs(usage, stderr);
	exit(EXIT_USAGE);
}

static uint32_t number_of(const char *option, const char *text, uint32_t max)
{
	uint32_t value;

	if (sv_u32(sv_of(text), max, &value) < 0 || value == 0)
		refuse_usage("--%s %s: must be a number from 1 to %u", option, text, max);
	return value;
}

static void check(const struct options *options)
{
	if (!options->pid)
		refuse_usage("--pid PID is missing");
	if (options->snapshot_count > 1 && !options->interval_ms)
		refuse_usage("--snapshots %u needs --interval-ms", options->snapshot_count);
	if (options->snapshot_count == 1 && options->interval_ms)
		refuse_usage("--interval-ms needs --snapshots of 2 or more");
	if (options->sidecar && access(options->sidecar, R_OK | W_OK) < 0)
		refuse_usage("--sidecar %s: %s", options->sidecar, strerror(errno));
}

static struct options parse(int argc, char **argv)
{
	enum { PID = 1, JSON, SIDECAR, SNAPSHOTS, INTERVAL, ABORT, HELP, VERSION };
	static const struct option words[] = {
		{"pid", required_argument, NULL, PID},
		{"json", no_argument, NULL, JSON},
		{"sidecar", required_argument, NULL, SIDECAR},
		{"snapshots", required_argument, NULL, SNAPSHOTS},
		{"interval-ms", required_argument, NULL, INTERVAL},
		{"abort-after-ms", required_argument, NULL, ABORT},
		{"help", no_argument, NULL, HELP},
		{"version", no_argument, NULL, VERSION},
		{0},
	};
	struct options options = {.snapshot_count = 1};
	int word, index;

	while ((word = getopt_long(argc, argv, "", words, &index)) != -1) {
		switch (word) {
		case PID:
			options.pid = (pid_t)number_of("pid", optarg, INT32_MAX);
			break;
		case JSON:
			options.json = true;
			break;
		case SIDECAR:
			options.sidecar = optarg;
			break;
		case SNAPSHOTS:
			options.snapshot_count = number_of("snapshots", optarg, SNAPSHOT_MAX);
			break;
		case INTERVAL:
			options.interval_ms = number_of("interval-ms", optarg, MS_MAX);
			break;
		case ABORT:
			options.abort_after_ms = number_of("abort-after-ms", optarg, MS_MAX);
			break;
		case HELP:
			fputs(usage, stdout);
			exit(EXIT_OK);
		case VERSION:
			puts("ktstr-jemalloc-probe " KTSTR_VERSION);
			exit(EXIT_OK);
		default:        /* getopt has said what is wrong */
			fputs(usage, stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc)
		refuse_usage("%s: there are only options", argv[optind]);
	check(&options);
	return options;
}

/* Beside what ktstr keeps; NULL where there is no place for it. */
static char *cache_dir(void)
{
	const char *cache = getenv("KTSTR_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (cache && cache[0] == '/')
		return xasprintf("%s/jemalloc-offsets", cache);
	if (xdg && xdg[0] == '/')
		return xasprintf("%s/ktstr/jemalloc-offsets", xdg);
	if (home && home[0] == '/')
		return xasprintf("%s/.cache/ktstr/jemalloc-offsets", home);
	return NULL;
}

static int take_snapshot(struct probe_target *target, uint64_t begin_ns, struct run *run,
			 enum probe_fatal *fatal, struct ktstr_error *err)
{
	AUTO(snapshot_done) struct snapshot snapshot = {
		.timestamp_unix_sec = clock_unix_ns() / NS_PER_S,
		.elapsed_since_start_ns = clock_ns() - begin_ns,
	};
	int r = probe_target_read(target, true, THREAD_NS, &cancelled, &snapshot.threads, fatal, err);

	/* cut short: what there is of it, if it is all there is */
	if (r < 0 || (r == 1 && (snapshot.threads.len == 0 || run->snapshots.len)))
		return r < 0 ? r : 0;
	snapshots_push(&run->snapshots, TAKE(snapshot, (struct snapshot){0}));
	return 0;
}

/* Snapshots begin at multiples of the interval; one that took longer is followed at once. */
static int take_snapshots(struct probe_target *target, struct run *run, enum probe_fatal *fatal,
			  struct ktstr_error *err)
{
	const uint64_t begin_ns = clock_ns();
	const uint32_t count = run->options->snapshot_count;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count && !atomic_load(&cancelled); i++) {
		if (i > 0) {
			if (cancel_sleep_until(begin_ns + i * run->options->interval_ms * NS_PER_MS))
				break;
			r = probe_target_renew(target, fatal, err);
		}
		if (r == 0)
			r = take_snapshot(target, begin_ns, run, fatal, err);
	}
	run->interrupted = run->snapshots.len < count;
	return r;
}

static int probe(struct run *run, enum probe_fatal *fatal, struct ktstr_error *err)
{
	AUTO(free) char *cache = cache_dir();
	AUTO(probe_layouts_free) struct probe_layouts *layouts = probe_layouts_new(cache);
	AUTO(probe_target_free) struct probe_target *target = NULL;
	int r;

	run->started_at_unix_sec = clock_unix_ns() / NS_PER_S;
	r = probe_target_open(run->options->pid, layouts, &target, fatal, err);
	return r < 0 ? r : take_snapshots(target, run, fatal, err);
}

static void print_all_failed(const struct options *options)
{
	bool multi = options->snapshot_count > 1;

	fflush(stdout);
	fprintf(stderr, "ktstr-probe-all-failed: %s\nall threads failed probe%s\n",
		multi ? "multi" : "single", multi ? " in every snapshot" : "");
}

static int finish(const struct run *run)
{
	int status = run_all_failed(run) ? EXIT_NOTHING : EXIT_OK;
	struct ktstr_error err = {0};
	json_t *document = run_to_json(run);

	if (run->options->json) {
		json_dumpf(document, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		run_print(run);
	}
	if (fflush(stdout) == EOF) {
		fprintf(stderr, "error: write to stdout: %s\n", strerror(errno));
		status = EXIT_NOTHING;
	}
	if (run_all_failed(run))
		print_all_failed(run->options);
	if (run->options->sidecar && sidecar_append(run, document, status, &err) < 0) {
		fprintf(stderr, "error: sidecar: %s\n", err.msg);
		status = status == EXIT_OK ? EXIT_SIDECAR : status;
	}
	json_decref(document);
	return status;
}

static void run_done(struct run *run)
{
	snapshots_done(&run->snapshots);
}
DEFINE_AUTO_DONE(struct run, run_done)

int main(int argc, char **argv)
{
	const struct options options = parse(argc, argv);
	AUTO(run_done) struct run run = {.options = &options};
	enum probe_fatal fatal = PROBE_FATAL_OTHER;
	struct ktstr_error err = {0};

	if (fd_keep_standard() < 0)
		return EXIT_NOTHING;
	if (cancel_init(options.abort_after_ms, &err) < 0 || probe(&run, &fatal, &err) < 0) {
		fprintf(stderr, "ktstr-probe-fatal: %s\nerror: %s\n", probe_fatal_tag(fatal), err.msg);
		return EXIT_NOTHING;
	}
	return finish(&run);
}
