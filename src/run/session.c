/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.c - one guest followed from QEMU's start to its end. Host deadlines here decide only that
 * a run could not be finished; what decides a verdict runs on the guest's clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "run/run.h"

#define POLL_NS (5 * NS_PER_MS)              /* the one poll of DESIGN section 9: the card's log */
#define CONSOLE_TAIL_MAX 8192
#define TEXT_MAX 4096
#define WPROF_MAX (128u << 20)
#define TRACE_STREAM_MAX (1ull << 30)        /* of the host's disk, for what a guest's tracer tells */

static void pieces_done(struct pieces *pieces)
{
	buf_done(&pieces->bytes);
	free(pieces->trouble);
}

void session_done(struct session *session)
{
	free(session->template_key);
	free(session->end_text);
	free(session->trouble_text);
	pieces_done(&session->wprof);
	pieces_done(&session->steps);
	free(session->trace_trouble);
	free(session->console_tail);
	buf_done(&session->result);
	buf_done(&session->scheduler_state);
	for (int i = 0; i < WIRE_STREAM_COUNT; i++)
		buf_done(&session->stream[i]);
}

struct follow {
	const struct session_config *config;
	struct session *session;
	struct card_host card;
	struct vm *vm;
	int trace_fd;           /* of config->trace_stream, or -1 */
	int console_fd;         /* -1: not opened yet */
	uint64_t trace_bytes;
	uint64_t heard_ns;      /* guest time of the last frame */
	int bell;               /* of the doorbell frame that was the last one so far, or -1 */
	uint64_t stage_since_ns;
	struct deadline stage_deadline;
};

static void follow_done(struct follow *follow)
{
	vm_free(follow->vm);
	fd_close(follow->trace_fd);
	fd_close(follow->console_fd);
	card_done(&follow->card);
}
DEFINE_AUTO_DONE(struct follow, follow_done)

/*
 * How long the host waits for a stage. Emulation is slow and shares the host with other guests, so
 * these are generous; a test's own limit is on the guest's clock.
 */
static uint64_t slowness(enum vm_mode mode)
{
	return mode == VM_KVM ? 1 : 6;
}

uint64_t session_boot_limit_ns(enum vm_mode mode, const struct topology *topology)
{
	return slowness(mode) * (30 + topology_cpus(topology)) * NS_PER_S;
}

static uint64_t stage_limit_ns(const struct session_config *config, enum wire_stage stage)
{
	uint64_t slow = slowness(config->vm.mode);

	switch (stage) {
	case WIRE_STAGE_BOOT:
		return config->boot_limit_ns;
	case WIRE_STAGE_TEST:
		if (config->shell && !config->shell->command)
			return UINT64_MAX;        /* its user ends it */
		return slow * (30 * NS_PER_S + 2 * config->plan->timeout_ms * NS_PER_MS);
	case WIRE_STAGE_SETUP:
	case WIRE_STAGE_SCHEDULER:
	case WIRE_STAGE_TEARDOWN:
	case WIRE_STAGE_COUNT:
		break;
	}
	return slow * 30 * NS_PER_S;
}

static void begin_stage(struct follow *follow, enum wire_stage stage)
{
	uint64_t now = clock_ns();

	follow->session->stage_host_ns[follow->session->stage] += now - follow->stage_since_ns;
	follow->session->stage = stage;
	follow->stage_since_ns = now;
	follow->stage_deadline = deadline_in(stage_limit_ns(follow->config, stage));
	if (follow->config->on_stage)
		follow->config->on_stage(follow->config->arg, wire_stage_name(stage));
}

static int bad_frame(const struct wire_frame *frame, struct ktstr_error *err)
{
	return error_set(err, -EBADMSG, "frame of type %u has a wrong size (%u)", frame->type,
			 frame->len);
}

static int take_stage(struct follow *follow, const struct wire_frame *frame, struct sv payload,
		      struct ktstr_error *err)
{
	uint32_t stage;

