/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "shim/store/history_schema.h"

struct history {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS_COUNT];
};

/* ---- SQLite's values and errors ---- */

static int history_error(struct history *history, struct error *err, const char *what)
{
	int code = EIO, system = sqlite3_system_errno(history->db);
	switch (sqlite3_errcode(history->db) & 0xff) {
	case SQLITE_FULL:
		code = ENOSPC;
		break;
	case SQLITE_READONLY:
		code = EROFS;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		code = EBADMSG;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		code = EBUSY;
		break;
	case SQLITE_NOMEM:
		code = ENOMEM;
		break;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		code = system > 0 ? system : EIO;
		break;
	}
	return error_set(err, code, "cannot %s %s: %s", what, HISTORY_FILE, sqlite3_errmsg(history->db));
}

/* The parameters of a statement are bound in order: *at is the last one. A value that cannot be bound for
 * want of memory stays NULL, which no column that matters takes. */
static void bind_int(sqlite3_stmt *statement, int *at, int64_t value)
{
	(void)sqlite3_bind_int64(statement, ++*at, value);
}

static void bind_uint(sqlite3_stmt *statement, int *at, uint64_t value)
{
	bind_int(statement, at, value > INT64_MAX ? -1 : (int64_t)value);
}

static void bind_text(sqlite3_stmt *statement, int *at, const char *text)
{
	(void)sqlite3_bind_text(statement, ++*at, text, -1, SQLITE_STATIC);
}

static uint64_t uint_read(sqlite3_stmt *row, int column)
{
	int64_t value = sqlite3_column_int64(row, column);
	return value < 0 ? UINT64_MAX : (uint64_t)value;
}

