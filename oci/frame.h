/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Frames of ttrpc (github.com/containerd/ttrpc, PROTOCOL.md), for a client that sends one request and waits
 * for one answer. A frame: be32 length of the data, be32 stream id, u8 type, u8 flags, then the data. Pure:
 * no socket. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

#define FRAME_HEADER_SIZE 10

/* Bytes of the longest answer that is accepted; the protocol allows 4 MiB. An answer to Stats has about 2
 * KiB, a few bytes more for each processor and some hundred for each disk. */
#define FRAME_DATA_MAX (256 * 1024)

enum frame_type {
	FRAME_REQUEST = 1,
	FRAME_RESPONSE = 2,
};

/* Writes the header of a frame with length bytes of data; flags are 0. */
void frame_header_pack(uint32_t length, uint32_t stream, enum frame_type type,
		       uint8_t ret_header[FRAME_HEADER_SIZE]);

/* The answer to the request of one stream, while it comes in. Begins as {.stream = …}. data (length bytes) is
 * owned until frame_clear(), which sets this beginning again. */
struct frame {
	uint32_t stream;
	uint8_t header[FRAME_HEADER_SIZE];
	size_t seen; /* received so far, with the header */
	uint32_t length;
	uint8_t *data;
};

/* What frame_feed() returns above 0. */
enum frame_outcome {
	FRAME_WHOLE = 1, /* the answer is complete */
};

/* Takes the bytes received next, in portions of any size. Returns 0 while more is to come; FRAME_WHOLE;
 * -EMSGSIZE above FRAME_DATA_MAX (found before memory is allocated); -EPROTO for any other frame than the
 * response of this stream, or a second frame (a shim that was asked one thing sends no other); or -ENOMEM.
 * After an error the beginning of the next frame is not known. */
int frame_feed(struct frame *frame, const uint8_t *bytes, size_t size, struct error *err);

void frame_clear(struct frame *frame);
