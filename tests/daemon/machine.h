/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A world with one pod that is a virtual machine: a made-up /proc, cgroup tree and bundle, laid out as
 * kata lays them out, and a stand-in for its shim, which is a process. The daemon runs from the beginning,
 * and has no history. */

#include "shim/daemon/guests.h"
#include "tests/daemon/world.h"

#define SID "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"
#define POD                                         \
	"/kubepods.slice/kubepods-burstable.slice/" \
	"kubepods-burstable-pod0a1b2c3d_1111_2222_3333_444455556666.slice"

enum { SHIM_PID = 1001, VMM_PID, VIRTIOFSD_PID };

/* Nothing here takes as long, however slow the machine. */
#define PATIENCE_MSEC 600000

int machine_begin(void **state);
int machine_end(void **state);
#define MACHINE_TEST(test) cmocka_unit_test_setup_teardown(test, machine_begin, machine_end)

/* The daemon ends as it should, and starts again. */
void world_restart(struct world *world);

/* ---- The stand-in for the shim ---- */

void start_shim(struct world *world);
void stop_shim(struct world *world);

/* What it answers from here on: tests/standin_shim.h. */
void figures(const struct world *world, const char *text);

/* How many requests the shim has had. The test fails if one came while another one was under way. */
unsigned requests(const struct world *world);

/* ---- The host ---- */

/* arguments: with '|' between them. */
void make_process(const struct world *world, int pid, int parent, const char *arguments, unsigned anon_mib,
		  unsigned shmem_mib);

/* Shim, VMM with that much guest RAM resident, and virtiofsd. */
void make_machine(const struct world *world, unsigned ram_mib);
void make_bundle(const struct world *world);

/* What the pod's cgroup is charged with. */
void charge(const struct world *world, unsigned mib, unsigned droppable_mib);

/* ---- Records ---- */

struct record record_of(const struct world *world, const char *id);
void take_record(struct world *world, const struct record *record);
void add_sandbox(struct world *world, uint64_t declared_mib);
void add_container(struct world *world, const char *id);

/* ---- The daemon ---- */

/* Until no answer is under way. */
void hear_guests(struct world *world);

/* So many seconds, each with its answers. */
void machine_pass(struct world *world, unsigned seconds);

/* The test fails unless there is one. */
struct sandbox *the_sandbox(const struct world *world);

#define ASSERT_SIGNED(a, b) assert_true((a) == (int64_t)(b))
