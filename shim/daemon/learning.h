/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Learns about workloads, from creations, readings, kills and ends of their containers. What is learned is
 * published, kept in the archive, and logged. What is learned from a kill is on disk before the kill is
 * logged: the container's replacement may be created within milliseconds. */

#include "cgroups/oom.h"
#include "shim/daemon/archive.h"
#include "shim/daemon/registry.h"
#include "shim/daemon/voice.h"

struct learning {
	/* Borrowed. */
	const struct settings *settings;
	struct registry *registry;
	struct archive *archive;
	struct voice *voice;
	int state_fd; /* where limits are published */

	size_t unpublished; /* workloads whose limits could not be written */
	bool decided;       /* some workload has workload->decided */
};

/* ---- From one container ---- */

/* Takes the decision of a creation or a resize. */
void learning_take_decision(struct learning *learning, struct container *container,
			    const struct record *record, uint64_t now_usec);
/* Takes the charge before the container's start. */
void learning_take_start(struct learning *learning, struct container *container, const struct record *record);

/* Takes container->memory, which was just read. in_turn: see container_sample(). */
void learning_take_reading(struct learning *learning, const struct container *container, bool in_turn,
			   uint64_t now_usec);
/* Takes what the container has used at its limit so far. ended: in its whole life. */
void learning_take_sight(struct learning *learning, const struct container *container, bool ended,
			 uint64_t now_usec);

/* Takes an OOM kill, if the container's counts have one that was not told yet. kill: NULL if the kernel log
 * did not report it. container->max_bytes: the limit at the kill. */
void learning_take_kill(struct learning *learning, struct container *container, enum oom_cause cause,
			const struct oom_kill *kill, uint64_t now_usec);

/* Takes the container's end. All its values are final. */
void learning_take_end(struct learning *learning, struct container *container, uint64_t now_usec);

/* ---- Of all workloads ---- */

/* Publishes the workloads of which containers were created since they were last published. Call when no
 * record waits, and at each sample. So a workload with many new containers is written once. */
void learning_publish_decided(struct learning *learning, uint64_t now_usec);
/* Publishes the workloads that only the history had. */
void learning_publish_loaded(struct learning *learning, uint64_t now_usec);

/* Check one workload, or all: recommend anew if there are new samples, and publish if this is due. */
void learning_tune_workload(struct learning *learning, struct workload *workload, uint64_t now_usec);
void learning_tune(struct learning *learning, uint64_t now_usec);

/* Call after the settings have changed. */
void learning_reload(struct learning *learning);

/* Call before the daemon ends: closes the open slots, so that the next tuning has everything. */
void learning_close(struct learning *learning, uint64_t now_usec);

/* The most workloads that are kept. Those with containers are kept in any case. */
#define LEARNING_WORKLOADS_MAX 20000

/* Drops workloads that were last seen before older_than_usec, and more, the oldest first, while there are too
 * many. Workloads with containers stay. */
void learning_forget(struct learning *learning, uint64_t older_than_usec);
