/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pretty.c - for people:
 *
 *   PASS  two_cgroups              1n1l2c1t   eevdf         det     2.1 s
 *   SKIP  on_sixteen_cpus          1n4l4c1t   eevdf         kvm     0.0 s  the host has 2 CPUs
 *   FAIL  starving                 1n1l2c1t   scx-ktstr     det     2.0 s
 *     ktstr_test 'starving' [sched=scx-ktstr] [topo=1n1l2c1t] failed:
 *       starved: tid 123 starved (0 work units)
 *   ...
 *   12.3 s
 *   12 passed, 1 failed, 2 skipped
 */
#include <ctype.h>

#include "report/format.h"

#define LEFT_WIDTH 31        /* word and name */

static const int color_of[] = {
	[KTSTR_PASS] = 32, [KTSTR_SKIP] = 33, [KTSTR_INCONCLUSIVE] = 35, [KTSTR_FAIL] = 31,
	[KTSTR_ERROR] = 31,
};

static void begin(struct report *report, struct buf *out)
{
	(void)report;
	(void)out;
}

static void put_word_and_name(struct report *report, const struct result *result, struct buf *out)
{
	enum ktstr_state state = result->outcome.state;
	AUTO(free) char *name = one_line(result->identity.test);
	AUTO(free) char *word = xstrdup(state_row(state)->word);
	int name_width;

	for (char *c = word; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	name_width = LEFT_WIDTH - 2 - (strlen(word) > 4 ? (int)strlen(word) : 4);
	if (report->config.color)
		buf_printf(out, "\x1b[%dm%-4s\x1b[0m  %-*s", color_of[state], word, name_width, name);
	else
		buf_printf(out, "%-4s  %-*s", word, name_width, name);
}

static void put_line(struct report *report, const struct result *result, struct buf *out)
{
	const struct identity *identity = &result->identity;
	AUTO(free) char *topology = one_line(identity->topology ?: "-");
	AUTO(free) char *scheduler = one_line(identity->scheduler ?: "-");
	AUTO(free) char *mode = one_line(identity->mode ?: "-");

	put_word_and_name(report, result, out);
	buf_printf(out, "  %-9s  %-12s  %-4s  %5.1f s", topology, scheduler, mode,
		   (double)result->run.host_ns / NS_PER_S);
	if (result->outcome.state == KTSTR_SKIP) {
		AUTO(free) char *reason = result_reason(result);

		buf_printf(out, "  %s", reason);
	}
	buf_char(out, '\n');
}

/* What a passing or skipped test has to say beside the reason in its line. */
static void put_annotations(const struct result *result, struct buf *out)
{
	const struct detail *said = result->outcome.state == KTSTR_SKIP ?
					    result_reason_detail(result) : NULL;

	vec_each(detail, &result->outcome.details) {
		AUTO(buf_done) struct buf line = {0};

		if (detail == said)
			continue;
		buf_printf(&line, "%s: %s",
			   detail->kind == KTSTR_KIND_OTHER ? "note" : kind_name(detail->kind),
			   detail->text);
		put_lines(out, "      ", buf_text(&line));
	}
}

static void result_line(struct report *report, const struct result *result, struct buf *out)
{
	put_line(report, result, out);
	if (state_is_bad(result->outcome.state))
		explain(out, "  ", result);
	else
		put_annotations(result, out);
}

static void end(struct report *report, const struct report_totals *totals, struct buf *out)
{
	const size_t *count = totals->count;
	size_t bad = count[KTSTR_FAIL] + count[KTSTR_INCONCLUSIVE] + count[KTSTR_ERROR];

	if (totals->interrupted)
		buf_printf(out, "interrupted: %zu of %zu tests have a result\n", report->reported,
			   report->config.test_count);
	buf_printf(out, "%.1f s\n", (double)totals->host_ns / NS_PER_S);
	if (bad != count[KTSTR_FAIL]) {
		buf_printf(out, "of the failed: %zu fail", count[KTSTR_FAIL]);
		if (count[KTSTR_INCONCLUSIVE])
			buf_printf(out, ", %zu inconclusive", count[KTSTR_INCONCLUSIVE]);
		if (count[KTSTR_ERROR])
			buf_printf(out, ", %zu error", count[KTSTR_ERROR]);
		buf_char(out, '\n');
	}
	buf_printf(out, "%zu passed, %zu failed, %zu skipped\n", count[KTSTR_PASS], bad,
		   count[KTSTR_SKIP]);
}

const struct format format_pretty = {"pretty", begin, result_line, end};
