/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/decision.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/random.h"

static const struct guard_settings usual = {
	.min_bytes = 16 * MIB,
	.max_bytes = 1024 * GIB,
	.max_change_ratio = 0.3,
};

/* A workload that declares 1Gi, is right with 800Mi, and may be given it. */
static const struct decision_input tuned = {
	.mode = MODE_ENFORCE,
	.declared_bytes = GIB,
	.recommended_bytes = 800 * MIB,
	.enforced_bytes = 800 * MIB,
	.p95_bytes = 300 * MIB,
};

static struct decision decide(const struct decision_input *input, const struct guard_settings *guards)
{
	struct decision decision;
	decision_make(input, guards, &decision);
	return decision;
}

#define assert_decision(input, guards, bytes, text)                              \
	do {                                                                     \
		char reason_[DECISION_REASON_MAX];                               \
		struct decision decision_ = decide(input, guards);               \
		assert_string_equal(decision_reason(&decision_, reason_), text); \
		assert_int_equal(decision_.limit_bytes, bytes);                  \
	} while (0)

static void override_goes_before_the_enforced_recommendation(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.override_bytes = 900 * MIB;
	assert_decision(&input, &usual, 900 * MIB, "override");
}

static void enforced_recommendation_goes_before_the_declared_limit(void **state)
{
	(void)state;
	assert_decision(&tuned, &usual, 800 * MIB, "enforced");
}

static void recommendation_in_warm_up_is_shown_only(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.enforced_bytes = 0;
	assert_decision(&input, &usual, GIB, "observed");
}

static void workload_that_nothing_is_known_of_gets_what_it_declares(void **state)
{
	const struct decision_input input = {.mode = MODE_ENFORCE, .declared_bytes = GIB};
	(void)state;

	assert_decision(&input, &usual, GIB, "declared");
}

static void observe_mode_applies_nothing(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.mode = MODE_OBSERVE;
	input.override_bytes = 900 * MIB;
	input.p95_bytes = input.in_use_bytes = 8 * GIB; /* no guard acts either */
	assert_decision(&input, &usual, GIB, "observed");
}

static void off_mode_shows_nothing(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.mode = MODE_OFF;
	assert_decision(&input, &usual, GIB, "declared");
}

static void limit_never_falls_below_p95(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.p95_bytes = 900 * MIB;
	assert_decision(&input, &usual, 900 * MIB, "enforced+p95");
}

static void floors_are_rounded_up_to_what_every_page_size_divides(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.p95_bytes = 900 * MIB + 1;
	assert_decision(&input, &usual, 900 * MIB + 64 * KIB, "enforced+p95");
}

static void limit_never_falls_below_the_prestart_footprint_and_the_minimum(void **state)
{
	struct decision_input input = tuned;
	struct guard_settings guards = usual;
	(void)state;

	guards.min_bytes = 850 * MIB;
	input.prestart_bytes = 8 * MIB;
	assert_decision(&input, &guards, 858 * MIB, "enforced+prestart");

	/* Where the footprint is not known the minimum holds all the same, by the node's range. */
	input.prestart_bytes = 0;
	assert_decision(&input, &guards, 850 * MIB, "enforced+node-range");
}

static void limit_never_falls_below_the_one_that_was_raised_after_an_oom_kill(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.oom_floor_bytes = 960 * MIB;
	assert_decision(&input, &usual, 960 * MIB, "enforced+oom");
}

static void limit_falls_by_no_more_than_the_greatest_step(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.enforced_bytes = 320 * MIB;
	input.last_applied_bytes = 1000 * MIB;
	assert_decision(&input, &usual, 700 * MIB, "enforced+max-change");
}

static void limit_rises_by_no_more_than_the_greatest_step(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.last_applied_bytes = 400 * MIB;
	assert_decision(&input, &usual, 520 * MIB, "enforced+max-change");
}

static void first_step_is_taken_from_the_declared_limit(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.declared_bytes = 2000 * MIB;
	assert_decision(&input, &usual, 1400 * MIB, "enforced+max-change");
	input.last_applied_bytes = DECISION_UNLIMITED;
	assert_decision(&input, &usual, 1400 * MIB, "enforced+max-change");
}

static void first_limit_of_a_container_without_any_is_no_step(void **state)
{
	struct decision_input input = tuned;
	struct guard_settings guards = usual;
	(void)state;

	guards.limit_unlimited = true;
	input.declared_bytes = DECISION_UNLIMITED;
	assert_decision(&input, &guards, 800 * MIB, "enforced");
}

