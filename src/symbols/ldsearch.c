/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/ldsearch.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct machine machines[] = {
	{
		.abi = {ELFCLASS64, ELFDATA2LSB, EM_X86_64},
		.cache_flags = LDCACHE_X86_64,
		.linker = "ld-linux-x86-64.so.2",
		.platform = "x86_64",
		.multiarch = "lib/x86_64-linux-gnu",
		.dirs = {{"/lib/x86_64-linux-gnu", true}, {"/usr/lib/x86_64-linux-gnu", true},
			 {"/lib64", false}, {"/usr/lib64", false},
			 {"/lib", true}, {"/usr/lib", true}},
	},
	{
		.abi = {ELFCLASS64, ELFDATA2LSB, EM_AARCH64},
		.cache_flags = LDCACHE_AARCH64,
		.linker = "ld-linux-aarch64.so.1",
		.platform = "aarch64",
		.multiarch = "lib/aarch64-linux-gnu",
		.dirs = {{"/lib/aarch64-linux-gnu", true}, {"/usr/lib/aarch64-linux-gnu", true},
			 {"/lib64", false}, {"/usr/lib64", false},
			 {"/lib", true}, {"/usr/lib", true}},
	},
};

void ldsearch_done(struct ldsearch *search)
{
	free(search->root);
	objects_done(&search->objects);
	strings_done(&search->linker_dirs);
	buf_done(&search->cache_bytes);
	closure_done(&search->found);
}

const struct machine *ldsearch_machine(struct elf_abi abi)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (elf_abi_equal(machines[i].abi, abi))
			return &machines[i];
	return NULL;
}

char *ldsearch_host_path(const struct ldsearch *search, const char *guest_path)
{
	return xasprintf("%s%s", search->root, guest_path);
}

char *ldsearch_guest_path(const struct ldsearch *search, const char *host_path)
{
	AUTO(free) char *real = realpath(host_path, NULL);
	size_t root_len = strlen(search->root);

	if (!real || strncmp(real, search->root, root_len) != 0 ||
	    (real[root_len] && real[root_len] != '/'))
		return NULL;
	return path_clean(real + root_len);
}

/*
 * A directory of a search path as a guest path; NULL when there is none. *same becomes false where
 * the text would lead the guest's dynamic linker somewhere else: a working directory is the
 * host's, and through ".." it must first find a directory that nobody brought along.
 */
static char *settle_dir(const struct ldsearch *search, const char *text, bool *same)
{
	AUTO(free) char *absolute = NULL, *host_path = NULL;

	if (text[0] == '/') {
		absolute = xstrdup(text);
	} else {
		AUTO(free) char *cwd = *search->root ? xstrdup("") : getcwd(NULL, 0);

		if (!cwd)
			return NULL;
		absolute = xasprintf("%s/%s", cwd, text);
		*same = false;
	}
	if (!path_has_parent(absolute))
		return path_clean(absolute);
	*same = false;
	host_path = ldsearch_host_path(search, absolute);
	return ldsearch_guest_path(search, host_path);
}

/* $LIB is fixed when glibc is built; which way, the host's directories tell. */
static const char *token_lib(const struct ldsearch *search)
{
	AUTO(free) char *dir = xasprintf("%s/%s", search->root, search->machine->multiarch);

	return access(dir, F_OK) == 0 ? search->machine->multiarch : "lib64";
}

/* How long the token at the start of text is, written $NAME or ${NAME}; 0 if it is another. */
static size_t token_len(struct sv text, const char *plain, const char *braced)
{
	if (sv_starts(text, plain))
		return strlen(plain);
	return sv_starts(text, braced) ? strlen(braced) : 0;
}

/*
 * As _dl_dst_substitute() in glibc's elf/dl-load.c; an unknown token stays as it is. *same becomes
 * false where the guest may expand the text to something else.
 */
static char *expand_tokens(const struct ldsearch *search, size_t owner, struct sv text, bool *same)
{
	AUTO(buf_done) struct buf out = {0};
	AUTO(free) char *origin = path_dir(search->objects.at[owner].guest_path);

	while (text.len) {
		size_t len;

		if ((len = token_len(text, "$ORIGIN", "${ORIGIN}"))) {
			buf_str(&out, *origin ? origin : "/");
			*same = *same && owner != PROGRAM;
		} else if ((len = token_len(text, "$LIB", "${LIB}"))) {
			buf_str(&out, token_lib(search));
			*same = false;
		} else if ((len = token_len(text, "$PLATFORM", "${PLATFORM}"))) {
			buf_str(&out, search->machine->platform);
			*same = false;
		} else {
			len = 1;
			buf_char(&out, text.data[0]);
		}
		text = sv_skip(text, len);
	}
	return buf_take(&out);
}

