/* SPDX-License-Identifier: BSD-2-Clause */
/* shell.c - `ktstr shell` */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/drive.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "run/run.h"

#define COMMAND_S_DEFAULT 120

static const char help_text[] =
	"usage: ktstr shell [OPTIONS]\n\n"
	"A busybox shell in a guest, on this terminal. exit or Ctrl-D leaves, Ctrl-A x ends a guest that\n"
	"hangs, Ctrl-A a types a Ctrl-A. Nothing that happens in the guest outlives it.\n\n"
	"  -k, --kernel K              a bzImage's path, a version or series (6.18) in the cache, auto\n"
	"      --topology T            the machine (default 1n1l1c1t); 1n2l4c2t is 1 NUMA node, 2 LLCs\n"
	"                              in all, 4 cores each, 2 threads a core\n"
	"      --memory-mib N          at least this (default: the larger of 64 a CPU and 256)\n"
	"      --program P --test NAME the machine of a test, or --test P:NAME\n"
	"  -i, --include-files PATH    a file, folder or program of PATH, with the libraries that it needs,\n"
	"                              to /include-files; may be given again. Where busybox has an\n"
	"                              applet of that name: /include-files/NAME\n"
	"      --scheduler BIN         start it first, and wait until sched_ext has it\n"
	"      --scheduler-arg A       for the scheduler; may be given again\n"
	"      --exec CMD              no terminal: run `sh -c CMD` and leave with its exit status; its\n"
	"                              stdout and stderr are ours\n"
	"      --exec-timeout S        what CMD may take, in seconds of the guest (default 120)\n"
	"      --dmesg                 what the guest's kernel prints, on stderr. A clone has booted already:\n"
	"                              with --no-template the boot is there, too\n"
	"  -m, --mode MODE             kvm, tcg, det, auto, as for `ktstr test`. In det --exec is the same\n"
	"                              on every run; what is typed is not, it comes at host times\n"
	"      --no-template           boot from cold instead of cloning a booted guest\n\n"
	"KTSTR_BUSYBOX_PATH names the busybox to take along (default: the one in PATH).\n"
	"Exit status: that of the shell or CMD (128 + N: ended by signal N); 3 when ktstr has an error,\n"
	"64 wrong usage, 130 interrupted or Ctrl-A x.\n";

enum {
	OPT_TOPOLOGY = 256,
	OPT_MEMORY,
	OPT_PROGRAM,
	OPT_TEST,
	OPT_SCHEDULER,
	OPT_SCHEDULER_ARG,
	OPT_EXEC,
	OPT_EXEC_TIMEOUT,
	OPT_DMESG,
	OPT_NO_TEMPLATE,
};

static const struct option long_options[] = {
	{"kernel", required_argument, NULL, 'k'},
	{"topology", required_argument, NULL, OPT_TOPOLOGY},
	{"memory-mib", required_argument, NULL, OPT_MEMORY},
	{"memory-mb", required_argument, NULL, OPT_MEMORY},
	{"program", required_argument, NULL, OPT_PROGRAM},
	{"test", required_argument, NULL, OPT_TEST},
	{"include-files", required_argument, NULL, 'i'},
	{"scheduler", required_argument, NULL, OPT_SCHEDULER},
	{"scheduler-arg", required_argument, NULL, OPT_SCHEDULER_ARG},
	{"exec", required_argument, NULL, OPT_EXEC},
	{"exec-timeout", required_argument, NULL, OPT_EXEC_TIMEOUT},
	{"dmesg", no_argument, NULL, OPT_DMESG},
	{"mode", required_argument, NULL, 'm'},
	{"no-template", no_argument, NULL, OPT_NO_TEMPLATE},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	struct drive_options drive;        /* its selection is --test's */
	const char *program, *command, *scheduler;
	struct strings includes, scheduler_args;
	uint32_t command_s;
	bool dmesg, help;
};

static void options_done(struct options *options)
{
	strings_done(&options->includes);
	strings_done(&options->scheduler_args);
}
DEFINE_AUTO_DONE(struct options, options_done)

