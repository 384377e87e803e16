/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c - one run: start the scheduler, wait until sched_ext has it, start the test body, collect
 * what both say until the body ends, stop the scheduler. One epoll loop; nothing here blocks without
 * a deadline of guest time.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/guest.h"

#define RESULT_FD 3                        /* the body's descriptor for its WIRE_RESULT frame */
#define RESULT_MAX WIRE_GUEST_PAYLOAD_MAX
/* Nobody else writes to that pipe; and a number that differs from run to run, formatted and parsed,
 * would cost a different number of instructions: in det that is a different run. */
#define RESULT_NONCE 0
#define OUTPUT_MAX (32u << 20)             /* of one stream of one run; what is more is dropped */
#define OUTPUT_CHUNK 65536u
#define TICK_NS (50 * NS_PER_MS)           /* sysfs has no events: look again at least so often */
#define STOP_NS (5 * NS_PER_S)
#define BODY_END_NS (2 * NS_PER_S)         /* from its result to its exit */
#define WINDOW_NS (250 * NS_PER_MS)        /* a terminal's size is looked at so often */

struct stream {
	int fd;
	enum wire_stream id;
	uint64_t sent;
};

struct watch {
	struct card *card;
	const struct request *request;
	const struct ears *ears;
	int epoll_fd, result_fd;
	int terminal_fd;                           /* of a shell, or -1 */
	struct stream streams[WIRE_STREAM_COUNT];
	struct child scheduler, test, disturber, wprof, keeper, command;
	int log_fd;                                /* commands write to it, or -1 */
	int command_status;
	char *disable_trouble;                     /* or NULL */
	struct tracer tracer;
	int scheduler_status, test_status;         /* of waitpid(); -1 while it runs */
	uint64_t scheduler_ended_ns;
	bool stopping_scheduler;
	bool was_put_out;                          /* by sched_ext; it may have dumped something */
	bool has_frozen;
	bool has_result;
	struct buf result_bytes;
	struct buf oom;                            /* the kernel's words when it killed something */
	struct ext_state before, start, during, after;
	bool has_timeout;
	uint32_t timeout_ms;                       /* of the watchdog, read back once the scheduler had attached */
	struct buf programs_start, programs_during;    /* JSON arrays */
};

static void watch_done(struct watch *watch)
{
	child_done(&watch->test);
	child_done(&watch->disturber);
	child_done(&watch->wprof);
	tracer_done(&watch->tracer);
	child_done(&watch->keeper);
	child_done(&watch->command);
	child_done(&watch->scheduler);
	for (int i = 0; i < WIRE_STREAM_COUNT; i++)
		fd_close(watch->streams[i].fd);
	fd_close(watch->result_fd);
	fd_close(watch->terminal_fd);
	fd_close(watch->log_fd);
	free(watch->disable_trouble);
	fd_close(watch->epoll_fd);
	buf_done(&watch->result_bytes);
	buf_done(&watch->oom);
	buf_done(&watch->programs_start);
	buf_done(&watch->programs_during);
}
DEFINE_AUTO_DONE(struct watch, watch_done)

static int listen_to(struct watch *watch, int fd, struct ktstr_error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return error_sys(err, "epoll_ctl");
	return 0;
}

static int watch_init(struct watch *watch, struct card *card, const struct request *request,
		      const struct ears *ears, struct ktstr_error *err)
{
	*watch = (struct watch){
		.card = card,
		.request = request,
		.ears = ears,
		.result_fd = -1,
		.terminal_fd = -1,
		.log_fd = -1,
		.scheduler = CHILD_NONE,
		.test = CHILD_NONE,
		.disturber = CHILD_NONE,
		.wprof = CHILD_NONE,
		.tracer = TRACER_NONE,
		.keeper = CHILD_NONE,
		.command = CHILD_NONE,
		.scheduler_status = -1,
		.test_status = -1,
		.result_bytes = {.max = RESULT_MAX + 4096},
	};
	for (int i = 0; i < WIRE_STREAM_COUNT; i++)
		watch->streams[i] = (struct stream){.fd = -1, .id = (enum wire_stream)i};
	watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (watch->epoll_fd < 0)
		return error_sys(err, "epoll_create1");
	(void)lseek(ears->kmsg_fd, 0, SEEK_END);
	if (listen_to(watch, ears->kmsg_fd, err) < 0 || listen_to(watch, ears->uevent_fd, err) < 0)
		return err->code;
	return 0;
}

