/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "cgroups/quantity.h"
#include "tests/fixture.h"

#define CONF          "tidemark.conf"
#define DROP_IN(name) "tidemark.conf.d/" name

static struct settings load(const struct fixture *fixture)
{
	struct settings settings;
	struct error err = {0};

	if (settings_load(fixture->root_fd, &settings, &err) < 0)
		fail_msg("%s", err.text);
	return settings;
}

static struct settings load_text(const struct fixture *fixture, const char *text)
{
	fixture_write(fixture->root_fd, CONF, text);
	return load(fixture);
}

static void assert_same(const struct settings *a, const struct settings *b)
{
	char a_text[512], b_text[512];

	for (size_t i = 0; i < settings_count(); i++)
		assert_string_equal(settings_text(a, i, a_text, sizeof a_text),
				    settings_text(b, i, b_text, sizeof b_text));
}

/* Loading must fail with this in the error's text, and leave the caller's settings alone. */
static void assert_refused(const struct fixture *fixture, const char *part)
{
	struct settings settings, before;
	struct error err = {0};

	memset(&settings, 0x5A, sizeof settings);
	before = settings;
	assert_true(settings_load(fixture->root_fd, &settings, &err) < 0);
	assert_true(err.code > 0);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err.text);
	assert_memory_equal(&settings, &before, sizeof settings);
}

static void assert_text_refused(const struct fixture *fixture, const char *text, const char *part)
{
	fixture_write(fixture->root_fd, CONF, text);
	assert_refused(fixture, part);
}

static size_t row_of(const char *section, const char *key)
{
	for (size_t i = 0; i < settings_count(); i++)
		if (strcmp(settings_row(i).section, section) == 0 && strcmp(settings_row(i).key, key) == 0)
			return i;
	fail_msg("no setting [%s] %s", section, key);
	return 0;
}

static void node_without_settings_gets_the_defaults(void **state)
{
	struct settings settings, defaults;
	(void)state;

	settings_default(&defaults);
	assert_int_equal(settings_load(-1, &settings, NULL), 0);
	assert_same(&settings, &defaults);

	settings = load(*state);
	assert_same(&settings, &defaults);
	assert_int_equal(settings.mode, MODE_OBSERVE);
	assert_string_equal(settings.runtime.name, "crun");
	assert_string_equal(settings.runtime.crun, "");
	assert_int_equal(settings.sampling.interval_usec, USEC_PER_SEC);
	assert_int_equal(settings.sampling.long_window_usec, USEC_PER_DAY);
	assert_int_equal(settings.tuner.round_bytes, 16 * MIB);
	assert_true(settings.tuner.hysteresis_ratio == 0.2);
	assert_int_equal(settings.tuner.warmup_samples, 600);
	assert_int_equal(settings.guards.min_bytes, 16 * MIB);
	assert_true(settings.guards.max_change_ratio == 0.3);
	assert_false(settings.guards.allow_raise);
	assert_int_equal(settings.enforce.request, PROTECT_NONE);
	assert_true(settings.enforce.high_ratio == 0);
	assert_false(settings.guards.limit_unlimited);
}

static void every_default_is_accepted_when_it_is_written_out(void **state)
{
	const struct fixture *fixture = *state;
	char text[8192] = "", value[512];
	struct settings defaults;

	settings_default(&defaults);
	for (size_t i = 0; i < settings_count(); i++) {
		struct setting row = settings_row(i);
		size_t used = strlen(text);
		snprintf(text + used, sizeof text - used, "[%s]\n%s = %s\n", row.section, row.key,
			 settings_text(&defaults, i, value, sizeof value));
		assert_true(row.description[0] != '\0');
	}
	struct settings settings = load_text(fixture, text);
	assert_same(&settings, &defaults);
}

