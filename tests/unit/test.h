/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test.h - TEST(fact) { CHECK_...; } registers itself; RUN_TESTS() is main(). cmocka runs them and
 * prints TAP.
 */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(fact)                                                                                 \
	static void fact(void **state);                                                            \
	static const struct CMUnitTest test_##fact = {#fact, fact, NULL, NULL, NULL};              \
	static const struct CMUnitTest *const entry_##fact                                         \
		__attribute__((used, section("unit_tests"))) = &test_##fact;                       \
	static void fact(void **state __attribute__((unused)))

#define CHECK(condition) assert_true(condition)
#define CHECK_EQ(have, want)                                                                       \
	do {                                                                                       \
		long long have_ = (long long)(have), want_ = (long long)(want);                    \
		if (have_ != want_)                                                                \
			fail_msg("%s is %lld, not %lld", #have, have_, want_);                     \
	} while (0)
#define CHECK_STR(have, want) assert_string_equal(have, want)
#define CHECK_HAS(have, part)                                                                      \
	do {                                                                                       \
		const char *have_ = (have), *part_ = (part);                                       \
		if (!strstr(have_, part_))                                                         \
			fail_msg("\"%s\" does not contain \"%s\"", have_, part_);                  \
	} while (0)

#define RUN_TESTS()                                                                                \
	extern const struct CMUnitTest *const __start_unit_tests[], *const __stop_unit_tests[];    \
	int main(void)                                                                             \
	{                                                                                          \
		size_t count = (size_t)(__stop_unit_tests - __start_unit_tests);                   \
		struct CMUnitTest *tests = calloc(count, sizeof(*tests));                          \
		int failed;                                                                        \
		for (size_t i = 0; i < count; i++)                                                 \
			tests[i] = *__start_unit_tests[i];                                         \
		cmocka_set_message_output(CM_OUTPUT_TAP);                                          \
		failed = _cmocka_run_group_tests("unit", tests, count, NULL, NULL);                \
		free(tests);                                                                       \
		return failed ? 1 : 0;                                                             \
	}                                                                                          \
	_Static_assert(1, "")

#endif
