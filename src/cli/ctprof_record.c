/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_record.c - `ktstr ctprof record`: a snapshot every so often, in one file. */
#include <getopt.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctprof.h"
#include "cli/ctprof_display.h"
#include "cli/interrupt.h"

static const char help_text[] =
	"usage: ktstr ctprof record --interval S (--count N | --until-signal) -o FILE [OPTIONS]\n"
	"\n"
	"Take a snapshot of all threads every S seconds and keep them in one file, which is whole at any\n"
	"time: also when Ctrl-C or SIGTERM ends it. show and compare read FILE@N and FILE@N..M.\n"
	"\n"
	"  --interval S          seconds from 0.05 to 86400\n"
	"  --count N             so many snapshots, the first at once\n"
	"  --until-signal        until Ctrl-C or SIGTERM, which then are a good end (exit status 0)\n"
	"  -o, --output FILE     where to; what is there is replaced; - is stdout\n"
	"  --no-heap             leave jemalloc's counters out: no process is stopped, not for a moment\n";

struct record {
	uint64_t interval_ns;
	size_t count;               /* 0: until a signal */
	bool until_signal;
	const char *path;
	struct ctprof_capture_config capture;
};

static int take(const struct record *record, struct ctprof_recorder *recorder, struct ktstr_error *err)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

	ctprof_capture(&record->capture, &snapshot, NULL);
	return ctprof_recorder_add(recorder, &snapshot, err);
}

/* True: a signal came. */
static bool wait_until(struct deadline deadline, int interrupt_fd)
{
	struct pollfd wait = {.fd = interrupt_fd, .events = POLLIN};

	while (!interrupt_came() && !deadline_passed(deadline))
		(void)poll(&wait, 1, deadline_poll_ms(deadline));
	return interrupt_came();
}

static int run(const struct record *record, struct ctprof_recorder *recorder, int interrupt_fd,
	       struct ktstr_error *err)
{
	struct deadline next = {.at_ns = clock_ns()};
	bool told = false;

	while (!wait_until(next, interrupt_fd)) {
		int r = take(record, recorder, err);
		uint64_t now = clock_ns();

		if (r < 0)
			return r;
		if (recorder->count == record->count)
			return 0;
		next.at_ns += record->interval_ns;
		if (next.at_ns >= now)
			continue;
		if (!told)
			log_warn("ctprof record: a snapshot takes longer than the interval; they come as fast as they can");
		told = true;
		next.at_ns = now;
	}
	return 0;
}

static int record_to_file(const struct record *record)
{
	AUTO(ctprof_recorder_done) struct ctprof_recorder recorder = {.fd = -1};
	struct ktstr_error err = {0};
	int interrupt_fd = interrupt_catch(&err), r;

	r = interrupt_fd < 0 ? interrupt_fd : ctprof_recorder_open(record->path, &recorder, &err);
	if (r == 0)
		r = run(record, &recorder, interrupt_fd, &err);
	if (recorder.path)
		log_info("ctprof record: %zu snapshot%s, %zu bytes in %s", recorder.count,
			 recorder.count == 1 ? "" : "s", recorder.bytes, record->path);
	if (r < 0) {
		log_error("ctprof record: %s", err.msg);
		return EXIT_TROUBLE;
	}
	return interrupt_came() && !record->until_signal ? EXIT_INTERRUPTED : 0;
}

static int check(const struct record *record)
{
	if (!record->interval_ns)
		return cli_usage("ctprof record", "how often? --interval S");
	if (!record->count == !record->until_signal)
		return cli_usage("ctprof record", "how long? --count N or --until-signal");
	if (!record->path)
		return cli_usage("ctprof record", "where to? -o FILE");
	if (strcmp(record->path, "-") == 0 && isatty(STDOUT_FILENO))
		return cli_usage("ctprof record", "a terminal is no place for a compressed file");
	return 0;
}

int cli_ctprof_record(int argc, char **argv)
{
	static const struct option options[] = {
		{"interval", required_argument, NULL, 'i'}, {"count", required_argument, NULL, 'c'},
		{"until-signal", no_argument, NULL, 'u'},   {"output", required_argument, NULL, 'o'},
		{"no-heap", no_argument, NULL, 'n'},        {"help", no_argument, NULL, 'h'},
		{0},
	};
	struct record record = {0};
	struct ktstr_error err = {0};
	uint64_t count;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			if (ctprof_parse_seconds(optarg, 0.05, 86400, &record.interval_ns, &err) < 0)
				return cli_usage("ctprof record", "--interval: %s", err.msg);
			break;
		case 'c':
			if (sv_u64(sv_of(optarg), UINT32_MAX, &count) < 0 || count == 0)
				return cli_usage("ctprof record", "--count is a number from 1, not \"%s\"", optarg);
			record.count = count;
			break;
		case 'u':
			record.until_signal = true;
			break;
		case 'o':
			record.path = optarg;
			break;
		case 'n':
			record.capture.no_heap = true;
			break;
		case 'h':
			return cli_help(help_text);
		default:
			return cli_bad_option("ctprof record", option, argv, options);
		}
	}
	if (optind < argc)
		return cli_usage("ctprof record", "what is \"%s\"?", argv[optind]);
	status = check(&record);
	return status ? status : record_to_file(&record);
}
