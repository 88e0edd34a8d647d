/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/history_sql.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"

/* A column and its member in a row's struct. Statements, bindings and reading are made from
 * tables of these. */
enum column_kind {
	COLUMN_TEXT, /* const char *: NULL is SQL's NULL; a text that is read is borrowed from the row */
	COLUMN_UINT, /* uint64_t: above INT64_MAX stored as -1 */
	COLUMN_INT,  /* int64_t */
	COLUMN_KIND, /* int: enum history_kind, stored as its name */
};

struct column {
	const char *name; /* a colon and the column's name: as SQL names a parameter */
	enum column_kind kind;
	size_t offset;
};
#define COLUMN(kind, type, member)                               \
	{                                                        \
		":" #member, kind, offsetof(struct type, member) \
	}
#define N(array) (sizeof(array) / sizeof *(array))

static const struct column run_columns[] = {
	COLUMN(COLUMN_TEXT, history_run, container_id),   COLUMN(COLUMN_UINT, history_run, created_usec),
	COLUMN(COLUMN_TEXT, history_run, runtime),        COLUMN(COLUMN_INT, history_run, workload_id),
	COLUMN(COLUMN_UINT, history_run, started_usec),   COLUMN(COLUMN_UINT, history_run, ended_usec),
	COLUMN(COLUMN_UINT, history_run, declared_bytes), COLUMN(COLUMN_UINT, history_run, limit_bytes),
	COLUMN(COLUMN_TEXT, history_run, reason),         COLUMN(COLUMN_UINT, history_run, prestart_bytes),
	COLUMN(COLUMN_UINT, history_run, samples),        COLUMN(COLUMN_UINT, history_run, avg_bytes),
	COLUMN(COLUMN_UINT, history_run, p95_bytes),      COLUMN(COLUMN_UINT, history_run, max_bytes),
	COLUMN(COLUMN_UINT, history_run, peak_bytes),     COLUMN(COLUMN_UINT, history_run, oom_kills),
};
static const struct column decision_columns[] = {
	COLUMN(COLUMN_UINT, history_decision, at_usec),
	COLUMN(COLUMN_INT, history_decision, workload_id),
	COLUMN(COLUMN_KIND, history_decision, event),
	COLUMN(COLUMN_TEXT, history_decision, container_id),
	COLUMN(COLUMN_UINT, history_decision, declared_bytes),
	COLUMN(COLUMN_UINT, history_decision, request_bytes),
	COLUMN(COLUMN_UINT, history_decision, limit_bytes),
	COLUMN(COLUMN_UINT, history_decision, recommended_bytes),
	COLUMN(COLUMN_UINT, history_decision, oom_floor_bytes),
	COLUMN(COLUMN_UINT, history_decision, samples),
	COLUMN(COLUMN_UINT, history_decision, avg_bytes),
	COLUMN(COLUMN_UINT, history_decision, p95_bytes),
	COLUMN(COLUMN_UINT, history_decision, max_bytes),
	COLUMN(COLUMN_TEXT, history_decision, reason),
	COLUMN(COLUMN_TEXT, history_decision, why),
};
static const struct column kill_columns[] = {
	COLUMN(COLUMN_UINT, history_kill, at_usec),       COLUMN(COLUMN_INT, history_kill, workload_id),
	COLUMN(COLUMN_TEXT, history_kill, container_id),  COLUMN(COLUMN_TEXT, history_kill, cause),
	COLUMN(COLUMN_UINT, history_kill, limit_bytes),   COLUMN(COLUMN_UINT, history_kill, peak_bytes),
	COLUMN(COLUMN_UINT, history_kill, learned_bytes),
};
static const struct column event_columns[] = {
	COLUMN(COLUMN_UINT, history_event, at_usec),
	COLUMN(COLUMN_KIND, history_event, event),
	COLUMN(COLUMN_TEXT, history_event, container_id),
	COLUMN(COLUMN_UINT, history_event, declared_bytes),
	COLUMN(COLUMN_UINT, history_event, request_bytes),
	COLUMN(COLUMN_UINT, history_event, limit_bytes),
	COLUMN(COLUMN_UINT, history_event, recommended_bytes),
	COLUMN(COLUMN_UINT, history_event, oom_floor_bytes),
	COLUMN(COLUMN_UINT, history_event, samples),
	COLUMN(COLUMN_UINT, history_event, avg_bytes),
	COLUMN(COLUMN_UINT, history_event, p95_bytes),
	COLUMN(COLUMN_UINT, history_event, max_bytes),
	COLUMN(COLUMN_UINT, history_event, prestart_bytes),
	COLUMN(COLUMN_UINT, history_event, peak_bytes),
	COLUMN(COLUMN_UINT, history_event, oom_kills),
	COLUMN(COLUMN_UINT, history_event, lasted_usec),
	COLUMN(COLUMN_TEXT, history_event, reason),
	COLUMN(COLUMN_TEXT, history_event, why),
};

