/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- The whole table ---- */

enum when {
	ALWAYS = 1,
	RAN,     /* started, and not followed before */
	NOT_RAN, /* the rest */
	DUE, /* the peak is exact, or none will be told: no exits, no id of the cgroup, the wait is over */
	NOT_DUE,
};

/* Each pair of state and event, and what is to come of it. */
static const struct expected {
	enum life_state state;
	enum life_event event;
	enum when when;
	enum life_state to;
	unsigned actions;
} expected[] = {
	{LIFE_NEW, LIFE_RECORD, ALWAYS, LIFE_CREATED, 0},
	{LIFE_NEW, LIFE_RECORD_BROKEN, ALWAYS, LIFE_BROKEN, LIFE_TELL_BROKEN},
	{LIFE_NEW, LIFE_RECORD_REMOVED, ALWAYS, LIFE_GONE, LIFE_FORGET},
	{LIFE_NEW, LIFE_RECORD_REPLACED, ALWAYS, LIFE_GONE, LIFE_YIELD | LIFE_FORGET},
	{LIFE_NEW, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_CGROUP_OPENED, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_CGROUP_GONE, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_EMPTY, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_CGROUP_REMOVED, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_GUEST_ABSENT, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_LOG_READ, ALWAYS, LIFE_NEW, 0},
	{LIFE_NEW, LIFE_STOP, ALWAYS, LIFE_NEW, 0},

	{LIFE_CREATED, LIFE_RECORD, ALWAYS, LIFE_CREATED, 0},
	{LIFE_CREATED, LIFE_RECORD_BROKEN, ALWAYS, LIFE_CREATED, LIFE_TELL_BROKEN},
	{LIFE_CREATED, LIFE_RECORD_REMOVED, RAN, LIFE_LEAVING, LIFE_AWAIT},
	{LIFE_CREATED, LIFE_RECORD_REMOVED, NOT_RAN, LIFE_GONE, LIFE_FORGET},
	{LIFE_CREATED, LIFE_RECORD_REPLACED, RAN, LIFE_LEAVING, LIFE_YIELD | LIFE_AWAIT},
	{LIFE_CREATED, LIFE_RECORD_REPLACED, NOT_RAN, LIFE_GONE, LIFE_YIELD | LIFE_FORGET},
	{LIFE_CREATED, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_CREATED, LIFE_FOLLOW},
	{LIFE_CREATED, LIFE_CGROUP_OPENED, ALWAYS, LIFE_RUNNING, LIFE_WATCH},
	{LIFE_CREATED, LIFE_CGROUP_GONE, RAN, LIFE_ENDING, LIFE_AWAIT},
	{LIFE_CREATED, LIFE_CGROUP_GONE, NOT_RAN, LIFE_ENDED, LIFE_CLOSE},
	{LIFE_CREATED, LIFE_EMPTY, RAN, LIFE_ENDING, LIFE_AWAIT},
	{LIFE_CREATED, LIFE_EMPTY, NOT_RAN, LIFE_ENDED, LIFE_CLOSE},
	{LIFE_CREATED, LIFE_CGROUP_REMOVED, RAN, LIFE_ENDING, LIFE_TAKE_PEAK | LIFE_AWAIT},
	{LIFE_CREATED, LIFE_CGROUP_REMOVED, NOT_RAN, LIFE_CREATED, 0},
	{LIFE_CREATED, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_RUNNING, LIFE_SAMPLE},
	{LIFE_CREATED, LIFE_GUEST_ABSENT, ALWAYS, LIFE_CREATED, 0},
	{LIFE_CREATED, LIFE_LOG_READ, ALWAYS, LIFE_CREATED, 0},
	{LIFE_CREATED, LIFE_STOP, ALWAYS, LIFE_CREATED, 0},

	{LIFE_RUNNING, LIFE_RECORD, ALWAYS, LIFE_RUNNING, 0},
	{LIFE_RUNNING, LIFE_RECORD_BROKEN, ALWAYS, LIFE_RUNNING, LIFE_TELL_BROKEN},
	{LIFE_RUNNING, LIFE_RECORD_REMOVED, ALWAYS, LIFE_LEAVING, LIFE_AWAIT},
	{LIFE_RUNNING, LIFE_RECORD_REPLACED, ALWAYS, LIFE_LEAVING, LIFE_YIELD | LIFE_AWAIT},
	{LIFE_RUNNING, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_RUNNING, 0},
	{LIFE_RUNNING, LIFE_CGROUP_OPENED, ALWAYS, LIFE_RUNNING, 0},
	{LIFE_RUNNING, LIFE_CGROUP_GONE, ALWAYS, LIFE_ENDING, LIFE_AWAIT},
	{LIFE_RUNNING, LIFE_EMPTY, ALWAYS, LIFE_ENDING, LIFE_AWAIT},
	{LIFE_RUNNING, LIFE_CGROUP_REMOVED, ALWAYS, LIFE_ENDING, LIFE_TAKE_PEAK | LIFE_AWAIT},
	{LIFE_RUNNING, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_RUNNING, LIFE_SAMPLE},
	{LIFE_RUNNING, LIFE_GUEST_ABSENT, ALWAYS, LIFE_ENDING, LIFE_AWAIT},
	{LIFE_RUNNING, LIFE_LOG_READ, ALWAYS, LIFE_RUNNING, 0},
	{LIFE_RUNNING, LIFE_STOP, ALWAYS, LIFE_RUNNING, 0},

	{LIFE_ENDING, LIFE_RECORD, ALWAYS, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_RECORD_BROKEN, ALWAYS, LIFE_ENDING, LIFE_TELL_BROKEN},
	{LIFE_ENDING, LIFE_RECORD_REMOVED, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_ENDING, LIFE_RECORD_REPLACED, ALWAYS, LIFE_LEAVING, LIFE_YIELD},
	{LIFE_ENDING, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_CGROUP_OPENED, ALWAYS, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_CGROUP_GONE, ALWAYS, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_EMPTY, ALWAYS, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_CGROUP_REMOVED, ALWAYS, LIFE_ENDING, LIFE_TAKE_PEAK},
	{LIFE_ENDING, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_GUEST_ABSENT, ALWAYS, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_LOG_READ, DUE, LIFE_ENDED, LIFE_READ_LAST | LIFE_TELL_END | LIFE_CLOSE},
	{LIFE_ENDING, LIFE_LOG_READ, NOT_DUE, LIFE_ENDING, 0},
	{LIFE_ENDING, LIFE_STOP, ALWAYS, LIFE_ENDED, LIFE_READ_LAST | LIFE_TELL_END | LIFE_CLOSE},

	{LIFE_LEAVING, LIFE_RECORD, ALWAYS, LIFE_ENDING, 0},
	{LIFE_LEAVING, LIFE_RECORD_BROKEN, ALWAYS, LIFE_LEAVING, LIFE_YIELD},
	{LIFE_LEAVING, LIFE_RECORD_REMOVED, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_RECORD_REPLACED, ALWAYS, LIFE_LEAVING, LIFE_YIELD},
	{LIFE_LEAVING, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_CGROUP_OPENED, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_CGROUP_GONE, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_EMPTY, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_CGROUP_REMOVED, ALWAYS, LIFE_LEAVING, LIFE_TAKE_PEAK},
	{LIFE_LEAVING, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_GUEST_ABSENT, ALWAYS, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_LOG_READ, DUE, LIFE_GONE,
	 LIFE_READ_LAST | LIFE_TELL_END | LIFE_CLOSE | LIFE_FORGET},
	{LIFE_LEAVING, LIFE_LOG_READ, NOT_DUE, LIFE_LEAVING, 0},
	{LIFE_LEAVING, LIFE_STOP, ALWAYS, LIFE_GONE,
	 LIFE_READ_LAST | LIFE_TELL_END | LIFE_CLOSE | LIFE_FORGET},

	{LIFE_ENDED, LIFE_RECORD, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_RECORD_BROKEN, ALWAYS, LIFE_ENDED, LIFE_TELL_BROKEN},
	{LIFE_ENDED, LIFE_RECORD_REMOVED, ALWAYS, LIFE_GONE, LIFE_FORGET},
	{LIFE_ENDED, LIFE_RECORD_REPLACED, ALWAYS, LIFE_GONE, LIFE_YIELD | LIFE_FORGET},
	{LIFE_ENDED, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_CGROUP_OPENED, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_CGROUP_GONE, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_EMPTY, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_CGROUP_REMOVED, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_GUEST_ABSENT, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_LOG_READ, ALWAYS, LIFE_ENDED, 0},
	{LIFE_ENDED, LIFE_STOP, ALWAYS, LIFE_ENDED, 0},

	{LIFE_BROKEN, LIFE_RECORD, ALWAYS, LIFE_GONE, LIFE_YIELD | LIFE_FORGET},
	{LIFE_BROKEN, LIFE_RECORD_BROKEN, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_RECORD_REMOVED, ALWAYS, LIFE_GONE, LIFE_FORGET},
	{LIFE_BROKEN, LIFE_RECORD_REPLACED, ALWAYS, LIFE_GONE, LIFE_YIELD | LIFE_FORGET},
	{LIFE_BROKEN, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_CGROUP_OPENED, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_CGROUP_GONE, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_EMPTY, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_CGROUP_REMOVED, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_GUEST_ABSENT, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_LOG_READ, ALWAYS, LIFE_BROKEN, 0},
	{LIFE_BROKEN, LIFE_STOP, ALWAYS, LIFE_BROKEN, 0},

	{LIFE_GONE, LIFE_RECORD, ALWAYS, LIFE_GONE, LIFE_YIELD},
	{LIFE_GONE, LIFE_RECORD_BROKEN, ALWAYS, LIFE_GONE, LIFE_YIELD},
	{LIFE_GONE, LIFE_RECORD_REMOVED, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_RECORD_REPLACED, ALWAYS, LIFE_GONE, LIFE_YIELD},
	{LIFE_GONE, LIFE_CGROUP_KNOWN, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_CGROUP_OPENED, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_CGROUP_GONE, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_EMPTY, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_CGROUP_REMOVED, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_GUEST_ANSWERED, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_GUEST_ABSENT, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_LOG_READ, ALWAYS, LIFE_GONE, 0},
	{LIFE_GONE, LIFE_STOP, ALWAYS, LIFE_GONE, 0},
};

