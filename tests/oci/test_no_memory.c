/* SPDX-License-Identifier: Apache-2.0 */

/* Each allocation of what oci/ does fails in turn. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "oci/annotations.h"
#include "oci/bundle.h"
#include "oci/command.h"
#include "oci/edit.h"
#include "oci/guest.h"
#include "oci/identity.h"
#include "oci/sandbox.h"
#include "oci/sizing.h"
#include "oci/vm.h"
#include "tests/document.h"
#include "tests/failing_malloc.h"
#include "tests/fixture.h"

#define ALLOCATIONS_MAX 1000

/* A string of so many bytes is decoded in memory of its own: it does not fit in what json.c has for the
 * parser. */
#define LONG_STRING 20000

/* {"long":"\n\n\n…","annotations":…}, with room to be edited. */
static char *long_document(void)
{
	static const char tail[] =
		"\",\"annotations\":{\"io.kubernetes.pod.namespace\":\"shop\","
		"\"io.kubernetes.container.name\":\"web\",\"tidemark.dev/mode\":\"obs\\u0065rve\","
		"\"tidemark.dev/overrides\":\"{\\\"web\\\":{\\\"limit\\\":\\\"512Mi\\\"}}\"},"
		"\"linux\":{\"resources\":{\"memory\":{\"limit\":1073741824}}}}";
	char *text = malloc(LONG_STRING + sizeof tail + 16);

	size_t length = (size_t)sprintf(text, "{\"long\":\"");
	for (size_t i = 0; i < LONG_STRING / 2; i++)
		length += (size_t)sprintf(text + length, "\\n");
	strcpy(text + length, tail);
	return text;
}

/* ---- config.json ---- */

struct reading {
	const char *text;
	size_t length;
	struct config config, expected;
	struct error err;
};

static int read_config(void *data)
{
	struct reading *reading = data;

	memset(&reading->config, 0xA5, sizeof reading->config);
	return config_read(reading->text, reading->length, &reading->config, &reading->err);
}

static void check_config(void *data, int result, bool failed)
{
	struct reading *reading = data;
	struct config untouched;

	memset(&untouched, 0xA5, sizeof untouched);
	if (failing_malloc_is_done(result, failed, &reading->err))
		assert_memory_equal(&reading->config, &reading->expected, sizeof untouched);
	else
		assert_memory_equal(&reading->config, &untouched, sizeof untouched);
}

static void config_without_memory_is_an_error_and_touches_nothing(void **state)
{
	static struct reading reading;
	char *text = long_document();
	(void)state;

	reading.text = text;
	reading.length = strlen(text);
	assert_int_equal(config_read(text, reading.length, &reading.expected, &reading.err), 0);
	assert_int_equal(reading.expected.resources.limit_bytes, GIB);
	const struct failing_operation operation = {read_config, check_config, &reading};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 0);
	free(text);
}

/* As CRI-O writes it: the parser's memory lies on the stack. */
static void config_of_the_usual_size_takes_no_memory(void **state)
{
	struct reading reading;
	size_t length;
	(void)state;

	char *text = document_load("container-web.json", &length);
	reading.text = text;
	reading.length = length;
	failing_malloc_begin(1, FAILING_ON);
	const int r = read_config(&reading);
	assert_int_equal(failing_malloc_end(), 0);
	assert_int_equal(r, 0);

	/* Nor does what is made of it. */
	const struct edit_wish wish = {.limit_bytes = 300 * MIB};
	struct identity identity;
	struct edit edit;
	uint64_t bytes;
	char path[1024];
	failing_malloc_begin(1, FAILING_ON);
	const bool known = identity_of(&reading.config, NULL, "id", NULL, &identity);
	const int edited = edit_memory(text, &reading.config.resources, &wish, &edit, &reading.err);
	(void)identity_path(&identity, path, sizeof path);
	(void)sizing_of_config(text, reading.config.args, reading.config.env);
	(void)vm_size_of(text, &reading.config, VM_SIZE_SANDBOX_MEMORY, &bytes, &reading.err);
	(void)vm_declared_of(text, &reading.config);
	(void)vm_overhead_of(text, &reading.config);
	const char *const args[] = {"crun", "--root", "/run/crun", "create", "--bundle", "b", "id", NULL};
	const struct command command = command_parse(7, (char *const *)args);
	assert_int_equal(failing_malloc_end(), 0);
	assert_true(known && edited == 0 && command.verb == VERB_CREATE);
	free(text);
}

static int read_resources(void *data)
{
	struct reading *reading = data;
	return resources_read(reading->text, reading->length, &reading->config.resources, &reading->err);
}

static void check_resources(void *data, int result, bool failed)
{
	const struct reading *reading = data;
	if (failing_malloc_is_done(result, failed, &reading->err))
		assert_int_equal(reading->config.resources.limit_bytes, GIB);
}

