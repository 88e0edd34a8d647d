/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "shim/store/history_schema.h"
#include "shim/store/history_sql.h"

/* The most pages that one step of pruning gives back. */
#define VACUUM_PAGES "64"

/* ---- Opening ---- */

void history_close(struct history *history)
{
	if (!history)
		return;
	for (int i = 0; i < STATEMENTS_COUNT; i++)
		(void)sqlite3_finalize(history->statements[i]);
	(void)sqlite3_close(history->db);
	free(history);
}

static void history_close_ptr(struct history *const *history)
{
	history_close(*history);
}
#define cleanup_history __attribute__((cleanup(history_close_ptr)))

static int history_execute(struct history *history, const char *sql, const char *what, struct error *err)
{
	if (sqlite3_exec(history->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return history_error(history, err, what);
	return 0;
}

/* Copies the first column of the first row into text (size bytes); "" if there is no row. */
static int history_ask(struct history *history, const char *sql, char *text, size_t size, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(history->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return history_error(history, err, "read");
	int r = statement_step(history, statement, "read", err);
	const char *answer = r > 0 ? text_read(statement, 0) : NULL;
	if (r > 0)
		r = row_check(history, "read", err);
	if (r == 0)
		(void)snprintf(text, size, "%s", answer ? answer : "");
	(void)sqlite3_finalize(statement);
	return r;
}

static int history_migrate_one(struct history *history, int version, struct error *err)
{
	char last[64];
	int r = history_execute(history, "BEGIN IMMEDIATE", "bring up to date", err);

	for (int i = 0; r == 0 && i < MIGRATION_STEPS && migrations[version][i]; i++)
		r = history_execute(history, migrations[version][i], "bring up to date", err);
	(void)snprintf(last, sizeof last, "PRAGMA user_version = %d; COMMIT", version + 1);
	if (r == 0)
		r = history_execute(history, last, "bring up to date", err);
	if (r < 0)
		history_rollback(history);
	return r;
}

static int history_migrate(struct history *history, int version, struct error *err)
{
	int r = 0;
	while (r == 0 && version < HISTORY_VERSION)
		r = history_migrate_one(history, version++, err);
	return r;
}

/* Makes the file with mode 0600. SQLite would make one that others can read. SQLite's journals get
 * the file's mode. */
static int history_make_file(const char *path, struct error *err)
{
	cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s is not a regular file", path);
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) < 0)
		return error_errno(err, errno, "cannot set the mode of %s", path);
	return 0;
}

static int history_connect(struct history *history, const char *path, int flags, long *ret_version,
			   struct error *err)
{
	char text[32];

	if (sqlite3_open_v2(path, &history->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return history_error(history, err, "open");
	(void)sqlite3_busy_timeout(history->db, 100);
	int r = history_ask(history, "PRAGMA user_version", text, sizeof text, err);
	if (r == 0)
		*ret_version = strtol(text, NULL, 10);
	return r;
}

static int history_open_file(const char *path, struct history **ret, struct error *err)
{
	int r = history_make_file(path, err);
	if (r < 0)
		return r;
	cleanup_history struct history *history = calloc(1, sizeof *history);
	if (!history)
		return error_errno(err, ENOMEM, "cannot open %s", path);
	/* Nothing is written before the version is known: in a newer version it may mean something else. */
	char text[128];
	long version = 0;
	r = history_connect(history, path, SQLITE_OPEN_READWRITE, &version, err);
	if (r < 0)
		return r;
	if (version > HISTORY_VERSION)
		return error_set(err, ENOTSUP, "%s has version %ld, and %d is the newest that is known here",
				 path, version, HISTORY_VERSION);

	r = history_ask(history, "PRAGMA quick_check(1)", text, sizeof text, err);
	if (r < 0)
		return r;
	if (version < 0 || strcmp(text, "ok") != 0)
		return error_set(err, EBADMSG, "%s is corrupt: %s", path, text);

	r = history_execute(
		history,
		"PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		"PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -512; PRAGMA foreign_keys = OFF",
		"set up", err);
	if (r == 0)
		r = history_migrate(history, (int)version, err);
	if (r == 0)
		r = history_execute(history, "PRAGMA foreign_keys = ON", "set up", err);
	if (r == 0)
		r = history_prepare(history, err);
	if (r < 0)
		return r;
	/* Do not wait from here on, as OOM kills may be waiting. The caller writes later what
	 * is refused now. */
	(void)sqlite3_busy_timeout(history->db, 0);
	*ret = take_ptr(history);
	return 0;
}

int history_open(const char *directory, uint64_t now_usec, struct history **ret, struct error *err)
{
	char path[PATH_MAX], aside[PATH_MAX + 32], wal[PATH_MAX + 8], aside_wal[PATH_MAX + 40];
	if (snprintf(path, sizeof path, "%s/%s", directory, HISTORY_FILE) >= (int)sizeof path)
		return error_set(err, ENAMETOOLONG, "the path %.64s… is too long", directory);

	struct error why = {0};
	int r = history_open_file(path, ret, &why);
	if (r != -EBADMSG) {
		if (r < 0)
			(void)error_set(err, why.code, "%s", why.text);
		return r;
	}

	/* The journal goes too: it would be taken for the new file's. "-shm" exists only while the
	 * database is open. */
	(void)snprintf(aside, sizeof aside, "%s.corrupt-%" PRIu64, path, now_usec / USEC_PER_SEC);
	(void)snprintf(wal, sizeof wal, "%s-wal", path);
	(void)snprintf(aside_wal, sizeof aside_wal, "%s-wal", aside);
	if (rename(wal, aside_wal) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot rename %s to %s", wal, aside_wal);
	if (rename(path, aside) < 0)
		return error_errno(err, errno, "cannot rename %s to %s", path, aside);

	r = history_open_file(path, ret, err);
	if (r < 0)
		return r;
	(void)error_set(err, EBADMSG, "%.120s; set aside as %s", why.text, strrchr(aside, '/') + 1);
	return HISTORY_SET_ASIDE;
}

int history_open_to_read(const char *directory, struct history **ret, struct error *err)
{
	char path[PATH_MAX];
	long version = 0;

	if (snprintf(path, sizeof path, "%s/%s", directory, HISTORY_FILE) >= (int)sizeof path)
		return error_set(err, ENAMETOOLONG, "the path %.64s… is too long", directory);
	if (access(path, R_OK) < 0)
		return error_errno(err, errno, "cannot read %s", path);
	cleanup_history struct history *history = calloc(1, sizeof *history);
	if (!history)
		return error_errno(err, ENOMEM, "cannot open %s", path);
	int r = history_connect(history, path, SQLITE_OPEN_READONLY, &version, err);
	if (r < 0)
		return r;
	if (version != HISTORY_VERSION)
		return error_set(err, ENOTSUP, "%s has version %ld, and what is read here is %d%s", path,
				 version, HISTORY_VERSION,
				 version < HISTORY_VERSION ? ": tidemarkd brings it up to date" : "");
	r = history_prepare(history, err);
	if (r == 0)
		*ret = take_ptr(history);
	return r;
}

/* ---- What is kept ---- */

int history_save_workload(struct history *history, const struct limits *limits, uint64_t seen_usec,
			  int64_t *ret_id, struct error *err)
{
	cleanup_statement sqlite3_stmt *save = history->statements[SAVE_WORKLOAD];
	char text[LIMITS_SIZE_MAX];
	size_t length;
	int at = 0;

	int r = limits_format(limits, text, &length, err);
	if (r < 0)
		return r;
	bind_text(save, &at, limits->identity.namespace);
	bind_text(save, &at, limits->identity.owner);
	bind_text(save, &at, limits->identity.container);
	bind_uint(save, &at, seen_usec);
	(void)sqlite3_bind_text(save, ++at, text, (int)length, SQLITE_STATIC);
	r = statement_step(history, save, "save a workload in", err);
	int64_t id = r > 0 ? sqlite3_column_int64(save, 0) : 0;
	if (r > 0) /* the row is saved at the statement's end only */
		r = statement_step(history, save, "save a workload in", err);
	if (r == 0)
		*ret_id = id;
	return r;
}

int history_save_slot(struct history *history, int64_t workload_id, const struct slot_bytes *slot,
		      struct error *err)
{
	cleanup_statement sqlite3_stmt *save = history->statements[SAVE_SLOT];
	int at = 0;
	bind_int(save, &at, workload_id);
	bind_uint(save, &at, slot->start_usec);
	bind_uint(save, &at, slot->end_usec);
	(void)sqlite3_bind_blob64(save, ++at, slot->data, slot->length, SQLITE_STATIC);
	return statement_step(history, save, "save a slot in", err);
}

int history_run_started(struct history *history, const struct history_run *run, struct error *err)
{
	return history_write(history, SAVE_RUN, run, "save a run in", err);
}

int history_run_ended(struct history *history, const struct history_run *run, struct error *err)
{
	int r = history_write(history, END_RUN, run, "save the end of a run in", err);
	if (r == 0 && sqlite3_changes(history->db) == 0)
		return error_set(err, ENOENT, "no run of container %s is in %s", run->container_id,
				 HISTORY_FILE);
	return r;
}

int history_add_decision(struct history *history, const struct history_decision *decision, struct error *err)
{
	return history_write(history, ADD_DECISION, decision, "save a decision in", err);
}

int history_add_kill(struct history *history, const struct history_kill *kill, struct error *err)
{
	return history_write(history, ADD_KILL, kill, "save a kill in", err);
}

/* ---- Upkeep ---- */

int history_begin(struct history *history, struct error *err)
{
	if (!sqlite3_get_autocommit(history->db))
		return HISTORY_BEGUN;
	return history_write(history, BEGIN, NULL, "begin a batch in", err);
}

void history_rollback(struct history *history)
{
	if (!sqlite3_get_autocommit(history->db))
		(void)sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
}

int history_commit(struct history *history, struct error *err)
{
	if (sqlite3_get_autocommit(history->db))
		return error_set(err, ECANCELED, "a batch in %s was rolled back", HISTORY_FILE);
	int r = history_write(history, COMMIT, NULL, "save a batch in", err);
	if (r < 0)
		history_rollback(history);
	return r;
}

/* Runs a PRUNE_… statement. Returns the number of deleted rows, or -errno. */
static int history_prune_one(struct history *history, enum statement which, uint64_t older_than_usec,
			     struct error *err)
{
	cleanup_statement sqlite3_stmt *prune = history->statements[which];
	int at = 0;
	bind_uint(prune, &at, older_than_usec);
	int r = statement_step(history, prune, "prune", err);
	return r < 0 ? r : sqlite3_changes(history->db);
}

static int history_prune_rows(struct history *history, uint64_t older_than_usec, uint64_t slots_from_usec,
			      struct error *err)
{
	int deleted = 0;
	for (enum statement i = PRUNE_SLOTS; i <= PRUNE_KILLS; i++) {
		uint64_t before_usec = older_than_usec;
		if (i == PRUNE_SLOTS && slots_from_usec < before_usec)
			before_usec = slots_from_usec;
		int r = history_prune_one(history, i, before_usec, err);
		if (r < 0)
			return r;
		deleted += r;
	}
	return deleted;
}

static int history_size(struct history *history, uint64_t *ret_used, uint64_t *ret_file, struct error *err)
{
	cleanup_statement sqlite3_stmt *size = history->statements[SIZE];
	int r = statement_step(history, size, "ask for the size of", err);
	*ret_used = r > 0 ? uint_read(size, 0) : 0;
	*ret_file = r > 0 ? uint_read(size, 1) : 0;
	return r < 0 ? r : 0;
}

/* *ret_usec: when the newest of the PRUNE_ROWS oldest rows ended; 0: there are no rows. */
static int history_oldest(struct history *history, uint64_t slots_from_usec, uint64_t *ret_usec,
			  struct error *err)
{
	cleanup_statement sqlite3_stmt *oldest = history->statements[OLDEST];
	int at = 0;
	bind_uint(oldest, &at, slots_from_usec);
	int r = statement_step(history, oldest, "prune", err);
	*ret_usec = r > 0 ? uint_read(oldest, 0) : 0;
	return r < 0 ? r : 0;
}

/* Returns the number of deleted rows, or -errno. */
static int history_prune_step(struct history *history, const struct history_bounds *bounds, struct error *err)
{
	uint64_t used, file, oldest_usec;

	int deleted = history_prune_rows(history, bounds->older_than_usec, UINT64_MAX, err);
	if (deleted != 0)
		return deleted;
	deleted = history_prune_one(history, PRUNE_WORKLOADS, bounds->older_than_usec, err);
	if (deleted != 0)
		return deleted;
	int r = history_size(history, &used, &file, err);
	if (r < 0 || used <= bounds->size_max_bytes)
		return r;
	r = history_oldest(history, bounds->slots_from_usec, &oldest_usec, err);
	if (r < 0 || oldest_usec == 0)
		return r;
	return history_prune_rows(history, oldest_usec + 1, bounds->slots_from_usec, err);
}

/* Gives back free room. Up to a quarter of the file stays free, as new rows use it again. Returns whether
 * there may be more to give back, or -errno. */
static int history_give_back(struct history *history, uint64_t size_max_bytes, struct error *err)
{
	uint64_t used, file, before;

	int r = history_size(history, &used, &before, err);
	if (r < 0 || (before <= size_max_bytes && before - used <= before / 4))
		return r;
	r = history_execute(history, "PRAGMA incremental_vacuum(" VACUUM_PAGES ")", "give back room of", err);
	if (r == 0)
		r = history_size(history, &used, &file, err);
	return r < 0 ? r : file < before;
}

int history_prune(struct history *history, const struct history_bounds *bounds, struct error *err)
{
	int r = history_begin(history, err);
	if (r < 0)
		return r;
	int deleted = history_prune_step(history, bounds, err);
	r = deleted < 0 ? deleted : history_commit(history, err);
	if (deleted < 0)
		history_rollback(history);
	if (r == 0)
		r = history_give_back(history, bounds->size_max_bytes, err);
	return r < 0 ? r : r > 0 || deleted > 0 ? HISTORY_MORE : 0;
}