/* --- what comes in ------------------------------------------------------------------------------ */

/*
 * The host wants to look at this moment: all of the machine stands still until it has. Who asks is not
 * read before it matters, so that in det a run is the same until then whether or not the host wants to.
 */
static void freeze(struct watch *watch, enum wire_bell bell)
{
	if (watch->has_frozen || !(watch->card->map->flags & WIRE_CARD_FREEZE))
		return;
	watch->has_frozen = true;
	card_ring(watch->card, bell);
}

static void put_output(struct watch *watch, enum wire_stream id, const void *data, size_t len)
{
	struct stream *stream = &watch->streams[id];
	AUTO(buf_done) struct buf payload = {0};
	uint32_t number = id;

	if (stream->sent > OUTPUT_MAX && !watch->request->shell)
		return;
	stream->sent += len;
	buf_bytes(&payload, &number, sizeof(number));
	buf_bytes(&payload, data, len);
	card_put(watch->card, WIRE_OUTPUT, payload.data, payload.len);
}

static void read_stream(struct watch *watch, struct stream *stream)
{
	for (;;) {
		char chunk[OUTPUT_CHUNK];
		ssize_t len = read(stream->fd, chunk, sizeof(chunk));

		if (len < 0 && errno == EAGAIN)
			return;
		if (len <= 0) {
			fd_close(TAKE_FD(stream->fd));        /* closing takes it out of epoll */
			return;
		}
		put_output(watch, stream->id, chunk, (size_t)len);
	}
}

/* A record of /dev/kmsg is "priority,sequence,time,flags;text\n" (Documentation/ABI/testing/dev-kmsg). */
static void take_kernel_line(struct watch *watch, struct sv record)
{
	struct sv head = sv_split(&record, ';');
	struct sv line = sv_split(&record, '\n');
	bool killed = memmem(line.data, line.len, "Killed process", 14) != NULL;

	(void)head;
	if (killed && watch->oom.len == 0)
		buf_bytes(&watch->oom, line.data, line.len);
	if (memmem(line.data, line.len, "BPF scheduler", 13) && memmem(line.data, line.len, "disabled (", 10)) {
		/* said before the scheduler's own process hears of it, so its maps are still there */
		if (!watch->stopping_scheduler)
			freeze(watch, WIRE_BELL_FREEZE_SCHEDULER);
		watch->was_put_out |= !memmem(line.data, line.len, "(unregistered from user space)", 30);
	}
	if (killed || memmem(line.data, line.len, "sched_ext", 9)) {
		AUTO(free) char *text = xasprintf("%.*s\n", SV_ARG(line));

		put_output(watch, WIRE_KERNEL_LOG, text, strlen(text));
	}
}

static void read_kernel_log(struct watch *watch)
{
	for (;;) {
		char record[8192];
		ssize_t len = read(watch->ears->kmsg_fd, record, sizeof(record));

		if (len < 0 && errno == EPIPE)
			continue;        /* some were overwritten before we came to them */
		if (len <= 0)
			return;
		take_kernel_line(watch, sv_bytes(record, (size_t)len));
	}
}

static void empty_uevents(struct watch *watch)
{
	char event[8192];

	while (recv(watch->ears->uevent_fd, event, sizeof(event), 0) > 0)
		;
}

static void programs_into(struct buf *buf)
{
	struct json_out json = {.buf = buf};

	buf_clear(buf);
	ext_programs_to_json(&json, NULL);
}

