/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/life.h"

#include <assert.h>

/* What a pair of state and event leads to. 0: the pair is missing in the table, which is a bug. */
enum move {
	STAY = 1,
	BEGIN,   /* a record was read */
	BREAK,   /* a new record cannot be read: only its id is known */
	REFUSE,  /* a record that was read before cannot be read any more */
	FOLLOW,  /* there is a cgroup to open */
	RUN,     /* the cgroup was opened */
	SAMPLE,  /* the guest has answered */
	END,     /* the first sign of the end */
	CEASE,   /* the first sign of the end, which is not ours to tell */
	PEAK,    /* the first sign of the end is the kernel's report with the peak */
	HEAR,    /* the kernel's report, after another sign of the end */
	LEAVE,   /* the first sign of the end is the record's removal */
	GIVE,    /* the first sign of the end is another container's record */
	LOSE,    /* the record's removal, after another sign of the end */
	CEDE,    /* another container's record, after another sign of the end */
	RETURN,  /* a record that was gone is there again */
	TELL,    /* the end is told; the record is there */
	DONE,    /* the end is told; the record is gone */
	FORGET,  /* the record is gone; nothing is to be told */
	REPLACE, /* another container's record; nothing is to be told */
	YIELD,   /* another container's record, after the own one was gone */
	MOVES,
	/* Moves that depend on the facts: conditions[]. */
	END_IF = MOVES,
	PEAK_IF,
	LEAVE_IF,
	GIVE_IF,
	TELL_IF,
	DONE_IF,
	MOVES_END,
};

/* clang-format off */
static const unsigned char table[LIFE_EVENTS][LIFE_STATES] = {
	/*                           NEW      CREATED   RUNNING  ENDING   LEAVING  ENDED    BROKEN   GONE */
	[LIFE_RECORD]          = { BEGIN,   STAY,     STAY,    STAY,    RETURN,  STAY,    REPLACE, YIELD },
	[LIFE_RECORD_BROKEN]   = { BREAK,   REFUSE,   REFUSE,  REFUSE,  YIELD,   REFUSE,  STAY,    YIELD },
	[LIFE_RECORD_REMOVED]  = { FORGET,  LEAVE_IF, LEAVE,   LOSE,    STAY,    FORGET,  FORGET,  STAY  },
	[LIFE_RECORD_REPLACED] = { REPLACE, GIVE_IF,  GIVE,    CEDE,    YIELD,   REPLACE, REPLACE, YIELD },
	[LIFE_CGROUP_KNOWN]    = { STAY,    FOLLOW,   STAY,    STAY,    STAY,    STAY,    STAY,    STAY  },
	[LIFE_CGROUP_OPENED]   = { STAY,    RUN,      STAY,    STAY,    STAY,    STAY,    STAY,    STAY  },
	[LIFE_CGROUP_GONE]     = { STAY,    END_IF,   END,     STAY,    STAY,    STAY,    STAY,    STAY  },
	[LIFE_EMPTY]           = { STAY,    END_IF,   END,     STAY,    STAY,    STAY,    STAY,    STAY  },
	[LIFE_EXIT]            = { STAY,    PEAK_IF,  PEAK,    HEAR,    HEAR,    STAY,    STAY,    STAY  },
	[LIFE_GUEST_ANSWERED]  = { STAY,    SAMPLE,   SAMPLE,  STAY,    STAY,    STAY,    STAY,    STAY  },
	[LIFE_GUEST_ABSENT]    = { STAY,    STAY,     END,     STAY,    STAY,    STAY,    STAY,    STAY  },
	[LIFE_HEARD]           = { STAY,    STAY,     STAY,    TELL_IF, DONE_IF, STAY,    STAY,    STAY  },
	[LIFE_STOP]            = { STAY,    STAY,     STAY,    TELL,    DONE,    STAY,    STAY,    STAY  },
};
/* clang-format on */

#define SAME    LIFE_STATES
#define TELLING (LIFE_READ_LAST | LIFE_TELL_END | LIFE_CLOSE)

static const struct life_step steps[MOVES] = {
	[STAY] = {SAME, 0},
	[BEGIN] = {LIFE_CREATED, 0},
	[BREAK] = {LIFE_BROKEN, LIFE_TELL_BROKEN},
	[REFUSE] = {SAME, LIFE_TELL_BROKEN},
	[FOLLOW] = {SAME, LIFE_FOLLOW},
	[RUN] = {LIFE_RUNNING, LIFE_WATCH},
	[SAMPLE] = {LIFE_RUNNING, LIFE_SAMPLE},
	[END] = {LIFE_ENDING, LIFE_AWAIT},
	[CEASE] = {LIFE_ENDED, LIFE_CLOSE},
	[PEAK] = {LIFE_ENDING, LIFE_TAKE_PEAK | LIFE_AWAIT},
	[HEAR] = {SAME, LIFE_TAKE_PEAK},
	[LEAVE] = {LIFE_LEAVING, LIFE_AWAIT},
	[GIVE] = {LIFE_LEAVING, LIFE_YIELD | LIFE_AWAIT},
	[LOSE] = {LIFE_LEAVING, 0},
	[CEDE] = {LIFE_LEAVING, LIFE_YIELD},
	[RETURN] = {LIFE_ENDING, 0},
	[TELL] = {LIFE_ENDED, TELLING},
	[DONE] = {LIFE_GONE, TELLING | LIFE_FORGET},
	[FORGET] = {LIFE_GONE, LIFE_FORGET},
	[REPLACE] = {LIFE_GONE, LIFE_YIELD | LIFE_FORGET},
	[YIELD] = {SAME, LIFE_YIELD},
};

/* Whether the end is ours to tell: the container was started, and no earlier run of the daemon has
 * told of it. */
static bool has_run(const struct life_facts *facts)
{
	return facts->started && !facts->followed_before;
}

/* Whether no better value of the last peak is to come. */
static bool is_due(const struct life_facts *facts)
{
	return facts->peak_exact || !facts->exits_told || !facts->cgroup_id_known || facts->wait_over;
}

static const struct condition {
	bool (*holds)(const struct life_facts *facts);
	enum move then, otherwise;
} conditions[MOVES_END - MOVES] = {
	[END_IF - MOVES] = {has_run, END, CEASE},      [PEAK_IF - MOVES] = {has_run, PEAK, STAY},
	[LEAVE_IF - MOVES] = {has_run, LEAVE, FORGET}, [GIVE_IF - MOVES] = {has_run, GIVE, REPLACE},
	[TELL_IF - MOVES] = {is_due, TELL, STAY},      [DONE_IF - MOVES] = {is_due, DONE, STAY},
};

struct life_step life_take(enum life_state state, enum life_event event, const struct life_facts *facts)
{
	assert(state < LIFE_STATES && event < LIFE_EVENTS);
	unsigned move = table[event][state];
	assert(move != 0);
	if (move >= MOVES) {
		const struct condition *condition = &conditions[move - MOVES];
		move = condition->holds(facts) ? condition->then : condition->otherwise;
	}
	struct life_step step = steps[move];
	if (step.state == SAME)
		step.state = state;
	return step;
}
