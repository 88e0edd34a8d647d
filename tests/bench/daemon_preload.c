/* SPDX-License-Identifier: Apache-2.0 */

/* For the daemon of tests/bench/daemon.c, by LD_PRELOAD.
 *
 * The time of day is ahead by the seconds in the file TIDEMARK_BENCH_CLOCK. With TIDEMARK_BENCH_V1, the
 * root of a memory hierarchy of cgroup v1, files of cgroup v2 are found under the names of v1. Where v1 has
 * no such file, another file of the same directory stands in: a kernel's file is opened, watched and read
 * all the same. */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const int64_t *offset_sec;
static bool is_v1;
static struct stat v1_root;

static const struct {
	const char *v2, *v1;
} names[] = {
	{"memory.current", "memory.usage_in_bytes"},   {"memory.peak", "memory.max_usage_in_bytes"},
	{"memory.max", "memory.limit_in_bytes"},       {"memory.events", "memory.oom_control"},
	{"memory.events.local", "memory.oom_control"}, {"cgroup.type", "cgroup.clone_children"},
	{"cgroup.events", "notify_on_release"},
};

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("TIDEMARK_BENCH_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (mapped == MAP_FAILED)
		abort();
	offset_sec = mapped;
	const char *root = getenv("TIDEMARK_BENCH_V1");
	is_v1 = root && stat(root, &v1_root) == 0;
	(void)close(fd);
}

/* The path, or in its place what v1 has. */
static const char *translated(const char *path, char buf[static 256])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; is_v1 && i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i].v2) == 0) {
			(void)snprintf(buf, 256, "%.*s%s", (int)(name - path), path, names[i].v1);
			return buf;
		}
	return path;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*next)(clockid_t clock, struct timespec * now);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
	int r = next(clock, now);
	if (clock == CLOCK_REALTIME)
		now->tv_sec += __atomic_load_n(offset_sec, __ATOMIC_RELAXED);
	return r;
}

/* The root's memory.stat with the key that the census is held against. What v1 calls inactive_file is of
 * one cgroup without those below. Returns -1 for any other file. */
static int open_root_stat(int dir_fd, const char *path)
{
	char text[8192], *at;
	struct stat st;

	if (!is_v1 || strcmp(path, "memory.stat") != 0 || fstat(dir_fd, &st) < 0 ||
	    st.st_dev != v1_root.st_dev || st.st_ino != v1_root.st_ino)
		return -1;
	(void)snprintf(text, sizeof text, "%s/memory.stat", getenv("TIDEMARK_BENCH_V1"));
	int fd = open(text, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (!(at = strstr(text, "total_inactive_file ")))
		return -1;
	at += strlen("total_");
	at[strcspn(at, "\n") + 1] = '\0';
	int made_fd = memfd_create("memory.stat", MFD_CLOEXEC);
	if (made_fd >= 0 && pwrite(made_fd, at, strlen(at), 0) < 0)
		abort();
	return made_fd;
}

static int open_translated(const char *symbol, int dir_fd, const char *path, int flags, mode_t mode)
{
	char buf[256];
	int (*next)(int dir_fd, const char *path, int flags, ...);

	*(void **)&next = dlsym(RTLD_NEXT, symbol);
	int fd = open_root_stat(dir_fd, path);
	return fd >= 0 ? fd : next(dir_fd, translated(path, buf), flags, mode);
}

#define OPENAT(name)                                                                         \
	int name(int dir_fd, const char *path, int flags, ...)                               \
	{                                                                                    \
		va_list arguments;                                                           \
		va_start(arguments, flags);                                                  \
		mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
		va_end(arguments);                                                           \
		return open_translated(#name, dir_fd, path, flags, mode);                    \
	}

OPENAT(openat)
OPENAT(openat64)

int faccessat(int dir_fd, const char *path, int mode, int flags)
{
	char buf[256];
	int (*next)(int dir_fd, const char *path, int mode, int flags);

	*(void **)&next = dlsym(RTLD_NEXT, "faccessat");
	return next(dir_fd, translated(path, buf), mode, flags);
}

int inotify_add_watch(int inotify_fd, const char *path, uint32_t mask)
{
	char buf[256];
	int (*next)(int inotify_fd, const char *path, uint32_t mask);

	*(void **)&next = dlsym(RTLD_NEXT, "inotify_add_watch");
	return next(inotify_fd, translated(path, buf), mask);
}