static void raise_that_a_floor_asks_for_is_not_held_back(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.enforced_bytes = 800 * MIB;
	input.last_applied_bytes = 400 * MIB; /* 520 Mi at most */
	input.oom_floor_bytes = 700 * MIB;
	assert_decision(&input, &usual, 700 * MIB, "enforced+max-change");
	input.p95_bytes = 900 * MIB;
	assert_decision(&input, &usual, 900 * MIB, "enforced+p95");
}

/* Killed at 192Mi: 292Mi learned, 304Mi recommended. */
static void step_up_reaches_a_floor_as_it_was_rounded(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.recommended_bytes = input.enforced_bytes = 304 * MIB;
	input.p95_bytes = 100 * MIB;
	input.last_applied_bytes = 192 * MIB;
	input.oom_floor_bytes = 292 * MIB;
	input.round_bytes = 16 * MIB;
	assert_decision(&input, &usual, 304 * MIB, "enforced");
}

/* Another replica was seen at 287Mi. */
static void step_up_reaches_what_was_seen(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.recommended_bytes = input.enforced_bytes = 352 * MIB;
	input.p95_bytes = 100 * MIB;
	input.last_applied_bytes = 192 * MIB; /* 249 Mi at most */
	input.seen_bytes = 287 * MIB;
	input.round_bytes = 16 * MIB;
	assert_decision(&input, &usual, 288 * MIB, "enforced+max-change");
	input.enforced_bytes = 192 * MIB;
	assert_decision(&input, &usual, 192 * MIB, "enforced");
}

static void node_clamps_from_both_sides(void **state)
{
	struct decision_input input = tuned;
	struct guard_settings guards = usual;
	(void)state;

	guards.max_bytes = 500 * MIB;
	assert_decision(&input, &guards, 500 * MIB, "enforced+node-range");
	guards.max_bytes = GIB;
	guards.min_bytes = 810 * MIB;
	assert_decision(&input, &guards, 810 * MIB, "enforced+node-range");
}

static void floor_above_the_nodes_maximum_cannot_be_tuned(void **state)
{
	struct decision_input input = tuned;
	struct guard_settings guards = usual;
	(void)state;

	guards.max_bytes = 500 * MIB;
	input.p95_bytes = 900 * MIB;
	assert_decision(&input, &guards, GIB, "enforced+p95+node-range");
}

static void resize_never_goes_below_what_is_in_use(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.in_use_bytes = 950 * MIB;
	assert_decision(&input, &usual, 950 * MIB, "enforced+in-use");
	/* A person who asks for less than is in use gets just that. */
	input.in_use_bytes = 2 * GIB;
	assert_decision(&input, &usual, GIB, "enforced+in-use+declared");
}

static void limit_is_never_above_the_declared_one(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.enforced_bytes = 1200 * MIB;
	assert_decision(&input, &usual, GIB, "enforced+declared");
	input.p95_bytes = 3 * GIB;
	assert_decision(&input, &usual, GIB, "enforced+p95+declared");
	input.override_bytes = 1100 * MIB;
	input.p95_bytes = 0;
	assert_decision(&input, &usual, GIB, "override+declared");
}

static void limit_above_the_declared_one_needs_the_nodes_leave(void **state)
{
	struct decision_input input = tuned;
	struct guard_settings guards = usual;
	(void)state;

	guards.allow_raise = true;
	input.enforced_bytes = 1200 * MIB;
	assert_decision(&input, &guards, 1200 * MIB, "enforced");
}

static void container_without_a_limit_is_given_none(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.declared_bytes = DECISION_UNLIMITED;
	assert_decision(&input, &usual, DECISION_UNLIMITED, "enforced+unlimited");
	input.override_bytes = GIB;
	assert_decision(&input, &usual, DECISION_UNLIMITED, "override+unlimited");
}

static void steps_tell_what_each_guard_made_of_the_number(void **state)
{
	struct decision_input input = tuned;
	(void)state;

	input.enforced_bytes = 100 * MIB;
	struct decision decision = decide(&input, &usual);
	assert_int_equal(decision.n_steps, 2);
	assert_int_equal(decision.step[0].guard, GUARD_P95);
	assert_int_equal(decision.step[0].limit_bytes, 300 * MIB);
	assert_int_equal(decision.step[1].guard, GUARD_MAX_CHANGE);
	assert_int_equal(decision.step[1].limit_bytes, decision.limit_bytes);
}

