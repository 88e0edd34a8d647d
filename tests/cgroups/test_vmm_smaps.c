/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/vmm.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

static void smaps_tell_shared_ram_from_the_vmms_own(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;

	fixture_write(
		root, "7/smaps",
		"55d0c0000000-55d0c0800000 r-xp 00000000 fe:01 77                 "
		"/opt/kata/bin/qemu-system-x86_64\n"
		"Size:               8192 kB\nRss:                3000 kB\nAnonymous:             0 kB\n"
		"VmFlags: rd ex mr mw me \n"
		"55d0d0000000-55d0d0800000 rw-p 00000000 00:00 0                  [heap]\n"
		"Size:               8192 kB\nRss:                5000 kB\nAnonymous:          5000 kB\n"
		"VmFlags: rd wr mr mw me ac \n"
		"7f0000000000-7f0020000000 rw-s 00000000 00:17 99                 "
		"/dev/shm/qemu_back_mem.dimm1.Aa (deleted)\n"
		"Size:             524288 kB\nRss:              200000 kB\nAnonymous:             0 kB\n"
		"Shared_Hugetlb:        0 kB\nVmFlags: rd wr sh mr mw me ms dc \n"
		"7f0040000000-7f0060000000 rwxp 00000000 00:00 0 \n"
		"Size:             524288 kB\nRss:               40000 kB\nAnonymous:         40000 kB\n"
		"VmFlags: rd wr ex \n");
	assert_int_equal(vmm_read_smaps(root, 7, 512 * MIB, &smaps, &err), 0);
	assert_true(smaps.ram_is_shared);
	assert_int_equal(smaps.ram_bytes, 200000 * KIB);
	assert_int_equal(smaps.ram_size_bytes, 512 * MIB);
	assert_int_equal(smaps.vmm_anon_bytes, 45000 * KIB);
	assert_int_equal(smaps.vmm_file_bytes, 3000 * KIB);
}

static void smaps_tell_anonymous_ram_by_flag_or_size(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;
	/* The second mapping is as large, and what is translated; the third is larger; the last is a ROM. */
	static const char flagged[] =
		"7f0000000000-7f0020000000 rw-p 00000000 00:00 0 \n"
		"Rss:              200000 kB\nAnonymous:        200000 kB\nVmFlags: rd wr mr dc \n"
		"7f0040000000-7f0060000000 rwxp 00000000 00:00 0 \n"
		"Rss:               40000 kB\nAnonymous:         40000 kB\nVmFlags: rd wr ex \n"
		"7f1000000000-7f1040000000 rw-p 00000000 00:00 0 \n"
		"Rss:                1000 kB\nAnonymous:          1000 kB\nVmFlags: rd wr \n"
		"7f2000000000-7f2000200000 rw-p 00000000 00:00 0 \n"
		"Rss:                2048 kB\nAnonymous:          2048 kB\nVmFlags: rd wr dc \n";

	fixture_write(root, "7/smaps", flagged);
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), 0);
	assert_false(smaps.ram_is_shared);
	assert_int_equal(smaps.ram_bytes, 200000 * KIB);
	assert_int_equal(smaps.vmm_anon_bytes, 43048 * KIB);

	/* As another VMM has it. */
	char unflagged[sizeof flagged];
	strcpy(unflagged, flagged);
	memcpy(strstr(unflagged, " dc"), " ac", 3);
	fixture_write(root, "7/smaps", unflagged);
	assert_int_equal(vmm_read_smaps(root, 7, 512 * MIB, &smaps, &err), 0);
	assert_int_equal(smaps.ram_bytes, 200000 * KIB);
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), 0);
	assert_int_equal(smaps.ram_bytes, 1000 * KIB);
	assert_int_equal(smaps.ram_size_bytes, GIB);
}

static void smaps_of_huge_pages_are_ram(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;

	fixture_write(
		root, "7/smaps",
		"7f0000000000-7f0020000000 rw-s 00000000 00:0f 99                 "
		"/dev/hugepages/qemu_back_mem.Aa (deleted)\n"
		"Rss:                   0 kB\nAnonymous:             0 kB\nShared_Hugetlb:   524288 kB\n"
		"Private_Hugetlb:       0 kB\nVmFlags: rd wr sh ht \n");
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), 0);
	assert_true(smaps.ram_is_hugetlb);
	assert_int_equal(smaps.ram_bytes, 512 * MIB);
}

static void no_smaps_are_no_process(void **state)
{
	int root = *(int *)*state;
	struct vmm_smaps smaps;
	struct error err;

	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), -ESRCH);
	fixture_write(root, "7/smaps", "");
	assert_int_equal(vmm_read_smaps(root, 7, 0, &smaps, &err), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(smaps_tell_shared_ram_from_the_vmms_own),
		FIXTURE_TEST(smaps_tell_anonymous_ram_by_flag_or_size),
		FIXTURE_TEST(smaps_of_huge_pages_are_ram),
		FIXTURE_TEST(no_smaps_are_no_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
