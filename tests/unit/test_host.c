/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules H1 to H11 are those of shared/spec/1-contracts.md 1.5; the host context is 2.16. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/fields.h"
#include "test.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_host_context
#include "../fuzz/fuzz_host_context.c"
#undef LLVMFuzzerTestOneInput

#define NUMBER(n) ((struct host_number){.known = true, .value = (n)})

/* H4 */
static const struct host_heap_state fixture = {
	.active_bytes = {true, 1 << 20},
	.allocated_bytes = {true, 512 << 10},
	.resident_bytes = {true, 2 << 20},
	.mapped_bytes = {true, 4 << 20},
	.narenas = {true, 64},
};
static const struct host_heap_state unknown;        /* H2: all absent */

static char *heap_json(const struct host_heap_state *heap)
{
	json_t *json = host_heap_to_json(heap);
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return text;
}

static int read_heap(const char *text, struct host_heap_state *heap, struct ktstr_error *err)
{
	json_t *json = json_loads(text, 0, NULL);
	int r = host_heap_from_json(json, heap, err);

	json_decref(json);
	return r;
}

TEST(h1_h3_heap_json_is_in_declaration_order)
{
	AUTO(free) char *text = heap_json(&fixture);

	CHECK_STR(text, "{\"active_bytes\":1048576,\"allocated_bytes\":524288,"
			"\"resident_bytes\":2097152,\"mapped_bytes\":4194304,\"narenas\":64}");
}

TEST(h3_an_absent_field_is_left_out_and_default_is_an_empty_object)
{
	struct host_heap_state some = {.narenas = NUMBER(0)};
	AUTO(free) char *none = heap_json(&unknown);
	AUTO(free) char *one = heap_json(&some);

	CHECK_STR(none, "{}");
	CHECK_STR(one, "{\"narenas\":0}");
}

TEST(h3_heap_json_survives_a_round_trip)
{
	AUTO(free) char *text = heap_json(&fixture);
	struct host_heap_state back = {0};

	CHECK_EQ(read_heap(text, &back, NULL), 0);
	CHECK(host_heap_equal(&back, &fixture));
	CHECK(!host_heap_equal(&back, &unknown));
	CHECK_EQ(read_heap("{}", &back, NULL), 0);
	CHECK(host_heap_equal(&back, &unknown));
	CHECK_EQ(read_heap("{\"mapped_bytes\":1,\"later\":[]}", &back, NULL), 0);
	CHECK(back.mapped_bytes.known && !back.active_bytes.known);
}

TEST(heap_json_of_another_type_is_refused_in_words)
{
	struct host_heap_state heap = fixture;
	struct ktstr_error err = {0};

	CHECK_EQ(read_heap("{\"active_bytes\":-1}", &heap, &err), -EBADMSG);
	CHECK_STR(err.msg, "heap_state: active_bytes is not a whole number that is not negative");
	CHECK_EQ(read_heap("[]", &heap, &err), -EBADMSG);
	CHECK_STR(err.msg, "heap_state: it is no object");
	CHECK(host_heap_equal(&heap, &fixture));
}

TEST(h5_the_human_form_is_a_line_a_field)
{
	AUTO(buf_done) struct buf text = {0};
	AUTO(buf_done) struct buf none = {0};

	host_heap_format(&fixture, 0, &text);
	CHECK_STR(buf_text(&text), "allocated_bytes: 524288\nactive_bytes: 1048576\n"
				   "resident_bytes: 2097152\nmapped_bytes: 4194304\nnarenas: 64\n");
	host_heap_format(&unknown, 0, &none);
	CHECK_STR(buf_text(&none), "allocated_bytes: (unknown)\nactive_bytes: (unknown)\n"
				   "resident_bytes: (unknown)\nmapped_bytes: (unknown)\n"
				   "narenas: (unknown)\n");
}

TEST(h6_the_diff_has_only_what_changed)
{
	AUTO(buf_done) struct buf same = {0};
	AUTO(buf_done) struct buf one = {0};
	AUTO(buf_done) struct buf appeared = {0};
	AUTO(buf_done) struct buf vanished = {0};
	struct host_heap_state other = fixture;

	host_heap_diff(&fixture, &fixture, 0, &same);
	CHECK_STR(buf_text(&same), "");
	other.allocated_bytes = NUMBER(9 << 20);
	host_heap_diff(&fixture, &other, 0, &one);
	CHECK_STR(buf_text(&one), "allocated_bytes: 524288 \xe2\x86\x92 9437184\n");
	host_heap_diff(&unknown, &fixture, 0, &appeared);
	CHECK_STR(buf_text(&appeared),
		  "allocated_bytes: (unknown) → 524288\nactive_bytes: (unknown) → 1048576\n"
		  "resident_bytes: (unknown) → 2097152\nmapped_bytes: (unknown) → 4194304\n"
		  "narenas: (unknown) → 64\n");
	host_heap_diff(&fixture, &unknown, 0, &vanished);
	CHECK_HAS(buf_text(&vanished), "allocated_bytes: 524288 → (unknown)\n");
	CHECK_HAS(buf_text(&vanished), "narenas: 64 → (unknown)\n");
}

