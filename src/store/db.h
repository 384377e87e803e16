/* SPDX-License-Identifier: BSD-2-Clause */
/* db.h - SQLite for the files of the store room. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>

#include "store/store.h"

struct run_store {
	char *dir;           /* of the results */
	char *path;          /* of the store; NULL: it is in memory */
	const char *source;  /* every row's run source; NULL: its record's. Borrowed */
	sqlite3 *db;
};

DEFINE_AUTO(sqlite3_stmt *, sqlite3_finalize)

/*
 * The error of the last call, in words: -EUCLEAN the file is damaged, -EBUSY another process had it
 * locked for too long, -EIO anything else.
 */
int db_error(struct run_store *store, struct ktstr_error *err);

int db_exec(struct run_store *store, const char *sql, struct ktstr_error *err);
int db_prepare(struct run_store *store, const char *sql, sqlite3_stmt **ret_statement,
	       struct ktstr_error *err);

/* 1 a row, 0 no more. */
int db_step(struct run_store *store, sqlite3_stmt *statement, struct ktstr_error *err);

/* Column as text, "" for NULL; as long as the statement stands on its row. */
const char *db_text(sqlite3_stmt *statement, int column);

/* --- between open.c, add.c and sync.c --------------------------------------------------------------- */

/* Rename a damaged store, say so, and begin a new one. */
int run_store_renew(struct run_store *store, const char *why, struct ktstr_error *err);

/* name: the record's directory as seen from store->dir. The caller has a transaction open. */
int run_store_put(struct run_store *store, const json_t *record, const char *name, struct ktstr_error *err);
int run_store_drop(struct run_store *store, const char *name, struct ktstr_error *err);

#endif
