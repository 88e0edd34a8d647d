/* SPDX-License-Identifier: Apache-2.0 */

/* bench_vm PREFIX [DIRECTORY]: the cost of a sample of one VM sandbox, in lines "bench PREFIX.<name> <value>
 * us":
 *   host_us, host_p99_us  a reading of the host side: CPU time, caches cold
 *   floor_us              a bare pread() of the same files
 *   find_us, find_all_us  finding the processes by descent, and among all processes: wall time
 *   guest_us              a Stats round trip to a stand-in for a shim: wall time
 *   guest_cpu_us          our own CPU time of that round trip
 * The processes are this program under the names of kata's. With DIRECTORY, in a cgroup v2 tree, they are in
 * a pod's cgroup below it. Without, the cgroup's files are made up in $TMPDIR and read faster than the
 * kernel's. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/memory.h"
#include "cgroups/process.h"
#include "cgroups/vmm.h"
#include "oci/guest.h"
#include "tests/standin_shim.h"

#define SID   "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"
#define POD   "kubepods/pod0a1b2c3d-1111-2222-3333-444455556666"
#define NAMED "sandbox-" SID ",debug-threads=on"

enum {
	RAM = 64 << 20,
	OWN = 16 << 20,
	ROUNDS = 400,
	FINDS = 50,
	SHIM_THREADS = 12,
	COLD = 16 << 20,
};

static char cold[COLD];

static double usec_of(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Between two samples other programs have used the caches. */
static void caches_spoil(void)
{
	for (size_t i = 0; i < sizeof cold; i += 64)
		cold[i]++;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(double values[], size_t n, double q)
{
	qsort(values, n, sizeof *values, compare);
	return values[(size_t)((double)(n - 1) * q)];
}

static const char *prefix;

static void say(const char *name, double usec)
{
	(void)printf("bench %s.%s %.1f us\n", prefix, name, usec);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	(void)close(fd);
}

/* ---- The processes ---- */

static void *thread_wait(void *argument)
{
	for (;;)
		(void)pause();
	return argument;
}

static void hold(size_t bytes, int flags)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	memset(memory, 1, bytes);
}

/* Tells on descriptor 3 that the process is there. */
static void ready_wait(void)
{
	if (write(3, "", 1) != 1)
		err(1, "write");
	(void)thread_wait(NULL);
}

static pid_t spawn(const char *name, const char *option, const char *value)
{
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/proc/self/exe", name, option, value, (char *)NULL);
		err(1, "exec");
	}
	return pid;
}

/* Plays the program whose name this process has. Returns if the name is its own. */
static void play(char *argv[])
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	pthread_t thread;

	if (strcmp(name, "containerd-shim-kata-v2") == 0) {
		(void)spawn("/opt/kata/bin/qemu-system-x86_64", "-name", NAMED);
		(void)spawn("/opt/kata/libexec/virtiofsd", "--shared-dir", "/run/" SID);
		hold(OWN, MAP_PRIVATE);
		for (int i = 0; i < SHIM_THREADS; i++)
			(void)pthread_create(&thread, NULL, thread_wait, NULL);
		ready_wait();
	} else if (strncmp(name, "qemu-", 5) == 0) {
		hold(RAM, MAP_SHARED);
		hold(OWN, MAP_PRIVATE);
		ready_wait();
	} else if (strcmp(name, "virtiofsd") == 0) {
		(void)spawn("/opt/kata/libexec/virtiofsd-child", "--shared-dir", "/run/" SID);
		ready_wait();
	} else if (strncmp(name, "virtiofsd", 9) == 0) {
		ready_wait();
	}
}

/* Starts a shim in the cgroup of this cgroup.procs, or in our own. */
static pid_t shim_start(const char *procs)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		err(1, "pipe");
	pid_t shim = fork();
	if (shim == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(ready[1], 3) < 0)
			err(1, "dup2");
		if (procs)
			write_file(procs, "0");
		execl("/proc/self/exe", "/opt/kata/bin/containerd-shim-kata-v2", "-id", SID, (char *)NULL);
		err(1, "exec");
	}
	(void)close(ready[1]);
	for (int i = 0; i < 4; i++)
		if (read(ready[0], &byte, 1) != 1)
			errx(1, "the stand-ins did not start");
	(void)close(ready[0]);
	return shim;
}

