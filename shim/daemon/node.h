/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon's state and all that it does. daemon.c waits and calls; nothing here waits, and nothing asks for
 * the time: now_usec is CLOCK_REALTIME, and how often the functions are called is the caller's business. Time
 * that jumps does no harm.
 *
 *     records ─► containers ─► samples ─► windows ─► recommendations ─► published limits
 *
 * registry.c keeps the tables, archive.c what outlives us; watch.c brings in what the kernel tells; node.c
 * decides what follows from it; sweep.c clears away what is old. */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/census_taker.h"
#include "cgroups/error.h"
#include "cgroups/sampler.h"
#include "shim/daemon/container.h"
#include "shim/daemon/handlers.h"
#include "shim/daemon/voice.h"
#include "shim/daemon/workload.h"
#include "shim/report/journal.h"
#include "shim/report/tally.h"
#include "shim/store/history.h"
#include "shim/store/settings.h"

/* Where everything lies, as directories held open. Borrowed. */
struct node_roots {
	int containers_fd; /* /run/tidemark/containers */
	int state_fd;      /* /var/lib/tidemark */
	int cgroup_fd;     /* /sys/fs/cgroup */
	int proc_fd;       /* /proc */
	int run_fd;        /* /run/tidemark */
	int host_run_fd;   /* /run */
};

struct node {
	struct node_roots roots;
	struct settings settings;
	struct journal journal;
	struct history *history; /* borrowed; NULL: nothing is kept over a restart but what is published */
	struct sampler sampler;
	struct tally tally;

	/* To be polled by the caller. */
	int records_fd;    /* inotify: node_on_records() */
	int events_fd;     /* inotify: node_on_events() */
	int kernel_log_fd; /* node_on_kernel_log(); borrowed; -1: there is none, or it is not to be polled any
			      more */
	int processes_fd;  /* epoll: node_on_processes(); init processes, where exits_fd is -1 */
	int pressures_fd;  /* epoll: node_on_pressures(); containers that are close to their limit */
	int exits_fd;      /* node_on_exits(); -1: the kernel tells of no exits, and no end waits for that */

	int guests_fd; /* epoll: node_on_guests(); shims that were asked what containers use in their guests */

	struct exit_peaks *exits;    /* borrowed: node_use_exits() */
	struct recent_exits *recent; /* owned: exits of cgroups that are not, or not yet, a container's */
	uint64_t exits_lost;         /* so many that were said */

	struct census_taker *census_taker; /* borrowed: node_use_census() */
	struct census census;              /* of the tick that goes on */

	/* Each both in a list, to walk, and in a tree (tsearch(3)), to find. */
	struct container **containers;
	struct workload **workloads;
	size_t n_containers, containers_size, n_workloads, workloads_size;
	void *containers_by_id, *containers_by_cgroup_id, *workloads_by_identity, *watches_by_number;

	/* Pods that are virtual machines: sandboxes.h. */
	struct sandbox **sandboxes;
	size_t n_sandboxes;
	void *sandboxes_by_id;
	struct handlers handlers;
	uint64_t round, searched_round; /* count node_watch_guests() */
	size_t conmon_at;               /* in containers: whose monitor is looked at next */

	uint64_t pressured_usec; /* when those were last read for it */
	size_t n_pressures;      /* containers that pressures_fd is told of */
	size_t n_processes; /* those that processes_fd is told of: as many as may be kept for sampling at most */

	uint64_t tick;               /* counts node_sample() */
	uint64_t generation;         /* counts scans of the records */
	size_t unpublished;          /* workloads whose limits could not be written */
	struct container *unsettled; /* whose end has been noticed, and is to be told */
	bool slots_unsaved;          /* of any workload */
	bool decided;                /* a creation since its workload was published */
	uint64_t pruned_usec;
	bool prune; /* the history, a step each node_sample(), until all is gone that is too old, or too much */
	/* While the records are read that were there before us; what was published up to loaded_usec, was
	 * said. */
	bool loading;
	uint64_t loaded_usec;
	struct workload *loading_workload;
	bool kills_untold; /* some that were not by the container's own limit */
	bool records_gone; /* the directory of records was removed: nothing more can be followed */
	bool told_account;
	bool told_degraded, told_census, told_missed, told_watches, told_follow, told_history, told_workloads,
		told_pressure;
};

/* kept_max: of struct sampler. Returns 0 or -errno; what is there must then still be given to node_free(). */
int node_init(struct node *node, const struct node_roots *roots, const struct settings *settings,
	      struct journal journal, struct history *history, int kernel_log_fd, size_t kept_max,
	      struct error *err);
void node_free(struct node *node);

