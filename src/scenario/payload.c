/* SPDX-License-Identifier: BSD-2-Clause */
/* payload.c - payloads in a test body: where they run, and where what they measured goes. */
#include <errno.h>

#include <ktstr/jemalloc_worker_contract.h>

#include "base/export.h"
#include "payload/payload.h"
#include "scenario/cgroup.h"
#include "scenario/scenario.h"

struct ktstr_payload_handle {
	struct ktstr_ctx *ctx;
	struct ktstr_payload_handle *next;        /* of ctx->payloads */
	const struct ktstr_payload *payload;
	const struct ktstr_metric_check *checks;
	bool replace_checks;
	unsigned index;
	struct cgroups cgroups;                   /* one of its own, when it asked for one */
	struct payload_child *child;
	bool consumed;
};

/* --- starting ------------------------------------------------------------------------------------- */

static void push_words(struct strings *argv, const char *const *words)
{
	for (; words && *words; words++)
		strings_push(argv, xstrdup(*words));
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* In a guest it is in PATH by its base name, wherever it was on the host. */
static const char *program_of(const struct ktstr_ctx *ctx, const struct ktstr_payload *payload)
{
	return strcmp(ctx->mode, "host") == 0 ? payload->binary : base_name(payload->binary);
}

/* *ret_procs stays NULL where the payload runs in the body's own cgroup. */
static int find_cgroup(struct ktstr_payload_handle *handle, const struct ktstr_payload_config *config,
		       char **ret_procs, struct ktstr_error *err)
{
	int r;

	if (!config->cgroup)
		return 0;
	if (config->play) {
		*ret_procs = play_cgroup_file(config->play, config->cgroup, "cgroup.procs", err);
		return *ret_procs ? 0 : err ? err->code : -ENOENT;
	}
	handle->cgroups.act = handle->ctx->cgroup_act;
	r = cgroups_open(&handle->cgroups, handle->ctx->cgroup_root, err);
	if (r == 0)
		r = cgroups_make(&handle->cgroups, config->cgroup, err);
	if (r == 0)
		*ret_procs = xasprintf("%s/%s/cgroup.procs", handle->cgroups.root, config->cgroup);
	return r;
}

static int start(struct ktstr_payload_handle *handle, const struct ktstr_payload_config *config,
		 struct ktstr_error *err)
{
	const struct ktstr_payload *payload = config->payload;
	AUTO(strings_done) struct strings argv = {0};
	AUTO(free) char *procs = NULL;
	struct payload_start how = {
		.name = payload->name,
		.argv = &argv,
		.share_group = payload->uses_parent_pgrp,
		.timeout_ns = config->timeout_ns ?: PAYLOAD_TIMEOUT_NS,
	};
	int r = payload_check(payload, err);

	if (r < 0)
		return r;
	strings_push(&argv, xstrdup(program_of(handle->ctx, payload)));
	if (!config->replace_args)
		push_words(&argv, payload->default_args);
	push_words(&argv, config->args);
	r = payload_check_flags(payload, &argv, err);
	if (r < 0)
		return r;
	r = find_cgroup(handle, config, &procs, err);
	if (r < 0)
		return error_wrap(err, r, "payload %s: cgroup %s", payload->name, config->cgroup);
	how.cgroup_procs = procs;
	return payload_child_start(&how, &handle->child, err);
}

EXPORT int ktstr_payload_spawn(struct ktstr_ctx *ctx, const struct ktstr_payload_config *config,
			       struct ktstr_payload_handle **ret_handle, struct ktstr_error *err)
{
	struct ktstr_payload_handle *handle = xcalloc(1, sizeof(*handle));
	int r;

	*handle = (struct ktstr_payload_handle){
		.ctx = ctx,
		.next = ctx->payloads,
		.payload = config->payload,
		.checks = config->checks,
		.replace_checks = config->replace_checks,
		.index = ctx->payload_count,
	};
	ctx->payloads = handle;
	r = start(handle, config, err);
	if (r < 0) {
		ktstr_payload_free(handle);
		return r;
	}
	ctx->payload_count++;
	*ret_handle = handle;
	return 0;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static char *tail_of(struct sv text)
{
	if (text.len > PAYLOAD_TAIL_MAX)
		text = sv_skip(text, text.len - PAYLOAD_TAIL_MAX);
	return xstrndup(text.data, text.len);
}

/* The record is the verdict's from here on. */
static const struct ktstr_payload_metrics *conclude(struct ktstr_payload_handle *handle,
						    struct ktstr_verdict *verdict)
{
	struct sv out = payload_child_output(handle->child, KTSTR_STREAM_STDOUT);
	struct sv errors = payload_child_output(handle->child, KTSTR_STREAM_STDERR);
	struct payload_record *record = xcalloc(1, sizeof(*record));

	record->index = handle->index;
	record->payload = xstrdup(handle->payload->name);
	record->exit_code = payload_child_exit_code(handle->child);
	record->stdout_tail = tail_of(out);
	record->stderr_tail = tail_of(errors);
	payload_measure(handle->payload, out, errors, record);
	payload_judge(handle->payload, handle->checks, handle->replace_checks, record, verdict);
	verdict_payload(verdict, record);
	handle->consumed = true;
	return &record->view;
}

static int refuse_consumed(const struct ktstr_payload_handle *handle, struct ktstr_error *err)
{
	if (!handle->consumed)
		return 0;
	return error_set(err, -ESRCH, "payload %s: it was waited for or killed before",
			 handle->payload->name);
}

EXPORT int ktstr_payload_wait(struct ktstr_payload_handle *handle, struct ktstr_verdict *verdict,
			      struct ktstr_error *err, const struct ktstr_payload_metrics **ret_metrics)
{
	const struct ktstr_payload_metrics *metrics;
	int r = refuse_consumed(handle, err), late;

	if (r < 0)
		return r;
	late = payload_child_wait(handle->child, err);
	metrics = conclude(handle, verdict);
	if (ret_metrics)
		*ret_metrics = metrics;
	return late;
}

EXPORT int ktstr_payload_kill(struct ktstr_payload_handle *handle, struct ktstr_verdict *verdict,
			      struct ktstr_error *err, const struct ktstr_payload_metrics **ret_metrics)
{
	const struct ktstr_payload_metrics *metrics;
	int r = refuse_consumed(handle, err);

	if (r < 0)
		return r;
	payload_child_kill(handle->child);
	metrics = conclude(handle, verdict);
	if (ret_metrics)
		*ret_metrics = metrics;
	return 0;
}

EXPORT int ktstr_payload_run(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict,
			     struct ktstr_error *err, const struct ktstr_payload_config *config,
			     const struct ktstr_payload_metrics **ret_metrics)
{
	struct ktstr_payload_handle *handle;
	int r = ktstr_payload_spawn(ctx, config, &handle, err);

	if (r < 0)
		return r;
	r = ktstr_payload_wait(handle, verdict, err, ret_metrics);
	ktstr_payload_free(handle);
	return r;
}

EXPORT pid_t ktstr_payload_pid(const struct ktstr_payload_handle *handle)
{
	return handle->consumed ? 0 : payload_child_pid(handle->child);
}

EXPORT int ktstr_payload_try_wait(struct ktstr_payload_handle *handle, int *ret_exit_code)
{
	if (!payload_child_ended(handle->child))
		return 0;
	*ret_exit_code = payload_child_exit_code(handle->child);
	return 1;
}

EXPORT void ktstr_payload_free(struct ktstr_payload_handle *handle)
{
	struct ktstr_payload_handle **link;

	if (!handle)
		return;
	link = &handle->ctx->payloads;
	while (*link != handle)
		link = &(*link)->next;
	*link = handle->next;
	payload_child_free(handle->child);
	cgroups_done(&handle->cgroups);
	free(handle);
}

struct ktstr_payload_handle *ctx_find_payload(const struct ktstr_ctx *ctx,
					      const struct ktstr_payload *payload)
{
	struct ktstr_payload_handle *handle = ctx->payloads;

	while (handle && handle->payload != payload)
		handle = handle->next;
	return handle;
}

void ctx_end_payloads(struct ktstr_ctx *ctx)
{
	while (ctx->payloads)
		ktstr_payload_free(ctx->payloads);
}

EXPORT int ktstr_wait_for_worker_ready(struct ktstr_payload_handle *handle, uint32_t pid,
				       uint64_t timeout_ns, const char *role,
				       const char *exit_code_legend, struct ktstr_error *err)
{
	const struct worker_ready_path marker = worker_ready_marker_path(pid);

	return payload_wait_marker(handle->child, marker.text, timeout_ns, role, pid, exit_code_legend, err);
}
