/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/life.h"

#include <assert.h>

/* What a state and an event come to. 0 is a pair that was forgotten. */
enum move {
	STAY = 1,
	BEGIN,   /* a record */
	BREAK,   /* a record of no use, and nothing is known but its name */
	REFUSE,  /* a record of no use from now on */
	FOLLOW,  /* a cgroup to be opened */
	RUN,     /* a cgroup that was opened */
	SAMPLE,  /* an answer of the guest */
	END,     /* the first sign of the end */
	CEASE,   /* the same of one whose end is not ours to tell */
	PEAK,    /* the first sign of the end is the kernel's word on its peak */
	HEAR,    /* the kernel's word on the peak, after another sign */
	LEAVE,   /* the first sign of the end is that the record is gone */
	GIVE,    /* the first sign of the end is another's record */
	LOSE,    /* the record is gone after another sign */
	CEDE,    /* another's record after another sign */
	RETURN,  /* a record that was gone is there again */
	TELL,    /* the end is told, the record is there */
	DONE,    /* the end is told, the record is gone */
	FORGET,  /* the record is gone, nothing is to be told */
	REPLACE, /* another's record, nothing is to be told */
	YIELD,   /* another's record, after the own one was gone */
	MOVES,
	/* Moves that hang on the facts: conditions[]. */
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

/* It ran, or should have, since the daemon began. */
static bool has_run(const struct life_facts *facts)
{
	return facts->started && !facts->followed_before;
}

/* Nobody will say more of its last peak than is known. */
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
