/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "symbols/closure.h"
#include "symbols/ldcache.h"
#include "test.h"

#include "elf_writer.h"

#define LLVMFuzzerTestOneInput fuzz_ldcache
#include "../fuzz/fuzz_ldcache.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_closure
#include "../fuzz/fuzz_closure.c"
#undef LLVMFuzzerTestOneInput

/* A host: a directory that stands for its root, and what came of asking there. */
struct world {
	char root[64];
	const char *library_path;
	struct closure closure;
	struct ktstr_error err;
};

static void world_init(struct world *world)
{
	*world = (struct world){.root = "/tmp/ktstr-test-closure-XXXXXX"};
	CHECK(mkdtemp(world->root));
}

static void world_done(struct world *world)
{
	(void)tree_remove(world->root, NULL);     /* nothing is left to be done about it */
	closure_done(&world->closure);
}
DEFINE_AUTO_DONE(struct world, world_done)

static void put_bytes(struct world *world, const char *path, const void *data, size_t len)
{
	AUTO(free) char *full = xasprintf("%s%s", world->root, path);
	AUTO(free) char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	AUTO(fd_close) int fd = -1;

	CHECK_EQ(dir_make(dir, 0700, NULL), 0);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	CHECK(fd >= 0);
	CHECK_EQ(fd_write_all(fd, data, len), 0);
}

static void put_text(struct world *world, const char *path, const char *text)
{
	put_bytes(world, path, text, strlen(text));
}

static void put_elf(struct world *world, const char *path, struct elf_spec spec)
{
	AUTO(buf_done) struct buf bytes = {0};

	elf_write(&spec, &bytes);
	put_bytes(world, path, bytes.data, bytes.len);
}
#define PUT(path, ...) put_elf(&world, path, (struct elf_spec){__VA_ARGS__})

static void put_link(struct world *world, const char *path, const char *target)
{
	AUTO(free) char *full = xasprintf("%s%s", world->root, path);
	AUTO(free) char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));

	CHECK_EQ(dir_make(dir, 0700, NULL), 0);
	CHECK_EQ(symlink(target, full), 0);
}

static int ask(struct world *world, const char *program)
{
	AUTO(free) char *path = xasprintf("%s%s", world->root, program);
	const struct closure_config config = {
		.root = world->root,
		.library_path = world->library_path,
	};

	closure_done(&world->closure);
	world->err = (struct ktstr_error){0};
	return closure_of(path, &config, &world->closure, &world->err);
}

static void check_joined(const struct strings *have, const char *want)
{
	AUTO(buf_done) struct buf text = {0};

	vec_each(one, have)
		buf_printf(&text, "%s%s", text.len ? " " : "", *one);
	CHECK_STR(buf_text(&text), want);
}

/* files by guest path, "guest<host" where the two are not the same below the root */
static void check_files(const struct world *world, const char *want)
{
	AUTO(buf_done) struct buf text = {0};

	vec_each(file, &world->closure.files) {
		const char *host = file->host_path + strlen(world->root);

		CHECK(strncmp(file->host_path, world->root, strlen(world->root)) == 0);
		buf_printf(&text, "%s%s", text.len ? " " : "", file->guest_path);
		if (strcmp(host, file->guest_path) != 0)
			buf_printf(&text, "<%s", host);
	}
	CHECK_STR(buf_text(&text), want);
}

/* Every path is resolved, and these are the files and the directories for LD_LIBRARY_PATH. */
static void check_closed(struct world *world, const char *program, const char *files,
			 const char *library_dirs)
{
	if (ask(world, program) < 0)
		fail_msg("%s", world->err.msg);
	check_files(world, files);
	check_joined(&world->closure.library_dirs, library_dirs);
	check_joined(&world->closure.unresolved, "");
}

static void check_refused(struct world *world, const char *program, int code, const char *message)
{
	AUTO(buf_done) struct buf plain = {0};

	CHECK_EQ(ask(world, program), code);
	CHECK_EQ(world->err.code, code);
	/* the root's name is made up anew each time: leave it out */
	for (const char *at = world->err.msg; *at; at++) {
		if (strncmp(at, world->root, strlen(world->root)) == 0)
			at += strlen(world->root);
		buf_char(&plain, *at);
	}
	CHECK_STR(buf_text(&plain), message);
}

static void skip_because(const char *why)
{
	if (getenv("KTSTR_MUST_RUN"))
		fail_msg("must run, but %s", why);
	print_message("# skipped: %s\n", why);
	skip();
}

/* -- the order of the search -- */

