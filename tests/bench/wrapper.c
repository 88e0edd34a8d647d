/* SPDX-License-Identifier: Apache-2.0 */

/* What the wrapper adds to a runtime call. All programs run in turn, in one process, on the same data, so
 * that noise of the machine touches all alike. A figure is the median of the differences (or ratios) within
 * one round.
 *
 * usage: bench_wrapper ROUNDS WRAPPER BARE BARE_MUSL|- TARGET CRUN|- [AGAINST]
 * AGAINST: another built wrapper, which runs in the same rounds.
 * Needs root: works in a mount namespace of its own, with its files on a tmpfs, as CRI-O has them. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/instructions.h"

#define WORK           "/run/tidemark-bench"
#define ROOT           WORK "/root"
#define BUNDLE         WORK "/overlay-containers/" CONTAINER "/userdata"
#define SANDBOX_BUNDLE WORK "/overlay-containers/" SANDBOX "/userdata"
#define CONTAINER      "4300f22c7bcc362b1c09c2d398f6cf4411753d71be13d6830f84b54299f29beb"
#define SANDBOX        "92fbe7c4eadc9de48a015218a002362b03ce053e8d3cf61d511292af3f7201ef"
#define SHIM           WORK "/containerd-shim-tidemark-kata-v2"
#define CONFIG_SIZE    16384
#define OURS           WORK "/tidemark-crun"
#define AGAINST        WORK "/against/tidemark-crun"

extern char **environ;

static void die(const char *what)
{
	(void)fprintf(stderr, "bench_wrapper: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void make_directories(const char *path)
{
	char partial[512];
	(void)snprintf(partial, sizeof partial, "%s", path);
	for (char *slash = partial + 1;; slash++) {
		slash += strcspn(slash, "/");
		char at = *slash;
		*slash = '\0';
		if (mkdir(partial, 0755) < 0 && errno != EEXIST)
			die(partial);
		if (!at)
			return;
		*slash = at;
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
		die(path);
}

static void copy_program(const char *from, const char *to)
{
	char buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (in < 0 || out < 0)
		die(from);
	for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
		if (write(out, buf, (size_t)n) != n)
			die(to);
	(void)close(in);
	(void)close(out);
}

static double now_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

enum cost {
	COST_US,
	COST_CPU_US, /* processor time: hardly more on a busy machine */
	COST_FAULTS, /* page faults without a read from disk */
	COSTS,
};
static const struct {
	const char *name, *unit;
} cost_names[COSTS] = {{"added_us", "us"}, {"cpu_us", "us"}, {"faults", "pages"}};

struct costs {
	double of[COSTS];
};

