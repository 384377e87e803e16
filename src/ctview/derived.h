/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * derived.h - metrics made of a group's other metrics, in a registry of their own. One whose input is
 * absent, or whose denominator is 0, is absent.
 */
#ifndef CTVIEW_DERIVED_H
#define CTVIEW_DERIVED_H

#include "ctview/cell.h"

#define CTVIEW_DERIVED_INPUTS 7          /* with a NULL behind the last */

struct ctview_derived {
	const char *name;
	enum {
		CTVIEW_QUOTIENT,            /* a / b */
		CTVIEW_SHARE,               /* a / (a + b) */
		CTVIEW_DIFFERENCE,          /* a - b, which may be below 0 */
		CTVIEW_OFFCPU,              /* the sum of all, and the greater of swap-in and thrashing */
	} formula;
	enum ctview_unit unit;
	const char *input[CTVIEW_DERIVED_INPUTS];           /* names in the metric registry */
	unsigned tags;                                      /* enum ctprof_tag; those of its inputs */
	const char *description;
};

extern const struct ctview_derived ctview_deriveds[];
extern const size_t ctview_derived_count;

const struct ctview_derived *ctview_derived_find(struct sv name);        /* or NULL */

/* From the group's cells, which are in the order of ctprof_metrics. */
struct ctview_cell ctview_derive(const struct ctview_derived *derived, const struct ctview_cell *cells);

#endif
