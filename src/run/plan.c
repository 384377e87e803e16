/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/fields.h"
#include "run/run.h"
#include "run/steps.h"
#include "run/wprof.h"

#define DESCRIBE_MAX (16u << 20)
#define DESCRIBE_NS (30 * NS_PER_S)
#define NAME_MAX_LEN 128

DEFINE_AUTO(json_t *, json_decref)

void scheduler_plan_done(struct scheduler_plan *scheduler)
{
	free(scheduler->name);
	free(scheduler->binary);
	free(scheduler->config_file);
	free(scheduler->cgroup_parent);
	strings_done(&scheduler->args);
	strings_done(&scheduler->sysctls);
	strings_done(&scheduler->kargs);
	strings_done(&scheduler->enable);
	strings_done(&scheduler->disable);
	flag_plans_done(&scheduler->flags);
	*scheduler = (struct scheduler_plan){0};
}

void test_plan_done(struct test_plan *plan)
{
	free(plan->program);
	free(plan->name);
	free(plan->project_commit);
	free(plan->payload);
	scheduler_plan_done(&plan->scheduler);
	strings_done(&plan->wprof_args);
	strings_done(&plan->include_files);
	strings_done(&plan->required_flags);
	strings_done(&plan->excluded_flags);
	strings_done(&plan->active_flags);
	strings_done(&plan->overrides);
	strings_done(&plan->options);
	*plan = (struct test_plan){0};
}
DEFINE_AUTO_DONE(struct test_plan, test_plan_done)

const char *plan_scheduler_name(const struct test_plan *plan)
{
	return plan->has_scheduler || plan->scheduler.enable.len ? plan->scheduler.name : "eevdf";
}

uint64_t plan_watchdog_ms(const struct test_plan *plan)
{
	if (!plan->has_scheduler)
		return 0;
	return plan->watchdog_timeout_ms ?: plan->scheduler.watchdog_timeout_ms;
}

/* --- the description -------------------------------------------------------------------------------- */

static int bad_field(const char *field, struct ktstr_error *err)
{
	return error_set(err, -EBADMSG, "field \"%s\" is missing or of the wrong type", field);
}

int field_string(json_t *object, const char *field, char **ret, struct ktstr_error *err)
{
	json_t *value = json_object_get(object, field);

	if (json_is_null(value))
		return 0;
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return bad_field(field, err);
	*ret = xstrdup(json_string_value(value));
	return 0;
}

static int get_u64(json_t *object, const char *field, uint64_t *ret, struct ktstr_error *err)
{
	json_t *value = json_object_get(object, field);

	/* they are declared as unsigned; larger ones would not fit into nanoseconds either */
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > UINT32_MAX)
		return bad_field(field, err);
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

static int get_bool(json_t *object, const char *field, bool *ret, struct ktstr_error *err)
{
	json_t *value = json_object_get(object, field);

	if (!json_is_boolean(value))
		return bad_field(field, err);
	*ret = json_is_true(value);
	return 0;
}

int field_strings(json_t *object, const char *field, struct strings *ret, struct ktstr_error *err)
{
	json_t *list = json_object_get(object, field), *word;
	size_t i;

	if (!json_is_array(list))
		return bad_field(field, err);
	json_array_foreach(list, i, word) {
		if (!json_is_string(word))
			return bad_field(field, err);
		strings_push(ret, xstrdup(json_string_value(word)));
	}
	return 0;
}

/* Absent in what was built before schedulers could declare it. */
static int parse_place(json_t *object, struct scheduler_plan *scheduler, struct ktstr_error *err)
{
	int r = 0;

	if (json_object_get(object, "config_file"))
		r = field_string(object, "config_file", &scheduler->config_file, err);
	if (r == 0 && json_object_get(object, "cgroup_parent"))
		r = field_string(object, "cgroup_parent", &scheduler->cgroup_parent, err);
	if (r == 0 && json_object_get(object, "sysctls"))
		r = field_strings(object, "sysctls", &scheduler->sysctls, err);
	if (r == 0 && json_object_get(object, "kargs"))
		r = field_strings(object, "kargs", &scheduler->kargs, err);
	if (r == 0 && json_object_get(object, "watchdog_timeout_ms"))
		r = get_u64(object, "watchdog_timeout_ms", &scheduler->watchdog_timeout_ms, err);
	if (r == 0 && json_object_get(object, "enable"))
		r = field_strings(object, "enable", &scheduler->enable, err);
	if (r == 0 && json_object_get(object, "disable"))
		r = field_strings(object, "disable", &scheduler->disable, err);
	if (r == 0)
		r = flags_parse(object, &scheduler->flags, err);
	return r;
}

