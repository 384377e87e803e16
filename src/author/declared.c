/* SPDX-License-Identifier: BSD-2-Clause */
/* What a declaration comes to, and what is wrong with it. Decides from structs alone. */
#include "author/author.h"

#include <math.h>

#include "payload/payload.h"

static void override(struct topology *topology, unsigned numa_nodes, unsigned llcs, unsigned cores,
		     unsigned threads)
{
	if (numa_nodes)
		topology->numa_nodes = numa_nodes;
	if (llcs)
		topology->llcs = llcs;
	if (cores)
		topology->cores_per_llc = cores;
	if (threads)
		topology->threads_per_core = threads;
}

int declared_topology(const struct ktstr_test *test, struct topology *ret_topology,
		      struct ktstr_error *err)
{
	const struct ktstr_scheduler *scheduler = test->scheduler;
	struct topology topology = {1, 1, 2, 1};
	int r = 0;

	if (scheduler) {
		if (scheduler->topology)
			r = topology_parse(sv_of(scheduler->topology), &topology, err);
		if (r < 0)
			return error_wrap(err, r, "scheduler %s", scheduler->name ?: "(no name)");
		override(&topology, scheduler->numa_nodes, scheduler->llcs, scheduler->cores,
			 scheduler->threads);
	}
	if (test->topology)
		r = topology_parse(sv_of(test->topology), &topology, err);
	if (r < 0)
		return r;
	override(&topology, test->numa_nodes, test->llcs, test->cores, test->threads);
	r = topology_check(&topology, err);
	if (r == 0)
		*ret_topology = topology;
	return r;
}

unsigned declared_timeout_ms(const struct ktstr_test *test)
{
	return test->timeout_ms ?: 30000 + 3 * test->duration_ms;
}

bool declared_ignored(const struct ktstr_test *test)
{
	return sv_starts(sv_of(test->name), "demo_");
}

bool declared_expect_err(const struct ktstr_test *test)
{
	return test->expect_err || test->expect_kind != KTSTR_KIND_NONE;
}

/* --- what is wrong ----------------------------------------------------------------------------- */

struct complaints {
	const struct ktstr_test *test;
	struct buf *lines;
	size_t count;
};

/* A name in a message: what a terminal would not show as itself becomes '?'. */
static void put_name(struct buf *buf, const char *name)
{
	for (size_t i = 0; name && name[i] && i < AUTHOR_NAME_MAX; i++)
		buf_char(buf, name[i] > ' ' && name[i] <= '~' ? name[i] : '?');
}

__attribute__((format(printf, 2, 3))) static void complain(struct complaints *complaints,
							   const char *fmt, ...)
{
	const struct ktstr_test *test = complaints->test;
	struct buf *lines = complaints->lines;
	va_list args;

	buf_printf(lines, "%s:%d: test ", test->file ?: "(unknown file)", test->line);
	put_name(lines, test->name);
	buf_str(lines, ": ");
	va_start(args, fmt);
	buf_vprintf(lines, fmt, args);
	va_end(args);
	buf_char(lines, '\n');
	complaints->count++;
}

/*
 * Names become parts of paths, of lines of TAP and of words on a command line, and must survive JSON
 * unchanged: printable ASCII without separators, and nothing that means another directory.
 */
static void check_name(struct complaints *complaints, const char *field, const char *name)
{
	size_t len = name ? strnlen(name, AUTHOR_NAME_MAX + 1) : 0;

	if (len == 0) {
		complain(complaints, "%s must not be empty", field);
		return;
	}
	if (len > AUTHOR_NAME_MAX)
		complain(complaints, "%s must not be longer than %d characters", field,
			 AUTHOR_NAME_MAX);
	if (name[0] == '.' || name[0] == '-')
		complain(complaints, "%s must not begin with '%c'", field, name[0]);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c > ' ' && c <= '~' && c != '/' && c != '\\')
			continue;
		if (c == '/' || c == '\\')
			complain(complaints, "%s must not contain '%c'", field, c);
		else
			complain(complaints, "%s must not contain byte 0x%02x; printable ASCII without "
					     "spaces is fine", field, c);
		return;
	}
}

static void check_number(struct complaints *complaints, const char *field, unsigned value,
			 unsigned max)
{
	if (value < 1 || value > max)
		complain(complaints, "%s must be 1..%u, not %u", field, max, value);
}

static void check_checks(struct complaints *complaints, const char *whose,
			 const struct ktstr_checks *checks)
{
	for (const struct check_row *row = check_rows; row->name; row++) {
		if (!isfinite(check_value(checks, row)))
			complain(complaints, "%schecks.%s must be a finite number", whose, row->name);
	}
}