static double microseconds(struct timeval time)
{
	return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

/* Runs the program to its end, without output. */
static struct costs run(const char *path, char *const argv[])
{
	static posix_spawn_file_actions_t actions;
	static bool ready;
	struct rusage usage;
	pid_t pid;
	int status;

	if (!ready) {
		(void)posix_spawn_file_actions_init(&actions);
		for (int fd = 0; fd <= 2; fd++)
			(void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
		ready = true;
	}
	double start = now_us();
	if ((errno = posix_spawn(&pid, path, &actions, NULL, argv, environ)) != 0)
		die(path);
	if (wait4(pid, &status, 0, &usage) < 0)
		die("wait4");
	double took = now_us() - start;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "bench_wrapper: %s %s failed (%d)\n", path, argv[1], status);
		exit(1);
	}
	return (struct costs){
		{took, microseconds(usage.ru_utime) + microseconds(usage.ru_stime), (double)usage.ru_minflt}};
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* A config.json as CRI-O writes it for a pod of an ordinary Deployment: mounts, capabilities, masked paths
 * and a seccomp profile (by far the largest part). Environment variables fill it up to CONFIG_SIZE. */
static char config_text[CONFIG_SIZE + 1];

#define CAPABILITIES                                                                                       \
	"[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FSETID\",\"CAP_FOWNER\",\"CAP_SETGID\",\"CAP_SETUID\"," \
	"\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_KILL\"]"

static const char config_head[] =
	"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"" WORK
	"/rootfs\"},\"hostname\":\"web-6d4b75cb6d-hwpqx\",\"mounts\":["
	"{\"destination\":\"/"
	"proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/"
	"dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode=755\"]}"
	","
	"{\"destination\":\"/dev/"
	"pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\",\"newinstance\","
	"\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
	"{\"destination\":\"/dev/"
	"mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/"
	"sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"" WORK
	"/shm\",\"options\":[\"rw\",\"bind\"]},"
	"{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":\"" WORK
	"/file\",\"options\":[\"rw\",\"bind\",\"nodev\","
	"\"nosuid\",\"noexec\"]},"
	"{\"destination\":\"/etc/hostname\",\"type\":\"bind\",\"source\":\"" WORK
	"/file\",\"options\":[\"rw\",\"bind\"]},"
	"{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"" WORK
	"/file\",\"options\":[\"rw\",\"bind\"]},"
	"{\"destination\":\"/run/.containerenv\",\"type\":\"bind\",\"source\":\"" WORK
	"/file\",\"options\":[\"rw\",\"bind\"]}],"
	"\"annotations\":{\"io.container.manager\":\"cri-o\",\"io.kubernetes.container.name\":\"web\","
	"\"io.kubernetes.cri-o.Annotations\":\"{\\\"io.kubernetes.container.hash\\\":\\\"d1e2f3a4\\\","
	"\\\"io.kubernetes.container.restartCount\\\":\\\"0\\\",\\\"io.kubernetes.pod."
	"terminationGracePeriod\\\":\\\"30\\\"}\","
	"\"io.kubernetes.cri-o.ContainerType\":\"container\",\"io.kubernetes.cri-o.SandboxID\":\"" SANDBOX
	"\","
	"\"io.kubernetes.cri-o.ImageRef\":"
	"\"072b32bd884c286ee09760d3d14377ebb3ba334af5750860d321451b00e3d98a\","
	"\"io.kubernetes.pod.name\":\"web-6d4b75cb6d-hwpqx\",\"io.kubernetes.pod.namespace\":\"shop\","
	"\"io.kubernetes.pod.uid\":\"0b1c2d3e-1111-4222-8333-444455556666\",\"pod-template-hash\":"
	"\"6d4b75cb6d\"},"
	"\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],"
	"\"memory\":{\"limit\":536870912,\"swap\":536870912},\"cpu\":{\"shares\":102}},"
	"\"cgroupsPath\":\"/tidemark-bench/" CONTAINER
	"\",\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},"
	"{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"network\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/"
	"timer_list\","
	"\"/proc/scsi\",\"/sys/firmware\"],\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/"
	"proc/sys\"],"
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
	"\"syscalls\":[{\"action\":"
	"\"SCMP_ACT_ALLOW\",\"names\":[";

static void make_config(char *text)
{
	char names[8192] = "";
	size_t length = 0, n;

	for (int call = 0; call < 460; call++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
		if (name)
			length += (size_t)snprintf(names + length, sizeof names - length, "%s\"%s\"",
						   length > 0 ? "," : "", name);
		free(name);
	}
	n = (size_t)snprintf(
		text, CONFIG_SIZE,
		"%s%s]}]}},\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/target\"],\"cwd\":\"/\","
		"\"noNewPrivileges\":true,\"oomScoreAdj\":999,\"capabilities\":{\"bounding\":" CAPABILITIES
		",\"effective\":" CAPABILITIES ",\"permitted\":" CAPABILITIES "},\"env\":[\"PATH=/bin\"",
		config_head, names);
	for (int i = 0; n < CONFIG_SIZE - 80; i++)
		n += (size_t)snprintf(text + n, CONFIG_SIZE - n,
				      ",\"SHOP_SERVICE_%02d_PORT=tcp://10.96.17.%d:80\"", i, i % 256);
	n += (size_t)snprintf(text + n, CONFIG_SIZE - n, "]}}");
	memset(text + n, ' ', CONFIG_SIZE - n);
	text[CONFIG_SIZE] = '\0';
}

/* Makes our files on a tmpfs that goes with this process. On a host with both cgroup versions crun works only
 * if it does not see the second. */
static void set_up(const char *wrapper, const char *target, const char *against)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("a mount namespace of our own (this needs root)");
	(void)umount2("/sys/fs/cgroup/unified", MNT_DETACH);
	make_directories(WORK);
	if (mount("tmpfs", WORK, "tmpfs", 0, "mode=0755") < 0)
		die("a tmpfs");

	make_directories(BUNDLE);
	make_directories(SANDBOX_BUNDLE);
	make_directories(WORK "/rootfs/proc");
	make_directories(WORK "/rootfs/dev");
	make_directories(WORK "/rootfs/sys");
	make_directories(WORK "/rootfs/etc");
	make_directories(WORK "/shm");
	write_file(WORK "/file", "");
	make_directories(ROOT "/etc/tidemark");
	make_directories(ROOT "/run/tidemark/containers");
	make_directories(ROOT "/var/lib/tidemark/limits/shop/web");
	copy_program(wrapper, OURS);
	if (against) {
		make_directories(WORK "/against");
		copy_program(against, AGAINST);
	}
	copy_program(target, WORK "/target");
	make_directories(WORK "/shims");
	copy_program(target, WORK "/shims/containerd-shim-kata-v2");
	if (symlink("tidemark-crun", SHIM) < 0)
		die("symlink");
	copy_program(target, WORK "/rootfs/target");
	make_config(config_text);
	write_file(SANDBOX_BUNDLE "/config.json", config_text);
	write_file(ROOT "/var/lib/tidemark/limits/shop/web/web.json",
		   "{\"v\":1,\"namespace\":\"shop\",\"owner\":\"web\",\"container\":\"web\",\"revision\":3,"
		   "\"changed_usec\":1,\"recommended\":{\"request\":167772160,\"limit\":251658240,"
		   "\"request_term\":\"avg\",\"limit_term\":\"request\"},"
		   "\"enforced\":{\"request\":167772160,\"limit\":251658240},\"warmup\":{\"done\":true},"
		   "\"observed\":{\"samples\":86400,\"since_usec\":1,\"until_usec\":2,\"avg\":104857600,"
		   "\"p95\":110100480,\"max\":115343360},\"prestart\":{\"crun\":360448},"
		   "\"declared\":536870912,\"applied\":268435456,\"written_usec\":3}\n");
	if (setenv("TIDEMARK_ROOT", ROOT, 1) < 0)
		die("setenv");
	/* The lock of a running daemon: without one the wrapper enforces nothing. */
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int lock_fd = open(ROOT "/run/tidemark/daemon.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock_fd < 0 || fcntl(lock_fd, F_OFD_SETLK, &lock) < 0)
		die("the daemon's lock");
}

/* Puts the bundle back as before a container's first creation. */
static void new_bundle(void)
{
	(void)unlink(ROOT "/run/tidemark/containers/" CONTAINER ".json");
	write_file(BUNDLE "/config.json", config_text);
}

static void set_runtime(const char *path)
{
	char settings[512];
	(void)snprintf(settings, sizeof settings,
		       "[node]\nmode = enforce\n[runtime]\ncrun = %s\nshims = " WORK "/shims\n", path);
	write_file(ROOT "/etc/tidemark/tidemark.conf", settings);
	(void)setenv("BENCH_TARGET", path, 1);
}

static char *const state_argv[] = {"runtime", "--root",  WORK "/crun", "--systemd-cgroup",
				   "state",   CONTAINER, NULL};
/* As conmon calls the runtime, without --systemd-cgroup: the measuring machine need not run systemd. */
static char *const create_argv[] = {"runtime",    "--root=" WORK "/crun", "create",  "--bundle", BUNDLE,
				    "--pid-file", BUNDLE "/pidfile",      CONTAINER, NULL};
static char *const start_argv[] = {"runtime", "--root", WORK "/crun", "start", CONTAINER, NULL};
static char *const delete_argv[] = {"runtime", "--root", WORK "/crun", "delete", "--force", CONTAINER, NULL};
/* As CRI-O calls a shim, in the bundle as working directory. */
static char *const info_argv[] = {SHIM, "-info", NULL};
static char *const shim_argv[] = {
	SHIM,      "-namespace", "default", "-address", "",  "-publish-binary", "/usr/bin/crio", "-id",
	CONTAINER, "-bundle",    BUNDLE,    "start",    NULL};

enum call {
	PASS,   /* a verb that is passed on */
	CREATE, /* an edit */
	CALLS,
};
static const char *const call_names[CALLS] = {"pass", "create"};

struct contender {
	const char *path;
	const char *name; /* before the call's name, with its dot */
	bool is_shim;
	bool is_blind;                /* all calls are the same to it */
	double *values[CALLS][COSTS]; /* of each round; at the end the added ones */
	double added[CALLS][COSTS];   /* their medians */
};

static void report(const char *name, double value, const char *unit)
{
	(void)printf("bench wrapper.%s %.*f %s\n", name, unit[0] == 'r' ? 4 : 1, value, unit);
}

static void report_of(const char *prefix, const char *name, double value, const char *unit)
{
	char whole[128];
	(void)snprintf(whole, sizeof whole, "%s%s", prefix, name);
	report(whole, value, unit);
}

static double *new_values(size_t rounds)
{
	double *values = calloc(rounds, sizeof *values);
	if (!values)
		die("calloc");
	return values;
}

/* To those that do not look at the call it makes no difference but by what the caches hold. */
static const char *call_name(const struct contender *it, enum call call)
{
	if (it->is_blind)
		return call == PASS ? "" : "create.";
	return it->is_shim && call == CREATE ? "start." : call == PASS ? "pass." : "create.";
}

/* What each contender adds to a program that does nothing. The first contender is no wrapper at all. */
static void bench_added(struct contender *contenders, size_t n, size_t rounds)
{
	set_runtime(WORK "/target");
	for (size_t i = 0; i < n; i++)
		for (enum call call = 0; call < CALLS; call++)
			for (enum cost cost = 0; cost < COSTS; cost++)
				contenders[i].values[call][cost] = new_values(rounds);
	for (size_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < n; i++) {
			struct contender *it = &contenders[(i + round) % n];
			for (enum call call = 0; call < CALLS; call++) {
				if (call == CREATE)
					new_bundle();
				struct costs costs =
					run(it->path, it->is_shim    ? call == PASS ? info_argv : shim_argv
						      : call == PASS ? state_argv
								     : create_argv);
				for (enum cost cost = 0; cost < COSTS; cost++)
					it->values[call][cost][round] = costs.of[cost];
			}
		}
	for (size_t i = 1; i < n; i++)
		for (enum call call = 0; call < CALLS; call++)
			for (enum cost cost = 0; cost < COSTS; cost++) {
				struct contender *it = &contenders[i];
				char name[64];
				for (size_t round = 0; round < rounds; round++)
					it->values[call][cost][round] -=
						contenders[0].values[call][cost][round];
				it->added[call][cost] = median(it->values[call][cost], rounds);
				(void)snprintf(name, sizeof name, "%s%s", it->name, call_name(it, call));
				report_of(name, cost_names[cost].name, it->added[call][cost],
					  cost_names[cost].unit);
			}
}

/* What ours adds over what the other adds to the same call. */
static void report_ratios(const struct contender *ours, const struct contender *other, const char *name)
{
	for (enum call call = 0; call < CALLS; call++)
		for (enum cost cost = COST_US; cost <= COST_CPU_US; cost++) {
			char whole[64];
			(void)snprintf(whole, sizeof whole, "%s.%s_%sratio", call_names[call], name,
				       cost == COST_CPU_US ? "cpu_" : "");
			report(whole, ours->added[call][cost] / other->added[call][cost], "ratio");
		}
}

enum verb {
	VERB_CREATE,
	VERB_START,
	VERB_DELETE,
	VERBS,
};

/* The real runtime: alone, behind our wrapper, and behind the other wrapper if there is one. Processor time
 * of the processes that create leaves behind is not counted. */
static void bench_runtime(const char *crun, size_t n_wrappers, size_t rounds)
{
	char *const *const argvs[VERBS] = {create_argv, start_argv, delete_argv};
	const char *const paths[] = {crun, OURS, AGAINST}, *const names[] = {"crun.", "", "against."};
	const size_t n = 1 + n_wrappers;
	double *create[3][COSTS], *all[3][COSTS];

	for (size_t i = 0; i < n; i++)
		for (enum cost cost = 0; cost < COSTS; cost++) {
			create[i][cost] = new_values(rounds);
			all[i][cost] = new_values(rounds);
		}
	set_runtime(crun);
	for (size_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < n; i++) {
			const size_t at = (i + round) % n;
			new_bundle();
			for (enum verb verb = 0; verb < VERBS; verb++) {
				struct costs costs = run(paths[at], argvs[verb]);
				for (enum cost cost = 0; cost < COSTS; cost++) {
					all[at][cost][round] += costs.of[cost];
					if (verb == VERB_CREATE)
						create[at][cost][round] = costs.of[cost];
				}
			}
		}
		for (size_t i = 1; i < n; i++)
			for (enum cost cost = 0; cost < COSTS; cost++) {
				create[i][cost][round] /= create[0][cost][round];
				all[i][cost][round] /= all[0][cost][round];
			}
	}
	report("crun.create_us", median(create[0][COST_US], rounds), "us");
	report("crun.create_cpu_us", median(create[0][COST_CPU_US], rounds), "us");
	for (size_t i = 1; i < n; i++) {
		report_of(names[i], "create.ratio", median(create[i][COST_US], rounds), "ratio");
		report_of(names[i], "create.cpu_ratio", median(create[i][COST_CPU_US], rounds), "ratio");
		report_of(names[i], "cycle.ratio", median(all[i][COST_US], rounds), "ratio");
		report_of(names[i], "cycle.cpu_ratio", median(all[i][COST_CPU_US], rounds), "ratio");
	}
}

