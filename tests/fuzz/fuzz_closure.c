/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever the bytes, the closure of a program made of them is refused with words, or
 * every file in it lies in the program's world, once, at a plain absolute path. The same bytes are
 * the library liba.so there, so that an input that asks for it is read in both roles.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "symbols/closure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_root[] = "/tmp/ktstr-fuzz-closure-XXXXXX";

static void remove_root(void)
{
	(void)tree_remove(fuzz_root, NULL);     /* nothing is left to be done about it at exit */
}

static void make_root(void)
{
	AUTO(free) char *lib = NULL, *link = NULL;
	char *made = mkdtemp(fuzz_root);

	assert(made);
	assert(atexit(remove_root) == 0);
	lib = xasprintf("%s/lib", fuzz_root);
	link = xasprintf("%s/liba.so", lib);
	assert(dir_make(lib, 0700, NULL) == 0);
	assert(symlink("../program", link) == 0);
}

static void check_file(const struct needed_file *file)
{
	assert(file->guest_path[0] == '/');
	assert(!strstr(file->guest_path, "/../"));
	assert(!strstr(file->guest_path, "//"));
	assert(strncmp(file->host_path, fuzz_root, strlen(fuzz_root)) == 0);
	assert(strcmp(file->host_path + strlen(fuzz_root), file->guest_path) == 0);
	assert(access(file->host_path, R_OK) == 0);
}

static void check_closure(const struct closure *closure)
{
	assert(closure->files.len + closure->unresolved.len <= CLOSURE_FILE_MAX);
	for (size_t i = 0; i < closure->files.len; i++) {
		check_file(&closure->files.at[i]);
		for (size_t j = 0; j < i; j++)
			assert(strcmp(closure->files.at[i].guest_path,
				      closure->files.at[j].guest_path) != 0);
	}
	vec_each(dir, &closure->library_dirs)
		assert((*dir)[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *program;
	const struct closure_config config = {.root = fuzz_root, .library_path = "/lib:$ORIGIN"};
	AUTO(closure_done) struct closure closure = {0};
	struct ktstr_error err = {0};
	int fd, r;

	if (!program) {
		make_root();
		program = xasprintf("%s/program", fuzz_root);
	}
	fd = open(program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0);
	r = fd_write_all(fd, data, size);
	fd_close(fd);
	assert(r == 0);

	r = closure_of(program, &config, &closure, &err);
	assert(r <= 0);
	assert(r == 0 || (err.code == r && strstr(err.msg, "program")));
	check_closure(&closure);
	return 0;
}
