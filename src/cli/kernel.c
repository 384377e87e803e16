/* SPDX-License-Identifier: BSD-2-Clause */
/* kernel.c - `ktstr kernel`: fetch, list, resolve and clean the kernels that guests boot. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "kernel/kernel.h"

#define KEEP_MAX 1000

static const char help_kernel[] =
	"usage: ktstr kernel COMMAND [...]\n"
	"\n"
	"  fetch [SERIES|VERSION]   get a kernel from the Debian archive that apt knows\n"
	"  list                     show the kernels that are here\n"
	"  resolve [SPEC]           print the path of the kernel that a test would boot\n"
	"  clean RELEASE...         remove kernels from the cache\n"
	"\n"
	"`ktstr kernel COMMAND --help` says more.\n";

static const char help_fetch[] =
	"usage: ktstr kernel fetch [--if-missing] [--refresh] [SERIES|VERSION]\n"
	"\n"
	"Put the newest cloud kernel of a series (6.18 when none is named), or one version, into the\n"
	"cache, and print its path. The packages come from the Debian archive that this system's apt\n"
	"uses, and apt verifies them; nothing is installed, and the system's apt is left as it is.\n"
	"\n"
	"  --if-missing   do nothing when the cache has a kernel of the series, old as it may be\n"
	"  --refresh      read the package index again although it is not a day old\n";

static const char help_list[] =
	"usage: ktstr kernel list [--json]\n"
	"\n"
	"Show the kernels in the cache, newest first, and the running host's, with what they can do.\n";

static const char help_resolve[] =
	"usage: ktstr kernel resolve [--sched-ext] [SPEC]\n"
	"\n"
	"Print the path of the kernel that SPEC means: a path with a '/', a series (6.18), a version\n"
	"(6.18.15) or a release in the cache, or \"auto\": KTSTR_KERNEL, else the newest in the cache,\n"
	"else the running host's.\n"
	"\n"
	"  --sched-ext    one that can run sched_ext schedulers\n";

static const char help_clean[] =
	"usage: ktstr kernel clean RELEASE... | --all | --keep N\n"
	"\n"
	"Remove kernels from the cache and print their releases.\n"
	"\n"
	"  --all          every kernel, and the package index\n"
	"  --keep N       all but the newest N\n";

static int failed(const struct ktstr_error *err)
{
	log_error("%s", err->msg);
	return EXIT_TROUBLE;
}

static void show_progress(const char *line, void *arg)
{
	(void)arg;
	log_info("kernel fetch: %s", line);
}

static int command_fetch(int argc, char **argv)
{
	static const struct option options[] = {
		{"if-missing", no_argument, NULL, 'm'},
		{"refresh", no_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct kernel_fetch_config config = {.progress = show_progress};
	AUTO(kernel_done) struct kernel kernel = {0};
	struct ktstr_error err = {0};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'm')
			config.if_missing = true;
		else if (option == 'r')
			config.refresh = true;
		else if (option == 'h')
			return cli_help(help_fetch);
		else
			return cli_bad_option("kernel fetch", option, argv, options);
	}
	if (argc - optind > 1)
		return cli_usage("kernel fetch", "what is \"%s\"?", argv[optind + 1]);
	config.wanted = argv[optind];
	if (kernel_fetch(&config, &kernel, &err) < 0)
		return failed(&err);
	printf("%s\n", kernel.image);
	return cli_finish(0);
}

static void print_features(const char *title, uint32_t set)
{
	AUTO(buf_done) struct buf words = {0};

	for (unsigned i = 0; i < KERNEL_FEATURE_COUNT; i++) {
		if (set & KERNEL_BIT(i))
			buf_printf(&words, " %s", kernel_feature_word(i));
	}
	if (words.len)
		printf("  %-8s%s\n", title, buf_text(&words));
}

static void print_kernel(const struct kernel *kernel)
{
	const uint32_t all = (uint32_t)(KERNEL_BIT(KERNEL_FEATURE_COUNT) - 1);

	printf("%s\n  %-8s %s\n", kernel->release, kernel_origin_word(kernel->origin), kernel->image);
	if (kernel->package)
		printf("  package  %s\n", kernel->package);
	print_features("has", kernel->features);
	print_features("lacks", kernel->known & ~kernel->features);
	print_features("unknown", all & ~kernel->known);
}

static json_t *feature_json(const struct kernel *kernel, enum kernel_feature feature)
{
	if (!(kernel->known & KERNEL_BIT(feature)))
		return json_null();
	return json_boolean(kernel->features & KERNEL_BIT(feature));
}

static json_t *kernel_json(const struct kernel *kernel)
{
	json_t *features = json_object();

	for (unsigned i = 0; i < KERNEL_FEATURE_COUNT; i++)
		json_object_set_new(features, kernel_feature_word(i), feature_json(kernel, i));
	return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:o}", "release", kernel->release, "origin",
			 kernel_origin_word(kernel->origin), "image", kernel->image, "package",
			 kernel->package, "config", kernel->config, "features", features);
}

static void print_json(const struct kernels *kernels)
{
	json_t *list = json_array();

	vec_each(kernel, kernels)
		json_array_append_new(list, kernel_json(kernel));
	json_dumpf(list, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(list);
}

static int command_list(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	AUTO(kernels_done) struct kernels kernels = {0};
	struct ktstr_error err = {0};
	bool as_json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'j')
			as_json = true;
		else if (option == 'h')
			return cli_help(help_list);
		else
			return cli_bad_option("kernel list", option, argv, options);
	}
	if (optind < argc)
		return cli_usage("kernel list", "what is \"%s\"?", argv[optind]);
	if (kernel_list(&kernels, &err) < 0)
		return failed(&err);
	if (as_json) {
		print_json(&kernels);
		return cli_finish(0);
	}
	vec_each(kernel, &kernels)
		print_kernel(kernel);
	if (!kernels.len)
		log_info("no kernel is here; `ktstr kernel fetch` gets one");
	return cli_finish(0);
}

static int command_resolve(int argc, char **argv)
{
	static const struct option options[] = {
		{"sched-ext", no_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	AUTO(kernel_done) struct kernel kernel = {0};
	uint32_t needs = KERNEL_NEEDS_GUEST;
	struct ktstr_error err = {0};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 's')
			needs |= KERNEL_NEEDS_SCHED_EXT;
		else if (option == 'h')
			return cli_help(help_resolve);
		else
			return cli_bad_option("kernel resolve", option, argv, options);
	}
	if (argc - optind > 1)
		return cli_usage("kernel resolve", "what is \"%s\"?", argv[optind + 1]);
	if (kernel_resolve(argv[optind], needs, &kernel, &err) < 0)
		return failed(&err);
	printf("%s\n", kernel.image);
	return cli_finish(0);
}

static int run_clean(const struct kernel_clean_config *config)
{
	AUTO(strings_done) struct strings removed = {0};
	struct ktstr_error err = {0};
	int r = kernel_clean(config, &removed, &err);

	vec_each(release, &removed)
		printf("%s\n", *release);
	return cli_finish(r < 0 ? failed(&err) : 0);
}

static int command_clean(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"keep", required_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct kernel_clean_config config = {0};
	const char *keep = NULL;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'a')
			config.all = true;
		else if (option == 'k')
			keep = optarg;
		else if (option == 'h')
			return cli_help(help_clean);
		else
			return cli_bad_option("kernel clean", option, argv, options);
	}
	if (keep && sv_u32(sv_of(keep), KEEP_MAX, &config.keep_count) < 0)
		return cli_usage("kernel clean", "--keep %s: expected a number up to %d", keep, KEEP_MAX);
	config.keep_newest = keep;
	config.releases = (const char *const *)argv + optind;
	config.release_count = (size_t)(argc - optind);
	if ((config.release_count > 0) + config.all + config.keep_newest != 1)
		return cli_usage("kernel clean", "name releases, or --all, or --keep N");
	return run_clean(&config);
}

int cli_kernel(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{"fetch", command_fetch},
		{"list", command_list},
		{"resolve", command_resolve},
		{"clean", command_clean},
	};

	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name)
		return cli_usage("kernel", "fetch, list, resolve or clean?");
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return cli_help(help_kernel);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return cli_usage("kernel", "there is no command \"%s\"", name);
}
