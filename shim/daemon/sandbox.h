/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One pod whose containers run in a virtual machine: its parts on the host, what the guest says about its
 * containers, and what the machine costs. Nothing here waits or reads the clock.
 *
 * The guest is asked through the pod's shim, for one container after the other. There is never a second
 * request while an answer is awaited: a guest that hangs also blocks the shim's other calls. A late request
 * stays the only one until it is answered or the shim is gone. Once all containers are answered for, or will
 * not be, the host's side is read at once, so that both sides are close together. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/vmm.h"
#include "oci/guest.h"
#include "oci/sandbox.h"
#include "shim/daemon/container.h"
#include "shim/tune/overhead.h"

enum sandbox_asking {
	SANDBOX_SILENT, /* no answer is awaited */
	SANDBOX_ASKING, /* an answer is awaited */
	SANDBOX_LATE,   /* an answer is awaited, and its deadline has passed */
};

struct sandbox {
	/* From the sandbox's own record. As long as it has none (has_record), from one of
	 * its containers' records. */
	char *id, *namespace, *pod_name, *bundle;
	char handler[32]; /* "kata" */
	bool has_record;
	uint64_t created_usec;
	uint64_t declared_bytes; /* the overhead that the RuntimeClass declares; 0: none, or not known */

	size_t n_records; /* containers that point here, the sandbox's own included */
	/* The containers in the guest, without the sandbox's own: container->next_in_sandbox. */
	struct container *containers;
	bool had_container;

	/* The host's side. */
	struct vmm vmm;
	bool is_found;
	uint64_t found_usec;    /* when the machine was first found with a VMM; 0: not yet */
	bool looked_again;      /* the machine was looked for once more after found_usec */
	uint64_t searched_usec; /* when all of /proc was last searched; 0: never */
	uint64_t search_usec;   /* the pause until /proc is searched again */
	struct vmm_memory memory;
	uint64_t host_usec; /* time of the last reading; 0: there is none, or the machine is gone */

	/* The guest's side. */
	struct guest *guest; /* NULL: not connected */
	char address[sizeof((struct sandbox_files *)NULL)->address];
	short polled; /* the events for which the epoll waits */
	enum sandbox_asking asking;
	struct container *asked; /* NULL: nothing was asked, or the container has gone meanwhile */
	uint64_t asked_usec;
	uint64_t pass;      /* counts the passes over all containers */
	uint64_t pass_usec; /* when the last pass began */
	bool in_pass;
	char fault[sizeof((struct error *)NULL)
			   ->text]; /* why the guest's side is not known; empty: no fault */
	unsigned failed;            /* failed passes in a row */
	char told_fault[sizeof((struct error *)NULL)->text]; /* the fault that was told; empty: none */

	struct overhead_split split; /* of the last pass */

	/* Of the pod's whole life. missed_start: the beginning was missed, so that the highest values are not
	 * known. is_kept: the values below are in the handler's file, or will be. */
	bool missed_start, is_kept;
	uint64_t prestart_bytes;  /* the host's charge before the first container; 0: not known */
	uint64_t boot_bytes;      /* guest RAM resident before the first container; 0: not known */
	uint64_t most_used_bytes; /* the most that the containers have used at once */
	int64_t most_fixed_bytes; /* the highest overhead_fixed() */
	bool told[OVERHEAD_WASTEFUL + 1];

	/* News to be told, a bit for each enum guest_word: guest_news.h. */
	unsigned news;
	bool has_news; /* the sandbox, or one of its containers, has news */
	struct sandbox *next_news;
};

/* sandbox_new() returns NULL without memory. sandbox_free() also ends the connection and
 * closes the machine. */
struct sandbox *sandbox_new(const char *id);
void sandbox_free(struct sandbox *sandbox);

/* For tsearch(3): by id. */
int sandbox_compare(const void *a, const void *b);

/* Takes a record of one of its containers. own: the record is the sandbox's. Returns 0 or -ENOMEM. */
int sandbox_take_record(struct sandbox *sandbox, const struct record *record, bool own);

/* Add a container to the list of those in the guest, and remove it. */
void sandbox_add_container(struct sandbox *sandbox, struct container *container);
void sandbox_remove_container(struct sandbox *sandbox, struct container *container);

/* ---- The host's side ---- */

/* Looks for the machine's processes: by kata's files (host_run_fd: /run) and below the shim; with whole_proc
 * also in all of /proc, which takes milliseconds. Returns 0 if a VMM was found, else -errno. */
int sandbox_find(struct sandbox *sandbox, int host_run_fd, int proc_fd, bool whole_proc, struct error *err);

/* Reads the host's side, in some 50 µs. cgroup_fd: the cgroup v2 root. Returns 0; -ESRCH if the machine is
 * gone or not found; or another -errno. On failure host_usec is 0. */
int sandbox_read_host(struct sandbox *sandbox, int cgroup_fd, uint64_t now_usec, struct error *err);

/* Whether there is a valid reading, with a VMM. */
bool sandbox_is_measured(const struct sandbox *sandbox);

/* ---- The guest's side ---- */

/* Asks for the next container of this pass. epoll_fd: the epoll that waits for the answer, with the
 * sandbox as data. Returns 0; 1 if no container is left; or -errno, and then the guest's side of this
 * pass is lost. */
int sandbox_ask_next(struct sandbox *sandbox, int epoll_fd, uint64_t deadline_usec, uint64_t now_usec,
		     struct error *err);

/* Takes an answer, when the epoll has reported the sandbox. *ret_container: the container that was asked for;
 * NULL if it has gone meanwhile, or the answer is of no use. Returns 1 with an answer; 0 if there is none
 * yet; or -errno: the shim has refused (sandbox->guest is not NULL), or the connection is lost
 * (sandbox->guest is NULL). */
int sandbox_take_answer(struct sandbox *sandbox, int epoll_fd, struct guest_stats *ret,
			struct container **ret_container, struct error *err);

/* Whether an answer is awaited and its deadline has passed. */
bool sandbox_is_overdue(const struct sandbox *sandbox, uint64_t deadline_usec, uint64_t now_usec);

/* Ends the connection to the shim. No answer is awaited any more. */
void sandbox_disconnect(struct sandbox *sandbox);

/* ---- Both ---- */

/* Makes the split of the last host reading and the answers. max_apart_usec: see overhead_split(). */
void sandbox_split(struct sandbox *sandbox, uint64_t max_apart_usec);
