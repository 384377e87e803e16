/* SPDX-License-Identifier: BSD-2-Clause */
/* explore.c - `ktstr explore PROGRAM...` */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/drive.h"

#define SEEDS_MAX 100000

enum { OPT_SEEDS = DRIVE_OPT_END, OPT_CALM };

static const struct option long_options[] = {
	DRIVE_LONG_OPTIONS,
	{"seeds", required_argument, NULL, OPT_SEEDS},
	{"calm", no_argument, NULL, OPT_CALM},
	{NULL, 0, NULL, 0},
};

struct options {
	struct drive_options drive;
	bool help;
	uint64_t first, last;
};

/* What one test came to across its seeds. */
struct finding {
	char *test;
	size_t runs, failures, others;        /* others: skipped, inconclusive, errors */
	struct strings digests;               /* distinct ones */
	char *trouble;                        /* why the last seed had no verdict; NULL: it had one */
	uint64_t last_seed;
	size_t alike;                         /* up to it: seeds in the same trouble, not told yet */
};

static void finding_done(struct finding *finding)
{
	free(finding->test);
	free(finding->trouble);
	strings_done(&finding->digests);
}
DEFINE_VEC(findings, struct finding, finding_done)

static int help(void)
{
	AUTO(free) char *text = xasprintf(
		"usage: ktstr explore [OPTIONS] [--seeds A..B] PROGRAM...\n\n"
		"Runs each test once for every seed from A to B, in det unless another mode is asked for,\n"
		"with a disturber that preempts at random moments. Prints every failure with the command\n"
		"that repeats it, and for each test how many different outcomes the seeds had. Seeds in a\n"
		"row that had no verdict for the same reason are told once.\n\n"
		"      --seeds A..B        the seeds (default 1..20)\n"
		"      --calm              without the disturber\n\n"
		"%s\n%s%s"
		"Exit status: as of `ktstr test`.\n",
		drive_help_which, drive_help_load, drive_help_how);

	return cli_help(text);
}

static int take_seeds(struct options *options)
{
	struct sv first = sv_of(optarg), last;
	const char *dots = strstr(optarg, "..");

	if (!dots)
		return cli_usage("explore", "--seeds %s: two numbers, as in 1..20", optarg);
	first.len = (size_t)(dots - optarg);
	last = sv_of(dots + 2);
	if (sv_u64(first, UINT64_MAX, &options->first) < 0 ||
	    sv_u64(last, UINT64_MAX, &options->last) < 0 || options->last < options->first ||
	    options->last - options->first >= SEEDS_MAX)
		return cli_usage("explore", "--seeds %s: two numbers, as in 1..20, at most %d seeds", optarg,
				 SEEDS_MAX);
	return 0;
}

static int parse(int argc, char **argv, struct options *options)
{
	int status = drive_options_init("explore", &options->drive);
	int option;

	options->first = 1;
	options->last = 20;
	options->drive.disturb = true;
	if (options->drive.mode_auto)
		options->drive.mode = VM_DET;
	options->drive.mode_auto = false;
	opterr = 0;
	while (status == 0 &&
	       (option = getopt_long(argc, argv, ":" DRIVE_SHORT_OPTIONS, long_options, NULL)) != -1) {
		if (option == ':' || option == '?')
			return cli_bad_option("explore", option, argv, long_options);
		if (option == 'h' || option == DRIVE_OPT_HELP)
			options->help = true;
		else if (option == OPT_SEEDS)
			status = take_seeds(options);
		else if (option == OPT_CALM)
			options->drive.disturb = false;
		else if (option == DRIVE_OPT_SEED)
			status = cli_usage("explore", "--seed is for one run; say --seeds A..B");
		else
			status = drive_take_option(option, &options->drive);
	}
	if (status == 0 && !options->help && optind == argc)
		return cli_usage("explore", "which test programs?");
	return status;
}

static void tell_alike(struct finding *finding)
{
	if (finding->alike)
		printf("    the same for %zu more: seeds %llu to %llu\n", finding->alike,
		       (unsigned long long)(finding->last_seed - finding->alike + 1),
		       (unsigned long long)finding->last_seed);
	finding->alike = 0;
}

static struct finding *finding_of(struct findings *findings, const struct result *result)
{
	struct finding *last = findings->len ? &findings->at[findings->len - 1] : NULL;

