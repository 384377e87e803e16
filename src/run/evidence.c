/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence.c - a guard against testing nothing: which scheduler really ran the workers. The guest
 * says what sched_ext's sysfs files held at four moments and how often each struct_ops program had
 * run; every worker says whether it was in the sched_ext class.
 */
#include <errno.h>
#include <string.h>

#include "run/run.h"

#define PROGRAMS_MAX 256
#define WORD_MAX 128
#define KERNEL_LOG_MAX 8192

DEFINE_AUTO(json_t *, json_decref)

static void moment_done(struct ext_moment *moment)
{
	free(moment->state);
	free(moment->ops);
}

void evidence_done(struct evidence *evidence)
{
	moment_done(&evidence->before);
	moment_done(&evidence->start);
	moment_done(&evidence->during);
	moment_done(&evidence->after);
	json_decref(evidence->programs);
	free(evidence->ended_early);
	free(evidence->disable_trouble);
	*evidence = (struct evidence){0};
}

/* Printable ASCII of bounded length, or NULL. */
static char *word_of(json_t *value)
{
	const char *text = json_string_value(value);
	char *word;

	if (!text)
		return NULL;
	word = xstrndup(text, WORD_MAX);
	for (char *at = word; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
	return word;
}

static uint64_t number_of(json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) > 0
		       ? (uint64_t)json_integer_value(value)
		       : 0;
}

static struct ext_moment read_moment(json_t *object)
{
	return (struct ext_moment){
		.state = word_of(json_object_get(object, "state")),
		.ops = word_of(json_object_get(object, "ops")),
		.enable_seq = number_of(json_object_get(object, "enable_seq")),
		.nr_rejected = number_of(json_object_get(object, "nr_rejected")),
	};
}

/* How many of them are looked at: a guest that lists a million must not keep us searching. */
static size_t programs_len(const json_t *programs)
{
	size_t len = json_array_size(programs);

	return len < PROGRAMS_MAX ? len : PROGRAMS_MAX;
}

static uint64_t count_of(json_t *programs, const char *name)
{
	uint64_t count = 0;

	for (size_t i = 0; i < programs_len(programs); i++) {
		json_t *program = json_array_get(programs, i);
		const char *other = json_string_value(json_object_get(program, "name"));

		if (!name || (other && strcmp(name, other) == 0))
			count += number_of(json_object_get(program, "run_count"));
	}
	return count;
}

/* What each program ran between the two moments. */
static json_t *increments(json_t *start, json_t *during)
{
	json_t *list = json_array();

	for (size_t i = 0; i < programs_len(during); i++) {
		json_t *program = json_array_get(during, i);
		const char *raw = json_string_value(json_object_get(program, "name"));
		AUTO(free) char *name = word_of(json_object_get(program, "name"));
		uint64_t now = number_of(json_object_get(program, "run_count"));
		uint64_t then = raw ? count_of(start, raw) : 0;

		if (!name)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:I}", "name", name, "run_count",
						      (json_int_t)(now > then ? now - then : 0)));
	}
	return list;
}

int evidence_read(struct sv json, struct evidence *ret_evidence, struct ktstr_error *err)
{
	json_error_t why;
	AUTO(json_decref) json_t *root =
		json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, &why);
	json_t *start = json_object_get(root, "programs_start");
	json_t *during = json_object_get(root, "programs_during");

	if (!json_is_object(root))
		return error_set(err, -EBADMSG, "the guest's word about its scheduler is no JSON object%s%s",
				 root ? "" : ": ", root ? "" : why.text);
	*ret_evidence = (struct evidence){
		.asked = json_is_true(json_object_get(root, "asked")),
		.before = read_moment(json_object_get(root, "before")),
		.start = read_moment(json_object_get(root, "start")),
		.during = read_moment(json_object_get(root, "during")),
		.after = read_moment(json_object_get(root, "after")),
		.run_count_start = count_of(start, NULL),
		.run_count_during = count_of(during, NULL),
		.programs = increments(start, during),
		.has_timeout = json_is_integer(json_object_get(root, "watchdog_timeout_ms")),
		.watchdog_timeout_ms = number_of(json_object_get(root, "watchdog_timeout_ms")),
		.disable_trouble = word_of(json_object_get(root, "disable_trouble")),
		.ended_early = word_of(json_object_get(root, "ended_early")),
		.ended_ns = number_of(json_object_get(root, "ended_ns")),
	};
	return 0;
}

static json_t *moment_to_json(const struct ext_moment *moment)
{
	return json_pack("{s:s?, s:s?, s:I, s:I}", "state", moment->state, "ops", moment->ops,
			 "enable_seq", (json_int_t)moment->enable_seq, "nr_rejected",
			 (json_int_t)moment->nr_rejected);
}

json_t *evidence_to_json(const struct evidence *evidence, struct sv kernel_log)
{
	size_t len = kernel_log.len < KERNEL_LOG_MAX ? kernel_log.len : KERNEL_LOG_MAX;
	AUTO(free) char *log = xstrndup(kernel_log.data ?: "", len);
	json_t *all;

	for (char *at = log; *at; at++)
		if (*at != '\n' && (*at < 0x20 || *at > 0x7e))
			*at = '?';
	all = json_pack("{s:b, s:o, s:o, s:o, s:o, s:O?, s:s?, s:s}", "asked", evidence->asked,
			"before", moment_to_json(&evidence->before), "start",
			moment_to_json(&evidence->start), "during",
			moment_to_json(&evidence->during), "after",
			moment_to_json(&evidence->after), "programs", evidence->programs,
			"ended_early", evidence->ended_early, "kernel_log", log);
	if (evidence->has_timeout)
		json_object_set_new(all, "watchdog_timeout_ms",
				    json_integer((json_int_t)evidence->watchdog_timeout_ms));
	return all;
}

