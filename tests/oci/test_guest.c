/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/guest.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/fixture.h"

#if HAVE_GUEST

#include "tests/standin_shim.h"

#define MIB (UINT64_C(1) << 20)
#define SEC UINT64_C(1000000000)

/* Nothing here takes as long, however slow the machine. */
#define PATIENCE_MSEC 600000

static const struct standin_figures pod[] = {
	{.id = "web", .usage = 100 * MIB, .anon = 40 * MIB, .file = 50 * MIB, .inactive_file = 30 * MIB},
	{.id = "db", .usage = 300 * MIB, .anon = 200 * MIB},
};

struct shim {
	char path[300];
	pid_t pid;
};

static void shim_start(const struct fixture *fixture, struct standin standin, struct shim *ret)
{
	(void)snprintf(ret->path, sizeof ret->path, "%s/shim.sock", fixture->path);
	int fd = standin_listen(ret->path, 8);
	assert_true(fd >= 0);
	if (!standin.figures) {
		standin.figures = pod;
		standin.n_figures = 2;
	}
	ret->pid = fork();
	assert_true(ret->pid >= 0);
	if (ret->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		standin_serve(&standin, fd);
	}
	(void)close(fd);
}

static void shim_end(struct shim *shim)
{
	(void)kill(shim->pid, SIGKILL);
	(void)waitpid(shim->pid, NULL, 0);
}

static struct guest *guest_at(const struct shim *shim)
{
	struct guest *guest = NULL;
	struct error err;

	assert_int_equal(guest_new(&guest, shim->path, &err), 0);
	return guest;
}

/* As long as the answer is not there. */
static int wait_for(struct guest *guest, struct guest_stats *ret, struct error *err)
{
	int r = 0;

	while (r == 0) {
		struct pollfd fd = {guest_fd(guest), guest_events(guest), 0};
		assert_true(fd.fd >= 0);
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		r = guest_on_ready(guest, ret, err);
	}
	return r;
}

static int ask(struct guest *guest, const char *id, struct guest_stats *ret, struct error *err)
{
	int r = guest_ask(guest, id, 2 * SEC, err);

	return r < 0 ? r : wait_for(guest, ret, err);
}

static bool is_ready(const struct guest *guest, int msec)
{
	struct pollfd fd = {guest_fd(guest), guest_events(guest), 0};

	return poll(&fd, 1, msec) > 0;
}

static void answer_comes_in_both_types(void **state)
{
	for (int v1 = 0; v1 < 2; v1++) {
		struct shim shim;
		struct guest_stats stats;
		struct error err;
		shim_start(*state, (struct standin){.v1 = v1, .log_fd = -1}, &shim);
		struct guest *guest = guest_at(&shim);

		assert_int_equal(guest_fd(guest), -1);
		assert_int_equal(guest_events(guest), 0);
		assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
		assert_int_equal(stats.usage_bytes, 100 * MIB);
		assert_int_equal(stats.inactive_file_bytes, 30 * MIB);
		assert_int_equal(stats.v1, v1);
		assert_int_equal(ask(guest, "db", &stats, &err), GUEST_ANSWER);
		assert_int_equal(stats.usage_bytes, 300 * MIB);
		guest_free(guest);
		shim_end(&shim);
	}
}

static void answer_may_come_byte_by_byte(void **state)
{
	struct shim shim;
	struct guest_stats stats;
	struct error err;
	shim_start(*state, (struct standin){.fault = STANDIN_BYTES, .log_fd = -1}, &shim);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	assert_int_equal(stats.usage_bytes, 100 * MIB);
	guest_free(guest);
	shim_end(&shim);
}

static void shim_of_version_3_is_asked_in_its_own_way(void **state)
{
	struct shim shim;
	struct guest *guest;
	struct guest_stats stats;
	struct error err;
	shim_start(*state, (struct standin){.task_v3 = true, .log_fd = -1}, &shim);

	guest = guest_at(&shim);
	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	assert_int_equal(ask(guest, "db", &stats, &err), GUEST_ANSWER);
	assert_int_equal(stats.usage_bytes, 300 * MIB);
	guest_free(guest);
	shim_end(&shim);
}

