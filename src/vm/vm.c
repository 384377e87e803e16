/* SPDX-License-Identifier: BSD-2-Clause */
#include "vm/vm.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm/qmp.h"
#include "vm/seat.h"
#include "vm/still.h"

#define START_NS (20 * NS_PER_S)        /* exec to the end of the QMP handshake */
#define COMMAND_NS (10 * NS_PER_S)
#define SAVE_NS (60 * NS_PER_S)
#define QMP_FD 3                        /* numbers of the descriptors that QEMU gets */
#define CARD_FD 4
static_assert(VM_SHELL_FD == CARD_FD + 1 && VM_HALT_FD == VM_SHELL_FD + 1, "spawn counts up");

DEFINE_AUTO(json_t *, json_decref)

struct vm {
	struct child qemu;
	struct qmp qmp;
	char *log_path;
	int halt_fd;            /* to the plugin, or -1 */
	char halt_word;
	int seat;               /* of seat_take(), or -1 */
	struct still still;     /* det: while the guest runs */
	bool has_quit;          /* we asked QEMU to end */
	bool ended;
	int status;             /* of waitpid(), once ended */
};

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	if (vm->qemu.pid > 0)
		(void)kill(vm->qemu.pid, SIGKILL);        /* first: what goes on now would be another run */
	still_end(&vm->still);
	child_done(&vm->qemu);
	qmp_done(&vm->qmp);
	seat_leave(vm->seat);
	fd_close(vm->halt_fd);
	free(vm->log_path);
	free(vm);
}

pid_t vm_pid(const struct vm *vm)
{
	return vm->qemu.pid;
}

bool vm_ended_by(const struct vm *vm, int signal_number)
{
	return vm->ended && WIFSIGNALED(vm->status) && WTERMSIG(vm->status) == signal_number;
}

void vm_describe_end(const struct vm *vm, struct buf *buf)
{
	AUTO(free) char *log = console_tail(vm->log_path, 600);
	struct sv rest = sv_trim(sv_of(log)), line;
	const char *before = " (";

	status_describe(vm->status, buf);
	while (sv_line(&rest, &line)) {
		buf_printf(buf, "%s%.*s", before, SV_ARG(line));
		before = "; ";
	}
	if (before[0] == ';')
		buf_char(buf, ')');
}

/* QEMU's end of a socket, with the other in *ret_ours. */
static int make_socket(int *ret_ours, int *ret_theirs, struct ktstr_error *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "socketpair for QEMU");
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return 0;
}

static int start_qemu(const struct vm_config *config, struct vm *vm, int qemu_end,
		      struct ktstr_error *err)
{
	AUTO(strings_done) struct strings argv = vm_argv(config, QMP_FD, CARD_FD);
	AUTO(fd_close) int log_fd =
		open(vm->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	AUTO(fd_close) int halt_end = -1;
	struct spawn_config spawn = {
		.argv = (const char *const *)argv.at,
		.stdin_fd = -1,
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.keep_fd = {qemu_end, config->card_fd, config->shell ? config->shell_fd : -1},
		.keep_fd_count = config->halts ? 4 : config->shell ? 3 : 2,
	};
	cpu_set_t seat;
	int r = 0;

	if (log_fd < 0)
		return error_sys(err, "create %s", vm->log_path);
	if (config->halts)
		r = make_socket(&vm->halt_fd, &halt_end, err);
	if (r < 0)
		return r;
	spawn.keep_fd[3] = halt_end;
	if (config->mode == VM_DET && !config->shell) {
		vm->seat = seat_take(&seat);
		spawn.ahead_on = vm->seat >= 0 ? &seat : NULL;
	}
	return child_spawn(&spawn, &vm->qemu, err);
}

/* QEMU ended or stayed silent during the handshake: its own words say more than ours. */
static int explain_start(struct vm *vm, int r, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf how = {0};

	still_end(&vm->still);
	if (r != -ECONNRESET ||
	    child_wait(&vm->qemu, deadline_in(COMMAND_NS), &vm->status) < 0)
		return error_wrap(err, r, "QEMU did not start");
	vm_describe_end(vm, &how);
	return error_set(err, -EIO, "QEMU did not start: %s", buf_text(&how));
}

/* shared/DESIGN.md section 3, fact 1: RAM stays where it is, only devices travel. */
static int set_migration(struct qmp *qmp, struct deadline deadline, struct ktstr_error *err)
{
	json_t *wanted = json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
				   "x-ignore-shared", "state", 1, "capability", "events", "state", 1);
	int r = qmp_execute(qmp, "migrate-set-capabilities", wanted, deadline, NULL, err);

