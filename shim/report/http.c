/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cgroups/cleanup.h"

#define KEEP_USEC UINT64_C(1000000) /* how long a text is given out */
#define LOOK_USEC UINT64_C(1000000) /* how often clients that took too long are ended */

struct client {
	int fd; /* borrowed; -1: none */
	uint64_t since_usec;
};

struct door {
	struct http *http;
	struct MHD_Daemon *daemon;
	struct client clients[HTTP_CLIENTS_MAX];
	size_t n_clients;
};

/* The newest text of a page. libmicrohttpd owns it and counts its users. */
struct page {
	struct MHD_Response *response; /* NULL: none */
	uint64_t at_usec;
};

enum refusal {
	REFUSAL_NOT_FOUND,
	REFUSAL_METHOD,
	REFUSAL_FAILED,
	REFUSALS_COUNT,
};

static const struct {
	unsigned status;
	const char *text;
} refusals[REFUSALS_COUNT] = {
	[REFUSAL_NOT_FOUND] = {MHD_HTTP_NOT_FOUND,
			       "There are /metrics and /v1/overhead here, and nothing else.\n"},
	[REFUSAL_METHOD] = {MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD.\n"},
	[REFUSAL_FAILED] = {MHD_HTTP_SERVICE_UNAVAILABLE, "Not now.\n"},
};

/* The pages are the formats of /metrics, and /v1/overhead. */
enum {
	PAGE_OVERHEAD = EXPOSITION_FORMATS_COUNT,
	PAGES_COUNT,
};

struct http {
	struct http_source source;
	struct door doors[HTTP_DOORS_MAX];
	size_t n_doors;
	struct page pages[PAGES_COUNT];
	size_t n_texts;
	struct MHD_Response *refusals[REFUSALS_COUNT];
	uint64_t now_usec;
};

/* ---- Sockets ---- */

static int listen_on(int fd, const void *address, socklen_t length)
{
	return bind(fd, address, length) < 0 || listen(fd, HTTP_CLIENTS_MAX) < 0 ? -errno : 0;
}

int http_listen_unix(int dir_fd, const char *name, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	/* Through the directory's descriptor: the real path may be longer than an address holds. */
	int n = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
	if (n < 0 || (size_t)n >= sizeof address.sun_path)
		return error_set(err, ENAMETOOLONG, "cannot listen on %s", name);
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket");
	(void)unlinkat(dir_fd, name, 0);
	/* The file gets its mode from the socket, so it is never open to others. */
	int r = fchmod(fd, 0600) < 0 ? -errno : listen_on(fd, &address, sizeof address);
	if (r < 0)
		return error_errno(err, -r, "cannot listen on %s", name);
	return take_fd(&fd);
}

int http_listen_tcp(const char *text, struct error *err)
{
	const struct sockaddr_in in4 = {.sin_family = AF_INET,
					.sin_port =
						htons((uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10)),
					.sin_addr = {htonl(INADDR_LOOPBACK)}};
	const struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = in4.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const bool is_in6 = text[0] == '[';
	const int on = 1;

	cleanup_close int fd =
		socket(is_in6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket for %s", text);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	int r = is_in6 ? listen_on(fd, &in6, sizeof in6) : listen_on(fd, &in4, sizeof in4);
	if (r < 0)
		return error_errno(err, -r, "cannot listen on %s", text);
	return take_fd(&fd);
}

/* ---- Texts ---- */

/* What libmicrohttpd hands to text_free() when the last user of the text is done. */
struct text {
	struct http *http;
	char *text;
};

static void text_free(void *data)
{
	struct text *text = data;
	text->http->n_texts--;
	free(text->text);
	free(text);
}

static void page_drop(struct page *page)
{
	if (page->response)
		MHD_destroy_response(page->response);
	page->response = NULL;
}

static int page_render(struct http *http, size_t index, struct page *ret)
{
	size_t length;

	cleanup_free struct text *text = malloc(sizeof *text);
	if (!text)
		return -ENOMEM;
	cleanup_free char *rendered = NULL;
	int r = index == PAGE_OVERHEAD ? http->source.overhead(&rendered, &length, http->source.data)
				       : http->source.render((enum exposition_format)index, &rendered,
							     &length, http->source.data);
	if (r < 0)
		return r;
	*text = (struct text){http, rendered};
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback_cls(length, rendered, text_free, text);
	if (!response)
		return -ENOMEM;
	http->n_texts++;
	(void)take_ptr(rendered);
	(void)take_ptr(text);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				      index == PAGE_OVERHEAD ? "application/json"
							     : exposition_content_types[index]);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	*ret = (struct page){response, http->now_usec};
	return 0;
}

/* The page's text, made anew if it is older than KEEP_USEC. NULL: none was made yet, for want of memory or
 * since nothing has been measured. */
static struct MHD_Response *page_get(struct http *http, size_t index)
{
	struct page *page = &http->pages[index], fresh;
	bool is_young = page->response && http->now_usec - page->at_usec < KEEP_USEC;

	if (!is_young && http->n_texts < HTTP_TEXTS_MAX && page_render(http, index, &fresh) == 0) {
		page_drop(page);
		*page = fresh;
	}
	return page->response;
}

/* ---- Requests ---- */

static enum MHD_Result refuse(const struct http *http, struct MHD_Connection *connection,
			      enum refusal refusal)
{
	return MHD_queue_response(connection, refusals[refusal].status, http->refusals[refusal]);
}

/* Answers as soon as the request's head is there. A body is not read. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request)
{
	struct http *http = ((struct door *)data)->http;
	(void)version, (void)upload, (void)upload_size, (void)request;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(http, connection, REFUSAL_METHOD);
	const bool is_overhead = strcmp(url, "/v1/overhead") == 0;
	if (!is_overhead && strcmp(url, "/metrics") != 0)
		return refuse(http, connection, REFUSAL_NOT_FOUND);
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	struct MHD_Response *response =
		page_get(http, is_overhead ? PAGE_OVERHEAD : exposition_negotiate(accept));
	if (!response)
		return refuse(http, connection, REFUSAL_FAILED);
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct door *door = data;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		struct client *client = *context;
		if (client) {
			client->fd = -1;
			door->n_clients--;
		}
		return;
	}
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	for (size_t i = 0; info && i < HTTP_CLIENTS_MAX; i++)
		if (door->clients[i].fd < 0) {
			door->clients[i] = (struct client){info->connect_fd, door->http->now_usec};
			door->n_clients++;
			*context = &door->clients[i];
			return;
		}
}

/* ---- The server ---- */

int http_new(const struct http_source *source, struct http **ret, struct error *err)
{
	struct http *http = calloc(1, sizeof *http);
	if (!http)
		return error_errno(err, ENOMEM, "cannot serve HTTP");
	http->source = *source;
	for (size_t i = 0; i < REFUSALS_COUNT; i++) {
		struct MHD_Response *response = MHD_create_response_from_buffer(
			strlen(refusals[i].text), (void *)(uintptr_t)refusals[i].text,
			MHD_RESPMEM_PERSISTENT);
		if (!response) {
			http_free(http);
			return error_errno(err, ENOMEM, "cannot serve HTTP");
		}
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
		if (i == REFUSAL_METHOD)
			(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
		http->refusals[i] = response;
	}
	*ret = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	for (size_t i = 0; i < http->n_doors; i++)
		MHD_stop_daemon(http->doors[i].daemon);
	for (size_t i = 0; i < PAGES_COUNT; i++)
		page_drop(&http->pages[i]);
	for (size_t i = 0; i < REFUSALS_COUNT; i++)
		if (http->refusals[i])
			MHD_destroy_response(http->refusals[i]);
	free(http);
}

int http_open(struct http *http, int listen_fd, struct error *err)
{
	cleanup_close int fd = listen_fd;
	if (http->n_doors == HTTP_DOORS_MAX)
		return error_set(err, EBUSY, "no more doors");
	struct door *door = &http->doors[http->n_doors];
	*door = (struct door){.http = http};
	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++)
		door->clients[i].fd = -1;

	door->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, door, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CLIENTS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)HTTP_MEMORY_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)1024,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(HTTP_CLIENT_USEC / 2000000),
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_END);
	if (!door->daemon)
		return error_set(err, ENOMEM, "cannot start libmicrohttpd");
	(void)take_fd(&fd); /* MHD_stop_daemon() closes it */
	http->n_doors++;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? info->epoll_fd : error_set(err, ENOTSUP, "libmicrohttpd has no epoll");
}

