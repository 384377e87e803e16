/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/drive.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init_blob.h"
#include "cli/interrupt.h"
#include "workload/workload.h"
#include "store/store.h"

#define SEED_DEFAULT 1
#define TEMPLATE_MAX_MIB_DEFAULT (8 << 10)
#define DURATION_MS_MAX 3600000

/* --- options --------------------------------------------------------------------------------------- */

const char drive_help_which[] =
	"which tests\n"
	"  -k, --pattern PATTERN   names that contain PATTERN, or match it when it has * ? [\n"
	"      --exact NAME        this one (\"NAME\" or \"ktstr/NAME\")\n"
	"      --ignored           also the ones that run only when asked for (demo_...)\n";

const char drive_help_load[] =
	"what runs\n"
	"      --scheduler BIN         under this sched_ext scheduler; eevdf: the kernel's own\n"
	"      --scheduler-arg A       an argument for it; may be there more than once\n"
	"      --flags A,B             of the declared schedulers, beside those that tests require; tests\n"
	"                              that exclude one, or whose scheduler has none, are left out\n"
	"      --duration S            seconds of load, such as 0.5, in scenarios that leave it open\n"
	"      --workers N             workers a cgroup, where the scenario leaves it open\n"
	"      --work-type W           what they do, where the scenario leaves it open (SpinWait, ...)\n\n";

const char drive_help_how[] =
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
	"      --disturb           a seeded disturber preempts at random moments (explore has it on)\n"
	"      --tracer WHO        records scheduling events where a trace is wanted: plugin (in QEMU, not\n"
	"                          kvm: the run is the same as without), bpf (in the guest, where it takes\n"
	"                          part in the run), both, auto (default: bpf in kvm, else plugin)\n"
	"  -j, --jobs N            guests at once (default: as many as this host's CPUs hold)\n"
	"      --no-template       boot every guest from cold instead of cloning a booted one\n"
	"      --no-skip-mode      a test that is skipped is a failure (KTSTR_NO_SKIP_MODE=1 means the same)\n"
	"  -v, --verbose           the guest's kernel prints everything on its console\n\n";

/* "2", "0.5" */
static int take_seconds(const char *text, struct drive_options *options)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || end == text || !(seconds >= 0.001) || seconds > DURATION_MS_MAX / 1000)
		return cli_usage(options->command, "--duration %s: seconds from 0.001 to %d", text,
				 DURATION_MS_MAX / 1000);
	options->selection.duration_ms = (uint64_t)(seconds * 1000 + 0.5);
	return 0;
}

static int take_work_type(const char *name, struct drive_options *options)
{
	struct ktstr_error err = {0};
	enum ktstr_work_type type;

	if (work_type_parse(sv_of(name), &type, &err) < 0)
		return cli_usage(options->command, "--work-type: %s", err.msg);
	if (!work_type_by_name(type))
		return cli_usage(options->command, "--work-type %s: it is made by test programs only", name);
	options->selection.work_type = name;
	return 0;
}

