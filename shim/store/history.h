/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* tidemark.db: what the daemon remembers across restarts. SQLite in WAL mode; the files history*.c are the only
 * ones that know it. One writer, the daemon.
 *
 * Times are microseconds of CLOCK_REALTIME, sizes bytes. SQLite's integers are signed: what exceeds INT64_MAX
 * (UINT64_MAX, "no limit") is stored as -1 and read back as UINT64_MAX.
 *
 * A function that fails returns a negative errno with *err set and leaves the database as it was; the daemon
 * goes on in memory and says so. -ENOSPC: the disk is full; -EROFS: it cannot be written; -EBADMSG: it is
 * corrupt; -EBUSY: another process is writing to it, which is waited for when it is opened (100 ms) and
 * never later; else what the system said, or -EIO. Nothing here aborts, logs or
 * reads the clock. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/store/history_row.h"
#include "shim/store/limits.h"
#include "shim/tune/window.h"

struct history;

/* What the functions below return above 0. */
enum history_outcome {
	HISTORY_SET_ASIDE = 1, /* history_open(): the file was no database, and a new one was begun */
	HISTORY_BEGUN,         /* history_begin(): there is a batch already; whoever began it ends it */
	HISTORY_MORE,          /* history_prune(): there is more to be pruned */
};

/* Opens or creates tidemark.db (mode 0600) in a directory that exists, and brings its tables up to date. A
 * file that is corrupt or no database is renamed to tidemark.db.corrupt-<now in seconds>. Returns 0;
 * HISTORY_SET_ASIDE, with *err saying what was wrong and where the old file went; -ENOTSUP for a database of
 * a newer version, which is left as it is; other negative errno values as above. */
int history_open(const char *directory, uint64_t now_usec, struct history **ret, struct error *err);
void history_close(struct history *history);

/* For a reader beside the daemon, or without one: nothing is made, brought up to date or set aside. -ENOENT: there
 * is none; -ENOTSUP: it is of another version. */
int history_open_to_read(const char *directory, struct history **ret, struct error *err);

/* Inserts the workload, or updates the one of this identity. seen_usec: when a container of it was last seen, for history_prune(). *ret_id
 * stays the same for the life of the workload. */
int history_save_workload(struct history *history, const struct limits *limits, uint64_t seen_usec,
			  int64_t *ret_id, struct error *err);

/* An encoded slot (shim/tune/window.h). One that starts at the same time is replaced. */
int history_save_slot(struct history *history, int64_t workload_id, const struct slot_bytes *slot,
		      struct error *err);

/* Calls workload for each workload, and after each slot for those of its slots that ended at from_usec or
 * later, the oldest first. The callbacks must not call back into the history. What one of them returns, if
 * not 0, ends the walk and is passed on. A row that holds what cannot be is skipped and counted in
 * *ret_skipped. slot may be NULL. */
int history_load(struct history *history, uint64_t from_usec,
		 int (*workload)(int64_t workload_id, const struct limits *limits, void *data),
		 int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		 uint64_t *ret_skipped, struct error *err);

/* The slots of one workload alone, in the same way; what is skipped is added to *skipped. */
int history_each_slot(struct history *history, int64_t workload_id, uint64_t from_usec,
		      int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		      uint64_t *skipped, struct error *err);

/* Inserts the run, or brings started_usec and prestart_bytes of it up to date. history_run_ended() changes
 * ended_usec and what was observed, and returns -ENOENT for one that did not begin. A run is named by container_id
 * and created_usec. */
int history_run_started(struct history *history, const struct history_run *run, struct error *err);
int history_run_ended(struct history *history, const struct history_run *run, struct error *err);

/* A container's decision is added only if it differs from the last one of its workload (in declared_bytes,
 * limit_bytes or reason), or that is a day old. */
int history_add_decision(struct history *history, const struct history_decision *decision, struct error *err);

int history_add_kill(struct history *history, const struct history_kill *kill, struct error *err);

/* Walks back from the newest to since_usec, at most max of them. Strings are borrowed for the time of the call.
 * Returns as history_load(). */
int history_each_event(struct history *history, int64_t workload_id, uint64_t since_usec, unsigned max,
		       int (*visit)(const struct history_event *event, void *data), void *data,
		       struct error *err);

/* What the history is held within. */
struct history_bounds {
	uint64_t older_than_usec; /* what ended before it goes */
	uint64_t size_max_bytes; /* of the file, less what is free in it: above it the oldest goes, too … */
	uint64_t slots_from_usec; /* … but no slot that ended at or after this */
};

/* One step, of bounded work. Of a run whose end is not known its creation counts. The oldest goes first whatever
 * it is, as if what is kept were kept for less long; workloads that were last seen before older_than_usec
 * and have nothing left go last. Then room at the file's end is given back, where the file is above its size
 * or a quarter of it is free (not of a file that version 1 began: its room is used again). Returns 0, HISTORY_MORE, or -errno.
 * Not within a batch. */
int history_prune(struct history *history, const struct history_bounds *bounds, struct error *err);

/* What lies between them becomes one write to disk. A failure in between may have rolled back the whole
 * batch: the commit then returns -ECANCELED. A commit that fails has been rolled back. history_begin() returns 0,
 * HISTORY_BEGUN, or -errno. */
int history_begin(struct history *history, struct error *err);
int history_commit(struct history *history, struct error *err);
/* Gives up the batch, if it is not over already. */
void history_rollback(struct history *history);
