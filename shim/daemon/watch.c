/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/node.h"

#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "shim/daemon/archive.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/voice.h"

/* Kernel files that change seldom are read each so many ticks, unless a watch says so before. */
#define SLOW_TICKS 10

/* What a watch number stands for. */
struct watch {
	int number;
	enum container_watch kind;
	struct container *container;
};

static int watch_compare(const void *a, const void *b)
{
	const struct watch *left = a, *right = b;
	return (left->number > right->number) - (left->number < right->number);
}

/* inotify takes paths only, so the directory goes by its descriptor's name. */
static int watch_path(int inotify_fd, int dir_fd, const char *name, uint32_t mask)
{
	char path[96];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir_fd, name);
	int number = inotify_add_watch(inotify_fd, path, mask);
	return number < 0 ? -errno : number;
}

static int watch_file(struct node *node, struct container *container, enum container_watch kind, int dir_fd,
		      const char *name)
{
	/* The number of a file that is watched already would be the other container's. */
	int number = watch_path(node->events_fd, dir_fd, name, IN_MODIFY | IN_MASK_CREATE);
	if (number < 0)
		return number == -EEXIST || number == -ENOENT || number == -ENODEV ? 0 : number;

	struct watch *watch = malloc(sizeof *watch);
	if (watch)
		*watch = (struct watch){number, kind, container};
	if (!watch || !tsearch(watch, &node->watches_by_number, watch_compare)) {
		free(watch);
		(void)inotify_rm_watch(node->events_fd, number);
		return -ENOMEM;
	}
	container->watches[kind] = number;
	return 0;
}

/* Where the kernel tells of no exits: the end of the init process, at which the peak can just be read. It is
 * heard at once, while that of "populated" comes through a work queue, and not twice in 10 ms: to systemd as
 * well, which then removes the cgroup. */
static void watch_process(struct node *node, struct container *container)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = container};

	if (node->exits_fd >= 0 || container->pid == 0)
		return;
	if (node->n_processes >= node->sampler.kept_max) {
		node->sampler.degraded = true;
		return;
	}
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)container->pid, 0);
	if (fd < 0) {
		/* Already? */
		if (errno == ESRCH && container_read_exit(container, &node->sampler))
			node_mark(node, container, false);
		return;
	}
	if (epoll_ctl(node->processes_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		(void)close(fd);
		return;
	}
	container->process_fd = fd;
	node->n_processes++;
}

static void watch_process_end(struct node *node, struct container *container)
{
	if (container->process_fd < 0)
		return;
	(void)close(container->process_fd);
	container->process_fd = -1;
	node->n_processes--;
}

void watch_add(struct node *node, struct container *container)
{
	int dir_fd, scope_fd;

	int r = container_directory(container, &node->sampler, &dir_fd, NULL);
	if (r > 0)
		return; /* gone, as the next reading will see */
	/* Those of all below tell of its own as well. */
	if (r == 0)
		r = watch_file(node, container, WATCH_EVENTS, dir_fd, MEMORY_FILE_EVENTS);
	if (r == 0 && container_scope_directory(container, &node->sampler, &scope_fd) == 0)
		r = watch_file(node, container, WATCH_SCOPE_EVENTS, scope_fd, MEMORY_FILE_EVENTS_LOCAL);
	if (r == 0)
		r = watch_file(node, container, WATCH_POPULATED, dir_fd, "cgroup.events");
	container->watched = r == 0;
	watch_process(node, container);
	if (r < 0 && !node->told_watches) {
		voice_fault(&node->journal, LOG_WARNING,
			    "not every container can be watched, so that kills may be "
			    "seen seconds late: %s (see fs.inotify.max_user_watches)",
			    strerror(-r));
		node->told_watches = true;
	}
}

/* ---- Pressure ---- */

/* From so much of its limit on a container is close to it, and from so much down it is not any more. */
#define CLOSE_SHARE 0.85
#define FAR_SHARE   0.75

/* What waited for 150 ms in 2 s. So many containers at most are listened to: each costs the kernel some work twice a
 * window, and a node on which more are so close to their limits has other sorrows. */