static void one_request_at_a_time(void **state)
{
	const struct fixture *fixture = *state;
	struct shim shim;
	struct guest_stats stats;
	struct error err;
	char log[200] = "";
	int log_fd = openat(fixture->root_fd, "log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	shim_start(fixture, (struct standin){.log_fd = log_fd}, &shim);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(kill(shim.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(shim.pid, NULL, WUNTRACED), shim.pid);
	/* Its time is over after 50 ms; the answer comes late, and is one all the same. */
	assert_int_equal(guest_ask(guest, "web", SEC / 20, &err), 0);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -EBUSY);
	assert_false(is_ready(guest, 50));
	assert_int_equal(guest_on_ready(guest, &stats, &err), 0);
	assert_int_equal(guest_ask(guest, "db", SEC, &err), -EBUSY);
	assert_int_equal(kill(shim.pid, SIGCONT), 0);
	assert_int_equal(wait_for(guest, &stats, &err), GUEST_ANSWER);
	assert_int_equal(stats.usage_bytes, 100 * MIB);
	assert_int_equal(ask(guest, "db", &stats, &err), GUEST_ANSWER);
	guest_free(guest);
	shim_end(&shim);
	assert_true(pread(log_fd, log, sizeof log - 1, 0) > 0);
	assert_string_equal(log, "request " STATS_SERVICE_V2 " Stats web\nrequest " STATS_SERVICE_V2
				 " Stats db\n");
	(void)close(log_fd);
}

static void refusal_keeps_the_connection(void **state)
{
	struct shim shim;
	struct guest_stats stats;
	struct error err;
	shim_start(*state, (struct standin){.log_fd = -1}, &shim);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(ask(guest, "gone", &stats, &err), -ENOENT);
	assert_non_null(strstr(err.text, "refused: no such task (status 5)"));
	int fd = guest_fd(guest);
	assert_true(fd >= 0);
	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	assert_int_equal(guest_fd(guest), fd);
	guest_free(guest);
	shim_end(&shim);
}

static void useless_answers_keep_the_connection(void **state)
{
	static const struct {
		enum standin_fault fault;
		int code;
	} cases[] = {
		{STANDIN_STATUS, -EREMOTEIO},  {STANDIN_BAD, -EBADMSG},
		{STANDIN_EMPTY, -ENODATA},     {STANDIN_WRONG_TYPE, -EPROTONOSUPPORT},
		{STANDIN_NO_MEMORY, -ENODATA}, {STANDIN_NO_USAGE, -ENODATA},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct shim shim;
		struct guest_stats stats;
		struct error err = {0};
		shim_start(*state, (struct standin){.fault = cases[i].fault, .log_fd = -1}, &shim);
		struct guest *guest = guest_at(&shim);

		assert_int_equal(ask(guest, "web", &stats, &err), cases[i].code);
		assert_int_equal(err.code, -cases[i].code);
		assert_non_null(strstr(err.text, "shim.sock"));
		assert_null(strchr(err.text, '\n'));
		assert_true(guest_fd(guest) >= 0);
		assert_int_equal(ask(guest, "web", &stats, &err), cases[i].code);
		guest_free(guest);
		shim_end(&shim);
	}
}

/* What was sent cannot be told from what comes next: away with the connection. The next request makes a new
 * one. */
static void nonsense_ends_the_connection(void **state)
{
	static const struct {
		enum standin_fault fault;
		int code;
	} cases[] = {
		{STANDIN_GARBAGE, -EPROTO},       {STANDIN_OVERSIZED, -EMSGSIZE},
		{STANDIN_HUGE, -EMSGSIZE},        {STANDIN_ENDLESS, -EPROTO},
		{STANDIN_DATA, -EPROTO},          {STANDIN_CLOSE, -ECONNRESET},
		{STANDIN_TRUNCATED, -ECONNRESET},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct shim shim;
		struct guest_stats stats;
		struct error err;
		shim_start(*state, (struct standin){.fault = cases[i].fault, .log_fd = -1}, &shim);
		struct guest *guest = guest_at(&shim);

		for (int again = 0; again < 2; again++) {
			assert_int_equal(ask(guest, "web", &stats, &err), cases[i].code);
			assert_int_equal(guest_fd(guest), -1);
			assert_int_equal(guest_events(guest), 0);
			assert_int_equal(guest_on_ready(guest, &stats, &err), -ENOTCONN);
		}
		guest_free(guest);
		shim_end(&shim);
	}
}

/* Where the surplus comes with the answer, there is none; where it comes later, it counts against the
 * connection. */
static void more_than_was_asked_for_ends_the_connection(void **state)
{
	struct shim shim;
	struct guest_stats stats;
	struct error err;
	shim_start(*state, (struct standin){.fault = STANDIN_TWICE, .log_fd = -1}, &shim);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(ask(guest, "web", &stats, &err), -EPROTO);
	assert_int_equal(guest_fd(guest), -1);
	guest_free(guest);
	shim_end(&shim);
}

