/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runs the built wrapper as a container engine would, on a node in a directory of its own. Settings and state
 * are below TIDEMARK_ROOT; the runtime behind the wrapper is runtime_probe. Include after <cmocka.h>.
 *
 * As root, the tests are in a mount namespace of their own and listen at its /dev/log. Otherwise log lines
 * are not checked, and tests that need a mount are skipped. */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/quantity.h"
#include "shim/store/limits.h"
#include "shim/store/presence.h"
#include "shim/store/record.h"
#include "tests/fixture.h"

/* A wrapper that runs for longer hangs. */
#define DEADLINE_MSEC 600000

/* skip() is not used: older cmocka writes "not ok" for it in TAP. */
#define NEED(condition, what)                                           \
	do {                                                            \
		if (!(condition)) {                                     \
			print_message("# not tested here: " what "\n"); \
			return;                                         \
		}                                                       \
	} while (0)
#define NEED_MACHINE() NEED(machine_is_ours(), "no mount namespace of our own")

#define NODE_TEST(test) cmocka_unit_test_setup_teardown(test, node_begin, node_end)

#define ID "7d1ae3b7c9f0e2d4a6b8c0d2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718"

#define DECLARED "1073741824"
#define TUNED    "838860800" /* 800Mi */

/* A config.json as CRI-O writes it, shortened. The arguments: the limit, swap, and more annotations. */
#define CONFIG(limit, swap, more)                                                                            \
	"{\"ociVersion\":\"1.2.0\",\n \"process\":{\"args\":[\"nginx\"],\"oomScoreAdj\":985},\n"             \
	" \"annotations\":{\"io.kubernetes.pod.namespace\":\"shop\",\n"                                      \
	"  \"io.kubernetes.pod.name\":\"web-5d4f8c7b9d-x2k4z\",\"io.kubernetes.pod.uid\":\"0f3c1b9e\"" more  \
	",\n"                                                                                                \
	"  \"io.kubernetes.container.name\":\"nginx\",\n"                                                    \
	"  "                                                                                                 \
	"\"io.kubernetes.cri-o.ContainerType\":\"container\",\"io.kubernetes.cri-o.SandboxID\":\"aabbcc\"}," \
	"\n"                                                                                                 \
	" \"linux\":{\"resources\":{\"memory\":{\"limit\": " limit ",\"swap\":" swap                         \
	"},\"cpu\":{\"shares\":102}},\n"                                                                     \
	"  \"cgroupsPath\":\"kubepods.slice:crio:" ID "\"}}\n"

#define CONFIG_DECLARED CONFIG(DECLARED, DECLARED, "")
#define CONFIG_TUNED    CONFIG(TUNED, TUNED, "")

/* The overrides annotation of the pod, with a limit for its container. */
#define OVERRIDES(limit) ",\"tidemark.dev/overrides\":\"{\\\"nginx\\\":{\\\"limit\\\":\\\"" limit "\\\"}}\""

#define UNIFIED(members) "\"unified\":{" members "},"
/* The request is 500Mi. memory.high is 500Mi and 90 % of the 300Mi up to the limit. */
#define LOW     "\"memory.low\":\"524288000\""
#define MIN     "\"memory.min\":\"524288000\""
#define HIGH    "\"memory.high\":\"807403520\""
#define PROTECT "[enforce]\nrequest = low\nhigh = 90 %\n"

static const struct identity workload = {"shop", "web", "nginx"};

struct node {
	struct fixture fixture;
	char program[300], report[300], bundle[300], pid_file[320];
	const char *wrapper, *probe;
	int presence_fd; /* the lock that a running daemon holds; -1: none runs */
	pid_t init;      /* stands in for a container's init process; 0: none */
};

/* How one run differs from the usual one. */
struct way {
	bool direct;         /* the runtime alone, without the wrapper */
	const char *runtime; /* with direct: the program; NULL: the probe */
	const char *cwd, *env[4];
	const char *stdin_text; /* NULL: /dev/null */
	size_t stdin_length;    /* 0: the whole text */
	bool stdin_piped;
	void (*in_child)(void);
};

struct outcome {
	int status; /* of waitpid() */
	char out[65536], err[65536], report[65536];
	size_t n_logs;
	char log[2048]; /* the last line */
};

