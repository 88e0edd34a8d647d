/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A stand-in for a shim: it answers Stats as kata's shims and containerd's own do, or with a fault. What it
 * sends is encoded by hand, not by what the tests are about. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes, 0 is not sent. */
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
	STANDIN_OVERSIZED,  /* a frame that says it has 4 MiB, and sends them */
	STANDIN_HUGE,       /* one that says 4 GiB */
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
	STANDIN_NO_USAGE,   /* with memory, but without its use */
	STANDIN_FAULTS
};
extern const char *const standin_fault_names[STANDIN_FAULTS];

struct standin {
	bool v1;      /* cgroup v1's figures */
	bool prefix;  /* "type.googleapis.com/" before their type */
	bool task_v3; /* has only containerd.task.v3.Task */
	enum standin_fault fault;
	unsigned delay_msec; /* before each answer */
	const struct standin_figures *figures;
	size_t n_figures;
	/* Read before each answer, where it is not NULL: see standin_shim.c. */
	const char *figures_path;
	/* Where it is not negative: a line "request SERVICE METHOD ID" for each request, "overlap" before it
	 * if another one, of any connection, was not answered yet. */
	int log_fd;
};

/* A socket that listens at a path, or at "@name". -1: errno. */
int standin_listen(const char *address, int backlog);

/* Serves for as long as it runs. */
void standin_serve(const struct standin *standin, int listen_fd) __attribute__((noreturn));

/* The response's payload, as an Any of these figures; returns its length. For those who test without a
 * socket. */
size_t standin_response(const struct standin *standin, const struct standin_figures *figures, uint8_t *buf,
			size_t size);
