/* SPDX-License-Identifier: BSD-2-Clause */
#include "catalogue/catalogue.h"

#include <stdio.h>
#include <string.h>

bool scene_lacks(unsigned have, unsigned need, const char *what, struct ktstr_verdict *verdict)
{
	if (have >= need)
		return false;
	ktstr_verdict_skip(verdict, "it needs %u %s and the machine has %u", need, what, have);
	return true;
}

const char *half_of_each_llc(const struct ktstr_ctx *ctx, unsigned part, char list[CPU_LIST_MAX])
{
	unsigned llcs = ktstr_ctx_llc_count(ctx);
	unsigned each = ktstr_ctx_cpu_count(ctx) / llcs;
	size_t len = 0;

	list[0] = '\0';
	for (unsigned llc = 0; llc < llcs; llc++) {
		unsigned first = llc * each + (part ? each / 2 : 0);
		unsigned last = llc * each + (part ? each : each / 2) - 1;
		int n = snprintf(list + len, CPU_LIST_MAX - len, "%s%u-%u", len ? "," : "", first, last);

		len += (size_t)n;        /* 64 LLCs of a thousand CPUs fill a quarter of it */
	}
	return list;
}

struct scene scene_begin(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err)
{
	struct scene scene = {.ctx = ctx, .err = err};

	scene.r = ktstr_play_begin(ctx, verdict, &scene.play, err);
	return scene;
}

void scene_op(struct scene *scene, struct ktstr_op op)
{
	if (scene->r == 0 && !scene->over)
		scene->r = ktstr_play_op(scene->play, &op, scene->err);
}

void scene_hold(struct scene *scene, const char *name, double part)
{
	uint64_t ns = (uint64_t)((double)ktstr_ctx_duration_ns(scene->ctx) * part);
	int r;

	if (scene->r < 0 || scene->over)
		return;
	ktstr_play_step(scene->play, name);
	r = ktstr_play_hold(scene->play, ns, scene->err);
	if (r < 0)
		scene->r = r;
	scene->over = r == 0;
}

int scene_finish(struct scene *scene)
{
	if (scene->r == 0)
		scene->r = ktstr_play_end(scene->play, scene->err);
	ktstr_play_free(scene->play);
	return scene->r;
}
