/* SPDX-License-Identifier: BSD-2-Clause */
/* template.c - `ktstr template list` */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "kernel/kernel.h"
#include "vm/vm.h"

static const char help_text[] =
	"usage: ktstr template list\n\n"
	"Lists the booted guests that tests start as clones of, most recently used first: their machine,\n"
	"mode and kernel, the disk that they take, and when they were last used. They are made when a\n"
	"test first needs one; `ktstr clean --templates` removes them, and KTSTR_TEMPLATES_MAX_MIB\n"
	"(default 8192) bounds them.\n";

/* The release is in the path of a kernel of the cache; another one is named by its path. */
static const char *kernel_word(const char *path)
{
	static char release[128];
	struct sv rest = sv_of(path), word = {0}, parent = {0};

	while (rest.len) {
		parent = word;
		word = sv_split(&rest, '/');
	}
	snprintf(release, sizeof(release), "%.*s", (int)parent.len, parent.data ?: "");
	return sv_starts(word, "vmlinu") && parent.len ? release : path;
}

static int list(void)
{
	AUTO(template_infos_done) struct template_infos infos = {0};
	AUTO(free) char *kernels = NULL;
	AUTO(free) char *cache = NULL;
	struct ktstr_error err = {0};
	int r = kernel_cache_dir(&kernels, &err);

	if (r == 0) {
		cache = xstrndup(kernels, (size_t)(strrchr(kernels, '/') - kernels));
		r = templates_list(cache, &infos, &err);
	}
	if (r < 0) {
		log_error("%s", err.msg);
		return EXIT_TROUBLE;
	}
	vec_each(info, &infos) {
		time_t used = (time_t)(info->used_unix_ns / NS_PER_S);
		char when[32];
		struct tm tm;

		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime_r(&used, &tm));
		printf("%.12s  %-10s %-4s %6llu MiB  disk %5llu MiB  %s  %s%s\n", info->key,
		       info->topology, info->mode, (unsigned long long)info->memory_mib,
		       (unsigned long long)(info->disk_bytes >> 20), when, kernel_word(info->kernel),
		       info->in_use ? "  in use" : "");
	}
	return cli_finish(0);
}

int cli_template(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cli_help(help_text);
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	return cli_usage("template", argc < 2 ? "which command? there is: list" : "what is \"%s\"?",
			 argc < 2 ? "" : argv[1]);
}
