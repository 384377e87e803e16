/* SPDX-License-Identifier: BSD-2-Clause */
/* entries.c - the catalogue as data. */
#include "catalogue/catalogue.h"

#include <string.h>

#define FOUR_CPUS "1n2l2c1t"
#define TWO_NODES "2n2l2c1t"
#define EQUAL 0
#define UNEQUAL -1

EXPORT const struct ktstr_catalogue_entry ktstr_catalogue[] = {
#define ENTRY(category_, name_, what_, machine, shares)                                            \
	{.name = #name_, .category = #category_, .what = what_, .run = ktstr_scene_##name_,        \
	 .topology = machine, .checks = {.max_spread_pct = shares}},
#include "catalogue/entries.h"
#undef ENTRY
};

EXPORT const size_t ktstr_catalogue_count = sizeof(ktstr_catalogue) / sizeof(*ktstr_catalogue);

EXPORT const struct ktstr_catalogue_entry *ktstr_catalogue_find(const char *name)
{
	for (size_t i = 0; i < ktstr_catalogue_count; i++) {
		if (strcmp(ktstr_catalogue[i].name, name) == 0)
			return &ktstr_catalogue[i];
	}
	return NULL;
}
