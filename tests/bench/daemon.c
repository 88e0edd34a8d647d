/* SPDX-License-Identifier: Apache-2.0 */

/* daemon ROOT NAME PRELOAD SECONDS PROGRAM OTHER N...: what tidemarkd costs with N containers at 1 s.
 * PROGRAM and OTHER (or "-") follow the same cgroups at the same time. ROOT: where cgroup v2 is mounted, or
 * the memory controller of cgroup v1. The cgroups are made in a directory NAME below ROOT and removed at
 * the end.
 *
 * A container here is three cgroups: a pod's slice, and in the slice one scope for the monitor and one for
 * the container. The container holds a charge of pages of a memfd and no process. 100 containers change
 * their charge each second. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	CONTAINERS_MAX = 10000,
	CONTAINER_PAGES = 64,
	PAGE = 4096,
	MOVES = 100, /* a second */
	COLD = 64 * 1024 * 1024,
	DAY_STEPS = 120,
	STEP_SEC = 15 * 60,
};

static struct {
	const char *name, *program;
	char root[128];
	pid_t pid;
	uint64_t cpu_nsec;
} daemons[2] = {{.name = ""}, {.name = "against."}};

static const char *cgroup_root, *cgroup_name, *preload;
static int cgroup_fd, pages_fd;
static char work[64], *cold[2];
static size_t next_move;
static int64_t *clock_offset_sec; /* of all daemons: daemon_preload.c adds it to the time of day */

static uint64_t now_usec(clockid_t clock)
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

static void write_at(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", name);
	(void)close(fd);
}

/* ---- Cgroups ---- */

#define PATH_SIZE 256

static void id_of(size_t i, char id[static PATH_SIZE])
{
	(void)snprintf(id, PATH_SIZE, "5ca1e%059zu", i);
}

