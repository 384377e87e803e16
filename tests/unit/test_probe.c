/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <link.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ktstr/jemalloc_worker_contract.h>

#include "base/base.h"
#include "probe/debugfile.h"
#include "probe/helper.h"
#include "probe/probe.h"
#include "probe/proc.h"
#include "probe/remote.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_maps
#include "../fuzz/fuzz_maps.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_probe_image
#include "../fuzz/fuzz_probe_image.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_probe_helper
#include "../fuzz/fuzz_probe_helper.c"
#undef LLVMFuzzerTestOneInput

/* ---- the contract with the worker ---- */

TEST(r1_r2_r3_r4_r7_r8_the_contract_is_to_the_letter)
{
	CHECK_STR(WORKER_READY_MARKER_PREFIX, "/tmp/ktstr-worker-ready-");
	CHECK_STR(WORKER_READY_MARKER_OVERRIDE_ENV, "KTSTR_WORKER_READY_MARKER_OVERRIDE");
	CHECK_STR(WORKER_READY_MARKER_CONTENT, "ready\n");
	CHECK_STR(WORKER_STDERR_PREFIX, "jemalloc-alloc-worker:");
	CHECK_STR(WORKER_STDOUT_READY_PREFIX, "jemalloc-alloc-worker ready");
	CHECK_STR(worker_ready_marker_path(1).text, "/tmp/ktstr-worker-ready-1");
	CHECK_STR(worker_ready_marker_path(UINT32_MAX).text, "/tmp/ktstr-worker-ready-4294967295");
}

TEST(a3_exit_statuses_are_to_the_letter)
{
	CHECK_EQ(WORKER_EXIT_NO_BYTES, 2);
	CHECK_EQ(WORKER_EXIT_THREADS, 3);
	CHECK_EQ(WORKER_EXIT_MARKER, 4);
	CHECK_EQ(WORKER_EXIT_USAGE, 5);
	CHECK_EQ(WORKER_EXIT_TASKS_UNREADABLE, 6);
	CHECK_EQ(WORKER_EXIT_INTERNAL, 101);
}

TEST(fatal_tags_and_steps_are_to_the_letter)
{
	static const char *const tags[] = {
		"none", "pid-missing", "exe-identity-changed", "jemalloc-not-found", "jemalloc-in-dso",
		"readlink-failure", "maps-read-failure", "dwarf-parse-failure", "arch-mismatch",
		"self-probe-rejected", "tid-enumeration-failure", "other",
	};
	static const char *const steps[] = {
		"none", "ptrace_seize", "ptrace_interrupt", "waitpid", "get_regset", "process_vm_readv",
		"tls_arithmetic",
	};

	for (int i = 0; i < PROBE_FATAL_COUNT; i++)
		CHECK_STR(probe_fatal_tag((enum probe_fatal)i), tags[i]);
	for (int i = 0; i < PROBE_STEP_COUNT; i++)
		CHECK_STR(probe_step_word((enum probe_step)i), steps[i]);
}

TEST(a_thread_that_does_not_stop_sleeps_or_waits_for_a_cpu)
{
	struct probe_reading reading = {.failed = PROBE_STEP_WAITPID, .code = -ETIMEDOUT};
	AUTO(buf_done) struct buf text = {0};

	probe_reading_explain(&reading, &text);
	CHECK_HAS(buf_text(&text), "uninterruptible sleep");
	buf_clear(&text);
	reading.code = -EAGAIN;
	probe_reading_explain(&reading, &text);
	CHECK_HAS(buf_text(&text), "no CPU to stop on");
}

TEST(a_refusal_says_what_helps)
{
	struct probe_reading reading = {.failed = PROBE_STEP_SEIZE, .code = -EPERM};
	AUTO(buf_done) struct buf text = {0};

	probe_reading_explain(&reading, &text);
	CHECK_HAS(buf_text(&text), "root");
	CHECK_HAS(buf_text(&text), "CAP_SYS_PTRACE");
	CHECK_HAS(buf_text(&text), "ptrace_scope");
	CHECK_HAS(buf_text(&text), "as the user of the target");
	buf_clear(&text);
	reading.tracer = 77;
	probe_reading_explain(&reading, &text);
	CHECK_HAS(buf_text(&text), "process 77 traces it already");
}

