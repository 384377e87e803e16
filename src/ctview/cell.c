/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <math.h>

#include "ctview/cell.h"

static_assert((int)CTVIEW_UNIT_NONE == (int)CTPROF_UNIT_NONE, "units of the registry");
static_assert((int)CTVIEW_UNIT_COUNT == (int)CTPROF_UNIT_COUNT, "units of the registry");
static_assert((int)CTVIEW_UNIT_NS == (int)CTPROF_UNIT_NS, "units of the registry");
static_assert((int)CTVIEW_UNIT_US == (int)CTPROF_UNIT_US, "units of the registry");
static_assert((int)CTVIEW_UNIT_BYTES == (int)CTPROF_UNIT_BYTES, "units of the registry");
static_assert((int)CTVIEW_UNIT_TICKS == (int)CTPROF_UNIT_TICKS, "units of the registry");

const char *const ctview_unit_name[] = {
	[CTVIEW_UNIT_NONE] = "",
	[CTVIEW_UNIT_COUNT] = "count",
	[CTVIEW_UNIT_NS] = "ns",
	[CTVIEW_UNIT_US] = "us",
	[CTVIEW_UNIT_BYTES] = "bytes",
	[CTVIEW_UNIT_TICKS] = "ticks",
	[CTVIEW_UNIT_RATIO] = "ratio",
	[CTVIEW_UNIT_CENTI] = "centipercent",
};

/* --- from threads to a cell ------------------------------------------------------------------------- */

int64_t ctview_add(int64_t sum, uint64_t value)
{
	return value > (uint64_t)(INT64_MAX - sum) ? INT64_MAX : sum + (int64_t)value;
}

static struct ctview_cell word_cell(struct buf *text, struct strings *words)
{
	char *word = text->len ? buf_take(text) : xstrdup("");

	return (struct ctview_cell){.kind = CTVIEW_WORD, .word = *strings_push(words, word)};
}

static struct ctview_cell numbers(const struct ctprof_metric *metric, const struct ctprof_thread *const *threads,
				  size_t count)
{
	struct ctview_cell cell = {.kind = CTVIEW_WHOLE, .low = INT64_MAX, .high = INT64_MIN};
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t value = ctprof_metric_value(metric, threads[i]);

		/* a counter above that is nonsense from a file */
		if (metric->type == CTPROF_TYPE_U64 && value < 0)
			value = INT64_MAX;
		if (metric->aggregate == CTPROF_SUM)
			sum = ctview_add(sum, (uint64_t)value);
		cell.low = value < cell.low ? value : cell.low;
		cell.high = value > cell.high ? value : cell.high;
	}
	if (metric->aggregate == CTPROF_SUM)
		cell.low = sum;
	else if (metric->aggregate == CTPROF_MAX)
		cell.low = cell.high;
	else
		cell.kind = CTVIEW_RANGE;
	return cell;
}

static void value_format(const struct ctprof_metric *metric, unsigned value, struct buf *out)
{
	if (metric->type == CTPROF_TYPE_POLICY)
		ctprof_policy_format(value, out);
	else if (metric->type == CTPROF_TYPE_BOOL)
		buf_str(out, value ? "yes" : "no");
	else
		buf_char(out, value > ' ' && value < 0x7f ? (char)value : '?');
}

static struct ctview_cell mode(const struct ctprof_metric *metric, const struct ctprof_thread *const *threads,
			       size_t count, struct strings *words)
{
	AUTO(buf_done) struct buf best = {0};
	size_t tally[CTPROF_POLICY_MAX + 1] = {0}, most = 0;

	for (size_t i = 0; i < count; i++)
		tally[(uint64_t)ctprof_metric_value(metric, threads[i]) & CTPROF_POLICY_MAX]++;
	for (unsigned value = 0; value <= CTPROF_POLICY_MAX; value++) {
		AUTO(buf_done) struct buf text = {0};

		if (tally[value] == 0 || tally[value] < most)
			continue;
		value_format(metric, value, &text);
		if (tally[value] > most || strcmp(buf_text(&text), buf_text(&best)) < 0) {
			buf_clear(&best);
			buf_str(&best, buf_text(&text));
		}
		most = tally[value];
	}
	return word_cell(&best, words);
}

