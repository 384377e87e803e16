/* SPDX-License-Identifier: BSD-2-Clause */
/* add.c - a record as a row. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "outcome/record.h"
#include "store/db.h"

/* Columns that are a record's own text under the same name. */
static const char *const texts[] = {
	"run_id",     "test_name",      "kernel_version", "scheduler", "topology",       "work_type",
	"project_commit", "kernel_commit", "run_source",  "mode",      "seed",           "kernel_release",
	"timestamp",  "outcome_digest", NULL,
};

static void bind(sqlite3_stmt *statement, const char *column, const char *text)
{
	AUTO(free) char *name = xasprintf(":%s", column);

	/* what is not bound is NULL */
	if (text)
		(void)sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, name), text, -1,
					SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *statement, const char *column, int64_t number)
{
	AUTO(free) char *name = xasprintf(":%s", column);

	(void)sqlite3_bind_int64(statement, sqlite3_bind_parameter_index(statement, name), number);
}

static void bind_record(const struct run_store *store, sqlite3_stmt *statement, const json_t *record)
{
	const json_t *run = json_object_get(record, "run");
	AUTO(free) char *flags = dimension_value(record, DIM_FLAGS);

	for (const char *const *text = texts; *text; text++)
		bind(statement, *text, record_text(record, *text));
	if (store->source)
		bind(statement, "run_source", store->source);
	bind(statement, "state", record_state(record));
	bind(statement, "active_flags", flags);
	bind(statement, "arch", record_text(json_object_get(record, "host"), "arch"));
	bind_number(statement, "passed", json_is_true(json_object_get(record, "passed")));
	bind_number(statement, "skipped", json_is_true(json_object_get(record, "skipped")));
	bind_number(statement, "cut_short", json_is_true(json_object_get(run, "cut_short")));
	bind_number(statement, "started_unix_ns", (int64_t)record_number(run, "started_unix_ns"));
	bind_number(statement, "host_ns", (int64_t)record_number(run, "host_ns"));
}

static int put_metrics(struct run_store *store, int64_t result, const json_t *record,
		       struct ktstr_error *err)
{
	struct metric_values values = metric_values_of(record);
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, "INSERT INTO metrics VALUES(?, ?, ?)", &statement, err);

	for (int i = 0; r == 0 && i < METRIC_COUNT; i++) {
		if (!values.known[i])
			continue;
		(void)sqlite3_bind_int64(statement, 1, result);
		(void)sqlite3_bind_text(statement, 2, metric_registry[i].name, -1, SQLITE_STATIC);
		(void)sqlite3_bind_double(statement, 3, values.value[i]);
		r = db_step(store, statement, err);
		(void)sqlite3_reset(statement);
	}
	return r;
}

int run_store_drop(struct run_store *store, const char *name, struct ktstr_error *err)
{
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, "DELETE FROM results WHERE path = ?", &statement, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
	return db_step(store, statement, err);
}

int run_store_put(struct run_store *store, const json_t *record, const char *name, struct ktstr_error *err)
{
	AUTO(free) char *file = xasprintf("%s/%s/result.json", store->dir, name);
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	struct stat st;
	int r = run_store_drop(store, name, err);

	if (r < 0)
		return r;
	if (stat(file, &st) < 0)
		return error_sys(err, "look at %s", file);
	r = db_prepare(store,
		       "INSERT INTO results(path, size, mtime_ns, run_id, test_name, state, passed, skipped,"
		       " cut_short, kernel_version, scheduler, topology, work_type, project_commit,"
		       " kernel_commit, run_source, active_flags, mode, seed, kernel_release, arch, timestamp,"
		       " started_unix_ns, host_ns, outcome_digest) VALUES(:path, :size, :mtime_ns, :run_id,"
		       " :test_name, :state, :passed, :skipped, :cut_short, :kernel_version, :scheduler,"
		       " :topology, :work_type, :project_commit, :kernel_commit, :run_source, :active_flags,"
		       " :mode, :seed, :kernel_release, :arch, :timestamp, :started_unix_ns, :host_ns,"
		       " :outcome_digest)", &statement, err);
	if (r < 0)
		return r;
	bind(statement, "path", name);
	bind_number(statement, "size", st.st_size);
	bind_number(statement, "mtime_ns",
		    (int64_t)st.st_mtim.tv_sec * (int64_t)NS_PER_S + st.st_mtim.tv_nsec);
	bind_record(store, statement, record);
	r = db_step(store, statement, err);
	return r < 0 ? r : put_metrics(store, sqlite3_last_insert_rowid(store->db), record, err);
}

static int add(struct run_store *store, const json_t *record, const char *name, struct ktstr_error *err)
{
	int r = db_exec(store, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	r = run_store_put(store, record, name, err);
	if (r == 0)
		r = db_exec(store, "COMMIT", err);
	if (r < 0)
		(void)db_exec(store, "ROLLBACK", NULL);        /* the first error is the one to tell */
	return r;
}

int run_store_add(struct run_store *store, const json_t *record, const char *dir, struct ktstr_error *err)
{
	size_t prefix = strlen(store->dir);
	struct ktstr_error why = {0};
	const char *name;
	int r;

	if (strncmp(dir, store->dir, prefix) != 0 || dir[prefix] != '/')
		return error_set(err, -EINVAL, "%s is not below %s", dir, store->dir);
	name = dir + prefix + strspn(dir + prefix, "/");
	r = add(store, record, name, &why);
	if (r == -EUCLEAN && store->path && run_store_renew(store, why.msg, err) == 0)
		r = add(store, record, name, &why);
	return r < 0 ? error_set(err, r, "%s", why.msg) : 0;
}