static int check_room(const struct ldsearch *search, struct ktstr_error *err)
{
	if (search->found.files.len + search->found.unresolved.len < CLOSURE_FILE_MAX)
		return 0;
	return error_set(err, -E2BIG, "more than %d files", CLOSURE_FILE_MAX);
}

int ldsearch_add_unresolved(struct ldsearch *search, const char *name, const char *relation,
			    const char *whose, struct ktstr_error *err)
{
	int r = check_room(search, err);

	if (r == 0)
		strings_push(&search->found.unresolved,
			     xasprintf("%s (%s %s)", name, relation, whose));
	return r;
}

int ldsearch_add_file(struct ldsearch *search, const char *guest_path, const char *host_path,
		      struct ktstr_error *err)
{
	int r;

	vec_each(file, &search->found.files)
		if (strcmp(file->guest_path, guest_path) == 0)
			return 0;
	r = check_room(search, err);
	if (r < 0)
		return r;
	needed_files_push(&search->found.files,
			  (struct needed_file){.guest_path = xstrdup(guest_path),
					       .host_path = xstrdup(host_path)});
	return 1;
}

static void add_library_dir(struct ldsearch *search, const char *dir)
{
	vec_each(known, &search->found.library_dirs)
		if (strcmp(*known, dir) == 0)
			return;
	strings_push(&search->found.library_dirs, xstrdup(dir));
}

/* With a foreign dynamic linker nobody knows what is built into it. */
static bool is_built_in(const struct ldsearch *search, const char *dir)
{
	if (search->linker_dirs.len)
		return false;
	for (size_t i = 0; i < DEFAULT_DIR_COUNT; i++)
		if (search->machine->dirs[i].built_in &&
		    strcmp(search->machine->dirs[i].path, dir) == 0)
			return true;
	return false;
}

static const struct object *loaded(const struct ldsearch *search, const char *name)
{
	vec_each(object, &search->objects)
		if ((object->name && strcmp(object->name, name) == 0) ||
		    (object->needs.soname && strcmp(object->needs.soname, name) == 0))
			return object;
	return NULL;
}

int ldsearch_try_file(struct ldsearch *search, const struct want *want, const char *guest_path,
		      const char *host_path, struct ktstr_error *err)
{
	AUTO(needs_done) struct needs needs = {0};
	int r = needs_read(host_path, &search->machine->abi, &needs, err);

	if (needs_is_absent(r))
		return 0;
	if (r < 0)
		return r;
	if (needs.form != NEEDS_FORM_ELF)
		return error_set(err, -ENOEXEC, "%s: not an ELF file", host_path);
	if (!elf_abi_equal(needs.abi, search->machine->abi))
		return 0;
	r = ldsearch_add_file(search, guest_path, host_path, err);
	if (r <= 0)
		return r < 0 ? r : 1;
	objects_push(&search->objects, (struct object){.needs = TAKE(needs, (struct needs){0}),
						       .guest_path = xstrdup(guest_path),
						       .name = xstrdup(want->name),
						       .loader = want->loader});
	return 1;
}

/*
 * This and the other places to try return as ldsearch_try_file() does. known: the guest's dynamic
 * linker will look in dir for this object without being told.
 */
static int try_dir(struct ldsearch *search, const struct want *want, const char *dir, bool known,
		   struct ktstr_error *err)
{
	AUTO(free) char *guest_path = xasprintf("%s/%s", dir, want->name);
	AUTO(free) char *host_path = ldsearch_host_path(search, guest_path);
	int r = ldsearch_try_file(search, want, guest_path, host_path, err);

	if (r == 1 && !known && !is_built_in(search, dir))
		add_library_dir(search, *dir ? dir : "/");
	return r;
}

/* A search path; tokens in it are those of owner. An empty element is the working directory. */
static int try_list(struct ldsearch *search, const struct want *want, size_t owner,
		    const char *list, const char *separators, bool known, struct ktstr_error *err)
{
	int r = 0;

	if (!list || !*list)
		return 0;
	for (size_t len; r == 0; list += len + 1) {
		AUTO(free) char *text = NULL, *dir = NULL;
		bool same = known;

		len = strcspn(list, separators);
		text = expand_tokens(search, owner, sv_bytes(list, len), &same);
		dir = settle_dir(search, text, &same);
		if (dir)
			r = try_dir(search, want, dir, same, err);
		if (!list[len])
			break;
	}
	return r;
}

