/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <unistd.h>

#include "dump_guest.h"
#include "test.h"

#include "../fuzz/fuzz_dump.c"
#include "../fuzz/replay.h"

DEFINE_AUTO(json_t *, json_decref)

static void check_json_is(json_t *have, const char *want)
{
	AUTO(free) char *text = json_dumps(have, JSON_COMPACT | JSON_ENCODE_ANY);

	CHECK_STR(text, want);
	json_decref(have);
}

/* --- QEMU's words --------------------------------------------------------------------------------- */

TEST(registers_of_each_cpu_are_read)
{
	AUTO(dump_cpus_done) struct dump_cpus cpus = {0};

	dump_registers_parse(sv_of("\r\nCPU#0\r\nRAX=0000000000000000 RBX=ffffffff830130c0 R8 =000000000000002a\r\n"
				   "RIP=ffffffff82075c1f RFL=00000212 [----A--] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n"
				   "CS =0010 0000000000000000 ffffffff 00af9b00\r\n"
				   "CR0=80050033 CR2=0000560b658ef2b8 CR3=0000000005ba8000 CR4=00751ef0\r\n"
				   "CPU#1\r\nRIP=0000000000401000\r\n"),
			     &cpus);
	CHECK_EQ(cpus.len, 2);
	CHECK_EQ(cpus.at[0].cr3, 0x5ba8000);
	CHECK_EQ(cpus.at[0].cr4, 0x751ef0);
	CHECK_EQ(cpus.at[0].rip, (long long)0xffffffff82075c1f);
	CHECK_STR(json_string_value(json_object_get(cpus.at[0].registers, "r8")), "0x2a");
	CHECK_STR(json_string_value(json_object_get(cpus.at[0].registers, "cs")), "0x10");
	CHECK_EQ(cpus.at[1].rip, 0x401000);
}

#define BLOCKS_HEAD "              Block Name    PSize              Offset               Used              Total                HVA  RO\n"

TEST(memory_behind_the_hole_below_4_gib_begins_at_4_gib)
{
	AUTO(dump_pieces_done) struct dump_pieces pieces = {0};

	/* two nodes of 2.5 GiB: the second half GiB of the first is above the hole */
	CHECK_EQ(dump_pieces_parse(sv_of(BLOCKS_HEAD
					 "ram1 4 KiB 0x00a0000000 0x00a0000000 0x00a0000000 0x7f0000000000 rw\n"
					 "/objects/ram0 4 KiB 0x0 0x00a0000000 0x00a0000000 0x7e0000000000 rw\n"),
				   &pieces, NULL),
		 0);
	CHECK_EQ(pieces.len, 3);
	CHECK_EQ(pieces.at[0].size, 0x80000000);
	CHECK_EQ(pieces.at[1].physical, 0x100000000);
	CHECK_EQ(pieces.at[1].size, 0x20000000);
	CHECK_EQ(pieces.at[1].host, 0x7e0080000000);
	CHECK_EQ(pieces.at[2].physical, 0x120000000);
	CHECK_EQ(pieces.at[2].host, 0x7f0000000000);
}

TEST(a_small_machine_is_one_piece)
{
	AUTO(dump_pieces_done) struct dump_pieces pieces = {0};

	CHECK_EQ(dump_pieces_parse(sv_of("ram0 4 KiB 0x0 0x40000000 0x40000000 0x7e0000000000 rw\n"), &pieces, NULL), 0);
	CHECK_EQ(pieces.len, 1);
	CHECK_EQ(pieces.at[0].physical, 0);
	CHECK_EQ(pieces.at[0].size, 0x40000000);
}

TEST(a_list_without_ram_is_refused)
{
	AUTO(dump_pieces_done) struct dump_pieces pieces = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(dump_pieces_parse(sv_of(BLOCKS_HEAD "card 4 KiB 0x0 0x10 0x10 0x10 rw\n"), &pieces, &err), -EBADMSG);
	CHECK_HAS(err.msg, "no ram0");
}

TEST(a_process_is_read_within_its_pieces_only)
{
	static const char secret[] = "behind the piece";
	AUTO(dump_pieces_done) struct dump_pieces pieces = {0};
	struct dump_process process = {.pid = getpid(), .pieces = &pieces};
	char have[8] = "";

	dump_pieces_push(&pieces, (struct dump_piece){.physical = 0x1000, .size = 6, .host = (uintptr_t)secret});
	CHECK(dump_process_read(&process, 0x1000, have, 6));
	CHECK_STR(have, "behind");
	CHECK(!dump_process_read(&process, 0x1001, have, 6));
	CHECK(!dump_process_read(&process, 0xfff, have, 1));
	CHECK(!dump_process_read(&process, 0x1006, have, 1));
}

