/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "cgroups/cleanup.h"
#include "tests/fixture.h"

static unsigned entries_below(int root)
{
	unsigned count = 0;
	cleanup_dir DIR *dir = fdopendir(openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	return count;
}

static void a_file_is_read_whole(void **state)
{
	int root = *(int *)*state;
	char buf[16];
	size_t length = 0;
	struct error err;

	fixture_write(root, "f", "0123456789abcde");
	assert_int_equal(file_read_at(root, "f", buf, sizeof buf, &length, &err), 0);
	assert_int_equal(length, 15);
	assert_string_equal(buf, "0123456789abcde");
	fixture_write(root, "empty", "");
	assert_int_equal(file_read_at(root, "empty", buf, sizeof buf, NULL, &err), 0);
	assert_string_equal(buf, "");
}

/* What a short write leaves is written by the next one, until that fails. */
static void a_text_is_written_to_the_last_byte_that_fits(void **state)
{
	int root = *(int *)*state;
	char buf[16];
	size_t length;
	struct error err;
	struct rlimit before;

	cleanup_close int fd = openat(root, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, "0123", 4), 0);
	assert_int_equal(file_write(fd, "", 0), 0);

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, before.rlim_max}), 0);
	int r = file_write(fd, "456789abcdef", 12);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(file_read_at(root, "f", buf, sizeof buf, &length, &err), 0);
	assert_string_equal(buf, "0123456789");
}

static void a_file_larger_than_its_buffer_is_refused(void **state)
{
	int root = *(int *)*state;
	char buf[16];
	size_t length = 7;
	struct error err;

	fixture_write(root, "f", "0123456789abcdef");
	assert_int_equal(file_read_at(root, "f", buf, sizeof buf, &length, &err), -E2BIG);
	assert_int_equal(err.code, E2BIG);
	assert_string_equal(err.text, "f is larger than 15 bytes");
	assert_int_equal(length, 7);
}

static void what_is_missing_is_named(void **state)
{
	int root = *(int *)*state;
	char *text = NULL, buf[16];
	size_t length;
	struct error err;

	assert_int_equal(file_read_at(root, "absent", buf, sizeof buf, NULL, &err), -ENOENT);
	assert_string_equal(err.text, "cannot open absent: No such file or directory");
	assert_int_equal(file_load_at(root, "absent", 10, &text, &length, NULL), -ENOENT);
	assert_null(text);
}

static void a_symbolic_link_is_not_followed(void **state)
{
	int root = *(int *)*state;
	char *text = NULL, buf[16];
	size_t length;
	struct error err;

	fixture_write(root, "f", "x");
	assert_int_equal(symlinkat("f", root, "link"), 0);
	assert_int_equal(file_read_at(root, "link", buf, sizeof buf, NULL, &err), -ELOOP);
	assert_int_equal(file_load_at(root, "link", 10, &text, &length, &err), -ELOOP);
	assert_null(text);
}

static void a_fifo_or_a_directory_does_not_hang(void **state)
{
	int root = *(int *)*state;
	char *text = NULL, buf[16];
	size_t length;
	struct error err;

	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	fixture_directory(root, "dir");
	assert_int_equal(file_load_at(root, "fifo", 10, &text, &length, &err), -EINVAL);
	assert_string_equal(err.text, "fifo is not a regular file");
	assert_int_equal(file_load_at(root, "dir", 10, &text, &length, &err), -EINVAL);
	assert_int_equal(file_read_at(root, "dir", buf, sizeof buf, NULL, &err), -EISDIR);
	assert_null(text);
}

static void a_file_is_loaded_up_to_its_bound(void **state)
{
	int root = *(int *)*state;
	char *text = NULL;
	size_t length;
	struct error err;

	fixture_write(root, "f", "0123456789");
	assert_int_equal(file_load_at(root, "f", 9, &text, &length, &err), -E2BIG);
	assert_string_equal(err.text, "f is larger than 9 bytes");
	assert_null(text);
	assert_int_equal(file_load_at(root, "f", 10, &text, &length, &err), 0);
	assert_int_equal(length, 10);
	assert_string_equal(text, "0123456789");
	free(text);
}

static void a_file_without_a_size_of_its_own_is_not_loaded_in_part(void **state)
{
	char *text = NULL;
	size_t length;
	struct error err;
	(void)state;

	/* A regular file of 0 bytes that can be read: as one that grew since fstat(). */
	cleanup_close int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_load_at(proc, "status", 4096, &text, &length, &err), -EAGAIN);
	assert_null(text);
}