TEST(h7_h9_h10_collect_reads_this_process)
{
	struct host_heap_state heap = host_heap_collect();
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!heap.narenas.known) {
#if defined(__SANITIZE_ADDRESS__)
		CHECK(host_heap_equal(&heap, &unknown));        /* no jemalloc here: all are absent */
		return;
#else
		fail_msg("this test is linked with jemalloc, and reads nothing of it");
#endif
	}
	CHECK(heap.narenas.value > 0);
	CHECK(heap.allocated_bytes.known && heap.active_bytes.known);
	CHECK(heap.resident_bytes.known && heap.mapped_bytes.known);
	CHECK(heap.allocated_bytes.value > 0);
	CHECK(heap.active_bytes.value >= heap.allocated_bytes.value);
	CHECK(heap.resident_bytes.value >= heap.active_bytes.value);
	CHECK(heap.mapped_bytes.value >= heap.active_bytes.value);
	CHECK_EQ(heap.active_bytes.value % page, 0);
	CHECK_EQ(heap.resident_bytes.value % page, 0);
	CHECK_EQ(heap.mapped_bytes.value % page, 0);
}

/* The epoch advances at every call, or the second would see the first one's numbers. */
TEST(h7_each_collect_is_fresh)
{
	struct host_heap_state before = host_heap_collect(), after;
	AUTO(free) char *much = xmalloc(8 << 20);

	memset(much, 1, 8 << 20);
	after = host_heap_collect();
	if (before.allocated_bytes.known)
		CHECK(after.allocated_bytes.value >= before.allocated_bytes.value + (8 << 20));
}

static void *collect_often(void *arg)
{
	for (int i = 0; i < 200; i++)
		*(struct host_heap_state *)arg = host_heap_collect();
	return NULL;
}

TEST(h7_threads_may_collect_at_once)
{
	struct host_heap_state seen[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, collect_often, &seen[i]), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK_EQ(seen[i].narenas.known, seen[0].narenas.known);
	}
}

TEST(h8_only_two_zeros_that_are_there_mean_unused)
{
	struct host_heap_state heap = fixture;

	CHECK(!host_heap_is_unused(&heap));
	CHECK(!host_heap_is_unused(&unknown));
	heap.allocated_bytes = NUMBER(0);
	CHECK(!host_heap_is_unused(&heap));
	heap.active_bytes = NUMBER(0);
	CHECK(host_heap_is_unused(&heap));
	heap.active_bytes.known = false;
	CHECK(!host_heap_is_unused(&heap));
}

/* --- the host context ----------------------------------------------------------------------------- */

struct tree {
	char path[32];
	int fd;
};

static void tree_done(struct tree *tree)
{
	fd_close(tree->fd);
	CHECK_EQ(tree_remove(tree->path, NULL), 0);
}
DEFINE_AUTO_DONE(struct tree, tree_done)

static struct tree tree_make(void)
{
	struct tree tree = {.path = "/tmp/ktstr-host-XXXXXX"};

	CHECK(mkdtemp(tree.path));
	tree.fd = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tree;
}

static void put_file(const struct tree *tree, const char *path, const char *text)
{
	AUTO(free) char *full = xasprintf("%s/%s", tree->path, path);
	AUTO(free) char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));

	CHECK_EQ(dir_make(dir, 0755, NULL), 0);
	CHECK_EQ(file_write_atomic(full, text, strlen(text), 0644, NULL), 0);
}

