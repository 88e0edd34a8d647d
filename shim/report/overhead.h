/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /run/tidemark/overhead.json: what the node's containers cost by handler, and its VMs part by part, as the
 * daemon has measured it last. The daemon writes it, tidemarkctl reads it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/config.h"
#include "oci/json.h"
#include "shim/store/record.h"
#include "shim/tune/overhead.h"

#define OVERHEAD_FILE     "overhead.json"
#define OVERHEAD_VERSION  1
#define OVERHEAD_SIZE_MAX (4 << 20)

/* More than these are no node's. */
#define OVERHEAD_HANDLERS_MAX   256
#define OVERHEAD_SANDBOXES_MAX  16384
#define OVERHEAD_CONTAINERS_MAX JSON_ELEMENTS_MAX /* all VMs, their containers and handlers together */

/* A value that the file does not have; and OVERHEAD_UNKNOWN. */
#define OVERHEAD_UNKNOWN_SIGNED INT64_MIN

/* Sums over what runs under a runtime handler, or over all. */
struct overhead_handler {
	char name[32]; /* of the sum over all: empty */
	bool is_vm;
	uint64_t pods, containers;
	uint64_t declared_bytes, working_set_bytes, slack_bytes, prestart_bytes;
	uint64_t conmons, conmon_bytes;
	/* Of pods in VMs: what is declared for their overhead; how many are measured, and of how many the
	 * guest has answered; the overhead of those. */
	uint64_t overhead_declared_bytes, machines, answered;
	int64_t overhead_bytes;
	uint64_t recommended_bytes; /* of a handler: what its RuntimeClass should declare, for one pod */
};

/* A container in a VM, as its guest tells. */
struct overhead_container {
	char id[RECORD_ID_SIZE], name[CONFIG_NAME_SIZE];
	uint64_t usage_bytes, working_set_bytes, limit_bytes;
};

struct overhead_sandbox {
	char id[RECORD_ID_SIZE], handler[32], namespace[CONFIG_NAME_SIZE], pod[CONFIG_NAME_SIZE];
	bool is_vm;
	uint64_t host_usec, guest_usec; /* when either side was read */
	uint64_t overhead_declared_bytes;
	uint64_t charge_bytes; /* to the pod's cgroups on the host */
	uint64_t ram_bytes;    /* of the guest, resident; unknown where it cannot be told from the VMM's own
				  memory */
	bool ram_is_shared;
	uint64_t vmm_anon_bytes, vmm_file_bytes, virtiofsd_bytes, shim_bytes, pagetables_bytes, kernel_bytes;
	uint64_t guest_used_bytes; /* by the containers */
	int64_t overhead_bytes, unused_bytes;
	int64_t fixed_bytes;      /* the most of its life that had to be declared: overhead_fixed() */
	uint64_t droppable_bytes; /* page cache on the host that is not in use */
	uint64_t outside_bytes;   /* of its processes in a cgroup that is others', too: in no charge */
	uint64_t prestart_bytes;
	uint64_t boot_bytes;     /* guest RAM that was resident then */
	uint64_t ram_size_bytes; /* that the VM was started with */
	uint64_t apart_usec;     /* between the readings of host and guest */
	bool ram_is_hugetlb;
	uint64_t vmm_pid; /* 0: not known */
	char fault[240];  /* why the guest's part is unknown; or empty */
	struct overhead_container *containers;
	size_t n_containers;
};

struct overhead {
	uint64_t version, written_usec, interval_usec;
	uint64_t left_out; /* so many sandboxes did not fit */
	struct overhead_handler node;
	struct overhead_handler *handlers;
	size_t n_handlers;
	struct overhead_sandbox *sandboxes;
	size_t n_sandboxes;
};

/* run_fd: /run/tidemark. Returns 0 with *ret to be freed by overhead_free(); -ENOENT where there is none;
 * -EBADMSG for a file that is torn, too large or not of this form; -ENOTSUP for a newer version; -ENOMEM. */
int overhead_load(int run_fd, struct overhead *ret, struct error *err);
int overhead_parse(const char *text, size_t length, struct overhead *ret, struct error *err);
void overhead_free(struct overhead *overhead);

/* NULL: there is none such. */
const struct overhead_sandbox *overhead_find(const struct overhead *overhead, const char *sandbox_id);
const struct overhead_container *overhead_find_container(const struct overhead *overhead,
							 const char *sandbox_id, const char *id);

/* One as JSON. A sandbox has its PART_REST, too, as "rest". */
void overhead_out_handler(struct json_out *out, const char *key, const struct overhead_handler *handler);
void overhead_out_sandbox(struct json_out *out, const struct overhead_sandbox *sandbox);

/* What smaps says of a VMM whose guest's RAM is anonymous. */
void overhead_take_smaps(struct overhead_sandbox *sandbox, uint64_t ram_bytes, uint64_t vmm_anon_bytes,
			 uint64_t vmm_file_bytes);

/* ---- The split of a VM sandbox's host charge ---- */

enum overhead_part {
	PART_CHARGE, /* the whole, of which the others are shares */
	PART_RAM,    /* the guest's, resident */
	PART_USED,   /* of that: by containers */
	PART_UNUSED, /* of that: by none: guest kernel, agent, page cache, freed and not given back */
	PART_VMM,    /* its own */
	PART_VIRTIOFSD,
	PART_SHIM,
	PART_KERNEL,   /* kernel memory, page tables in it */
	PART_REST,     /* what is left: page cache; below 0 where pages above are charged elsewhere */
	PART_OVERHEAD, /* the whole less what the containers use */
	PARTS_COUNT,
};

struct overhead_parts {
	int64_t bytes[PARTS_COUNT];  /* OVERHEAD_UNKNOWN_SIGNED */
	size_t unknown[PARTS_COUNT]; /* of a sum: of so many pods the part is not in it */
	/* PART_RAM is all anonymous memory of the VMM, its own in it; so PART_VMM is its files alone, and
	 * PART_UNUSED is not known. */
	bool ram_has_vmm;
};

void overhead_parts_of(const struct overhead_sandbox *sandbox, struct overhead_parts *ret);

/* Adds what is known. A sum begins as {0}. */
void overhead_parts_add(struct overhead_parts *sum, const struct overhead_parts *one);
