/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_capture.c - `ktstr ctprof capture`. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctprof.h"
#include "ctprof/ctprof.h"

#define MOUNTS_MAX (16u << 20)

static const char help_text[] =
	"usage: ktstr ctprof capture -o FILE [OPTIONS]\n"
	"\n"
	"Write what is known about every thread of this machine to a file: times, switches, faults, I/O,\n"
	"delays, jemalloc's counters, and cgroups, pressure and the host beside them. Capturing cannot\n"
	"fail: what could not be read is 0, and a line on stderr says how much that was.\n"
	"\n"
	"  -o, --output FILE     where to; NAME.ctprof.zst by custom, - is stdout\n"
	"  --source auto|proc|bpf\n"
	"                        how threads are read: a BPF iterator (needs root and BTF) or the files in\n"
	"                        /proc; both give the same. auto takes BPF where that is quicker,\n"
	"                        from some 600 threads on\n"
	"  --no-heap             leave jemalloc's counters out: no process is stopped, not for a moment\n"
	"  --root DIR            read a recorded DIR/proc and DIR/sys instead of this machine\n"
	"  --json                plain JSON instead of a compressed file\n"
	"\n"
	"The file holds the kernel's command line and everybody's process names: mode 600.\n"
	"docs/ctprof.md describes its keys; `zstd -dc FILE | jq` shows them.\n";

static int parse_source(const char *word, enum ctprof_source *ret_source)
{
	static const char *const words[] = {
		[CTPROF_SOURCE_AUTO] = "auto", [CTPROF_SOURCE_PROC] = "proc", [CTPROF_SOURCE_BPF] = "bpf",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret_source = (enum ctprof_source)i;
			return 0;
		}
	}
	return -1;
}

/* Of one kind of failure the files that had it: "io, smaps_rollup". */
static void put_files(const uint64_t counts[CTPROF_FILES], const char *const *words, struct buf *line)
{
	const char *comma = "";

	for (int i = 0; i < CTPROF_FILES; i++) {
		if (counts[i] == 0)
			continue;
		buf_printf(line, "%s%s", comma, ctprof_file_name[i]);
		if (words)
			buf_printf(line, " (%s)", words[i]);
		comma = ", ";
	}
}

static uint64_t sum_files(const uint64_t counts[CTPROF_FILES])
{
	uint64_t sum = 0;

	for (int i = 0; i < CTPROF_FILES; i++)
		sum += counts[i];
	return sum;
}

/* Root lacks it too, where it is root of a container. */
static const char *who_may(void)
{
	return geteuid() == 0 ? "needs CAP_SYS_PTRACE" : "needs root, or CAP_SYS_PTRACE";
}

static void tell_probe(const struct ctprof_probe_summary *probe)
{
	AUTO(buf_done) struct buf line = {0};

	buf_printf(&line, "%llu processes looked at, %llu with jemalloc, %llu read, %llu failed",
		   (unsigned long long)probe->tgids_walked, (unsigned long long)probe->jemalloc_detected,
		   (unsigned long long)probe->probed_ok, (unsigned long long)probe->failed);
	if (probe->dominant_failure)
		buf_printf(&line, " (mostly %s)", probe->dominant_failure);
	if (probe->refused)
		buf_printf(&line, "; %llu for lack of permission (%s%s)", (unsigned long long)probe->refused, who_may(),
			   probe->privilege_dominant ? "; see kernel.yama.ptrace_scope, too" : "");
	log_info("ctprof probe: %s", buf_text(&line));
}

static void tell_parse(const struct ctprof_parse_summary *parse)
{
	/* what a kernel is built with that has the file */
	static const char *const options[CTPROF_FILES] = {
		[CTPROF_FILE_STAT] = "CONFIG_PROC_FS",
		[CTPROF_FILE_SCHEDSTAT] = "CONFIG_SCHED_INFO",
		[CTPROF_FILE_IO] = "CONFIG_TASK_IO_ACCOUNTING",
		[CTPROF_FILE_STATUS] = "CONFIG_PROC_FS",
		[CTPROF_FILE_SCHED] = "CONFIG_SCHED_DEBUG",
		[CTPROF_FILE_CGROUP] = "CONFIG_CGROUPS",
		[CTPROF_FILE_SMAPS_ROLLUP] = "CONFIG_PROC_PAGE_MONITOR",
	};
	uint64_t refused = sum_files(parse->refused_by_file);
	AUTO(buf_done) struct buf line = {0};

	buf_printf(&line, "%llu threads, %llu files unreadable", (unsigned long long)parse->tids_walked,
		   (unsigned long long)parse->read_failures);
	if (parse->dominant_read_failure)
		buf_printf(&line, " (mostly %s)", parse->dominant_read_failure);
	if (refused) {
		buf_printf(&line, "; %llu for lack of permission (", (unsigned long long)refused);
		put_files(parse->refused_by_file, NULL, &line);
		buf_printf(&line, "; %s)", who_may());
	}
	if (sum_files(parse->missing_by_file)) {
		buf_str(&line, "; this kernel was built without ");
		put_files(parse->missing_by_file, options, &line);
	}
	if (parse->negative_dotted_values)
		buf_printf(&line, "; %llu negative times taken as 0",
			   (unsigned long long)parse->negative_dotted_values);
	log_info("ctprof parse: %s", buf_text(&line));
}

