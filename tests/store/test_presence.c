/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/fixture.h"

static void lock_tells_that_a_daemon_runs_until_it_ends(void **state)
{
	const int root = ((const struct fixture *)*state)->root_fd;
	struct error err;

	assert_false(daemon_lock_is_held(root));
	int fd = daemon_lock_take(root, &err);
	assert_true(fd >= 0);
	assert_true(daemon_lock_is_held(root));
	assert_true(daemon_lock_is_held(root)); /* to ask is not to take, nor to let go */
	close(fd);
	assert_false(daemon_lock_is_held(root)); /* the file is still there */
}

static void second_daemon_is_turned_away(void **state)
{
	const int root = ((const struct fixture *)*state)->root_fd;
	struct error err;

	int first = daemon_lock_take(root, &err);
	assert_true(first >= 0);
	assert_int_equal(daemon_lock_take(root, &err), -EBUSY);
	assert_true(daemon_lock_is_held(root));
	close(first);
	int second = daemon_lock_take(root, &err);
	assert_true(second >= 0);
	close(second);
}

static void what_is_no_lock_file_is_nobodys(void **state)
{
	const int root = ((const struct fixture *)*state)->root_fd;
	struct error err;

	assert_int_equal(symlinkat("/etc/passwd", root, PRESENCE_FILE), 0);
	assert_false(daemon_lock_is_held(root));
	assert_int_equal(daemon_lock_take(root, &err), -ELOOP);
	assert_int_equal(unlinkat(root, PRESENCE_FILE, 0), 0);

	assert_int_equal(mkfifoat(root, PRESENCE_FILE, 0600), 0); /* and nothing waits for its other end */
	assert_false(daemon_lock_is_held(root));
	assert_false(daemon_lock_is_held(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(lock_tells_that_a_daemon_runs_until_it_ends),
		FIXTURE_TEST(second_daemon_is_turned_away),
		FIXTURE_TEST(what_is_no_lock_file_is_nobodys),
	};
	return cmocka_run_group_tests_name("presence", tests, NULL, NULL);
}
