/* SPDX-License-Identifier: BSD-2-Clause */
/* show_host.c - `ktstr show-host` */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "host/host.h"

static const char help_text[] =
	"usage: ktstr show-host [--json]\n\n"
	"Prints what every result says about the host that it was found on: kernel, CPUs, memory, huge\n"
	"pages, frequency governors, scheduler tunables, and the memory that this program itself uses.\n"
	"The kernel's command line is kept as it is: look whether it holds secrets before you publish\n"
	"results. `ktstr stats show-host --run ID` prints what a stored run says.\n";

int cli_show_host(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	AUTO(host_context_done) struct host_context context = {0};
	AUTO(buf_done) struct buf text = {0};
	bool json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'h')
			return cli_help(help_text);
		if (option != 'j')
			return cli_usage("show-host", "there is no option \"%s\"", argv[optind - 1]);
		json = true;
	}
	if (optind < argc)
		return cli_usage("show-host", "what is \"%s\"?", argv[optind]);
	host_context_collect(&context);
	if (json) {
		json_t *object = host_context_to_json(&context);
		AUTO(free) char *dump = json_dumps(object, JSON_INDENT(2));

		json_decref(object);
		buf_printf(&text, "%s\n", dump);
	} else {
		host_context_format(&context, &text);
	}
	return cli_help(buf_text(&text));
}