static void namespaces_have_settings_of_their_own(void **state)
{
	const struct fixture *fixture = *state;
	struct settings node = load_text(fixture,
					 "[node]\nmode = enforce\n[namespace \"kube-*\"]\nmode = observe\n"
					 "max_change = 10 %\nallow = none\n"
					 "[namespace \"kube-system\"]\nmode = off\n"),
			settings = node;

	assert_int_equal(settings.mode, MODE_ENFORCE);
	settings_for_namespace(&settings, "shop");
	assert_int_equal(settings.mode, MODE_ENFORCE);
	settings_for_namespace(&settings, "kube-public");
	assert_int_equal(settings.mode, MODE_OBSERVE);
	assert_true(settings.guards.max_change_ratio == 0.1);
	assert_int_equal(settings.annotations, 0);
	settings = node;
	settings_for_namespace(&settings, "kube-system");
	assert_int_equal(settings.mode, MODE_OFF);
}

static void namespaces_have_their_own_protection(void **state)
{
	const struct fixture *fixture = *state;
	struct settings settings = load_text(fixture, "[enforce]\nrequest = low\n[namespace \"shop\"]\n"
						      "request = min\nhigh = 90 %\n");

	assert_int_equal(settings.enforce.request, PROTECT_LOW);
	settings_for_namespace(&settings, "other");
	assert_int_equal(settings.enforce.request, PROTECT_LOW);
	assert_true(settings.enforce.high_ratio == 0);
	settings_for_namespace(&settings, "shop");
	assert_int_equal(settings.enforce.request, PROTECT_MIN);
	assert_true(settings.enforce.high_ratio == 0.9);
}

static void bad_sections_of_namespaces_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"[namespace \"a\"]\nmode = never\n", CONF ":2: "},
		{"[namespace \"a\"]\ninterval = 1s\n", "no such setting"},
		{"[namespace \"a\"]\nslot = 15min\n", "no such setting"},
		{"[namespace a]\nmode = off\n", "no such setting"},
		{"[namespace \"\"]\nmode = off\n", "no such setting"},
		{"[namespace \"0123456789012345678901234567890123456789\"]\nmode = off\n",
		 "a section's name"},
		{"[annotations]\nallow = everything\n", "not mode, workload and overrides, or none"},
		{"[annotations]\nallow =\n", "not mode, workload and overrides, or none"},
	};
	const struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_write(fixture->root_fd, CONF, cases[i].text);
		assert_refused(fixture, cases[i].why);
	}
}

static void no_setting_is_listed_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_count(); i++)
		assert_int_equal(row_of(settings_row(i).section, settings_row(i).key), i);
}

static void each_kind_of_value_is_read(void **state)
{
	struct settings settings =
		load_text(*state, "; a comment\n"
				  "[node]\nmode = enforce\n"
				  "[runtime]\ndefault=runc\ncrun = /opt/crun/bin/crun ; another\n"
				  "[sampling]\ninterval = 500ms\nlong_window=2d\n"
				  "[tuner]\nlimit_max_factor = 1.25\nwarmup_samples = 42\n"
				  "# and\n"
				  "[guards]\nmin=24Mi\nmax_change = 20 %\nallow_raise = yes\n");

	assert_int_equal(settings.mode, MODE_ENFORCE);
	assert_string_equal(settings.runtime.name, "runc");
	assert_string_equal(settings.runtime.crun, "/opt/crun/bin/crun");
	assert_int_equal(settings.sampling.interval_usec, 500 * USEC_PER_MSEC);
	assert_int_equal(settings.sampling.long_window_usec, 2 * USEC_PER_DAY);
	assert_true(settings.tuner.limit_max_factor == 1.25);
	assert_int_equal(settings.tuner.warmup_samples, 42);
	assert_int_equal(settings.guards.min_bytes, 24 * MIB);
	assert_true(settings.guards.max_change_ratio == 0.2);
	assert_true(settings.guards.allow_raise);
	assert_false(settings.guards.limit_unlimited);
}

