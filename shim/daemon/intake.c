/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/intake.h"

#include <syslog.h>

#include "shim/daemon/tidings.h"

/* ---- Records ---- */

/* Takes the changes that notices_read() has read. */
static void take_changes(struct node *node, uint64_t now_usec)
{
	struct records *records = &node->sources.records;
	char id[RECORD_ID_SIZE];

	for (enum records_word word; (word = records_next(records, id)) != RECORDS_NONE;) {
		if (word == RECORDS_LOST)
			(void)tidings_take_records(node, now_usec, NULL);
		else
			tidings_take_record(node, id, now_usec);
	}
}

/* Takes the changes that are waiting now, not those that come meanwhile. */
static void take_waiting_changes(struct node *node, uint64_t now_usec)
{
	struct notices *notices = &node->sources.records.notices;
	size_t left = notices_left(notices);

	for (size_t n; left > 0 && (n = notices_read(notices)) > 0; left -= n < left ? n : left)
		take_changes(node, now_usec);
}

void node_on_records(struct node *node, uint64_t now_usec)
{
	struct notices *notices = &node->sources.records.notices;
	bool grouped = archive_begin(&node->archive);

	(void)notices_read(notices);
	take_changes(node, now_usec);
	/* Publish soon: the guards of the next creation need the limit that was applied last. */
	if (notices_left(notices) == 0)
		learning_publish_decided(&node->learning, now_usec);
	node_hear(node, now_usec);
	if (grouped)
		archive_commit(&node->archive);
}

int node_load(struct node *node, uint64_t now_usec, struct error *err)
{
	int r = archive_load(&node->archive, node->roots.state_fd, now_usec, &node->loaded_usec, err);
	if (r < 0)
		return r;
	bool grouped = archive_begin(&node->archive);
	node->loading = true;
	r = tidings_take_records(node, now_usec, err);
	node->loading = false;
	learning_publish_decided(&node->learning, now_usec);
	learning_publish_loaded(&node->learning, now_usec);
	if (r == 0)
		node_settle(node, now_usec);
	if (grouped)
		archive_commit(&node->archive);
	return r;
}

void node_take_waiting_records(struct node *node, uint64_t now_usec)
{
	if (node->sources.records.notices.fd >= 0)
		take_waiting_changes(node, now_usec);
	else
		(void)tidings_take_records(node, now_usec, NULL);
}

/* ---- The kernel log ---- */

static struct container *container_of_kill(struct node *node, const struct oom_kill *kill, uint64_t now_usec)
{
	struct container *container = registry_find_by_cgroup(&node->registry, kill->task_cgroup);
	if (container && (container->state == LIFE_RUNNING || life_is_ending(container->state)))
		return container;
	/* A container that lived only shortly may have a record that is not read yet. Its id may have been
	 * another's before. */
	node_take_waiting_records(node, now_usec);
	return registry_find_by_cgroup(&node->registry, kill->task_cgroup);
}

static void read_kernel_log(struct node *node, uint64_t now_usec)
{
	int *fd = &node->sources.kernel_log_fd, r = OOM_NONE;
	struct oom_kill kill;
	struct error err;

	while (*fd >= 0 && (r = oom_read(*fd, &kill, &err)) == 0) {
		struct container *container = container_of_kill(node, &kill, now_usec);
		if (container)
			node_take_kill(node, container, &kill, now_usec);
	}
	if (r >= 0)
		return;
	/* Stop polling: the log would be readable for ever, and each read would fail. */
	voice_fault(&node->voice.journal, LOG_ERR, "some OOM kills may go unseen from now on: %s", err.text);
	*fd = -1;
}

void node_hear(struct node *node, uint64_t now_usec)
{
	if (!node->ending && !node->kills_untold)
		return;
	read_kernel_log(node, now_usec);
	node_settle(node, now_usec);
}

void node_on_kernel_log(struct node *node, uint64_t now_usec)
{
	read_kernel_log(node, now_usec);
	node_settle(node, now_usec);
}

/* ---- Cgroups ---- */

static void take_event(struct node *node, enum watch_word word, struct container *container,
		       uint64_t now_usec)
{
	if (word == WATCH_EMPTY)
		node_check_end(node, container, now_usec);
	else if (word == WATCH_KILLS)
		node_check_events(node, container, now_usec);
	else
		for (size_t i = 0; i < node->registry.n_containers; i++)
			node_check_events(node, node->registry.containers[i], now_usec);
}

void node_on_events(struct node *node, uint64_t now_usec)
{
	struct watch *watch = &node->sources.watch;
	struct container *container;

	(void)notices_read(&watch->notices);
	for (enum watch_word word; (word = watch_next(watch, &container)) != WATCH_NONE;)
		take_event(node, word, container, now_usec);
	node_hear(node, now_usec);
}

void node_on_processes(struct node *node, uint64_t now_usec)
{
	struct processes *processes = &node->sources.processes;
	struct container *ended[PROCESSES_ENDED_MAX];

	for (size_t n; (n = processes_ended(processes, ended)) > 0;)
		for (size_t i = 0; i < n; i++) {
			node_check_end(node, ended[i], now_usec);
			processes_remove(processes, ended[i]);
		}
	node_hear(node, now_usec);
}

void node_on_pressures(struct node *node, uint64_t now_usec)
{
	const struct registry *registry = &node->registry;

	if (!pressures_take(&node->sources.pressures, now_usec))
		return;
	node->voice.tally.pressures++;
	for (size_t i = 0; i < registry->n_containers; i++) {
		struct container *container = registry->containers[i];
		if (container->pressure_fd < 0 || container->state != LIFE_RUNNING)
			continue;
		node_sample_container(node, container, READING_URGENT, now_usec);
		if (container->workload)
			learning_tune_workload(&node->learning, container->workload, now_usec);
	}
	node_hear(node, now_usec);
}

void node_on_exits(struct node *node, uint64_t now_usec)
{
	struct exit_peak exits[EXIT_PEAKS_MAX];

	/* The log first: it says more about a kill than a count does. */
	read_kernel_log(node, now_usec);
	const size_t n = exit_peaks_read(node->sources.exits.peaks, exits);
	for (size_t i = 0; i < n; i++)
		node_take_exit(node, &exits[i], now_usec);
	node_settle(node, now_usec);
}

void node_on_guests(struct node *node, uint64_t now_usec)
{
	guests_read(&node->sources.guests, now_usec);
	tidings_take_guests(node, now_usec);
}

/* ---- Sources that cannot tell ---- */

void node_make_up(struct node *node, uint64_t now_usec)
{
	/* Events of cgroups without a watch are read by turns: sampling_is_turn(). */
	if (node->sources.records.notices.fd >= 0 && !node->record_untaken)
		return;
	node->record_untaken = false;
	(void)tidings_take_records(node, now_usec, NULL);
}

/* Watches all running containers. node_watch() reads what happened before the watch. */
static void watch_all(struct node *node, uint64_t now_usec)
{
	for (size_t i = 0; i < node->registry.n_containers; i++)
		if (node->registry.containers[i]->state == LIFE_RUNNING)
			node_watch(node, node->registry.containers[i], now_usec);
}

void node_open_sources(struct node *node, uint64_t now_usec)
{
	const unsigned opened = node_open_inotify(node);

	/* The containers that are known come first: one whose record is read now is watched as it begins. */
	if (opened & NODE_OPENED_WATCH)
		watch_all(node, now_usec);
	/* Take what came before inotify was open. */
	if (opened & NODE_OPENED_RECORDS)
		(void)tidings_take_records(node, now_usec, NULL);
}
