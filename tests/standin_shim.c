/* A stand-in for a shim (containerd's runtime v2 API, task Stats), for tests: it is not one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The file of figures has a line for each container, "ID usage=N anon=N …" with the members of struct
 * standin_figures, or "fault NAME", "delay MSEC", which hold in place of what was given before. */
#include "tests/standin_shim.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HEADER          10
#define CONNECTIONS_MAX 32
#define FIGURES_MAX     256

const char *const standin_fault_names[STANDIN_FAULTS] = {
	[STANDIN_NONE] = "none",           [STANDIN_HANG] = "hang",
	[STANDIN_CLOSE] = "close",         [STANDIN_EXIT] = "exit",
	[STANDIN_GARBAGE] = "garbage",     [STANDIN_OVERSIZED] = "oversized",
	[STANDIN_HUGE] = "huge",           [STANDIN_ENDLESS] = "endless",
	[STANDIN_DATA] = "data",           [STANDIN_TRUNCATED] = "truncated",
	[STANDIN_TWICE] = "twice",         [STANDIN_BYTES] = "bytes",
	[STANDIN_STATUS] = "status",       [STANDIN_BAD] = "bad",
	[STANDIN_EMPTY] = "empty",         [STANDIN_WRONG_TYPE] = "wrong-type",
	[STANDIN_NO_MEMORY] = "no-memory", [STANDIN_NO_USAGE] = "no-usage",
};

/* ---- protobuf, by hand ---- */

struct out {
	uint8_t *buf;
	size_t size, length;
};

static void put_bytes(struct out *out, const void *bytes, size_t size)
{
	if (out->length + size > out->size)
		abort();
	if (size > 0)
		memcpy(out->buf + out->length, bytes, size);
	out->length += size;
}

static void put_varint(struct out *out, uint64_t value)
{
	uint8_t byte;

	do {
		byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		put_bytes(out, &byte, 1);
		value >>= 7;
	} while (value > 0);
}

/* As proto3 has it: a 0 is left out. */
static void put_uint(struct out *out, unsigned field, uint64_t value)
{
	if (value == 0)
		return;
	put_varint(out, field << 3);
	put_varint(out, value);
}

static void put_field(struct out *out, unsigned field, const void *bytes, size_t size)
{
	put_varint(out, field << 3 | 2);
	put_varint(out, size);
	put_bytes(out, bytes, size);
}

static void put_text(struct out *out, unsigned field, const char *text)
{
	put_field(out, field, text, strlen(text));
}

static void put_message(struct out *out, unsigned field, const struct out *message)
{
	put_field(out, field, message->buf, message->length);
}