	if (r < 0)
		return r;
	/* else a timer of host time fires after every restore, and det diverges */
	return qmp_execute(qmp, "migrate-set-parameters", json_pack("{s:i}", "announce-rounds", 0),
			   deadline, NULL, err);
}

static json_t *state_uri(const char *template_dir)
{
	AUTO(free) char *uri = xasprintf("file:%s/state", template_dir);

	return json_pack("{s:s}", "uri", uri);
}

static int restore(struct qmp *qmp, const char *template_dir, struct deadline deadline,
		   struct ktstr_error *err)
{
	int r = set_migration(qmp, deadline, err);

	if (r == 0)
		r = qmp_execute(qmp, "migrate-incoming", state_uri(template_dir), deadline, NULL, err);
	if (r == 0)
		r = qmp_await_status(qmp, "MIGRATION", "completed", deadline, err);
	return r < 0 ? error_wrap(err, r, "restore template %s", template_dir) : 0;
}

int vm_save_state(struct vm *vm, const char *template_dir, struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(SAVE_NS);
	int r;

	still_end(&vm->still);
	r = set_migration(&vm->qmp, deadline, err);
	if (r == 0)
		r = qmp_execute(&vm->qmp, "migrate", state_uri(template_dir), deadline, NULL, err);
	if (r == 0)
		r = qmp_await_status(&vm->qmp, "MIGRATION", "completed", deadline, err);
	return r < 0 ? error_wrap(err, r, "save template %s", template_dir) : 0;
}

static void keep_still(struct vm *vm)
{
	struct ktstr_error err = {0};

	if (still_begin(vm->qemu.pid, &vm->still, &err) < 0)
		log_debug("det: runs may differ now and then: %s", err.msg);
}

int vm_start(const struct vm_config *config, struct vm **ret_vm, struct ktstr_error *err)
{
	AUTO(vm_free) struct vm *vm = xcalloc(1, sizeof(*vm));
	AUTO(fd_close) int qemu_end = -1;
	struct deadline deadline = deadline_in(START_NS);
	int our_end = -1, r;

	vm->qemu = CHILD_NONE;
	vm->seat = -1;
	vm->halt_fd = -1;
	vm->log_path = xasprintf("%s/qemu.log", config->dir);
	vm->qmp.fd = -1;
	r = make_socket(&our_end, &qemu_end, err);
	if (r < 0)
		return r;
	qmp_init(&vm->qmp, our_end);
	r = start_qemu(config, vm, qemu_end, err);
	if (r < 0)
		return r;
	fd_close(TAKE_FD(qemu_end));        /* so that we see QEMU hang up */
	r = qmp_handshake(&vm->qmp, deadline, err);
	if (r == 0 && config->clone)
		r = restore(&vm->qmp, config->template_dir, deadline, err);
	if (r == 0 && config->mode == VM_DET && !config->shell)
		keep_still(vm);
	if (r == 0)
		r = qmp_execute(&vm->qmp, "cont", NULL, deadline, NULL, err);
	if (r < 0)
		return explain_start(vm, r, err);
	*ret_vm = TAKE_PTR(vm);
	return 0;
}