/* ---- The host side ---- */

static void cgroup_make(const char *directory, char procs[static 512])
{
	char path[400];

	(void)snprintf(path, sizeof path, "%s", directory);
	for (const char *part = POD "/kata_crio-" SID; *part;
	     part += strcspn(part, "/"), part += *part == '/') {
		char control[512];
		(void)snprintf(control, sizeof control, "%s/cgroup.subtree_control", path);
		write_file(control, "+memory");
		size_t length = strlen(path);
		(void)snprintf(path + length, sizeof path - length, "/%.*s", (int)strcspn(part, "/"), part);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			err(1, "%s", path);
	}
	(void)snprintf(procs, 512, "%s/cgroup.procs", path);
}

/* Makes the cgroup's files up, in the size of the kernel's. */
static void cgroup_make_up(struct vmm *vmm)
{
	const char *parent = getenv("TMPDIR");
	char path[300], name[400], text[MEMORY_TEXT_SIZE];
	size_t length = 0;

	(void)snprintf(path, sizeof path, "%.200s/tidemark-bench-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(path))
		err(1, "%s", path);
	for (int i = 0; i < 60; i++)
		length += (size_t)snprintf(text + length, sizeof text - length, "%s %d\n",
					   i == 2   ? "kernel"
					   : i == 5 ? "pagetables"
					   : i == 9 ? "shmem"
						    : "workingset_refault",
					   i * 12345678);
	(void)snprintf(name, sizeof name, "%s/memory.stat", path);
	write_file(name, text);
	vmm->cgroups[0].stat_fd = open(name, O_RDONLY | O_CLOEXEC);
	(void)unlink(name);
	(void)snprintf(name, sizeof name, "%s/memory.current", path);
	write_file(name, "268435456\n");
	vmm->cgroups[0].current_fd = open(name, O_RDONLY | O_CLOEXEC);
	(void)unlink(name);
	(void)rmdir(path);
	vmm->cgroups[0].path = strdup("/" POD);
	vmm->n_cgroups = 1;
}

static void bench_find(int proc_fd, pid_t shim)
{
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = shim}, no_hints[VMM_PARTS] = {0};
	double times[FINDS];
	struct vmm vmm;
	struct error why;

	for (int all = 0; all < 2; all++) {
		for (int i = 0; i < FINDS; i++) {
			caches_spoil();
			double start = usec_of(CLOCK_MONOTONIC);
			if (vmm_find(proc_fd, SID, all ? no_hints : hints, all, &vmm, &why) < 0)
				errx(1, "%s", why.text);
			times[i] = usec_of(CLOCK_MONOTONIC) - start;
			vmm_close(&vmm);
		}
		say(all ? "find_all_us" : "find_us", quantile(times, FINDS, 0.5));
	}
}

