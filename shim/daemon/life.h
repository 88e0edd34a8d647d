/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The life of one container, from its record to the end of both: which state follows from which event, and
 * what is to be done then. Pure: whoever calls has read what the facts say, and does what the actions say.
 *
 *     NEW ─► CREATED ─► RUNNING ─► ENDING ─► ENDED ─► GONE      the record is there until GONE
 *      │        └───────────┴─────────┴─► LEAVING ─────┘        the record is gone, the end is not told yet
 *      └─► BROKEN ─────────────────────────────────────┘        the record cannot be read
 *
 * Many tell of one end: the record's removal, a reading that finds the cgroup gone, "populated 0", the
 * init process, the kernel's program at rmdir, the guest. The first one leads to ENDING or LEAVING, and
 * the end is told from there once, at LIFE_HEARD, when no better word on the last peak is to come. The
 * record's removal is a second question: only without a record a container is forgotten. */

#include <stdbool.h>

enum life_state {
	LIFE_NEW,     /* its record was not read yet */
	LIFE_CREATED, /* it has a record; no cgroup of it was opened */
	LIFE_RUNNING, /* its cgroup is read, or its guest has answered for it */
	LIFE_ENDING,  /* its end was noticed, and is to be told */
	LIFE_LEAVING, /* its end was noticed, and is to be told; its record is gone, or another's */
	LIFE_ENDED,   /* its end was told, or is not ours to tell; its record is still there */
	LIFE_BROKEN,  /* its record cannot be read */
	LIFE_GONE,    /* nothing more can happen to it */
	LIFE_STATES,
};

enum life_event {
	LIFE_RECORD,          /* its record was read */
	LIFE_RECORD_BROKEN,   /* its record cannot be read */
	LIFE_RECORD_REMOVED,  /* its record is not there */
	LIFE_RECORD_REPLACED, /* the record under its id is of another creation */
	LIFE_CGROUP_KNOWN,    /* where its cgroup lies is known, by the record or by a process */
	LIFE_CGROUP_OPENED,   /* its cgroup was found, and read */
	LIFE_CGROUP_GONE,     /* its cgroup is not there: when opened, or when read */
	LIFE_EMPTY,           /* its cgroup is there without a process */
	LIFE_EXIT,            /* the kernel has told what its cgroup had counted when it was removed */
	LIFE_GUEST_ANSWERED,  /* its guest has told what it uses */
	LIFE_GUEST_ABSENT,    /* its guest does not have it, or the machine is gone */
	LIFE_HEARD,           /* what the kernel has logged so far was read: the end may be told now */
	LIFE_STOP,            /* the daemon ends: nothing more will be heard */
	LIFE_EVENTS,
};

struct life_facts {
	bool started;         /* its `start` was recorded */
	bool followed_before; /* an earlier run of the daemon has followed it, and told of it */
	bool peak_exact;      /* its last peak is known to the byte */
	bool exits_told;      /* the kernel tells of cgroups' removals */
	bool cgroup_id_known; /* by which the kernel tells of them */
	bool wait_over;       /* the kernel has had its time to tell */
};

/* What is to be done, in this order. */
enum life_action {
	LIFE_TELL_BROKEN = 1 << 0, /* say that the record cannot be read: once a container */
	LIFE_YIELD = 1 << 1,       /* its id is another's: it must not be found by it */
	LIFE_FOLLOW = 1 << 2,      /* open its cgroup: LIFE_CGROUP_OPENED or LIFE_CGROUP_GONE comes of it */
	LIFE_WATCH = 1 << 3,       /* have the kernel tell of it, and read it */
	LIFE_SAMPLE = 1 << 4,      /* what the guest has said is a sample */
	LIFE_TAKE_PEAK = 1 << 5,   /* what the kernel has told of its end counts */
	LIFE_AWAIT = 1 << 6,       /* LIFE_HEARD is to come, again and again, until the end is told */
	LIFE_READ_LAST = 1 << 7,   /* what can still be read is the last that will be */
	LIFE_TELL_END = 1 << 8,    /* learn from its end, keep it, say it */
	LIFE_CLOSE = 1 << 9,       /* nothing of it is watched or held open any more */
	LIFE_FORGET = 1 << 10,     /* it leaves the tables, once nobody has it in hand */
};

struct life_step {
	enum life_state state;
	unsigned actions; /* of enum life_action */
};

struct life_step life_take(enum life_state state, enum life_event event, const struct life_facts *facts);

/* Its end was noticed and is not told yet. */
static inline bool life_is_ending(enum life_state state)
{
	return state == LIFE_ENDING || state == LIFE_LEAVING;
}