/* Up the chain of who brought whom, as _dl_map_object() does. */
static int try_rpaths(struct ldsearch *search, const struct want *want, struct ktstr_error *err)
{
	int r = 0;

	for (size_t owner = want->loader; r == 0 && owner != NOBODY;
	     owner = search->objects.at[owner].loader)
		r = try_list(search, want, owner, search->objects.at[owner].needs.rpath, ":", true,
			     err);
	return r;
}

static int try_linker_dirs(struct ldsearch *search, const struct want *want,
			   struct ktstr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < search->linker_dirs.len; i++)
		r = try_dir(search, want, search->linker_dirs.at[i], false, err);
	return r;
}

bool ldsearch_is_default_dir(const struct ldsearch *search, const char *dir)
{
	for (size_t i = 0; i < DEFAULT_DIR_COUNT; i++)
		if (strcmp(search->machine->dirs[i].path, dir) == 0)
			return true;
	return false;
}

/*
 * The cache may lead to a file of another name. A guest has no cache: there the library bears the
 * name that is asked for.
 */
static int try_cache(struct ldsearch *search, const struct want *want, bool no_default_dirs,
		     struct ktstr_error *err)
{
	const char *path = ldcache_find(&search->cache, want->name, search->machine->cache_flags);
	AUTO(free) char *host_path = NULL, *guest_path = NULL, *dir = NULL, *text = NULL;
	bool same = true;
	int r;

	if (!path)
		return 0;
	text = path_dir(path);
	dir = settle_dir(search, *text ? text : "/", &same);
	if (!dir || (no_default_dirs && ldsearch_is_default_dir(search, dir)))
		return 0;
	guest_path = xasprintf("%s/%s", dir, want->name);
	host_path = xasprintf("%s%s/%s", search->root, dir, path_base(path));
	r = ldsearch_try_file(search, want, guest_path, host_path, err);
	if (r == 1 && !is_built_in(search, dir))
		add_library_dir(search, *dir ? dir : "/");
	return r;
}

static int try_default_dirs(struct ldsearch *search, const struct want *want,
			    struct ktstr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < DEFAULT_DIR_COUNT; i++)
		r = try_dir(search, want, search->machine->dirs[i].path, false, err);
	return r;
}

static int try_everywhere(struct ldsearch *search, const struct want *want, struct ktstr_error *err)
{
	/* the texts stay where they are when the vector of objects moves */
	const char *runpath = search->objects.at[want->loader].needs.runpath;
	bool no_default_dirs = search->objects.at[want->loader].needs.no_default_dirs;
	int r = 0;

	if (!runpath)
		r = try_rpaths(search, want, err);
	if (r == 0)
		r = try_list(search, want, PROGRAM, search->config->library_path, ":;", false, err);
	if (r == 0)
		r = try_list(search, want, want->loader, runpath, ":", true, err);
	if (r == 0)
		r = try_linker_dirs(search, want, err);
	if (r == 0)
		r = try_cache(search, want, no_default_dirs, err);
	if (r == 0 && !no_default_dirs)
		r = try_default_dirs(search, want, err);
	return r;
}

/*
 * A name with a slash is a path, and no search path can help the guest to it: it must be the same
 * path there. So a relative one, one through ".." and one beside the program count as not found.
 */
static int try_path(struct ldsearch *search, const struct want *want, struct ktstr_error *err)
{
	bool same = true;
	AUTO(free) char *text = expand_tokens(search, want->loader, sv_of(want->name), &same);
	AUTO(free) char *guest_path = NULL, *host_path = NULL;

	if (!same || text[0] != '/' || path_has_parent(text))
		return 0;
	guest_path = path_clean(text);
	host_path = ldsearch_host_path(search, guest_path);
	return ldsearch_try_file(search, want, guest_path, host_path, err);
}

int ldsearch_find(struct ldsearch *search, const struct want *want, struct ktstr_error *err)
{
	bool is_path = strchr(want->name, '/');
	const char *relation = is_path ? "as a path, needed by" : "needed by";
	int r;

	if (loaded(search, want->name))
		return 0;
	r = is_path ? try_path(search, want, err) : try_everywhere(search, want, err);
	if (r == 0)
		r = ldsearch_add_unresolved(search, want->name, relation,
					    search->objects.at[want->loader].guest_path, err);
	if (r < 0)
		return error_wrap(err, r, "%s needed by %s", want->name,
				  search->objects.at[want->loader].guest_path);
	return 0;
}
