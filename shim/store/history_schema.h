/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tables of tidemark.db and the statements over them, for history.c alone. */

#include <stddef.h>

#include "shim/store/history.h"

/* The schema's history: entry n brings a database of version n to n + 1, and is never changed once released.
 */
static const char *const migrations[HISTORY_VERSION] = {
	"CREATE TABLE workloads ("
	" id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, owner TEXT NOT NULL, container TEXT NOT NULL,"
	" image_ref TEXT NOT NULL, request_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL,"
	" request_term INTEGER NOT NULL, limit_term INTEGER NOT NULL, revision INTEGER NOT NULL,"
	" changed_usec INTEGER NOT NULL, seen_avg_bytes INTEGER NOT NULL, seen_p95_bytes INTEGER NOT NULL,"
	" seen_max_bytes INTEGER NOT NULL, seen_highest_bytes INTEGER NOT NULL, seen_history_usec INTEGER NOT NULL,"
	" seen_records INTEGER NOT NULL, seen_margin_bytes INTEGER NOT NULL, tide TEXT NOT NULL, warmup_since_usec INTEGER NOT NULL, warmup_samples INTEGER NOT NULL,"
	" warm INTEGER NOT NULL, oom_limit_bytes INTEGER NOT NULL, oom_floor_bytes INTEGER NOT NULL,"
	" oom_usec INTEGER NOT NULL, oom_kills INTEGER NOT NULL, enforced_request_bytes INTEGER NOT NULL,"
	" enforced_limit_bytes INTEGER NOT NULL, prestart_crun_bytes INTEGER NOT NULL,"
	" prestart_runc_bytes INTEGER NOT NULL, declared_bytes INTEGER NOT NULL, applied_bytes INTEGER NOT "
	"NULL,"
	" written_usec INTEGER NOT NULL, seen_usec INTEGER NOT NULL, UNIQUE (namespace, owner, container));"
	"CREATE TABLE slots ("
	" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, start_usec INTEGER NOT NULL,"
	" end_usec INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (workload_id, start_usec)) WITHOUT "
	"ROWID;"
	"CREATE TABLE runs ("
	" container_id TEXT PRIMARY KEY, runtime TEXT NOT NULL,"
	" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, created_usec INTEGER NOT NULL,"
	" started_usec INTEGER NOT NULL, ended_usec INTEGER NOT NULL, declared_bytes INTEGER NOT NULL,"
	" limit_bytes INTEGER NOT NULL, prestart_bytes INTEGER NOT NULL, peak_bytes INTEGER NOT NULL,"
	" oom_kills INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX runs_by_workload ON runs (workload_id, created_usec);"
	"CREATE TABLE decisions ("
	" id INTEGER PRIMARY KEY, at_usec INTEGER NOT NULL,"
	" workload_id INTEGER NOT NULL REFERENCES workloads ON DELETE CASCADE, container_id TEXT,"
	" request_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL, reason TEXT NOT NULL,"
	" inputs TEXT NOT NULL);"
	"CREATE INDEX decisions_by_workload ON decisions (workload_id, at_usec);",
};

/* A column and the member that it holds. Statements, bindings and reading are made from these tables. */
enum column_kind {
	COLUMN_TEXT,    /* char[size] */
	COLUMN_POINTER, /* const char *: a NULL one is SQL's NULL, and what is read is borrowed from the row
			 */
	COLUMN_UINT,    /* uint64_t: beyond INT64_MAX stored as -1 */
	COLUMN_INT,     /* int64_t */
	COLUMN_BOOL,
	COLUMN_TERM, /* int: enum tuner_term */
};

struct column {
	const char *name;
	enum column_kind kind;
	size_t offset, size;
};
#define COLUMN_AS(name, kind, type, member)                                        \
	{                                                                          \
		name, kind, offsetof(type, member), sizeof(((type *)NULL)->member) \
	}
#define COLUMN(kind, type, member) COLUMN_AS(#member, kind, type, member)
#define STANDING(kind, member)     COLUMN_AS(#member, kind, struct limits, recommendation.member)
#define N(array)                   (sizeof(array) / sizeof *(array))