const char *const history_kind_names[] = {"creation", "resize", "kill", "recommendation", "exit", NULL};

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define ROWS             " LIMIT " TEXT_OF(PRUNE_ROWS)

/* All events of a workload, each kind in the same columns. step orders events of the same time: a cause
 * before its effect. A creation's numbers and sentence are those of its decision, if a decision was
 * added for it. */
static const char each_event[] =
	"SELECT $ FROM ("
	" SELECT at_usec, event, container_id, declared_bytes, request_bytes, limit_bytes, recommended_bytes,"
	" oom_floor_bytes, samples, avg_bytes, p95_bytes, max_bytes, 0 AS prestart_bytes, 0 AS peak_bytes,"
	" 0 AS oom_kills, 0 AS lasted_usec, reason, why, iif(container_id IS NULL, 3, 1) AS step"
	" FROM decisions WHERE workload_id = ?1 AND event <> 'creation'"
	" UNION ALL"
	" SELECT created_usec, 'creation', runs.container_id, runs.declared_bytes, 0, runs.limit_bytes,"
	" coalesce(d.recommended_bytes, 0), coalesce(d.oom_floor_bytes, 0), coalesce(d.samples, 0),"
	" coalesce(d.avg_bytes, 0), coalesce(d.p95_bytes, 0), coalesce(d.max_bytes, 0), prestart_bytes, 0,"
	" 0, 0, runs.reason, d.why, 0"
	" FROM runs LEFT JOIN decisions AS d ON d.workload_id = ?1 AND d.at_usec = created_usec"
	" AND d.container_id = runs.container_id AND d.event = 'creation' WHERE runs.workload_id = ?1"
	" UNION ALL"
	" SELECT ended_usec, 'exit', container_id, declared_bytes, 0, limit_bytes, 0, 0, samples, avg_bytes,"
	" p95_bytes, max_bytes, prestart_bytes, peak_bytes, oom_kills,"
	" max(0, ended_usec - iif(started_usec > 0, started_usec, created_usec)), '', NULL, 4"
	" FROM runs WHERE workload_id = ?1 AND ended_usec > 0"
	" UNION ALL"
	" SELECT at_usec, 'kill', container_id, 0, 0, limit_bytes, 0, learned_bytes, 0, 0, 0, 0, 0,"
	" peak_bytes, 1, 0, cause, NULL, 2"
	" FROM kills WHERE workload_id = ?1"
	") WHERE at_usec >= ?2 ORDER BY at_usec DESC, step DESC LIMIT ?3";

