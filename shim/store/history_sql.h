/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SQLite's statements, values and errors. Only for the files history*.c. */

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

/* The most rows of a table that one step of pruning deletes. This takes some 30 ms if 1,000 workloads fill 64
 * MiB, and an OOM kill may have to wait for so long. */
#define PRUNE_ROWS 256

/* Sets *err to "cannot <what> tidemark.db: " and SQLite's last error. Returns a negative errno
 * as in history.h. */
int history_error(struct history *history, struct error *err, const char *what);

/* Prepares all statements. Returns 0; -EBADMSG if a table or a column is missing; or -errno. */
int history_prepare(struct history *history, struct error *err);

/* Bind the parameter after *at, and increment *at. Without memory the parameter stays NULL: no column that
 * matters accepts NULL. */
void bind_int(sqlite3_stmt *statement, int *at, int64_t value);
void bind_uint(sqlite3_stmt *statement, int *at, uint64_t value);
void bind_text(sqlite3_stmt *statement, int *at, const char *text);
uint64_t uint_read(sqlite3_stmt *row, int column);
const char *text_read(sqlite3_stmt *row, int column); /* borrowed from the row; may be NULL */

/* Resets the statement at the scope's end, so that it borrows nothing any more. */
void statement_release(sqlite3_stmt *const *statement);
#define cleanup_statement __attribute__((cleanup(statement_release)))

/* A result of statement_step() above 0. */
enum statement_outcome {
	STATEMENT_ROW = 1, /* there is a row to be read */
};

/* Runs the statement up to its next row. what: for history_error(). Returns STATEMENT_ROW, 0 at the
 * end, or -errno. */
int statement_step(struct history *history, sqlite3_stmt *statement, const char *what, struct error *err);

/* After columns of a row were read: 0, or -ENOMEM if one of them is NULL for want of memory. */
int row_check(struct history *history, const char *what, struct error *err);

/* Binds the members of a row's struct to the statement's parameters, and runs the statement. which must be
 * one that returns no rows. Returns 0 or -errno. */
int history_write(struct history *history, enum statement which, const void *object, const char *what,
		  struct error *err);

/* Fills a row's struct from the statement's current row. Texts are borrowed. false: the row has
 * an impossible value. */
bool history_read_row(struct history *history, enum statement which, void *object);