bool declared_trace_checks(const struct ktstr_test *test)
{
	const struct ktstr_trace_checks *checks = &test->trace_checks;

	return checks->max_wakeup_latency_us != 0 || checks->max_wakeup_latency_p99_us != 0 ||
	       checks->max_run_delay_us != 0 || checks->max_run_delay_p99_us != 0;
}

static void check_trace_checks(struct complaints *complaints, const struct ktstr_trace_checks *checks)
{
	const struct {
		const char *name;
		double value;
	} limits[] = {
		{"max_wakeup_latency_us", checks->max_wakeup_latency_us},
		{"max_wakeup_latency_p99_us", checks->max_wakeup_latency_p99_us},
		{"max_run_delay_us", checks->max_run_delay_us},
		{"max_run_delay_p99_us", checks->max_run_delay_p99_us},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (!isfinite(limits[i].value) || limits[i].value < 0)
			complain(complaints, "trace_checks.%s must be a number of microseconds, or 0",
				 limits[i].name);
	}
}

static void check_words(struct complaints *complaints, const char *field, const char *const *words)
{
	for (size_t i = 0; words && words[i]; i++) {
		if (words[i][0] == '\0')
			complain(complaints, "%s[%zu] must not be empty", field, i);
	}
}

static bool base_name_is_empty(const char *path)
{
	size_t len = strlen(path);

	return len == 0 || path[len - 1] == '/';
}

static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

/* It becomes a path below /proc/sys, and "key=value" in a record. */
static bool is_sysctl_key(const char *key)
{
	struct sv rest = sv_of(key);

	if (!*key || !is_plain(key) || strchr(key, '=') || strlen(key) > AUTHOR_NAME_MAX)
		return false;
	while (rest.len) {
		struct sv part = sv_split(&rest, strchr(key, '/') ? '/' : '.');

		if (!part.len || sv_eq(part, ".") || sv_eq(part, ".."))
			return false;
	}
	return key[strlen(key) - 1] != '.' && key[strlen(key) - 1] != '/';
}

static void check_sysctls(struct complaints *complaints, const struct ktstr_sysctl *sysctls)
{
	for (size_t i = 0; sysctls && sysctls[i].key; i++) {
		const char *value = sysctls[i].value;

		if (!is_sysctl_key(sysctls[i].key))
			complain(complaints, "scheduler.sysctls[%zu]: a key is written as in "
					     "kernel.sched_rt_runtime_us", i);
		else if (!value || !*value || strpbrk(value, "\n\r"))
			complain(complaints, "scheduler.sysctls[%zu]: %s needs a value, on one line", i,
				 sysctls[i].key);
	}
}

/* The kernel reads them from one line, apart at white space (and has quotes, which are not for us). */
static void check_kargs(struct complaints *complaints, const char *const *kargs)
{
	size_t len = 0;

	for (size_t i = 0; kargs && kargs[i]; i++) {
		len += strlen(kargs[i]) + 1;
		if (!*kargs[i] || !is_plain(kargs[i]) || strchr(kargs[i], '"'))
			complain(complaints, "scheduler.kargs[%zu] must be one word without white space "
					     "and quotes, as in preempt=full", i);
	}
	if (len > AUTHOR_KARGS_MAX)
		complain(complaints, "scheduler.kargs: %zu bytes; the kernel's command line has room for %d",
			 len, AUTHOR_KARGS_MAX);
}

static void check_cgroup_parent(struct complaints *complaints, const char *path)
{
	const char *root = "/sys/fs/cgroup/";
	struct sv rest = sv_of(path);
	bool good = sv_starts(rest, root) && rest.len > strlen(root) && is_plain(path) &&
		    rest.len < AUTHOR_CGROUP_PARENT_MAX && rest.data[rest.len - 1] != '/';

	rest = good ? sv_skip(rest, strlen(root)) : (struct sv){0};
	while (rest.len) {
		struct sv part = sv_split(&rest, '/');

		good = good && part.len && !sv_eq(part, ".") && !sv_eq(part, "..");
	}
	if (!good)
		complain(complaints, "scheduler.cgroup_parent must be a directory below /sys/fs/cgroup, as in "
				     "/sys/fs/cgroup/workload");
}

static const struct ktstr_flag *find_flag(const struct ktstr_scheduler *scheduler, const char *name)
{
	for (const struct ktstr_flag *flag = scheduler ? scheduler->flags : NULL; flag && flag->name; flag++) {
		if (strcmp(flag->name, name) == 0)
			return flag;
	}
	return NULL;
}