#define FACTS 64u

/* All that the facts can be: a bit each. */
static struct life_facts facts_of(unsigned bits)
{
	return (struct life_facts){
		.started = bits & 1,
		.followed_before = bits & 2,
		.peak_exact = bits & 4,
		.exits_told = bits & 8,
		.cgroup_id_known = bits & 16,
		.wait_over = bits & 32,
	};
}

static bool holds(enum when when, unsigned bits)
{
	const bool ran = (bits & 3) == 1, due = (bits & 60) != 24;

	switch (when) {
	case RAN:
		return ran;
	case NOT_RAN:
		return !ran;
	case DUE:
		return due;
	case NOT_DUE:
		return !due;
	case ALWAYS:
		break;
	}
	return true;
}

static void each_pair_of_state_and_event_comes_to_what_is_expected(void **state)
{
	(void)state;
	for (unsigned from = 0; from < LIFE_STATES; from++)
		for (unsigned event = 0; event < LIFE_EVENTS; event++)
			for (unsigned bits = 0; bits < FACTS; bits++) {
				const struct life_facts facts = facts_of(bits);
				const struct life_step step =
					life_take((enum life_state)from, (enum life_event)event, &facts);
				unsigned rows = 0;
				for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
					const struct expected *row = &expected[i];
					if (row->state != from || row->event != event ||
					    !holds(row->when, bits))
						continue;
					rows++;
					if (step.state != row->to || step.actions != row->actions)
						fail_msg("row %zu, facts %u: state %d, actions %x", i, bits,
							 (int)step.state, step.actions);
				}
				if (rows != 1)
					fail_msg("state %u, event %u, facts %u: %u rows", from, event, bits,
						 rows);
			}
}

