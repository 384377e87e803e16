/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: a name's pattern is its own pattern; names with one pattern get one name, with other
 * patterns different names; a flattened path, flattened again, stays, where a glob can promise that. The bytes are lines: the first
 * is a glob, the others names.
 */
#include <assert.h>
#include <stdlib.h>

#include "ctview/flatten.h"
#include "ctview/pattern.h"

#define FUZZ_NAMES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pattern(enum ctview_names_kind kind, const char *name)
{
	AUTO(buf_done) struct buf once = {0}, twice = {0};

	ctview_pattern(kind, sv_of(name), &once);
	ctview_pattern(kind, sv_of(buf_text(&once)), &twice);
	assert(strcmp(buf_text(&once), buf_text(&twice)) == 0);
}

static void check_names(enum ctview_names_kind kind, const struct strings *lines)
{
	AUTO(ctview_names_done) struct ctview_names names = {.kind = kind};

	for (size_t i = 0; i < lines->len; i++) {
		check_pattern(kind, lines->at[i]);
		ctview_names_add(&names, lines->at[i]);
	}
	ctview_names_resolve(&names);
	for (size_t i = 0; i < lines->len; i++) {
		for (size_t j = i; j < lines->len; j++) {
			AUTO(buf_done) struct buf a = {0}, b = {0};
			bool same;

			ctview_pattern(kind, sv_of(lines->at[i]), &a);
			ctview_pattern(kind, sv_of(lines->at[j]), &b);
			same = strcmp(ctview_names_called(&names, lines->at[i]),
				      ctview_names_called(&names, lines->at[j])) == 0;
			assert(same == (strcmp(buf_text(&a), buf_text(&b)) == 0));
		}
	}
}

static void check_flatten(const char *glob, const char *path)
{
	AUTO(strings_done) struct strings globs = {0};
	AUTO(free) char *once = NULL;
	AUTO(free) char *twice = NULL;

	if (ctview_flatten_check(glob, NULL) < 0)
		return;
	strings_push(&globs, xstrdup(glob));
	once = ctview_flatten(path, &globs);
	twice = ctview_flatten(once, &globs);
	/*
	 * A bracket does not match itself, an escape is shorter than what it stands for, and of a glob
	 * of several parts that may be anywhere a part may match what another has put there.
	 */
	if (!strpbrk(glob, "[\\") && (glob[0] == '/' || !strchr(glob, '/')))
		assert(strcmp(once, twice) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv rest = sv_bytes(data, size), line;
	AUTO(strings_done) struct strings lines = {0};

	while (lines.len < FUZZ_NAMES_MAX && sv_line(&rest, &line))
		strings_push(&lines, xstrndup(line.len ? line.data : "", line.len));
	check_names(CTVIEW_THREAD_NAMES, &lines);
	check_names(CTVIEW_CGROUP_NAMES, &lines);
	for (size_t i = 1; i < lines.len; i++)
		check_flatten(lines.at[0], lines.at[i]);
	return 0;
}