static int parse_scheduler(json_t *object, struct test_plan *plan, struct ktstr_error *err)
{
	json_t *scheduler = json_object_get(object, "scheduler");
	int r;

	if (json_is_null(scheduler))
		return 0;
	r = field_string(scheduler, "name", &plan->scheduler.name, err);
	if (r == 0)
		r = field_string(scheduler, "binary", &plan->scheduler.binary, err);
	if (r == 0)
		r = field_strings(scheduler, "args", &plan->scheduler.args, err);
	if (r == 0)
		r = parse_place(scheduler, &plan->scheduler, err);
	if (r == 0 && !plan->scheduler.name)
		return bad_field("scheduler.name", err);
	plan->has_scheduler = plan->scheduler.binary != NULL;
	return r;
}

static int parse_layer(json_t *layer, struct ktstr_checks *checks, struct ktstr_error *err)
{
	for (const struct check_row *row = check_rows; row->name; row++) {
		json_t *value = json_object_get(layer, row->name);

		if (value && !json_is_number(value))
			return bad_field(row->name, err);
		if (value)
			check_set(checks, row, json_number_value(value));
	}
	return 0;
}

/* Absent in what was built before there were layers to show; they are only shown here. */
static int parse_checks(json_t *object, struct test_plan *plan, struct ktstr_error *err)
{
	json_t *checks = json_object_get(object, "checks");
	int r = 0;

	if (checks && !json_is_object(checks))
		return bad_field("checks", err);
	for (enum check_layer layer = 0; r == 0 && layer < CHECK_LAYERS; layer++)
		r = parse_layer(json_object_get(checks, check_layer_word(layer)),
				&plan->checks[layer], err);
	return r;
}

static int parse_expectation(json_t *object, struct test_plan *plan, struct ktstr_error *err)
{
	AUTO(free) char *kind = NULL;
	int r = get_bool(object, "expect_err", &plan->expect_err, err);

	if (r == 0)
		r = field_string(object, "expect_kind", &kind, err);
	if (r == 0 && kind && !kind_parse(sv_of(kind), &plan->expect_kind))
		return error_set(err, -EBADMSG, "expect_kind \"%s\" is no kind", kind);
	return r;
}

static int parse_machine(json_t *object, struct test_plan *plan, struct ktstr_error *err)
{
	AUTO(free) char *topology = NULL;
	int r = field_string(object, "topology", &topology, err);

	if (r == 0)
		r = get_u64(object, "memory_mib", &plan->memory_mib, err);
	if (r == 0)
		r = topology_parse(sv_of(topology ?: ""), &plan->topology, err);
	if (r == 0)
		plan->memory_mib = guest_memory_mib(&plan->topology, plan->memory_mib, plan->wprof);
	return r;
}

/* Names are printed, and become names of directories. */
static bool name_is_plain(const char *name)
{
	if (!*name || strlen(name) > NAME_MAX_LEN || *name == '.')
		return false;
	for (; *name; name++) {
		if (*name <= ' ' || *name > '~' || *name == '/' || *name == '\\')
			return false;
	}
	return true;
}

static int get_limit(json_t *object, const char *field, double *ret, struct ktstr_error *err)
{
	json_t *value = json_object_get(object, field);

	if (!json_is_number(value) || json_number_value(value) < 0)
		return bad_field(field, err);
	*ret = json_number_value(value);
	return 0;
}