/* The wrapper's peak, by the kernel. The runtime is missing, so that the wrapper ends instead of becoming the
 * runtime. */
static double rss_kib(const char *wrapper)
{
	char path[64], line[256];
	int status;
	double peak = 0;

	new_bundle();
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		(void)dup2(null, 2);
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)execv(wrapper, create_argv);
		_exit(126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) < 0 ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid ||
	    !WIFSTOPPED(status))
		die("ptrace");
	(void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "VmHWM:", 6) == 0)
			peak = strtod(line + 6, NULL);
	if (file)
		(void)fclose(file);
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	(void)waitpid(pid, &status, 0);
	return peak;
}

/* Instructions up to where the wrapper would become the runtime, which is missing. They include the wrapper's
 * line about that. */
static uint64_t instructions_of(enum instructions_source source, const char *wrapper, char *const argv[])
{
	uint64_t count = 0;

	new_bundle();
	if (instructions_count(source, WORK, wrapper, argv, &count) < 0)
		die("counting instructions");
	return count;
}

static void bench_instructions(size_t n_wrappers)
{
	const char *const paths[] = {OURS, AGAINST}, *const names[] = {"", "against."};
	const enum instructions_source source = instructions_probe(WORK);
	double counts[2][CALLS];

	if (source == INSTRUCTIONS_NONE) {
		(void)puts("# instructions are not counted: valgrind is not installed, and the processor's "
			   "counter is "
			   "not to be had");
		return;
	}
	(void)printf("# instructions by %s\n", instructions_source_names[source]);
	set_runtime(WORK "/not-there");
	for (size_t i = 0; i < n_wrappers; i++)
		for (enum call call = 0; call < CALLS; call++) {
			char name[64];
			counts[i][call] = (double)instructions_of(source, paths[i],
								  call == PASS ? state_argv : create_argv);
			(void)snprintf(name, sizeof name, "%s.instructions", call_names[call]);
			report_of(names[i], name, counts[i][call], "instructions");
		}
	for (enum call call = 0; call < CALLS && n_wrappers > 1; call++) {
		char name[64];
		(void)snprintf(name, sizeof name, "%s.instructions_ratio", call_names[call]);
		report(name, counts[0][call] / counts[1][call], "ratio");
	}
}

