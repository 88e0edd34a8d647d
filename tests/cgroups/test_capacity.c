/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/capacity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

static void capacity_is_memtotal(void **state)
{
	int root = *(int *)*state;
	struct error err;
	uint64_t bytes;

	fixture_write(root, "meminfo", "MemTotal:       16384000 kB\nMemFree:        1 kB\n");
	assert_int_equal(capacity_read(root, &bytes, &err), 0);
	assert_int_equal(bytes, 16384000 * KIB);
}

static void capacity_of_this_machine_can_be_read(void **state)
{
	struct error err;
	uint64_t bytes = 0;
	(void)state;

	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(capacity_read(proc_fd, &bytes, &err), 0);
	close(proc_fd);
	assert_true(bytes > 64 * MIB);
}

static void what_is_no_meminfo_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"MemTotal:",
		"MemTotal: kB\n",
		"MemTotal: 5\n",
		"MemTotal: 5 MB\n",
		"MemTotal: 5 kB",
		"MemTotal: 0 kB\n",
		"MemTotal: -5 kB\n",
		"MemTotal: 9007199254740992 kB\n",
		"MemTotal: 99999999999999999999 kB\n",
		"MemFree: 5 kB\nMemTotal: 5 kB\n",
	};
	int root = *(int *)*state;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct error err;
		uint64_t bytes = 7;
		fixture_write(root, "meminfo", texts[i]);
		assert_int_equal(capacity_read(root, &bytes, &err), -EBADMSG);
		assert_int_equal(bytes, 7);
	}
	fixture_remove(root, "meminfo");
	struct error err;
	uint64_t bytes;
	assert_int_equal(capacity_read(root, &bytes, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(capacity_is_memtotal),
		FIXTURE_TEST(capacity_of_this_machine_can_be_read),
		FIXTURE_TEST(what_is_no_meminfo_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