/* In sql, $ stands for the names of the columns, @ for the parameters of the same names. */
static const struct {
	const char *sql;
	const struct column *columns;
	size_t n_columns;
} statements[STATEMENTS_COUNT] = {
	[SAVE_WORKLOAD] = {"INSERT INTO workloads (namespace, owner, container, seen_usec, limits)"
			   " VALUES (?, ?, ?, ?, ?) ON CONFLICT (namespace, owner, container)"
			   " DO UPDATE SET seen_usec = excluded.seen_usec, limits = excluded.limits"
			   " RETURNING id"},
	[LOAD_WORKLOADS] = {"SELECT id, namespace, owner, container, limits FROM workloads"},
	[SAVE_SLOT] = {"INSERT OR REPLACE INTO slots (workload_id, start_usec, end_usec, data)"
		       " VALUES (?, ?, ?, ?)"},
	[LOAD_SLOTS] = {"SELECT start_usec, end_usec, data FROM slots WHERE workload_id = ? AND end_usec >= ?"
			" ORDER BY start_usec"},
	/* A run keeps the limit of its creation. A later resize is a decision. */
	[SAVE_RUN] = {"INSERT INTO runs ($) VALUES (@) ON CONFLICT (container_id, created_usec) DO UPDATE"
		      " SET started_usec = excluded.started_usec, prestart_bytes = excluded.prestart_bytes",
		      run_columns, N(run_columns)},
	[END_RUN] = {"UPDATE runs SET ended_usec = :ended_usec, samples = :samples, avg_bytes = :avg_bytes,"
		     " p95_bytes = :p95_bytes, max_bytes = :max_bytes, peak_bytes = :peak_bytes,"
		     " oom_kills = :oom_kills"
		     " WHERE container_id = :container_id AND created_usec = :created_usec",
		     run_columns, N(run_columns)},
	/* An auditor asks since when a limit is given, and why. In a crash loop, or for a CronJob, each
	 * creation decides the same. The run says so, and a decision for each would bury the others. Once
	 * a day the same decision is added again: otherwise the reason of a limit that does not change
	 * would be pruned. */
	[ADD_DECISION] = {"INSERT INTO decisions ($) SELECT @ WHERE :container_id IS NULL OR NOT EXISTS"
			  " (SELECT 1 FROM (SELECT * FROM decisions WHERE workload_id = :workload_id"
			  " AND container_id IS NOT NULL ORDER BY at_usec DESC, id DESC LIMIT 1)"
			  " WHERE limit_bytes = :limit_bytes AND declared_bytes = :declared_bytes"
			  " AND reason = :reason AND at_usec > :at_usec - 86400000000)",
			  decision_columns, N(decision_columns)},
	[ADD_KILL] = {"INSERT INTO kills ($) VALUES (@)", kill_columns, N(kill_columns)},
	[EACH_EVENT] = {each_event, event_columns, N(event_columns)},
	[PRUNE_SLOTS] =
		{"DELETE FROM slots WHERE (workload_id, start_usec) IN (SELECT workload_id, start_usec"
		 " FROM slots WHERE end_usec < ? ORDER BY end_usec" ROWS ")"},
	[PRUNE_RUNS] = {"DELETE FROM runs WHERE (container_id, created_usec) IN"
			" (SELECT container_id, created_usec FROM runs"
			" WHERE max(created_usec, ended_usec) < ? ORDER BY max(created_usec, ended_usec)" ROWS
			")"},
	[PRUNE_DECISIONS] = {"DELETE FROM decisions WHERE id IN (SELECT id FROM decisions WHERE at_usec < ?"
			     " ORDER BY at_usec" ROWS ")"},
	[PRUNE_KILLS] = {"DELETE FROM kills WHERE id IN (SELECT id FROM kills WHERE at_usec < ?"
			 " ORDER BY at_usec" ROWS ")"},
	[PRUNE_WORKLOADS] = {"DELETE FROM workloads WHERE seen_usec < ?"
			     " AND NOT EXISTS (SELECT 1 FROM slots WHERE workload_id = workloads.id)"
			     " AND NOT EXISTS (SELECT 1 FROM runs WHERE workload_id = workloads.id)"
			     " AND NOT EXISTS (SELECT 1 FROM decisions WHERE workload_id = workloads.id)"
			     " AND NOT EXISTS (SELECT 1 FROM kills WHERE workload_id = workloads.id)"},
	/* When the newest of the oldest rows of all tables ended. Only slots that ended before
	 * the parameter count. */
	[OLDEST] = {"SELECT max(age) FROM (SELECT end_usec AS age FROM slots WHERE end_usec < ?"
		    " UNION ALL SELECT max(created_usec, ended_usec) FROM runs"
		    " UNION ALL SELECT at_usec FROM decisions UNION ALL SELECT at_usec FROM kills"
		    " ORDER BY age" ROWS ")"},
	/* Bytes used, bytes of the file. */
	[SIZE] = {"SELECT (page_count - freelist_count) * page_size, page_count * page_size"
		  " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"},
	[BEGIN] = {"BEGIN IMMEDIATE"},
	[COMMIT] = {"COMMIT"},
};