/* 0, or the exit status */
static int take_option(int option, struct options *options)
{
	uint32_t number;

	switch (option) {
	case 'k':
		options->drive.kernel = optarg;
		return 0;
	case OPT_TOPOLOGY:
		options->drive.selection.topology = optarg;
		return 0;
	case OPT_MEMORY:
		if (sv_u32(sv_of(optarg), 1 << 20, &number) < 0 || number < 64)
			return cli_usage("shell", "--memory-mib %s: a number from 64 to 1048576", optarg);
		options->drive.selection.memory_mib = number;
		return 0;
	case OPT_PROGRAM:
		options->program = optarg;
		return 0;
	case OPT_TEST:
		options->drive.selection.exact = optarg;
		return 0;
	case 'i':
		strings_push(&options->includes, xstrdup(optarg));
		return 0;
	case OPT_SCHEDULER:
		options->scheduler = optarg;
		return 0;
	case OPT_SCHEDULER_ARG:
		strings_push(&options->scheduler_args, xstrdup(optarg));
		return 0;
	case OPT_EXEC:
		options->command = optarg;
		return 0;
	case OPT_EXEC_TIMEOUT:
		if (sv_u32(sv_of(optarg), 86400, &options->command_s) < 0 || options->command_s == 0)
			return cli_usage("shell", "--exec-timeout %s: seconds from 1 to 86400", optarg);
		return 0;
	case OPT_DMESG:
		options->dmesg = options->drive.verbose = true;
		return 0;
	case 'm':
		return drive_take_option('m', &options->drive);
	case OPT_NO_TEMPLATE:
		options->drive.no_template = true;
		return 0;
	default:
		options->help = true;
		return 0;
	}
}

static int parse(int argc, char **argv, struct options *options)
{
	int status = drive_options_init("shell", &options->drive), option;

	options->drive.quiet = true;        /* on stderr is what the guest says */
	options->command_s = COMMAND_S_DEFAULT;
	opterr = 0;
	while (status == 0 &&
	       (option = getopt_long(argc, argv, ":k:i:m:h", long_options, NULL)) != -1) {
		if (option == ':' || option == '?')
			return cli_bad_option("shell", option, argv, long_options);
		status = take_option(option, options);
	}
	if (status || options->help)
		return status;
	if (optind < argc)
		return cli_usage("shell", "what is \"%s\"?", argv[optind]);
	if (options->scheduler_args.len && !options->scheduler)
		return cli_usage("shell", "--scheduler-arg without --scheduler");
	if (!options->command && !isatty(STDIN_FILENO))
		return cli_usage("shell", "stdin is no terminal: --exec CMD runs a command without one");
	return 0;
}

/* --- the machine -------------------------------------------------------------------------------------- */

/* PROGRAM:NAME, or NAME with --program. */
static int plan_of_test(struct options *options, struct test_plans *plans, struct ktstr_error *err)
{
	const char *test = options->drive.selection.exact, *colon = strrchr(test, ':');
	AUTO(free) char *program = NULL;
	int r;

	if (options->program) {
		program = xstrdup(options->program);
	} else if (colon) {
		program = xstrndup(test, (size_t)(colon - test));
		options->drive.selection.exact = colon + 1;
	} else {
		return error_set(err, -EINVAL, "--test %s: of which program? --program P, or --test P:%s", test,
				 test);
	}
	r = plans_describe(program, plans, err);
	if (r == 0)
		r = plans_select(plans, &options->drive.selection, err);
	if (r == 0 && plans->len != 1)
		return error_set(err, -ENOENT, "%s has no test %s", program, options->drive.selection.exact);
	return r;
}

static int plan_of_words(const struct options *options, struct test_plans *plans, struct ktstr_error *err)
{
	struct test_plan plan = {0};
	int r = topology_parse(sv_of(options->drive.selection.topology ?: "1n1l1c1t"), &plan.topology, err);

	if (r < 0)
		return r;
	plan.memory_mib = topology_memory_mib(&plan.topology, options->drive.selection.memory_mib);
	plan.name = xstrdup("shell");
	plan.program = xstrdup("shell");
	test_plans_push(plans, plan);
	return 0;
}

/* The machine of a test or of the options; what runs there is ours. */
static int make_plan(struct options *options, struct test_plans *plans, struct ktstr_error *err)
{
	int r = options->drive.selection.exact ? plan_of_test(options, plans, err)
					 : plan_of_words(options, plans, err);
	struct test_plan *plan = plans->at;

	if (r < 0)
		return r;
	scheduler_plan_done(&plan->scheduler);
	strings_done(&plan->include_files);
	plan->has_scheduler = options->scheduler != NULL;
	plan->scheduler = (struct scheduler_plan){
		.name = options->scheduler ? xstrdup(options->scheduler) : NULL,
		.binary = options->scheduler ? xstrdup(options->scheduler) : NULL,
		.asked = true,
		.args = TAKE(options->scheduler_args, (struct strings){0}),
	};
	plan->include_files = TAKE(options->includes, (struct strings){0});
	plan->timeout_ms = options->command_s * 1000ull;
	return 0;
}

/* --- running -------------------------------------------------------------------------------------------- */

struct front {
	const struct run_config *config;
	bool command;
	int socket_fd;                /* our end of the terminal's */
	struct ktstr_error trouble;
};

static void cancel(int cancel_fd)
{
	const uint64_t one = 1;
	ssize_t written = write(cancel_fd, &one, sizeof(one));

	(void)written;        /* it is readable already, then */
}

