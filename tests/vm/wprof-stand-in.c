/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wprof-stand-in.c - takes the place of wprof: writes a file of a trace's shape that holds its own
 * arguments and environment, for repro.sh to look at. It needs a library, as wprof does. With --mine it
 * writes less than a trace has.
 */
#include <libelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIZE 3000000        /* several frames of the card */

int main(int argc, char **argv, char **env)
{
	const char *path = NULL;
	size_t size = SIZE;
	FILE *file;

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "-T") == 0)
			path = argv[i + 1];
		if (strcmp(argv[i], "--mine") == 0)
			size = 64;
	}
	if (!path || elf_version(EV_CURRENT) == EV_NONE)
		return 2;
	file = fopen(path, "w");
	if (!file)
		return 3;
	fputc(0x0a, file);
	for (int i = 0; i < argc; i++)
		fprintf(file, "arg <%s>\n", argv[i]);
	for (; *env; env++)
		fprintf(file, "env <%s>\n", *env);
	for (long at = ftell(file); at >= 0 && (size_t)at < size; at++)
		fputc('x', file);
	return fclose(file) == 0 ? 0 : 4;
}