TEST(the_search_order_is_that_of_ld_so)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	world.library_path = "/env";
	PUT("/bin/prog", .needed = NEEDS("liba.so"), .rpath = "/rpath");
	for (const char *const *dir = NEEDS("/usr/lib", "/lib", "/usr/lib64", "/lib64",
					    "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu",
					    "/env", "/rpath");
	     *dir; dir++) {
		AUTO(free) char *library = xasprintf("%s/liba.so", *dir);

		PUT(library, .soname = "liba.so");
		CHECK_EQ(ask(&world, "/bin/prog"), 0);
		check_files(&world, library);
	}
	PUT("/run/liba.so", .soname = "liba.so");
	PUT("/bin/prog", .needed = NEEDS("liba.so"), .rpath = "/rpath", .runpath = "/run");
	check_closed(&world, "/bin/prog", "/env/liba.so", "/env");
	world.library_path = NULL;
	check_closed(&world, "/bin/prog", "/run/liba.so", "");
}

TEST(an_rpath_is_inherited_and_a_runpath_is_not)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/rpath", .needed = NEEDS("liba.so"), .rpath = "/opt");
	PUT("/bin/runpath", .needed = NEEDS("liba.so"), .runpath = "/opt");
	PUT("/opt/liba.so", .needed = NEEDS("libb.so"));
	PUT("/opt/libb.so");
	check_closed(&world, "/bin/rpath", "/opt/liba.so /opt/libb.so", "");
	CHECK_EQ(ask(&world, "/bin/runpath"), 0);
	check_files(&world, "/opt/liba.so");
	check_joined(&world.closure.unresolved, "libb.so (needed by /opt/liba.so)");
}

TEST(a_file_with_a_runpath_uses_no_inherited_rpath_but_hands_it_on)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so"), .rpath = "/r");
	PUT("/r/liba.so", .needed = NEEDS("libb.so", "libhidden.so"), .rpath = "/ignored",
	    .runpath = "/x");
	PUT("/ignored/libseen.so");
	PUT("/x/libb.so", .needed = NEEDS("libseen.so"));
	PUT("/r/libhidden.so");
	PUT("/r/libseen.so");
	CHECK_EQ(ask(&world, "/bin/prog"), 0);
	check_files(&world, "/r/liba.so /x/libb.so /r/libseen.so");
	check_joined(&world.closure.unresolved, "libhidden.so (needed by /r/liba.so)");
}

TEST(what_is_loaded_by_name_or_soname_is_not_searched_again)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so", "libb.so", "liba.so.1"), .runpath = "/one");
	PUT("/one/liba.so", .soname = "liba.so.1");
	PUT("/one/liba.so.1");
	PUT("/one/libb.so", .needed = NEEDS("liba.so", "libb.so"), .runpath = "/two");
	PUT("/two/liba.so");
	PUT("/two/libb.so");
	check_closed(&world, "/bin/prog", "/one/liba.so /one/libb.so", "");
}

TEST(the_order_is_breadth_first)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so", "libb.so"), .rpath = "/p");
	PUT("/p/liba.so", .needed = NEEDS("libc.so"), .runpath = "/deep");
	PUT("/p/libb.so");
	PUT("/deep/libb.so");
	PUT("/deep/libc.so", .needed = NEEDS("libb.so"), .runpath = "/deep");
	check_closed(&world, "/bin/prog", "/p/liba.so /p/libb.so /deep/libc.so", "");
}

TEST(a_library_for_another_machine_is_passed_over)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so"), .runpath = "/arm:/narrow:/none:/right");
	PUT("/arm/liba.so", .machine = EM_AARCH64);
	PUT("/narrow/liba.so", .bits32 = true);
	PUT("/right/liba.so");
	check_closed(&world, "/bin/prog", "/right/liba.so", "");
}

TEST(nodeflib_keeps_out_of_default_directories)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so"), .flags_1 = DF_1_NODEFLIB);
	PUT("/lib/liba.so");
	CHECK_EQ(ask(&world, "/bin/prog"), 0);
	check_joined(&world.closure.unresolved, "liba.so (needed by /bin/prog)");
}

/* -- texts of search paths -- */

TEST(origin_is_that_of_the_file_that_says_it)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/opt/lib/liba.so", .needed = NEEDS("libb.so"), .runpath = "${ORIGIN}/sub");
	PUT("/opt/lib/sub/libb.so");
	PUT("/opt/bin/prog", .needed = NEEDS("liba.so"), .runpath = "/none:$ORIGIN/../lib");
	/* the program may sit elsewhere in the guest; its library is where it was */
	check_closed(&world, "/opt/bin/prog", "/opt/lib/liba.so /opt/lib/sub/libb.so", "/opt/lib");
}

