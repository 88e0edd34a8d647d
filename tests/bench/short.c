/* SPDX-License-Identifier: Apache-2.0 */

/* short MIB: a program that lives for a moment in a container of its own. It uses MIB of memory, gives all
 * back, and prints its cgroup's memory.peak and the time taken: "<bytes> <microseconds>". Afterwards it stays
 * far below that peak. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long now_usec(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int argc, char *argv[])
{
	long start_usec = now_usec();
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 4) << 20;
	char text[96];

	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memset(memory, 1, size);
	(void)munmap(memory, size);
	int fd = open("/sys/fs/cgroup/memory.peak", O_RDONLY);
	ssize_t length = read(fd, text, 32);
	if (length < 2)
		return 1;
	length += snprintf(text + length - 1, sizeof text - 32, " %ld\n", now_usec() - start_usec) - 1;
	return write(STDOUT_FILENO, text, (size_t)length) == length ? 0 : 1;
}