static void shim_that_ends_is_told_while_nothing_is_asked(void **state)
{
	struct shim shim;
	struct guest_stats stats;
	struct error err;
	shim_start(*state, (struct standin){.log_fd = -1}, &shim);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	assert_int_equal(guest_on_ready(guest, &stats, &err), 0);
	shim_end(&shim);
	assert_true(is_ready(guest, PATIENCE_MSEC));
	assert_int_equal(guest_on_ready(guest, &stats, &err), -ECONNRESET);
	assert_int_equal(guest_fd(guest), -1);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -ECONNREFUSED);
	guest_free(guest);
}

/* And no SIGPIPE comes of it. */
static void shim_that_has_ended_is_told_when_asked(void **state)
{
	struct shim shim;
	struct guest_stats stats;
	struct error err;
	shim_start(*state, (struct standin){.log_fd = -1}, &shim);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	shim_end(&shim);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -ECONNRESET);
	assert_int_equal(guest_fd(guest), -1);
	guest_free(guest);
}

static void shim_that_hangs_keeps_nobody_waiting(void **state)
{
	struct shim shim;
	struct guest_stats stats;
	struct error err;
	shim_start(*state, (struct standin){.fault = STANDIN_HANG, .log_fd = -1}, &shim);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(guest_ask(guest, "web", SEC / 100, &err), 0);
	assert_false(is_ready(guest, 100));
	assert_int_equal(guest_on_ready(guest, &stats, &err), 0);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -EBUSY);
	assert_true(guest_fd(guest) >= 0);
	/* The end of it is the end of the request. */
	shim_end(&shim);
	assert_int_equal(wait_for(guest, &stats, &err), -ECONNRESET);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -ECONNREFUSED);
	guest_free(guest);
}

static void full_backlog_is_told(void **state)
{
	const struct fixture *fixture = *state;
	struct shim shim = {0};
	struct guest *guests[8];
	struct error err;
	int r = 0;
	(void)snprintf(shim.path, sizeof shim.path, "%s/shim.sock", fixture->path);
	int fd = standin_listen(shim.path, 1);

	assert_true(fd >= 0);
	for (size_t i = 0; i < 8; i++) {
		guests[i] = guest_at(&shim);
		if (r == 0)
			r = guest_ask(guests[i], "web", SEC, &err);
	}
	assert_int_equal(r, -EAGAIN);
	assert_non_null(strstr(err.text, "takes no more connections"));
	for (size_t i = 0; i < 8; i++)
		guest_free(guests[i]);
	(void)close(fd);
}

