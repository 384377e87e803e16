/* SPDX-License-Identifier: BSD-2-Clause */
/* sync.c - from the files to the index. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outcome/record.h"
#include "store/db.h"

static void dir_close(DIR *dir)
{
	if (dir)
		closedir(dir);
}
DEFINE_AUTO(DIR *, dir_close)

/* What the index knows of a record's file. */
struct known {
	char *path;
	int64_t size, mtime_ns;
	bool seen;
};

static void known_done(struct known *known)
{
	free(known->path);
}
DEFINE_VEC(knowns, struct known, known_done)

struct sync {
	struct run_store *store;
	struct knowns known;        /* sorted by path */
	struct run_store_sync_report *report;
};

void run_store_sync_report_done(struct run_store_sync_report *report)
{
	free(report->why);
	*report = (struct run_store_sync_report){0};
}

static int read_known(struct run_store *store, struct knowns *known, struct ktstr_error *err)
{
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, "SELECT path, size, mtime_ns FROM results ORDER BY path", &statement,
			   err);

	while (r == 0 && (r = db_step(store, statement, err)) == 1) {
		knowns_push(known, (struct known){.path = xstrdup(db_text(statement, 0)),
						  .size = sqlite3_column_int64(statement, 1),
						  .mtime_ns = sqlite3_column_int64(statement, 2)});
		r = 0;
	}
	return r;
}

static int compare_known(const void *path, const void *known)
{
	return strcmp(path, ((const struct known *)known)->path);
}

/* Whether the file of this record is the one that was indexed. */
static bool is_known(struct sync *sync, const char *name, const struct stat *st)
{
	struct known *known = sync->known.len ? bsearch(name, sync->known.at, sync->known.len,
							sizeof(*known), compare_known)
					      : NULL;

	if (!known)
		return false;
	known->seen = true;
	return known->size == st->st_size &&
	       known->mtime_ns == (int64_t)st->st_mtim.tv_sec * (int64_t)NS_PER_S + st->st_mtim.tv_nsec;
}

/* A run in progress holds its lock. Asked only of a test that has begun, so nobody is about to take it. */
static bool is_running(const struct run_store *store, const char *run)
{
	AUTO(free) char *path = xasprintf("%s/%s/lock", store->dir, run);
	AUTO(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int sync_record(struct sync *sync, const char *run, const char *name, struct ktstr_error *err)
{
	struct run_store *store = sync->store;
	AUTO(free) char *dir = xasprintf("%s/%s", store->dir, name);
	AUTO(free) char *file = xasprintf("%s/result.json", dir);
	struct ktstr_error why = {0};
	json_t *record = NULL;
	struct stat st;
	int r = 0;

	if (stat(file, &st) < 0 || is_known(sync, name, &st))
		return 0;
	if (record_load(file, &record, &why) < 0) {
		sync->report->unreadable++;
		if (!sync->report->why)
			sync->report->why = xstrdup(why.msg);
		return 0;
	}
	if (!json_is_true(json_object_get(json_object_get(record, "run"), "cut_short")) ||
	    !is_running(store, run)) {
		r = run_store_put(store, record, name, err);
		sync->report->added += r == 0;
	}
	json_decref(record);
	return r;
}

/* A run is a transaction: short enough for others to wait. */
static int sync_run(struct sync *sync, const char *run, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/%s", sync->store->dir, run);
	AUTO(dir_close) DIR *dir = opendir(path);
	struct dirent *entry;
	int r = dir ? db_exec(sync->store, "BEGIN IMMEDIATE", err) : 0;

	if (!dir || r < 0)
		return r;
	while (r == 0 && (entry = readdir(dir))) {
		AUTO(free) char *name = xasprintf("%s/%s", run, entry->d_name);

		if (entry->d_name[0] != '.')
			r = sync_record(sync, run, name, err);
	}
	if (r == 0)
		r = db_exec(sync->store, "COMMIT", err);
	if (r < 0)
		(void)db_exec(sync->store, "ROLLBACK", NULL);        /* the first error is the one to tell */
	return r;
}

static int forget_unseen(struct sync *sync, struct ktstr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sync->known.len; i++) {
		if (sync->known.at[i].seen)
			continue;
		r = run_store_drop(sync->store, sync->known.at[i].path, err);
		sync->report->forgotten += r == 0;
	}
	return r;
}

static int sync_all(struct run_store *store, struct run_store_sync_report *report, struct ktstr_error *err)
{
	AUTO(dir_close) DIR *dir = opendir(store->dir);
	AUTO(knowns_done) struct knowns known = {0};
	struct sync sync = {.store = store, .report = report};
	struct dirent *entry;
	int r = dir ? read_known(store, &known, err) : error_sys(err, "open %s", store->dir);

	sync.known = known;
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')        /* ids begin with a date */
			r = sync_run(&sync, entry->d_name, err);
	return r < 0 ? r : forget_unseen(&sync, err);
}

int run_store_sync(struct run_store *store, struct run_store_sync_report *ret_report, struct ktstr_error *err)
{
	AUTO(run_store_sync_report_done) struct run_store_sync_report report = {0};
	struct ktstr_error why = {0};
	int r = sync_all(store, &report, &why);

	if (r == -EUCLEAN && store->path && run_store_renew(store, why.msg, err) == 0) {
		run_store_sync_report_done(&report);
		r = sync_all(store, &report, &why);
	}
	if (r < 0)
		return error_set(err, r, "%s", why.msg);
	*ret_report = TAKE(report, (struct run_store_sync_report){0});
	return 0;
}
