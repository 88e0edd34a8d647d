/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/bundle.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "cgroups/cleanup.h"
#include "oci/config.h"
#include "tests/fixture.h"

/* Not skip(): the TAP of older cmocka says "not ok" then. */
#define PASS_OVER(why)                                     \
	do {                                               \
		print_message("# passed over: %s\n", why); \
		return;                                    \
	} while (0)

#define MIB_64  (UINT64_C(64) << 20)
#define MIB_128 (UINT64_C(128) << 20)

static const struct bundle_mark no_mark;

static void mark_config(int bundle, uint64_t declared_bytes, uint64_t limit_bytes)
{
	const struct bundle_mark mark = {.declared_bytes = declared_bytes, .limit_bytes = limit_bytes};
	struct error err;
	assert_int_equal(bundle_replace_config(bundle, "{}", 2, &mark, &err), 0);
}

static void assert_config(int bundle, const char *expected)
{
	cleanup_free char *text = NULL;
	size_t length;
	struct error err;

	assert_int_equal(bundle_load_config(bundle, &text, &length, &err), 0);
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static void assert_refused(int bundle, int result, const char *why)
{
	char *text = NULL;
	size_t length = 7;
	struct error err;

	assert_int_equal(bundle_load_config(bundle, &text, &length, &err), result);
	assert_int_equal(err.code, -result);
	assert_string_equal(err.text, why);
	assert_null(text);
	assert_int_equal(length, 7);
}

static unsigned entries_in(int bundle)
{
	unsigned count = 0;
	cleanup_dir DIR *dir = fdopendir(openat(bundle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.' || (entry->d_name[1] && entry->d_name[1] != '.');
	return count;
}

static void a_bundle_may_be_a_symbolic_link(void **state)
{
	const struct fixture *fixture = *state;
	char path[512];
	struct error err;

	fixture_write(fixture->root_fd, "real/config.json", "{}");
	assert_int_equal(symlinkat("real", fixture->root_fd, "link"), 0);
	snprintf(path, sizeof path, "%s/link", fixture->path);
	cleanup_close int bundle = bundle_open(path, &err);
	assert_true(bundle >= 0);
	assert_config(bundle, "{}");
	assert_int_equal(bundle_replace_config(bundle, "{1}", 3, &no_mark, &err), 0);
	cleanup_close int real = openat(fixture->root_fd, "real", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_config(real, "{1}");
}

static void a_bundle_that_cannot_be_opened_is_named(void **state)
{
	const struct fixture *fixture = *state;
	char path[300];
	struct error err;

	snprintf(path, sizeof path, "%s/none", fixture->path);
	assert_int_equal(bundle_open(path, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot open the bundle /"));
	fixture_write(fixture->root_fd, "file", "");
	snprintf(path, sizeof path, "%s/file", fixture->path);
	assert_int_equal(bundle_open(path, &err), -ENOTDIR);
	assert_int_equal(bundle_open("", &err), -ENOENT);
}

static void a_bundle_that_cannot_be_read_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	char path[300];
	struct error err;

	fixture_directory(fixture->root_fd, "b");
	snprintf(path, sizeof path, "%s/b", fixture->path);
	assert_int_equal(fchmodat(fixture->root_fd, "b", 0, 0), 0);
	bool root = geteuid() == 0;
	if (root)
		assert_int_equal(seteuid(65534), 0);
	int r = bundle_open(path, &err);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, -EACCES);
	assert_non_null(strstr(err.text, "Permission denied"));
}

static void a_missing_config_is_refused(void **state)
{
	assert_refused(*(int *)*state, -ENOENT, "cannot open config.json: No such file or directory");
}

static void a_config_that_is_no_file_is_refused(void **state)
{
	int bundle = *(int *)*state;

	fixture_directory(bundle, "config.json");
	assert_refused(bundle, -EINVAL, "config.json is not a regular file");
	fixture_remove(bundle, "config.json");
	assert_int_equal(mkfifoat(bundle, "config.json", 0600), 0);
	assert_refused(bundle, -EINVAL, "config.json is not a regular file");
	fixture_remove(bundle, "config.json");
	fixture_write(bundle, "other", "{}");
	assert_int_equal(symlinkat("other", bundle, "config.json"), 0);
	assert_refused(bundle, -ELOOP, "cannot open config.json: Too many levels of symbolic links");
}

static void an_empty_config_is_loaded_as_it_is(void **state)
{
	int bundle = *(int *)*state;
	fixture_write(bundle, "config.json", "");
	assert_config(bundle, ""); /* that it is no JSON is config_read()'s to say */
}

static void a_config_of_100_mib_is_refused_unread(void **state)
{
	int bundle = *(int *)*state;

	fixture_write(bundle, "config.json", "{}");
	cleanup_close int fd = openat(bundle, "config.json", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	assert_refused(bundle, -E2BIG, "config.json is larger than 4194304 bytes");
	/* Who reads this one is not back before the test's time is up. */
	if (ftruncate(fd, INT64_C(1) << 40) == 0)
		assert_refused(bundle, -E2BIG, "config.json is larger than 4194304 bytes");
}

static void the_largest_config_is_read(void **state)
{
	int bundle = *(int *)*state;
	cleanup_free char *text = NULL;
	size_t length;
	struct error err;

	fixture_write(bundle, "config.json", "{}");
	cleanup_close int fd = openat(bundle, "config.json", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, CONFIG_SIZE_MAX), 0);
	assert_int_equal(bundle_load_config(bundle, &text, &length, &err), 0);
	assert_int_equal(length, CONFIG_SIZE_MAX);
	assert_int_equal(ftruncate(fd, CONFIG_SIZE_MAX + 1), 0);
	assert_refused(bundle, -E2BIG, "config.json is larger than 4194304 bytes");
}

static void the_mode_is_kept(void **state)
{
	static const mode_t modes[] = {0644, 0600, 0400, 0640, 04755};
	int bundle = *(int *)*state;
	struct stat st;
	struct error err;

	fixture_write(bundle, "config.json", "old");
	mode_t mask = umask(077);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_int_equal(fchmodat(bundle, "config.json", modes[i], 0), 0);
		assert_int_equal(bundle_replace_config(bundle, "new", 3, &no_mark, &err), 0);
		assert_int_equal(fstatat(bundle, "config.json", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, modes[i]);
	}
	umask(mask);
	assert_config(bundle, "new");
	assert_int_equal(entries_in(bundle), 1);
}

static void the_owner_is_kept(void **state)
{
	int bundle = *(int *)*state;
	struct stat st;
	struct error err;

	if (geteuid() != 0)
		PASS_OVER("only root may give a file away");
	fixture_write(bundle, "config.json", "old");
	assert_int_equal(fchownat(bundle, "config.json", 1234, 5678, 0), 0);
	assert_int_equal(fchmodat(bundle, "config.json", 06711, 0), 0); /* which chown(2) clears */
	assert_int_equal(bundle_replace_config(bundle, "new", 3, &no_mark, &err), 0);
	assert_int_equal(fstatat(bundle, "config.json", &st, 0), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 5678);
	assert_int_equal(st.st_mode & 07777, 06711);
}

static void the_selinux_label_is_kept(void **state)
{
	static const char label[] = "system_u:object_r:container_file_t:s0:c1,c2";
	int bundle = *(int *)*state;
	char kept[128] = "";
	struct error err;

	fixture_write(bundle, "config.json", "old");
	cleanup_close int old = openat(bundle, "config.json", O_RDONLY | O_CLOEXEC);
	if (fsetxattr(old, "security.selinux", label, sizeof label, 0) < 0)
		PASS_OVER("no labels here, or not for us");
	assert_int_equal(bundle_replace_config(bundle, "new", 3, &no_mark, &err), 0);
	cleanup_close int new = openat(bundle, "config.json", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(new, "security.selinux", kept, sizeof kept), sizeof label);
	assert_string_equal(kept, label);
	assert_config(bundle, "new");
}

static void there_is_nothing_to_replace_in_an_empty_bundle(void **state)
{
	int bundle = *(int *)*state;
	struct error err;

	assert_int_equal(bundle_replace_config(bundle, "new", 3, &no_mark, &err), -ENOENT);
	assert_string_equal(err.text, "cannot open config.json: No such file or directory");
	assert_int_equal(entries_in(bundle), 0);
}

static void a_bundle_that_cannot_be_written_stays_as_it_is(void **state)
{
	const struct fixture *fixture = *state;
	struct error err;

	fixture_write(fixture->root_fd, "b/config.json", "old");
	cleanup_close int bundle = openat(fixture->root_fd, "b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fchmodat(fixture->root_fd, "b/config.json", 0644, 0), 0);
	assert_int_equal(fchmodat(fixture->root_fd, "b", 0555, 0), 0);
	bool root = geteuid() == 0;
	if (root)
		assert_int_equal(seteuid(65534), 0);
	int r = bundle_replace_config(bundle, "new", 3, &no_mark, &err);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, -EACCES);
	assert_non_null(strstr(err.text, "in the bundle: Permission denied"));
	assert_config(bundle, "old");
	assert_int_equal(entries_in(bundle), 1);
}

static void a_disk_that_is_full_leaves_the_config_as_it_is(void **state)
{
	static const char large[8192];
	int bundle = *(int *)*state;
	struct rlimit unlimited, limit;
	struct error err;

	fixture_write(bundle, "config.json", "old");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
	limit = unlimited;
	limit.rlim_cur = 4096;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int r = bundle_replace_config(bundle, large, sizeof large, &no_mark, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
	assert_int_equal(r, -EFBIG);
	assert_non_null(strstr(err.text, "cannot write .config.json."));
	assert_config(bundle, "old");
	assert_int_equal(entries_in(bundle), 1);
}

/* Whatever moment the writer is killed at, a reader finds one document or the other. */
static void a_killed_writer_leaves_a_whole_config(void **state)
{
	static char one[20000], two[30000];
	int bundle = *(int *)*state;

	memset(one, '1', sizeof one - 1);
	memset(two, '2', sizeof two - 1);
	fixture_write(bundle, "config.json", one);
	for (int i = 0; i < 30; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			for (;;) {
				(void)bundle_replace_config(bundle, two, sizeof two - 1, &no_mark, NULL);
				(void)bundle_replace_config(bundle, one, sizeof one - 1, &no_mark, NULL);
			}
		usleep((useconds_t)(i * 97 + 100));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);

		cleanup_free char *text = NULL;
		size_t length;
		struct error err;
		assert_int_equal(bundle_load_config(bundle, &text, &length, &err), 0);
		assert_string_equal(text, text[0] == '1' ? one : two);
	}
}

static void the_sandbox_is_found_beside_its_container(void **state)
{
	const struct fixture *fixture = *state;
	cleanup_free char *text = NULL;
	size_t length;
	struct error err;

	fixture_write(fixture->root_fd, "sandbox/userdata/config.json", "{}");
	fixture_directory(fixture->root_fd, "container/userdata");
	cleanup_close int bundle =
		openat(fixture->root_fd, "container/userdata", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(bundle >= 0);
	assert_int_equal(bundle_load_sandbox_config(bundle, "sandbox", &text, &length, &err), 0);
	assert_string_equal(text, "{}");
}

static void a_sandbox_id_never_leads_elsewhere(void **state)
{
	static const char *const ids[] = {"", ".", "..", "../x", "a/b", "/", "/etc", ".hidden"};
	const struct fixture *fixture = *state;
	char *text = NULL, longest[300] = {0};
	size_t length;
	struct error err;

	fixture_write(fixture->root_fd, "userdata/config.json", "{}");
	fixture_directory(fixture->root_fd, "container/userdata");
	cleanup_close int bundle =
		openat(fixture->root_fd, "container/userdata", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		assert_int_equal(bundle_load_sandbox_config(bundle, ids[i], &text, &length, &err), -EINVAL);
		assert_non_null(strstr(err.text, "is no file name"));
	}
	memset(longest, 'x', sizeof longest - 1);
	assert_int_equal(bundle_load_sandbox_config(bundle, longest, &text, &length, &err), -ENAMETOOLONG);
	assert_int_equal(bundle_load_sandbox_config(bundle, "absent", &text, &length, &err), -ENOENT);
	assert_null(text);
}

static void a_limit_of_ours_is_not_taken_for_declared(void **state)
{
	int bundle = *(int *)*state;

	fixture_write(bundle, "config.json", "{}");
	assert_int_equal(bundle_recall(bundle, MIB_64).declared_bytes, MIB_64);
	mark_config(bundle, MIB_128, MIB_64);
	if (bundle_recall(bundle, MIB_64).declared_bytes == MIB_64)
		PASS_OVER("no trusted attributes here, or not for us");
	assert_int_equal(bundle_recall(bundle, MIB_64).declared_bytes, MIB_128);
	/* Somebody else's limit is what it says. */
	assert_int_equal(bundle_recall(bundle, MIB_64 + 1).declared_bytes, MIB_64 + 1);
	mark_config(bundle, RESOURCES_UNLIMITED, MIB_64);
	assert_true(bundle_recall(bundle, MIB_64).declared_bytes == RESOURCES_UNLIMITED);
	/* It goes with the file. */
	assert_int_equal(unlinkat(bundle, "config.json", 0), 0);
	fixture_write(bundle, "config.json", "{}");
	assert_int_equal(bundle_recall(bundle, MIB_64).declared_bytes, MIB_64);
}

static void what_is_ours_in_unified_is_remembered(void **state)
{
	int bundle = *(int *)*state;
	const struct bundle_mark mark = {
		.declared_bytes = MIB_128,
		.limit_bytes = MIB_64,
		.unified = {.keys = 1 << UNIFIED_LOW, .bytes = {5, 6, 7}, .min_before_bytes = 8},
	};
	/* By a tidemark that edited the limit only. */
	const uint64_t older[] = {MIB_128, MIB_64};

	fixture_write(bundle, "config.json", "{}");
	assert_int_equal(bundle_replace_config(bundle, "{}", 2, &mark, NULL), 0);
	struct bundle_mark recalled = bundle_recall(bundle, MIB_64);
	if (recalled.declared_bytes == MIB_64)
		PASS_OVER("no trusted attributes here, or not for us");
	assert_memory_equal(&recalled, &mark, sizeof mark);
	recalled = bundle_recall(bundle, MIB_64 + 1);
	assert_int_equal(recalled.unified.keys, 0);
	assert_int_equal(recalled.unified.min_before_bytes, 0);

	cleanup_close int fd = openat(bundle, "config.json", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "trusted.tidemark.declared", older, sizeof older, 0), 0);
	recalled = bundle_recall(bundle, MIB_64);
	assert_int_equal(recalled.declared_bytes, MIB_128);
	assert_int_equal(recalled.unified.keys, 0);
	assert_int_equal(fsetxattr(fd, "trusted.tidemark.declared", older, 12, 0), 0);
	assert_int_equal(bundle_recall(bundle, MIB_64).declared_bytes, MIB_64);
}

static void a_bundle_without_a_config_recalls_nothing(void **state)
{
	int bundle = *(int *)*state;
	assert_int_equal(bundle_recall(bundle, MIB_64).declared_bytes, MIB_64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_bundle_may_be_a_symbolic_link),
		FIXTURE_TEST(a_bundle_that_cannot_be_opened_is_named),
		FIXTURE_TEST(a_bundle_that_cannot_be_read_is_refused),
		FIXTURE_TEST(a_missing_config_is_refused),
		FIXTURE_TEST(a_config_that_is_no_file_is_refused),
		FIXTURE_TEST(an_empty_config_is_loaded_as_it_is),
		FIXTURE_TEST(a_config_of_100_mib_is_refused_unread),
		FIXTURE_TEST(the_largest_config_is_read),
		FIXTURE_TEST(the_mode_is_kept),
		FIXTURE_TEST(the_owner_is_kept),
		FIXTURE_TEST(the_selinux_label_is_kept),
		FIXTURE_TEST(there_is_nothing_to_replace_in_an_empty_bundle),
		FIXTURE_TEST(a_bundle_that_cannot_be_written_stays_as_it_is),
		FIXTURE_TEST(a_disk_that_is_full_leaves_the_config_as_it_is),
		FIXTURE_TEST(a_killed_writer_leaves_a_whole_config),
		FIXTURE_TEST(the_sandbox_is_found_beside_its_container),
		FIXTURE_TEST(a_sandbox_id_never_leads_elsewhere),
		FIXTURE_TEST(a_limit_of_ours_is_not_taken_for_declared),
		FIXTURE_TEST(what_is_ours_in_unified_is_remembered),
		FIXTURE_TEST(a_bundle_without_a_config_recalls_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
