/* SPDX-License-Identifier: BSD-2-Clause */
#include "author/author.h"

#include <errno.h>

static const struct {
	const char *option;
	enum author_action action;
} actions[] = {
	{"--help", AUTHOR_HELP},
	{"-h", AUTHOR_HELP},
	{"--list", AUTHOR_LIST},
	{"--ktstr-describe", AUTHOR_DESCRIBE},
	{"--ktstr-test-fn", AUTHOR_BODY},
};

/* "--option" or "--option=value" */
static bool is_option(const char *arg, const char *option)
{
	struct sv rest = sv_of(arg);

	if (!sv_starts(rest, option))
		return false;
	rest = sv_skip(rest, strlen(option));
	return rest.len == 0 || rest.data[0] == '=';
}

static enum author_action action_of(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		for (size_t k = 0; k < sizeof(actions) / sizeof(actions[0]); k++) {
			if (is_option(argv[i], actions[k].option))
				return actions[k].action;
		}
	}
	return AUTHOR_DRIVE;
}

/* If argv[*i] is this option, take its value from behind '=' or from the next word. */
static int take_value(int argc, char **argv, int *i, const char *option, const char **ret_value,
		      struct ktstr_error *err)
{
	size_t len = strlen(option);

	if (!is_option(argv[*i], option))
		return 0;
	if (*ret_value)
		return error_set(err, -EINVAL, "%s was given twice", option);
	if (argv[*i][len] == '=')
		*ret_value = argv[*i] + len + 1;
	else if (*i + 1 < argc)
		*ret_value = argv[++*i];
	else
		return error_set(err, -EINVAL, "%s wants a value", option);
	if ((*ret_value)[0] == '\0')
		return error_set(err, -EINVAL, "%s wants a value that is not empty", option);
	return 1;
}

static int read_list(int argc, char **argv, struct author_command *command, struct ktstr_error *err)
{
	const char *format = NULL;

	for (int i = 1; i < argc; i++) {
		int r = take_value(argc, argv, &i, "--format", &format, err);

		if (r < 0)
			return r;
		if (r > 0 || strcmp(argv[i], "--list") == 0)
			continue;
		if (strcmp(argv[i], "--ignored") != 0)
			return error_set(err, -EINVAL,
					 "--list goes with --ignored and --format, not with %s",
					 argv[i]);
		command->ignored = true;
	}
	command->json = format && strcmp(format, "json") == 0;
	if (format && !command->json && strcmp(format, "terse") != 0)
		return error_set(err, -EINVAL, "--list --format is terse or json, not %s", format);
	return 0;
}

static int read_body(int argc, char **argv, struct author_command *command, struct ktstr_error *err)
{
	struct topology topology;

	for (int i = 1; i < argc; i++) {
		int r = take_value(argc, argv, &i, "--ktstr-test-fn", &command->test, err);

		if (r == 0)
			r = take_value(argc, argv, &i, "--ktstr-topo", &command->topology, err);
		if (r < 0)
			return r;
		if (r == 0)
			return error_set(err, -EINVAL,
					 "--ktstr-test-fn goes with --ktstr-topo, not with %s",
					 argv[i]);
	}
	if (!command->topology)
		return 0;
	command->action = AUTHOR_BOOT;
	return topology_parse(sv_of(command->topology), &topology, err);
}

static int read_driven(int argc, char **argv, struct ktstr_error *err)
{
	for (int i = 1; i < argc; i++) {
		if (sv_starts(sv_of(argv[i]), "--ktstr-"))
			return error_set(err, -EINVAL, "%s goes with --ktstr-test-fn only; see --help",
					 argv[i]);
	}
	return 0;
}

int author_command_parse(int argc, char **argv, struct author_command *ret_command,
			 struct ktstr_error *err)
{
	struct author_command command = {.action = action_of(argc, argv)};
	int r = 0;

	switch (command.action) {
	case AUTHOR_LIST:
		r = read_list(argc, argv, &command, err);
		break;
	case AUTHOR_BODY:
	case AUTHOR_BOOT:
		r = read_body(argc, argv, &command, err);
		break;
	case AUTHOR_DESCRIBE:
		if (argc != 2)
			r = error_set(err, -EINVAL, "--ktstr-describe stands alone");
		break;
	case AUTHOR_DRIVE:
		r = read_driven(argc, argv, err);
		break;
	case AUTHOR_HELP:
		break;
	}
	if (r < 0)
		return r;
	*ret_command = command;
	return 0;
}
