/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "oci/command.h"
#include "oci/shim.h"

#define ARGUMENTS_MAX 64

static bool lies_in(const char *value, char *const argv[], int argc)
{
	for (int i = 1; i < argc; i++)
		if (value >= argv[i] && value <= argv[i] + strlen(argv[i]))
			return true;
	return false;
}

/* The arguments, with the program's own name, are the input's lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGUMENTS_MAX + 1] = {NULL}, name[32];
	int argc = 0;
	cleanup_free char *text = malloc(size + 1), *before = malloc(size + 1);

	if (!text || !before)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = text; line && size > 0 && argc < ARGUMENTS_MAX;)
		argv[argc++] = strsep(&line, "\n");
	memcpy(before, text, size + 1);

	const char *program = argc > 0 ? shim_from_program(argv[0]) : NULL;
	if (program) {
		ENSURE(program >= argv[0] && program <= argv[0] + strlen(argv[0]));
		shim_name_of(program, name, sizeof name);
		ENSURE(strlen(name) < sizeof name && strncmp(program, name, strlen(name)) == 0);
		ENSURE(shim_kind_of(name)->pattern[0]);
	}
	struct command command = shim_command_parse(argc, argv);
	ENSURE(memcmp(before, text, size + 1) == 0);
	ENSURE(!command.pid_file && !command.resources && !command.force);
	if (command.verb == VERB_OTHER) {
		ENSURE(!command.id && !command.bundle);
		return 0;
	}
	ENSURE(command.verb == VERB_SHIM_START || command.verb == VERB_SHIM_DELETE);
	ENSURE(command.id && command.id[0] && lies_in(command.id, argv, argc));
	ENSURE(!command.bundle || (command.bundle[0] && lies_in(command.bundle, argv, argc)));
	return 0;
}