/* ---- What holds for every life ---- */

static unsigned reached[LIFE_STATES]; /* by bits of struct walk, each seen */

struct walk {
	enum life_state state;
	bool told, awaits, yielded, record; /* the record: there, and its own */
};

static void walk_from(struct walk walk);

static void walk_on(struct walk walk, enum life_event event, unsigned bits)
{
	const struct life_facts facts = facts_of(bits);
	const struct life_step step = life_take(walk.state, event, &facts);
	const unsigned actions = step.actions;

	if (event == LIFE_RECORD && walk.state != LIFE_BROKEN && walk.state != LIFE_GONE)
		walk.record = true;
	if (event == LIFE_RECORD_REMOVED || event == LIFE_RECORD_REPLACED ||
	    (event == LIFE_RECORD && walk.state == LIFE_BROKEN))
		walk.record = false;

	/* An end is told once at most, after a sign of it, and only if it ran or was seen to run. */
	if (actions & LIFE_TELL_END) {
		assert_false(walk.told);
		assert_true(walk.awaits);
		assert_true(actions & LIFE_READ_LAST && actions & LIFE_CLOSE);
		assert_true(event == LIFE_LOG_READ || event == LIFE_STOP);
		walk.told = true;
	}
	/* Waiting begins once, and only where the end was not told. */
	if (actions & LIFE_AWAIT) {
		assert_false(walk.awaits || walk.told);
		assert_true(life_is_ending(step.state));
		walk.awaits = true;
	}
	/* No end that was noticed is lost, whatever way its record goes. */
	if (life_is_ending(walk.state) && !life_is_ending(step.state))
		assert_true(walk.told);
	/* However little is known: the wait ends, and so does the daemon. */
	if (life_is_ending(walk.state) && (event == LIFE_STOP || (event == LIFE_LOG_READ && facts.wait_over)))
		assert_true(walk.told && !life_is_ending(step.state));
	/* Nothing is awaited that nobody would tell of. */
	if (life_is_ending(walk.state) && event == LIFE_LOG_READ &&
	    (facts.peak_exact || !facts.exits_told || !facts.cgroup_id_known))
		assert_true(walk.told);
	/* The tables let go of it once, and only without a record of its own. */
	if (actions & LIFE_FORGET) {
		assert_false(walk.record);
		assert_true(walk.state != LIFE_GONE);
	}
	assert_int_equal(!!(actions & LIFE_FORGET), step.state == LIFE_GONE && walk.state != LIFE_GONE);
	/* Nothing is opened, watched or sampled from the first sign of the end on. */
	if (walk.awaits)
		assert_false(actions & (LIFE_FOLLOW | LIFE_WATCH | LIFE_SAMPLE));
	if (walk.told)
		assert_false(actions & LIFE_TAKE_PEAK);
	/* Another's record takes the id away, in any state. */
	if (event == LIFE_RECORD_REPLACED)
		assert_true(actions & LIFE_YIELD);
	/* Nobody comes back to life. */
	if (walk.state == LIFE_GONE)
		assert_true(step.state == LIFE_GONE);
	if (walk.told || walk.awaits)
		assert_true(step.state >= LIFE_ENDING && step.state != LIFE_BROKEN);

	walk.yielded = walk.yielded || actions & LIFE_YIELD;
	walk.state = step.state;
	walk_from(walk);
}

