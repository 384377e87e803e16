/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include <assert.h>
#include <errno.h>

#include "report/format.h"

#define EXIT_NO_TESTS 4
#define EXIT_INTERRUPTED 130
#define HELD_MAX (1u << 30)        /* bytes of a JUnit document */

static const struct format *const formats[] = {
	[REPORT_PRETTY] = &format_pretty,
	[REPORT_TAP] = &format_tap,
	[REPORT_JUNIT] = &format_junit,
	[REPORT_JSON] = &format_json,
};

bool report_format_parse(struct sv word, enum report_format *ret_format)
{
	for (int format = REPORT_PRETTY; format <= REPORT_JSON; format++) {
		if (sv_eq(word, formats[format]->word)) {
			*ret_format = (enum report_format)format;
			return true;
		}
	}
	return false;
}

/* A document with a hole would be worse than an error: a buffer that was too small is one, too. */
static void write_out(struct report *report)
{
	struct buf *out = &report->out;

	if (!report->error && (out->truncated || report->held.truncated))
		report->error = -EFBIG;
	if (out->len && !report->error) {
		progress_lift();
		errno = EIO;
		if (fwrite(out->data, 1, out->len, report->config.out) != out->len ||
		    fflush(report->config.out) != 0)
			report->error = -errno;
		progress_lower();
	}
	buf_clear(out);
}

struct report *report_begin(const struct report_config *config)
{
	struct report *report = xcalloc(1, sizeof(*report));

	assert(config->out);
	report->config = *config;
	report->format = formats[config->format];
	report->out.max = report->held.max = HELD_MAX;
	report->started_unix_ns = clock_unix_ns();
	report->format->begin(report, &report->out);
	write_out(report);
	return report;
}

void report_result(struct report *report, const struct result *result)
{
	report->reported++;
	report->count[result->outcome.state]++;
	report->format->result(report, result, &report->out);
	write_out(report);
}

int report_end(struct report *report, const struct report_totals *totals, struct ktstr_error *err)
{
	int r;

	report->format->end(report, totals, &report->out);
	write_out(report);
	r = report->error;
	if (r < 0)
		error_set(err, r, "write the %s report: %s", report->format->word, strerror(-r));
	buf_done(&report->out);
	buf_done(&report->held);
	free(report);
	return r;
}

int report_exit_status(const struct report_totals *totals)
{
	enum ktstr_state worst = KTSTR_SKIP;        /* the lowest rank */
	size_t sum = 0;

	for (int state = KTSTR_PASS; state <= KTSTR_ERROR; state++) {
		sum += totals->count[state];
		if (totals->count[state])
			worst = state_worse(worst, (enum ktstr_state)state);
	}
	if (totals->interrupted)
		return EXIT_INTERRUPTED;
	return sum ? state_row(worst)->exit_status : EXIT_NO_TESTS;
}

bool state_is_bad(enum ktstr_state state)
{
	return !state_row(state)->tap_ok;
}

/* Notes explain nothing; of the others, one of the kind that a skip has explains only a skip. */
const struct detail *result_reason_detail(const struct result *result)
{
	const struct detail *worst = NULL;

	vec_each(detail, &result->outcome.details) {
		bool about_skip = detail->kind == KTSTR_KIND_SKIP;

		if (detail->kind != KTSTR_KIND_NOTE &&
		    about_skip == (result->outcome.state == KTSTR_SKIP) &&
		    (!worst || summary_badness(detail->kind) > summary_badness(worst->kind)))
			worst = detail;
	}
	return worst;
}

char *result_reason(const struct result *result)
{
	const struct detail *detail = result_reason_detail(result);

	return one_line(detail ? detail->text : "no reason was given");
}

char *one_line(const char *text)
{
	char *line = text_clean(sv_of(text ?: ""), BUF_MAX_DEFAULT);

	for (char *c = line; *c; c++) {
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	}
	return line;
}

void put_lines(struct buf *out, const char *prefix, const char *text)
{
	AUTO(free) char *clean = text_clean(sv_of(text ?: ""), BUF_MAX_DEFAULT);
	struct sv rest = sv_of(clean), line;

	while (sv_line(&rest, &line))
		buf_printf(out, "%s%.*s\n", prefix, SV_ARG(line));
}

struct sv last_lines(const char *text, size_t count)
{
	size_t len = strlen(text), start = len;

	while (start > 0) {
		if (text[start - 1] == '\n' && start != len && count-- == 1)
			break;
		start--;
	}
	return sv_bytes(text + start, len - start);
}
