/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/serve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "shim/report/http.h"

/* The pause between two turns. However many clients there are, they get 100 turns a second at most. */
#define REST_USEC UINT64_C(10000)

/* Lower than everything that the loop does for containers. */
#define PRIORITY 50

struct serve {
	sd_event *event; /* borrowed */
	int run_fd;      /* borrowed */
	struct http *http;
	sd_event_source *inputs[HTTP_DOORS_MAX], *timer;
	size_t n_inputs;
};

static void turn(struct serve *serve, bool rested)
{
	uint64_t now;

	(void)sd_event_now(serve->event, CLOCK_MONOTONIC, &now);
	uint64_t again_usec = http_run(serve->http, now);
	for (size_t i = 0; i < serve->n_inputs; i++)
		(void)sd_event_source_set_enabled(serve->inputs[i], rested ? SD_EVENT_ON : SD_EVENT_OFF);
	if (!rested || again_usec < REST_USEC)
		again_usec = REST_USEC;
	if (again_usec < UINT64_MAX)
		(void)sd_event_source_set_time(serve->timer, now + again_usec);
	(void)sd_event_source_set_enabled(serve->timer,
					  again_usec < UINT64_MAX ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	turn(data, false);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	turn(data, true);
	return 0;
}

static int add_door(struct serve *serve, int listen_fd, struct error *err)
{
	int fd = http_open(serve->http, listen_fd, err);
	if (fd < 0)
		return fd;
	sd_event_source **input = &serve->inputs[serve->n_inputs];
	int r = sd_event_add_io(serve->event, input, fd, EPOLLIN, on_input, serve);
	if (r >= 0) {
		serve->n_inputs++;
		r = sd_event_source_set_priority(*input, PRIORITY);
	}
	return r < 0 ? error_errno(err, -r, "cannot wait for HTTP") : 0;
}

int serve_new(sd_event *event, int run_fd, serve_render *render, serve_overhead *overhead, void *data,
	      struct serve **ret, struct error *err)
{
	struct serve *serve = calloc(1, sizeof *serve);
	if (!serve)
		return error_errno(err, ENOMEM, "cannot serve HTTP");
	*serve = (struct serve){.event = event, .run_fd = run_fd};
	int r = http_new(&(struct http_source){render, data, overhead}, &serve->http, err);
	if (r == 0) {
		r = sd_event_add_time(event, &serve->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, serve);
		if (r >= 0)
			r = sd_event_source_set_enabled(serve->timer, SD_EVENT_OFF);
		if (r >= 0)
			r = sd_event_source_set_priority(serve->timer, PRIORITY);
		if (r < 0)
			r = error_errno(err, -r, "cannot wait for HTTP");
	}
	if (r >= 0)
		r = http_listen_unix(run_fd, SERVE_SOCKET, err);
	if (r >= 0)
		r = add_door(serve, r, err);
	if (r < 0)
		serve_free(serve);
	else
		*ret = serve;
	return r;
}

int serve_passed(struct serve *serve, struct error *err)
{
	int r = 0, n = sd_listen_fds(1);

	for (int fd = SD_LISTEN_FDS_START; r >= 0 && fd < SD_LISTEN_FDS_START + n; fd++) {
		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
			return error_set(err, EINVAL, "what systemd has passed is no socket that listens");
		r = fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? error_errno(err, errno, "cannot use a socket")
						       : add_door(serve, fd, err);
	}
	return r;
}

int serve_tcp(struct serve *serve, const char *address, struct error *err)
{
	if (!*address)
		return 0;
	int fd = http_listen_tcp(address, err);
	return fd < 0 ? fd : add_door(serve, fd, err);
}

void serve_free(struct serve *serve)
{
	if (!serve)
		return;
	for (size_t i = 0; i < serve->n_inputs; i++)
		(void)sd_event_source_unref(serve->inputs[i]);
	(void)sd_event_source_unref(serve->timer);
	http_free(serve->http);
	(void)unlinkat(serve->run_fd, SERVE_SOCKET, 0);
	free(serve);
}
