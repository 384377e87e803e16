/* SPDX-License-Identifier: BSD-2-Clause */
/* test.c - `ktstr test PROGRAM...` */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init_blob.h"
#include "cli/interrupt.h"
#include "run/run.h"

#define SEED_DEFAULT 1
#define TEMPLATE_MAX_MIB_DEFAULT (8 << 10)

static const char help_text[] =
	"usage: ktstr test [OPTIONS] PROGRAM...\n\n"
	"Runs the tests of each PROGRAM, every test in a fresh guest. A test program run by itself\n"
	"does the same for its own tests.\n\n"
	"which tests\n"
	"  -k, --pattern PATTERN   names that contain PATTERN, or match it when it has * ? [\n"
	"      --exact NAME        this one (\"NAME\" or \"ktstr/NAME\")\n"
	"      --ignored           also the ones that run only when asked for (demo_...)\n"
	"      --list              name them and run nothing\n\n"
	"how\n"
	"  -m, --mode MODE         kvm, tcg (emulation, a host thread a CPU), det (emulation in\n"
	"                          instruction time: the same numbers on every run), auto (default:\n"
	"                          kvm where this host really boots the kernel under it, else det)\n"
	"      --kernel K          a bzImage's path, a version or series (6.18) in the cache, auto\n"
	"      --topology T        another machine: 1n2l4c2t is 1 NUMA node, 2 LLCs in all, 4 cores\n"
	"                          each, 2 threads a core\n"
	"      --memory-mib N      the guest's memory\n"
	"      --seed N            for everything random in the guest (default 1)\n"
	"      --icount-shift N    det: an instruction takes 2^N ns (default: 3 for up to 2 CPUs, 2 for\n"
	"                          4, 1 for 8, 0 for more)\n"
	"  -j, --jobs N            guests at once (default: as many as this host's CPUs hold)\n"
	"      --no-template       boot every guest from cold instead of cloning a booted one\n"
	"  -v, --verbose           the guest's kernel prints everything on its console\n\n"
	"what comes out\n"
	"  -f, --format FORMAT     pretty (default), tap, junit, json\n"
	"  -o, --output FILE       there instead of on stdout\n\n"
	"Exit status: 0 passed or skipped, 1 failed, 2 inconclusive, 3 could not find out,\n"
	"4 no test matched, 64 wrong usage, 130 interrupted.\n";

enum {
	OPT_EXACT = 256,
	OPT_IGNORED,
	OPT_LIST,
	OPT_KERNEL,
	OPT_TOPOLOGY,
	OPT_MEMORY,
	OPT_SEED,
	OPT_ICOUNT_SHIFT,
	OPT_NO_TEMPLATE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"pattern", required_argument, NULL, 'k'},
	{"exact", required_argument, NULL, OPT_EXACT},
	{"ignored", no_argument, NULL, OPT_IGNORED},
	{"list", no_argument, NULL, OPT_LIST},
	{"mode", required_argument, NULL, 'm'},
	{"kernel", required_argument, NULL, OPT_KERNEL},
	{"topology", required_argument, NULL, OPT_TOPOLOGY},
	{"ktstr-topo", required_argument, NULL, OPT_TOPOLOGY},
	{"memory-mib", required_argument, NULL, OPT_MEMORY},
	{"seed", required_argument, NULL, OPT_SEED},
	{"jobs", required_argument, NULL, 'j'},
	{"icount-shift", required_argument, NULL, OPT_ICOUNT_SHIFT},
	{"no-template", no_argument, NULL, OPT_NO_TEMPLATE},
	{"verbose", no_argument, NULL, 'v'},
	{"format", required_argument, NULL, 'f'},
	{"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct options {
	struct selection selection;
	bool mode_auto, list, verbose, help, no_template;
	enum vm_mode mode;
	const char *kernel, *output;
	uint64_t seed, boot_limit_ns, template_max_mib;
	uint32_t jobs;
	int icount_shift;
	enum report_format format;
};

