/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "store/db.h"

#define STRING_OF(number) STRING_OF_(number)
#define STRING_OF_(number) #number
#define BUSY_MS 2000                      /* another process writes for less than a millisecond */
#define LOCK_WAIT_NS (10 * NS_PER_S)      /* renaming a damaged store takes as long as looking at it */

static const char schema[] =
	"CREATE TABLE results("
	" id INTEGER PRIMARY KEY,"
	" path TEXT NOT NULL UNIQUE,"        /* of the record's directory, below that of the store */
	" size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"        /* of its result.json */
	" run_id TEXT, test_name TEXT NOT NULL, state TEXT NOT NULL, passed INTEGER NOT NULL,"
	" skipped INTEGER NOT NULL, cut_short INTEGER NOT NULL, kernel_version TEXT, scheduler TEXT,"
	" topology TEXT, work_type TEXT, project_commit TEXT, kernel_commit TEXT, run_source TEXT,"
	" active_flags TEXT, mode TEXT, seed TEXT, kernel_release TEXT, arch TEXT, timestamp TEXT,"
	" started_unix_ns INTEGER NOT NULL, host_ns INTEGER NOT NULL, outcome_digest TEXT);"
	"CREATE INDEX results_by_run ON results(run_id);"
	"CREATE TABLE metrics("
	" result INTEGER NOT NULL REFERENCES results ON DELETE CASCADE,"
	" name TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY(result, name)) WITHOUT ROWID;"
	"PRAGMA application_id = " STRING_OF(STORE_APPLICATION_ID) ";"
	"PRAGMA user_version = " STRING_OF(STORE_VERSION) ";";

/* --- what a file is ---------------------------------------------------------------------------------- */

static int read_number(struct run_store *store, const char *sql, int64_t *ret_number,
		       struct ktstr_error *err)
{
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, sql, &statement, err);

	if (r == 0)
		r = db_step(store, statement, err);
	if (r < 0)
		return r;
	*ret_number = r ? sqlite3_column_int64(statement, 0) : 0;
	return 0;
}

enum file_kind { FILE_EMPTY, FILE_OLDER, FILE_OURS };

static int identify(struct run_store *store, enum file_kind *ret_kind, struct ktstr_error *err)
{
	int64_t application = 0, version = 0, tables = 0;
	int r = read_number(store, "PRAGMA application_id", &application, err);

	if (r == 0)
		r = read_number(store, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = read_number(store, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (r < 0)
		return r;
	*ret_kind = FILE_EMPTY;
	if (application == 0 && tables == 0)
		return 0;
	if (application != STORE_APPLICATION_ID)
		return error_set(err, -EUCLEAN, "%s: it is no store of ktstr", store->path);
	if (version > STORE_VERSION)
		return error_set(err, -EPROTONOSUPPORT,
				 "%s has version %lld, and this ktstr knows %d: use the newer ktstr, or move "
				 "the file away (it is only an index, and made anew)", store->path,
				 (long long)version, STORE_VERSION);
	*ret_kind = version < STORE_VERSION ? FILE_OLDER : FILE_OURS;
	return 0;
}

/* An older store's tables go; what was in them is in the files that they pointed to. */
static int drop_tables(struct run_store *store, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings names = {0};
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, "SELECT name FROM sqlite_master WHERE type = 'table' AND "
				  "name NOT LIKE 'sqlite_%'", &statement, err);

	while (r == 0 && (r = db_step(store, statement, err)) == 1) {
		strings_push(&names, xstrdup(db_text(statement, 0)));
		r = 0;
	}
	sqlite3_finalize(TAKE_PTR(statement));
	for (size_t i = 0; r == 0 && i < names.len; i++) {
		char *sql = sqlite3_mprintf("DROP TABLE \"%w\"", names.at[i]);

		r = db_exec(store, sql, err);
		sqlite3_free(sql);
	}
	return r;
}

/* Looked at again inside the transaction: another process may have been quicker. */
static int make_tables(struct run_store *store, struct ktstr_error *err)
{
	enum file_kind kind = FILE_OURS;
	int r = db_exec(store, "BEGIN IMMEDIATE", err);

	if (r == 0)
		r = identify(store, &kind, err);
	if (r == 0 && kind == FILE_OLDER)
		r = drop_tables(store, err);
	if (r == 0 && kind != FILE_OURS)
		r = db_exec(store, schema, err);
	if (r == 0)
		return db_exec(store, "COMMIT", err);
	(void)db_exec(store, "ROLLBACK", NULL);        /* the first error is the one to tell */
	return r;
}

static int check_whole(struct run_store *store, struct ktstr_error *err)
{
	AUTO(sqlite3_finalize) sqlite3_stmt *statement = NULL;
	int r = db_prepare(store, "PRAGMA quick_check(1)", &statement, err);

	if (r == 0)
		r = db_step(store, statement, err);
	if (r == 1 && strcmp(db_text(statement, 0), "ok") != 0)
		return error_set(err, -EUCLEAN, "%s is damaged inside", store->path);
	return r < 0 ? r : 0;
}

static void close_db(struct run_store *store)
{
	(void)sqlite3_close(store->db);        /* all statements are finalized */
	store->db = NULL;
}

/* Open the file as it is; nothing is changed in one that is not ours. */
static int open_file(struct run_store *store, bool check, struct ktstr_error *err)
{
	enum file_kind kind = FILE_EMPTY;
	int r = 0;

	if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK)
		r = db_error(store, err);
	if (r == 0)
		(void)sqlite3_busy_timeout(store->db, BUSY_MS);
	if (r == 0)
		r = identify(store, &kind, err);
	if (r == 0 && check && kind != FILE_EMPTY)
		r = check_whole(store, err);
	if (r == 0)
		r = db_exec(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
				   "PRAGMA foreign_keys = ON", err);
	if (r == 0 && kind != FILE_OURS)
		r = make_tables(store, err);
	if (r < 0)
		close_db(store);
	return r;
}

