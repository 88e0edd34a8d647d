/* SPDX-License-Identifier: Apache-2.0 */

/* The steps that the scale test repeats: many containers, duplicates of one, in the machine of contrib/vm.
 * Counts are kept in a file that the commands share. tests/bench/scaletest.sh calls them. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define WORK    "/run/scaletest"
#define RECORDS "/run/tidemark/containers"
#define STATE   "/var/lib/tidemark"
#define CGROUPS "/sys/fs/cgroup/scaletest"
#define PAGE    4096
#define PAGES   64

static struct counts {
	_Atomic uint64_t written, removed, done;
} * counts;

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "scaletest: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_usec(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void pause_usec(uint64_t usec)
{
	struct timespec rest = {(time_t)(usec / 1000000), (long)(usec % 1000000) * 1000};
	while (nanosleep(&rest, &rest) < 0)
		;
}

static char *read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (fd >= 0)
		(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? NULL : buf;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	(void)close(fd);
	return n < 0 ? -1 : 0;
}

static uint64_t number(const char *text)
{
	return text ? strtoull(text, NULL, 10) : 0;
}

/* ---- The duplicates ---- */

#define ID_SIZE 80

static void name_of(size_t i, char id[static ID_SIZE])
{
	(void)snprintf(id, ID_SIZE, "5ca1e%059zu", i);
}

static void scope_of(const char *id, char path[static 256])
{
	(void)snprintf(path, 256, CGROUPS "/crio-%s.scope", id);
}

/* Writes the record of a duplicate: the real one's text, with names in @ for what differs. */
static void record_put(const char *template, size_t i, size_t group, unsigned generation, pid_t pid,
		       uint64_t created_usec)
{
	static const char *const names[] = {"@ID@",  "@CGROUP@",   "@OWNER@",   "@POD@",
					    "@PID@", "@CGROUPID@", "@CREATED@", "@STARTED@"};
	char id[ID_SIZE], scope[256], values[8][256], text[16384], temporary[256], path[256], directory[300];
	struct stat st = {0};
	size_t length = 0;

	name_of(i, id);
	scope_of(id, scope);
	(void)snprintf(directory, sizeof directory, "%s/container", scope);
	(void)stat(directory, &st);
	(void)snprintf(values[0], 256, "%s", id);
	(void)snprintf(values[1], 256, "%.250s", directory + strlen("/sys/fs/cgroup"));
	(void)snprintf(values[2], 256, "group%u-%zu", generation, group);
	(void)snprintf(values[3], 256, "group%u-%zu-5d4f8c7b6d-x2x4z", generation, group);
	(void)snprintf(values[4], 256, "%d", (int)pid);
	(void)snprintf(values[5], 256, "%llu", (unsigned long long)st.st_ino);
	(void)snprintf(values[6], 256, "%llu", (unsigned long long)created_usec);
	(void)snprintf(values[7], 256, "%llu", (unsigned long long)created_usec + 1);
	for (const char *at = template; *at && length + 300 < sizeof text;) {
		size_t n = 0;
		while (n < 8 && strncmp(at, names[n], strlen(names[n])) != 0)
			n++;
		if (n == 8) {
			text[length++] = *at++;
			continue;
		}
		length += (size_t)sprintf(text + length, "%s", values[n]);
		at += strlen(names[n]);
	}
	text[length] = '\0';
	(void)snprintf(temporary, sizeof temporary, RECORDS "/.%s.tmp", id);
	(void)snprintf(path, sizeof path, RECORDS "/%s.json", id);
	if (write_file(temporary, text) < 0 || rename(temporary, path) < 0)
		die(path);
}

/* The tiny process in a duplicate: its memory goes up and down now and then. */
static _Noreturn void live(size_t i)
{
	char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	srand((unsigned)i);
	for (;;) {
		int pages = 8 + rand() % (PAGES - 8);
		(void)madvise(memory, PAGES * PAGE, MADV_DONTNEED);
		for (int page = 0; page < pages; page++)
			memory[page * PAGE] = 1;
		pause_usec(20000000 + (uint64_t)rand() % 40000000);
	}
}

static pid_t start_in(const char *cgroup, size_t i)
{
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)fd};
	if (fd < 0)
		die(cgroup);
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		live(i);
	if (pid < 0)
		die("clone3");
	(void)close(fd);
	return pid;
}

