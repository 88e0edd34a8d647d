/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A made-up node and its daemon: records, cgroups, /proc, a kernel log, a clock, and everything that the
 * daemon logs. Tests use only the functions at the end to look into the daemon. Include after <cmocka.h>. */

#include <inttypes.h>
#include <sys/resource.h>

#include "cgroups/quantity.h"
#include "shim/daemon/chores.h"
#include "shim/daemon/intake.h"
#include "shim/daemon/node.h"
#include "tests/fixture.h"

#define T0 (UINT64_C(1800000000) * USEC_PER_SEC)

#define WORLD_SAID_MAX 64 /* the newest events are kept */

struct world {
	struct fixture fixture; /* first */
	struct node node;
	bool is_started; /* node is there to be freed */
	struct roots roots;
	struct settings settings; /* for world_start() */
	struct history *history;
	bool is_without_history; /* as if the database could not be opened */
	bool is_without_inotify; /* as if all instances were in use */
	int kernel_log[2];
	uint64_t now_usec;
	pid_t shim; /* machine.h */

	size_t n_said[EVENTS_COUNT];
	struct {
		enum event event;
		char text[4096]; /* all fields, each on a line */
	} said[WORLD_SAID_MAX];
	size_t n_all;

	/* at_oom: what was published for `watched` when the last oom event was logged. */
	struct identity watched;
	struct limits at_oom;
};

/* The workload of make_record(). */
extern const struct identity web;

int world_begin(void **state);
int world_end(void **state);
#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_begin, world_end)

/* Start and stop the daemon. world_end() stops it too. */
void world_start(struct world *world);
/* The same, where it may fail: returns 0 or -errno. world_stop() is called all the same. */
int world_try_start(struct world *world, struct error *err);
void world_stop(struct world *world);

/* From here on n more file descriptors can be opened. Returns the limit from before. */
struct rlimit world_leave_fds(unsigned n);

/* ---- What the daemon said ---- */

/* The newest event of this kind. */
const char *last(const struct world *world, enum event event);
void assert_says(const struct world *world, enum event event, const char *what);

/* The published limits of web. */
struct limits published(const struct world *world);

/* ---- Records ---- */

struct record make_record(const struct world *world, const char *id);
void write_record(const struct world *world, const struct record *record);

/* Changes the record as the container's start does, in the cgroup of make_cgroup(). Does not write it. */
void start_record(const struct world *world, struct record *record);

/* The record of a shim's container. bundle: below the fixture's directory. */
struct record shim_record(const struct world *world, const char *id, const char *bundle, bool is_vm);
bool is_recorded(const struct world *world, const char *id);

/* ---- Cgroups ---- */

#define CGROUP(id) "/pods/crio-" id ".scope/container"

void make_cgroup(const struct world *world, const char *id, uint64_t max_mib);
void remove_cgroup(const struct world *world, const char *id);
void write_cgroup_file(const struct world *world, const char *id, const char *file, const char *text);

/* Sets the container's working set. */
void use(const struct world *world, const char *id, uint64_t mib);

/* Appends a kill to the kernel log. limit_cgroup: "": the whole node was out of memory. */
void log_kill(const struct world *world, const char *limit_cgroup, const char *task_cgroup, unsigned pid);

/* ---- Lives ---- */

/* Starts a container, and lets the daemon take its record. */
struct record run_container(struct world *world, const char *id);

/* Runs a container for some seconds. Its program uses a quarter of the limit. sizes: record.sizes. */
void run_at(struct world *world, const char *id, uint64_t limit_mib, const char *sizes, unsigned seconds);

/* Removes the container's cgroup and record. */
void stop(struct world *world, const char *id);

/* Lets seconds pass, each with a reading. */
void pass(struct world *world, unsigned seconds);

/* Call before world_start(): a warm-up of ten readings, no cooldown, a window of a minute. */
void be_quick(struct world *world);

/* ---- The daemon's turns, at world->now_usec ---- */

void world_on_records(struct world *world);
void world_on_events(struct world *world);
void world_on_kernel_log(struct world *world);
void world_on_pressures(struct world *world);
void world_on_processes(struct world *world);
void world_on_guests(struct world *world);
void world_take_exit(struct world *world, const struct exit_peak *exit);
void world_sample(struct world *world);
void world_tune(struct world *world);
void world_watch_guests(struct world *world);
void world_look_at_conmons(struct world *world);
void world_report(struct world *world);
void world_account(struct world *world);
void world_sweep(struct world *world);
void world_settle(struct world *world);
void world_flush(struct world *world);

/* ---- The daemon's insides ---- */

size_t world_n_containers(const struct world *world);
size_t world_n_workloads(const struct world *world);

/* By the order in which they came. The test fails if there is none. */
struct container *world_container_at(const struct world *world, size_t i);
struct workload *world_workload_at(const struct world *world, size_t i);

/* NULL: there is none. */
struct container *world_container(const struct world *world, const char *id);
struct workload *world_workload(const struct world *world, const struct identity *identity);

struct accounts;
void world_accounts(const struct world *world, struct accounts *ret);

/* As if the kernel reported removed cgroups. world_take_exit() makes a report. */
void world_use_exits(struct world *world);

/* As if each tick had a census. In a tick without one, files are read, but none is kept open. */
void world_use_census(struct world *world);
/* Lets a second pass, with a census that has this entry. */
void pass_by_census(struct world *world, const struct census_entry *entry);