#define N_IDENTITY 3 /* the first ones name the workload */
static const struct column workload_columns[] = {
	COLUMN_AS("namespace", COLUMN_TEXT, struct limits, identity.namespace),
	COLUMN_AS("owner", COLUMN_TEXT, struct limits, identity.owner),
	COLUMN_AS("container", COLUMN_TEXT, struct limits, identity.container),
	COLUMN(COLUMN_TEXT, struct limits, image_ref),
	STANDING(COLUMN_UINT, request_bytes),
	STANDING(COLUMN_UINT, limit_bytes),
	STANDING(COLUMN_TERM, request_term),
	STANDING(COLUMN_TERM, limit_term),
	STANDING(COLUMN_UINT, revision),
	STANDING(COLUMN_UINT, changed_usec),
	STANDING(COLUMN_UINT, seen_avg_bytes),
	STANDING(COLUMN_UINT, seen_p95_bytes),
	STANDING(COLUMN_UINT, seen_max_bytes),
	STANDING(COLUMN_UINT, seen_highest_bytes),
	STANDING(COLUMN_UINT, seen_history_usec),
	STANDING(COLUMN_UINT, seen_records),
	STANDING(COLUMN_UINT, seen_margin_bytes),
	COLUMN(COLUMN_TEXT, struct limits, tide),
	STANDING(COLUMN_UINT, warmup_since_usec),
	STANDING(COLUMN_UINT, warmup_samples),
	STANDING(COLUMN_BOOL, warm),
	STANDING(COLUMN_UINT, oom_limit_bytes),
	STANDING(COLUMN_UINT, oom_floor_bytes),
	STANDING(COLUMN_UINT, oom_usec),
	STANDING(COLUMN_UINT, oom_kills),
	COLUMN(COLUMN_UINT, struct limits, enforced_request_bytes),
	COLUMN(COLUMN_UINT, struct limits, enforced_limit_bytes),
	COLUMN(COLUMN_UINT, struct limits, prestart_crun_bytes),
	COLUMN(COLUMN_UINT, struct limits, prestart_runc_bytes),
	COLUMN(COLUMN_UINT, struct limits, declared_bytes),
	COLUMN(COLUMN_UINT, struct limits, applied_bytes),
	COLUMN(COLUMN_UINT, struct limits, written_usec),
};
static const struct column run_columns[] = {
	COLUMN(COLUMN_POINTER, struct history_run, container_id),
	COLUMN(COLUMN_POINTER, struct history_run, runtime),
	COLUMN(COLUMN_INT, struct history_run, workload_id),
	COLUMN(COLUMN_UINT, struct history_run, created_usec),
	COLUMN(COLUMN_UINT, struct history_run, started_usec),
	COLUMN(COLUMN_UINT, struct history_run, ended_usec),
	COLUMN(COLUMN_UINT, struct history_run, declared_bytes),
	COLUMN(COLUMN_UINT, struct history_run, limit_bytes),
	COLUMN(COLUMN_UINT, struct history_run, prestart_bytes),
	COLUMN(COLUMN_UINT, struct history_run, peak_bytes),
	COLUMN(COLUMN_UINT, struct history_run, oom_kills),
};
static const struct column decision_columns[] = {
	COLUMN(COLUMN_UINT, struct history_decision, at_usec),
	COLUMN(COLUMN_INT, struct history_decision, workload_id),
	COLUMN(COLUMN_POINTER, struct history_decision, container_id),
	COLUMN(COLUMN_UINT, struct history_decision, request_bytes),
	COLUMN(COLUMN_UINT, struct history_decision, limit_bytes),
	COLUMN(COLUMN_POINTER, struct history_decision, reason),
	COLUMN(COLUMN_POINTER, struct history_decision, inputs),
};

enum statement {
	SAVE_WORKLOAD,
	FIND_WORKLOAD,
	LOAD_WORKLOADS,
	SAVE_SLOT,
	LOAD_SLOTS,
	SAVE_RUN,
	END_RUN,
	EACH_RUN,
	ADD_DECISION,
	EACH_DECISION,
	PRUNE_SLOTS,
	PRUNE_RUNS,
	PRUNE_DECISIONS,
	PRUNE_WORKLOADS,
	BEGIN,
	COMMIT,
	STATEMENTS_COUNT,
};

/* $ stands for the names of the columns, @ for as many question marks, ^ for taking over each that is not
 * part of the identity. */
static const struct {
	const char *sql;
	const struct column *columns;
	size_t n_columns;
} statements[STATEMENTS_COUNT] = {
	[SAVE_WORKLOAD] = {"INSERT INTO workloads ($, seen_usec) VALUES (@, ?)"
			   " ON CONFLICT (namespace, owner, container)"
			   " DO UPDATE SET ^, seen_usec = excluded.seen_usec",
			   workload_columns, N(workload_columns)},
	[FIND_WORKLOAD] = {"SELECT id FROM workloads WHERE namespace = ? AND owner = ? AND container = ?"},
	[LOAD_WORKLOADS] = {"SELECT $, id FROM workloads", workload_columns, N(workload_columns)},
	[SAVE_SLOT] = {"INSERT OR REPLACE INTO slots (workload_id, start_usec, end_usec, data)"
		       " VALUES (?, ?, ?, ?)"},
	[LOAD_SLOTS] = {"SELECT start_usec, end_usec, data FROM slots WHERE workload_id = ? AND end_usec >= ?"
			" ORDER BY start_usec"},
	[SAVE_RUN] = {"INSERT OR REPLACE INTO runs ($) VALUES (@)", run_columns, N(run_columns)},
	[END_RUN] = {"UPDATE runs SET ended_usec = ?, peak_bytes = ?, oom_kills = ? WHERE container_id = ?"},
	[EACH_RUN] = {"SELECT $ FROM runs WHERE workload_id = ? ORDER BY created_usec DESC LIMIT ?",
		      run_columns, N(run_columns)},
	[ADD_DECISION] = {"INSERT INTO decisions ($) VALUES (@)", decision_columns, N(decision_columns)},
	[EACH_DECISION] = {"SELECT $ FROM decisions WHERE workload_id = ? ORDER BY at_usec DESC, id DESC"
			   " LIMIT ?",
			   decision_columns, N(decision_columns)},
	[PRUNE_SLOTS] = {"DELETE FROM slots WHERE end_usec < ?"},
	[PRUNE_RUNS] = {"DELETE FROM runs WHERE max(created_usec, ended_usec) < ?"},
	[PRUNE_DECISIONS] = {"DELETE FROM decisions WHERE at_usec < ?"},
	[PRUNE_WORKLOADS] = {"DELETE FROM workloads WHERE seen_usec < ?"
			     " AND NOT EXISTS (SELECT 1 FROM slots WHERE workload_id = workloads.id)"
			     " AND NOT EXISTS (SELECT 1 FROM runs WHERE workload_id = workloads.id)"
			     " AND NOT EXISTS (SELECT 1 FROM decisions WHERE workload_id = workloads.id)"},
	[BEGIN] = {"BEGIN IMMEDIATE"},
	[COMMIT] = {"COMMIT"},
};
