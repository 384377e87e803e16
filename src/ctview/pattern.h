/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern.h - names that differ only in numbers are one group: "kworker/0:1H" and "kworker/3:2H" are
 * "kworker/{N}:{N}H". A name is cut at runs of  . - _ / : @ + [ ]  and white space, which stay; each
 * token between is, the first rule that fits (letters and digits are ASCII's):
 *
 *	all digits                                    {N}
 *	two or more of [0-9a-f], a digit among them   {H}
 *	letters, then digits                          letters{N}
 *	digits, then letters                          {N}letters
 *	anything else                                 itself
 *
 * In cgroup paths, before that, "@INSTANCE.service" is "@{I}.service", unless INSTANCE has one of . - _
 */
#ifndef CTVIEW_PATTERN_H
#define CTVIEW_PATTERN_H

#include "base/base.h"

enum ctview_names_kind {
	CTVIEW_THREAD_NAMES,        /* a pattern with one name is that name */
	CTVIEW_CGROUP_NAMES,        /* tokens that are equal in all names of a pattern stay as they are */
};

/* The pattern of one name; a pattern's own is itself. */
void ctview_pattern(enum ctview_names_kind kind, struct sv name, struct buf *ret_pattern);

/*
 * A set of names, and what each is called beside the others. Add all, resolve once, then look up:
 * the answer belongs to the set. With `literal`, every name is its own.
 */
struct ctview_name {
	char *literal;
	char *called;
};
void ctview_name_done(struct ctview_name *name);
DEFINE_VEC(ctview_name_vec, struct ctview_name, ctview_name_done)

struct ctview_names {
	enum ctview_names_kind kind;
	bool literal;
	struct ctview_name_vec names;               /* by literal, once resolved */
};
void ctview_names_done(struct ctview_names *names);
DEFINE_AUTO_DONE(struct ctview_names, ctview_names_done)

void ctview_names_add(struct ctview_names *names, const char *name);
void ctview_names_resolve(struct ctview_names *names);
const char *ctview_names_called(const struct ctview_names *names, const char *name);   /* one that was added */

#endif
