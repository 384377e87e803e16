/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bzimage_writer.h"
#include "kernel/apt.h"
#include "kernel/cache.h"
#include "kernel/deb.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "kernel/package.h"
#include "kernel/store.h"
#include "kernel/version.h"
#include "test.h"

#define R618 "6.18.15+deb13-cloud-amd64"
#define R612 "6.12.107+deb13-cloud-amd64"

/* What a guest and a scheduler test need, all of it. */
#define CONFIG_FULL                                                                                \
	"CONFIG_X86_64=y\nCONFIG_CGROUPS=y\nCONFIG_CPUSETS=y\nCONFIG_CGROUP_SCHED=y\n"             \
	"CONFIG_SCHEDSTATS=y\nCONFIG_DEVMEM=y\nCONFIG_X86_IOPL_IOPERM=y\nCONFIG_SERIAL_8250=y\n"   \
	"CONFIG_SERIAL_8250_CONSOLE=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_DEVTMPFS=y\n"               \
	"CONFIG_TMPFS=y\nCONFIG_DEBUG_INFO_BTF=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\n"
#define CONFIG_SCX CONFIG_FULL "CONFIG_SCHED_CLASS_EXT=y\n"

#define NEEDS_ALL (KERNEL_NEEDS_GUEST | KERNEL_NEEDS_SCHED_EXT)

/* -- a world of our own in a temporary directory -- */

struct world {
	char dir[sizeof("/tmp/ktstr-unit.XXXXXX")];
	struct places places;
};

static void world_done(struct world *world)
{
	places_done(&world->places);
	tree_remove(world->dir, NULL);
}
DEFINE_AUTO_DONE(struct world, world_done)

static void world_init(struct world *world)
{
	strcpy(world->dir, "/tmp/ktstr-unit.XXXXXX");
	CHECK(mkdtemp(world->dir));
	world->places = (struct places){
		.cache = xasprintf("%s/cache/kernels", world->dir),
		.boot = xasprintf("%s/boot", world->dir),
		.modules = xasprintf("%s/modules", world->dir),
		.running = xstrdup("6.1.0-50-amd64"),
	};
	CHECK_EQ(dir_make(world->places.cache, 0755, NULL), 0);
	CHECK_EQ(dir_make(world->places.boot, 0755, NULL), 0);
}

static void put_file(const char *dir, const char *name, const void *data, size_t len)
{
	AUTO(free) char *path = xasprintf("%s/%s", dir, name);

	CHECK_EQ(dir_make(dir, 0755, NULL), 0);
	CHECK_EQ(file_write_atomic(path, data, len, 0644, NULL), 0);
}

static void make_image(const char *release, struct buf *image)
{
	AUTO(free) char *version = xasprintf("%s (builder@host) #1", release);

	bzimage_write(version, "payload", 7, image);
}

static void put_image(const char *dir, const char *name, const char *release)
{
	AUTO(buf_done) struct buf image = {0};

	make_image(release, &image);
	put_file(dir, name, image.data, image.len);
}

static void put_entry(const struct world *world, const char *release, const char *config)
{
	AUTO(free) char *dir = xasprintf("%s/%s", world->places.cache, release);

	put_image(dir, "vmlinuz", release);
	put_file(dir, "config", config, strlen(config));
}

static int resolve(const struct world *world, const char *spec, const char *chosen, uint32_t needs,
		   struct kernel *kernel, struct ktstr_error *err)
{
	return kernel_resolve_at(&world->places, spec, chosen, needs, kernel, err);
}

/* -- versions -- */

TEST(a_series_takes_its_releases_and_no_others)
{
	CHECK(version_takes("6.18", R618));
	CHECK(version_takes("6.18.15", R618));
	CHECK(version_takes(R618, R618));
	CHECK(version_takes("6.1", "6.1.0-50-cloud-amd64"));
	CHECK(version_takes("6.19", "6.19~rc4+deb14-cloud-amd64"));
	CHECK(!version_takes("6.1", R618));
	CHECK(!version_takes("6.18.1", R618));
	CHECK(!version_takes("6.18.15+deb13", R618));
	CHECK(!version_takes("6.12", R618));
}

