/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One container as the daemon follows it, from its record to the end of its cgroup. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/exit_peak.h"
#include "cgroups/oom.h"
#include "cgroups/pressure.h"
#include "cgroups/sampler.h"
#include "oci/sizing.h"
#include "shim/daemon/life.h"
#include "shim/daemon/workload.h"
#include "shim/store/record.h"
#include "shim/tune/window.h"

/* An OOM kill is told by two sources, either of which may miss it or come second: the cgroup's events and the
 * kernel log. Each counts; what the larger count says has not been told yet is new. */
struct kills {
	uint64_t by_events, by_log, told;
};
bool kills_are_new(const struct kills *kills);
void kills_tell(struct kills *kills);

/* What the watches of a container are on. */
enum container_watch {
	CONTAINER_WATCH_EVENTS,       /* memory.events of its cgroup */
	CONTAINER_WATCH_SCOPE_EVENTS, /* memory.events.local of the scope around it */
	CONTAINER_WATCH_POPULATED,    /* cgroup.events */
	CONTAINER_WATCHES,
};

/* Values that did not change are read half as often each time, down to every eighth turn. */
#define CONTAINER_CALM_MOST 3

/* What the guest has said of a container in a virtual machine, when it was last asked. */
enum guest_answer {
	GUEST_UNANSWERED,
	GUEST_ANSWERED,
	GUEST_ABSENT, /* there is no such container: it uses nothing */
};

struct container {
	/* From its record, which is gone when its end is noticed. */
	char *id, *pod_name, *cgroup; /* cgroup: NULL until known */
	char runtime[32];
	bool is_sandbox;
	bool is_vm; /* it runs in a guest: the host has no cgroup of it */
	uint64_t created_usec, started_usec, updated_usec;
	uint64_t pid; /* of the init process; 0: not known */
	uint64_t declared_bytes, limit_bytes, prestart_bytes;

	struct workload *workload; /* borrowed; NULL: a sandbox, or not known */
	uint64_t pod_hash;         /* of the sandbox's id; 0: it is of no pod */

	/* In a virtual machine. */
	char *bundle;            /* NULL: it is in none */
	struct sandbox *sandbox; /* borrowed; NULL: in none */
	struct container *next_in_sandbox;
	enum guest_answer guest_answer;
	uint64_t guest_pass; /* in which the guest was last asked for it */
	uint64_t guest_usec; /* when it was asked for what it has answered: its figures are no older */
	unsigned guest_news; /* to be told, a bit for each enum guest_word: guest_news.h */
	uint64_t guest_killed_usec;

	/* The monitor that CRI-O and podman start for each container; read now and then. */
	uint64_t conmon_usec, conmon_bytes; /* 0: not yet; 0: there is none */

	enum life_state state;
	size_t index;                  /* in the registry's list */
	struct container *next_ending; /* in the node's list of those that end, or are to be forgotten */
	bool is_listed;                /* on that list */
	uint64_t ending_usec;          /* since when its end is to be told */
	bool followed_before;          /* it was followed, and told of, before the daemon was started */
	bool told_fault;               /* that it, or its record, cannot be read */
	uint64_t cgroup_id;            /* see cgroup_id(); 0: not known */
	int pressure_fd;               /* owned: pressure_watch(), while it is close to its limit; or -1 */
	struct pressure pressure;      /* as read last */
	uint32_t pressure_stamp;       /* pressure_usec of the census that it was read after */
	int process_fd;                /* owned: a pidfd of its init process, or -1 */
	uint64_t generation;           /* of the scan that saw the record last */
	uint64_t found_tick;           /* when the record was first seen */

	struct sampled sampled;
	/* cgroup_id() of the cgroup above, where that is the container's own, as crun's scope is; or 0. */
	uint64_t scope_id;
	int watches[CONTAINER_WATCHES]; /* of inotify; -1: none */
	bool watched;                   /* all that there are to be stand */

	/* Of its own life alone, the last 24 h or what the long window is of it: for what is said at its
	 * end. */
	struct window window;

	/* As last seen. */
	struct memory memory;
	uint64_t max_bytes; /* the smaller memory.max of cgroup and scope */
	unsigned calm; /* how often container_read_bounds() found the same again, up to CONTAINER_CALM_MOST */
	uint64_t ancestors_max_bytes; /* the smallest memory.max above those, when it was opened */
	/* max_bytes when it was first read: a program sizes itself by it as it starts. */
	uint64_t start_max_bytes;
	unsigned looks; /* container_look() was called so often */
	uint64_t samples, working_set_max_bytes;
	/* memory.peak, and the inactive_file of the reading at which it was first seen so high: the peak less
	 * that is the best there is to say about the working set at the peak. */
	uint64_t peak_bytes, peak_inactive_bytes;
	bool peak_exact; /* it is the last: no process was left when it was read */

