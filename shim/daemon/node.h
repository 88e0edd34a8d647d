/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node: what is known of its containers, and what follows from what happens to them. Others bring what
 * happens (sources), keep it (registry), learn from it (learning), are told of it (archive, voice); node.c
 * alone takes an event and says what comes of it, by the table in life.h.
 *
 * node.c takes one event at a time; intake.c reads the sources, in the order that the kernel needs;
 * chores.c has what is done again and again. Nothing here waits, and nothing asks for the time: now_usec
 * is CLOCK_REALTIME, and how often the functions are called is the caller's business. Time that jumps does
 * no harm. */

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

/* Who tells of what happens. Each knows nobody above it, and each has an fd to be polled: intake.h. */
struct sources {
	struct records records;
	struct watch watch;
	struct processes processes; /* where exits.fd is -1 */
	struct pressures pressures;
	struct exits exits;
	struct guests guests;
	int kernel_log_fd; /* oom_read(); borrowed; -1: there is none, or it is not to be polled any more */
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

	/* Containers whose end is to be told, or that are to be forgotten: node_settle(). */
	struct container *ending;
	bool kills_untold; /* of some container, and not by its own limit */

	uint64_t generation; /* counts the times that all records were listed */
	/* While the records are read that were there before us; what was published up to loaded_usec was
	 * said. */
	bool loading;
	uint64_t loaded_usec;

	struct conmon_walk conmons;
	bool record_untaken; /* for want of memory: all are listed at the next tick */
	bool records_gone;   /* the directory of records was removed: nothing more can be followed */
};

/* kept_max: of struct sampler. Returns 0 or -errno; what is there must then still be given to node_free(). */
int node_init(struct node *node, const struct roots *roots, const struct settings *settings,
	      struct journal journal, struct history *history, int kernel_log_fd, size_t kept_max,
	      struct error *err);
void node_free(struct node *node);

/* Opens records and watch where they are not open. A node without inotify goes on, and says so once.
 * Returns which were opened now. */
enum {
	NODE_OPENED_RECORDS = 1 << 0,
	NODE_OPENED_WATCH = 1 << 1,
};
unsigned node_open_inotify(struct node *node);

/* The kernel tells of exits from here on: before node_load(). Returns 0 or -ENOMEM. */
int node_use_exits(struct node *node, struct exit_peaks *exits, struct error *err);

/* ---- What happens to one container ---- */

/* An event of its life. Returns what of enum life_action there was to be done; what takes more than the
 * container is left to the caller. */
unsigned node_live(struct node *node, struct container *container, enum life_event event, uint64_t now_usec);

/* Whether its cgroup is there without a process: the last peak is read then. */
void node_check_end(struct node *node, struct container *container, uint64_t now_usec);

/* Tries to find the cgroup of a container that has not got one. */
void node_look_for(struct node *node, struct container *container, uint64_t now_usec);

enum reading {
	READING_QUICK,
	READING_THOROUGH, /* also what changes seldom */
	READING_URGENT,   /* so is this, but out of turn: see container_sample() */
};
void node_sample_container(struct node *node, struct container *container, enum reading reading,
			   uint64_t now_usec);

/* Reads the container's events and acts on them. */
void node_check_events(struct node *node, struct container *container, uint64_t now_usec);

/* The kernel log tells of a kill in it. */
void node_take_kill(struct node *node, struct container *container, const struct oom_kill *kill,
		    uint64_t now_usec);
/* The container's counts may have a kill that was not told yet. It is learned from, published, and then
 * said. kill: NULL where the kernel log did not say. */
void node_tell_kill(struct node *node, struct container *container, enum oom_cause cause,
		    const struct oom_kill *kill, uint64_t now_usec);
/* The id of its cgroup was read. The kernel may have told of its removal before. */
void node_know_cgroup(struct node *node, struct container *container, uint64_t cgroup_id, uint64_t now_usec);

/* A cgroup was removed, and this is what it had counted. */
void node_take_exit(struct node *node, const struct exit_peak *exit, uint64_t now_usec);

/* Has the kernel tell of the container: once it is running, and again where that was not possible before. */
void node_watch(struct node *node, struct container *container, uint64_t now_usec);

/* ---- What follows from it, when nobody has a container in hand ---- */

/* Tells the ends and the kills that can be told by now, and forgets containers that are gone. */
void node_settle(struct node *node, uint64_t now_usec);

/* Tells the ends that still wait: nothing more will be heard. */
void node_stop(struct node *node, uint64_t now_usec);
