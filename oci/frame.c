/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/frame.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void frame_header_pack(uint32_t length, uint32_t stream, enum frame_type type,
		       uint8_t ret_header[FRAME_HEADER_SIZE])
{
	uint32_t words[2] = {htobe32(length), htobe32(stream)};

	memcpy(ret_header, words, sizeof words);
	ret_header[8] = (uint8_t)type;
	ret_header[9] = 0;
}

/* Reads the header. Flags are ignored: a response has none so far. */
static int header_take(struct frame *frame, struct error *err)
{
	uint32_t words[2];

	memcpy(words, frame->header, sizeof words);
	uint32_t length = be32toh(words[0]), stream = be32toh(words[1]);
	if (frame->header[8] != FRAME_RESPONSE || stream != frame->stream)
		return error_set(err, EPROTO,
				 "a frame of type %u on stream %u, not the response on stream %u",
				 frame->header[8], stream, frame->stream);
	if (length > FRAME_DATA_MAX)
		return error_set(err, EMSGSIZE, "a frame of %u bytes, more than %u", length,
				 (unsigned)FRAME_DATA_MAX);
	frame->data = malloc(length ? length : 1);
	if (!frame->data)
		return error_errno(err, ENOMEM, "cannot take a frame of %u bytes", length);
	frame->length = length;
	return 0;
}

int frame_feed(struct frame *frame, const uint8_t *bytes, size_t size, struct error *err)
{
	while (!frame->data && size > 0) {
		frame->header[frame->seen++] = *bytes++;
		size--;
		if (frame->seen < FRAME_HEADER_SIZE)
			continue;
		int r = header_take(frame, err);
		if (r < 0)
			return r;
	}
	if (!frame->data)
		return 0;

	size_t have = frame->seen - FRAME_HEADER_SIZE, missing = frame->length - have;
	if (size > missing)
		return error_set(err, EPROTO, "more than one frame for one request");
	if (size > 0)
		memcpy(frame->data + have, bytes, size);
	frame->seen += size;
	return size == missing ? FRAME_WHOLE : 0;
}

void frame_clear(struct frame *frame)
{
	free(frame->data);
	*frame = (struct frame){.stream = frame->stream};
}