static void nobody_listens(void **state)
{
	const struct fixture *fixture = *state;
	struct shim shim = {0};
	struct error err;
	(void)snprintf(shim.path, sizeof shim.path, "%s/shim.sock", fixture->path);
	struct guest *guest = guest_at(&shim);

	assert_int_equal(guest_ask(guest, "web", SEC, &err), -ENOENT);
	(void)close(openat(fixture->root_fd, "shim.sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -ECONNREFUSED);
	assert_int_equal(guest_fd(guest), -1);
	guest_free(guest);
}

static void ids_that_are_none_are_not_asked_for(void **state)
{
	struct shim shim;
	struct error err;
	char id[300];
	shim_start(*state, (struct standin){.log_fd = -1}, &shim);
	struct guest *guest = guest_at(&shim);

	memset(id, 'a', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	assert_int_equal(guest_ask(guest, "", SEC, &err), -EINVAL);
	assert_int_equal(guest_ask(guest, id, SEC, &err), -EINVAL);
	assert_int_equal(guest_fd(guest), -1);
	guest_free(guest);
	shim_end(&shim);
}

static void address_may_have_its_scheme(void **state)
{
	struct shim shim;
	struct guest *guest;
	struct guest_stats stats;
	struct error err;
	char text[400];
	shim_start(*state, (struct standin){.log_fd = -1}, &shim);

	(void)snprintf(text, sizeof text, "unix://%s", shim.path);
	assert_int_equal(guest_new(&guest, text, &err), 0);
	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	guest_free(guest);
	shim_end(&shim);
}

/* At an abstract name, by this user. */
static void shim_start_abstract(uid_t uid, char *ret_name, size_t size, struct shim *ret)
{
	struct standin standin = {.figures = pod, .n_figures = 2, .log_fd = -1};
	int ready[2];
	char byte;

	(void)snprintf(ret_name, size, "@tidemark-test-%d", (int)getpid());
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	ret->pid = fork();
	assert_true(ret->pid >= 0);
	if (ret->pid == 0) {
		if (setresuid(uid, uid, uid) < 0)
			_exit(1);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = standin_listen(ret_name, 8);
		if (fd < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		standin_serve(&standin, fd);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
}

static void abstract_name_is_an_address(void **state)
{
	char name[64], url[80];
	struct shim shim;
	struct guest *guest;
	struct guest_stats stats;
	struct error err;
	(void)state;
	shim_start_abstract(getuid(), name, sizeof name, &shim);
	(void)snprintf(url, sizeof url, "unix://%s", name);

	assert_int_equal(guest_new(&guest, name, &err), 0);
	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	guest_free(guest);
	assert_int_equal(guest_new(&guest, url, &err), 0);
	assert_int_equal(ask(guest, "web", &stats, &err), GUEST_ANSWER);
	guest_free(guest);
	shim_end(&shim);
}

static void somebody_else_is_not_asked(void **state)
{
	char name[64];
	struct shim shim;
	struct guest *guest;
	struct error err;
	(void)state;

	if (geteuid() != 0)
		skip();
	shim_start_abstract(65534, name, sizeof name, &shim);
	assert_int_equal(guest_new(&guest, name, &err), 0);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -EPERM);
	assert_int_equal(guest_fd(guest), -1);
	guest_free(guest);
	shim_end(&shim);
}

static void other_addresses_are_refused(void **state)
{
	static const char *const addresses[] = {"",
						"relative/path",
						"unix://",
						"unix://relative",
						"@",
						"{}",
						"vsock://3:1024",
						"hvsock:///run/vc/vm/x/kata.hvsock:1024",
						"tcp://127.0.0.1:80"};
	(void)state;

	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		struct guest *guest = NULL;
		struct error err;
		assert_int_equal(guest_new(&guest, addresses[i], &err), -EINVAL);
		assert_null(guest);
	}
}

/* With its NUL a path has 108 bytes. */
static void address_may_be_as_long_as_a_sockets(void **state)
{
	char path[120];
	struct guest *guest = NULL;
	struct error err;
	(void)state;

	memset(path, 'a', sizeof path);
	path[0] = '/';
	path[108] = '\0';
	assert_int_equal(guest_new(&guest, path, &err), -ENAMETOOLONG);
	path[107] = '\0';
	assert_int_equal(guest_new(&guest, path, &err), 0);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -ENOENT);
	guest_free(guest);
	path[0] = '@';
	path[107] = 'a';
	path[108] = '\0';
	assert_int_equal(guest_new(&guest, path, &err), 0);
	assert_int_equal(guest_ask(guest, "web", SEC, &err), -ECONNREFUSED);
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(answer_comes_in_both_types),
		FIXTURE_TEST(answer_may_come_byte_by_byte),
		FIXTURE_TEST(shim_of_version_3_is_asked_in_its_own_way),
		FIXTURE_TEST(one_request_at_a_time),
		FIXTURE_TEST(refusal_keeps_the_connection),
		FIXTURE_TEST(useless_answers_keep_the_connection),
		FIXTURE_TEST(nonsense_ends_the_connection),
		FIXTURE_TEST(more_than_was_asked_for_ends_the_connection),
		FIXTURE_TEST(shim_that_ends_is_told_while_nothing_is_asked),
		FIXTURE_TEST(shim_that_has_ended_is_told_when_asked),
		FIXTURE_TEST(shim_that_hangs_keeps_nobody_waiting),
		FIXTURE_TEST(full_backlog_is_told),
		FIXTURE_TEST(nobody_listens),
		FIXTURE_TEST(ids_that_are_none_are_not_asked_for),
		FIXTURE_TEST(address_may_have_its_scheme),
		cmocka_unit_test(abstract_name_is_an_address),
		cmocka_unit_test(somebody_else_is_not_asked),
		cmocka_unit_test(other_addresses_are_refused),
		cmocka_unit_test(address_may_be_as_long_as_a_sockets),
	};

	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}

#else

static void without_protobuf_c_it_says_so(void **state)
{
	struct guest *guest = NULL;
	struct error err;
	(void)state;

	assert_int_equal(guest_new(&guest, "/run/x", &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "protobuf-c"));
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(without_protobuf_c_it_says_so)};

	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}

#endif