static void bench_host(int proc_fd, pid_t shim, bool has_cgroup)
{
	const pid_t hints[VMM_PARTS] = {[VMM_SHIM] = shim};
	double times[ROUNDS], floors[ROUNDS];
	struct vmm vmm;
	struct vmm_memory memory;
	struct error why;
	char text[PROCESS_STATUS_SIZE];

	int cgroup_fd = open(has_cgroup ? "/sys/fs/cgroup" : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (vmm_find(proc_fd, SID, hints, false, &vmm, &why) < 0)
		errx(1, "%s", why.text);
	if (!has_cgroup)
		cgroup_make_up(&vmm);
	for (int i = 0; i < ROUNDS; i++) {
		caches_spoil();
		double start = usec_of(CLOCK_THREAD_CPUTIME_ID);
		if (vmm_read(&vmm, cgroup_fd, &memory, &why) < 0)
			errx(1, "%s", why.text);
		times[i] = usec_of(CLOCK_THREAD_CPUTIME_ID) - start;

		caches_spoil();
		start = usec_of(CLOCK_THREAD_CPUTIME_ID);
		for (size_t p = 0; p < vmm.n_processes; p++)
			if (pread(vmm.processes[p].status_fd, text, sizeof text, 0) <= 0)
				err(1, "status");
		for (size_t c = 0; c < vmm.n_cgroups; c++)
			if (pread(vmm.cgroups[c].current_fd, text, sizeof text, 0) <= 0 ||
			    pread(vmm.cgroups[c].stat_fd, text, sizeof text, 0) <= 0)
				err(1, "cgroup");
		floors[i] = usec_of(CLOCK_THREAD_CPUTIME_ID) - start;
	}
	if (vmm.n_processes != 4 || vmm.n_cgroups != 1 || memory.ram_bytes < RAM || memory.charge_bytes < RAM)
		errx(1, "%zu processes, %zu cgroups: not what was started", vmm.n_processes, vmm.n_cgroups);
	say("host_us", quantile(times, ROUNDS, 0.5));
	say("host_p99_us", quantile(times, ROUNDS, 0.99));
	say("floor_us", quantile(floors, ROUNDS, 0.5));
	vmm_close(&vmm);
	(void)close(cgroup_fd);
}

/* ---- The guest side ---- */

static void bench_guest(void)
{
	static const struct standin_figures figures = {"c1",
						       .usage = 104857600,
						       .anon = 83886080,
						       .file = 10485760,
						       .inactive_file = 1048576,
						       .kernel = 4194304};
	const struct standin standin = {.figures = &figures, .n_figures = 1, .log_fd = -1};
	double times[ROUNDS], ours[ROUNDS];
	char address[64];
	struct guest *guest;
	struct guest_stats stats;
	struct error why;
	int r;

	(void)snprintf(address, sizeof address, "@tidemark-bench-%ld", (long)getpid());
	int fd = standin_listen(address, 4);
	if (fd < 0)
		err(1, "%s", address);
	pid_t server = fork();
	if (server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		standin_serve(&standin, fd);
	}
	if (guest_new(&guest, address, &why) < 0)
		errx(1, "%s", why.text);
	for (int i = 0; i < ROUNDS; i++) {
		caches_spoil();
		double start = usec_of(CLOCK_MONOTONIC), start_cpu = usec_of(CLOCK_THREAD_CPUTIME_ID);
		if (guest_ask(guest, "c1", 2000000000, &why) < 0)
			errx(1, "%s", why.text);
		do {
			struct pollfd poll_fd = {guest_fd(guest), guest_events(guest), 0};
			if (poll(&poll_fd, 1, 10000) != 1)
				errx(1, "no answer");
			r = guest_on_ready(guest, &stats, &why);
		} while (r == 0);
		if (r < 0 || stats.usage_bytes != figures.usage)
			errx(1, "not the answer: %s", r < 0 ? why.text : "another's");
		times[i] = usec_of(CLOCK_MONOTONIC) - start;
		ours[i] = usec_of(CLOCK_THREAD_CPUTIME_ID) - start_cpu;
	}
	say("guest_us", quantile(times, ROUNDS, 0.5));
	say("guest_p99_us", quantile(times, ROUNDS, 0.99));
	say("guest_cpu_us", quantile(ours, ROUNDS, 0.5));
	guest_free(guest);
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
}

int main(int argc, char *argv[])
{
	char procs[512];

	play(argv);
	if (argc < 2 || argc > 3)
		errx(2, "usage: bench_vm PREFIX [DIRECTORY]");
	prefix = argv[1];
	setlinebuf(stdout);
	if (argc > 2)
		cgroup_make(argv[2], procs);
	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pid_t shim = shim_start(argc > 2 ? procs : NULL);
	bench_host(proc_fd, shim, argc > 2);
	bench_find(proc_fd, shim);
	(void)kill(shim, SIGKILL);
	bench_guest();
}
