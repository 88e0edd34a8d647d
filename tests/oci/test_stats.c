/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/stats.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/standin_shim.h"

#define MIB (UINT64_C(1) << 20)

static const struct standin_figures web = {
	.id = "web",
	.usage = 100 * MIB,
	.limit = 256 * MIB,
	.anon = 40 * MIB,
	.file = 50 * MIB,
	.kernel = 4 * MIB,
	.inactive_file = 30 * MIB,
	.swap = 1 * MIB,
};

/* What a shim like this says of these figures. */
static int told(const struct standin *shim, const struct standin_figures *figures, struct guest_stats *ret,
		struct error *err)
{
	uint8_t response[4096];

	return stats_response_parse(response, standin_response(shim, figures, response, sizeof response), ret,
				    err);
}

static int parse(const char *bytes, size_t size, struct error *err)
{
	struct guest_stats stats;

	return stats_response_parse((const uint8_t *)bytes, size, &stats, err);
}
#define PARSE(bytes, err) parse(bytes, sizeof(bytes) - 1, err)

static void request_is_as_containerd_sends_it(void **state)
{
	static const char wanted[] =
		"\x0a\x17" STATS_SERVICE_V2 "\x12\x05Stats\x1a\x05\x0a\x03web\x20\x80\xa8\xd6\xb9\x07";
	uint8_t buf[256];
	size_t length = 0;
	struct error err;
	(void)state;

	assert_int_equal(
		stats_request_pack(STATS_SERVICE_V2, "web", 2000000000, buf, sizeof buf, &length, &err), 0);
	assert_int_equal(length, sizeof wanted - 1);
	assert_memory_equal(buf, wanted, sizeof wanted - 1);
}

