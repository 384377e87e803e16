/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap.c - the Test Anything Protocol, version 13 (testanything.org). Nothing of version 14 is
 * needed, and prove (Test::Harness 3.44, Debian 12) and Meson call a version line of 14 an error.
 *
 *   TAP version 13
 *   1..2
 *   ok 1 - two_cgroups
 *   not ok 2 - starving
 *     ---
 *     message: "tid 123 starved (0 work units)"
 *     ...
 */
#include "report/format.h"

static void put_description(struct buf *out, const char *text)
{
	AUTO(free) char *line = one_line(text);

	for (const char *c = line; *c; c++) {
		if (*c == '#' || *c == '\\')
			buf_char(out, '\\');
		buf_char(out, *c);
	}
}

/* A JSON string is a double-quoted YAML scalar. */
static void put_yaml(struct buf *out, const char *key, const char *text)
{
	AUTO(free) char *clean = text_clean(sv_of(text ?: ""), BUF_MAX_DEFAULT);
	struct json_out json = {.buf = out};

	buf_printf(out, "%s: ", key);
	if (text)
		jout_string(&json, NULL, clean);
	else
		jout_null(&json, NULL);
	buf_char(out, '\n');
}

static void put_diagnostic(struct buf *out, const struct result *result)
{
	const struct detail *detail = result_reason_detail(result);
	AUTO(free) char *reason = result_reason(result);

	buf_str(out, "  ---\n");
	put_yaml(out, "  message", reason);
	put_yaml(out, "  kind", detail ? kind_name(detail->kind) : NULL);
	put_yaml(out, "  state", state_row(result->outcome.state)->word);
	put_yaml(out, "  topology", result->identity.topology);
	put_yaml(out, "  scheduler", result->identity.scheduler);
	put_yaml(out, "  mode", result->identity.mode);
	if (result->outcome.details.len)
		buf_str(out, "  details:\n");
	vec_each(each, &result->outcome.details) {
		put_yaml(out, "    - kind", kind_name(each->kind));
		put_yaml(out, "      text", each->text);
	}
	put_yaml(out, "  repeat", result->repeat_command);
	put_yaml(out, "  artefacts", result->run.dir);
	buf_str(out, "  ...\n");
}

static void begin(struct report *report, struct buf *out)
{
	buf_printf(out, "TAP version 13\n1..%zu", report->config.test_count);
	buf_str(out, report->config.test_count ? "\n" : " # SKIP no test matched\n");
}

static void result_line(struct report *report, const struct result *result, struct buf *out)
{
	const struct state_row *row = state_row(result->outcome.state);

	buf_printf(out, "%s %zu - ", row->tap_ok ? "ok" : "not ok", report->reported);
	put_description(out, result->identity.test);
	if (row->tap)
		buf_printf(out, " # %s", row->tap);
	if (result->outcome.state == KTSTR_SKIP) {
		AUTO(free) char *reason = result_reason(result);

		buf_char(out, ' ');
		put_description(out, reason);
	}
	buf_char(out, '\n');
	if (!row->tap_ok) {
		put_diagnostic(out, result);
		return;
	}
	vec_each(detail, &result->outcome.details) {
		if (detail->kind != KTSTR_KIND_SKIP)
			put_lines(out, "# ", detail->text);
	}
}

static void end(struct report *report, const struct report_totals *totals, struct buf *out)
{
	(void)report;
	if (totals->interrupted)
		buf_str(out, "Bail out! interrupted\n");
}

const struct format format_tap = {"tap", begin, result_line, end};
