/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/version.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define VERSION_TEXT_MAX 100
#define NUMBER_MAX 1000000000u

struct version {
	uint32_t number[3];       /* major, minor, patch */
	uint32_t candidate;       /* of "rc4"; NUMBER_MAX for a release */
};

/* The digits at *text as a number, at most NUMBER_MAX; *text moves behind them. */
static uint32_t take_number(const char **text)
{
	uint32_t value = 0;

	for (; isdigit((unsigned char)**text); (*text)++)
		value = value < NUMBER_MAX / 10 ? value * 10 + (uint32_t)(**text - '0') : NUMBER_MAX;
	return value;
}

static struct version parse(const char *text)
{
	struct version version = {.candidate = NUMBER_MAX};

	for (unsigned i = 0; i < 3; i++) {
		version.number[i] = take_number(&text);
		if (text[0] != '.' || !isdigit((unsigned char)text[1]))
			break;
		text++;
	}
	if ((text[0] == '~' || text[0] == '-') && text[1] == 'r' && text[2] == 'c') {
		text += 3;
		version.candidate = take_number(&text);
	}
	return version;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

int version_compare(const char *a, const char *b)
{
	struct version left = parse(a), right = parse(b);
	int order = 0;

	for (unsigned i = 0; i < 3 && order == 0; i++)
		order = compare_numbers(left.number[i], right.number[i]);
	if (order == 0)
		order = compare_numbers(left.candidate, right.candidate);
	return order ?: strverscmp(a, b);
}

int version_check(const char *text, struct ktstr_error *err)
{
	const char *at = text;

	(void)take_number(&at);
	if (at > text && at[0] == '.' && isdigit((unsigned char)at[1]) &&
	    strlen(text) <= VERSION_TEXT_MAX &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~_-") ==
		    strlen(text))
		return 0;
	return error_set(err, -EINVAL,
			 "kernel \"%s\": expected a series (6.18), a version (6.18.15), a release or "
			 "a path with a '/' in it",
			 text);
}

bool version_takes(const char *wanted, const char *release)
{
	size_t len = strlen(wanted);

	if (strncmp(release, wanted, len) != 0)
		return false;
	if (release[len] == '\0')
		return true;
	/* A series or a version ends where no further digit follows. */
	return wanted[strspn(wanted, "0123456789.")] == '\0' && !isdigit((unsigned char)release[len]);
}

char *version_series(const char *release)
{
	struct version version = parse(release);

	return xasprintf("%u.%u", version.number[0], version.number[1]);
}