static void request_needs_an_id_and_room(void **state)
{
	char id[STATS_ID_MAX + 2];
	uint8_t buf[256];
	size_t length;
	struct error err;
	(void)state;

	memset(id, 'a', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	assert_int_equal(stats_request_pack(STATS_SERVICE_V2, id, 1, buf, sizeof buf, &length, &err),
			 -EINVAL);
	assert_int_equal(stats_request_pack(STATS_SERVICE_V2, "", 1, buf, sizeof buf, &length, &err),
			 -EINVAL);
	id[STATS_ID_MAX] = '\0';
	assert_int_equal(stats_request_pack(STATS_SERVICE_V2, id, UINT64_MAX, buf, sizeof buf, &length, &err),
			 0);
	assert_int_equal(stats_request_pack(STATS_SERVICE_V2, id, 1, buf, length - 10, &length, &err),
			 -EINVAL);
}

static void figures_of_v2_are_read(void **state)
{
	struct guest_stats stats;
	struct error err;
	(void)state;

	for (int prefix = 0; prefix < 2; prefix++) {
		assert_int_equal(told(&(struct standin){.prefix = prefix}, &web, &stats, &err), 0);
		assert_int_equal(stats.usage_bytes, 100 * MIB);
		assert_int_equal(stats.limit_bytes, 256 * MIB);
		assert_int_equal(stats.anon_bytes, 40 * MIB);
		assert_int_equal(stats.file_bytes, 50 * MIB);
		assert_int_equal(stats.kernel_bytes, 4 * MIB);
		assert_int_equal(stats.inactive_file_bytes, 30 * MIB);
		assert_int_equal(stats.swap_bytes, 1 * MIB);
		assert_false(stats.v1);
	}
}

static void figures_of_containerds_own_shim_are_read(void **state)
{
	char path[500];
	uint8_t response[1000];
	struct guest_stats stats;
	struct error err;
	(void)state;

	(void)snprintf(path, sizeof path, "%s/stats-runc.bin", getenv("TIDEMARK_FIXTURES"));
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	size_t length = fread(response, 1, sizeof response, file);
	(void)fclose(file);
	assert_int_equal(stats_response_parse(response, length, &stats, &err), 0);
	assert_int_equal(stats.usage_bytes, 1220608);
	assert_int_equal(stats.limit_bytes, 128 * MIB);
	assert_int_equal(stats.anon_bytes, 53248);
	assert_int_equal(stats.file_bytes, 913408);
	assert_int_equal(stats.kernel_bytes, 205344);
	assert_int_equal(stats.inactive_file_bytes, 913408);
	assert_int_equal(stats.swap_bytes, 0);
}

static void figures_of_v1_are_read(void **state)
{
	struct guest_stats stats;
	struct error err;
	(void)state;

	for (int prefix = 0; prefix < 2; prefix++) {
		assert_int_equal(told(&(struct standin){.v1 = true, .prefix = prefix}, &web, &stats, &err),
				 0);
		assert_int_equal(stats.usage_bytes, 100 * MIB);
		assert_int_equal(stats.limit_bytes, 256 * MIB);
		assert_int_equal(stats.anon_bytes, 40 * MIB);
		assert_int_equal(stats.file_bytes, 50 * MIB);
		assert_int_equal(stats.kernel_bytes, 4 * MIB);
		assert_int_equal(stats.inactive_file_bytes, 30 * MIB);
		assert_true(stats.v1);
	}
}

static void swap_of_v1_is_known_only_if_there_is_none(void **state)
{
	struct standin_figures figures = web;
	struct guest_stats stats;
	struct error err;
	(void)state;

	assert_int_equal(told(&(struct standin){.v1 = true}, &figures, &stats, &err), 0);
	assert_int_equal(stats.swap_bytes, GUEST_UNKNOWN);
	figures.swap = 0;
	assert_int_equal(told(&(struct standin){.v1 = true}, &figures, &stats, &err), 0);
	assert_int_equal(stats.swap_bytes, 0);
}

static void no_limit_is_no_limit_in_both(void **state)
{
	struct standin_figures figures = web;
	struct guest_stats stats;
	struct error err;
	(void)state;

	figures.limit = 0;
	assert_int_equal(told(&(struct standin){0}, &figures, &stats, &err), 0);
	assert_int_equal(stats.limit_bytes, GUEST_UNKNOWN);
	assert_int_equal(told(&(struct standin){.v1 = true}, &figures, &stats, &err), 0);
	assert_int_equal(stats.limit_bytes, GUEST_UNKNOWN);
}

static void what_was_left_out_is_zero_beside_what_was_told(void **state)
{
	const struct standin_figures figures = {.usage = 8 * MIB, .anon = 4 * MIB};
	struct guest_stats stats;
	struct error err;
	(void)state;

	assert_int_equal(told(&(struct standin){0}, &figures, &stats, &err), 0);
	assert_int_equal(stats.file_bytes, 0);
	assert_int_equal(stats.inactive_file_bytes, 0);
	assert_int_equal(stats.swap_bytes, 0);
	assert_int_equal(stats.kernel_bytes, GUEST_UNKNOWN);
}

/* runtime-rs, with a guest that has cgroup v2: of memory.stat it finds those names only that v1 has as well.
 */
static void what_was_not_told_is_unknown(void **state)
{
	struct standin_figures figures = {.usage = 8 * MIB, .inactive_file = 1 * MIB};
	struct guest_stats stats;
	struct error err;
	(void)state;

	assert_int_equal(told(&(struct standin){.v1 = true}, &figures, &stats, &err), 0);
	assert_int_equal(stats.usage_bytes, 8 * MIB);
	assert_int_equal(stats.anon_bytes, GUEST_UNKNOWN);
	assert_int_equal(stats.file_bytes, GUEST_UNKNOWN);
	assert_int_equal(stats.kernel_bytes, GUEST_UNKNOWN);
	assert_int_equal(stats.inactive_file_bytes, 1 * MIB);
	figures.inactive_file = 0;
	assert_int_equal(told(&(struct standin){.v1 = true}, &figures, &stats, &err), 0);
	assert_int_equal(stats.inactive_file_bytes, GUEST_UNKNOWN);
}

/* kata's Go shim under cgroup v1: it has only the hierarchy's inactive_file. */
static void hierarchy_of_v1_comes_first(void **state)
{
	/* {stats: {"…v1.Metrics", {memory: {cache 1, rss 2, inactive_file 3, total_* 101…103, usage {usage:
	 * 1000}}}}} */
	static const char response[] =
		"\x12\x49\x0a\x47\x0a\x20io.containerd.cgroups.v1.Metrics\x12\x23\x22\x21"
		"\x08\x01\x10\x02\x68\x03\x90\x01\x65\x98\x01\x66\xe8\x01\x67"
		"\x8a\x02\x03\x10\xe8\x07"
		"\xa0\x01\x00\xa8\x01\x00\xb0\x01\x00\xb8\x01\x00";
	struct guest_stats stats;
	struct error err;
	(void)state;

	assert_int_equal(stats_response_parse((const uint8_t *)response, sizeof response - 1, &stats, &err),
			 0);
	assert_int_equal(stats.usage_bytes, 1000);
	assert_int_equal(stats.file_bytes, 101);
	assert_int_equal(stats.anon_bytes, 102);
	assert_int_equal(stats.inactive_file_bytes, 103);
}

static void amounts_that_no_machine_has_are_not_believed(void **state)
{
	struct standin_figures figures = web;
	struct guest_stats stats;
	struct error err;
	(void)state;

	figures.anon = (UINT64_C(1) << 60) + 1;
	figures.kernel = UINT64_MAX;
	figures.swap = UINT64_MAX;
	assert_int_equal(told(&(struct standin){0}, &figures, &stats, &err), 0);
	assert_int_equal(stats.anon_bytes, GUEST_UNKNOWN);
	assert_int_equal(stats.kernel_bytes, GUEST_UNKNOWN);
	assert_int_equal(stats.swap_bytes, GUEST_UNKNOWN);
	figures.usage = UINT64_C(1) << 63;
	assert_int_equal(told(&(struct standin){0}, &figures, &stats, &err), -ENODATA);
}

static void answer_without_usage_is_none(void **state)
{
	static const enum standin_fault faults[] = {STANDIN_EMPTY, STANDIN_NO_MEMORY, STANDIN_NO_USAGE};
	(void)state;

	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		for (int v1 = 0; v1 < 2; v1++) {
			struct guest_stats stats, before;
			struct error err;
			memset(&stats, 0xa5, sizeof stats);
			memcpy(&before, &stats, sizeof stats);
			assert_int_equal(
				told(&(struct standin){.v1 = v1, .fault = faults[i]}, &web, &stats, &err),
				-ENODATA);
			assert_memory_equal(&stats, &before, sizeof stats);
		}
}

static void other_types_are_not_guessed_at(void **state)
{
	struct guest_stats stats;
	struct error err;
	(void)state;

	for (int prefix = 0; prefix < 2; prefix++)
		assert_int_equal(told(&(struct standin){.fault = STANDIN_WRONG_TYPE, .prefix = prefix}, &web,
				      &stats, &err),
				 -EPROTONOSUPPORT);
	/* With a NUL and more after the name; with another prefix; empty. */
	assert_int_equal(PARSE("\x12\x26\x0a\x24\x0a\x22io.containerd.cgroups.v2.Metrics\0x", &err),
			 -EPROTONOSUPPORT);
	assert_int_equal(PARSE("\x12\x26\x0a\x24\x0a\x22x/io.containerd.cgroups.v2.Metrics", &err),
			 -EPROTONOSUPPORT);
	assert_int_equal(PARSE("\x12\x02\x0a\x00", &err), -EPROTONOSUPPORT);
}

static void refusal_has_the_shims_words(void **state)
{
	struct error err;
	(void)state;

	assert_int_equal(PARSE("\x0a\x0e\x08\x05\x12\x0ano such t\n", &err), -ENOENT);
	assert_string_equal(err.text, "refused: no such t? (status 5)");
	assert_int_equal(PARSE("\x0a\x02\x08\x04", &err), -ETIMEDOUT);
	assert_int_equal(PARSE("\x0a\x02\x08\x0c", &err), -ENOSYS);
	assert_int_equal(PARSE("\x0a\x02\x08\x0d", &err), -EREMOTEIO);
	assert_int_equal(PARSE("\x0a\x02\x08\x03", &err), -EREMOTEIO);
	/* -1, as ten bytes. */
	assert_int_equal(PARSE("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &err), -EREMOTEIO);
}

/* kata's agent; and runtime-rs around it. */
static void container_that_has_ended_is_none(void **state)
{
	struct error err;
	(void)state;

	assert_int_equal(PARSE("\x0a\x18\x08\x03\x12\x14"
			       "invalid container id",
			       &err),
			 -ENOENT);
	assert_int_equal(PARSE("\x0a\x1c\x08\x02\x12\x18"
			       "x: invalid container id.",
			       &err),
			 -ENOENT);
	assert_int_equal(PARSE("\x0a\x17\x08\x03\x12\x13"
			       "invalid container i",
			       &err),
			 -EREMOTEIO);
}

static void long_words_of_a_shim_are_cut(void **state)
{
	/* Of 1905 bytes, 1900 are words. */
	char response[1908] = "\x0a\xf1\x0e\x08\x05\x12\xec\x0e";
	struct error err;
	(void)state;

	memset(response + 8, 'x', sizeof response - 8);
	assert_int_equal(parse(response, sizeof response, &err), -ENOENT);
	assert_true(strlen(err.text) < 150);
}

static void torn_answers_are_refused(void **state)
{
	uint8_t response[4096];
	size_t length = standin_response(&(struct standin){0}, &web, response, sizeof response);
	(void)state;

	for (size_t cut = 1; cut < length; cut++) {
		struct guest_stats stats;
		struct error err;
		assert_true(stats_response_parse(response, cut, &stats, &err) < 0);
	}
}

static void memory_for_a_hostile_answer_is_bounded(void **state)
{
	static uint8_t response[256 * 1024];
	struct guest_stats stats;
	struct error err;
	(void)state;

	/* Unknown fields, of two bytes each, and of ten. */
	for (size_t i = 0; i < sizeof response; i += 2)
		memcpy(response + i, "\x78\x01", 2);
	assert_int_equal(stats_response_parse(response, sizeof response, &stats, &err), -EBADMSG);
	for (size_t i = 0; i + 11 <= sizeof response; i += 11)
		memcpy(response + i, "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	assert_int_equal(stats_response_parse(response, sizeof response / 11 * 11, &stats, &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_as_containerd_sends_it),
		cmocka_unit_test(request_needs_an_id_and_room),
		cmocka_unit_test(figures_of_v2_are_read),
		cmocka_unit_test(figures_of_containerds_own_shim_are_read),
		cmocka_unit_test(figures_of_v1_are_read),
		cmocka_unit_test(swap_of_v1_is_known_only_if_there_is_none),
		cmocka_unit_test(no_limit_is_no_limit_in_both),
		cmocka_unit_test(what_was_left_out_is_zero_beside_what_was_told),
		cmocka_unit_test(what_was_not_told_is_unknown),
		cmocka_unit_test(hierarchy_of_v1_comes_first),
		cmocka_unit_test(amounts_that_no_machine_has_are_not_believed),
		cmocka_unit_test(answer_without_usage_is_none),
		cmocka_unit_test(other_types_are_not_guessed_at),
		cmocka_unit_test(refusal_has_the_shims_words),
		cmocka_unit_test(container_that_has_ended_is_none),
		cmocka_unit_test(long_words_of_a_shim_are_cut),
		cmocka_unit_test(torn_answers_are_refused),
		cmocka_unit_test(memory_for_a_hostile_answer_is_bounded),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
