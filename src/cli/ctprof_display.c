/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/ctprof_display.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

#define WIDTH_LEAST 20
#define WIDTH_MOST 100000
#define OUTPUT_BYTES_MAX (1u << 30)

const char ctprof_group_help[] =
	"  --group-by KEY        pcomm (process names), comm (thread names), comm-exact, cgroup, or all\n"
	"                        three together\n"
	"  --cgroup-flatten GLOB parts of cgroup paths that match become GLOB itself, before grouping;\n"
	"                        may be given again\n"
	"  --no-thread-normalize names that differ in numbers are different groups\n"
	"  --no-cg-normalize     the same for cgroups\n"
	"  --metrics LIST        these alone; `ktstr ctprof metric-list` names them\n"
	"  --sort-by METRIC[:asc|desc],...\n"
	"                        order of groups\n"
	"  --limit N             lines at most (a section's), default 500; 0: all\n"
	"  --width N             as for a terminal of N columns\n";

const char ctprof_table_help[] =
	"  --sections LIST       of primary, taskstats-delay, derived, cgroup-stats, cgroup-limits,\n"
	"                        memory-stat, memory-events, pressure, host-pressure, smaps-rollup,\n"
	"                        sched-ext\n"
	"  --columns LIST        of those in the title line\n"
	"  --wrap                long names go on in the next line instead of being shortened\n"
	"  --format table|json|csv\n"
	"                        json and csv are unscaled, and have rows too that say nothing\n";

const char ctprof_file_help[] =
	"FILE may hold many snapshots (ktstr ctprof record): FILE@N is the Nth, FILE@first, FILE@last.\n";

void ctprof_display_done(struct ctprof_display *display)
{
	ctview_config_done(&display->config);
}

/* --- options ------------------------------------------------------------------------------------------ */

int ctprof_parse_seconds(const char *text, double least, double most, uint64_t *ret_ns, struct ktstr_error *err)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s >= least && s <= most))
		return error_set(err, -EINVAL, "\"%s\" is no number of seconds from %g to %g", text, least, most);
	*ret_ns = (uint64_t)llround(s * (double)NS_PER_S);
	return 0;
}

static int parse_count(const char *text, const char *what, uint64_t least, uint64_t most, size_t *ret_count,
		       struct ktstr_error *err)
{
	uint64_t count;

	if (sv_u64(sv_of(text), most, &count) < 0 || count < least)
		return error_set(err, -EINVAL, "%s is a number from %llu to %llu, not \"%s\"", what,
				 (unsigned long long)least, (unsigned long long)most, text);
	*ret_count = count;
	return 0;
}

static int parse_format(const char *text, enum ctprof_format *ret_format, struct ktstr_error *err)
{
	static const char *const words[] = {"table", "json", "csv"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret_format = (enum ctprof_format)i;
			return 0;
		}
	}
	return error_set(err, -EINVAL, "--format is table, json or csv, not \"%s\"", text);
}

static int add_glob(const char *glob, struct strings *globs, struct ktstr_error *err)
{
	int r = ctview_flatten_check(glob, err);

	if (r == 0)
		strings_push(globs, xstrdup(glob));
	return r;
}

int ctprof_display_option(struct ctprof_display *display, int option, const char *arg, struct ktstr_error *err)
{
	struct ctview_config *config = &display->config;

	switch (option) {
	case CTPROF_OPT_GROUP_BY:
		return ctview_parse_group_by(arg, &config->group_by, err);
	case CTPROF_OPT_FLATTEN:
		return add_glob(arg, &config->flatten, err);
	case CTPROF_OPT_NO_THREAD_NORMALIZE:
		config->no_thread_normalize = true;
		return 0;
	case CTPROF_OPT_NO_CG_NORMALIZE:
		config->no_cg_normalize = true;
		return 0;
	case CTPROF_OPT_SECTIONS:
		return ctview_parse_sections(arg, &config->sections, err);
	case CTPROF_OPT_METRICS:
		return ctview_parse_metrics(arg, &config->metrics, err);
	case CTPROF_OPT_SORT_BY:
		return ctview_parse_sort(arg, &config->sort, err);
	case CTPROF_OPT_LIMIT:
		return parse_count(arg, "--limit", 0, UINT32_MAX, &config->limit, err);
	case CTPROF_OPT_COLUMNS:
		return ctview_parse_columns(arg, &config->columns, err);
	case CTPROF_OPT_WRAP:
		display->wrap = true;
		return 0;
	case CTPROF_OPT_WIDTH:
		return parse_count(arg, "--width", WIDTH_LEAST, WIDTH_MOST, &display->width, err);
	case CTPROF_OPT_FORMAT:
		return parse_format(arg, &display->format, err);
	default:
		return error_set(err, -EINVAL, "an option that it does not have, or one without its value");
	}
}

/* --- files -------------------------------------------------------------------------------------------- */

void ctprof_input_done(struct ctprof_input *input)
{
	ctprof_snapshot_done(&input->first);
	ctprof_snapshot_done(&input->last);
}