	if (payload.len != sizeof(stage))
		return bad_frame(frame, err);
	memcpy(&stage, payload.data, sizeof(stage));
	if (stage >= WIRE_STAGE_COUNT || stage <= (uint32_t)follow->session->stage)
		return error_set(err, -EBADMSG, "stage %u after stage %u", stage,
				 (unsigned)follow->session->stage);
	if (stage == WIRE_STAGE_TEST)
		follow->session->test_began_ns = frame->time_ns;
	begin_stage(follow, (enum wire_stage)stage);
	if (stage == WIRE_STAGE_TEST && follow->config->shell)
		follow->config->shell->on_begin(follow->config->shell->arg);
	return 0;
}

static int take_output(struct follow *follow, const struct wire_frame *frame, struct sv payload,
		       struct ktstr_error *err)
{
	const struct shell *shell = follow->config->shell;
	uint32_t stream;

	if (payload.len < sizeof(stream))
		return bad_frame(frame, err);
	memcpy(&stream, payload.data, sizeof(stream));
	if (stream >= WIRE_STREAM_COUNT)
		return error_set(err, -EBADMSG, "output of unknown stream %u", stream);
	payload = sv_skip(payload, sizeof(stream));
	buf_bytes(&follow->session->stream[stream], payload.data, payload.len);
	if (shell)
		shell->on_output(shell->arg, (enum wire_stream)stream, payload);
	return 0;
}

static int take_trouble(struct session *session, const struct wire_frame *frame, struct sv payload,
			struct ktstr_error *err)
{
	if (payload.len < sizeof(session->trouble))
		return bad_frame(frame, err);
	if (session->has_trouble)
		return 0;        /* the first one is the cause */
	memcpy(&session->trouble, payload.data, sizeof(session->trouble));
	payload = sv_skip(payload, sizeof(session->trouble));
	session->trouble_text = xstrndup(payload.data, payload.len < TEXT_MAX ? payload.len : TEXT_MAX);
	session->has_trouble = true;
	return 0;
}

static int take_hello(struct session *session, const struct wire_frame *frame, struct sv payload,
		      struct ktstr_error *err)
{
	struct wire_hello hello;

	if (payload.len != sizeof(hello))
		return bad_frame(frame, err);
	memcpy(&hello, payload.data, sizeof(hello));
	if (hello.version != WIRE_VERSION)
		return error_set(err, -EBADMSG, "the guest init is of version %u, not %d",
				 hello.version, WIRE_VERSION);
	memcpy(session->kernel_release, hello.kernel_release, sizeof(session->kernel_release) - 1);
	session->hello = true;
	return 0;
}

/* `kind` is the type of a piece; those of the end and of the trouble follow it. */
static int take_pieces(struct pieces *pieces, uint32_t kind, const struct wire_frame *frame, struct sv payload,
		       struct ktstr_error *err)
{
	struct wire_pieces_end end;

	if (frame->type == kind) {
		buf_bytes(&pieces->bytes, payload.data, payload.len);
		pieces->crc = crc32_of(pieces->crc, payload.data, payload.len);
		pieces->whole = false;
		return 0;
	}
	if (frame->type == kind + 2) {
		free(pieces->trouble);
		pieces->trouble = text_clean(payload, TEXT_MAX);
		return 0;
	}
	if (payload.len != sizeof(end))
		return bad_frame(frame, err);
	memcpy(&end, payload.data, sizeof(end));
	pieces->whole = end.size == pieces->bytes.len && end.crc == pieces->crc && !pieces->bytes.truncated;
	return 0;
}

static_assert(WIRE_WPROF_END == WIRE_WPROF + 1 && WIRE_WPROF_TROUBLE == WIRE_WPROF + 2, "take_pieces() relies on it");
static_assert(WIRE_STEPS_END == WIRE_STEPS + 1 && WIRE_STEPS_TROUBLE == WIRE_STEPS + 2, "take_pieces() relies on it");

/* Where it cannot be kept, nothing more of it is: it has no end then, and is known to be cut short. */
static int take_trace(struct follow *follow, const struct wire_frame *frame, struct sv payload,
		      struct ktstr_error *err)
{
	char **trouble = &follow->session->trace_trouble;
	int r = 0;