#define PRESSURE_STALL_USEC  (150 * USEC_PER_SEC / 1000)
#define PRESSURE_WINDOW_USEC (2 * USEC_PER_SEC)
#define PRESSURES_MAX        64
#define PRESSURES_PAUSE_USEC (USEC_PER_SEC / 10)

static void pressure_end(struct node *node, struct container *container)
{
	if (container->pressure_fd < 0)
		return;
	cleanup_close_fd(&container->pressure_fd); /* which takes it out of the epoll, too */
	container->pressure_fd = -1;
	node->n_pressures--;
}

static void pressure_begin(struct node *node, struct container *container)
{
	struct epoll_event event = {.events = EPOLLPRI, .data.ptr = container};
	struct error err;
	int dir_fd, fd = -1;

	int r = container_directory(container, &node->sampler, &dir_fd, &err);
	if (r == 0)
		r = pressure_watch(dir_fd, PRESSURE_STALL_USEC, PRESSURE_WINDOW_USEC, &fd, &err);
	/* It went since it was read, as the next reading will see: that says nothing of the others. */
	if (r == MEMORY_GONE)
		return;
	if (r == 0 && epoll_ctl(node->pressures_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		r = error_errno(&err, errno, "cannot listen to memory.pressure");
		cleanup_close_fd(&fd);
	}
	if (r < 0) {
		if (!node->told_pressure)
			voice_fault(&node->journal, LOG_NOTICE,
				    "a rise of a container that is close to its limit is seen at its next "
				    "reading only: %s",
				    err.text);
		node->told_pressure = true;
		return;
	}
	container->pressure_fd = fd;
	node->n_pressures++;
}

void watch_pressure(struct node *node, struct container *container)
{
	double used = (double)memory_working_set(&container->memory), limit = (double)container->max_bytes;

	if (container->pressure_fd >= 0) {
		if (container->max_bytes == MEMORY_UNLIMITED || used < FAR_SHARE * limit)
			pressure_end(node, container);
	} else if (container->max_bytes != MEMORY_UNLIMITED && used >= CLOSE_SHARE * limit &&
		   node->n_pressures < PRESSURES_MAX && !node->told_pressure) {
		pressure_begin(node, container);
	}
}

void watch_remove(struct node *node, struct container *container)
{
	pressure_end(node, container);
	watch_process_end(node, container);
	container->watched = false;
	for (size_t i = 0; i < WATCHES_COUNT; i++) {
		struct watch key = {.number = container->watches[i]}, *watch;
		struct watch **found;
		if (key.number < 0 || !(found = tfind(&key, &node->watches_by_number, watch_compare)))
			continue;
		watch = *found;
		tdelete(&key, &node->watches_by_number, watch_compare);
		free(watch);
		(void)inotify_rm_watch(node->events_fd, key.number);
		container->watches[i] = -1;
	}
}

/* Reads some of what inotify has and hands it on, event by event. Returns how much, in bytes, 0 where there was nothing:
 * who reads on until then does nothing else while containers come, or go, faster than that. */
static size_t watch_read(int inotify_fd,
			 void (*handle)(struct node *node, const struct inotify_event *event,
					uint64_t now_usec),
			 struct node *node, uint64_t now_usec)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *event;
	ssize_t n;

	do
		n = read(inotify_fd, buf, sizeof buf);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	for (char *at = buf; at < buf + n; at += sizeof *event + event->len) {
		event = (const void *)at;
		handle(node, event, now_usec);
	}
	return (size_t)n;
}

static void on_record(struct node *node, const struct inotify_event *event, uint64_t now_usec)
{
	char id[RECORD_ID_SIZE];

	if (event->mask & IN_Q_OVERFLOW) {
		(void)node_scan(node, now_usec, NULL);
	} else if (event->len > 0 && record_id_of(event->name, id)) {
		struct container *container = event->mask & IN_DELETE ? registry_find(node, id) : NULL;
		if (container)
			node_mark(node, container, true);
		else if (!(event->mask & IN_DELETE))
			node_take_record(node, id, now_usec);
	}
}