TEST(releases_are_ordered_by_their_numbers)
{
	static const char *const ordered[] = {
		"6.1.0-50-amd64", "6.12.94+deb13-cloud-amd64", R612, "6.18.5+deb13-cloud-amd64", R618,
		"6.19.0-rc4", "6.19.0-rc12", "6.19.0", "6.19.14+deb12-amd64", "6.19.14+deb13-amd64",
		"7.0~rc1+deb14-amd64", "7.0.4+deb13-amd64", "10.0.1",
	};
	size_t count = sizeof(ordered) / sizeof(ordered[0]);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			int order = version_compare(ordered[i], ordered[j]);

			CHECK_EQ((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

TEST(what_is_no_version_is_refused)
{
	struct ktstr_error err = {0};

	CHECK_EQ(version_check("6.18", NULL), 0);
	CHECK_EQ(version_check("6.18.15", NULL), 0);
	CHECK_EQ(version_check(R618, NULL), 0);
	for (const char *const *bad = (const char *const[]){"", "6", "6.", "v6.18", "latest", "6.18/../..",
							     "6.18 ", "-1.2", NULL};
	     *bad; bad++)
		CHECK_EQ(version_check(*bad, &err), -EINVAL);
	CHECK_EQ(version_check("linux", &err), -EINVAL);
	CHECK_HAS(err.msg, "kernel \"linux\": expected a series (6.18)");
}

/* -- features -- */

TEST(a_configuration_tells_every_feature)
{
	struct features features = features_of_config(sv_of(CONFIG_SCX));

	CHECK_EQ(features.known, KERNEL_BIT(KERNEL_FEATURE_COUNT) - 1);
	CHECK_EQ(features.has, NEEDS_ALL);
}

TEST(modules_halves_and_comments_do_not_count)
{
	struct features features = features_of_config(
		sv_of("CONFIG_X86_64=y\nCONFIG_TMPFS=m\n# CONFIG_PSI is not set\n# CONFIG_CGROUPS=y\n"
		      "CONFIG_SERIAL_8250=y\nCONFIG_DEVTMPFS_MOUNT=y\nCONFIG_BPF_JIT=y"));

	CHECK_EQ(features.has, KERNEL_BIT(KERNEL_BPF_JIT));
}

TEST(what_is_no_x86_configuration_tells_nothing)
{
	CHECK_EQ(features_of_config(sv_of("CONFIG_ARM64=y\nCONFIG_PSI=y\n")).known, 0);
	CHECK_EQ(features_of_config(sv_of("<html>\nnot found\n")).known, 0);
	CHECK_EQ(features_of_config(sv_of("")).known, 0);
}

static void make_btf(bool with_sched_ext, struct buf *data)
{
	struct btf *btf = btf__new_empty();
	const void *raw;
	uint32_t size;

	CHECK(btf__add_int(btf, "int", 4, BTF_INT_SIGNED) > 0);
	if (with_sched_ext)
		CHECK(btf__add_struct(btf, "sched_ext_ops", 0) > 0);
	raw = btf__raw_data(btf, &size);
	buf_bytes(data, raw, size);
	btf__free(btf);
}

TEST(type_information_tells_sched_ext)
{
	AUTO(buf_done) struct buf with = {0};
	AUTO(buf_done) struct buf without = {0};
	struct features features;

	make_btf(true, &with);
	features = features_of_btf(&with);
	CHECK_EQ(features.has, KERNEL_NEEDS_SCHED_EXT);
	CHECK_EQ(features.known, KERNEL_NEEDS_SCHED_EXT);
	make_btf(false, &without);
	features = features_of_btf(&without);
	CHECK(features.known & ~features.has & KERNEL_BIT(KERNEL_SCHED_EXT));
	CHECK(!(features.known & KERNEL_BIT(KERNEL_TMPFS)));
	without.len--;
	CHECK_EQ(features_of_btf(&without).known, 0);
}

TEST(what_a_kernel_lacks_is_said_by_name)
{
	char release[] = "6.1.0-50-cloud-amd64";
	struct kernel kernel = {.release = release, .known = UINT32_MAX};
	struct ktstr_error err = {0};

	kernel.features = ~KERNEL_BIT(KERNEL_SCHED_EXT);
	CHECK_EQ(kernel_check(&kernel, KERNEL_NEEDS_GUEST, &err), 0);
	CHECK_EQ(kernel_check(&kernel, NEEDS_ALL, &err), -EOPNOTSUPP);
	CHECK_STR(err.msg, "kernel 6.1.0-50-cloud-amd64 lacks CONFIG_SCHED_CLASS_EXT (sched_ext, Linux "
			   "6.12 and later), which scheduler tests need");
	kernel.features &= ~(KERNEL_BIT(KERNEL_TMPFS) | KERNEL_BIT(KERNEL_SERIAL) | KERNEL_BIT(KERNEL_PSI));
	CHECK_EQ(kernel_check(&kernel, UINT32_MAX, &err), -EOPNOTSUPP);
	CHECK_HAS(err.msg, "lacks CONFIG_SERIAL_8250 with CONFIG_SERIAL_8250_CONSOLE (the console), "
			   "CONFIG_TMPFS (/tmp), which every guest needs; and CONFIG_SCHED_CLASS_EXT");
	CHECK_HAS(err.msg, "; and CONFIG_PSI (pressure stall information), which this test needs");
}

TEST(what_is_unknown_is_not_refused)
{
	char release[] = "6.1";
	struct kernel kernel = {.release = release};

	CHECK_EQ(kernel_check(&kernel, NEEDS_ALL, NULL), 0);
}

/* -- which kernel -- */

TEST(a_series_means_its_newest_kernel_in_the_cache)
{
	AUTO(world_done) struct world world;
	AUTO(kernel_done) struct kernel kernel = {0};
	struct ktstr_error err = {0};

	world_init(&world);
	put_entry(&world, "6.18.5+deb13-cloud-amd64", CONFIG_SCX);
	put_entry(&world, R618, CONFIG_SCX);
	put_entry(&world, R612, CONFIG_FULL);
	CHECK_EQ(resolve(&world, "6.18", NULL, NEEDS_ALL, &kernel, &err), 0);
	CHECK_STR(kernel.release, R618);
	CHECK_EQ(kernel.origin, KERNEL_FROM_CACHE);
	kernel_done(&kernel);
	CHECK_EQ(resolve(&world, "6.18.5", NULL, NEEDS_ALL, &kernel, &err), 0);
	CHECK_STR(kernel.release, "6.18.5+deb13-cloud-amd64");
}

TEST(an_explicit_choice_never_falls_back)
{
	AUTO(world_done) struct world world;
	struct ktstr_error err = {0};
	struct kernel kernel;

	world_init(&world);
	put_entry(&world, R618, CONFIG_SCX);
	put_entry(&world, R612, CONFIG_FULL);
	CHECK_EQ(resolve(&world, "6.12", NULL, NEEDS_ALL, &kernel, &err), -EOPNOTSUPP);
	CHECK_HAS(err.msg, "kernel " R612 " lacks CONFIG_SCHED_CLASS_EXT");
	CHECK_EQ(resolve(&world, "auto", "6.12", NEEDS_ALL, &kernel, &err), -EOPNOTSUPP);
	CHECK_HAS(err.msg, "KTSTR_KERNEL: kernel " R612 " lacks");
	CHECK_EQ(resolve(&world, "6.1", NULL, 0, &kernel, &err), -ENOENT);
	CHECK_STR(err.msg, "kernel 6.1: not in the cache, which has " R618 ", " R612
			   "; get it by `ktstr kernel fetch 6.1`");
	CHECK_EQ(resolve(&world, "/nonexistent/vmlinuz", NULL, 0, &kernel, &err), -ENOENT);
	CHECK_STR(err.msg, "kernel image /nonexistent/vmlinuz: No such file or directory");
}

TEST(the_option_goes_before_the_environment)
{
	AUTO(world_done) struct world world;
	AUTO(kernel_done) struct kernel kernel = {0};

	world_init(&world);
	put_entry(&world, R618, CONFIG_SCX);
	put_entry(&world, R612, CONFIG_FULL);
	CHECK_EQ(resolve(&world, "6.18", "6.12", 0, &kernel, NULL), 0);
	CHECK_STR(kernel.release, R618);
	kernel_done(&kernel);
	CHECK_EQ(resolve(&world, NULL, "6.12", 0, &kernel, NULL), 0);
	CHECK_STR(kernel.release, R612);
	kernel_done(&kernel);
	CHECK_EQ(resolve(&world, "auto", "auto", 0, &kernel, NULL), 0);
	CHECK_STR(kernel.release, R618);
}

TEST(auto_means_the_newest_that_has_what_is_needed)
{
	AUTO(world_done) struct world world;
	AUTO(kernel_done) struct kernel kernel = {0};

	world_init(&world);
	put_entry(&world, R612, CONFIG_SCX);
	put_entry(&world, R618, CONFIG_FULL);
	CHECK_EQ(resolve(&world, NULL, NULL, KERNEL_NEEDS_GUEST, &kernel, NULL), 0);
	CHECK_STR(kernel.release, R618);
	kernel_done(&kernel);
	CHECK_EQ(resolve(&world, NULL, NULL, NEEDS_ALL, &kernel, NULL), 0);
	CHECK_STR(kernel.release, R612);
}

TEST(a_broken_cache_entry_is_passed_over)
{
	AUTO(world_done) struct world world;
	AUTO(kernel_done) struct kernel kernel = {0};
	AUTO(free) char *broken = NULL;

	world_init(&world);
	put_entry(&world, R618, CONFIG_SCX);
	broken = xasprintf("%s/7.9.9-cloud-amd64", world.places.cache);
	put_file(broken, "vmlinuz", "oops\n", 5);
	setenv("KTSTR_LOG", "error", 1);        /* the warning is wanted, but not in TAP output */
	CHECK_EQ(resolve(&world, NULL, NULL, NEEDS_ALL, &kernel, NULL), 0);
	unsetenv("KTSTR_LOG");
	CHECK_STR(kernel.release, R618);
}

TEST(the_running_hosts_kernel_is_the_last_resort)
{
	AUTO(world_done) struct world world;
	AUTO(kernel_done) struct kernel kernel = {0};
	struct ktstr_error err = {0};

	world_init(&world);
	put_image(world.places.boot, "vmlinuz-6.1.0-50-amd64", "6.1.0-50-amd64");
	put_file(world.places.boot, "config-6.1.0-50-amd64", CONFIG_FULL, strlen(CONFIG_FULL));
	CHECK_EQ(resolve(&world, NULL, NULL, KERNEL_NEEDS_GUEST, &kernel, &err), 0);
	CHECK_EQ(kernel.origin, KERNEL_FROM_HOST);
	CHECK_STR(kernel.release, "6.1.0-50-amd64");
	kernel_done(&kernel);
	CHECK_EQ(resolve(&world, NULL, NULL, NEEDS_ALL, &kernel, &err), -ENOENT);
	CHECK_HAS(err.msg, "kernel 6.1.0-50-amd64 lacks CONFIG_SCHED_CLASS_EXT");
}

TEST(the_hosts_kernel_may_lie_with_its_modules)
{
	AUTO(world_done) struct world world;
	AUTO(kernel_done) struct kernel kernel = {0};
	AUTO(free) char *dir = NULL;

	world_init(&world);
	dir = xasprintf("%s/6.1.0-50-amd64", world.places.modules);
	put_image(dir, "vmlinuz", "6.1.0-50-amd64");
	put_file(dir, "config", CONFIG_FULL, strlen(CONFIG_FULL));
	CHECK_EQ(resolve(&world, NULL, NULL, KERNEL_NEEDS_GUEST, &kernel, NULL), 0);
	CHECK(kernel.features & KERNEL_BIT(KERNEL_TMPFS));
}

TEST(no_kernel_at_all_says_what_to_do)
{
	AUTO(world_done) struct world world;
	struct ktstr_error err = {0};
	struct kernel kernel;

	world_init(&world);
	CHECK_EQ(resolve(&world, NULL, NULL, NEEDS_ALL, &kernel, &err), -ENOENT);
	CHECK_HAS(err.msg, "no kernel to boot (the cache ");
	CHECK_HAS(err.msg, "/boot/vmlinuz-6.1.0-50-amd64: No such file or directory");
	CHECK_HAS(err.msg, "`ktstr kernel fetch`");
	put_entry(&world, R612, CONFIG_FULL);
	CHECK_EQ(resolve(&world, NULL, NULL, NEEDS_ALL, &kernel, &err), -EOPNOTSUPP);
	CHECK_HAS(err.msg, "the newest of 1 in the cache: kernel " R612 " lacks CONFIG_SCHED_CLASS_EXT");
}

TEST(a_path_brings_the_configuration_beside_it)
{
	AUTO(world_done) struct world world;
	AUTO(kernel_done) struct kernel kernel = {0};
	AUTO(free) char *path = NULL;

	world_init(&world);
	put_image(world.dir, "bzImage", R618);
	put_file(world.dir, "config-" R618, CONFIG_SCX, strlen(CONFIG_SCX));
	path = xasprintf("%s/bzImage", world.dir);
	CHECK_EQ(resolve(&world, path, "6.12", NEEDS_ALL, &kernel, NULL), 0);
	CHECK_EQ(kernel.origin, KERNEL_FROM_PATH);
	CHECK_STR(kernel.image, path);
	CHECK_EQ(kernel.features, NEEDS_ALL);
}

/* -- changing the cache -- */

TEST(an_entry_is_replaced_whole_and_the_scratch_is_swept)
{
	AUTO(world_done) struct world world;
	AUTO(store_done) struct store store = STORE_NONE;
	AUTO(free) char *fresh = NULL;
	AUTO(free) char *old = NULL;
	AUTO(free) char *leftover = NULL;
	AUTO(free) char *scratch = NULL;

	world_init(&world);
	put_entry(&world, R618, CONFIG_FULL);
	scratch = xasprintf("%s/.new", world.places.cache);
	put_file(scratch, "leftover", "x", 1);
	CHECK_EQ(store_open(world.places.cache, NULL, NULL, DEADLINE_NEVER, &store, NULL), 0);
	leftover = xasprintf("%s/leftover", scratch);
	CHECK_EQ(access(leftover, F_OK), -1);
	fresh = xasprintf("%s/entry", scratch);
	put_file(fresh, "config", "new", 3);
	CHECK_EQ(store_install(&store, fresh, R618, NULL), 0);
	old = xasprintf("%s/%s/vmlinuz", world.places.cache, R618);
	CHECK_EQ(access(old, F_OK), -1);
	store_done(&store);
	CHECK_EQ(access(scratch, F_OK), -1);
}

static void count_call(void *count)
{
	(*(unsigned *)count)++;
}

TEST(one_at_a_time_changes_the_cache)
{
	AUTO(world_done) struct world world;
	AUTO(store_done) struct store first = STORE_NONE;
	struct store second = STORE_NONE;
	struct ktstr_error err = {0};
	unsigned waits = 0;

	world_init(&world);
	CHECK_EQ(store_open(world.places.cache, NULL, NULL, DEADLINE_NEVER, &first, NULL), 0);
	CHECK_EQ(store_open(world.places.cache, count_call, &waits, deadline_in(150 * NS_PER_MS), &second,
			    &err), -ETIMEDOUT);
	CHECK_HAS(err.msg, "another ktstr holds");
	CHECK_EQ(waits, 1);
	CHECK_EQ(access(first.scratch, F_OK), 0);
}

static void use_cache_of(const struct world *world)
{
	AUTO(free) char *cache = xasprintf("%s/cache", world->dir);

	setenv("KTSTR_CACHE_DIR", cache, 1);
}

TEST(cleaning_removes_what_it_names)
{
	AUTO(world_done) struct world world;
	AUTO(strings_done) struct strings removed = {0};
	AUTO(strings_done) struct strings left = {0};
	const char *unknown[] = {"6.99", R618};
	struct ktstr_error err = {0};

	world_init(&world);
	use_cache_of(&world);
	put_entry(&world, R612, CONFIG_FULL);
	put_entry(&world, R618, CONFIG_FULL);
	put_entry(&world, "6.17.1-amd64", CONFIG_FULL);
	CHECK_EQ(kernel_clean(&(struct kernel_clean_config){.releases = unknown, .release_count = 2},
			      &removed, &err), -ENOENT);
	CHECK_HAS(err.msg, "kernel 6.99: not in the cache");
	CHECK_EQ(removed.len, 0);
	CHECK_EQ(kernel_clean(&(struct kernel_clean_config){.keep_newest = true, .keep_count = 2}, &removed,
			      NULL), 0);
	CHECK_EQ(removed.len, 1);
	CHECK_STR(removed.at[0], R612);
	CHECK_EQ(kernel_clean(&(struct kernel_clean_config){.releases = unknown + 1, .release_count = 1},
			      &removed, NULL), 0);
	CHECK_EQ(removed.len, 2);
	CHECK_EQ(cache_names(&world.places, &left, NULL), 0);
	CHECK_EQ(left.len, 1);
	CHECK_STR(left.at[0], "6.17.1-amd64");
	CHECK_EQ(kernel_clean(&(struct kernel_clean_config){.all = true}, &removed, NULL), 0);
	CHECK_EQ(removed.len, 3);
}

/* -- what apt says -- */

TEST(the_mirror_is_the_one_of_the_systems_apt)
{
	AUTO(mirror_done) struct mirror mirror = {0};
	AUTO(buf_done) struct buf sources = {0};

	CHECK_EQ(mirror_parse(sv_of("https://other.example/|bookworm|main|Other|/etc/apt/o.list:3\n"
				    "cdrom:[x]/|bookworm|main|Debian|/etc/apt/sources.list:1\n"
				    "http://m.example/sec/|bookworm-security|main|Debian|/etc/apt/a.sources:2\n"
				    "http://m.example/debian/|bookworm|contrib|Debian|/etc/apt/a.sources:1\n"
				    "http://m.example/debian/|bookworm|main|Debian|/etc/apt/a.sources:1\n"
				    "http://m.example/debian/|bookworm-backports|main|Debian Backports|"
				    "/etc/apt/b.sources:1\n"),
			      &mirror, NULL), 0);
	CHECK_STR(mirror.uri, "http://m.example/debian/");
	CHECK_STR(mirror.source_file, "/etc/apt/a.sources");
	CHECK_EQ(mirror.source_entry, 1);
	mirror_sources(&mirror, "/key.gpg", &sources);
	CHECK_HAS(buf_text(&sources), "URIs: http://m.example/debian/\n"
				      "Suites: bookworm-backports trixie-backports trixie\n");
	CHECK_HAS(buf_text(&sources), "\nSigned-By: /key.gpg\n");
	buf_clear(&sources);
	mirror.has_backports = false;
	mirror_sources(&mirror, NULL, &sources);
	CHECK_HAS(buf_text(&sources), "Suites: trixie-backports trixie\n");
	CHECK(!strstr(buf_text(&sources), "Signed-By"));
}

TEST(without_a_debian_archive_there_is_no_mirror)
{
	struct mirror mirror;

	CHECK_EQ(mirror_parse(sv_of("http://m.example/|noble|main|Ubuntu|/etc/apt/u.sources:1\n"), &mirror,
			      NULL), -ENOENT);
	CHECK_EQ(mirror_parse(sv_of("|||\n||||||\n\n"), &mirror, NULL), -ENOENT);
	CHECK_EQ(mirror_parse(sv_of(""), &mirror, NULL), -ENOENT);
}

static void check_key(const char *text, bool is_deb822, unsigned entry, const char *want)
{
	AUTO(free) char *key = signed_by_of(sv_of(text), is_deb822, entry);

	if (want)
		CHECK_STR(key ?: "(none)", want);
	else
		CHECK(!key);
}

TEST(the_key_is_the_one_of_the_source_entry)
{
	static const char sources[] =
		"# a comment\nTypes: deb\nURIs: u\n# signed-by: x\nSigned-By: /one.gpg\n\n\n"
		"Types: deb\nSigned-By:\n -----BEGIN-----\n .\n abc\nSuites: s\n\n"
		"Types: deb\nSuites: t\n";
	static const char list[] =
		"deb http://a b main\n# no\ndeb [arch=amd64 signed-by=/two.gpg] http://c d main\n";

	check_key(sources, true, 1, "/one.gpg");
	check_key(sources, true, 2, "\n -----BEGIN-----\n .\n abc");
	check_key(sources, true, 3, NULL);
	check_key(sources, true, 4, NULL);
	check_key(list, false, 1, NULL);
	check_key(list, false, 3, "/two.gpg");
	check_key(list, false, 9, NULL);
	check_key("", true, 1, NULL);
}

/* -- which package -- */

#define STANZA(name, version, depends)                                                             \
	"Package: " name "\nVersion: " version "\nDepends: " depends "\nSize: 100\nDescription: d\n more\n\n"

static const char index_text[] =
	STANZA("linux-image-cloud-amd64", "7.2.12-1", "linux-image-7.2.12+deb13-cloud-amd64")
	STANZA("linux-image-6.12.94+deb13-cloud-amd64", "6.12.94-1", "kmod")
	STANZA("linux-image-" R612, "6.12.107-1", "kmod")
	STANZA("linux-image-6.12.200+deb13-cloud-amd64-unsigned", "6.12.200-1", "kmod")
	STANZA("linux-image-6.18.9+deb13-cloud-amd64", "6.18.9-1", "kmod")
	STANZA("linux-image-" R618, "6.18.15-1", "kmod, linux-base-" R618)
	STANZA("linux-image-6.18.99+deb13-cloud-amd64-dbg", "6.18.99-1", "x")
	STANZA("linux-headers-6.18.99+deb13-cloud-amd64", "6.18.99-1", "x")
	STANZA("linux-image-6.18.99+deb13-amd64", "6.18.99-1", "x")
	STANZA("linux-image-7.2.12+deb13-cloud-amd64", "7.2.12-1", "linux-binary-7.2.12+deb13-cloud-amd64")
	STANZA("linux-binary-7.2.12+deb13-cloud-amd64", "7.2.12-1", "x")
	STANZA("linux-binary-unsigned-7.2.12+deb13-cloud-amd64", "7.2.12-1", "x")
	STANZA("linux-base-7.2.12+deb13-cloud-amd64", "7.2.12-1", "x")
	STANZA("linux-binary-unsigned-7.3.4+deb13-cloud-amd64", "7.3.4-1", "x")
	STANZA("linux-image-6.1.0-50-cloud-amd64", "1:6.1.164-1", "x")
	"Package: no-version\n";

static void check_choice(const char *wanted, const char *image, const char *base)
{
	AUTO(packages_done) struct packages packages = {0};
	AUTO(offer_done) struct offer offer = {0};
	struct ktstr_error err = {0};

	packages_parse(sv_of(index_text), &packages);
	if (package_choose(&packages, wanted, &offer, &err) < 0)
		fail_msg("%s: %s", wanted, err.msg);
	CHECK_STR(offer.image->name, image);
	CHECK_STR(offer.base ? offer.base->name : "-", base ?: "-");
}

TEST(the_newest_signed_kernel_of_a_series_is_chosen)
{
	check_choice("6.18", "linux-image-" R618, NULL);
	check_choice("6.12", "linux-image-" R612, NULL);
	check_choice("6.12.94", "linux-image-6.12.94+deb13-cloud-amd64", NULL);
	check_choice(R612, "linux-image-" R612, NULL);
	check_choice("6.1.164", "linux-image-6.1.0-50-cloud-amd64", NULL);
}

TEST(a_split_kernel_comes_from_its_parts)
{
	check_choice("7.2", "linux-binary-7.2.12+deb13-cloud-amd64", "linux-base-7.2.12+deb13-cloud-amd64");
}

TEST(an_unsigned_kernel_is_taken_when_there_is_no_other)
{
	check_choice("7.3", "linux-binary-unsigned-7.3.4+deb13-cloud-amd64", NULL);
	check_choice("6.12.200", "linux-image-6.12.200+deb13-cloud-amd64-unsigned", NULL);
}

TEST(an_unknown_series_lists_those_that_exist)
{
	AUTO(packages_done) struct packages packages = {0};
	struct ktstr_error err = {0};
	struct offer offer;

	packages_parse(sv_of(index_text), &packages);
	CHECK_EQ(package_choose(&packages, "6.99", &offer, &err), -ENOENT);
	CHECK_STR(err.msg, "the archive has no kernel 6.99; the series in it: 6.1, 6.12, 6.18, 7.2, 7.3");
	CHECK_EQ(package_choose(&(struct packages){0}, "6.99", &offer, &err), -ENOENT);
	CHECK_HAS(err.msg, "the series in it: none");
}

/* -- packages as files -- */

struct member {
	const char *name;
	const void *data;
	size_t len;
};

static void pack(int (*set_format)(struct archive *), int (*add_filter)(struct archive *),
		 const struct member *members, size_t count, struct buf *out)
{
	struct archive *writer = archive_write_new();

	buf_clear(out);
	CHECK_EQ(set_format(writer), ARCHIVE_OK);
	if (add_filter)
		CHECK_EQ(add_filter(writer), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(writer, 1);
	CHECK_EQ(archive_write_open(writer, out, NULL, buf_writer, NULL), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++) {
		struct archive_entry *entry = archive_entry_new();

		archive_entry_set_pathname(entry, members[i].name);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_size(entry, (la_int64_t)members[i].len);
		CHECK_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
		CHECK_EQ(archive_write_data(writer, members[i].data, members[i].len), members[i].len);
		archive_entry_free(entry);
	}
	CHECK_EQ(archive_write_close(writer), ARCHIVE_OK);
	archive_write_free(writer);
}

static void pack_deb(const struct member *files, size_t count, struct buf *out)
{
	AUTO(buf_done) struct buf data = {0};
	struct member members[3] = {{"debian-binary", "2.0\n", 4}, {"control.tar.xz", "junk", 4}};

	pack(archive_write_set_format_gnutar, archive_write_add_filter_xz, files, count, &data);
	members[2] = (struct member){"data.tar.xz", data.data, data.len};
	pack(archive_write_set_format_ar_bsd, NULL, members, 3, out);
}

static int read_deb(const struct world *world, const struct buf *bytes, struct deb_kernel *kernel,
		    struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/x.deb", world->dir);

	put_file(world->dir, "x.deb", bytes->data, bytes->len);
	return deb_read(path, kernel, err);
}

TEST(image_and_configuration_come_out_of_a_package)
{
	static const struct member old[] = {
		{"./boot/System.map-6.18", "map", 3},
		{"./boot/config-6.18", "CONFIG", 6},
		{"./boot/vmlinuz-6.18", "IMAGE", 5},
		{"./usr/lib/modules/6.18/kernel/fs/config", "no", 2},
	};
	static const struct member image[] = {{"./usr/lib/modules/7.3/vmlinuz.unsigned", "IMAGE", 5}};
	static const struct member base[] = {{"./usr/lib/modules/7.3/config", "CONFIG", 6}};
	AUTO(world_done) struct world world;
	AUTO(buf_done) struct buf deb = {0};
	AUTO(deb_kernel_done) struct deb_kernel kernel = {0};

	world_init(&world);
	pack_deb(old, 4, &deb);
	CHECK_EQ(read_deb(&world, &deb, &kernel, NULL), 0);
	CHECK_STR(buf_text(&kernel.image), "IMAGE");
	CHECK_STR(buf_text(&kernel.config), "CONFIG");
	deb_kernel_done(&kernel);
	pack_deb(image, 1, &deb);
	CHECK_EQ(read_deb(&world, &deb, &kernel, NULL), 0);
	CHECK_STR(buf_text(&kernel.image), "IMAGE");
	CHECK_EQ(kernel.config.len, 0);
	pack_deb(base, 1, &deb);
	CHECK_EQ(read_deb(&world, &deb, &kernel, NULL), 0);
	CHECK_STR(buf_text(&kernel.config), "CONFIG");
}

TEST(a_damaged_package_is_an_error)
{
	static const struct member files[] = {{"./boot/vmlinuz-6.18", "IMAGE", 5}};
	AUTO(world_done) struct world world;
	AUTO(buf_done) struct buf deb = {0};
	AUTO(deb_kernel_done) struct deb_kernel kernel = {0};
	struct ktstr_error err = {0};

	world_init(&world);
	pack_deb(files, 1, &deb);
	deb.len -= 40;
	CHECK(read_deb(&world, &deb, &kernel, &err) < 0);
	CHECK_HAS(err.msg, "/x.deb: ");
	pack(archive_write_set_format_ar_bsd, NULL, files, 1, &deb);
	CHECK_EQ(read_deb(&world, &deb, &kernel, &err), -EINVAL);
	CHECK_HAS(err.msg, "not a Debian package");
	buf_clear(&deb);
	buf_str(&deb, "no archive\n");
	CHECK(read_deb(&world, &deb, &kernel, &err) < 0);
	CHECK_EQ(kernel.image.len, 0);
}

/* -- fetching, from an apt of our own -- */

static const char fake_apt[] =
	"#!/bin/sh\n"
	"echo \"$*\" >>\"$FAKE/calls\"\n"
	"case \"$*\" in\n"
	"*indextargets*) echo 'http://m.example/debian/|bookworm|main|Debian|/nonexistent.sources:1';;\n"
	"*update) [ ! -e \"$FAKE/offline\" ] || { echo 'E: no network' >&2; exit 100; };;\n"
	"*show*) cat \"$FAKE/index\";;\n"
	"*download*) [ ! -e \"$FAKE/gone\" ] || { echo 'E: 404  Not Found' >&2; exit 100; }\n"
	"  cp \"$FAKE/kernel.deb\" .;;\n"
	"esac\n";

struct fake {
	struct world world;
	char *old_path;
	struct buf told;
};

static void fake_done(struct fake *fake)
{
	setenv("PATH", fake->old_path, 1);
	free(fake->old_path);
	buf_done(&fake->told);
	world_done(&fake->world);
}
DEFINE_AUTO_DONE(struct fake, fake_done)

static void put_deb(const struct fake *fake, const char *release)
{
	AUTO(buf_done) struct buf image = {0};
	AUTO(buf_done) struct buf payload = {0};
	AUTO(buf_done) struct buf vmlinux = {0};
	AUTO(buf_done) struct buf deb = {0};
	AUTO(free) char *version = xasprintf("%s (b@h) #1", release);
	struct member files[2] = {{"./boot/config-x", CONFIG_SCX, strlen(CONFIG_SCX)}};

	vmlinux_write(".BTF", "types", 5, &vmlinux);
	CHECK(compress_with(archive_write_add_filter_gzip, vmlinux.data, vmlinux.len, &payload));
	bzimage_write(version, payload.data, payload.len, &image);
	files[1] = (struct member){"./boot/vmlinuz-x", image.data, image.len};
	pack_deb(files, 2, &deb);
	put_file(fake->world.dir, "kernel.deb", deb.data, deb.len);
}

static void fake_init(struct fake *fake)
{
	AUTO(free) char *path = NULL;
	AUTO(free) char *link = NULL;

	*fake = (struct fake){.old_path = xstrdup(getenv("PATH"))};
	world_init(&fake->world);
	use_cache_of(&fake->world);
	put_file(fake->world.dir, "apt-get", fake_apt, strlen(fake_apt));
	put_file(fake->world.dir, "index", index_text, strlen(index_text));
	put_deb(fake, R618);
	path = xasprintf("%s/apt-get", fake->world.dir);
	link = xasprintf("%s/apt-cache", fake->world.dir);
	CHECK_EQ(chmod(path, 0755), 0);
	CHECK_EQ(symlink("apt-get", link), 0);
	setenv("FAKE", fake->world.dir, 1);
	free(path);
	path = xasprintf("%s:%s", fake->world.dir, fake->old_path);
	setenv("PATH", path, 1);
}

static void remember(const char *line, void *arg)
{
	struct fake *fake = arg;

	buf_printf(&fake->told, "%s\n", line);
}

static int fetch(struct fake *fake, struct kernel_fetch_config config, struct ktstr_error *err)
{
	AUTO(kernel_done) struct kernel kernel = {0};
	int r;

	config.progress = remember;
	config.arg = fake;
	buf_clear(&fake->told);
	r = kernel_fetch(&config, &kernel, err);
	if (r == 0)
		CHECK_STR(kernel.release, R618);
	return r;
}

static void check_entries(const struct fake *fake, size_t count)
{
	AUTO(strings_done) struct strings names = {0};
	AUTO(free) char *scratch = xasprintf("%s/.new", fake->world.places.cache);

	CHECK_EQ(cache_names(&fake->world.places, &names, NULL), 0);
	CHECK_EQ(names.len, count);
	CHECK_EQ(access(scratch, F_OK), -1);
}

static size_t call_count(const struct fake *fake)
{
	AUTO(free) char *path = xasprintf("%s/calls", fake->world.dir);
	AUTO(buf_done) struct buf calls = {0};
	size_t count = 0;
	struct sv rest, line;

	(void)file_read(AT_FDCWD, path, 1 << 20, &calls, NULL);      /* not there: no calls */
	rest = sv_bytes(buf_text(&calls), calls.len);
	while (sv_line(&rest, &line))
		count++;
	return count;
}

TEST(a_fetched_kernel_is_in_the_cache_with_all_that_belongs_to_it)
{
	AUTO(fake_done) struct fake fake;
	AUTO(kernel_done) struct kernel kernel = {0};
	AUTO(buf_done) struct buf btf = {0};
	struct ktstr_error err = {0};

	fake_init(&fake);
	if (fetch(&fake, (struct kernel_fetch_config){0}, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK_HAS(buf_text(&fake.told), "reading the package index of trixie-backports trixie\n"
					"downloading linux-image-" R618 " 6.18.15-1 (0.0 MiB)\n"
					"unpacking kernel " R618 "\n"
					"kernel " R618 " is in ");
	check_entries(&fake, 1);
	CHECK_EQ(cache_read(&fake.world.places, R618, &kernel, NULL), 0);
	CHECK_STR(kernel.package, "linux-image-" R618 " 6.18.15-1");
	CHECK_EQ(kernel.features, NEEDS_ALL);
	CHECK_EQ(kernel_btf(&kernel, &btf, NULL), 0);
	CHECK_STR(buf_text(&btf), "types");
}

TEST(the_newest_is_not_fetched_twice)
{
	AUTO(fake_done) struct fake fake;
	size_t calls;

	fake_init(&fake);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){0}, NULL), 0);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){.wanted = "6.18"}, NULL), 0);
	CHECK_STR(buf_text(&fake.told), "kernel " R618 " is the newest of 6.18 and in the cache already\n");
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){.refresh = true}, NULL), 0);
	CHECK_HAS(buf_text(&fake.told), "reading the package index");
	calls = call_count(&fake);
	CHECK(calls > 0);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){.if_missing = true}, NULL), 0);
	CHECK_EQ(call_count(&fake), calls);
}