static void resources_without_memory_are_an_error(void **state)
{
	static struct reading reading;
	char text[LONG_STRING + 64] = "{\"memory\":{\"limit\":1073741824},\"long\":\"";
	(void)state;

	while (strlen(text) < LONG_STRING)
		strcat(text, "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\");
	strcat(text, "\"}");
	reading.text = text;
	reading.length = strlen(text);
	const struct failing_operation operation = {read_resources, check_resources, &reading};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 0);
}

/* ---- Annotations ---- */

struct asking {
	const char *text;
	struct config config;
	struct annotations annotations;
	size_t n_faults;
	char why[240];
};

static void count_fault(const char *key, const char *why, void *data)
{
	struct asking *asking = data;
	(void)key;
	asking->n_faults++;
	snprintf(asking->why, sizeof asking->why, "%s", why);
}

static int read_annotations(void *data)
{
	struct asking *asking = data;
	asking->n_faults = 0;
	annotations_read(asking->text, &asking->config, &asking->annotations, count_fault, asking);
	return 0;
}

static void check_annotations(void *data, int result, bool failed)
{
	const struct asking *asking = data;
	const bool has_mode = strcmp(asking->annotations.mode, "observe") == 0;
	const bool has_limit = asking->annotations.limit_bytes == 512 * MIB;

	assert_int_equal(result, 0);
	/* Each is understood, or told of and taken as not given. */
	assert_int_equal(asking->n_faults, !has_mode + !has_limit);
	assert_true(has_mode || !asking->annotations.mode[0]);
	assert_true(has_limit || asking->annotations.limit_bytes == 0);
	assert_int_equal(asking->annotations.request_bytes, 0);
	assert_true(failed || asking->n_faults == 0);
	if (asking->n_faults > 0)
		assert_non_null(strstr(asking->why, "memory"));
}

static void annotation_without_memory_is_told_and_not_given(void **state)
{
	static struct asking asking;
	struct error err;
	char *text = long_document();
	(void)state;

	asking.text = text;
	assert_int_equal(config_read(text, strlen(text), &asking.config, &err), 0);
	const struct failing_operation operation = {read_annotations, check_annotations, &asking};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 0);
	free(text);
}

/* ---- Edits and files ---- */

struct editing {
	int bundle_fd;
	char *text;
	size_t length;
	struct error err;
};

static int edit_bundle(void *data)
{
	struct editing *editing = data;
	const struct edit_wish wish = {.limit_bytes = 300 * MIB};
	struct config config;
	struct edit edit;
	char *text = NULL;
	size_t length;

	editing->text = NULL;
	int r = bundle_load_config(editing->bundle_fd, &text, &length, &editing->err);
	if (r == 0)
		r = config_read(text, length, &config, &editing->err);
	if (r == 0)
		r = edit_memory(text, &config.resources, &wish, &edit, &editing->err);
	if (r == 0)
		r = edit_apply(text, length, &edit, &editing->text, &editing->length, &editing->err);
	if (r == 0)
		r = bundle_replace_config(editing->bundle_fd, editing->text, editing->length,
					  &(struct bundle_mark){.limit_bytes = 300 * MIB}, &editing->err);
	free(text);
	return r;
}

static void check_bundle(void *data, int result, bool failed)
{
	struct editing *editing = data;
	char *text;
	size_t length;

	const bool done = failing_malloc_is_done(result, failed, &editing->err);
	/* The file is the new one or the old one. */
	assert_int_equal(bundle_load_config(editing->bundle_fd, &text, &length, &editing->err), 0);
	assert_true((strstr(text, "\"limit\":314572800") != NULL) == done);
	assert_true((strstr(text, "\"limit\":1073741824") != NULL) == !done);
	free(text);
	free(editing->text);
	text = long_document();
	fixture_write(editing->bundle_fd, "config.json", text);
	free(text);
}

static void bundle_without_memory_stays_as_it_is(void **state)
{
	struct editing editing = {.bundle_fd = *(int *)*state};
	char *text = long_document();

	fixture_write(editing.bundle_fd, "config.json", text);
	free(text);
	const struct failing_operation operation = {edit_bundle, check_bundle, &editing};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) >= 3);
}

#define SID "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"

struct finding {
	int run_fd;
	char bundle[300];
	struct sandbox_files files;
	struct error err;
};

static int read_files(void *data)
{
	struct finding *finding = data;
	return sandbox_files_read(finding->run_fd, finding->bundle, SID, &finding->files, &finding->err);
}

/* A file that could not be read tells nothing. */
static void check_files(void *data, int result, bool failed)
{
	const struct finding *finding = data;

	assert_int_equal(result, 0);
	assert_int_equal(finding->files.shim_pid, 4711);
	assert_string_equal(finding->files.address, "/run/s");
	assert_true(finding->files.vmm_pid == 4725 || (failed && finding->files.vmm_pid == 0));
}

