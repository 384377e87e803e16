/* SPDX-License-Identifier: BSD-2-Clause */
#include "author/author.h"

#include <string.h>

#include "base/edits.h"

/*
 * The linker makes these for a section whose name is an identifier (ld(1), "orphan sections"). Weak,
 * because a program without tests has no such section, and shall be told so in words.
 */
extern const struct ktstr_test *const __start_ktstr_tests[] __attribute__((weak));
extern const struct ktstr_test *const __stop_ktstr_tests[] __attribute__((weak));

static bool comes_later(const struct ktstr_test *a, const struct ktstr_test *b)
{
	return a->file && b->file && strcmp(a->file, b->file) == 0 && a->line > b->line;
}

/* Insert into the tests before it: a file's tests lie together, and are sorted among themselves. */
static void insert(const struct ktstr_test **tests, size_t count, const struct ktstr_test *test)
{
	while (count > 0 && comes_later(tests[count - 1], test)) {
		tests[count] = tests[count - 1];
		count--;
	}
	tests[count] = test;
}

struct registry registry_linked(void)
{
	static const struct ktstr_test **tests;
	size_t count = 0;

	if (__start_ktstr_tests)
		count = (size_t)(__stop_ktstr_tests - __start_ktstr_tests);
	if (!tests) {
		tests = xcalloc(count, sizeof(*tests));
		for (size_t i = 0; i < count; i++)
			insert(tests, i, __start_ktstr_tests[i]);
	}
	return (struct registry){.at = tests, .count = count};
}

static const char *bare_name(const char *name)
{
	return strncmp(name, "ktstr/", 6) == 0 ? name + 6 : name;
}

const struct ktstr_test *registry_find(const struct registry *registry, const char *name)
{
	name = bare_name(name);
	for (size_t i = 0; i < registry->count; i++) {
		if (strcmp(registry->at[i]->name, name) == 0)
			return registry->at[i];
	}
	return NULL;
}

const char *registry_suggest(const struct registry *registry, const char *name)
{
	const char *best = NULL;
	size_t best_edits;

	name = bare_name(name);
	best_edits = edits_too_many(name);
	for (size_t i = 0; i < registry->count; i++) {
		size_t edits = edits_between(name, registry->at[i]->name);

		if (edits < best_edits) {
			best_edits = edits;
			best = registry->at[i]->name;
		}
	}
	return best;
}