/* It is a word of the list that --flags takes. */
static void check_flags(struct complaints *complaints, const struct ktstr_scheduler *scheduler)
{
	for (size_t i = 0; scheduler->flags && scheduler->flags[i].name; i++) {
		const struct ktstr_flag *flag = &scheduler->flags[i];

		check_name(complaints, "scheduler.flags: a name", flag->name);
		if (strchr(flag->name, ','))
			complain(complaints, "scheduler.flags[%zu]: a name must not contain ','", i);
		if (find_flag(scheduler, flag->name) != flag)
			complain(complaints, "scheduler.flags[%zu]: there is another %s", i, flag->name);
		check_words(complaints, "scheduler.flags: args", flag->args);
		for (const char *const *name = flag->requires; name && *name; name++) {
			if (!find_flag(scheduler, *name))
				complain(complaints, "scheduler.flags[%zu]: it requires %s, which is none of them",
					 i, *name);
		}
	}
}

static bool flag_needs(const struct ktstr_scheduler *scheduler, const char *name, const char *other, int depth)
{
	const struct ktstr_flag *flag = find_flag(scheduler, name);

	if (strcmp(name, other) == 0)
		return true;
	for (const char *const *next = flag ? flag->requires : NULL; next && *next && depth < AUTHOR_FLAGS_DEPTH; next++) {
		if (flag_needs(scheduler, *next, other, depth + 1))
			return true;
	}
	return false;
}

static void check_flags_of_test(struct complaints *complaints)
{
	const struct ktstr_test *test = complaints->test;

	for (const char *const *name = test->required_flags; name && *name; name++) {
		if (!find_flag(test->scheduler, *name))
			complain(complaints, "required_flags: its scheduler has no flag %s", *name);
		for (const char *const *other = test->excluded_flags; other && *other; other++) {
			if (flag_needs(test->scheduler, *name, *other, 0))
				complain(complaints, "flag %s is excluded, and %s, which is required, %s", *other,
					 *name, strcmp(*name, *other) ? "needs it" : "is the same");
		}
	}
	for (const char *const *name = test->excluded_flags; name && *name; name++) {
		if (!find_flag(test->scheduler, *name))
			complain(complaints, "excluded_flags: its scheduler has no flag %s", *name);
	}
}

static void check_built_in(struct complaints *complaints, const struct ktstr_scheduler *scheduler)
{
	check_words(complaints, "scheduler.enable", scheduler->enable);
	check_words(complaints, "scheduler.disable", scheduler->disable);
	if (scheduler->enable && scheduler->binary)
		complain(complaints, "scheduler.enable is for one that the kernel has built in, and there is a "
				     "scheduler.binary");
	if (scheduler->disable && !scheduler->enable)
		complain(complaints, "scheduler.disable: there is no scheduler.enable");
}

/* What makes the machine another one; on the host that is not for a test to do. */
static void check_place(struct complaints *complaints, const struct ktstr_scheduler *scheduler)
{
	check_sysctls(complaints, scheduler->sysctls);
	check_kargs(complaints, scheduler->kargs);
	if (scheduler->cgroup_parent)
		check_cgroup_parent(complaints, scheduler->cgroup_parent);
	if (scheduler->config_file && base_name_is_empty(scheduler->config_file))
		complain(complaints, "scheduler.config_file must name a file");
	if (scheduler->config_file && !scheduler->binary)
		complain(complaints, "scheduler.config_file: there is no scheduler.binary to read it");
	if (complaints->test->host_only &&
	    (scheduler->sysctls || scheduler->kargs || scheduler->cgroup_parent || scheduler->enable))
		complain(complaints, "host_only: the host stays as it is, but scheduler %s has sysctls, kargs, "
				     "commands or a cgroup_parent", scheduler->name ?: "(no name)");
}

/* More than 30 s the kernel does not take (SCX_WATCHDOG_MAX_TIMEOUT, kernel/sched/ext.c). */
static void check_watchdog(struct complaints *complaints, const char *field, unsigned timeout_ms,
			   const struct ktstr_scheduler *scheduler)
{
	if (timeout_ms > AUTHOR_WATCHDOG_MS_MAX)
		complain(complaints, "%s must be at most %u, not %u", field, AUTHOR_WATCHDOG_MS_MAX, timeout_ms);
	if (timeout_ms && !(scheduler && scheduler->binary))
		complain(complaints, "%s: there is no scheduler.binary that sched_ext could watch", field);
}