/* A host of 512 CPUs and two nodes. */
static void put_host(const struct tree *tree)
{
	put_file(tree, "proc/sys/kernel/ostype", "Linux\n");
	put_file(tree, "proc/sys/kernel/osrelease", "6.18.1\n");
	put_file(tree, "proc/sys/kernel/arch", "x86_64\n");
	put_file(tree, "proc/sys/kernel/sched_rt_runtime_us", "950000\n");
	put_file(tree, "proc/sys/kernel/sched_autogroup_enabled", "1\n");
	put_file(tree, "proc/sys/kernel/pid_max", "32768\n");
	put_file(tree, "proc/cpuinfo",
		 "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: A CPU: fast\n\n"
		 "processor\t: 1\nmodel name\t: another\n");
	put_file(tree, "proc/meminfo",
		 "MemTotal:       24034216 kB\nMemFree:        1 kB\nHugePages_Total:       8\n"
		 "HugePages_Free:        3\nHugepagesize:       2048 kB\n");
	put_file(tree, "proc/cmdline", "root=/dev/vda1 quiet \n");
	put_file(tree, "sys/devices/system/cpu/online", "0-511\n");
	put_file(tree, "sys/devices/system/node/online", "0-1\n");
	put_file(tree, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put_file(tree, "sys/devices/system/cpu/cpu10/cpufreq/scaling_governor", "powersave\n");
	put_file(tree, "sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance\n");
	put_file(tree, "sys/devices/system/cpu/cpuidle/current_driver", "none\n");
}

static const char host_text[] =
	"kernel_name: Linux\n"
	"kernel_release: 6.18.1\n"
	"arch: x86_64\n"
	"cpu_model: A CPU: fast\n"
	"cpu_vendor: GenuineIntel\n"
	"total_memory_kb: 24034216\n"
	"hugepages_total: 8\n"
	"hugepages_free: 3\n"
	"hugepages_size_kb: 2048\n"
	"online_cpus: 512\n"
	"numa_nodes: 2\n"
	"thp_enabled: always [madvise] never\n"
	"thp_defrag: (unknown)\n"
	"kernel_cmdline: root=/dev/vda1 quiet\n"
	"cpufreq_governor:\n"
	"  cpu2: performance\n"
	"  cpu10: powersave\n"
	"sched_tunables:\n"
	"  sched_autogroup_enabled: 1\n"
	"  sched_rt_runtime_us: 950000\n"
	"heap_state: (unknown)\n";

TEST(a_host_is_read_from_proc_and_sys_in_the_order_of_2_16)
{
	AUTO(tree_done) struct tree tree = tree_make();
	AUTO(host_context_done) struct host_context context = {0};
	AUTO(buf_done) struct buf text = {0};

	put_host(&tree);
	host_context_read(tree.fd, &context);
	host_context_format(&context, &text);
	CHECK_STR(buf_text(&text), host_text);
}

TEST(a_host_of_which_nothing_can_be_read_is_unknown)
{
	AUTO(tree_done) struct tree tree = tree_make();
	AUTO(host_context_done) struct host_context context = {0};
	AUTO(buf_done) struct buf text = {0};
	struct sv rest, line;
	json_t *json;

	host_context_read(tree.fd, &context);
	json = host_context_to_json(&context);
	CHECK_EQ(json_object_size(json), 0);
	json_decref(json);
	host_context_format(&context, &text);
	rest = sv_bytes(buf_text(&text), text.len);
	while (sv_line(&rest, &line))
		CHECK(line.len > 11 && sv_eq(sv_skip(line, line.len - 11), ": (unknown)"));
}

TEST(h11_the_heap_is_a_block_below_heap_state)
{
	struct host_context context = {.has_heap_state = true, .heap_state = fixture};
	AUTO(buf_done) struct buf text = {0};
	json_t *json = host_context_to_json(&context);
	AUTO(free) char *dump = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	host_context_format(&context, &text);
	CHECK_HAS(buf_text(&text), "heap_state:\n  allocated_bytes: 524288\n  active_bytes: 1048576\n");
	CHECK_HAS(dump, "{\"heap_state\":{\"active_bytes\":1048576,");
}

TEST(a_host_context_survives_a_round_trip)
{
	AUTO(tree_done) struct tree tree = tree_make();
	AUTO(host_context_done) struct host_context context = {0};
	AUTO(host_context_done) struct host_context back = {0};
	json_t *json;

	put_host(&tree);
	host_context_read(tree.fd, &context);
	context.has_heap_state = true;
	context.heap_state = fixture;
	json = host_context_to_json(&context);
	CHECK_EQ(host_context_from_json(json, &back, NULL), 0);
	json_decref(json);
	CHECK(host_context_equal(&context, &back));
}

TEST(a_host_context_that_is_none_is_refused_in_words)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"[]", "the host context: it is no object"},
		{"{\"arch\":1}", "the host context: arch is not a string"},
		{"{\"online_cpus\":\"4\"}", "the host context: online_cpus is not a whole number"},
		{"{\"sched_tunables\":[]}", "the host context: sched_tunables is no object"},
		{"{\"sched_tunables\":{\"a\":1}}", "an entry of sched_tunables is not a string"},
		{"{\"heap_state\":1}", "the host context: heap_state: it is no object"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct host_context context = {0};
		struct ktstr_error err = {0};
		json_t *json = json_loads(cases[i].text, 0, NULL);

		CHECK_EQ(host_context_from_json(json, &context, &err), -EBADMSG);
		CHECK_HAS(err.msg, cases[i].why);
		CHECK(!context.arch && !context.sched_tunables.known);
		json_decref(json);
	}
}

