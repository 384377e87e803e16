/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "ctview/flatten.h"

#define STARS_MAX 4

static bool next_part(struct sv *rest, struct sv *ret_part)
{
	while (rest->len > 0 && rest->data[0] == '/')
		*rest = sv_skip(*rest, 1);
	if (rest->len == 0)
		return false;
	*ret_part = sv_split(rest, '/');
	return true;
}

int ctview_flatten_check(const char *glob, struct ktstr_error *err)
{
	struct sv rest = sv_of(glob), part;
	bool any = false;

	if (rest.len > CTVIEW_GLOB_MAX)
		return error_set(err, -EINVAL, "a glob of more than %d bytes", CTVIEW_GLOB_MAX);
	while (next_part(&rest, &part)) {
		size_t stars = 0;

		any = true;
		for (size_t i = 0; i < part.len; i++)
			stars += part.data[i] == '*';
		if (stars > STARS_MAX)
			return error_set(err, -EINVAL, "glob \"%s\": more than %d stars in a part", glob, STARS_MAX);
	}
	if (!any)
		return error_set(err, -EINVAL, "glob \"%s\" has nothing between its slashes", glob);
	return 0;
}

static bool part_matches(struct sv glob, struct sv part)
{
	AUTO(free) char *pattern = xstrndup(glob.data, glob.len);
	AUTO(free) char *name = xstrndup(part.data, part.len);

	return fnmatch(pattern, name, 0) == 0;
}

/* Whether the path, at the start of a part, begins with the glob; what follows it then. */
static bool takes(struct sv glob, struct sv path, struct sv *ret_rest)
{
	struct sv want, part;

	while (next_part(&glob, &want))
		if (!next_part(&path, &part) || !part_matches(want, part))
			return false;
	*ret_rest = path;
	return true;
}

static void put_parts(struct sv parts, struct buf *out)
{
	struct sv part;

	while (next_part(&parts, &part))
		buf_printf(out, "/%.*s", SV_ARG(part));
}

static char *flatten_one(const char *path, const char *glob)
{
	AUTO(buf_done) struct buf out = {0};
	struct sv rest = sv_of(path), behind, part;
	bool anchored = glob[0] == '/', matched = false;

	for (bool first = true; rest.len > 0; first = false) {
		if ((first || !anchored) && takes(sv_of(glob), rest, &behind)) {
			put_parts(sv_of(glob), &out);
			rest = behind;
			matched = true;
		} else if (next_part(&rest, &part)) {
			buf_printf(&out, "/%.*s", SV_ARG(part));
		}
	}
	return xstrdup(matched ? buf_text(&out) : path);
}

char *ctview_flatten(const char *path, const struct strings *globs)
{
	char *flat = xstrdup(path);

	vec_each(glob, globs) {
		char *next = flatten_one(flat, *glob);

		free(flat);
		flat = next;
	}
	return flat;
}