static int log_fd = -1; /* the socket behind /dev/log */

/* ---- The machine around ---- */

static inline void log_listen(void)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

	log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(log_fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(chmod("/dev/log", 0666), 0);
}

static inline void log_stop(void)
{
	close(log_fd);
	log_fd = -1;
	unlink("/dev/log");
}

/* Makes a /dev of our own with a log, if we may. */
static inline int machine_begin(void **state)
{
	static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
	char dev[] = "/tmp/tidemark-dev-XXXXXX", to[64], from[64];
	(void)state;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(dev))
		return 0;
	if (mount("tmpfs", dev, "tmpfs", 0, "mode=755,size=1m") < 0)
		return rmdir(dev);
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		snprintf(to, sizeof to, "%s/%s", dev, devices[i]);
		snprintf(from, sizeof from, "/dev/%s", devices[i]);
		close(open(to, O_CREAT | O_CLOEXEC, 0666));
		(void)mount(from, to, NULL, MS_BIND, NULL);
	}
	assert_int_equal(mount(dev, "/dev", NULL, MS_MOVE, NULL), 0);
	rmdir(dev);
	log_listen();
	return 0;
}

static inline bool machine_is_ours(void)
{
	return log_fd >= 0;
}

static inline void log_collect(struct outcome *outcome)
{
	ssize_t n;

	while (log_fd >= 0 && (n = recv(log_fd, outcome->log, sizeof outcome->log - 1, 0)) >= 0) {
		outcome->log[n] = '\0';
		outcome->n_logs++;
	}
}

/* ---- The node ---- */

static inline void node_write(const struct node *node, const char *name, const char *text)
{
	fixture_write(node->fixture.root_fd, name, text);
}

/* Writes the node's settings: [node] mode, and more lines. */
static inline void node_configure(const struct node *node, const char *mode, const char *more)
{
	char text[2048];
	snprintf(text, sizeof text, "[node]\nmode = %s\n[runtime]\ncrun = %s\nrunc = %s\n%s", mode,
		 node->probe, node->probe, more);
	node_write(node, "etc/tidemark/tidemark.conf", text);
}