static void sizing_of_virtual_machines_is_read(void **state)
{
	assert_int_equal(load(*state).vm.sizing, VM_SIZING_DYNAMIC);
	assert_int_equal(load_text(*state, "[vm]\nsizing = static\n").vm.sizing, VM_SIZING_STATIC);
	assert_int_equal(load_text(*state, "[vm]\nsizing = default-memory\n").vm.sizing,
			 VM_SIZING_DEFAULT_MEMORY);
}

static void truth_has_the_words_of_systemd(void **state)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"yes", true}, {"no", false},  {"true", true}, {"false", false},
		     {"on", true},  {"off", false}, {"1", true},    {"0", false}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		char text[64];
		snprintf(text, sizeof text, "[guards]\nallow_raise = %s\n", words[i].word);
		assert_int_equal(load_text(*state, text).guards.allow_raise, words[i].value);
	}
}

static void ratio_is_read_with_and_without_percent(void **state)
{
	assert_true(load_text(*state, "[guards]\nmax_change = 20 %\n").guards.max_change_ratio == 0.2);
	assert_true(load_text(*state, "[guards]\nmax_change = 20%\n").guards.max_change_ratio == 0.2);
	assert_true(load_text(*state, "[guards]\nmax_change = 0.2\n").guards.max_change_ratio == 0.2);
}

