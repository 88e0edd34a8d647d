/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "oci/command.h"

enum action {
	IS_SWITCH, /* has no value, except behind '=' */
	TAKES_VALUE,
	SET_ID,
	SET_BUNDLE,
};

/* The flags of containerd's pkg/shim and of the shims in Rust. Flags that print something and exit (info, v,
 * version, h, help) are not listed. A command line with an unlisted flag is passed on untouched: the value of
 * an unknown flag could look like a verb. */
static const struct {
	const char *name;
	enum action action;
} flags[] = {
	{"namespace", TAKES_VALUE},      {"address", TAKES_VALUE},
	{"publish-binary", TAKES_VALUE}, {"id", SET_ID},
	{"bundle", SET_BUNDLE},          {"socket", TAKES_VALUE},
	{"debug-socket", TAKES_VALUE},   {"debug", IS_SWITCH},
};

/* Reads the flag at argv[*i] and moves *i to its value. Returns false if the command is not to be
 * followed. */
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
	/* The shims ignore what follows the verb, too. */
	if (i < argc && strcmp(argv[i], "start") == 0)
		command.verb = VERB_SHIM_START;
	else if (i < argc && strcmp(argv[i], "delete") == 0)
		command.verb = VERB_SHIM_DELETE;
	return command.verb != VERB_OTHER && command.id && command.id[0] ? command : other;
}
