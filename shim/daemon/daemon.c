/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkd: waits for events, and calls the node. One thread, one event loop. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/oom.h"
#include "cgroups/quantity.h"
#include "shim/daemon/chores.h"
#include "shim/daemon/intake.h"
#include "shim/daemon/metrics.h"
#include "shim/daemon/serve.h"
#include "shim/daemon/shed.h"
#include "shim/daemon/textfile.h"
#include "shim/daemon/voice.h"
#include "shim/report/overhead.h"
#include "shim/store/history.h"
#include "shim/store/presence.h"

#define SWEEP_USEC USEC_PER_MIN

/* File descriptors that sampling must leave free. */
#define SPARE_FDS 256

enum path {
	PATH_ETC,
	PATH_RUN,
	PATH_RUNTIMES,
	PATH_STATE,
	PATH_CGROUP,
	PATH_PROC,
	PATH_DEV,
	PATHS_COUNT,
};

static const struct {
	const char *option, *path, *help;
} paths[PATHS_COUNT] = {
	[PATH_ETC] = {"etc", "/etc/tidemark", "settings: tidemark.conf and tidemark.conf.d/"},
	[PATH_RUN] = {"run", "/run/tidemark", "records of the running containers"},
	[PATH_RUNTIMES] = {"runtimes", "/run", "where runtimes keep what they know of virtual machines"},
	[PATH_STATE] = {"state", "/var/lib/tidemark", "published limits and the history"},
	[PATH_CGROUP] = {"cgroup", "/sys/fs/cgroup", "where cgroup v2 is mounted"},
	[PATH_PROC] = {"proc", "/proc", "where proc is mounted"},
	[PATH_DEV] = {"dev", "/dev", "where the kernel log, kmsg, is"},
};

/* The fds of struct sources that are polled, by priority. First ended processes, whose last peak can be read
 * for microseconds only. Then kills: what is learned from them must be on disk before the replacement is
 * created. The other inputs take turns with the timers. They may come in floods (a guest's shim may send
 * anything), so they are read piece by piece, and sampling goes on. */
static const struct input_kind {
	size_t fd_offset; /* in struct sources */
	void (*act)(struct node *node, uint64_t now_usec);
	int64_t priority;
} input_kinds[] = {
	{offsetof(struct sources, processes.fd), node_on_processes, -40},
	{offsetof(struct sources, kernel_log_fd), node_on_kernel_log, -30},
	{offsetof(struct sources, exits.fd), node_on_exits, SD_EVENT_PRIORITY_NORMAL},
	{offsetof(struct sources, watch.notices.fd), node_on_events, SD_EVENT_PRIORITY_NORMAL},
	{offsetof(struct sources, pressures.fd), node_on_pressures, SD_EVENT_PRIORITY_NORMAL},
	{offsetof(struct sources, records.notices.fd), node_on_records, SD_EVENT_PRIORITY_NORMAL},
	{offsetof(struct sources, guests.fd), node_on_guests, SD_EVENT_PRIORITY_NORMAL},
};

#define INPUTS_COUNT (sizeof input_kinds / sizeof *input_kinds)

struct input {
	struct daemon *daemon;
	const struct input_kind *kind;
	sd_event_source *source; /* NULL: not polled yet */
};

struct daemon {
	const char *path[PATHS_COUNT];
	struct node node;
	struct settings settings;
	sd_event *event;
	struct input inputs[INPUTS_COUNT];
	int run_fd;
	uint64_t started_usec;
	size_t told_containers; /* the number that STATUS= says */
	size_t most_containers; /* the highest number since memory was last given back */
};

