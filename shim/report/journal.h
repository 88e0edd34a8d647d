/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon says, as structured entries of the journal: systemd.journal-fields(7). Every kind of event
 * has a MESSAGE_ID of its own, explained in contrib/systemd/tidemark.catalog. */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum event {
	EVENT_DECISION,       /* a container was created, with this limit */
	EVENT_PRESTART,       /* what it was charged with before it started */
	EVENT_RECOMMENDATION, /* what is right for a workload has changed */
	EVENT_OOM,            /* a process of a container was killed for want of memory */
	EVENT_EXIT,           /* a container has ended */
	EVENT_REFUSED,        /* a container had to be started as declared, or its record is of no use */
	EVENT_NODE,           /* the node's sums */
	EVENT_OVERHEAD, /* the same for the pods of one runtime handler, and what its virtual machines cost */
	EVENT_MISDECLARED, /* a pod's virtual machine costs more than its RuntimeClass declares, or far less */
	EVENT_FAULT,       /* the daemon itself could not do something */
	EVENTS_COUNT,
};

struct event_kind {
	const char *name;       /* TIDEMARK_EVENT */
	const char *message_id; /* 32 hexadecimal digits */
	int priority;           /* of syslog(3) */
};
extern const struct event_kind event_kinds[EVENTS_COUNT];

/* Where entries go: journald, or a test's own eyes. fields are "NAME=value". */
struct journal {
	void (*send)(const struct iovec *fields, size_t n_fields, void *data);
	void *data;
	uint64_t *sent; /* entries sent, by enum event; borrowed; NULL: not counted */
};

/* Where journald listens for its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), which we speak
 * ourselves: sd_journal_sendv(3) waits for a journald that hangs, and with it the kills that we are to learn
 * from. Here an entry is one datagram that never waits. What cannot be sent is lost, and that is no error; the
 * next entry that goes through says how many were, TIDEMARK_DROPPED. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal_socket {
	const char *path; /* borrowed */
	int fd;
	uint64_t dropped; /* since the last entry that went through */
};

/* The sink borrows *journal, which journal_close() frees. */
struct journal journal_open(struct journal_socket *journal, const char *path);
void journal_close(struct journal_socket *journal);

/* One entry on its way. A field that does not fit is left out. */
#define JOURNAL_FIELDS_MAX 56
struct journal_entry {
	enum event event;
	struct iovec fields[JOURNAL_FIELDS_MAX];
	size_t n_fields, used;
	char text[8192];
};

/* The entry's TIDEMARK_EVENT, MESSAGE_ID and PRIORITY. */
void journal_begin(struct journal_entry *entry, enum event event);
/* The same with another priority than the kind's own. */
void journal_begin_at(struct journal_entry *entry, enum event event, int priority);

/* The human sentence, MESSAGE. */
void journal_message(struct journal_entry *entry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A field; an empty or absent (NULL) text is left out. */
void journal_text(struct journal_entry *entry, const char *name, const char *value);

/* A number in plain decimal digits. Amounts of memory that are UINT64_MAX (no limit) are left out. */
void journal_uint(struct journal_entry *entry, const char *name, uint64_t value);
void journal_bytes(struct journal_entry *entry, const char *name, uint64_t bytes);
void journal_int(struct journal_entry *entry, const char *name, int64_t value);

void journal_send(const struct journal *journal, const struct journal_entry *entry);
