/* SPDX-License-Identifier: Apache-2.0 */

/* What a container was given, in a sentence. */

#include "shim/report/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "oci/json.h"
#include "oci/sizing.h"
#include "tests/random.h"
#include "tests/report/explained.h"

static void assert_decision(const struct record *record, const char *sentence)
{
	const struct settings settings = make_settings();
	char buf[EXPLAIN_MAX];
	assert_string_equal(explain_decision(record, &settings, buf), sentence);
}

static void decision_tells_its_source(void **state)
{
	(void)state;
	struct record record = make_record(SOURCE_ENFORCED, "enforced");
	assert_decision(&record, "512Mi declared, 192Mi recommended, 358Mi applied");
	record = make_record(SOURCE_OVERRIDE, "override");
	record.override_bytes = 300 * MIB;
	assert_decision(&record, "512Mi declared, 300Mi asked for by the pod's override, 358Mi applied");
	record = make_record(SOURCE_OBSERVED, "observed");
	record.mode = MODE_OBSERVE;
	assert_decision(&record,
			"512Mi declared, 192Mi recommended, which is shown and not applied (mode observe)");
	record.mode = MODE_ENFORCE;
	assert_decision(&record, "512Mi declared, 192Mi recommended, which was not to be enforced yet");
	record = make_record(SOURCE_DECLARED, "declared");
	assert_decision(&record, "512Mi declared, and applied as declared: there was no recommendation yet");
	record.mode = MODE_OFF;
	assert_decision(&record, "512Mi declared, and applied as declared: the mode was off");
	strcpy(record.fault, "config.json is torn");
	assert_decision(&record, "512Mi declared, and applied as declared: config.json is torn");
}

static void decision_tells_each_guard(void **state)
{
	(void)state;
	static const char *const sentences[GUARDS_COUNT] = {
		[GUARD_P95] = "never below the observed 95th percentile",
		[GUARD_PRESTART] =
			"never less than 32Mi above what the runtime needs before the program starts",
		[GUARD_OOM] = "never back to a limit that a container was OOM-killed at",
		[GUARD_MAX_CHANGE] = ("at most 30 % away from the limit applied before, unless a floor or "
				      "what was seen asks for more"),
		[GUARD_NODE_RANGE] =
			"between 32Mi and 64Gi on this node, or as declared if a floor is above that",
		[GUARD_IN_USE] = "never below what the running container was using",
		[GUARD_DECLARED] = "never above what the pod declares",
		[GUARD_UNLIMITED] = "a container that declares no limit is given none",
	};
	struct settings settings = make_settings();
	settings.guards.min_bytes = 32 * MIB;
	settings.guards.max_bytes = 64 * GIB;

	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
		struct record record = make_record(SOURCE_ENFORCED, "");
		char buf[EXPLAIN_MAX], expected[EXPLAIN_MAX];
		if (!sentences[guard]) {
			fail_msg("sentences[] has none for %s", guard_names[guard]);
			return;
		}
		snprintf(record.reason, sizeof record.reason, "enforced+%s", guard_names[guard]);
		snprintf(expected, sizeof expected, "512Mi declared, 192Mi recommended, 358Mi applied: %s",
			 sentences[guard]);
		assert_string_equal(explain_decision(&record, &settings, buf), expected);
	}
}

static void guards_are_told_apart_and_joined(void **state)
{
	(void)state;
	struct record record = make_record(SOURCE_ENFORCED, "enforced+max-change+declared");
	assert_decision(
		&record,
		"512Mi declared, 192Mi recommended, 358Mi applied: at most 30 % away from the limit applied "
		"before, unless a floor or what was seen asks for more; never above what the pod declares");
	/* The source is no guard, and half a guard's name is none. */
	record = make_record(SOURCE_DECLARED, "declared");
	assert_decision(&record, "512Mi declared, and applied as declared: there was no recommendation yet");
	record = make_record(SOURCE_ENFORCED, "enforced+p9+oomx++in-use-");
	assert_decision(&record, "512Mi declared, 192Mi recommended, 358Mi applied");
}

static void decision_tells_what_each_guard_made_of_it(void **state)
{
	struct record record = make_record(SOURCE_ENFORCED, "enforced+p95+max-change");
	(void)state;

	record.step_bytes[GUARD_P95] = 300 * MIB;
	record.step_bytes[GUARD_MAX_CHANGE] = record.limit_bytes = 358 * MIB;
	record.before_bytes = 511 * MIB;
	assert_decision(&record,
			"512Mi declared, 192Mi recommended, 358Mi applied: never below the observed 95th "
			"percentile: 300Mi; at most 30 % away from the 511Mi applied before, unless a "
			"floor or what was seen asks for more: 358Mi");
	/* The first creation goes by what is declared. */
	record.before_bytes = record.step_bytes[GUARD_P95] = 0;
	strcpy(record.reason, "enforced+max-change");
	assert_decision(&record,
			"512Mi declared, 192Mi recommended, 358Mi applied: at most 30 % away from the "
			"512Mi declared, unless a floor or what was seen asks for more: 358Mi");
}

