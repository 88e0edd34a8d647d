/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/handler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define PATH "handlers/kata-qemu.json"

static struct handler whole(void)
{
	return (struct handler){
		.version = HANDLER_VERSION,
		.name = "kata-qemu",
		.written_usec = 77,
		.declared_bytes = 320 * MIB,
		.n_pods = 3,
		.pods = {{"aa", 1, INT64_C(-5), 100 * MIB, 90 * MIB, 80 * MIB},
			 {"bb", 2, 200 * MIB},
			 {"cc", 3, 0, 1, 2}},
	};
}

static void write_handler(const struct fixture *fixture, const struct handler *handler)
{
	struct error err = {0};
	if (handler_write(fixture->root_fd, handler, &err) < 0)
		fail_msg("%s", err.text);
}

static void assert_same(const struct handler *a, const struct handler *b)
{
	assert_int_equal(a->version, b->version);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->written_usec, b->written_usec);
	assert_int_equal(a->declared_bytes, b->declared_bytes);
	assert_int_equal(a->n_pods, b->n_pods);
	for (size_t i = 0; i < a->n_pods; i++) {
		assert_string_equal(a->pods[i].id, b->pods[i].id);
		assert_int_equal(a->pods[i].seen_usec, b->pods[i].seen_usec);
		assert_int_equal(a->pods[i].overhead_bytes, b->pods[i].overhead_bytes);
		assert_int_equal(a->pods[i].used_bytes, b->pods[i].used_bytes);
		assert_int_equal(a->pods[i].prestart_bytes, b->pods[i].prestart_bytes);
		assert_int_equal(a->pods[i].boot_bytes, b->pods[i].boot_bytes);
	}
}

static void assert_refused(const struct fixture *fixture, int code, const char *part)
{
	struct handler handler = {.written_usec = 4711};
	struct error err = {0};

	assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &handler, &err), -code);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err.text);
	assert_int_equal(handler.written_usec, 4711);
}

static void what_was_written_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct handler handler = whole(), read;

	write_handler(fixture, &handler);
	assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &read, NULL), 0);
	assert_same(&read, &handler);
}

static void the_file_is_as_the_format_has_it(void **state)
{
	const struct fixture *fixture = *state;
	struct handler handler = whole();
	char text[HANDLER_SIZE_MAX];
	struct stat st;

	handler.version = 0; /* which one is written is not the caller's */
	handler.n_pods = 2;
	write_handler(fixture, &handler);
	int fd = openat(fixture->root_fd, PATH, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof text - 1);
	assert_true(length > 0);
	text[length] = '\0';
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	assert_string_equal(
		text,
		"{\"v\":1,\"handler\":\"kata-qemu\",\"written_usec\":77,\"declared\":335544320,\"pods\":["
		"{\"id\":\"aa\",\"usec\":1,\"overhead\":-5,\"prestart\":104857600,\"boot\":94371840,\"used\":"
		"83886080},"
		"{\"id\":\"bb\",\"usec\":2,\"overhead\":209715200}]}\n");
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void handler_without_pods_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct handler handler = whole(), read;

	handler.n_pods = 0;
	handler.declared_bytes = 0;
	write_handler(fixture, &handler);
	assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &read, NULL), 0);
	assert_same(&read, &handler);
}

static void full_one_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct handler handler = whole(), read;

	handler.n_pods = HANDLER_PODS_MAX;
	for (size_t i = 0; i < handler.n_pods; i++) {
		struct handler_pod *pod = &handler.pods[i];
		*pod = (struct handler_pod){.seen_usec = UINT64_MAX,
					    .overhead_bytes = INT64_MIN,
					    .prestart_bytes = INT64_MAX,
					    .boot_bytes = INT64_MAX,
					    .used_bytes = UINT64_MAX};
		memset(pod->id, 'a', sizeof pod->id - 1);
	}
	write_handler(fixture, &handler);
	assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &read, NULL), 0);
	assert_same(&read, &handler);

	handler.n_pods++;
	assert_int_equal(handler_write(fixture->root_fd, &handler, NULL), -EINVAL);
}

static void one_that_could_not_be_read_again_is_not_written(void **state)
{
	const struct fixture *fixture = *state;
	struct handler handler = whole(), read;

	write_handler(fixture, &handler);
	handler.n_pods = HANDLER_PODS_MAX;
	for (size_t i = 0; i < handler.n_pods; i++)
		memset(handler.pods[i].id, 1, sizeof handler.pods[i].id - 1);
	assert_int_equal(handler_write(fixture->root_fd, &handler, NULL), -ENOBUFS);
	assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &read, NULL), 0);
	assert_int_equal(read.n_pods, 3);
}

