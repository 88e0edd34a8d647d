/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* tidemark.db: what the daemon remembers across restarts. An SQLite database in WAL mode. Only the files
 * history*.c know SQLite. Only the daemon writes.
 *
 * Times are microseconds of CLOCK_REALTIME, sizes are bytes. SQLite's integers are signed: a number above
 * INT64_MAX (UINT64_MAX is "no limit") is stored as -1 and read back as UINT64_MAX.
 *
 * A function that fails returns a negative errno with *err set, and leaves the database as it was. The daemon
 * then goes on in memory and says so.
 *   -ENOSPC   the disk is full
 *   -EROFS    the database cannot be written
 *   -EBADMSG  the database is corrupt
 *   -EBUSY    another process writes to it. A reader, and history_open(), wait 100 ms for this process; after
 *             history_open() no function waits.
 *   others    what the system said, or -EIO
 * Nothing here aborts, logs or reads the clock. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/store/history_row.h"
#include "shim/store/limits.h"
#include "shim/tune/window.h"

struct history;

/* Results above 0. */
enum history_outcome {
	HISTORY_SET_ASIDE = 1, /* history_open(): the file was no database, and a new one was begun */
	HISTORY_BEGUN,         /* history_begin(): a batch is open already; whoever began it ends it */
	HISTORY_MORE,          /* history_prune(): there is more to prune */
};

/* Opens or creates tidemark.db (mode 0600) in a directory that exists, and brings its tables up to date. A
 * file that is corrupt, or no database, is renamed to tidemark.db.corrupt-<now in seconds>, and a new one is
 * made. Returns 0; HISTORY_SET_ASIDE, with the reason and the old file's new name in *err; -ENOTSUP for a
 * database of a newer version, which is left as it is; or another negative errno as above. */
int history_open(const char *directory, uint64_t now_usec, struct history **ret, struct error *err);
void history_close(struct history *history);

/* Opens the database to read it, beside the daemon or without one. Nothing is created, brought up to date or
 * set aside. -ENOENT: there is no database; -ENOTSUP: it has another version. */
int history_open_to_read(const char *directory, struct history **ret, struct error *err);

/* Inserts the workload, or updates the one with this identity. seen_usec: when a container of the workload
 * was last seen, for history_prune(). *ret_id stays the same for the life of the workload. */
int history_save_workload(struct history *history, const struct limits *limits, uint64_t seen_usec,
			  int64_t *ret_id, struct error *err);

/* Saves an encoded slot (shim/tune/window.h). It replaces the workload's slot with the same start. */
int history_save_slot(struct history *history, int64_t workload_id, const struct slot_bytes *slot,
		      struct error *err);

/* Calls workload() for each workload, then slot() for each of its slots that ended at from_usec or
 * later, the oldest first. slot may be NULL. The callbacks must not use the history. A callback that
 * does not return 0 ends the walk, and its result is returned. A row with impossible values is skipped
 * and counted in *ret_skipped. */
int history_load(struct history *history, uint64_t from_usec,
		 int (*workload)(int64_t workload_id, const struct limits *limits, void *data),
		 int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		 uint64_t *ret_skipped, struct error *err);

/* Calls slot() likewise for the slots of one workload. The number of skipped rows is added to *skipped. */
int history_each_slot(struct history *history, int64_t workload_id, uint64_t from_usec,
		      int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		      uint64_t *skipped, struct error *err);

/* A run's key is container_id and created_usec. history_run_started() inserts a run, or updates its
 * started_usec and prestart_bytes. history_run_ended() updates ended_usec and what was observed; it returns
 * -ENOENT if there is no such run. */
int history_run_started(struct history *history, const struct history_run *run, struct error *err);
int history_run_ended(struct history *history, const struct history_run *run, struct error *err);

/* Adds a decision. A container's decision is left out if the last one of its workload has the same
 * declared_bytes, limit_bytes and reason, and is less than a day old. */
int history_add_decision(struct history *history, const struct history_decision *decision, struct error *err);

/* Adds an OOM kill. */
int history_add_kill(struct history *history, const struct history_kill *kill, struct error *err);

/* Calls visit() for each event of the workload, from the newest back to since_usec, at most max times.
 * Strings are borrowed for the time of the call. Returns as history_load(). */
int history_each_event(struct history *history, int64_t workload_id, uint64_t since_usec, unsigned max,
		       int (*visit)(const struct history_event *event, void *data), void *data,
		       struct error *err);

/* The bounds of the history. */
struct history_bounds {
	uint64_t older_than_usec; /* rows that ended before are deleted */
	/* If the file without its free room is above size_max_bytes, the oldest rows are deleted too, but no
	 * slot that ended at slots_from_usec or later. */
	uint64_t size_max_bytes;
	uint64_t slots_from_usec;
};

/* Does one step of pruning, a bounded piece of work. Not within a batch. Returns 0, HISTORY_MORE, or
 * -errno. The order:
 *   1. Rows that ended before older_than_usec. A run that has no end counts by its creation.
 *   2. Workloads that were last seen before older_than_usec and have no rows left.
 *   3. Above size_max_bytes: the oldest rows of all tables together.
 * Then free room at the file's end is given back, if the file is above size_max_bytes or more than a quarter
 * of it is free. (A file that version 1 began cannot be made smaller: its room is used again.) */
int history_prune(struct history *history, const struct history_bounds *bounds, struct error *err);

/* Begin and commit a batch: what is saved in between becomes one write to disk. history_begin() returns 0,
 * HISTORY_BEGUN, or -errno. A failure in between may roll back the whole batch: history_commit() then returns
 * -ECANCELED. If history_commit() itself fails, the batch is rolled back. */
int history_begin(struct history *history, struct error *err);
int history_commit(struct history *history, struct error *err);
/* Gives up the batch, if there is one. */
void history_rollback(struct history *history);