static char created_text[16384], started_text[16384];

static void adopt(size_t i, size_t groups)
{
	char id[ID_SIZE], scope[256], path[300];
	uint64_t now = clock_usec(CLOCK_REALTIME);

	record_put(created_text, i, i % groups, 1, 0, now);
	name_of(i, id);
	scope_of(id, scope);
	if (mkdir(scope, 0755) < 0)
		die(scope);
	(void)snprintf(path, sizeof path, "%s/cgroup.subtree_control", scope);
	(void)write_file(path, "+memory");
	(void)snprintf(path, sizeof path, "%s/container", scope);
	if (mkdir(path, 0755) < 0)
		die(path);
	record_put(started_text, i, i % groups, 1, start_in(path, i), now);
	counts->written++;
}

/* Creates a duplicate again under its id, now of another workload. */
static void regroup(size_t i, size_t groups)
{
	char id[ID_SIZE], scope[256], path[300], text[64];

	name_of(i, id);
	scope_of(id, scope);
	(void)snprintf(path, sizeof path, "%s/container/cgroup.procs", scope);
	record_put(started_text, i, (i + 7) % groups, 2, (pid_t)number(read_file(path, text, sizeof text)),
		   clock_usec(CLOCK_REALTIME));
	counts->written++;
}

/* Removes a duplicate in the usual order: process, cgroups, record. */
static void cull(size_t i, size_t groups)
{
	char id[ID_SIZE], scope[256], path[300];
	(void)groups;

	name_of(i, id);
	scope_of(id, scope);
	(void)snprintf(path, sizeof path, "%s/cgroup.kill", scope);
	(void)write_file(path, "1");
	(void)snprintf(path, sizeof path, "%s/container", scope);
	while (rmdir(path) < 0 && errno == EBUSY)
		pause_usec(1000);
	(void)rmdir(scope);
	(void)snprintf(path, sizeof path, RECORDS "/%s.json", id);
	/* With a clock that was set ahead, the daemon itself removes the records of processes that are long
	 * gone. */
	if (unlink(path) < 0 && errno != ENOENT)
		die(path);
	counts->removed++;
}

/* Runs several writers at once. They stay as the parents of what they started: init gets none of it. */
static void write_all(void (*act)(size_t i, size_t groups), size_t n, size_t writers, size_t groups)
{
	counts->done = 0;
	for (size_t writer = 0; writer < writers; writer++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid > 0)
			continue;
		(void)signal(SIGCHLD, SIG_IGN);
		for (size_t i = writer; i < n; i += writers)
			act(i, groups);
		counts->done++;
		if (act != adopt)
			exit(0);
		for (;;)
			(void)pause();
	}
	while (counts->done < writers)
		pause_usec(20000);
}

/* ---- What is seen from outside ---- */

#define UNIT "/org/freedesktop/systemd1/unit/tidemarkd_2eservice"

static uint64_t size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static void look(sd_bus *bus, uint64_t start_usec)
{
	static const char *const files[] = {STATE "/tidemark.db", STATE "/tidemark.db-wal"};
	char path[64], text[4096], *status = NULL;
	uint64_t db_bytes = 0, user = 0, system = 0, rss_kib = 0, anon_kib = 0;
	unsigned long long followed = 0;
	uint32_t pid = 0;

	(void)sd_bus_get_property_trivial(bus, "org.freedesktop.systemd1", UNIT,
					  "org.freedesktop.systemd1.Service", "MainPID", NULL, 'u', &pid);
	if (sd_bus_get_property_string(bus, "org.freedesktop.systemd1", UNIT,
				       "org.freedesktop.systemd1.Service", "StatusText", NULL, &status) >= 0)
		(void)sscanf(status, "Following %llu", &followed);
	free(status);
	(void)snprintf(path, sizeof path, "/proc/%u/stat", pid);
	if (pid > 0 && read_file(path, text, sizeof text) && strrchr(text, ')'))
		(void)sscanf(strrchr(text, ')') + 2, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu",
			     &user, &system);
	(void)snprintf(path, sizeof path, "/proc/%u/status", pid);
	if (pid > 0 && read_file(path, text, sizeof text)) {
		const char *rss = strstr(text, "VmRSS:"), *anon = strstr(text, "RssAnon:");
		rss_kib = rss ? strtoull(rss + 6, NULL, 10) : 0;
		anon_kib = anon ? strtoull(anon + 8, NULL, 10) : 0;
	}
	(void)snprintf(path, sizeof path, "/proc/%u/fd", pid);
	for (size_t i = 0; i < 2; i++)
		db_bytes += size_of(files[i]);
	printf("%.2f %llu %llu %llu %lu %lu %lu %lu %u %lu\n",
	       (double)(clock_usec(CLOCK_MONOTONIC) - start_usec) / 1e6, followed,
	       (unsigned long long)counts->written, (unsigned long long)counts->removed,
	       (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK), rss_kib, pid > 0 ? size_of(path) : 0,
	       db_bytes, pid, anon_kib);
	(void)fflush(stdout);
}

