/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define SHOP_PATH "limits/shop/web/nginx.json"

static const struct identity shop = {"shop", "web", "nginx"};

static struct limits published(void)
{
	return (struct limits){
		.version = LIMITS_VERSION,
		.identity = {"shop", "web", "nginx", OWNER_KNATIVE_SERVICE, "hello"},
		.role = ROLE_INIT,
		.template = "5d4f8c7b9d",
		.oom_score_adj = -997,
		.image_ref = "quay.io/"
			     "nginx@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
		.recommendation = {.request_bytes = 256 * MIB,
				   .limit_bytes = 512 * MIB,
				   .request_term = TERM_P95,
				   .limit_term = TERM_OOM,
				   .revision = 7,
				   .changed_usec = 1700000000000000,
				   .warmup_since_usec = 1600000000000000,
				   .warmup_samples = 12,
				   .warm = true,
				   .oom_limit_bytes = 400 * MIB,
				   .oom_floor_bytes = 500 * MIB,
				   .oom_usec = 1650000000000000,
				   .oom_kills = 3,
				   .seen_highest_bytes = 301,
				   .seen_history_usec = 302,
				   .seen_records = 303,
				   .seen_margin_bytes = 304,
				   .seen_life_usec = 306},
		.enforced_request_bytes = 250 * MIB,
		.enforced_limit_bytes = 500 * MIB,
		.observed = {.samples = 86400,
			     .fresh_samples = 600,
			     .since_usec = 1,
			     .until_usec = 2,
			     .avg_bytes = 100 * MIB,
			     .p95_bytes = 200 * MIB,
			     .max_bytes = 300 * MIB,
			     .highest_bytes = 400 * MIB,
			     .history_usec = 305,
			     .records = 2,
			     .life_usec = 307},
		.ratchet = "jvm 536870912 1600000000000000 1 600 0 536870912 300 268435456 200",
		.tide = "1600000000000000 3 1 2 3 4 5 6 7 8 9 10 11 12 13 14",
		.prestart_crun_bytes = 131072,
		.prestart_runc_bytes = 8 * MIB,
		.declared_bytes = GIB,
		.applied_bytes = 500 * MIB,
		.written_usec = 1700000000000001,
	};
}

#define SAME(member)      assert_true(a->member == b->member)
#define SAME_TEXT(member) assert_string_equal(a->member, b->member)

static void assert_same(const struct limits *a, const struct limits *b)
{
	SAME(version);
	SAME_TEXT(identity.namespace);
	SAME_TEXT(identity.owner);
	SAME_TEXT(identity.container);
	SAME(identity.kind);
	SAME_TEXT(identity.service);
	SAME(role);
	SAME(oom_score_adj);
	SAME_TEXT(image_ref);
	SAME_TEXT(template);
	SAME(recommendation.request_bytes);
	SAME(recommendation.limit_bytes);
	SAME(recommendation.request_term);
	SAME(recommendation.limit_term);
	SAME(recommendation.revision);
	SAME(recommendation.changed_usec);
	SAME(recommendation.warmup_since_usec);
	SAME(recommendation.warmup_samples);
	SAME(recommendation.warm);
	SAME_TEXT(tide);
	SAME_TEXT(ratchet);
	SAME(observed.highest_bytes);
	SAME(observed.history_usec);
	SAME(observed.records);
	SAME(recommendation.seen_highest_bytes);
	SAME(recommendation.seen_history_usec);
	SAME(recommendation.seen_records);
	SAME(recommendation.seen_margin_bytes);
	SAME(recommendation.seen_life_usec);
	SAME(observed.life_usec);
	SAME(recommendation.oom_limit_bytes);
	SAME(recommendation.oom_floor_bytes);
	SAME(recommendation.oom_usec);
	SAME(recommendation.oom_kills);
	SAME(enforced_request_bytes);
	SAME(enforced_limit_bytes);
	SAME(observed.samples);
	SAME(observed.fresh_samples);
	SAME(observed.since_usec);
	SAME(observed.until_usec);
	SAME(observed.avg_bytes);
	SAME(observed.p95_bytes);
	SAME(observed.max_bytes);
	SAME(prestart_crun_bytes);
	SAME(prestart_runc_bytes);
	SAME(declared_bytes);
	SAME(applied_bytes);
	SAME(written_usec);
}

