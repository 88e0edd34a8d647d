/* SPDX-License-Identifier: Apache-2.0 */

/* sampler ROOT NAME: the cost of a tick of the daemon's sampler for 100, 1,000 and 10,000 cgroups. The
 * program makes the cgroups in the directory NAME below ROOT, the mount of cgroup v2, and removes them at its
 * end. Each cgroup is charged with pages of a memfd and has no process. Two ways are measured, each beside
 * its floor: files that are kept open, beside a bare loop of pread() over the same descriptors; and a census,
 * beside the iterator alone.
 *
 * ROOT may also be the memory controller of cgroup v1: the iterator finds its counters in the same places.
 * Then only the census is measured. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/census_taker.h"
#include "cgroups/sampler.h"

enum {
	CGROUPS_MAX = 10000,
	CHARGE = 32 * 1024,
	ROUNDS_MAX = 40,
	COLD = 64 * 1024 * 1024,
};

/* The same cgroups, read in either way. */
static struct sampler sampler, counter;
static struct sampled cgroups[CGROUPS_MAX], counted[CGROUPS_MAX];
static char paths[CGROUPS_MAX][64];
static struct census_taker *taker;
static struct census census;
static bool is_v2;
static char text[MEMORY_TEXT_SIZE], cold[COLD];

static double cpu_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Between two ticks, one second apart, other programs have used the caches. */
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

static void cgroups_remove(int root_fd, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)unlinkat(root_fd, paths[i] + 1, AT_REMOVEDIR);
	(void)unlinkat(root_fd, name, AT_REMOVEDIR);
}

static void cgroup_make(int dir_fd, size_t index, int pages_fd)
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
	(void)close(fd);
}

static void read_all(struct sampler *by, struct sampled *sampled, size_t n)
{
	struct memory memory;
	struct error error;

	for (size_t i = 0; i < n; i++)
		if (sampler_read(by, &sampled[i], &memory, &error) != 0)
			errx(1, "cgroup %zu cannot be read", i);
}

static void kept_tick(size_t n)
{
	read_all(&sampler, cgroups, n);
}

/* Only the reads of the tick before. */
static void kept_floor(size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pread(cgroups[i].current_fd, text, sizeof text, 0) <= 0 ||
		    (cgroups[i].readings == 0 && pread(cgroups[i].stat_fd, text, sizeof text, 0) <= 0))
			err(1, "cgroup %zu cannot be read", i);
}

static void count(size_t n)
{
	struct error error;

	if (census_take(taker, &census, &error) < 0)
		errx(1, "%s", error.text);
	if (census.count < n)
		errx(1, "%u of %zu cgroups were counted", census.count, n);
	/* memory.stat of v1 means something else, and cannot check the census. */
	census.knows_inactive_file = census.knows_inactive_file || !is_v2;
}

static void counted_tick(size_t n)
{
	count(n);
	counter.census = &census;
	read_all(&counter, counted, n);
	counter.census = NULL;
	census_forget(&census);
}

/* Makes memory.stat due for all cgroups, as if all had changed. */
static void due(struct sampled *sampled, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sampled[i].last.current_bytes = UINT64_MAX / 2;
}

static void kept_due(size_t n)
{
	due(cgroups, n);
}

static void counted_due(size_t n)
{
	due(counted, n);
}