/* A body that was asked to says when its load ends; it waits until we have looked. */
static void take_load_end(struct watch *watch)
{
	struct wire_frame frame;
	struct sv payload;
	int64_t used = wire_get(sv_bytes(buf_text(&watch->result_bytes), watch->result_bytes.len), RESULT_NONCE,
				RESULT_MAX, &frame, &payload, NULL);

	if (used <= 0 || frame.type != WIRE_LOAD_END)
		return;
	memmove(watch->result_bytes.data, watch->result_bytes.data + used, watch->result_bytes.len - (size_t)used);
	watch->result_bytes.len -= (size_t)used;
	freeze(watch, WIRE_BELL_FREEZE_LOAD);
}

/* The body's one frame, checked before it goes on the card. */
static void read_result(struct watch *watch)
{
	char chunk[65536];
	struct wire_frame frame;
	struct sv payload;
	ssize_t len = read(watch->result_fd, chunk, sizeof(chunk));

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		fd_close(TAKE_FD(watch->result_fd));
		return;
	}
	buf_bytes(&watch->result_bytes, chunk, (size_t)len);
	if (watch->card->map->flags & WIRE_CARD_FREEZE)
		take_load_end(watch);
	if (watch->has_result ||
	    wire_get(sv_bytes(buf_text(&watch->result_bytes), watch->result_bytes.len),
		     RESULT_NONCE, RESULT_MAX, &frame, &payload, NULL) <= 0 ||
	    frame.type != WIRE_RESULT)
		return;
	watch->has_result = true;
	ext_read(&watch->during);
	programs_into(&watch->programs_during);
	card_put(watch->card, WIRE_RESULT, payload.data, payload.len);
}

static void note_scheduler_end(struct watch *watch)
{
	watch->scheduler_ended_ns = clock_ns();
	if (!watch->stopping_scheduler)
		freeze(watch, WIRE_BELL_FREEZE_SCHEDULER);
	(void)child_wait(&watch->scheduler, DEADLINE_NEVER, &watch->scheduler_status);
}

static void note_test_end(struct watch *watch)
{
	(void)child_wait(&watch->test, DEADLINE_NEVER, &watch->test_status);
}

static void dispatch(struct watch *watch, int fd)
{
	if (fd == watch->ears->kmsg_fd)
		read_kernel_log(watch);
	else if (fd == watch->ears->uevent_fd)
		empty_uevents(watch);
	else if (fd == watch->result_fd)
		read_result(watch);
	else if (fd == watch->test.pid_fd)
		note_test_end(watch);
	else if (fd == watch->scheduler.pid_fd)
		note_scheduler_end(watch);
	else if (fd == watch->tracer.fd)
		tracer_read(&watch->tracer, watch->card);
	else if (fd == watch->command.pid_fd)
		(void)child_wait(&watch->command, DEADLINE_NEVER, &watch->command_status);
	else
		for (int i = 0; i < WIRE_STREAM_COUNT; i++)
			if (fd == watch->streams[i].fd)
				read_stream(watch, &watch->streams[i]);
}

/*
 * Serve what comes in next, or wait for the deadline. Nothing ticks while a test runs: under
 * instruction counting every wake-up of ours takes time from all vCPUs.
 */
static void serve(struct watch *watch, struct deadline deadline)
{
	struct epoll_event events[16];
	int count = epoll_wait(watch->epoll_fd, events, 16, deadline_poll_ms(deadline));

	for (int i = 0; i < count; i++)
		dispatch(watch, events[i].data.fd);
}

/* What is still in the pipes of a process that has ended. Its orphans may hold them open. */
static void drain(struct watch *watch)
{
	for (int i = 0; i < WIRE_STREAM_COUNT; i++)
		if (watch->streams[i].fd >= 0)
			read_stream(watch, &watch->streams[i]);
	while (watch->result_fd >= 0 && !watch->has_result) {
		size_t before = watch->result_bytes.len;

		read_result(watch);
		if (watch->result_bytes.len == before)
			break;
	}
	read_kernel_log(watch);
}

/* --- starting ----------------------------------------------------------------------------------- */

/* A pipe whose read end is ours, non-blocking and listened to; *ret_write_fd is for the child. */
static int make_pipe(struct watch *watch, int *ret_read_fd, int *ret_write_fd,
		     struct ktstr_error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, "pipe");
	return listen_to(watch, fds[0], err);
}