static void every_guard_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
		assert_true(strlen(guard_names[guard]) > 0 && strlen(guard_sentences[guard]) > 0);
		assert_null(
			strpbrk(guard_names[guard], "+ >")); /* as it stands in a reason, and in a record */
		for (enum guard other = 0; other < guard; other++)
			assert_string_not_equal(guard_names[guard], guard_names[other]);
	}
	assert_null(guard_names[GUARDS_COUNT]);
}

static void longest_reason_fits(void **state)
{
	struct decision decision = {.source = SOURCE_OVERRIDE, .n_steps = GUARDS_COUNT};
	char reason[DECISION_REASON_MAX];
	(void)state;

	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++)
		decision.step[guard].guard = guard;
	assert_true(strlen(decision_reason(&decision, reason)) < DECISION_REASON_MAX - 1);
	assert_non_null(strstr(reason, "+unlimited"));
}

/* ---- What a failure prints ---- */

static const struct member {
	const char *name;
	size_t at;       /* in struct decision_input */
	bool is_extreme; /* promises_hold_for_extremes() tries its extremes */
} members[] = {
#define MEMBER(member) #member, offsetof(struct decision_input, member)
	{MEMBER(declared_bytes), true},     {MEMBER(override_bytes), false},
	{MEMBER(recommended_bytes), false}, {MEMBER(enforced_bytes), true},
	{MEMBER(p95_bytes), true},          {MEMBER(prestart_bytes), true},
	{MEMBER(last_applied_bytes), true}, {MEMBER(oom_floor_bytes), true},
	{MEMBER(seen_bytes), false},        {MEMBER(round_bytes), false},
	{MEMBER(in_use_bytes), true},
#undef MEMBER
};
#define MEMBERS_COUNT (sizeof members / sizeof *members)
_Static_assert(sizeof(struct decision_input) == (1 + MEMBERS_COUNT) * sizeof(uint64_t),
	       "members[] has all members but the mode");

static uint64_t *member_of(struct decision_input *input, const struct member *member)
{
	return (uint64_t *)(void *)((char *)input + member->at);
}

/* The input of the check that runs, or that has failed. */
static struct {
	bool runs;
	char name[64];
	struct decision_input input;
	struct guard_settings guards;
} check;

static void check_begin(const struct decision_input *input, const struct guard_settings *guards)
{
	check.runs = true;
	check.input = *input;
	check.guards = *guards;
}

/* Teardown: prints the input of a check that has failed, and its decision. */
static int check_print(void **state)
{
	struct decision_input *in = &check.input;
	const struct guard_settings *guards = &check.guards;
	const struct decision decision = decide(in, guards);
	char reason[DECISION_REASON_MAX];
	(void)state;

	if (!check.runs)
		return 0;
	check.runs = false;
	print_error("%s: mode = %s\n", check.name, mode_names[in->mode]);
	for (size_t i = 0; i < MEMBERS_COUNT; i++)
		print_error("\t%s = %" PRIu64 "\n", members[i].name, *member_of(in, &members[i]));
	print_error("\tmin_bytes = %" PRIu64 ", max_bytes = %" PRIu64 ", max_change_ratio = %g\n",
		    guards->min_bytes, guards->max_bytes, guards->max_change_ratio);
	print_error("\tallow_raise = %d, limit_unlimited = %d\n", guards->allow_raise,
		    guards->limit_unlimited);
	print_error("\t%s: limit_bytes = %" PRIu64 "\n", decision_reason(&decision, reason),
		    decision.limit_bytes);
	return 0;
}

/* ---- The floors ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t granules_up(uint64_t bytes)
{
	return (earlier(bytes, INT64_MAX - 65535) + 65535) / 65536 * 65536;
}

/* What this floor asks for, not rounded. */
static uint64_t floor_of(enum guard guard, const struct decision_input *in,
			 const struct guard_settings *guards)
{
	const uint64_t least = earlier(guards->min_bytes, INT64_MAX);

	switch ((int)guard) {
	case GUARD_P95:
		return in->p95_bytes;
	case GUARD_PRESTART:
		if (in->prestart_bytes == 0)
			return 0;
		return in->prestart_bytes > INT64_MAX - least ? INT64_MAX : in->prestart_bytes + least;
	case GUARD_OOM:
		return in->oom_floor_bytes;
	}
	fail_msg("floor_of() has no case for %s", guard_names[guard]);
	return 0;
}

