/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_display.h - what show, compare and top have in common: options, files, output. */
#ifndef CLI_CTPROF_DISPLAY_H
#define CLI_CTPROF_DISPLAY_H

#include <getopt.h>

#include "ctview/ctview.h"

enum ctprof_format { CTPROF_FORMAT_TABLE, CTPROF_FORMAT_JSON, CTPROF_FORMAT_CSV };

struct ctprof_display {
	struct ctview_config config;
	enum ctprof_format format;
	bool wrap;
	size_t width;                       /* 0: the terminal's, or any */
};
void ctprof_display_done(struct ctprof_display *display);
DEFINE_AUTO_DONE(struct ctprof_display, ctprof_display_done)

/* Entries of a getopt_long() table, with values above every letter. */
enum {
	CTPROF_OPT_GROUP_BY = 256,
	CTPROF_OPT_FLATTEN,
	CTPROF_OPT_NO_THREAD_NORMALIZE,
	CTPROF_OPT_NO_CG_NORMALIZE,
	CTPROF_OPT_SECTIONS,
	CTPROF_OPT_METRICS,
	CTPROF_OPT_SORT_BY,
	CTPROF_OPT_LIMIT,
	CTPROF_OPT_COLUMNS,
	CTPROF_OPT_WRAP,
	CTPROF_OPT_WIDTH,
	CTPROF_OPT_FORMAT,
};

#define CTPROF_GROUP_OPTIONS                                                                       \
	{"group-by", required_argument, NULL, CTPROF_OPT_GROUP_BY},                                \
	{"cgroup-flatten", required_argument, NULL, CTPROF_OPT_FLATTEN},                           \
	{"no-thread-normalize", no_argument, NULL, CTPROF_OPT_NO_THREAD_NORMALIZE},                \
	{"no-cg-normalize", no_argument, NULL, CTPROF_OPT_NO_CG_NORMALIZE},                        \
	{"metrics", required_argument, NULL, CTPROF_OPT_METRICS},                                  \
	{"sort-by", required_argument, NULL, CTPROF_OPT_SORT_BY},                                  \
	{"limit", required_argument, NULL, CTPROF_OPT_LIMIT},                                      \
	{"width", required_argument, NULL, CTPROF_OPT_WIDTH}

#define CTPROF_TABLE_OPTIONS                                                                       \
	{"sections", required_argument, NULL, CTPROF_OPT_SECTIONS},                                \
	{"columns", required_argument, NULL, CTPROF_OPT_COLUMNS},                                  \
	{"wrap", no_argument, NULL, CTPROF_OPT_WRAP},                                              \
	{"format", required_argument, NULL, CTPROF_OPT_FORMAT}

extern const char ctprof_group_help[], ctprof_table_help[], ctprof_file_help[];

/* One of these options; -EINVAL with words, also for any other. */
int ctprof_display_option(struct ctprof_display *display, int option, const char *arg, struct ktstr_error *err);

/*
 * All words of show and compare but the files, which begin at optind. False: the command ends here, with
 * *ret_status, after its help or after wrong words. `command` as in "ctprof show".
 */
bool ctprof_display_parse(const char *command, const char *help_text, int argc, char **argv,
			  struct ctprof_display *display, int *ret_status);

/*
 * "FILE", "FILE@N", "FILE@N..M" with N and M from 1, or "first" and "last". FILE alone is its last
 * snapshot. A file whose name is all of that is taken as it is.
 */
struct ctprof_input {
	bool is_range;
	struct ctprof_snapshot first;               /* of a range */
	struct ctprof_snapshot last;                /* the one, or the range's last */
};
void ctprof_input_done(struct ctprof_input *input);
DEFINE_AUTO_DONE(struct ctprof_input, ctprof_input_done)
int ctprof_input_open(const char *spec, struct ctprof_input *ret_input, struct ktstr_error *err);

/* Of stdout: its width if it is a terminal, colours if NO_COLOR is not set either. */
struct table_look ctprof_display_look(const struct ctprof_display *display);

/* Prints a view in the format asked for; the exit status. */
int ctprof_display_print(const struct ctprof_display *display, const struct ctview *view,
			 const struct ctview_origin origin[CTVIEW_SIDES]);

/* Text to stdout; a reader that left (a pager) is no error. The exit status. */
int ctprof_display_write(const struct buf *text);

/* "0.5": -EINVAL with words outside least..most. */
int ctprof_parse_seconds(const char *text, double least, double most, uint64_t *ret_ns, struct ktstr_error *err);

#endif
