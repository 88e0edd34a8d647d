/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "shim/tune/window.h"

#define SLOTS_MAX 16
#define SPAN_USEC (UINT64_C(24) * 3600 * 1000000)

static void check_quantiles(const struct slot *slot)
{
	uint64_t last = 0;
	for (int i = 0; i <= 20; i++) {
		uint64_t bytes = slot_quantile(slot, i / 20.0);
		ENSURE(bytes >= last && bytes <= slot->max_bytes);
		last = bytes;
	}
}

static void check_same(const struct slot *a, const struct slot *b)
{
	ENSURE(memcmp(a, b, sizeof *a) == 0);
}

/* Decoded, encoded and decoded again, it stays the same. */
static void check_round_trip(const struct slot *slot)
{
	uint8_t bytes[SLOT_BYTES_MAX];
	struct slot again;
	uint64_t count = 0;

	size_t length = slot_encode(slot, bytes);
	ENSURE(length <= sizeof bytes && slot_decode(bytes, length, &again) == 0);
	check_same(slot, &again);
	ENSURE(slot_decode(bytes, length - 1, &again) == -EBADMSG);
	for (unsigned i = 0; i < SLOT_BUCKETS; i++)
		count += slot->buckets[i];
	ENSURE(count == slot->count);
}

/* What a window is given back must leave it able to go on. */
static void check_window(struct window *window, uint64_t now_usec)
{
	struct observed observed;
	struct slot_bytes closed;

	for (uint64_t i = 0; i < 3; i++) {
		ENSURE(window_add(window, now_usec + i * SPAN_USEC / 4, (i + 1) << 20) >= 0);
		window_observe(window, 0, UINT64_MAX, &observed);
		ENSURE(observed.samples >= 1 && observed.max_bytes >= (i + 1) << 20);
		ENSURE(observed.p95_bytes <= observed.max_bytes && observed.avg_bytes <= observed.max_bytes);
		ENSURE(window_samples(window, 0, UINT64_MAX) == observed.samples);
	}
	ENSURE(window_close_slot(window, now_usec + SPAN_USEC) == WINDOW_SLOT_CLOSED);
	ENSURE(window_closed_before(window, 0, &closed) && closed.length <= SLOT_BYTES_MAX);
	ENSURE(window_memory(window) < (size_t)1 << 20);
}

/* The input is slots, each behind its length in two bytes, the lower first. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct window window;
	struct slot slot, merged = {0};
	uint64_t now_usec = SPAN_USEC;

	window_init(&window, SPAN_USEC / 96, SPAN_USEC);
	for (unsigned n = 0; n < SLOTS_MAX && size >= 2; n++) {
		size_t length = data[0] | (size_t)data[1] << 8;
		data += 2, size -= 2;
		if (length > size)
			length = size;

		int r = slot_decode(data, length, &slot);
		ENSURE(r == 0 || r == -EBADMSG || r == -ENOTSUP);
		const struct slot before = merged;
		ENSURE(slot_merge(&merged, data, length) == r && window_restore(&window, data, length) == r);
		if (r < 0) {
			check_same(&merged, &before);
		} else {
			check_round_trip(&slot);
			check_quantiles(&slot);
			ENSURE(merged.count == before.count + slot.count &&
			       merged.sum_bytes >= slot.sum_bytes);
			ENSURE(merged.max_bytes >= slot.max_bytes && merged.max_bytes >= before.max_bytes);
			ENSURE(merged.start_usec <= slot.start_usec && merged.end_usec >= slot.end_usec);
			check_quantiles(&merged);
			if (slot.end_usec < UINT64_MAX - 2 * SPAN_USEC)
				now_usec = slot.end_usec;
		}
		data += length, size -= length;
	}
	check_window(&window, now_usec);
	window_free(&window);
	return 0;
}