static void publish(const struct fixture *fixture, const struct limits *limits)
{
	struct error err = {0};
	if (limits_write(fixture->root_fd, limits, &err) < 0)
		fail_msg("%s", err.text);
}

/* Whoever is refused is left with what he had. */
static void assert_read_refused(const struct fixture *fixture, int code, const char *part)
{
	struct limits limits, before;
	struct error err = {0};

	memset(&limits, 0x5A, sizeof limits);
	before = limits;
	assert_int_equal(limits_read(fixture->root_fd, &shop, &limits, &err), -code);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err.text);
	assert_memory_equal(&limits, &before, sizeof limits);
}

static void assert_text_refused(const struct fixture *fixture, const char *text, int code, const char *part)
{
	fixture_write(fixture->root_fd, SHOP_PATH, text);
	assert_read_refused(fixture, code, part);
}

static int on_read(const struct limits *limits, void *data)
{
	*(struct limits *)data = *limits;
	return 0;
}

static void what_is_published_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct limits limits = published(), read;

	publish(fixture, &limits);
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, NULL), 0);
	assert_same(&read, &limits);
	memset(&read, 0, sizeof read);
	assert_int_equal(limits_each(fixture->root_fd, on_read, NULL, &read), 0);
	assert_same(&read, &limits);
}

static void what_is_not_known_is_left_out_and_read_back_as_such(void **state)
{
	const struct fixture *fixture = *state;
	struct limits limits = {.version = LIMITS_VERSION, .identity = shop, .declared_bytes = UINT64_MAX},
		      read;

	publish(fixture, &limits);
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, NULL), 0);
	assert_same(&read, &limits);
}

static void no_limit_that_was_applied_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct limits limits = published(), read;

	limits.applied_bytes = UINT64_MAX;
	publish(fixture, &limits);
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, NULL), 0);
	assert_true(read.applied_bytes == UINT64_MAX);
}

static void workload_that_nothing_is_published_of_is_not_there(void **state)
{
	const struct fixture *fixture = *state;

	assert_read_refused(fixture, ENOENT, SHOP_PATH);
}

