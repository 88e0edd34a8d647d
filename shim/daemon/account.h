/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the node's containers and pods declare, use and cost, summed up by runtime handler ("crun", "kata").
 * Sums of what lies in memory. Bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/daemon/handlers.h"
#include "shim/daemon/registry.h"

/* The parts of what a virtual machine takes on the host, as far as they are known: "kernel" has page tables
 * in it, and the processes' parts are not all of the charge. */
enum vm_part {
	VM_RAM,  /* the guest's, resident; where that is anonymous it is in VM_ANON */
	VM_ANON, /* of the VMM itself */
	VM_FILE,
	VM_VIRTIOFSD,
	VM_SHIM,
	VM_PAGETABLES,
	VM_KERNEL,
	VM_DROPPABLE, /* page cache of the host that is not in use */
	VM_OUTSIDE,   /* in a cgroup that is not the pod's: not charged to it */
	VM_PARTS_COUNT,
};
extern const char *const vm_part_names[]; /* NULL-ended */

/* VMM_UNKNOWN where it is not. */
uint64_t account_vm_part(const struct sandbox *sandbox, enum vm_part part);

struct account {
	const char *handler; /* borrowed from a container or a sandbox; NULL: all of them */
	bool is_vm;          /* of any of its pods */
	uint64_t pods, containers;
	/* Of running containers, as far as they are measured; slack: declared and not used, of those that
	 * declare a limit. */
	uint64_t declared_bytes, working_set_bytes, slack_bytes;
	uint64_t prestart_bytes; /* of containers, or of virtual machines */
	uint64_t conmons, conmon_bytes;

	/* Of pods that are virtual machines: pods with their overhead, as it is declared; */
	uint64_t overhead_declared_bytes;
	uint64_t machines; /* that are measured on the host, and the sums over them; */
	uint64_t charge_bytes, parts_bytes[VM_PARTS_COUNT];
	uint64_t answered; /* of which the guest's side is known, too, and the sums over those */
	uint64_t used_bytes;
	int64_t overhead_bytes, unused_bytes;
	uint64_t recommended_bytes; /* of a handler: what its RuntimeClass should declare; 0: not known */
};

/* More handlers than any node has; what is beyond stands in the total alone. */
#define ACCOUNTS_MAX 32

struct accounts {
	struct account total, handlers[ACCOUNTS_MAX];
	size_t n;
};

/* A container whose guest does not answer any more is in no sum. interval_usec: how often guests are
 * asked. */
void account_make(const struct registry *registry, const struct handlers *handlers, uint64_t interval_usec,
		  uint64_t now_usec, struct accounts *ret);

/* Writes them with all virtual machines as overhead.json in run_fd, /run/tidemark. At most
 * ACCOUNT_FILE_MAX: where that is not enough, without the machines ("left_out" says how many). Returns 0
 * or -errno. */
#define ACCOUNT_FILE     "overhead.json"
#define ACCOUNT_FILE_MAX (4 * 1024 * 1024)
#define ACCOUNT_VERSION  1
int account_write(const struct registry *registry, const struct accounts *accounts, uint64_t interval_usec,
		  int run_fd, uint64_t now_usec, struct error *err);