	if (last && strcmp(last->test, result->identity.test) == 0)
		return last;        /* the runs of a test are neighbours */
	if (last)
		tell_alike(last);
	return findings_push(findings, (struct finding){.test = xstrdup(result->identity.test)});
}

static void note_digest(struct finding *finding, const struct outcome *outcome)
{
	char digest[OUTCOME_DIGEST_MAX];

	outcome_digest(outcome, digest);
	vec_each(known, &finding->digests) {
		if (strcmp(*known, digest) == 0)
			return;
	}
	strings_push(&finding->digests, xstrdup(digest));
}

/* Whether it is the trouble that the seed before it had; else what was held back is told first. */
static bool is_same_trouble(struct finding *finding, const struct result *result, const char *reason)
{
	enum ktstr_state state = result->outcome.state;
	AUTO(free) char *trouble = NULL;
	bool is_same;

	if (state != KTSTR_PASS && state != KTSTR_FAIL)
		trouble = xasprintf("%s: %s", state_row(state)->word, reason);
	is_same = trouble && finding->trouble && strcmp(trouble, finding->trouble) == 0;
	if (!is_same)
		tell_alike(finding);
	finding->alike += is_same;
	finding->last_seed = result->identity.seed;
	free(finding->trouble);
	finding->trouble = TAKE_PTR(trouble);
	return is_same;
}

static void take_result(void *arg, const struct result *result)
{
	struct finding *finding = finding_of(arg, result);
	const struct outcome *outcome = &result->outcome;
	const char *reason = outcome->details.len ? outcome->details.at[0].text : "no reason was given";

	finding->runs++;
	finding->failures += outcome->state == KTSTR_FAIL;
	finding->others += outcome->state != KTSTR_FAIL && outcome->state != KTSTR_PASS;
	note_digest(finding, outcome);
	if (is_same_trouble(finding, result, reason) || outcome->state == KTSTR_PASS)
		return;
	printf("%s  %s  seed %llu: %s\n    %s\n", state_row(outcome->state)->word, finding->test,
	       (unsigned long long)result->identity.seed, reason, result->repeat_command ?: "");
	(void)fflush(stdout);        /* the last flush says whether stdout took it all */
}

/* The exit status, or a negative errno. */
static int run(const struct options *options, struct test_plans *plans, struct ktstr_error *err)
{
	AUTO(drive_done) struct drive drive = {.dir = {.lock_fd = -1}};
	AUTO(findings_done) struct findings findings = {0};
	struct report_totals totals = {0};
	struct run_config config;
	int r = drive_begin(&options->drive, plans, &drive, err);

	if (r < 0)
		return r;
	drive_record(&drive, plans);
	config = drive_run_config(&drive, plans);
	r = run_check(&config, err);
	if (r < 0)
		return error_wrap(err, r, "no seed can run");
	config.seed = options->first;
	config.rounds = options->last - options->first + 1;
	config.dump = DUMP_NEVER;        /* of thousands of runs: replay the ones of interest */
	config.seed_per_round = true;
	config.on_result = take_result;
	config.arg = &findings;
	config.progress = progress_begin(STDERR_FILENO, run_count(&config));
	r = run_tests(&config, &totals, err);
	progress_end(config.progress);
	if (r < 0)
		return r;
	if (findings.len)
		tell_alike(&findings.at[findings.len - 1]);
	vec_each(finding, &findings)
		printf("%-32s %zu seeds: %zu failed, %zu without a verdict, %zu different outcomes\n",
		       finding->test, finding->runs, finding->failures, finding->others,
		       finding->digests.len);
	if (totals.interrupted)
		printf("interrupted: not all seeds were tried\n");
	if (fflush(stdout) == EOF)
		return error_sys(err, "write to stdout");
	return report_exit_status(&totals);
}

int cli_explore(int argc, char **argv)
{
	AUTO(test_plans_done) struct test_plans plans = {0};
	struct ktstr_error err = {0};
	struct options options = {0};
	int status = parse(argc, argv, &options);
	int r;

	if (status)
		return status;
	if (options.help)
		return help();
	status = drive_plans(&options.drive, argv + optind, argc - optind, &plans);
	if (status)
		return status;
	r = run(&options, &plans, &err);
	return r < 0 ? drive_trouble(&err) : r;
}
