/* SPDX-License-Identifier: Apache-2.0 */

/* Each allocation of what reads cgroups and /proc fails in turn. */

#include "cgroups/vmm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cgroups/census.h"
#include "cgroups/cost.h"
#include "cgroups/file.h"
#include "cgroups/process.h"
#include "tests/cgroups/kata.h"
#include "tests/failing_malloc.h"

#define ALLOCATIONS_MAX 200

/* ---- Files ---- */

struct loading {
	int root_fd;
	char *text;
	size_t length;
	struct error err;
};

static int load_file(void *data)
{
	struct loading *loading = data;
	loading->text = NULL;
	return file_load_at(loading->root_fd, "file", 100, &loading->text, &loading->length, &loading->err);
}

static void check_file(void *data, int result, bool failed)
{
	struct loading *loading = data;
	if (failing_malloc_is_done(result, failed, &loading->err))
		assert_string_equal(loading->text, "text");
	else
		assert_null(loading->text);
	free(loading->text);
}

static void file_without_memory_is_an_error(void **state)
{
	struct loading loading = {.root_fd = *(int *)*state};

	fixture_write(loading.root_fd, "file", "text");
	const struct failing_operation operation = {.run = load_file, .check = check_file, .data = &loading};
	assert_int_equal(failing_operation_run(&operation, ALLOCATIONS_MAX), 1);
}

/* ---- A census ---- */

struct counting {
	struct census census;
	size_t n_found;
};

static int find_all(void *data)
{
	struct counting *counting = data;
	static struct census_entry entries[100];

	for (unsigned i = 0; i < 100; i++)
		entries[i].id = 1000 + i;
	counting->census = (struct census){.entries = entries, .count = 100, .page_bytes = 4096};
	counting->n_found = 0;
	for (unsigned i = 0; i < 100; i++) {
		uint32_t hint = UINT32_MAX;
		counting->n_found += census_find(&counting->census, 1000 + i, &hint) == &entries[i];
	}
	return 0;
}

/* Who is not found in it is read itself. */
static void check_census(void *data, int result, bool failed)
{
	struct counting *counting = data;
	assert_int_equal(result, 0);
	assert_true(counting->n_found == 100 || failed);
	census_forget(&counting->census);
}

static void census_without_memory_finds_nobody(void **state)
{
	struct counting counting;
	(void)state;

	const struct failing_operation operation = {
		.run = find_all, .check = check_census, .data = &counting};
	assert_int_equal(failing_operation_run(&operation, ALLOCATIONS_MAX), 1);
}

/* ---- Processes ---- */

struct looking {
	int root_fd, proc_fd, cgroup_fd;
	struct vmm vmm;
	struct vmm_memory memory;
	struct vmm_smaps smaps;
	struct cost cost;
	bool is_found;
	struct error err;
};

static int find_and_measure(void *data)
{
	struct looking *looking = data;
	static const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = 100};

	looking->is_found = false;
	int r = vmm_find(looking->proc_fd, SID, hints, true, &looking->vmm, &looking->err);
	if (r < 0)
		return r;
	looking->is_found = true;
	return vmm_read(&looking->vmm, looking->cgroup_fd, &looking->memory, &looking->err);
}

static void check_machine(void *data, int result, bool failed)
{
	struct looking *looking = data;

	if (failing_malloc_is_done(result, failed, &looking->err)) {
		assert_int_equal(looking->vmm.n_processes, 4);
		assert_kata(&looking->memory);
		assert_int_equal(looking->memory.charge_bytes, 300 * MIB);
	}
	if (!looking->is_found)
		return;
	/* The next reading is whole, whatever was missing in this one. */
	assert_int_equal(vmm_read(&looking->vmm, looking->cgroup_fd, &looking->memory, &looking->err), 0);
	assert_kata(&looking->memory);
	assert_int_equal(looking->memory.charge_bytes, 300 * MIB);
	vmm_close(&looking->vmm);
}

static void look(struct looking *looking, int root_fd)
{
	make_kata(root_fd, SCOPE, SCOPE);
	charge(root_fd, POD, 300);
	charge(root_fd, SCOPE, 250);
	looking->root_fd = root_fd;
	looking->proc_fd = open_below(root_fd, "proc");
	looking->cgroup_fd = open_below(root_fd, "cgroup");
}

static void look_away(const struct looking *looking)
{
	close(looking->proc_fd);
	close(looking->cgroup_fd);
}

static void machine_without_memory_is_an_error_or_whole(void **state)
{
	struct looking looking;

	look(&looking, *(int *)*state);
	const struct failing_operation operation = {
		.run = find_and_measure, .check = check_machine, .data = &looking};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 2);
	look_away(&looking);
}

static int read_smaps(void *data)
{
	struct looking *looking = data;
	return vmm_read_smaps(looking->root_fd, 7, 0, &looking->smaps, &looking->err);
}

static void check_smaps(void *data, int result, bool failed)
{
	const struct looking *looking = data;
	if (failing_malloc_is_done(result, failed, &looking->err))
		assert_int_equal(looking->smaps.ram_bytes, 512 * MIB);
}

static void mappings_without_memory_are_an_error(void **state)
{
	struct looking looking = {.root_fd = *(int *)*state};

	fixture_write(
		looking.root_fd, "7/smaps",
		"7f0000000000-7f0020000000 rw-s 00000000 00:0f 99  /dev/hugepages/qemu_back_mem.Aa "
		"(deleted)\n"
		"Rss:                   0 kB\nAnonymous:             0 kB\nShared_Hugetlb:   524288 kB\n"
		"Private_Hugetlb:       0 kB\nVmFlags: rd wr sh ht \n");
	const struct failing_operation operation = {
		.run = read_smaps, .check = check_smaps, .data = &looking};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 0);
}

static int read_cost(void *data)
{
	struct looking *looking = data;
	return cost_read(looking->proc_fd, &looking->cost, &looking->err);
}

static void check_cost(void *data, int result, bool failed)
{
	const struct looking *looking = data;
	if (failing_malloc_is_done(result, failed, &looking->err))
		assert_true(looking->cost.open_fds > 0);
}

static void cost_without_memory_is_an_error(void **state)
{
	struct looking looking = {.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)};
	(void)state;

	const struct failing_operation operation = {.run = read_cost, .check = check_cost, .data = &looking};
	assert_int_equal(failing_operation_run(&operation, ALLOCATIONS_MAX), 1);
	close(looking.proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(file_without_memory_is_an_error),
		cmocka_unit_test(census_without_memory_finds_nobody),
		FIXTURE_TEST(machine_without_memory_is_an_error_or_whole),
		FIXTURE_TEST(mappings_without_memory_are_an_error),
		cmocka_unit_test(cost_without_memory_is_an_error),
	};
	return FAILING_MALLOC_RUN(tests);
}
