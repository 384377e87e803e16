/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "store/db.h"

void stored_run_done(struct stored_run *run)
{
	free(run->id);
	free(run->arch);
}

static struct stored_run *run_of(struct stored_runs *runs, const char *id)
{
	struct stored_run *last = runs->len ? &runs->at[runs->len - 1] : NULL;

	if (last && strcmp(last->id, id) == 0)
		return last;
	return stored_runs_push(runs, (struct stored_run){.id = xstrdup(id)});
}

/* The runs in the order of their first tests, the newest first. */
#define NEWEST_RUN_FIRST                                                                           \
	" JOIN (SELECT run_id AS run, min(started_unix_ns) AS began FROM results GROUP BY run_id)"      \
	" ON run_id IS run ORDER BY began DESC, run_id DESC"

int run_store_list_runs(struct run_store *store, struct stored_runs *ret_runs, struct ktstr_error *err)
{
	AUTO(stored_runs_done) struct stored_runs runs = {0};
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, "SELECT run_id, state, arch, began FROM results" NEWEST_RUN_FIRST,
			   &statement, err);

	while (r == 0 && (r = db_step(store, statement, err)) == 1) {
		struct stored_run *run = run_of(&runs, db_text(statement, 0));
		enum ktstr_state state = KTSTR_ERROR;

		(void)state_parse(sv_of(db_text(statement, 1)), &state);        /* checked when indexed */
		run->tests++;
		run->count[state]++;
		run->started_unix_ns = (uint64_t)sqlite3_column_int64(statement, 3);
		if (!run->arch && sqlite3_column_type(statement, 2) != SQLITE_NULL)
			run->arch = xstrdup(db_text(statement, 2));
		r = 0;
	}
	if (r == 0)
		*ret_runs = TAKE(runs, (struct stored_runs){0});
	return r;
}

int run_store_list_results(struct run_store *store, const char *run_id, struct strings *ret_dirs,
		       struct ktstr_error *err)
{
	AUTO(strings_done) struct strings dirs = {0};
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, "SELECT path FROM results WHERE run_id = ? ORDER BY path", &statement,
			   err);

	if (r == 0)
		(void)sqlite3_bind_text(statement, 1, run_id, -1, SQLITE_TRANSIENT);
	while (r == 0 && (r = db_step(store, statement, err)) == 1) {
		strings_push(&dirs, xasprintf("%s/%s", store->dir, db_text(statement, 0)));
		r = 0;
	}
	if (r < 0)
		return r;
	if (dirs.len == 0)
		return error_set(err, -ENOENT, "there is no run \"%s\" in %s (ktstr stats list)", run_id,
				 store->dir);
	*ret_dirs = TAKE(dirs, (struct strings){0});
	return 0;
}

static int read_metrics(struct run_store *store, sqlite3_stmt *metrics, int64_t result,
			struct metric_values *values, struct ktstr_error *err)
{
	int r;

	(void)sqlite3_reset(metrics);
	(void)sqlite3_bind_int64(metrics, 1, result);
	while ((r = db_step(store, metrics, err)) == 1) {
		int metric = metric_find(sv_of(db_text(metrics, 0)));

		if (metric < 0)
			continue;
		values->known[metric] = true;
		values->value[metric] = sqlite3_column_double(metrics, 1);
	}
	return r;
}

int run_store_list_rows(struct run_store *store, struct rows *ret_rows, struct ktstr_error *err)
{
	AUTO(rows_done) struct rows rows = {0};
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	AUTO(sqlite3_finalize) sqlite3_stmt *metrics = NULL;
	/* the dimensions in the order of enum dimension */
	int r = db_prepare(store, "SELECT kernel_version, scheduler, topology, work_type, project_commit,"
				  " kernel_commit, run_source, active_flags, mode, run_id, test_name, passed,"
				  " skipped, id FROM results" NEWEST_RUN_FIRST ", path", &statement, err);

	if (r == 0)
		r = db_prepare(store, "SELECT name, value FROM metrics WHERE result = ?", &metrics, err);
	while (r == 0 && (r = db_step(store, statement, err)) == 1) {
		struct row *row = rows_push(&rows, (struct row){
			.test = xstrdup(db_text(statement, DIM_COUNT)),
			.passed = sqlite3_column_int(statement, DIM_COUNT + 1),
			.skipped = sqlite3_column_int(statement, DIM_COUNT + 2),
		});

		for (int i = 0; i < DIM_COUNT; i++)
			row->value[i] = xstrdup(db_text(statement, i));
		r = read_metrics(store, metrics, sqlite3_column_int64(statement, DIM_COUNT + 3),
				 &row->metrics, err);
	}
	if (r == 0)
		*ret_rows = TAKE(rows, (struct rows){0});
	return r;
}