/* What is said of any decision: one sentence, whole, that names each guard which moved it, and no other. */
static void any_decision_is_told_in_a_sentence(void **state)
{
	uint64_t seed = 0x7E11A11;
	(void)state;

	for (int i = 0; i < 200000; i++) {
		struct decision_input input;
		struct decision decision;
		struct settings settings = make_settings();
		struct record record = {.version = RECORD_VERSION};
		char buf[EXPLAIN_MAX];

		draw_decision(&seed, &input, &settings.guards);
		decision_make(&input, &settings.guards, &decision);
		record.mode = input.mode;
		record.declared_bytes = input.declared_bytes;
		record.override_bytes = input.override_bytes;
		record_set_decision(&record, &input, &decision);
		size_t length = strlen(explain_decision(&record, &settings, buf));
		assert_true(length > 0 && length < EXPLAIN_MAX - 1);
		assert_null(strpbrk(buf, "\n{}"));
		for (const char *at = buf; *at; at += json_utf8_length(at))
			assert_true(json_utf8_length(at) > 0);

		size_t told = 0;
		for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
			char begin[64]; /* of its sentence, up to what is filled in */
			snprintf(begin, sizeof begin, "%.*s", (int)strcspn(guard_sentences[guard], "{"),
				 guard_sentences[guard]);
			bool acted = false;
			for (size_t step = 0; step < decision.n_steps; step++)
				acted = acted || decision.step[step].guard == guard;
			assert_true(acted == (strstr(buf, begin) != NULL));
			told += acted;
		}
		assert_int_equal(told, decision.n_steps);
	}
}

static void no_limit_is_told_in_words(void **state)
{
	(void)state;
	struct record record = make_record(SOURCE_ENFORCED, "enforced+unlimited");
	record.declared_bytes = record.limit_bytes = DECISION_UNLIMITED;
	assert_decision(
		&record,
		"no limit declared, 192Mi recommended, no limit applied: a container that declares no "
		"limit is given none");
}

static void assert_protection(const struct record *record, const struct settings *settings,
			      enum unified_key key, const char *expected)
{
	char buf[EXPLAIN_MAX];
	assert_string_equal(explain_protection(record, settings, key, buf), expected);
}

static void protection_tells_what_it_does_and_where_it_is_from(void **state)
{
	(void)state;
	struct settings settings = make_settings();
	struct record record = make_record(SOURCE_ENFORCED, "enforced");

	settings.enforce = (struct protect_settings){.request = PROTECT_LOW, .high_ratio = 0.9};
	record.limit_bytes = 384 * MIB;
	protect_make(&settings.enforce, record.limit_bytes, 128 * MIB, &record.protect);
	record.protect.bytes[UNIFIED_MIN] = 96 * MIB;
	assert_protection(&record, &settings, UNIFIED_LOW,
			  "reclaimed only when nothing else is left, as far as the cgroups above it are "
			  "protected, too: "
			  "the request, 128Mi");
	assert_protection(
		&record, &settings, UNIFIED_MIN,
		"never reclaimed, as far as the cgroups above it are protected, too: the request, 128Mi, but "
		"not above the limit or memory.high");
	assert_protection(
		&record, &settings, UNIFIED_HIGH,
		"above it the container is slowed down and reclaimed from: the request, 128Mi, and 90 % of "
		"what is left to the limit");
	settings.enforce.high_ratio = 0.8;
	assert_protection(
		&record, &settings, UNIFIED_HIGH,
		"above it the container is slowed down and reclaimed from: between the request and the "
		"limit, as [enforce] high had it then");
	protect_make(&settings.enforce, record.limit_bytes, 0, &record.protect);
	assert_protection(&record, &settings, UNIFIED_HIGH,
			  "above it the container is slowed down and reclaimed from: 80 % of the limit");
}

/* buf is exactly as large as is promised: a sanitizer sees one byte more. */
static void longest_sentence_fits(void **state)
{
	(void)state;
	struct settings settings = make_settings();
	struct record record = make_record(SOURCE_ENFORCED, "enforced");
	char buf[EXPLAIN_MAX];

	settings.guards.min_bytes = settings.guards.max_bytes = UINT64_C(1023) * GIB + 1;
	settings.guards.max_change_ratio = 0.123456;
	record.declared_bytes = record.recommended_bytes = record.limit_bytes = UINT64_C(1023) * GIB + 1;
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++) {
		strcat(record.reason, "+");
		strcat(record.reason, guard_names[guard]);
		record.step_bytes[guard] = record.limit_bytes;
	}
	record.before_bytes = record.limit_bytes;
	assert_true(strlen(explain_decision(&record, &settings, buf)) < EXPLAIN_MAX);
	assert_non_null(strstr(buf, "is given none: 1023Gi")); /* nothing was cut off */

	record.source = SOURCE_DECLARED;
	memset(record.fault, 'f', sizeof record.fault - 1);
	assert_true(strlen(explain_decision(&record, &settings, buf)) < EXPLAIN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decision_tells_its_source),
		cmocka_unit_test(decision_tells_each_guard),
		cmocka_unit_test(guards_are_told_apart_and_joined),
		cmocka_unit_test(decision_tells_what_each_guard_made_of_it),
		cmocka_unit_test(any_decision_is_told_in_a_sentence),
		cmocka_unit_test(no_limit_is_told_in_words),
		cmocka_unit_test(protection_tells_what_it_does_and_where_it_is_from),
		cmocka_unit_test(longest_sentence_fits),
	};
	return cmocka_run_group_tests_name("explain_decision", tests, NULL, NULL);
}
