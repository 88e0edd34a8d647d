/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/shim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "tests/fixture.h"

static void name_of_our_program_says_which_shim_is_meant(void **state)
{
	static const struct {
		const char *argv0, *program, *name;
	} cases[] = {
		{"/usr/bin/containerd-shim-tidemark-kata-v2", "kata-v2", "kata"},
		{"containerd-shim-tidemark-kata-qemu-v2", "kata-qemu-v2", "kata-qemu"},
		{"./containerd-shim-tidemark-runc-v2", "runc-v2", "runc"},
		{"/a/containerd-shim-tidemark-runsc-v1", "runsc-v1", "runsc"},
		{"containerd-shim-tidemark-kata+x-v12", "kata+x-v12", "kata+x"},
		/* CRI-O wants no version in the name any more. */
		{"containerd-shim-tidemark-kata", "kata", "kata"},
		{"containerd-shim-tidemark-kata-env2", "kata-env2", "kata-env2"},
		{"containerd-shim-tidemark-v2", "v2", ""},
		{"containerd-shim-tidemark--v2", "-v2", ""},
		{"containerd-shim-tidemark-", "", ""},
		{"containerd-shim-tidemark-2", "2", "2"},
		{"containerd-shim-tidemark-a-name-of-more-than-thirty-one-bytes-v2",
		 "a-name-of-more-than-thirty-one-bytes-v2", "a-name-of-more-than-thirty-one-"},
	};
	static const char *const others[] = {"",
					     "tidemark",
					     "tidemark-crun",
					     "containerd-shim-kata-v2",
					     "a/containerd-shim-tidemark",
					     "containerd-shim-tidemark-kata-v2/x"};
	char name[32];
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(shim_from_program(cases[i].argv0), cases[i].program);
		shim_name_of(cases[i].program, name, sizeof name);
		assert_string_equal(name, cases[i].name);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_null(shim_from_program(others[i]));
}

static void what_is_not_known_is_taken_for_a_virtual_machine(void **state)
{
	(void)state;
	assert_false(shim_kind_of("runc")->is_vm);
	assert_string_equal(shim_kind_of("runc")->pid_file, "init.pid");
	assert_true(shim_kind_of("kata")->is_vm);
	assert_true(shim_kind_of("kata")->takes_size);
	assert_null(shim_kind_of("kata")->pid_file);
	assert_true(shim_kind_of("kata-qemu")->takes_size);
	assert_true(shim_kind_of("runcvm")->is_vm);
	assert_false(shim_kind_of("runcvm")->takes_size);
	assert_true(shim_kind_of("katana")->is_vm);
	assert_false(shim_kind_of("katana")->takes_size);
	assert_true(shim_kind_of("")->is_vm);
}

static void put_program(const struct fixture *fixture, const char *name, mode_t mode)
{
	fixture_write(fixture->root_fd, name, "#!/bin/sh\n");
	assert_int_equal(fchmodat(fixture->root_fd, name, mode, 0), 0);
}

static int find(const struct fixture *fixture, const char *program, const char *directory, const char *path,
		char *ret, struct error *err)
{
	char found[300], in[300] = "", name[32];

	if (directory)
		snprintf(in, sizeof in, "%s/%s", fixture->path, directory);
	shim_name_of(program, name, sizeof name);
	int r = shim_find(program, shim_kind_of(name), in, path, found, sizeof found, err);
	if (r == 0)
		snprintf(ret, 300, "%s",
			 strncmp(found, fixture->path, strlen(fixture->path)) == 0
				 ? found + strlen(fixture->path)
				 : found);
	return r;
}

