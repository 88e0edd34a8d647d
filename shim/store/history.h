/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* tidemark.db: what the daemon remembers across restarts. SQLite in WAL mode; history.c is the only file that
 * knows it. One writer, the daemon.
 *
 * Times are microseconds of CLOCK_REALTIME, sizes bytes. SQLite's integers are signed: what exceeds INT64_MAX
 * (UINT64_MAX, "no limit") is stored as -1 and read back as UINT64_MAX.
 *
 * A function that fails returns a negative errno with *err set and leaves the database as it was; the daemon
 * goes on in memory and says so. -ENOSPC: the disk is full; -EROFS: it cannot be written; -EBADMSG: it is
 * corrupt; -EBUSY: another process is writing to it, which is waited for when it is opened (100 ms) and
 * never later; else what the system said, or -EIO. Nothing here aborts, logs or
 * reads the clock. */

#include <stdint.h>

#include "cgroups/error.h"
#include "shim/store/limits.h"
#include "shim/tune/window.h"

#define HISTORY_FILE    "tidemark.db"
#define HISTORY_VERSION 1

struct history;

/* The database could not be read as one, was set aside, and a new one begun. */
#define HISTORY_SET_ASIDE 1

/* Opens or creates tidemark.db (mode 0600) in a directory that exists, and brings its tables up to date. A
 * file that is corrupt or no database is renamed to tidemark.db.corrupt-<now in seconds>. Returns 0;
 * HISTORY_SET_ASIDE, with *err saying what was wrong and where the old file went; -ENOTSUP for a database of
 * a newer version, which is left as it is; other negative errno values as above. */
int history_open(const char *directory, uint64_t now_usec, struct history **ret, struct error *err);
void history_close(struct history *history);

/* Inserts the workload, or updates the one of this identity. All of limits is kept but version and observed,
 * which the slots give again. seen_usec: when a container of it was last seen, for history_prune(). *ret_id
 * stays the same for the life of the workload. */
int history_save_workload(struct history *history, const struct limits *limits, uint64_t seen_usec,
			  int64_t *ret_id, struct error *err);

/* An encoded slot (shim/tune/window.h). One that starts at the same time is replaced. */
int history_save_slot(struct history *history, int64_t workload_id, const struct slot_bytes *slot,
		      struct error *err);

/* Calls workload for each workload, and after each slot for those of its slots that ended at from_usec or
 * later, the oldest first. The callbacks must not call back into the history. What one of them returns, if
 * not 0, ends the walk and is passed on. A row that holds what cannot be is skipped and counted in
 * *ret_skipped. */
int history_load(struct history *history, uint64_t from_usec,
		 int (*workload)(int64_t workload_id, const struct limits *limits, void *data),
		 int (*slot)(int64_t workload_id, const struct slot_bytes *slot, void *data), void *data,
		 uint64_t *ret_skipped, struct error *err);

/* One life of a container. */
struct history_run {
	const char *container_id, *runtime;
	int64_t workload_id;
	uint64_t created_usec, started_usec, ended_usec; /* 0: not yet, or not known */
	uint64_t declared_bytes, limit_bytes;
	uint64_t prestart_bytes; /* peak before start */
	uint64_t peak_bytes;     /* at exit: memory.peak */
	uint64_t oom_kills;
};

/* Inserts the run, or updates it. history_run_ended() changes ended_usec, peak_bytes and oom_kills only, and
 * returns -ENOENT for a container that no run began with. */
int history_run_started(struct history *history, const struct history_run *run, struct error *err);
int history_run_ended(struct history *history, const char *container_id, uint64_t ended_usec,
		      uint64_t peak_bytes, uint64_t oom_kills, struct error *err);

/* The audit: what was decided or recommended, when, and from what. */
struct history_decision {
	uint64_t at_usec;
	int64_t workload_id;
	const char *container_id; /* NULL: no container's, a recommendation */
	uint64_t request_bytes, limit_bytes;
	const char *reason; /* "enforced+max-change" */
	const char *inputs; /* a sentence with the numbers it came from */
};
int history_add_decision(struct history *history, const struct history_decision *decision, struct error *err);

/* Walk the runs or decisions of one workload back from the newest, at most max of them. Strings are borrowed
 * for the time of the call. Return as history_load(). */
int history_each_run(struct history *history, int64_t workload_id, unsigned max,
		     int (*visit)(const struct history_run *run, void *data), void *data, struct error *err);
int history_each_decision(struct history *history, int64_t workload_id, unsigned max,
			  int (*visit)(const struct history_decision *decision, void *data), void *data,
			  struct error *err);

/* Deletes the slots, runs and decisions that ended before older_than_usec (of a run whose end is not known:
 * that were created before), and then the workloads that were last seen before it and have nothing left. Not
 * within a batch. */
int history_prune(struct history *history, uint64_t older_than_usec, struct error *err);

/* What lies between them becomes one write to disk. A failure in between may have rolled back the whole
 * batch: the commit then returns -ECANCELED. A commit that fails has been rolled back. */
int history_begin(struct history *history, struct error *err);
int history_commit(struct history *history, struct error *err);
/* Gives up the batch, if it is not over already. */
void history_rollback(struct history *history);
