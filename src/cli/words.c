/* SPDX-License-Identifier: BSD-2-Clause */
/* words.c - what is said about the words of a command line, and the end of what it printed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/edits.h"
#include "cli/cli.h"

int cli_usage(const char *command, const char *fmt, ...)
{
	AUTO(buf_done) struct buf line = {0};
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&line, fmt, args);
	va_end(args);
	log_error("%s%s%s (ktstr %s%s--help says more)", command ?: "", command ? ": " : "",
		  buf_text(&line), command ?: "", command ? " " : "");
	return EXIT_USAGE;
}

int cli_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("stdout cannot be written");
	return EXIT_TROUBLE;
}

int cli_help(const char *text)
{
	(void)fputs(text, stdout);        /* cli_finish() says whether it was */
	return cli_finish(0);
}

/* --- options ----------------------------------------------------------------------------------------- */

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t edits = edits_between(nearest->word, name);

	if (edits >= (nearest->best ? nearest->edits : edits_too_many(nearest->word)))
		return;
	nearest->best = name;
	nearest->edits = edits;
}

/* "--no" stands for several: which? */
static int ambiguous(const char *command, struct sv word, const struct option *known)
{
	AUTO(buf_done) struct buf line = {0};

	for (; known->name; known++)
		if (sv_starts(sv_of(known->name), word.data))
			buf_printf(&line, "%s--%s", line.len ? ", " : "", known->name);
	return cli_usage(command, "--%.*s may be %s", SV_ARG(word), buf_text(&line));
}

static int no_such_option(const char *command, const char *name, const struct option *known)
{
	AUTO(free) char *word = xstrndup(name, strcspn(name, "="));
	struct nearest nearest = {.word = word};
	size_t begin_so = 0;

	for (const struct option *option = known; option->name; option++) {
		begin_so += *word && sv_starts(sv_of(option->name), word);
		nearest_offer(&nearest, option->name);
	}
	if (begin_so > 1)
		return ambiguous(command, sv_of(word), known);
	return cli_usage(command, "there is no option \"--%s\"%s%s%s", word, nearest.best ? "; did you mean --" : "",
			 nearest.best ?: "", nearest.best ? "?" : "");
}

/* Whether getopt_long()'s optopt is that of this long option, which has a value. */
static bool is_about(const char *word, const struct option *known)
{
	size_t len = strcspn(word, "=");

	for (; known->name; known++)
		if (known->val == optopt && strncmp(known->name, word, len) == 0)
			return word[len] == '=';
	return false;
}

/*
 * getopt_long(3): optopt is 0 for a long option that is unknown or ambiguous, a long option's val when
 * its value is missing or too many, and a letter. argv[optind - 1] is the word, but for a letter with
 * others behind it.
 */
int cli_bad_option(const char *command, int option, char *const *argv, const struct option *known)
{
	const char *word = argv[optind - 1];
	bool is_long = strncmp(word, "--", strlen("--")) == 0;

	if (option == ':' && is_long)
		return cli_usage(command, "%s wants a value", word);
	if (option == ':')
		return cli_usage(command, "-%c wants a value", optopt);
	if (optopt == 0)
		return no_such_option(command, word + strlen("--"), known);
	if (is_long && is_about(word + strlen("--"), known))
		return cli_usage(command, "%.*s takes no value", (int)strcspn(word, "="), word);
	return cli_usage(command, "there is no option \"-%c\"", optopt);
}

bool cli_take_json(const char *command, const char *help_text, int argc, char **argv, bool *ret_json,
		   int *ret_status)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*ret_json = false;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		*ret_json = true;
		if (option == 'j')
			continue;
		*ret_status = option == 'h' ? cli_help(help_text)
					    : cli_bad_option(command, option, argv, options);
		return false;
	}
	if (optind == argc)
		return true;
	*ret_status = cli_usage(command, "what is \"%s\"?", argv[optind]);
	return false;
}
