/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node: its containers, and what follows from the events of their lives. Sources bring events, the
 * registry has the tables, learning learns, archive and voice are told. Only node.c takes an event and
 * decides what follows, one event at a time, by the table in life.c.
 *
 * intake.c reads the sources, in the order that the kernel needs. chores.c has what is done at intervals.
 * Nothing here waits or reads the clock: now_usec is CLOCK_REALTIME, and the
 * caller decides how often it calls. A clock that jumps does no harm. */

#include "shim/daemon/archive.h"
#include "shim/daemon/conmon.h"
#include "shim/daemon/exits.h"
#include "shim/daemon/guests.h"
#include "shim/daemon/learning.h"
#include "shim/daemon/pressures.h"
#include "shim/daemon/processes.h"
#include "shim/daemon/records.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/roots.h"
#include "shim/daemon/sampling.h"
#include "shim/daemon/voice.h"
#include "shim/daemon/watch.h"

/* The sources of events. None calls anything above it. Each has an fd to be polled: intake.h. */
struct sources {
	struct records records;
	struct watch watch;
	struct processes processes; /* only used if exits.fd is -1 */
	struct pressures pressures;
	struct exits exits;
	struct guests guests;
	int kernel_log_fd; /* for oom_read(); borrowed; -1: there is none, or it cannot be read any more */
};

struct node {
	struct roots roots;
	struct settings settings;
	struct registry registry;
	struct sources sources;
	struct sampling sampling;
	struct learning learning;
	struct archive archive;
	struct voice voice;

	/* The list of containers whose end is to be told, or that are to be forgotten: node_settle(). */
	struct container *ending;
	bool kills_untold; /* a kill that was not at the container's own limit waits to be told */

	uint64_t generation; /* counts the listings of all records */
	/* loading: the records from before the daemon's start are being read. The earlier daemon told of
	 * creations up to loaded_usec. */
	bool loading;
	uint64_t loaded_usec;

	struct conmon_walk conmons;
	bool record_untaken; /* a record was not taken for want of memory: the next tick lists all records */
	bool records_gone;   /* the directory of records was removed: nothing more can be followed */
};

/* history: borrowed until node_free(); NULL: only published limits are kept. kept_max: see struct sampler.
 * Returns 0 or -errno. node_free() must be called in either case. */
int node_init(struct node *node, const struct roots *roots, const struct settings *settings,
	      struct journal journal, struct history *history, int kernel_log_fd, size_t kept_max,
	      struct error *err);
void node_free(struct node *node);

/* Opens records and watch, if they are not open. Without inotify the node goes on, and logs this once.
 * Returns the set of those that were opened now. */
enum {
	NODE_OPENED_RECORDS = 1 << 0,
	NODE_OPENED_WATCH = 1 << 1,
};
unsigned node_open_inotify(struct node *node);

/* From here on the kernel reports removals of cgroups. Call before node_load(). Returns 0 or -ENOMEM. */
int node_use_exits(struct node *node, struct exit_peaks *exits, struct error *err);

/* ---- What happens to one container ---- */

/* Takes an event of the container's life, and does the actions that follow. Returns the set of actions (enum
 * life_action). Left to the caller:
 * - LIFE_TELL_BROKEN, LIFE_SAMPLE and LIFE_TAKE_PEAK;
 * - after LIFE_YIELD, a container for the record that has the id now.
 * An action may send further events, so that container->state afterwards can be a later step's. */
unsigned node_take_event(struct node *node, struct container *container, enum life_event event,
			 uint64_t now_usec);

/* Checks whether the container has ended: if no process is left in the cgroup, the last peak is read. */
void node_check_end(struct node *node, struct container *container, uint64_t now_usec);

/* Tries to find the cgroup of a container whose cgroup was not opened yet. */
void node_look_for(struct node *node, struct container *container, uint64_t now_usec);

enum reading {
	READING_QUICK,
	READING_THOROUGH, /* also reads the values that change seldom */
	READING_URGENT,   /* as thorough, but out of turn: see container_sample() */
};
void node_sample_container(struct node *node, struct container *container, enum reading reading,
			   uint64_t now_usec);

/* Reads the counts of the cgroup's events, and tells new kills. */
void node_check_events(struct node *node, struct container *container, uint64_t now_usec);

/* Takes a kill in the container that the kernel log has reported. */
void node_take_kill(struct node *node, struct container *container, const struct oom_kill *kill,
		    uint64_t now_usec);

/* Tells a kill, if the container's counts have one that was not told: it is learned from, published, then
 * logged. kill: NULL if the kernel log did not report it. */
void node_tell_kill(struct node *node, struct container *container, enum oom_cause cause,
		    const struct oom_kill *kill, uint64_t now_usec);

/* Takes the id of the container's cgroup. The kernel may have reported the cgroup's removal before. */
void node_know_cgroup(struct node *node, struct container *container, uint64_t cgroup_id, uint64_t now_usec);

/* Takes the kernel's report of a cgroup's removal. */
void node_take_exit(struct node *node, const struct exit_peak *exit, uint64_t now_usec);

/* Begins to watch the container's files and init process. Call when the container begins to run, and again
 * after a failed watch. */
void node_watch(struct node *node, struct container *container, uint64_t now_usec);

/* ---- What follows later: call only when no container is in use ---- */

/* Tells the ends and the kills that can be told now, and forgets containers that are gone. */
void node_settle(struct node *node, uint64_t now_usec);

/* Tells all ends that still wait. Call before the daemon ends. */
void node_stop(struct node *node, uint64_t now_usec);
