/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oci/config.h"

static enum sizing sizing_of(const char *args, const char *env)
{
	char text[4096];
	struct config *config = malloc(sizeof *config);
	struct error err = {0};

	int length = snprintf(text, sizeof text, "{\"process\": {\"env\": %s, \"args\": %s, \"cwd\": \"/\"}}",
			      env, args);
	if (config_read(text, (size_t)length, config, &err) < 0)
		fail_msg("%s", err.text);
	enum sizing sizing = sizing_of_config(text, config->args, config->env);
	free(config);
	return sizing;
}

static void java_is_a_jvm_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(sizing_of("[\"java\",\"-jar\",\"/app.jar\"]", "[]"), SIZING_JVM);
	assert_int_equal(sizing_of("[ \"/opt/java/openjdk/bin/java\", \"-cp\", \"x\" ]", "[]"), SIZING_JVM);
	assert_int_equal(sizing_of("[\"javac\"]", "[]"), SIZING_UNKNOWN);
	assert_int_equal(sizing_of("[\"/java/run\"]", "[]"), SIZING_UNKNOWN);
	assert_int_equal(sizing_of("[\"/bin/echo\",\"java\"]", "[]"), SIZING_UNKNOWN);
}

static void or_by_the_options_of_one(void **state)
{
	static const char *const names[] = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS",
					    "JAVA_OPTS",         "JAVA_OPTIONS",     "CATALINA_OPTS"};
	char env[256];
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(env, sizeof env, "[\"PATH=/bin\", \"%s=-Dx=\\\"y z\\\" -XX:MaxRAMPercentage=75.0\"]",
			 names[i]);
		assert_int_equal(sizing_of("[\"/start.sh\"]", env), SIZING_JVM);
		snprintf(env, sizeof env, "[\"MY_%s=-XX:MaxRAMPercentage=75.0\"]", names[i]);
		assert_int_equal(sizing_of("[\"/start.sh\"]", env), SIZING_UNKNOWN);
	}
	assert_int_equal(sizing_of("[\"sh\",\"-c\",\"exec java -XX:+UseContainerSupport -jar a.jar\"]", "[]"),
			 SIZING_JVM);
	assert_int_equal(sizing_of("[\"/start.sh\"]", "[\"JAVA_OPTS=-server\"]"), SIZING_UNKNOWN);
}

static void whose_heap_is_given_does_not_go_by_the_limit(void **state)
{
	(void)state;
	assert_int_equal(sizing_of("[\"java\",\"-Xmx512m\",\"-jar\",\"/app.jar\"]", "[]"), SIZING_FIXED);
	assert_int_equal(sizing_of("[\"java\",\"-jar\",\"/app.jar\"]", "[\"JAVA_TOOL_OPTIONS=-Xmx1g\"]"),
			 SIZING_FIXED);
	assert_int_equal(
		sizing_of("[\"java\"]", "[\"JAVA_OPTS=-XX:MaxHeapSize=1g -XX:MaxRAMPercentage=75\"]"),
		SIZING_FIXED);
	assert_int_equal(sizing_of("[\"java\",\"-Xms64m\"]", "[]"), SIZING_JVM);
}

static void go_is_told_by_its_variable(void **state)
{
	(void)state;
	assert_int_equal(sizing_of("[\"/app\"]", "[\"A=1\",\"GOMEMLIMIT=400MiB\"]"), SIZING_GO);
	assert_int_equal(sizing_of("[\"/app\"]", "[\"AUTOMEMLIMIT=0.9\"]"), SIZING_GO);
	assert_int_equal(sizing_of("[\"/app\"]", "[\"GOMEMLIMIT=off\"]"), SIZING_UNKNOWN);
	assert_int_equal(sizing_of("[\"/app\"]", "[\"GOMEMLIMIT=\"]"), SIZING_UNKNOWN);
	assert_int_equal(sizing_of("[\"/app\"]", "[\"GOGC=50\",\"X=GOMEMLIMIT=1\"]"), SIZING_UNKNOWN);
	/* Its heap is of a fixed size, whatever the limit. */
	assert_int_equal(sizing_of("[\"node\"]", "[\"NODE_OPTIONS=--max-old-space-size=400\"]"),
			 SIZING_UNKNOWN);
}

static void nothing_tells_nothing(void **state)
{
	(void)state;
	assert_int_equal(sizing_of("[]", "[]"), SIZING_UNKNOWN);
	assert_int_equal(sizing_of("null", "null"), SIZING_UNKNOWN);
	assert_int_equal(sizing_of_config("{}", (struct json_span){0}, (struct json_span){0}),
			 SIZING_UNKNOWN);
	assert_int_equal(sizing_of("[\"\"]", "[\"\", \"=\", \"\\\\\"]"), SIZING_UNKNOWN);
	/* An escaped quote ends no string. */
	assert_int_equal(sizing_of("[\"a\"]", "[\"X=\\\"GOMEMLIMIT=1\"]"), SIZING_UNKNOWN);
}

static void running_process_is_told_by_its_arguments(void **state)
{
	static const char java[] = "/usr/bin/java\0-jar\0a.jar", fixed[] = "java\0-Xmx1g\0-jar\0a.jar",
			  other[] = "grep\0-Xmx1g", cut[] = {'j', 'a', 'v', 'a'};
	(void)state;
	assert_int_equal(sizing_of_command(java, sizeof java), SIZING_JVM);
	assert_int_equal(sizing_of_command(fixed, sizeof fixed), SIZING_FIXED);
	assert_int_equal(sizing_of_command(other, sizeof other), SIZING_UNKNOWN);
	assert_int_equal(sizing_of_command(cut, sizeof cut), SIZING_JVM);
	assert_int_equal(sizing_of_command("", 0), SIZING_UNKNOWN);
}

static void names_go_both_ways(void **state)
{
	(void)state;
	for (int i = 0; sizing_names[i]; i++)
		assert_int_equal(sizing_of_name(sizing_names[i]), i);
	assert_int_equal(sizing_of_name(""), SIZING_UNKNOWN);
	assert_int_equal(sizing_of_name("erlang"), SIZING_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(java_is_a_jvm_by_its_name),
		cmocka_unit_test(or_by_the_options_of_one),
		cmocka_unit_test(whose_heap_is_given_does_not_go_by_the_limit),
		cmocka_unit_test(go_is_told_by_its_variable),
		cmocka_unit_test(nothing_tells_nothing),
		cmocka_unit_test(running_process_is_told_by_its_arguments),
		cmocka_unit_test(names_go_both_ways),
	};
	return cmocka_run_group_tests_name("sizing", tests, NULL, NULL);
}
