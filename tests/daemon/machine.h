/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A world with one pod that is a virtual machine: a made-up /proc, cgroup tree and bundle, laid out as
 * kata lays them out, and a process in place of kata's shim. The daemon is started by machine_begin(),
 * without a history. */

#include "shim/daemon/guests.h"
#include "tests/daemon/world.h"

#define SID "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"
#define POD                                         \
	"/kubepods.slice/kubepods-burstable.slice/" \
	"kubepods-burstable-pod0a1b2c3d_1111_2222_3333_444455556666.slice"

enum { SHIM_PID = 1001, VMM_PID, VIRTIOFSD_PID };

/* Longer than anything here takes, however slow the machine. */
#define PATIENCE_MSEC 600000

int machine_begin(void **state);
int machine_end(void **state);
#define MACHINE_TEST(test) cmocka_unit_test_setup_teardown(test, machine_begin, machine_end)

/* Stops the daemon properly, and starts it again. */
void world_restart(struct world *world);

/* ---- The stand-in for the shim ---- */

void start_shim(struct world *world);
void stop_shim(struct world *world);

/* Sets what the shim answers from here on: tests/standin_shim.h. */
void figures(const struct world *world, const char *text);

/* The number of requests that the shim has had. The test fails if one came before the one before
 * it was answered. */
unsigned requests(const struct world *world);

/* ---- The host ---- */

/* Adds a process to /proc. arguments: with '|' between them. */
void make_process(const struct world *world, int pid, int parent, const char *arguments, unsigned anon_mib,
		  unsigned shmem_mib);

/* Adds the shim, the VMM with this much guest RAM resident, and virtiofsd. */
void make_machine(const struct world *world, unsigned ram_mib);
void make_bundle(const struct world *world);

/* Sets the charge of the pod's cgroup. */
void charge(const struct world *world, unsigned mib, unsigned droppable_mib);

/* ---- Records ---- */

struct record record_of(const struct world *world, const char *id);
void take_record(struct world *world, const struct record *record);
void add_sandbox(struct world *world, uint64_t declared_mib);
void add_container(struct world *world, const char *id);

/* ---- The daemon ---- */

/* Reads answers until none is awaited. */
void hear_guests(struct world *world);

/* Lets seconds pass, each with its answers. */
void machine_pass(struct world *world, unsigned seconds);

/* The only sandbox. The test fails if there is none, or more than one. */
struct sandbox *the_sandbox(const struct world *world);

#define ASSERT_SIGNED(a, b) assert_true((a) == (int64_t)(b))
