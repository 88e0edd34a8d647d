/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The history of one workload's memory: slots of time, each with count, sum, max and a quantile sketch. Pure:
 * no clock, no file. Bytes, and microseconds of CLOCK_REALTIME.
 *
 * The sketch counts samples by bucket. A bucket is 1/64 of a power of two wide, and a quantile is told as the
 * middle of its bucket: at most 1/128 (0.8 %) off. Count, sum and max are exact. Sketches add up without
 * loss.
 *
 * The open slot is a short sorted array; closed slots are kept encoded, one behind the other, in a single
 * allocation. The newest WINDOW_FINE_SLOTS stay as they were closed. Older ones are merged with their
 * neighbours as long as the two span no more than 1/12 of the whole, so the size hardly depends on the span:
 * about 1 KiB for a quiet workload, 2 to 4 KiB for a restless one. What leaves the window at its far end
 * leaves in such pieces. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/tune/tuner.h"

#define WINDOW_FINE_SLOTS 8

struct window_bin {
	uint64_t bucket : 12, count : 52;
};

/* Opaque: use the functions below. An all-zero one can be freed. */
struct window {
	uint64_t slot_usec, span_usec;

	/* The open slot. Without samples and peaks (empty) the times mean nothing. */
	bool empty;
	uint64_t start_usec, end_usec, count, sum_bytes, max_bytes;
	struct window_bin *bins; /* by bucket, each once */
	uint32_t n_bins, bins_size;

	/* The closed slots, each behind its length, in the order in which they were closed. */
	uint8_t *closed;
	uint32_t closed_length, closed_size, n_closed;
};

/* slot_usec: how long a slot is open; span_usec: how far back slots are kept. Both above 0. Allocates
 * nothing. */
void window_init(struct window *window, uint64_t slot_usec, uint64_t span_usec);
void window_free(struct window *window);

/* How long slots are that show the last recent_usec to a fifth: of a container's own window, which keeps those as they
 * were closed and merges older ones, and of a workload's recent one. */
uint64_t window_recent_slot_usec(uint64_t recent_usec);

/* What the functions below return above 0. */
enum window_outcome {
	WINDOW_SLOT_CLOSED = 1, /* window_closed() shows the slot, which is to be saved */
};

/* Adds one sample. A slot whose time is over is closed before: at the earliest slot_usec after its first
 * sample. A clock that steps back by less than slot_usec changes nothing but that the sample goes to the
 * open slot; a larger step closes the slot, and no slot ever ends before it begins.
 * Returns 0; WINDOW_SLOT_CLOSED; -ENOMEM with
 * the window as it was. Allocates only when a slot is closed, or holds more different sizes than the recent
 * ones. */
int window_add(struct window *window, uint64_t now_usec, uint64_t bytes);

/* Adds the peak that a container left at its exit. sampled: window_add() was called for this container while
 * it lived. Its peak then counts in max only, so that it does not weigh on avg and p95. The peak of a
 * container that was gone before it could be sampled is all that is known of it, and counts as a sample.
 * Returns as window_add(). */
int window_add_peak(struct window *window, uint64_t now_usec, uint64_t bytes, bool sampled);

/* Closes the open slot if its time is over: for workloads that have no running container. Returns as
 * window_add(). */
int window_roll(struct window *window, uint64_t now_usec);

/* Closes the open slot now, at shutdown for instance. Returns WINDOW_SLOT_CLOSED, 0 if the slot is empty, or -ENOMEM. */
int window_close_slot(struct window *window, uint64_t now_usec);

/* An encoded slot. data is borrowed: from the window until it is next changed, or from a database. */
struct slot_bytes {
	const void *data;
	size_t length; /* at most SLOT_BYTES_MAX; 20 to 100 as a rule */
	uint64_t start_usec, end_usec;
};

/* The slot that was closed last. Returns false if there is none. */
bool window_closed(const struct window *window, struct slot_bytes *ret);
/* The one that so many newer ones have been closed after. Below WINDOW_FINE_SLOTS it is as it was closed. */
bool window_closed_before(const struct window *window, uint32_t newer, struct slot_bytes *ret);

/* Puts a saved slot back; the oldest first, and only those that the span still holds. Returns 0, what
 * slot_decode() returns for bytes that it refuses, or -ENOMEM. */
int window_restore(struct window *window, const void *data, size_t length);

/* What the slots say that overlap [from_usec, until_usec], the open one too; a slot counts whole or not at
 * all. UINT64_MAX as until_usec: everything since, also what was dated ahead of now by a clock that has been
 * set back. samples is 0 where there is nothing; max can be known all the same, from peaks. */
void window_observe(const struct window *window, uint64_t from_usec, uint64_t until_usec,
		    struct observed *ret);

/* How many samples these slots hold: for observed.fresh_samples. */
uint64_t window_samples(const struct window *window, uint64_t from_usec, uint64_t until_usec);

/* The quantile q in [0, 1] over the same slots, 0 without samples; window_quantiles() for several at once. */
uint64_t window_quantile(const struct window *window, uint64_t from_usec, uint64_t until_usec, double q);
void window_quantiles(const struct window *window, uint64_t from_usec, uint64_t until_usec, size_t n,
		      const double q[], uint64_t ret_bytes[]);

/* Heap and struct, as asked of the allocator. */
size_t window_memory(const struct window *window);

/* ---- One slot, decoded: 30 KiB, for the stack. ---- */

/* Sizes below 128 have a bucket each, then 64 for every power of two up to 2^63. */
#define SLOT_BUCKETS   (64 * 59)
#define SLOT_BYTES_MAX 32768

struct slot {
	uint64_t start_usec, end_usec; /* of the first and the last sample or peak */
	uint64_t count, max_bytes;
	uint64_t sum_bytes; /* saturates, which takes 1 TiB sampled every second for half a year */
	uint64_t buckets[SLOT_BUCKETS];
};

/* The format: a byte for the version (1), then varints (LEB128): start, end - start, count, sum, max, and for
 * each bucket that has samples, from the lowest: (samples - 1) * 2 + (1 if buckets were skipped), and if so
 * how many. Returns the length. */
size_t slot_encode(const struct slot *slot, uint8_t data[static SLOT_BYTES_MAX]);

/* Whatever the bytes are: returns 0, -EBADMSG for what makes no sense, or -ENOTSUP for a newer version; *ret
 * is set only with 0. */
int slot_decode(const void *data, size_t length, struct slot *ret);

/* Adds an encoded slot to another one, which may be all zero. Returns as slot_decode(); *into changes only
 * with 0. */
int slot_merge(struct slot *into, const void *data, size_t length);

/* The size that the share q of the samples does not exceed (the nearest rank); 0 without samples. */
uint64_t slot_quantile(const struct slot *slot, double q);