#define OUT(name, bytes)             \
	uint8_t name##_bytes[bytes]; \
	struct out name = {name##_bytes, sizeof name##_bytes, 0}

static void put_memory_v2(struct out *metrics, const struct standin_figures *f, enum standin_fault fault)
{
	OUT(memory, 1024);

	put_uint(&memory, 1, f->anon);
	put_uint(&memory, 2, f->file);
	put_uint(&memory, 3, f->kernel / 4);
	put_uint(&memory, 4, f->kernel - f->kernel / 4);
	put_uint(&memory, 5, 4096); /* sock */
	put_uint(&memory, 13, f->inactive_file);
	put_uint(&memory, 14, f->file - f->inactive_file);
	put_uint(&memory, 18, 123456); /* pgfault */
	if (fault != STANDIN_NO_USAGE)
		put_uint(&memory, 32, f->usage);
	put_uint(&memory, 33, f->limit ? f->limit : UINT64_MAX);
	put_uint(&memory, 34, f->swap);
	put_uint(&memory, 35, UINT64_MAX); /* swap's limit */
	put_message(metrics, 4, &memory);
}

/* As kata's runtime-rs, with figures that a guest with cgroup v1 gave. */
static void put_memory_v1(struct out *metrics, const struct standin_figures *f, enum standin_fault fault)
{
	OUT(memory, 1024);
	OUT(usage, 64);
	OUT(swap, 64);
	OUT(kernel, 64);

	put_uint(&memory, 1, f->file);
	put_uint(&memory, 2, f->anon);
	put_uint(&memory, 13, f->inactive_file);
	put_uint(&usage, 1, f->limit ? f->limit : UINT64_C(0x7ffffffffffff000));
	if (fault != STANDIN_NO_USAGE)
		put_uint(&usage, 2, f->usage);
	put_uint(&usage, 3, f->usage); /* the highest */
	put_message(&memory, 33, &usage);
	put_uint(&swap, 2, f->swap);
	put_message(&memory, 34, &swap);
	put_uint(&kernel, 2, f->kernel);
	put_message(&memory, 35, &kernel);
	put_message(metrics, 4, &memory);
}

size_t standin_response(const struct standin *s, const struct standin_figures *figures, uint8_t *buf,
			size_t size)
{
	struct out response = {buf, size, 0};
	OUT(metrics, 2048);
	OUT(pids, 64);
	OUT(any, 2560);
	OUT(stats, 3072);
	char type[80];

	put_uint(&pids, 1, 3);
	if (!s->v1)
		put_message(&metrics, 1, &pids);
	if (s->fault != STANDIN_NO_MEMORY)
		(s->v1 ? put_memory_v1 : put_memory_v2)(&metrics, figures, s->fault);
	(void)snprintf(type, sizeof type, "%sio.containerd.cgroups.v%d.%s",
		       s->prefix ? "type.googleapis.com/" : "", s->v1 ? 1 : 2,
		       s->fault == STANDIN_WRONG_TYPE ? "Matrix" : "Metrics");
	put_text(&any, 1, type);
	put_message(&any, 2, &metrics);
	if (s->fault != STANDIN_EMPTY)
		put_message(&stats, 1, &any);
	put_message(&response, 2, &stats);
	return response.length;
}

/* ---- Requests ---- */

struct request {
	uint32_t stream;
	char service[64], method[32], id[129];
};

static uint64_t get_varint(const uint8_t **at, const uint8_t *end)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			break;
	}
	return value;
}

/* The texts 1 and 2 of a message, and 1 of its message 3: what a ttrpc request and a StatsRequest have. */
static void get_texts(const uint8_t *at, size_t size, struct request *ret, bool inner)
{
	const uint8_t *end = at + size;

	while (at < end) {
		uint64_t tag = get_varint(&at, end), length = get_varint(&at, end);
		if ((tag & 7) != 2)
			continue;
		if (length > (uint64_t)(end - at))
			return;
		char *to = inner ? ret->id : tag >> 3 == 1 ? ret->service : ret->method;
		size_t room = inner           ? sizeof ret->id
			      : tag >> 3 == 1 ? sizeof ret->service
					      : sizeof ret->method;
		if (tag >> 3 == 3 && !inner)
			get_texts(at, (size_t)length, ret, true);
		else if (tag >> 3 <= 2)
			(void)snprintf(to, room, "%.*s", (int)length, (const char *)at);
		at += length;
	}
}

/* ---- Answers ---- */

struct connection {
	int fd; /* -1: none */
	uint8_t in[1024];
	size_t n_in;
	bool asked;
	struct request request;
	uint64_t due_msec;
};

