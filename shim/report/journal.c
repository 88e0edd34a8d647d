/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/journal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* Without the source's file and line, which would say where in this file the call stands. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

const struct event_kind event_kinds[EVENTS_COUNT] = {
	[EVENT_DECISION] = {"decision", "aaa15138dfa542e58f5c582b434e3fa7", LOG_INFO},
	[EVENT_PRESTART] = {"prestart", "7210dc32bb9b4383bbeacabab49f331c", LOG_INFO},
	[EVENT_RECOMMENDATION] = {"recommendation", "d36370c6eb6f4b24a78d99462a680c2e", LOG_INFO},
	[EVENT_OOM] = {"oom", "0d4f07e10ea5407c843ed251d68b9e6b", LOG_WARNING},
	[EVENT_EXIT] = {"exit", "3bba13b3acdc441fb91926668d657028", LOG_INFO},
	[EVENT_REFUSED] = {"refused", "6db66353e8cb4bb787e572f749633808", LOG_WARNING},
	[EVENT_NODE] = {"node", "30166142c0da4dafb87a5550e1c731e5", LOG_INFO},
	[EVENT_FAULT] = {"fault", "7be62ff9567c476e8d2b159696a750eb", LOG_ERR},
};

static void send_to_system(const struct iovec *fields, size_t n_fields, void *data)
{
	(void)data;
	(void)sd_journal_sendv(fields, (int)n_fields);
}

struct journal journal_system(void)
{
	return (struct journal){send_to_system, NULL};
}

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

void journal_bytes(struct journal_entry *entry, const char *name, uint64_t bytes)
{
	if (bytes != UINT64_MAX)
		journal_uint(entry, name, bytes);
}

void journal_send(const struct journal *journal, const struct journal_entry *entry)
{
	journal->send(entry->fields, entry->n_fields, journal->data);
}
