/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "oci/command.h"

enum action {
	IS_SWITCH, /* takes no value but one behind '=' */
	TAKES_VALUE,
	SET_ID,
	SET_BUNDLE,
};

/* The flags of containerd's pkg/shim and of the shims in Rust. Those that make the program print something and leave
 * (info, v, version, h, help) are not among them: what we do not know passes through, as the value of a flag that came
 * after our time could not be told from a verb. */
static const struct {
	const char *name;
	enum action action;
} flags[] = {
	{"namespace", TAKES_VALUE},      {"address", TAKES_VALUE},
	{"publish-binary", TAKES_VALUE}, {"id", SET_ID},
	{"bundle", SET_BUNDLE},          {"socket", TAKES_VALUE},
	{"debug-socket", TAKES_VALUE},   {"debug", IS_SWITCH},
};

/* Takes in the flag at argv[*i] and moves *i over its value. Returns false where we do not follow. */
static bool take_flag(struct command *command, int argc, char *const argv[], int *i)
{
	const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1), *value;
	const size_t length = strcspn(name, "=");

	for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
		if (strlen(flags[f].name) != length || memcmp(flags[f].name, name, length) != 0)
			continue;
		if (flags[f].action == IS_SWITCH)
			return true;
		value = name[length] == '=' ? name + length + 1 : ++*i < argc ? argv[*i] : NULL;
		if (!value)
			return false;
		if (flags[f].action == SET_ID)
			command->id = value;
		else if (flags[f].action == SET_BUNDLE)
			command->bundle = value[0] ? value : NULL;
		return true;
	}
	return false;
}

struct command shim_command_parse(int argc, char *const argv[])
{
	const struct command other = {.verb = VERB_OTHER};
	struct command command = other;
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (!take_flag(&command, argc, argv, &i))
			return other;
	}
	/* What follows the verb is not looked at by the shims, either. */
	if (i < argc && strcmp(argv[i], "start") == 0)
		command.verb = VERB_SHIM_START;
	else if (i < argc && strcmp(argv[i], "delete") == 0)
		command.verb = VERB_SHIM_DELETE;
	return command.verb != VERB_OTHER && command.id && command.id[0] ? command : other;
}
