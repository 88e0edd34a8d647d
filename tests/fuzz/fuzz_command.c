/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "oci/command.h"

#define ARGUMENTS_MAX 64

static bool lies_in(const char *value, char *const argv[], int argc)
{
	for (int i = 0; i < argc; i++)
		if (value >= argv[i] && value <= argv[i] + strlen(argv[i]))
			return true;
	return false;
}

/* The arguments are the input's lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGUMENTS_MAX + 1] = {NULL};
	int argc = 0;
	cleanup_free char *text = malloc(size + 1), *before = malloc(size + 1);

	if (!text || !before)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = text; line && size > 0 && argc < ARGUMENTS_MAX;)
		argv[argc++] = strsep(&line, "\n");
	memcpy(before, text, size + 1);

	struct command command = command_parse(argc, argv);
	ENSURE(memcmp(before, text, size + 1) == 0);
	if (command.verb == VERB_OTHER) {
		ENSURE(!command.id && !command.bundle && !command.resources);
		return 0;
	}
	ENSURE(command.id && command.id[0] && lies_in(command.id, argv, argc));
	ENSURE(!command.bundle || lies_in(command.bundle, argv, argc));
	ENSURE(!command.pid_file || lies_in(command.pid_file, argv, argc));
	if (command.resources) {
		/* hand_on_resources() of the wrapper replaces the end of that argument. */
		const char *argument = argv[command.resources_index];
		ENSURE(command.verb == VERB_UPDATE);
		ENSURE(command.resources >= argument && command.resources <= argument + strlen(argument));
	}
	bool has_exec = false;
	for (int i = 1; i < argc && argv[i] != command.id; i++)
		has_exec |= strcmp(argv[i], "exec") == 0 && argv[i - 1][0] != '-';
	ENSURE(!has_exec);
	return 0;
}
