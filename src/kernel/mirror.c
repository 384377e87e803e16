/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "kernel/apt.h"

void mirror_done(struct mirror *mirror)
{
	free(mirror->uri);
	free(mirror->codename);
	free(mirror->source_file);
	*mirror = (struct mirror){0};
}

static bool sv_same(struct sv a, struct sv b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

struct target {
	struct sv uri, codename, component, origin, source;
};

static struct target parse_target(struct sv line)
{
	struct target target;

	target.uri = sv_split(&line, '|');
	target.codename = sv_split(&line, '|');
	target.component = sv_split(&line, '|');
	target.origin = sv_split(&line, '|');
	target.source = sv_split(&line, '|');
	return target;
}

/* "bookworm", not "bookworm-security" or "bookworm-updates"; a mirror, not the installation medium. */
static bool is_main_archive(const struct target *target)
{
	return sv_eq(target->origin, "Debian") && sv_eq(target->component, "main") &&
	       target->codename.len && !memchr(target->codename.data, '-', target->codename.len) &&
	       !sv_starts(target->uri, "cdrom:");
}

/* "/etc/apt/sources.list.d/debian.sources:1" */
static void set_source(struct mirror *mirror, struct sv source)
{
	const char *colon = source.len ? memrchr(source.data, ':', source.len) : NULL;
	uint32_t entry;

	if (!colon || sv_u32(sv_skip(source, (size_t)(colon + 1 - source.data)), 1 << 20, &entry) < 0)
		return;
	mirror->source_file = xstrndup(source.data, (size_t)(colon - source.data));
	mirror->source_entry = entry;
}

static bool uses_backports(struct sv targets, const struct mirror *mirror)
{
	AUTO(free) char *suite = xasprintf("%s-backports", mirror->codename);
	struct sv line;

	while (sv_line(&targets, &line)) {
		struct target target = parse_target(line);

		if (sv_eq(target.codename, suite) && sv_same(target.uri, sv_of(mirror->uri)))
			return true;
	}
	return false;
}

int mirror_parse(struct sv targets, struct mirror *ret_mirror, struct ktstr_error *err)
{
	struct sv rest = targets, line;

	while (sv_line(&rest, &line)) {
		struct target target = parse_target(line);
		struct mirror mirror;

		if (!is_main_archive(&target))
			continue;
		mirror = (struct mirror){
			.uri = xstrndup(target.uri.data, target.uri.len),
			.codename = xstrndup(target.codename.data, target.codename.len),
		};
		set_source(&mirror, target.source);
		mirror.has_backports = uses_backports(targets, &mirror);
		*ret_mirror = mirror;
		return 0;
	}
	return error_set(err, -ENOENT, "this system's apt knows no Debian archive");
}

/* "deb [arch=amd64 signed-by=/path] uri suite component" */
static char *signed_by_of_line(struct sv line)
{
	struct sv options;

	(void)sv_split(&line, '[');
	options = sv_split(&line, ']');
	while (options.len) {
		struct sv option = sv_split(&options, ' ');
		struct sv key = sv_split(&option, '=');

		if (key.len == strlen("signed-by") && strncasecmp(key.data, "signed-by", key.len) == 0)
			return xstrndup(option.data, option.len);
	}
	return NULL;
}

/* The field of one stanza: its line and those that start with white space after it. */
static char *signed_by_of_stanza(struct sv stanza)
{
	AUTO(buf_done) struct buf value = {0};
	bool inside = false;
	struct sv line;

	while (sv_line(&stanza, &line)) {
		if (line.len && (line.data[0] == ' ' || line.data[0] == '\t')) {
			if (inside)
				buf_printf(&value, "\n%.*s", SV_ARG(line));
			continue;
		}
		inside = line.len >= strlen("signed-by:") &&
			 strncasecmp(line.data, "signed-by:", strlen("signed-by:")) == 0;
		if (inside) {
			line = sv_trim(sv_skip(line, strlen("signed-by:")));
			buf_bytes(&value, line.data, line.len);
		}
	}
	return value.len ? buf_take(&value) : NULL;
}

char *signed_by_of(struct sv text, bool is_deb822, unsigned entry)
{
	struct sv line, stanza = {0};
	unsigned count = 0;
	bool in_stanza = false;

	while (sv_line(&text, &line)) {
		if (!is_deb822 && ++count == entry)
			return signed_by_of_line(line);
		if (!is_deb822 || (line.len && line.data[0] == '#'))
			continue;
		if (sv_trim(line).len == 0) {
			if (in_stanza && count == entry)
				break;
			in_stanza = false;
			continue;
		}
		if (!in_stanza) {
			stanza = line;
			count++;
		}
		in_stanza = true;
		stanza.len = (size_t)(line.data + line.len - stanza.data);
	}
	return is_deb822 && count == entry && entry ? signed_by_of_stanza(stanza) : NULL;
}

void mirror_sources(const struct mirror *mirror, const char *signed_by, struct buf *ret_text)
{
	bool own = mirror->has_backports && strcmp(mirror->codename, "trixie") != 0;

	buf_printf(ret_text, "Types: deb\nURIs: %s\nSuites: %s%s%s\n", mirror->uri,
		   own ? mirror->codename : "", own ? "-backports " : "", "trixie-backports trixie");
	/* Only the index of packages, whatever else the system's apt is told to fetch with it. */
	buf_str(ret_text, "Components: main\nArchitectures: amd64\nTargets: Packages\nLanguages: none\n"
			  "PDiffs: no\n");
	if (signed_by)
		buf_printf(ret_text, "Signed-By: %s\n", signed_by);
}
