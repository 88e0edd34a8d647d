/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One workload on this node, over all its containers: its window, and what is published of it. */

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
	struct limits limits;     /* as published, or as it will be: see dirty */
	struct window window;     /* the long one */
	struct window recent;     /* the short one */
	struct tide tide;         /* stands in limits, as text, since the tuner looked last */
	struct ratchet ratchet;   /* so does this, since it changed last */
	int64_t history_id;       /* 0: not kept yet */
	uint64_t loaded_usec;     /* when what the daemon found at its start was published; 0: nothing was */
	uint32_t unsaved;         /* so many of the slots closed last are not in the history yet */
	uint64_t fresh;           /* samples and peaks since the tuner looked last */
	uint64_t seen_usec;       /* the last creation or sample */
	size_t n_containers;      /* that point here */
	uint64_t exit_peak_bytes; /* memory.peak of the container that ended last; 0: not known */
	uint64_t published_p95_bytes, published_max_bytes; /* as this daemon published them last; or 0 */
	bool published;                                    /* there is a file of it */
	bool decided;     /* a creation or a resize since it was published: learning_publish_decided() */
	bool dirty;       /* what is published is not what stands in limits */
	bool measured;    /* nor are its measurements, which may wait: workload_is_due() */
	bool unpublished; /* the last attempt to publish failed, which was said */
};

/* The workload as it was published last, or a new one. */
struct workload *workload_new(const struct limits *limits, const struct sampling_settings *sampling);
void workload_free(struct workload *workload);
void workload_set_sampling(struct workload *workload, const struct sampling_settings *sampling);

/* By namespace, owner and container name: for tsearch(3). */
int workload_compare(const void *a, const void *b);

/* A container of it was created, or resized: what it declares and was given, and which image it runs. A new
 * image begins warm-up anew. */
void workload_take_record(struct workload *workload, const struct record *record, uint64_t window_usec,
			  uint64_t now_usec);

/* What one of its containers was charged with before start. The highest counts; it fades by an eighth a
 * container, so that a single bad one (whose image was not cached, say) is not kept for ever. */
void workload_take_prestart(struct workload *workload, const char *runtime, uint64_t peak_bytes);

/* One of its containers, which was created then, runs, or (ended) has ended, and was not killed: see
 * tide_add_life(). */
void workload_take_life(struct workload *workload, uint64_t created_usec, bool ended, uint64_t now_usec);

/* A sample of one of its containers, or the peak that one left: see window_add() and window_add_peak(), whose
 * results they return. */
int workload_take_sample(struct workload *workload, uint64_t bytes, uint64_t now_usec);
int workload_take_peak(struct workload *workload, uint64_t bytes, bool sampled, uint64_t now_usec);

/* What one of its containers used at its limit. */
void workload_take_sight(struct workload *workload, const struct tuner_settings *settings,
			 const struct ratchet_sight *sight, uint64_t now_usec);

/* How its program sizes its heap, by its processes: what the record has not told already. */
void workload_take_sizing(struct workload *workload, enum sizing sizing);

/* A container was killed at this memory.max, at this peak: what is learned goes before anything else. */
void workload_learn_oom(struct workload *workload, const struct tuner_settings *settings,
			uint64_t limit_bytes, uint64_t peak_bytes, uint64_t now_usec);

/* Looks at what was observed in the last window_usec. */
enum tuner_outcome workload_tune(struct workload *workload, const struct tuner_settings *settings,
				 uint64_t window_usec, uint64_t now_usec);

/* Whether the published file should be replaced: it is wrong; or a minute old, and p95 or max has moved by
 * more than a 16th; or five minutes old, and there are new measurements. */
bool workload_is_due(const struct workload *workload, uint64_t now_usec);

/* Nothing is written as long as there is nothing in it that the next creation would not find out by
 * itself: no sample, no kill, no limit but the declared one. It is no failure, and stays due. */
int workload_publish(struct workload *workload, int state_fd, uint64_t now_usec, struct error *err);