/* 1: an event that matters. QEMU sends RESUME, RTC_CHANGE and others, which do not. */
static int look_at_events(struct vm *vm, enum vm_event *ret_event, struct ktstr_error *err)
{
	for (;;) {
		AUTO(json_decref) json_t *event = NULL;
		const char *name;
		int r = qmp_event(&vm->qmp, &event, err);

		if (r <= 0)
			return r;
		name = json_string_value(json_object_get(event, "event"));
		if (name && strcmp(name, "GUEST_PANICKED") == 0) {
			*ret_event = VM_PAUSED;
			return 1;
		}
		if (name && strcmp(name, "SHUTDOWN") == 0 && !vm->has_quit) {
			*ret_event = VM_OFF;
			return 1;
		}
	}
}

/* False: QEMU has closed it, which is no news. */
static bool hear_halt(struct vm *vm)
{
	if (recv(vm->halt_fd, &vm->halt_word, 1, MSG_DONTWAIT) == 1)
		return true;
	fd_close(TAKE_FD(vm->halt_fd));
	return false;
}

char vm_halt_word(const struct vm *vm)
{
	return vm->halt_word;
}

void vm_go_on(struct vm *vm)
{
	(void)send(vm->halt_fd, "", 1, MSG_NOSIGNAL);        /* that QEMU has ended is noticed elsewhere */
}

int vm_wait(struct vm *vm, struct deadline deadline, int cancel_fd, enum vm_event *ret_event,
	    struct ktstr_error *err)
{
	for (;;) {
		struct pollfd wait[4] = {
			{.fd = vm->qmp.fd, .events = POLLIN},
			{.fd = vm->qemu.pid_fd, .events = POLLIN},
			{.fd = cancel_fd, .events = POLLIN},
			{.fd = vm->halt_fd, .events = POLLIN},
		};
		int r = vm->ended ? -ECONNRESET : look_at_events(vm, ret_event, err);

		if (r == 1)
			return 0;
		if (r == -ECONNRESET) {
			still_end(&vm->still);
			if (!vm->ended && child_wait(&vm->qemu, deadline_in(COMMAND_NS), &vm->status) < 0)
				return error_wrap(err, r, "QEMU closed QMP and did not end");
			vm->ended = true;
			*ret_event = VM_ENDED;
			return 0;
		}
		if (r < 0)
			return r;
		if (deadline_passed(deadline)) {
			*ret_event = VM_NOTHING;
			return 0;
		}
		if (poll(wait, 4, deadline_poll_ms(deadline)) < 0 && errno != EINTR)
			return error_sys(err, "wait for QEMU");
		if (wait[2].revents) {
			*ret_event = VM_CANCELLED;
			return 0;
		}
		if (wait[3].revents && hear_halt(vm)) {
			*ret_event = VM_HALTED;
			return 0;
		}
	}
}

int vm_resume(struct vm *vm, struct ktstr_error *err)
{
	return qmp_execute(&vm->qmp, "cont", NULL, deadline_in(COMMAND_NS), NULL, err);
}

int vm_stop(struct vm *vm, struct ktstr_error *err)
{
	return qmp_execute(&vm->qmp, "stop", NULL, deadline_in(COMMAND_NS), NULL, err);
}

int vm_monitor(struct vm *vm, const char *command, struct buf *ret_text, struct ktstr_error *err)
{
	AUTO(json_decref) json_t *text = NULL;
	int r = qmp_execute(&vm->qmp, "human-monitor-command", json_pack("{s:s}", "command-line", command),
			    deadline_in(COMMAND_NS), &text, err);

	if (r == 0 && !json_is_string(text))
		r = error_set(err, -EBADMSG, "QMP: %s gave no text", command);
	if (r == 0)
		buf_bytes(ret_text, json_string_value(text), json_string_length(text));
	return r;
}

int vm_quit(struct vm *vm, struct ktstr_error *err)
{
	int r;

	vm->has_quit = true;
	still_end(&vm->still);
	r = qmp_execute(&vm->qmp, "quit", NULL, deadline_in(COMMAND_NS), NULL, err);
	return r == -ECONNRESET ? 0 : r;        /* it may be gone before it has answered */
}