int history_error(struct history *history, struct error *err, const char *what)
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

void bind_int(sqlite3_stmt *statement, int *at, int64_t value)
{
	(void)sqlite3_bind_int64(statement, ++*at, value);
}

void bind_uint(sqlite3_stmt *statement, int *at, uint64_t value)
{
	bind_int(statement, at, value > INT64_MAX ? -1 : (int64_t)value);
}

void bind_text(sqlite3_stmt *statement, int *at, const char *text)
{
	(void)sqlite3_bind_text(statement, ++*at, text, -1, SQLITE_STATIC);
}

uint64_t uint_read(sqlite3_stmt *row, int column)
{
	int64_t value = sqlite3_column_int64(row, column);
	return value < 0 ? UINT64_MAX : (uint64_t)value;
}

const char *text_read(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

void statement_release(sqlite3_stmt *const *statement)
{
	(void)sqlite3_reset(*statement);
	(void)sqlite3_clear_bindings(*statement);
}

int statement_step(struct history *history, sqlite3_stmt *statement, const char *what, struct error *err)
{
	int r = sqlite3_step(statement);
	if (r == SQLITE_ROW || r == SQLITE_DONE)
		return r == SQLITE_ROW ? STATEMENT_ROW : 0;
	return history_error(history, err, what);
}

int row_check(struct history *history, const char *what, struct error *err)
{
	return sqlite3_errcode(history->db) == SQLITE_NOMEM ? history_error(history, err, what) : 0;
}

int history_write(struct history *history, enum statement which, const void *object, const char *what,
		  struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = history->statements[which];

	for (size_t i = 0; i < statements[which].n_columns; i++) {
		const struct column *column = &statements[which].columns[i];
		const void *member = (const char *)object + column->offset;
		int at = sqlite3_bind_parameter_index(statement, column->name);
		if (at-- == 0)
			continue; /* the statement does not use this column */
		switch (column->kind) {
		case COLUMN_TEXT:
			bind_text(statement, &at, *(const char *const *)member);
			break;
		case COLUMN_UINT:
			bind_uint(statement, &at, *(const uint64_t *)member);
			break;
		case COLUMN_INT:
			bind_int(statement, &at, *(const int64_t *)member);
			break;
		case COLUMN_KIND:
			bind_text(statement, &at, history_kind_names[*(const int *)member]);
			break;
		}
	}
	return statement_step(history, statement, what, err);
}

static bool kind_read(const char *name, int *ret)
{
	for (int i = 0; name && history_kind_names[i]; i++)
		if (strcmp(name, history_kind_names[i]) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

bool history_read_row(struct history *history, enum statement which, void *object)
{
	sqlite3_stmt *row = history->statements[which];

	for (int i = 0; i < (int)statements[which].n_columns; i++) {
		const struct column *column = &statements[which].columns[i];
		void *member = (char *)object + column->offset;
		switch (column->kind) {
		case COLUMN_TEXT:
			*(const char **)member = text_read(row, i);
			break;
		case COLUMN_UINT:
			*(uint64_t *)member = uint_read(row, i);
			break;
		case COLUMN_INT:
			*(int64_t *)member = sqlite3_column_int64(row, i);
			break;
		case COLUMN_KIND:
			if (!kind_read(text_read(row, i), member))
				return false;
			break;
		}
	}
	return true;
}

/* The statement's text with its columns filled in. The caller frees it. NULL: out of memory. */
static char *statement_text(enum statement which)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	if (!out)
		return NULL;
	for (const char *c = statements[which].sql; *c; c++) {
		if (!strchr("$@", *c)) {
			(void)fputc(*c, out);
			continue;
		}
		for (size_t i = 0; i < statements[which].n_columns; i++)
			(void)fprintf(out, "%s%s", i > 0 ? ", " : "",
				      statements[which].columns[i].name + (*c == '$'));
	}
	/* After a failed write, later writes may succeed again. */
	const bool is_whole = !ferror(out);
	if (fclose(out) == 0 && is_whole)
		return text;
	free(text);
	return NULL;
}

int history_prepare(struct history *history, struct error *err)
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
