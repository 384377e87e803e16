/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/scenario.h"

#include <assert.h>

void ctx_set_topology(struct ktstr_ctx *ctx, const struct topology *topology)
{
	ctx->topology = *topology;
	topology_format(topology, ctx->topology_text);
}

EXPORT const char *ktstr_ctx_topology(const struct ktstr_ctx *ctx)
{
	assert(ctx->topology_text[0]);
	return ctx->topology_text;
}

EXPORT unsigned ktstr_ctx_cpu_count(const struct ktstr_ctx *ctx)
{
	return topology_cpus(&ctx->topology);
}

EXPORT unsigned ktstr_ctx_llc_count(const struct ktstr_ctx *ctx)
{
	return ctx->topology.llcs;
}

EXPORT unsigned ktstr_ctx_node_count(const struct ktstr_ctx *ctx)
{
	return ctx->topology.numa_nodes;
}

EXPORT uint64_t ktstr_ctx_duration_ns(const struct ktstr_ctx *ctx)
{
	return (ctx->override.duration_ms ?: ctx->test->duration_ms) * NS_PER_MS;
}

EXPORT unsigned ktstr_ctx_workers_per_cgroup(const struct ktstr_ctx *ctx)
{
	return ctx->override.workers ?: ctx->test->workers_per_cgroup;
}

EXPORT pid_t ktstr_ctx_scheduler_pid(const struct ktstr_ctx *ctx)
{
	return ctx->scheduler_pid;
}

EXPORT const char *ktstr_ctx_mode(const struct ktstr_ctx *ctx)
{
	return ctx->mode;
}

EXPORT uint64_t ktstr_ctx_seed(const struct ktstr_ctx *ctx)
{
	return ctx->seed;
}

uint64_t *ctx_random(struct ktstr_ctx *ctx)
{
	if (!ctx->random_begun)
		ctx->random = ctx->seed;
	ctx->random_begun = true;
	return &ctx->random;
}

EXPORT uint64_t ktstr_ctx_random(struct ktstr_ctx *ctx)
{
	return splitmix64(ctx_random(ctx));
}

void ctx_end_play(struct ktstr_ctx *ctx)
{
	ktstr_play_free(ctx->play);
}