static void on_begin(void *arg)
{
	struct front *front = arg;
	const struct test_plan *plan = front->config->plans->at;
	char topology[TOPOLOGY_TEXT_MAX];

	if (front->command)
		return;
	topology_format(&plan->topology, topology);
	fprintf(stderr, "%s, %llu MiB, kernel %s, mode %s", topology, (unsigned long long)plan->memory_mib,
		front->config->kernel->release, vm_mode_name(front->config->mode));
	vec_each(name, &plan->include_files)
		fprintf(stderr, "%s %s", name == plan->include_files.at ? "; in /include-files:" : "", *name);
	fprintf(stderr, "\nexit or Ctrl-D leaves, Ctrl-A x ends the guest\n");
	if (terminal_connect(front->socket_fd, front->config->cancel_fd, &front->trouble) < 0)
		cancel(front->config->cancel_fd);
}

static void on_output(void *arg, enum wire_stream stream, struct sv bytes)
{
	struct front *front = arg;
	int fd = stream == WIRE_STDERR ? STDERR_FILENO : STDOUT_FILENO, r;

	if ((stream != WIRE_STDOUT && stream != WIRE_STDERR) || front->trouble.code)
		return;
	r = fd_write_all(fd, bytes.data, bytes.len);
	if (r < 0) {
		(void)error_set(&front->trouble, r, "write %s: %s", fd == STDERR_FILENO ? "stderr" : "stdout",
				strerrordesc_np(-r));
		cancel(front->config->cancel_fd);
	}
}

/* The serial console's lines end with CR LF, as a terminal in raw mode wants them. */
static void on_console(void *arg, struct sv bytes)
{
	const struct front *front = arg;

	while (front->command && bytes.len)
		on_output(arg, WIRE_STDERR, sv_split(&bytes, '\r'));
	on_output(arg, WIRE_STDERR, bytes);
}

/* What a shell finds in its environment besides PATH and the like; ends with NULL. */
static void put_terminal_env(struct strings *env)
{
	static const char *const names[] = {"TERM", "COLORTERM"};

	strings_push(env, xstrdup("PS1=ktstr:\\w# "));
	strings_push(env, xstrdup("USER=root"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (getenv(names[i]))
			strings_push(env, xasprintf("%s=%s", names[i], getenv(names[i])));
	strings_push(env, NULL);
}

static int run_shell(const struct options *options, const struct run_config *config, const char *busybox,
		     const _Atomic uint32_t *window, int *ret_status, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings env = {0};
	AUTO(fd_close) int ours = -1;
	AUTO(fd_close) int theirs = -1;
	struct front front = {.config = config, .command = options->command};
	struct shell shell = {
		.busybox = busybox,
		.command = options->command,
		.window = window,
		.on_begin = on_begin,
		.on_output = on_output,
		.on_console = options->dmesg ? on_console : NULL,
		.arg = &front,
	};
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "socketpair for the terminal");
	front.socket_fd = ours = ends[0];
	shell.terminal_fd = theirs = ends[1];
	put_terminal_env(&env);
	shell.env = (const char *const *)env.at;
	r = shell_run(config, &shell, ret_status, err);
	terminal_release();
	if (front.trouble.code)
		*err = front.trouble;
	return front.trouble.code ? front.trouble.code : r;
}

int cli_shell(int argc, char **argv)
{
	AUTO(options_done) struct options options = {0};
	AUTO(test_plans_done) struct test_plans plans = {0};
	AUTO(drive_done) struct drive drive = {.dir = {.lock_fd = -1}};
	AUTO(free) char *busybox = NULL;
	struct run_config config;
	const _Atomic uint32_t *window;
	struct ktstr_error err = {0};
	int status = parse(argc, argv, &options), wait_status = 0, r;

	if (status)
		return status;
	if (options.help)
		return cli_help(help_text);
	if (make_plan(&options, &plans, &err) < 0)
		return err.code == -EINVAL ? cli_usage("shell", "%s", err.msg) : drive_trouble(&err);
	window = terminal_watch(&err);
	if (!window || busybox_find(&busybox, &err) < 0 ||
	    drive_begin(&options.drive, &plans, &drive, &err) < 0)
		return drive_trouble(&err);
	interrupt_on_exit(terminal_restore);
	config = drive_run_config(&drive, &plans);
	r = run_shell(&options, &config, busybox, window, &wait_status, &err);
	if (r == -EPIPE) {
		(void)tree_remove(drive.dir.path, NULL);
		return 128 + SIGPIPE;        /* as of a program that nobody reads from */
	}
	if (r < 0) {
		if (r != -ECANCELED)
			log_info("the kernel's console is in %s", drive.dir.path);
		return drive_trouble(&err);
	}
	(void)tree_remove(drive.dir.path, NULL);        /* a guest that ended well leaves nothing to look at */
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
