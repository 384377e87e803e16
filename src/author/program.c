/* SPDX-License-Identifier: BSD-2-Clause */
#include "author/author.h"

#include <unistd.h>

static const char help[] =
	"A program of ktstr tests. Without a command it has the ktstr program run them in guests.\n"
	"\n"
	"  (no arguments)            run all tests that are not ignored: `ktstr test THIS`\n"
	"  --exact NAME, -k PATTERN, -j N, --format F, -o FILE, --kernel K, --mode M, --seed N,\n"
	"  --repeat N, ...           run some of them, or in another way: passed to `ktstr test`;\n"
	"                            `ktstr test --help` explains them all\n"
	"  --list                    names of the tests, as \"ktstr/NAME: test\"\n"
	"    --ignored               of those that are ignored (demo_...) instead\n"
	"    --format terse|json     as lines, or as one JSON array\n"
	"  --ktstr-test-fn NAME      run the body of one test right here, as a guest does\n"
	"    --ktstr-topo NnNlNcNt   boot a guest of this topology for it instead\n"
	"  --ktstr-describe          all declarations as JSON, for the ktstr program\n"
	"  --help                    this text\n"
	"\n"
	"ktstr is looked for in KTSTR_PROGRAM, beside this program, in PATH and where it was\n"
	"installed. Exit status: 0 pass or skip, 1 fail, 2 inconclusive, 3 error, 4 no such test,\n"
	"64 wrong usage.\n";

static int print(const char *text, size_t len)
{
	int r = fd_write_all(STDOUT_FILENO, text, len);

	if (r == 0)
		return 0;
	log_error("write to standard output: %s", strerrordesc_np(-r));
	return AUTHOR_EXIT_ERROR;
}

static int print_list(const struct registry *tests, const struct author_command *command)
{
	AUTO(buf_done) struct buf out = {0};

	author_list(tests, command->ignored, command->json, &out);
	return print(buf_text(&out), out.len);
}

static int print_description(const struct registry *tests)
{
	AUTO(buf_done) struct buf out = {0};

	author_describe(tests, &out);
	return print(buf_text(&out), out.len);
}

static const struct ktstr_test *find_or_say(const struct registry *tests, const char *name)
{
	const struct ktstr_test *test = registry_find(tests, name);
	const char *like;

	if (test)
		return test;
	like = registry_suggest(tests, name);
	if (like)
		log_error("no test is named %s; did you mean %s?", name, like);
	else
		log_error("no test is named %s; --list names them", name);
	return NULL;
}

static int become_driver(char *const *args)
{
	struct ktstr_error err = {0};

	(void)driver_exec(args, &err);        /* it returns only to say why it failed */
	log_error("%s", err.msg);
	return AUTHOR_EXIT_ERROR;
}

static int boot_for(const struct ktstr_test *test, const char *topology)
{
	char *args[] = {(char *)"--exact", (char *)test->name, (char *)"--topology",
			(char *)topology, NULL};

	return become_driver(args);
}

/* Exit status: 0 when all declarations are fine. */
static int check_declarations(const struct registry *tests)
{
	AUTO(buf_done) struct buf lines = {0};
	struct sv rest, line;

	if (tests->count == 0) {
		log_error("no test is linked into this program; KTSTR_TEST(name) { ... } declares one");
		return AUTHOR_EXIT_NO_TEST;
	}
	if (registry_problems(tests, &lines) == 0)
		return 0;
	rest = sv_bytes(buf_text(&lines), lines.len);
	while (sv_line(&rest, &line))
		log_error("%.*s", SV_ARG(line));
	return AUTHOR_EXIT_ERROR;
}

EXPORT int ktstr_main(int argc, char **argv)
{
	struct registry tests = registry_linked();
	const struct ktstr_test *test = NULL;
	struct author_command command;
	struct ktstr_error err = {0};
	int status;

	if (author_command_parse(argc, argv, &command, &err) < 0) {
		log_error("%s", err.msg);
		return AUTHOR_EXIT_USAGE;
	}
	if (command.action == AUTHOR_HELP)
		return print(help, strlen(help));
	if (tests.count == 0 && command.action == AUTHOR_DESCRIBE)
		return print_description(&tests);        /* the driver has words for that */
	status = check_declarations(&tests);
	if (status)
		return status;
	if (command.test) {
		test = find_or_say(&tests, command.test);
		if (!test)
			return AUTHOR_EXIT_NO_TEST;
	}
	switch (command.action) {
	case AUTHOR_LIST:
		return print_list(&tests, &command);
	case AUTHOR_DESCRIBE:
		return print_description(&tests);
	case AUTHOR_BODY:
		return author_run_body(test);
	case AUTHOR_BOOT:
		return boot_for(test, command.topology);
	case AUTHOR_DRIVE:
	case AUTHOR_HELP:
		break;
	}
	return become_driver(argv + 1);
}
