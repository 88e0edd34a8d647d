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

/* OOM kills are reported by two sources, the cgroup's events and the kernel log. Either may miss a kill, or
 * report it later than the other. So each source has its own count, and the larger count is the right one.
 * Kills beyond `told` are new: they are not learned from and logged yet. */
struct kills {
	uint64_t by_events, by_log, told;
};
/* Whether there are new kills; and count them as told. */
bool kills_are_new(const struct kills *kills);
void kills_tell(struct kills *kills);

/* The files of a container that are watched. */
enum container_watch {
	CONTAINER_WATCH_EVENTS,       /* memory.events of its cgroup */
	CONTAINER_WATCH_SCOPE_EVENTS, /* memory.events.local of the scope around it */
	CONTAINER_WATCH_POPULATED,    /* cgroup.events */
	CONTAINER_WATCHES,
};

/* Values that did not change are read half as often each time, down to every eighth turn. */
#define CONTAINER_CALM_MOST 3

/* What the guest answered when it was last asked for a container in a virtual machine. */
enum guest_answer {
	GUEST_UNANSWERED, /* no answer, or none yet in this pass */
	GUEST_ANSWERED,   /* container->memory is from this answer */
	GUEST_ABSENT,     /* the guest has no such container: it uses nothing */
};

struct container {
	/* From the record, which may be gone when the end is noticed. */
	char *id, *pod_name, *cgroup; /* cgroup: NULL until known */
	char runtime[32];
	bool is_sandbox;
	bool is_vm; /* runs in a guest: there is no cgroup on the host */
	uint64_t created_usec, started_usec, updated_usec;
	uint64_t pid; /* of the init process; 0: not known */
	uint64_t declared_bytes, limit_bytes, prestart_bytes;

	struct workload *workload; /* borrowed; NULL: a sandbox, or not known */
	uint64_t pod_hash;         /* of the sandbox's id; 0: in no pod */

	/* Of a container in a virtual machine. */
	char *bundle;            /* NULL: in no virtual machine */
	struct sandbox *sandbox; /* borrowed; NULL: in no virtual machine */
	struct container *next_in_sandbox;
	enum guest_answer guest_answer;
	uint64_t guest_pass; /* the sandbox's pass in which the guest was last asked for this container */
	uint64_t guest_usec; /* when the request was sent that was answered last: the figures are no older */
	unsigned guest_news; /* news to be told, a bit for each enum guest_word: guest_news.h */
	uint64_t guest_killed_usec;

	/* conmon_usec: when conmon was last looked for; 0: never. conmon_bytes: conmon's memory;
	 * 0: no conmon. */
	uint64_t conmon_usec, conmon_bytes;

	enum life_state state;
	size_t index;                  /* in registry->containers */
	struct container *next_ending; /* in the node's list of containers that end or are to be forgotten */
	bool is_listed;                /* on this list */
	uint64_t ending_usec;          /* when the end was noticed */
	bool followed_before;          /* an earlier run of the daemon has followed and told of it */
	bool told_fault;               /* it was logged that the container, or its record, cannot be read */
	uint64_t cgroup_id;            /* see cgroup_id(); 0: not known */
	int pressure_fd;               /* owned: pressure_watch(), while close to the limit; -1: none */
	struct pressure pressure;      /* as read last */
	uint32_t pressure_stamp;       /* pressure_usec of the census entry after which pressure was read */
	int process_fd;                /* owned: a pidfd of the init process; -1: none */
	uint64_t generation;           /* node->generation when the record was last listed */
	uint64_t found_tick;           /* the tick in which the record was first seen */

	struct sampled sampled;
	/* cgroup_id() of the cgroup above, if this is the container's own (crun's scope). 0: no scope. */
	uint64_t scope_id;
	int watches[CONTAINER_WATCHES]; /* inotify's numbers; -1: none */
	bool watched;                   /* all files that should be watched are watched */

	/* Samples of this container only, over the long window: for what is said at its end. */
	struct window window;

	/* As last seen. */
	struct memory memory;
	uint64_t max_bytes;           /* the lower memory.max of cgroup and scope */
	unsigned calm;                /* how often in a row nothing had changed, up to CONTAINER_CALM_MOST */
	uint64_t ancestors_max_bytes; /* the lowest memory.max above these two, read at the opening */
	/* max_bytes when it was first read. A program may size itself by its limit when it starts. */
	uint64_t start_max_bytes;
	unsigned looks; /* calls of container_look() */
	uint64_t samples, working_set_max_bytes;
	/* memory.peak, and inactive_file in the first reading with this peak. The difference is the best that
	 * is known about the working set at the peak. */
	uint64_t peak_bytes, peak_inactive_bytes;
	bool peak_exact; /* peak_bytes is final: no process was left, or the kernel has reported it */