/* Below ROOT. */
static void slice_of(size_t i, char path[static PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%.32s/kubepods-pod%zu.slice", cgroup_name, i);
}

static void scope_of(size_t i, const char *prefix, char path[static PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "%.32s/kubepods-pod%zu.slice/crio-%s5ca1e%059zu.scope", cgroup_name,
		       i, prefix, i);
}

/* Some pages of this container, between 8 and all. The kernel charges whose process touches them first. */
static void charge(size_t i)
{
	static const char page[PAGE] = {1};
	const off_t at = (off_t)(i * CONTAINER_PAGES) * PAGE;
	const int pages = 8 + rand() % (CONTAINER_PAGES - 8);
	char path[PATH_SIZE + 16];

	scope_of(i, "", path);
	(void)strcat(path, "/cgroup.procs");
	write_at(cgroup_fd, path, "0");
	(void)fallocate(pages_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, CONTAINER_PAGES * PAGE);
	for (int k = 0; k < pages; k++)
		if (pwrite(pages_fd, page, PAGE, at + (off_t)k * PAGE) != PAGE)
			err(1, "cannot charge %s", path);
}

static void cgroups_add(size_t i, bool is_v2)
{
	char path[PATH_SIZE], control[PATH_SIZE + 32];

	slice_of(i, path);
	if (mkdirat(cgroup_fd, path, 0755) < 0)
		err(1, "%s", path);
	(void)snprintf(control, sizeof control, "%s/cgroup.subtree_control", path);
	if (is_v2)
		write_at(cgroup_fd, control, "+memory");
	scope_of(i, "conmon-", path);
	if (mkdirat(cgroup_fd, path, 0755) < 0)
		err(1, "%s", path);
	scope_of(i, "", path);
	if (mkdirat(cgroup_fd, path, 0755) < 0)
		err(1, "%s", path);
	charge(i);
}

static void cgroups_remove(size_t n)
{
	char path[PATH_SIZE];

	write_at(cgroup_fd, "cgroup.procs", "0");
	for (size_t i = 0; i < n; i++) {
		scope_of(i, "conmon-", path);
		(void)unlinkat(cgroup_fd, path, AT_REMOVEDIR);
		scope_of(i, "", path);
		(void)unlinkat(cgroup_fd, path, AT_REMOVEDIR);
		slice_of(i, path);
		(void)unlinkat(cgroup_fd, path, AT_REMOVEDIR);
	}
	(void)unlinkat(cgroup_fd, cgroup_name, AT_REMOVEDIR);
}

/* ---- Daemons ---- */

/* Two containers are of one workload. */
static void record_write(int dir_fd, size_t i, pid_t init_pid)
{
	char scope[PATH_SIZE], id[PATH_SIZE], name[PATH_SIZE + 8], text[2048];
	const unsigned long long now = now_usec(CLOCK_REALTIME);
	struct stat st;

	scope_of(i, "", scope);
	if (fstatat(cgroup_fd, scope, &st, 0) < 0)
		err(1, "%s", scope);
	id_of(i, id);
	(void)snprintf(name, sizeof name, "%s.json", id);
	(void)snprintf(text, sizeof text,
		       "{\"v\":1,\"id\":\"%s\",\"namespace\":\"bench\",\"owner\":\"owner-%zu\",\"container\":"
		       "\"app\","
		       "\"owner_kind\":\"Deployment\",\"pod\":{\"name\":\"owner-%zu-5d4f8c7b6d-x2x4z\"},"
		       "\"runtime\":\"crun\",\"declared\":134217728,\"decision\":{\"mode\":\"observe\","
		       "\"source\":\"declared\",\"limit\":134217728,\"reason\":\"declared\"},"
		       "\"created_usec\":%llu,\"started_usec\":%llu,\"pid\":%d,\"cgroup\":\"/%s\","
		       "\"cgroup_id\":%llu,\"prestart\":{\"current\":65536,\"peak\":327680,\"anon\":4096,"
		       "\"kernel\":61440}}",
		       id, i / 2, i / 2, now, now + 1, init_pid, scope, (unsigned long long)st.st_ino);
	write_at(dir_fd, name, text);
}

static void settings_write(const char *root, const char *interval)
{
	char path[256], text[128];

	(void)snprintf(path, sizeof path, "%s/etc/tidemark.conf", root);
	(void)unlink(path);
	(void)snprintf(text, sizeof text, "[sampling]\ninterval = %s\n", interval);
	write_at(AT_FDCWD, path, text);
}

static void await_ready(int notify_fd)
{
	char text[4096];
	ssize_t n;

	do {
		n = recv(notify_fd, text, sizeof text - 1, 0);
		if (n < 0)
			err(1, "the daemon does not become ready");
		text[n] = '\0';
	} while (!strstr(text, "READY=1"));
}

static void daemon_start(size_t d, size_t n, pid_t init_pid)
{
	static const char *const directories[] = {"",       "/etc", "/run",     "/run/containers",
						  "/state", "/dev", "/runtimes"};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char *root = daemons[d].root, path[256], options[6][256];

	(void)snprintf(root, sizeof daemons[d].root, "%s/%zu-%zu", work, d, n);
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		(void)snprintf(path, sizeof path, "%s%s", root, directories[i]);
		if (mkdir(path, 0700) < 0)
			err(1, "%s", path);
	}
	settings_write(root, "100ms");
	(void)snprintf(path, sizeof path, "%s/run/containers", root);
	int records_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < n; i++)
		record_write(records_fd, i, init_pid);
	(void)close(records_fd);

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%.80s/notify", root);
	int notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd < 0 || bind(notify_fd, (const void *)&address, sizeof address) < 0)
		err(1, "%s", address.sun_path);
	(void)snprintf(options[0], 256, "--cgroup=%s", cgroup_root);
	static const char *const names[] = {"etc", "run", "state", "dev", "runtimes"};
	for (size_t i = 0; i < 5; i++)
		(void)snprintf(options[1 + i], 256, "--%s=%s/%s", names[i], root, names[i]);
	(void)fflush(stdout);
	daemons[d].pid = fork();
	if (daemons[d].pid < 0)
		err(1, "fork");
	if (daemons[d].pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
		(void)setenv("LD_PRELOAD", preload, 1);
		(void)execl(daemons[d].program, "tidemarkd", options[0], options[1], options[2], options[3],
			    options[4], options[5], NULL);
		err(1, "%s", daemons[d].program);
	}
	await_ready(notify_fd);
	/* What it says later is dropped, so that it need not wait for us. */
	(void)shutdown(notify_fd, SHUT_RD);
	(void)close(notify_fd);
}

static void daemon_slow_down(size_t d)
{
	settings_write(daemons[d].root, "1s");
	(void)kill(daemons[d].pid, SIGHUP);
}

static uint64_t cpu_nsec(pid_t pid)
{
	char path[64];
	unsigned long long nsec = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file || fscanf(file, "%llu", &nsec) != 1)
		err(1, "%s", path);
	(void)fclose(file);
	return nsec;
}

static unsigned long rss_kib(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	if (file)
		(void)fclose(file);
	return kib;
}

/* ---- Time passes ---- */

/* What goes on beside the daemon: containers move, and others use the caches. */
static void live(size_t n, uint64_t usec)
{
	const uint64_t until = now_usec(CLOCK_MONOTONIC) + usec;

	for (uint64_t at = now_usec(CLOCK_MONOTONIC); at < until; at = now_usec(CLOCK_MONOTONIC)) {
		for (int k = 0; k < MOVES / 4; k++)
			charge(next_move++ % n);
		write_at(cgroup_fd, "cgroup.procs", "0");
		memcpy(cold[0], cold[1], COLD);
		uint64_t spent = now_usec(CLOCK_MONOTONIC) - at;
		if (spent < 250000)
			pause_usec(250000 - spent);
	}
}

/* A day in the windows: a quarter of an hour before each reading. */
static void day_pass(size_t n)
{
	for (int step = 0; step < DAY_STEPS; step++) {
		for (size_t k = 0; k < n / 20; k++)
			charge(next_move++ % n);
		write_at(cgroup_fd, "cgroup.procs", "0");
		__atomic_fetch_add(clock_offset_sec, STEP_SEC, __ATOMIC_RELAXED);
		pause_usec(200000);
	}
}