/* A test without any has no such key. */
static int parse_trace_checks(json_t *object, struct ktstr_trace_checks *checks, struct ktstr_error *err)
{
	json_t *limits = json_object_get(object, "trace_checks");
	int r;

	if (!limits)
		return 0;
	r = get_limit(limits, "max_wakeup_latency_us", &checks->max_wakeup_latency_us, err);
	if (r == 0)
		r = get_limit(limits, "max_wakeup_latency_p99_us", &checks->max_wakeup_latency_p99_us, err);
	if (r == 0)
		r = get_limit(limits, "max_run_delay_us", &checks->max_run_delay_us, err);
	if (r == 0)
		r = get_limit(limits, "max_run_delay_p99_us", &checks->max_run_delay_p99_us, err);
	return r;
}

/* The memory follows from it, so it comes first. A test without it has no such keys. */
static int parse_wprof(json_t *object, struct test_plan *plan, struct ktstr_error *err)
{
	AUTO(free) char *args = NULL;
	int r = 0;

	plan->wprof = json_is_true(json_object_get(object, "wprof"));
	if (json_object_get(object, "wprof_args"))
		r = field_string(object, "wprof_args", &args, err);
	return r == 0 && args ? wprof_args_split(args, &plan->wprof_args, err) : r;
}

static int parse_plan(json_t *object, struct test_plan *plan, struct ktstr_error *err)
{
	int r = field_string(object, "name", &plan->name, err);

	if (r < 0)
		return r;
	if (!plan->name || !name_is_plain(plan->name))
		return bad_field("name", err);
	plan->ctprof = json_is_true(json_object_get(object, "ctprof"));        /* only where it is asked for */
	r = parse_wprof(object, plan, err);
	if (r == 0)
		r = parse_machine(object, plan, err);
	if (r == 0)
		r = get_u64(object, "duration_ms", &plan->duration_ms, err);
	if (r == 0)
		r = get_u64(object, "timeout_ms", &plan->timeout_ms, err);
	if (r == 0 && plan->ctprof)
		plan->timeout_ms += STEPS_TIMEOUT_MS;
	if (r == 0)
		r = get_bool(object, "host_only", &plan->host_only, err);
	if (r == 0)
		r = get_bool(object, "ignored", &plan->ignored, err);
	if (r == 0)
		r = field_strings(object, "include_files", &plan->include_files, err);
	if (r == 0 && json_object_get(object, "payload"))
		r = field_string(object, "payload", &plan->payload, err);
	if (r == 0)
		r = parse_expectation(object, plan, err);
	if (r == 0)
		r = parse_checks(object, plan, err);
	if (r == 0)
		r = parse_scheduler(object, plan, err);
	if (r == 0 && json_object_get(object, "watchdog_timeout_ms"))
		r = get_u64(object, "watchdog_timeout_ms", &plan->watchdog_timeout_ms, err);
	if (r == 0 && json_object_get(object, "required_flags"))
		r = field_strings(object, "required_flags", &plan->required_flags, err);
	if (r == 0 && json_object_get(object, "excluded_flags"))
		r = field_strings(object, "excluded_flags", &plan->excluded_flags, err);
	if (r == 0)
		r = parse_trace_checks(object, &plan->trace_checks, err);
	plan->no_auto_repro = json_is_false(json_object_get(object, "auto_repro"));
	return r < 0 ? error_wrap(err, r, "test %s", plan->name) : 0;
}

int plans_parse(struct sv json, const char *program, struct test_plans *plans,
		struct ktstr_error *err)
{
	json_error_t why;
	AUTO(json_decref) json_t *root =
		json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, &why);
	json_t *tests = json_object_get(root, "tests"), *test;
	size_t i;

	if (!json_is_array(tests))
		return error_set(err, -EBADMSG, "%s: what it says for --ktstr-describe is not understood%s%s",
				 program, root ? "" : ": ", root ? "" : why.text);
	if (json_integer_value(json_object_get(root, "schema")) != 1)
		return error_set(err, -EBADMSG, "%s: it was built with another version of libktstr",
				 program);
	json_array_foreach(tests, i, test) {
		AUTO(test_plan_done) struct test_plan plan = {.program = xstrdup(program)};
		int r = parse_plan(test, &plan, err);

		if (r < 0)
			return error_wrap(err, r, "%s", program);
		test_plans_push(plans, TAKE(plan, (struct test_plan){0}));
	}
	return 0;
}

