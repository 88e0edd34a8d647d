/* SPDX-License-Identifier: Apache-2.0 */

/* sampler DIRECTORY: what a tick of the daemon's sampler costs for 100, 1,000 and 10,000 cgroups that it makes below
 * this directory of a cgroup v2 tree, beside a bare loop of pread() over the same descriptors that does nothing with
 * what it reads. Each cgroup holds a charge of pages of a memfd and no process. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/sampler.h"

enum {
	CGROUPS_MAX = 10000,
	CHARGE = 32 * 1024,
	ROUNDS_MAX = 40,
	COLD = 16 * 1024 * 1024,
};

static struct sampler sampler;
static struct sampled cgroups[CGROUPS_MAX];
static char text[MEMORY_TEXT_SIZE], cold[COLD];

static double cpu_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Between two ticks of a second others have had the caches. */
static void caches_spoil(void)
{
	for (size_t i = 0; i < sizeof cold; i += 64)
		cold[i]++;
}

static void write_at(int dir_fd, const char *name, const char *value)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err(1, "%s", name);
	(void)close(fd);
}

static unsigned long kib_of(const char *path, const char *key)
{
	char line[256];
	unsigned long kib = 0;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtoul(line + strlen(key), NULL, 10);
	if (file)
		(void)fclose(file);
	return kib;
}

static int cgroup_make(int dir_fd, size_t index, int pages_fd)
{
	static const char pages[CHARGE] = {1};
	char name[32];

	(void)snprintf(name, sizeof name, "c%zu", index);
	if (mkdirat(dir_fd, name, 0755) < 0)
		err(1, "%s", name);
	int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", name);
	write_at(fd, "cgroup.procs", "0");
	if (pwrite(pages_fd, pages, sizeof pages, (off_t)(index * sizeof pages)) != sizeof pages)
		err(1, "cannot charge %s", name);
	return fd;
}

static void tick(size_t n)
{
	struct memory memory;
	struct error error;

	for (size_t i = 0; i < n; i++)
		if (sampler_read(&sampler, &cgroups[i], &memory, &error) != 0)
			errx(1, "cgroup %zu cannot be read", i);
}

/* The reads of the tick before, and nothing else. */
static void floor_tick(size_t n, bool always)
{
	for (size_t i = 0; i < n; i++)
		if (pread(cgroups[i].current_fd, text, sizeof text, 0) <= 0 ||
		    ((always || cgroups[i].readings == 0) && pread(cgroups[i].stat_fd, text, sizeof text, 0) <= 0))
			err(1, "cgroup %zu cannot be read", i);
}

static void due(size_t n)
{
	for (size_t i = 0; i < n; i++)
		cgroups[i].stat_known = false;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, compare);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* always: memory.stat each tick, as if all had changed. Returns µs per container. */
static double measure(size_t n, bool always, const char *name)
{
	/* Each round has the same share of the reads that are due by age: they are spread. */
	const size_t rounds = n > 1000 ? 10 : ROUNDS_MAX;
	double all_ours[ROUNDS_MAX], all_bare[ROUNDS_MAX], ratios[ROUNDS_MAX];

	for (size_t round = 0; round < rounds; round++) {
		if (always)
			due(n);
		caches_spoil();
		double start = cpu_usec();
		tick(n);
		all_ours[round] = cpu_usec() - start;
		caches_spoil();
		start = cpu_usec();
		floor_tick(n, always);
		all_bare[round] = cpu_usec() - start;
		ratios[round] = all_ours[round] / all_bare[round];
	}
	double ours = median(all_ours, rounds), bare = median(all_bare, rounds);
	printf("bench sampler.%zu.%s.us_per_container %.2f us\n", n, name, ours / (double)n);
	printf("bench sampler.%zu.%s.floor_us_per_container %.2f us\n", n, name, bare / (double)n);
	printf("bench sampler.%zu.%s.floor_ratio %.3f ratio\n", n, name, median(ratios, rounds));
	printf("bench sampler.%zu.%s.cpu_pct %.2f %%\n", n, name, ours / 1e6 * 100);
	printf("bench sampler.%zu.%s.rss_kib %lu KiB\n", n, name,
	       kib_of("/proc/self/status", "VmRSS:") - COLD / 1024);
	(void)fflush(stdout);
	return ours / (double)n;
}

int main(int argc, char *argv[])
{
	static const size_t sizes[] = {100, 1000, CGROUPS_MAX};
	const struct rlimit files = {4 * CGROUPS_MAX, 4 * CGROUPS_MAX};
	struct error error;
	double before = 0;
	size_t made = 0;

	if (argc != 2)
		errx(2, "usage: sampler DIRECTORY");
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "cannot have %d files", 4 * CGROUPS_MAX);
	int dir_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pages_fd = memfd_create("charges", MFD_CLOEXEC);
	if (dir_fd < 0 || pages_fd < 0)
		err(1, "%s", argv[1]);
	write_at(dir_fd, "cgroup.subtree_control", "+memory");
	sampler_init(&sampler, SIZE_MAX);
	caches_spoil();
	unsigned long kernel_kib = 0;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		static int dirs[CGROUPS_MAX];
		for (size_t i = made; i < sizes[s]; i++)
			dirs[i] = cgroup_make(dir_fd, i, pages_fd);
		/* Out of them all, so that the last does not pay for what is measured. */
		int root_fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root_fd < 0)
			err(1, "/sys/fs/cgroup");
		write_at(root_fd, "cgroup.procs", "0");
		(void)close(root_fd);

		unsigned long slab = kib_of("/proc/meminfo", "Slab:");
		for (size_t i = made; i < sizes[s]; i++)
			if (sampler_open(&sampler, dirs[i], &cgroups[i], &error) != 0)
				errx(1, "cgroup %zu cannot be opened", i);
		made = sizes[s];
		tick(made);
		kernel_kib += kib_of("/proc/meminfo", "Slab:") - slab;

		double usec = measure(made, false, "pread");
		(void)measure(made, true, "pread_all");
		if (s > 0)
			printf("bench sampler.%zu.pread.growth %.3f ratio\n", made, usec / before);
		before = usec;
	}
	printf("bench sampler.kernel_kib %lu KiB\n", kernel_kib);
	return 0;
}
