/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "stats/stats.h"

struct policy policy_default(void)
{
	struct policy policy;

	for (int i = 0; i < METRIC_COUNT; i++)
		policy.rel[i] = metric_registry[i].rel;
	return policy;
}

struct policy policy_threshold(double percent)
{
	struct policy policy;

	for (int i = 0; i < METRIC_COUNT; i++)
		policy.rel[i] = percent / 100;
	return policy;
}

static int percent_of(const json_t *value, const char *what, double *ret_percent,
		      struct ktstr_error *err)
{
	AUTO(free) char *clean = text_clean(sv_of(what), 100);

	if (!json_is_number(value) || json_number_value(value) < 0)
		return error_set(err, -EBADMSG, "%s is not a number of percent from 0", clean);
	*ret_percent = json_number_value(value);
	return 0;
}

static int read_metrics(json_t *json, struct policy *policy, struct ktstr_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(json))
		return error_set(err, -EBADMSG, "per_metric_percent is no object");
	json_object_foreach(json, name, value) {
		AUTO(free) char *clean = text_clean(sv_of(name), 100);
		int metric = metric_find(sv_of(name));
		double percent;
		int r;

		if (metric < 0)
			return error_set(err, -EBADMSG,
					 "there is no metric \"%s\" (ktstr stats list-metrics)", clean);
		r = percent_of(value, name, &percent, err);
		if (r < 0)
			return r;
		policy->rel[metric] = percent / 100;
	}
	return 0;
}

static int read_policy(json_t *json, struct policy *policy, struct ktstr_error *err)
{
	json_t *all = json_object_get(json, "default_percent");
	json_t *each = json_object_get(json, "per_metric_percent"), *value;
	const char *key;
	double percent;
	int r = 0;

	json_object_foreach(json, key, value) {
		AUTO(free) char *clean = text_clean(sv_of(key), 100);

		if (value != all && value != each)
			return error_set(err, -EBADMSG, "there is no key \"%s\"", clean);
	}
	if (all)
		r = percent_of(all, "default_percent", &percent, err);
	if (all && r == 0)
		*policy = policy_threshold(percent);
	return r == 0 && each ? read_metrics(each, policy, err) : r;
}

int policy_parse(struct sv text, struct policy *ret_policy, struct ktstr_error *err)
{
	json_error_t why;
	json_t *json = json_loadb(text.data ?: "", text.len, JSON_REJECT_DUPLICATES, &why);
	struct policy policy = policy_default();
	int r;

	if (!json) {
		AUTO(free) char *words = text_clean(sv_of(why.text), sizeof(why.text));

		return error_set(err, -EBADMSG, "byte %d: %s", why.position, words);
	}
	r = json_is_object(json) ? read_policy(json, &policy, err)
				 : error_set(err, -EBADMSG, "it is no object");
	json_decref(json);
	if (r == 0)
		*ret_policy = policy;
	return r;
}