static inline int node_open(const struct node *node, const char *path)
{
	return openat(node->fixture.root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static inline struct limits node_limits(void)
{
	return (struct limits){
		.version = LIMITS_VERSION,
		.identity = workload,
		.recommendation = {.request_bytes = 500 * MIB, .limit_bytes = 800 * MIB, .warm = true},
		.enforced_request_bytes = 500 * MIB,
		.enforced_limit_bytes = 800 * MIB,
		.observed = {.samples = 5000,
			     .avg_bytes = 200 * MIB,
			     .p95_bytes = 300 * MIB,
			     .max_bytes = 400 * MIB},
		.declared_bytes = GIB,
	};
}

static inline void node_publish(const struct node *node, const struct limits *limits)
{
	int fd = node_open(node, "var/lib/tidemark");
	assert_int_equal(limits_write(fd, limits, NULL), 0);
	close(fd);
}

static inline int node_record(const struct node *node, const char *id, struct record *ret)
{
	int fd = node_open(node, "run/tidemark/containers");
	int r = fd < 0 ? -ENOENT : record_read(fd, id, ret, NULL);
	if (fd >= 0)
		close(fd);
	return r;
}

static inline void node_read(const struct node *node, const char *name, char *buf, size_t size)
{
	int fd = openat(node->fixture.root_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);
	buf[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
}

static inline void assert_config(const struct node *node, const char *text)
{
	static char config[65536];
	node_read(node, "bundle/config.json", config, sizeof config);
	assert_string_equal(config, text);
}

static inline int node_begin(void **state)
{
	struct node *node = calloc(1, sizeof *node);
	void *fixture = NULL;

	node->wrapper = getenv("TIDEMARK_WRAPPER");
	node->probe = getenv("TIDEMARK_PROBE");
	if (!node->wrapper || !node->probe || fixture_begin(&fixture) < 0) {
		fprintf(stderr, "TIDEMARK_WRAPPER and TIDEMARK_PROBE name the programs to test\n");
		return -1;
	}
	node->fixture = *(struct fixture *)fixture;
	free(fixture);
	const char *path = node->fixture.path;
	snprintf(node->program, sizeof node->program, "%s/tidemark-crun", path);
	snprintf(node->report, sizeof node->report, "%s/report", path);
	snprintf(node->bundle, sizeof node->bundle, "%s/bundle", path);
	snprintf(node->pid_file, sizeof node->pid_file, "%s/bundle/pidfile", path);
	if (symlink(node->wrapper, node->program) < 0)
		return -1;

	fixture_parents(node->fixture.root_fd, "var/lib/tidemark/");
	fixture_parents(node->fixture.root_fd, "run/tidemark/");
	fixture_parents(node->fixture.root_fd, "cwd/");
	int run_fd = node_open(node, "run/tidemark");
	node->presence_fd = daemon_lock_take(run_fd, NULL);
	close(run_fd);
	node_configure(node, "enforce", "");
	node_write(node, "bundle/config.json", CONFIG_DECLARED);
	struct limits limits = node_limits();
	node_publish(node, &limits);
	*state = node;
	return 0;
}

static inline void node_unmount(const struct node *node, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", node->fixture.path, name);
	while (umount2(path, MNT_DETACH) == 0)
		continue;
}

static inline int node_end(void **state)
{
	struct node *node = *state;
	struct outcome rest = {0};
	char path[64];

	if (machine_is_ours()) {
		snprintf(path, sizeof path, "/proc/%d/cgroup", (int)node->init);
		if (node->init > 0) {
			(void)umount2(path, MNT_DETACH);
			(void)umount2("/sys/fs/cgroup", MNT_DETACH);
		}
		node_unmount(node, "run/tidemark");
		node_unmount(node, "bundle");
	}
	if (node->init > 0) {
		kill(node->init, SIGKILL);
		waitpid(node->init, NULL, 0);
	}
	log_collect(&rest);
	if (node->presence_fd >= 0)
		close(node->presence_fd);
	close(node->fixture.root_fd);
	fixture_remove(AT_FDCWD, node->fixture.path);
	free(node);
	return 0;
}

/* Mounts a tmpfs at name below the node's directory. Needs the machine. */
static inline void node_mount(const struct node *node, const char *name, unsigned long flags,
			      const char *options)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", node->fixture.path, name);
	assert_int_equal(mount("tmpfs", path, "tmpfs", flags, options), 0);
}

/* ---- Running ---- */

static inline int open_stdin(const struct node *node, const struct way *way, pid_t *ret_writer)
{
	int fds[2];

	*ret_writer = 0;
	if (!way->stdin_text)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t length = way->stdin_length ? way->stdin_length : strlen(way->stdin_text);
	if (!way->stdin_piped) {
		int fd = openat(node->fixture.root_fd, "stdin", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, way->stdin_text, length), length);
		lseek(fd, 0, SEEK_SET);
		return fd;
	}
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	*ret_writer = fork();
	if (*ret_writer == 0) {
		close(fds[0]);
		signal(SIGPIPE, SIG_DFL);
		for (size_t done = 0; done < length;) {
			ssize_t n = write(fds[1], way->stdin_text + done,
					  length - done < 10000 ? length - done : 10000);
			if (n < 0)
				_exit(1);
			done += (size_t)n;
		}
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static inline void become(const struct node *node, const struct way *way, const char *const *args,
			  int stdin_fd)
{
	char root[512], report[512], cwd[512];
	const char *env[16] = {"PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR=/run/user/0", "_OCI_SYNCPIPE=3"};
	const char *argv[32];
	size_t n = 3;

	snprintf(root, sizeof root, "TIDEMARK_ROOT=%s", node->fixture.path);
	snprintf(report, sizeof report, "PROBE_REPORT=%s", node->report);
	env[n++] = root;
	env[n++] = report;
	for (size_t i = 0; i < 4 && way->env[i]; i++)
		env[n++] = way->env[i];
	const char *program = way->direct ? way->runtime ? way->runtime : node->probe : node->program;
	argv[0] = program;
	for (n = 0; args[n]; n++)
		argv[n + 1] = args[n];
	argv[n + 1] = NULL;

	int out = openat(node->fixture.root_fd, "stdout", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND,
			 0600);
	int err = openat(node->fixture.root_fd, "stderr", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND,
			 0600);
	snprintf(cwd, sizeof cwd, "%s/%s", node->fixture.path, way->cwd ? way->cwd : "cwd");
	if (chdir(cwd) < 0 || dup2(stdin_fd, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(125);
	/* The runtime must not inherit the descriptors of the test itself. */
	(void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
	setpgid(0, 0);
	umask(027);
	if (way->in_child)
		way->in_child();
	execve(program, (char *const *)argv, (char *const *)env);
	_exit(124);
}

static inline int await(pid_t pid)
{
	int status, fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd watch = {.fd = fd, .events = POLLIN};

	assert_true(fd >= 0);
	bool in_time = poll(&watch, 1, DEADLINE_MSEC) == 1;
	close(fd);
	if (!in_time)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!in_time)
		fail_msg("it hangs");
	return status;
}

static inline void run(const struct node *node, const struct way *way, const char *const *args,
		       struct outcome *ret)
{
	static const struct way usual;
	pid_t writer;

	memset(ret, 0, sizeof *ret);
	log_collect(ret);
	ret->n_logs = 0;
	unlinkat(node->fixture.root_fd, "report", 0);
	if (!way)
		way = &usual;
	int stdin_fd = open_stdin(node, way, &writer);
	pid_t pid = fork();
	if (pid == 0)
		become(node, way, args, stdin_fd);
	close(stdin_fd);
	ret->status = await(pid);
	if (writer > 0)
		(void)await(writer);
	node_read(node, "stdout", ret->out, sizeof ret->out);
	node_read(node, "stderr", ret->err, sizeof ret->err);
	node_read(node, "report", ret->report, sizeof ret->report);
	log_collect(ret);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define CREATE(node)                                                                                     \
	ARGS("--systemd-cgroup", "--root=/run/crun", "create", "--bundle", (node)->bundle, "--pid-file", \
	     (node)->pid_file, ID)

/* Expects success, no output and no line in the log. */
static inline void assert_silent(const struct outcome *outcome)
{
	assert_int_equal(outcome->status, 0);
	assert_string_equal(outcome->out, "");
	assert_string_equal(outcome->err, "");
	if (outcome->n_logs > 0)
		fail_msg("it logged \"%s\"", outcome->log);
}

/* Expects one line in the log, a warning with this part. Checks nothing without the machine. */
static inline void assert_logged(const struct outcome *outcome, const char *part)
{
	if (!machine_is_ours())
		return;
	if (outcome->n_logs != 1)
		fail_msg("%zu lines in the log, not 1; the last: %s", outcome->n_logs, outcome->log);
	if (strncmp(outcome->log, "<28>tidemark[", 13) != 0 || !strstr(outcome->log, part))
		fail_msg("\"%s\" is not in \"%s\"", part, outcome->log);
}

static inline void assert_same(const struct outcome *with, const struct outcome *without)
{
	assert_string_equal(with->report, without->report);
	assert_string_equal(with->out, without->out);
	assert_string_equal(with->err, without->err);
	assert_int_equal(with->status, without->status);
}

/* Runs the runtime alone, then behind the wrapper. Neither the runtime nor the caller can tell the
 * difference. *ret is of the second run. */
static inline void run_both(const struct node *node, const struct way *way, const char *const *args,
			    struct outcome *ret)
{
	static struct outcome without;
	struct way direct = way ? *way : (struct way){0};

	direct.direct = true;
	run(node, &direct, args, &without);
	assert_true(without.report[0] || direct.runtime || without.status != 0);
	run(node, way, args, ret);
	assert_same(ret, &without);
}

/* Expects that the container is protected by these values, by its record. */
static inline void assert_protected(const struct node *node, uint64_t low, uint64_t min, uint64_t high)
{
	struct record record;

	assert_int_equal(node_record(node, ID, &record), 0);
	assert_int_equal(record.protect.bytes[UNIFIED_LOW], low);
	assert_int_equal(record.protect.bytes[UNIFIED_MIN], min);
	assert_int_equal(record.protect.bytes[UNIFIED_HIGH], high);
	assert_int_equal(record.protect.request_bytes > 0, low + min + high > 0);
}

/* For way.in_child. */
static inline void close_the_standard_files(void)
{
	close(0);
	close(1);
	close(2);
}
