/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outcome/outcome.h"
#include "store/db.h"
#include "test.h"

/* --- a directory of results --------------------------------------------------------------------------- */

struct runs {
	char path[32];
};

static void runs_done(struct runs *runs)
{
	CHECK_EQ(tree_remove(runs->path, NULL), 0);
}
DEFINE_AUTO_DONE(struct runs, runs_done)

static struct runs runs_make(void)
{
	struct runs runs = {.path = "/tmp/ktstr-store-XXXXXX"};

	CHECK(mkdtemp(runs.path));
	return runs;
}

/* Save a record and give it back; the caller's. */
static json_t *save(const struct runs *runs, const char *run, const char *name, enum ktstr_state state,
		    uint64_t started_ns)
{
	AUTO(result_done) struct result result = {
		.identity = {.test = xstrdup(name), .mode = xstrdup("det"), .scheduler = xstrdup("eevdf"),
			     .kernel_release = xstrdup("6.18.1-x")},
		.run = {.id = xstrdup(run), .started_unix_ns = started_ns,
			.source = xstrdup("local"),
			.dir = xasprintf("%s/%s/001-%s", runs->path, run, name),
			.host = json_pack("{s:s}", "arch", "x86_64")},
		.outcome = {.state = state,
			    .stats = json_pack("{s:[{s:i}]}", "cgroups", "migrations", 12)},
	};

	CHECK_EQ(dir_make(result.run.dir, 0755, NULL), 0);
	CHECK_EQ(result_save(&result, NULL), 0);
	return result_to_json(&result);
}

static void save_and_forget(const struct runs *runs, const char *run, const char *name,
			    enum ktstr_state state, uint64_t started_ns)
{
	json_decref(save(runs, run, name, state, started_ns));
}

static struct run_store *open_store(const struct runs *runs)
{
	struct run_store *store = NULL;
	struct ktstr_error err = {0};

	if (run_store_open(runs->path, true, &store, &err) < 0)
		fail_msg("%s", err.msg);
	return store;
}

static struct run_store_sync_report sync_store(struct run_store *store)
{
	struct run_store_sync_report report = {0};
	struct ktstr_error err = {0};

	if (run_store_sync(store, &report, &err) < 0)
		fail_msg("%s", err.msg);
	return report;
}

static size_t count_rows(struct run_store *store)
{
	AUTO(rows_done) struct rows rows = {0};

	CHECK_EQ(run_store_list_rows(store, &rows, NULL), 0);
	return rows.len;
}

/* How many files in the directory begin so. */
static size_t count_files(const struct runs *runs, const char *prefix)
{
	DIR *dir = opendir(runs->path);
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(dir)))
		count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return count;
}

