/* SPDX-License-Identifier: Apache-2.0 */

/* Each allocation of what reads and writes small files fails in turn. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "shim/store/handler.h"
#include "shim/store/limits.h"
#include "shim/store/presence.h"
#include "shim/store/record.h"
#include "shim/store/settings.h"
#include "tests/failing_malloc.h"
#include "tests/fixture.h"

#define ALLOCATIONS_MAX 200

/* ---- Settings ---- */

struct loading {
	int etc_fd;
	struct settings settings;
	struct error err;
};

static int load_settings(void *data)
{
	struct loading *loading = data;
	memset(&loading->settings, 0xA5, sizeof loading->settings);
	return settings_load(loading->etc_fd, &loading->settings, &loading->err);
}

static void check_settings(void *data, int result, bool failed)
{
	const struct loading *loading = data;
	struct settings untouched;

	memset(&untouched, 0xA5, sizeof untouched);
	if (!failing_malloc_is_done(result, failed, &loading->err)) {
		assert_memory_equal(&loading->settings, &untouched, sizeof untouched);
		return;
	}
	assert_int_equal(loading->settings.mode, MODE_ENFORCE);
	assert_string_equal(loading->settings.runtime.crun, "/opt/crun");
	assert_int_equal(loading->settings.guards.max_bytes, 2 * GIB);
}

/* Only what can be read of [runtime] is taken; the rest is as if there were no file. */
static int salvage_settings(void *data)
{
	struct loading *loading = data;
	settings_salvage(loading->etc_fd, &loading->settings);
	return 0;
}

static void check_salvaged(void *data, int result, bool failed)
{
	const struct loading *loading = data;
	const bool is_read = strcmp(loading->settings.runtime.crun, "/opt/crun") == 0;

	assert_int_equal(result, 0);
	assert_true(is_read || (failed && !loading->settings.runtime.crun[0]));
	assert_int_equal(loading->settings.mode, MODE_OBSERVE);
}

static void settings_without_memory_are_an_error(void **state)
{
	struct loading loading = {.etc_fd = *(int *)*state};

	fixture_write(loading.etc_fd, "tidemark.conf",
		      "[node]\nmode = enforce\n[runtime]\ncrun = /opt/crun\n");
	fixture_write(loading.etc_fd, "tidemark.conf.d/10-max.conf", "[guards]\nmax = 1Gi\n");
	fixture_write(loading.etc_fd, "tidemark.conf.d/20-max.conf", "[guards]\nmax = 2Gi\n");
	const struct failing_operation load = {load_settings, check_settings, &loading};
	assert_true(failing_operation_run(&load, ALLOCATIONS_MAX) >= 4);
	const struct failing_operation salvage = {salvage_settings, check_salvaged, &loading};
	assert_true(failing_operation_run(&salvage, ALLOCATIONS_MAX) >= 4);
}

/* ---- Records ---- */

static void records_take_no_memory(void **state)
{
	const int root_fd = *(int *)*state;
	struct record record = {.version = RECORD_VERSION, .id = "c1", .created_usec = 1, .limit_bytes = GIB};
	struct record read;
	struct error err;

	/* So long that a text with escapes is read piece by piece. */
	memset(record.fault, '"', sizeof record.fault - 1);
	memset(record.cgroup, '\\', sizeof record.cgroup - 1);
	failing_malloc_begin(1, FAILING_ON);
	const int written = record_write(root_fd, &record, &err);
	const int r = record_read(root_fd, "c1", &read, &err);
	const int locked = daemon_lock_take(root_fd, &err);
	const int removed = record_remove(root_fd, "c1", &err);
	assert_int_equal(failing_malloc_end(), 0);
	assert_true(written == 0 && r == 0 && removed == 0 && locked >= 0);
	assert_string_equal(read.fault, record.fault);
	assert_string_equal(read.cgroup, record.cgroup);
	close(locked);
}

/* ---- Limits ---- */

static struct limits published(const char *container)
{
	struct limits limits = {
		.version = LIMITS_VERSION,
		.identity = {.namespace = "shop", .owner = "web"},
		.recommendation = {.request_bytes = 100 * MIB, .limit_bytes = 200 * MIB},
	};
	strcpy(limits.identity.container, container);
	return limits;
}

