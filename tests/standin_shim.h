/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A stand-in for a shim: answers Stats as kata's shims and containerd's own do, or with a fault. Its answers
 * are encoded by hand, not by the code under test. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes; a 0 is not sent. */
struct standin_figures {
	char id[129];
	uint64_t usage, limit, anon, file, kernel, inactive_file, swap;
};

enum standin_fault {
	STANDIN_NONE,
	STANDIN_HANG,       /* never answers */
	STANDIN_CLOSE,      /* hangs up in place of an answer */
	STANDIN_EXIT,       /* ends */
	STANDIN_GARBAGE,    /* bytes that are no frame */
	STANDIN_OVERSIZED,  /* a frame of 4 MiB, all of them sent */
	STANDIN_HUGE,       /* a frame that claims 4 GiB */
	STANDIN_ENDLESS,    /* small frames of other streams, without end */
	STANDIN_DATA,       /* data frames in place of a response */
	STANDIN_TRUNCATED,  /* half an answer, then hangs up */
	STANDIN_TWICE,      /* the answer, two times */
	STANDIN_BYTES,      /* the answer, byte by byte */
	STANDIN_STATUS,     /* an error in place of an answer */
	STANDIN_BAD,        /* a response that is not protobuf */
	STANDIN_EMPTY,      /* a response with nothing in it */
	STANDIN_WRONG_TYPE, /* figures of a type that nobody knows */
	STANDIN_NO_MEMORY,  /* figures without memory */
	STANDIN_NO_USAGE,   /* memory figures without the use */
	STANDIN_FAULTS
};
extern const char *const standin_fault_names[STANDIN_FAULTS];

struct standin {
	bool v1;      /* cgroup v1's figures */
	bool prefix;  /* "type.googleapis.com/" before the figures' type */
	bool task_v3; /* has only containerd.task.v3.Task */
	enum standin_fault fault;
	unsigned delay_msec; /* before each answer */
	const struct standin_figures *figures;
	size_t n_figures;
	/* A file read before each answer, if not NULL: see standin_shim.c. */
	const char *figures_path;
	/* If not negative, gets a line "request SERVICE METHOD ID" for each request. "overlap" comes before
	 * this line if another request, of any connection, is not answered yet. */
	int log_fd;
};

/* Makes a socket that listens at a path, or at "@name". Returns -1 with errno set. */
int standin_listen(const char *address, int backlog);

/* Serves without end. */
void standin_serve(const struct standin *standin, int listen_fd) __attribute__((noreturn));

/* Writes the response's payload, an Any of these figures, for tests without a socket. Returns its length. */
size_t standin_response(const struct standin *standin, const struct standin_figures *figures, uint8_t *buf,
			size_t size);