static void put_file(const struct runs *runs, const char *name, const char *text)
{
	AUTO(free) char *path = xasprintf("%s/%s", runs->path, name);

	CHECK_EQ(file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void run_sql(const struct runs *runs, const char *sql)
{
	AUTO(free) char *path = xasprintf("%s/runs.sqlite", runs->path);
	sqlite3 *db;

	CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

/* --- rows --------------------------------------------------------------------------------------------- */

TEST(a_record_that_was_added_is_found_again)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(rows_done) struct rows rows = {0};
	AUTO(strings_done) struct strings dirs = {0};
	json_t *record = save(&runs, "2026-1", "steady", KTSTR_PASS, 5);
	AUTO(free) char *dir = xasprintf("%s/2026-1/001-steady", runs.path);
	struct run_store *store = open_store(&runs);
	int migrations = metric_find(sv_of("total_migrations"));

	CHECK_EQ(run_store_add(store, record, dir, NULL), 0);
	CHECK_EQ(run_store_add(store, record, dir, NULL), 0);        /* again: still one row */
	json_decref(record);
	run_store_free(store);
	store = open_store(&runs);
	CHECK_EQ(run_store_list_rows(store, &rows, NULL), 0);
	CHECK_EQ(rows.len, 1);
	CHECK_STR(rows.at[0].test, "steady");
	CHECK_STR(rows.at[0].value[DIM_KERNEL], "6.18.1");
	CHECK_STR(rows.at[0].value[DIM_SCHEDULER], "eevdf");
	CHECK_STR(rows.at[0].value[DIM_TOPOLOGY], "");
	CHECK_STR(rows.at[0].value[DIM_MODE], "det");
	CHECK_STR(rows.at[0].value[DIM_RUN_SOURCE], "local");
	CHECK_STR(rows.at[0].value[DIM_RUN], "2026-1");
	CHECK(rows.at[0].passed && !rows.at[0].skipped);
	CHECK(rows.at[0].metrics.known[migrations] && rows.at[0].metrics.value[migrations] == 12);
	CHECK(!rows.at[0].metrics.known[migrations + 2]);
	CHECK_EQ(run_store_list_results(store, "2026-1", &dirs, NULL), 0);
	CHECK_STR(dirs.at[0], dir);
	run_store_free(store);
}

/* The row in SQL and the row in memory are the same, dimension by dimension. */
TEST(rows_from_the_store_are_rows_of_their_records)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(rows_done) struct rows rows = {0};
	AUTO(rows_done) struct rows own = {0};
	AUTO(free) char *dir = xasprintf("%s/2026-1/001-steady", runs.path);
	json_t *record = save(&runs, "2026-1", "steady", KTSTR_PASS, 5);
	struct run_store *store = open_store(&runs);

	for (const char *const *key = (const char *const[]){"kernel_version", "scheduler", "topology",
							    "work_type", "project_commit", "kernel_commit",
							    "run_source", "mode", "run_id", NULL};
	     *key; key++)
		json_object_set_new(record, *key, json_sprintf("a %s", *key));
	json_object_set_new(record, "active_flags", json_pack("[s,s]", "llc", "steal"));
	CHECK_EQ(run_store_add(store, record, dir, NULL), 0);
	rows_push(&own, row_of(record));
	json_decref(record);
	CHECK_EQ(run_store_list_rows(store, &rows, NULL), 0);
	for (int i = 0; i < DIM_COUNT; i++)
		CHECK_STR(rows.at[0].value[i], own.at[0].value[i]);
	run_store_free(store);
}

TEST(runs_are_listed_newest_first_with_their_states)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(stored_runs_done) struct stored_runs list = {0};
	AUTO(strings_done) struct strings dirs = {0};
	struct run_store *store = open_store(&runs);
	struct ktstr_error err = {0};

	save_and_forget(&runs, "2026-1", "a", KTSTR_PASS, 50);
	save_and_forget(&runs, "2026-1", "b", KTSTR_FAIL, 90);
	save_and_forget(&runs, "2026-2", "a", KTSTR_SKIP, 60);
	CHECK_EQ(sync_store(store).added, 3);
	CHECK_EQ(run_store_list_runs(store, &list, NULL), 0);
	CHECK_EQ(list.len, 2);
	CHECK_STR(list.at[0].id, "2026-2");
	CHECK_EQ(list.at[0].count[KTSTR_SKIP], 1);
	CHECK_EQ(list.at[1].tests, 2);
	CHECK_EQ(list.at[1].started_unix_ns, 50);
	CHECK_EQ(list.at[1].count[KTSTR_FAIL], 1);
	CHECK_STR(list.at[1].arch, "x86_64");
	CHECK_EQ(run_store_list_results(store, "2026-3", &dirs, &err), -ENOENT);
	CHECK_HAS(err.msg, "there is no run \"2026-3\"");
	run_store_free(store);
}

TEST(sync_finds_what_is_new_changed_and_gone)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(rows_done) struct rows rows = {0};
	AUTO(free) char *gone = xasprintf("%s/2026-1/001-b", runs.path);
	struct run_store *store = open_store(&runs);
	struct run_store_sync_report report;

	save_and_forget(&runs, "2026-1", "a", KTSTR_PASS, 1);
	save_and_forget(&runs, "2026-1", "b", KTSTR_PASS, 1);
	CHECK_EQ(sync_store(store).added, 2);
	report = sync_store(store);
	CHECK_EQ(report.added + report.forgotten, 0);
	CHECK_EQ(tree_remove(gone, NULL), 0);
	save_and_forget(&runs, "2026-1", "a", KTSTR_INCONCLUSIVE, 1);
	report = sync_store(store);
	CHECK_EQ(report.added, 1);
	CHECK_EQ(report.forgotten, 1);
	CHECK_EQ(run_store_list_rows(store, &rows, NULL), 0);
	CHECK_EQ(rows.len, 1);
	CHECK(!rows.at[0].passed);
	run_store_free(store);
}

