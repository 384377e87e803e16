/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/closure.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "symbols/ldpath.h"
#include "symbols/ldsearch.h"

#define CACHE_PATH "/etc/ld.so.cache"

void closure_done(struct closure *closure)
{
	needed_files_done(&closure->files);
	strings_done(&closure->library_dirs);
	strings_done(&closure->unresolved);
}

static int read_cache(struct ldsearch *search, struct ktstr_error *err)
{
	const char *guest_path = search->config->cache_path ?: CACHE_PATH;
	AUTO(free) char *path = ldsearch_host_path(search, guest_path);
	int r = file_read(AT_FDCWD, path, LDCACHE_BYTES_MAX, &search->cache_bytes, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = ldcache_parse(sv_bytes(buf_text(&search->cache_bytes), search->cache_bytes.len),
			  &search->cache, err);
	return r < 0 ? error_wrap(err, r, "%s", path) : 0;
}

/* The system's own dynamic linker knows its libraries; beside another one lie those made for it. */
static void note_linker_dirs(struct ldsearch *search, const char *guest_path, const char *host_path)
{
	AUTO(free) char *dir = path_dir(guest_path);
	AUTO(free) char *real = ldsearch_guest_path(search, host_path);
	AUTO(free) char *real_dir = real ? path_dir(real) : NULL;

	if (strcmp(path_base(guest_path), search->machine->linker) == 0 &&
	    ldsearch_is_default_dir(search, dir))
		return;
	strings_push(&search->linker_dirs, TAKE_PTR(dir));
	if (real_dir)
		strings_push(&search->linker_dirs, TAKE_PTR(real_dir));
}

static int add_linker(struct ldsearch *search, const char *name, struct ktstr_error *err)
{
	const struct want want = {.name = name, .loader = NOBODY};
	AUTO(free) char *guest_path = path_clean(name);
	AUTO(free) char *host_path = ldsearch_host_path(search, guest_path);
	int r = 0;

	if (name[0] == '/' && !path_has_parent(name))
		r = ldsearch_try_file(search, &want, guest_path, host_path, err);
	if (r == 0)
		r = ldsearch_add_unresolved(search, name, "dynamic linker of",
					    search->objects.at[PROGRAM].guest_path, err);
	else if (r == 1)
		note_linker_dirs(search, guest_path, host_path);
	return r < 0 ? r : 0;
}

/* Where the program sits, for $ORIGIN: the kernel resolves links before ld.so asks. */
static char *program_guest_path(const struct ldsearch *search, const char *program)
{
	char *guest_path = ldsearch_guest_path(search, program);

	return guest_path ?: realpath(program, NULL);
}

/* Breadth-first: the loop runs after its own tail. check_room() bounds it. */
static int follow_needs(struct ldsearch *search, struct ktstr_error *err)
{
	for (size_t i = 0; i < search->objects.len; i++)
		for (size_t n = 0; n < search->objects.at[i].needs.needed.len; n++) {
			struct want want = {.name = search->objects.at[i].needs.needed.at[n],
					    .loader = i};
			int r = ldsearch_find(search, &want, err);

			if (r < 0)
				return r;
		}
	return 0;
}

/* Takes needs, those of an ELF program at this host path. */
static int follow_program(struct ldsearch *search, const char *program, struct needs *needs,
			  struct ktstr_error *err)
{
	char *guest_path;
	int r;

	if (!needs->interpreter && !needs->needed.len)
		return 0;
	search->machine = ldsearch_machine(needs->abi);
	if (!search->machine)
		return error_set(err, -ENOTSUP,
				 "%s: a dynamic program for ELF machine %u in %u bits; only 64-bit "
				 "x86-64 and aarch64 programs can run in a guest",
				 program, needs->abi.machine,
				 needs->abi.elf_class == ELFCLASS64 ? 64 : 32);
	guest_path = program_guest_path(search, program);
	if (!guest_path)
		return error_sys(err, "resolve %s", program);
	objects_push(&search->objects, (struct object){.needs = TAKE(*needs, (struct needs){0}),
						       .guest_path = guest_path,
						       .loader = NOBODY});
	r = read_cache(search, err);
	if (r == 0 && search->objects.at[PROGRAM].needs.interpreter)
		r = add_linker(search, search->objects.at[PROGRAM].needs.interpreter, err);
	if (r == 0)
		r = follow_needs(search, err);
	return r < 0 ? error_wrap(err, r, "libraries of %s", program) : 0;
}

static int follow_script(struct ldsearch *search, const char *script, const char *interpreter,
			 struct ktstr_error *err)
{
	AUTO(free) char *guest_path = path_clean(interpreter);
	AUTO(free) char *host_path = ldsearch_host_path(search, guest_path);
	AUTO(needs_done) struct needs needs = {0};
	int r = -ENOENT;

	if (interpreter[0] == '/' && !path_has_parent(interpreter))
		r = needs_read(host_path, NULL, &needs, err);
	if (needs_is_absent(r))
		return ldsearch_add_unresolved(search, interpreter, "interpreter of", script, err);
	if (r == 0)
		r = ldsearch_add_file(search, guest_path, host_path, err);
	if (r > 0 && needs.form == NEEDS_FORM_ELF)
		r = follow_program(search, host_path, &needs, err);
	return r < 0 ? error_wrap(err, r, "interpreter of %s", script) : 0;
}

int closure_of(const char *program, const struct closure_config *config,
	       struct closure *ret_closure, struct ktstr_error *err)
{
	AUTO(ldsearch_done) struct ldsearch search = {.config = config};
	AUTO(needs_done) struct needs needs = {0};
	AUTO(free) char *root = realpath(config->root ?: "/", NULL);
	int r;

	if (!root)
		return error_sys(err, "root directory %s", config->root);
	search.root = path_clean(root);
	r = needs_read(program, NULL, &needs, err);
	if (r == 0 && needs.form == NEEDS_FORM_SCRIPT)
		r = follow_script(&search, program, needs.interpreter, err);
	else if (r == 0 && needs.form == NEEDS_FORM_ELF)
		r = follow_program(&search, program, &needs, err);
	if (r < 0)
		return r;
	*ret_closure = TAKE(search.found, (struct closure){0});
	return 0;
}