static uint64_t now_msec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool send_all(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
		if (n < 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static void put_header(struct out *out, uint64_t length, uint64_t stream, uint8_t type)
{
	uint8_t header[HEADER] = {
		(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
		(uint8_t)length,         (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8),  (uint8_t)stream,         type,
	};

	put_bytes(out, header, sizeof header);
}

static void put_status(struct out *response, unsigned code, const char *words)
{
	OUT(status, 256);

	put_uint(&status, 1, code);
	put_text(&status, 2, words);
	put_message(response, 1, &status);
}

/* Sends one answer, right or wrong. Returns whether the connection goes on. */
static bool answer(const struct standin *s, const struct standin_figures *figures, int fd,
		   const struct request *r)
{
	OUT(out, 5120);
	OUT(response, 4096);
	static const uint8_t zeroes[65536];
	const char *service = s->task_v3 ? "containerd.task.v3.Task" : "containerd.task.v2.Task";

	if (strcmp(r->service, service) != 0 || strcmp(r->method, "Stats") != 0)
		put_status(&response, 12, "service or method not known");
	else if (s->fault == STANDIN_STATUS)
		put_status(&response, 13, "the agent\ndoes not answer");
	else if (s->fault == STANDIN_BAD)
		put_bytes(&response, "\x12\xff\xff\xff\xff\x0f", 6);
	else if (!figures)
		put_status(&response, 5, "no such task");
	else
		response.length = standin_response(s, figures, response.buf, response.size);
	put_header(&out, response.length, r->stream, 2);
	put_bytes(&out, response.buf, response.length);

	switch (s->fault) {
	case STANDIN_CLOSE:
		return false;
	case STANDIN_EXIT:
		_exit(0);
	case STANDIN_GARBAGE:
		return send_all(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	case STANDIN_OVERSIZED:
		out.length = 0;
		put_header(&out, 4 << 20, r->stream, 2);
		(void)send_all(fd, out.buf, out.length);
		for (int i = 0; i < 64; i++)
			if (!send_all(fd, zeroes, sizeof zeroes))
				return false;
		return true;
	case STANDIN_HUGE:
		out.length = 0;
		put_header(&out, UINT32_MAX, r->stream, 2);
		return send_all(fd, out.buf, out.length);
	case STANDIN_ENDLESS:
		for (uint64_t stream = r->stream;;) {
			out.length = 0;
			put_header(&out, 1, stream += 2, 2);
			put_bytes(&out, "", 1);
			if (!send_all(fd, out.buf, out.length))
				return false;
		}
	case STANDIN_DATA:
		out.buf[8] = 3;
		return send_all(fd, out.buf, out.length);
	case STANDIN_TRUNCATED:
		(void)send_all(fd, out.buf, out.length / 2);
		return false;
	case STANDIN_TWICE:
		put_bytes(&out, out.buf, out.length);
		return send_all(fd, out.buf, out.length);
	case STANDIN_BYTES:
		for (size_t i = 0; i < out.length; i++) {
			if (!send_all(fd, out.buf + i, 1))
				return false;
			(void)nanosleep(&(struct timespec){0, 100000}, NULL);
		}
		return true;
	default:
		return send_all(fd, out.buf, out.length);
	}
}

static void figures_parse(char *line, struct standin_figures *ret)
{
	static const struct {
		const char *name;
		size_t offset;
	} members[] = {
		{"usage", offsetof(struct standin_figures, usage)},
		{"limit", offsetof(struct standin_figures, limit)},
		{"anon", offsetof(struct standin_figures, anon)},
		{"file", offsetof(struct standin_figures, file)},
		{"kernel", offsetof(struct standin_figures, kernel)},
		{"inactive_file", offsetof(struct standin_figures, inactive_file)},
		{"swap", offsetof(struct standin_figures, swap)},
	};
	char *rest, *word = strtok_r(line, " \n", &rest);

	*ret = (struct standin_figures){0};
	(void)snprintf(ret->id, sizeof ret->id, "%s", word ? word : "");
	while ((word = strtok_r(NULL, " \n", &rest))) {
		char *value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
			if (strcmp(word, members[i].name) != 0)
				continue;
			uint64_t bytes = strtoull(value, NULL, 10);
			memcpy((char *)ret + members[i].offset, &bytes, sizeof bytes);
		}
	}
}

/* What holds now: as given, or as the file says. */
static void standin_now(const struct standin *given, struct standin_figures *room, struct standin *ret)
{
	FILE *file = given->figures_path ? fopen(given->figures_path, "re") : NULL;
	char line[512];

	*ret = *given;
	if (!file)
		return;
	ret->figures = room;
	ret->n_figures = 0;
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "delay ", 6) == 0)
			ret->delay_msec = (unsigned)strtoul(line + 6, NULL, 10);
		else if (strncmp(line, "fault ", 6) == 0)
			for (int i = 0; i < STANDIN_FAULTS; i++)
				ret->fault = strcmp(line + 6, standin_fault_names[i]) == 0
						     ? (enum standin_fault)i
						     : ret->fault;
		else if (ret->n_figures < FIGURES_MAX)
			figures_parse(line, &room[ret->n_figures++]);
	}
	(void)fclose(file);
}

