/* SPDX-License-Identifier: BSD-2-Clause */
#include "author/author.h"

#include <string.h>

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

/* How many characters must be added, dropped or replaced to get from a to b (Levenshtein). */
static size_t edits_between(const char *a, const char *b)
{
	size_t row[AUTHOR_NAME_MAX + 1];
	size_t len = strnlen(b, AUTHOR_NAME_MAX);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= len; j++) {
			size_t replaced = diagonal + (a[i] != b[j - 1]);
			size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = replaced < shifted ? replaced : shifted;
		}
	}
	return row[len];
}

const char *registry_suggest(const struct registry *registry, const char *name)
{
	const char *best = NULL;
	size_t best_edits;

	name = bare_name(name);
	best_edits = strlen(name) / 3 + 2;        /* from here on it is another word */
	for (size_t i = 0; i < registry->count; i++) {
		size_t edits = edits_between(name, registry->at[i]->name);

		if (edits < best_edits) {
			best_edits = edits;
			best = registry->at[i]->name;
		}
	}
	return best;
}