static uint64_t highest_floor(const struct decision_input *in, const struct guard_settings *guards)
{
	uint64_t highest = 0;

	for (enum guard guard = 0; guard < GUARD_MAX_CHANGE; guard++) {
		const uint64_t floor = granules_up(floor_of(guard, in, guards));
		highest = floor > highest ? floor : highest;
	}
	return highest;
}

/* ---- Each guard alone, and in pairs ---- */

/* Makes this guard, and no other, move the 800 Mi of `tuned`. Its declared limit is then that of the input,
 * so that the guards that raise have room. A floor asks for more than the floors before it. */
static void arm(enum guard guard, struct decision_input *input, struct guard_settings *guards)
{
	switch (guard) {
	case GUARD_P95:
		input->p95_bytes = 840 * MIB;
		break;
	case GUARD_PRESTART:
		input->prestart_bytes = 845 * MIB - guards->min_bytes;
		break;
	case GUARD_OOM:
		input->oom_floor_bytes = 850 * MIB;
		break;
	case GUARD_MAX_CHANGE:
		input->last_applied_bytes = 500 * MIB;
		break;
	case GUARD_NODE_RANGE:
		guards->max_bytes = 600 * MIB;
		break;
	case GUARD_IN_USE:
		input->in_use_bytes = 900 * MIB;
		break;
	case GUARD_DECLARED:
		input->declared_bytes = 580 * MIB;
		input->last_applied_bytes = input->last_applied_bytes ? input->last_applied_bytes : 700 * MIB;
		break;
	case GUARD_UNLIMITED:
		input->declared_bytes = DECISION_UNLIMITED;
		break;
	case GUARDS_COUNT:
		fail();
	}
}

static bool acted(const struct decision *decision, enum guard guard)
{
	for (size_t i = 0; i < decision->n_steps; i++)
		if (decision->step[i].guard == guard)
			return true;
	return false;
}

static void each_guard_alone_is_the_only_one_named(void **state)
{
	(void)state;
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
		struct decision_input input = tuned;
		struct guard_settings guards = usual;
		arm(guard, &input, &guards);
		char expected[DECISION_REASON_MAX], reason[DECISION_REASON_MAX];
		(void)snprintf(expected, sizeof expected, "enforced+%s", guard_names[guard]);
		struct decision decision = decide(&input, &guards);
		assert_string_equal(decision_reason(&decision, reason), expected);
		assert_int_equal(decision.n_steps, 1);
		assert_int_equal(decision.step[0].guard, guard);
	}
}

static void guards_in_pairs_hold_both_their_promises(void **state)
{
	(void)state;
	for (enum guard a = 0; a < GUARDS_COUNT; a++) {
		for (enum guard b = a + 1; b < GUARDS_COUNT; b++) {
			struct decision_input input = tuned;
			struct guard_settings guards = usual;
			arm(a, &input, &guards);
			arm(b, &input, &guards);
			struct decision decision = decide(&input, &guards);

			(void)snprintf(check.name, sizeof check.name, "%s and %s", guard_names[a],
				       guard_names[b]);
			check_begin(&input, &guards);
			if (b == GUARD_UNLIMITED) {
				assert_int_equal(decision.limit_bytes, a == GUARD_DECLARED
									       ? DECISION_UNLIMITED
									       : decision.limit_bytes);
				assert_true(acted(&decision, b));
				continue;
			}
			/* The later one has the last word, and there is a last word. */
			assert_true(decision.limit_bytes <= input.declared_bytes);
			if (a == GUARD_NODE_RANGE && b == GUARD_IN_USE)
				assert_int_equal(decision.limit_bytes, 900 * MIB);
			else if (guards.max_bytes < usual.max_bytes && a < GUARD_MAX_CHANGE)
				assert_int_equal(decision.limit_bytes,
						 input.declared_bytes); /* a floor above it */
			else if (guards.max_bytes < usual.max_bytes)
				assert_true(decision.limit_bytes <= guards.max_bytes);
			else if (b == GUARD_MAX_CHANGE) /* b is after the floors: they are not taken back */
				assert_true(decision.limit_bytes >= 840 * MIB &&
					    decision.limit_bytes >= floor_of(a, &input, &guards));
			else if (b < GUARD_MAX_CHANGE)
				assert_true(acted(&decision, a) && acted(&decision, b));
		}
	}
	check.runs = false;
}

/* ---- Properties over random input ---- */

/* How often each guard has acted. */
static unsigned acts[GUARDS_COUNT];

