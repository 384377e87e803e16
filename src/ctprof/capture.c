/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctprof/capture.h"
#include "ctprof/heap.h"
#include "ctprof/machine.h"
#include "ctprof/source.h"
#include "host/host.h"

static void judge_reads(struct ctprof_parse_summary *summary)
{
	uint64_t most = 0, gates;

	for (int i = 0; i < CTPROF_FILES; i++) {
		uint64_t count = summary->read_failures_by_file[i];
		const char *name = ctprof_file_name[i];

		if (count > most || (count && count == most && strcmp(name, summary->dominant_read_failure) < 0)) {
			most = count;
			summary->dominant_read_failure = name;
		}
	}
	gates = summary->read_failures_by_file[CTPROF_FILE_SCHEDSTAT] +
		summary->read_failures_by_file[CTPROF_FILE_IO];
	summary->kernel_config_dominant = summary->read_failures && 2 * gates >= summary->read_failures;
}

/*
 * Loading the iterator takes some 25 ms, mostly of reading the kernel's type information, as much as
 * 400 to 700 threads by /proc; bench/ctprof-capture shows both.
 */
#define BPF_PAYS_FROM 600

/* proc(5), loadavg: "0.20 0.18 0.12 1/80 11206", the fourth being running and existing threads */
static uint64_t count_threads(struct capture *capture)
{
	uint64_t count = 0;
	struct sv text;

	if (tree_read(&capture->buffer, capture->proc_fd, "loadavg", &text) < 0)
		return 0;
	(void)sv_split(&text, '/');
	(void)sv_u64(sv_split(&text, ' '), UINT64_MAX, &count);
	return count;
}

/* Every row, from the better source that can be had. */
static void read_threads(struct capture *capture, enum ctprof_source wanted, struct ctprof_capture_report *report)
{
	struct ktstr_error err = {0};

	report->source = CTPROF_SOURCE_PROC;
	if (wanted == CTPROF_SOURCE_BPF ||
	    (wanted == CTPROF_SOURCE_AUTO && count_threads(capture) >= BPF_PAYS_FROM)) {
		if (bpf_source_read(capture, &err) == 0) {
			report->source = CTPROF_SOURCE_BPF;
			ctprof_snapshot_sort(capture->snapshot);
			proc_source_add_missing(capture);
			return;
		}
		snprintf(report->why_not_bpf, sizeof(report->why_not_bpf), "%s", err.msg);
	}
	proc_source_read(capture);
}

static void read_live(struct capture *capture, const struct ctprof_capture_config *config,
		      struct ctprof_capture_report *report)
{
	struct ctprof_snapshot *snapshot = capture->snapshot;
	AUTO(taskstats_close) struct taskstats_link *taskstats = taskstats_open();
	uint64_t start_ns = clock_ns();

	capture->taskstats = taskstats;
	snapshot->has_summaries = true;
	snapshot->host = xcalloc(1, sizeof(*snapshot->host));
	host_context_collect(snapshot->host);
	read_threads(capture, config->source, report);
	ctprof_snapshot_sort(snapshot);
	fill_pcomm(snapshot);
	report->threads_ns = clock_ns() - start_ns;
	judge_reads(&snapshot->parse_summary);
	if (config->no_heap)
		return;
	start_ns = clock_ns();
	heap_fill(snapshot, &report->stopped_ns_max);
	report->heap_ns = clock_ns() - start_ns;
}

/* The tree is a picture: nothing of it is alive, so nothing is counted as failed either. */
static void read_recorded(struct capture *capture, struct ctprof_capture_report *report)
{
	uint64_t start_ns = clock_ns();

	proc_source_read(capture);
	ctprof_snapshot_sort(capture->snapshot);
	fill_pcomm(capture->snapshot);
	report->threads_ns = clock_ns() - start_ns;
	capture->snapshot->parse_summary = (struct ctprof_parse_summary){0};
}

void ctprof_capture(const struct ctprof_capture_config *config, struct ctprof_snapshot *ret_snapshot,
		    struct ctprof_capture_report *ret_report)
{
	static const struct ctprof_capture_config defaults;
	const char *root = config && config->root ? config->root : "/";
	AUTO(fd_close) int root_fd = tree_open_dir(AT_FDCWD, root);
	AUTO(fd_close) int proc_fd = tree_open_dir(root_fd, "proc");
	struct ctprof_snapshot snapshot = {.captured_at_unix_ns = clock_unix_ns()};
	struct ctprof_capture_report report = {0};
	struct capture capture = {.snapshot = &snapshot, .proc_fd = proc_fd};
	uint64_t start_ns;

	if (!config)
		config = &defaults;
	capture.live = !config->root;
	if (capture.live)
		read_live(&capture, config, &report);
	else
		read_recorded(&capture, &report);
	start_ns = clock_ns();
	machine_read_psi(&capture.buffer, root_fd, &snapshot.psi);
	machine_read_sched_ext(&capture.buffer, root_fd, &snapshot);
	machine_read_cgroups(&capture.buffer, root_fd, &snapshot);
	ctprof_snapshot_sort(&snapshot);
	report.cgroups_ns = clock_ns() - start_ns;
	free(capture.buffer.data);
	*ret_snapshot = snapshot;
	if (ret_report)
		*ret_report = report;
}
