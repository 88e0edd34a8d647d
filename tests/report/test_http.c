/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "tests/fixture.h"

#define SEC UINT64_C(1000000)

/* A server, and its time, which is the test's own. */
struct world {
	struct fixture fixture; /* first */
	struct http *http;
	uint64_t now_usec;
	size_t text_size; /* 0: a short text */
	bool fails;
	unsigned n_renders;
};

static int render(enum exposition_format format, char **ret_text, size_t *ret_length, void *data)
{
	struct world *world = data;

	if (world->fails)
		return -ENOMEM;
	*ret_length = world->text_size ? world->text_size : 16;
	*ret_text = malloc(*ret_length + 1);
	memset(*ret_text, 'x', *ret_length);
	(void)snprintf(*ret_text, 16, "format %d, %u", (int)format, ++world->n_renders);
	(*ret_text)[15] = '\n';
	return 0;
}

static int overhead(char **ret_text, size_t *ret_length, void *data)
{
	struct world *world = data;

	if (world->fails)
		return -ENOENT;
	*ret_text = strdup("{\"v\":1}\n");
	*ret_length = strlen(*ret_text);
	world->n_renders++;
	return 0;
}

static int begin(void **state)
{
	struct error err;

	if (fixture_begin(state) < 0)
		return -1;
	struct world *world = calloc(1, sizeof *world);
	memcpy(&world->fixture, *state, sizeof world->fixture);
	free(*state);
	*state = world;
	world->now_usec = 1000 * SEC;
	const struct http_source source = {render, world, overhead};
	assert_int_equal(http_new(&source, &world->http, &err), 0);
	int fd = http_listen_unix(world->fixture.root_fd, "http.sock", &err);
	assert_true(fd >= 0);
	assert_true(http_open(world->http, fd, &err) >= 0);
	return 0;
}

static int end(void **state)
{
	http_free(((struct world *)*state)->http);
	return fixture_end(state);
}

#define HTTP_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void run(struct world *world)
{
	for (int i = 0; i < 50; i++)
		(void)http_run(world->http, world->now_usec);
}

static int client(const struct world *world)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%.90s/http.sock", world->fixture.path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What the server answers until it closes; "" as long as it says nothing. The connection is closed. */
static const char *answer(struct world *world, int fd)
{
	static char text[65536];
	size_t length = 0;

	for (int i = 0; i < 20; i++) {
		run(world);
		for (ssize_t n; (n = recv(fd, text + length, sizeof text - 1 - length, 0)) > 0;)
			length += (size_t)n;
	}
	text[length] = '\0';
	close(fd);
	run(world);
	return text;
}

static bool is_closed(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};
	char byte;
	return poll(&poll_fd, 1, 0) == 1 && recv(fd, &byte, 1, MSG_PEEK) <= 0;
}

static const char *ask(struct world *world, const char *request)
{
	int fd = client(world);
	say(fd, request);
	return answer(world, fd);
}

#define SCRAPE "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

static void assert_begins(const char *text, const char *beginning)
{
	if (strncmp(text, beginning, strlen(beginning)) != 0)
		fail_msg("\"%.200s\" does not begin with \"%s\"", text, beginning);
}

static void assert_has(const char *text, const char *what)
{
	if (strstr(text, what))
		return;
	(void)fputs(text, stderr);
	fail_msg("no \"%s\" in this", what);
}

