/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "oci/frame.h"

/* Feeds it in portions of so many bytes. */
static int feed(struct frame *frame, const uint8_t *data, size_t size, size_t portion)
{
	struct error err;
	int r = 0;

	while (r >= 0 && size > 0) {
		size_t n = size < portion ? size : portion;
		r = frame_feed(frame, data, n, &err);
		ENSURE(r <= 1);
		ENSURE(r < 0 || frame->seen <= FRAME_HEADER_SIZE + (size_t)FRAME_DATA_MAX);
		data += n;
		size -= n;
	}
	return r;
}

/* The input is a byte that says in which portions, and what comes on the connection after a request on
 * stream 1. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame whole = {.stream = 1}, portions = {.stream = 1};

	if (size == 0)
		return 0;
	size_t portion = data[0] ? data[0] : 1;
	data++;
	size--;
	int r = feed(&whole, data, size, size);
	ENSURE(r == feed(&portions, data, size, portion));
	ENSURE(r == 0 || r == 1 || r == -EPROTO || r == -EMSGSIZE);
	if (r == 1) {
		ENSURE(whole.length == portions.length && size == FRAME_HEADER_SIZE + (size_t)whole.length);
		ENSURE(memcmp(whole.data, portions.data, whole.length) == 0);
		ENSURE(memcmp(whole.data, data + FRAME_HEADER_SIZE, whole.length) == 0);
	}
	frame_clear(&whole);
	frame_clear(&portions);
	ENSURE(!whole.data && whole.seen == 0 && whole.stream == 1);
	return 0;
}
