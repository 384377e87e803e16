/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_top.c - `ktstr ctprof top`: its words, its samples, and plain frames for programs. */
#include "cli/ctprof_top.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctprof.h"
#include "cli/interrupt.h"

static const char help_text[] =
	"usage: ktstr ctprof top [OPTIONS]\n"
	"\n"
	"What changed on this machine since the last look, group by group, sorted by any metric. Needs\n"
	"no privilege: it shows what /proc shows to you.\n"
	"\n"
	"  --interval S          seconds from 0.1 to 3600; default 1\n"
	"  --filter REGEX        groups whose names match (extended, POSIX)\n"
	"  --heap                jemalloc's counters too: their processes are stopped for a moment each time\n"
	"  --batch               print plain frames, one an interval; for pipes and files\n"
	"  -n N                  end after N frames\n";

static const char keys_text[] =
	"\nKeys: s sort by a metric named, < > by the one before or after, r reverse, g group,\n"
	"/ filter by regular expression, + - interval, p or space pause, arrows and page keys scroll,\n"
	"q quit.\n";

static const char *const columns[] = {
	"run_time_ns",  "wait_time_ns", "voluntary_csw", "nonvoluntary_csw", "nr_migrations",
	"minflt",       "read_bytes",   "write_bytes",   "syscr",            "syscw",
};

#define COLUMNS (sizeof(columns) / sizeof(*columns))

void top_done(struct top *top)
{
	if (top->filter)
		regfree(&top->regex);
	free(top->filter);
	ctprof_snapshot_done(&top->last);
	ctprof_snapshot_done(&top->changes);
	ctview_done(&top->view);
	ctprof_display_done(&top->display);
}

/* --- samples ------------------------------------------------------------------------------------------- */

void top_sample(struct top *top)
{
	struct ctprof_snapshot now = {0};
	uint64_t now_ns = clock_ns();

	ctprof_capture(&top->capture, &now, NULL);
	ctprof_snapshot_done(&top->changes);
	top->has_changes = top->last_ns != 0;
	if (top->has_changes)
		ctview_changes(&top->last, &now, &top->changes);
	top->span_ns = now_ns - top->last_ns;
	top->last_ns = now_ns;
	ctprof_snapshot_done(&top->last);
	top->last = now;
	top_view(top);
}

/* The metric sorted by, then the usual ones. */
static size_t list_metrics(const struct top *top, const char *ret_metrics[COLUMNS + 1])
{
	size_t count = 0;

	ret_metrics[count++] = top->metric;
	for (size_t i = 0; i < COLUMNS; i++)
		if (strcmp(columns[i], top->metric) != 0)
			ret_metrics[count++] = columns[i];
	return count;
}

void top_view(struct top *top)
{
	struct ctview_config config = top->display.config;
	const char *metrics[COLUMNS + 1];
	size_t count = list_metrics(top, metrics);

	ctview_done(&top->view);
	top->view = (struct ctview){0};
	if (!top->has_changes)
		return;
	config.metrics = (struct strings){0};
	config.sort = (struct ctview_sorts){0};
	config.limit = 0;
	for (size_t i = 0; i < count; i++)
		strings_push(&config.metrics, xstrdup(metrics[i]));
	ctview_sorts_push(&config.sort,
			  (struct ctview_sort){.metric = xstrdup(top->metric), .ascending = top->ascending});
	ctview_build(&config, &top->changes, NULL, &top->view);
	strings_done(&config.metrics);
	ctview_sorts_done(&config.sort);
}

/* --- what to show --------------------------------------------------------------------------------------- */

int top_set_filter(struct top *top, const char *expression, struct ktstr_error *err)
{
	regex_t regex;
	int r = expression && *expression ? regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) : 0;
	char why[128];

	if (r != 0) {
		(void)regerror(r, &regex, why, sizeof(why));
		return error_set(err, -EINVAL, "/%s/: %s", expression, why);
	}
	if (top->filter)
		regfree(&top->regex);
	free(top->filter);
	top->filter = NULL;
	if (expression && *expression) {
		top->filter = xstrdup(expression);
		top->regex = regex;
	}
	return 0;
}

static size_t metric_total(void)
{
	return ctprof_metric_count + ctview_derived_count;
}

static const char *metric_name(size_t index)
{
	return index < ctprof_metric_count ? ctprof_metrics[index].name :
					     ctview_deriveds[index - ctprof_metric_count].name;
}

