/* SPDX-License-Identifier: BSD-2-Clause */
/* cell.h - one value of a group: how threads' values become it, how two differ, how it is written. */
#ifndef CTVIEW_CELL_H
#define CTVIEW_CELL_H

#include "ctprof/ctprof.h"

/* The first six are enum ctprof_unit. */
enum ctview_unit {
	CTVIEW_UNIT_NONE,
	CTVIEW_UNIT_COUNT,
	CTVIEW_UNIT_NS,
	CTVIEW_UNIT_US,
	CTVIEW_UNIT_BYTES,
	CTVIEW_UNIT_TICKS,
	CTVIEW_UNIT_RATIO,          /* three decimals */
	CTVIEW_UNIT_CENTI,          /* hundredths of a percent, written as percent */
};

enum ctview_kind {
	CTVIEW_ABSENT,              /* "-" */
	CTVIEW_WHOLE,               /* low */
	CTVIEW_REAL,                /* real: ratios and averages */
	CTVIEW_RANGE,               /* low to high */
	CTVIEW_WORD,
};

struct ctview_cell {
	enum ctview_kind kind;
	int64_t low, high;          /* sums end at INT64_MAX */
	double real;
	const char *word;           /* whoever made the cell says whose */
};

struct ctview_delta {
	enum { CTVIEW_DELTA_NONE, CTVIEW_DELTA_NUMBER, CTVIEW_DELTA_SAME, CTVIEW_DELTA_DIFFERS } kind;
	double value;
	bool has_percent;           /* not with a baseline of 0 */
	double percent;
};

/* The threads' values as one; words are pushed to `words`, which must outlive the cell. */
struct ctview_cell ctview_aggregate(const struct ctprof_metric *metric, const struct ctprof_thread *const *threads,
				    size_t count, struct strings *words);

int64_t ctview_add(int64_t sum, uint64_t value);         /* for sums of our own */

/* The number to compare and sort by: of a range its middle. False: it has none. */
bool ctview_cell_number(const struct ctview_cell *cell, double *ret_number);

/* From a to b. Absent on a side: none. */
struct ctview_delta ctview_cell_delta(const struct ctview_cell *a, const struct ctview_cell *b);

/* It says nothing: absent, or zero. */
bool ctview_cell_is_zero(const struct ctview_cell *cell);

/*
 * A number with its unit, a step up where |value| reaches the next: "999ns", "1.500µs", "12". What
 * was scaled has three decimals, the rest none. `sign` puts a + before what is above 0.
 */
void ctview_number_format(double value, enum ctview_unit unit, bool sign, struct buf *out);

void ctview_cell_format(const struct ctview_cell *cell, enum ctview_unit unit, struct buf *out);
void ctview_delta_format(const struct ctview_delta *delta, enum ctview_unit unit, struct buf *out);

/* Without scaling or unit, for programs; nothing for absent. */
void ctview_cell_raw(const struct ctview_cell *cell, struct buf *out);

extern const char *const ctview_unit_name[];             /* "ns", "bytes", …; "" for none */

#endif