int main(int argc, char *argv[])
{
	const char *const shell = WORK "/shell";
	struct contender contenders[7] = {{.path = WORK "/target"}};
	size_t n = 1;

	if (argc < 7 || argc > 8) {
		(void)fputs("usage: bench_wrapper ROUNDS WRAPPER BARE BARE_MUSL|- TARGET CRUN|- [AGAINST]\n",
			    stderr);
		return 2;
	}
	const size_t rounds = strtoul(argv[1], NULL, 10), n_wrappers = argc == 8 ? 2 : 1;
	set_up(argv[2], argv[5], argv[7]);

	const struct contender *const bare = &contenders[n];
	contenders[n++] = (struct contender){.path = argv[3], .name = "bare.", .is_blind = true};
	if (strcmp(argv[4], "-") != 0)
		contenders[n++] = (struct contender){.path = argv[4], .name = "bare_musl.", .is_blind = true};
	write_file(shell, "#!/bin/sh\nexec \"$BENCH_TARGET\" \"$@\"\n");
	if (chmod(shell, 0755) < 0)
		die("chmod");
	contenders[n++] = (struct contender){.path = shell, .name = "peer_shell.", .is_blind = true};
	const struct contender *const ours = &contenders[n];
	contenders[n++] = (struct contender){.path = OURS, .name = ""};
	contenders[n++] = (struct contender){.path = SHIM, .name = "shim.", .is_shim = true};
	const struct contender *const against = &contenders[n];
	if (n_wrappers > 1)
		contenders[n++] = (struct contender){.path = AGAINST, .name = "against."};
	bench_added(contenders, n, rounds);
	report_ratios(ours, bare, "bare");
	if (n_wrappers > 1)
		report_ratios(ours, against, "against");
	if (strcmp(argv[6], "-") != 0)
		bench_runtime(argv[6], n_wrappers, rounds / 5 + 1);
	set_runtime(WORK "/not-there");
	report("rss_kib", rss_kib(OURS), "KiB");
	if (n_wrappers > 1)
		report("against.rss_kib", rss_kib(AGAINST), "KiB");
	bench_instructions(n_wrappers);
	return 0;
}