static void file_and_directories_are_for_root_only(void **state)
{
	const struct fixture *fixture = *state;
	struct limits limits = published();
	struct stat st;

	publish(fixture, &limits);
	for (const char *path = SHOP_PATH, *slash = path; slash; slash = strchr(slash + 1, '/')) {
		char part[64];
		if (slash == path)
			continue;
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		assert_int_equal(fstatat(fixture->root_fd, part, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	assert_int_equal(fstatat(fixture->root_fd, SHOP_PATH, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void names_of_any_kind_stay_below_their_directory(void **state)
{
	static const struct identity names[] = {
		{"-", "../../../etc", "passwd"},
		{"..", "..", ".."},
		{".", "a/b", "c"},
		{"a", "b/c", "c"},
		{"a", "b%2Fc", "c"},
		{"ns", "new\nline", "tab\t\"quoted\\"},
		{"ns", "docker.io/library/busybox:latest", "\xc3\xa9"},
		{"NS", "Web", "c"},
		{"ns", "web", "c"},
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct limits limits = published();
		limits.identity = names[i];
		limits.recommendation.revision = i;
		publish(fixture, &limits);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct limits read;
		struct error err = {0};
		if (limits_read(fixture->root_fd, &names[i], &read, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(read.recommendation.revision, i);
	}
	DIR *dir = fdopendir(openat(fixture->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	for (const struct dirent *entry; (entry = readdir(dir));)
		assert_true(entry->d_name[0] == '.' || strcmp(entry->d_name, "limits") == 0);
	closedir(dir);
}

static void names_that_make_no_path_are_refused(void **state)
{
	const struct fixture *fixture = *state;
	struct identity identity = shop;
	struct limits limits = published(), read;
	struct error err;

	memset(identity.owner, '/', sizeof identity.owner - 1); /* 765 bytes as %2F */
	assert_int_equal(limits_read(fixture->root_fd, &identity, &read, &err), -ENAMETOOLONG);
	limits.identity = identity;
	assert_int_equal(limits_write(fixture->root_fd, &limits, &err), -ENAMETOOLONG);
	identity.owner[0] = '\0';
	assert_int_equal(limits_read(fixture->root_fd, &identity, &read, &err), -EINVAL);
}

static void torn_file_is_refused_wherever_it_is_torn(void **state)
{
	const struct fixture *fixture = *state;
	struct limits limits = published(), torn;
	char text[LIMITS_SIZE_MAX];

	publish(fixture, &limits);
	int fd = openat(fixture->root_fd, SHOP_PATH, O_RDWR | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof text);
	assert_true(length > 200);
	for (ssize_t cut = length - 2; cut >= 0; cut--) { /* the newline may go */
		assert_int_equal(ftruncate(fd, cut), 0);
		struct error err = {0};
		assert_int_equal(limits_read(fixture->root_fd, &shop, &torn, &err), -EBADMSG);
		assert_non_null(strstr(err.text, SHOP_PATH));
	}
	close(fd);
}

#define HEAD "{\"v\":1,\"namespace\":\"shop\",\"owner\":\"web\",\"container\":\"nginx\""

static void shortest_file_is_read(void **state)
{
	const struct fixture *fixture = *state;
	struct limits read;

	fixture_write(fixture->root_fd, SHOP_PATH, HEAD "}");
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, NULL), 0);
	assert_true(read.declared_bytes == UINT64_MAX);
	assert_int_equal(read.enforced_limit_bytes, 0);
}

static void what_a_later_version_adds_to_a_file_of_this_one_is_skipped(void **state)
{
	const struct fixture *fixture = *state;
	struct limits read;

	fixture_write(fixture->root_fd, SHOP_PATH,
		      HEAD
		      ",\"colour\":[1,{\"v\":9}],\"recommended\":{\"limit\":1048576,\"mood\":\"good\"}}");
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, NULL), 0);
	assert_int_equal(read.recommendation.limit_bytes, MIB);
}

static void hostile_file_is_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"", SHOP_PATH},
		{"[]", "object"},
		{"null", SHOP_PATH},
		{"\"v\"", SHOP_PATH},
		{"{}", "has no version"},
		{"{\"v\":0}", "has no version"},
		{"{\"v\":-1}", "v is out of range"},
		{"{\"v\":1.0}", "v is not a whole number"},
		{"{\"v\":\"1\"}", "v is not a whole number"},
		{"{\"v\":1}", "names another workload"},
		{"{\"v\":1,\"v\":1}", "given twice"},
		{HEAD "}}", SHOP_PATH},
		{HEAD "} {}", SHOP_PATH},
		{HEAD ",\"owner\":\"web\"}", "given twice"},
		{HEAD ",\"recommended\":{\"limit\":-5}}", "out of range"},
		{HEAD ",\"recommended\":{\"limit\":1e9}}", "not a whole number"},
		{HEAD ",\"recommended\":{\"limit\":99999999999999999999}}", "out of range"},
		{HEAD ",\"recommended\":{\"limit\":true}}", "not a whole number"},
		{HEAD ",\"recommended\":{\"limit_term\":\"magic\"}}", "not a known name"},
		{HEAD ",\"image_ref\":\"\xff\xfe\"}", SHOP_PATH},
		{HEAD ",\"image_ref\":\"a\\u0000b\"}", "NUL"},
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text_refused(fixture, cases[i].text, EBADMSG, cases[i].part);
}

static void numbers_that_contradict_each_other_are_refused(void **state)
{
	static const char *const limits[] = {
		"\"recommended\":{\"request\":2,\"limit\":1}",
		"\"recommended\":{\"limit\":18446744073709551615}",
		"\"recommended\":{\"limit\":9223372036854775808}",
		"\"recommended\":{\"limit\":5},\"enforced\":{\"limit\":6}",
		"\"enforced\":{\"limit\":6}",
		"\"recommended\":{\"limit\":5},\"enforced\":{\"limit\":4,\"request\":5}",
		"\"recommended\":{\"limit\":5},\"enforced\":{\"limit\":18446744073709551615}",
	};
	static const char *const measurements[] = {
		"\"observed\":{\"avg\":6,\"max\":5}",
		"\"observed\":{\"p95\":6,\"max\":5}",
		"\"observed\":{\"avg\":5,\"p95\":5,\"max\":9223372036854775808}",
	};
	const struct fixture *fixture = *state;
	char text[512];

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		snprintf(text, sizeof text, HEAD ",%s}", limits[i]);
		assert_text_refused(fixture, text, EBADMSG, "its limits contradict each other");
	}
	for (size_t i = 0; i < sizeof measurements / sizeof *measurements; i++) {
		snprintf(text, sizeof text, HEAD ",%s}", measurements[i]);
		assert_text_refused(fixture, text, EBADMSG, "its measurements contradict each other");
	}
}

static void newer_version_is_told_apart_from_a_broken_file(void **state)
{
	const struct fixture *fixture = *state;

	assert_text_refused(fixture, "{\"v\":2,\"limits\":{}}", ENOTSUP, "is of version 2, newer");
	/* also where a field of ours has become another type */
	assert_text_refused(fixture, "{\"v\":3,\"owner\":{\"kind\":\"Deployment\"}}", ENOTSUP,
			    "is of version 3");
	assert_text_refused(fixture, "{\"v\":18446744073709551615}", ENOTSUP, "newer");
}

static void another_workloads_file_is_refused(void **state)
{
	const struct fixture *fixture = *state;

	assert_text_refused(fixture,
			    "{\"v\":1,\"namespace\":\"shop\",\"owner\":\"web\",\"container\":\"php\"}",
			    EBADMSG, SHOP_PATH " names another workload");
	assert_text_refused(fixture,
			    "{\"v\":1,\"namespace\":\"shop\",\"owner\":\"we\",\"container\":\"b/nginx\"}",
			    EBADMSG, "names another workload");
}

static void file_that_is_too_large_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	char text[LIMITS_SIZE_MAX + 1];

	memset(text, ' ', sizeof text);
	memcpy(text, HEAD "}", strlen(HEAD "}"));
	text[LIMITS_SIZE_MAX] = '\0';
	assert_text_refused(fixture, text, EBADMSG, "larger than");
	struct limits read;
	text[LIMITS_SIZE_MAX - 1] = '\0';
	fixture_write(fixture->root_fd, SHOP_PATH, text);
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, NULL), 0);
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
	const struct fixture *fixture = *state;
	struct limits read;
	struct error err;

	alarm(600);
	fixture_directory(fixture->root_fd, SHOP_PATH);
	assert_true(limits_read(fixture->root_fd, &shop, &read, &err) < 0);
	unlinkat(fixture->root_fd, SHOP_PATH, AT_REMOVEDIR);
	assert_int_equal(mkfifoat(fixture->root_fd, SHOP_PATH, 0600), 0);
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, &err), -EBADMSG);
	unlinkat(fixture->root_fd, SHOP_PATH, 0);
	assert_int_equal(symlinkat("/dev/zero", fixture->root_fd, SHOP_PATH), 0);
	assert_int_equal(limits_read(fixture->root_fd, &shop, &read, &err), -ELOOP);
	alarm(0);
}