static void value_of_the_wrong_kind_is_refused_with_what_would_be_right(void **state)
{
	static const struct {
		const char *section, *line, *part;
	} cases[] = {
		{"node", "mode = on", "off, observe or enforce"},
		{"node", "mode = Enforce", "off, observe or enforce"},
		{"node", "mode =", "off, observe or enforce"},
		{"runtime", "default = /usr/bin/crun", "a program's name"},
		{"runtime", "default =", "a program's name"},
		{"runtime", "default = a-name-of-more-than-thirty-one-bytes", "a program's name"},
		{"runtime", "crun = crun", "an absolute path"},
		{"sampling", "interval = 1 fortnight", "a duration"},
		{"sampling", "interval = -1s", "a duration"},
		{"guards", "min = much", "a size"},
		{"guards", "min = -16Mi", "a size"},
		{"guards", "min = 16MiB", "a size"},
		{"guards", "max = 9223372036854775807", "a size"},
		{"guards", "max = 99999999999999999999", "a size"},
		{"guards", "max_change = nan", "a ratio"},
		{"guards", "max_change = inf", "a ratio"},
		{"guards", "max_change = a third", "a ratio"},
		{"guards", "allow_raise = maybe", "yes or no"},
		{"enforce", "request = yes", "none, low or min"},
		{"enforce", "request = 64Mi", "none, low or min"},
		{"enforce", "high = max", "a ratio"},
		{"tuner", "warmup_samples = 1.5", "a whole number"},
		{"tuner", "warmup_samples = 0x10", "a whole number"},
		{"report", "http = 0.0.0.0:9407", "127.0.0.1:PORT"},
		{"report", "http = 192.168.0.1:9407", "127.0.0.1:PORT"},
		{"report", "http = 127.0.0.1", "127.0.0.1:PORT"},
		{"report", "http = 127.0.0.1:", "127.0.0.1:PORT"},
		{"report", "http = 127.0.0.1:0", "127.0.0.1:PORT"},
		{"report", "http = 127.0.0.1:65536", "127.0.0.1:PORT"},
		{"report", "http = 127.0.0.1:9407x", "127.0.0.1:PORT"},
		{"report", "http = [::]:9407", "127.0.0.1:PORT"},
		{"report", "http = localhost:9407", "127.0.0.1:PORT"},
		{"report", "http = 127.0.0.1:0000000000000000000000000009407", "127.0.0.1:PORT"},
		{"report", "textfile = tidemark.prom", "an absolute path"},
		{"vm", "sizing = auto", "dynamic, static or default-memory"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[128];
		snprintf(text, sizeof text, "\n[%s]\n%s\n", cases[i].section, cases[i].line);
		assert_text_refused(*state, text, cases[i].part);
		assert_refused(*state, CONF ":3: [");
	}
}

static void value_out_of_bounds_is_refused(void **state)
{
	static const char *const cases[] = {
		"[sampling]\ninterval = 99ms",
		"[sampling]\ninterval = 2h",
		"[sampling]\nslot = 0",
		"[sampling]\nlong_window = 15d",
		"[tuner]\nrequest_p95_factor = 0.9",
		"[tuner]\nlimit_max_factor = 101",
		"[tuner]\nround = 4Ki",
		"[guards]\nmin = 1023Ki",
		"[guards]\nmax_change = 0",
		"[guards]\nmax_change = 110 %",
		"[tuner]\noom_factor = 0.99",
		"[enforce]\nhigh = 1.01",
		"[enforce]\nhigh = -0.1",
		"[vm]\nmemory_min = 1023Ki",
		"[vm]\ninterval = 999ms",
		"[vm]\ndeadline = 9ms",
		"[vm]\nwaste = 101 %",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text_refused(*state, cases[i], CONF ":2: [");
}

static void bounds_themselves_are_accepted(void **state)
{
	assert_int_equal(load_text(*state, "[sampling]\ninterval = 100ms\n").sampling.interval_usec, 100000);
	assert_int_equal(load_text(*state, "[guards]\nmin = 1Mi\n").guards.min_bytes, MIB);
	assert_true(load_text(*state, "[guards]\nmax_change = 1 %\n").guards.max_change_ratio == 0.01);
	assert_true(load_text(*state, "[guards]\nmax_change = 100 %\n").guards.max_change_ratio == 1);
	assert_true(load_text(*state, "[enforce]\nhigh = 100 %\n").enforce.high_ratio == 1);
	assert_true(load_text(*state, "[enforce]\nhigh = 0\n").enforce.high_ratio == 0);
	assert_int_equal(load_text(*state, "[guards]\nmax = 4611686018427387904\n").guards.max_bytes,
			 UINT64_C(1) << 62);
}

static void unknown_key_or_section_is_an_error_that_names_file_and_line(void **state)
{
	assert_text_refused(*state, "[node]\nmode = observe\nmodes = off\n",
			    CONF ":3: [node] modes: no such setting");
	assert_text_refused(*state, "[nodes]\nmode = off\n", CONF ":2: [nodes] mode: no such setting");
	assert_text_refused(*state, "mode = off\n", CONF ":1: [] mode: no such setting");
	assert_text_refused(*state, "[guards]\nmode = off\n", CONF ":2: [guards] mode: no such setting");
}

static void line_that_is_no_setting_is_an_error(void **state)
{
	assert_text_refused(*state, "[node]\n\nenforce\n", CONF ":3: neither [section] nor key = value");
	assert_text_refused(*state, "[node\nmode = off\n", CONF ":1: neither [section] nor key = value");
}

static void first_error_of_a_file_is_the_one_that_is_told(void **state)
{
	assert_text_refused(*state, "[node]\nwhat\nmode = y\n", CONF ":2: neither [section] nor key = value");
	assert_text_refused(*state, "[node]\nmode = y\nwhat\n", CONF ":2: [node] mode = y: not off");
	assert_text_refused(*state, "[node]\nmode = x\nmode = y\nwhat = z\n", CONF ":2: [node] mode = x");
}

static void indented_lines_are_settings_too(void **state)
{
	struct settings settings =
		load_text(*state, "[guards]\n  min = 2Mi\n\tmax = 2Gi\n  # a comment\n  \n");

	assert_int_equal(settings.guards.min_bytes, 2 * MIB);
	assert_int_equal(settings.guards.max_bytes, 2 * GIB);
	assert_text_refused(*state, "[node]\nmode = observe\n  enforce\n", CONF ":3: neither");
}

static void names_in_an_error_are_cut(void **state)
{
	char text[256] = "[node]\nmode = ";

	memset(text + strlen(text), 'x', 180);
	text[14 + 180] = '\0';
	assert_text_refused(*state, text, CONF ":2: [node] mode = xxx");
}

static void file_with_carriage_returns_is_read(void **state)
{
	struct settings settings =
		load_text(*state, "[node]\r\nmode = enforce\r\n[guards]\r\nmin = 24Mi\r\n");

	assert_int_equal(settings.mode, MODE_ENFORCE);
	assert_int_equal(settings.guards.min_bytes, 24 * MIB);
}

static void file_without_a_last_newline_is_read(void **state)
{
	assert_int_equal(load_text(*state, "[node]\nmode = enforce").mode, MODE_ENFORCE);
}

static void empty_file_is_no_error(void **state)
{
	assert_int_equal(load_text(*state, "").mode, MODE_OBSERVE);
}

/* libinih (55) takes what is behind its 200th byte for another line. */
static void rest_of_a_long_line_is_not_taken_for_a_setting(void **state)
{
	const struct fixture *fixture = *state;
	char text[1024];

	for (int blanks = 150; blanks < 300; blanks++) {
		snprintf(text, sizeof text, "[runtime]\ncrun = /%*smode = enforce\n", blanks, "");
		fixture_write(fixture->root_fd, CONF, text);
		struct settings settings = {0};
		struct error err;
		assert_true(settings_load(fixture->root_fd, &settings, &err) == 0
				    ? strstr(settings.runtime.crun, "mode = enforce") != NULL
				    : strstr(err.text, CONF ":2: a line of more than") != NULL);
	}
	for (int blanks = 150; blanks < 300; blanks++) {
		snprintf(text, sizeof text, "[node]\n# %*smode = enforce\n;%*s[guards]\nmode = off\n", blanks,
			 "", blanks, "");
		assert_int_equal(load_text(fixture, text).mode, MODE_OFF);
	}
}

static void longest_line_is_read_whole(void **state)
{
	char text[1024] = "[runtime]\ncrun = /", path[256] = "/";

	for (size_t i = 1; i < 198 - strlen("crun = "); i++)
		path[i] = 'p';
	snprintf(text, sizeof text, "[runtime]\ncrun = %s\n[node]\nmode = off\n", path);
	struct settings settings = load_text(*state, text);
	assert_string_equal(settings.runtime.crun, path);
	assert_int_equal(settings.mode, MODE_OFF);
	snprintf(text, sizeof text, "[runtime]\ncrun = %sp\n", path);
	assert_text_refused(*state, text, CONF ":2: a line of more than 198 bytes");
}

static void nul_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	static const char text[] = "[node]\nmode = off\n\0mode = enforce\n";

	int fd = openat(fixture->root_fd, CONF, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	assert_refused(fixture, CONF " holds a NUL");
}

static void file_that_is_too_large_is_refused(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, CONF, "[node]\n");
	int fd = openat(fixture->root_fd, CONF, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 65537), 0);
	close(fd);
	assert_refused(fixture, "larger than");
}