static struct ctview_cell affinity(const struct ctprof_metric *metric, const struct ctprof_thread *const *threads,
				   size_t count, struct strings *words)
{
	const struct cpuset *first = ctprof_metric_cpus(metric, threads[0]);
	unsigned least = cpuset_count(first), greatest = least;
	AUTO(buf_done) struct buf text = {0};
	bool uniform = true;

	for (size_t i = 1; i < count; i++) {
		const struct cpuset *cpus = ctprof_metric_cpus(metric, threads[i]);
		unsigned cpu_count = cpuset_count(cpus);

		uniform &= cpuset_equal(cpus, first);
		least = cpu_count < least ? cpu_count : least;
		greatest = cpu_count > greatest ? cpu_count : greatest;
	}
	if (uniform && greatest == 0)
		return (struct ctview_cell){0};
	if (uniform)
		cpuset_format(first, &text);
	else if (least == greatest)
		buf_printf(&text, "mixed (%u CPUs)", least);
	else
		buf_printf(&text, "mixed (%u-%u CPUs)", least, greatest);
	return word_cell(&text, words);
}

struct ctview_cell ctview_aggregate(const struct ctprof_metric *metric, const struct ctprof_thread *const *threads,
				    size_t count, struct strings *words)
{
	if (count == 0)
		return (struct ctview_cell){0};
	switch (metric->aggregate) {
	case CTPROF_SUM:
	case CTPROF_MAX:
	case CTPROF_RANGE:
		break;
	case CTPROF_MODE:
		return mode(metric, threads, count, words);
	case CTPROF_AFFINITY:
		return affinity(metric, threads, count, words);
	}
	return numbers(metric, threads, count);
}

/* --- cells as numbers ------------------------------------------------------------------------------- */

bool ctview_cell_number(const struct ctview_cell *cell, double *ret_number)
{
	switch (cell->kind) {
	case CTVIEW_WHOLE:
		*ret_number = (double)cell->low;
		return true;
	case CTVIEW_REAL:
		*ret_number = cell->real;
		return true;
	case CTVIEW_RANGE:
		*ret_number = ((double)cell->low + (double)cell->high) / 2;
		return true;
	case CTVIEW_ABSENT:
	case CTVIEW_WORD:
		break;
	}
	return false;
}

struct ctview_delta ctview_cell_delta(const struct ctview_cell *a, const struct ctview_cell *b)
{
	struct ctview_delta delta = {0};
	double from, to;
	int64_t exact;

	if (a->kind == CTVIEW_ABSENT || b->kind == CTVIEW_ABSENT)
		return delta;
	if (!ctview_cell_number(a, &from) || !ctview_cell_number(b, &to)) {
		bool same = a->kind == b->kind && strcmp(a->word, b->word) == 0;

		delta.kind = same ? CTVIEW_DELTA_SAME : CTVIEW_DELTA_DIFFERS;
		return delta;
	}
	delta.kind = CTVIEW_DELTA_NUMBER;
	/* exact where both are: as doubles, large sums would lose their last digits */
	if (a->kind == CTVIEW_WHOLE && b->kind == CTVIEW_WHOLE && !__builtin_sub_overflow(b->low, a->low, &exact))
		delta.value = (double)exact;
	else
		delta.value = to - from;
	delta.has_percent = from != 0;
	if (delta.has_percent)
		delta.percent = 100 * delta.value / fabs(from);
	return delta;
}

bool ctview_cell_is_zero(const struct ctview_cell *cell)
{
	double number;

	if (cell->kind == CTVIEW_RANGE)
		return cell->low == 0 && cell->high == 0;
	if (ctview_cell_number(cell, &number))
		return number == 0;
	return cell->kind == CTVIEW_ABSENT;
}