static void metrics_are_served_as_text(void **state)
{
	const char *text = ask(*state, SCRAPE);
	assert_begins(text, "HTTP/1.1 200 OK\r\n");
	assert_has(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_has(text, "Connection: close\r\n");
	assert_has(text, "\r\n\r\nformat 0, 1");
}

static void openmetrics_is_served_to_those_who_accept_it(void **state)
{
	const char *text = ask(
		*state, "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n");
	assert_has(text, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
	assert_has(text, "\r\n\r\nformat 1, 1");
}

static void head_has_no_body(void **state)
{
	const char *text = ask(*state, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_begins(text, "HTTP/1.1 200 OK\r\n");
	assert_has(text, "Content-Length: 16\r\n");
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void the_overhead_is_served_as_json(void **state)
{
	struct world *world = *state;
	const char *text =
		ask(world,
		    "GET /v1/overhead HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n");
	assert_begins(text, "HTTP/1.1 200 OK\r\n");
	assert_has(text, "Content-Type: application/json\r\n");
	assert_has(text, "\r\n\r\n{\"v\":1}\n");
	(void)ask(world, "GET /v1/overhead HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(world->n_renders, 1);
	assert_has(ask(world, SCRAPE), "format 0, 2");
}

static void what_was_not_measured_is_not_served_yet(void **state)
{
	struct world *world = *state;
	world->fails = true;
	assert_begins(ask(world, "GET /v1/overhead HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 503 ");
	world->fails = false;
	assert_begins(ask(world, "GET /v1/overhead HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 ");
}

static void other_paths_are_not_found(void **state)
{
	assert_begins(ask(*state, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 ");
	assert_begins(ask(*state, "GET /metrics/../x HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 ");
	assert_begins(ask(*state, "GET /v1/ HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 ");
	assert_begins(ask(*state, "GET /metricsx HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 ");
}

static void other_methods_are_not_allowed(void **state)
{
	const char *text =
		ask(*state, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc");
	assert_begins(text, "HTTP/1.1 405 ");
	assert_has(text, "Allow: GET, HEAD\r\n");
	assert_begins(ask(*state, "DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 405 ");
}

static void the_socket_is_for_its_owner_alone(void **state)
{
	struct world *world = *state;
	struct stat st;
	assert_int_equal(fstatat(world->fixture.root_fd, "http.sock", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
}

static void a_socket_that_was_left_is_replaced(void **state)
{
	struct world *world = *state;
	struct error err;
	int fd = http_listen_unix(world->fixture.root_fd, "http.sock", &err);
	assert_true(fd >= 0);
	close(fd);
}

static void loopback_is_listened_on(void **state)
{
	struct error err;
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	(void)state;

	int fd = http_listen_tcp("127.0.0.1:0", &err);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(address.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	close(fd);
}

static void one_text_is_shared_for_a_second(void **state)
{
	struct world *world = *state;
	int fds[8];

	for (size_t i = 0; i < 8; i++)
		say(fds[i] = client(world), SCRAPE);
	for (size_t i = 0; i < 8; i++)
		assert_has(answer(world, fds[i]), "format 0, 1");
	assert_int_equal(world->n_renders, 1);
	world->now_usec += SEC;
	assert_has(ask(world, SCRAPE), "format 0, 2");
}

static void garbage_is_refused(void **state)
{
	struct world *world = *state;
	(void)ask(world, "\x16\x03\x01\x02nonsense\r\n\r\n");
	(void)ask(world, "GET\r\n\r\n");
	(void)ask(world, "\r\n\r\n\r\n\r\n");
	assert_int_equal(world->n_renders, 0);
	assert_begins(ask(world, SCRAPE), "HTTP/1.1 200 ");
}

static void a_head_without_end_is_refused(void **state)
{
	struct world *world = *state;
	static char huge[4 * HTTP_MEMORY_BYTES];
	int fd = client(world);

	say(fd, "GET /metrics HTTP/1.1\r\nX: ");
	memset(huge, 'x', sizeof huge);
	(void)send(fd, huge, sizeof huge, MSG_NOSIGNAL);
	const char *text = answer(world, fd);
	if (*text) /* or the connection was reset before it could be read */
		assert_begins(text, "HTTP/1.1 431 ");
	assert_int_equal(world->n_renders, 0);
	assert_begins(ask(world, SCRAPE), "HTTP/1.1 200 ");
}

static void who_is_slow_is_cut_off(void **state)
{
	struct world *world = *state;
	int fd = client(world);

	say(fd, "GET /metrics HT");
	for (unsigned i = 0; i < 9; i++) {
		run(world);
		assert_false(is_closed(fd));
		world->now_usec += SEC;
		say(fd, i < 5 ? "T" : "P"); /* never silent */
	}
	world->now_usec += SEC;
	run(world);
	assert_true(is_closed(fd));
	close(fd);
}

static void who_comes_when_all_places_are_taken_waits(void **state)
{
	struct world *world = *state;
	int idle[HTTP_CLIENTS_MAX];

	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
		idle[i] = client(world);
		run(world);
	}
	int fd = client(world);
	say(fd, SCRAPE);
	run(world);
	assert_int_equal(world->n_renders, 0);
	world->now_usec += HTTP_CLIENT_USEC;
	assert_begins(answer(world, fd), "HTTP/1.1 200 ");
	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
		assert_true(is_closed(idle[i]));
		close(idle[i]);
	}
}

static void who_does_not_read_holds_few_texts(void **state)
{
	struct world *world = *state;
	int idle[12];

	world->text_size = 4 << 20;
	for (size_t i = 0; i < 12; i++) {
		say(idle[i] = client(world), SCRAPE);
		run(world);
		world->now_usec += i < 9 ? SEC : 0;
	}
	/* 12 clients came in 9 seconds; all are there still, and hold no more than this. */
	assert_int_equal(world->n_renders, HTTP_TEXTS_MAX);
	for (size_t i = 0; i < 12; i++)
		close(idle[i]);
	run(world);
	world->now_usec += SEC;
	run(world);
	world->text_size = 0;
	assert_has(ask(world, SCRAPE), "format 0, 5");
}

static void a_client_that_goes_away_is_no_trouble(void **state)
{
	struct world *world = *state;
	world->text_size = 4 << 20;
	for (size_t i = 0; i < 3 * HTTP_CLIENTS_MAX; i++) {
		int fd = client(world);
		say(fd, SCRAPE);
		if (i % 2)
			run(world);
		close(fd);
		run(world);
	}
	world->text_size = 0;
	world->now_usec += SEC;
	assert_begins(ask(world, SCRAPE), "HTTP/1.1 200 ");
}

static void want_of_memory_is_told(void **state)
{
	struct world *world = *state;
	world->fails = true;
	assert_begins(ask(world, SCRAPE), "HTTP/1.1 503 ");
}

static void it_need_not_run_when_nobody_is_there(void **state)
{
	struct world *world = *state;
	run(world);
	assert_true(http_run(world->http, world->now_usec) == UINT64_MAX);
	(void)ask(world, SCRAPE);
	assert_true(http_run(world->http, world->now_usec) <= SEC); /* to drop the text */
	world->now_usec += SEC;
	assert_true(http_run(world->http, world->now_usec) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(metrics_are_served_as_text),
		HTTP_TEST(openmetrics_is_served_to_those_who_accept_it),
		HTTP_TEST(head_has_no_body),
		HTTP_TEST(the_overhead_is_served_as_json),
		HTTP_TEST(what_was_not_measured_is_not_served_yet),
		HTTP_TEST(other_paths_are_not_found),
		HTTP_TEST(other_methods_are_not_allowed),
		HTTP_TEST(the_socket_is_for_its_owner_alone),
		HTTP_TEST(a_socket_that_was_left_is_replaced),
		cmocka_unit_test(loopback_is_listened_on),
		HTTP_TEST(one_text_is_shared_for_a_second),
		HTTP_TEST(garbage_is_refused),
		HTTP_TEST(a_head_without_end_is_refused),
		HTTP_TEST(who_is_slow_is_cut_off),
		HTTP_TEST(who_comes_when_all_places_are_taken_waits),
		HTTP_TEST(who_does_not_read_holds_few_texts),
		HTTP_TEST(a_client_that_goes_away_is_no_trouble),
		HTTP_TEST(want_of_memory_is_told),
		HTTP_TEST(it_need_not_run_when_nobody_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
