/* SPDX-License-Identifier: BSD-2-Clause */
/* cli.h - one function a subcommand: parses its words, prints, returns the exit status. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#define EXIT_USAGE 64
#define EXIT_TROUBLE 3          /* shared/DESIGN.md section 9: could not find out */
#define EXIT_NO_TEST 4
#define EXIT_INTERRUPTED 130

int cli_test(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_kernel(int argc, char **argv);
int cli_shell(int argc, char **argv);
int cli_explore(int argc, char **argv);
int cli_trace(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_clean(int argc, char **argv);
int cli_cleanup(int argc, char **argv);
int cli_completions(int argc, char **argv);
int cli_topo(int argc, char **argv);
int cli_template(int argc, char **argv);
int cli_thresholds(int argc, char **argv);
int cli_ctprof(int argc, char **argv);
int cli_show_host(int argc, char **argv);
int cli_stats(int argc, char **argv);

/* A line about the words on stderr that points to --help; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The words of a command that takes --json and --help and nothing else. False: it ends here, with
 * *ret_status, after its help or after wrong words.
 */
bool cli_take_json(const char *command, const char *help_text, int argc, char **argv, bool *ret_json,
		   int *ret_status);

/*
 * What getopt_long() returned '?' or ':' for (opterr is 0), in words, with the option that may have
 * been meant; returns EXIT_USAGE.
 */
int cli_bad_option(const char *command, int option, char *const *argv, const struct option *known);

/* The name that is least unlike `word`, of those that were offered; `best` NULL: all are other words. */
struct nearest {
	const char *word, *best;
	size_t edits;
};
void nearest_offer(struct nearest *nearest, const char *name);

/* stdout took all that was printed: `status`, or EXIT_TROUBLE and a line when it did not. */
int cli_finish(int status);

/* Print a help text on stdout; returns 0, or EXIT_TROUBLE when stdout is full. */
int cli_help(const char *text);

#endif
