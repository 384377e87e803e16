/* SPDX-License-Identifier: BSD-2-Clause */
/* show_host.c - `ktstr show-host` */
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
	AUTO(host_context_done) struct host_context context = {0};
	AUTO(buf_done) struct buf text = {0};
	bool json;
	int status;

	if (!cli_take_json("show-host", help_text, argc, argv, &json, &status))
		return status;
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
