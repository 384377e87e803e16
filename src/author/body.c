/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * body.c - one test body in this process. The guest's PID 1 (or the driver, for host_only tests)
 * says in the environment where it runs and where the verdict goes:
 *
 *   KTSTR_TOPOLOGY     "1n2l4c2t"; without it the machine is taken as one LLC
 *   KTSTR_MODE         "kvm", "tcg", "det" or "host"; without it: host
 *   KTSTR_SEED         decimal; without it: 0
 *   SCHED_PID          the scheduler's process; without it: none runs
 *   KTSTR_CGROUP_ROOT  without it: /sys/fs/cgroup/ktstr
 *   KTSTR_WORK_TYPE    the name of a work type that takes the place of swappable work
 *   KTSTR_DURATION_MS  in place of the test's duration
 *   KTSTR_WORKERS      in place of its workers_per_cgroup
 *   KTSTR_RESULT_FD    descriptor that gets one WIRE_RESULT frame
 *   KTSTR_NONCE        of that frame, hexadecimal
 *   KTSTR_FREEZE       "1": write a WIRE_LOAD_END frame there when a load ends, and give PID 1 time to
 *                      ring; "0" in a run that is the same run until then
 *   KTSTR_CTPROF_...   see author/captures.h
 */
#include "author/author.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "author/captures.h"
#include "scenario/scenario.h"
#include "wire/wire.h"
#include "workload/workload.h"

#define CGROUP_ROOT_DEFAULT "/sys/fs/cgroup/ktstr"
#define FREEZE_NS (50 * NS_PER_MS)        /* PID 1 has long been woken by then */

struct result_channel {
	int fd;                  /* -1: print a summary instead; owned */
	uint64_t nonce;
	char freeze;             /* what KTSTR_FREEZE begins with */
};

static const char *env_of(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int read_number(const char *name, uint64_t max, uint64_t *ret_value, struct ktstr_error *err)
{
	const char *text = env_of(name);

	if (text && sv_u64(sv_of(text), max, ret_value) < 0)
		return error_set(err, -EINVAL, "%s is no number up to %llu: %s", name,
				 (unsigned long long)max, text);
	return 0;
}

static int read_topology(struct ktstr_ctx *ctx, struct ktstr_error *err)
{
	const char *text = env_of("KTSTR_TOPOLOGY");
	struct topology topology = {1, 1, 1, 1};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = 0;

	if (text)
		r = topology_parse(sv_of(text), &topology, err);
	else if (cpus > 0 && cpus <= TOPOLOGY_CPU_MAX)
		topology.cores_per_llc = (uint32_t)cpus;
	if (r < 0)
		return error_wrap(err, r, "KTSTR_TOPOLOGY");
	ctx_set_topology(ctx, &topology);
	return 0;
}

static int read_override(struct ctx_override *override, struct ktstr_error *err)
{
	const char *work = env_of("KTSTR_WORK_TYPE");
	uint64_t duration_ms = 0, workers = 0;
	int r;

	if (work) {
		r = work_type_parse(sv_of(work), &override->work, err);
		if (r < 0)
			return error_wrap(err, r, "KTSTR_WORK_TYPE");
		override->has_work = true;
	}
	r = read_number("KTSTR_DURATION_MS", AUTHOR_DURATION_MS_MAX, &duration_ms, err);
	if (r == 0)
		r = read_number("KTSTR_WORKERS", AUTHOR_WORKERS_MAX, &workers, err);
	override->duration_ms = (unsigned)duration_ms;
	override->workers = (unsigned)workers;
	return r;
}

static int read_context(struct ktstr_ctx *ctx, struct ktstr_error *err)
{
	const char *mode = env_of("KTSTR_MODE") ?: "host";
	const char *cgroup_root = env_of("KTSTR_CGROUP_ROOT") ?: CGROUP_ROOT_DEFAULT;
	uint64_t scheduler_pid = 0;
	int r;

	if (strlen(mode) >= sizeof(ctx->mode))
		return error_set(err, -EINVAL, "KTSTR_MODE: there is no mode %s", mode);
	strncpy(ctx->mode, mode, sizeof(ctx->mode) - 1);
	ctx->cgroup_root = xstrdup(cgroup_root);
	r = read_number("KTSTR_SEED", UINT64_MAX, &ctx->seed, err);
	if (r < 0)
		return r;
	r = read_number("SCHED_PID", INT32_MAX, &scheduler_pid, err);
	if (r < 0)
		return r;
	ctx->scheduler_pid = (pid_t)scheduler_pid;
	r = read_override(&ctx->override, err);
	return r < 0 ? r : read_topology(ctx, err);
}

/*
 * The channel is for this process alone: neither a child of the body nor a program that it starts
 * shall hold it open or find it in the environment.
 */
static int read_channel(struct result_channel *channel, struct ktstr_error *err)
{
	const char *nonce = env_of("KTSTR_NONCE");
	uint64_t fd = 0;
	int r;

	if (!env_of("KTSTR_RESULT_FD"))
		return 0;
	r = read_number("KTSTR_RESULT_FD", INT32_MAX, &fd, err);
	if (r < 0)
		return r;
	if (!nonce || sv_hex64(sv_of(nonce), &channel->nonce) < 0)
		return error_set(err, -EINVAL, "KTSTR_NONCE is no hexadecimal number: %s",
				 nonce ?: "(not set)");
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_sys(err, "KTSTR_RESULT_FD %llu", (unsigned long long)fd);
	channel->fd = (int)fd;
	channel->freeze = (getenv("KTSTR_FREEZE") ?: "0")[0];
	unsetenv("KTSTR_RESULT_FD");
	unsetenv("KTSTR_NONCE");
	return 0;
}

/* The state becomes error, which no finding outranks. */
__attribute__((format(printf, 2, 3))) static void add_error(struct ktstr_verdict *verdict,
							    const char *fmt, ...)
{
	AUTO(buf_done) struct buf text = {0};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "%s", buf_text(&text));
	verdict_found(verdict, KTSTR_ERROR);
}

