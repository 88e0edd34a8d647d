/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/life.h"

#include <assert.h>

/* What a pair of state and event leads to. 0: the pair is missing in the table, which is a bug. */
enum move {
	STAY = 1,
	BEGIN,      /* a record was read */
	BREAK,      /* a new record cannot be read: only its id is known */
	REFUSE,     /* a record that was read before cannot be read any more */
	FOLLOW,     /* there is a cgroup to open */
	RUN,        /* the cgroup was opened */
	SAMPLE,     /* the guest has answered */
	END,        /* the first sign of the end */
	END_UNTOLD, /* the first sign of the end, which is not ours to tell */
	PEAK_FIRST, /* the first sign of the end is the kernel's report with the peak */
	PEAK_LATER, /* the kernel's report, after another sign of the end */
	LOST_FIRST, /* the first sign of the end is the record's removal */
	LOST_LATER, /* the record's removal, after another sign of the end */
	LOST,       /* the record's removal; nothing is to be told */
	NEXT_FIRST, /* the first sign of the end is the next life's record under the id */
	NEXT_LATER, /* the next life's record, after another sign of the end */
	NEXT,       /* the next life's record, or a broken one that can be read; nothing is to be told */
	PASS_ON,    /* the next life's record, after the own one was gone */
	RETURN,     /* a record that was gone is there again */
	TELL,       /* the end is told; the record is there */
	DONE,       /* the end is told; the record is gone */
	MOVES_COUNT,
	/* These choose between two moves, by the facts: choices[]. */
	END_IF = MOVES_COUNT,
	PEAK_IF,
	LOST_IF,
	NEXT_IF,
	TELL_IF,
	DONE_IF,
	CHOICES_END,
};

/* clang-format off */
static const unsigned char table[LIFE_EVENTS][LIFE_STATES] = {
	/*                        NEW    CREATED  RUNNING     ENDING      LEAVING     ENDED   BROKEN GONE */
	[LIFE_RECORD]          = {BEGIN, STAY,    STAY,       STAY,       RETURN,     STAY,   NEXT,  PASS_ON},
	[LIFE_RECORD_BROKEN]   = {BREAK, REFUSE,  REFUSE,     REFUSE,     PASS_ON,    REFUSE, STAY,  PASS_ON},
	[LIFE_RECORD_REMOVED]  = {LOST,  LOST_IF, LOST_FIRST, LOST_LATER, STAY,       LOST,   LOST,  STAY},
	[LIFE_RECORD_REPLACED] = {NEXT,  NEXT_IF, NEXT_FIRST, NEXT_LATER, PASS_ON,    NEXT,   NEXT,  PASS_ON},
	[LIFE_CGROUP_KNOWN]    = {STAY,  FOLLOW,  STAY,       STAY,       STAY,       STAY,   STAY,  STAY},
	[LIFE_CGROUP_OPENED]   = {STAY,  RUN,     STAY,       STAY,       STAY,       STAY,   STAY,  STAY},
	[LIFE_CGROUP_GONE]     = {STAY,  END_IF,  END,        STAY,       STAY,       STAY,   STAY,  STAY},
	[LIFE_EMPTY]           = {STAY,  END_IF,  END,        STAY,       STAY,       STAY,   STAY,  STAY},
	[LIFE_CGROUP_REMOVED]  = {STAY,  PEAK_IF, PEAK_FIRST, PEAK_LATER, PEAK_LATER, STAY,   STAY,  STAY},
	[LIFE_GUEST_ANSWERED]  = {STAY,  SAMPLE,  SAMPLE,     STAY,       STAY,       STAY,   STAY,  STAY},
	[LIFE_GUEST_ABSENT]    = {STAY,  STAY,    END,        STAY,       STAY,       STAY,   STAY,  STAY},
	[LIFE_LOG_READ]        = {STAY,  STAY,    STAY,       TELL_IF,    DONE_IF,    STAY,   STAY,  STAY},
	[LIFE_STOP]            = {STAY,  STAY,    STAY,       TELL,       DONE,       STAY,   STAY,  STAY},
};
/* clang-format on */

#define SAME    LIFE_STATES
#define TELLING (LIFE_READ_LAST | LIFE_TELL_END | LIFE_CLOSE)

static const struct life_step steps[MOVES_COUNT] = {
	[STAY] = {SAME, 0},
	[BEGIN] = {LIFE_CREATED, 0},
	[BREAK] = {LIFE_BROKEN, LIFE_TELL_BROKEN},
	[REFUSE] = {SAME, LIFE_TELL_BROKEN},
	[FOLLOW] = {SAME, LIFE_FOLLOW},
	[RUN] = {LIFE_RUNNING, LIFE_WATCH},
	[SAMPLE] = {LIFE_RUNNING, LIFE_SAMPLE},
	[END] = {LIFE_ENDING, LIFE_AWAIT},
	[END_UNTOLD] = {LIFE_ENDED, LIFE_CLOSE},
	[PEAK_FIRST] = {LIFE_ENDING, LIFE_TAKE_PEAK | LIFE_AWAIT},
	[PEAK_LATER] = {SAME, LIFE_TAKE_PEAK},
	[LOST_FIRST] = {LIFE_LEAVING, LIFE_AWAIT},
	[LOST_LATER] = {LIFE_LEAVING, 0},
	[LOST] = {LIFE_GONE, LIFE_FORGET},
	[NEXT_FIRST] = {LIFE_LEAVING, LIFE_YIELD | LIFE_AWAIT},
	[NEXT_LATER] = {LIFE_LEAVING, LIFE_YIELD},
	[NEXT] = {LIFE_GONE, LIFE_YIELD | LIFE_FORGET},
	[PASS_ON] = {SAME, LIFE_YIELD},
	[RETURN] = {LIFE_ENDING, 0},
	[TELL] = {LIFE_ENDED, TELLING},
	[DONE] = {LIFE_GONE, TELLING | LIFE_FORGET},
};

/* Whether the end is ours to tell: the container was started, and no earlier run of the daemon has told of
 * it. */
static bool end_is_ours(const struct life_facts *facts)
{
	return facts->started && !facts->followed_before;
}

/* Whether no better value of the last peak is to come. */
static bool peak_is_final(const struct life_facts *facts)
{
	return facts->peak_exact || !facts->exits_told || !facts->cgroup_id_known || facts->wait_over;
}

static const struct choice {
	bool (*holds)(const struct life_facts *facts);
	enum move then, otherwise;
} choices[CHOICES_END - MOVES_COUNT] = {
	[END_IF - MOVES_COUNT] = {end_is_ours, END, END_UNTOLD},
	[PEAK_IF - MOVES_COUNT] = {end_is_ours, PEAK_FIRST, STAY},
	[LOST_IF - MOVES_COUNT] = {end_is_ours, LOST_FIRST, LOST},
	[NEXT_IF - MOVES_COUNT] = {end_is_ours, NEXT_FIRST, NEXT},
	[TELL_IF - MOVES_COUNT] = {peak_is_final, TELL, STAY},
	[DONE_IF - MOVES_COUNT] = {peak_is_final, DONE, STAY},
};

struct life_step life_take(enum life_state state, enum life_event event, const struct life_facts *facts)
{
	assert(state < LIFE_STATES && event < LIFE_EVENTS);
	unsigned move = table[event][state];
	assert(move != 0);
	if (move >= MOVES_COUNT) {
		const struct choice *choice = &choices[move - MOVES_COUNT];
		move = choice->holds(facts) ? choice->then : choice->otherwise;
	}
	struct life_step step = steps[move];
	if (step.state == SAME)
		step.state = state;
	return step;
}
