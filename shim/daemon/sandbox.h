/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One pod whose containers run in a virtual machine: its parts on the host, what the guest says of its
 * containers, and what the machine costs. Nothing here waits, and nothing asks for the time.
 *
 * The guest is asked through the pod's shim, one container after the other and never while an answer is under
 * way: a guest that hangs blocks the shim's other calls, too. A request that was not answered in time stays
 * the only one until it is, or the shim has gone. Once all have answered (or will not), the host's side is
 * read at once, so that both sides are as close together as can be. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/vmm.h"
#include "oci/guest.h"
#include "oci/sandbox.h"
#include "shim/daemon/container.h"
#include "shim/tune/overhead.h"

enum sandbox_asking {
	SANDBOX_SILENT, /* no request is under way */
	SANDBOX_ASKING,
	SANDBOX_LATE, /* it is, and its deadline has passed */
};

struct sandbox {
	/* From its own record; as long as there is none (has_record), from one of its containers'. */
	char *id, *namespace, *pod_name, *bundle;
	char handler[32]; /* "kata" */
	bool has_record;
	uint64_t created_usec;
	uint64_t declared_bytes; /* the pod's overhead, by its RuntimeClass; 0: none, or not known */

	size_t n_records;             /* of containers that point here, its own among them */
	struct container *containers; /* those that run in the guest, but for the pod's own:
					 container->next_in_sandbox */
	bool had_container;

	/* The host's side. */
	struct vmm vmm;
	bool is_found;
	uint64_t found_usec;    /* when it was first found whole; 0: not yet */
	bool looked_again;      /* for what was not there by then */
	uint64_t searched_usec; /* when all of /proc was last searched; 0: never */
	uint64_t search_usec;   /* and for how long it is not searched again */
	struct vmm_memory memory;
	uint64_t host_usec; /* of the last reading; 0: there is none, or the machine is gone */

	/* The guest's side. */
	struct guest *guest; /* NULL: not connected */
	char address[sizeof((struct sandbox_files *)NULL)->address];
	short polled; /* what the epoll waits for */
	enum sandbox_asking asking;
	struct container *asked; /* NULL: it has gone meanwhile, or nothing was asked */
	uint64_t asked_usec;
	uint64_t pass;      /* counts the rounds in which all containers are asked */
	uint64_t pass_usec; /* when the last one began */
	bool in_pass;
	char fault[sizeof((struct error *)NULL)->text];      /* why the guest's side is not known; or empty */
	unsigned failed;                                     /* passes in a row */
	char told_fault[sizeof((struct error *)NULL)->text]; /* the one that was told; or empty */

	struct overhead_split split; /* of the last pass */

	/* Of its life; what was most is not known where its beginning was missed. is_kept: what follows is in
	 * the handler's file, or will be. */
	bool missed_start, is_kept;
	uint64_t prestart_bytes; /* what the host was charged with before the first container; 0: not known */
	uint64_t boot_bytes;     /* guest RAM that was resident then; 0: not known */
	uint64_t most_used_bytes; /* by its containers at once */
	int64_t most_fixed_bytes; /* the highest overhead_fixed() */
	bool told[OVERHEAD_WASTEFUL + 1];

	/* What is to be told of it, a bit for each enum guest_word: guest_news.h. */
	unsigned news;
	bool has_news; /* this, or one of its containers */
	struct sandbox *next_news;
};

struct sandbox *sandbox_new(const char *id);
void sandbox_free(struct sandbox *sandbox);

/* By id: for tsearch(3). */
int sandbox_compare(const void *a, const void *b);

/* A record of a container in it; own: it is that of the sandbox. Returns 0 or -ENOMEM. */
int sandbox_take_record(struct sandbox *sandbox, const struct record *record, bool own);

void sandbox_add_container(struct sandbox *sandbox, struct container *container);
void sandbox_remove_container(struct sandbox *sandbox, struct container *container);

/* ---- The host's side ---- */

/* Looks for the machine's parts: where its files are (host_run_fd: /run) and below its shim; with whole_proc
 * in all of /proc, too, which takes milliseconds. Returns 0 once a VMM is found. */
int sandbox_find(struct sandbox *sandbox, int host_run_fd, int proc_fd, bool whole_proc, struct error *err);

/* cgroup_fd: the root of the cgroup tree. Reads it: some 50 µs. Returns 0, -ESRCH where the machine is gone,
 * or another -errno; host_usec is then 0. */
int sandbox_read_host(struct sandbox *sandbox, int cgroup_fd, uint64_t now_usec, struct error *err);

/* Whether a reading stands that has the machine in it. */
bool sandbox_is_measured(const struct sandbox *sandbox);

/* ---- The guest's side ---- */

/* Asks for the next container of this pass. epoll_fd: learns what is to be waited for, with the sandbox as
 * its data. Returns 0, 1 if there is none left to ask, or -errno: the guest's side of this pass is lost. */
int sandbox_ask_next(struct sandbox *sandbox, int epoll_fd, uint64_t deadline_usec, uint64_t now_usec,
		     struct error *err);

/* The epoll has told of it: takes an answer. *ret_container (NULL where it has gone meanwhile, or the answer
 * is of no use) is the one that the answer is of. Returns 1 with an answer; 0: not yet; -errno: the shim has
 * refused it (guest is still there) or the connection is lost (it is not). */
int sandbox_take_answer(struct sandbox *sandbox, int epoll_fd, struct guest_stats *ret,
			struct container **ret_container, struct error *err);

/* The deadline has passed. */
bool sandbox_is_overdue(const struct sandbox *sandbox, uint64_t deadline_usec, uint64_t now_usec);

void sandbox_disconnect(struct sandbox *sandbox);

/* ---- Both ---- */

/* Makes the split of the last host reading and the answers. max_apart_usec: see overhead_split(). */
void sandbox_split(struct sandbox *sandbox, uint64_t max_apart_usec);
