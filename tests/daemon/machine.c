/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/daemon/machine.h"

#include "tests/standin_shim.h"

void figures(const struct world *world, const char *text)
{
	fixture_write(world->fixture.root_fd, "figures.new", text);
	assert_int_equal(renameat(world->fixture.root_fd, "figures.new", world->fixture.root_fd, "figures"),
			 0);
}

void start_shim(struct world *world)
{
	char path[300], figures_path[300];

	snprintf(path, sizeof path, "%s/shim.sock", world->fixture.path);
	snprintf(figures_path, sizeof figures_path, "%s/figures", world->fixture.path);
	int log_fd = openat(world->fixture.root_fd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int fd = standin_listen(path, 8);
	assert_true(fd >= 0 && log_fd >= 0);
	world->shim = fork();
	assert_true(world->shim >= 0);
	if (world->shim == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		standin_serve(&(struct standin){.figures_path = figures_path, .log_fd = log_fd}, fd);
	}
	(void)close(fd);
	(void)close(log_fd);
}

void stop_shim(struct world *world)
{
	if (world->shim > 0) {
		(void)kill(world->shim, SIGKILL);
		(void)waitpid(world->shim, NULL, 0);
	}
	world->shim = 0;
}

unsigned requests(const struct world *world)
{
	char text[65536] = "";
	unsigned count = 0;

	int fd = openat(world->fixture.root_fd, "log", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof text - 1) >= 0);
	close(fd);
	assert_null(strstr(text, "overlap"));
	for (const char *at = text; (at = strstr(at, "request ")); at++)
		count++;
	return count;
}

void make_process(const struct world *world, int pid, int parent, const char *arguments, unsigned anon_mib,
		  unsigned shmem_mib)
{
	char name[64], text[1024];
	const int root = world->fixture.root_fd;

	snprintf(name, sizeof name, "proc/%d/cmdline", pid);
	fixture_parents(root, name);
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (const char *c = arguments;; c++) {
		assert_int_equal(write(fd, *c == '|' ? "" : c, 1), 1);
		if (!*c)
			break;
	}
	close(fd);
	snprintf(name, sizeof name, "proc/%d/status", pid);
	snprintf(
		text, sizeof text,
		"Name:\tx\nPPid:\t%d\nUid:\t0\t0\t0\t0\nNSpid:\t%d\nRssAnon:\t%8u kB\nRssFile:\t    1024 kB\n"
		"RssShmem:\t%8u kB\nVmPTE:\t     512 kB\n",
		parent, pid, anon_mib * 1024, shmem_mib * 1024);
	fixture_write(root, name, text);
	snprintf(name, sizeof name, "proc/%d/cgroup", pid);
	fixture_write(root, name, "0::" POD "/crio-" SID ".scope\n");
	snprintf(name, sizeof name, "proc/%d/task/%d/children", pid, pid);
	fixture_write(root, name, pid == SHIM_PID ? "1002 1003 " : "");
}

void charge(const struct world *world, unsigned mib, unsigned droppable_mib)
{
	char text[256];

	snprintf(text, sizeof text, "%" PRIu64 "\n", mib * MIB);
	fixture_write(world->fixture.root_fd, "cgroup" POD "/memory.current", text);
	snprintf(text, sizeof text,
		 "anon 1000\nfile 5000\nkernel 4194304\nshmem 400\npagetables 1048576\ninactive_file %" PRIu64
		 "\n",
		 droppable_mib * MIB);
	fixture_write(world->fixture.root_fd, "cgroup" POD "/memory.stat", text);
}

void make_machine(const struct world *world, unsigned ram_mib)
{
	make_process(world, SHIM_PID, 1, "/opt/kata/bin/containerd-shim-kata-v2|-namespace|default|-id|" SID,
		     20, 0);
	make_process(world, VMM_PID, SHIM_PID,
		     "/opt/kata/bin/qemu-system-x86_64|-name|sandbox-" SID
		     "|-m|2048M|-object|memory-backend-file,id=dimm1,size=2048M,mem-path=/dev/shm,share=on",
		     16, ram_mib);
	make_process(world, VIRTIOFSD_PID, SHIM_PID, "/opt/kata/libexec/virtiofsd|--fd=3", 6, ram_mib);
}

void make_bundle(const struct world *world)
{
	char text[400];

	fixture_write(world->fixture.root_fd, "bundles/" SID "/shim.pid", "1001");
	snprintf(text, sizeof text, "unix://%s/shim.sock", world->fixture.path);
	fixture_write(world->fixture.root_fd, "bundles/" SID "/address", text);
}

void take_record(struct world *world, const struct record *record)
{
	struct error err;

	assert_int_equal(record_write(world->roots.containers_fd, record, &err), 0);
	world_on_records(world);
}

struct record record_of(const struct world *world, const char *id)
{
	struct record record = {
		.version = RECORD_VERSION,
		.is_shim = true,
		.is_vm = true,
		.mode = MODE_ENFORCE,
		.source = SOURCE_DECLARED,
		.declared_bytes = 512 * MIB,
		.limit_bytes = 512 * MIB,
		.created_usec = world->now_usec,
		.reason = "declared",
		.runtime = "kata",
		.pod_name = "web-0",
		.sandbox_id = SID,
	};
	strcpy(record.id, id);
	snprintf(record.bundle, sizeof record.bundle, "%s/bundles/%s", world->fixture.path, id);
	return record;
}

void add_sandbox(struct world *world, uint64_t declared_mib)
{
	struct record record = record_of(world, SID);

	record.is_sandbox = true;
	record.declared_bytes = record.limit_bytes = DECISION_UNLIMITED;
	record.overhead_bytes = declared_mib * MIB;
	strcpy(record.identity.namespace, "default");
	take_record(world, &record);
}

void add_container(struct world *world, const char *id)
{
	struct record record = record_of(world, id);

	record.identity = (struct identity){"default", "web", "app"};
	take_record(world, &record);
}

void hear_guests(struct world *world)
{
	for (;;) {
		size_t n_asking = 0;
		for (size_t i = 0; i < world->node.registry.n_sandboxes; i++)
			n_asking += world->node.registry.sandboxes[i]->asking == SANDBOX_ASKING;
		if (n_asking == 0)
			return;
		struct pollfd fd = {world->node.sources.guests.fd, POLLIN, 0};
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		world_on_guests(world);
	}
}

void machine_pass(struct world *world, unsigned seconds)
{
	while (seconds-- > 0) {
		world->now_usec += USEC_PER_SEC;
		world_watch_guests(world);
		hear_guests(world);
	}
}

struct sandbox *the_sandbox(const struct world *world)
{
	assert_int_equal(world->node.registry.n_sandboxes, 1);
	return world->node.registry.sandboxes[0];
}

void world_restart(struct world *world)
{
	world_flush(world);
	world_stop(world);
	world_start(world);
}

int machine_begin(void **state)
{
	const int r = world_begin(state);
	if (r != 0)
		return r;
	struct world *world = *state;

	world->is_without_history = true;
	fixture_parents(world->fixture.root_fd, "run/x/");
	make_machine(world, 120);
	make_bundle(world);
	charge(world, 180, 0);
	figures(world, "");
	start_shim(world);
	world_start(world);
	return 0;
}

int machine_end(void **state)
{
	stop_shim(*state);
	return world_end(state);
}