static void file_of_a_sandbox_without_memory_tells_nothing(void **state)
{
	const struct fixture *fixture = *state;
	struct finding finding = {.run_fd = fixture->root_fd};

	snprintf(finding.bundle, sizeof finding.bundle, "%s/bundle", fixture->path);
	fixture_write(fixture->root_fd, "bundle/shim.pid", "4711");
	fixture_write(fixture->root_fd, "bundle/address", "unix:///run/s");
	fixture_write(fixture->root_fd, "vc/sbs/" SID "/persist.json",
		      "{\"SandboxContainer\":\"" SID
		      "\",\"HypervisorState\":{\"Type\":\"qemu\",\"Pid\":4725}}");
	const struct failing_operation operation = {read_files, check_files, &finding};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 0);
}

/* ---- What a shim says ---- */

#if HAVE_GUEST

#include "oci/frame.h"

struct answer {
	uint8_t bytes[4096];
	size_t length;
	struct guest_stats stats;
	struct error err;
};

static struct answer answer_load(void)
{
	struct answer answer = {0};
	char path[512];

	snprintf(path, sizeof path, "%s/stats-runc.bin", getenv("TIDEMARK_FIXTURES"));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = read(fd, answer.bytes, sizeof answer.bytes);
	close(fd);
	assert_true(n > 0);
	answer.length = (size_t)n;
	return answer;
}

static int parse_answer(void *data)
{
	struct answer *answer = data;
	memset(&answer->stats, 0xA5, sizeof answer->stats);
	return stats_response_parse(answer->bytes, answer->length, &answer->stats, &answer->err);
}

static void check_answer(void *data, int result, bool failed)
{
	const struct answer *answer = data;
	struct guest_stats untouched;

	memset(&untouched, 0xA5, sizeof untouched);
	if (failing_malloc_is_done(result, failed, &answer->err))
		assert_true(answer->stats.usage_bytes > 0 && answer->stats.usage_bytes < GIB);
	else
		assert_memory_equal(&answer->stats, &untouched, sizeof untouched);
}

static void answer_without_memory_is_no_fault_of_the_shims(void **state)
{
	struct answer answer = answer_load();
	(void)state;

	const struct failing_operation operation = {parse_answer, check_answer, &answer};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 3);
}

struct receiving {
	const struct answer *answer;
	struct frame frame;
	struct error err;
};

static int feed_frame(void *data)
{
	struct receiving *receiving = data;
	uint8_t header[FRAME_HEADER_SIZE];

	receiving->frame = (struct frame){.stream = 1};
	frame_header_pack((uint32_t)receiving->answer->length, 1, FRAME_RESPONSE, header);
	int r = frame_feed(&receiving->frame, header, sizeof header, &receiving->err);
	if (r == 0)
		r = frame_feed(&receiving->frame, receiving->answer->bytes, receiving->answer->length,
			       &receiving->err);
	return r == FRAME_WHOLE ? 0 : r == 0 ? 1 : r;
}

static void check_frame(void *data, int result, bool failed)
{
	struct receiving *receiving = data;
	if (failing_malloc_is_done(result, failed, &receiving->err))
		assert_memory_equal(receiving->frame.data, receiving->answer->bytes,
				    receiving->answer->length);
	frame_clear(&receiving->frame);
}

static void frame_without_memory_is_an_error(void **state)
{
	const struct answer answer = answer_load();
	struct receiving receiving = {.answer = &answer};
	(void)state;

	const struct failing_operation operation = {feed_frame, check_frame, &receiving};
	assert_int_equal(failing_operation_run(&operation, ALLOCATIONS_MAX), 1);
}

struct meeting {
	struct guest *guest;
	struct error err;
};

static int meet_guest(void *data)
{
	struct meeting *meeting = data;
	meeting->guest = NULL;
	return guest_new(&meeting->guest, "unix:///run/s", &meeting->err);
}

static void check_guest(void *data, int result, bool failed)
{
	struct meeting *meeting = data;
	assert_true(failing_malloc_is_done(result, failed, &meeting->err) == (meeting->guest != NULL));
	guest_free(meeting->guest);
}

static void guest_without_memory_is_an_error(void **state)
{
	struct meeting meeting;
	(void)state;

	const struct failing_operation operation = {meet_guest, check_guest, &meeting};
	assert_true(failing_operation_run(&operation, ALLOCATIONS_MAX) > 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_without_memory_is_an_error_and_touches_nothing),
		cmocka_unit_test(config_of_the_usual_size_takes_no_memory),
		cmocka_unit_test(resources_without_memory_are_an_error),
		cmocka_unit_test(annotation_without_memory_is_told_and_not_given),
		FIXTURE_TEST(bundle_without_memory_stays_as_it_is),
		FIXTURE_TEST(file_of_a_sandbox_without_memory_tells_nothing),
#if HAVE_GUEST
		cmocka_unit_test(answer_without_memory_is_no_fault_of_the_shims),
		cmocka_unit_test(frame_without_memory_is_an_error),
		cmocka_unit_test(guest_without_memory_is_an_error),
#endif
	};
	return FAILING_MALLOC_RUN(tests);
}
