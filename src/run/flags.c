/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flags.c - features of a scheduler that its declaration names (TD-5): each adds arguments and may
 * require others. A test has those that it requires; --flags adds some where the test takes them.
 */
#include <errno.h>
#include <string.h>

#include "run/fields.h"
#include "run/run.h"

void flag_plan_done(struct flag_plan *flag)
{
	free(flag->name);
	strings_done(&flag->args);
	strings_done(&flag->requires);
	*flag = (struct flag_plan){0};
}
DEFINE_AUTO_DONE(struct flag_plan, flag_plan_done)

int flags_parse(json_t *scheduler, struct flag_plans *ret_flags, struct ktstr_error *err)
{
	json_t *list = json_object_get(scheduler, "flags"), *object;
	size_t i;

	json_array_foreach(list, i, object) {
		AUTO(flag_plan_done) struct flag_plan flag = {0};
		int r = field_string(object, "name", &flag.name, err);

		if (r == 0)
			r = field_strings(object, "args", &flag.args, err);
		if (r == 0)
			r = field_strings(object, "requires", &flag.requires, err);
		if (r == 0 && !flag.name)
			r = error_set(err, -EBADMSG, "a flag without a name");
		if (r < 0)
			return r;
		flag_plans_push(ret_flags, TAKE(flag, (struct flag_plan){0}));
	}
	return 0;
}

static struct flag_plan *find(const struct scheduler_plan *scheduler, struct sv name)
{
	vec_each(flag, &scheduler->flags) {
		if (sv_eq(name, flag->name))
			return flag;
	}
	return NULL;
}

/* With what it requires. False: there is no such flag. */
static bool activate(const struct scheduler_plan *scheduler, struct sv name)
{
	struct flag_plan *flag = find(scheduler, name);

	if (!flag)
		return false;
	if (flag->active)
		return true;
	flag->active = true;        /* first: two may require each other */
	vec_each(other, &flag->requires) {
		if (!activate(scheduler, sv_of(*other)))
			return false;
	}
	return true;
}

static bool takes(const struct test_plan *plan)
{
	vec_each(name, &plan->excluded_flags) {
		const struct flag_plan *flag = find(&plan->scheduler, sv_of(*name));

		if (flag && flag->active)
			return false;
	}
	return true;
}

int flags_activate(struct test_plan *plan, const char *wanted, struct ktstr_error *err)
{
	struct sv rest = sv_of(wanted ?: "");

	vec_each(name, &plan->required_flags) {
		if (!activate(&plan->scheduler, sv_of(*name)))
			return error_set(err, -EBADMSG, "test %s requires flag %s, which scheduler %s or one of its "
						       "flags does not have", plan->name, *name,
					 plan->scheduler.name ?: "eevdf");
	}
	while (rest.len) {
		if (!activate(&plan->scheduler, sv_split(&rest, ',')))
			return 0;
	}
	if (!takes(plan))
		return 0;
	vec_each(flag, &plan->scheduler.flags) {
		if (!flag->active)
			continue;
		strings_push(&plan->active_flags, xstrdup(flag->name));
		vec_each(arg, &flag->args)
			strings_push(&plan->scheduler.args, xstrdup(*arg));
	}
	return 1;
}