static struct connection connections[CONNECTIONS_MAX];

static void connection_end(struct connection *c)
{
	(void)close(c->fd);
	*c = (struct connection){.fd = -1};
}

/* Takes a request, once all of it is there. */
static void connection_receive(const struct standin *given, struct connection *c)
{
	static struct standin_figures room[FIGURES_MAX];
	struct standin now;
	ssize_t n = recv(c->fd, c->in + c->n_in, sizeof c->in - c->n_in, 0);
	bool overlap = false;

	if (n <= 0) {
		connection_end(c);
		return;
	}
	c->n_in += (size_t)n;
	size_t length = (size_t)c->in[2] << 8 | c->in[3];
	if (c->n_in < HEADER || c->n_in < HEADER + length)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		overlap = overlap || (connections[i].fd >= 0 && connections[i].asked);
	c->request = (struct request){.stream = (uint32_t)c->in[4] << 24 | (uint32_t)c->in[5] << 16 |
						(uint32_t)c->in[6] << 8 | c->in[7]};
	get_texts(c->in + HEADER, length, &c->request, false);
	c->n_in -= HEADER + length;
	memmove(c->in, c->in + HEADER + length, c->n_in);
	c->asked = true;
	standin_now(given, room, &now);
	c->due_msec = now_msec() + now.delay_msec;
	if (given->log_fd >= 0)
		(void)dprintf(given->log_fd, "%srequest %s %s %s\n", overlap ? "overlap\n" : "",
			      c->request.service, c->request.method, c->request.id);
}

static void connection_answer(const struct standin *given, struct connection *c)
{
	static struct standin_figures room[FIGURES_MAX];
	const struct standin_figures *figures = NULL;
	struct standin now;

	standin_now(given, room, &now);
	if (now.fault == STANDIN_HANG)
		return;
	for (size_t i = 0; i < now.n_figures; i++)
		if (strcmp(now.figures[i].id, c->request.id) == 0)
			figures = &now.figures[i];
	c->asked = false;
	if (!answer(&now, figures, c->fd, &c->request))
		connection_end(c);
}

int standin_listen(const char *address, int backlog)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t length = strlen(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || length >= sizeof un.sun_path) {
		errno = fd < 0 ? errno : ENAMETOOLONG;
		return -1;
	}
	memcpy(un.sun_path, address, length);
	if (address[0] == '@')
		un.sun_path[0] = '\0';
	else
		(void)unlink(address);
	if (bind(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) <
		    0 ||
	    listen(fd, backlog) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

void standin_serve(const struct standin *standin, int listen_fd)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		connections[i].fd = -1;
	for (;;) {
		struct pollfd fds[CONNECTIONS_MAX + 1] = {{.fd = listen_fd, .events = POLLIN}};
		int timeout = -1;
		for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
			struct connection *c = &connections[i];
			fds[i + 1] = (struct pollfd){.fd = c->fd, .events = POLLIN};
			if (c->fd >= 0 && c->asked)
				timeout = 2; /* then looked at again */
		}
		if (poll(fds, CONNECTIONS_MAX + 1, timeout) < 0 && errno != EINTR)
			abort();
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			if (connections[i].fd >= 0 && fds[i + 1].revents)
				connection_receive(standin, &connections[i]);
		if (fds[0].revents & POLLIN)
			for (size_t i = 0; i < CONNECTIONS_MAX; i++)
				if (connections[i].fd < 0) {
					connections[i].fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
					break;
				}
		for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
			struct connection *c = &connections[i];
			if (c->fd >= 0 && c->asked && now_msec() >= c->due_msec)
				connection_answer(standin, c);
		}
	}
}