	if (!follow->config->trace_stream)
		return error_set(err, -EBADMSG, "records of a tracer that nobody started");
	if (*trouble)
		return 0;        /* the first one is the cause */
	if (frame->type == WIRE_TRACE_TROUBLE) {
		*trouble = text_clean(payload, TEXT_MAX);
		return 0;
	}
	follow->trace_bytes += payload.len;
	if (follow->trace_bytes > TRACE_STREAM_MAX)
		*trouble = xasprintf("more than %llu MiB of records", TRACE_STREAM_MAX >> 20);
	else
		r = fd_write_all(follow->trace_fd, payload.data, payload.len);
	if (r < 0)
		*trouble = xasprintf("write %s: %s", follow->config->trace_stream, strerrordesc_np(-r));
	return 0;
}

static int take_frame(struct follow *follow, const struct wire_frame *frame, struct sv payload,
		      struct ktstr_error *err)
{
	struct session *session = follow->session;

	switch (frame->type) {
	case WIRE_HELLO:
		return take_hello(session, frame, payload, err);
	case WIRE_STAGE:
		return take_stage(follow, frame, payload, err);
	case WIRE_OUTPUT:
		return take_output(follow, frame, payload, err);
	case WIRE_TROUBLE:
		return take_trouble(session, frame, payload, err);
	case WIRE_RESULT:
		buf_clear(&session->result);
		buf_bytes(&session->result, payload.data, payload.len);
		session->has_result = true;
		session->result_at_ns = frame->time_ns;
		return 0;
	case WIRE_SCHEDULER_STATE:
		buf_clear(&session->scheduler_state);
		buf_bytes(&session->scheduler_state, payload.data, payload.len);
		session->has_scheduler_state = true;
		return 0;
	case WIRE_WPROF:
	case WIRE_WPROF_END:
	case WIRE_WPROF_TROUBLE:
		return take_pieces(&session->wprof, WIRE_WPROF, frame, payload, err);
	case WIRE_STEPS:
	case WIRE_STEPS_END:
	case WIRE_STEPS_TROUBLE:
		return take_pieces(&session->steps, WIRE_STEPS, frame, payload, err);
	case WIRE_TRACE:
	case WIRE_TRACE_TROUBLE:
		return take_trace(follow, frame, payload, err);
	case WIRE_DONE:
		if (payload.len != sizeof(session->done_status))
			return bad_frame(frame, err);
		memcpy(&session->done_status, payload.data, sizeof(session->done_status));
		session->done = true;
		return 0;
	default:
		return error_set(err, -EBADMSG, "frame of unknown type %u", frame->type);
	}
}

/*
 * Read what has been written. The doorbell's frame may be read before QMP tells of the doorbell, so
 * it is remembered until something follows it.
 */
static int read_card(struct follow *follow, struct ktstr_error *err)
{
	for (;;) {
		struct wire_frame frame;
		struct sv payload;
		uint32_t bell;
		int r = card_next(&follow->card, &frame, &payload, err);

		if (r <= 0)
			return r;
		follow->bell = -1;
		follow->heard_ns = frame.time_ns;
		if (frame.type == WIRE_DOORBELL && payload.len == sizeof(bell)) {
			memcpy(&bell, payload.data, sizeof(bell));
			follow->bell = (int)(bell & 0xff);
			continue;
		}
		r = take_frame(follow, &frame, payload, err);
		if (r < 0)
			return r;
	}
}

static int end_with(struct follow *follow, enum session_end end, char *text)
{
	follow->session->end = end;
	follow->session->end_text = text;
	return 1;
}

static char *console_path(const struct session_config *config)
{
	return xasprintf("%s/console.log", config->vm.dir);
}

static char *panic_line(const struct session_config *config)
{
	AUTO(free) char *path = console_path(config);
	AUTO(free) char *tail = console_tail(path, 1 << 16);

	return console_panic(sv_of(tail));
}

static bool show_frozen(struct follow *follow, const char *reason)
{
	const struct session_config *config = follow->config;

	return config->on_frozen && config->on_frozen(config->frozen_arg, follow->vm, reason, follow->heard_ns);
}

