/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/package.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/version.h"

#define FLAVOUR "-cloud-amd64"
#define UNSIGNED "-unsigned"

void package_done(struct package *package)
{
	free(package->name);
	free(package->version);
	free(package->depends);
	*package = (struct package){0};
}

void offer_done(struct offer *offer)
{
	free(offer->release);
	*offer = (struct offer){0};
}

static void set(char **field, struct sv value)
{
	free(*field);
	*field = xstrndup(value.data, value.len);
}

static void parse_field(struct sv line, struct package *package)
{
	struct sv value = line;
	struct sv key = sv_split(&value, ':');

	value = sv_trim(value);
	if (!value.len)
		return;
	if (sv_eq(key, "Package"))
		set(&package->name, value);
	else if (sv_eq(key, "Version"))
		set(&package->version, value);
	else if (sv_eq(key, "Depends"))
		set(&package->depends, value);
	else if (sv_eq(key, "Size"))
		(void)sv_u64(value, UINT64_MAX, &package->size);        /* only shown */
}

static void keep_whole(struct packages *packages, struct package *package)
{
	if (package->name && package->version)
		packages_push(packages, TAKE(*package, (struct package){0}));
	package_done(package);
}

void packages_parse(struct sv text, struct packages *ret_packages)
{
	struct package package = {0};
	struct sv line;

	while (sv_line(&text, &line)) {
		if (!sv_trim(line).len)
			keep_whole(ret_packages, &package);
		else
			parse_field(line, &package);
	}
	keep_whole(ret_packages, &package);
}

/* Take text off the end. */
static bool ends(struct sv *sv, const char *text)
{
	size_t len = strlen(text);

	if (sv->len < len || memcmp(sv->data + sv->len - len, text, len) != 0)
		return false;
	sv->len -= len;
	return true;
}

/* Take text off the start. */
static bool starts(struct sv *sv, const char *text)
{
	if (!sv_starts(*sv, text))
		return false;
	*sv = sv_skip(*sv, strlen(text));
	return true;
}

/* The release whose vmlinuz this package holds, the caller's; or NULL. */
static char *release_of(const struct package *package, bool *ret_signed)
{
	struct sv rest = sv_of(package->name), before_flavour;
	bool is_image = starts(&rest, "linux-image-");

	if (!is_image && !starts(&rest, "linux-binary-"))
		return NULL;
	*ret_signed = !(is_image ? ends(&rest, UNSIGNED) : starts(&rest, "unsigned-"));
	before_flavour = rest;
	if (!ends(&before_flavour, FLAVOUR) || !rest.len || !isdigit((unsigned char)rest.data[0]))
		return NULL;
	if (is_image && package->depends && strstr(package->depends, "linux-binary-"))
		return NULL;
	return xstrndup(rest.data, rest.len);
}

/* Releases may count builds instead of patches (6.1.0-50); the package's version has the patch. */
static bool takes(const char *wanted, const char *release, const struct package *package)
{
	const char *colon = strchr(package->version, ':');

	return version_takes(wanted, release) ||
	       version_takes(wanted, colon ? colon + 1 : package->version);
}

static bool is_better(const struct offer *a, const struct offer *b)
{
	if (!b->release || a->is_signed != b->is_signed)
		return !b->release || a->is_signed;
	return version_compare(a->release, b->release) > 0;
}

static const struct package *find_base(const struct packages *packages, const char *release)
{
	AUTO(free) char *name = xasprintf("linux-base-%s", release);

	vec_each(package, packages) {
		if (strcmp(package->name, name) == 0)
			return package;
	}
	return NULL;
}

static int older_first(const void *a, const void *b)
{
	return version_compare(*(const char *const *)a, *(const char *const *)b);
}

static void list_series(const struct packages *packages, struct buf *text)
{
	AUTO(strings_done) struct strings series = {0};
	const char *last = "";

	vec_each(package, packages) {
		bool is_signed;
		AUTO(free) char *release = release_of(package, &is_signed);

		if (release)
			strings_push(&series, version_series(release));
	}
	if (series.len)
		qsort(series.at, series.len, sizeof(char *), older_first);
	vec_each(name, &series) {
		if (strcmp(*name, last) != 0)
			buf_printf(text, "%s%s", text->len ? ", " : "", *name);
		last = *name;
	}
}

int package_choose(const struct packages *packages, const char *wanted, struct offer *ret_offer,
		   struct ktstr_error *err)
{
	AUTO(offer_done) struct offer best = {0};
	AUTO(buf_done) struct buf series = {0};

	vec_each(package, packages) {
		AUTO(offer_done) struct offer offer = {.image = package};

		offer.release = release_of(package, &offer.is_signed);
		if (!offer.release || !takes(wanted, offer.release, package) || !is_better(&offer, &best))
			continue;
		offer_done(&best);
		best = TAKE(offer, (struct offer){0});
	}
	if (best.release) {
		best.base = find_base(packages, best.release);
		*ret_offer = TAKE(best, (struct offer){0});
		return 0;
	}
	list_series(packages, &series);
	return error_set(err, -ENOENT, "the archive has no kernel %s; the series in it: %s", wanted,
			 series.len ? buf_text(&series) : "none");
}
