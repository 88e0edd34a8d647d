/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon says of containers, workloads and the node: the sentences and fields of each event. */

#include "cgroups/error.h"
#include "shim/daemon/container.h"
#include "shim/report/journal.h"
#include "shim/tune/overhead.h"

void voice_decision(const struct journal *journal, const struct record *record);
void voice_prestart(const struct journal *journal, const struct record *record);

/* A container that was started as declared, by its record's fault; and one whose record is of no use. */
void voice_refused(const struct journal *journal, const struct record *record);
void voice_broken_record(const struct journal *journal, const char *id, const struct error *err);

void voice_recommendation(const struct journal *journal, const struct workload *workload);

/* kill: NULL where only the cgroup's events told of it. */
/* stuck: why it cannot be given more than the limit that it died at (explain_stuck()), or NULL. */
void voice_oom(const struct journal *journal, const struct container *container, enum oom_cause cause,
	       const struct oom_kill *kill, const char *stuck);
void voice_exit(const struct journal *journal, const struct container *container, uint64_t now_usec);

/* The node's sums, and those of one handler. */
struct account;
void voice_node(const struct journal *journal, const struct account *total, uint64_t workloads);
void voice_overhead(const struct journal *journal, const struct account *account);

/* What a pod's machine was charged with before its first container; that what it costs does not fit what is declared; why
 * only the host's side of it is known. */
struct sandbox;
void voice_machine_prestart(const struct journal *journal, const struct sandbox *sandbox);
void voice_misdeclared(const struct journal *journal, const struct sandbox *sandbox, enum overhead_fit fit);
void voice_guest_fault(const struct journal *journal, const struct sandbox *sandbox);

/* Something failed, or works again; the priority is one of syslog(3). */
void voice_fault(const struct journal *journal, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