/* Before it is started: what the kernel's EACCES does not tell. */
static int check_program(const char *path, struct ktstr_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;        /* starting it says why */
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EISDIR, "%s is a directory, not a test program", path);
	if (access(path, X_OK) < 0)
		return error_set(err, -EACCES, "%s is not executable, so no test program", path);
	return 0;
}

int plans_describe(const char *program, struct test_plans *plans, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf out = {0};
	AUTO(free) char *path = strchr(program, '/') ? xstrdup(program) : xasprintf("./%s", program);
	const char *argv[] = {path, "--ktstr-describe", NULL};
	int r = *program ? check_program(path, err) : error_set(err, -EINVAL, "a test program has a name, not \"\"");

	if (r < 0)
		return r;
	r = run_and_read(argv, DESCRIBE_MAX, deadline_in(DESCRIBE_NS), &out, err);
	/* libktstr names itself where it refuses a declaration */
	if ((r == -EIO || r == -ETIMEDOUT) && !(err && strstr(err->msg, ": ktstr: ")))
		return error_wrap(err, r, "asked for its tests by --ktstr-describe (is it a test program?)");
	if (r < 0)
		return r;
	return plans_parse(sv_bytes(buf_text(&out), out.len), path, plans, err);
}

/* --- the selection ------------------------------------------------------------------------------------- */

static bool is_named(const struct test_plan *plan, const char *name)
{
	struct sv exact = sv_of(name);

	if (sv_starts(exact, "ktstr/"))
		exact = sv_skip(exact, strlen("ktstr/"));
	return sv_eq(exact, plan->name);
}

static bool wanted(const struct test_plan *plan, const struct selection *selection)
{
	if (selection->exact)
		return is_named(plan, selection->exact);
	for (char *const *name = selection->names; name && *name; name++) {
		if (is_named(plan, *name))
			return true;
	}
	if (selection->names && selection->names[0])
		return false;
	if (plan->ignored && !selection->ignored)
		return false;
	if (!selection->pattern)
		return true;
	if (strpbrk(selection->pattern, "*?["))
		return fnmatch(selection->pattern, plan->name, 0) == 0;
	return strstr(plan->name, selection->pattern) != NULL;
}

static int check_names(const struct test_plans *plans, const struct selection *selection,
		       struct ktstr_error *err)
{
	for (char *const *name = selection->names; name && *name; name++) {
		bool found = false;

		vec_each(plan, plans)
			found = found || is_named(plan, *name);
		if (!found)
			return error_set(err, -ENOENT, "there is no %s", *name);
	}
	return 0;
}

static int override_machine(struct test_plan *plan, const struct selection *selection,
			    struct ktstr_error *err)
{
	plan->machine_asked = (selection->topology || selection->memory_mib) && !selection->recorded;
	if (selection->topology) {
		int r = topology_parse(sv_of(selection->topology), &plan->topology, err);

		if (r < 0)
			return r;
		plan->memory_mib = guest_memory_mib(&plan->topology, plan->memory_mib, plan->wprof);
	}
	if (selection->memory_mib) {
		plan->memory_mib = selection->memory_mib;
		plan->memory_overridden = true;
		/* X8: as it was said, even where it will not do */
		if (wprof_memory_floor(plan->memory_mib, plan->wprof) != plan->memory_mib)
			log_warn("%s: wprof wants a guest of %d MiB, this one gets %llu MiB", plan->name,
				 WPROF_MIN_MEMORY_MIB, (unsigned long long)plan->memory_mib);
	}
	return 0;
}

