/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - starts a scheduler with probes around it: `ktstr-repro-probe [-p FUNCTION]... --
 * SCHEDULER [ARGUMENT...]`. The probes are there before the scheduler is; it runs as a child, and
 * signals that ask us to end are passed on. When it has ended, what the probes saw is printed on
 * stderr, a JSON object a line behind REPRO_MARK; our exit status is the scheduler's.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define EXIT_USAGE 64
#define LOOK_NS (10 * NS_PER_MS)          /* at sched_ext's state, until it is enabled */
#define STOP_NS (3 * NS_PER_S)            /* from the request to end to our last words */

static void function_done(struct function *function)
{
	bpf_link__destroy(function->links[0]);
	bpf_link__destroy(function->links[1]);
	fd_close(function->link_fd[0]);
	fd_close(function->link_fd[1]);
	for (size_t i = 0; i < REPRO_FIELDS; i++)
		free(function->fields[i].name);
	free(function->source);
	free(function->refused);
	free(function->name);
}

static void probe_done(struct probe *probe)
{
	child_done(&probe->scheduler);
	bpf_link__destroy(probe->stopper);
	for (size_t i = 0; i < probe->len; i++)
		function_done(&probe->functions[i]);
	programs_done(&probe->programs);
	btfs_done(&probe->btfs);
	symbols_done(&probe->symbols);
	buf_done(&probe->names);
	bpf_object__close(probe->object);
	btf__free(probe->btf);
}
DEFINE_AUTO_DONE(struct probe, probe_done)

static bool is_enabled(void)
{
	AUTO(free) char *state = file_line(AT_FDCWD, "/sys/kernel/sched_ext/state");

	return state && strcmp(state, "enabled") == 0;
}

/* Its callbacks are loaded, or it runs already where the kernel did not let it be stopped. */
static void look(struct probe *probe)
{
	bool enabled = is_enabled();

	if (probe->callbacks_ns == 0)
		probe->before_enabled = !enabled;
	probe_callbacks(probe);
}

/* Of the scheduler: it has stopped, gone on, or ended (which its pidfd tells); of us: to end. */
static void take_signal(struct probe *probe, int signal_fd, struct deadline *end)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		/* signals that come while one is pending are one: what it says of the child may be old */
		look(probe);
		(void)kill(probe->scheduler.pid, SIGCONT);        /* it may have ended */
		return;
	}
	probe->asked_to_end = true;
	(void)kill(probe->scheduler.pid, SIGTERM);
	*end = deadline_in(STOP_NS);
}

/* Until the scheduler ends; *ret_status as from waitpid(). */
static void stay(struct probe *probe, int signal_fd, int *ret_status)
{
	struct pollfd fds[] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = probe->scheduler.pid_fd, .events = POLLIN},
	};
	struct deadline end = DEADLINE_NEVER;

	*ret_status = -1;
	while (!fds[1].revents && !deadline_passed(end)) {
		struct deadline next = probe->callbacks_ns ? DEADLINE_NEVER : deadline_in(LOOK_NS);

		(void)poll(fds, 2, deadline_poll_ms(deadline_earlier(next, end)));
		if (fds[0].revents)
			take_signal(probe, signal_fd, &end);
		if (probe->callbacks_ns == 0 && is_enabled())
			look(probe);
	}
	if (fds[1].revents)
		(void)child_wait(&probe->scheduler, DEADLINE_NEVER, ret_status);
}

static int start(struct probe *probe, char **argv, struct ktstr_error *err)
{
	struct spawn_config config = {
		.argv = (const char *const *)argv,
		.stdin_fd = -1,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
	};
	int r = child_spawn(&config, &probe->scheduler, err);

	return r < 0 ? r : tell_scheduler(probe, err);
}

static int run(struct probe *probe, char **argv, struct ktstr_error *err)
{
	AUTO(fd_close) int signal_fd = -1;
	sigset_t signals;
	int r, status;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (signal_fd < 0)
		return error_sys(err, "signalfd");
	r = find_functions(probe, err);
	if (r == 0)
		r = attach_functions(probe, err);
	if (r == 0)
		r = start(probe, argv, err);
	if (r < 0)
		return r;
	stay(probe, signal_fd, &status);
	put_report(probe);
	return status == -1 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

int main(int argc, char **argv)
{
	AUTO(probe_done) struct probe probe = {.scheduler = CHILD_NONE};
	struct ktstr_error err = {0};
	int option, r;

	add_endings(&probe);
	while ((option = getopt(argc, argv, "+p:")) == 'p')
		add_function(&probe, optarg);
	if (option != -1 || optind == argc) {
		fputs("usage: ktstr-repro-probe [-p FUNCTION]... -- SCHEDULER [ARGUMENT...]\n", stderr);
		return EXIT_USAGE;
	}
	libbpf_set_print(print_libbpf);
	r = run(&probe, argv + optind, &err);
	if (r < 0) {
		put_trouble(&err);
		return 1;
	}
	return r;
}