static void check_properties(const struct decision_input *in, const struct guard_settings *guards)
{
	struct decision decision, again;
	char reason[DECISION_REASON_MAX], expected[512];

	decision_make(in, guards, &decision);
	decision_make(in, guards, &again);
	assert_int_equal(decision.limit_bytes, again.limit_bytes);
	assert_int_equal(decision.source, again.source);
	assert_int_equal(decision.n_steps, again.n_steps);

	/* The reason names the source and those that moved the number, each but once and in order. */
	int used = snprintf(expected, sizeof expected, "%s", decision_source_names[decision.source]);
	for (size_t i = 0; i < decision.n_steps; i++) {
		assert_int_equal(decision.step[i].guard, again.step[i].guard);
		assert_int_equal(decision.step[i].limit_bytes, again.step[i].limit_bytes);
		assert_true(i == 0 || decision.step[i].guard > decision.step[i - 1].guard);
		if (i > 0)
			assert_true(decision.step[i].limit_bytes != decision.step[i - 1].limit_bytes);
		used += snprintf(expected + used, sizeof expected - (size_t)used, "+%s",
				 guard_names[decision.step[i].guard]);
		acts[decision.step[i].guard]++;
	}
	assert_string_equal(decision_reason(&decision, reason), expected);

	if (decision.source == SOURCE_OBSERVED || decision.source == SOURCE_DECLARED) {
		assert_int_equal(decision.n_steps, 0);
		assert_int_equal(decision.limit_bytes, in->declared_bytes);
		return;
	}
	const uint64_t limit = decision.limit_bytes;
	const uint64_t wanted = decision.source == SOURCE_OVERRIDE ? in->override_bytes : in->enforced_bytes;
	assert_int_equal(in->mode, MODE_ENFORCE);
	if (decision.n_steps > 0)
		assert_int_equal(decision.step[decision.n_steps - 1].limit_bytes, limit);
	else
		assert_int_equal(limit, wanted);

	if (in->declared_bytes == DECISION_UNLIMITED && !guards->limit_unlimited) {
		assert_int_equal(limit, DECISION_UNLIMITED);
		return;
	}
	/* What the node's maximum makes impossible is not tuned. */
	if (highest_floor(in, guards) > guards->max_bytes) {
		assert_true(limit == in->declared_bytes ||
			    (guards->allow_raise && limit <= granules_up(in->in_use_bytes)));
		return;
	}
	/* From here on it is a number that a runtime takes, unless a pod declares what is none. */
	assert_true(limit <= INT64_MAX || !(guards->allow_raise || limit < in->declared_bytes));
	if (!guards->allow_raise)
		assert_true(limit <= in->declared_bytes);

	/* What may hold a floor down: the node's greatest limit, and what was declared. */
	uint64_t cap = guards->max_bytes;
	if (!guards->allow_raise)
		cap = earlier(cap, in->declared_bytes);
	const uint64_t big = INT64_MAX - 65535;
	for (enum guard guard = 0; guard < GUARD_MAX_CHANGE; guard++)
		assert_true(limit >= earlier(cap, floor_of(guard, in, guards)));
	assert_true(limit >= earlier(cap, guards->min_bytes));
	uint64_t in_use = earlier(in->in_use_bytes, big);
	assert_true(limit >= (guards->allow_raise ? in_use : earlier(in_use, in->declared_bytes)));

	/* Above the node's maximum only for what is in use; away from the last limit only for a floor, or for what
	 * was seen. */
	if (limit > guards->max_bytes)
		assert_true(limit <= in_use + 65535);
	uint64_t base = in->last_applied_bytes && in->last_applied_bytes != DECISION_UNLIMITED
				? in->last_applied_bytes
				: in->declared_bytes;
	if (base == DECISION_UNLIMITED || base > UINT64_C(1) << 60)
		return;
	double most = (double)base * (1 + guards->max_change_ratio) + 65536;
	bool is_asked_for = limit <= earlier(in->seen_bytes, big) + 65535 + in->round_bytes ||
			    limit <= guards->min_bytes || limit <= in_use + 65535;
	for (enum guard guard = 0; guard < GUARD_MAX_CHANGE; guard++)
		is_asked_for = is_asked_for ||
			       limit <= earlier(floor_of(guard, in, guards), big) + 65535 + in->round_bytes;
	assert_true((double)limit <= most || is_asked_for);
	double least = (double)base * (1 - guards->max_change_ratio) - 1;
	if ((double)limit < least)
		assert_true(limit >= cap);
}