/* --- a damaged one ----------------------------------------------------------------------------------- */

/* One process at a time renames; the others then find a new store. */
static int lock_for_renaming(const struct run_store *store, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s.lock", store->path);
	AUTO(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct deadline deadline = deadline_in(LOCK_WAIT_NS);

	if (fd < 0)
		return error_sys(err, "open %s", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || deadline_passed(deadline))
			return error_sys(err, "lock %s", path);
		(void)poll(NULL, 0, 20);        /* flock() has no deadline of its own */
	}
	return TAKE_FD(fd);
}

static int rename_with(const char *from, const char *to, const char *suffix)
{
	AUTO(free) char *old = xasprintf("%s%s", from, suffix);
	AUTO(free) char *new = xasprintf("%s%s", to, suffix);

	return renameat2(AT_FDCWD, old, AT_FDCWD, new, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

/* The log goes first: SQLite would take an old one that it finds beside a new file for its own. */
static int rename_all(const char *from, const char *to)
{
	(void)rename_with(from, to, "-shm");        /* there may be none */
	(void)rename_with(from, to, "-wal");
	return rename_with(from, to, "");
}

static int set_aside(const char *path, const char *why, struct ktstr_error *err)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;
	int r = -EEXIST;

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	for (int i = 0; r == -EEXIST && i < 1000; i++) {
		AUTO(free) char *aside = i ? xasprintf("%s.damaged-%s-%d", path, stamp, i)
					   : xasprintf("%s.damaged-%s", path, stamp);

		r = access(aside, F_OK) == 0 ? -EEXIST : rename_all(path, aside);
		if (r < 0)
			continue;
		log_warn("%s; it is kept as %s, and a new one is made from the result.json files", why,
			 aside);
	}
	errno = -r;
	return r == 0 ? 0 : error_sys(err, "rename %s", path);
}

int run_store_renew(struct run_store *store, const char *why, struct ktstr_error *err)
{
	AUTO(free) char *reason = xstrdup(why);        /* it may be err's */
	AUTO(fd_close) int lock = lock_for_renaming(store, err);
	int r;

	close_db(store);
	if (lock < 0)
		return lock;
	r = open_file(store, true, err);
	if (r != -EUCLEAN)
		return r;
	r = set_aside(store->path, reason, err);
	return r < 0 ? r : open_file(store, false, err);
}

/* --- the door ---------------------------------------------------------------------------------------- */

void run_store_free(struct run_store *store)
{
	if (!store)
		return;
	close_db(store);
	free(store->path);
	free(store->dir);
	free(store);
}

static struct run_store *run_store_new(const char *dir)
{
	struct run_store *store = xcalloc(1, sizeof(*store));

	store->dir = xstrdup(dir);
	return store;
}

int run_store_open(const char *runs_dir, bool check, struct run_store **ret_store, struct ktstr_error *err)
{
	AUTO(run_store_free) struct run_store *store = run_store_new(runs_dir);
	struct ktstr_error why = {0};
	int r;

	store->path = xasprintf("%s/runs.sqlite", runs_dir);
	r = open_file(store, check, &why);
	if (r == -EUCLEAN)
		r = run_store_renew(store, why.msg, err);
	else if (r < 0)
		return error_set(err, r, "%s", why.msg);
	if (r == 0)
		*ret_store = TAKE_PTR(store);
	return r;
}

int run_store_open_memory(const char *dir, const char *source, struct run_store **ret_store,
			  struct ktstr_error *err)
{
	AUTO(run_store_free) struct run_store *store = run_store_new(dir);
	int r = 0;

	store->source = source;
	if (access(dir, R_OK | X_OK) < 0)
		return error_sys(err, "open %s", dir);
	if (sqlite3_open(":memory:", &store->db) != SQLITE_OK)
		r = db_error(store, err);
	if (r == 0)
		r = db_exec(store, "PRAGMA foreign_keys = ON", err);
	if (r == 0)
		r = db_exec(store, schema, err);
	if (r == 0)
		*ret_store = TAKE_PTR(store);
	return r;
}