/* env of the request, then what only we know; the array is the caller's, the words are not. */
static const char **make_env(const struct strings *env, const char *const *more)
{
	size_t count = 0, more_count = 0;
	const char **all;

	while (more && more[more_count])
		more_count++;
	all = xcalloc(env->len + more_count + 1, sizeof(*all));
	vec_each(word, env)
		all[count++] = *word;
	for (size_t i = 0; i < more_count; i++)
		all[count++] = more[i];
	return all;
}

static const char **make_argv(const struct strings *words)
{
	return make_env(words, NULL);
}

/* PID 1 spares itself from the kernel's out-of-memory killer; what it starts must not inherit that. */
static void do_not_spare(const struct child *child)
{
	AUTO(free) char *path = xasprintf("/proc/%d/oom_score_adj", child->pid);

	(void)file_poke(AT_FDCWD, path, "0", NULL);        /* it may have ended already */
}

static int spawn(const struct spawn_config *config, struct child *ret_child, struct ktstr_error *err)
{
	int r = child_spawn(config, ret_child, err);

	if (r == 0)
		do_not_spare(ret_child);
	return r;
}

static int start_scheduler(struct watch *watch, struct ktstr_error *err)
{
	AUTO(free) const char **argv = make_argv(&watch->request->scheduler_argv);
	AUTO(free) const char **env = make_env(&watch->request->scheduler_env, NULL);
	AUTO(fd_close) int log_fd = -1;
	struct spawn_config config = {.argv = argv, .env = env, .dir = "/", .stdin_fd = -1};
	int r;

	r = make_pipe(watch, &watch->streams[WIRE_SCHEDULER_LOG].fd, &log_fd, err);
	if (r < 0)
		return r;
	config.stdout_fd = config.stderr_fd = log_fd;
	r = watch->request->watchdog.timeout_ms
		    ? watchdog_spawn(&watch->request->watchdog, &config, &watch->scheduler, &watch->keeper, err)
		    : child_spawn(&config, &watch->scheduler, err);
	if (r < 0)
		return r;
	do_not_spare(&watch->scheduler);
	return listen_to(watch, watch->scheduler.pid_fd, err);
}

static bool attached(struct watch *watch)
{
	ext_read(&watch->start);
	return watch->start.ops[0] && sv_eq(sv_of(watch->start.state), "enabled") &&
	       watch->start.enable_seq != watch->before.enable_seq;
}

/* 0: attached. -ECANCELED: it did not, and the card says why. */
static int run_scheduler(struct watch *watch, struct ktstr_error *err)
{
	const char *name = watch->request->scheduler_argv.at[0];
	struct deadline deadline = deadline_in(watch->request->run.attach_ns);
	AUTO(buf_done) struct buf how = {0};
	int r;

	card_stage(watch->card, WIRE_STAGE_SCHEDULER);
	r = start_scheduler(watch, err);
	if (r < 0) {
		card_trouble(watch->card, WIRE_TROUBLE_SCHEDULER_DIED, r, "%s", err->msg);
		return -ECANCELED;
	}
	while (!attached(watch)) {
		if (watch->scheduler.pid == 0) {
			status_describe(watch->scheduler_status, &how);
			card_trouble(watch->card, WIRE_TROUBLE_SCHEDULER_DIED, 0,
				     "scheduler %s %s: %s", name,
				     watch->start.enable_seq == watch->before.enable_seq
					     ? "ended before it had attached"
					     : "attached, and ended before the test began",
				     buf_text(&how));
			return -ECANCELED;
		}
		if (deadline_passed(deadline)) {
			card_trouble(watch->card, WIRE_TROUBLE_SCHEDULER_NOT_ATTACHED, 0,
				     "scheduler %s runs, but sched_ext has not enabled it after %.1f s "
				     "(state: %s)",
				     name, (double)watch->request->run.attach_ns / NS_PER_S,
				     watch->start.present ? watch->start.state
							  : "this kernel has no sched_ext");
			return -ECANCELED;
		}
		serve(watch, deadline_earlier(deadline, deadline_in(TICK_NS)));
	}
	programs_into(&watch->programs_start);
	child_done(&watch->keeper);
	if (watch->request->watchdog.timeout_ms)
		watch->has_timeout = watchdog_read(&watch->request->watchdog, &watch->timeout_ms);
	return 0;
}