static const char *text_read(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

static void columns_bind(sqlite3_stmt *statement, int *at, const struct column columns[], size_t n,
			 const void *object)
{
	for (size_t i = 0; i < n; i++) {
		const void *member = (const char *)object + columns[i].offset;
		switch (columns[i].kind) {
		case COLUMN_TEXT:
			bind_text(statement, at, member);
			break;
		case COLUMN_POINTER:
			bind_text(statement, at, *(const char *const *)member);
			break;
		case COLUMN_UINT:
			bind_uint(statement, at, *(const uint64_t *)member);
			break;
		case COLUMN_INT:
			bind_int(statement, at, *(const int64_t *)member);
			break;
		case COLUMN_BOOL:
			bind_int(statement, at, *(const bool *)member);
			break;
		case COLUMN_TERM:
			bind_int(statement, at, *(const int *)member);
			break;
		}
	}
}

/* Returns false for a row that columns_bind() cannot have written. */
static bool columns_read(sqlite3_stmt *row, const struct column columns[], size_t n, void *object)
{
	for (int i = 0; i < (int)n; i++) {
		void *member = (char *)object + columns[i].offset;
		const char *text;
		size_t length;
		switch (columns[i].kind) {
		case COLUMN_TEXT:
			text = text_read(row, i);
			length = (size_t)sqlite3_column_bytes(row, i);
			if (!text || length >= columns[i].size || strlen(text) != length)
				return false;
			memcpy(member, text, length + 1);
			break;
		case COLUMN_POINTER:
			*(const char **)member = text_read(row, i);
			break;
		case COLUMN_UINT:
			*(uint64_t *)member = uint_read(row, i);
			break;
		case COLUMN_INT:
			*(int64_t *)member = sqlite3_column_int64(row, i);
			break;
		case COLUMN_BOOL:
			*(bool *)member = sqlite3_column_int(row, i) != 0;
			break;
		case COLUMN_TERM:
			if (uint_read(row, i) > TERM_RATCHET)
				return false;
			*(int *)member = sqlite3_column_int(row, i);
			break;
		}
	}
	return true;
}

/* What is borrowed by the bindings and cursors of a statement ends with the scope. */
static void statement_release(sqlite3_stmt *const *statement)
{
	(void)sqlite3_reset(*statement);
	(void)sqlite3_clear_bindings(*statement);
}
#define cleanup_statement __attribute__((cleanup(statement_release)))

/* Takes one step. Returns 1 with a row, 0 at the end, or a negative errno. */
static int statement_step(struct history *history, sqlite3_stmt *statement, const char *what,
			  struct error *err)
{
	int r = sqlite3_step(statement);
	if (r == SQLITE_ROW || r == SQLITE_DONE)
		return r == SQLITE_ROW;
	return history_error(history, err, what);
}

/* Binds one row of the statement's own table, and writes it. */
static int history_write(struct history *history, enum statement which, const void *object, const char *what,
			 struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = history->statements[which];
	int at = 0;
	columns_bind(statement, &at, statements[which].columns, statements[which].n_columns, object);
	return statement_step(history, statement, what, err);
}

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

/* The first column of the first row; text has size bytes. */
static int history_ask(struct history *history, const char *sql, char *text, size_t size, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(history->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return history_error(history, err, "read");
	int r = statement_step(history, statement, "read", err);
	if (r >= 0)
		(void)snprintf(text, size, "%s",
			       r > 0 && text_read(statement, 0) ? text_read(statement, 0) : "");
	(void)sqlite3_finalize(statement);
	return r < 0 ? r : 0;
}

static int history_migrate(struct history *history, int version, struct error *err)
{
	for (; version < HISTORY_VERSION; version++) {
		cleanup_free char *sql = NULL;
		if (asprintf(&sql, "BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT",
			     migrations[version], version + 1) < 0) {
			sql = NULL;
			return error_errno(err, ENOMEM, "cannot bring %s up to date", HISTORY_FILE);
		}
		int r = history_execute(history, sql, "bring up to date", err);
		if (r < 0) {
			(void)sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
			return r;
		}
	}
	return 0;
}

/* The statement's text with its columns filled in, which the caller frees; NULL without memory. */
static char *statement_text(enum statement which)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	if (!out)
		return NULL;
	for (const char *c = statements[which].sql; *c; c++) {
		if (!strchr("$@^", *c)) {
			(void)fputc(*c, out);
			continue;
		}
		const char *separator = "";
		for (size_t i = *c == '^' ? N_IDENTITY : 0; i < statements[which].n_columns; i++) {
			const char *name = statements[which].columns[i].name;
			if (*c == '^')
				(void)fprintf(out, "%s%s = excluded.%s", separator, name, name);
			else
				(void)fprintf(out, "%s%s", separator, *c == '@' ? "?" : name);
			separator = ", ";
		}
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int history_prepare(struct history *history, struct error *err)
{
	for (int i = 0; i < STATEMENTS_COUNT; i++) {
		cleanup_free char *sql = statement_text((enum statement)i);
		if (!sql)
			return error_errno(err, ENOMEM, "cannot use %s", HISTORY_FILE);
		if (sqlite3_prepare_v3(history->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
				       &history->statements[i], NULL) == SQLITE_OK)
			continue;
		if ((sqlite3_errcode(history->db) & 0xff) != SQLITE_ERROR)
			return history_error(history, err, "use");
		return error_set(err, EBADMSG, "%s lacks a table or a column: %s", HISTORY_FILE,
				 sqlite3_errmsg(history->db));
	}
	return 0;
}

/* SQLite would make a file that others can read; its journals take over this one's mode. */
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

static int history_open_file(const char *path, struct history **ret, struct error *err)
{
	int r = history_make_file(path, err);
	if (r < 0)
		return r;
	cleanup_history struct history *history = calloc(1, sizeof *history);
	if (!history)
		return error_errno(err, ENOMEM, "cannot open %s", path);
	if (sqlite3_open_v2(path, &history->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return history_error(history, err, "open");

	/* Before anything is written: a newer version may mean other things by it. */
	char text[128];
	(void)sqlite3_busy_timeout(history->db, 100);
	r = history_ask(history, "PRAGMA user_version", text, sizeof text, err);
	if (r < 0)
		return r;
	long version = strtol(text, NULL, 10);
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
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
		"PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -512",
		"set up", err);
	if (r == 0)
		r = history_migrate(history, (int)version, err);
	if (r == 0)
		r = history_prepare(history, err);
	if (r < 0)
		return r;
	/* From here on kills may be waiting: what cannot be written now is the caller's to write later. */
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

	/* With its journal, which would else be taken for the new file's. SQLite keeps "-shm" only while
	 * open. */
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

/* ---- Workloads and slots ---- */

int history_save_workload(struct history *history, const struct limits *limits, uint64_t seen_usec,
			  int64_t *ret_id, struct error *err)
{
	cleanup_statement sqlite3_stmt *save = history->statements[SAVE_WORKLOAD];
	cleanup_statement sqlite3_stmt *find = history->statements[FIND_WORKLOAD];
	int at = 0;
	columns_bind(save, &at, workload_columns, N(workload_columns), limits);
	bind_uint(save, &at, seen_usec);
	int r = statement_step(history, save, "save a workload in", err);
	if (r < 0)
		return r;

	at = 0;
	columns_bind(find, &at, workload_columns, N_IDENTITY, limits);
	r = statement_step(history, find, "find a workload in", err);
	if (r == 0)
		return error_set(err, EIO, "a workload just saved is not in %s", HISTORY_FILE);
	if (r < 0)
		return r;
	*ret_id = sqlite3_column_int64(find, 0);
	return 0;
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

static int history_load_slots(struct history *history, int64_t workload_id, uint64_t from_usec,
			      int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data),
			      void *data, uint64_t *skipped, struct error *err)
{
	cleanup_statement sqlite3_stmt *row = history->statements[LOAD_SLOTS];
	int at = 0, r;
	bind_int(row, &at, workload_id);
	bind_uint(row, &at, from_usec);

	while ((r = statement_step(history, row, "read the slots in", err)) > 0) {
		struct slot_bytes bytes = {
			.data = sqlite3_column_blob(row, 2),
			.length = (size_t)sqlite3_column_bytes(row, 2),
			.start_usec = uint_read(row, 0),
			.end_usec = uint_read(row, 1),
		};
		if (!bytes.data || bytes.length > SLOT_BYTES_MAX || bytes.start_usec > bytes.end_usec) {
			(*skipped)++;
			continue;
		}
		r = slot(workload_id, &bytes, data);
		if (r != 0)
			return r;
	}
	return r;
}

int history_load(struct history *history, uint64_t from_usec,
		 int (*workload)(int64_t workload_id, const struct limits *limits, void *data),
		 int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		 uint64_t *ret_skipped, struct error *err)
{
	cleanup_statement sqlite3_stmt *row = history->statements[LOAD_WORKLOADS];
	uint64_t skipped = 0;
	int r;
	while ((r = statement_step(history, row, "read the workloads in", err)) > 0) {
		struct limits limits = {.version = LIMITS_VERSION};
		if (!columns_read(row, workload_columns, N(workload_columns), &limits) ||
		    !*limits.identity.namespace || !*limits.identity.owner || !*limits.identity.container) {
			skipped++;
			continue;
		}
		int64_t id = sqlite3_column_int64(row, (int)N(workload_columns));
		r = workload(id, &limits, data);
		if (r == 0)
			r = history_load_slots(history, id, from_usec, slot, data, &skipped, err);
		if (r != 0)
			return r;
	}
	if (r == 0)
		*ret_skipped = skipped;
	return r;
}

/* ---- Runs and decisions ---- */

int history_run_started(struct history *history, const struct history_run *run, struct error *err)
{
	return history_write(history, SAVE_RUN, run, "save a run in", err);
}

int history_run_ended(struct history *history, const char *container_id, uint64_t ended_usec,
		      uint64_t peak_bytes, uint64_t oom_kills, struct error *err)
{
	cleanup_statement sqlite3_stmt *end = history->statements[END_RUN];
	int at = 0;
	bind_uint(end, &at, ended_usec);
	bind_uint(end, &at, peak_bytes);
	bind_uint(end, &at, oom_kills);
	bind_text(end, &at, container_id);
	int r = statement_step(history, end, "save the end of a run in", err);
	if (r == 0 && sqlite3_changes(history->db) == 0)
		return error_set(err, ENOENT, "no run of container %s is in %s", container_id, HISTORY_FILE);
	return r;
}

int history_add_decision(struct history *history, const struct history_decision *decision, struct error *err)
{
	return history_write(history, ADD_DECISION, decision, "save a decision in", err);
}

int history_each_run(struct history *history, int64_t workload_id, unsigned max,
		     int (*visit)(const struct history_run *run, void *data), void *data, struct error *err)
{
	cleanup_statement sqlite3_stmt *row = history->statements[EACH_RUN];
	int at = 0, r;
	bind_int(row, &at, workload_id);
	bind_int(row, &at, max);

	while ((r = statement_step(history, row, "read the runs in", err)) > 0) {
		struct history_run run;
		if (!columns_read(row, run_columns, N(run_columns), &run) || !run.container_id ||
		    !run.runtime)
			continue;
		r = visit(&run, data);
		if (r != 0)
			return r;
	}
	return r;
}

int history_each_decision(struct history *history, int64_t workload_id, unsigned max,
			  int (*visit)(const struct history_decision *decision, void *data), void *data,
			  struct error *err)
{
	cleanup_statement sqlite3_stmt *row = history->statements[EACH_DECISION];
	int at = 0, r;
	bind_int(row, &at, workload_id);
	bind_int(row, &at, max);

	while ((r = statement_step(history, row, "read the decisions in", err)) > 0) {
		struct history_decision decision;
		if (!columns_read(row, decision_columns, N(decision_columns), &decision) ||
		    !decision.reason || !decision.inputs)
			continue;
		r = visit(&decision, data);
		if (r != 0)
			return r;
	}
	return r;
}

/* ---- Upkeep ---- */

int history_begin(struct history *history, struct error *err)
{
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

static int history_prune_one(struct history *history, enum statement which, uint64_t older_than_usec,
			     struct error *err)
{
	cleanup_statement sqlite3_stmt *prune = history->statements[which];
	int at = 0;
	bind_uint(prune, &at, older_than_usec);
	return statement_step(history, prune, "prune", err);
}

int history_prune(struct history *history, uint64_t older_than_usec, struct error *err)
{
	int r = history_begin(history, err);
	if (r < 0)
		return r;
	for (enum statement i = PRUNE_SLOTS; r == 0 && i <= PRUNE_WORKLOADS; i++)
		r = history_prune_one(history, i, older_than_usec, err);
	if (r == 0)
		return history_commit(history, err);
	history_rollback(history);
	return r;
}