static void walk_from(struct walk walk)
{
	const unsigned bit = 1u << (walk.told | walk.awaits << 1 | walk.yielded << 2 | walk.record << 3);

	if (reached[walk.state] & bit)
		return;
	reached[walk.state] |= bit;
	for (unsigned event = 0; event < LIFE_EVENTS; event++) {
		/* A record under an id that was yielded is not told to this container any more. */
		if (walk.yielded && event <= LIFE_RECORD_REPLACED)
			continue;
		for (unsigned bits = 0; bits < FACTS; bits++)
			walk_on(walk, (enum life_event)event, bits);
	}
}

static void whatever_comes_in_whatever_order_an_end_is_told_once_and_nothing_is_left(void **state)
{
	(void)state;
	memset(reached, 0, sizeof reached);
	walk_from((struct walk){.state = LIFE_NEW});
	for (unsigned i = 0; i < LIFE_STATES; i++)
		assert_int_not_equal(reached[i], 0);
}

static void forgotten_state_or_event_is_noticed_here(void **state)
{
	(void)state;
	/* A bit of struct life_facts for each. */
	_Static_assert(sizeof(struct life_facts) == 6 && FACTS == 1 << 6, "facts_of() knows all facts");
	for (unsigned from = 0; from < LIFE_STATES; from++)
		for (unsigned event = 0; event < LIFE_EVENTS; event++) {
			bool found = false;
			for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
				found = found || (expected[i].state == from && expected[i].event == event);
			assert_true(found);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pair_of_state_and_event_comes_to_what_is_expected),
		cmocka_unit_test(forgotten_state_or_event_is_noticed_here),
		cmocka_unit_test(whatever_comes_in_whatever_order_an_end_is_told_once_and_nothing_is_left),
	};
	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
