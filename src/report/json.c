/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - one document, a result a line; docs/result.md has its keys. It is written as the results
 * come, and is whole after report_end(), also when the run was interrupted.
 */
#include "report/format.h"

static void put_json(struct buf *out, json_t *json, size_t flags)
{
	AUTO(free) char *text = json_dumps(json, flags);

	buf_str(out, text ?: "null");
	json_decref(json);
}

static void begin(struct report *report, struct buf *out)
{
	AUTO(free) char *suite = one_line(report->config.suite);

	buf_printf(out, "{\"schema_version\":%d,\n\"suite\":", RECORD_SCHEMA_VERSION);
	put_json(out, json_string(suite), JSON_ENCODE_ANY);
	buf_str(out, ",\n\"tests\":[");
}

static void result_line(struct report *report, const struct result *result, struct buf *out)
{
	buf_str(out, report->reported == 1 ? "\n" : ",\n");
	put_json(out, result_to_json(result), JSON_COMPACT);
}

static void end(struct report *report, const struct report_totals *totals, struct buf *out)
{
	json_t *json = json_object();

	(void)report;
	for (int state = KTSTR_PASS; state <= KTSTR_ERROR; state++)
		json_object_set_new(json, state_row((enum ktstr_state)state)->word,
				    json_integer((json_int_t)totals->count[state]));
	json_object_set_new(json, "host_ns", json_integer((json_int_t)totals->host_ns));
	json_object_set_new(json, "interrupted", json_boolean(totals->interrupted));
	json_object_set_new(json, "exit_status", json_integer(report_exit_status(totals)));
	buf_str(out, "\n],\n\"totals\":");
	put_json(out, json, JSON_COMPACT);
	buf_str(out, "}\n");
}

const struct format format_json = {"json", begin, result_line, end};