/* 0, or the exit status */
static int take_option(int option, struct options *options)
{
	struct sv value = sv_of(optarg ?: "");
	uint32_t number;

	switch (option) {
	case 'k':
		options->selection.pattern = optarg;
		return 0;
	case OPT_EXACT:
		options->selection.exact = optarg;
		return 0;
	case OPT_IGNORED:
		options->selection.ignored = true;
		return 0;
	case OPT_LIST:
		options->list = true;
		return 0;
	case 'm':
		options->mode_auto = sv_eq(value, "auto");
		if (!options->mode_auto && !vm_mode_parse(value, &options->mode))
			return cli_usage("test", "--mode %s: it is kvm, tcg, det or auto", optarg);
		return 0;
	case OPT_KERNEL:
		options->kernel = optarg;
		return 0;
	case OPT_TOPOLOGY:
		options->selection.topology = optarg;
		return 0;
	case OPT_MEMORY:
		if (sv_u32(value, 1 << 20, &number) < 0 || number < 64)
			return cli_usage("test", "--memory-mib %s: a number from 64 to 1048576", optarg);
		options->selection.memory_mib = number;
		return 0;
	case OPT_SEED:
		if (sv_u64(value, UINT64_MAX, &options->seed) < 0)
			return cli_usage("test", "--seed %s: a whole number", optarg);
		return 0;
	case 'j':
		if (sv_u32(value, 64, &options->jobs) < 0 || options->jobs == 0)
			return cli_usage("test", "--jobs %s: a number from 1 to 64", optarg);
		return 0;
	case OPT_ICOUNT_SHIFT:
		if (sv_u32(value, VM_ICOUNT_SHIFT_MAX, &number) < 0)
			return cli_usage("test", "--icount-shift %s: a number from 0 to %d", optarg,
					 VM_ICOUNT_SHIFT_MAX);
		options->icount_shift = (int)number;
		return 0;
	case OPT_NO_TEMPLATE:
		options->no_template = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'f':
		if (!report_format_parse(value, &options->format))
			return cli_usage("test", "--format %s: it is pretty, tap, junit or json", optarg);
		return 0;
	case 'o':
		options->output = optarg;
		return 0;
	case OPT_HELP:
		options->help = true;
		return 0;
	default:
		return cli_usage("test", "what is \"%s\"?", optopt ? (char[]){'-', (char)optopt, 0} : "that");
	}
}

/* The environment says what no option says. 0, or the exit status. */
static int take_environment(struct options *options)
{
	const char *mode = getenv("KTSTR_MODE"), *seed = getenv("KTSTR_SEED");
	const char *boot = getenv("KTSTR_BOOT_TIMEOUT_S");
	const char *no_template = getenv("KTSTR_NO_TEMPLATE");
	const char *room = getenv("KTSTR_TEMPLATES_MAX_MIB");
	uint32_t boot_s = 0;

	options->mode_auto = true;
	options->icount_shift = -1;
	options->seed = SEED_DEFAULT;
	options->verbose = getenv("KTSTR_VERBOSE") && strcmp(getenv("KTSTR_VERBOSE"), "1") == 0;
	if (mode && *mode && strcmp(mode, "auto") != 0) {
		options->mode_auto = false;
		if (!vm_mode_parse(sv_of(mode), &options->mode))
			return cli_usage("test", "KTSTR_MODE=%s: it is kvm, tcg, det or auto", mode);
	}
	if (seed && *seed && sv_u64(sv_of(seed), UINT64_MAX, &options->seed) < 0)
		return cli_usage("test", "KTSTR_SEED=%s: a whole number", seed);
	if (boot && *boot && (sv_u32(sv_of(boot), 86400, &boot_s) < 0 || boot_s == 0))
		return cli_usage("test", "KTSTR_BOOT_TIMEOUT_S=%s: seconds from 1 to 86400", boot);
	options->boot_limit_ns = boot_s * NS_PER_S;
	options->no_template = no_template && *no_template;
	options->template_max_mib = TEMPLATE_MAX_MIB_DEFAULT;
	if (room && *room && (sv_u64(sv_of(room), 1 << 24, &options->template_max_mib) < 0 ||
			      options->template_max_mib == 0))
		return cli_usage("test", "KTSTR_TEMPLATES_MAX_MIB=%s: MiB from 1 to %d", room, 1 << 24);
	return 0;
}

