/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Serves HTTP in the daemon's event loop, at the lowest priority. */

#include <errno.h>
#include <systemd/sd-event.h>

#include "cgroups/error.h"
#include "shim/report/exposition.h"

/* As in http.h, for builds without libmicrohttpd. */
typedef int serve_render(enum exposition_format format, char **ret_text, size_t *ret_length, void *data);
typedef int serve_overhead(char **ret_text, size_t *ret_length, void *data);

struct serve;

#define SERVE_SOCKET "http.sock"

#if HAVE_LIBMICROHTTPD
/* Serves the texts of render() and overhead() on the socket SERVE_SOCKET in run_fd. event and run_fd are
 * borrowed. Returns 0 with *ret to be freed by serve_free(), or -errno. */
int serve_new(sd_event *event, int run_fd, serve_render *render, serve_overhead *overhead, void *data,
	      struct serve **ret, struct error *err);

/* Serves also on the sockets that systemd passes: sd_listen_fds(3). */
int serve_passed(struct serve *serve, struct error *err);

/* Serves also on loopback. address: [report] http; empty: does nothing. */
int serve_tcp(struct serve *serve, const char *address, struct error *err);

/* Ends all service, and removes the socket. serve may be NULL. */
void serve_free(struct serve *serve);
#else
static inline int serve_new(sd_event *event, int run_fd, serve_render *render, serve_overhead *overhead,
			    void *data, struct serve **ret, struct error *err)
{
	(void)event, (void)run_fd, (void)render, (void)overhead, (void)data;
	*ret = NULL;
	(void)err;
	return 0;
}

static inline int serve_passed(struct serve *serve, struct error *err)
{
	(void)serve, (void)err;
	return 0;
}

static inline int serve_tcp(struct serve *serve, const char *address, struct error *err)
{
	(void)serve;
	return *address ? error_set(err, ENOTSUP, "built without libmicrohttpd") : 0;
}

static inline void serve_free(struct serve *serve)
{
	(void)serve;
}
#endif