/* --- a scheduler that the kernel has built in ---------------------------------------------------- */

/* Until it has ended well; what it writes is the scheduler's log. */
static int run_command(struct watch *watch, const char *command, struct ktstr_error *err)
{
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	AUTO(free) const char **env = make_env(&watch->request->scheduler_env, NULL);
	struct spawn_config config = {.argv = argv, .env = env, .dir = "/", .stdin_fd = -1,
				      .stdout_fd = watch->log_fd, .stderr_fd = watch->log_fd};
	struct deadline deadline = deadline_in(watch->request->run.attach_ns);
	AUTO(buf_done) struct buf how = {0};
	int r = spawn(&config, &watch->command, err);

	if (r == 0)
		r = listen_to(watch, watch->command.pid_fd, err);
	if (r < 0)
		return r;
	while (watch->command.pid && !deadline_passed(deadline))
		serve(watch, deadline);
	if (watch->command.pid) {
		child_done(&watch->command);
		return error_set(err, -ETIMEDOUT, "command `%s` did not end within %.1f s", command,
				 (double)watch->request->run.attach_ns / NS_PER_S);
	}
	status_describe(watch->command_status, &how);
	return watch->command_status == 0 ? 0
					  : error_set(err, -EIO, "command `%s`: %s", command, buf_text(&how));
}

static int enable(struct watch *watch, struct ktstr_error *err)
{
	int r;

	card_stage(watch->card, WIRE_STAGE_SCHEDULER);
	r = make_pipe(watch, &watch->streams[WIRE_SCHEDULER_LOG].fd, &watch->log_fd, err);
	vec_each(command, &watch->request->enable) {
		if (r == 0)
			r = run_command(watch, *command, err);
	}
	if (r == 0)
		return 0;
	drain(watch);
	card_trouble(watch->card, WIRE_TROUBLE_SCHEDULER_DIED, r,
		     "the scheduler that is built in was not switched on: %s", err->msg);
	return -ECANCELED;
}

/* All of them: the machine is of no more use, but what they say is worth a note. */
static void disable(struct watch *watch)
{
	vec_each(command, &watch->request->disable) {
		struct ktstr_error err = {0};

		if (run_command(watch, *command, &err) < 0 && !watch->disable_trouble)
			watch->disable_trouble = xstrdup(err.msg);
	}
	drain(watch);
}

/* --- the test ------------------------------------------------------------------------------------ */

static int start_test(struct watch *watch, struct ktstr_error *err)
{
	AUTO(free) char *fd = xasprintf("KTSTR_RESULT_FD=%d", RESULT_FD);
	AUTO(free) char *sched_pid = xasprintf("SCHED_PID=%d", watch->scheduler.pid);
	const char *const more[] = {fd, "KTSTR_NONCE=0", watch->scheduler.pid > 0 ? sched_pid : NULL,
				    NULL};
	AUTO(free) const char **argv = make_argv(&watch->request->test_argv);
	AUTO(free) const char **env = make_env(&watch->request->test_env, more);
	AUTO(fd_close) int out_fd = -1;
	AUTO(fd_close) int err_fd = -1;
	AUTO(fd_close) int result_fd = -1;
	struct spawn_config config = {.argv = argv, .env = env, .dir = "/", .stdin_fd = -1};
	int r;

	r = make_pipe(watch, &watch->streams[WIRE_STDOUT].fd, &out_fd, err);
	if (r == 0)
		r = make_pipe(watch, &watch->streams[WIRE_STDERR].fd, &err_fd, err);
	if (r == 0)
		r = make_pipe(watch, &watch->result_fd, &result_fd, err);
	if (r < 0)
		return r;
	config.stdout_fd = out_fd;
	config.stderr_fd = err_fd;
	config.keep_fd[0] = result_fd;
	config.keep_fd_count = 1;
	r = spawn(&config, &watch->test, err);
	if (r < 0)
		return r;
	return listen_to(watch, watch->test.pid_fd, err);
}

