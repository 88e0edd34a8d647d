/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SQLite's statements, values and errors, for the files of the history alone. */

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/store/history_row.h"

enum statement {
	SAVE_WORKLOAD,
	LOAD_WORKLOADS,
	SAVE_SLOT,
	LOAD_SLOTS,
	SAVE_RUN,
	END_RUN,
	ADD_DECISION,
	ADD_KILL,
	EACH_EVENT,
	PRUNE_SLOTS,
	PRUNE_RUNS,
	PRUNE_DECISIONS,
	PRUNE_KILLS,
	PRUNE_WORKLOADS,
	OLDEST,
	SIZE,
	BEGIN,
	COMMIT,
	STATEMENTS_COUNT,
};

struct history {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS_COUNT];
};

/* So many rows of each table go in one step of pruning at most: some 30 ms where a thousand workloads fill 64
 * MiB, which a kill may have to wait for. */
#define PRUNE_ROWS 256

int history_error(struct history *history, struct error *err, const char *what);

/* Prepares all of them. -EBADMSG: a table or a column is missing. */
int history_prepare(struct history *history, struct error *err);

/* The parameters of a statement are bound in order: *at is the last one. A value that cannot be bound for
 * want of memory stays NULL, which no column that matters takes. */
void bind_int(sqlite3_stmt *statement, int *at, int64_t value);
void bind_uint(sqlite3_stmt *statement, int *at, uint64_t value);
void bind_text(sqlite3_stmt *statement, int *at, const char *text);
uint64_t uint_read(sqlite3_stmt *row, int column);
const char *text_read(sqlite3_stmt *row, int column);

/* What is borrowed by the bindings and cursors of a statement ends with the scope. */
void statement_release(sqlite3_stmt *const *statement);
#define cleanup_statement __attribute__((cleanup(statement_release)))

/* What statement_step() returns above 0. */
enum statement_outcome {
	STATEMENT_ROW = 1, /* the statement shows a row */
};

/* Takes one step. Returns STATEMENT_ROW, 0 at the end, or -errno. */
int statement_step(struct history *history, sqlite3_stmt *statement, const char *what, struct error *err);

/* After columns of a row were read: 0, or -ENOMEM if one of them is NULL for want of memory. */
int row_check(struct history *history, const char *what, struct error *err);

/* Binds the object to the statement's columns, and runs it to its end. */
int history_write(struct history *history, enum statement which, const void *object, const char *what,
		  struct error *err);

/* The object from the row that this statement shows; false for one that cannot be. Texts are borrowed. */
bool history_read_row(struct history *history, enum statement which, void *object);