int top_set_metric(struct top *top, const char *name, struct ktstr_error *err)
{
	const char *found = NULL;

	for (size_t i = 0; i < metric_total(); i++) {
		if (strcmp(metric_name(i), name) == 0) {
			found = metric_name(i);
			break;
		}
		if (!found && strncmp(metric_name(i), name, strlen(name)) == 0)
			found = metric_name(i);
	}
	if (!found || !*name)
		return error_set(err, -EINVAL, "no metric of threads begins with \"%s\"", name);
	top->metric = found;
	return 0;
}

void top_step_metric(struct top *top, int step)
{
	size_t total = metric_total(), at = 0;

	while (strcmp(metric_name(at), top->metric) != 0)
		at++;
	top->metric = metric_name((at + total + (size_t)step) % total);
}

void top_step_group(struct top *top)
{
	enum ctview_group_by next = top->display.config.group_by + 1;

	top->display.config.group_by = ctview_group_by_name[next] ? next : 0;
}

/* --- a frame -------------------------------------------------------------------------------------------- */

static void put_line(const struct buf *text, const struct table_look *look, struct buf *out)
{
	text_shorten(buf_text(text), look->width ?: text->len, out);
	buf_char(out, '\n');
}

static void put_status(const struct top *top, const char *note, const struct table_look *look, struct buf *out)
{
	AUTO(buf_done) struct buf line = {0};
	time_t s = (time_t)(top->last.captured_at_unix_ns / NS_PER_S);
	char when[16] = "";
	struct tm tm;

	if (localtime_r(&s, &tm))
		(void)strftime(when, sizeof(when), "%H:%M:%S", &tm);
	buf_printf(&line, "%s  %zu threads  every %g s  by %s  sorted by %s%s", when, top->last.threads.len,
		   (double)top->interval_ns / (double)NS_PER_S,
		   ctview_group_by_name[top->display.config.group_by], top->metric,
		   top->ascending ? ", least first" : "");
	if (top->filter) {
		AUTO(free) char *filter = text_clean(sv_of(top->filter), 256);

		buf_printf(&line, "  /%s/", filter);
	}
	if (note)
		buf_printf(&line, "  [%s]", note);
	put_line(&line, look, out);
}

/* How much was done by all, in how long. */
static void put_totals(const struct top *top, const struct table_look *look, struct buf *out)
{
	AUTO(buf_done) struct buf line = {0};
	int64_t run_ns = 0, wait_ns = 0;

	vec_each(thread, &top->changes.threads) {
		run_ns = ctview_add(run_ns, thread->run_time_ns);
		wait_ns = ctview_add(wait_ns, thread->wait_time_ns);
	}
	buf_str(&line, "in ");
	ctview_number_format((double)top->span_ns, CTVIEW_UNIT_NS, false, &line);
	buf_str(&line, ": ran ");
	ctview_number_format((double)run_ns, CTVIEW_UNIT_NS, false, &line);
	buf_str(&line, ", waited for a CPU ");
	ctview_number_format((double)wait_ns, CTVIEW_UNIT_NS, false, &line);
	buf_printf(&line, "; pressure of the last 10 s: cpu %.2f%%, memory %.2f%%, io %.2f%%",
		   (double)top->last.psi.resource[CTPROF_PSI_CPU].some.avg10 / 100,
		   (double)top->last.psi.resource[CTPROF_PSI_MEMORY].some.avg10 / 100,
		   (double)top->last.psi.resource[CTPROF_PSI_IO].some.avg10 / 100);
	put_line(&line, look, out);
}

size_t top_print(const struct top *top, const struct table_look *look, size_t skip, size_t lines, const char *note,
		 struct buf *out)
{
	const char *metrics[COLUMNS + 1];
	struct ctview_frame frame = {
		.metrics = metrics, .filter = top->filter ? &top->regex : NULL, .skip = skip,
	};

	put_status(top, note, look, out);
	if (!top->has_changes) {
		buf_str(out, "the first look: changes come with the next\n");
		return 0;
	}
	put_totals(top, look, out);
	frame.metric_count = list_metrics(top, metrics);
	/* status, totals, titles */
	frame.lines = lines > 3 ? lines - 3 : 0;
	return ctview_print_frame(&top->view, &frame, look, out);
}

/* --- plain frames --------------------------------------------------------------------------------------- */

