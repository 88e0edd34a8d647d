/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One workload on this node, over all its containers: its windows, and its published limits. */

#include <stdbool.h>
#include <stdint.h>

#include "oci/sizing.h"
#include "shim/store/limits.h"
#include "shim/store/record.h"
#include "shim/store/settings.h"
#include "shim/tune/ratchet.h"
#include "shim/tune/tide.h"
#include "shim/tune/window.h"

struct workload {
	struct limits limits;   /* as published, or to be published: see dirty */
	struct window window;   /* the long window */
	struct window recent;   /* the short window */
	struct tide tide;       /* limits.tide has its text, as of the last workload_tune() */
	struct ratchet ratchet; /* limits.ratchet has its text */
	int64_t history_id;     /* the row id in the history; 0: not known */
	uint64_t loaded_usec;   /* when the limits that were loaded had been published; 0: none were loaded */
	uint32_t unsaved;       /* the last slots that are not in the history yet */
	uint64_t fresh;         /* samples and peaks since the last workload_tune() */
	uint64_t seen_usec;     /* time of the last creation or sample */
	size_t n_containers;    /* containers that point here */
	uint64_t exit_peak_bytes; /* memory.peak of the container that ended last; 0: not known */
	uint64_t published_p95_bytes,
		published_max_bytes; /* as this daemon published them last; 0: not yet */
	bool published;              /* there is a published file */
	bool decided;                /* a creation or a resize since the last learning_publish_decided() */
	bool dirty;                  /* limits differ from the published file */
	bool measured;    /* measurements in memory are newer than the published file: workload_is_due() */
	bool unpublished; /* the last publishing failed, which was logged */
};

/* limits: as published last, or those of a new workload. NULL: out of memory. */
struct workload *workload_new(const struct limits *limits, const struct sampling_settings *sampling);
void workload_free(struct workload *workload);
void workload_set_sampling(struct workload *workload, const struct sampling_settings *sampling);

/* For tsearch(3): by namespace, owner and container name. */
int workload_compare(const void *a, const void *b);

/* Takes the creation or the resize of a container: its declared and its applied limit, and its image. A new
 * image begins the warm-up anew. */
void workload_take_record(struct workload *workload, const struct record *record, uint64_t window_usec,
			  uint64_t now_usec);

/* Takes a container's charge before its start. The highest one counts. With each later container an
 * eighth of the difference is taken off, so that a single bad one (its image was not cached, say) is not
 * kept for ever. */
void workload_take_prestart(struct workload *workload, const char *runtime, uint64_t peak_bytes);

/* A container that was created at created_usec still runs; or has ended without a kill, if
 * `ended`. See tide_add_life(). */
void workload_take_life(struct workload *workload, uint64_t created_usec, bool ended, uint64_t now_usec);

/* Take a container's sample, or its peak. Return as window_add() and window_add_peak() do. */
int workload_take_sample(struct workload *workload, uint64_t bytes, uint64_t now_usec);
int workload_take_peak(struct workload *workload, uint64_t bytes, bool sampled, uint64_t now_usec);

/* Takes what a container used at its limit. */
void workload_take_sight(struct workload *workload, const struct tuner_settings *settings,
			 const struct ratchet_sight *sight, uint64_t now_usec);

/* Takes how the program sizes its heap, by the record or by the processes. */
void workload_take_sizing(struct workload *workload, enum sizing sizing);

/* Learns from an OOM kill. limit_bytes: memory.max at the kill; peak_bytes: memory.peak. The caller
 * publishes at once. */
void workload_learn_oom(struct workload *workload, const struct tuner_settings *settings,
			uint64_t limit_bytes, uint64_t peak_bytes, uint64_t now_usec);

/* Makes a new recommendation if one is due, from what was observed in the last window_usec. */
enum tuner_outcome workload_tune(struct workload *workload, const struct tuner_settings *settings,
				 uint64_t window_usec, uint64_t now_usec);

/* Whether the published file should be replaced: it is wrong (dirty); or it is a minute old, and p95 or max
 * has moved by more than a 16th; or it is five minutes old, and there are new measurements. */
bool workload_is_due(const struct workload *workload, uint64_t now_usec);

/* Publishes the limits. Nothing is written as long as the file would not help the next creation: there is no
 * sample, no kill, no limit but the declared one. This is no failure: 0 is returned, and the workload stays
 * due. Returns 0 or -errno. */
int workload_publish(struct workload *workload, int state_fd, uint64_t now_usec, struct error *err);
