/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/tidings.h"

#include <errno.h>
#include <syslog.h>

#include "cgroups/cleanup.h"

/* ---- Guests ---- */

static void take_guest_kill(struct node *node, struct container *container, uint64_t killed_usec,
			    uint64_t now_usec)
{
	container->own_kills.by_events = 1;
	/* A kill is published at once. So one before the last publishing was told by the daemon before. */
	if (container->followed_before && container->workload &&
	    killed_usec <= container->workload->loaded_usec)
		container->own_kills.told = 1;
	node_tell_kill(node, container, OOM_CAUSE_OWN, NULL, now_usec);
}

static void take_guest(struct node *node, const struct guest_event *event, uint64_t now_usec)
{
	const struct journal *journal = &node->voice.journal;
	struct container *container = event->container;

	switch (event->word) {
	case GUEST_KILL:
		take_guest_kill(node, container, event->killed_usec, now_usec);
		break;
	case GUEST_MEASURED:
		if (node_take_event(node, container, LIFE_GUEST_ANSWERED, now_usec) & LIFE_SAMPLE)
			learning_take_reading(&node->learning, container, true, now_usec);
		break;
	case GUEST_LOST:
		(void)node_take_event(node, container, LIFE_GUEST_ABSENT, now_usec);
		break;
	case GUEST_PRESTART:
		voice_machine_prestart(journal, event->sandbox);
		break;
	case GUEST_FAULT:
		voice_guest_fault(journal, event->sandbox);
		break;
	case GUEST_TOO_SMALL:
		voice_misdeclared(journal, event->sandbox, OVERHEAD_TOO_SMALL);
		break;
	case GUEST_WASTEFUL:
		voice_misdeclared(journal, event->sandbox, OVERHEAD_WASTEFUL);
		break;
	case GUEST_HANDLER:
		voice_fault(journal, LOG_WARNING,
			    event->fault.code == EBADMSG
				    ? "what was measured of virtual machines is begun anew: %s"
				    : "what is measured of virtual machines is not kept: %s",
			    event->fault.text);
		break;
	}
}

void tidings_take_guests(struct node *node, uint64_t now_usec)
{
	struct guest_event event;

	while (guest_news_next(&node->sources.guests.news, &event))
		take_guest(node, &event, now_usec);
}

/* ---- Records ---- */

/* Whether the daemon that ran before has told of this creation. Soon after a creation the workload is
 * published: then the file is younger than the record. What was told just before a crash is told again. */
static bool was_told(const struct node *node, const struct container *container, const struct record *record)
{
	uint64_t said_usec = container->workload ? container->workload->loaded_usec : node->loaded_usec;
	return node->loading && record->created_usec <= said_usec;
}

/* Adds a container. No other may have this id. NULL: out of memory. */
static struct container *add_container(struct node *node, const char *id)
{
	struct container *container = registry_add(&node->registry, id, &node->settings.sampling);
	if (container)
		container->found_tick = node->sampling.tick;
	return container;
}

/* Removes a new container. Call before anything was told of it. */
static void drop_container(struct node *node, struct container *container)
{
	registry_remove(&node->registry, container);
	container_free(container, NULL);
}

static void take_broken(struct node *node, const char *id, const struct error *cause, uint64_t now_usec)
{
	struct container *container = registry_find(&node->registry, id);
	unsigned actions = 0;

	if (container)
		actions = node_take_event(node, container, LIFE_RECORD_BROKEN, now_usec);
	if (!container || actions & LIFE_YIELD) {
		container = add_container(node, id);
		if (!container)
			return;
		actions = node_take_event(node, container, LIFE_RECORD_BROKEN, now_usec);
	}
	container->generation = node->generation;
	if (!(actions & LIFE_TELL_BROKEN) || container->told_fault)
		return;
	voice_broken_record(&node->voice.journal, id, cause);
	container->told_fault = true;
}

/* The container of this record, added if it is new. NULL: out of memory. */
static struct container *container_of_record(struct node *node, const struct record *record, bool *ret_new,
					     uint64_t now_usec)
{
	struct container *container = registry_find(&node->registry, record->id);
	unsigned actions = LIFE_YIELD;

	if (container)
		actions = node_take_event(
			node, container,
			container->created_usec == record->created_usec ? LIFE_RECORD : LIFE_RECORD_REPLACED,
			now_usec);
	*ret_new = actions & LIFE_YIELD;
	if (!*ret_new)
		return container;
	container = add_container(node, record->id);
	if (!container)
		return NULL;
	if (registry_workload_of(&node->registry, record, &node->settings.sampling, &container->workload) <
	    0) {
		drop_container(node, container);
		return NULL;
	}
	if (container->workload)
		container->workload->n_containers++;
	container->followed_before = was_told(node, container, record);
	(void)node_take_event(node, container, LIFE_RECORD, now_usec);
	return container;
}

void tidings_take_record(struct node *node, const char *id, uint64_t now_usec)
{
	struct record record;
	struct error err;
	bool new;

	int r = record_read(node->roots.containers_fd, id, &record, &err);
	if (r == -ENOENT || (r < 0 && !record_is_there(node->roots.containers_fd, id))) {
		struct container *container = registry_find(&node->registry, id);
		if (container)
			(void)node_take_event(node, container, LIFE_RECORD_REMOVED, now_usec);
		return;
	}
	if (r < 0) {
		take_broken(node, id, &err, now_usec);
		return;
	}
	struct container *container = container_of_record(node, &record, &new, now_usec);
	if (!container) {
		node->record_untaken = true;
		return;
	}
	bool decided = new ? !container->followed_before : container->updated_usec != record.updated_usec;
	bool started =
		record.started_usec && (new ? !container->followed_before : container->started_usec == 0);
	if (container_take_record(container, &record) < 0) {
		if (new)
			drop_container(node, container);
		node->record_untaken = true;
		return;
	}
	guests_take_record(&node->sources.guests, container, &record, node->loading, now_usec);
	tidings_take_guests(node, now_usec);
	container->generation = node->generation;
	if (decided)
		learning_take_decision(&node->learning, container, &record, now_usec);
	if (started)
		learning_take_start(&node->learning, container, &record);
	if (container->cgroup_id == 0 && record.cgroup_id)
		node_know_cgroup(node, container, record.cgroup_id, now_usec);
	if (container->cgroup)
		(void)node_take_event(node, container, LIFE_CGROUP_KNOWN, now_usec);
}

int tidings_take_records(struct node *node, uint64_t now_usec, struct error *err)
{
	const struct registry *registry = &node->registry;
	char id[RECORD_ID_SIZE];

	cleanup_dir DIR *dir = NULL;
	int r = records_list(node->roots.containers_fd, &dir, err);
	if (r < 0)
		return r;
	node->generation++;
	while (records_list_next(dir, id))
		tidings_take_record(node, id, now_usec);
	for (size_t i = 0; i < registry->n_containers; i++)
		if (registry->containers[i]->generation != node->generation)
			(void)node_take_event(node, registry->containers[i], LIFE_RECORD_REMOVED, now_usec);
	return 0;
}