static void check_scheduler(struct complaints *complaints, const struct ktstr_scheduler *scheduler)
{
	check_name(complaints, "scheduler.name", scheduler->name);
	check_checks(complaints, "scheduler.", &scheduler->checks);
	check_place(complaints, scheduler);
	check_flags(complaints, scheduler);
	check_built_in(complaints, scheduler);
	check_watchdog(complaints, "scheduler.watchdog_timeout_ms", scheduler->watchdog_timeout_ms, scheduler);
	if (!scheduler->binary)
		return;
	if (scheduler->binary[0] == '\0')
		complain(complaints, "scheduler.binary must not be empty; leave it out for the "
				     "kernel's own scheduler");
	if (complaints->test->host_only)
		complain(complaints, "host_only: no scheduler is started on the host, but scheduler %s "
				     "has a binary", scheduler->name ?: "(no name)");
}

static void check_expectation(struct complaints *complaints, enum ktstr_kind kind)
{
	if ((int)kind < 0 || kind >= KTSTR_KIND_COUNT)
		complain(complaints, "expect_kind must be one of enum ktstr_kind, not %d", (int)kind);
	else if (kind == KTSTR_KIND_SKIP || kind == KTSTR_KIND_NOTE)
		complain(complaints, "expect_kind %s never makes a test fail", kind_name(kind));
}

static void check_payload(struct complaints *complaints, const char *field,
			  const struct ktstr_payload *payload)
{
	struct ktstr_error err = {0};

	if (payload_check(payload, &err) < 0)
		complain(complaints, "%s: %s", field, err.msg);
}

static void check_payloads(struct complaints *complaints)
{
	const struct ktstr_test *test = complaints->test;

	if (test->payload)
		check_payload(complaints, "payload", test->payload);
	for (size_t i = 0; test->workloads && test->workloads[i]; i++)
		check_payload(complaints, "workloads", test->workloads[i]);
}

static void check_test(struct complaints *complaints)
{
	const struct ktstr_test *test = complaints->test;
	struct ktstr_error err = {0};
	struct topology topology;

	check_name(complaints, "name", test->name);
	if (!test->body)
		complain(complaints, "body must not be empty");
	check_number(complaints, "memory_mib", test->memory_mib, AUTHOR_MEMORY_MIB_MAX);
	check_number(complaints, "duration_ms", test->duration_ms, AUTHOR_DURATION_MS_MAX);
	check_number(complaints, "workers_per_cgroup", test->workers_per_cgroup, AUTHOR_WORKERS_MAX);
	if (test->timeout_ms > AUTHOR_TIMEOUT_MS_MAX)
		complain(complaints, "timeout_ms must be at most %u, not %u", AUTHOR_TIMEOUT_MS_MAX,
			 test->timeout_ms);
	if (declared_topology(test, &topology, &err) < 0)
		complain(complaints, "%s", err.msg);
	check_checks(complaints, "", &test->checks);
	check_trace_checks(complaints, &test->trace_checks);
	if (test->wprof_args && !test->wprof_args[strspn(test->wprof_args, " \t\n\v\f\r")])
		complain(complaints, "wprof_args must not be empty");
	if (test->wprof && test->host_only)
		complain(complaints, "wprof: it traces guests, and the test is host_only");
	if (test->ctprof && test->host_only)
		complain(complaints, "ctprof: it captures the threads of a guest, and the test is host_only");
	if (test->wprof_args && !test->wprof)
		complain(complaints, "wprof_args: wprof is not switched on");
	if (test->auto_repro > KTSTR_OFF)
		complain(complaints, "auto_repro must be KTSTR_ON or KTSTR_OFF, not %u", test->auto_repro);
	check_expectation(complaints, test->expect_kind);
	check_words(complaints, "include_files", test->include_files);
	check_watchdog(complaints, "watchdog_timeout_ms", test->watchdog_timeout_ms, test->scheduler);
	check_payloads(complaints);
	check_flags_of_test(complaints);
	if (test->scheduler)
		check_scheduler(complaints, test->scheduler);
	else if (test->extra_sched_args)
		complain(complaints, "extra_sched_args: there is no scheduler to give them to");
}

static void check_unique(struct complaints *complaints, const struct registry *before)
{
	const struct ktstr_test *test = complaints->test, *earlier;

	if (!test->name)
		return;
	for (size_t i = 0; i < before->count; i++) {
		earlier = before->at[i];
		if (!earlier->name || strcmp(earlier->name, test->name) != 0)
			continue;
		complain(complaints, "the name is taken by the test at %s:%d",
			 earlier->file ?: "(unknown file)", earlier->line);
		return;
	}
}

size_t registry_problems(const struct registry *registry, struct buf *lines)
{
	struct complaints complaints = {.lines = lines};

	for (size_t i = 0; i < registry->count; i++) {
		struct registry before = {.at = registry->at, .count = i};

		complaints.test = registry->at[i];
		check_test(&complaints);
		check_unique(&complaints, &before);
	}
	return complaints.count;
}