TEST(a_file_that_is_no_result_is_counted_and_named)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(free) char *dir = xasprintf("%s/2026-1/001-x", runs.path);
	AUTO(run_store_sync_report_done) struct run_store_sync_report report = {0};
	struct run_store *store = open_store(&runs);

	save_and_forget(&runs, "2026-1", "a", KTSTR_PASS, 1);
	CHECK_EQ(dir_make(dir, 0755, NULL), 0);
	put_file(&runs, "2026-1/001-x/result.json", "{\"schema_version\":99}");
	report = sync_store(store);
	CHECK_EQ(report.added, 1);
	CHECK_EQ(report.unreadable, 1);
	CHECK_HAS(report.why, "001-x/result.json is no result that can be read: it has schema version 99");
	run_store_free(store);
}

TEST(a_test_that_runs_has_no_row_and_one_that_was_killed_has)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(result_done) struct result result = {.identity = {.test = xstrdup("steady")},
						  .run = {.id = xstrdup("2026-1")}};
	AUTO(free) char *lock = xasprintf("%s/2026-1/lock", runs.path);
	struct run_store *store = open_store(&runs);
	int fd;

	result.run.dir = xasprintf("%s/2026-1/001-steady", runs.path);
	CHECK_EQ(dir_make(result.run.dir, 0755, NULL), 0);
	CHECK_EQ(result_save_begun(&result, NULL), 0);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	CHECK_EQ(sync_store(store).added, 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(sync_store(store).added, 1);
	run_store_free(store);
}

/* --- what a store can be instead ------------------------------------------------------------------------ */

TEST(a_damaged_store_is_kept_aside_and_made_anew)
{
	static const char *const contents[] = {"I am a text, and long enough to be read as a header.\n",
					       "SQLite format 3"};

	for (size_t i = 0; i < 2; i++) {
		AUTO(runs_done) struct runs runs = runs_make();
		struct run_store *store;

		save_and_forget(&runs, "2026-1", "a", KTSTR_PASS, 1);
		put_file(&runs, "runs.sqlite", contents[i]);
		store = open_store(&runs);
		CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 1);
		CHECK_EQ(sync_store(store).added, 1);
		run_store_free(store);
		store = open_store(&runs);
		CHECK_EQ(count_rows(store), 1);
		CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 1);
		run_store_free(store);
	}
}

TEST(a_page_that_was_overwritten_is_found_by_looking_at_all)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(free) char *path = xasprintf("%s/runs.sqlite", runs.path);
	struct run_store *store = open_store(&runs);
	char junk[4096];
	int fd;

	for (int i = 0; i < 50; i++) {
		AUTO(free) char *name = xasprintf("test_%d", i);

		save_and_forget(&runs, "2026-1", name, KTSTR_PASS, 1);
	}
	CHECK_EQ(sync_store(store).added, 50);
	run_store_free(store);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (off_t page = 1; page < 6; page++)        /* after the first, which has the schema */
		CHECK_EQ(pwrite(fd, junk, sizeof(junk), page * 4096), 4096);
	CHECK_EQ(close(fd), 0);
	store = open_store(&runs);
	CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 1);
	CHECK_EQ(sync_store(store).added, 50);
	run_store_free(store);
}

/* `ktstr test` does not look at all of it; it meets the damage, and its row is in the new one. */
TEST(damage_that_is_met_while_adding_costs_no_row)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(free) char *path = xasprintf("%s/runs.sqlite", runs.path);
	AUTO(free) char *dir = xasprintf("%s/2026-1/001-a", runs.path);
	struct run_store *store = open_store(&runs);
	json_t *record = save(&runs, "2026-1", "a", KTSTR_PASS, 1);
	struct ktstr_error err = {0};
	char junk[4096];
	int fd;

	run_store_free(store);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (off_t page = 1; page < 6; page++)
		CHECK_EQ(pwrite(fd, junk, sizeof(junk), page * 4096), 4096);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(run_store_open(runs.path, false, &store, &err), 0);
	CHECK_EQ(run_store_add(store, record, dir, &err), 0);
	json_decref(record);
	CHECK_EQ(count_rows(store), 1);
	CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 1);
	run_store_free(store);
}