/* ---- Creations ---- */

static double run(char *const argv[])
{
	pid_t pid;
	int status;
	uint64_t start = clock_usec(CLOCK_MONOTONIC);

	if ((errno = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ)) != 0)
		die(argv[0]);
	(void)waitpid(pid, &status, 0);
	if (status != 0)
		(void)fprintf(stderr, "scaletest: %s ended with %d\n", argv[0], status);
	return (double)(clock_usec(CLOCK_MONOTONIC) - start);
}

/* Times creations through the wrapper, with a runtime that does nothing behind it, and the runtime alone. */
static void creations(char *wrapper, char *target, char *config, uint64_t start_usec)
{
	char *create[] = {wrapper,      "create",    "--bundle", WORK "/bundle",
			  "--pid-file", WORK "/pid", "probe",    NULL};
	char *removal[] = {wrapper, "delete", "--force", "probe", NULL}, *bare[] = {target, "create", NULL};

	for (;;) {
		if (write_file(WORK "/bundle/config.json", config) < 0)
			die("config.json");
		double bare_usec = run(bare), usec = run(create);
		printf("%.2f %.0f %.0f\n", (double)(clock_usec(CLOCK_MONOTONIC) - start_usec) / 1e6, usec,
		       bare_usec);
		(void)fflush(stdout);
		(void)run(removal);
		pause_usec(200000);
	}
}

int main(int argc, char *argv[])
{
	static char config[65536];
	const char *verb = argc > 1 ? argv[1] : "";
	uint64_t arguments[4] = {0};

	int fd = open(WORK "/counts", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *counts) < 0)
		die(WORK "/counts");
	counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		die("mmap");
	for (int i = 2; i < argc && i < 6; i++)
		arguments[i - 2] = number(argv[i]);
	(void)read_file(WORK "/created.json", created_text, sizeof created_text);
	(void)read_file(WORK "/started.json", started_text, sizeof started_text);

	if (strcmp(verb, "adopt") == 0) {
		write_all(adopt, arguments[0], arguments[1], arguments[2]);
	} else if (strcmp(verb, "regroup") == 0) {
		write_all(regroup, arguments[0], arguments[1], arguments[2]);
	} else if (strcmp(verb, "cull") == 0) {
		write_all(cull, arguments[0], arguments[1], arguments[2]);
	} else if (strcmp(verb, "monitor") == 0) {
		sd_bus *bus;
		if (sd_bus_open_system(&bus) < 0)
			die("the bus");
		for (;; pause_usec(500000))
			look(bus, arguments[0]);
	} else if (strcmp(verb, "creations") == 0 && argc == 5) {
		creations(argv[3], argv[4], read_file(WORK "/config.json", config, sizeof config),
			  arguments[0]);
	} else if (strcmp(verb, "clock") == 0) {
		/* STEP-SECONDS COUNT INTERVAL-MS: sets the clock ahead again and again. */
		for (uint64_t i = 0; i < arguments[1]; i++) {
			uint64_t now = clock_usec(CLOCK_REALTIME) + arguments[0] * 1000000;
			struct timespec then = {(time_t)(now / 1000000), (long)(now % 1000000) * 1000};
			if (clock_settime(CLOCK_REALTIME, &then) < 0)
				die("clock_settime");
			pause_usec(arguments[2] * 1000);
		}
	} else if (strcmp(verb, "now") == 0) {
		printf("%llu\n", (unsigned long long)clock_usec(CLOCK_MONOTONIC));
	} else {
		(void)fprintf(stderr, "scaletest: what?\n");
		return 2;
	}
	return 0;
}
