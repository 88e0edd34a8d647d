/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/instructions.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const instructions_source_names[] = {"none", "callgrind", "perf_event_open"};

#define ARGUMENTS_MAX 32

static void silence(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
}

static int count_by_callgrind(const char *work, const char *path, char *const argv[], uint64_t *ret)
{
	char file[256], option[300], line[256];
	char *with[ARGUMENTS_MAX] = {"valgrind", "--tool=callgrind", option, (char *)path};
	int result = -1;

	(void)snprintf(file, sizeof file, "%s/callgrind", work);
	(void)snprintf(option, sizeof option, "--callgrind-out-file=%s", file);
	for (size_t i = 1; argv[i] && i + 4 < ARGUMENTS_MAX; i++)
		with[i + 3] = argv[i];
	pid_t pid = fork();
	if (pid == 0) {
		silence();
		(void)execvp(with[0], with);
		_exit(126);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		return -1;
	FILE *out = fopen(file, "re");
	while (out && fgets(line, sizeof line, out))
		if (sscanf(line, "totals: %" SCNu64, ret) == 1)
			result = 0;
	if (out)
		(void)fclose(out);
	(void)unlink(file);
	return result;
}

static int count_by_counter(const char *path, char *const argv[], uint64_t *ret)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.enable_on_exec = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int go[2], result = -1;
	char byte = 0;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		silence();
		if (read(go[0], &byte, 1) == 1)
			(void)execv(path, argv);
		_exit(126);
	}
	int fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		(void)!write(go[1], &byte, 1);
	(void)close(go[0]);
	(void)close(go[1]);
	if (waitpid(pid, NULL, 0) == pid && fd >= 0 && read(fd, ret, sizeof *ret) == sizeof *ret && *ret > 0)
		result = 0;
	if (fd >= 0)
		(void)close(fd);
	return result;
}

int instructions_count(enum instructions_source source, const char *work, const char *path,
		       char *const argv[], uint64_t *ret)
{
	switch (source) {
	case INSTRUCTIONS_VALGRIND:
		return count_by_callgrind(work, path, argv, ret);
	case INSTRUCTIONS_COUNTER:
		return count_by_counter(path, argv, ret);
	case INSTRUCTIONS_NONE:
		break;
	}
	return -1;
}

enum instructions_source instructions_probe(const char *work)
{
	char *const argv[] = {"true", NULL};
	uint64_t count;

	for (enum instructions_source source = INSTRUCTIONS_VALGRIND; source <= INSTRUCTIONS_COUNTER;
	     source++)
		if (instructions_count(source, work, "/bin/true", argv, &count) == 0)
			return source;
	return INSTRUCTIONS_NONE;
}
