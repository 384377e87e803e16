/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ldsearch.h - where the dynamic linker looks for a library, tried in its order, as closure.h lists
 * it. Follows _dl_map_object() and its helpers in glibc's elf/dl-load.c. For the room.
 */
#ifndef SYMBOLS_LDSEARCH_H
#define SYMBOLS_LDSEARCH_H

#include "base/buf.h"
#include "symbols/closure.h"
#include "symbols/ldcache.h"
#include "symbols/ldpath.h"
#include "symbols/needs.h"

#define DEFAULT_DIR_COUNT 6

struct default_dir {
	const char *path;
	bool built_in;     /* Debian's dynamic linker looks there without a cache */
};

struct machine {
	struct elf_abi abi;
	uint32_t cache_flags;
	const char *linker;        /* file name of glibc's dynamic linker */
	const char *platform;      /* $PLATFORM; the guest's CPU may make it something else */
	const char *multiarch;     /* $LIB with multiarch; lib64 without */
	struct default_dir dirs[DEFAULT_DIR_COUNT];
};

/* A file as the dynamic linker would have it loaded. */
struct object {
	struct needs needs;
	char *guest_path;
	char *name;        /* what it was asked for as; NULL for the program */
	size_t loader;     /* index of the object that first needed it, or NOBODY */
};

#define PROGRAM 0             /* index of the program among the objects */
#define NOBODY SIZE_MAX       /* the loader of the program and of its dynamic linker */

static inline void object_done(struct object *object)
{
	needs_done(&object->needs);
	free(object->guest_path);
	free(object->name);
}
DEFINE_VEC(objects, struct object, object_done)

struct ldsearch {
	const struct closure_config *config;
	char *root;                       /* canonical; "" for "/" */
	const struct machine *machine;    /* the program's */
	struct objects objects;           /* in the order in which they are loaded */
	struct strings linker_dirs;       /* beside a dynamic linker that is not the system's */
	struct buf cache_bytes;
	struct ldcache cache;             /* a view of them */
	struct closure found;
};

void ldsearch_done(struct ldsearch *search);
DEFINE_AUTO_DONE(struct ldsearch, ldsearch_done)

/* One name to be found for one object. */
struct want {
	const char *name;
	size_t loader;       /* index of that object */
};

const struct machine *ldsearch_machine(struct elf_abi abi);     /* NULL: none that guests have */

/* Does the program's dynamic linker look in this directory on some distribution? */
bool ldsearch_is_default_dir(const struct ldsearch *search, const char *dir);

/* With the root in front; and back, links followed, NULL when that leaves the root. For free(). */
char *ldsearch_host_path(const struct ldsearch *search, const char *guest_path);
char *ldsearch_guest_path(const struct ldsearch *search, const char *host_path);

/* 1: added; 0: this guest path is in the closure already. -E2BIG: it is full. */
int ldsearch_add_file(struct ldsearch *search, const char *guest_path, const char *host_path,
		      struct ktstr_error *err);
int ldsearch_add_unresolved(struct ldsearch *search, const char *name, const char *relation,
			    const char *whose, struct ktstr_error *err);

/*
 * Is this file there, and for the program's machine? 1: it is among the objects and in the closure
 * now. 0: no. An error: it is there and ld.so would give up at it.
 */
int ldsearch_try_file(struct ldsearch *search, const struct want *want, const char *guest_path,
		      const char *host_path, struct ktstr_error *err);

/* Have a DT_NEEDED among the objects, or note it as unresolved. 0 in both cases. */
int ldsearch_find(struct ldsearch *search, const struct want *want, struct ktstr_error *err);

#endif
