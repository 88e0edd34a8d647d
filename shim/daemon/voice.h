/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon says of containers, workloads and the node: the sentences and fields of each event; and
 * what it has said. */

#include <stdbool.h>

#include "cgroups/error.h"
#include "shim/daemon/container.h"
#include "shim/report/journal.h"
#include "shim/report/tally.h"
#include "shim/tune/overhead.h"

/* Faults that last: each is said once, and again only after it was mended. */
enum fault {
	FAULT_ACCOUNT,     /* what pods cost is not written */
	FAULT_CENSUS,      /* cgroups are read one by one */
	FAULT_CENSUS_FULL, /* so are those that the census has no room for */
	FAULT_DESCRIPTORS, /* too few of them are left to keep any */
	FAULT_FOLLOW,      /* so few that cgroups are not even opened */
	FAULT_HISTORY,     /* is not kept */
	FAULT_INOTIFY,     /* cannot be used */
	FAULT_LIMITS,      /* are not published */
	FAULT_PRESSURE,    /* cannot be listened to */
	FAULT_TEXTFILE,    /* is not written */
	FAULT_WATCHES,     /* too few of them are left for every container */
	FAULT_WORKLOADS,   /* are too many */
	FAULTS_COUNT,
};

struct voice {
	struct journal journal; /* counts in tally.events */
	struct tally tally;
	unsigned told; /* a bit for each enum fault that lasts */
};

/* Not to be moved from then on. */
void voice_init(struct voice *voice, struct journal journal);

void voice_decision(struct voice *voice, const struct record *record);
void voice_prestart(const struct journal *journal, const struct record *record);

/* A container that was started as declared, by its record's fault; and one whose record is of no use. */
void voice_refused(const struct journal *journal, const struct record *record);
void voice_broken_record(const struct journal *journal, const char *id, const struct error *err);

void voice_recommendation(const struct journal *journal, const struct workload *workload);

/* kill: NULL where only the cgroup's events told of it. */
/* stuck: why it cannot be given more than the limit that it died at (explain_stuck()), or NULL. */
void voice_oom(struct voice *voice, const struct container *container, enum oom_cause cause,
	       const struct oom_kill *kill, const char *stuck);
void voice_exit(const struct journal *journal, const struct container *container, uint64_t now_usec);

/* The node's sums, and those of one handler. */
struct account;
void voice_node(const struct journal *journal, const struct account *total, uint64_t workloads);
void voice_overhead(const struct journal *journal, const struct account *account);

/* What a pod's machine was charged with before its first container; that what it costs does not fit what
 * is declared; why only the host's side of it is known. */
struct sandbox;
void voice_machine_prestart(const struct journal *journal, const struct sandbox *sandbox);
void voice_misdeclared(const struct journal *journal, const struct sandbox *sandbox, enum overhead_fit fit);
void voice_guest_fault(const struct journal *journal, const struct sandbox *sandbox);

/* Something failed, or works again; the priority is one of syslog(3). */
void voice_fault(const struct journal *journal, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same of a fault that lasts, unless it was said before. */
void voice_fault_once(struct voice *voice, enum fault fault, int priority, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The fault is over. Returns whether it was said. */
bool voice_mended(struct voice *voice, enum fault fault);
