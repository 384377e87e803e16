/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "ctview/words.h"

/* The index of a word in a table that ends in NULL; -EINVAL names the table. */
static int word_index(struct sv word, const char *const *table, const char *what, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf all = {0};

	for (int i = 0; table[i]; i++) {
		if (sv_eq(word, table[i]))
			return i;
		buf_printf(&all, "%s%s", i ? ", " : "", table[i]);
	}
	return error_set(err, -EINVAL, "no %s \"%.*s\"; there are %s", what, SV_ARG(word), buf_text(&all));
}

static int parse_bits(const char *list, const char *const *table, const char *what, unsigned *ret_bits,
		      struct ktstr_error *err)
{
	struct sv rest = sv_of(list);
	unsigned bits = 0;

	do {
		int index = word_index(sv_split(&rest, ','), table, what, err);

		if (index < 0)
			return index;
		bits |= 1u << index;
	} while (rest.data);
	*ret_bits = bits;
	return 0;
}

int ctview_parse_group_by(const char *text, enum ctview_group_by *ret_group_by, struct ktstr_error *err)
{
	int index = word_index(sv_of(text), ctview_group_by_name, "grouping", err);

	if (index < 0)
		return index;
	*ret_group_by = (enum ctview_group_by)index;
	return 0;
}

int ctview_parse_sections(const char *list, unsigned *ret_sections, struct ktstr_error *err)
{
	return parse_bits(list, ctview_section_name, "section", ret_sections, err);
}

int ctview_parse_columns(const char *list, unsigned *ret_columns, struct ktstr_error *err)
{
	return parse_bits(list, ctview_column_name, "column", ret_columns, err);
}

static int check_metric(struct sv name, struct ktstr_error *err)
{
	if (ctview_metric_exists(name))
		return 0;
	return error_set(err, -EINVAL, "no metric \"%.*s\"; `ktstr ctprof metric-list` names them", SV_ARG(name));
}

int ctview_parse_metrics(const char *list, struct strings *metrics, struct ktstr_error *err)
{
	struct sv rest = sv_of(list);

	do {
		struct sv name = sv_split(&rest, ',');
		int r = check_metric(name, err);

		if (r < 0)
			return r;
		strings_push(metrics, xstrndup(name.data, name.len));
	} while (rest.data);
	return 0;
}

int ctview_parse_sort(const char *list, struct ctview_sorts *sorts, struct ktstr_error *err)
{
	struct sv rest = sv_of(list);

	do {
		struct sv order = sv_split(&rest, ',');
		struct sv name = sv_split(&order, ':');
		int r = check_metric(name, err);

		if (r < 0)
			return r;
		if (order.data && !sv_eq(order, "asc") && !sv_eq(order, "desc"))
			return error_set(err, -EINVAL, "order \"%.*s\" of %.*s is neither asc nor desc",
					 SV_ARG(order), SV_ARG(name));
		ctview_sorts_push(sorts, (struct ctview_sort){.metric = xstrndup(name.data, name.len),
							      .ascending = order.data && sv_eq(order, "asc")});
	} while (rest.data);
	return 0;
}