int drive_take_option(int option, struct drive_options *options)
{
	struct sv value = sv_of(optarg ?: "");
	const char *command = options->command;
	uint32_t number;

	switch (option) {
	case 'k':
		options->selection.pattern = optarg;
		return 0;
	case DRIVE_OPT_EXACT:
		options->selection.exact = optarg;
		return 0;
	case DRIVE_OPT_IGNORED:
		options->selection.ignored = true;
		return 0;
	case 'm':
		options->mode_auto = sv_eq(value, "auto");
		if (!options->mode_auto && !vm_mode_parse(value, &options->mode))
			return cli_usage(command, "--mode %s: it is kvm, tcg, det or auto", optarg);
		return 0;
	case DRIVE_OPT_KERNEL:
		options->kernel = optarg;
		return 0;
	case DRIVE_OPT_TOPOLOGY:
		options->selection.topology = optarg;
		return 0;
	case DRIVE_OPT_MEMORY:
		if (sv_u32(value, 1 << 20, &number) < 0 || number < 64)
			return cli_usage(command, "--memory-mib %s: a number from 64 to 1048576", optarg);
		options->selection.memory_mib = number;
		return 0;
	case DRIVE_OPT_SEED:
		if (sv_u64(value, UINT64_MAX, &options->seed) < 0)
			return cli_usage(command, "--seed %s: a whole number", optarg);
		return 0;
	case 'j':
		if (sv_u32(value, 64, &options->jobs) < 0 || options->jobs == 0)
			return cli_usage(command, "--jobs %s: a number from 1 to 64", optarg);
		return 0;
	case DRIVE_OPT_ICOUNT_SHIFT:
		if (sv_u32(value, VM_ICOUNT_SHIFT_MAX, &number) < 0)
			return cli_usage(command, "--icount-shift %s: a number from 0 to %d", optarg,
					 VM_ICOUNT_SHIFT_MAX);
		options->icount_shift = (int)number;
		return 0;
	case DRIVE_OPT_SCHEDULER:
		options->selection.scheduler = optarg;
		return 0;
	case DRIVE_OPT_SCHEDULER_ARG:
		strings_push(&options->selection.scheduler_args, xstrdup(optarg));
		return 0;
	case DRIVE_OPT_DURATION:
		return take_seconds(optarg, options);
	case DRIVE_OPT_DURATION_MS:
		if (sv_u32(value, DURATION_MS_MAX, &number) < 0 || number == 0)
			return cli_usage(command, "--duration-ms %s: a number from 1 to %d", optarg,
					 DURATION_MS_MAX);
		options->selection.duration_ms = number;
		return 0;
	case DRIVE_OPT_WORKERS:
		if (sv_u32(value, WORKERS_MAX, &options->selection.workers) < 0 ||
		    options->selection.workers == 0)
			return cli_usage(command, "--workers %s: a number from 1 to %d", optarg,
					 WORKERS_MAX);
		return 0;
	case DRIVE_OPT_WORK_TYPE:
		return take_work_type(optarg, options);
	case DRIVE_OPT_FLAGS:
		options->selection.flags = optarg;
		return 0;
	case DRIVE_OPT_HOST:
		options->selection.on_host = true;
		return 0;
	case DRIVE_OPT_NO_TEMPLATE:
		options->no_template = true;
		return 0;
	case DRIVE_OPT_TRACER:
		if (!tracer_choice_parse(value, &options->tracer))
			return cli_usage(command, "--tracer %s: it is plugin, bpf, both or auto", optarg);
		return 0;
	case DRIVE_OPT_DISTURB:
		options->disturb = true;
		return 0;
	case DRIVE_OPT_NO_SKIP:
		options->no_skip = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	default:
		return cli_usage(command, "there is no such option");
	}
}

/* The environment says what no option says. 0, or the exit status. */
int drive_options_init(const char *command, struct drive_options *options)
{
	const char *mode = getenv("KTSTR_MODE"), *seed = getenv("KTSTR_SEED");
	const char *boot = getenv("KTSTR_BOOT_TIMEOUT_S"), *tracer = getenv("KTSTR_TRACER");
	const char *no_template = getenv("KTSTR_NO_TEMPLATE");
	const char *no_skip = getenv("KTSTR_NO_SKIP_MODE");
	const char *room = getenv("KTSTR_TEMPLATES_MAX_MIB");
	const char *ring = getenv("KTSTR_TRACER_RING_KIB");
	uint32_t boot_s = 0, number;

	*options = (struct drive_options){.command = command, .mode_auto = true, .icount_shift = -1};
	options->seed = SEED_DEFAULT;
	options->verbose = getenv("KTSTR_VERBOSE") && strcmp(getenv("KTSTR_VERBOSE"), "1") == 0;
	if (mode && *mode && strcmp(mode, "auto") != 0) {
		options->mode_auto = false;
		if (!vm_mode_parse(sv_of(mode), &options->mode))
			return cli_usage(command, "KTSTR_MODE=%s: it is kvm, tcg, det or auto", mode);
	}
	if (seed && *seed && sv_u64(sv_of(seed), UINT64_MAX, &options->seed) < 0)
		return cli_usage(command, "KTSTR_SEED=%s: a whole number", seed);
	if (tracer && *tracer && !tracer_choice_parse(sv_of(tracer), &options->tracer))
		return cli_usage(command, "KTSTR_TRACER=%s: it is plugin, bpf, both or auto", tracer);
	if (ring && *ring && (sv_u32(sv_of(ring), 128 << 10, &number) < 0 || number < 4))
		return cli_usage(command, "KTSTR_TRACER_RING_KIB=%s: KiB from 4 to %d", ring, 128 << 10);
	if (boot && *boot && (sv_u32(sv_of(boot), 86400, &boot_s) < 0 || boot_s == 0))
		return cli_usage(command, "KTSTR_BOOT_TIMEOUT_S=%s: seconds from 1 to 86400", boot);
	options->boot_limit_ns = boot_s * NS_PER_S;
	options->no_template = no_template && *no_template;
	options->no_skip = no_skip && *no_skip;
	options->template_max_mib = TEMPLATE_MAX_MIB_DEFAULT;
	if (room && *room && (sv_u64(sv_of(room), 1 << 24, &options->template_max_mib) < 0 ||
			      options->template_max_mib == 0))
		return cli_usage(command, "KTSTR_TEMPLATES_MAX_MIB=%s: MiB from 1 to %d", room, 1 << 24);
	return 0;
}

