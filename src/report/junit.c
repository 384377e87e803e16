/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * junit.c - one <testsuite> in the shape of the Jenkins xunit plugin's junit-10.xsd
 * (tests/data/report/ has ours). The counts are attributes of its first tag, so the test cases are
 * held until the end. XML 1.0 (section 2.2) has no form at all for most control characters, U+FFFE
 * and U+FFFF: text_clean() takes the former away, put_xml() the latter.
 */
#include <time.h>
#include <unistd.h>

#include "report/format.h"

/* Inside an attribute a parser would turn newlines and tabs into spaces (section 3.3.3). */
enum place { IN_ATTRIBUTE, IN_ELEMENT };

static const char *entity_of(char c, enum place place)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\n':
		return place == IN_ATTRIBUTE ? "&#10;" : NULL;
	case '\t':
		return place == IN_ATTRIBUTE ? "&#9;" : NULL;
	default:
		return NULL;
	}
}

static void put_xml(struct buf *out, const char *text, enum place place)
{
	AUTO(free) char *clean = text_clean(sv_of(text ?: ""), BUF_MAX_DEFAULT);

	for (const char *c = clean; *c; c++) {
		const char *entity = entity_of(*c, place);

		if (entity) {
			buf_str(out, entity);
		} else if (strncmp(c, "\xef\xbf\xbe", 3) == 0 || strncmp(c, "\xef\xbf\xbf", 3) == 0) {
			buf_char(out, '?');
			c += 2;
		} else {
			buf_char(out, *c);
		}
	}
}

static void put_attribute(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, " %s=\"", name);
	put_xml(out, value, IN_ATTRIBUTE);
	buf_char(out, '"');
}

static void put_element(struct buf *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(out, "<%s>", name);
	put_xml(out, text, IN_ELEMENT);
	buf_printf(out, "</%s>\n", name);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* <skipped>, <failure> or <error>: the reason, and for the latter two the whole explanation. */
static void put_reason(struct buf *out, const char *element, const struct result *result)
{
	const struct detail *detail = result_reason_detail(result);
	AUTO(free) char *reason = result_reason(result);
	AUTO(buf_done) struct buf text = {0};

	buf_printf(out, "<%s", element);
	put_attribute(out, "message", reason);
	if (!state_is_bad(result->outcome.state)) {
		buf_str(out, "/>\n");
		return;
	}
	put_attribute(out, "type", detail ? kind_name(detail->kind) : "other");
	buf_char(out, '>');
	explain(&text, "", result);
	put_xml(out, buf_text(&text), IN_ELEMENT);
	buf_printf(out, "</%s>\n", element);
}

/* A test's own output, and for one that passed or was skipped what it has to say beside. */
static void put_output(struct buf *out, const struct result *result)
{
	AUTO(buf_done) struct buf text = {0};
	AUTO(buf_done) struct buf logs = {0};

	vec_each(detail, &result->outcome.details) {
		if (!state_is_bad(result->outcome.state) && detail->kind != KTSTR_KIND_SKIP)
			buf_printf(&text, "note: %s\n", detail->text);
	}
	buf_str(&text, result->test_output ?: "");
	put_element(out, "system-out", buf_text(&text));
	buf_str(&logs, result->scheduler_log ?: "");
	if (result->console_tail) {
		if (logs.len && logs.data[logs.len - 1] != '\n')
			buf_char(&logs, '\n');
		buf_str(&logs, result->console_tail);
	}
	put_element(out, "system-err", buf_text(&logs));
}

static void begin(struct report *report, struct buf *out)
{
	(void)report;
	(void)out;
}

static void result_case(struct report *report, const struct result *result, struct buf *out)
{
	const char *element = state_row(result->outcome.state)->junit;
	struct buf *held = &report->held;

	(void)out;
	buf_str(held, "<testcase");
	put_attribute(held, "classname",
		      base_name(result->identity.binary ?: report->config.suite ?: ""));
	put_attribute(held, "name", result->identity.test);
	buf_printf(held, " time=\"%.3f\">\n", (double)result->run.host_ns / NS_PER_S);
	if (element)
		put_reason(held, element, result);
	put_output(held, result);
	buf_str(held, "</testcase>\n");
}

static void put_suite_tag(struct report *report, const struct report_totals *totals, struct buf *out)
{
	time_t started = (time_t)(report->started_unix_ns / NS_PER_S);
	char host[256] = "", timestamp[32] = "";
	struct tm utc;

	(void)gethostname(host, sizeof(host) - 1);        /* then it stays empty */
	if (gmtime_r(&started, &utc))
		strftime(timestamp, sizeof(timestamp), "%Y-%m-%dT%H:%M:%S", &utc);
	buf_str(out, "<testsuite");
	put_attribute(out, "name", report->config.suite ?: "ktstr");
	buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\"",
		   report->reported, report->count[KTSTR_FAIL] + report->count[KTSTR_INCONCLUSIVE],
		   report->count[KTSTR_ERROR], report->count[KTSTR_SKIP],
		   (double)totals->host_ns / NS_PER_S);
	put_attribute(out, "timestamp", timestamp);
	put_attribute(out, "hostname", host);
	buf_str(out, ">\n");
}

static void end(struct report *report, const struct report_totals *totals, struct buf *out)
{
	buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	put_suite_tag(report, totals, out);
	buf_bytes(out, buf_text(&report->held), report->held.len);
	if (totals->interrupted)
		buf_str(out, "<system-err>interrupted: some tests have no result</system-err>\n");
	buf_str(out, "</testsuite>\n");
}

const struct format format_junit = {"junit", begin, result_case, end};