/* Moves all entries since the last census, as if as many new cgroups had come before them. */
static void counted_move(size_t n)
{
	for (size_t i = 0; i < n; i++)
		counted[i].hint = 0;
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

/* A way: the tick that is measured, what is done unmeasured before it, and the floor. Each for n cgroups. */
static const struct way {
	const char *name;
	void (*before)(size_t n), (*tick)(size_t n), (*floor)(size_t n);
	bool by_census;
} ways[] = {
	{"pread", NULL, kept_tick, kept_floor, false},
	{"pread_all", kept_due, kept_tick, kept_floor, false},
	{"bpf", NULL, counted_tick, count, true},
	{"bpf_moved", counted_move, counted_tick, count, true},
	{"bpf_all", counted_due, counted_tick, count, true},
};

#define WAYS_COUNT (sizeof ways / sizeof *ways)

/* Returns µs per container. */
static double measure(size_t n, const struct way *way)
{
	/* The reads that are due by age are spread: each round has the same share of them. */
	const size_t rounds = n > 1000 ? 10 : ROUNDS_MAX;
	double all_ours[ROUNDS_MAX], all_bare[ROUNDS_MAX], ratios[ROUNDS_MAX];

	for (size_t round = 0; round < rounds; round++) {
		if (way->before)
			way->before(n);
		caches_spoil();
		double start = cpu_usec();
		way->tick(n);
		all_ours[round] = cpu_usec() - start;
		caches_spoil();
		start = cpu_usec();
		way->floor(n);
		all_bare[round] = cpu_usec() - start;
		ratios[round] = all_ours[round] / all_bare[round];
	}
	double ours = median(all_ours, rounds), bare = median(all_bare, rounds);
	printf("bench sampler.%zu.%s.us_per_container %.2f us\n", n, way->name, ours / (double)n);
	printf("bench sampler.%zu.%s.floor_us_per_container %.2f us\n", n, way->name, bare / (double)n);
	printf("bench sampler.%zu.%s.floor_ratio %.3f ratio\n", n, way->name, median(ratios, rounds));
	printf("bench sampler.%zu.%s.cpu_pct %.3f %%\n", n, way->name, ours / 1e6 * 100);
	printf("bench sampler.%zu.%s.rss_kib %lu KiB\n", n, way->name,
	       kib_of("/proc/self/status", "VmRSS:") - COLD / 1024);
	(void)fflush(stdout);
	return ours / (double)n;
}

static unsigned long kernel_kib(void)
{
	return kib_of("/proc/meminfo", "Slab:") + kib_of("/proc/meminfo", "VmallocUsed:");
}

static void open_all(struct sampler *by, struct sampled *sampled, size_t from, size_t to)
{
	struct error error;

	for (size_t i = from; i < to; i++)
		if (sampler_open(by, paths[i], &sampled[i], &error) != 0)
			errx(1, "cgroup %zu cannot be opened", i);
}

int main(int argc, char *argv[])
{
	static const size_t sizes[] = {100, 1000, CGROUPS_MAX};
	const struct rlimit files = {4 * CGROUPS_MAX, 4 * CGROUPS_MAX};
	struct error error;
	double before[WAYS_COUNT] = {0};
	unsigned long kept_kib = 0, program_kib = 0;
	size_t made = 0;

	if (argc != 3)
		errx(2, "usage: sampler ROOT NAME");
	int root_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pages_fd = memfd_create("charges", MFD_CLOEXEC);
	if (root_fd < 0 || pages_fd < 0)
		err(1, "%s", argv[1]);
	is_v2 = faccessat(root_fd, "cgroup.controllers", F_OK, 0) == 0;
	if (is_v2 && setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "cannot have %d files", 4 * CGROUPS_MAX);
	if (mkdirat(root_fd, argv[2], 0755) < 0)
		err(1, "%s", argv[2]);
	int dir_fd = openat(root_fd, argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		err(1, "%s", argv[2]);
	if (is_v2)
		write_at(dir_fd, "cgroup.subtree_control", "+memory");
	sampler_init(&sampler, root_fd, SIZE_MAX);
	sampler_init(&counter, root_fd, SIZE_MAX);
	counter.by_census = true;
	caches_spoil();
	program_kib = kernel_kib();
	if (census_taker_open(root_fd, &taker, &error) < 0) {
		printf("# no census: %s\n", error.text);
	} else {
		program_kib = kernel_kib() - program_kib;
		counter.wanted = census_taker_wanted(taker);
		printf("bench sampler.kernel_kib %lu KiB\n", program_kib);
	}
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		const size_t n = sizes[s];
		for (size_t i = made; i < n; i++) {
			cgroup_make(dir_fd, i, pages_fd);
			(void)snprintf(paths[i], sizeof paths[i], "/%.32s/c%zu", argv[2], i);
		}
		/* Leaves the cgroups, so that the last one does not pay for the measurement. */
		write_at(root_fd, "cgroup.procs", "0");

		unsigned long kib = kernel_kib();
		open_all(&sampler, cgroups, made, n);
		if (is_v2)
			kept_tick(n);
		kept_kib += kernel_kib() - kib;
		open_all(&counter, counted, made, n);
		made = n;
		if (taker)
			counted_tick(n);

		for (size_t w = 0; w < WAYS_COUNT; w++) {
			if (ways[w].by_census ? !taker : !is_v2)
				continue;
			double usec = measure(n, &ways[w]);
			if (s > 0)
				printf("bench sampler.%zu.%s.growth %.3f ratio\n", n, ways[w].name,
				       usec / before[w]);
			before[w] = usec;
		}
	}
	if (is_v2)
		printf("bench sampler.pread.kernel_kib %lu KiB\n", kept_kib);
	census_taker_close(taker);
	cgroups_remove(root_fd, argv[2], made);
	return 0;
}
