/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/command.h"

#include <stddef.h>
#include <string.h>

enum action {
	TAKES_VALUE = 1, /* has a value that we do not need */
	SET_BUNDLE,
	SET_PID_FILE,
	SET_RESOURCES,
	SET_FORCE, /* has no value */
	GIVE_UP,   /* the command means something that we do not follow: VERB_OTHER */
};

struct option {
	const char *name; /* the long name, or one letter for a short one */
	enum action action;
};

/* Options before the verb that have a value. crun: libcrun's main; runc: its global flags. */
static const struct option global_options[] = {
	{"root", TAKES_VALUE},           {"log", TAKES_VALUE},
	{"log-format", TAKES_VALUE},     {"log-level", TAKES_VALUE},
	{"cgroup-manager", TAKES_VALUE}, {"criu", TAKES_VALUE},
	{"rootless", TAKES_VALUE},       {0},
};

static const struct option create_options[] = {
	{"bundle", SET_BUNDLE},
	{"b", SET_BUNDLE},
	{"pid-file", SET_PID_FILE},
	{"console-socket", TAKES_VALUE},
	{"preserve-fds", TAKES_VALUE},
	{"pidfd-socket", TAKES_VALUE},
	{"config", GIVE_UP}, /* crun: reads another file than config.json */
	{"f", GIVE_UP},
	/* restore */
	{"image-path", TAKES_VALUE},
	{"work-path", TAKES_VALUE},
	{"parent-path", TAKES_VALUE},
	{"manage-cgroups-mode", TAKES_VALUE},
	{"empty-ns", TAKES_VALUE},
	{"status-fd", TAKES_VALUE},
	{"lsm-profile", TAKES_VALUE},
	{"lsm-mount-context", TAKES_VALUE},
	{"page-server", TAKES_VALUE},
	{0},
};

/* A memory option on the command line was typed by a person: such an update is passed on untouched. */
static const struct option update_options[] = {
	{"resources", SET_RESOURCES},
	{"r", SET_RESOURCES},
	{"memory", GIVE_UP},
	{"memory-swap", GIVE_UP},
	{"blkio-weight", TAKES_VALUE},
	{"cpu-period", TAKES_VALUE},
	{"cpu-quota", TAKES_VALUE},
	{"cpu-burst", TAKES_VALUE},
	{"cpu-share", TAKES_VALUE},
	{"cpu-shares", TAKES_VALUE},
	{"cpu-rt-period", TAKES_VALUE},
	{"cpu-rt-runtime", TAKES_VALUE},
	{"cpu-idle", TAKES_VALUE},
	{"cpuset-cpus", TAKES_VALUE},
	{"cpuset-mems", TAKES_VALUE},
	{"kernel-memory", TAKES_VALUE},
	{"kernel-memory-tcp", TAKES_VALUE},
	{"memory-reservation", TAKES_VALUE},
	{"pids-limit", TAKES_VALUE},
	{"l3-cache-schema", TAKES_VALUE},
	{"mem-bw-schema", TAKES_VALUE},
	{0},
};

static const struct option delete_options[] = {
	{"force", SET_FORCE}, {"f", SET_FORCE},
	{"regex", GIVE_UP}, /* crun: many containers by a pattern */
	{"r", GIVE_UP},       {0},
};

static const struct option no_options[] = {{0}};

/* With one of these, at any place, the runtime prints something and exits. */
static const struct option probe_options[] = {
	{"help", GIVE_UP},    {"h", GIVE_UP}, {"usage", GIVE_UP}, {"?", GIVE_UP},
	{"version", GIVE_UP}, {"v", GIVE_UP}, {"V", GIVE_UP},     {0},
};

static const struct {
	const char *name;
	enum verb verb;
	const struct option *options;
} verbs[] = {
	{"create", VERB_CREATE, create_options},   {"run", VERB_RUN, create_options},
	{"restore", VERB_RESTORE, create_options}, {"start", VERB_START, no_options},
	{"update", VERB_UPDATE, update_options},   {"delete", VERB_DELETE, delete_options},
};

static const struct option *option_find(const struct option *options, const char *name, size_t length)
{
	for (const struct option *o = options; o->name; o++)
		if (strlen(o->name) == length && memcmp(o->name, name, length) == 0)
			return o;
	return NULL;
}

/* crun accepts "--bun" for "--bundle". */
static bool option_is_abbreviated(const struct option *options, const char *name, size_t length)
{
	for (const struct option *o = options; o->name; o++)
		if (strncmp(o->name, name, length) == 0)
			return true;
	return false;
}

/* Reads the option at argv[*i] and moves *i to its value. An unknown option counts as one without a value.
 * Returns false if the command is not to be followed. */
static bool command_take_option(struct command *command, const struct option *options, int argc,
				char *const argv[], int *i)
{
	const bool is_long = argv[*i][1] == '-';
	const char *name = argv[*i] + (is_long ? 2 : 1);
	size_t length = strcspn(name, "=");
	int value_index = *i;

	if (option_find(probe_options, name, length))
		return false;
	const struct option *option = option_find(options, name, length);
	if (!option && is_long)
		return !option_is_abbreviated(options, name, length);
	/* runc accepts "-bundle" for "--bundle". crun accepts a value right behind a letter: "-bDIR". Letters
	 * may also be joined, but no two letters known here are. */
	if (!option && length > 1) {
		length = 1;
		option = option_find(options, name, length);
		if (!option || option->action == SET_FORCE)
			return false;
	}
	if (!option)
		return true;
	if (option->action == SET_FORCE) {
		command->force = true;
		return name[length] == '\0'; /* runc has "--force=false" */
	}

	const char *value = name + length + (name[length] == '=');
	if (name[length] == '\0') {
		value_index = ++*i;
		if (value_index >= argc)
			return false;
		value = argv[value_index];
	}

	switch (option->action) {
	case SET_BUNDLE:
		command->bundle = value;
		break;
	case SET_PID_FILE:
		command->pid_file = value;
		break;
	case SET_RESOURCES:
		command->resources = value;
		command->resources_index = value_index;
		break;
	case GIVE_UP:
		return false;
	case TAKES_VALUE:
	case SET_FORCE:
		break;
	}
	return true;
}

struct command command_parse(int argc, char *const argv[])
{
	const struct command other = {.verb = VERB_OTHER};
	struct command command = other;
	const struct option *options = NULL;
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (!command_take_option(&command, global_options, argc, argv, &i))
			return other;
	}
	if (i >= argc)
		return other;

	for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++)
		if (strcmp(argv[i], verbs[v].name) == 0) {
			command.verb = verbs[v].verb;
			options = verbs[v].options;
		}
	if (!options)
		return other;

	bool only_operands = false;
	for (i++; i < argc; i++) {
		if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0') {
			/* The id is the only operand. With runc, options may stand behind it. */
			if (command.id || argv[i][0] == '\0')
				return other;
			command.id = argv[i];
		} else if (strcmp(argv[i], "--") == 0) {
			only_operands = true;
		} else if (!command_take_option(&command, options, argc, argv, &i)) {
			return other;
		}
	}
	return command.id ? command : other;
}