/* Ends clients that have taken HTTP_CLIENT_USEC. libmicrohttpd's own limit is on silence only: a client that
 * sends a byte now and then would never reach it. */
static void door_hurry(struct door *door)
{
	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
		struct client *client = &door->clients[i];
		if (client->fd >= 0 && door->http->now_usec - client->since_usec >= HTTP_CLIENT_USEC)
			(void)shutdown(client->fd, SHUT_RDWR);
	}
}

uint64_t http_run(struct http *http, uint64_t now_usec)
{
	uint64_t again_usec = UINT64_MAX;
	size_t n_clients = 0;
	MHD_UNSIGNED_LONG_LONG ms;

	http->now_usec = now_usec;
	for (size_t i = 0; i < http->n_doors; i++) {
		struct door *door = &http->doors[i];
		door_hurry(door);
		(void)MHD_run(door->daemon);
		n_clients += door->n_clients;
		if (MHD_get_timeout(door->daemon, &ms) == MHD_YES && ms * 1000 < again_usec)
			again_usec = ms * 1000;
	}
	/* A text may be large: it is not kept from one scrape to the next. */
	for (size_t i = 0; i < PAGES_COUNT; i++) {
		struct page *page = &http->pages[i];
		if (page->response && n_clients == 0 && now_usec - page->at_usec >= KEEP_USEC)
			page_drop(page);
		if (page->response && again_usec > LOOK_USEC)
			again_usec = LOOK_USEC;
	}
	return n_clients > 0 && again_usec > LOOK_USEC ? LOOK_USEC : again_usec;
}