static void hostile_names_reach_no_file(void **state)
{
	static const char *const names[] = {"",
					    ".",
					    "..",
					    "../x",
					    "a/b",
					    "/etc/passwd",
					    ".hidden",
					    "a b",
					    "k\xc3\xa4",
					    "a\n",
					    "a-name-of-more-than-thirty-one-bytes"};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct handler handler = whole();
		struct error err = {0};
		assert_false(handler_name_is_valid(names[i]));
		assert_int_equal(handler_read(fixture->root_fd, names[i], &handler, &err), -EINVAL);
		assert_non_null(strstr(err.text, "no runtime handler's name"));
		if (strlen(names[i]) < sizeof handler.name) {
			strcpy(handler.name, names[i]);
			assert_int_equal(handler_write(fixture->root_fd, &handler, &err), -EINVAL);
		}
	}
	assert_true(handler_name_is_valid("kata"));
	assert_true(handler_name_is_valid("kata-qemu-snp"));
	assert_true(handler_name_is_valid("kata+2.1"));
	assert_true(handler_name_is_valid("kata-qemu_snp"));
}

static void handler_that_nobody_has_measured_is_told_apart(void **state)
{
	assert_refused(*state, ENOENT, "cannot open " PATH);
}

static void torn_one_is_refused_wherever_it_is_torn(void **state)
{
	const struct fixture *fixture = *state;
	struct handler handler = whole(), out;
	char text[HANDLER_SIZE_MAX];

	write_handler(fixture, &handler);
	int fd = openat(fixture->root_fd, PATH, O_RDWR | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof text);
	for (ssize_t cut = length - 2; cut >= 0; cut--) {
		assert_int_equal(ftruncate(fd, cut), 0);
		assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &out, NULL), -EBADMSG);
	}
	close(fd);
}

#define HEAD "{\"v\":1,\"handler\":\"kata-qemu\""

static void hostile_one_is_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"", PATH},
		{"[]", "object"},
		{"{}", "is not one of that handler"},
		{"{\"v\":1}", "is not one of that handler"},
		{"{\"v\":1,\"handler\":\"kata-clh\"}", "is not one of that handler"},
		{HEAD ",\"declared\":-1}", "out of range"},
		{HEAD ",\"declared\":9223372036854775808}", "cannot be"},
		{HEAD ",\"pods\":{}}", "not an array"},
		{HEAD ",\"pods\":\"[]\"}", "not an array"},
		{HEAD ",\"pods\":[1]}", "no object"},
		{HEAD ",\"pods\":[{}]}", "a pod that cannot be"},
		{HEAD ",\"pods\":[{\"id\":\"a\",\"id\":\"a\"}]}", "given twice"},
		{HEAD ",\"pods\":[{\"id\":\"a\",\"boot\":9223372036854775808}]}", "a pod that cannot be"},
		{HEAD ",\"pods\":[{\"id\":\"a\",\"overhead\":9223372036854775808}]}", "out of range"},
		{HEAD ",\"pods\":[{\"id\":\"a\"},{\"id\":7}]}", "not a string"},
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_write(fixture->root_fd, PATH, cases[i].text);
		assert_refused(fixture, EBADMSG, cases[i].part);
	}
}

static void more_pods_than_there_may_be_are_refused(void **state)
{
	const struct fixture *fixture = *state;
	char text[HANDLER_SIZE_MAX] = HEAD ",\"pods\":[{\"id\":\"a\"}";

	for (size_t i = 1; i <= HANDLER_PODS_MAX; i++)
		strcat(text, ",{\"id\":\"a\"}");
	strcat(text, "]}");
	fixture_write(fixture->root_fd, PATH, text);
	assert_refused(fixture, EBADMSG, "more than 128 pods");
}

static void newer_version_is_told_apart(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, PATH, "{\"v\":2,\"handler\":[]}");
	assert_refused(fixture, ENOTSUP, "is of version 2, newer");
}

static void one_that_is_too_large_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	char text[HANDLER_SIZE_MAX + 2];

	memset(text, ' ', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, HEAD "}", strlen(HEAD "}"));
	fixture_write(fixture->root_fd, PATH, text);
	assert_refused(fixture, EBADMSG, "larger than");
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
	const struct fixture *fixture = *state;
	struct handler handler;

	alarm(600);
	fixture_directory(fixture->root_fd, "handlers");
	assert_int_equal(mkfifoat(fixture->root_fd, PATH, 0600), 0);
	assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &handler, NULL), -EBADMSG);
	unlinkat(fixture->root_fd, PATH, 0);
	assert_int_equal(symlinkat("/etc/passwd", fixture->root_fd, PATH), 0);
	assert_int_equal(handler_read(fixture->root_fd, "kata-qemu", &handler, NULL), -ELOOP);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(what_was_written_is_read_back),
		FIXTURE_TEST(the_file_is_as_the_format_has_it),
		FIXTURE_TEST(handler_without_pods_is_read_back),
		FIXTURE_TEST(full_one_is_read_back),
		FIXTURE_TEST(one_that_could_not_be_read_again_is_not_written),
		FIXTURE_TEST(hostile_names_reach_no_file),
		FIXTURE_TEST(handler_that_nobody_has_measured_is_told_apart),
		FIXTURE_TEST(torn_one_is_refused_wherever_it_is_torn),
		FIXTURE_TEST(hostile_one_is_refused),
		FIXTURE_TEST(more_pods_than_there_may_be_are_refused),
		FIXTURE_TEST(newer_version_is_told_apart),
		FIXTURE_TEST(one_that_is_too_large_is_refused),
		FIXTURE_TEST(what_is_no_file_is_refused_without_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