static uint64_t clock_usec(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_usec(void)
{
	return clock_usec(CLOCK_REALTIME);
}

/* ---- Metrics ---- */

static int render(enum exposition_format format, char **ret_text, size_t *ret_length, void *data)
{
	const struct daemon *daemon = data;
	struct cost process;
	struct metrics_source source = {&daemon->node, NULL, daemon->started_usec, now_usec()};

	if (cost_read(daemon->node.roots.proc_fd, &process, NULL) == 0)
		source.process = &process;
	return metrics_render(&source, format, ret_text, ret_length);
}

/* Loads overhead.json as it was last written. */
static int overhead(char **ret_text, size_t *ret_length, void *data)
{
	const struct daemon *daemon = data;
	return file_load_at(daemon->run_fd, OVERHEAD_FILE, OVERHEAD_SIZE_MAX, ret_text, ret_length, NULL);
}

static void write_textfile(struct daemon *daemon)
{
	const char *path = daemon->node.settings.report.textfile;
	struct error err;

	if (!*path)
		return;
	int r = textfile_write(
		path, &(struct metrics_source){&daemon->node, NULL, daemon->started_usec, now_usec()}, &err);
	if (r < 0)
		voice_fault_once(&daemon->node.voice, FAULT_TEXTFILE, LOG_WARNING,
				 "the metrics are not in their file: %s", err.text);
	else
		(void)voice_mended(&daemon->node.voice, FAULT_TEXTFILE);
}

/* Call before shed(), which gives up sockets of the internet. If metrics cannot be served, everything
 * else goes on. */
static struct serve *serve(struct daemon *daemon)
{
	struct serve *serve = NULL;
	struct error err;

	if (serve_new(daemon->event, daemon->run_fd, render, overhead, daemon, &serve, &err) < 0 ||
	    serve_passed(serve, &err) < 0)
		voice_fault(&daemon->node.voice.journal, LOG_WARNING,
			    "metrics are not served as they should be: %s", err.text);
	else if (serve_tcp(serve, daemon->node.settings.report.http, &err) < 0)
		voice_fault(&daemon->node.voice.journal, LOG_WARNING,
			    "metrics are not served on loopback: %s (tidemarkd.service has no network; "
			    "tidemarkd-http.socket listens for it)",
			    err.text);
	return serve;
}

static void serve_cleanup(struct serve **serve)
{
	serve_free(*serve);
}

/* ---- What comes in ---- */

static int input_fd(const struct input *input)
{
	int fd;

	memcpy(&fd, (const char *)&input->daemon->node.sources + input->kind->fd_offset, sizeof fd);
	return fd;
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	const struct input *input = data;
	(void)fd, (void)revents;

	input->kind->act(&input->daemon->node, now_usec());
	/* A source that was given up would stay readable for ever. */
	if (input_fd(input) < 0)
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

/* Polls the inputs that are open and not polled yet. Some are opened later. */
static int add_inputs(struct daemon *daemon)
{
	for (size_t i = 0; i < INPUTS_COUNT; i++) {
		struct input *input = &daemon->inputs[i];
		input->daemon = daemon;
		input->kind = &input_kinds[i];
		if (input->source || input_fd(input) < 0)
			continue;
		int r = sd_event_add_io(daemon->event, &input->source, input_fd(input), EPOLLIN, on_input,
					input);
		if (r < 0)
			return r;
		(void)sd_event_source_set_priority(input->source, input->kind->priority);
	}
	return 0;
}

static void free_inputs(struct daemon **daemon)
{
	for (size_t i = 0; i < INPUTS_COUNT; i++)
		(*daemon)->inputs[i].source = sd_event_source_unref((*daemon)->inputs[i].source);
}

/* ---- What is done again and again ---- */

static void tell_containers(struct daemon *daemon, const char *more)
{
	daemon->told_containers = daemon->node.registry.n_containers;
	(void)sd_notifyf(false, "%sSTATUS=Following %zu containers", more, daemon->told_containers);
}

/* malloc keeps the memory of many small allocations, unless it is asked to give it back. */
static void give_memory_back(struct daemon *daemon)
{
	const size_t n = daemon->node.registry.n_containers;

	if (n < daemon->most_containers / 2) {
		(void)malloc_trim(0);
		daemon->most_containers = n;
	} else if (n > daemon->most_containers) {
		daemon->most_containers = n;
	}
}

static void sample(struct daemon *daemon)
{
	node_sample(&daemon->node, now_usec());
	give_memory_back(daemon);
	if (daemon->node.registry.n_containers != daemon->told_containers)
		tell_containers(daemon, "");
}

static void sweep(struct daemon *daemon)
{
	node_sweep(&daemon->node, now_usec());
	/* An input that cannot be polled now is tried again in the next sweep. */
	(void)add_inputs(daemon);
	if (daemon->node.records_gone) {
		voice_fault(&daemon->node.voice.journal, LOG_ERR,
			    "%s/containers was removed, nothing more can be followed",
			    daemon->path[PATH_RUN]);
		(void)sd_event_exit(daemon->event, EXIT_FAILURE);
	}
}

static void tune(struct daemon *daemon)
{
	node_tune(&daemon->node, now_usec());
}

static void report(struct daemon *daemon)
{
	node_report(&daemon->node, now_usec());
	write_textfile(daemon);
}

static void watch_guests(struct daemon *daemon)
{
	node_watch_guests(&daemon->node, now_usec());
	node_look_at_conmons(&daemon->node, now_usec());
}

static void account(struct daemon *daemon)
{
	node_account(&daemon->node, now_usec());
}

static const struct chore {
	void (*act)(struct daemon *daemon);
	size_t interval_offset; /* the interval's place in struct settings; 0: interval_usec is used */
	uint64_t interval_usec;
} chores[] = {
	{sample, offsetof(struct settings, sampling.interval_usec), 0},
	{tune, offsetof(struct settings, tuner_interval_usec), 0},
	{report, offsetof(struct settings, report.node_interval_usec), 0},
	{account, offsetof(struct settings, vm.interval_usec), 0},
	{watch_guests, 0, USEC_PER_SEC},
	{sweep, 0, SWEEP_USEC},
};

#define CHORES_COUNT (sizeof chores / sizeof *chores)

struct timer {
	struct daemon *daemon;
	const struct chore *chore;
	sd_event_source *source;
};

static uint64_t timer_interval(const struct timer *timer)
{
	uint64_t interval_usec = timer->chore->interval_usec;
	if (timer->chore->interval_offset)
		memcpy(&interval_usec,
		       (const char *)&timer->daemon->node.settings + timer->chore->interval_offset,
		       sizeof interval_usec);
	return interval_usec;
}

static int on_timer(sd_event_source *source, uint64_t scheduled_usec, void *data)
{
	const struct timer *timer = data;
	const uint64_t begun = clock_usec(CLOCK_MONOTONIC);

	timer->chore->act(timer->daemon);
	/* A turn that was missed, because one took too long, is left out. */
	uint64_t now = clock_usec(CLOCK_MONOTONIC), next = scheduled_usec + timer_interval(timer);
	if (timer->chore->act == sample) {
		histogram_add(&timer->daemon->node.voice.tally.delay, begun - scheduled_usec);
		histogram_add(&timer->daemon->node.voice.tally.tick, now - begun);
	}
	return sd_event_source_set_time(source, next > now ? next : now + timer_interval(timer));
}

static int add_timers(struct daemon *daemon, struct timer timers[static CHORES_COUNT])
{
	for (size_t i = 0; i < CHORES_COUNT; i++) {
		struct timer *timer = &timers[i];
		*timer = (struct timer){daemon, &chores[i], NULL};
		uint64_t interval_usec = timer_interval(timer);
		int r = sd_event_add_time(daemon->event, &timer->source, CLOCK_MONOTONIC,
					  clock_usec(CLOCK_MONOTONIC) + interval_usec, interval_usec / 20,
					  on_timer, timer);
		if (r >= 0)
			r = sd_event_source_set_enabled(timer->source, SD_EVENT_ON);
		if (r < 0)
			return r;
	}
	return 0;
}

static void free_timers(struct timer (*timers)[CHORES_COUNT])
{
	for (size_t i = 0; i < CHORES_COUNT; i++)
		(void)sd_event_source_unref((*timers)[i].source);
}

/* ---- Signals ---- */

static int load_settings(const struct daemon *daemon, struct settings *ret, struct error *err)
{
	cleanup_close int etc_fd = open(daemon->path[PATH_ETC], O_PATH | O_DIRECTORY | O_CLOEXEC);
	return settings_load(etc_fd, ret, err);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct timer *timers = data;
	struct daemon *daemon = timers[0].daemon;
	struct settings settings;
	struct error err;
	(void)source, (void)info;

	(void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec(CLOCK_MONOTONIC));
	if (load_settings(daemon, &settings, &err) < 0) {
		voice_fault(&daemon->node.voice.journal, LOG_ERR, "the settings stay as they were: %s",
			    err.text);
	} else {
		node_reload(&daemon->node, &settings);
		for (size_t i = 0; i < CHORES_COUNT; i++)
			(void)sd_event_source_set_time(timers[i].source, clock_usec(CLOCK_MONOTONIC) +
										 timer_interval(&timers[i]));
	}
	(void)sd_notify(false, "READY=1");
	return 0;
}

/* SIGUSR1: reports now, as it is done each report.node_interval. */
static int on_report(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct timer *timers = data;
	(void)source, (void)info;

	account(timers[0].daemon);
	report(timers[0].daemon);
	return 0;
}

static int add_signals(struct daemon *daemon, struct timer *timers)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);

	/* A signal without a handler ends the loop. */
	int r = sd_event_add_signal(daemon->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(daemon->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(daemon->event, NULL, SIGHUP, on_reload, timers);
	if (r >= 0)
		r = sd_event_add_signal(daemon->event, NULL, SIGUSR1, on_report, timers);
	return r;
}

/* ---- Beginning ---- */

/* Raises the limit of file descriptors. Returns how many may be kept for sampling; as many again are for
 * pidfds of init processes. */
static size_t raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > SPARE_FDS ? (size_t)(limit.rlim_cur - SPARE_FDS) / 2 : 0;
}

static int open_directory(const char *path, int *ret_fd, struct error *err)
{
	*ret_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? error_errno(err, errno, "cannot open %s", path) : 0;
}

static struct history *open_history(const char *directory, const struct journal *journal)
{
	struct history *history = NULL;
	struct error err;

	int r = history_open(directory, now_usec(), &history, &err);
	if (r == HISTORY_SET_ASIDE)
		voice_fault(journal, LOG_CRIT, "a new history was begun: %s", err.text);
	else if (r < 0)
		voice_fault(journal, LOG_CRIT,
			    "there is no history, measurements will not outlive this process: %s", err.text);
	return r < 0 ? NULL : history;
}

static int open_kernel_log(const char *dev, const struct journal *journal)
{
	struct error err;

	cleanup_close int dev_fd = open(dev, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = dev_fd < 0 ? error_errno(&err, errno, "cannot open %s", dev) : oom_open(dev_fd, &err);
	if (fd < 0)
		voice_fault(journal, LOG_WARNING, "some OOM kills may go unseen: %s", err.text);
	return fd < 0 ? -1 : fd;
}

/* NULL: a container's last peak must be read before its cgroup is removed. */
static struct exit_peaks *open_exits(const struct settings *settings, const struct journal *journal)
{
	struct exit_peaks *exits = NULL;
	struct error err;

	if (settings->sampling.bpf == BPF_NO)
		return NULL;
	if (exit_peaks_open(&exits, &err) < 0) {
		voice_fault(journal, LOG_NOTICE, "the last peak of some containers will be missed: %s",
			    err.text);
		return NULL;
	}
	return exits;
}

/* NULL: sampling reads the files of each cgroup. */
static struct census_taker *open_census(const struct settings *settings, int cgroup_fd,
					const struct journal *journal)
{
	struct census_taker *taker = NULL;
	struct error err;

	if (settings->sampling.bpf == BPF_NO)
		return NULL;
	if (census_taker_open(cgroup_fd, &taker, &err) < 0) {
		voice_fault(journal, LOG_NOTICE,
			    "sampling costs more, and file descriptors for each container: %s", err.text);
		return NULL;
	}
	return taker;
}

static void check_cgroup(int cgroup_fd, const char *path, const struct journal *journal)
{
	char text[256];

	if (file_read_at(cgroup_fd, "cgroup.controllers", text, sizeof text, NULL, NULL) < 0 ||
	    !strstr(text, "memory"))
		voice_fault(journal, LOG_ERR,
			    "%s is no cgroup v2 with a memory controller: nothing can be measured", path);
}

/* Gives up rights, once everything is open. If that fails, the daemon measures all the same. */
static void shed(const struct journal *journal)
{
	/* For pid files in directories that are not root's. CAP_SYSLOG was only for opening
	 * the kernel log. */
	static const char *const keep[] = {"cap_dac_read_search", NULL};
	struct error err;

	if (shed_capabilities(keep, &err) < 0)
		voice_fault(journal, LOG_NOTICE, "all capabilities are kept: %s", err.text);
	if (shed_system_calls(&err) < 0)
		voice_fault(journal, LOG_NOTICE, "no system call is given up: %s", err.text);
}

static int loop(struct daemon *daemon, struct error *err)
{
	__attribute__((cleanup(sd_event_unrefp))) sd_event *event = NULL;
	__attribute__((cleanup(free_inputs))) struct daemon *waiting = daemon;
	__attribute__((cleanup(free_timers))) struct timer timers[CHORES_COUNT] = {0};
	__attribute__((cleanup(serve_cleanup))) struct serve *server = NULL;

	int r = sd_event_default(&event);
	daemon->event = event;
	if (r >= 0)
		r = add_inputs(waiting);
	if (r >= 0)
		r = add_timers(daemon, timers);
	if (r >= 0)
		r = add_signals(daemon, timers);
	if (r < 0)
		return error_errno(err, -r, "cannot set up the event loop");
	(void)sd_event_set_watchdog(event, true);
	server = serve(daemon);
	shed(&daemon->node.voice.journal);
	tell_containers(daemon, "READY=1\n");
	daemon->most_containers = daemon->node.registry.n_containers;

	r = sd_event_loop(event);
	(void)sd_notify(false, "STOPPING=1");
	node_flush(&daemon->node, now_usec());
	return r < 0 ? error_errno(err, -r, "the event loop failed") : r;
}

static int run(struct daemon *daemon, struct error *err)
{
	char containers[PATH_MAX];
	struct roots roots;
	__attribute__((cleanup(journal_close))) struct journal_socket journal_socket;
	const struct journal journal = journal_open(&journal_socket, JOURNAL_SOCKET);

	int r = load_settings(daemon, &daemon->settings, err);
	if (r < 0)
		return r;
	if ((size_t)snprintf(containers, sizeof containers, "%s/containers", daemon->path[PATH_RUN]) >=
	    sizeof containers)
		return error_set(err, ENAMETOOLONG, "the path %.64s… is too long", daemon->path[PATH_RUN]);
	cleanup_close int containers_fd = file_open_directory_at(AT_FDCWD, containers, 0700, err);
	if (containers_fd < 0)
		return containers_fd;
	/* A second daemon would overwrite what this one publishes. */
	cleanup_close int run_fd = -1;
	if ((r = open_directory(daemon->path[PATH_RUN], &run_fd, err)) < 0)
		return r;
	daemon->run_fd = run_fd;
	cleanup_close int lock_fd = daemon_lock_take(run_fd, err);
	if (lock_fd < 0)
		return lock_fd;
	cleanup_close int state_fd = file_open_directory_at(AT_FDCWD, daemon->path[PATH_STATE], 0700, err);
	if (state_fd < 0)
		return state_fd;
	cleanup_close int cgroup_fd = -1, proc_fd = -1, runtimes_fd = -1;
	if ((r = open_directory(daemon->path[PATH_CGROUP], &cgroup_fd, err)) < 0 ||
	    (r = open_directory(daemon->path[PATH_PROC], &proc_fd, err)) < 0 ||
	    (r = open_directory(daemon->path[PATH_RUNTIMES], &runtimes_fd, err)) < 0)
		return r;
	roots = (struct roots){containers_fd, state_fd, cgroup_fd, proc_fd, run_fd, runtimes_fd};

	size_t kept_max = raise_limits();
	check_cgroup(cgroup_fd, daemon->path[PATH_CGROUP], &journal);
	cleanup_close int kernel_log_fd = open_kernel_log(daemon->path[PATH_DEV], &journal);
	struct history *history = open_history(daemon->path[PATH_STATE], &journal);
	r = node_init(&daemon->node, &roots, &daemon->settings, journal, history, kernel_log_fd, kept_max,
		      err);
	/* From here on no removal of a cgroup is missed. Reports about containers that are not loaded
	 * yet are kept. */
	struct exit_peaks *exits = r == 0 ? open_exits(&daemon->settings, &journal) : NULL;
	if (exits)
		r = node_use_exits(&daemon->node, exits, err);
	struct census_taker *census = r == 0 ? open_census(&daemon->settings, cgroup_fd, &journal) : NULL;
	if (census)
		sampling_use_census(&daemon->node.sampling, census);
	if (r == 0)
		r = node_load(&daemon->node, now_usec(), err);
	if (r == 0)
		r = loop(daemon, err);
	node_free(&daemon->node);
	exit_peaks_close(exits);
	census_taker_close(census);
	if (history)
		history_close(history);
	return r;
}

static void print_help(void)
{
	printf("usage: tidemarkd [OPTION...]\n\n"
	       "Measures the memory of this node's containers and publishes the limits that fit them.\n\n");
	for (size_t i = 0; i < PATHS_COUNT; i++)
		printf("  --%-7s DIR  %s (%s)\n", paths[i].option, paths[i].help, paths[i].path);
	printf("  --metrics      what /metrics has: name, type, unit, labels and meaning, by tabs\n"
	       "  --help         this text\n"
	       "  --version      the version\n\n"
	       "See tidemarkd(8).\n");
}

int main(int argc, char *argv[])
{
	struct option options[PATHS_COUNT + 4] = {
		[PATHS_COUNT] = {"help", no_argument, NULL, 'h'},
		[PATHS_COUNT + 1] = {"version", no_argument, NULL, 'v'},
		[PATHS_COUNT + 2] = {"metrics", no_argument, NULL, 'm'},
	};
	static struct daemon daemon;
	struct error err;

	for (int i = 0; i < PATHS_COUNT; i++) {
		options[i] = (struct option){paths[i].option, required_argument, NULL, 256 + i};
		daemon.path[i] = paths[i].path;
	}
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'h') {
			print_help();
			return EXIT_SUCCESS;
		}
		if (option == 'm') {
			metrics_print_list(stdout);
			return EXIT_SUCCESS;
		}
		if (option == 'v') {
			puts("tidemarkd " TIDEMARK_VERSION);
			return EXIT_SUCCESS;
		}
		if (option < 256)
			return EXIT_FAILURE; /* getopt_long() has said why */
		daemon.path[option - 256] = optarg;
	}
	if (optind < argc) {
		(void)fprintf(stderr, "tidemarkd: unexpected argument %s\n", argv[optind]);
		return EXIT_FAILURE;
	}

	/* Large short-lived blocks, such as a rendered /metrics, go back to the kernel when
	 * they are freed. */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	/* With transparent huge pages, the kernel would fill the gaps of memory that was given back,
	 * some seconds later. */
	(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	daemon.started_usec = now_usec();
	int r = run(&daemon, &err);
	if (r < 0)
		(void)fprintf(stderr, "tidemarkd: %s\n", err.text);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
