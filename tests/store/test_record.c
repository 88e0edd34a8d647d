/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define ID "7d1ae3b7c9f0e2d4a6b8c0d2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718"

static struct record whole(void)
{
	return (struct record){
		.version = RECORD_VERSION,
		.id = ID,
		.identity = {"shop", "web", "nginx", OWNER_KNATIVE_SERVICE, "hello"},
		.role = ROLE_INIT,
		.pod_name = "web-5d4f8c7b9d-x2k4z",
		.pod_uid = "0f3c1b9e-8d1c-4f6e-9a57-3f1f0b7f9f11",
		.sandbox_id = "aabbcc",
		.is_sandbox = true,
		.template = "5d4f8c7b9d",
		.image_ref = "quay.io/nginx@sha256:00",
		.runtime = "crun",
		.is_shim = true,
		.is_vm = true,
		.bundle = "/run/containers/storage/overlay-containers/" ID "/userdata",
		.pid_file = "/run/containers/storage/overlay-containers/" ID "/userdata/pidfile",
		.oom_score_adj = -997,
		.sizes = "jvm",
		.declared_bytes = GIB,
		.recommended_bytes = 512 * MIB,
		.override_bytes = 600 * MIB,
		.override_request_bytes = 300 * MIB,
		.overhead_bytes = 160 * MIB,
		.vm_memory_bytes = 2 * GIB,
		.mode = MODE_ENFORCE,
		.source = SOURCE_ENFORCED,
		.limit_bytes = 768 * MIB,
		.reason = "enforced+p95+max-change",
		.step_bytes = {[GUARD_P95] = 300 * MIB, [GUARD_MAX_CHANGE] = 768 * MIB},
		.before_bytes = 1097 * MIB,
		.fault = "cannot write \"config.json\"",
		.protect = {.request_bytes = 300 * MIB, .bytes = {1 * MIB, 2 * MIB, 3 * MIB}},
		.created_usec = 1,
		.started_usec = 2,
		.updated_usec = 3,
		.pid = 4711,
		.cgroup = "/kubepods.slice/crio-" ID ".scope/container",
		.cgroup_id = UINT64_MAX,
		.prestart = {.current_bytes = 131072,
			     .peak_bytes = 360448,
			     .anon_bytes = 4096,
			     .file_bytes = 8192,
			     .kernel_bytes = 65536},
	};
}

#define SAME(member)      assert_true(a->member == b->member)
#define SAME_TEXT(member) assert_string_equal(a->member, b->member)

static void assert_same(const struct record *a, const struct record *b)
{
	SAME(version);
	SAME_TEXT(id);
	SAME_TEXT(identity.namespace);
	SAME_TEXT(identity.owner);
	SAME_TEXT(identity.container);
	SAME(identity.kind);
	SAME_TEXT(identity.service);
	SAME(role);
	SAME_TEXT(pod_name);
	SAME_TEXT(pod_uid);
	SAME_TEXT(sandbox_id);
	SAME(is_sandbox);
	SAME_TEXT(image_ref);
	SAME_TEXT(template);
	SAME_TEXT(runtime);
	SAME(is_shim);
	SAME(is_vm);
	SAME_TEXT(bundle);
	SAME_TEXT(pid_file);
	SAME(oom_score_adj);
	SAME_TEXT(sizes);
	SAME(declared_bytes);
	SAME(recommended_bytes);
	SAME(override_bytes);
	SAME(override_request_bytes);
	SAME(overhead_bytes);
	SAME(vm_memory_bytes);
	SAME(mode);
	SAME(source);
	SAME(limit_bytes);
	SAME_TEXT(reason);
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++)
		SAME(step_bytes[guard]);
	SAME(before_bytes);
	SAME_TEXT(fault);
	SAME(protect.request_bytes);
	for (enum unified_key key = 0; key < UNIFIED_KEYS; key++)
		SAME(protect.bytes[key]);
	SAME(created_usec);
	SAME(started_usec);
	SAME(updated_usec);
	SAME(pid);
	SAME_TEXT(cgroup);
	SAME(cgroup_id);
	SAME(prestart.current_bytes);
	SAME(prestart.peak_bytes);
	SAME(prestart.anon_bytes);
	SAME(prestart.file_bytes);
	SAME(prestart.kernel_bytes);
}