void author_settle(struct ktstr_verdict *verdict, int returned, const struct ktstr_error *err)
{
	if (returned < 0 && err->msg[0])
		add_error(verdict, "%s", err->msg);
	else if (returned < 0)
		add_error(verdict, "the body returned %d (%s) and no words", returned,
			  strerrordesc_np(-returned) ?: "no errno");
	else if (returned > 0)
		add_error(verdict, "the body returned %d; it must return 0 or a negative errno",
			  returned);
}

static int send_verdict(const struct result_channel *channel, const struct ktstr_verdict *verdict)
{
	AUTO(buf_done) struct buf json = {0};
	AUTO(buf_done) struct buf frame = {0};
	int r;

	verdict_to_json(verdict, &json);
	if (json.len > WIRE_GUEST_PAYLOAD_MAX) {
		AUTO(verdict_done) struct ktstr_verdict instead = {0};

		add_error(&instead, "the result has %zu bytes; at most %u can be handed over",
			  json.len, WIRE_GUEST_PAYLOAD_MAX);
		buf_clear(&json);
		verdict_to_json(&instead, &json);
	}
	wire_put(&frame, channel->nonce, WIRE_RESULT, clock_ns(), buf_text(&json),
		 (uint32_t)json.len);
	r = fd_write_all(channel->fd, frame.data, frame.len);
	if (r < 0)
		log_error("hand the result over: %s", strerrordesc_np(-r));
	return r;
}

static void put_expectation(const struct ktstr_test *test, const struct ktstr_verdict *verdict,
			    struct buf *out)
{
	bool failed = verdict->state == KTSTR_FAIL;
	bool met = failed;

	if (test->expect_kind)
		met = failed && ktstr_verdict_has(verdict, test->expect_kind);
	buf_printf(out, "  the test expects to fail%s%s: %s\n", test->expect_kind ? " as " : "",
		   test->expect_kind ? kind_name(test->expect_kind) : "",
		   met ? "it did, which counts as a pass" : "it did not, which counts as a failure");
}

void author_summary(const struct ktstr_test *test, const struct ktstr_verdict *verdict,
		    struct buf *out)
{
	buf_printf(out, "%s: %s\n", test->name, state_row(verdict->state)->word);
	vec_each(detail, &verdict->details)
		buf_printf(out, "  %s: %s\n", kind_name(detail->kind), detail->text);
	if (declared_expect_err(test))
		put_expectation(test, verdict, out);
}

static int print_summary(const struct ktstr_test *test, const struct ktstr_verdict *verdict)
{
	AUTO(buf_done) struct buf text = {0};
	int r;

	author_summary(test, verdict, &text);
	r = fd_write_all(STDOUT_FILENO, text.data, text.len);
	if (r < 0)
		log_error("write to standard output: %s", strerrordesc_np(-r));
	return r;
}

/* Who freezes is not looked at before a load ends: until then a run is the same with and without. */
static void tell_load_end(void *arg)
{
	const struct result_channel *channel = arg;
	const struct timespec wait = {.tv_nsec = FREEZE_NS};
	AUTO(buf_done) struct buf frame = {0};

	if (channel->freeze != '1')
		return;
	wire_put(&frame, channel->nonce, WIRE_LOAD_END, clock_ns(), NULL, 0);
	if (fd_write_all(channel->fd, frame.data, frame.len) == 0)
		(void)nanosleep(&wait, NULL);        /* cut short, the machine is looked at a little later */
}

static void ctx_done(struct ktstr_ctx *ctx)
{
	free(ctx->cgroup_root);
}
DEFINE_AUTO_DONE(struct ktstr_ctx, ctx_done)

int author_run_body(const struct ktstr_test *test)
{
	AUTO(verdict_done) struct ktstr_verdict verdict = {0};
	AUTO(ctx_done) struct ktstr_ctx ctx = {.test = test};
	AUTO(captures_done) struct captures captures = CAPTURES_NONE;
	struct result_channel channel = {.fd = -1};
	struct ktstr_error err = {0};
	pid_t self = getpid();
	int r;

	r = read_context(&ctx, &err);
	if (r == 0)
		r = read_channel(&channel, &err);
	if (r < 0) {
		log_error("test %s: %s", test->name, err.msg);
		return AUTHOR_EXIT_ERROR;
	}
	if (channel.fd >= 0 && strcmp(ctx.mode, "host") != 0) {
		ctx.on_load_end = tell_load_end;
		ctx.on_load_end_arg = &channel;
		captures_begin(&captures, &verdict);
		ctx.on_step = captures.socket_fd >= 0 ? captures_take : NULL;
		ctx.on_step_arg = &captures;
	}
	r = test->body(&ctx, &verdict, &err);
	if (getpid() != self) {
		log_error("test %s: a child of the body returned from it; it must call _exit()",
			  test->name);
		_exit(AUTHOR_EXIT_ERROR);
	}
	ctx_end_payloads(&ctx);
	ctx_end_play(&ctx);        /* a body that returned early may have left one */
	author_settle(&verdict, r, &err);
	fflush(NULL);        /* what the body printed comes before its verdict */
	r = channel.fd >= 0 ? send_verdict(&channel, &verdict) : print_summary(test, &verdict);
	if (channel.fd >= 0)
		fd_close(channel.fd);
	return r < 0 ? AUTHOR_EXIT_ERROR : state_row(verdict.state)->exit_status;
}