/* ---- /proc ---- */

TEST(a_line_of_maps_is_taken_apart)
{
	struct mapping mapping;

	CHECK_EQ(mapping_parse(sv_of("55d0c4a00000-55d0c4a21000 r-xp 00002000 fe:0a 1234      /usr/bin/a b"),
			       &mapping), 0);
	CHECK(mapping.start == 0x55d0c4a00000 && mapping.end == 0x55d0c4a21000);
	CHECK(mapping.offset == 0x2000 && mapping.inode == 1234 && mapping.executable);
	CHECK(mapping.major == 0xfe && mapping.minor == 0x0a);
	CHECK(sv_eq(mapping.path, "/usr/bin/a b"));
	CHECK_EQ(mapping_parse(sv_of("1000-2000 rw-p 00000000 00:00 0 "), &mapping), 0);
	CHECK_EQ(mapping.path.len, 0);
}

TEST(what_is_no_line_of_maps_is_refused)
{
	static const char *const wrong[] = {
		"", "1000", "1000-2000", "2000-1000 r-xp 0 fe:01 1 /a", "1000-2000 r-x 0 fe:01 1 /a",
		"1000-2000 r-xp 0 fe01 1 /a", "1000-2000 r-xp 0 fe:01 x /a", "x-2000 r-xp 0 fe:01 1 /a",
		"1000-2000 r-xp 0 1fe000001:01 1 /a",
	};
	struct mapping mapping;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK_EQ(mapping_parse(sv_of(wrong[i]), &mapping), -EINVAL);
}

TEST(objects_are_files_with_code)
{
	static const char maps[] =
		"1000-2000 r--p 00000000 fe:01 5 /bin/x\n"
		"2000-3000 r-xp 00001000 fe:01 5 /bin/x\n"
		"3000-4000 rw-p 00002000 fe:01 5 /bin/x\n"
		"4000-5000 rw-p 00000000 00:00 0 [heap]\n"
		"6000-7000 r--p 00000000 fe:01 6 /data\n"                /* no code */
		"7000-8000 r-xp 00001000 fe:01 7 /no/beginning\n"
		"8000-9000 r-xp 00000000 fe:01 8 /lib/a\\012b.so (deleted)\n"
		"9000-a000 rw-p 00000000 fe:01 8 /lib/a\\012b.so (deleted)\n"
		"b000-c000 r--p 00000000 fe:02 8 /lib/last\n"
		"c000-d000 rw-p 00000000 00:00 0 \n"
		"d000-e000 r-xp 00001000 fe:02 8 /lib/last";
	AUTO(objects_done) struct objects objects = {0};

	CHECK_EQ(objects_parse(sv_of(maps), &objects, NULL), 0);
	CHECK_EQ(objects.len, 3);
	CHECK_STR(objects.at[0].path, "/bin/x");
	CHECK(objects.at[0].start == 0x1000 && objects.at[0].end == 0x2000);
	CHECK_STR(objects.at[1].path, "/lib/a\nb.so");
	CHECK(objects.at[1].start == 0x8000);
	CHECK_STR(objects.at[2].path, "/lib/last");
	CHECK(objects.at[2].start == 0xb000 && objects.at[2].minor == 2);
}

TEST(a_name_in_stat_may_hold_anything)
{
	static const char stat[] = "12 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 1 2";
	char comm[64], letter;
	uint64_t start;

	CHECK_EQ(stat_parse(sv_of(stat), comm, sizeof(comm), &letter, &start), 0);
	CHECK_STR(comm, "a) (b c");
	CHECK_EQ(letter, 'S');
	CHECK_EQ(start, 777);
	CHECK_EQ(stat_parse(sv_of("12 (a) S 1 2 3"), comm, sizeof(comm), &letter, &start), -EINVAL);
	CHECK_EQ(stat_parse(sv_of(""), comm, sizeof(comm), &letter, &start), -EINVAL);
	CHECK_EQ(stat_parse(sv_of("12 )a("), comm, sizeof(comm), &letter, &start), -EINVAL);
}