static void drop_ins_come_after_the_file_in_the_order_of_their_names(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, CONF, "[guards]\nmin = 1Mi\nmax = 1Gi\n");
	fixture_write(fixture->root_fd, DROP_IN("90-b.conf"), "[guards]\nmin = 4Mi\n");
	fixture_write(fixture->root_fd, DROP_IN("10-a.conf"), "[guards]\nmin = 2Mi\nmax = 2Gi\n");
	fixture_write(fixture->root_fd, DROP_IN("9-c.conf"), "[guards]\nmin = 5Mi\n[node]\nmode = off\n");
	fixture_write(fixture->root_fd, DROP_IN("50.conf"), "[guards]\nmin = 3Mi\n");
	struct settings settings = load(fixture);
	assert_int_equal(settings.guards.min_bytes, 4 * MIB);
	assert_int_equal(settings.guards.max_bytes, 2 * GIB);
	assert_int_equal(settings.mode, MODE_OFF);
}

static void drop_in_alone_will_do(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, DROP_IN("a.conf"), "[node]\nmode = enforce\n");
	assert_int_equal(load(fixture).mode, MODE_ENFORCE);
}

static void other_files_beside_the_drop_ins_are_passed_over(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, DROP_IN("README"), "not settings");
	fixture_write(fixture->root_fd, DROP_IN("a.conf.rpmsave"), "not settings");
	fixture_write(fixture->root_fd, DROP_IN(".a.conf"), "not settings");
	fixture_write(fixture->root_fd, DROP_IN(".conf"), "not settings");
	assert_int_equal(load(fixture).mode, MODE_OBSERVE);
}

