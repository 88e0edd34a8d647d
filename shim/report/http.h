/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A small HTTP/1.1 server in the caller's own event loop: GET and HEAD of /metrics and /v1/overhead, and nothing else. http.c
 * is the only file that knows libmicrohttpd.
 *
 * Clients are not trusted to be quick, or to mean well. A door takes HTTP_CLIENTS_MAX of them at a time, for
 * a request each, in HTTP_MEMORY_BYTES each, for HTTP_CLIENT_USEC at most; those who wait, wait in the
 * kernel. A text is made at most once a second, and shared by all who ask for it. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/report/exposition.h"

#define HTTP_CLIENTS_MAX  16
#define HTTP_MEMORY_BYTES 8192
#define HTTP_CLIENT_USEC  UINT64_C(10000000)

/* Texts that are kept, and that clients who read slowly still hold. When there are so many, the newest is
 * given out also when it is older than a second. */
#define HTTP_TEXTS_MAX 4

struct http_source {
	/* Return 0, with the text handed over, or -errno: the client is to come again. */
	int (*render)(enum exposition_format format, char **ret_text, size_t *ret_length, void *data);
	void *data;
	int (*overhead)(char **ret_text, size_t *ret_length, void *data); /* JSON */
};

struct http;

/* Sockets that listen and do not block. The directory is an open one, the file in it is made anew, with mode
 * 0600; the address is that of [report] http. Return a descriptor, or -errno. */
int http_listen_unix(int dir_fd, const char *name, struct error *err);
int http_listen_tcp(const char *address, struct error *err);

int http_new(const struct http_source *source, struct http **ret, struct error *err);
void http_free(struct http *http);

/* A door: takes listen_fd over, also on failure. Returns a descriptor to be polled for input, borrowed, or
 * -errno. */
#define HTTP_DOORS_MAX 4
int http_open(struct http *http, int listen_fd, struct error *err);

/* One turn: a bounded piece of work for every client that has something to do. now_usec: CLOCK_MONOTONIC.
 * Returns in how many microseconds it has to be called again though there is no input; UINT64_MAX: never. */
uint64_t http_run(struct http *http, uint64_t now_usec);