static int parse(int argc, char **argv, struct options *options)
{
	int status = take_environment(options);
	int option;

	opterr = 0;
	while (status == 0 &&
	       (option = getopt_long(argc, argv, ":k:m:j:f:o:vh", long_options, NULL)) != -1) {
		if (option == ':')
			return cli_usage("test", "%s wants a value", argv[optind - 1]);
		if (option == '?')
			return cli_usage("test", "there is no option \"%s\"", argv[optind - 1]);
		status = take_option(option == 'h' ? OPT_HELP : option, options);
	}
	if (status == 0 && !options->help && optind == argc)
		return cli_usage("test", "which test programs?");
	return status;
}

static int trouble(const struct ktstr_error *err)
{
	log_error("%s", err->msg);
	return err->code == -ECANCELED ? EXIT_INTERRUPTED : EXIT_TROUBLE;
}

/* --- the machine to run on -------------------------------------------------------------------------- */

struct machine {
	struct qemu qemu;
	struct kernel kernel;
	char *initramfs;
	char *cache_dir;
	enum vm_mode mode;
};

static void machine_done(struct machine *machine)
{
	qemu_done(&machine->qemu);
	kernel_done(&machine->kernel);
	free(machine->initramfs);
	free(machine->cache_dir);
}
DEFINE_AUTO_DONE(struct machine, machine_done)

static int choose_mode(const struct options *options, const struct run_dir *dir, int cancel_fd,
		       struct machine *machine, struct ktstr_error *err)
{
	AUTO(free) char *scratch = xasprintf("%s/scratch", dir->path);
	AUTO(free) char *why = NULL;
	struct kvm_probe_config config = {
		.qemu = &machine->qemu,
		.kernel = machine->kernel.image,
		.kernel_release = machine->kernel.release,
		.initramfs = machine->initramfs,
		.cache_dir = machine->cache_dir,
		.scratch_dir = scratch,
		.cancel_fd = cancel_fd,
	};
	bool fresh;
	int r;

	machine->mode = options->mode;
	if (!options->mode_auto)
		return 0;
	r = kvm_probe(&config, &why, &fresh, err);
	if (r < 0)
		return error_wrap(err, r, "KVM probe");
	machine->mode = r ? VM_KVM : VM_DET;
	if (fresh && r)
		log_info("KVM boots kernel %s here: using mode kvm from now on", machine->kernel.release);
	else if (fresh)
		log_info("KVM does not boot kernel %s here (%s): using mode det from now on",
			 machine->kernel.release, why);
	return 0;
}

static bool any_guest(const struct test_plans *plans)
{
	vec_each(plan, plans) {
		if (!plan->host_only)
			return true;
	}
	return false;
}

/* An explicit kernel that lacks what some tests need skips those; "auto" looks for one that has it. */
static int choose_kernel(const struct options *options, const struct test_plans *plans,
			 struct kernel *ret_kernel, struct ktstr_error *err)
{
	const char *env = getenv("KTSTR_KERNEL");
	const char *spec = options->kernel ?: env && *env ? env : NULL;
	uint32_t needs = KERNEL_NEEDS_GUEST;

	if (spec && strcmp(spec, "auto") != 0)
		return kernel_resolve(spec, 0, ret_kernel, err);
	vec_each(plan, plans) {
		if (plan->has_scheduler)
			needs |= KERNEL_NEEDS_SCHED_EXT;
	}
	return kernel_resolve("auto", needs, ret_kernel, err);
}

static int prepare(const struct options *options, const struct test_plans *plans,
		   const struct run_dir *dir, int cancel_fd, struct machine *machine,
		   struct ktstr_error *err)
{
	AUTO(free) char *init_dir = NULL;
	AUTO(free) char *kernels = NULL;
	char *slash;
	int r;

	if (!any_guest(plans))
		return 0;
	r = kernel_cache_dir(&kernels, err);
	if (r < 0)
		return r;
	slash = strrchr(kernels, '/');
	machine->cache_dir = xstrndup(kernels, (size_t)(slash - kernels));
	init_dir = xasprintf("%s/init", machine->cache_dir);
	r = choose_kernel(options, plans, &machine->kernel, err);
	if (r == 0)
		r = qemu_find(&machine->qemu, err);
	if (r == 0)
		r = initramfs_make(init_dir, init_blob(), &machine->initramfs, err);
	if (r == 0)
		r = choose_mode(options, dir, cancel_fd, machine, err);
	return r;
}

/* --- output ---------------------------------------------------------------------------------------------- */

