/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cgroups/memory.h"
#include "tests/fixture.h"

static const char id[] = "1f2e3d4c5b6a";

static void cgroup_of_a_process_is_the_line_of_v2(void **state)
{
	int root = *(int *)*state;
	char path[CGROUP_PATH_SIZE];
	struct error err;

	fixture_write(root, "12/cgroup",
		      "4:memory:/old\n1:name=systemd:/x\n0::/machine.slice/libpod-1.scope\n");
	assert_int_equal(cgroup_of_pid(root, 12, path, sizeof path, &err), 0);
	assert_string_equal(path, "/machine.slice/libpod-1.scope");
}

static void cgroup_of_no_process_is_no_such_process(void **state)
{
	int root = *(int *)*state;
	char path[CGROUP_PATH_SIZE];
	struct error err;

	assert_int_equal(cgroup_of_pid(root, 13, path, sizeof path, &err), -ESRCH);
	assert_int_equal(cgroup_of_pid(root, 0, path, sizeof path, &err), -ESRCH);
	fixture_write(root, "14/cgroup", "0::/machine.slice/libpod-1.scope (deleted)\n");
	assert_int_equal(cgroup_of_pid(root, 14, path, sizeof path, &err), -ESRCH);
	fixture_write(root, "15/cgroup", "4:memory:/old\n");
	assert_int_equal(cgroup_of_pid(root, 15, path, sizeof path, &err), -ENOTSUP);
}

static void cgroup_path_that_does_not_fit_is_refused(void **state)
{
	int root = *(int *)*state;
	char path[8];
	struct error err;

	fixture_write(root, "12/cgroup", "0::/machine.slice\n");
	assert_int_equal(cgroup_of_pid(root, 12, path, sizeof path, &err), -ENAMETOOLONG);
}

static void path_names_the_container_in_every_managers_form(void **state)
{
	(void)state;
	assert_true(cgroup_path_names("/machine.slice/libpod-1f2e3d4c5b6a.scope/container", id));
	assert_true(cgroup_path_names("/kubepods.slice/kubepods-pod7.slice/crio-1f2e3d4c5b6a.scope", id));
	assert_true(cgroup_path_names("/kubepods/pod7/crio-1f2e3d4c5b6a", id));
	assert_true(cgroup_path_names("/pods/1f2e3d4c5b6a", id));
	assert_true(cgroup_path_names("/a.slice:crio:1f2e3d4c5b6a", id));
}

static void path_of_another_container_is_told_apart(void **state)
{
	(void)state;
	assert_false(cgroup_path_names("/machine.slice/libpod-1f2e3d4c5b6a77.scope/container", id));
	assert_false(cgroup_path_names("/machine.slice/libpod-771f2e3d4c5b6a.scope", id));
	assert_false(cgroup_path_names("/machine.slice/libpod-conmon-77.scope", id));
	assert_false(cgroup_path_names("/user.slice", ""));
}

static void path_below_ends_at_whole_names(void **state)
{
	(void)state;
	assert_true(cgroup_path_below("/a/b/c", "/a/b"));
	assert_true(cgroup_path_below("/a/b", "/a/b"));
	assert_true(cgroup_path_below("/a/b", "/"));
	assert_false(cgroup_path_below("/a/bc", "/a/b"));
	assert_false(cgroup_path_below("/a", "/a/b"));
}

static void parent_of_a_path_ends_at_its_last_slash(void **state)
{
	size_t length;
	(void)state;

	assert_true(cgroup_path_parent("/a/b.scope/container", &length));
	assert_int_equal(length, strlen("/a/b.scope"));
	assert_false(cgroup_path_parent("/a", &length));
	assert_false(cgroup_path_parent("/", &length));
}

static void path_never_leaves_the_root(void **state)
{
	int root = *(int *)*state;
	struct error err;

	fixture_directory(root, "a");
	assert_int_equal(cgroup_open(root, "/a/../a", &err), -EINVAL);
	assert_int_equal(cgroup_open(root, "a", &err), -EINVAL);
	assert_int_equal(cgroup_open(root, "", &err), -EINVAL);
	assert_int_equal(cgroup_open(root, "/nowhere", &err), -ENOENT);
	int fd = cgroup_open(root, "/a", &err);
	assert_true(fd >= 0);
	close(fd);
}

static void effective_limit_is_the_least_of_all_above(void **state)
{
	int root = *(int *)*state;
	uint64_t bytes;
	size_t length;
	struct error err;

	fixture_write(root, "pods/memory.max", "max\n");
	fixture_write(root, "pods/one/memory.max", "1048576\n");
	fixture_write(root, "pods/one/c/memory.max", "2097152\n");
	assert_int_equal(cgroup_effective_limit(root, "/pods/one/c", &bytes, &length, &err), 0);
	assert_int_equal(bytes, 1048576);
	assert_int_equal(length, strlen("/pods/one"));

	assert_int_equal(cgroup_effective_limit(root, "/pods", &bytes, &length, &err), 0);
	assert_true(bytes == MEMORY_UNLIMITED);
}

static void ancestor_without_controller_has_no_limit(void **state)
{
	int root = *(int *)*state;
	uint64_t bytes;
	size_t length;
	struct error err;

	fixture_write(root, "bare/cgroup.type", "domain\n");
	fixture_write(root, "bare/c/memory.max", "2097152\n");
	assert_int_equal(cgroup_effective_limit(root, "/bare/c", &bytes, &length, &err), 0);
	assert_int_equal(bytes, 2097152);
}

static void cgroup_that_is_gone_is_not_populated(void **state)
{
	int root = *(int *)*state;
	struct error err;

	assert_int_equal(cgroup_is_populated(root, &err), 0);
	fixture_write(root, "cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(cgroup_is_populated(root, &err), 1);
	fixture_write(root, "cgroup.events", "populated 0\nfrozen 0\n");
	assert_int_equal(cgroup_is_populated(root, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(cgroup_of_a_process_is_the_line_of_v2),
		FIXTURE_TEST(cgroup_of_no_process_is_no_such_process),
		FIXTURE_TEST(cgroup_path_that_does_not_fit_is_refused),
		cmocka_unit_test(path_names_the_container_in_every_managers_form),
		cmocka_unit_test(path_of_another_container_is_told_apart),
		cmocka_unit_test(path_below_ends_at_whole_names),
		cmocka_unit_test(parent_of_a_path_ends_at_its_last_slash),
		FIXTURE_TEST(path_never_leaves_the_root),
		FIXTURE_TEST(effective_limit_is_the_least_of_all_above),
		FIXTURE_TEST(ancestor_without_controller_has_no_limit),
		FIXTURE_TEST(cgroup_that_is_gone_is_not_populated),
	};
	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
