/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sums of what the node's containers and pods declare, use and cost, by runtime handler ("crun", "kata").
 * Made from what the daemon has in memory. All sizes in bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/daemon/handlers.h"
#include "shim/daemon/registry.h"

/* The parts of a virtual machine's memory on the host, as far as they are known. They do not add up to the
 * charge: VM_PAGETABLES is in VM_KERNEL, and the processes are not all of the charge. */
enum vm_part {
	VM_RAM,  /* guest RAM that is resident; anonymous guest RAM is in VM_ANON */
	VM_ANON, /* anonymous memory of the VMM */
	VM_FILE, /* files that the VMM has mapped */
	VM_VIRTIOFSD,
	VM_SHIM,
	VM_PAGETABLES,
	VM_KERNEL,
	VM_DROPPABLE, /* page cache of the host that is not in use */
	VM_OUTSIDE,   /* in a cgroup that is not the pod's: not in the charge */
	VM_PARTS_COUNT,
};
extern const char *const vm_part_names[]; /* NULL-ended */

/* One part of a machine, from the last reading. VMM_UNKNOWN: not known. */
uint64_t account_vm_part(const struct sandbox *sandbox, enum vm_part part);

struct account {
	const char *handler; /* borrowed from a container or a sandbox; NULL: the total */
	bool is_vm;          /* some of its pods are virtual machines */
	uint64_t pods, containers;
	/* Of running containers that are measured. slack_bytes: declared but not used, of those that
	 * declare a limit. */
	uint64_t declared_bytes, working_set_bytes, slack_bytes;
	uint64_t prestart_bytes; /* of containers and of virtual machines */
	uint64_t conmons, conmon_bytes;

	/* Of pods that are virtual machines. */
	uint64_t overhead_declared_bytes;
	uint64_t machines; /* pods that are measured on the host; these sums are over them: */
	uint64_t charge_bytes, parts_bytes[VM_PARTS_COUNT];
	uint64_t answered; /* pods whose guest's side is known too; these sums are over them: */
	uint64_t used_bytes;
	int64_t overhead_bytes, unused_bytes;
	uint64_t recommended_bytes; /* what the handler's RuntimeClass should declare; 0: not known */
};

/* More handlers than any node has. Further ones are only in the total. */
#define ACCOUNTS_MAX 32

struct accounts {
	struct account total, handlers[ACCOUNTS_MAX];
	size_t n;
};

/* Makes all sums. interval_usec: [vm] interval. A container whose guest does not answer any more is
 * in no sum. */
void account_make(const struct registry *registry, const struct handlers *handlers, uint64_t interval_usec,
		  uint64_t now_usec, struct accounts *ret);

/* Writes the sums and all virtual machines to overhead.json. run_fd: /run/tidemark. The file has at most
 * ACCOUNT_FILE_MAX bytes: if it would be larger, the machines are left out, and "left_out" is their number.
 * Returns 0 or -errno. */
#define ACCOUNT_FILE     "overhead.json"
#define ACCOUNT_FILE_MAX (4 * 1024 * 1024)
#define ACCOUNT_VERSION  1
int account_write(const struct registry *registry, const struct accounts *accounts, uint64_t interval_usec,
		  int run_fd, uint64_t now_usec, struct error *err);