static void document_full_of_escapes_is_read_back(void **state)
{
	const struct fixture *fixture = *state;
	struct limits limits = published(), read;
	struct error err;

	publish(fixture, &limits);
	memset(limits.image_ref, 1, sizeof limits.image_ref - 1); /* six bytes each, written as \u0001 */
	memset(limits.identity.owner, 'o', 200);
	publish(fixture, &limits);
	assert_int_equal(limits_read(fixture->root_fd, &limits.identity, &read, &err), 0);
	assert_string_equal(read.image_ref, limits.image_ref);
}

static void footprint_is_kept_apart_by_runtime(void **state)
{
	struct limits limits = published();
	(void)state;

	assert_ptr_equal(limits_prestart(&limits, "crun"), &limits.prestart_crun_bytes);
	assert_ptr_equal(limits_prestart(&limits, "runc"), &limits.prestart_runc_bytes);
	assert_null(limits_prestart(&limits, "youki"));
	assert_null(limits_prestart(&limits, ""));
}

/* ---- The walk ---- */

struct seen {
	size_t visits, faults;
	uint64_t revisions; /* sum */
	int stop_at;
	char fault[512];
};

static int on_visit(const struct limits *limits, void *data)
{
	struct seen *seen = data;
	seen->visits++;
	seen->revisions += limits->recommendation.revision;
	return seen->stop_at && (int)seen->visits == seen->stop_at ? 42 : 0;
}