static void limits_of_one_workload_take_no_memory(void **state)
{
	const int root_fd = *(int *)*state;
	const struct limits limits = published("nginx");
	struct limits read;
	struct error err;

	failing_malloc_begin(1, FAILING_ON);
	const int written = limits_write(root_fd, &limits, &err);
	const int r = limits_read(root_fd, &limits.identity, &read, &err);
	const int removed = limits_remove(root_fd, &limits.identity, &err);
	assert_int_equal(failing_malloc_end(), 0);
	assert_true(written == 0 && r == 0 && removed == 0);
	assert_int_equal(read.recommendation.limit_bytes, 200 * MIB);
}

struct walking {
	int state_fd;
	size_t n_visited, n_faults;
};

static int count_limits(const struct limits *limits, void *data)
{
	struct walking *walking = data;
	(void)limits;
	walking->n_visited++;
	return 0;
}

static void count_fault(const char *path, const struct error *err, void *data)
{
	struct walking *walking = data;
	(void)path;
	(void)err;
	walking->n_faults++;
}

static int walk(void *data)
{
	struct walking *walking = data;
	walking->n_visited = walking->n_faults = 0;
	return limits_each(walking->state_fd, count_limits, count_fault, walking);
}

static int walk_owner(void *data)
{
	struct walking *walking = data;
	const struct identity owner = {.namespace = "shop", .owner = "web", .container = "any"};
	walking->n_visited = walking->n_faults = 0;
	return limits_each_of(walking->state_fd, &owner, count_limits, count_fault, walking);
}

static void check_walk(void *data, int result, bool failed)
{
	const struct walking *walking = data;

	assert_int_equal(result, failed ? -ENOMEM : 0);
	assert_int_equal(walking->n_faults, 0);
	if (!failed)
		assert_int_equal(walking->n_visited, 3);
}

static void walk_without_memory_is_an_error(void **state)
{
	struct walking walking = {.state_fd = *(int *)*state};
	static const char *const names[] = {"a", "b", "c"};

	for (size_t i = 0; i < 3; i++) {
		const struct limits limits = published(names[i]);
		assert_int_equal(limits_write(walking.state_fd, &limits, NULL), 0);
	}
	const struct failing_operation all = {walk, check_walk, &walking};
	assert_int_equal(failing_operation_run(&all, ALLOCATIONS_MAX), 3);
	const struct failing_operation owner = {walk_owner, check_walk, &walking};
	assert_int_equal(failing_operation_run(&owner, ALLOCATIONS_MAX), 1);
}

/* ---- Handlers ---- */

struct keeping {
	int state_fd;
	struct handler handler;
	struct error err;
};

static int read_handler(void *data)
{
	struct keeping *keeping = data;
	keeping->handler.n_pods = 77;
	return handler_read(keeping->state_fd, "kata", &keeping->handler, &keeping->err);
}

static void check_handler(void *data, int result, bool failed)
{
	const struct keeping *keeping = data;
	const bool done = failing_malloc_is_done(result, failed, &keeping->err);
	assert_int_equal(keeping->handler.n_pods, done ? 2 : 77);
}

static void handler_without_memory_is_an_error(void **state)
{
	static struct keeping keeping;
	static const struct handler handler = {
		.version = HANDLER_VERSION, .name = "kata", .n_pods = 2, .pods = {{.id = "a"}, {.id = "b"}}};

	keeping.state_fd = *(int *)*state;
	failing_malloc_begin(1, FAILING_ON);
	const int r = handler_write(keeping.state_fd, &handler, &keeping.err);
	assert_int_equal(failing_malloc_end(), 0);
	assert_int_equal(r, 0);
	const struct failing_operation operation = {read_handler, check_handler, &keeping};
	assert_int_equal(failing_operation_run(&operation, ALLOCATIONS_MAX), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(settings_without_memory_are_an_error),
		FIXTURE_TEST(records_take_no_memory),
		FIXTURE_TEST(limits_of_one_workload_take_no_memory),
		FIXTURE_TEST(walk_without_memory_is_an_error),
		FIXTURE_TEST(handler_without_memory_is_an_error),
	};
	return FAILING_MALLOC_RUN(tests);
}
