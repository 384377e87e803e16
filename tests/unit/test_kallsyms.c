/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "kallsyms_writer.h"
#include "symbols/kallsyms.h"
#include "test.h"

#include "../fuzz/fuzz_kallsyms.c"
#include "../fuzz/replay.h"

static const struct writer_symbol symbols[] = {
	{"T_text", WRITER_TEXT},
	{"ttry_to_wake_up", WRITER_TEXT + 0x3a1c00},
	{"drunqueues", WRITER_TEXT + 0x2c44540},
};

static bool append(void *arg, const char *name, uint64_t address)
{
	buf_printf(arg, "%s %llx\n", name, (unsigned long long)address);
	return true;
}

static bool stop_at_second(void *arg, const char *name, uint64_t address)
{
	(void)name;
	(void)address;
	return ++*(int *)arg < 2;
}

static void check_symbols(enum writer_addresses addresses, const char *want)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf text = {0};
	struct kallsyms kallsyms;

	writer_vmlinux(symbols, 3, addresses, &vmlinux);
	CHECK_EQ(kallsyms_find(&vmlinux, &kallsyms, NULL), 0);
	CHECK_EQ(kallsyms_each(&kallsyms, append, &text, NULL), 0);
	CHECK_STR(buf_text(&text), want);
}

#define WANT "_text ffffffff81000000\ntry_to_wake_up ffffffff813a1c00\nrunqueues ffffffff83c44540\n"

TEST(symbols_are_found_without_a_section_that_names_them)
{
	check_symbols(WRITER_BASE, WANT);
}

TEST(addresses_relative_to_themselves_are_understood)
{
	check_symbols(WRITER_SELF, WANT);
}

TEST(per_cpu_variables_may_be_absolute)
{
	static const struct writer_symbol old[] = {
		{"A__per_cpu_start", 0},
		{"Arunqueues", 0x31540},
		{"T_text", WRITER_TEXT},
		{"tschedule", WRITER_TEXT + 0x1000},
	};
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf text = {0};
	struct kallsyms kallsyms;

	writer_vmlinux(old, 4, WRITER_PERCPU, &vmlinux);
	CHECK_EQ(kallsyms_find(&vmlinux, &kallsyms, NULL), 0);
	CHECK_EQ(kallsyms_each(&kallsyms, append, &text, NULL), 0);
	CHECK_STR(buf_text(&text), "__per_cpu_start 0\nrunqueues 31540\n_text ffffffff81000000\n"
				   "schedule ffffffff81001000\n");
}

TEST(many_symbols_and_long_names)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf text = {0};
	struct writer_symbol many[700];
	char long_name[301];
	struct kallsyms kallsyms;

	memset(long_name, 'x', 300);
	long_name[0] = 't';
	long_name[300] = '\0';
	for (uint32_t i = 0; i < 700; i++)
		many[i] = (struct writer_symbol){i ? long_name : "T_text", WRITER_TEXT + 16 * i};
	writer_vmlinux(many, 700, WRITER_BASE, &vmlinux);
	CHECK_EQ(kallsyms_find(&vmlinux, &kallsyms, NULL), 0);
	CHECK_EQ(kallsyms.count, 700);
	CHECK_EQ(kallsyms_each(&kallsyms, append, &text, NULL), 0);
	CHECK_HAS(buf_text(&text), "xxx ffffffff81002bb0\n");
	CHECK_EQ(text.len, strlen("_text ffffffff81000000\n") + 699 * (299 + 18));
}

TEST(a_visit_may_end_early)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	struct kallsyms kallsyms;
	int seen = 0;

	writer_vmlinux(symbols, 3, WRITER_BASE, &vmlinux);
	CHECK_EQ(kallsyms_find(&vmlinux, &kallsyms, NULL), 0);
	CHECK_EQ(kallsyms_each(&kallsyms, stop_at_second, &seen, NULL), 0);
	CHECK_EQ(seen, 2);
}

TEST(what_has_no_table_says_so)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	struct ktstr_error err = {0};
	struct kallsyms kallsyms;

	buf_str(&vmlinux,
		"no ELF file, but long enough to be one, if it began with the right letters");
	CHECK_EQ(kallsyms_find(&vmlinux, &kallsyms, &err), -EINVAL);
	buf_clear(&vmlinux);
	writer_vmlinux(symbols, 3, WRITER_BASE, &vmlinux);
	memset(vmlinux.data + vmlinux.len - 512, 0xff, 300); /* in the token index */
	CHECK_EQ(kallsyms_find(&vmlinux, &kallsyms, &err), -ENODATA);
	CHECK_HAS(err.msg, "CONFIG_KALLSYMS");
}

TEST(a_name_that_expands_without_end_is_refused)
{
	AUTO(buf_done) struct buf vmlinux = {0};
	struct ktstr_error err = {0};
	struct writer_symbol huge[] = {{"T_text", WRITER_TEXT}, {NULL, WRITER_TEXT + 16}};
	char name[601];
	struct kallsyms kallsyms;

	memset(name, 'x', 600);
	name[600] = '\0';
	huge[1].name = name;
	writer_vmlinux(huge, 2, WRITER_BASE, &vmlinux);
	CHECK_EQ(kallsyms_find(&vmlinux, &kallsyms, NULL), 0);
	CHECK_EQ(kallsyms_each(&kallsyms, stop_at_second, &(int){-5}, &err), -EBADMSG);
	CHECK_HAS(err.msg, "symbol 1");
}

TEST(tables_of_any_content_keep_their_property)
{
	replay_corpus("kallsyms", LLVMFuzzerTestOneInput);
}

RUN_TESTS();