/* The kernel tells of exits from here on: before node_load(). Returns 0 or -ENOMEM. */
int node_use_exits(struct node *node, struct exit_peaks *exits, struct error *err);

/* All cgroups are read at once from here on, each tick. */
void node_use_census(struct node *node, struct census_taker *taker);

/* What was published and kept before, and the containers that are there. */
int node_load(struct node *node, uint64_t now_usec, struct error *err);

/* The descriptors above can be read. */
void node_on_records(struct node *node, uint64_t now_usec);
void node_on_events(struct node *node, uint64_t now_usec);
void node_on_kernel_log(struct node *node, uint64_t now_usec);
void node_on_pressures(struct node *node, uint64_t now_usec);
void node_on_processes(struct node *node, uint64_t now_usec);
void node_on_exits(struct node *node, uint64_t now_usec);
void node_on_guests(struct node *node, uint64_t now_usec);

/* Reads the virtual machines that are due, and asks their guests, each [vm] interval; notes what was not answered in
 * time: each second. */
void node_watch_guests(struct node *node, uint64_t now_usec);

/* One sample of every container: each sampling.interval. */
void node_sample(struct node *node, uint64_t now_usec);

/* A look at every workload that has new samples: each tuner.interval. */
void node_tune(struct node *node, uint64_t now_usec);

/* Writes down what pods cost: overhead.json and the handlers' files, each [vm] interval. */
void node_account(struct node *node, uint64_t now_usec);

/* A look at the monitors of some containers, so that all have been within a report.node_interval: each second. */
void node_look_at_conmons(struct node *node, uint64_t now_usec);

/* The node's summary: each report.node_interval. */
void node_report(const struct node *node, uint64_t now_usec);

/* So many workloads are kept at most, apart from those with containers. */
#define NODE_WORKLOADS_MAX 20000

/* Removes records that nobody will remove any more, temporary files of wrappers that were killed, what is old in the history, and workloads that have not been
 * seen for as long: now and then. */
void node_sweep(struct node *node, uint64_t now_usec);

void node_reload(struct node *node, const struct settings *settings);

/* Keeps and publishes all there is: before the end. */
void node_flush(struct node *node, uint64_t now_usec);

/* ---- Between node.c, watch.c and sweep.c ---- */

/* The directory of records, to be walked: the caller closes it. */
int node_open_records(const struct node *node, DIR **ret, struct error *err);

/* Reads all records; containers without one are marked as removed. */
int node_scan(struct node *node, uint64_t now_usec, struct error *err);
void node_take_record(struct node *node, const char *id, uint64_t now_usec);

/* Tries to find the cgroup of a container that has not got one. */
void node_look_for(struct node *node, struct container *container, uint64_t now_usec);
/* Publishes the workloads of which containers were created since: once no record waits, or at the next sample at
 * the latest, so that a workload with many of them is written once. */
void node_publish_decided(struct node *node, uint64_t now_usec);
/* A look at one workload: what node_tune() does of it. */
void node_tune_workload(struct node *node, struct workload *workload, uint64_t now_usec);
enum reading {
	READING_QUICK,
	READING_THOROUGH, /* also what changes seldom */
	READING_URGENT,   /* so is this, but out of turn: see container_sample() */
};
void node_sample_container(struct node *node, struct container *container, enum reading reading,
			   uint64_t now_usec);

/* A sample from the guest that the container runs in. */
void node_take_guest_sample(struct node *node, struct container *container, const struct memory *memory,
			    uint64_t max_bytes, uint64_t now_usec);

/* Reads the container's events and acts on them. */
void node_check_events(struct node *node, struct container *container, uint64_t now_usec);
/* One OOM kill, if it has not been told: learned from, published, and then said. */
void node_take_kill(struct node *node, struct container *container, enum oom_cause cause,
		    const struct oom_kill *kill, uint64_t now_usec);

/* A cgroup was removed, and this is what it had counted. */
void node_take_exit(struct node *node, const struct exit_peak *exit, uint64_t now_usec);

/* Its processes are gone; removed: its record, too. What follows from it is done by node_settle(), so that
 * nobody's container goes away under their hands. */
void node_mark(struct node *node, struct container *container, bool removed);
void node_end(struct node *node, struct container *container, uint64_t now_usec);
void node_settle(struct node *node, uint64_t now_usec);

int watch_records(struct node *node, struct error *err);
void watch_add(struct node *node, struct container *container);
void watch_remove(struct node *node, struct container *container);
/* Has the kernel tell of pressure in a container that comes close to its limit, and no more once it is far from it:
 * after each sample. */
void watch_pressure(struct node *node, struct container *container);
