/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/db.h"

#include <errno.h>

int db_error(struct run_store *store, struct ktstr_error *err)
{
	int code = sqlite3_errcode(store->db);
	int found = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? -EUCLEAN
		    : code == SQLITE_BUSY || code == SQLITE_LOCKED  ? -EBUSY
								    : -EIO;

	if (!store->db)
		return error_set(err, -EIO, "%s could not be opened again", store->path);
	return error_set(err, found, "%s: %s", store->path ?: store->dir, sqlite3_errmsg(store->db));
}

int db_exec(struct run_store *store, const char *sql, struct ktstr_error *err)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(store, err);
}

int db_prepare(struct run_store *store, const char *sql, sqlite3_stmt **ret_statement,
	       struct ktstr_error *err)
{
	return sqlite3_prepare_v2(store->db, sql, -1, ret_statement, NULL) == SQLITE_OK
		       ? 0 : db_error(store, err);
}

int db_step(struct run_store *store, sqlite3_stmt *statement, struct ktstr_error *err)
{
	int code = sqlite3_step(statement);

	return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : db_error(store, err);
}

const char *db_text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column) ?: "";
}