static void broken_drop_in_is_named(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, CONF, "[node]\nmode = enforce\n");
	fixture_write(fixture->root_fd, DROP_IN("10-good.conf"), "[guards]\nmin = 2Mi\n");
	fixture_write(fixture->root_fd, DROP_IN("20-bad.conf"), "[guards]\n\nmin = two\n");
	assert_refused(fixture, DROP_IN("20-bad.conf") ":3: [guards] min = two: not a size");
}

static void relation_is_judged_after_all_files_are_read(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, CONF, "[guards]\nmin = 4Gi\nmax = 2Gi\n");
	assert_refused(fixture, "[guards] min is above max");
	fixture_write(fixture->root_fd, DROP_IN("a.conf"), "[guards]\nmax = 8Gi\n");
	assert_int_equal(load(fixture).guards.max_bytes, 8 * GIB);
}

static void settings_that_contradict_each_other_are_refused(void **state)
{
	assert_text_refused(*state, "[tuner]\nrequest_min = 5Gi\n", "request_min is above request_max");
	assert_text_refused(*state, "[tuner]\nlimit_min = 9Gi\n", "limit_min is above limit_max");
	assert_text_refused(*state, "[guards]\nmin = 2Ti\n", "min is above max");
	assert_text_refused(*state, "[sampling]\nslot = 2h\nlong_window = 1h\n",
			    "slot is longer than long_window");
	assert_text_refused(*state, "[sampling]\ninterval = 1min\nslot = 10s\n",
			    "interval is longer than slot");
	assert_text_refused(*state, "[history]\nkeep = 2d\n[sampling]\nlong_window = 3d\n",
			    "long_window is longer than [history] keep");
	assert_text_refused(*state, "[vm]\ninterval = 1s\ndeadline = 2s\n",
			    "deadline is longer than interval");
	assert_text_refused(*state, "[history]\nkeep = 23h\n", "[history] keep = 23h");
	assert_text_refused(*state, "[history]\nsize_max = 1000Ki\n", "[history] size_max = 1000Ki");
}

static void sixty_four_drop_ins_are_read_and_no_more(void **state)
{
	const struct fixture *fixture = *state;
	char name[64], text[64];

	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof name, DROP_IN("%02d.conf"), i);
		snprintf(text, sizeof text, "[guards]\nmin = %dMi\n", i + 1);
		fixture_write(fixture->root_fd, name, text);
	}
	assert_int_equal(load(fixture).guards.min_bytes, 64 * MIB);
	fixture_write(fixture->root_fd, DROP_IN("64.conf"), "");
	assert_refused(fixture, "holds more than 64 files");
}

static void drop_in_with_the_longest_name_is_read(void **state)
{
	const struct fixture *fixture = *state;
	char name[512] = DROP_IN("");

	memset(name + strlen(name), 'n', 250);
	strcpy(name + strlen(DROP_IN("")) + 250, ".conf");
	fixture_write(fixture->root_fd, name, "[node]\nmode = off\n");
	assert_int_equal(load(fixture).mode, MODE_OFF);
}

static void fifo_is_refused_without_waiting_for_a_writer(void **state)
{
	const struct fixture *fixture = *state;

	assert_int_equal(mkfifoat(fixture->root_fd, CONF, 0600), 0);
	alarm(600);
	assert_refused(fixture, CONF);
	unlinkat(fixture->root_fd, CONF, 0);
	fixture_directory(fixture->root_fd, "tidemark.conf.d");
	assert_int_equal(mkfifoat(fixture->root_fd, DROP_IN("a.conf"), 0600), 0);
	assert_refused(fixture, DROP_IN("a.conf"));
	alarm(0);
}

