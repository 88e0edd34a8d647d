/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/guest.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "oci/frame.h"

struct guest {
	struct sockaddr_un address;
	socklen_t address_length;
	char name[112]; /* for messages */
	int fd;

	bool asking;
	const char *service;
	char container_id[STATS_ID_MAX + 1];
	uint64_t timeout_nsec;
	uint8_t request[FRAME_HEADER_SIZE + STATS_ID_MAX + 128];
	size_t request_length, request_sent;
	uint32_t next_stream;
	struct frame answer;
};

/* ---- Addresses ---- */

/* address: "/path" or "@name". */
static int name_set(struct guest *guest, const char *name, struct error *err)
{
	struct sockaddr_un *un = &guest->address;
	size_t length = strlen(name);
	bool is_abstract = name[0] == '@';

	if (name[0] != '/' && !(is_abstract && length > 1))
		return error_set(err, EINVAL, "\"%.80s\" is no shim's address", name);
	/* A path has a NUL at its end, an abstract name has none. */
	if (length + !is_abstract > sizeof un->sun_path)
		return error_set(err, ENAMETOOLONG,
				 "the shim's address %.80s… is longer than a socket's can be", name);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, name, length);
	if (is_abstract)
		un->sun_path[0] = '\0';
	guest->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !is_abstract);
	memcpy(guest->name, name, length);
	return 0;
}

static int address_set(struct guest *guest, const char *address, struct error *err)
{
	static const char scheme[] = "unix://";

	if (strncmp(address, scheme, sizeof scheme - 1) == 0)
		address += sizeof scheme - 1;
	return name_set(guest, address, err);
}

/* ---- The connection ---- */

static void connection_end(struct guest *guest)
{
	if (guest->fd >= 0)
		(void)close(guest->fd);
	guest->fd = -1;
	guest->asking = false;
	guest->next_stream = 1;
	frame_clear(&guest->answer);
}

/* Checks who listens. A path below /run is root's. An abstract name can be taken by anybody once its shim has
 * gone. */
static int peer_check(int fd, const char *name, struct error *err)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return error_errno(err, errno, "cannot tell who listens at %s", name);
	if (peer.uid != 0 && peer.uid != geteuid())
		return error_set(err, EPERM, "user %u listens at %s, not a shim", (unsigned)peer.uid, name);
	return 0;
}

static int connection_begin(struct guest *guest, struct error *err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket");
	/* On a unix socket connect() never waits. EAGAIN: the backlog is full. */
	if (connect(fd, (const struct sockaddr *)&guest->address, guest->address_length) < 0)
		return errno == EAGAIN
			       ? error_set(err, EAGAIN, "the shim at %s takes no more connections",
					   guest->name)
			       : error_errno(err, errno, "cannot connect to the shim at %s", guest->name);
	int r = peer_check(fd, guest->name, err);
	if (r < 0)
		return r;
	guest->fd = take_fd(&fd);
	return 0;
}

static int request_send(struct guest *guest, struct error *err)
{
	while (guest->request_sent < guest->request_length) {
		ssize_t n = send(guest->fd, guest->request + guest->request_sent,
				 guest->request_length - guest->request_sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			int code = errno == EPIPE ? ECONNRESET : errno;
			connection_end(guest);
			return error_errno(err, code, "cannot ask the shim at %s", guest->name);
		}
		guest->request_sent += (size_t)n;
	}
	return 0;
}

static int request_begin(struct guest *guest, struct error *err)
{
	size_t length;
	int r = stats_request_pack(guest->service, guest->container_id, guest->timeout_nsec,
				   guest->request + FRAME_HEADER_SIZE,
				   sizeof guest->request - FRAME_HEADER_SIZE, &length, err);
	if (r < 0)
		return r;
	if (guest->fd < 0) {
		r = connection_begin(guest, err);
		if (r < 0)
			return r;
	}
	frame_header_pack((uint32_t)length, guest->next_stream, FRAME_REQUEST, guest->request);
	guest->request_length = FRAME_HEADER_SIZE + length;
	guest->request_sent = 0;
	guest->answer.stream = guest->next_stream;
	guest->next_stream += 2; /* a client's streams are odd */
	guest->asking = true;
	return request_send(guest, err);
}