static void a_replaced_file_has_exactly_its_mode(void **state)
{
	int root = *(int *)*state;
	char buf[16];
	struct stat st;
	struct error err;

	mode_t old = umask(077);
	assert_int_equal(file_replace_at(root, "f", 0644, "one", 3, &err), 0);
	umask(old);
	assert_int_equal(fstatat(root, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(file_replace_at(root, "f", 0600, "three", 5, &err), 0);
	assert_int_equal(fstatat(root, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_read_at(root, "f", buf, sizeof buf, NULL, &err), 0);
	assert_string_equal(buf, "three");
	assert_int_equal(entries_below(root), 1);
}

static void who_has_the_old_file_open_keeps_it(void **state)
{
	int root = *(int *)*state;
	char buf[8] = {0};
	struct error err;

	fixture_write(root, "f", "old");
	cleanup_close int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_replace_at(root, "f", 0600, "new!", 4, &err), 0);
	assert_int_equal(read(fd, buf, sizeof buf), 3);
	assert_string_equal(buf, "old");
}

static void a_replacement_that_fails_leaves_nothing_behind(void **state)
{
	int root = *(int *)*state;
	struct error err;

	/* A directory cannot be renamed over. */
	fixture_write(root, "f/child", "");
	assert_int_equal(file_replace_at(root, "f", 0600, "x", 1, &err), -EISDIR);
	assert_int_equal(entries_below(root), 1);
}

static void a_torn_temporary_of_a_killed_writer_is_overwritten(void **state)
{
	int root = *(int *)*state;
	char name[64], buf[16];
	struct error err;

	assert_int_equal(file_temporary_name("f", name, sizeof name, &err), 0);
	assert_int_equal(name[0], '.');
	fixture_write(root, name, "torn and far too long");
	assert_int_equal(file_replace_at(root, "f", 0600, "x", 1, &err), 0);
	assert_int_equal(file_read_at(root, "f", buf, sizeof buf, NULL, &err), 0);
	assert_string_equal(buf, "x");
	assert_int_equal(entries_below(root), 1);
}

static void a_name_too_long_for_its_temporary_is_refused(void **state)
{
	int root = *(int *)*state;
	char name[251] = {0};
	struct error err;

	memset(name, 'n', sizeof name - 1);
	assert_int_equal(file_replace_at(root, name, 0600, "x", 1, &err), -ENAMETOOLONG);
	assert_int_equal(entries_below(root), 0);
}

static void missing_directories_are_made(void **state)
{
	static const char *const paths[] = {"a", "a/b/c", "a/b/c", "d/e/", "f//g"};
	const struct fixture *fixture = *state;
	char absolute[512];
	struct stat st;
	struct error err;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		cleanup_close int fd = file_open_directory_at(fixture->root_fd, paths[i], 0700, &err);
		assert_true(fd >= 0);
		assert_int_equal(fstatat(fixture->root_fd, paths[i], &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	snprintf(absolute, sizeof absolute, "%s/x/y", fixture->path);
	cleanup_close int fd = file_open_directory_at(AT_FDCWD, absolute, 0700, &err);
	assert_true(fd >= 0);
}

static void a_path_that_cannot_be_a_directory_is_refused(void **state)
{
	int root = *(int *)*state;
	char longest[5000] = {0};
	struct error err;

	fixture_write(root, "f", "");
	assert_int_equal(file_open_directory_at(root, "f", 0700, &err), -ENOTDIR);
	assert_int_equal(file_open_directory_at(root, "f/g", 0700, &err), -ENOTDIR);
	assert_int_equal(file_open_directory_at(root, "", 0700, &err), -ENOENT);
	memset(longest, 'n', sizeof longest - 1);
	assert_int_equal(file_open_directory_at(root, longest, 0700, &err), -ENAMETOOLONG);
}

static void an_error_text_never_outgrows_its_room(void **state)
{
	char name[600] = {0};
	struct error err;
	(void)state;

	memset(name, 'n', sizeof name - 1);
	assert_int_equal(error_errno(&err, ENOENT, "cannot open %s", name), -ENOENT);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	assert_int_equal(error_errno(&err, EACCES, "cannot open %s", "f"), -EACCES);
	assert_string_equal(err.text, "cannot open f: Permission denied");
	assert_int_equal(error_set(NULL, EINVAL, "%s", "x"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_file_is_read_whole),
		FIXTURE_TEST(a_text_is_written_to_the_last_byte_that_fits),
		FIXTURE_TEST(a_file_larger_than_its_buffer_is_refused),
		FIXTURE_TEST(what_is_missing_is_named),
		FIXTURE_TEST(a_symbolic_link_is_not_followed),
		FIXTURE_TEST(a_fifo_or_a_directory_does_not_hang),
		FIXTURE_TEST(a_file_is_loaded_up_to_its_bound),
		FIXTURE_TEST(a_file_without_a_size_of_its_own_is_not_loaded_in_part),
		FIXTURE_TEST(a_replaced_file_has_exactly_its_mode),
		FIXTURE_TEST(who_has_the_old_file_open_keeps_it),
		FIXTURE_TEST(a_replacement_that_fails_leaves_nothing_behind),
		FIXTURE_TEST(a_torn_temporary_of_a_killed_writer_is_overwritten),
		FIXTURE_TEST(a_name_too_long_for_its_temporary_is_refused),
		FIXTURE_TEST(missing_directories_are_made),
		FIXTURE_TEST(a_path_that_cannot_be_a_directory_is_refused),
		cmocka_unit_test(an_error_text_never_outgrows_its_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