static void write_record(const struct fixture *fixture, const struct record *record)
{
	struct error err = {0};
	if (record_write(fixture->root_fd, record, &err) < 0)
		fail_msg("%s", err.text);
}

static void assert_read_refused(const struct fixture *fixture, const char *id, int code, const char *part)
{
	struct record record, before;
	struct error err = {0};

	memset(&record, 0x5A, sizeof record);
	before = record;
	assert_int_equal(record_read(fixture->root_fd, id, &record, &err), -code);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err.text);
	assert_memory_equal(&record, &before, sizeof record);
}

static void steps_are_what_the_decision_took(void **state)
{
	const struct guard_settings guards = {MIB, GIB, 0.3, false, false};
	struct decision_input input = {
		.mode = MODE_ENFORCE,
		.declared_bytes = GIB,
		.recommended_bytes = 100 * MIB,
		.enforced_bytes = 100 * MIB,
		.p95_bytes = 200 * MIB,
		.last_applied_bytes = 500 * MIB,
	};
	struct decision decision;
	struct record record = {0};
	(void)state;

	decision_make(&input, &guards, &decision);
	record_set_decision(&record, &input, &decision);
	assert_string_equal(record.reason, "enforced+p95+max-change");
	assert_int_equal(record.step_bytes[GUARD_P95], 200 * MIB);
	assert_int_equal(record.step_bytes[GUARD_MAX_CHANGE], 350 * MIB);
	assert_int_equal(record.step_bytes[GUARD_OOM], 0);
	assert_int_equal(record.before_bytes, 500 * MIB);
	assert_int_equal(record.limit_bytes, 350 * MIB);
	assert_int_equal(record.recommended_bytes, 100 * MIB);

	/* Nothing is left of it in the next one. */
	input.enforced_bytes = 0;
	decision_make(&input, &guards, &decision);
	record_set_decision(&record, &input, &decision);
	assert_string_equal(record.reason, "observed");
	for (enum guard guard = 0; guard < GUARDS_COUNT; guard++)
		assert_int_equal(record.step_bytes[guard], 0);
	assert_int_equal(record.before_bytes, 0);
}

static void what_is_recorded_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole(), read;

	write_record(fixture, &record);
	assert_int_equal(record_read(fixture->root_fd, ID, &read, NULL), 0);
	assert_same(&read, &record);
}

static void container_without_any_limit_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = {.version = RECORD_VERSION,
				.id = "c",
				.declared_bytes = DECISION_UNLIMITED,
				.limit_bytes = DECISION_UNLIMITED},
		      read;

	write_record(fixture, &record);
	assert_int_equal(record_read(fixture->root_fd, "c", &read, NULL), 0);
	assert_same(&read, &record);
}

static void second_record_takes_the_place_of_the_first(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole(), read;

	write_record(fixture, &record);
	record.pid = 0;
	record.cgroup[0] = '\0';
	record.limit_bytes = MIB;
	write_record(fixture, &record);
	assert_int_equal(record_read(fixture->root_fd, ID, &read, NULL), 0);
	assert_same(&read, &record);
}

