/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Frames of ttrpc (github.com/containerd/ttrpc, PROTOCOL.md), as one who asks and waits for one answer needs
 * them: be32 length of the data, be32 stream id, u8 type, u8 flags, then the data. Pure: no socket. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"

#define FRAME_HEADER_SIZE 10

/* The protocol allows 4 MiB. An answer to Stats is about 2 KiB, with a few bytes more for each processor and
 * some hundred for each disk: what is longer than this is not worth its memory. */
#define FRAME_DATA_MAX (256 * 1024)

enum frame_type {
	FRAME_REQUEST = 1,
	FRAME_RESPONSE = 2,
};

void frame_header_pack(uint32_t length, uint32_t stream, enum frame_type type,
		       uint8_t ret_header[FRAME_HEADER_SIZE]);

/* The answer to the request of one stream, as it comes in. Begins as {.stream = …}, and frame_clear() makes
 * it so again; data, of length bytes, belongs to it until then. */
struct frame {
	uint32_t stream;
	uint8_t header[FRAME_HEADER_SIZE];
	size_t seen; /* bytes of it, with the header */
	uint32_t length;
	uint8_t *data;
};

/* What frame_feed() returns above 0. */
enum frame_outcome {
	FRAME_WHOLE = 1, /* no byte is missing */
};

/* Takes what was received next, in any portions. Returns 0 while more is to come, FRAME_WHOLE, or
 * -errno: -EMSGSIZE longer than FRAME_DATA_MAX (told before any memory is taken), -EPROTO not the response of
 * that stream, or more than one frame: a shim of which one thing is asked has nothing else to say. -ENOMEM.
 * After an error there is no telling where the next frame begins. */
int frame_feed(struct frame *frame, const uint8_t *bytes, size_t size, struct error *err);

void frame_clear(struct frame *frame);