TEST(a_database_of_something_else_is_kept_aside_as_it_is)
{
	AUTO(runs_done) struct runs runs = runs_make();
	struct run_store *store;

	run_sql(&runs, "CREATE TABLE photographs(x)");
	store = open_store(&runs);
	CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 1);
	CHECK_EQ(count_rows(store), 0);
	run_store_free(store);
}

TEST(a_store_of_a_later_ktstr_is_refused_and_stays_as_it_is)
{
	AUTO(runs_done) struct runs runs = runs_make();
	struct run_store *store = open_store(&runs);
	struct ktstr_error err = {0};

	run_store_free(store);
	run_sql(&runs, "PRAGMA user_version = 99");
	CHECK_EQ(run_store_open(runs.path, true, &store, &err), -EPROTONOSUPPORT);
	CHECK_HAS(err.msg, "runs.sqlite has version 99, and this ktstr knows 1");
	CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 0);
}

TEST(a_store_of_an_earlier_schema_is_made_anew_from_the_files)
{
	AUTO(runs_done) struct runs runs = runs_make();
	struct run_store *store;

	save_and_forget(&runs, "2026-1", "a", KTSTR_PASS, 1);
	run_sql(&runs, "CREATE TABLE results(id INTEGER PRIMARY KEY, path TEXT); CREATE TABLE extra(x);"
		       "INSERT INTO results(path) VALUES('2026-1/001-a'), ('2026-1/001-gone');"
		       "PRAGMA application_id = 0x6b747374; PRAGMA user_version = 0");
	store = open_store(&runs);
	CHECK_EQ(count_rows(store), 0);
	CHECK_EQ(sync_store(store).added, 1);
	CHECK_EQ(count_rows(store), 1);
	CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 0);
	run_store_free(store);
}

/* --- others ------------------------------------------------------------------------------------------- */

#define WRITERS 4
#define EACH 25

struct writer {
	const struct runs *runs;
	int number;
	int failed;
};

static void *write_records(void *arg)
{
	struct writer *writer = arg;
	struct run_store *store = NULL;

	if (run_store_open(writer->runs->path, false, &store, NULL) < 0) {
		writer->failed = EACH;
		return NULL;
	}
	for (int i = 0; i < EACH; i++) {
		AUTO(free) char *name = xasprintf("t%d", i);
		AUTO(free) char *run = xasprintf("2026-%d", writer->number);
		AUTO(free) char *dir = xasprintf("%s/%s/001-%s", writer->runs->path, run, name);
		json_t *record = save(writer->runs, run, name, KTSTR_PASS, 1);

		writer->failed += run_store_add(store, record, dir, NULL) < 0;
		json_decref(record);
	}
	run_store_free(store);
	return NULL;
}

/* Each has a connection of its own, as processes have. */
TEST(several_writers_lose_no_row)
{
	AUTO(runs_done) struct runs runs = runs_make();
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	struct run_store *store;

	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.runs = &runs, .number = i};
		CHECK_EQ(pthread_create(&threads[i], NULL, write_records, &writers[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK_EQ(writers[i].failed, 0);
	}
	store = open_store(&runs);
	CHECK_EQ(count_rows(store), WRITERS * EACH);
	CHECK_EQ(count_files(&runs, "runs.sqlite.damaged-"), 0);
	run_store_free(store);
}

/* SC-5 */
TEST(an_archive_is_read_in_memory_and_left_alone)
{
	AUTO(runs_done) struct runs runs = runs_make();
	AUTO(rows_done) struct rows rows = {0};
	struct run_store *store = NULL;
	struct ktstr_error err = {0};

	save_and_forget(&runs, "2026-1", "a", KTSTR_PASS, 1);
	CHECK_EQ(run_store_open_memory(runs.path, "archive", &store, &err), 0);
	CHECK_EQ(sync_store(store).added, 1);
	CHECK_EQ(run_store_list_rows(store, &rows, NULL), 0);
	CHECK_STR(rows.at[0].value[DIM_RUN_SOURCE], "archive");
	CHECK_EQ(count_files(&runs, "runs.sqlite"), 0);
	run_store_free(store);
	CHECK_EQ(run_store_open_memory("/nonexistent", NULL, &store, &err), -ENOENT);
	CHECK_HAS(err.msg, "open /nonexistent");
}

RUN_TESTS();
