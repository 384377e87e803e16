/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctprof_fields.c - both sources of a capture tell the same in a guest whose kernel keeps every
 * statistic, and nearly every field is found to be something else than 0 there. Links the room
 * itself, for libktstr-ctprof shows only what test bodies want.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#include "ctprof_sources.h"

KTSTR_SCHEDULER(fixture, .binary = "scx-ktstr", .topology = "1n1l2c1t");

#define LOAD_PROCESSES 3
/* Of some 90: what needs swap, compaction, SMT siblings or an I/O error stays 0 in a healthy guest. */
#define FIELDS_MIN 45

static void make_load(int at)
{
	char byte;
	int pipes[2];

	if (pipe(pipes) < 0)
		_exit(1);
	for (;;) {
		for (volatile unsigned i = 0; i < 100000u * (unsigned)(at + 1); i++)
			;
		if (write(pipes[1], "x", 1) != 1 || read(pipes[0], &byte, 1) != 1)
			_exit(1);
		usleep(20000);        /* det: all CPUs share one stream of instructions, and loading BPF takes many */
	}
}

static int compare(struct ktstr_verdict *verdict, bool want_ext)
{
	pid_t load[LOAD_PROCESSES];
	struct sources_result result;
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
	const struct ctprof_capture_config by_bpf = {.source = CTPROF_SOURCE_BPF, .no_heap = true};
	size_t ext = 0;

	for (int i = 0; i < LOAD_PROCESSES; i++) {
		load[i] = fork();
		if (load[i] == 0)
			make_load(i);
	}
	sources_compare(&result);
	ctprof_capture(&by_bpf, &snapshot, NULL);
	for (int i = 0; i < LOAD_PROCESSES; i++) {
		kill(load[i], SIGKILL);
		waitpid(load[i], NULL, 0);
	}
	vec_each(thread, &snapshot.threads)
		ext += thread->ext_enabled;
	if (!result.has_bpf)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "not by BPF: %s", result.why_not_bpf);
	if (result.differences)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "%zu differences: %.700s", result.differences,
				   buf_text(&result.words));
	if (result.threads < 20 || result.fields < FIELDS_MIN)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "only %zu threads with %zu fields were compared",
				   result.threads, result.fields);
	if (want_ext && ext == 0)
		ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "no thread is in sched_ext's class");
	ktstr_verdict_note(verdict, "threads=%zu, fields=%zu, ext=%zu", result.threads, result.fields, ext);
	buf_done(&result.words);
	return 0;
}

KTSTR_TEST(both_sources_tell_the_same, .llcs = 1, .cores = 2, .threads = 1, .timeout_ms = 300000)
{
	return compare(verdict, false);
}

KTSTR_TEST(both_sources_tell_the_same_under_sched_ext, .scheduler = &fixture, .timeout_ms = 300000)
{
	return compare(verdict, true);
}
