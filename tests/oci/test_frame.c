/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A response of five bytes on stream 7. */
static const uint8_t five[] = {0, 0, 0, 5, 0, 0, 0, 7, 2, 0, 'f', 'i', 'v', 'e', '!'};

static int feed(struct frame *frame, const void *bytes, size_t size, struct error *err)
{
	return frame_feed(frame, bytes, size, err);
}

static void frame_comes_whole(void **state)
{
	struct frame frame = {.stream = 7};
	struct error err;
	(void)state;

	assert_int_equal(feed(&frame, five, sizeof five, &err), FRAME_WHOLE);
	assert_int_equal(frame.length, 5);
	assert_memory_equal(frame.data, "five!", 5);
	frame_clear(&frame);
	assert_null(frame.data);
}

static void frame_comes_in_any_portions(void **state)
{
	(void)state;

	for (size_t first = 0; first <= sizeof five; first++)
		for (size_t second = first; second <= sizeof five; second++) {
			struct frame frame = {.stream = 7};
			struct error err;
			int r = feed(&frame, five, first, &err);

			assert_int_equal(r, first == sizeof five);
			if (r == 0)
				r = feed(&frame, five + first, second - first, &err);
			assert_int_equal(r, second == sizeof five);
			if (r == 0)
				r = feed(&frame, five + second, sizeof five - second, &err);
			assert_int_equal(r, FRAME_WHOLE);
			assert_memory_equal(frame.data, "five!", 5);
			frame_clear(&frame);
		}
}

static void frame_may_be_empty(void **state)
{
	static const uint8_t empty[] = {0, 0, 0, 0, 0, 0, 0, 7, 2, 0};
	struct frame frame = {.stream = 7};
	struct error err;
	(void)state;

	assert_int_equal(feed(&frame, empty, sizeof empty - 1, &err), 0);
	assert_int_equal(feed(&frame, empty + sizeof empty - 1, 1, &err), FRAME_WHOLE);
	assert_int_equal(frame.length, 0);
	frame_clear(&frame);
}

static void another_is_read_after_clear(void **state)
{
	struct frame frame = {.stream = 7};
	struct error err;
	(void)state;

	assert_int_equal(feed(&frame, five, sizeof five, &err), FRAME_WHOLE);
	frame_clear(&frame);
	assert_int_equal(feed(&frame, five, sizeof five, &err), FRAME_WHOLE);
	frame_clear(&frame);
}

static void more_than_one_frame_is_refused(void **state)
{
	struct frame frame = {.stream = 7};
	struct error err;
	(void)state;

	assert_int_equal(feed(&frame, five, sizeof five, &err), FRAME_WHOLE);
	assert_int_equal(feed(&frame, "\0", 1, &err), -EPROTO);
	frame_clear(&frame);

	uint8_t two[2 * sizeof five];
	memcpy(two, five, sizeof five);
	memcpy(two + sizeof five, five, sizeof five);
	assert_int_equal(feed(&frame, two, sizeof two, &err), -EPROTO);
	frame_clear(&frame);
}

static void frame_of_another_stream_or_type_is_refused(void **state)
{
	static const uint8_t request[] = {0, 0, 0, 0, 0, 0, 0, 7, 1, 0},
			     data[] = {0, 0, 0, 0, 0, 0, 0, 7, 3, 0},
			     stream[] = {0, 0, 0, 0, 0, 0, 0, 5, 2, 0};
	const uint8_t *frames[] = {request, data, stream};
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct frame frame = {.stream = 7};
		struct error err;
		assert_int_equal(feed(&frame, frames[i], FRAME_HEADER_SIZE, &err), -EPROTO);
		assert_null(frame.data);
		frame_clear(&frame);
	}
}

static void too_long_a_frame_takes_no_memory(void **state)
{
	static const uint8_t oversized[] = {0, 0x40, 0, 0, 0, 0, 0, 7, 2, 0},
			     huge[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 7, 2, 0},
			     most[] = {0, 4, 0, 0, 0, 0, 0, 7, 2, 0};
	struct frame frame = {.stream = 7};
	struct error err;
	(void)state;

	assert_int_equal(feed(&frame, oversized, sizeof oversized, &err), -EMSGSIZE);
	assert_string_equal(err.text, "a frame of 4194304 bytes, more than 262144");
	assert_null(frame.data);
	frame_clear(&frame);
	assert_int_equal(feed(&frame, huge, sizeof huge, &err), -EMSGSIZE);
	assert_null(frame.data);
	frame_clear(&frame);
	assert_int_equal(feed(&frame, most, sizeof most, &err), 0);
	assert_int_equal(frame.length, FRAME_DATA_MAX);
	frame_clear(&frame);
}

static void header_is_big_endian(void **state)
{
	static const uint8_t wanted[] = {0x00, 0x01, 0x02, 0x03, 0xa0, 0xb0, 0xc0, 0xd1, 1, 0};
	uint8_t header[FRAME_HEADER_SIZE];
	(void)state;

	frame_header_pack(0x010203, 0xa0b0c0d1, FRAME_REQUEST, header);
	assert_memory_equal(header, wanted, sizeof wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_comes_whole),
		cmocka_unit_test(frame_comes_in_any_portions),
		cmocka_unit_test(frame_may_be_empty),
		cmocka_unit_test(another_is_read_after_clear),
		cmocka_unit_test(more_than_one_frame_is_refused),
		cmocka_unit_test(frame_of_another_stream_or_type_is_refused),
		cmocka_unit_test(too_long_a_frame_takes_no_memory),
		cmocka_unit_test(header_is_big_endian),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
