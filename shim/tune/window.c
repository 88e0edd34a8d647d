/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tune/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_VERSION 1
/* More samples than any real slot has, and few enough that sums of counts do not overflow. */
#define SLOT_COUNT_MAX (UINT64_C(1) << 40)

/* Two older neighbours are merged while they span at most 1/WINDOW_PIECES of the window. So at most twice as
 * many are kept. A clock that keeps jumping may close more: the oldest then go. */
#define WINDOW_PIECES    12
#define WINDOW_SLOTS_MAX (WINDOW_FINE_SLOTS + 2 * WINDOW_PIECES + 8)

#define WINDOW_RECENT_SLOTS 5

#define WINDOW_BINS_MIN   8
#define WINDOW_GROW_BYTES 128

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- Buckets ---- */

static unsigned bucket_of(uint64_t bytes)
{
	if (bytes < 128)
		return (unsigned)bytes;
	unsigned shift = 57 - (unsigned)__builtin_clzll(bytes); /* leaves seven bits, the first is 1 */
	return shift * 64 + (unsigned)(bytes >> shift);
}

static uint64_t bucket_middle(unsigned bucket)
{
	if (bucket < 128)
		return bucket;
	unsigned shift = bucket / 64 - 1;
	return ((64 + (uint64_t)bucket % 64) << shift) + (UINT64_C(1) << shift) / 2;
}

/* ---- A slot's bytes ---- */

struct cursor {
	const uint8_t *at, *end;
};

/* LEB128: seven bits in each byte, the lowest first. */
static size_t varint_write(uint64_t value, uint8_t *data)
{
	size_t length = 0;
	for (; value >= 0x80; value >>= 7)
		data[length++] = (uint8_t)(value | 0x80);
	data[length++] = (uint8_t)value;
	return length;
}