static void push_option(struct test_plan *plan, const char *option, const char *value)
{
	strings_push(&plan->options, xstrdup(option));
	strings_push(&plan->options, xstrdup(value));
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void override_scheduler(struct test_plan *plan, const struct selection *selection)
{
	bool own = strcmp(selection->scheduler, "eevdf") == 0;

	push_option(plan, "--scheduler", selection->scheduler);
	vec_each(arg, &selection->scheduler_args)
		push_option(plan, "--scheduler-arg", *arg);
	scheduler_plan_done(&plan->scheduler);
	strings_done(&plan->required_flags);        /* another scheduler has flags of its own */
	plan->required_flags = (struct strings){0};
	plan->scheduler = (struct scheduler_plan){
		.name = xstrdup(base_name(selection->scheduler)),
		.binary = own ? NULL : xstrdup(selection->scheduler),
		.asked = true,
	};
	vec_each(arg, &selection->scheduler_args)
		strings_push(&plan->scheduler.args, xstrdup(*arg));
	plan->has_scheduler = !own;
}

/* What the body reads; src/author/body.c. */
static void override_load(struct test_plan *plan, const struct selection *selection)
{
	char number[24];

	if (selection->duration_ms) {
		uint64_t longer_ms = selection->duration_ms > plan->duration_ms
					     ? selection->duration_ms - plan->duration_ms
					     : 0;

		snprintf(number, sizeof(number), "%llu", (unsigned long long)selection->duration_ms);
		strings_push(&plan->overrides, xasprintf("KTSTR_DURATION_MS=%s", number));
		push_option(plan, "--duration-ms", number);
		plan->duration_ms = selection->duration_ms;
		plan->timeout_ms += 3 * longer_ms;
	}
	if (selection->workers) {
		snprintf(number, sizeof(number), "%u", selection->workers);
		strings_push(&plan->overrides, xasprintf("KTSTR_WORKERS=%s", number));
		push_option(plan, "--workers", number);
	}
	if (selection->work_type) {
		strings_push(&plan->overrides, xasprintf("KTSTR_WORK_TYPE=%s", selection->work_type));
		push_option(plan, "--work-type", selection->work_type);
	}
}

/* Some test's scheduler must have each. */
static int check_flags(const struct test_plans *plans, const struct selection *selection,
		       struct ktstr_error *err)
{
	struct sv rest = sv_of(selection->flags ?: "");

	while (rest.len) {
		struct sv name = sv_split(&rest, ',');
		bool found = false;

		vec_each(plan, plans)
			vec_each(flag, &plan->scheduler.flags)
				found = found || sv_eq(name, flag->name);
		if (!found)
			return error_set(err, -ENOENT, "no scheduler of these tests has a flag %.*s", SV_ARG(name));
	}
	return 0;
}

/* 1: it is to run; 0: not with these flags. */
static int override_plan(struct test_plan *plan, const struct selection *selection,
			 struct ktstr_error *err)
{
	int r;

	if (selection->on_host) {
		strings_push(&plan->options, xstrdup("--host"));
		plan->host_only = true;
		plan->has_scheduler = false;
		strings_done(&plan->scheduler.enable);
		plan->scheduler.enable = (struct strings){0};
	} else if (selection->scheduler) {
		override_scheduler(plan, selection);
	}
	override_load(plan, selection);
	if (selection->flags && *selection->flags)
		push_option(plan, "--flags", selection->flags);
	r = override_machine(plan, selection, err);
	return r < 0 ? r : flags_activate(plan, selection->flags, err);
}

int plans_select(struct test_plans *plans, const struct selection *selection,
		 struct ktstr_error *err)
{
	int r = check_names(plans, selection, err);
	size_t kept = 0;

	if (r == 0)
		r = check_flags(plans, selection, err);
	for (size_t i = 0; r >= 0 && i < plans->len; i++) {
		if (!wanted(&plans->at[i], selection)) {
			test_plan_done(&plans->at[i]);
			continue;
		}
		if (kept != i)
			plans->at[kept] = TAKE(plans->at[i], (struct test_plan){0});
		r = override_plan(&plans->at[kept], selection, err);
		if (r == 0)
			test_plan_done(&plans->at[kept]);
		else
			kept++;
	}
	if (r < 0)
		return r;
	plans->len = kept;
	return 0;
}
