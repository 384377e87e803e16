/* SPDX-License-Identifier: BSD-2-Clause */
/* stats.h - what the files of `ktstr stats` share. Functions return the exit status. */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include "store/store.h"

struct stats_options {
	const char *dir;        /* an archive; NULL: the directory of results */
	const char *run;        /* --run */
	bool json;
};

/* Open the store and bring it up to date. 0, or the exit status after a message. */
int stats_open(const struct stats_options *options, struct run_store **ret_store);

/* Log what went wrong; the exit status. */
int stats_trouble(const struct ktstr_error *err);

/* Print on stdout; 0, or the exit status when it is full. */
int stats_print(const struct buf *text);

/* A table whose columns are as wide as their widest cells, two spaces apart. */
struct table {
	struct strings cells;
	size_t columns;
};
void table_add(struct table *table, char *cell);        /* takes it */
void table_format(const struct table *table, struct buf *out);
static inline void table_done(struct table *table)
{
	strings_done(&table->cells);
}
DEFINE_AUTO_DONE(struct table, table_done)

/* --- stats_show.c: `word` is a run, a result's path or directory, or NULL for the newest run --------- */

int stats_summary(const struct stats_options *options);
int stats_show(const struct stats_options *options, const char *word);
int stats_show_host(const struct stats_options *options, const char *word);
int stats_explain(const struct stats_options *options, const char *word);

/* --- stats_compare.c -------------------------------------------------------------------------------- */

int stats_compare(int argc, char **argv);

#endif