static void tell_taskstats(const struct ctprof_taskstats_summary *taskstats)
{
	AUTO(buf_done) struct buf line = {0};

	buf_printf(&line, "%llu threads answered", (unsigned long long)taskstats->ok_count);
	if (taskstats->eperm_count)
		buf_printf(&line, ", %llu refused (delays; needs CAP_NET_ADMIN)",
			   (unsigned long long)taskstats->eperm_count);
	if (taskstats->esrch_count)
		buf_printf(&line, ", %llu had ended", (unsigned long long)taskstats->esrch_count);
	if (taskstats->other_err_count)
		buf_printf(&line, ", %llu other errors", (unsigned long long)taskstats->other_err_count);
	if (!taskstats->ok_count && !taskstats->eperm_count && !taskstats->esrch_count && !taskstats->other_err_count)
		buf_str(&line, ": this kernel was built without it (CONFIG_TASKSTATS)");
	log_info("ctprof taskstats: %s", buf_text(&line));
}

/* Whether the /proc on top keeps others' processes from us: proc(5), hidepid. */
static bool proc_hides(void)
{
	AUTO(buf_done) struct buf text = {0};
	struct sv rest, line;
	bool hides = false;

	if (geteuid() == 0 || file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, &text, NULL) < 0)
		return false;
	rest = sv_bytes(buf_text(&text), text.len);
	while (sv_line(&rest, &line))
		if (memmem(line.data, line.len, " /proc ", strlen(" /proc ")))
			hides = memmem(line.data, line.len, "hidepid=", strlen("hidepid=")) &&
				!memmem(line.data, line.len, "hidepid=off", strlen("hidepid=off"));
	return hides;
}

/* What is not where it should be: its mount is missing, or hides it. */
static void tell_mounts(const struct ctprof_snapshot *snapshot, const char *root)
{
	if (!root && proc_hides())
		log_info("ctprof: /proc is mounted with hidepid: it hides others' processes from us");
	if (snapshot->cgroups.len == 0)
		log_info("ctprof: no cgroups: no cgroup v2 is mounted at /sys/fs/cgroup%s%s", root ? " below " : "",
			 root ?: "");
}

static void tell(const struct ctprof_snapshot *snapshot, const struct ctprof_capture_config *config,
		 const struct ctprof_capture_report *report)
{
	uint64_t us = report->threads_ns / 1000;

	log_info("ctprof: %zu threads from %s in %llu.%03llu ms, %zu cgroups", snapshot->threads.len,
		 report->source == CTPROF_SOURCE_BPF ? "BPF" : "/proc", (unsigned long long)(us / 1000),
		 (unsigned long long)(us % 1000), snapshot->cgroups.len);
	if (*report->why_not_bpf && config->source == CTPROF_SOURCE_BPF)
		log_warn("ctprof: not by BPF: %s", report->why_not_bpf);
	else if (*report->why_not_bpf)
		log_info("ctprof: not by BPF, which would be quicker: %s", report->why_not_bpf);
	tell_mounts(snapshot, config->root);
	if (!snapshot->has_summaries || snapshot->threads.len == 0)
		return;
	if (!config->no_heap)
		tell_probe(&snapshot->probe_summary);
	tell_parse(&snapshot->parse_summary);
	tell_taskstats(&snapshot->taskstats_summary);
}

static int write_json(const struct ctprof_snapshot *snapshot, const char *path, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf json = {.max = CTPROF_JSON_BYTES_MAX};
	int r;

	ctprof_snapshot_to_json(snapshot, &json);
	buf_char(&json, '\n');
	if (strcmp(path, "-") != 0)
		return file_write_atomic(path, buf_text(&json), json.len, 0600, err);
	r = fd_write_all(STDOUT_FILENO, buf_text(&json), json.len);
	return r < 0 ? error_set(err, r, "write to stdout: %s", strerror(-r)) : 0;
}

static int capture(const struct ctprof_capture_config *config, const char *path, bool as_json)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	struct ctprof_capture_report report;
	struct ktstr_error err = {0};
	int r;

	ctprof_capture(config, &snapshot, &report);
	tell(&snapshot, config, &report);
	if (snapshot.threads.len == 0) {
		log_error("ctprof: no thread in %s/proc: is %s?", config->root ?: "",
			  config->root ? "that a recorded tree" : "it mounted");
		return EXIT_TROUBLE;
	}
	r = as_json ? write_json(&snapshot, path, &err) : ctprof_snapshot_write(&snapshot, path, &err);
	if (r == 0)
		return 0;
	log_error("%s", err.msg);
	return EXIT_TROUBLE;
}

int cli_ctprof_capture(int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"source", required_argument, NULL, 's'},
		{"no-heap", no_argument, NULL, 'n'},
		{"root", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct ctprof_capture_config config = {0};
	const char *path = NULL;
	bool as_json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			path = optarg;
			break;
		case 's':
			if (parse_source(optarg, &config.source) < 0)
				return cli_usage("ctprof capture", "--source is auto, proc or bpf, not \"%s\"",
						 optarg);
			break;
		case 'n':
			config.no_heap = true;
			break;
		case 'r':
			config.root = optarg;
			break;
		case 'j':
			as_json = true;
			break;
		case 'h':
			return cli_help(help_text);
		default:
			return cli_bad_option("ctprof capture", option, argv, options);
		}
	}
	if (optind < argc)
		return cli_usage("ctprof capture", "what is \"%s\"?", argv[optind]);
	if (!path)
		return cli_usage("ctprof capture", "where to? -o FILE, or -o - for stdout");
	if (!as_json && strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
		return cli_usage("ctprof capture", "a terminal is no place for a compressed file; --json is text");
	return capture(&config, path, as_json);
}