	struct memory_events own_events, scope_events;
	uint64_t oom_kills; /* killed processes, as the events count them */
	bool kill_ahead;    /* "oom" has reported a kill that "oom_kill" does not count yet */
	bool oom_open;      /* "oom" was counted soon after a kill: the next kill may be another one */
	uint64_t kill_tick; /* the tick of the last kill by the container's own limit */
	struct kills own_kills, other_kills;
};

/* container_new() returns NULL without memory. container_free() also closes the cgroup. */
struct container *container_new(const char *id, const struct sampling_settings *sampling);
void container_set_sampling(struct container *container, const struct sampling_settings *sampling);
void container_free(struct container *container, struct sampler *sampler);

/* For tsearch(3): by id. */
int container_compare(const void *a, const void *b);

/* Takes the record's values. Returns 0 or -ENOMEM. */
int container_take_record(struct container *container, const struct record *record);

/* Opens container->cgroup. If the container was followed before, past events count as told. Returns 0,
 * MEMORY_GONE, or -errno. */
int container_open(struct container *container, struct sampler *sampler, struct error *err);
/* Reads ancestors_max_bytes. cgroup_fd: the cgroup v2 root. */
void container_read_ancestors(struct container *container, int cgroup_fd);
void container_close(struct container *container, struct sampler *sampler);

/* Takes a reading: sets container->memory, and what follows from it. in_turn: the reading is a sample, one of
 * those at even intervals. A reading out of turn counts as a peak only: in mean and quantiles, moments that
 * are read more often would weigh more. Returns 0, MEMORY_GONE, or -errno. */
int container_sample(struct container *container, struct sampler *sampler, bool in_turn, uint64_t now_usec,
		     struct error *err);

/* Prefetches what container_sample() of the containers behind containers[at] will touch. A loop over all n
 * containers calls it for each. */
void container_fetch_ahead(struct container *const containers[], size_t n, size_t at);

/* The directory of the container's cgroup, or of its scope. Return as sampler_directory() does; MEMORY_GONE
 * also if the container is not open, or has no scope. */
int container_directory(const struct container *container, struct sampler *sampler, int *ret_fd,
			struct error *err);
int container_scope_directory(const struct container *container, struct sampler *sampler, int *ret_fd);
/* Takes a sample from the container's guest. max_bytes: the container's limit in the guest. */
void container_take_guest_sample(struct container *container, const struct memory *memory, uint64_t max_bytes,
				 uint64_t now_usec);

/* Whether the last values are still valid. false: the guest has not answered for two [vm] intervals, or does
 * not have the container. */
bool container_is_current(const struct container *container, uint64_t interval_usec, uint64_t now_usec);

/* Reads the values that change seldom: memory.max, memory.peak and memory.pressure. Returns 0,
 * MEMORY_GONE, or -errno. */
int container_read_bounds(struct container *container, struct sampler *sampler, struct error *err);

/* Reads memory.peak, if no process is left in the cgroup: the peak is then final. Returns false if there is a
 * process, or this is not known; true also if the cgroup is gone. */
bool container_read_exit(struct container *container, struct sampler *sampler);

/* Takes the final peak, and the events' counts, that the kernel reported when the cgroup was removed. */
void container_take_exit(struct container *container, const struct exit_peak *exit, uint64_t tick);

/* How the program sizes its heap, by the arguments of the first few processes. proc_fd: /proc. */
enum sizing container_look(struct container *container, struct sampler *sampler, int proc_fd);

/* What the container used at its limit. Returns false if this cannot be told: the limit has changed, or the
 * container has not run long enough. ended: fewer samples are enough. */
bool container_sight(const struct container *container, const struct tuner_settings *settings, bool ended,
		     struct ratchet_sight *ret);

/* Reads the events' counts, and adds new kills to own_kills and other_kills. Returns 0,
 * MEMORY_GONE, or -errno. */
int container_read_events(struct container *container, struct sampler *sampler, uint64_t tick,
			  struct error *err);

/* Whose limit a kill in this container hit, by the kernel log. */
enum oom_cause {
	OOM_CAUSE_OWN,      /* the container's own limit */
	OOM_CAUSE_NESTED,   /* a limit that was set inside the container */
	OOM_CAUSE_ANCESTOR, /* the limit of a cgroup above */
	OOM_CAUSE_NODE,     /* no limit: the node is out of memory */
	OOM_CAUSE_OTHER,    /* not the container's own; more is not known */
};
extern const char *const oom_cause_names[];
enum oom_cause container_oom_cause(const struct container *container, const struct oom_kill *kill);

/* The working set at the peak, as far as it can be told, but at least working_set_max_bytes. If the peak was
 * before the program's start: working_set_max_bytes. */
uint64_t container_peak_working_set(const struct container *container);

/* The number of OOM kills in the container, by the source that knows of more. */
uint64_t container_oom_kills(const struct container *container);
