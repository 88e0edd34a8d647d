/* The stand-in for a shim (standin_shim.c) as a program, for tests of the system: it is not a shim.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/standin_shim.h"

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: standin_shim [OPTION...] SOCKET FIGURES\n"
	"SOCKET: a path, or @name; FIGURES: a file, read before each answer, with lines\n"
	"    ID usage=BYTES [limit=…] [anon=…] [file=…] [kernel=…] [inactive_file=…] [swap=…]\n"
	"    fault NAME\n"
	"    delay MSEC\n"
	"  --v1         figures in cgroup v1's terms, as kata's runtime-rs has them\n"
	"  --prefix     their type with type.googleapis.com/ before it\n"
	"  --task-v3    has only containerd.task.v3.Task\n"
	"  --log FILE   a line for each request, \"overlap\" before it if another one was not answered yet\n"
	"faults:";

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"v1", no_argument, NULL, '1'},
		{"prefix", no_argument, NULL, 'p'},
		{"task-v3", no_argument, NULL, '3'},
		{"log", required_argument, NULL, 'l'},
		{0},
	};
	struct standin standin = {.log_fd = -1};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		switch (option) {
		case '1':
			standin.v1 = true;
			break;
		case 'p':
			standin.prefix = true;
			break;
		case '3':
			standin.task_v3 = true;
			break;
		case 'l':
			standin.log_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
			if (standin.log_fd < 0)
				err(1, "%s", optarg);
			break;
		default:
			return 2;
		}
	if (argc - optind != 2) {
		(void)fputs(usage, stderr);
		for (int i = 0; i < STANDIN_FAULTS; i++)
			(void)fprintf(stderr, " %s", standin_fault_names[i]);
		(void)fputc('\n', stderr);
		return 2;
	}
	standin.figures_path = argv[optind + 1];
	int fd = standin_listen(argv[optind], 16);
	if (fd < 0)
		err(1, "%s", argv[optind]);
	standin_serve(&standin, fd);
}