/* --- a shell instead of a test ------------------------------------------------------------------ */

static uint32_t wanted_window(const struct watch *watch)
{
	return atomic_load_explicit(&watch->card->map->window, memory_order_relaxed);
}

static int start_shell(struct watch *watch, struct ktstr_error *err)
{
	AUTO(free) char *sched_pid = xasprintf("SCHED_PID=%d", watch->scheduler.pid);
	const char *const more[] = {watch->scheduler.pid > 0 ? sched_pid : NULL, NULL};
	AUTO(free) const char **argv = make_argv(&watch->request->test_argv);
	AUTO(free) const char **env = make_env(&watch->request->test_env, more);
	AUTO(fd_close) int out_fd = -1;
	AUTO(fd_close) int err_fd = -1;
	struct spawn_config config = {.argv = argv, .env = env, .dir = "/", .stdin_fd = -1};
	int r;

	if (watch->request->shell == WIRE_SHELL_TERMINAL) {
		r = shell_open_terminal(&watch->terminal_fd, err);
		if (r < 0)
			return r;
		shell_set_window(watch->terminal_fd, wanted_window(watch));
		config.stdin_fd = config.stdout_fd = config.stderr_fd = watch->terminal_fd;
		config.own_session = true;
	} else {
		r = make_pipe(watch, &watch->streams[WIRE_STDOUT].fd, &out_fd, err);
		if (r == 0)
			r = make_pipe(watch, &watch->streams[WIRE_STDERR].fd, &err_fd, err);
		config.stdout_fd = out_fd;
		config.stderr_fd = err_fd;
	}
	if (r == 0)
		r = spawn(&config, &watch->test, err);
	return r < 0 ? r : listen_to(watch, watch->test.pid_fd, err);
}

/* One round of a shell; a terminal has no other way to hear that it was resized than to look. */
static void serve_shell(struct watch *watch, struct deadline deadline, uint32_t *window)
{
	uint32_t wanted = wanted_window(watch);

	if (watch->terminal_fd < 0) {
		serve(watch, deadline);
		return;
	}
	if (wanted != *window)
		shell_set_window(watch->terminal_fd, wanted);
	*window = wanted;
	serve(watch, deadline_earlier(deadline, deadline_in(WINDOW_NS)));
}

static int run_shell(struct watch *watch, struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(watch->request->run.test_ns);
	uint32_t window = wanted_window(watch);
	int r;

	card_stage(watch->card, WIRE_STAGE_TEST);
	r = start_shell(watch, err);
	if (r < 0) {
		card_trouble(watch->card, WIRE_TROUBLE_TEST_DIED, r, "%s", err->msg);
		return -ECANCELED;
	}
	while (watch->test.pid && !deadline_passed(deadline))
		serve_shell(watch, deadline, &window);
	drain(watch);
	if (watch->terminal_fd >= 0)
		shell_flush_terminal(watch->terminal_fd);
	if (!watch->test.pid)
		return 0;
	card_trouble(watch->card, WIRE_TROUBLE_TEST_SILENT, 0,
		     "the command did not end within %.1f s of guest time",
		     (double)watch->request->run.test_ns / NS_PER_S);
	return -ECANCELED;
}

/* --- ending ------------------------------------------------------------------------------------- */

static void explain_missing_result(struct watch *watch)
{
	AUTO(buf_done) struct buf how = {0};

	if (watch->oom.len) {
		card_trouble(watch->card, WIRE_TROUBLE_OUT_OF_MEMORY, 0,
			     "the guest ran out of memory (%s): raise the test's memory_mib",
			     buf_text(&watch->oom));
		return;
	}
	status_describe(watch->test_status, &how);
	card_trouble(watch->card, WIRE_TROUBLE_TEST_DIED, 0,
		     "the test program ended without a result: %s", buf_text(&how));
}