int drive_check_output(const char *path, struct ktstr_error *err)
{
	AUTO(free) char *real = NULL;
	bool in_place;

	return path ? file_output_find(path, &real, &in_place, err) : 0;
}

int drive_trouble(const struct ktstr_error *err)
{
	log_error("%s", err->msg);
	return err->code == -ECANCELED ? EXIT_INTERRUPTED : EXIT_TROUBLE;
}

/* --- the machine ------------------------------------------------------------------------------------ */

static int choose_mode(struct drive *drive, struct ktstr_error *err)
{
	AUTO(free) char *scratch = xasprintf("%s/scratch", drive->dir.path);
	AUTO(free) char *why = NULL;
	struct kvm_probe_config config = {
		.qemu = &drive->qemu,
		.kernel = drive->kernel.image,
		.kernel_release = drive->kernel.release,
		.initramfs = drive->initramfs,
		.cache_dir = drive->cache_dir,
		.scratch_dir = scratch,
		.cancel_fd = drive->cancel_fd,
	};
	bool fresh;
	int r;

	drive->mode = drive->options->mode;
	if (!drive->options->mode_auto)
		return 0;
	r = kvm_probe(&config, &why, &fresh, err);
	if (r < 0)
		return error_wrap(err, r, "KVM probe");
	drive->mode = r ? VM_KVM : VM_DET;
	if (fresh && r)
		log_info("KVM boots kernel %s here: using mode kvm from now on", drive->kernel.release);
	else if (fresh)
		log_info("KVM does not boot kernel %s here (%s): using mode det from now on",
			 drive->kernel.release, why);
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
static int choose_kernel(const struct drive_options *options, const struct test_plans *plans,
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

static int prepare(const struct test_plans *plans, struct drive *drive, struct ktstr_error *err)
{
	AUTO(free) char *scratch = xasprintf("%s/scratch", drive->dir.path);
	AUTO(free) char *init_dir = NULL;
	AUTO(free) char *kernels = NULL;
	int r;

	if (!any_guest(plans))
		return 0;
	r = kernel_cache_dir(&kernels, err);
	if (r < 0)
		return r;
	drive->cache_dir = xstrndup(kernels, (size_t)(strrchr(kernels, '/') - kernels));
	init_dir = xasprintf("%s/init", drive->cache_dir);
	r = choose_kernel(drive->options, plans, &drive->kernel, err);
	if (r == 0)
		r = qemu_find(&drive->qemu, err);
	if (r < 0)
		return r;
	r = initramfs_make(init_dir, init_blob(), &drive->initramfs, err);
	if (is_unwritable(r)) {
		log_warn("the cache cannot be written: %s", err->msg);
		r = initramfs_make(scratch, init_blob(), &drive->initramfs, err);
	}
	if (r == 0)
		r = choose_mode(drive, err);
	if (r == 0 && !drive->options->quiet)
		log_info("kernel %s, mode %s, QEMU %s; artefacts in %s", drive->kernel.release,
			 vm_mode_name(drive->mode), drive->qemu.version, drive->dir.path);
	return r;
}

/* A test on this machine that was cut short cannot remove its cgroups. */
static void leave_host(const struct drive_options *options)
{
	AUTO(free) char *root = NULL;
	struct ktstr_error err = {0};

	if (!options || !options->selection.on_host || host_cgroup_root(&root, NULL) < 0 || access(root, F_OK) < 0)
		return;
	if (cgroup_leftover_remove(root, &err) < 0)
		log_warn("%s; `ktstr cleanup` removes it", err.msg);
}

void drive_done(struct drive *drive)
{
	leave_host(drive->options);
	run_store_free(drive->store);
	run_dir_done(&drive->dir);
	qemu_done(&drive->qemu);
	kernel_done(&drive->kernel);
	free(drive->initramfs);
	free(drive->cache_dir);
}

int drive_begin(const struct drive_options *options, const struct test_plans *plans,
		struct drive *ret_drive, struct ktstr_error *err)
{
	AUTO(drive_done) struct drive drive = {.options = options, .dir = {.lock_fd = -1}};
	int r;

	drive.cancel_fd = interrupt_catch(err);
	if (drive.cancel_fd < 0)
		return drive.cancel_fd;
	r = interrupt_catch_pipe(err);
	if (r == 0)
		r = run_dir_make(&drive.dir, err);
	if (r == 0)
		r = prepare(plans, &drive, err);
	if (r == 0)
		*ret_drive = TAKE(drive, ((struct drive){.dir = {.lock_fd = -1}}));
	return r;
}

void drive_record(struct drive *drive, struct test_plans *plans)
{
	AUTO(free) char *runs = runs_dir();
	struct ktstr_error err = {0};

	plans_note_commits(plans);
	if (run_store_open(runs, false, &drive->store, &err) < 0)
		log_warn("results are kept, but not listed yet: %s", err.msg);
}

struct run_config drive_run_config(const struct drive *drive, const struct test_plans *plans)
{
	const struct drive_options *options = drive->options;

	return (struct run_config){
		.plans = plans,
		.rounds = 1,
		.qemu = &drive->qemu,
		.kernel = &drive->kernel,
		.initramfs = drive->initramfs,
		.dir = &drive->dir,
		.mode = drive->mode,
		.seed = options->seed,
		.disturb = options->disturb,
		.no_skip = options->no_skip,
		.template_cache = options->no_template ? NULL : drive->cache_dir,
		.template_max_bytes = options->template_max_mib << 20,
		.icount_shift = options->icount_shift,
		.tracer = options->tracer,
		.jobs = options->jobs,
		.boot_limit_ns = options->boot_limit_ns,
		.cancel_fd = drive->cancel_fd,
		.store = drive->store,
		.verbose_kernel = options->verbose,
	};
}

/* --- the tests ------------------------------------------------------------------------------------- */

/* Tests on the host get this machine's shape and a place of their own among its cgroups. */
static int prepare_host(struct test_plans *plans, struct ktstr_error *err)
{
	AUTO(free) char *root = NULL;
	struct topology topology;
	int r = host_cgroup_root(&root, err);

	if (r < 0)
		return r;
	r = host_topology_here(&topology, err);
	if (r < 0)
		return r;
	vec_each(plan, plans) {
		plan->topology = topology;
		strings_push(&plan->overrides, xasprintf("KTSTR_CGROUP_ROOT=%s", root));
	}
	return 0;
}

/* Words that go only with others. 0, or the exit status. */
static int check_options(const struct drive_options *options)
{
	const char *scheduler = options->selection.scheduler;

	if (scheduler && !*scheduler)
		return cli_usage(options->command, "--scheduler wants a program's name or path, or eevdf");
	if (options->selection.scheduler_args.len && !scheduler)
		return cli_usage(options->command, "--scheduler-arg without --scheduler");
	if (options->selection.scheduler_args.len && strcmp(scheduler, "eevdf") == 0)
		return cli_usage(options->command, "--scheduler-arg: eevdf is the kernel's own and has none");
	return 0;
}

/* A copy, for the plans may go; NULL: none is like it. */
static char *nearest_test(const struct test_plans *plans, const char *name)
{
	struct nearest nearest = {.word = name};

	vec_each(plan, plans)
		nearest_offer(&nearest, plan->name);
	return nearest.best ? xstrdup(nearest.best) : NULL;
}

int drive_plans(const struct drive_options *options, char *const *programs, int count,
		struct test_plans *ret_plans)
{
	AUTO(free) char *like = NULL;
	struct ktstr_error err = {0};
	const char *wanted;
	int r = check_options(options);

	if (r)
		return r;
	for (int i = 0; i < count; i++) {
		size_t before = ret_plans->len;

		r = plans_describe(programs[i], ret_plans, &err);
		if (r < 0)
			return drive_trouble(&err);
		if (ret_plans->len == before) {
			log_error("no test is linked into %s; KTSTR_TEST(name) { ... } declares one",
				  programs[i]);
			return EXIT_NO_TEST;
		}
	}
	like = options->selection.exact ? nearest_test(ret_plans, options->selection.exact) : NULL;
	r = plans_select(ret_plans, &options->selection, &err);
	if (r == -ENOENT) {
		log_error("%s", err.msg);
		return EXIT_NO_TEST;
	}
	if (r < 0)
		return cli_usage(options->command, "%s", err.msg);
	if (ret_plans->len && options->selection.on_host && prepare_host(ret_plans, &err) < 0)
		return drive_trouble(&err);
	if (ret_plans->len)
		return 0;
	wanted = options->selection.exact ?: options->selection.pattern;
	if (wanted)
		log_error("no test matches \"%s\"%s%s%s", wanted, like ? "; did you mean " : "", like ?: "",
			  like ? "?" : "");
	else
		log_error("there are only tests that --ignored chooses");
	return EXIT_NO_TEST;
}