/* An index from 0 of `count` snapshots. */
static int parse_index(struct sv word, size_t count, size_t *ret_index, struct ktstr_error *err)
{
	uint64_t number;

	if (sv_eq(word, "first") || sv_eq(word, "last")) {
		*ret_index = sv_eq(word, "last") ? count - 1 : 0;
		return 0;
	}
	if (sv_u64(word, UINT32_MAX, &number) < 0 || number == 0)
		return error_set(err, -EINVAL, "\"%.*s\" is no snapshot's number: they count from 1", SV_ARG(word));
	if (number > count)
		return error_set(err, -ERANGE, "there is no snapshot %llu, but %zu in all", (unsigned long long)number,
				 count);
	*ret_index = number - 1;
	return 0;
}

/* What stands behind the last @ of a name that is no file's. */
static const char *find_pick(const char *spec)
{
	const char *at = strrchr(spec, '@');

	return at && access(spec, F_OK) < 0 ? at : NULL;
}

static int get_pick(const struct ctprof_series *series, const char *pick, struct ctprof_input *input,
		    struct ktstr_error *err)
{
	size_t first, last = series->frames.len - 1;
	const char *dots = pick ? strstr(pick, "..") : NULL;
	int r = 0;

	if (pick)
		r = parse_index(sv_of(dots ? dots + strlen("..") : pick), series->frames.len, &last, err);
	if (r == 0 && dots) {
		r = parse_index(sv_bytes(pick, (size_t)(dots - pick)), series->frames.len, &first, err);
		if (r == 0 && first >= last)
			r = error_set(err, -EINVAL, "%s goes from a snapshot to a later one", pick);
		if (r == 0)
			r = ctprof_series_get(series, first, &input->first, err);
		input->is_range = true;
	}
	return r == 0 ? ctprof_series_get(series, last, &input->last, err) : r;
}

int ctprof_input_open(const char *spec, struct ctprof_input *ret_input, struct ktstr_error *err)
{
	const char *at = find_pick(spec);
	AUTO(free) char *path = at ? xstrndup(spec, (size_t)(at - spec)) : xstrdup(spec);
	AUTO(ctprof_series_done) struct ctprof_series series = {0};
	AUTO(ctprof_input_done) struct ctprof_input input = {0};
	int r = ctprof_series_read(path, &series, err);

	if (r < 0)
		return r;
	r = get_pick(&series, at ? at + 1 : NULL, &input, err);
	if (r < 0)
		return error_wrap(err, r, "%s", path);
	if (series.rest)
		log_warn("ctprof: %s: %zu bytes behind snapshot %zu are no whole snapshot: its recorder was stopped hard",
			 path, series.rest, series.frames.len);
	if (!at && series.frames.len > 1)
		log_info("ctprof: %s: the last of %zu snapshots; %s@1 is the first", path, series.frames.len, path);
	*ret_input = TAKE(input, (struct ctprof_input){0});
	return 0;
}

/* --- output ------------------------------------------------------------------------------------------- */

struct table_look ctprof_display_look(const struct ctprof_display *display)
{
	const char *no_color = getenv("NO_COLOR");
	struct table_look look = {.width = display->width, .wrap = display->wrap};
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return look;
	look.colour = !no_color || !*no_color;
	if (!look.width && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		look.width = size.ws_col > 0 && size.ws_col < WIDTH_LEAST ? WIDTH_LEAST : size.ws_col;
	return look;
}

int ctprof_display_write(const struct buf *text)
{
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	r = fd_write_all(STDOUT_FILENO, buf_text(text), text->len);
	if (r == 0 || r == -EPIPE)
		return 0;
	log_error("write to stdout: %s", strerrordesc_np(-r));
	return EXIT_TROUBLE;
}

bool ctprof_display_parse(const char *command, const char *help_text, int argc, char **argv,
			  struct ctprof_display *display, int *ret_status)
{
	static const struct option options[] = {
		CTPROF_GROUP_OPTIONS, CTPROF_TABLE_OPTIONS, {"help", no_argument, NULL, 'h'}, {0},
	};
	struct ktstr_error err = {0};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h') {
			AUTO(free) char *text = xasprintf("%s%s%s\n%s", help_text, ctprof_group_help, ctprof_table_help,
							  ctprof_file_help);

			*ret_status = cli_help(text);
			return false;
		}
		if (option == ':' || option == '?')
			*ret_status = cli_bad_option(command, option, argv, options);
		else if (ctprof_display_option(display, option, optarg, &err) < 0)
			*ret_status = cli_usage(command, "%s", err.msg);
		else
			continue;
		return false;
	}
	return true;
}

int ctprof_display_print(const struct ctprof_display *display, const struct ctview *view,
			 const struct ctview_origin origin[CTVIEW_SIDES])
{
	AUTO(buf_done) struct buf text = {.max = OUTPUT_BYTES_MAX};
	struct table_look look = ctprof_display_look(display);

	switch (display->format) {
	case CTPROF_FORMAT_TABLE:
		ctview_print_text(view, &display->config, origin, &look, &text);
		break;
	case CTPROF_FORMAT_JSON:
		ctview_print_json(view, &display->config, origin, &text);
		break;
	case CTPROF_FORMAT_CSV:
		ctview_print_csv(view, &display->config, &text);
		break;
	}
	if (text.truncated) {
		log_error("ctprof: that is more than %u MiB of text: take a --limit, --sections or --metrics",
			  OUTPUT_BYTES_MAX >> 20);
		return EXIT_TROUBLE;
	}
	return ctprof_display_write(&text);
}
