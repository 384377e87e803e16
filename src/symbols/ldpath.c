/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/ldpath.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/sv.h"

bool path_has_parent(const char *path)
{
	struct sv rest = sv_of(path);

	while (rest.data)
		if (sv_eq(sv_split(&rest, '/'), ".."))
			return true;
	return false;
}

char *path_clean(const char *path)
{
	AUTO(buf_done) struct buf clean = {0};
	struct sv rest = sv_of(path);

	while (rest.data) {
		struct sv part = sv_split(&rest, '/');

		if (part.len && !sv_eq(part, "."))
			buf_printf(&clean, "/%.*s", SV_ARG(part));
	}
	return xstrdup(buf_text(&clean));
}

char *path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xstrndup(path, slash ? (size_t)(slash - path) : 0);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
