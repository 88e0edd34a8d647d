/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon logs about containers, workloads and the node: the sentence and the fields of each event.
 * Also remembers which lasting faults were logged. */

#include <stdbool.h>

#include "cgroups/error.h"
#include "shim/daemon/container.h"
#include "shim/report/journal.h"
#include "shim/report/tally.h"
#include "shim/tune/overhead.h"

/* Faults that last. Each is logged once, and again only after it was mended. */
enum fault {
	FAULT_ACCOUNT,     /* overhead.json or a handler's file is not written */
	FAULT_CENSUS,      /* there is no census: cgroups are read one by one */
	FAULT_CENSUS_FULL, /* the census has no room for some cgroups: these are read one by one */
	FAULT_DESCRIPTORS, /* too few file descriptors to keep any for sampling */
	FAULT_FOLLOW,      /* too few file descriptors to open cgroups */
	FAULT_HISTORY,     /* the history is not kept */
	FAULT_INOTIFY,     /* inotify cannot be used */
	FAULT_LIMITS,      /* limits are not published */
	FAULT_PRESSURE,    /* pressure cannot be listened to */
	FAULT_TEXTFILE,    /* [report] textfile is not written */
	FAULT_WATCHES,     /* too few inotify watches for every container */
	FAULT_WORKLOADS,   /* there are too many workloads */
	FAULTS_COUNT,
};

struct voice {
	struct journal journal; /* counts in tally.events */
	struct tally tally;
	unsigned told; /* a bit for each enum fault that lasts */
};

/* *voice must not move from then on: its journal points to its tally. */
void voice_init(struct voice *voice, struct journal journal);

/* A creation or a resize, with its decision; the charge before the start. */
void voice_decision(struct voice *voice, const struct record *record);
void voice_prestart(const struct journal *journal, const struct record *record);

/* A container was started as declared because of record->fault; a record cannot be read. */
void voice_refused(const struct journal *journal, const struct record *record);
void voice_broken_record(const struct journal *journal, const char *id, const struct error *err);

/* The workload's recommendation has changed. */
void voice_recommendation(const struct journal *journal, const struct workload *workload);

/* kill: NULL if only the cgroup's events reported it. stuck: why the workload cannot be given more than the
 * limit at the kill (explain_stuck()), or NULL. */
void voice_oom(struct voice *voice, const struct container *container, enum oom_cause cause,
	       const struct oom_kill *kill, const char *stuck);
/* The container has ended. */
void voice_exit(const struct journal *journal, const struct container *container, uint64_t now_usec);

/* The sums of the node, and of one handler. */
struct account;
void voice_node(const struct journal *journal, const struct account *total, uint64_t workloads);
void voice_overhead(const struct journal *journal, const struct account *account);

/* A pod's machine: its charge before the first container; it costs more or far less than is declared; the
 * guest's side is not known (sandbox->told_fault). */
struct sandbox;
void voice_machine_prestart(const struct journal *journal, const struct sandbox *sandbox);
void voice_misdeclared(const struct journal *journal, const struct sandbox *sandbox, enum overhead_fit fit);
void voice_guest_fault(const struct journal *journal, const struct sandbox *sandbox);

/* Something failed, or works again. priority: a LOG_… of syslog(3). */
void voice_fault(const struct journal *journal, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Logs a fault that lasts, unless it was logged already. */
void voice_fault_once(struct voice *voice, enum fault fault, int priority, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The fault is over. Returns whether it was logged. */
bool voice_mended(struct voice *voice, enum fault fault);