/* --- judging ------------------------------------------------------------------------------------------ */

/* The kernel's own reason, e.g. `sched_ext: BPF scheduler "x" disabled (runtime error)`. */
static struct sv kernel_reason(struct sv log)
{
	struct sv line, reason = {0};

	while (sv_line(&log, &line)) {
		if (!memmem(line.data, line.len, "sched_ext", 9))
			continue;
		if (memmem(line.data, line.len, "disabled", 8))
			reason = line;
		else if (reason.len) {
			/* the line behind it has the exit message */
			reason.len = (size_t)(line.data + line.len - reason.data);
			break;
		}
	}
	return sv_trim(reason);
}

static bool outcome_has(const struct outcome *outcome, enum ktstr_kind kind)
{
	vec_each(detail, &outcome->details) {
		if (detail->kind == kind)
			return true;
	}
	return false;
}

static void say_died(const char *what, struct sv kernel_log, struct outcome *outcome)
{
	struct sv reason = kernel_reason(kernel_log);
	AUTO(free) char *text = xasprintf("%.*s", SV_ARG(reason));

	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	outcome_fail(outcome, KTSTR_KIND_SCHEDULER_DIED, "%s%s%s", what, *text ? ": " : "", text);
}

/* How many workers were known not to be in the sched_ext class. */
static size_t strangers(const json_t *workers, bool ext)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(workers); i++) {
		json_t *enabled = json_object_get(json_array_get(workers, i), "ext_enabled");

		if (json_is_boolean(enabled) && json_is_true(enabled) != ext)
			count++;
	}
	return count;
}

/* The same scheduler, loaded once, and still in charge at the later moment. */
static bool still_loaded(const struct ext_moment *start, const struct ext_moment *during)
{
	return start->ops && during->ops && strcmp(start->ops, during->ops) == 0 &&
	       start->enable_seq == during->enable_seq && during->state &&
	       strcmp(during->state, "enabled") == 0;
}

static bool judge_none_asked(const struct evidence *evidence, const json_t *workers,
			     struct outcome *outcome)
{
	size_t others = strangers(workers, false);

	if (others)
		outcome_error(outcome, "no scheduler was asked for, but %zu of %zu workers ran under sched_ext",
			      others, json_array_size(workers));
	else if (evidence->during.ops)
		outcome_error(outcome, "no scheduler was asked for, but sched_ext had loaded %s",
			      evidence->during.ops);
	return others == 0 && !evidence->during.ops;
}

/* TD-16: a timeout that could not be set is said, and the test goes on with the scheduler's own. */
static void note_timeout(const struct evidence *evidence, const struct test_plan *plan, struct outcome *outcome)
{
	unsigned long long wanted = plan_watchdog_ms(plan), found = evidence->watchdog_timeout_ms;

	if (!wanted || (evidence->has_timeout && found == wanted))
		return;
	if (evidence->has_timeout)
		outcome_note(outcome, "watchdog_timeout_ms %llu has no effect: scheduler %s has %llu; its log may "
				      "say why", wanted, plan->scheduler.name, found);
	else
		outcome_note(outcome, "watchdog_timeout_ms %llu has no effect: no operations of sched_ext were found "
				      "in the guest, or this kernel's type information does not have their "
				      "timeout_ms", wanted);
}

bool evidence_judge(const struct evidence *evidence, const struct test_plan *plan,
		    const json_t *workers, struct sv kernel_log, struct outcome *outcome)
{
	const char *name = plan->has_scheduler ? plan->scheduler.name : NULL;
	AUTO(free) char *what = NULL;
	size_t others;

	if (evidence->disable_trouble)
		outcome_note(outcome, "scheduler %s was not switched off: %s", plan_scheduler_name(plan),
			     evidence->disable_trouble);
	if (plan->scheduler.enable.len)
		return true;        /* what it leaves in the kernel is its own */
	if (!name)
		return judge_none_asked(evidence, workers, outcome);
	if (!evidence->start.ops) {
		/* it never attached; judge.c has said so in the guest's words */
		return false;
	}
	note_timeout(evidence, plan, outcome);
	if (evidence->ended_early || !still_loaded(&evidence->start, &evidence->during)) {
		what = evidence->ended_early
			       ? xasprintf("scheduler %s ended during the test (%s)", name,
					   evidence->ended_early)
			       : xasprintf("sched_ext put scheduler %s out during the test", name);
		say_died(what, kernel_log, outcome);
		return evidence->run_count_during > evidence->run_count_start ||
		       outcome_has(outcome, KTSTR_KIND_SCHEDULER_DIED);
	}
	others = strangers(workers, true);
	if (others) {
		outcome_error(outcome, "scheduler %s was asked for, but %zu of %zu workers did not run under it",
			      name, others, json_array_size(workers));
		return false;
	}
	if (evidence->run_count_during <= evidence->run_count_start) {
		outcome_error(outcome, "scheduler %s was attached, but none of its programs ran during the test",
			      name);
		return false;
	}
	return true;
}