TEST(the_programs_origin_is_behind_its_links_and_a_librarys_is_not)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/opt/bin/prog", .needed = NEEDS("liba.so"), .rpath = "$ORIGIN/lib");
	put_link(&world, "/usr/bin/prog", "../../opt/bin/prog");
	put_link(&world, "/opt/bin/lib/liba.so", "../../store/liba.so");
	PUT("/opt/store/liba.so", .needed = NEEDS("libb.so"), .runpath = "$ORIGIN");
	PUT("/opt/store/libb.so");
	PUT("/opt/bin/lib/libb.so");
	check_closed(&world, "/usr/bin/prog", "/opt/bin/lib/liba.so /opt/bin/lib/libb.so",
		     "/opt/bin/lib");
}

TEST(a_directory_through_dotdot_follows_links_before_it_goes_up)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so"), .runpath = "/link/../lib");
	put_link(&world, "/link", "opt/deep");
	PUT("/opt/deep/nothing");
	PUT("/opt/lib/liba.so");
	PUT("/lib/liba.so");
	check_closed(&world, "/bin/prog", "/opt/lib/liba.so", "/opt/lib");
}

TEST(lib_and_platform_are_expanded)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so", "libb.so"),
	    .runpath = "/opt/$LIB:/opt/${PLATFORM}/$OTHER");
	PUT("/opt/lib64/liba.so");
	PUT("/opt/x86_64/$OTHER/libb.so");
	check_closed(&world, "/bin/prog", "/opt/lib64/liba.so /opt/x86_64/$OTHER/libb.so",
		     "/opt/lib64 /opt/x86_64/$OTHER");
	PUT("/lib/x86_64-linux-gnu/libother.so");
	PUT("/opt/lib/x86_64-linux-gnu/liba.so");
	CHECK_EQ(ask(&world, "/bin/prog"), 0);
	check_joined(&world.closure.library_dirs, "/opt/lib/x86_64-linux-gnu /opt/x86_64/$OTHER");
}

TEST(guest_paths_are_plain)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	world.library_path = "opt//lib/;:/none";
	PUT("/bin/prog", .needed = NEEDS("liba.so", "libb.so", "libc.so"),
	    .runpath = "/usr//./opt/");
	PUT("/usr/opt/liba.so");
	PUT("/opt/lib/libb.so");
	PUT("/libc.so");
	check_closed(&world, "/bin/prog", "/usr/opt/liba.so /opt/lib/libb.so /libc.so",
		     "/opt/lib /");
}

TEST(a_name_with_a_slash_is_a_path_and_must_hold_in_the_guest)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog",
	    .needed = NEEDS("/opt//liba.so", "./libb.so", "$ORIGIN/libc.so", "/x/../libd.so"));
	PUT("/opt/liba.so", .needed = NEEDS("$ORIGIN/libe.so"));
	PUT("/opt/libe.so");
	PUT("/libb.so");
	PUT("/bin/libc.so");
	PUT("/libd.so");
	CHECK_EQ(ask(&world, "/bin/prog"), 0);
	check_files(&world, "/opt/liba.so /opt/libe.so");
	check_joined(&world.closure.unresolved, "./libb.so (as a path, needed by /bin/prog) "
						"$ORIGIN/libc.so (as a path, needed by /bin/prog) "
						"/x/../libd.so (as a path, needed by /bin/prog)");
}

/* -- dynamic linkers, scripts and what needs nothing -- */

TEST(the_dynamic_linker_is_there_as_the_program_names_it)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .interpreter = "/lib64/ld-linux-x86-64.so.2",
	    .needed = NEEDS("libc.so.6"));
	PUT("/usr/lib/x86_64-linux-gnu/ld.so", .soname = "ld-linux-x86-64.so.2");
	put_link(&world, "/lib64/ld-linux-x86-64.so.2", "../usr/lib/x86_64-linux-gnu/ld.so");
	/* libc has a PT_INTERP of its own, which nobody follows */
	PUT("/lib/x86_64-linux-gnu/libc.so.6", .interpreter = "/none",
	    .needed = NEEDS("ld-linux-x86-64.so.2"));
	check_closed(&world, "/bin/prog",
		     "/lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6", "");
}