/* What is wrong with it is no word about the test. */
static void wprof_trouble(struct watch *watch, const struct ktstr_error *err)
{
	card_put(watch->card, WIRE_WPROF_TROUBLE, err->msg, strlen(err->msg));
}

static void start_wprof(struct watch *watch)
{
	AUTO(fd_close) int log_fd = -1;
	struct ktstr_error err = {0};

	if (watch->request->wprof_env.len == 0)
		return;
	log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (wprof_start(&watch->request->wprof_env, log_fd, &watch->wprof, &err) < 0)
		wprof_trouble(watch, &err);
}

static void finish_wprof(struct watch *watch)
{
	struct ktstr_error err = {0};

	if (watch->wprof.pid && wprof_finish(watch->card, &watch->wprof, &err) < 0)
		wprof_trouble(watch, &err);
}

/* Captures of the test's steps, if its body made any: also of one that died, as far as it came. */
static void put_steps(struct watch *watch)
{
	struct ktstr_error err = {0};
	int r = card_put_file(watch->card, WIRE_STEPS_FILE, WIRE_STEPS, WIRE_STEPS_END, WIRE_STEPS_MAX, &err);

	if (r < 0 && r != -ENOENT)
		card_put(watch->card, WIRE_STEPS_TROUBLE, err.msg, strlen(err.msg));
}

/* It records from before the scheduler starts. What is wrong with it is no word about the test, either. */
static void start_tracer(struct watch *watch)
{
	struct tracer *tracer = &watch->tracer;
	struct deadline deadline = deadline_in(TRACER_BEGIN_NS);
	struct ktstr_error err = {0};
	int r;

	if (watch->request->tracer_env.len == 0)
		return;
	r = tracer_start(&watch->request->tracer_env, tracer, &err);
	if (r == 0)
		r = listen_to(watch, tracer->fd, &err);
	if (r < 0) {
		card_put(watch->card, WIRE_TRACE_TROUBLE, err.msg, strlen(err.msg));
		tracer_done(tracer);
		return;
	}
	while (tracer->fd >= 0 && !tracer->has_begun && !deadline_passed(deadline))
		serve(watch, deadline);
	if (tracer->has_begun)
		return;
	tracer_judge(tracer, watch->card);
	tracer_done(tracer);
}

static void finish_tracer(struct watch *watch)
{
	struct tracer *tracer = &watch->tracer;
	struct deadline deadline = deadline_in(TRACER_END_NS);

	if (tracer->child.pid == 0)
		return;
	(void)kill(tracer->child.pid, SIGTERM);        /* it may have ended by itself */
	while (tracer->fd >= 0 && !deadline_passed(deadline))
		serve(watch, deadline);
	tracer_judge(tracer, watch->card);
	tracer_done(tracer);
}

static int run_test(struct watch *watch, struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(watch->request->run.test_ns);
	bool ending = false;
	int r;

	card_stage(watch->card, WIRE_STAGE_TEST);
	if (watch->request->run.disturb_seed &&
	    disturb_start(watch->request->run.disturb_seed, &watch->disturber, err) < 0)
		card_trouble(watch->card, WIRE_TROUBLE_SETUP, err->code, "%s", err->msg);
	r = start_test(watch, err);
	if (r == 0)
		start_wprof(watch);
	if (r < 0) {
		card_trouble(watch->card, WIRE_TROUBLE_TEST_DIED, r, "%s", err->msg);
		return -ECANCELED;
	}
	while (watch->test.pid && !deadline_passed(deadline)) {
		serve(watch, deadline);
		if (watch->has_result && !ending) {
			deadline = deadline_earlier(deadline, deadline_in(BODY_END_NS));
			ending = true;
		}
	}
	if (watch->test.pid && !watch->has_result)
		freeze(watch, WIRE_BELL_FREEZE_SILENT);
	drain(watch);
	if (watch->has_result)
		return 0;
	ext_read(&watch->during);
	programs_into(&watch->programs_during);
	if (watch->test.pid)
		card_trouble(watch->card, WIRE_TROUBLE_TEST_SILENT, 0,
			     "the test gave no result within %.1f s of guest time",
			     (double)watch->request->run.test_ns / NS_PER_S);
	else
		explain_missing_result(watch);
	return -ECANCELED;
}