	struct memory_events own_events, scope_events;
	uint64_t oom_kills; /* processes, as the events count them */
	bool kill_ahead;    /* a kill was told of by "oom", before it was counted */
	bool oom_open;      /* "oom" was counted after a kill, and may mean another one */
	uint64_t kill_tick; /* of the last kill by its own limit */
	struct kills own_kills, other_kills;
};

struct container *container_new(const char *id, const struct sampling_settings *sampling);
void container_set_sampling(struct container *container, const struct sampling_settings *sampling);
void container_free(struct container *container, struct sampler *sampler);

/* By id: for tsearch(3). */
int container_compare(const void *a, const void *b);

/* Takes what the record says. Returns 0 or -ENOMEM. */
int container_take_record(struct container *container, const struct record *record);

/* Opens the cgroup (container->cgroup). Events of the past count as seen for a container that was followed
 * before. Returns 0, MEMORY_GONE, or -errno. */
int container_open(struct container *container, struct sampler *sampler, struct error *err);
/* Fills in ancestors_max_bytes. */
void container_read_ancestors(struct container *container, int cgroup_fd);
void container_close(struct container *container, struct sampler *sampler);

/* One reading: container->memory and what follows from it. in_turn: one of those at even intervals, a sample.
 * Others count as peaks only: mean and quantiles would else be of the moments that were looked at more often.
 * Returns 0, MEMORY_GONE, or -errno. */
int container_sample(struct container *container, struct sampler *sampler, bool in_turn, uint64_t now_usec,
		     struct error *err);

/* Prefetches what container_sample() of the containers behind containers[at] will touch. A loop over all n
 * containers calls it for each. */
void container_fetch_ahead(struct container *const containers[], size_t n, size_t at);

/* The directory of the container's cgroup, or of the scope around it: as sampler_directory() has it, and
 * with its returns; MEMORY_GONE also where there is no scope, or the container is not open. */
int container_directory(const struct container *container, struct sampler *sampler, int *ret_fd,
			struct error *err);
int container_scope_directory(const struct container *container, struct sampler *sampler, int *ret_fd);
/* The same from the guest that it runs in; max_bytes: its limit there. */
void container_take_guest_sample(struct container *container, const struct memory *memory, uint64_t max_bytes,
				 uint64_t now_usec);

/* Whether what was last seen of it stands: false where its guest has not answered for two intervals ([vm]
 * interval), or does not have it. */
bool container_is_current(const struct container *container, uint64_t interval_usec, uint64_t now_usec);

/* The values that change seldom, or are not needed each time: memory.max, memory.peak and memory.pressure.
 * Returns as above. */
int container_read_bounds(struct container *container, struct sampler *sampler, struct error *err);

/* memory.peak, where the cgroup is there and no process in it: the last that it will be. False if there is a
 * process in it; true also where it is gone. */
bool container_read_exit(struct container *container, struct sampler *sampler);

/* The same as the kernel has told of it, with the events' counts. */
void container_take_exit(struct container *container, const struct exit_peak *exit, uint64_t tick);

/* What the container's processes say of how they size their heap: by the arguments of the first few of
 * them. */
enum sizing container_look(struct container *container, struct sampler *sampler, int proc_fd);

/* What the container used at its limit, where that can be told: it has kept its limit, and has run for
 * long enough, or has ended. */
bool container_sight(const struct container *container, const struct tuner_settings *settings, bool ended,
		     struct ratchet_sight *ret);

/* The events' counts: adds what is new to own_kills and other_kills. Returns as above. */
int container_read_events(struct container *container, struct sampler *sampler, uint64_t tick,
			  struct error *err);

/* Whose limit a kill in this container hit, by the kernel log. */
enum oom_cause {
	OOM_CAUSE_OWN,      /* the container's own */
	OOM_CAUSE_NESTED,   /* one that was set inside the container */
	OOM_CAUSE_ANCESTOR, /* that of a cgroup above */
	OOM_CAUSE_NODE,     /* none: the node is out of memory */
	OOM_CAUSE_OTHER,    /* not its own; more is not known */
};
extern const char *const oom_cause_names[];
enum oom_cause container_oom_cause(const struct container *container, const struct oom_kill *kill);

/* The working set at the peak, as far as it can be told; 0 where the peak was before the program's start. */
uint64_t container_peak_working_set(const struct container *container);

/* How many were killed in it, by the source that knows of more. */
uint64_t container_oom_kills(const struct container *container);
