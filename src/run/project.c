/* SPDX-License-Identifier: BSD-2-Clause */
/* project.c - the commit of what is tested, for the record. */
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

#define GIT_NS (300 * NS_PER_MS)        /* a large tree takes git seconds, which no test run waits for */
#define COMMIT_MAX 80

/* NULL: no git, no work tree, or no answer in time. */
static char *commit_of(const char *dir)
{
	const char *const argv[] = {"git",      "--no-optional-locks", "-C",          dir, "describe",
				    "--always", "--dirty",             "--abbrev=7", "--exclude=*", NULL};
	AUTO(buf_done) struct buf out = {0};
	struct sv commit;

	if (run_and_read(argv, COMMIT_MAX, deadline_in(GIT_NS), &out, NULL) < 0)
		return NULL;
	commit = sv_trim(sv_bytes(buf_text(&out), out.len));
	return commit.len ? text_clean(commit, COMMIT_MAX) : NULL;
}

static char *find_commit(const char *program)
{
	AUTO(free) char *dir = realpath(program, NULL);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	char *commit = NULL;

	if (slash && slash != dir) {
		*slash = '\0';
		commit = commit_of(dir);
	}
	return commit ?: commit_of(".");
}

void plans_note_commits(struct test_plans *plans)
{
	const struct test_plan *before = NULL;

	vec_each(plan, plans) {
		bool same = before && strcmp(before->program, plan->program) == 0;

		free(plan->project_commit);
		if (same)        /* the tests of a program are neighbours */
			plan->project_commit = before->project_commit ? xstrdup(before->project_commit) : NULL;
		else
			plan->project_commit = find_commit(plan->program);
		before = plan;
	}
}