static int open_output(const struct options *options, FILE **ret_out, struct ktstr_error *err)
{
	*ret_out = stdout;
	if (!options->output)
		return 0;
	*ret_out = fopen(options->output, "we");
	return *ret_out ? 0 : error_sys(err, "create %s", options->output);
}

static char *suite_name(int count, char **programs)
{
	AUTO(buf_done) struct buf name = {0};

	for (int i = 0; i < count; i++) {
		const char *slash = strrchr(programs[i], '/');

		buf_printf(&name, "%s%s", i ? " " : "", slash ? slash + 1 : programs[i]);
	}
	return buf_take(&name);
}

static void say_machine(const struct machine *machine, const struct run_dir *dir)
{
	if (machine->kernel.release)
		log_info("kernel %s, mode %s, QEMU %s; artefacts in %s", machine->kernel.release,
			 vm_mode_name(machine->mode), machine->qemu.version, dir->path);
}

static int run(const struct options *options, const struct test_plans *plans, char *suite,
	       const struct run_dir *dir, int cancel_fd, struct ktstr_error *err)
{
	AUTO(machine_done) struct machine machine = {0};
	struct report_totals totals = {0};
	struct report_config report_config = {
		.format = options->format,
		.test_count = plans->len,
		.suite = suite,
	};
	struct run_config config = {
		.plans = plans,
		.qemu = &machine.qemu,
		.kernel = &machine.kernel,
		.dir = dir,
		.seed = options->seed,
		.icount_shift = options->icount_shift,
		.jobs = options->jobs,
		.boot_limit_ns = options->boot_limit_ns,
		.cancel_fd = cancel_fd,
		.verbose_kernel = options->verbose,
	};
	uint64_t began = clock_ns();
	int r = prepare(options, plans, dir, cancel_fd, &machine, err), end;

	if (r < 0)
		return r;
	config.mode = machine.mode;
	config.initramfs = machine.initramfs;
	config.template_cache = options->no_template ? NULL : machine.cache_dir;
	config.template_max_bytes = options->template_max_mib << 20;
	say_machine(&machine, dir);
	r = open_output(options, &report_config.out, err);
	if (r < 0)
		return r;
	report_config.color = !options->output && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	config.report = report_begin(&report_config);
	config.progress = progress_begin(STDERR_FILENO, plans->len);
	r = run_tests(&config, &totals, err);
	progress_end(config.progress);
	totals.host_ns = clock_ns() - began;
	end = report_end(config.report, &totals, r < 0 ? NULL : err);
	if (options->output && fclose(report_config.out) == EOF && end == 0)
		end = error_sys(r < 0 ? NULL : err, "write %s", options->output);
	if (r < 0 || end < 0)
		return r < 0 ? r : end;
	return report_exit_status(&totals);
}

static int list(const struct test_plans *plans)
{
	vec_each(plan, plans)
		printf("ktstr/%s: test\n", plan->name);
	return fflush(stdout) == EOF ? EXIT_TROUBLE : 0;
}

int cli_test(int argc, char **argv)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(run_dir_done) struct run_dir dir = {.lock_fd = -1};
	AUTO(free) char *suite = NULL;
	struct ktstr_error err = {0};
	struct options options = {0};
	int status = parse(argc, argv, &options);
	int cancel_fd, r;

	if (status)
		return status;
	if (options.help)
		return cli_help(help_text);
	suite = suite_name(argc - optind, argv + optind);
	for (int i = optind; i < argc; i++) {
		size_t before = plans.len;

		r = plans_describe(argv[i], &plans, &err);
		if (r < 0)
			return trouble(&err);
		if (plans.len == before) {
			log_error("no test is linked into %s; KTSTR_TEST(name) { ... } declares one",
				  argv[i]);
			return EXIT_NO_TEST;
		}
	}
	r = plans_select(&plans, &options.selection, &err);
	if (r < 0)
		return cli_usage("test", "%s", err.msg);
	if (plans.len == 0) {
		log_error("no test matches%s%s", options.selection.exact ? " " : "",
			  options.selection.exact ?: "");
		return EXIT_NO_TEST;
	}
	if (options.list)
		return list(&plans);
	cancel_fd = interrupt_catch(&err);
	if (cancel_fd < 0 || run_dir_make(&dir, &err) < 0)
		return trouble(&err);
	r = run(&options, &plans, suite, &dir, cancel_fd, &err);
	return r < 0 ? trouble(&err) : r;
}