TEST(a_failed_fetch_leaves_nothing_and_says_apts_words)
{
	AUTO(fake_done) struct fake fake;
	struct ktstr_error err = {0};

	fake_init(&fake);
	put_file(fake.world.dir, "gone", "", 0);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){0}, &err), -EIO);
	CHECK_STR(err.msg, "fetch kernel 6.18: download linux-image-" R618 ": apt-get: 404  Not Found");
	check_entries(&fake, 0);
}

TEST(an_index_that_is_too_old_is_read_again)
{
	AUTO(fake_done) struct fake fake;
	struct ktstr_error err = {0};

	fake_init(&fake);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){0}, NULL), 0);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){.wanted = "6.99"}, &err), -ENOENT);
	CHECK_HAS(err.msg, "fetch kernel 6.99: the archive has no kernel 6.99; the series in it: 6.1, ");
	CHECK_HAS(buf_text(&fake.told), "reading the package index");
}

TEST(without_network_an_old_index_serves_unless_a_new_one_is_demanded)
{
	AUTO(fake_done) struct fake fake;
	AUTO(free) char *updated = NULL;
	struct ktstr_error err = {0};

	fake_init(&fake);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){0}, NULL), 0);
	put_file(fake.world.dir, "offline", "", 0);
	updated = xasprintf("%s/.apt/updated", fake.world.places.cache);
	CHECK_EQ(unlink(updated), 0);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){0}, NULL), 0);
	CHECK_HAS(buf_text(&fake.told), "going by an older index: read the index of trixie-backports trixie: "
					"apt-get: no network\n");
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){.refresh = true}, &err), -EIO);
	CHECK_HAS(err.msg, "apt-get: no network");
}

TEST(a_package_with_another_kernel_in_it_is_refused)
{
	AUTO(fake_done) struct fake fake;
	struct ktstr_error err = {0};

	fake_init(&fake);
	put_deb(&fake, R612);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){0}, &err), -EINVAL);
	CHECK_HAS(err.msg, "holds a kernel that calls itself " R612);
	check_entries(&fake, 0);
}

TEST(without_apt_the_error_says_what_else_to_do)
{
	AUTO(fake_done) struct fake fake;
	struct ktstr_error err = {0};

	fake_init(&fake);
	setenv("PATH", "/nonexistent", 1);
	CHECK_EQ(fetch(&fake, (struct kernel_fetch_config){0}, &err), -ENOENT);
	CHECK_STR(err.msg, "fetch kernel 6.18: this system has no apt-get; without Debian's archive, build a "
			   "kernel or copy one, and name it with --kernel PATH or KTSTR_KERNEL");
}

RUN_TESTS();