static int on_freeze(struct follow *follow, const char *reason, struct ktstr_error *err)
{
	follow->bell = -1;
	if (show_frozen(follow, reason))
		return end_with(follow, SESSION_DONE, NULL);
	return vm_resume(follow->vm, err);
}

/* The VM stands still: a doorbell, or the kernel's own panic notifier. 1: that was the end. */
static int on_pause(struct follow *follow, struct ktstr_error *err)
{
	switch (follow->bell) {
	case WIRE_BELL_DONE:
		return end_with(follow, SESSION_DONE, NULL);
	case WIRE_BELL_TEMPLATE:        /* a cold boot goes the way of a clone: on, with an empty log */
	case WIRE_BELL_DRAIN:
		card_reset_log(&follow->card);
		follow->bell = -1;
		return vm_resume(follow->vm, err);
	case WIRE_BELL_FREEZE_SCHEDULER:
		return on_freeze(follow, "the scheduler ended before the test did", err);
	case WIRE_BELL_FREEZE_SILENT:
		return on_freeze(follow, "the test ran out of its time", err);
	case WIRE_BELL_FREEZE_LOAD:
		return on_freeze(follow, "the load had run for as long as it should", err);
	default:
		(void)show_frozen(follow, "the kernel died");
		return end_with(follow, SESSION_PANIC, panic_line(follow->config));
	}
}

static int on_qemu_end(struct follow *follow)
{
	char *panic = panic_line(follow->config);
	AUTO(buf_done) struct buf how = {0};

	if (panic)
		return end_with(follow, SESSION_PANIC, panic);
	vm_describe_end(follow->vm, &how);
	return end_with(follow, SESSION_QEMU_ENDED, buf_take(&how));
}

/*
 * The plugin asks: sched_ext has lost its scheduler, but has done nothing about it yet. A scheduler that
 * goes when its test is over, or before that has begun, is nothing to look at.
 */
static int on_halt(struct follow *follow)
{
	bool error = vm_halt_word(follow->vm) == TRACE_HALT_ERROR;
	bool in_test = follow->session->stage == WIRE_STAGE_TEST && !follow->session->has_result;

	if ((error || in_test) &&
	    show_frozen(follow, error ? "sched_ext is about to put the scheduler out"
				      : "the scheduler leaves before the test has ended"))
		return end_with(follow, SESSION_DONE, NULL);
	vm_go_on(follow->vm);
	return 0;
}

/* A kernel without a driver for the pvpanic port reboots when it has died: its memory is still there. */
static int on_off(struct follow *follow, struct ktstr_error *err)
{
	AUTO(free) char *panic = panic_line(follow->config);

	if (panic)
		(void)show_frozen(follow, "the kernel died");
	return vm_quit(follow->vm, err);
}

static int on_timeout(struct follow *follow)
{
	enum wire_stage stage = follow->session->stage;
	AUTO(free) char *path = console_path(follow->config);
	AUTO(free) char *tail = console_tail(path, 4096);
	struct sv last = sv_trim(sv_of(tail));
	const char *newline = last.len ? memrchr(last.data, '\n', last.len) : NULL;

	if (newline)
		last = sv_skip(last, (size_t)(newline - last.data) + 1);
	if (follow->config->on_frozen && vm_stop(follow->vm, NULL) == 0)
		(void)show_frozen(follow, "the host's deadline ran out");
	return end_with(follow, SESSION_TIMEOUT,
			xasprintf("stage %s did not end within %llu s%s%.*s", wire_stage_name(stage),
				  (unsigned long long)(stage_limit_ns(follow->config, stage) / NS_PER_S),
				  last.len ? "; the kernel's last line: "
					   : "; the kernel printed nothing",
				  SV_ARG(last)));
}

/* A shell's terminal may have been resized. */
static void show_window(struct follow *follow)
{
	const struct shell *shell = follow->config->shell;

	if (shell)
		atomic_store_explicit(&follow->card.map->window, *shell->window, memory_order_relaxed);
}

