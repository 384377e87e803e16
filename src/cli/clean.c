/* SPDX-License-Identifier: BSD-2-Clause */
/* clean.c - `ktstr clean` */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/cli.h"
#include "kernel/kernel.h"
#include "run/run.h"
#include "store/store.h"

DEFINE_AUTO(DIR *, closedir)

static const char help_text[] =
	"usage: ktstr clean [--runs] [--kernels] [--templates] [--leftovers]\n\n"
	"Removes, and names on stdout, what is not in use:\n"
	"  --runs       the results and logs of all earlier runs\n"
	"  --kernels    all kernels in the cache (ktstr kernel clean is choosier)\n"
	"  --templates  all booted guests that tests are cloned from\n"
	"  --leftovers  of runs that were killed: scratch, and cgroups on this machine (`ktstr run\n"
	"               --host`; `ktstr cleanup` removes only those); and remembered KVM probes\n\n"
	"Without an option: --leftovers.\n";

static const char cleanup_help_text[] =
	"usage: ktstr cleanup [--parent-cgroup PATH]\n\n"
	"Removes the cgroups that killed runs left on this machine, ktstr and ktstr-PID where cgroup v2\n"
	"is mounted, and names them on stdout. Those of live processes are skipped, which stderr says.\n"
	"With --parent-cgroup: this one and those in it, and nothing is asked about its process.\n";

/* A run in progress holds its lock; an ended one has none. */
static bool in_use(int runs_fd, const char *id)
{
	AUTO(free) char *lock = xasprintf("%s/lock", id);
	AUTO(fd_close) int fd = openat(runs_fd, lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* The list of results forgets what is gone. It can be made again, so its troubles are only told. */
static void forget_runs(const char *runs)
{
	AUTO(run_store_sync_report_done) struct run_store_sync_report report = {0};
	AUTO(run_store_free) struct run_store *store = NULL;
	struct ktstr_error err = {0};

	if (run_store_open(runs, false, &store, &err) < 0 || run_store_sync(store, &report, &err) < 0)
		log_warn("the list of results still has what was removed: %s", err.msg);
}

static int clean_runs(struct ktstr_error *err)
{
	AUTO(free) char *runs = runs_dir();
	AUTO(closedir) DIR *dir = opendir(runs);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : error_sys(err, "open %s", runs);
	while ((entry = readdir(dir))) {
		AUTO(free) char *path = xasprintf("%s/%s", runs, entry->d_name);
		int r;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;        /* ids begin with a date; the rest is not ours to remove */
		if (in_use(dirfd(dir), entry->d_name)) {
			log_info("%s is in use", path);
			continue;
		}
		r = tree_remove(path, err);
		if (r < 0)
			return r;
		puts(path);
	}
	forget_runs(runs);
	return 0;
}

static int clean_kernels(struct ktstr_error *err)
{
	AUTO(strings_done) struct strings removed = {0};
	struct kernel_clean_config config = {.all = true};
	int r = kernel_clean(&config, &removed, err);

	vec_each(release, &removed)
		printf("kernel %s\n", *release);
	return r;
}

static int clean_templates(struct ktstr_error *err)
{
	AUTO(strings_done) struct strings removed = {0};
	AUTO(free) char *kernels = NULL;
	AUTO(free) char *cache = NULL;
	int r = kernel_cache_dir(&kernels, err);

	if (r < 0)
		return r;
	cache = xstrndup(kernels, (size_t)(strrchr(kernels, '/') - kernels));
	r = templates_trim(cache, 0, &removed, err);
	vec_each(key, &removed)
		printf("template %s\n", *key);
	return r;
}

static int clean_cgroups(struct ktstr_error *err)
{
	AUTO(strings_done) struct strings removed = {0};
	AUTO(strings_done) struct strings live = {0};
	AUTO(free) char *mount = NULL;
	int r = host_cgroup_mount(&mount, err);

	if (r == -ENOENT)
		return 0;        /* so there can be none */
	if (r == 0)
		r = cgroup_leftovers_remove(mount, &removed, &live, err);
	vec_each(path, &removed)
		puts(*path);
	vec_each(path, &live)
		log_info("skipping %s (live process)", *path);
	return r;
}

/* The next run sweeps scratch anyway; this does it now, and forgets what was learned about KVM. */
static int clean_leftovers(struct ktstr_error *err)
{
	AUTO(run_dir_done) struct run_dir dir = {.lock_fd = -1};
	AUTO(free) char *kernels = NULL;
	AUTO(free) char *probes = NULL;
	int r = run_dir_make(&dir, err);        /* making a run's directory sweeps first */

	if (r == 0)
		r = kernel_cache_dir(&kernels, err);
	if (r < 0)
		return r;
	probes = xasprintf("%s/../kvm-probe", kernels);
	r = tree_remove(probes, err);
	return r < 0 ? r : clean_cgroups(err);
}

int cli_clean(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"runs", no_argument, NULL, 'r'},
		{"kernels", no_argument, NULL, 'k'},
		{"templates", no_argument, NULL, 't'},
		{"leftovers", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	bool runs = false, kernels = false, templates = false, leftovers = argc == 1;
	struct ktstr_error err = {0};
	int option, r = 0;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		switch (option) {
		case 'r':
			runs = true;
			break;
		case 'k':
			kernels = true;
			break;
		case 't':
			templates = true;
			break;
		case 'l':
			leftovers = true;
			break;
		case 'h':
			return cli_help(help_text);
		default:
			return cli_bad_option("clean", option, argv, long_options);
		}
	}
	if (optind < argc)
		return cli_usage("clean", "what is \"%s\"?", argv[optind]);
	if (leftovers)
		r = clean_leftovers(&err);
	if (r == 0 && runs)
		r = clean_runs(&err);
	if (r == 0 && kernels)
		r = clean_kernels(&err);
	if (r == 0 && templates)
		r = clean_templates(&err);
	if (r < 0)
		log_error("%s", err.msg);
	return cli_finish(r < 0 ? EXIT_TROUBLE : 0);
}

int cli_cleanup(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"parent-cgroup", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *parent = NULL;
	struct ktstr_error err = {0};
	int option, r;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		if (option == 'h')
			return cli_help(cleanup_help_text);
		if (option != 'p')
			return cli_bad_option("cleanup", option, argv, long_options);
		parent = optarg;
	}
	if (optind < argc)
		return cli_usage("cleanup", "what is \"%s\"?", argv[optind]);
	r = parent ? cgroup_leftover_remove(parent, &err) : clean_cgroups(&err);
	if (r == 0 && parent)
		puts(parent);
	if (r < 0)
		log_error("%s", err.msg);
	return cli_finish(r < 0 ? EXIT_TROUBLE : 0);
}