static int batch(struct top *top, size_t frames)
{
	struct table_look look = ctprof_display_look(&top->display);
	struct ktstr_error err = {0};
	int interrupt_fd = interrupt_catch(&err);
	size_t limit = top->display.config.limit ?: SIZE_MAX - 3;

	if (interrupt_fd < 0) {
		log_error("ctprof top: %s", err.msg);
		return EXIT_TROUBLE;
	}
	top_sample(top);
	for (size_t i = 0; frames == 0 || i < frames; i++) {
		struct deadline next = {.at_ns = top->last_ns + top->interval_ns};
		struct pollfd wait = {.fd = interrupt_fd, .events = POLLIN};
		AUTO(buf_done) struct buf text = {0};
		int status;

		while (!interrupt_came() && !deadline_passed(next))
			(void)poll(&wait, 1, deadline_poll_ms(next));
		if (interrupt_came())
			return EXIT_INTERRUPTED;
		top_sample(top);
		if (i > 0)
			buf_char(&text, '\n');
		top_print(top, &look, 0, limit + 3, NULL, &text);
		status = ctprof_display_write(&text);
		if (status)
			return status;
	}
	return 0;
}

/* --- words ---------------------------------------------------------------------------------------------- */

static int take_option(struct top *top, int option, const char *arg, struct ktstr_error *err)
{
	switch (option) {
	case 'i':
		if (ctprof_parse_seconds(arg, 0.1, 3600, &top->interval_ns, err) < 0)
			return error_wrap(err, err->code, "--interval");
		return 0;
	case 'f':
		return top_set_filter(top, arg, err);
	case 'p':
		top->capture.no_heap = false;
		return 0;
	default:
		return ctprof_display_option(&top->display, option, arg, err);
	}
}

/* --sort-by of top is one metric, of threads. */
static int take_sort(struct top *top, struct ktstr_error *err)
{
	const struct ctview_sorts *sort = &top->display.config.sort;

	if (top->display.config.metrics.len > 0)
		return error_set(err, -EINVAL, "--metrics is for show and compare; top shows the usual ones");
	if (sort->len == 0)
		return 0;
	if (sort->len > 1)
		return error_set(err, -EINVAL, "--sort-by: one metric, please");
	top->ascending = sort->at[0].ascending;
	return top_set_metric(top, sort->at[0].metric, err);
}

static int start(struct top *top, bool as_batch, uint64_t frames)
{
	const char *type = getenv("TERM");

	if (as_batch)
		return batch(top, frames);
	if (frames)
		return cli_usage("ctprof top", "-n goes with --batch");
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return cli_usage("ctprof top", "a live view needs a terminal; --batch -n N prints plain frames");
	if (!type || !*type || strcmp(type, "dumb") == 0)
		return cli_usage("ctprof top", "TERM says that this terminal cannot be painted on; "
					       "--batch -n N prints plain frames");
	return top_live(top);
}

int cli_ctprof_top(int argc, char **argv)
{
	static const struct option options[] = {
		CTPROF_GROUP_OPTIONS,
		{"interval", required_argument, NULL, 'i'},
		{"filter", required_argument, NULL, 'f'},
		{"heap", no_argument, NULL, 'p'},
		{"batch", no_argument, NULL, 'b'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	AUTO(top_done) struct top top = {
		.display.config = {.group_by = CTVIEW_BY_PCOMM, .limit = CTVIEW_LIMIT, .keep_silent = true},
		.capture.no_heap = true, .interval_ns = NS_PER_S, .metric = "run_time_ns",
	};
	struct ktstr_error err = {0};
	bool as_batch = false;
	uint64_t frames = 0;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":n:h", options, NULL)) != -1) {
		if (option == 'h') {
			AUTO(free) char *text = xasprintf("%s%s%s", help_text, ctprof_group_help, keys_text);

			return cli_help(text);
		}
		if (option == ':' || option == '?')
			return cli_bad_option("ctprof top", option, argv, options);
		if (option == 'b')
			as_batch = true;
		else if (option == 'n' && (sv_u64(sv_of(optarg), UINT32_MAX, &frames) < 0 || frames == 0))
			return cli_usage("ctprof top", "-n is a number from 1, not \"%s\"", optarg);
		else if (option != 'n' && take_option(&top, option, optarg, &err) < 0)
			return cli_usage("ctprof top", "%s", err.msg);
	}
	if (optind < argc)
		return cli_usage("ctprof top", "what is \"%s\"?", argv[optind]);
	if (take_sort(&top, &err) < 0)
		return cli_usage("ctprof top", "%s", err.msg);
	return start(&top, as_batch, frames);
}