TEST(libraries_beside_a_foreign_dynamic_linker_are_found_for_everybody)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .interpreter = "/lib/ld-musl-x86_64.so.1", .needed = NEEDS("libc.so"),
	    .runpath = "/none");
	put_link(&world, "/lib/ld-musl-x86_64.so.1", "x86_64-linux-musl/libc.so");
	PUT("/lib/x86_64-linux-musl/libc.so", .needed = NEEDS("libdeep.so", "libplain.so"));
	PUT("/lib/x86_64-linux-musl/libdeep.so");
	PUT("/usr/lib/libplain.so");
	check_closed(&world, "/bin/prog",
		     "/lib/ld-musl-x86_64.so.1 /lib/x86_64-linux-musl/libc.so "
		     "/lib/x86_64-linux-musl/libdeep.so /usr/lib/libplain.so",
		     "/lib/x86_64-linux-musl /usr/lib");
}

TEST(a_missing_dynamic_linker_is_unresolved)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .interpreter = "/lib64/ld-linux-x86-64.so.2");
	CHECK_EQ(ask(&world, "/bin/prog"), 0);
	check_joined(&world.closure.unresolved,
		     "/lib64/ld-linux-x86-64.so.2 (dynamic linker of /bin/prog)");
}

TEST(static_programs_and_data_need_nothing)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/static");
	PUT("/lib/scheduler.bpf.o", .machine = EM_BPF);
	put_text(&world, "/etc/data", "hello");
	put_text(&world, "/etc/empty", "");
	put_text(&world, "/etc/nearly", "#! \n");
	for (const char *const *path = NEEDS("/bin/static", "/lib/scheduler.bpf.o", "/etc/data",
					     "/etc/empty", "/etc/nearly");
	     *path; path++)
		check_closed(&world, *path, "", "");
}

TEST(a_script_needs_its_interpreter_and_that_ones_libraries)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	put_text(&world, "/opt/script", "#!\t /usr/bin/python3 -u\nprint(1)\n");
	put_link(&world, "/usr/bin/python3", "python3.11");
	PUT("/usr/bin/python3.11", .needed = NEEDS("liba.so"));
	PUT("/lib/liba.so");
	check_closed(&world, "/opt/script", "/usr/bin/python3 /lib/liba.so", "");

	put_text(&world, "/opt/outer", "#!/opt/script");
	check_closed(&world, "/opt/outer", "/opt/script", "");

	put_text(&world, "/opt/lost", "#!/opt/nobody\n");
	CHECK_EQ(ask(&world, "/opt/lost"), 0);
	CHECK_EQ(world.closure.files.len, 0);
	CHECK_HAS(world.closure.unresolved.at[0], "/opt/nobody (interpreter of ");
}

/* -- ld.so.cache -- */

struct cache_entry {
	uint32_t flags;
	const char *key, *value;
	uint64_t hwcap;
};

static void put_le32(struct buf *buf, uint32_t value)
{
	buf_bytes(buf, &value, sizeof(value));     /* tests run on little-endian machines */
}

static void write_cache(const struct cache_entry *entries, uint32_t count, struct buf *out)
{
	AUTO(buf_done) struct buf strings = {0};
	uint32_t strings_at = 48 + count * 24;

	buf_str(out, "glibc-ld.so.cache1.1");
	put_le32(out, count);
	put_le32(out, 0);     /* bytes of strings: ld.so does not look either */
	put_le32(out, 2);     /* little-endian */
	for (int i = 0; i < 4; i++)
		put_le32(out, 0);
	for (uint32_t i = 0; i < count; i++) {
		put_le32(out, entries[i].flags);
		put_le32(out, strings_at + (uint32_t)strings.len);
		buf_bytes(&strings, entries[i].key, strlen(entries[i].key) + 1);
		put_le32(out, strings_at + (uint32_t)strings.len);
		buf_bytes(&strings, entries[i].value, strlen(entries[i].value) + 1);
		put_le32(out, 0);
		buf_bytes(out, &entries[i].hwcap, sizeof(entries[i].hwcap));
	}
	buf_bytes(out, strings.data, strings.len);
}

/* What ldconfig wrote for both generations: here an old table of one entry. */
static void write_both_caches(const struct cache_entry *entries, uint32_t count, struct buf *out)
{
	buf_bytes(out, "ld.so-1.7.0", 12);
	put_le32(out, 1);
	for (int i = 0; i < 4; i++)
		put_le32(out, 0);     /* one entry, and padding to a multiple of 8 */
	write_cache(entries, count, out);
}