TEST(status_and_auxv_give_what_they_have)
{
	static const uint64_t words[] = {3, 0x1040, 5, 13, 0, 0};
	struct sv auxv = sv_bytes(words, sizeof(words));
	uint32_t number;
	uint64_t value;

	CHECK_EQ(status_number(sv_of("Name:\tx\nTgid:\t12\nTracerPid:\t0\n"), "Tgid:", &number), 0);
	CHECK_EQ(number, 12);
	CHECK_EQ(status_number(sv_of("Name:\tTgid: 3\n"), "Tgid:", &number), -ENOENT);
	CHECK(auxv_value(auxv, 5, &value) && value == 13);
	CHECK(!auxv_value(auxv, 9, &value));
	CHECK(!auxv_value(sv_bytes(words, 12), 3, &value));
}

/* ---- ELF, DWARF and thread-local storage ---- */

static int open_seed(const char *name)
{
	AUTO(free) char *path = xasprintf("%s/fuzz/probe_image/%s",
					  getenv("KTSTR_TEST_DATA") ?: "tests/data", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("open %s", path);
	return fd;
}

TEST(symbols_and_debug_information_give_offsets)
{
	AUTO(fd_close) int fd = open_seed("tsd-with-debug-information");
	AUTO(image_done) struct image image = {.fd = -1};
	struct tsd_members members = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(image_open(fd, &image, &err), 0);
	CHECK(image.has_tls && image.tls_bytes == 80 && image.tls_align == 1);
	CHECK(image.has_tsd && image.tsd_offset == 16);
	CHECK_STR(image.mallctl, "mallctl");
	CHECK_EQ(image_read_members(&image, &members, &err), 0);
	CHECK_EQ(members.allocated, 24);
	CHECK_EQ(members.deallocated, 40);
}

/* The same file with some text replaced by another of its length. */
static int read_changed(const char *from, const char *to, struct ktstr_error *err)
{
	AUTO(fd_close) int seed_fd = open_seed("tsd-with-debug-information");
	AUTO(fd_close) int fd = memfd_create("changed", MFD_CLOEXEC);
	AUTO(buf_done) struct buf bytes = {0};
	AUTO(image_done) struct image image = {.fd = -1};
	struct tsd_members members;
	char *at;

	CHECK_EQ(fd_read_to_end(seed_fd, 1 << 20, &bytes), 0);
	at = memmem(bytes.data, bytes.len, from, strlen(from));
	CHECK(at);
	memcpy(at, to, strlen(to));
	CHECK_EQ(fd_write_all(fd, bytes.data, bytes.len), 0);
	CHECK_EQ(image_open(fd, &image, err), 0);
	return image_read_members(&image, &members, err);
}

TEST(debug_information_without_the_numbers_is_not_taken)
{
	struct ktstr_error err = {0};

	CHECK_EQ(read_changed("thread_deallocated", "thread_reallocated", &err), -ENODATA);
	CHECK_HAS(err.msg, "tsd_s");
	CHECK_EQ(read_changed("tsd_s", "tsd_t", &err), -ENODATA);
}

TEST(numbers_in_the_wrong_order_make_no_sense)
{
	AUTO(fd_close) int seed_fd = open_seed("tsd-with-debug-information");
	AUTO(fd_close) int fd = memfd_create("changed", MFD_CLOEXEC);
	AUTO(buf_done) struct buf bytes = {0};
	AUTO(image_done) struct image image = {.fd = -1};
	struct tsd_members members;
	struct ktstr_error err = {0};
	static const char first[] = "setter_thread_allocated";        /* and the NUL, then the offset */
	char *at;

	CHECK_EQ(fd_read_to_end(seed_fd, 1 << 20, &bytes), 0);
	at = memmem(bytes.data, bytes.len, first, sizeof(first));
	CHECK(at && at[sizeof(first)] == 24);
	at[sizeof(first)] = 48;
	CHECK_EQ(fd_write_all(fd, bytes.data, bytes.len), 0);
	CHECK_EQ(image_open(fd, &image, &err), 0);
	CHECK_EQ(image_read_members(&image, &members, &err), -EBADMSG);
	CHECK_HAS(err.msg, "makes no sense");
}

TEST(what_is_no_elf_file_is_refused)
{
	AUTO(fd_close) int fd = memfd_create("text", MFD_CLOEXEC);
	struct image image;
	struct ktstr_error err = {0};

	CHECK_EQ(fd_write_all(fd, "#!/bin/sh\n", 10), 0);
	CHECK_EQ(image_open(fd, &image, &err), -ENOEXEC);
}

TEST(blocks_lie_before_the_thread_pointer_or_behind_it)
{
	struct image image = {.machine = EM_X86_64, .tls_bytes = 100, .tls_align = 64};
	int64_t offset;

	CHECK_EQ(image_tls_from_pointer(&image, &offset), 0);
	CHECK_EQ(offset, -128);                  /* round_up(memsz, align) */
	image.tls_address = 0x1010;              /* lld does not round the address: the block moves with it */
	CHECK_EQ(image_tls_from_pointer(&image, &offset), 0);
	CHECK_EQ(offset, -112);
	image = (struct image){.machine = EM_AARCH64, .tls_bytes = 100, .tls_align = 64};
	CHECK_EQ(image_tls_from_pointer(&image, &offset), 0);
	CHECK_EQ(offset, 64);                    /* round_up(16, align) */
	image.tls_align = 8;
	CHECK_EQ(image_tls_from_pointer(&image, &offset), 0);
	CHECK_EQ(offset, 16);
	image.machine = EM_S390;
	CHECK_EQ(image_tls_from_pointer(&image, &offset), -ENOTSUP);
}

TEST(a_helper_says_two_numbers_and_nothing_else)
{
	static const char *const wrong[] = {"", "824 840", "824\n", "824 840 \n", "840 824\n", "824 840\nx\n",
					    "824 841\n", "-8 8\n", "824 2632\n", " 824 840\n"};
	struct tsd_members members;

	CHECK_EQ(helper_parse("824 840\n", 8, 2632, &members), 0);
	CHECK(members.allocated == 824 && members.deallocated == 840);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK_EQ(helper_parse(wrong[i], strlen(wrong[i]), 2632, &members), -EBADMSG);
}

TEST(glibc_says_where_its_fields_are)
{
	AUTO(fd_close) int fd = open_seed("thread-db");
	AUTO(image_done) struct image image = {.fd = -1};
	struct ktstr_error err = {0};
	struct thread_db db;

	CHECK_EQ(image_open(fd, &image, &err), 0);
	CHECK_EQ(thread_db_read(&image, &db, &err), 0);
	CHECK_EQ(db.l_tls_offset, 1096);
	CHECK_EQ(db.l_tls_modid, 1104);
	CHECK_EQ(db.dtvp, 8);
	CHECK_EQ(db.dtv_slot_bytes, 16);
	CHECK_EQ(db.dtv_pointer, 0);
}

TEST(another_library_says_nothing_of_the_kind)
{
	AUTO(fd_close) int fd = open_seed("tsd-with-debug-information");
	AUTO(image_done) struct image image = {.fd = -1};
	struct ktstr_error err = {0};
	struct thread_db db;

	CHECK_EQ(image_open(fd, &image, &err), 0);
	CHECK_EQ(thread_db_read(&image, &db, &err), -ENOENT);
	CHECK_HAS(err.msg, "_thread_db_link_map_l_tls_offset");
}

/* A process of our own making: words at addresses, everything else unmapped. */
static uint64_t memory[512];
#define ADDRESS(word) (0x10000ull + 8 * (word))

static int fake_read(pid_t tid, uint64_t address, void *buf, size_t bytes)
{
	(void)tid;
	if (address < ADDRESS(0) || address + bytes > ADDRESS(512) || address + bytes < address)
		return -EFAULT;
	memcpy(buf, (char *)memory + (address - ADDRESS(0)), bytes);
	return 0;
}

static const struct thread_db fake_db = {
	.l_tls_offset = 40, .l_tls_modid = 48, .dtvp = 8, .dtv_slot_bytes = 16, .dtv_pointer = 0,
};

enum { PHDRS = 0, DYNAMIC = 40, R_DEBUG = 50, MODULE_A = 60, MODULE_B = 70 };

/* Executable moved by 0x5000; two modules, of which the second is loaded at 0x7000. */
static void build_process(int64_t tls_offset, uint64_t modid)
{
	Elf64_Phdr *phdrs = (Elf64_Phdr *)&memory[PHDRS];

	memset(memory, 0, sizeof(memory));
	phdrs[0] = (Elf64_Phdr){.p_type = PT_PHDR, .p_vaddr = ADDRESS(PHDRS) - 0x5000};
	phdrs[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC, .p_vaddr = ADDRESS(DYNAMIC) - 0x5000};
	memory[DYNAMIC] = DT_FLAGS;
	memory[DYNAMIC + 2] = DT_DEBUG;
	memory[DYNAMIC + 3] = ADDRESS(R_DEBUG);
	memory[R_DEBUG + 1] = ADDRESS(MODULE_A);
	memory[MODULE_A] = 0x5000;
	memory[MODULE_A + 3] = ADDRESS(MODULE_B);
	memory[MODULE_B] = 0x7000;
	memory[MODULE_B + 5] = (uint64_t)tls_offset;
	memory[MODULE_B + 6] = modid;
}

static int find_place(uint64_t bias, struct tls_place *place, struct ktstr_error *err)
{
	return tls_place_find(1, fake_read, ADDRESS(PHDRS), 2, bias, &fake_db, place, err);
}

#if defined(__x86_64__)
TEST(a_module_has_a_static_block)
{
	struct tls_place place;
	struct ktstr_error err = {0};
	uint64_t block;

	build_process(0xa48, 2);
	CHECK_EQ(find_place(0x7000, &place, &err), 0);
	CHECK(place.is_static);
	CHECK_EQ(place.from_pointer, -0xa48);
	CHECK_EQ(tls_block_find(1, fake_read, &place, 0x9000, &block), 0);
	CHECK_EQ(block, 0x9000 - 0xa48);
}

TEST(a_module_has_a_block_in_each_thread_that_used_it)
{
	struct tls_place place;
	struct ktstr_error err = {0};
	uint64_t block = 1;

	build_process(-1, 3);                 /* FORCED_DYNAMIC_TLS_OFFSET */
	CHECK_EQ(find_place(0x7000, &place, &err), 0);
	CHECK(!place.is_static && place.modid == 3);
	memory[101] = ADDRESS(202);           /* thread pointer ADDRESS(100): tcbhead_t.dtv */
	memory[200] = 3;                      /* dtv[-1].counter */
	memory[208] = 0xb10c;                 /* dtv[3] */
	CHECK_EQ(tls_block_find(1, fake_read, &place, ADDRESS(100), &block), 0);
	CHECK_EQ(block, 0xb10c);
	memory[208] = UINT64_MAX;             /* not allocated yet */
	CHECK_EQ(tls_block_find(1, fake_read, &place, ADDRESS(100), &block), 0);
	CHECK_EQ(block, 0);
	memory[208] = 0xb10c;
	memory[200] = 2;                      /* an array from before the module was there */
	CHECK_EQ(tls_block_find(1, fake_read, &place, ADDRESS(100), &block), 0);
	CHECK_EQ(block, 0);
	memory[101] = 0;
	CHECK_EQ(tls_block_find(1, fake_read, &place, ADDRESS(100), &block), -EFAULT);
}
#endif

TEST(modules_that_are_not_there_are_not_found)
{
	struct tls_place place;
	struct ktstr_error err = {0};

	build_process(8, 2);
	CHECK_EQ(find_place(0x8000, &place, &err), -ENOENT);
	memory[MODULE_B + 3] = ADDRESS(MODULE_A);        /* a list that never ends */
	CHECK_EQ(find_place(0x8000, &place, &err), -ENOENT);
	memory[DYNAMIC + 3] = 0;
	CHECK_EQ(find_place(0x7000, &place, &err), -EAGAIN);
	CHECK_HAS(err.msg, "just starting");
	CHECK(linker_is_busy(1, fake_read, ADDRESS(PHDRS), 2));
	memory[DYNAMIC + 2] = DT_NULL;
	CHECK_EQ(find_place(0x7000, &place, &err), -ENOENT);
	build_process(0, 0);
	memory[MODULE_B + 5] = UINT64_MAX;
	CHECK_EQ(find_place(0x7000, &place, &err), -EBADMSG);
}

/* Before RT_CONSISTENT a module may be in the list without its place for thread-local storage. */
TEST(while_modules_are_loaded_none_has_a_place)
{
	struct tls_place place;
	struct ktstr_error err = {0};

	build_process(0, 2);
	memory[R_DEBUG + 3] = RT_ADD;
	CHECK_EQ(find_place(0x7000, &place, &err), -EAGAIN);
	CHECK_HAS(err.msg, "loading a library");
	CHECK(linker_is_busy(1, fake_read, ADDRESS(PHDRS), 2));
	memory[R_DEBUG + 3] = RT_CONSISTENT;
	CHECK(!linker_is_busy(1, fake_read, ADDRESS(PHDRS), 2));
	memory[DYNAMIC + 3] = 8;              /* where nothing is: no reason to wait */
	CHECK(!linker_is_busy(1, fake_read, ADDRESS(PHDRS), 2));
}

/* ---- files ---- */

TEST(a_link_cannot_lead_out_of_a_root)
{
	char root[] = "/tmp/ktstr-test-probe-XXXXXX";
	AUTO(fd_close) int root_fd = -1;
	AUTO(fd_close) int fd = -1;
	AUTO(free) char *file = NULL, *out = NULL, *fifo = NULL;

	CHECK(mkdtemp(root));
	file = xasprintf("%s/hosts", root);
	out = xasprintf("%s/out", root);
	fifo = xasprintf("%s/fifo", root);
	CHECK_EQ(file_write_atomic(file, "inside", 6, 0644, NULL), 0);
	CHECK_EQ(symlink("/../../../hosts", out), 0);
	CHECK_EQ(mkfifo(fifo, 0600), 0);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(open_in_root(root_fd, "/out", &fd), 0);        /* the root's own hosts */
	CHECK_EQ(open_in_root(root_fd, "/fifo", &fd), -EINVAL);
	CHECK_EQ(open_in_root(root_fd, "/etc/hosts", &fd), -ENOENT);
	CHECK_EQ(tree_remove(root, NULL), 0);
}

TEST(ourselves_and_the_missing_are_refused)
{
	AUTO(probe_layouts_free) struct probe_layouts *layouts = probe_layouts_new(NULL);
	AUTO(probe_target_free) struct probe_target *target = NULL;
	enum probe_fatal fatal;
	struct ktstr_error err = {0};

	CHECK_EQ(probe_target_open(getpid(), layouts, &target, &fatal, &err), -EINVAL);
	CHECK_EQ(fatal, PROBE_FATAL_SELF_PROBE_REJECTED);
	CHECK_EQ(probe_target_open(999999999, layouts, &target, &fatal, &err), -ESRCH);
	CHECK_EQ(fatal, PROBE_FATAL_PID_MISSING);
	CHECK(!target);
}

TEST(foreign_bytes_keep_their_properties)
{
	replay_corpus("maps", fuzz_maps);
	replay_corpus("probe_image", fuzz_probe_image);
	replay_corpus("probe_helper", fuzz_probe_helper);
}

RUN_TESTS();
