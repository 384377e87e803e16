/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - columns of text that fit a width: names are shortened in the middle, and broken into
 * lines only if asked; columns that find no room even then are left out, the last first. Widths count
 * code points, so that a name in wide letters may stand out.
 */
#ifndef CTVIEW_TABLE_H
#define CTVIEW_TABLE_H

#include "base/base.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_WIDTH_ANY 0           /* no terminal: as wide as it is */

enum table_style { TABLE_PLAIN, TABLE_BOLD, TABLE_DIM, TABLE_UP, TABLE_DOWN };

/* What is shortened first where not all fits; the next once the first have no more to give. */
enum table_gives { TABLE_GIVES_NEVER, TABLE_GIVES_LAST, TABLE_GIVES_SECOND, TABLE_GIVES_FIRST };

struct table_column {
	const char *title;
	bool right;                 /* numbers */
	enum table_gives gives;
	size_t least;               /* not to less than this */
	bool optional;              /* left out, with all at its right, before any gives that is LAST */
};

struct table_look {
	size_t width;               /* TABLE_WIDTH_ANY */
	bool wrap;                  /* cells that are too wide go on in the next line */
	bool colour;
};

/* Zeroed, then columns, then cells row by row from the left. */
struct table {
	struct table_column column[TABLE_COLUMNS_MAX];
	size_t columns;
	struct strings cells;
	struct buf styles;          /* a byte a cell */
};
void table_done(struct table *table);
DEFINE_AUTO_DONE(struct table, table_done)

void table_column(struct table *table, struct table_column column);
void table_cell(struct table *table, const char *text, enum table_style style);
void table_cell_take(struct table *table, struct buf *text, enum table_style style);   /* empties text */

/* Title line and rows, two spaces between columns, a newline behind each; nothing without rows. */
void table_print(const struct table *table, const struct table_look *look, struct buf *out);

size_t text_width(const char *text);
/* At most `width` code points: "beg…end". */
void text_shorten(const char *text, size_t width, struct buf *out);

#endif
