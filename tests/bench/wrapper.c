/* SPDX-License-Identifier: Apache-2.0 */

/* What the wrapper adds to a runtime call. Everything runs in turn, in one process, on the same data, so that a
 * noisy machine touches all alike; a figure is the median of the differences (or ratios) within one round.
 *
 * usage: bench_wrapper ROUNDS WRAPPER BARE BARE_MUSL|- TARGET CRUN|-
 * Needs root: it works in a mount namespace of its own, with its files on a tmpfs, as CRI-O has them. */

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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORK           "/run/tidemark-bench"
#define ROOT           WORK "/root"
#define BUNDLE         WORK "/overlay-containers/" CONTAINER "/userdata"
#define SANDBOX_BUNDLE WORK "/overlay-containers/" SANDBOX "/userdata"
#define CONTAINER      "4300f22c7bcc362b1c09c2d398f6cf4411753d71be13d6830f84b54299f29beb"
#define SANDBOX        "92fbe7c4eadc9de48a015218a002362b03ce053e8d3cf61d511292af3f7201ef"
#define SHIM           WORK "/containerd-shim-tidemark-kata-v2"
#define CONFIG_SIZE    16384

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

/* Runs the program to its end, without output, and returns the microseconds that it took. */
static double run(const char *path, char *const argv[])
{
	static posix_spawn_file_actions_t actions;
	static bool ready;
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
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	double took = now_us() - start;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "bench_wrapper: %s %s failed (%d)\n", path, argv[1], status);
		exit(1);
	}
	return took;
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

/* A config.json as CRI-O writes it for a pod of an ordinary Deployment: its mounts, capabilities, masked paths and
 * a seccomp profile (by far the largest part), filled up with environment variables to CONFIG_SIZE. */
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

/* Our own files, on a tmpfs that goes with this process. On a host with both cgroup versions crun works only where
 * it does not see the second. */
static void set_up(const char *wrapper, const char *target)
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
	copy_program(wrapper, WORK "/tidemark-crun");
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
	/* As a daemon that runs: the wrapper enforces nothing without one. */
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int lock_fd = open(ROOT "/run/tidemark/daemon.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock_fd < 0 || fcntl(lock_fd, F_OFD_SETLK, &lock) < 0)
		die("the daemon's lock");
}

/* As before a container's first creation. */
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
/* As conmon has it, less --systemd-cgroup: the machine that measures need not run systemd. */
static char *const create_argv[] = {"runtime",    "--root=" WORK "/crun", "create",  "--bundle", BUNDLE,
				    "--pid-file", BUNDLE "/pidfile",      CONTAINER, NULL};
static char *const start_argv[] = {"runtime", "--root", WORK "/crun", "start", CONTAINER, NULL};
static char *const delete_argv[] = {"runtime", "--root", WORK "/crun", "delete", "--force", CONTAINER, NULL};
/* As CRI-O has it; the bundle is its working directory there. */
static char *const info_argv[] = {SHIM, "-info", NULL};
static char *const shim_argv[] = {
	SHIM,      "-namespace", "default", "-address", "",  "-publish-binary", "/usr/bin/crio", "-id",
	CONTAINER, "-bundle",    BUNDLE,    "start",    NULL};

enum cost {
	PASS,   /* a verb that passes through */
	CREATE, /* an edit */
	COSTS,
};

struct contender {
	const char *path;
	const char *reports[COSTS]; /* NULL: not told, since all calls cost it the same */
	double *took[COSTS];
	bool is_shim;
};

static void report(const char *name, double value, const char *unit)
{
	(void)printf("bench wrapper.%s %.*f %s\n", name, unit[0] == 'r' ? 4 : 1, value, unit);
}