/* --- page tables ---------------------------------------------------------------------------------- */

/* Tables at 0x1000, 0x2000, ...: each one's first entry is the next. */
static bool read_tables(void *arg, uint64_t physical, void *buffer, size_t size)
{
	const uint64_t *tables = arg;
	uint64_t entry = physical % 4096 ? 0 : tables[physical / 4096];

	CHECK_EQ(size, 8);
	memcpy(buffer, &entry, size);
	return true;
}

static void check_translation(const uint64_t *tables, bool five_levels, uint64_t address, uint64_t want)
{
	struct dump_memory memory = {
		.read = read_tables, .arg = (void *)tables, .root = 0x1018, .five_levels = five_levels};
	uint64_t have;

	CHECK(dump_translate(&memory, address, &have));
	CHECK_EQ(have, want);
	CHECK(dump_translate(&memory, address, &have));        /* remembered */
	CHECK_EQ(have, want);
}

TEST(pages_of_every_size_are_found)
{
	static const uint64_t small[] = {0, 0x2001, 0x3001, 0x4001, 0x8000000000abc063};
	static const uint64_t middle[] = {0, 0x2001, 0x3001, 0x400010e3}; /* bit 12: PAT */
	static const uint64_t large[] = {0, 0x2001, 0xc00010e3};
	static const uint64_t five[] = {0, 0x2001, 0x3001, 0xc00000e3};

	check_translation(small, false, 0x123, 0xabc123);
	check_translation(middle, false, 0x12345, 0x40012345);
	check_translation(large, false, 0x1234567, 0xc1234567);
	check_translation(five, true, 0x1234567, 0xc1234567);
}

TEST(what_is_not_mapped_has_no_address)
{
	static const uint64_t tables[] = {0, 0x2001, 0x3001, 0x4000, 0x5001};
	struct dump_memory memory = {.read = read_tables, .arg = (void *)tables, .root = 0x1000, .reads_left = 10};
	uint64_t have;

	CHECK(!dump_translate(&memory, 0x123, &have));                    /* not present */
	CHECK(!dump_translate(&memory, 0x0001000000000000, &have));       /* not canonical */
	CHECK(!dump_read(&memory, 0x123, &have, sizeof(have)));
}

/* --- walks ---------------------------------------------------------------------------------------- */

TEST(run_queues_say_who_runs)
{
	AUTO(guest_free) struct guest_image *image = guest_new();

	check_json_is(dump_runqueues(&image->guest),
		      "[{\"cpu\":0,\"nr_running\":0,\"curr\":{\"pid\":0,\"comm\":\"swapper\"},\"clock_ns\":5000,"
		      "\"scx_nr_running\":0,\"scx_local_dsq_depth\":0,\"scx_local_dsq\":[]},"
		      "{\"cpu\":1,\"nr_running\":2,\"curr\":{\"pid\":100,\"comm\":\"runs\"},\"clock_ns\":5001,"
		      "\"scx_nr_running\":0,\"scx_local_dsq_depth\":0,\"scx_local_dsq\":[]}]");
}

TEST(a_waiting_task_is_listed_with_its_queue)
{
	AUTO(guest_free) struct guest_image *image = guest_new();
	AUTO(json_decref) json_t *tasks = dump_tasks(&image->guest);
	json_t *waits = json_array_get(tasks, 1);

	CHECK_EQ(json_array_size(tasks), 2);
	CHECK_EQ(json_integer_value(json_object_get(waits, "pid")), 200);
	CHECK_STR(json_string_value(json_object_get(waits, "comm")), "waits");
	CHECK_STR(json_string_value(json_object_get(waits, "state")), "runnable");
	CHECK_STR(json_string_value(json_object_get(waits, "class")), "ext");
	CHECK(json_is_false(json_object_get(waits, "on_cpu")));
	CHECK_STR(json_string_value(json_object_get(json_object_get(waits, "scx"), "dsq")), "0x7");
}

