/* SPDX-License-Identifier: Apache-2.0 */

/* A stand-in for an OCI runtime, for tests/wrapper: it tells in the file PROBE_REPORT what it was given to
 * see, prints PROBE_STDOUT and PROBE_STDERR, and exits with PROBE_EXIT. */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* Its length and its FNV-1a hash; the text itself where it is short. */
static void report_content(FILE *report, const char *name, int fd)
{
	char buf[65536], shown[4096];
	uint64_t hash = UINT64_C(0xcbf29ce484222325), length = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			hash = (hash ^ (unsigned char)buf[i]) * UINT64_C(0x100000001b3);
		if (length + (uint64_t)n < sizeof shown)
			memcpy(shown + length, buf, (size_t)n);
		length += (uint64_t)n;
	}
	fprintf(report, "%s: %" PRIu64 " bytes, %016" PRIx64 "%s\n", name, length, hash,
		n < 0 ? ", cut off" : "");
	if (length < sizeof shown)
		fprintf(report, "<<%.*s>>\n", (int)length, shown);
}

static void report_config(FILE *report, int argc, char *argv[])
{
	char path[4096];
	const char *bundle = ".";
	struct stat st;

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--bundle") == 0)
			bundle = argv[i + 1];
	snprintf(path, sizeof path, "%s/config.json", bundle);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		fprintf(report, "config.json: none\n");
	else
		report_content(report, "config.json", fd);
	if (fd >= 0)
		close(fd);
}

/* By number: what they are open on differs between two runs. */
static void report_fds(FILE *report)
{
	DIR *dir = opendir("/proc/self/fd");
	for (int fd = 0; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && fd != fileno(report) && (!dir || fd != dirfd(dir)))
			fprintf(report, "fd: %d\n", fd);
	}
	if (dir)
		closedir(dir);
}

static void report_process(FILE *report)
{
	char line[256];
	int signal = 0;
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof line, status))
		if (strncmp(line, "Sig", 3) == 0 || strncmp(line, "PPid", 4) == 0 ||
		    strncmp(line, "Cap", 3) == 0 || strncmp(line, "Umask", 5) == 0 ||
		    strncmp(line, "NoNewPrivs", 10) == 0)
			if (strncmp(line, "SigQ", 4) != 0)
				fputs(line, report);
	if (status)
		fclose(status);
	prctl(PR_GET_PDEATHSIG, &signal);
	fprintf(report, "pdeathsig: %d\nsession: %d\n", signal, (int)getsid(0));
	/* Its caller made it the leader of a group. */
	fprintf(report, "process group: %s\n", getpgrp() == getpid() ? "its own" : "another");
}

static const char *environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value ? value : otherwise;
}

int main(int argc, char *argv[])
{
	struct rlimit size;
	char cwd[4096];

	/* A test may have lowered it, which is not meant for the report. */
	getrlimit(RLIMIT_FSIZE, &size);
	size.rlim_cur = size.rlim_max;
	setrlimit(RLIMIT_FSIZE, &size);

	FILE *report = fopen(environment("PROBE_REPORT", "/dev/null"), "we");
	if (!report)
		return 126;
	report_fds(report);
	for (int i = 0; i < argc; i++)
		fprintf(report, "argv: %s\n", argv[i]);
	for (char **variable = environ; *variable; variable++)
		fprintf(report, "env: %s\n", *variable);
	fprintf(report, "cwd: %s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
	report_process(report);
	report_config(report, argc, argv);
	report_content(report, "stdin", STDIN_FILENO);
	if (fclose(report) != 0)
		return 126;

	fputs(environment("PROBE_STDOUT", ""), stdout);
	fputs(environment("PROBE_STDERR", ""), stderr);
	return atoi(environment("PROBE_EXIT", "0"));
}