static void directory_in_place_of_a_file_is_refused(void **state)
{
	const struct fixture *fixture = *state;

	fixture_directory(fixture->root_fd, CONF);
	assert_refused(fixture, CONF " is not a regular file");
}

static void file_in_place_of_the_directory_is_refused(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, "tidemark.conf.d", "");
	assert_refused(fixture, "cannot open tidemark.conf.d");
}

static void symbolic_link_is_followed(void **state)
{
	const struct fixture *fixture = *state;
	struct settings settings;
	struct error err;

	fixture_write(fixture->root_fd, "elsewhere", "[node]\nmode = enforce\n");
	assert_int_equal(symlinkat("elsewhere", fixture->root_fd, CONF), 0);
	assert_int_equal(settings_load(fixture->root_fd, &settings, &err), 0);
	assert_int_equal(settings.mode, MODE_ENFORCE);
	unlinkat(fixture->root_fd, CONF, 0);
	assert_int_equal(symlinkat("/dev/zero", fixture->root_fd, CONF), 0);
	assert_int_equal(settings_load(fixture->root_fd, &settings, &err), -EINVAL);
	unlinkat(fixture->root_fd, CONF, 0);
	assert_int_equal(symlinkat(CONF, fixture->root_fd, CONF), 0);
	assert_int_equal(settings_load(fixture->root_fd, &settings, &err), -ELOOP);
}

static void file_that_may_not_be_read_is_refused(void **state)
{
	const struct fixture *fixture = *state;

	fixture_write(fixture->root_fd, CONF, "");
	assert_int_equal(fchmodat(fixture->root_fd, CONF, 0, 0), 0);
	assert_int_equal(fchmod(fixture->root_fd, 0755), 0);
	const uid_t user = geteuid();
	if (user == 0)
		assert_int_equal(seteuid(65534), 0); /* root may */
	assert_refused(fixture, "cannot open " CONF);
	assert_int_equal(seteuid(user), 0);
}

static void shown_values_are_read_as_the_same(void **state)
{
	static const struct {
		const char *section, *key, *value, *shown;
	} cases[] = {
		{"node", "mode", "enforce", "enforce"},
		{"runtime", "runc", "/usr/sbin/runc", "/usr/sbin/runc"},
		{"guards", "min", "32Mi", "32Mi"},
		{"guards", "min", "33554433", "33554433"},
		{"guards", "min", "100M", "100000000"},
		{"guards", "allow_raise", "on", "yes"},
		{"guards", "max_change", "25 %", "0.25"},
		{"tuner", "cooldown", "1800s", "30min"},
		{"tuner", "cooldown", "90min", "5400000000us"},
		{"tuner", "cooldown", "1500ms", "1.5s"},
		{"tuner", "cooldown", "0", "0s"},
		{"tuner", "warmup_samples", "7", "7"},
		{"report", "http", "127.0.0.1:65535", "127.0.0.1:65535"},
		{"report", "http", "[::1]:9407", "[::1]:9407"},
		{"report", "http", "", ""},
	};
	char text[512], shown[256];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t row = row_of(cases[i].section, cases[i].key);
		snprintf(text, sizeof text, "[%s]\n%s = %s\n", cases[i].section, cases[i].key,
			 cases[i].value);
		struct settings first = load_text(*state, text);
		assert_string_equal(settings_text(&first, row, shown, sizeof shown), cases[i].shown);
		snprintf(text, sizeof text, "[%s]\n%s = %s\n", cases[i].section, cases[i].key, shown);
		struct settings second = load_text(*state, text);
		assert_same(&first, &second);
	}
}