/* Calls of recv() that are enough for the longest answer. A shim that sends single bytes as fast as they are
 * read has to wait for our next call. */
#define RECEIVES_MAX (2 * FRAME_DATA_MAX / RECEIVE_SIZE)
#define RECEIVE_SIZE 8192

/* Returns FRAME_WHOLE when the answer is complete. */
static int answer_receive(struct guest *guest, struct error *err)
{
	uint8_t bytes[RECEIVE_SIZE];
	struct error why = {0};
	int r = 0;

	for (int i = 0; r == 0 && i < RECEIVES_MAX; i++) {
		ssize_t n = recv(guest->fd, bytes, sizeof bytes, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			r = error_errno(&why, errno, "no answer");
		else if (n == 0)
			r = error_set(&why, ECONNRESET, "the connection was closed");
		else if (!guest->asking)
			r = error_set(&why, EPROTO, "bytes that were not asked for");
		else
			r = frame_feed(&guest->answer, bytes, (size_t)n, &why);
	}
	if (r < 0) {
		connection_end(guest);
		return error_set(err, why.code, "the shim at %s: %s", guest->name, why.text);
	}
	return r;
}

/* ---- What the caller sees ---- */

static void cleanup_guest_ptr(struct guest **guest)
{
	guest_free(*guest);
}

int guest_new(struct guest **ret, const char *address, struct error *err)
{
	__attribute__((cleanup(cleanup_guest_ptr))) struct guest *guest = calloc(1, sizeof *guest);

	if (!guest)
		return error_errno(err, ENOMEM, "cannot take up a shim");
	guest->fd = -1;
	guest->next_stream = 1;
	guest->service = STATS_SERVICE_V2;
	int r = address_set(guest, address, err);
	if (r < 0)
		return r;
	*ret = take_ptr(guest);
	return 0;
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	connection_end(guest);
	free(guest);
}

int guest_fd(const struct guest *guest)
{
	return guest->fd;
}

short guest_events(const struct guest *guest)
{
	if (guest->fd < 0)
		return 0;
	return guest->asking && guest->request_sent < guest->request_length ? POLLIN | POLLOUT : POLLIN;
}

int guest_ask(struct guest *guest, const char *container_id, uint64_t timeout_nsec, struct error *err)
{
	if (guest->asking)
		return error_set(err, EBUSY, "the shim at %s has not answered yet", guest->name);
	size_t length = strlen(container_id);
	if (length > STATS_ID_MAX)
		return error_set(err, EINVAL, "\"%.80s…\" is no container's id", container_id);
	memcpy(guest->container_id, container_id, length + 1);
	guest->timeout_nsec = timeout_nsec;
	return request_begin(guest, err);
}

int guest_on_ready(struct guest *guest, struct guest_stats *ret, struct error *err)
{
	if (guest->fd < 0)
		return error_set(err, ENOTCONN, "there is no connection to the shim at %s", guest->name);
	if (guest->asking) {
		int r = request_send(guest, err);
		if (r < 0)
			return r;
	}
	int r = answer_receive(guest, err);
	if (r <= 0)
		return r;

	struct error why = {0};
	r = stats_response_parse(guest->answer.data, guest->answer.length, ret, &why);
	frame_clear(&guest->answer);
	guest->asking = false;
	/* containerd's own shim knows only version 3 since 2.0, and its file `address` does not tell the
	 * version. */
	if (r == -ENOSYS && strcmp(guest->service, STATS_SERVICE_V2) == 0) {
		guest->service = STATS_SERVICE_V3;
		return request_begin(guest, err);
	}
	if (r < 0)
		return error_set(err, why.code, "the shim at %s: %s", guest->name, why.text);
	return GUEST_ANSWER;
}