static void check_all_begin(const char *name)
{
	(void)snprintf(check.name, sizeof check.name, "%s", name);
	memset(acts, 0, sizeof acts);
}

/* A guard that the inputs never make act was not checked. hint: what makes the inputs. */
static void check_all_end(const char *hint)
{
	check.runs = false;
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++)
		if (acts[guard] == 0)
			fail_msg("%s never acts: %s", guard_names[guard], hint);
}

static void promises_hold_for_any_input(void **state)
{
	uint64_t seed = 0x71DE3A2C;
	(void)state;

	check_all_begin("random input");
	for (int i = 0; i < 1000000; i++) {
		struct decision_input input;
		struct guard_settings guards;
		draw_decision(&seed, &input, &guards);
		check_begin(&input, &guards);
		check_properties(&input, &guards);
	}
	check_all_end("let draw_decision() in tests/random.h draw its input");
}

static void promises_hold_for_extremes(void **state)
{
	static const uint64_t extremes[] = {0, 1, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
	enum { COUNT = sizeof extremes / sizeof *extremes };
	uint64_t choices = 1;
	(void)state;

	check_all_begin("extremes");
	for (size_t m = 0; m < MEMBERS_COUNT; m++)
		choices *= members[m].is_extreme ? COUNT : 1;
	for (uint64_t choice = 0; choice < choices; choice++) {
		struct decision_input input = {.mode = MODE_ENFORCE};
		uint64_t rest = choice;
		for (size_t m = 0; m < MEMBERS_COUNT; m++) {
			if (!members[m].is_extreme)
				continue;
			*member_of(&input, &members[m]) = extremes[rest % COUNT];
			rest /= COUNT;
		}
		for (unsigned leave = 0; leave < 4; leave++) {
			struct guard_settings guards = usual;
			guards.allow_raise = leave & 1;
			guards.limit_unlimited = leave & 2;
			check_begin(&input, &guards);
			check_properties(&input, &guards);
		}
	}
	check_all_end("let its member in members[] be extreme");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(override_goes_before_the_enforced_recommendation),
		cmocka_unit_test(enforced_recommendation_goes_before_the_declared_limit),
		cmocka_unit_test(recommendation_in_warm_up_is_shown_only),
		cmocka_unit_test(workload_that_nothing_is_known_of_gets_what_it_declares),
		cmocka_unit_test(observe_mode_applies_nothing),
		cmocka_unit_test(off_mode_shows_nothing),
		cmocka_unit_test(limit_never_falls_below_p95),
		cmocka_unit_test(floors_are_rounded_up_to_what_every_page_size_divides),
		cmocka_unit_test(limit_never_falls_below_the_prestart_footprint_and_the_minimum),
		cmocka_unit_test(limit_never_falls_below_the_one_that_was_raised_after_an_oom_kill),
		cmocka_unit_test(limit_falls_by_no_more_than_the_greatest_step),
		cmocka_unit_test(limit_rises_by_no_more_than_the_greatest_step),
		cmocka_unit_test(first_step_is_taken_from_the_declared_limit),
		cmocka_unit_test(first_limit_of_a_container_without_any_is_no_step),
		cmocka_unit_test(raise_that_a_floor_asks_for_is_not_held_back),
		cmocka_unit_test(step_up_reaches_a_floor_as_it_was_rounded),
		cmocka_unit_test(step_up_reaches_what_was_seen),
		cmocka_unit_test(node_clamps_from_both_sides),
		cmocka_unit_test(floor_above_the_nodes_maximum_cannot_be_tuned),
		cmocka_unit_test(resize_never_goes_below_what_is_in_use),
		cmocka_unit_test(limit_is_never_above_the_declared_one),
		cmocka_unit_test(limit_above_the_declared_one_needs_the_nodes_leave),
		cmocka_unit_test(container_without_a_limit_is_given_none),
		cmocka_unit_test(steps_tell_what_each_guard_made_of_the_number),
		cmocka_unit_test(every_guard_has_a_name_and_a_sentence),
		cmocka_unit_test(longest_reason_fits),
		cmocka_unit_test(each_guard_alone_is_the_only_one_named),
		cmocka_unit_test_teardown(guards_in_pairs_hold_both_their_promises, check_print),
		cmocka_unit_test_teardown(promises_hold_for_any_input, check_print),
		cmocka_unit_test_teardown(promises_hold_for_extremes, check_print),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
