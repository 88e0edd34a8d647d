/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon's messages: structured entries of the journal (systemd.journal-fields(7)). Each kind of event
 * has a MESSAGE_ID of its own, explained in contrib/systemd/tidemark.catalog. */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum event {
	EVENT_DECISION,       /* a container was created, with this limit */
	EVENT_PRESTART,       /* a container's charge before its program started */
	EVENT_RECOMMENDATION, /* a workload's recommendation has changed */
	EVENT_OOM,            /* the kernel killed a process of a container for want of memory */
	EVENT_EXIT,           /* a container has ended */
	EVENT_REFUSED,        /* a fault made a container start as declared, or its record is of no use */
	EVENT_NODE,           /* sums over the node */
	EVENT_OVERHEAD,       /* sums over the pods of a runtime handler, and the cost of their VMs */
	EVENT_MISDECLARED,    /* a pod's VM costs more than its RuntimeClass declares, or far less */
	EVENT_FAULT,          /* the daemon itself could not do something */
	EVENTS_COUNT,
};

struct event_kind {
	const char *name;       /* TIDEMARK_EVENT */
	const char *message_id; /* 32 hexadecimal digits */
	int priority;           /* a LOG_… of syslog(3) */
};
extern const struct event_kind event_kinds[EVENTS_COUNT];

/* Where entries go: to journald, or into a test. fields are "NAME=value". */
struct journal {
	void (*send)(const struct iovec *fields, size_t n_fields, void *data);
	void *data;
	uint64_t *sent; /* entries sent, by enum event; borrowed; NULL: not counted */
};

/* journald's socket for its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). We do not use
 * sd_journal_sendv(3): it waits while journald hangs, and meanwhile we would learn of no OOM kill. Here an
 * entry is one datagram, and sending never waits. An entry that cannot be sent is lost, without an error. The
 * next entry that goes through tells the number of lost ones in TIDEMARK_DROPPED. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal_socket {
	const char *path; /* borrowed */
	int fd;
	uint64_t dropped; /* since the last entry that went through */
};

/* Opens the socket. path is borrowed; the struct that is returned borrows *journal until journal_close(). If
 * there is no socket, every entry is lost, and counted as such. */
struct journal journal_open(struct journal_socket *journal, const char *path);
void journal_close(struct journal_socket *journal);

/* An entry that is being written. A field that does not fit is left out. */
#define JOURNAL_FIELDS_MAX 56
struct journal_entry {
	enum event event;
	struct iovec fields[JOURNAL_FIELDS_MAX];
	size_t n_fields, used;
	char text[8192];
};

/* Begins an entry with TIDEMARK_EVENT, MESSAGE_ID and PRIORITY, which is the kind's or the given one. */
void journal_begin(struct journal_entry *entry, enum event event);
void journal_begin_at(struct journal_entry *entry, enum event event, int priority);

/* Adds MESSAGE, the sentence for people. */
void journal_message(struct journal_entry *entry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds a text. NULL and "" are left out. */
void journal_text(struct journal_entry *entry, const char *name, const char *value);

/* Add a number in decimal digits. journal_bytes() leaves out UINT64_MAX (no limit). */
void journal_uint(struct journal_entry *entry, const char *name, uint64_t value);
void journal_bytes(struct journal_entry *entry, const char *name, uint64_t bytes);
void journal_int(struct journal_entry *entry, const char *name, int64_t value);

/* Sends the entry, and counts it in journal->sent. */
void journal_send(const struct journal *journal, const struct journal_entry *entry);