static void measure(size_t n, unsigned seconds, pid_t init_pid)
{
	double pct[2] = {0}, load = 0;

	for (size_t d = 0; d < 2 && daemons[d].program; d++)
		daemon_start(d, n, init_pid);
	day_pass(n);
	for (size_t d = 0; d < 2 && daemons[d].program; d++)
		daemon_slow_down(d);
	live(n, 5000000);
	for (size_t d = 0; d < 2 && daemons[d].program; d++)
		daemons[d].cpu_nsec = cpu_nsec(daemons[d].pid);
	const uint64_t begun = now_usec(CLOCK_MONOTONIC);
	live(n, seconds * UINT64_C(1000000));
	const double usec = (double)(now_usec(CLOCK_MONOTONIC) - begun);
	for (size_t d = 0; d < 2 && daemons[d].program; d++) {
		double used = (double)(cpu_nsec(daemons[d].pid) - daemons[d].cpu_nsec) / 1000;
		pct[d] = used / usec * 100;
		printf("bench daemon.%zu.%scpu_pct %.4f %%\n", n, daemons[d].name, pct[d]);
		printf("bench daemon.%zu.%sus_per_container %.3f us\n", n, daemons[d].name,
		       used / (usec / 1e6) / (double)n);
		printf("bench daemon.%zu.%srss_kib %lu KiB\n", n, daemons[d].name, rss_kib(daemons[d].pid));
	}
	(void)getloadavg(&load, 1);
	printf("bench daemon.%zu.load %.1f processes\n", n, load);
	if (daemons[1].program)
		printf("bench daemon.%zu.cpu_ratio %.3f ratio\n", n, pct[0] / pct[1]);
	(void)fflush(stdout);
	for (size_t d = 0; d < 2 && daemons[d].program; d++) {
		(void)kill(daemons[d].pid, SIGTERM);
		(void)waitpid(daemons[d].pid, NULL, 0);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

/* What all containers name as their init process: the child of one that is called as a monitor is. */
static pid_t init_start(pid_t *ret_monitor)
{
	int ends[2];
	pid_t init_pid = 0;

	if (pipe(ends) < 0 || (*ret_monitor = fork()) < 0)
		err(1, "fork");
	if (*ret_monitor == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pid_t pid = fork();
		if (pid == 0)
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		else if (write(ends[1], &pid, sizeof pid) < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	if (read(ends[0], &init_pid, sizeof init_pid) != sizeof init_pid)
		err(1, "fork");
	(void)close(ends[0]);
	(void)close(ends[1]);
	return init_pid;
}

int main(int argc, char *argv[])
{
	char path[PATH_SIZE];
	size_t made = 0;
	pid_t monitor;

	if (argc < 8)
		errx(2, "usage: daemon ROOT NAME PRELOAD SECONDS PROGRAM OTHER|- N...");
	cgroup_root = argv[1], cgroup_name = argv[2], preload = argv[3];
	daemons[0].program = argv[5];
	daemons[1].program = strcmp(argv[6], "-") == 0 ? NULL : argv[6];

	cgroup_fd = open(cgroup_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pages_fd = memfd_create("charges", MFD_CLOEXEC);
	cold[0] = calloc(1, COLD), cold[1] = calloc(1, COLD);
	(void)snprintf(work, sizeof work, "%.32s/tidemark-bench.XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (cgroup_fd < 0 || pages_fd < 0 || !cold[0] || !cold[1] || !mkdtemp(work))
		err(1, "%s", cgroup_root);
	memset(cold[1], 1, COLD);
	(void)snprintf(path, sizeof path, "%s/clock", work);
	int clock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (clock_fd < 0 || ftruncate(clock_fd, PAGE) < 0)
		err(1, "%s", path);
	clock_offset_sec = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, clock_fd, 0);
	if (clock_offset_sec == MAP_FAILED)
		err(1, "%s", path);
	(void)setenv("TIDEMARK_BENCH_CLOCK", path, 1);
	const bool is_v2 = faccessat(cgroup_fd, "cgroup.controllers", F_OK, 0) == 0;
	if (!is_v2)
		(void)setenv("TIDEMARK_BENCH_V1", cgroup_root, 1);

	if (mkdirat(cgroup_fd, cgroup_name, 0755) < 0)
		err(1, "%s", cgroup_name);
	(void)snprintf(path, sizeof path, "%.32s/cgroup.subtree_control", cgroup_name);
	if (is_v2)
		write_at(cgroup_fd, path, "+memory");
	const pid_t init_pid = init_start(&monitor);
	for (int i = 7; i < argc; i++) {
		size_t n = strtoul(argv[i], NULL, 10);
		if (n == 0 || n > CONTAINERS_MAX)
			errx(2, "from 1 to %d containers", CONTAINERS_MAX);
		for (; made < n; made++)
			cgroups_add(made, is_v2);
		write_at(cgroup_fd, "cgroup.procs", "0");
		measure(n, (unsigned)strtoul(argv[4], NULL, 10), init_pid);
	}
	(void)kill(monitor, SIGKILL);
	cgroups_remove(made);
	return nftw(work, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