/* What each adds to a program that does nothing. The first contender is no wrapper at all. */
static void bench_added(struct contender *contenders, size_t n, size_t rounds)
{
	set_runtime(WORK "/target");
	for (size_t i = 0; i < n; i++)
		for (enum cost cost = 0; cost < COSTS; cost++)
			if (!(contenders[i].took[cost] = calloc(rounds, sizeof(double))))
				die("calloc");
	for (size_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < n; i++) {
			struct contender *it = &contenders[(i + round) % n];
			it->took[PASS][round] = run(it->path, it->is_shim ? info_argv : state_argv);
			new_bundle();
			it->took[CREATE][round] = run(it->path, it->is_shim ? shim_argv : create_argv);
		}
	for (size_t i = 1; i < n; i++)
		for (enum cost cost = 0; cost < COSTS; cost++) {
			if (!contenders[i].reports[cost])
				continue;
			for (size_t round = 0; round < rounds; round++)
				contenders[i].took[cost][round] -= contenders[0].took[cost][round];
			report(contenders[i].reports[cost], median(contenders[i].took[cost], rounds), "us");
		}
}

struct cycle {
	double create, all;
};

static struct cycle run_cycle(const char *path)
{
	struct cycle cycle;

	new_bundle();
	cycle.create = run(path, create_argv);
	cycle.all = cycle.create + run(path, start_argv) + run(path, delete_argv);
	return cycle;
}

/* The real runtime, with us and without. */
static void bench_runtime(const char *crun, size_t rounds)
{
	double *create = calloc(rounds, sizeof *create), *all = calloc(rounds, sizeof *all);
	double *direct_us = calloc(rounds, sizeof *direct_us);

	if (!create || !all || !direct_us)
		die("calloc");
	set_runtime(crun);
	for (size_t round = 0; round < rounds; round++) {
		struct cycle direct, ours;
		if (round % 2) {
			direct = run_cycle(crun);
			ours = run_cycle(WORK "/tidemark-crun");
		} else {
			ours = run_cycle(WORK "/tidemark-crun");
			direct = run_cycle(crun);
		}
		direct_us[round] = direct.create;
		create[round] = ours.create / direct.create;
		all[round] = ours.all / direct.all;
	}
	report("crun.create_us", median(direct_us, rounds), "us");
	report("create.ratio", median(create, rounds), "ratio");
	report("cycle.ratio", median(all, rounds), "ratio");
}

/* The wrapper's peak as it ends, by the kernel: a runtime that is not there makes it end instead of becoming that. */
static void bench_rss(void)
{
	char path[64], line[256];
	int status;
	double peak = 0;

	set_runtime(WORK "/not-there");
	new_bundle();
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		(void)dup2(null, 2);
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)execv(WORK "/tidemark-crun", create_argv);
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
	report("rss_kib", peak, "KiB");
}

int main(int argc, char *argv[])
{
	const char *const wrapper = WORK "/tidemark-crun", *const shell = WORK "/shell";
	struct contender contenders[6] = {{WORK "/target", {0}, {0}}};
	size_t n = 1;

	if (argc != 7) {
		(void)fputs("usage: bench_wrapper ROUNDS WRAPPER BARE BARE_MUSL|- TARGET CRUN|-\n", stderr);
		return 2;
	}
	const size_t rounds = strtoul(argv[1], NULL, 10);
	set_up(argv[2], argv[5]);

	contenders[n++] = (struct contender){argv[3], {"bare.added_us"}, {0}};
	if (strcmp(argv[4], "-") != 0)
		contenders[n++] = (struct contender){argv[4], {"bare_musl.added_us"}, {0}};
	write_file(shell, "#!/bin/sh\nexec \"$BENCH_TARGET\" \"$@\"\n");
	if (chmod(shell, 0755) < 0)
		die("chmod");
	contenders[n++] = (struct contender){shell, {"peer_shell.added_us"}, {0}};
	contenders[n++] = (struct contender){wrapper, {"pass.added_us", "create.added_us"}, {0}};
	contenders[n++] = (struct contender){SHIM, {"shim.pass.added_us", "shim.start.added_us"}, {0}, true};
	bench_added(contenders, n, rounds);
	if (strcmp(argv[6], "-") != 0)
		bench_runtime(argv[6], rounds / 5 + 1);
	bench_rss();
	return 0;
}
