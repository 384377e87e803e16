/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>

#include "ctview/table.h"

#define GAP 2
#define ELLIPSIS "…"

void table_done(struct table *table)
{
	strings_done(&table->cells);
	buf_done(&table->styles);
}

void table_column(struct table *table, struct table_column column)
{
	assert(table->columns < TABLE_COLUMNS_MAX);
	table->column[table->columns++] = column;
}

void table_cell(struct table *table, const char *text, enum table_style style)
{
	strings_push(&table->cells, xstrdup(text));
	buf_char(&table->styles, (char)style);
}

void table_cell_take(struct table *table, struct buf *text, enum table_style style)
{
	table_cell(table, buf_text(text), style);
	buf_clear(text);
}

/* --- text ---------------------------------------------------------------------------------------------- */

static bool continues(char c)
{
	return (c & 0xc0) == 0x80;
}

size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += !continues(*text);
	return width;
}

/* The text behind `count` code points. */
static const char *text_skip(const char *text, size_t count)
{
	while (*text && (count > 0 || continues(*text))) {
		text++;
		if (!continues(*text))
			count--;
	}
	return text;
}

void text_shorten(const char *text, size_t width, struct buf *out)
{
	size_t all = text_width(text), head = width / 2;

	if (all <= width) {
		buf_str(out, text);
		return;
	}
	if (width == 0)
		return;
	/* an odd place goes to the end, where names differ; one is the ellipsis's */
	head = (width - 1) / 2;
	buf_bytes(out, text, (size_t)(text_skip(text, head) - text));
	buf_str(out, ELLIPSIS);
	buf_str(out, text_skip(text, all - (width - 1 - head)));
}

/* --- layout -------------------------------------------------------------------------------------------- */

static size_t row_count(const struct table *table)
{
	return table->cells.len / table->columns;
}

static const char *cell(const struct table *table, size_t row, size_t column)
{
	return table->cells.at[row * table->columns + column];
}

static size_t sum(const size_t *width, size_t columns)
{
	size_t all = (columns - 1) * GAP;

	for (size_t i = 0; i < columns; i++)
		all += width[i];
	return all;
}

/* The widest of those that give first of all that may; TABLE_COLUMNS_MAX: none may. */
static size_t giver(const struct table *table, const size_t *width, size_t columns, enum table_gives least)
{
	size_t best = TABLE_COLUMNS_MAX;

	for (size_t i = 0; i < columns; i++) {
		const struct table_column *column = &table->column[i];

		if (column->gives < least || width[i] <= column->least)
			continue;
		if (best == TABLE_COLUMNS_MAX || column->gives > table->column[best].gives ||
		    (column->gives == table->column[best].gives && width[i] > width[best]))
			best = i;
	}
	return best;
}

/* Whether these columns fit once those that give `least` or sooner have given. */
static bool shrink(const struct table *table, size_t limit, enum table_gives least, size_t *width, size_t columns)
{
	for (size_t all = sum(width, columns); all > limit; all--) {
		size_t column = giver(table, width, columns, least);

		if (column == TABLE_COLUMNS_MAX)
			return false;
		width[column]--;
	}
	return true;
}

/* Makes widths fit; how many columns are left. */
static size_t fit(const struct table *table, size_t limit, size_t *width)
{
	size_t columns = table->columns;

	for (; columns > 1; columns--) {
		size_t tried[TABLE_COLUMNS_MAX];

		memcpy(tried, width, sizeof(tried));
		if (shrink(table, limit, TABLE_GIVES_SECOND, tried, columns)) {
			memcpy(width, tried, sizeof(tried));
			return columns;
		}
		if (!table->column[columns - 1].optional)
			break;
	}
	while (!shrink(table, limit, TABLE_GIVES_LAST, width, columns) && columns > 1)
		columns--;
	return columns;
}

/* How many columns there is room for, and their widths. */
static size_t measure(const struct table *table, const struct table_look *look, size_t *ret_width)
{
	for (size_t i = 0; i < table->columns; i++)
		ret_width[i] = text_width(table->column[i].title);
	for (size_t row = 0; row < row_count(table); row++) {
		for (size_t i = 0; i < table->columns; i++) {
			size_t width = text_width(cell(table, row, i));

			ret_width[i] = width > ret_width[i] ? width : ret_width[i];
		}
	}
	return look->width == TABLE_WIDTH_ANY ? table->columns : fit(table, look->width, ret_width);
}

/* --- printing ------------------------------------------------------------------------------------------ */

static const char *const escape[] = {
	[TABLE_PLAIN] = "", [TABLE_BOLD] = "\033[1m", [TABLE_DIM] = "\033[2m",
	[TABLE_UP] = "\033[33m", [TABLE_DOWN] = "\033[36m",
};

static void spaces(size_t count, struct buf *out)
{
	while (count-- > 0)
		buf_char(out, ' ');
}

struct line {
	bool colour;
	size_t owed;                /* spaces before the next text: none at a line's end */
	struct buf *out;
};

static void put(struct line *line, const char *text, size_t width, bool right, enum table_style style)
{
	AUTO(buf_done) struct buf part = {0};
	size_t own;

	text_shorten(text, width, &part);
	own = text_width(buf_text(&part));
	line->owed += right ? width - own : 0;
	if (own > 0) {
		bool coloured = line->colour && style != TABLE_PLAIN;

		spaces(line->owed, line->out);
		line->owed = 0;
		buf_printf(line->out, "%s%s%s", coloured ? escape[style] : "", part.data, coloured ? "\033[0m" : "");
	}
	line->owed += (right ? 0 : width - own) + GAP;
}

/* The next `width` code points of a cell that is broken; *rest moves on. */
static void put_wrapped(struct line *line, const char **rest, size_t width, bool right, enum table_style style)
{
	const char *end = text_skip(*rest, width);
	AUTO(free) char *part = xstrndup(*rest, (size_t)(end - *rest));

	put(line, part, width, right, style);
	*rest = end;
}

static void print_row(const struct table *table, const struct table_look *look, const size_t *width, size_t columns,
		      size_t row, struct buf *out)
{
	const char *rest[TABLE_COLUMNS_MAX];
	bool more = true;

	for (size_t i = 0; i < columns; i++)
		rest[i] = cell(table, row, i);
	while (more) {
		struct line line = {.colour = look->colour, .out = out};

		more = false;
		for (size_t i = 0; i < columns; i++) {
			enum table_style style = (enum table_style)table->styles.data[row * table->columns + i];

			if (look->wrap) {
				put_wrapped(&line, &rest[i], width[i], table->column[i].right, style);
				more |= *rest[i] && width[i] > 0;
			} else {
				put(&line, rest[i], width[i], table->column[i].right, style);
			}
		}
		buf_char(out, '\n');
	}
}

void table_print(const struct table *table, const struct table_look *look, struct buf *out)
{
	size_t width[TABLE_COLUMNS_MAX] = {0};
	struct line line = {.colour = look->colour, .out = out};
	size_t columns;

	if (table->columns == 0 || row_count(table) == 0)
		return;
	assert(table->cells.len % table->columns == 0);
	columns = measure(table, look, width);
	for (size_t i = 0; i < columns; i++)
		put(&line, table->column[i].title, width[i], table->column[i].right, TABLE_BOLD);
	buf_char(out, '\n');
	for (size_t row = 0; row < row_count(table); row++)
		print_row(table, look, width, columns, row, out);
}
