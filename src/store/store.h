/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - runs.sqlite in the directory of results: a row a record, for finding and filtering. It is
 * an index and no more. The result.json files are the truth; whatever is wrong with the store,
 * run_store_sync() makes it what they say. People may read it with SQL: docs/stats.md has its tables.
 *
 * Several processes may have it open (WAL, a busy timeout); in one process a store is used by one
 * thread at a time. A write is not synced to disk before it returns: a machine that loses its power
 * loses rows, which run_store_sync() brings back.
 *
 * A file that is damaged, or no store at all, is never written to and never removed: it is renamed to
 * runs.sqlite.damaged-<time>, a line says so, and a new one is begun.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <jansson.h>

#include "base/base.h"
#include "stats/stats.h"
#include "verdict/verdict.h"

/* user_version of the file. An older one is begun anew: its rows are in the files. */
#define STORE_VERSION 1
#define STORE_APPLICATION_ID 0x6b747374        /* "ktst" */

struct run_store;

/*
 * The store of a directory of results, which must exist. check: look whether the whole file is sound,
 * which takes time that grows with it; without, damage is found when it is met. -EPROTONOSUPPORT: a
 * later ktstr wrote it, and it stays as it is.
 */
int run_store_open(const char *runs_dir, bool check, struct run_store **ret_store, struct ktstr_error *err);

/*
 * The results of a directory that is not to be written to: the store is in memory, and empty until
 * run_store_sync(). source: what all of them have as their run source (borrowed); NULL: what they say.
 */
int run_store_open_memory(const char *dir, const char *source, struct run_store **ret_store,
			  struct ktstr_error *err);

void run_store_free(struct run_store *store);        /* NULL is fine */
DEFINE_AUTO(struct run_store *, run_store_free)

/* Index the record that was saved in dir, which is below the directory of results. */
int run_store_add(struct run_store *store, const json_t *record, const char *dir, struct ktstr_error *err);

struct run_store_sync_report {
	size_t added, forgotten;
	size_t unreadable;           /* result.json files that are none */
	char *why;                   /* of one of them */
};
void run_store_sync_report_done(struct run_store_sync_report *report);
DEFINE_AUTO_DONE(struct run_store_sync_report, run_store_sync_report_done)

/*
 * Index what is there and not known, or changed; forget what is gone. A test that is running is left
 * out: it has only the record that result_save_begun() made.
 */
int run_store_sync(struct run_store *store, struct run_store_sync_report *ret_report, struct ktstr_error *err);

/* --- query.c ---------------------------------------------------------------------------------------- */

struct stored_run {
	char *id, *arch;
	uint64_t started_unix_ns;
	size_t tests;
	size_t count[KTSTR_ERROR + 1];        /* by state */
};
void stored_run_done(struct stored_run *run);
DEFINE_VEC(stored_runs, struct stored_run, stored_run_done)

/* Newest first. */
int run_store_list_runs(struct run_store *store, struct stored_runs *ret_runs, struct ktstr_error *err);

/* Directories of the records of a run, in the order of its tests; -ENOENT names a run that is none. */
int run_store_list_results(struct run_store *store, const char *run_id, struct strings *ret_dirs,
		       struct ktstr_error *err);

/* All records, newest run first, as comparing sees them. */
int run_store_list_rows(struct run_store *store, struct rows *ret_rows, struct ktstr_error *err);

#endif
