/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof_top.h - what `ktstr ctprof top` looks at, and the part of it that keys change. */
#ifndef CLI_CTPROF_TOP_H
#define CLI_CTPROF_TOP_H

#include <regex.h>

#include "cli/ctprof_display.h"

struct top {
	struct ctprof_display display;
	struct ctprof_capture_config capture;
	uint64_t interval_ns;
	const char *metric;                         /* sorted by; of a registry */
	bool ascending;
	char *filter;                               /* extended regular expression; NULL: none */
	regex_t regex;

	struct ctprof_snapshot last, changes;       /* changes: what happened up to `last` */
	uint64_t last_ns, span_ns;                  /* when it was taken, and since when */
	bool has_changes;
	struct ctview view;
};
void top_done(struct top *top);
DEFINE_AUTO_DONE(struct top, top_done)

/* Take a snapshot; what happened since the one before it is shown from then on. */
void top_sample(struct top *top);
/* Make the view again: after a sample, and when what to show has changed. */
void top_view(struct top *top);

/* NULL or "": none. -EINVAL with words, and the old one stays. */
int top_set_filter(struct top *top, const char *expression, struct ktstr_error *err);
int top_set_metric(struct top *top, const char *name, struct ktstr_error *err);         /* may be begun only */
void top_step_metric(struct top *top, int step);
void top_step_group(struct top *top);

/* Title lines, then groups: `lines` in all at most. Returns how many groups there are. */
size_t top_print(const struct top *top, const struct table_look *look, size_t skip, size_t lines,
		 const char *note, struct buf *out);

/* The live view, until the user leaves; the exit status. */
int top_live(struct top *top);

#endif