/* --- as text ---------------------------------------------------------------------------------------- */

static const struct ladder {
	double step;
	const char *unit[6];
} ladders[] = {
	[CTVIEW_UNIT_NONE] = {1000, {""}},
	[CTVIEW_UNIT_COUNT] = {1000, {"", "K", "M", "G"}},
	[CTVIEW_UNIT_NS] = {1000, {"ns", "µs", "ms", "s"}},
	[CTVIEW_UNIT_US] = {1000, {"µs", "ms", "s"}},
	[CTVIEW_UNIT_BYTES] = {1024, {"B", "KiB", "MiB", "GiB", "TiB"}},
	[CTVIEW_UNIT_TICKS] = {1000, {"ticks", "Kticks", "Mticks"}},
	[CTVIEW_UNIT_RATIO] = {1000, {""}},
	[CTVIEW_UNIT_CENTI] = {1000, {"%"}},
};

void ctview_number_format(double value, enum ctview_unit unit, bool sign, struct buf *out)
{
	const struct ladder *ladder = &ladders[unit];
	const char *plus = sign && value > 0 ? "+" : "";
	size_t rung = 0;

	if (unit == CTVIEW_UNIT_RATIO) {
		buf_printf(out, "%s%.3f", plus, value);
		return;
	}
	if (unit == CTVIEW_UNIT_CENTI) {
		buf_printf(out, "%s%.2f%%", plus, value / 100);
		return;
	}
	while (fabs(value) >= ladder->step && ladder->unit[rung + 1]) {
		value /= ladder->step;
		rung++;
	}
	/* the middle of a range of integers may be a half */
	if (unit == CTVIEW_UNIT_NONE && value != floor(value))
		buf_printf(out, "%s%.1f", plus, value);
	else
		buf_printf(out, "%s%.*f%s", plus, rung ? 3 : 0, value == 0 ? 0.0 : value, ladder->unit[rung]);
}

void ctview_cell_format(const struct ctview_cell *cell, enum ctview_unit unit, struct buf *out)
{
	double number;

	if (cell->kind == CTVIEW_ABSENT) {
		buf_char(out, '-');
	} else if (cell->kind == CTVIEW_WORD) {
		buf_str(out, cell->word);
	} else if (cell->kind == CTVIEW_RANGE && cell->low != cell->high) {
		ctview_number_format((double)cell->low, unit, false, out);
		buf_str(out, "..");
		ctview_number_format((double)cell->high, unit, false, out);
	} else if (ctview_cell_number(cell, &number)) {
		ctview_number_format(number, unit, false, out);
	}
}

void ctview_delta_format(const struct ctview_delta *delta, enum ctview_unit unit, struct buf *out)
{
	switch (delta->kind) {
	case CTVIEW_DELTA_NONE:
		buf_char(out, '-');
		break;
	case CTVIEW_DELTA_NUMBER:
		ctview_number_format(delta->value, unit, true, out);
		break;
	case CTVIEW_DELTA_SAME:
		buf_str(out, "same");
		break;
	case CTVIEW_DELTA_DIFFERS:
		buf_str(out, "differs");
		break;
	}
}

void ctview_cell_raw(const struct ctview_cell *cell, struct buf *out)
{
	switch (cell->kind) {
	case CTVIEW_ABSENT:
		break;
	case CTVIEW_WHOLE:
		buf_printf(out, "%lld", (long long)cell->low);
		break;
	case CTVIEW_REAL:
		buf_printf(out, "%.17g", cell->real);
		break;
	case CTVIEW_RANGE:
		buf_printf(out, cell->low == cell->high ? "%lld" : "%lld..%lld", (long long)cell->low,
			   (long long)cell->high);
		break;
	case CTVIEW_WORD:
		buf_str(out, cell->word);
		break;
	}
}
