/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /run/tidemark/overhead.json: the daemon's last measurements of what the node's containers cost, by runtime
 * handler, and its VMs, part by part. The daemon writes the file, tidemarkctl reads it. */

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

/* A file with more is refused: no node has so many. */
#define OVERHEAD_HANDLERS_MAX   256
#define OVERHEAD_SANDBOXES_MAX  16384
#define OVERHEAD_CONTAINERS_MAX JSON_ELEMENTS_MAX /* of all VMs, containers and handlers together */

/* A signed value that the file does not have. An unsigned one is OVERHEAD_UNKNOWN. */
#define OVERHEAD_UNKNOWN_SIGNED INT64_MIN

/* Sums over the pods and containers of a runtime handler, or of the node. */
struct overhead_handler {
	char name[32]; /* empty: the node */
	bool is_vm;
	uint64_t pods, containers;
	uint64_t declared_bytes, working_set_bytes, slack_bytes, prestart_bytes;
	uint64_t conmons, conmon_bytes;
	/* Of pods in VMs. machines: the pods that are measured. answered: those of them whose guest has
	 * answered. overhead_bytes: the overhead of the answered ones. */
	uint64_t overhead_declared_bytes, machines, answered;
	int64_t overhead_bytes;
	uint64_t recommended_bytes; /* what the handler's RuntimeClass should declare for one pod */
};

/* A container in a VM, as its guest reports it. */
struct overhead_container {
	char id[RECORD_ID_SIZE], name[CONFIG_NAME_SIZE];
	uint64_t usage_bytes, working_set_bytes, limit_bytes;
};

struct overhead_sandbox {
	char id[RECORD_ID_SIZE], handler[32], namespace[CONFIG_NAME_SIZE], pod[CONFIG_NAME_SIZE];
	bool is_vm;
	uint64_t host_usec, guest_usec; /* time of the last reading of the host's and of the guest's side */
	uint64_t overhead_declared_bytes;
	uint64_t charge_bytes; /* the charge of the pod's cgroups on the host */
	/* Guest RAM that is resident. OVERHEAD_UNKNOWN: not told apart from the VMM's own memory. */
	uint64_t ram_bytes;
	bool ram_is_shared;
	uint64_t vmm_anon_bytes, vmm_file_bytes, virtiofsd_bytes, shim_bytes, pagetables_bytes, kernel_bytes;
	uint64_t guest_used_bytes; /* all containers together */
	int64_t overhead_bytes, unused_bytes;
	int64_t fixed_bytes;      /* the highest overhead_fixed() of the pod's life so far */
	uint64_t droppable_bytes; /* page cache on the host that is not in use */
	uint64_t outside_bytes;   /* of its processes in a cgroup shared with others; not in charge_bytes */
	uint64_t prestart_bytes;  /* charged on the host before the first container */
	uint64_t boot_bytes;      /* guest RAM resident before the first container */
	uint64_t ram_size_bytes;  /* RAM that the VM was started with */
	uint64_t apart_usec;      /* between the readings of host and guest */
	bool ram_is_hugetlb;
	uint64_t vmm_pid; /* 0: not known */
	char fault[240];  /* why the guest's part is unknown; empty: it is known */
	struct overhead_container *containers;
	size_t n_containers;
};

struct overhead {
	uint64_t version, written_usec, interval_usec;
	uint64_t left_out; /* sandboxes that did not fit */
	struct overhead_handler node;
	struct overhead_handler *handlers;
	size_t n_handlers;
	struct overhead_sandbox *sandboxes;
	size_t n_sandboxes;
};

/* Read the file, or its text. run_fd: /run/tidemark. Return 0 with *ret to be freed by overhead_free();
 * -ENOENT if there is no file; -EBADMSG if it is torn, too large or not of this form; -ENOTSUP for a
 * newer version; -ENOMEM. */
int overhead_load(int run_fd, struct overhead *ret, struct error *err);
int overhead_parse(const char *text, size_t length, struct overhead *ret, struct error *err);
void overhead_free(struct overhead *overhead);

/* Return NULL if there is none with this id. */
const struct overhead_sandbox *overhead_find(const struct overhead *overhead, const char *sandbox_id);
const struct overhead_container *overhead_find_container(const struct overhead *overhead,
							 const char *sandbox_id, const char *id);

/* Write one as JSON. key NULL: as an element of a list. A sandbox gets also its PART_REST, as "rest". */
void overhead_out_handler(struct json_out *out, const char *key, const struct overhead_handler *handler);
void overhead_out_sandbox(struct json_out *out, const struct overhead_sandbox *sandbox);

/* Takes what smaps says about a VMM whose guest RAM is anonymous. Sets unused_bytes too. */
void overhead_take_smaps(struct overhead_sandbox *sandbox, uint64_t ram_bytes, uint64_t vmm_anon_bytes,
			 uint64_t vmm_file_bytes);

/* ---- The split of a VM sandbox's host charge ---- */

enum overhead_part {
	PART_CHARGE, /* the whole charge */
	PART_RAM,    /* guest RAM that is resident */
	PART_USED,   /* guest RAM used by containers */
	PART_UNUSED, /* guest RAM used by no container: kernel, agent, page cache, freed and not given back */
	PART_VMM,    /* the VMM's own memory */
	PART_VIRTIOFSD,
	PART_SHIM,
	PART_KERNEL,   /* kernel memory, with page tables */
	PART_REST,     /* what is left: page cache. Negative if pages of other parts are charged elsewhere */
	PART_OVERHEAD, /* PART_CHARGE - PART_USED */
	PARTS_COUNT,
};

struct overhead_parts {
	int64_t bytes[PARTS_COUNT];  /* OVERHEAD_UNKNOWN_SIGNED: not known */
	size_t unknown[PARTS_COUNT]; /* of a sum: so many pods are left out, as their part is not known */
	/* Guest RAM is not told apart from the VMM's own memory: PART_RAM is all of the VMM's anonymous
	 * memory, PART_VMM is its files only, and PART_UNUSED is not known. */
	bool ram_has_vmm;
};

/* The parts of one VM. */
void overhead_parts_of(const struct overhead_sandbox *sandbox, struct overhead_parts *ret);

/* Adds the parts that are known, and counts the others in unknown. A sum begins as {0}. */
void overhead_parts_add(struct overhead_parts *sum, const struct overhead_parts *one);
