/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The life of one container, from the first sight of its record until container and record are gone: the
 * next state and the actions for each state and event. Pure: the caller reads the facts and does the actions.
 *
 * The main ways; the table in life.c has all:
 *
 *     NEW ─► CREATED ─► RUNNING ─► ENDING ─► ENDED ─► GONE      the record is there until GONE
 *      │        └───────────┴─────────┴─► LEAVING ─────┘        the record is gone, the end is not told yet
 *      └─► BROKEN ─────────────────────────────────────┘        the record cannot be read
 *
 * Several sources report the same end: the record's removal, a reading that finds the cgroup gone,
 * "populated 0", the init process, the kernel's program at rmdir, the guest. The first report leads to
 * ENDING or LEAVING. There the end is told (learned from, kept and logged), once, at LIFE_LOG_READ, when no
 * better value of the last peak is to come. The record is a second matter: a container is forgotten only
 * when its record is gone. */

#include <stdbool.h>

enum life_state {
	LIFE_NEW,     /* the record was not read yet */
	LIFE_CREATED, /* the record was read; no cgroup was opened */
	LIFE_RUNNING, /* the cgroup is read, or the guest has answered */
	/* From here on life_is_over(). */
	LIFE_ENDING,  /* the end was noticed, and is to be told; the record is there */
	LIFE_LEAVING, /* the end was noticed, and is to be told; the record is gone, or another container's */
	LIFE_ENDED,   /* the end was told, or is not ours to tell; the record is there */
	LIFE_BROKEN,  /* the record cannot be read */
	LIFE_GONE,    /* nothing more can happen */
	LIFE_STATES,
};

enum life_event {
	LIFE_RECORD,          /* the record was read */
	LIFE_RECORD_BROKEN,   /* the record cannot be read */
	LIFE_RECORD_REMOVED,  /* the record is not there */
	LIFE_RECORD_REPLACED, /* the record under this id is of another creation */
	LIFE_CGROUP_KNOWN,    /* the cgroup's path is known, from the record or from a process */
	LIFE_CGROUP_OPENED,   /* the cgroup was found and opened */
	LIFE_CGROUP_GONE,     /* an opening or a reading did not find the cgroup */
	LIFE_EMPTY,           /* a check for the end found no process in the cgroup, or no cgroup */
	LIFE_CGROUP_REMOVED,  /* the kernel has reported the cgroup's removal, with its last peak */
	LIFE_GUEST_ANSWERED,  /* the guest has reported what the container uses */
	LIFE_GUEST_ABSENT,    /* the guest does not have the container, or the machine is gone */
	LIFE_LOG_READ,        /* the kernel log was read up to now: the end may be told */
	LIFE_STOP,            /* the daemon ends: nothing more will be heard */
	LIFE_EVENTS,
};

struct life_facts {
	bool started;         /* the `start` was recorded */
	bool followed_before; /* an earlier run of the daemon has followed the container, and told of it */
	bool peak_exact;      /* the last peak is exact */
	bool exits_told;      /* the kernel reports removals of cgroups */
	bool cgroup_id_known; /* the id of the cgroup is known, which such a report has */
	bool wait_over;       /* the time for such a report has passed */
};

/* What follows. node_take_event() does the first group, in this order. */
enum life_action {
	LIFE_YIELD = 1 << 0,     /* give up the id, which is another container's now */
	LIFE_FOLLOW = 1 << 1,    /* open the cgroup, then send LIFE_CGROUP_OPENED, _GONE or LIFE_EMPTY */
	LIFE_WATCH = 1 << 2,     /* begin to watch the cgroup, and read it */
	LIFE_AWAIT = 1 << 3,     /* send LIFE_LOG_READ, again and again, until the end is told */
	LIFE_READ_LAST = 1 << 4, /* read for the last time what can still be read */
	LIFE_TELL_END = 1 << 5,  /* learn from the end, keep it, log it */
	LIFE_CLOSE = 1 << 6,     /* end all watches, close all descriptors */
	LIFE_FORGET = 1 << 7,    /* remove the container from the tables, once nobody uses it */

	/* By the caller of node_take_event(), after it. */
	LIFE_TELL_BROKEN = 1 << 8, /* log that the record cannot be read, once a container */
	LIFE_SAMPLE = 1 << 9,      /* take the guest's answer as a sample */
	LIFE_TAKE_PEAK = 1 << 10,  /* take the last peak that the kernel reported */
};

struct life_step {
	enum life_state state;
	unsigned actions; /* of enum life_action */
};

/* The step that an event leads to. */
struct life_step life_take(enum life_state state, enum life_event event, const struct life_facts *facts);

/* Whether the end was noticed and is not told yet. */
static inline bool life_is_ending(enum life_state state)
{
	return state == LIFE_ENDING || state == LIFE_LEAVING;
}

/* Whether nothing is measured any more: the end was noticed, or the record cannot be read. */
static inline bool life_is_over(enum life_state state)
{
	return state >= LIFE_ENDING;
}