static const struct cache_entry cache_entries[] = {
	{0x0003, "liba.so", "/narrow/liba.so", 0},
	{0x0a03, "liba.so", "/arm/liba.so", 0},
	{0x0303, "liba.so", "/fast/liba.so", 1ull << 62},
	{0x0303, "liba.so", "/opt/liba.so", 0},
	{0x0303, "libb.so", "/lib/x86_64-linux-gnu/libb.so", 0},
	{0x0303, "libc.so.1", "/opt/other/libc-1.2.so", 0},
	{0x0303, "libgone.so", "/gone/libgone.so", 0},
	{0x0303, "libodd.so", "odd/libodd.so", 0},
};
#define CACHE_ENTRY_COUNT (sizeof(cache_entries) / sizeof(cache_entries[0]))

static void put_cache(struct world *world,
		      void (*write)(const struct cache_entry *, uint32_t, struct buf *))
{
	AUTO(buf_done) struct buf bytes = {0};

	write(cache_entries, CACHE_ENTRY_COUNT, &bytes);
	put_bytes(world, "/etc/ld.so.cache", bytes.data, bytes.len);
}

TEST(the_cache_leads_to_directories_that_the_guest_must_be_told)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so", "libb.so", "libc.so.1", "libgone.so"));
	PUT("/opt/liba.so");
	PUT("/fast/liba.so");
	PUT("/arm/liba.so");
	PUT("/narrow/liba.so");
	PUT("/lib/liba.so");
	PUT("/lib/x86_64-linux-gnu/libb.so");
	PUT("/opt/other/libc-1.2.so");
	PUT("/usr/lib/libgone.so");
	for (int both = 0; both < 2; both++) {
		put_cache(&world, both ? write_both_caches : write_cache);
		/* the guest has no cache that could lead it to a file of another name */
		check_closed(&world, "/bin/prog",
			     "/opt/liba.so /lib/x86_64-linux-gnu/libb.so "
			     "/opt/other/libc.so.1</opt/other/libc-1.2.so /usr/lib/libgone.so",
			     "/opt /opt/other");
	}
}

TEST(a_program_for_aarch64_gets_the_libraries_of_aarch64)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	put_cache(&world, write_cache);
	PUT("/bin/prog", .machine = EM_AARCH64, .interpreter = "/lib/ld-linux-aarch64.so.1",
	    .needed = NEEDS("liba.so", "libb.so"));
	PUT("/lib/ld-linux-aarch64.so.1", .machine = EM_AARCH64);
	PUT("/opt/liba.so");
	PUT("/arm/liba.so", .machine = EM_AARCH64);
	PUT("/lib/x86_64-linux-gnu/libb.so");
	PUT("/lib/aarch64-linux-gnu/libb.so", .machine = EM_AARCH64);
	check_closed(&world, "/bin/prog",
		     "/lib/ld-linux-aarch64.so.1 /arm/liba.so /lib/aarch64-linux-gnu/libb.so",
		     "/arm");
}

TEST(a_cache_entry_that_is_no_absolute_path_is_none)
{
	AUTO(buf_done) struct buf bytes = {0};
	struct ldcache cache;

	write_cache(cache_entries, CACHE_ENTRY_COUNT, &bytes);
	CHECK_EQ(ldcache_parse(sv_bytes(bytes.data, bytes.len), &cache, NULL), 0);
	CHECK(!ldcache_find(&cache, "libodd.so", LDCACHE_X86_64));
	CHECK(!ldcache_find(&cache, "libnone.so", LDCACHE_X86_64));
	CHECK_STR(ldcache_find(&cache, "liba.so", LDCACHE_AARCH64), "/arm/liba.so");
	/* the last text has lost its end */
	cache.bytes.len--;
	CHECK(!ldcache_find(&cache, "libodd.so", LDCACHE_X86_64));
}

TEST(a_damaged_cache_is_named)
{
	AUTO(world_done) struct world world;
	AUTO(buf_done) struct buf bytes = {0};

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so"));
	put_text(&world, "/etc/ld.so.cache", "hello");
	check_refused(&world, "/bin/prog", -ENOEXEC,
		      "libraries of /bin/prog: /etc/ld.so.cache: not in the format "
		      "glibc-ld.so.cache1.1; ldconfig rewrites it");
	write_cache(cache_entries, CACHE_ENTRY_COUNT, &bytes);
	put_bytes(&world, "/etc/ld.so.cache", bytes.data, 100);
	check_refused(&world, "/bin/prog", -ENOEXEC,
		      "libraries of /bin/prog: /etc/ld.so.cache: announces 8 entries, more than "
		      "its 100 bytes hold; ldconfig rewrites it");
}

/* -- what is wrong is said -- */