static void on_fault(const char *path, const struct error *err, void *data)
{
	struct seen *seen = data;
	assert_true(err->code > 0);
	assert_true(err->text[0]);
	snprintf(seen->fault, sizeof seen->fault, "%s", path);
	seen->faults++;
}

static void publish_some(const struct fixture *fixture)
{
	static const char *const namespaces[] = {"-", "shop", "kube-system"};
	uint64_t revision = 1;

	for (size_t n = 0; n < 3; n++)
		for (int owner = 0; owner < 3; owner++, revision++) {
			struct limits limits = published();
			limits.identity = (struct identity){.container = "c"};
			strcpy(limits.identity.namespace, namespaces[n]);
			snprintf(limits.identity.owner, sizeof limits.identity.owner, "owner-%d", owner);
			limits.recommendation.revision = revision;
			publish(fixture, &limits);
		}
}

static void walk_meets_every_workload_once(void **state)
{
	const struct fixture *fixture = *state;
	struct seen seen = {0};

	assert_int_equal(limits_each(fixture->root_fd, on_visit, on_fault, &seen), 0);
	assert_int_equal(seen.visits, 0);
	publish_some(fixture);
	assert_int_equal(limits_each(fixture->root_fd, on_visit, on_fault, &seen), 0);
	assert_int_equal(seen.visits, 9);
	assert_int_equal(seen.revisions, 45);
	assert_int_equal(seen.faults, 0);
}

static void walk_over_an_owner_meets_its_containers_alone(void **state)
{
	const struct fixture *fixture = *state;
	const struct identity owner = {.namespace = "shop", .owner = "owner-1", .container = "any"};
	struct identity nobody = {.namespace = "shop", .owner = "owner-7", .container = "any"};
	struct seen seen = {0};

	publish_some(fixture);
	struct limits limits = published();
	limits.identity = owner;
	limits.recommendation.revision = 100;
	publish(fixture, &limits);
	assert_int_equal(limits_each_of(fixture->root_fd, &owner, on_visit, on_fault, &seen), 0);
	assert_int_equal(seen.visits, 2);
	assert_int_equal(seen.revisions, 105);
	assert_int_equal(limits_each_of(fixture->root_fd, &nobody, on_visit, on_fault, &seen), 0);
	assert_int_equal(seen.visits, 2);
	assert_int_equal(seen.faults, 0);
	nobody.owner[0] = '\0';
	assert_int_equal(limits_each_of(fixture->root_fd, &nobody, on_visit, on_fault, &seen), 0);
	assert_int_equal(seen.faults, 1);
	seen = (struct seen){.stop_at = 1};
	assert_int_equal(limits_each_of(fixture->root_fd, &owner, on_visit, on_fault, &seen), 42);
}

static void walk_passes_on_what_a_visit_returns(void **state)
{
	const struct fixture *fixture = *state;
	struct seen seen = {.stop_at = 4};

	publish_some(fixture);
	assert_int_equal(limits_each(fixture->root_fd, on_visit, on_fault, &seen), 42);
	assert_int_equal(seen.visits, 4);
}

