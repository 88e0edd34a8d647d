/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/conmon.h"

#include <stdbool.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/process.h"

/* The most monitors that a call reads (some 20 µs each), and the most containers that a call visits. */
#define LOOKS_MAX 64
#define STEPS_MAX 1024

static int read_status(int dir_fd, struct process_status *ret)
{
	char text[PROCESS_STATUS_SIZE];

	int r = file_read_at(dir_fd, "status", text, sizeof text, NULL, NULL);
	return r < 0 ? r : process_parse_status(text, ret);
}

/* Whether the process is conmon, with the container's id among its arguments. */
static bool is_conmon(int dir_fd, const char *id)
{
	static const char conmon[] = "conmon";
	char arguments[4096];

	const size_t length = process_arguments_at(dir_fd, arguments, sizeof arguments - 1);
	arguments[length] = '\0';
	const char *slash = strrchr(arguments, '/');
	if (strcmp(slash ? slash + 1 : arguments, conmon) != 0)
		return false;
	for (const char *argument = arguments; argument < arguments + length;
	     argument += strlen(argument) + 1)
		if (strcmp(argument, id) == 0)
			return true;
	return false;
}

/* The memory of the init process's parent, if this is conmon; else 0. */
static uint64_t conmon_bytes(int proc_fd, const struct container *container)
{
	struct process_status status;

	cleanup_close int init_fd = process_open(proc_fd, (pid_t)container->pid, NULL);
	if (init_fd < 0 || read_status(init_fd, &status) < 0)
		return 0;
	cleanup_close int parent_fd = process_open(proc_fd, status.parent, NULL);
	if (parent_fd < 0 || !is_conmon(parent_fd, container->id) || read_status(parent_fd, &status) < 0)
		return 0;
	/* Anonymous memory only: all conmons share the pages of their program and libraries. */
	return status.anon_bytes;
}

void conmon_look(struct conmon_walk *walk, const struct registry *registry, int proc_fd,
		 uint64_t interval_usec, uint64_t now_usec)
{
	size_t looks = 0, steps = registry->n_containers < STEPS_MAX ? registry->n_containers : STEPS_MAX;

	for (; steps > 0 && looks < LOOKS_MAX; steps--) {
		if (walk->at >= registry->n_containers)
			walk->at = 0;
		struct container *container = registry->containers[walk->at++];
		if (container->state != LIFE_RUNNING || container->pid == 0 || container->pid > INT32_MAX)
			continue;
		/* Unsigned: a clock that was set back makes it due. */
		if (container->conmon_usec > 0 && now_usec - container->conmon_usec < interval_usec)
			continue;
		container->conmon_usec = now_usec;
		container->conmon_bytes = conmon_bytes(proc_fd, container);
		looks++;
	}
}
