/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A small HTTP/1.1 server in the caller's event loop. It answers GET and HEAD of /metrics and /v1/overhead,
 * and nothing else. Only http.c knows libmicrohttpd.
 *
 * Clients may be slow or hostile. A door serves at most HTTP_CLIENTS_MAX clients at a time: one request each,
 * HTTP_MEMORY_BYTES each, HTTP_CLIENT_USEC each. Further clients wait in the kernel. A text is made at most
 * once a second, and shared by all clients. */

#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/report/exposition.h"

#define HTTP_CLIENTS_MAX  16
#define HTTP_MEMORY_BYTES 8192
#define HTTP_CLIENT_USEC  UINT64_C(10000000)

/* The most texts in memory: the newest ones, and older ones that slow clients still read. When there are so
 * many, no new text is made: clients get the newest, even if it is older than a second. */
#define HTTP_TEXTS_MAX 4

struct http_source {
	/* Both return 0 with the text handed over (to be freed by free(3)), or -errno: then the client gets
	 * the text before, or 503 if there is none. render: /metrics. overhead: /v1/overhead, in JSON. */
	int (*render)(enum exposition_format format, char **ret_text, size_t *ret_length, void *data);
	void *data;
	int (*overhead)(char **ret_text, size_t *ret_length, void *data);
};

struct http;

/* Make a socket that listens and does not block. On dir_fd's file `name`, which is replaced, with mode 0600;
 * or on loopback at the address of [report] http, which must be one that the settings accept. Return a
 * descriptor, or -errno. */
int http_listen_unix(int dir_fd, const char *name, struct error *err);
int http_listen_tcp(const char *address, struct error *err);

/* Makes a server without a door. *source is copied. Returns 0 with *ret to be freed by http_free(), which
 * also closes the doors, or -ENOMEM. */
int http_new(const struct http_source *source, struct http **ret, struct error *err);
void http_free(struct http *http);

/* Opens a door: accepts clients on listen_fd, which is taken over, also on failure. Returns a descriptor to
 * be polled for input (borrowed), or -errno. */
#define HTTP_DOORS_MAX 4
int http_open(struct http *http, int listen_fd, struct error *err);

/* Does a bounded piece of work for each client that has something to do. now_usec: CLOCK_MONOTONIC. Returns
 * the microseconds after which to call again even without input; UINT64_MAX: not without input. */
uint64_t http_run(struct http *http, uint64_t now_usec);