static void walk_goes_on_past_what_cannot_be_read(void **state)
{
	const struct fixture *fixture = *state;
	struct seen seen = {0};

	publish_some(fixture);
	fixture_write(fixture->root_fd, "limits/shop/torn/c.json", "{\"v\":1,\"name");
	fixture_write(fixture->root_fd, "limits/shop/newer/c.json", "{\"v\":2}");
	fixture_write(fixture->root_fd, "limits/shop/moved/c.json",
		      "{\"v\":1,\"namespace\":\"shop\",\"owner\":\"owner-0\",\"container\":\"c\"}");
	fixture_write(fixture->root_fd, "limits/a-file", "");
	fixture_write(fixture->root_fd, "limits/shop/another", "");
	fixture_directory(fixture->root_fd, "limits/shop/deep/deeper");
	assert_int_equal(symlinkat("/", fixture->root_fd, "limits/loop"), 0);
	/* What a writer that was killed has left is no fault. */
	fixture_write(fixture->root_fd, "limits/shop/owner-0/.c.json.123.tmp", "{");

	assert_int_equal(limits_each(fixture->root_fd, on_visit, on_fault, &seen), 0);
	assert_int_equal(seen.visits, 9);
	assert_int_equal(seen.revisions, 45);
	assert_int_equal(seen.faults, 7);

	assert_int_equal(limits_each(fixture->root_fd, on_visit, NULL, &seen), 0);
	assert_int_equal(seen.visits, 18);
}

static void removal_leaves_no_directory_but_those_in_use(void **state)
{
	const int root = **(int *const *)state;
	struct limits limits = published(), other = published();
	struct error err;

	strcpy(other.identity.owner, "db");
	assert_int_equal(limits_write(root, &limits, &err), 0);
	assert_int_equal(limits_write(root, &other, &err), 0);
	assert_int_equal(limits_remove(root, &limits.identity, &err), 0);
	assert_int_equal(limits_read(root, &limits.identity, &limits, NULL), -ENOENT);
	assert_int_equal(faccessat(root, "limits/shop/web", F_OK, 0), -1);
	assert_int_equal(limits_read(root, &other.identity, &other, NULL), 0);

	assert_int_equal(limits_remove(root, &other.identity, &err), 0);
	assert_int_equal(faccessat(root, "limits/shop", F_OK, 0), -1);
	assert_int_equal(faccessat(root, "limits", F_OK, 0), 0);
	assert_int_equal(limits_remove(root, &other.identity, &err), 0);
}

static void walk_leaks_nothing(void **state)
{
	const struct fixture *fixture = *state;
	struct seen seen = {0};

	publish_some(fixture);
	int before = dup(0);
	close(before);
	(void)limits_each(fixture->root_fd, on_visit, on_fault, &seen);
	int after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(what_is_published_is_read_back),
		FIXTURE_TEST(what_is_not_known_is_left_out_and_read_back_as_such),
		FIXTURE_TEST(no_limit_that_was_applied_is_read_back),
		FIXTURE_TEST(workload_that_nothing_is_published_of_is_not_there),
		FIXTURE_TEST(file_and_directories_are_for_root_only),
		FIXTURE_TEST(names_of_any_kind_stay_below_their_directory),
		FIXTURE_TEST(names_that_make_no_path_are_refused),
		FIXTURE_TEST(torn_file_is_refused_wherever_it_is_torn),
		FIXTURE_TEST(shortest_file_is_read),
		FIXTURE_TEST(what_a_later_version_adds_to_a_file_of_this_one_is_skipped),
		FIXTURE_TEST(hostile_file_is_refused),
		FIXTURE_TEST(numbers_that_contradict_each_other_are_refused),
		FIXTURE_TEST(newer_version_is_told_apart_from_a_broken_file),
		FIXTURE_TEST(another_workloads_file_is_refused),
		FIXTURE_TEST(file_that_is_too_large_is_refused),
		FIXTURE_TEST(what_is_no_file_is_refused_without_waiting),
		FIXTURE_TEST(document_full_of_escapes_is_read_back),
		cmocka_unit_test(footprint_is_kept_apart_by_runtime),
		FIXTURE_TEST(walk_meets_every_workload_once),
		FIXTURE_TEST(walk_over_an_owner_meets_its_containers_alone),
		FIXTURE_TEST(walk_passes_on_what_a_visit_returns),
		FIXTURE_TEST(walk_goes_on_past_what_cannot_be_read),
		FIXTURE_TEST(removal_leaves_no_directory_but_those_in_use),
		FIXTURE_TEST(walk_leaks_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
