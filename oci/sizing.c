/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/sizing.h"

#include <stdbool.h>
#include <string.h>

const char *const sizing_names[] = {
	[SIZING_UNKNOWN] = "unknown",
	[SIZING_FIXED] = "fixed",
	[SIZING_JVM] = "jvm",
	[SIZING_GO] = "go",
	NULL,
};

#define LOOKED_AT_MAX (64u << 10)

/* Options of a JVM about its heap (docs.oracle.com, "The java Command"). */
static const struct {
	const char *word;
	enum sizing sizing;
} java_options[] = {
	{"-Xmx", SIZING_FIXED},
	{"-XX:MaxHeapSize=", SIZING_FIXED},
	{"-XX:MaxRAM=", SIZING_FIXED}, /* replaces the limit */
	{"-XX:MaxRAMPercentage", SIZING_JVM},
	{"-XX:MaxRAMFraction", SIZING_JVM},
	{"-XX:InitialRAMPercentage", SIZING_JVM},
	{"-XX:+UseContainerSupport", SIZING_JVM},
};

static const struct variable {
	const char *name; /* with "=" at its end */
	size_t length;
	enum sizing sizing;
	bool holds_options;
} variables[] = {
#define VARIABLE(name, sizing, holds_options)                 \
	{                                                     \
		name "=", sizeof(name), sizing, holds_options \
	}
	/* The JVM itself reads the first three, scripts that start it read the others. */
	VARIABLE("JAVA_TOOL_OPTIONS", SIZING_UNKNOWN, true),
	VARIABLE("JDK_JAVA_OPTIONS", SIZING_UNKNOWN, true),
	VARIABLE("_JAVA_OPTIONS", SIZING_UNKNOWN, true),
	VARIABLE("JAVA_OPTS", SIZING_UNKNOWN, true),
	VARIABLE("JAVA_OPTIONS", SIZING_UNKNOWN, true),
	VARIABLE("CATALINA_OPTS", SIZING_UNKNOWN, true),
	VARIABLE("GOMEMLIMIT", SIZING_GO, false),
	VARIABLE("AUTOMEMLIMIT", SIZING_GO, false), /* sets GOMEMLIMIT from the cgroup's limit */
#undef VARIABLE
};

/* The stronger of two judgements. A given heap size wins over all: the limit does not matter then. */
static enum sizing sizing_or(enum sizing a, enum sizing b)
{
	if (a == SIZING_FIXED || b == SIZING_FIXED)
		return SIZING_FIXED;
	return a != SIZING_UNKNOWN ? a : b;
}

enum sizing sizing_of_name(const char *name)
{
	for (int i = 0; sizing_names[i]; i++)
		if (strcmp(sizing_names[i], name) == 0)
			return (enum sizing)i;
	return SIZING_UNKNOWN;
}

/* Options count anywhere in the text: it may be a whole shell command. */
static enum sizing sizing_of_options(const char *text, size_t length)
{
	enum sizing sizing = SIZING_UNKNOWN;

	if (!memmem(text, length, "-X", 2))
		return SIZING_UNKNOWN;
	for (size_t i = 0; i < sizeof java_options / sizeof *java_options; i++)
		if (memmem(text, length, java_options[i].word, strlen(java_options[i].word)))
			sizing = sizing_or(sizing, java_options[i].sizing);
	return sizing;
}

static enum sizing sizing_of_program(const char *path, size_t length)
{
	const char *slash = memrchr(path, '/', length);
	const char *name = slash ? slash + 1 : path;
	size_t name_length = length - (size_t)(name - path);

	return name_length == 4 && memcmp(name, "java", 4) == 0 ? SIZING_JVM : SIZING_UNKNOWN;
}

static enum sizing sizing_of_variable(const char *text, size_t length)
{
	/* A pod may have a hundred variables with addresses of other services. The first
	 * letter excludes most. */
	switch (*text) {
	case 'A':
	case 'C':
	case 'G':
	case 'J':
	case '_':
		break;
	default:
		return SIZING_UNKNOWN;
	}
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const struct variable *variable = &variables[i];
		if (length <= variable->length || memcmp(text, variable->name, variable->length) != 0)
			continue;
		text += variable->length;
		length -= variable->length;
		if (variable->holds_options)
			return sizing_of_options(text, length);
		return length == 3 && memcmp(text, "off", 3) == 0 ? SIZING_UNKNOWN : variable->sizing;
	}
	return SIZING_UNKNOWN;
}

/* The next string between *at and end, without its quotes. Escapes are not decoded: no writer would escape a
 * character of the words above. */
static bool next_string(const char **at, const char *end, const char **ret, size_t *ret_length)
{
	/* Before the quote are only white space and a comma or a bracket. */
	const char *start = *at;
	while (start < end && *start != '"')
		start++;
	if (start == end)
		return false;
	start++;
	for (const char *p = start; (p = memchr(p, '"', (size_t)(end - p))); p++) {
		size_t backslashes = 0;
		while (p - backslashes > start && p[-1 - (ptrdiff_t)backslashes] == '\\')
			backslashes++;
		if (backslashes % 2 > 0)
			continue;
		*at = p + 1;
		*ret = start;
		*ret_length = (size_t)(p - start);
		return true;
	}
	return false;
}

static const char *end_of(const char *text, struct json_span span)
{
	return text + span.at + (span.length < LOOKED_AT_MAX ? span.length : LOOKED_AT_MAX);
}

enum sizing sizing_of_config(const char *text, struct json_span args, struct json_span env)
{
	enum sizing sizing = SIZING_UNKNOWN;
	const char *string, *at = text + args.at, *end = end_of(text, args);
	size_t length;

	for (bool first = true; next_string(&at, end, &string, &length); first = false) {
		if (first)
			sizing = sizing_of_program(string, length);
		sizing = sizing_or(sizing, sizing_of_options(string, length));
	}
	at = text + env.at;
	end = end_of(text, env);
	while (next_string(&at, end, &string, &length))
		sizing = sizing_or(sizing, sizing_of_variable(string, length));
	return sizing;
}

enum sizing sizing_of_command(const char *arguments, size_t length)
{
	/* In another program the same options may mean anything. */
	enum sizing sizing = sizing_of_program(arguments, strnlen(arguments, length));
	return sizing == SIZING_UNKNOWN ? sizing : sizing_or(sizing, sizing_of_options(arguments, length));
}