static void shim_is_found_in_the_directory_of_the_settings_and_then_in_path(void **state)
{
	const struct fixture *fixture = *state;
	char path[900], ret[300];
	struct error err;

	put_program(fixture, "a/containerd-shim-xy-v2", 0755);
	put_program(fixture, "b/containerd-shim-xy-v2", 0755);
	put_program(fixture, "set/containerd-shim-xy-v2", 0755);
	put_program(fixture, "c/containerd-shim-xz-v2", 0644);
	snprintf(path, sizeof path, "bin:.::%s/none:%s/a:%s/b:", fixture->path, fixture->path, fixture->path);
	assert_int_equal(find(fixture, "xy-v2", "set", path, ret, &err), 0);
	assert_string_equal(ret, "/set/containerd-shim-xy-v2");
	assert_int_equal(find(fixture, "xy-v2", NULL, path, ret, &err), 0);
	assert_string_equal(ret, "/a/containerd-shim-xy-v2");
	assert_int_equal(find(fixture, "xy-v2", "c", path, ret, &err), 0);
	assert_string_equal(ret, "/a/containerd-shim-xy-v2");
	/* What cannot be run is not it. */
	assert_int_equal(find(fixture, "xz-v2", "c", path, ret, &err), -ENOENT);
	assert_non_null(strstr(err.text, "containerd-shim-xz-v2 is not installed; [runtime] shims"));
	assert_int_equal(find(fixture, "xy-v2", NULL, NULL, ret, &err), -ENOENT);
	assert_int_equal(find(fixture, "xy-v2", NULL, "", ret, &err), -ENOENT);
}

/* Where PATH is not absolute, it leads to wherever the caller is: the bundle. */
static void relative_directories_are_not_looked_in(void **state)
{
	const struct fixture *fixture = *state;
	char ret[300];
	struct error err;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	put_program(fixture, "a/containerd-shim-xy-v2", 0755);
	assert_int_equal(chdir(fixture->path), 0);
	int r = find(fixture, "xy-v2", NULL, "a:./a", ret, &err);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_int_equal(r, -ENOENT);
}

static void kata_by_another_name_is_katas_own_program(void **state)
{
	const struct fixture *fixture = *state;
	char path[300], ret[300];
	struct error err;

	put_program(fixture, "p/containerd-shim-kata-v2", 0755);
	snprintf(path, sizeof path, "%s/p", fixture->path);
	assert_int_equal(find(fixture, "kata-xyz-v2", NULL, path, ret, &err), 0);
	assert_string_equal(ret, "/p/containerd-shim-kata-v2");
	put_program(fixture, "p/containerd-shim-kata-xyz-v2", 0755);
	assert_int_equal(find(fixture, "kata-xyz-v2", NULL, path, ret, &err), 0);
	assert_string_equal(ret, "/p/containerd-shim-kata-xyz-v2");
	assert_int_equal(find(fixture, "katana-v2", NULL, path, ret, &err), -ENOENT);
}

static void our_own_file_is_never_taken_for_the_shim(void **state)
{
	const struct fixture *fixture = *state;
	char path[300], ret[300];
	struct error err;

	fixture_directory(fixture->root_fd, "p");
	assert_int_equal(symlinkat("/proc/self/exe", fixture->root_fd, "p/containerd-shim-xy-v2"), 0);
	snprintf(path, sizeof path, "%s/p", fixture->path);
	assert_int_equal(find(fixture, "xy-v2", NULL, path, ret, &err), -ELOOP);
	assert_non_null(strstr(err.text, "is tidemark itself"));
}

static void name_without_end_is_refused(void **state)
{
	char program[4096], ret[300];
	struct error err;

	memset(program, 'a', sizeof program - 1);
	program[sizeof program - 1] = '\0';
	assert_int_equal(find(*state, program, NULL, NULL, ret, &err), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_of_our_program_says_which_shim_is_meant),
		cmocka_unit_test(what_is_not_known_is_taken_for_a_virtual_machine),
		FIXTURE_TEST(shim_is_found_in_the_directory_of_the_settings_and_then_in_path),
		FIXTURE_TEST(relative_directories_are_not_looked_in),
		FIXTURE_TEST(kata_by_another_name_is_katas_own_program),
		FIXTURE_TEST(our_own_file_is_never_taken_for_the_shim),
		FIXTURE_TEST(name_without_end_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