TEST(a_program_that_cannot_be_read_is_named)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/sparc", .machine = EM_SPARCV9, .needed = NEEDS("liba.so"));
	check_refused(&world, "/bin/none", -ENOENT, "open /bin/none: No such file or directory");
	check_refused(&world, "/bin", -EINVAL, "/bin: not a regular file");
	check_refused(&world, "/bin/sparc", -ENOTSUP,
		      "/bin/sparc: a dynamic program for ELF machine 43 in 64 bits; only 64-bit "
		      "x86-64 and aarch64 programs can run in a guest");
}

TEST(a_damaged_library_is_named_with_who_needs_it)
{
	AUTO(world_done) struct world world;

	world_init(&world);
	PUT("/bin/prog", .needed = NEEDS("liba.so"));
	PUT("/lib64/liba.so", .needed = NEEDS("libb.so"));
	put_text(&world, "/lib64/libb.so", "GROUP ( libb.so.1 )");
	check_refused(&world, "/bin/prog", -ENOEXEC,
		      "libraries of /bin/prog: libb.so needed by /lib64/liba.so: /lib64/libb.so: "
		      "not an ELF file");
	put_text(&world, "/lib64/libb.so", ELFMAG "\x02\x01\x01 and no more");
	CHECK_EQ(ask(&world, "/bin/prog"), -ENOEXEC);
	CHECK_HAS(world.err.msg, "/lib64/libb.so: truncated or corrupt ELF file: ");
}

/* Write value over the bytes at offset of an otherwise good program. */
static void check_damage(size_t offset, uint64_t value, size_t value_bytes, const char *message)
{
	AUTO(world_done) struct world world;
	AUTO(buf_done) struct buf bytes = {0};
	AUTO(free) char *want = xasprintf("/prog: truncated or corrupt ELF file: %s", message);
	const struct elf_spec good = {.needed = NEEDS("liba.so"), .interpreter = "/lib/ld.so"};

	world_init(&world);
	elf_write(&good, &bytes);
	memcpy(bytes.data + offset, &value, value_bytes);
	put_bytes(&world, "/prog", bytes.data, bytes.len);
	check_refused(&world, "/prog", -ENOEXEC, want);
}
#define FIELD(from, i, type, field)                                                                \
	(from) + (i) * sizeof(type) + offsetof(type, field), sizeof(((type *)NULL)->field)
#define PHDR(i, field) FIELD(ELF_WRITER_PHDRS, i, Elf64_Phdr, field)
#define DYN(i, field) FIELD(ELF_WRITER_DYNAMIC, i, Elf64_Dyn, field)
#define DAMAGE_(offset, bytes, value, message) check_damage(offset, value, bytes, message)
#define DAMAGE(...) DAMAGE_(__VA_ARGS__)

/* The entries of PT_DYNAMIC are DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_NULL. */
TEST(a_corrupt_program_is_refused_with_what_is_wrong)
{
	DAMAGE(offsetof(Elf64_Ehdr, e_phoff), 8, 1u << 20, "the program headers pass its end");
	DAMAGE(PHDR(1, p_offset), UINT64_MAX - 7,
	       "PT_DYNAMIC is at byte 18446744073709551608 with 64 bytes, and the file has 316");
	DAMAGE(PHDR(1, p_filesz), 4096,
	       "PT_DYNAMIC is at byte 232 with 4096 bytes, and the file has 316");
	DAMAGE(PHDR(1, p_filesz), 1ull << 40, "PT_DYNAMIC is larger than 1 MiB");
	DAMAGE(PHDR(2, p_filesz), 3, "PT_INTERP does not end");
	DAMAGE(PHDR(2, p_offset), 1u << 20,
	       "PT_INTERP is at byte 1048576 with 11 bytes, and the file has 316");
	DAMAGE(PHDR(0, p_type), PT_NOTE, "no segment holds the string table");
	DAMAGE(DYN(1, d_tag), DT_NULL, "PT_DYNAMIC has no string table");
	DAMAGE(DYN(2, d_un), 8, "DT_NEEDED does not end");
	DAMAGE(DYN(2, d_un), 1u << 30, "the string table is larger than 256 MiB");
	DAMAGE(DYN(2, d_un), 4096,
	       "the string table is at byte 296 with 4096 bytes, and the file has 316");
	DAMAGE(DYN(0, d_un), 4096, "DT_NEEDED lies outside of the string table");
	DAMAGE(DYN(0, d_un), 0, "DT_NEEDED is empty");
}

TEST(a_program_cut_short_anywhere_is_refused_or_needs_nothing)
{
	AUTO(world_done) struct world world;
	AUTO(buf_done) struct buf bytes = {0};

	world_init(&world);
	elf_write(&(struct elf_spec){.needed = NEEDS("liba.so"), .soname = "p"}, &bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		put_bytes(&world, "/prog", bytes.data, len);
		CHECK_EQ(ask(&world, "/prog"), len < SELFMAG ? 0 : -ENOEXEC);
		if (len >= SELFMAG)
			CHECK_HAS(world.err.msg, "/prog: truncated or corrupt ELF file: ");
	}
}