static char *diff_of(const char *before, const char *after)
{
	AUTO(host_context_done) struct host_context a = {0};
	AUTO(host_context_done) struct host_context b = {0};
	AUTO(buf_done) struct buf text = {0};
	json_t *left = json_loads(before, 0, NULL), *right = json_loads(after, 0, NULL);

	CHECK_EQ(host_context_from_json(left, &a, NULL), 0);
	CHECK_EQ(host_context_from_json(right, &b, NULL), 0);
	json_decref(left);
	json_decref(right);
	host_context_diff(&a, &b, &text);
	CHECK_EQ(host_context_equal(&a, &b), text.len == 0);
	return xstrdup(buf_text(&text));
}

TEST(a_diff_of_hosts_has_a_line_a_change)
{
	static const struct {
		const char *before, *after, *diff;
	} cases[] = {
		{"{\"arch\":\"a\",\"numa_nodes\":1}", "{\"arch\":\"a\",\"numa_nodes\":1}", ""},
		{"{\"arch\":\"a\",\"numa_nodes\":1}", "{\"arch\":\"b\"}",
		 "  arch: a → b\n  numa_nodes: 1 → (unknown)\n"},
		{"{}", "{\"cpu_model\":\"\"}", "  cpu_model: (unknown) → \n"},
		{"{\"sched_tunables\":{\"a\":\"1\",\"b\":\"2\",\"d\":\"4\"}}",
		 "{\"sched_tunables\":{\"b\":\"3\",\"c\":\"1\",\"d\":\"4\"}}",
		 "  sched_tunables.a: 1 → (absent)\n  sched_tunables.b: 2 → 3\n"
		 "  sched_tunables.c: (absent) → 1\n"},
		{"{\"cpufreq_governor\":{\"cpu2\":\"p\",\"cpu10\":\"p\"}}",
		 "{\"cpufreq_governor\":{\"cpu10\":\"q\",\"cpu2\":\"q\"}}",
		 "  cpufreq_governor.cpu2: p → q\n  cpufreq_governor.cpu10: p → q\n"},
		{"{\"cpufreq_governor\":{\"cpu2\":\"p\",\"cpu10\":\"p\"}}",
		 "{\"cpufreq_governor\":{\"cpu10\":\"p\"}}", "  cpufreq_governor.cpu2: p → (absent)\n"},
		{"{}", "{\"sched_tunables\":{\"a\":\"1\",\"b\":\"2\"}}",
		 "  sched_tunables: (unknown) → (2 entries)\n"},
		{"{\"sched_tunables\":{}}", "{}", "  sched_tunables: (0 entries) → (unknown)\n"},
		{"{\"heap_state\":{\"active_bytes\":1,\"narenas\":8}}",
		 "{\"heap_state\":{\"active_bytes\":2,\"narenas\":8}}",
		 "  heap_state:\n    active_bytes: 1 → 2\n"},
		{"{\"heap_state\":{}}", "{}", "  heap_state: (present) → (unknown)\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO(free) char *diff = diff_of(cases[i].before, cases[i].after);

		CHECK_STR(diff, cases[i].diff);
	}
}

TEST(an_empty_map_says_so)
{
	struct host_context context = {.sched_tunables = {.known = true}};
	AUTO(buf_done) struct buf text = {0};

	host_context_format(&context, &text);
	CHECK_HAS(buf_text(&text), "cpufreq_governor: (unknown)\nsched_tunables: (empty)\n");
}

TEST(this_host_has_a_kernel_memory_and_cpus)
{
	AUTO(host_context_done) struct host_context first = {0};
	AUTO(host_context_done) struct host_context second = {0};

	host_context_collect(&first);
	host_context_collect(&second);
	CHECK_STR(first.kernel_name, "Linux");
	CHECK(first.arch && first.arch != second.arch);        /* each has its own copy */
	CHECK(first.total_memory_kb.value > 1024);
	CHECK(first.online_cpus.value >= 1);
	CHECK(first.has_heap_state);
}

TEST(hostile_host_contexts_are_survived)
{
	replay_corpus("host_context", fuzz_host_context);
}

RUN_TESTS();
