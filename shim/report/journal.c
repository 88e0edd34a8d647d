/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/journal.h"

#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

const struct event_kind event_kinds[EVENTS_COUNT] = {
	[EVENT_DECISION] = {"decision", "aaa15138dfa542e58f5c582b434e3fa7", LOG_INFO},
	[EVENT_PRESTART] = {"prestart", "7210dc32bb9b4383bbeacabab49f331c", LOG_INFO},
	[EVENT_RECOMMENDATION] = {"recommendation", "d36370c6eb6f4b24a78d99462a680c2e", LOG_INFO},
	[EVENT_OOM] = {"oom", "0d4f07e10ea5407c843ed251d68b9e6b", LOG_WARNING},
	[EVENT_EXIT] = {"exit", "3bba13b3acdc441fb91926668d657028", LOG_INFO},
	[EVENT_REFUSED] = {"refused", "6db66353e8cb4bb787e572f749633808", LOG_WARNING},
	[EVENT_NODE] = {"node", "30166142c0da4dafb87a5550e1c731e5", LOG_INFO},
	[EVENT_OVERHEAD] = {"overhead", "ce5fa38cb44d4ac7a11be82a455e1677", LOG_INFO},
	[EVENT_MISDECLARED] = {"misdeclared", "a47faf88ebd945eaa0254083567a2ca0", LOG_WARNING},
	[EVENT_FAULT] = {"fault", "7be62ff9567c476e8d2b159696a750eb", LOG_ERR},
};

/* ---- To journald ---- */

#define IDENTIFIER "SYSLOG_IDENTIFIER=tidemarkd"

/* An entry in the form of the native protocol. */
struct datagram {
	size_t used;
	bool cut; /* the field that is being added did not fit */
	char data[sizeof((struct journal_entry *)NULL)->text + 2048];
};

static void datagram_add(struct datagram *datagram, const void *data, size_t length)
{
	datagram->cut = datagram->cut || length > sizeof datagram->data - datagram->used;
	if (datagram->cut)
		return;
	memcpy(datagram->data + datagram->used, data, length);
	datagram->used += length;
}

/* Adds "NAME=value". If the value has a newline: the name, a newline, the length (64 bits,
 * little-endian), the value. */
static void datagram_add_field(struct datagram *datagram, const struct iovec *field)
{
	const char *text = field->iov_base, *value = memchr(text, '=', field->iov_len);
	size_t before = datagram->used;

	if (!value)
		return;
	value++;
	size_t length = field->iov_len - (size_t)(value - text);
	if (memchr(value, '\n', length)) {
		const uint64_t size = htole64(length);
		datagram_add(datagram, text, (size_t)(value - text) - 1);
		datagram_add(datagram, "\n", 1);
		datagram_add(datagram, &size, sizeof size);
		datagram_add(datagram, value, length);
	} else {
		datagram_add(datagram, text, field->iov_len);
	}
	datagram_add(datagram, "\n", 1);
	if (datagram->cut)
		datagram->used = before;
	datagram->cut = false;
}

static void send_to_socket(const struct iovec *fields, size_t n_fields, void *data)
{
	struct journal_socket *journal = data;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct datagram datagram = {.used = 0};
	char dropped[64];

	/* The address is the path each time: after a restart of journald there is another socket. */
	size_t length = strlen(journal->path);
	if (length >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, journal->path, length + 1);

	datagram_add_field(&datagram, &(struct iovec){(char *)IDENTIFIER, sizeof IDENTIFIER - 1});
	if (journal->dropped > 0) {
		int n = snprintf(dropped, sizeof dropped,
				 "TIDEMARK_DROPPED"
				 "=%" PRIu64,
				 journal->dropped);
		datagram_add_field(&datagram, &(struct iovec){dropped, (size_t)n});
	}
	for (size_t i = 0; i < n_fields; i++)
		datagram_add_field(&datagram, &fields[i]);
	if (sendto(journal->fd, datagram.data, datagram.used, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&address, sizeof address) < 0)
		journal->dropped++;
	else
		journal->dropped = 0;
}

struct journal journal_open(struct journal_socket *journal, const char *path)
{
	/* With fd -1 sendto() fails: every entry counts as dropped. */
	*journal = (struct journal_socket){path, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 0};
	return (struct journal){send_to_socket, journal, NULL};
}

void journal_close(struct journal_socket *journal)
{
	if (journal->fd >= 0)
		(void)close(journal->fd);
	journal->fd = -1;
}

/* ---- Entries ---- */

__attribute__((format(printf, 3, 0))) static void journal_add(struct journal_entry *entry, const char *name,
							      const char *format, va_list args)
{
	char *at = entry->text + entry->used;
	size_t room = sizeof entry->text - entry->used;

	int head = snprintf(at, room, "%s=", name);
	if (head < 0 || (size_t)head >= room || entry->n_fields == JOURNAL_FIELDS_MAX)
		return;
	int body = vsnprintf(at + head, room - (size_t)head, format, args);
	if (body < 0 || (size_t)body >= room - (size_t)head)
		return;
	entry->fields[entry->n_fields++] = (struct iovec){at, (size_t)head + (size_t)body};
	entry->used += (size_t)head + (size_t)body;
}

__attribute__((format(printf, 3, 4))) static void journal_field(struct journal_entry *entry, const char *name,
								const char *format, ...)
{
	va_list args;
	va_start(args, format);
	journal_add(entry, name, format, args);
	va_end(args);
}

void journal_begin_at(struct journal_entry *entry, enum event event, int priority)
{
	entry->event = event;
	entry->n_fields = entry->used = 0;
	journal_text(entry, "TIDEMARK_EVENT", event_kinds[event].name);
	journal_text(entry, "MESSAGE_ID", event_kinds[event].message_id);
	journal_field(entry, "PRIORITY", "%d", priority);
}

void journal_begin(struct journal_entry *entry, enum event event)
{
	journal_begin_at(entry, event, event_kinds[event].priority);
}

void journal_message(struct journal_entry *entry, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	journal_add(entry, "MESSAGE", format, args);
	va_end(args);
}

void journal_text(struct journal_entry *entry, const char *name, const char *value)
{
	if (value && *value)
		journal_field(entry, name, "%s", value);
}

void journal_uint(struct journal_entry *entry, const char *name, uint64_t value)
{
	journal_field(entry, name, "%" PRIu64, value);
}

void journal_int(struct journal_entry *entry, const char *name, int64_t value)
{
	journal_field(entry, name, "%" PRId64, value);
}

void journal_bytes(struct journal_entry *entry, const char *name, uint64_t bytes)
{
	if (bytes != UINT64_MAX)
		journal_uint(entry, name, bytes);
}

void journal_send(const struct journal *journal, const struct journal_entry *entry)
{
	if (journal->sent)
		journal->sent[entry->event]++;
	journal->send(entry->fields, entry->n_fields, journal->data);
}