static void on_event(struct node *node, const struct inotify_event *event, uint64_t now_usec)
{
	const struct watch key = {.number = event->wd};

	if (event->mask & IN_Q_OVERFLOW) {
		for (size_t i = 0; i < node->n_containers; i++)
			node_check_events(node, node->containers[i], now_usec);
		return;
	}
	struct watch **found = tfind(&key, &node->watches_by_number, watch_compare);
	if (!found || !(event->mask & IN_MODIFY))
		return;
	struct container *container = (*found)->container;
	if ((*found)->kind != WATCH_POPULATED)
		node_check_events(node, container, now_usec);
	else if (container_read_exit(container, &node->sampler))
		node_mark(node, container, false);
}

int watch_records(struct node *node, struct error *err)
{
	int number = watch_path(node->records_fd, node->roots.containers_fd, ".",
				IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR);
	return number < 0 ? error_errno(err, -number, "cannot watch the directory of containers") : 0;
}

/* What is there by now, not what comes meanwhile. */
static void read_records(struct node *node, uint64_t now_usec)
{
	int left = 0;

	(void)ioctl(node->records_fd, FIONREAD, &left);
	for (size_t n; left > 0 && (n = watch_read(node->records_fd, on_record, node, now_usec)) > 0;)
		left -= (int)n;
}

static void read_kernel_log(struct node *node, uint64_t now_usec)
{
	struct oom_kill kill;
	struct error err;
	int r = OOM_NONE;

	while (node->kernel_log_fd >= 0 && (r = oom_read(node->kernel_log_fd, &kill, &err)) == 0) {
		struct container *container = registry_find_by_cgroup(node, kill.task_cgroup);
		if (!container) {
			/* A short life: its record may be there, unread. */
			read_records(node, now_usec);
			container = registry_find_by_cgroup(node, kill.task_cgroup);
		}
		if (!container)
			continue;
		enum oom_cause cause = container_oom_cause(container, &kill);
		if (cause == OOM_CAUSE_OWN)
			container->own_kills.by_log++;
		else
			container->other_kills.by_log++;
		node_take_kill(node, container, cause, &kill, now_usec);
	}
	if (r < 0) {
		/* It would be readable for ever, and we would do nothing but fail to read it. */
		voice_fault(&node->journal, LOG_ERR, "some OOM kills may go unseen from now on: %s",
			    err.text);
		node->kernel_log_fd = -1;
	}
}

/* Soon: the next creation's guards go by what was applied last. */
static void publish_decided(struct node *node, uint64_t now_usec)
{
	int left = 0;

	if (node->decided && (ioctl(node->records_fd, FIONREAD, &left) < 0 || left == 0))
		node_publish_decided(node, now_usec);
}

/* What the kernel logged of a container is heard before its end, or a kill by who knows what limit, is told: the
 * kernel logs a kill before it counts it. */
static void settle(struct node *node, uint64_t now_usec)
{
	if (!node->unsettled && !node->kills_untold)
		return;
	read_kernel_log(node, now_usec);
	node_settle(node, now_usec);
}

void node_on_records(struct node *node, uint64_t now_usec)
{
	bool grouped = archive_begin(node);

	(void)watch_read(node->records_fd, on_record, node, now_usec);
	publish_decided(node, now_usec);
	settle(node, now_usec);
	if (grouped)
		archive_commit(node);
}

void node_on_events(struct node *node, uint64_t now_usec)
{
	(void)watch_read(node->events_fd, on_event, node, now_usec);
	settle(node, now_usec);
}

void node_on_kernel_log(struct node *node, uint64_t now_usec)
{
	read_kernel_log(node, now_usec);
	node_settle(node, now_usec);
}

void node_on_processes(struct node *node, uint64_t now_usec)
{
	struct epoll_event events[64];
	int n;

	while ((n = epoll_wait(node->processes_fd, events, sizeof events / sizeof *events, 0)) > 0)
		for (int i = 0; i < n; i++) {
			struct container *container = events[i].data.ptr;
			if (container_read_exit(container, &node->sampler))
				node_mark(node, container, false);
			watch_process_end(node, container);
		}
	settle(node, now_usec);
}