static void record_is_for_root_only(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole();
	struct stat st;

	write_record(fixture, &record);
	assert_int_equal(fstatat(fixture->root_fd, ID ".json", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void texts_of_any_kind_are_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole(), read;

	strcpy(record.bundle, "/a \"quoted\\\" path\nwith a line\x01 and \xc3\xa9");
	write_record(fixture, &record);
	assert_int_equal(record_read(fixture->root_fd, ID, &read, NULL), 0);
	assert_string_equal(read.bundle, record.bundle);
}

static void text_that_is_not_utf8_does_no_harm(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole(), read;

	strcpy(record.bundle, "/\xff\xfe");
	write_record(fixture, &record);
	assert_int_equal(record_read(fixture->root_fd, ID, &read, NULL), 0);
	assert_string_equal(read.bundle, "/\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(read.cgroup, record.cgroup);
}

static void record_that_could_not_be_read_again_is_not_written(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole(), read;
	struct error err;

	write_record(fixture, &record);
	memset(record.bundle, 1, sizeof record.bundle - 1);
	memset(record.pid_file, 1, sizeof record.pid_file - 1);
	memset(record.image_ref, 1, sizeof record.image_ref - 1);
	memset(record.cgroup, 1, sizeof record.cgroup - 1);
	memset(record.fault, 1, sizeof record.fault - 1);
	assert_int_equal(record_write(fixture->root_fd, &record, &err), -ENOBUFS);
	assert_int_equal(record_read(fixture->root_fd, ID, &read, NULL), 0); /* the one before */
	assert_int_equal(read.bundle[0], '/');
}

static void hostile_ids_reach_no_file(void **state)
{
	static const char *const ids[] = {"", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "/", "a/"};
	const struct fixture *fixture = *state;
	char too_long[RECORD_ID_SIZE + 1];

	memset(too_long, 'a', sizeof too_long - 1);
	too_long[sizeof too_long - 1] = '\0';
	for (size_t i = 0; i <= sizeof ids / sizeof *ids; i++) {
		const char *id = i < sizeof ids / sizeof *ids ? ids[i] : too_long;
		struct error err = {0};
		assert_read_refused(fixture, id, EINVAL, "is no file name");
		assert_int_equal(record_remove(fixture->root_fd, id, &err), -EINVAL);
		assert_non_null(strstr(err.text, "is no file name"));
		struct record record = whole();
		if (strlen(id) < sizeof record.id) {
			strcpy(record.id, id);
			assert_int_equal(record_write(fixture->root_fd, &record, &err), -EINVAL);
		}
	}
}

static void longest_id_is_a_file_name(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole(), read;

	memset(record.id, 'a', RECORD_ID_SIZE - 1);
	write_record(fixture, &record);
	assert_int_equal(record_read(fixture->root_fd, record.id, &read, NULL), 0);
	assert_int_equal(record_remove(fixture->root_fd, record.id, NULL), 0);
}

static void id_is_found_in_a_file_name(void **state)
{
	char id[RECORD_ID_SIZE], name[256];
	(void)state;

	assert_true(record_id_of(ID ".json", id));
	assert_string_equal(id, ID);
	assert_true(record_id_of("a.json.json", id));
	assert_string_equal(id, "a.json");
	memset(name, 'a', RECORD_ID_SIZE - 1);
	strcpy(name + RECORD_ID_SIZE - 1, ".json");
	assert_true(record_id_of(name, id));
	assert_int_equal(strlen(id), RECORD_ID_SIZE - 1);
}

static void other_files_are_no_records(void **state)
{
	static const char *const names[] = {
		"",        ".",      "..",      ".json",           "json", "a", "a.jso",
		"a.json~", "a.JSON", ".a.json", ".a.json.123.tmp",
	};
	char id[RECORD_ID_SIZE], name[256];
	(void)state;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_false(record_id_of(names[i], id));
	memset(name, 'a', RECORD_ID_SIZE);
	strcpy(name + RECORD_ID_SIZE, ".json");
	assert_false(record_id_of(name, id));
}

static void temporary_file_is_taken_for_no_record(void **state)
{
	char name[128], id[RECORD_ID_SIZE];
	(void)state;

	snprintf(name, sizeof name, ".%s.json.%ld.tmp", "a", (long)getpid());
	assert_false(record_id_of(name, id));
}

static void container_without_a_record_is_told_apart(void **state)
{
	assert_read_refused(*state, ID, ENOENT, "cannot open " ID ".json");
}

static void torn_record_is_refused_wherever_it_is_torn(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole(), out;
	char text[RECORD_SIZE_MAX];

	write_record(fixture, &record);
	int fd = openat(fixture->root_fd, ID ".json", O_RDWR | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof text);
	for (ssize_t cut = length - 2; cut >= 0; cut--) {
		assert_int_equal(ftruncate(fd, cut), 0);
		assert_int_equal(record_read(fixture->root_fd, ID, &out, NULL), -EBADMSG);
	}
	close(fd);
}

static void hostile_record_is_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"", "the record c.json"},
		{"[]", "object"},
		{"{}", "is not one of that container"},
		{"{\"v\":1}", "is not one of that container"},
		{"{\"v\":0,\"id\":\"c\"}", "is not one of that container"},
		{"{\"v\":1,\"id\":\"d\"}", "is not one of that container"},
		{"{\"v\":1,\"id\":\"c\",\"id\":\"c\"}", "given twice"},
		{"{\"v\":1,\"id\":\"c\",\"declared\":-1}", "out of range"},
		{"{\"v\":1,\"id\":\"c\",\"declared\":\"1Gi\"}", "not a whole number"},
		{"{\"v\":1,\"id\":\"c\",\"decision\":{\"mode\":\"force\"}}", "not a known name"},
		{"{\"v\":1,\"id\":\"c\",\"pid\":2147483648}", "is not one of that container"},
		{"{\"v\":1,\"id\":\"c\",\"pid\":18446744073709551615}", "is not one of that container"},
		{"{\"v\":1,\"id\":\"c\",\"runtime\":\"a-name-of-more-than-thirty-one-bytes\"}",
		 "longer than"},
		{"{\"v\":1,\"id\":\"c\\u0000\"}", "NUL"},
		{"{\"v\":1,\"id\":\"\xff\"}", "the record c.json"},
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_write(fixture->root_fd, "c.json", cases[i].text);
		assert_read_refused(fixture, "c", EBADMSG, cases[i].part);
	}
}