static void stop_scheduler(struct watch *watch)
{
	struct deadline deadline = deadline_in(STOP_NS);

	watch->stopping_scheduler = watch->scheduler.pid > 0;
	if (watch->stopping_scheduler)
		(void)kill(watch->scheduler.pid, SIGTERM);        /* it may be ending by itself */
	while (watch->scheduler.pid && !deadline_passed(deadline))
		serve(watch, deadline);
	child_done(&watch->scheduler);
	drain(watch);
	ext_read(&watch->after);
}

/* In a run that went well nobody looks for one. */
static void put_exit_dump(struct watch *watch)
{
	AUTO(buf_done) struct buf dump = {0};

	if (!watch->was_put_out)
		return;
	exit_dump_read(GUEST_TRACING, &dump);
	for (size_t at = 0; at < dump.len; at += OUTPUT_CHUNK)
		put_output(watch, WIRE_EXIT_DUMP, dump.data + at,
			   dump.len - at < OUTPUT_CHUNK ? dump.len - at : OUTPUT_CHUNK);
}

static void put_scheduler_state(struct watch *watch)
{
	bool asked = watch->request->scheduler_argv.len > 0;
	AUTO(buf_done) struct buf text = {0};
	AUTO(buf_done) struct buf how = {0};
	struct json_out json = {.buf = &text};

	jout_object(&json, NULL);
	jout_bool(&json, "asked", asked);
	ext_to_json(&json, "before", &watch->before);
	ext_to_json(&json, "start", &watch->start);
	ext_to_json(&json, "during", &watch->during);
	ext_to_json(&json, "after", &watch->after);
	jout_raw(&json, "programs_start", watch->programs_start.len ? &watch->programs_start : NULL);
	jout_raw(&json, "programs_during",
		 watch->programs_during.len ? &watch->programs_during : NULL);
	if (watch->disable_trouble)
		jout_string(&json, "disable_trouble", watch->disable_trouble);
	if (watch->has_timeout)
		jout_u64(&json, "watchdog_timeout_ms", watch->timeout_ms);
	if (asked && !watch->stopping_scheduler && watch->scheduler_status != -1) {
		status_describe(watch->scheduler_status, &how);
		jout_string(&json, "ended_early", buf_text(&how));
		jout_u64(&json, "ended_ns", watch->scheduler_ended_ns);
	} else {
		jout_null(&json, "ended_early");
	}
	jout_end(&json);
	card_put(watch->card, WIRE_SCHEDULER_STATE, text.data, text.len);
}

int watch_run(struct card *card, const struct request *request, const struct ears *ears,
	      struct ktstr_error *err)
{
	AUTO(watch_done) struct watch watch;
	struct wire_done done;
	int r = watch_init(&watch, card, request, ears, err);

	if (r < 0) {
		card_trouble(card, WIRE_TROUBLE_SETUP, r, "%s", err->msg);
		return r;
	}
	start_tracer(&watch);
	ext_read(&watch.before);
	if (request->scheduler_argv.len)
		r = run_scheduler(&watch, err);
	else if (request->enable.len)
		r = enable(&watch, err);
	if (r == 0)
		r = request->shell ? run_shell(&watch, err) : run_test(&watch, err);
	card_stage(card, WIRE_STAGE_TEARDOWN);
	finish_tracer(&watch);
	finish_wprof(&watch);
	if (!request->shell)
		put_steps(&watch);
	disable(&watch);
	stop_scheduler(&watch);
	put_exit_dump(&watch);
	put_scheduler_state(&watch);
	done = (struct wire_done){
		.test_wait_status = watch.test_status,
		.scheduler_wait_status = watch.stopping_scheduler ? -1 : watch.scheduler_status,
	};
	card_put(card, WIRE_DONE, &done, sizeof(done));
	return r == -ECANCELED ? 0 : r;
}