void node_on_pressures(struct node *node, uint64_t now_usec)
{
	struct epoll_event events[PRESSURES_MAX];

	/* A trigger tells whoever polls it first, which is the loop that polls our epoll, and then not us. So it is any of
	 * those few that are close to their limits. */
	int n = epoll_wait(node->pressures_fd, events, PRESSURES_MAX, 0);
	bool gone = false;
	for (int i = 0; i < n; i++)
		gone = gone || events[i].events & (EPOLLERR | EPOLLHUP);
	/* All of them may tell in turn, and each time all are read. Unsigned: a step back of the clock costs nothing. */
	if (!gone && now_usec - node->pressured_usec < PRESSURES_PAUSE_USEC)
		return;
	node->pressured_usec = now_usec;
	node->tally.pressures++;
	for (size_t i = 0; i < node->n_containers; i++) {
		struct container *container = node->containers[i];
		if (container->pressure_fd < 0 || container->state != CONTAINER_RUNNING)
			continue;
		node_sample_container(node, container, READING_URGENT, now_usec);
		/* One that is gone would be told of again and again while its end waits to be told. */
		if (container->unsettled)
			pressure_end(node, container);
		if (container->workload)
			node_tune_workload(node, container->workload, now_usec);
	}
	settle(node, now_usec);
}

struct exits_reading {
	struct node *node;
	uint64_t now_usec;
};

static void on_exit_peak(const struct exit_peak *exit, void *data)
{
	const struct exits_reading *reading = data;
	node_take_exit(reading->node, exit, reading->now_usec);
}

void node_on_exits(struct node *node, uint64_t now_usec)
{
	struct exits_reading reading = {node, now_usec};

	/* The log says more of a kill than a count does. */
	read_kernel_log(node, now_usec);
	exit_peaks_read(node->exits, on_exit_peak, &reading);
	node_settle(node, now_usec);
}

/* Whether it is this container's turn for what changes seldom. Turns are spread over the ticks. */
static bool is_turn(const struct node *node, const struct container *container)
{
	/* What the census brings costs no reading; and where no watch stands, kills are seen in turn only. */
	const unsigned calm = node->sampler.census || !container->watched ? 0 : container->calm;
	return (node->tick + container->index) % ((uint64_t)SLOW_TICKS << calm) == 0;
}

static void tell_degraded(struct node *node)
{
	if (node->told_degraded || !node->sampler.degraded)
		return;
	voice_fault(&node->journal, LOG_WARNING,
		    "there are too few file descriptors to keep some for every container: reading them costs "
		    "more, "
		    "and some last peaks may be missed (see LimitNOFILE=)");
	node->told_degraded = true;
}

/* Takes the census that the tick goes by. Without one, files are read. */
static void begin_census(struct node *node)
{
	struct error err;

	if (!node->census_taker)
		return;
	int r = census_take(node->census_taker, &node->census, &err);
	node->sampler.by_census = r == 0;
	if (r < 0) {
		/* It may be a want of memory or of descriptors, which passes. */
		if (!node->told_census)
			voice_fault(&node->journal, LOG_WARNING, "cgroups are read one by one: %s", err.text);
		node->told_census = true;
		return;
	}
	node->sampler.census = &node->census;
	if (node->census.missed > 0 && !node->told_missed) {
		voice_fault(&node->journal, LOG_NOTICE,
			    "there are more than %d containers: those beyond are read one by one, which "
			    "costs more",
			    CENSUS_CGROUPS_MAX);
		node->told_missed = true;
	}
}

void node_sample(struct node *node, uint64_t now_usec)
{
	node->tick++;
	begin_census(node);
	for (size_t i = 0; i < node->n_containers; i++) {
		struct container *container = node->containers[i];
		container_fetch_ahead(node->containers, node->n_containers, i);
		if (container->is_vm)
			continue; /* node_watch_guests() */
		if (container->state == CONTAINER_CREATED)
			node_look_for(node, container, now_usec);
		else if (container->state == CONTAINER_RUNNING)
			node_sample_container(node, container,
					      is_turn(node, container) ? READING_THOROUGH : READING_QUICK,
					      now_usec);
	}
	/* What is read out of turn is to be read anew. */
	node->sampler.census = NULL;
	census_forget(&node->census);
	tell_degraded(node);
	node_publish_decided(node, now_usec);
	settle(node, now_usec);
	archive_slots(node, now_usec);
	if (node->prune)
		node->prune = archive_prune(node, now_usec);
}