TEST(the_scheduler_and_its_queues_are_listed)
{
	AUTO(guest_free) struct guest_image *image = guest_new();
	json_t *dsqs;

	check_json_is(dump_scheduler(&image->guest, &dsqs), "{\"name\":\"fair\",\"exit_kind\":0}");
	check_json_is(dsqs, "[{\"id\":\"0x7\",\"nr\":1,\"seq\":0,\"tasks\":[200]}]");
}

TEST(maps_have_the_names_and_values_of_their_types)
{
	AUTO(guest_free) struct guest_image *image = guest_new();

	check_json_is(dump_maps(&image->guest),
		      "[{\"name\":\"a.bss\",\"id\":20480,\"type\":\"array\",\"key_size\":4,\"value_size\":8,"
		      "\"max_entries\":1,\"has_btf\":true,\"entries\":[{\"key\":0,\"value\":"
		      "{\"the_state\":{\"stalled\":-3,\"low\":-1,\"high\":2}}}]},"
		      "{\"name\":\"hash\",\"id\":22528,\"type\":\"hash\",\"key_size\":4,\"value_size\":8,"
		      "\"max_entries\":1,\"has_btf\":false,\"entries\":[{\"key\":\"2a000000\",\"value\":"
		      "\"2211000000000000\"}]}]");
}

TEST(a_task_list_that_bites_its_tail_ends)
{
	AUTO(guest_free) struct guest_image *image = guest_new();
	AUTO(json_decref) json_t *tasks = NULL;

	/* the third task's successor is itself, never the head */
	guest_set(image, AT_TASK + 0x800, "task_struct", "tasks.next",
		  guest_at(image, AT_TASK + 0x800, "task_struct", "tasks"));
	tasks = dump_tasks(&image->guest);
	CHECK(json_array_size(tasks) <= DUMP_TASKS_MAX);
	CHECK_EQ(image->guest.memory.reads_left, 0);
}

TEST(a_bad_pointer_is_unreadable_and_the_rest_is_there)
{
	AUTO(guest_free) struct guest_image *image = guest_new();
	AUTO(json_decref) json_t *rqs = NULL;

	guest_set(image, AT_RQ, "rq", "curr", 0xdead000000000100);
	rqs = dump_runqueues(&image->guest);
	CHECK_STR(json_string_value(json_object_get(json_array_get(rqs, 0), "curr")), "unreadable");
	CHECK_EQ(json_integer_value(json_object_get(json_array_get(rqs, 1), "nr_running")), 2);
}

TEST(a_member_that_a_kernel_lacks_is_left_out)
{
	AUTO(guest_free) struct guest_image *image = guest_new();
	AUTO(json_decref) json_t *rqs = dump_runqueues(&image->guest);

	CHECK(!json_object_get(json_array_get(rqs, 0), "nr_switches"));
}

TEST(values_beyond_the_budget_are_left_out)
{
	AUTO(guest_free) struct guest_image *image = guest_new();
	AUTO(json_decref) json_t *maps = NULL;

	image->guest.budget.values = 3;
	maps = dump_maps(&image->guest);
	CHECK_EQ(json_array_size(maps), 2);
	CHECK_EQ(image->guest.budget.values, 0);
}

TEST(an_excerpt_names_who_waits_and_where)
{
	AUTO(guest_free) struct guest_image *image = guest_new();
	AUTO(json_decref) json_t *dump =
		json_pack("{s:s, s:b, s:[], s:[], s:o, s:o, s:o}", "reason", "it failed", "is_placeholder", 0, "problems",
			  "vcpu_regs", "runqueues", dump_runqueues(&image->guest), "tasks",
			  dump_tasks(&image->guest), "maps", dump_maps(&image->guest));
	AUTO(buf_done) struct buf text = {0};

	dump_excerpt(dump, &text);
	CHECK_HAS(buf_text(&text), "frozen because it failed\n");
	CHECK_HAS(buf_text(&text), "cpu 1: runs (pid 100) on it, nr_running 2, scx 0, local DSQ 0\n");
	CHECK_HAS(buf_text(&text), "waits: waits (pid 200), ext, cpu 1, DSQ 0x7");
	CHECK_HAS(buf_text(&text), "a.bss: {\"the_state\":{\"stalled\":-3");
	CHECK(!strstr(buf_text(&text), "waits: runs"));
}

TEST(the_fuzz_target_holds_on_its_corpus)
{
	replay_corpus("dump", LLVMFuzzerTestOneInput);
}

RUN_TESTS();