/* What the kernel has printed since the last time, for a shell that wants to see it. */
static void show_console(struct follow *follow)
{
	const struct shell *shell = follow->config->shell;
	char bytes[4096];
	ssize_t len;

	if (!shell || !shell->on_console)
		return;
	if (follow->console_fd < 0) {
		AUTO(free) char *path = console_path(follow->config);

		follow->console_fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	while ((len = read(follow->console_fd, bytes, sizeof(bytes))) > 0)
		shell->on_console(shell->arg, (struct sv){bytes, (size_t)len});
}

/* One round; 1 when the session has ended. */
static int step(struct follow *follow, struct ktstr_error *err)
{
	struct ktstr_error nonsense = {0};
	enum vm_event event;
	int r;

	r = vm_wait(follow->vm, deadline_earlier(follow->stage_deadline, deadline_in(POLL_NS)),
		    follow->config->cancel_fd, &event, err);
	if (r < 0)
		return r;
	show_window(follow);
	show_console(follow);
	if (read_card(follow, &nonsense) < 0)
		return end_with(follow, SESSION_NONSENSE, xstrdup(nonsense.msg));
	switch (event) {
	case VM_PAUSED:
		return on_pause(follow, err);
	case VM_OFF:
		return on_off(follow, err);
	case VM_HALTED:
		return on_halt(follow);
	case VM_ENDED:
		return on_qemu_end(follow);
	case VM_CANCELLED:
		return end_with(follow, SESSION_CANCELLED, NULL);
	case VM_NOTHING:
		break;
	}
	return deadline_passed(follow->stage_deadline) ? on_timeout(follow) : 0;
}

static void session_init(struct session *session)
{
	*session = (struct session){
		.wprof.bytes.max = WPROF_MAX,
		.steps.bytes.max = WIRE_STEPS_MAX,
		.result.max = WIRE_GUEST_PAYLOAD_MAX,
		.scheduler_state.max = WIRE_GUEST_PAYLOAD_MAX,
	};
	for (int i = 0; i < WIRE_STREAM_COUNT; i++)
		session->stream[i].max = SESSION_TEXT_MAX;
}

int session_run(const struct session_config *config, struct session *ret_session,
		struct ktstr_error *err)
{
	AUTO(session_done) struct session session;
	AUTO(follow_done) struct follow follow = {.config = config, .session = &session, .bell = -1,
						    .trace_fd = -1, .console_fd = -1};
	AUTO(free) char *path = console_path(config);
	struct vm_config vm = config->vm;
	uint64_t began = clock_ns();
	int r;

	session_init(&session);
	follow.card.fd = -1;
	r = card_make(config->request, config->nonce, &config->vm.topology, &follow.card, err);
	if (r < 0)
		return r;
	if (vm.mode == VM_DET && !vm.clone)
		follow.card.map->flags = WIRE_CARD_TEMPLATE | WIRE_CARD_HOLD_TIMERS;
	vm.card_fd = follow.card.fd;
	if (config->trace_stream) {
		follow.trace_fd = open(config->trace_stream, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (follow.trace_fd < 0)
			return error_sys(err, "create %s", config->trace_stream);
	}
	if (config->may_ring)
		follow.card.map->flags |= WIRE_CARD_FREEZE;
	show_window(&follow);
	if (config->on_stage)
		config->on_stage(config->arg, "QEMU");
	vm.stay_when_off = config->on_frozen != NULL;
	r = vm_start(&vm, &follow.vm, err);
	if (r < 0)
		return r;
	follow.stage_since_ns = clock_ns();
	session.qemu_start_ns = follow.stage_since_ns - began;
	begin_stage(&follow, WIRE_STAGE_BOOT);
	do
		r = step(&follow, err);
	while (r == 0);
	if (r < 0)
		return r;
	session.stage_host_ns[session.stage] += clock_ns() - follow.stage_since_ns;
	session.console_tail = console_tail(path, CONSOLE_TAIL_MAX);
	*ret_session = TAKE(session, (struct session){0});
	return 0;
}
