/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "tests/fixture.h"

/* The value of the field, or NULL. */
static const char *field(const struct journal_entry *entry, const char *name)
{
	static char value[4096];
	size_t length = strlen(name);

	for (size_t i = 0; i < entry->n_fields; i++) {
		const char *text = entry->fields[i].iov_base;
		if (strncmp(text, name, length) == 0 && text[length] == '=') {
			snprintf(value, sizeof value, "%.*s", (int)(entry->fields[i].iov_len - length - 1),
				 text + length + 1);
			return value;
		}
	}
	return NULL;
}

static void entry_bears_its_kind(void **state)
{
	struct journal_entry entry;
	(void)state;

	journal_begin(&entry, EVENT_OOM);
	journal_message(&entry, "killed at %d", 7);
	assert_string_equal(field(&entry, "TIDEMARK_EVENT"), "oom");
	assert_string_equal(field(&entry, "MESSAGE_ID"), event_kinds[EVENT_OOM].message_id);
	assert_string_equal(field(&entry, "PRIORITY"), "4");
	assert_string_equal(field(&entry, "MESSAGE"), "killed at 7");
}

static void amounts_are_plain_decimals(void **state)
{
	struct journal_entry entry;
	(void)state;

	journal_begin(&entry, EVENT_NODE);
	journal_bytes(&entry, "TIDEMARK_LIMIT_BYTES", UINT64_C(8) << 30);
	journal_bytes(&entry, "TIDEMARK_DECLARED_BYTES", UINT64_MAX);
	assert_string_equal(field(&entry, "TIDEMARK_LIMIT_BYTES"), "8589934592");
	assert_null(field(&entry, "TIDEMARK_DECLARED_BYTES"));
}

static void what_is_empty_or_too_long_is_left_out(void **state)
{
	struct journal_entry entry;
	char text[sizeof entry.text];
	(void)state;

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	journal_begin(&entry, EVENT_EXIT);
	journal_text(&entry, "POD_NAME", "");
	journal_text(&entry, "CONTAINER_NAME", NULL);
	journal_text(&entry, "RUNTIME", text);
	journal_text(&entry, "CONTAINER_ID", "1f2e");
	assert_null(field(&entry, "POD_NAME"));
	assert_null(field(&entry, "CONTAINER_NAME"));
	assert_null(field(&entry, "RUNTIME"));
	assert_string_equal(field(&entry, "CONTAINER_ID"), "1f2e");

	for (size_t i = 0; i < 2 * JOURNAL_FIELDS_MAX; i++)
		journal_uint(&entry, "X", i);
	assert_int_equal(entry.n_fields, JOURNAL_FIELDS_MAX);
}

static void without_a_journal_sending_is_harmless(void **state)
{
	struct journal_entry entry;
	struct journal_socket journal_socket;
	struct journal journal = journal_open(&journal_socket, "/nonexistent/socket");
	(void)state;

	journal_begin_at(&entry, EVENT_FAULT, 7);
	journal_message(&entry, "test");
	journal_send(&journal, &entry);
	assert_int_equal(journal_socket.dropped, 1);
	journal_close(&journal_socket);
}

/* A journald of our own, which reads when it is told to. */
static int listen_at(const struct fixture *fixture, char path[static 108])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(path, 108, "%.90s/socket", fixture->path);
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void send_one(const struct journal *journal, const char *message)
{
	struct journal_entry entry;

	journal_begin(&entry, EVENT_FAULT);
	journal_message(&entry, "%s", message);
	journal_send(journal, &entry);
}

static void value_with_line_ends_is_sent_with_its_length(void **state)
{
	static const char expected[] = "SYSLOG_IDENTIFIER=tidemarkd\nTIDEMARK_EVENT=fault\n"
				       "MESSAGE_ID=7be62ff9567c476e8d2b159696a750eb\nPRIORITY=3\n"
				       "MESSAGE\n\x0b\0\0\0\0\0\0\0two\nPID=1=\n\n";
	char path[108], text[4096];
	struct journal_socket journal_socket;
	int fd = listen_at(*state, path);
	const struct journal journal = journal_open(&journal_socket, path);

	send_one(&journal, "two\nPID=1=\n");
	ssize_t n = read(fd, text, sizeof text);
	assert_int_equal(n, sizeof expected - 1);
	assert_memory_equal(text, expected, sizeof expected - 1);
	assert_int_equal(journal_socket.dropped, 0);
	journal_close(&journal_socket);
	close(fd);
}

static void journal_that_hangs_never_blocks_the_sender(void **state)
{
	enum { N = 2000 };
	char path[108], text[4096], expected[64];
	struct journal_socket journal_socket;
	struct timespec begin, end;
	int fd = listen_at(*state, path);
	const struct journal journal = journal_open(&journal_socket, path);

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned i = 0; i < N; i++)
		send_one(&journal, "nobody listens");
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec < 5);
	assert_in_range(journal_socket.dropped, 1, N);

	/* It is told once, by the first that goes through. */
	snprintf(expected, sizeof expected, "\nTIDEMARK_DROPPED=%llu\n",
		 (unsigned long long)journal_socket.dropped);
	while (read(fd, text, sizeof text) > 0)
		;
	for (unsigned i = 0; i < 2; i++) {
		send_one(&journal, "again");
		ssize_t n = read(fd, text, sizeof text - 1);
		assert_true(n > 0);
		text[n] = '\0';
		assert_int_equal(strstr(text, expected) != NULL, i == 0);
		assert_int_equal(strstr(text, "TIDEMARK_DROPPED=") != NULL, i == 0);
	}
	journal_close(&journal_socket);
	close(fd);
}

static void catalog_explains_every_kind_and_no_other(void **state)
{
	const char *fixtures = getenv("TIDEMARK_FIXTURES");
	char text[16384], path[1024];
	size_t entries = 0;
	(void)state;

	snprintf(path, sizeof path, "%s/../../contrib/systemd/tidemark.catalog",
		 fixtures ? fixtures : "tests/fixtures");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';

	for (size_t i = 0; i < EVENTS_COUNT; i++) {
		char line[64];
		assert_int_equal(strlen(event_kinds[i].message_id), 32);
		snprintf(line, sizeof line, "\n-- %s\n", event_kinds[i].message_id);
		if (!strstr(text, line))
			fail_msg("the catalog does not explain %s", event_kinds[i].name);
	}
	for (const char *at = text; (at = strstr(at, "\n-- ")); at++)
		entries++;
	assert_int_equal(entries, EVENTS_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_bears_its_kind),
		cmocka_unit_test(amounts_are_plain_decimals),
		cmocka_unit_test(what_is_empty_or_too_long_is_left_out),
		cmocka_unit_test(without_a_journal_sending_is_harmless),
		FIXTURE_TEST(value_with_line_ends_is_sent_with_its_length),
		FIXTURE_TEST(journal_that_hangs_never_blocks_the_sender),
		cmocka_unit_test(catalog_explains_every_kind_and_no_other),
	};
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
