/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The history of one workload's memory: slots of time, each with count, sum, max and a quantile sketch. Pure:
 * no clock, no file. Bytes, and microseconds of CLOCK_REALTIME.
 *
 * The sketch counts samples by bucket. A bucket is 1/64 of a power of two wide. A quantile is the middle of
 * its bucket, at most 1/128 (0.8 %) off. Count, sum and max are exact. Adding sketches loses nothing.
 *
 * The open slot is a short sorted array. Closed slots are kept encoded, one behind the other, in a single
 * allocation. The newest WINDOW_FINE_SLOTS stay as they were closed. Older neighbours are merged while the
 * two together span at most 1/12 of the window. So the size hardly depends on the span: about 1 KiB for a
 * quiet workload, 2 to 4 KiB for a restless one. The old end of the window is dropped in such pieces. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/tune/tuner.h"

#define WINDOW_FINE_SLOTS 8

struct window_bin {
	uint64_t bucket : 12, count : 52;
};

/* Opaque: use the functions below. An all-zero window may be freed. */
struct window {
	uint64_t slot_usec, span_usec;

	/* The open slot. If empty, without samples and peaks, the times mean nothing. */
	bool empty;
	uint64_t start_usec, end_usec, count, sum_bytes, max_bytes;
	struct window_bin *bins; /* sorted by bucket, each bucket once */
	uint32_t n_bins, bins_size;

	/* The closed slots, each behind its length, in the order of closing. */
	uint8_t *closed;
	uint32_t closed_length, closed_size, n_closed;
};

/* slot_usec: how long a slot is open. span_usec: how far back slots are kept. Both above 0. Allocates
 * nothing. */
void window_init(struct window *window, uint64_t slot_usec, uint64_t span_usec);
void window_free(struct window *window);

/* The length of slots that show the last recent_usec to a fifth. For a container's own window, which keeps
 * these slots as they were closed and merges only older ones, and for a workload's recent window. */
uint64_t window_recent_slot_usec(uint64_t recent_usec);

/* What the functions below return above 0. */
enum window_outcome {
	WINDOW_SLOT_CLOSED = 1, /* the caller saves the slot that window_closed_before(…, 0, …) shows */
};

/* Adds one sample. A slot is closed before if its time is over: slot_usec after its first sample at the
 * earliest. If the clock was set back by less than slot_usec, the sample goes to the open slot. A larger step
 * back closes the slot. No slot ends before it begins. Returns 0; WINDOW_SLOT_CLOSED; or -ENOMEM with the
 * window unchanged. Allocates only to close a slot, or if the slot holds more different sizes than recent
 * ones. */
int window_add(struct window *window, uint64_t now_usec, uint64_t bytes);

/* Adds the peak that a container left at its exit. sampled: the container was sampled by window_add() while
 * it lived. Its peak then counts in max only, and does not move avg and p95. If it was gone before it could
 * be sampled, the peak is all that is known, and counts as a sample. Returns as window_add(). */
int window_add_peak(struct window *window, uint64_t now_usec, uint64_t bytes, bool sampled);

/* Closes the open slot if its time is over: for workloads without a running container. Returns as
 * window_add(). */
int window_roll(struct window *window, uint64_t now_usec);

/* Closes the open slot now, for instance at shutdown. Returns WINDOW_SLOT_CLOSED, 0 if the slot is empty, or
 * -ENOMEM. */
int window_close_slot(struct window *window, uint64_t now_usec);

/* An encoded slot. data is borrowed: from the window until the window changes, or from a database. */
struct slot_bytes {
	const void *data;
	size_t length; /* at most SLOT_BYTES_MAX; mostly 20 to 100 */
	uint64_t start_usec, end_usec;
};

/* The closed slot after which as many slots were closed as newer says. With newer below WINDOW_FINE_SLOTS it is as
 * it was closed. Returns false if there is none. */
bool window_closed_before(const struct window *window, uint32_t newer, struct slot_bytes *ret);

/* Puts a saved slot back: the oldest first, and only slots within the span. Returns 0, an error of
 * slot_decode(), or -ENOMEM. */
int window_restore(struct window *window, const void *data, size_t length);

/* What the slots that overlap [from_usec, until_usec] tell, the open one too. A slot counts whole or not at
 * all. until_usec = UINT64_MAX: also what was dated ahead of now, before the clock was set back. samples may
 * be 0 with max known, from peaks. */
void window_observe(const struct window *window, uint64_t from_usec, uint64_t until_usec,
		    struct observed *ret);

/* The number of samples in these slots: for observed.fresh_samples. */
uint64_t window_samples(const struct window *window, uint64_t from_usec, uint64_t until_usec);

/* Several quantiles, each q in [0, 1], of these slots; 0 without samples. */
void window_quantiles(const struct window *window, uint64_t from_usec, uint64_t until_usec, size_t n,
		      const double q[], uint64_t ret_bytes[]);

/* Bytes of the struct and of the heap, as requested from the allocator. */
size_t window_memory(const struct window *window);

/* ---- One slot, decoded: 30 KiB, for the stack. ---- */

/* Sizes below 128 have a bucket each. Above, each power of two up to 2^63 has 64. */
#define SLOT_BUCKETS   (64 * 59)
#define SLOT_BYTES_MAX 32768

struct slot {
	uint64_t start_usec, end_usec; /* time of the first and the last sample or peak */
	uint64_t count, max_bytes;
	/* Stops at UINT64_MAX, which 1 TiB sampled every second reaches after half a year. */
	uint64_t sum_bytes;
	uint64_t buckets[SLOT_BUCKETS];
};

/* The format: a byte for the version (1), then varints (LEB128): start, end - start, count, sum, max. Then
 * for each bucket with samples, from the lowest: (samples - 1) * 2 + (1 if buckets were skipped), and if so
 * their number. Returns the length. */
size_t slot_encode(const struct slot *slot, uint8_t data[static SLOT_BYTES_MAX]);

/* Accepts any bytes. Returns 0, -EBADMSG for bytes that no slot has, or -ENOTSUP for a newer version. *ret is
 * untouched unless 0 is returned. */
int slot_decode(const void *data, size_t length, struct slot *ret);

/* Adds an encoded slot to *into, which may be all zero. Returns as slot_decode(). *into is untouched unless 0
 * is returned. */
int slot_merge(struct slot *into, const void *data, size_t length);

/* The size that the share q of the samples does not exceed (nearest rank). 0 without samples. */
uint64_t slot_quantile(const struct slot *slot, double q);
