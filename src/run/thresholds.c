/* SPDX-License-Identifier: BSD-2-Clause */
/* thresholds.c - by which limits a test is judged, and which layer set each. Pure. */
#include "run/run.h"

static const char *const layer_words[CHECK_LAYERS] = {"default", "scheduler", "test"};

const char *check_layer_word(enum check_layer layer)
{
	return layer_words[layer];
}

/* The last layer that sets it. False: none does. */
static bool find_setting(const struct test_plan *plan, const struct check_row *row,
			 double *ret_value, const char **ret_layer)
{
	bool found = false;

	for (size_t layer = 0; layer < CHECK_LAYERS; layer++) {
		double value = check_value(&plan->checks[layer], row);

		if (value > 0 || value < 0) {
			*ret_value = value;
			*ret_layer = layer_words[layer];
			found = true;
		}
	}
	return found;
}

void thresholds_to_text(const struct test_plan *plan, struct buf *out)
{
	buf_printf(out, "%s, scheduler %s\n", plan->name, plan->scheduler.name ?: "eevdf");
	for (const struct check_row *row = check_rows; row->name; row++) {
		AUTO(buf_done) struct buf text = {0};
		const char *layer = "";
		double value = 0;

		if (!find_setting(plan, row, &value, &layer))
			buf_str(&text, "none");
		else if (value < 0)
			buf_str(&text, "off");
		else if (row->type == CHECK_SWITCH)
			buf_str(&text, "on");
		else
			buf_printf(&text, "%.10g%s%s", value, *row->unit ? " " : "", row->unit);
		if (*layer)
			buf_printf(out, "  %-30s  %-14s  %s\n", row->name, buf_text(&text), layer);
		else
			buf_printf(out, "  %-30s  %s\n", row->name, buf_text(&text));
	}
}

static json_t *setting_to_json(const struct test_plan *plan, const struct check_row *row)
{
	const char *layer = NULL;
	double value = 0;
	bool found = find_setting(plan, row, &value, &layer);
	bool has_value = found && value > 0 && row->type == CHECK_LIMIT;

	return json_pack("{s:s,s:o,s:s,s:s?}", "state", !found ? "none" : value < 0 ? "off" : "on",
			 "value", has_value ? json_real(value) : json_null(), "unit", row->unit,
			 "set_by", layer);
}

json_t *thresholds_to_json(const struct test_plan *plan)
{
	json_t *checks = json_object();

	for (const struct check_row *row = check_rows; row->name; row++)
		json_object_set_new(checks, row->name, setting_to_json(plan, row));
	return json_pack("{s:s,s:s,s:s,s:o}", "test", plan->name, "program", plan->program, "scheduler",
			 plan->scheduler.name ?: "eevdf", "checks", checks);
}