static bool varint_read(struct cursor *cursor, uint64_t *ret)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
		uint64_t digit = *cursor->at & 0x7f;
		if (digit << shift >> shift != digit)
			return false;
		value |= digit << shift;
		if (!(*cursor->at++ & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

struct slot_header {
	uint64_t start_usec, end_usec, count, sum_bytes, max_bytes;
};

static int slot_read_header(struct cursor *cursor, struct slot_header *ret)
{
	if (cursor->at == cursor->end)
		return -EBADMSG;
	uint8_t version = *cursor->at++;
	if (version > SLOT_VERSION)
		return -ENOTSUP;

	uint64_t duration_usec;
	if (version != SLOT_VERSION || !varint_read(cursor, &ret->start_usec) ||
	    !varint_read(cursor, &duration_usec) || !varint_read(cursor, &ret->count) ||
	    !varint_read(cursor, &ret->sum_bytes) || !varint_read(cursor, &ret->max_bytes) ||
	    __builtin_add_overflow(ret->start_usec, duration_usec, &ret->end_usec) ||
	    ret->count > SLOT_COUNT_MAX)
		return -EBADMSG;

	uint64_t most;
	if (!__builtin_mul_overflow(ret->count, ret->max_bytes, &most) && ret->sum_bytes > most)
		return -EBADMSG;
	return 0;
}

/* Reads the buckets and adds them to buckets[]. With NULL only checks them. */
static int slot_read_buckets(struct cursor cursor, const struct slot_header *header, uint64_t *buckets)
{
	uint64_t bucket = 0, count = 0;
	for (bool first = true; cursor.at < cursor.end; first = false) {
		uint64_t item, skipped = 0;
		if (!varint_read(&cursor, &item) || ((item & 1) && !varint_read(&cursor, &skipped)))
			return -EBADMSG;
		uint64_t samples = item / 2 + 1;
		if (skipped >= SLOT_BUCKETS || samples > header->count)
			return -EBADMSG;
		bucket += skipped + !first;
		count += samples;
		if (bucket > bucket_of(header->max_bytes) || count > header->count)
			return -EBADMSG;
		if (buckets)
			buckets[bucket] += samples;
	}
	return count == header->count ? 0 : -EBADMSG;
}

static size_t slot_write_header(const struct slot_header *header, uint8_t *data)
{
	size_t length = 0;
	data[length++] = SLOT_VERSION;
	length += varint_write(header->start_usec, data + length);
	length += varint_write(header->end_usec - header->start_usec, data + length);
	length += varint_write(header->count, data + length);
	length += varint_write(header->sum_bytes, data + length);
	length += varint_write(header->max_bytes, data + length);
	return length;
}

/* next: the bucket behind the last one written. */
static size_t slot_write_bucket(unsigned bucket, uint64_t count, unsigned next, uint8_t *data)
{
	size_t length = varint_write((count - 1) * 2 + (bucket > next), data);
	if (bucket > next)
		length += varint_write(bucket - next, data + length);
	return length;
}

size_t slot_encode(const struct slot *slot, uint8_t data[static SLOT_BYTES_MAX])
{
	const struct slot_header header = {slot->start_usec, slot->end_usec, slot->count, slot->sum_bytes,
					   slot->max_bytes};
	size_t length = slot_write_header(&header, data);

	for (unsigned i = 0, next = 0; i < SLOT_BUCKETS; i++) {
		if (slot->buckets[i] == 0)
			continue;
		length += slot_write_bucket(i, slot->buckets[i], next, data + length);
		next = i + 1;
	}
	return length;
}

int slot_merge(struct slot *into, const void *data, size_t length)
{
	if (length == 0 || length > SLOT_BYTES_MAX)
		return -EBADMSG;
	struct cursor cursor = {data, (const uint8_t *)data + length};
	struct slot_header header;
	int r = slot_read_header(&cursor, &header);
	if (r == 0)
		r = slot_read_buckets(cursor, &header, NULL);
	if (r < 0)
		return r;

	(void)slot_read_buckets(cursor, &header, into->buckets);
	bool had_nothing = into->count == 0 && into->max_bytes == 0 && into->end_usec == 0;
	into->start_usec = had_nothing ? header.start_usec : earlier(into->start_usec, header.start_usec);
	into->end_usec = later(into->end_usec, header.end_usec);
	into->count += header.count;
	into->sum_bytes = add_saturated(into->sum_bytes, header.sum_bytes);
	into->max_bytes = later(into->max_bytes, header.max_bytes);
	return 0;
}

/* A walk over the buckets of an encoded slot, which was checked before. */
struct bucket_walk {
	struct cursor cursor;
	uint64_t bucket, count; /* bucket: SLOT_BUCKETS when none is left */
};

static void bucket_walk_next(struct bucket_walk *walk)
{
	uint64_t item, skipped = 0, next = walk->count > 0 ? walk->bucket + 1 : 0;

	if (!varint_read(&walk->cursor, &item) || ((item & 1) && !varint_read(&walk->cursor, &skipped))) {
		walk->bucket = SLOT_BUCKETS;
		return;
	}
	walk->bucket = next + skipped;
	walk->count = item / 2 + 1;
}

/* Encodes two slots as one, without decoding them, since this happens whenever a slot is closed. */
static size_t slot_encode_both(const struct slot_bytes *a, const struct slot_bytes *b,
			       uint8_t data[static SLOT_BYTES_MAX], uint64_t *ret_count)
{
	struct bucket_walk walk[2] = {{.cursor = {a->data, (const uint8_t *)a->data + a->length}},
				      {.cursor = {b->data, (const uint8_t *)b->data + b->length}}};
	struct slot_header header[2];

	for (int i = 0; i < 2; i++) {
		(void)slot_read_header(&walk[i].cursor, &header[i]);
		bucket_walk_next(&walk[i]);
	}
	const struct slot_header both = {
		earlier(header[0].start_usec, header[1].start_usec),
		later(header[0].end_usec, header[1].end_usec),
		header[0].count + header[1].count,
		add_saturated(header[0].sum_bytes, header[1].sum_bytes),
		later(header[0].max_bytes, header[1].max_bytes),
	};
	*ret_count = both.count;
	size_t length = slot_write_header(&both, data);

	unsigned next = 0;
	for (uint64_t bucket; (bucket = earlier(walk[0].bucket, walk[1].bucket)) < SLOT_BUCKETS;) {
		uint64_t count = 0;
		for (int i = 0; i < 2; i++)
			if (walk[i].bucket == bucket) {
				count += walk[i].count;
				bucket_walk_next(&walk[i]);
			}
		length += slot_write_bucket((unsigned)bucket, count, next, data + length);
		next = (unsigned)bucket + 1;
	}
	return length;
}

int slot_decode(const void *data, size_t length, struct slot *ret)
{
	struct slot slot = {0};
	int r = slot_merge(&slot, data, length);
	if (r == 0)
		*ret = slot;
	return r;
}

uint64_t slot_quantile(const struct slot *slot, double q)
{
	if (slot->count == 0)
		return 0;
	/* The nearest rank, ceil(q × count), from 1 to count. */
	double share = q <= 0 ? 0 : q * (double)slot->count;
	uint64_t rank = share >= (double)slot->count ? slot->count : (uint64_t)share;
	if ((double)rank < share || rank == 0)
		rank++;

	/* From above, since mostly high quantiles are asked for. */
	uint64_t left = slot->count;
	for (unsigned i = bucket_of(slot->max_bytes); i > 0; i--) {
		left -= slot->buckets[i];
		if (left < rank)
			return earlier(bucket_middle(i), slot->max_bytes);
	}
	return 0;
}

/* ---- The closed slots ---- */

/* Shows the slot at *at and moves *at to the next one. Returns false at the end. */
static bool closed_next(const struct window *window, size_t *at, struct slot_bytes *ret)
{
	if (*at >= window->closed_length)
		return false;
	struct cursor cursor = {window->closed + *at, window->closed + window->closed_length};
	uint64_t length;
	if (!varint_read(&cursor, &length))
		return false;

	/* The slot was checked when it came in. Only start and duration are read, since this runs whenever a
	 * slot is closed. */
	struct cursor inside = {cursor.at + 1, cursor.at + length};
	uint64_t start_usec = 0, duration_usec = 0;
	(void)varint_read(&inside, &start_usec);
	(void)varint_read(&inside, &duration_usec);
	*ret = (struct slot_bytes){cursor.at, (size_t)length, start_usec, start_usec + duration_usec};
	*at = (size_t)(cursor.at - window->closed) + (size_t)length;
	return true;
}

/* Replaces what lies in [at, end) by data. There must be room. data NULL: removes it. */
static void closed_replace(struct window *window, size_t at, size_t end, const void *data, size_t length)
{
	uint8_t prefix[10];
	size_t prefix_length = data ? varint_write(length, prefix) : 0;
	size_t replaced_end = at + prefix_length + (data ? length : 0);

	memmove(window->closed + replaced_end, window->closed + end, window->closed_length - end);
	if (data) {
		memcpy(window->closed + at, prefix, prefix_length);
		memcpy(window->closed + at + prefix_length, data, length);
	}
	window->closed_length = (uint32_t)(window->closed_length + replaced_end - end);
}

/* Drops slots further back than the span, or further ahead of now than a real clock steps. */
static void closed_expire(struct window *window, uint64_t now_usec)
{
	struct slot_bytes slot;
	for (size_t at = 0, next = 0; closed_next(window, &next, &slot);) {
		bool past = slot.end_usec < now_usec && now_usec - slot.end_usec > window->span_usec;
		bool ahead = slot.start_usec > now_usec && slot.start_usec - now_usec > window->span_usec;
		if (past || ahead) {
			closed_replace(window, at, next, NULL, 0);
			window->n_closed--;
			next = at;
		}
		at = next;
	}
}

/* Merges the first two older neighbours that together are short enough. One pair is enough, since this is
 * called for each slot that comes in. */
static void closed_coarsen(struct window *window)
{
	struct slot_bytes first, second;
	size_t at = 0, second_at = 0;

	if (!closed_next(window, &second_at, &first))
		return;
	for (uint32_t i = 1; i + WINDOW_FINE_SLOTS < window->n_closed; i++) {
		size_t end = second_at;
		if (!closed_next(window, &end, &second))
			return;
		uint64_t start_usec = earlier(first.start_usec, second.start_usec);
		uint64_t end_usec = later(first.end_usec, second.end_usec);
		if (end_usec - start_usec <= window->span_usec / WINDOW_PIECES) {
			uint8_t data[SLOT_BYTES_MAX], prefix[10];
			uint64_t count;
			size_t length = slot_encode_both(&first, &second, data, &count);
			if (count > SLOT_COUNT_MAX || varint_write(length, prefix) + length > end - at)
				return;
			closed_replace(window, at, end, data, length);
			window->n_closed--;
			return;
		}
		first = second;
		at = second_at;
		second_at = end;
	}
}

static int closed_resize(struct window *window, size_t needed)
{
	size_t size = (needed + WINDOW_GROW_BYTES - 1) / WINDOW_GROW_BYTES * WINDOW_GROW_BYTES;
	if (size == window->closed_size)
		return 0;
	uint8_t *closed = realloc(window->closed, size);
	if (!closed)
		return -ENOMEM;
	window->closed = closed;
	window->closed_size = (uint32_t)size;
	return 0;
}

static int closed_append(struct window *window, const void *data, size_t length)
{
	uint8_t prefix[10];
	size_t needed = window->closed_length + varint_write(length, prefix) + length;
	if (needed > window->closed_size && closed_resize(window, needed) < 0)
		return -ENOMEM;
	closed_replace(window, window->closed_length, window->closed_length, data, length);
	window->n_closed++;

	struct slot_bytes oldest;
	size_t end = 0;
	if (window->n_closed > WINDOW_SLOTS_MAX && closed_next(window, &end, &oldest)) {
		closed_replace(window, 0, end, NULL, 0);
		window->n_closed--;
	}
	return 0;
}

bool window_closed_before(const struct window *window, uint32_t newer, struct slot_bytes *ret)
{
	size_t at = 0;
	for (uint32_t i = newer; i < window->n_closed; i++)
		if (!closed_next(window, &at, ret))
			return false;
	return newer < window->n_closed;
}

int window_restore(struct window *window, const void *data, size_t length)
{
	struct slot slot = {0};
	int r = slot_merge(&slot, data, length);
	if (r == 0)
		r = closed_append(window, data, length);
	if (r == 0)
		closed_coarsen(window);
	return r;
}

/* ---- The open slot ---- */

void window_init(struct window *window, uint64_t slot_usec, uint64_t span_usec)
{
	*window = (struct window){.slot_usec = slot_usec, .span_usec = span_usec, .empty = true};
}

uint64_t window_recent_slot_usec(uint64_t recent_usec)
{
	_Static_assert(WINDOW_RECENT_SLOTS < WINDOW_FINE_SLOTS, "they must not be merged");
	return recent_usec / WINDOW_RECENT_SLOTS;
}

void window_free(struct window *window)
{
	free(window->bins);
	free(window->closed);
	*window = (struct window){.empty = true};
}

size_t window_memory(const struct window *window)
{
	return sizeof *window + window->bins_size * sizeof *window->bins + window->closed_size;
}

static void window_add_open(const struct window *window, struct slot *into)
{
	if (into->end_usec == 0 || into->start_usec > window->start_usec)
		into->start_usec = window->start_usec;
	into->end_usec = later(into->end_usec, window->end_usec);
	into->count += window->count;
	into->sum_bytes = add_saturated(into->sum_bytes, window->sum_bytes);
	into->max_bytes = later(into->max_bytes, window->max_bytes);
	for (uint32_t i = 0; i < window->n_bins; i++)
		into->buckets[window->bins[i].bucket] += window->bins[i].count;
}

/* As slot_encode(), without 30 KiB of buckets that are mostly empty. */
static size_t open_encode(const struct window *window, uint8_t data[static SLOT_BYTES_MAX])
{
	const struct slot_header header = {window->start_usec, window->end_usec, window->count,
					   window->sum_bytes, window->max_bytes};
	size_t length = slot_write_header(&header, data);

	for (uint32_t i = 0, next = 0; i < window->n_bins; i++) {
		length +=
			slot_write_bucket(window->bins[i].bucket, window->bins[i].count, next, data + length);
		next = window->bins[i].bucket + 1;
	}
	return length;
}

static int bins_resize(struct window *window, uint32_t size)
{
	struct window_bin *bins = realloc(window->bins, size * sizeof *bins);
	if (!bins)
		return -ENOMEM;
	window->bins = bins;
	window->bins_size = size;
	return 0;
}

int window_close_slot(struct window *window, uint64_t now_usec)
{
	if (window->empty)
		return 0;

	uint8_t data[SLOT_BYTES_MAX];
	closed_expire(window, now_usec);
	if (closed_append(window, data, open_encode(window, data)) < 0)
		return -ENOMEM;
	closed_coarsen(window);

	/* Gives back memory that a restless hour took. A failure does no harm. */
	if (window->closed_size > window->closed_length + 2 * WINDOW_GROW_BYTES)
		(void)closed_resize(window, window->closed_length);
	if (window->bins_size > WINDOW_BINS_MIN && window->bins_size > 2 * window->n_bins)
		(void)bins_resize(window, (uint32_t)later(window->n_bins, WINDOW_BINS_MIN));

	window->empty = true;
	window->count = window->sum_bytes = window->max_bytes = 0;
	window->n_bins = 0;
	return WINDOW_SLOT_CLOSED;
}

int window_roll(struct window *window, uint64_t now_usec)
{
	uint64_t away_usec =
		now_usec > window->start_usec ? now_usec - window->start_usec : window->start_usec - now_usec;
	if (window->empty || away_usec < window->slot_usec)
		return 0;
	return window_close_slot(window, now_usec);
}

/* The bin of this bucket, a new one if there is none. NULL without memory. */
static struct window_bin *bins_find(struct window *window, unsigned bucket)
{
	uint32_t low = 0, high = window->n_bins;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (window->bins[middle].bucket < bucket)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < window->n_bins && window->bins[low].bucket == bucket)
		return &window->bins[low];

	if (window->n_bins == window->bins_size &&
	    bins_resize(window,
			window->bins_size ? window->bins_size + window->bins_size / 2 : WINDOW_BINS_MIN) < 0)
		return NULL;
	struct window_bin *bin = &window->bins[low];
	memmove(bin + 1, bin, (window->n_bins - low) * sizeof *bin);
	window->n_bins++;
	bin->bucket = bucket & 0xfff;
	bin->count = 0;
	return bin;
}

static int window_put(struct window *window, uint64_t now_usec, uint64_t bytes, bool in_sketch)
{
	int closed = window_roll(window, now_usec);
	if (closed < 0)
		return closed;

	if (in_sketch) {
		/* Cannot fail right after a slot was closed: there is room for WINDOW_BINS_MIN. */
		struct window_bin *bin = bins_find(window, bucket_of(bytes));
		if (!bin)
			return -ENOMEM;
		bin->count++;
		window->count++;
		window->sum_bytes = add_saturated(window->sum_bytes, bytes);
	}
	if (window->empty) {
		window->start_usec = window->end_usec = now_usec;
		window->empty = false;
	}
	window->end_usec = later(window->end_usec, now_usec);
	window->max_bytes = later(window->max_bytes, bytes);
	return closed;
}

int window_add(struct window *window, uint64_t now_usec, uint64_t bytes)
{
	return window_put(window, now_usec, bytes, true);
}

int window_add_peak(struct window *window, uint64_t now_usec, uint64_t bytes, bool sampled)
{
	return window_put(window, now_usec, bytes, !sampled);
}

/* ---- What it says ---- */

static void window_collect(const struct window *window, uint64_t from_usec, uint64_t until_usec,
			   struct slot *into)
{
	struct slot_bytes slot;
	for (size_t at = 0; closed_next(window, &at, &slot);)
		if (slot.end_usec >= from_usec && slot.start_usec <= until_usec)
			(void)slot_merge(into, slot.data, slot.length);
	if (!window->empty && window->end_usec >= from_usec && window->start_usec <= until_usec)
		window_add_open(window, into);
}

void window_observe(const struct window *window, uint64_t from_usec, uint64_t until_usec,
		    struct observed *ret)
{
	struct slot total = {0};
	window_collect(window, from_usec, until_usec, &total);

	*ret = (struct observed){.samples = total.count, .max_bytes = total.max_bytes};
	if (total.count == 0)
		return;
	ret->since_usec = total.start_usec;
	ret->until_usec = total.end_usec;
	ret->avg_bytes = total.sum_bytes / total.count;
	ret->p95_bytes = slot_quantile(&total, 0.95);
}

uint64_t window_samples(const struct window *window, uint64_t from_usec, uint64_t until_usec)
{
	struct slot total = {0};
	window_collect(window, from_usec, until_usec, &total);
	return total.count;
}

void window_quantiles(const struct window *window, uint64_t from_usec, uint64_t until_usec, size_t n,
		      const double q[], uint64_t ret_bytes[])
{
	struct slot total = {0};
	window_collect(window, from_usec, until_usec, &total);
	for (size_t i = 0; i < n; i++)
		ret_bytes[i] = slot_quantile(&total, q[i]);
}
