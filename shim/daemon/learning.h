/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is learned of workloads, from creations, readings, kills and ends of their containers, and what
 * follows from it: it is published, kept in the archive, and said. A kill is on disk before it is said,
 * since the container's replacement may be created within milliseconds. */

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
	bool decided;       /* a creation since its workload was published */
};

/* ---- From one container ---- */

/* A creation or a resize: what it decided. */
void learning_take_decision(struct learning *learning, struct container *container,
			    const struct record *record, uint64_t now_usec);
/* Its start: what it was charged with before. */
void learning_take_start(struct learning *learning, struct container *container, const struct record *record);

/* container->memory was just read. in_turn: see container_sample(). */
void learning_take_reading(struct learning *learning, const struct container *container, bool in_turn,
			   uint64_t now_usec);
/* What it has used at its limit so far; ended: in its whole life. */
void learning_take_sight(struct learning *learning, const struct container *container, bool ended,
			 uint64_t now_usec);

/* One OOM kill, if the container's counts say that it was not told yet. kill: NULL where the kernel log
 * did not say. container->max_bytes is the limit that it died at. */
void learning_take_kill(struct learning *learning, struct container *container, enum oom_cause cause,
			const struct oom_kill *kill, uint64_t now_usec);

/* It has ended, and is all that it will ever be. */
void learning_take_end(struct learning *learning, struct container *container, uint64_t now_usec);

/* ---- Of all workloads ---- */

/* Publishes the workloads of which containers were created since: once no record waits, or at the next
 * sample at the latest, so that a workload with many of them is written once. */
void learning_publish_decided(struct learning *learning, uint64_t now_usec);
/* Publishes what was found in the history alone. */
void learning_publish_loaded(struct learning *learning, uint64_t now_usec);

/* A look at one workload, and at all. */
void learning_tune_workload(struct learning *learning, struct workload *workload, uint64_t now_usec);
void learning_tune(struct learning *learning, uint64_t now_usec);

/* The settings have changed. */
void learning_reload(struct learning *learning);

/* Closes the slots that are open, so that what is tuned next is all there is: before the end. */
void learning_close(struct learning *learning, uint64_t now_usec);

/* So many workloads are kept at most, apart from those with containers. */
#define LEARNING_WORKLOADS_MAX 20000

/* Drops workloads that were last seen before older_than_usec, and more while there are too many. */
void learning_forget(struct learning *learning, uint64_t older_than_usec);