static void what_names_the_runtimes_is_salvaged_from_a_broken_file(void **state)
{
	const struct fixture *fixture = *state;
	struct settings settings, expected;

	fixture_write(fixture->root_fd, CONF,
		      "[node]\nmode = enforce\nwhat = ever\n[runtime]\ndefault = runc\ncrun = crun\nrunc = "
		      "/opt/runc\n");
	fixture_write(fixture->root_fd, DROP_IN("a.conf"), "nonsense\n");
	fixture_write(fixture->root_fd, DROP_IN("b.conf"),
		      "[runtime]\ncrun = /opt/crun\n[guards]\nallow_raise=yes\n");
	assert_refused(fixture, CONF ":3:");

	settings_salvage(fixture->root_fd, &settings);
	settings_default(&expected);
	strcpy(expected.runtime.name, "runc");
	strcpy(expected.runtime.crun, "/opt/crun");
	strcpy(expected.runtime.runc, "/opt/runc");
	assert_same(&settings, &expected);
}

static void nothing_to_salvage_leaves_the_defaults(void **state)
{
	struct settings settings, defaults;
	(void)state;

	settings_default(&defaults);
	settings_salvage(-1, &settings);
	assert_same(&settings, &defaults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(node_without_settings_gets_the_defaults),
		FIXTURE_TEST(every_default_is_accepted_when_it_is_written_out),
		cmocka_unit_test(no_setting_is_listed_twice),
		FIXTURE_TEST(each_kind_of_value_is_read),
		FIXTURE_TEST(sizing_of_virtual_machines_is_read),
		FIXTURE_TEST(truth_has_the_words_of_systemd),
		FIXTURE_TEST(ratio_is_read_with_and_without_percent),
		FIXTURE_TEST(value_of_the_wrong_kind_is_refused_with_what_would_be_right),
		FIXTURE_TEST(value_out_of_bounds_is_refused),
		FIXTURE_TEST(bounds_themselves_are_accepted),
		FIXTURE_TEST(unknown_key_or_section_is_an_error_that_names_file_and_line),
		FIXTURE_TEST(line_that_is_no_setting_is_an_error),
		FIXTURE_TEST(first_error_of_a_file_is_the_one_that_is_told),
		FIXTURE_TEST(indented_lines_are_settings_too),
		FIXTURE_TEST(names_in_an_error_are_cut),
		FIXTURE_TEST(file_with_carriage_returns_is_read),
		FIXTURE_TEST(file_without_a_last_newline_is_read),
		FIXTURE_TEST(empty_file_is_no_error),
		FIXTURE_TEST(rest_of_a_long_line_is_not_taken_for_a_setting),
		FIXTURE_TEST(longest_line_is_read_whole),
		FIXTURE_TEST(nul_is_refused),
		FIXTURE_TEST(file_that_is_too_large_is_refused),
		FIXTURE_TEST(drop_ins_come_after_the_file_in_the_order_of_their_names),
		FIXTURE_TEST(drop_in_alone_will_do),
		FIXTURE_TEST(other_files_beside_the_drop_ins_are_passed_over),
		FIXTURE_TEST(broken_drop_in_is_named),
		FIXTURE_TEST(relation_is_judged_after_all_files_are_read),
		FIXTURE_TEST(settings_that_contradict_each_other_are_refused),
		FIXTURE_TEST(sixty_four_drop_ins_are_read_and_no_more),
		FIXTURE_TEST(drop_in_with_the_longest_name_is_read),
		FIXTURE_TEST(fifo_is_refused_without_waiting_for_a_writer),
		FIXTURE_TEST(directory_in_place_of_a_file_is_refused),
		FIXTURE_TEST(file_in_place_of_the_directory_is_refused),
		FIXTURE_TEST(namespaces_have_settings_of_their_own),
		FIXTURE_TEST(namespaces_have_their_own_protection),
		FIXTURE_TEST(bad_sections_of_namespaces_are_refused),
		FIXTURE_TEST(symbolic_link_is_followed),
		FIXTURE_TEST(file_that_may_not_be_read_is_refused),
		FIXTURE_TEST(shown_values_are_read_as_the_same),
		FIXTURE_TEST(what_names_the_runtimes_is_salvaged_from_a_broken_file),
		cmocka_unit_test(nothing_to_salvage_leaves_the_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
