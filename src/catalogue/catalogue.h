/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalogue.h - the inside of <ktstr/catalogue.h>: a file a category. The room knows nothing but
 * what authors of tests know, so each of these could stand in a test program.
 */
#ifndef CATALOGUE_CATALOGUE_H
#define CATALOGUE_CATALOGUE_H

#include <ktstr/catalogue.h>
#include <ktstr/ktstr.h>

#include "base/export.h"

#define SCENE(name)                                                                                \
	EXPORT int name(struct ktstr_ctx *ctx __attribute__((unused)),                             \
			struct ktstr_verdict *verdict __attribute__((unused)),                     \
			struct ktstr_error *err __attribute__((unused)))

/* Cgroups side by side, and a whole scenario. */
#define SIDE_BY_SIDE(...) return ktstr_run_cgroups(ctx, verdict, err, __VA_ARGS__)
#define PLAY(...)                                                                                  \
	return ktstr_run_scenario(ctx, verdict, err, &(const struct ktstr_scenario){__VA_ARGS__})

/* A cgroup of the test's usual number of spinners, which another work type may replace. */
#define CG(cgroup, ...) {.name = (cgroup), .swappable = true, __VA_ARGS__}
#define WORK(kind, ...) .work = {.type = KTSTR_WORK_##kind, __VA_ARGS__}

#define MS(n) ((n) * 1000000ull)
#define HEAVY 16
#define THIRD (1.0 / 3)

#define NEEDS_LLCS(n)                                                                              \
	do {                                                                                       \
		if (scene_lacks(ktstr_ctx_llc_count(ctx), n, "LLCs", verdict))                     \
			return 0;                                                                  \
	} while (0)
#define NEEDS_NODES(n)                                                                             \
	do {                                                                                       \
		if (scene_lacks(ktstr_ctx_node_count(ctx), n, "NUMA nodes", verdict))              \
			return 0;                                                                  \
	} while (0)
#define NEEDS_CPUS(n)                                                                              \
	do {                                                                                       \
		if (scene_lacks(ktstr_ctx_cpu_count(ctx), n, "CPUs", verdict))                     \
			return 0;                                                                  \
	} while (0)

/* True, and the verdict skips in words, when there are fewer than needed. */
bool scene_lacks(unsigned have, unsigned need, const char *what, struct ktstr_verdict *verdict);

#define CPU_LIST_MAX 4096

/* The first (part 0) or second (part 1) half of the CPUs of every LLC, as a list. */
const char *half_of_each_llc(const struct ktstr_ctx *ctx, unsigned part, char list[CPU_LIST_MAX]);

/*
 * A play that is ended on every path: begun, the scene's own operations, and the end. A scene
 * returns what finish() returns of its last result.
 */
struct scene {
	struct ktstr_play *play;
	struct ktstr_ctx *ctx;
	struct ktstr_error *err;
	int r;                         /* the first failure; later calls do nothing then */
	bool over;                     /* the scheduler is gone */
};
struct scene scene_begin(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, struct ktstr_error *err);
void scene_op(struct scene *scene, struct ktstr_op op);
/* So many parts of the test's duration. */
void scene_hold(struct scene *scene, const char *name, double part);
int scene_finish(struct scene *scene);

#endif
