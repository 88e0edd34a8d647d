/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/chores.h"

#include <sys/stat.h>
#include <syslog.h>

#include "shim/daemon/account.h"
#include "shim/daemon/intake.h"
#include "shim/daemon/sweep.h"
#include "shim/daemon/tidings.h"

static void begin_tick(struct node *node)
{
	struct sampling *sampling = &node->sampling;
	struct error err;

	/* A failure is no reason to stop: memory or descriptors may be free again in the next tick. */
	if (sampling_begin(sampling, &err) < 0)
		voice_fault_once(&node->voice, FAULT_CENSUS, LOG_WARNING, "cgroups are read one by one: %s",
				 err.text);
	else if (sampling->census.missed > 0)
		voice_fault_once(&node->voice, FAULT_CENSUS_FULL, LOG_NOTICE,
				 "there are more than %d containers: those beyond are read one by one, which "
				 "costs more",
				 CENSUS_CGROUPS_MAX);
}

static void end_tick(struct node *node)
{
	sampling_end(&node->sampling);
	if (node->sampling.sampler.degraded)
		voice_fault_once(&node->voice, FAULT_DESCRIPTORS, LOG_WARNING,
				 "there are too few file descriptors to keep some for every container: "
				 "reading them costs more, and some last peaks may be missed (see "
				 "LimitNOFILE=)");
}

void node_sample(struct node *node, uint64_t now_usec)
{
	const struct registry *registry = &node->registry;

	node_make_up(node, now_usec);
	begin_tick(node);
	for (size_t i = 0; i < registry->n_containers; i++) {
		struct container *container = registry->containers[i];
		container_fetch_ahead(registry->containers, registry->n_containers, i);
		if (container->is_vm)
			continue; /* node_watch_guests() */
		if (container->state == LIFE_CREATED)
			node_look_for(node, container, now_usec);
		else if (container->state == LIFE_RUNNING)
			node_sample_container(node, container,
					      sampling_is_turn(&node->sampling, container) ? READING_THOROUGH
											   : READING_QUICK,
					      now_usec);
	}
	end_tick(node);
	learning_publish_decided(&node->learning, now_usec);
	node_hear(node, now_usec);
	archive_slots(&node->archive, now_usec);
	archive_prune(&node->archive, now_usec);
}

void node_tune(struct node *node, uint64_t now_usec)
{
	const struct registry *registry = &node->registry;

	for (size_t i = 0; i < registry->n_containers; i++)
		if (registry->containers[i]->state == LIFE_RUNNING)
			learning_take_sight(&node->learning, registry->containers[i], false, now_usec);
	learning_tune(&node->learning, now_usec);
}

void node_watch_guests(struct node *node, uint64_t now_usec)
{
	guests_begin_round(&node->sources.guests, now_usec);
	tidings_take_guests(node, now_usec);
}

static void make_accounts(const struct node *node, uint64_t now_usec, struct accounts *ret)
{
	account_make(&node->registry, &node->sources.guests.handlers, node->settings.vm.interval_usec,
		     now_usec, ret);
}

void node_account(struct node *node, uint64_t now_usec)
{
	struct accounts accounts;
	struct error err;

	make_accounts(node, now_usec, &accounts);
	int r = account_write(&node->registry, &accounts, node->settings.vm.interval_usec, node->roots.run_fd,
			      now_usec, &err);
	if (handlers_write(&node->sources.guests.handlers, node->roots.state_fd, now_usec, &err) < 0)
		r = -1;
	if (r < 0)
		voice_fault_once(&node->voice, FAULT_ACCOUNT, LOG_WARNING,
				 "what pods cost is not written: %s", err.text);
	else
		(void)voice_mended(&node->voice, FAULT_ACCOUNT);
}

void node_look_at_conmons(struct node *node, uint64_t now_usec)
{
	conmon_look(&node->conmons, &node->registry, node->roots.proc_fd,
		    node->settings.report.node_interval_usec, now_usec);
}

void node_report(const struct node *node, uint64_t now_usec)
{
	struct accounts accounts;

	make_accounts(node, now_usec, &accounts);
	voice_node(&node->voice.journal, &accounts.total, node->registry.n_workloads);
	for (size_t i = 0; i < accounts.n; i++)
		voice_overhead(&node->voice.journal, &accounts.handlers[i]);
}

/* Old workloads are forgotten once an hour. If there are too many, the oldest are forgotten each time. */
static void prune(struct node *node, uint64_t now_usec)
{
	if (archive_is_due(&node->archive, now_usec))
		learning_forget(&node->learning, now_usec - node->settings.history.keep_usec);
	if (node->registry.n_workloads > LEARNING_WORKLOADS_MAX)
		learning_forget(&node->learning, 0);
}

void node_sweep(struct node *node, uint64_t now_usec)
{
	const uint64_t lost = exits_count_lost(&node->sources.exits);
	struct stat st;

	prune(node, now_usec);
	if (lost > 0)
		voice_fault(&node->voice.journal, LOG_WARNING,
			    "of %llu cgroups the kernel could not tell the exact last peak: too many went at "
			    "once",
			    (unsigned long long)lost);
	/* inotify does not report the removal of a directory that we hold open. */
	node->records_gone = fstat(node->roots.containers_fd, &st) < 0 || st.st_nlink == 0;
	sweep_temporary(node->roots.containers_fd, now_usec);
	sweep_records(&node->registry, &node->roots, now_usec);
	node_open_sources(node, now_usec);
	/* Ends may wait: with a long sampling interval, ticks are rare. The sources that were opened may have
	 * brought others. */
	node_hear(node, now_usec);
}

void node_reload(struct node *node, const struct settings *settings)
{
	node->settings = *settings;
	learning_reload(&node->learning);
	for (size_t i = 0; i < node->registry.n_containers; i++)
		container_set_sampling(node->registry.containers[i], &settings->sampling);
}

void node_flush(struct node *node, uint64_t now_usec)
{
	/* The next daemon takes for told what was created before the last publication. */
	node_take_waiting_records(node, now_usec);
	learning_publish_decided(&node->learning, now_usec);
	learning_close(&node->learning, now_usec);
	node_hear(node, now_usec);
	node_stop(node, now_usec);
	node_tune(node, now_usec);
	(void)handlers_write(&node->sources.guests.handlers, node->roots.state_fd, now_usec, NULL);
}
