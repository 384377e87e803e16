/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctprof-agent.c - `ktstr-ctprof-agent FILE`: captures all threads whenever it is told to, for a test's body
 * that asked for captures of its steps (src/author/captures.h). Standard input is the socket: a packet is a label
 * and makes a capture more in FILE, a series (src/ctprof/series.h); the answer is "ok" or what went wrong.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctprof/ctprof.h"

#define EXIT_USAGE 64
#define LABEL_MAX 256

static int say(const char *words)
{
	return send(STDIN_FILENO, words, strlen(words), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Neither a scheduler that runs nothing nor workers keep it waiting, and it takes the same time each time. */
static void outrank_schedulers(void)
{
	const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

	if (sched_setscheduler(0, SCHED_FIFO, &lowest) < 0)
		log_warn("ctprof agent: stays an ordinary task: %s", strerrordesc_np(errno));
}

/* From /proc alone, and nobody is stopped: the test is not to be disturbed more than a look takes. */
static int capture(struct ctprof_recorder *recorder, struct sv label, struct ktstr_error *err)
{
	const struct ctprof_capture_config config = {.source = CTPROF_SOURCE_PROC, .no_heap = true};
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};

	ctprof_capture(&config, &snapshot, NULL);
	snapshot.label = ctprof_snapshot_name(&snapshot, label);
	return ctprof_recorder_add(recorder, &snapshot, err);
}

static int serve(const char *path, struct ktstr_error *err)
{
	AUTO(ctprof_recorder_done) struct ctprof_recorder recorder = {.fd = -1};
	char label[LABEL_MAX];
	ssize_t len;
	int r = ctprof_recorder_open(path, &recorder, err);

	if (r == 0)
		r = say("ready");
	while (r == 0 && (len = recv(STDIN_FILENO, label, sizeof(label), 0)) > 0) {
		r = capture(&recorder, sv_bytes(label, (size_t)len), err);
		r = r < 0 ? r : say("ok");
	}
	return r;
}

int main(int argc, char **argv)
{
	struct ktstr_error err = {0};

	if (argc != 2) {
		fprintf(stderr, "usage: ktstr-ctprof-agent FILE (started by tests with .ctprof)\n");
		return EXIT_USAGE;
	}
	outrank_schedulers();
	if (serve(argv[1], &err) == 0)
		return 0;
	(void)say(err.msg);        /* who does not listen any more has ended */
	return 1;
}