static void newer_version_is_told_apart_from_a_broken_record(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, "c.json", "{\"v\":2,\"id\":{\"is\":\"now an object\"}}");
	assert_read_refused(fixture, "c", ENOTSUP, "is of version 2, newer");
}

static void record_that_is_too_large_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	char text[RECORD_SIZE_MAX + 1];

	memset(text, ' ', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, "{\"v\":1,\"id\":\"c\"}", strlen("{\"v\":1,\"id\":\"c\"}"));
	fixture_write(fixture->root_fd, "c.json", text);
	assert_read_refused(fixture, "c", EBADMSG, "larger than");
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
	const struct fixture *fixture = *state;
	struct record record;

	alarm(600);
	assert_int_equal(mkfifoat(fixture->root_fd, "c.json", 0600), 0);
	assert_int_equal(record_read(fixture->root_fd, "c", &record, NULL), -EBADMSG);
	unlinkat(fixture->root_fd, "c.json", 0);
	assert_int_equal(symlinkat("/etc/passwd", fixture->root_fd, "c.json"), 0);
	assert_int_equal(record_read(fixture->root_fd, "c", &record, NULL), -ELOOP);
	/* It is the link that is replaced, not what it leads to. */
	record = whole();
	strcpy(record.id, "c");
	write_record(fixture, &record);
	assert_int_equal(record_read(fixture->root_fd, "c", &record, NULL), 0);
	alarm(0);
}

static void removed_record_is_gone(void **state)
{
	const struct fixture *fixture = *state;
	struct record record = whole();
	struct error err;

	write_record(fixture, &record);
	assert_int_equal(record_remove(fixture->root_fd, ID, &err), 0);
	assert_read_refused(fixture, ID, ENOENT, "");
	assert_int_equal(record_remove(fixture->root_fd, ID, &err), -ENOENT);
	assert_int_equal(err.code, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(what_is_recorded_is_read_back),
		FIXTURE_TEST(container_without_any_limit_is_read_back),
		FIXTURE_TEST(second_record_takes_the_place_of_the_first),
		FIXTURE_TEST(record_is_for_root_only),
		FIXTURE_TEST(texts_of_any_kind_are_read_back),
		FIXTURE_TEST(text_that_is_not_utf8_does_no_harm),
		FIXTURE_TEST(record_that_could_not_be_read_again_is_not_written),
		FIXTURE_TEST(hostile_ids_reach_no_file),
		FIXTURE_TEST(longest_id_is_a_file_name),
		cmocka_unit_test(steps_are_what_the_decision_took),
		cmocka_unit_test(id_is_found_in_a_file_name),
		cmocka_unit_test(other_files_are_no_records),
		cmocka_unit_test(temporary_file_is_taken_for_no_record),
		FIXTURE_TEST(container_without_a_record_is_told_apart),
		FIXTURE_TEST(torn_record_is_refused_wherever_it_is_torn),
		FIXTURE_TEST(hostile_record_is_refused),
		FIXTURE_TEST(newer_version_is_told_apart_from_a_broken_record),
		FIXTURE_TEST(record_that_is_too_large_is_refused),
		FIXTURE_TEST(what_is_no_file_is_refused_without_waiting),
		FIXTURE_TEST(removed_record_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