TEST(a_closure_without_end_is_cut_off)
{
	AUTO(world_done) struct world world;
	AUTO(strings_done) struct strings names = {0};

	world_init(&world);
	for (int i = 0; i < 3000; i++)
		strings_push(&names, xasprintf("lib%d.so", i));
	strings_push(&names, xstrdup("liba.so"));
	strings_push(&names, NULL);
	PUT("/bin/prog", .needed = (const char *const *)names.at);
	PUT("/lib/liba.so", .needed = (const char *const *)names.at);
	CHECK_EQ(ask(&world, "/bin/prog"), -E2BIG);
	CHECK_HAS(world.err.msg, "needed by /lib/liba.so: more than 4096 files");
}

/* -- the truth -- */

/* "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)", or a path without "=>" */
static char *traced_path(struct sv line)
{
	const char *slash = memchr(line.data, '/', line.len);
	const char *end = memmem(line.data, line.len, " (0x", 4);
	AUTO(free) char *path = NULL;

	if (!slash || !end || slash > end)
		return NULL;     /* the vDSO */
	path = xstrndup(slash, (size_t)(end - slash));
	slash = strstr(path, " => ");
	return realpath(slash ? slash + 4 : path, NULL);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_same_strings(struct strings *have, struct strings *want)
{
	qsort(have->at, have->len, sizeof(have->at[0]), by_text);
	qsort(want->at, want->len, sizeof(want->at[0]), by_text);
	for (size_t i = 0; i < have->len && i < want->len; i++)
		CHECK_STR(have->at[i], want->at[i]);
	CHECK_EQ(have->len, want->len);
}

static void check_against_ld_so(const char *program)
{
	const char *const argv[] = {"env",   "-u", "LD_PRELOAD", "LD_TRACE_LOADED_OBJECTS=1",
				    program, NULL};
	const struct closure_config config = {.library_path = getenv("LD_LIBRARY_PATH")};
	AUTO(closure_done) struct closure closure = {0};
	AUTO(strings_done) struct strings have = {0}, want = {0};
	AUTO(buf_done) struct buf out = {0};
	struct ktstr_error err = {0};
	struct sv rest, line;

	if (run_and_read(argv, 1 << 20, deadline_in(20 * NS_PER_S), &out, &err) < 0)
		fail_msg("%s", err.msg);
	if (strstr(buf_text(&out), "glibc-hwcaps"))
		skip_because("this host has libraries for its own CPU, which closures leave out");
	rest = sv_bytes(buf_text(&out), out.len);
	while (sv_line(&rest, &line)) {
		char *path = traced_path(line);

		if (path)
			strings_push(&want, path);
	}
	if (closure_of(program, &config, &closure, &err) < 0)
		fail_msg("%s", err.msg);
	vec_each(file, &closure.files)
		strings_push(&have, realpath(file->host_path, NULL));
	check_joined(&closure.unresolved, "");
	CHECK(want.len > 1);
	check_same_strings(&have, &want);
}

static bool is_dynamic(const char *program)
{
	AUTO(closure_done) struct closure closure = {0};

	return closure_of(program, &(struct closure_config){0}, &closure, NULL) == 0 &&
	       closure.files.len > 0;
}

TEST(a_system_program_needs_what_its_dynamic_linker_loads)
{
	if (!is_dynamic("/bin/ls"))
		skip_because("/bin/ls is not dynamic here");
	check_against_ld_so("/bin/ls");
}

TEST(this_program_needs_what_its_dynamic_linker_loads)
{
	AUTO(free) char *self = realpath("/proc/self/exe", NULL);

	CHECK(self);
	if (!is_dynamic(self))
		skip_because("the test was linked statically");
	check_against_ld_so(self);
}

static void run(const char *const *argv)
{
	struct ktstr_error err = {0};
	AUTO(buf_done) struct buf out = {0};

	if (run_and_read(argv, 1 << 20, deadline_in(60 * NS_PER_S), &out, &err) < 0)
		fail_msg("%s", err.msg);
}

static void compile(const struct world *world, const char *source, const char *options)
{
	AUTO(free) char *command =
		xasprintf("cd %s && echo '%s' | cc -x c - %s", world->root, source, options);

	run((const char *const[]){"sh", "-c", command, NULL});
}

/* A guest: nothing but the program, not where it was, and its closure. */
static void furnish(const struct world *world, const char *program, char **ret_library_path)
{
	AUTO(buf_done) struct buf library_path = {0};

	vec_each(file, &world->closure.files) {
		AUTO(free) char *to = xasprintf("%s/guest%s", world->root, file->guest_path);

		run((const char *const[]){"install", "-D", file->host_path, to, NULL});
	}
	AUTO(free) char *to = xasprintf("%s/guest/init", world->root);
	run((const char *const[]){"install", "-D", program, to, NULL});
	vec_each(dir, &world->closure.library_dirs)
		buf_printf(&library_path, "%s%s", library_path.len ? ":" : "", *dir);
	*ret_library_path = xasprintf("LD_LIBRARY_PATH=%s", buf_text(&library_path));
}

/* Libraries by the program's $ORIGIN, by a library's RUNPATH, and by LD_LIBRARY_PATH. */
TEST(a_compiled_program_runs_where_only_its_closure_is)
{
	AUTO(world_done) struct world world;
	AUTO(free) char *program = NULL, *library_path = NULL, *guest = NULL, *env_dir = NULL;
	AUTO(buf_done) struct buf version = {0};
	struct closure_config config = {0};

	if (run_and_read((const char *const[]){"cc", "--version", NULL}, 1 << 20,
			 deadline_in(20 * NS_PER_S), &version, NULL) < 0)
		skip_because("there is no C compiler");
	if (geteuid() != 0)
		skip_because("chroot needs root");
	world_init(&world);
	compile(&world, "int c(void) { return 4; }", "-shared -fPIC -o libc4.so");
	compile(&world, "int b(void) { return 2; }", "-shared -fPIC -o libb.so");
	compile(&world, "int b(void), c(void); int a(void) { return b() + c(); }",
		"-shared -fPIC -o liba.so -L. -lb -lc4 "
		"-Wl,--enable-new-dtags,-rpath,\\$ORIGIN/sub");
	compile(&world, "int a(void); int main(void) { return a() == 6 ? 0 : 1; }",
		"-o prog -L. -la -Wl,--allow-shlib-undefined,-rpath,\\$ORIGIN/../lib");
	compile(&world, "", "-fsyntax-only; mkdir -p bin lib/sub env; mv prog bin; mv liba.so lib; "
			    "mv libb.so lib/sub; mv libc4.so env");
	program = xasprintf("%s/bin/prog", world.root);
	env_dir = xasprintf("%s/env", world.root);
	config.library_path = env_dir;
	if (closure_of(program, &config, &world.closure, &world.err) < 0)
		fail_msg("%s", world.err.msg);
	check_joined(&world.closure.unresolved, "");
	furnish(&world, program, &library_path);
	guest = xasprintf("%s/guest", world.root);
	run((const char *const[]){"env", library_path, "chroot", guest, "/init", NULL});
}

/* -- fuzz targets: their corpus, and everything cut or flipped once -- */

static void fuzz_around(int (*target)(const uint8_t *, size_t), const struct buf *seed)
{
	AUTO(free) uint8_t *bytes = xmalloc(seed->len);

	for (size_t len = 0; len <= seed->len; len++) {
		/* an allocation of its own, for the sanitizer to see its end */
		AUTO(free) uint8_t *cut = xmalloc(len);

		memcpy(cut, seed->data, len);
		(void)target(cut, len);     /* aborts where the property does not hold */
	}
	memcpy(bytes, seed->data, seed->len);
	for (size_t bit = 0; bit < 8 * seed->len; bit += 3) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)target(bytes, seed->len);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void replay(const char *prefix, int (*target)(const uint8_t *, size_t))
{
	const char *data = getenv("KTSTR_TEST_DATA");
	AUTO(free) char *path = NULL;
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	if (!data)
		skip_because("KTSTR_TEST_DATA does not say where tests/data is");
	path = xasprintf("%s/closure", data);
	dir = opendir(path);
	CHECK(dir);
	while ((entry = readdir(dir))) {
		AUTO(buf_done) struct buf bytes = {0};

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		CHECK_EQ(file_read(dirfd(dir), entry->d_name, 1 << 20, &bytes, NULL), 0);
		fuzz_around(target, &bytes);
		count++;
	}
	closedir(dir);
	CHECK(count > 0);
}

TEST(fuzz_closure_holds_on_its_corpus)
{
	replay("elf-", fuzz_closure);
	replay("script-", fuzz_closure);
}

TEST(fuzz_ldcache_holds_on_its_corpus)
{
	replay("cache-", fuzz_ldcache);
}

RUN_TESTS();
