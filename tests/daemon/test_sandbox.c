/* SPDX-License-Identifier: Apache-2.0 */

/* The node and its virtual machines: against a made-up /proc, cgroup tree and bundle, laid out as kata lays
 * them out, and a stand-in for its shim, which is a process. */

#include "shim/daemon/sandboxes.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cgroups/file.h"
#include "cgroups/quantity.h"
#include "oci/json.h"
#include "shim/daemon/account.h"
#include "shim/daemon/metrics.h"
#include "shim/daemon/registry.h"
#include "tests/fixture.h"

#if HAVE_GUEST

#include "tests/standin_shim.h"

#define T0       (UINT64_C(1800000000) * USEC_PER_SEC)
#define SAID_MAX 64

#define SID "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"
#define POD                                         \
	"/kubepods.slice/kubepods-burstable.slice/" \
	"kubepods-burstable-pod0a1b2c3d_1111_2222_3333_444455556666.slice"

enum { SHIM_PID = 1001, VMM_PID, VIRTIOFSD_PID };

/* Nothing here takes as long, however slow the machine. */
#define PATIENCE_MSEC 20000

struct world {
	struct fixture fixture; /* first */
	struct node node;
	struct node_roots roots;
	struct settings settings;
	uint64_t now_usec;
	pid_t shim;

	size_t n_said[EVENTS_COUNT], n_all;
	struct {
		enum event event;
		char text[4096]; /* all fields, a line each */
	} said[SAID_MAX];
};

static void hear(const struct iovec *fields, size_t n_fields, void *data)
{
	struct world *world = data;
	char *text = world->said[world->n_all % SAID_MAX].text;
	const size_t size = sizeof world->said[0].text;
	size_t used = 0, kind = EVENTS_COUNT;

	for (size_t i = 0; i < n_fields; i++) {
		used += (size_t)snprintf(text + used, size - used, "%.*s\n", (int)fields[i].iov_len,
					 (const char *)fields[i].iov_base);
		assert_true(used < size);
	}
	for (size_t i = 0; i < EVENTS_COUNT; i++) {
		char line[64];
		snprintf(line, sizeof line, "TIDEMARK_EVENT=%s\n", event_kinds[i].name);
		if (strstr(text, line))
			kind = i;
	}
	assert_true(kind < EVENTS_COUNT);
	world->n_said[kind]++;
	world->said[world->n_all++ % SAID_MAX].event = (enum event)kind;
}

static const char *last(const struct world *world, enum event event)
{
	for (size_t i = world->n_all; i-- > 0 && i + SAID_MAX >= world->n_all;)
		if (world->said[i % SAID_MAX].event == event)
			return world->said[i % SAID_MAX].text;
	fail_msg("no event %s", event_kinds[event].name);
	return "";
}

static void assert_says(const struct world *world, enum event event, const char *what)
{
	if (!strstr(last(world, event), what))
		fail_msg("%s does not say \"%s\":\n%s", event_kinds[event].name, what, last(world, event));
}

/* ---- The stand-in ---- */

static void figures(const struct world *world, const char *text)
{
	fixture_write(world->fixture.root_fd, "figures.new", text);
	assert_int_equal(renameat(world->fixture.root_fd, "figures.new", world->fixture.root_fd, "figures"),
			 0);
}

static void start_shim(struct world *world)
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

static void stop_shim(struct world *world)
{
	if (world->shim > 0) {
		(void)kill(world->shim, SIGKILL);
		(void)waitpid(world->shim, NULL, 0);
	}
	world->shim = 0;
}

/* How many requests the shim has had; none while another one was under way. */
static unsigned requests(const struct world *world)
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

/* ---- The host ---- */

static void make_process(const struct world *world, int pid, int parent, const char *arguments,
			 unsigned anon_mib, unsigned shmem_mib)
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

static void charge(const struct world *world, unsigned mib, unsigned droppable_mib)
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

/* Shim, VMM with that much guest RAM resident, and virtiofsd. */
static void make_machine(const struct world *world, unsigned ram_mib)
{
	make_process(world, SHIM_PID, 1, "/opt/kata/bin/containerd-shim-kata-v2|-namespace|default|-id|" SID,
		     20, 0);
	make_process(world, VMM_PID, SHIM_PID,
		     "/opt/kata/bin/qemu-system-x86_64|-name|sandbox-" SID
		     "|-m|2048M|-object|memory-backend-file,id=dimm1,size=2048M,mem-path=/dev/shm,share=on",
		     16, ram_mib);
	make_process(world, VIRTIOFSD_PID, SHIM_PID, "/opt/kata/libexec/virtiofsd|--fd=3", 6, ram_mib);
}

static void make_bundle(const struct world *world)
{
	char text[400];

	fixture_write(world->fixture.root_fd, "bundles/" SID "/shim.pid", "1001");
	snprintf(text, sizeof text, "unix://%s/shim.sock", world->fixture.path);
	fixture_write(world->fixture.root_fd, "bundles/" SID "/address", text);
}

/* ---- The node ---- */

static void start_node(struct world *world)
{
	struct error err;
	const struct journal journal = {hear, world, NULL};

	assert_int_equal(
		node_init(&world->node, &world->roots, &world->settings, journal, NULL, -1, 100, &err), 0);
	assert_int_equal(node_load(&world->node, world->now_usec, &err), 0);
}

static int begin(void **state)
{
	static const char *const names[] = {"run/containers", "run/x", "hostrun", "state", "cgroup", "proc"};

	if (fixture_begin(state) < 0)
		return -1;
	struct world *world = calloc(1, sizeof *world);
	world->fixture = *(struct fixture *)*state;
	free(*state);
	*state = world;

	const int root = world->fixture.root_fd;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		fixture_directory(root, names[i]);
	world->roots = (struct node_roots){
		.containers_fd = openat(root, "run/containers", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.run_fd = openat(root, "run", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.host_run_fd = openat(root, "hostrun", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.state_fd = openat(root, "state", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.cgroup_fd = openat(root, "cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.proc_fd = openat(root, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	settings_default(&world->settings);
	world->now_usec = T0;
	make_machine(world, 120);
	make_bundle(world);
	charge(world, 180, 0);
	figures(world, "");
	start_shim(world);
	start_node(world);
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	node_free(&world->node);
	stop_shim(world);
	close(world->roots.containers_fd);
	close(world->roots.run_fd);
	close(world->roots.host_run_fd);
	close(world->roots.state_fd);
	close(world->roots.cgroup_fd);
	close(world->roots.proc_fd);
	return fixture_end(state);
}

#define SANDBOX_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void restart_node(struct world *world)
{
	node_flush(&world->node, world->now_usec);
	node_free(&world->node);
	start_node(world);
}

static void take_record(struct world *world, const struct record *record)
{
	struct error err;

	assert_int_equal(record_write(world->roots.containers_fd, record, &err), 0);
	node_on_records(&world->node, world->now_usec);
}

static struct record record_of(const struct world *world, const char *id)
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

static void add_sandbox(struct world *world, uint64_t declared_mib)
{
	struct record record = record_of(world, SID);

	record.is_sandbox = true;
	record.declared_bytes = record.limit_bytes = DECISION_UNLIMITED;
	record.overhead_bytes = declared_mib * MIB;
	strcpy(record.identity.namespace, "default");
	take_record(world, &record);
}

static void add_container(struct world *world, const char *id)
{
	struct record record = record_of(world, id);

	record.identity = (struct identity){"default", "web", "app"};
	take_record(world, &record);
}

/* Until no answer is under way. */
static void hear_guests(struct world *world)
{
	for (;;) {
		size_t n_asking = 0;
		for (size_t i = 0; i < world->node.n_sandboxes; i++)
			n_asking += world->node.sandboxes[i]->asking == SANDBOX_ASKING;
		if (n_asking == 0)
			return;
		struct pollfd fd = {world->node.guests_fd, POLLIN, 0};
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		node_on_guests(&world->node, world->now_usec);
	}
}

/* So many seconds, each with its answers. */
static void pass(struct world *world, unsigned seconds)
{
	while (seconds-- > 0) {
		world->now_usec += USEC_PER_SEC;
		node_watch_guests(&world->node, world->now_usec);
		hear_guests(world);
	}
}

static struct sandbox *the_sandbox(const struct world *world)
{
	assert_int_equal(world->node.n_sandboxes, 1);
	return world->node.sandboxes[0];
}

#define ASSERT_SIGNED(a, b) assert_true((a) == (int64_t)(b))

/* ---- The split ---- */

static void pod_is_split_by_what_its_guest_says(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	make_machine(world, 300);
	charge(world, 400, 20);
	figures(world, "c1 usage=104857600 inactive_file=31457280 limit=536870912\nc2 usage=52428800\n");
	pass(world, 10);

	const struct sandbox *sandbox = the_sandbox(world);
	assert_string_equal(sandbox->fault, "");
	assert_true(sandbox->split.is_known);
	assert_int_equal(sandbox->memory.charge_bytes, 400 * MIB);
	assert_int_equal(sandbox->memory.ram_bytes, 300 * MIB);
	assert_int_equal(sandbox->memory.vmm_anon_bytes, 16 * MIB);
	assert_int_equal(sandbox->memory.virtiofsd_bytes, 7 * MIB);
	assert_int_equal(sandbox->memory.shim_bytes, 21 * MIB);
	assert_int_equal(sandbox->split.used_bytes, 150 * MIB);
	ASSERT_SIGNED(sandbox->split.overhead_bytes, 250 * MIB);
	ASSERT_SIGNED(sandbox->split.unused_bytes, 150 * MIB);
	assert_int_equal(sandbox->split.apart_usec, 0);
	/* Less the host's page cache. */
	ASSERT_SIGNED(sandbox->most_fixed_bytes, 230 * MIB);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void containers_that_use_more_than_is_charged_are_told_as_they_are(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=209715200\n");
	pass(world, 10);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, -(int64_t)(20 * MIB));
	ASSERT_SIGNED(the_sandbox(world)->split.unused_bytes, -(int64_t)(80 * MIB));
}

static void container_that_the_guest_does_not_have_uses_nothing(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "init");
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 80 * MIB);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void what_containers_have_freed_is_overhead_now_but_need_not_be_declared(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 200);
	pass(world, 1);
	add_container(world, "c1");
	charge(world, 1204, 0);
	figures(world, "c1 usage=1073741824\n");
	pass(world, 10);
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 1104 * MIB);
	ASSERT_SIGNED(the_sandbox(world)->most_fixed_bytes, 180 * MIB);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0);
}

static void machine_without_pod_is_its_one_containers(void **state)
{
	struct world *world = *state;
	struct record record = record_of(world, SID);
	record.sandbox_id[0] = record.pod_name[0] = '\0';
	record.identity = (struct identity){"-", "box", "box"};
	take_record(world, &record);
	figures(world, SID " usage=104857600\n");
	pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 80 * MIB);
	assert_int_equal(the_sandbox(world)->n_records, 1);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0); /* nothing declares for it */
}

static void records_may_come_in_any_order(void **state)
{
	struct world *world = *state;
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 1);
	assert_false(the_sandbox(world)->has_record);
	add_sandbox(world, 160);
	pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->declared_bytes, 160 * MIB);
	/* What was before is not known. */
	assert_int_equal(the_sandbox(world)->prestart_bytes, 0);
	assert_false(the_sandbox(world)->is_kept);
}

/* ---- Before the first container ---- */

static void prestart_is_what_is_charged_when_the_first_container_is_created(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	charge(world, 170, 0);
	pass(world, 1);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 170 * MIB);
	charge(world, 180, 0);
	make_machine(world, 120);
	world->now_usec += 100 * USEC_PER_MSEC;
	add_container(world, "c1");
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
	assert_int_equal(the_sandbox(world)->boot_bytes, 120 * MIB);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1);
	assert_says(world, EVENT_PRESTART,
		    "MESSAGE=the virtual machine of pod default/web-0 was charged 180Mi before its first "
		    "container\n");
	assert_says(world, EVENT_PRESTART, "TIDEMARK_RAM_BYTES=125829120\n");

	charge(world, 500, 0);
	figures(world, "c1 usage=104857600\n");
	pass(world, 20);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
	assert_int_equal(the_sandbox(world)->boot_bytes, 120 * MIB);
}

static void prestart_is_the_reading_before_a_record_that_is_read_late(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	struct record record = record_of(world, "c1");
	record.created_usec = world->now_usec;
	world->now_usec += 3 * USEC_PER_SEC;
	charge(world, 400, 0);
	take_record(world, &record);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
}

static void prestart_is_unknown_where_it_was_missed(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	add_container(world, "c1");
	node_free(&world->node);
	start_node(world);
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 0);
	assert_int_equal(the_sandbox(world)->boot_bytes, 0);
	assert_int_equal(world->n_said[EVENT_PRESTART], 1); /* before the restart */
}

/* ---- Samples ---- */

static void samples_from_the_guest_make_a_recommendation(void **state)
{
	struct world *world = *state;
	struct limits limits;
	struct error err;
	const struct identity web = {"default", "web", "app"};

	world->node.settings.tuner.warmup_samples = 5;
	world->node.settings.tuner.warmup_usec = USEC_PER_SEC;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=209715200 inactive_file=104857600 limit=536870912\n");
	pass(world, 100);
	node_tune(&world->node, world->now_usec);

	assert_int_equal(limits_read(world->roots.state_fd, &web, &limits, &err), 0);
	assert_int_equal(limits.observed.samples, 10);
	assert_int_equal(limits.observed.max_bytes, 100 * MIB); /* the working set */
	assert_true(limits.recommendation.limit_bytes >= 110 * MIB);
	assert_true(limits.enforced_limit_bytes > 0);
	assert_int_equal(world->n_said[EVENT_RECOMMENDATION], 1);

	struct accounts sums;
	account_make(&world->node, world->now_usec, &sums);
	assert_int_equal(sums.total.containers, 1);
	assert_int_equal(sums.total.working_set_bytes, 100 * MIB);
	const struct container *container = registry_find(&world->node, "c1");
	assert_int_equal(container->max_bytes, 512 * MIB);
}

static void container_in_a_guest_is_not_looked_for_in_the_hosts_cgroups(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	add_container(world, "c1");
	for (int i = 0; i < 30; i++) {
		world->now_usec += USEC_PER_SEC;
		node_sample(&world->node, world->now_usec);
	}
	assert_int_equal(registry_find(&world->node, "c1")->state, CONTAINER_CREATED);
	assert_int_equal(registry_find(&world->node, SID)->state, CONTAINER_CREATED);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

/* As they are for all containers when the kernel has dropped some. */
static void events_that_the_host_does_not_have_end_no_container(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	node_check_events(&world->node, registry_find(&world->node, "c1"), world->now_usec);
	node_settle(&world->node, world->now_usec);
	assert_int_equal(registry_find(&world->node, "c1")->state, CONTAINER_RUNNING);
	assert_int_equal(world->n_said[EVENT_EXIT], 0);
}

static void end_is_noticed_by_the_records_removal(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 20);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "TIDEMARK_PEAK_BYTES=104857600\n");
	assert_says(world, EVENT_EXIT, "TIDEMARK_SAMPLES=2\n");
	pass(world, 10);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 180 * MIB);
	assert_int_equal(record_remove(world->roots.containers_fd, SID, NULL), 0);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->node.n_sandboxes, 0);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	pass(world, 10);
}

/* Its record stays, as it does while the kubelet keeps what has ended. */
static void end_is_noticed_by_the_guests_word(void **state)
{
	struct world *world = *state;
	struct accounts sums;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	pass(world, 10);
	figures(world, "c2 usage=52428800\n");
	pass(world, 10);
	node_sample(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	assert_says(world, EVENT_EXIT, "CONTAINER_ID=c1\n");
	account_make(&world->node, world->now_usec, &sums);
	assert_int_equal(sums.total.containers, 1);
	assert_int_equal(sums.total.working_set_bytes, 50 * MIB);
	assert_true(the_sandbox(world)->split.is_known);

	/* It is not asked for any more, and its end is not told twice. */
	const unsigned asked = requests(world);
	pass(world, 10);
	assert_int_equal(requests(world), asked + 1);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 130 * MIB);
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	node_on_records(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
}

static void container_may_go_while_its_answer_is_under_way(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "delay 300\nc1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	node_watch_guests(&world->node, world->now_usec);
	assert_string_equal(the_sandbox(world)->asked->id, "c1");
	assert_int_equal(record_remove(world->roots.containers_fd, "c1", NULL), 0);
	node_on_records(&world->node, world->now_usec);
	hear_guests(world);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, 130 * MIB);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
}

static void kill_in_the_guest_is_learned_from_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600 limit=268435456\n");
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 0);
	fixture_write(world->fixture.root_fd, "bundles/c1/oom", "");
	pass(world, 20);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "CONTAINER_ID=c1\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=own\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_LIMIT_BYTES=268435456\n");
	assert_true(registry_find(&world->node, "c1")->workload->limits.recommendation.oom_floor_bytes >
		    256 * MIB);

	world->now_usec += USEC_PER_SEC;
	restart_node(world);
	pass(world, 20);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	/* It ends, and that is no second kill. */
	figures(world, "");
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

static void kill_after_a_restart_of_the_daemon_is_learned_from(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600 limit=268435456\n");
	pass(world, 10);
	world->now_usec += USEC_PER_SEC;
	restart_node(world);
	pass(world, 10);
	fixture_write(world->fixture.root_fd, "bundles/c1/oom", "");
	const struct timespec at = {.tv_sec = (time_t)(world->now_usec / USEC_PER_SEC)};
	assert_int_equal(utimensat(world->fixture.root_fd, "bundles/c1/oom", (struct timespec[]){at, at}, 0),
			 0);
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
}

/* What it was given is what it was killed at. */
static void kill_before_any_answer_is_learned_from(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	fixture_write(world->fixture.root_fd, "bundles/c1/oom", "");
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "TIDEMARK_LIMIT_BYTES=536870912\n");
	assert_true(registry_find(&world->node, "c1")->workload->limits.recommendation.oom_floor_bytes >
		    512 * MIB);
}

static void kill_of_the_machine_is_told_as_its_sandboxs(void **state)
{
	struct world *world = *state;
	static const char line[] = "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/"
				   ",mems_allowed=0,oom_memcg=" POD ",task_memcg=" POD "/crio-" SID
				   ".scope,task=qemu-system-x86,pid=1002,uid=0\n";
	int kernel_log[2];

	assert_int_equal(pipe2(kernel_log, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	world->node.kernel_log_fd = kernel_log[0];
	add_sandbox(world, 160);
	assert_int_equal(write(kernel_log[1], line, strlen(line)), strlen(line));
	node_on_kernel_log(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_OOM], 1);
	assert_says(world, EVENT_OOM, "CONTAINER_ID=" SID "\n");
	assert_says(world, EVENT_OOM, "TIDEMARK_OOM_CAUSE=ancestor\n");
	world->node.kernel_log_fd = -1;
	close(kernel_log[0]);
	close(kernel_log[1]);
}

/* ---- Faults ---- */

/* In the sums, and as a container's series. */
static void assert_shows(const struct world *world, size_t containers, uint64_t working_set_bytes)
{
	const struct metrics_source source = {.node = &world->node, .now_usec = world->now_usec};
	struct accounts accounts;
	char *text;
	size_t length;

	account_make(&world->node, world->now_usec, &accounts);
	assert_int_equal(accounts.total.containers, containers);
	assert_int_equal(accounts.total.working_set_bytes, working_set_bytes);
	assert_int_equal(metrics_render(&source, EXPOSITION_PROMETHEUS, &text, &length), 0);
	assert_int_equal(strstr(text, "tidemark_container_memory_working_set_bytes{") != NULL,
			 containers > 0);
	free(text);
}

static void guest_that_hangs_leaves_the_hosts_side_and_is_asked_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	const unsigned before = requests(world);
	assert_shows(world, 1, 100 * MIB);

	figures(world, "fault hang\n");
	world->now_usec += 10 * USEC_PER_SEC;
	node_watch_guests(&world->node, world->now_usec);
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_ASKING);
	world->now_usec += world->settings.vm.deadline_usec - 1;
	node_watch_guests(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	charge(world, 300, 0);
	for (int i = 0; i < 60; i++) {
		world->now_usec += USEC_PER_SEC;
		node_watch_guests(&world->node, world->now_usec);
	}
	const struct sandbox *sandbox = the_sandbox(world);
	assert_int_equal(sandbox->asking, SANDBOX_LATE);
	/* The shim is another process, and may not have looked yet. */
	for (int i = 0; i < PATIENCE_MSEC && requests(world) < before + 1; i++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(requests(world), before + 1);
	assert_true(sandbox_is_measured(sandbox));
	assert_int_equal(sandbox->memory.charge_bytes, 300 * MIB);
	assert_false(sandbox->split.is_known);
	assert_string_equal(sandbox->fault, "the guest has not answered within 2s");
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "POD_NAME=web-0\n");
	/* What it had said last is of no moment any more. */
	assert_shows(world, 0, 0);

	/* The late answer ends it, and is of no use itself. */
	const uint64_t samples = registry_find(&world->node, "c1")->samples;
	figures(world, "c1 usage=104857600\n");
	struct pollfd fd = {world->node.guests_fd, POLLIN, 0};
	while (the_sandbox(world)->asking != SANDBOX_SILENT) {
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		node_on_guests(&world->node, world->now_usec);
	}
	assert_int_equal(registry_find(&world->node, "c1")->samples, samples);
	pass(world, 10);
	assert_true(the_sandbox(world)->split.is_known);
	assert_string_equal(the_sandbox(world)->fault, "");
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_shows(world, 1, 100 * MIB);
}

static void shim_that_is_broken_leaves_the_hosts_side(void **state)
{
	struct world *world = *state;
	static const enum standin_fault faults[] = {
		STANDIN_CLOSE,    STANDIN_GARBAGE, STANDIN_OVERSIZED, STANDIN_HUGE,       STANDIN_TRUNCATED,
		STANDIN_STATUS,   STANDIN_BAD,     STANDIN_EMPTY,     STANDIN_WRONG_TYPE, STANDIN_NO_MEMORY,
		STANDIN_NO_USAGE, STANDIN_ENDLESS, STANDIN_DATA,
	};
	char text[200];

	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		snprintf(text, sizeof text, "fault %s\nc1 usage=104857600\n", standin_fault_names[faults[i]]);
		figures(world, text);
		pass(world, 10);
		assert_false(the_sandbox(world)->split.is_known);
		assert_true(sandbox_is_measured(the_sandbox(world)));
		assert_true(the_sandbox(world)->fault[0] != '\0');
		pass(world, 10);
		figures(world, "c1 usage=104857600\n");
		pass(world, 10);
		if (!the_sandbox(world)->split.is_known)
			fail_msg("after %s: %s", standin_fault_names[faults[i]], the_sandbox(world)->fault);
	}
	/* Once a pod. */
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
}

static void refusal_of_one_container_keeps_the_others_answers(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 anon=5\nc2 usage=52428800\n"); /* no use of c1's is told */
	pass(world, 10);
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(registry_find(&world->node, "c1")->samples, 0);
	assert_int_equal(registry_find(&world->node, "c2")->samples, 1);
}

static void shim_that_ends_is_asked_again_when_it_is_back(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	stop_shim(world);
	pass(world, 10);
	assert_false(the_sandbox(world)->split.is_known);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	start_shim(world);
	pass(world, 10);
	assert_string_equal(the_sandbox(world)->fault, "");
	assert_true(the_sandbox(world)->split.is_known);
}

static void pod_whose_shim_cannot_be_asked_has_its_hosts_side(void **state)
{
	struct world *world = *state;
	fixture_remove(world->fixture.root_fd, "bundles/" SID "/address");
	add_sandbox(world, 160);
	pass(world, 1);
	assert_true(the_sandbox(world)->split.is_known); /* nothing is to be asked */
	add_container(world, "c1");
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	pass(world, 10);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "where its shim listens is not known");
}

static void answers_that_take_too_long_together_are_not_compared(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	node_watch_guests(&world->node, world->now_usec);
	struct pollfd fd = {world->node.guests_fd, POLLIN, 0};
	while (the_sandbox(world)->asked && strcmp(the_sandbox(world)->asked->id, "c1") == 0) {
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		node_on_guests(&world->node, world->now_usec);
	}
	world->now_usec += 11 * USEC_PER_SEC; /* the daemon was stopped, say */
	hear_guests(world);
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->split.apart_usec, 11 * USEC_PER_SEC);
	assert_string_equal(the_sandbox(world)->fault, "the guest was asked 11s before the host was read");
}

static void guest_that_hangs_at_one_container_is_told_of_as_such(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	node_watch_guests(&world->node, world->now_usec);
	struct pollfd fd = {world->node.guests_fd, POLLIN, 0};
	while (the_sandbox(world)->asked && strcmp(the_sandbox(world)->asked->id, "c1") == 0) {
		assert_int_equal(poll(&fd, 1, PATIENCE_MSEC), 1);
		node_on_guests(&world->node, world->now_usec);
	}
	/* That of c2 does not come. */
	for (int i = 0; i < 60; i++) {
		world->now_usec += USEC_PER_SEC;
		node_watch_guests(&world->node, world->now_usec);
	}
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_LATE);
	assert_string_equal(the_sandbox(world)->fault, "the guest has not answered within 2s");
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "TIDEMARK_FAULT=the guest has not answered within 2s\n");
}

static void slow_guest_is_asked_for_all_its_containers(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=104857600\nc2 usage=52428800\n");
	world->now_usec += 10 * USEC_PER_SEC;
	node_watch_guests(&world->node, world->now_usec);
	/* The next pass is due while the first answer is under way: the host is read, and the pass goes on.
	 */
	world->node.settings.vm.interval_usec = USEC_PER_SEC;
	world->now_usec += USEC_PER_SEC;
	node_watch_guests(&world->node, world->now_usec);
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(the_sandbox(world)->host_usec, world->now_usec);
	hear_guests(world);
	assert_true(the_sandbox(world)->split.is_known);
	assert_int_equal(requests(world), 2);
	/* What the first has said may be as old as the question. */
	assert_int_equal(the_sandbox(world)->split.apart_usec, USEC_PER_SEC);
}

static void machine_that_dies_has_no_numbers(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	/* As that of a process that has ended. */
	fixture_write(world->fixture.root_fd, "proc/1002/status",
		      "Name:\tx\nPPid:\t1001\nUid:\t0\t0\t0\t0\nNSpid:\t1002\n");
	fixture_remove(world->fixture.root_fd, "proc/1002");
	fixture_write(world->fixture.root_fd, "proc/1001/task/1001/children", "1003 ");
	stop_shim(world);
	pass(world, 30);
	assert_false(sandbox_is_measured(the_sandbox(world)));
	assert_false(the_sandbox(world)->split.is_known);
	assert_int_equal(world->n_said[EVENT_FAULT], 0); /* so pods end */
	node_sample(&world->node, world->now_usec);
	assert_int_equal(registry_find(&world->node, "c1")->state, CONTAINER_ENDED);
	assert_int_equal(world->n_said[EVENT_EXIT], 1);
	node_account(&world->node, world->now_usec);
}

/* kata's /kata_overhead/<sandbox> has no memory controller. */
static void machine_whose_charge_is_not_told_has_that_of_its_processes(void **state)
{
	struct world *world = *state;
	char *text = NULL;
	size_t length;
	fixture_remove(world->fixture.root_fd, "cgroup" POD "/memory.current");
	add_sandbox(world, 160);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 20);
	const struct vmm_memory *memory = &the_sandbox(world)->memory;
	assert_true(the_sandbox(world)->split.is_known);
	assert_true(memory->charge_is_resident);
	assert_true(memory->charge_bytes > memory->ram_bytes + memory->vmm_anon_bytes);
	assert_int_equal(memory->outside_bytes, 0);
	ASSERT_SIGNED(the_sandbox(world)->split.overhead_bytes, (int64_t)memory->charge_bytes - 104857600);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0);
	node_account(&world->node, world->now_usec);
	assert_int_equal(
		file_load_at(world->roots.run_fd, ACCOUNT_FILE, ACCOUNT_FILE_MAX, &text, &length, NULL), 0);
	assert_non_null(strstr(text, "\"ram\":125829120,"));
	assert_non_null(strstr(text, "\"vmm_pid\":1002,"));
	assert_non_null(strstr(text, "\"charge_resident\":true,"));
	assert_non_null(strstr(text, "\"fault\":\"its cgroups do not tell all"));
	free(text);
}

/* kata moves QEMU out of it once the guest has booted: what it had touched stays charged there. */
static void machine_whose_ram_is_charged_elsewhere_costs_what_it_holds(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	const size_t said = world->n_said[EVENT_MISDECLARED];
	charge(world, 200, 0);
	make_machine(world, 250);
	add_container(world, "c1");
	figures(world, "c1 usage=10485760\n");
	pass(world, 20);
	assert_true(the_sandbox(world)->memory.charge_is_resident);
	assert_true(the_sandbox(world)->memory.charge_bytes >= 250 * MIB);
	assert_true(the_sandbox(world)->split.overhead_bytes >= 240 * (int64_t)MIB);
	assert_non_null(strstr(the_sandbox(world)->fault, "its cgroups do not tell all"));
	assert_int_equal(world->n_said[EVENT_MISDECLARED], said);
	make_machine(world, 120);
	pass(world, 10);
	assert_string_equal(the_sandbox(world)->fault, "");
	assert_int_equal(the_sandbox(world)->memory.charge_bytes, 200 * MIB);
}

static void machine_that_comes_late_is_found(void **state)
{
	struct world *world = *state;
	fixture_remove(world->fixture.root_fd, "proc");
	fixture_remove(world->fixture.root_fd, "bundles");
	fixture_directory(world->fixture.root_fd, "proc");
	close(world->node.roots.proc_fd);
	world->node.roots.proc_fd = world->roots.proc_fd =
		openat(world->fixture.root_fd, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	add_sandbox(world, 160);
	pass(world, 5);
	assert_false(sandbox_is_measured(the_sandbox(world)));
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	make_bundle(world);
	make_process(world, SHIM_PID, 1, "/opt/kata/bin/containerd-shim-kata-v2|-namespace|default|-id|" SID,
		     20, 0);
	pass(world, 1);
	assert_false(sandbox_is_measured(the_sandbox(world)));
	make_machine(world, 120);
	pass(world, 1);
	assert_true(sandbox_is_measured(the_sandbox(world)));
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
}

static void machine_that_is_never_found_is_told_of_once(void **state)
{
	struct world *world = *state;
	fixture_remove(world->fixture.root_fd, "proc/1001");
	fixture_remove(world->fixture.root_fd, "proc/1002");
	add_sandbox(world, 160);
	pass(world, 9);
	assert_int_equal(world->n_said[EVENT_FAULT], 0);
	pass(world, 200);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT, "no process of the sandbox");
}

static void clock_that_jumps_does_no_harm(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	world->now_usec -= USEC_PER_HOUR;
	pass(world, 1);
	assert_true(the_sandbox(world)->split.is_known);
	figures(world, "fault hang\n");
	world->now_usec += 10 * USEC_PER_SEC;
	node_watch_guests(&world->node, world->now_usec);
	world->now_usec -= USEC_PER_HOUR;
	node_watch_guests(&world->node, world->now_usec);
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_LATE);
	world->now_usec += 365 * USEC_PER_DAY;
	node_watch_guests(&world->node, world->now_usec);
	assert_int_equal(the_sandbox(world)->asking, SANDBOX_LATE);
}

/* ---- What is kept, and warned of ---- */

static void handler_file_keeps_what_pods_cost(void **state)
{
	struct world *world = *state;
	struct handler handler;
	struct error err;

	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	charge(world, 330, 10);
	figures(world, "c1 usage=104857600\n");
	pass(world, 10);
	node_account(&world->node, world->now_usec);
	assert_int_equal(handler_read(world->roots.state_fd, "kata", &handler, &err), 0);
	assert_int_equal(handler.declared_bytes, 160 * MIB);
	assert_int_equal(handler.n_pods, 1);
	assert_string_equal(handler.pods[0].id, SID);
	ASSERT_SIGNED(handler.pods[0].overhead_bytes, 220 * MIB);
	assert_int_equal(handler.pods[0].prestart_bytes, 180 * MIB);
	assert_int_equal(handler.pods[0].boot_bytes, 120 * MIB);
	assert_int_equal(handler.pods[0].used_bytes, 100 * MIB);
	assert_int_equal(handlers_recommend(&handler), 220 * MIB);
}

static void pods_life_outlives_the_daemon(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	charge(world, 1204, 0);
	figures(world, "c1 usage=1073741824\n");
	pass(world, 10);
	figures(world, "c1 usage=104857600\n");
	restart_node(world);
	assert_int_equal(the_sandbox(world)->prestart_bytes, 180 * MIB);
	pass(world, 10);
	/* It still knows that the containers had used more. */
	ASSERT_SIGNED(the_sandbox(world)->most_fixed_bytes, 180 * MIB);
	assert_int_equal(the_sandbox(world)->most_used_bytes, GIB);
	/* Said before. */
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
}

static void handler_file_that_is_broken_is_begun_anew(void **state)
{
	struct world *world = *state;
	struct handler handler;
	struct error err;

	fixture_write(world->fixture.root_fd, "state/handlers/kata.json", "{\"v\":1,");
	add_sandbox(world, 160);
	pass(world, 1);
	node_account(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_int_equal(handler_read(world->roots.state_fd, "kata", &handler, &err), 0);
	assert_int_equal(handler.n_pods, 1);
}

static void handler_file_that_is_not_understood_is_left_as_it_is(void **state)
{
	static const char newer[] = "{\"v\":2,\"handler\":\"kata\",\"pods\":{}}";
	struct world *world = *state;
	char text[sizeof newer];

	fixture_write(world->fixture.root_fd, "state/handlers/kata.json", newer);
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	figures(world, "c1 usage=104857600\n");
	pass(world, 20);
	node_account(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	assert_says(world, EVENT_FAULT,
		    "MESSAGE=what is measured of virtual machines is not kept: handlers/kata.json is of "
		    "version 2, newer than this program knows\n");
	/* It is known as long as the daemon runs. */
	assert_int_equal(world->node.handlers.list[0]->handler.n_pods, 1);
	restart_node(world);
	assert_int_equal(
		file_read_at(world->roots.state_fd, "handlers/kata.json", text, sizeof text, NULL, NULL), 0);
	assert_string_equal(text, newer);
}

static void handler_file_that_cannot_be_read_now_is_left_as_it_is(void **state)
{
	static struct handlers handlers;
	const struct world *world = *state;
	const struct handler kept = {.name = "kata", .declared_bytes = 320 * MIB};
	const struct handler_pod pod = {.id = "aa", .overhead_bytes = 1};
	struct handler read;
	struct rlimit limit;
	struct error err;

	assert_int_equal(handler_write(world->roots.state_fd, &kept, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	const struct rlimit none = {0, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct handler *handler = handlers_get(&handlers, world->roots.state_fd, "kata", &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_non_null(handler);
	assert_int_equal(err.code, EMFILE);
	handlers_put_pod(&handlers, handler, &pod);
	assert_int_equal(handlers_write(&handlers, world->roots.state_fd, T0, &err), 0);
	assert_int_equal(handler_read(world->roots.state_fd, "kata", &read, &err), 0);
	assert_int_equal(read.declared_bytes, 320 * MIB);
	assert_int_equal(read.n_pods, 0);
	handlers_free(&handlers);
}

static void put_pod(struct handlers *handlers, struct handler *handler, int number, uint64_t seen_usec)
{
	struct handler_pod pod = {.seen_usec = seen_usec, .overhead_bytes = number};

	snprintf(pod.id, sizeof pod.id, "pod%d", number);
	handlers_put_pod(handlers, handler, &pod);
}

static void handler_keeps_the_pods_that_were_seen_last(void **state)
{
	static struct handlers handlers;
	const struct world *world = *state;
	const uint64_t later_usec = T0 + USEC_PER_HOUR;
	struct error err;

	struct handler *handler = handlers_get(&handlers, world->roots.state_fd, "kata", &err);
	for (int i = 0; i < HANDLER_PODS_MAX; i++)
		put_pod(&handlers, handler, i, T0 + (uint64_t)i);
	/* The first one still runs. */
	put_pod(&handlers, handler, 0, later_usec);
	for (int i = 0; i < 5; i++)
		put_pod(&handlers, handler, HANDLER_PODS_MAX + i, later_usec);
	assert_int_equal(handler->n_pods, HANDLER_PODS_MAX);
	assert_string_equal(handler->pods[0].id, "pod0");
	assert_null(handlers_find_pod(handler, "pod5"));
	assert_non_null(handlers_find_pod(handler, "pod6"));
	assert_string_equal(handler->pods[HANDLER_PODS_MAX - 1].id, "pod132");
	assert_int_equal(handlers_write(&handlers, world->roots.state_fd, T0, &err), 0);

	/* The clock is set back: all are older than any time that is. */
	put_pod(&handlers, handler, 200, T0 - USEC_PER_HOUR);
	assert_non_null(handlers_find_pod(handler, "pod200"));
	handlers_free(&handlers);
}

static void more_pods_than_are_kept_do_not_displace_each_other(void **state)
{
	static struct handlers handlers;
	const struct world *world = *state;
	struct error err;

	struct handler *handler = handlers_get(&handlers, world->roots.state_fd, "kata", &err);
	for (uint64_t round = 0; round < 100; round++) {
		for (int i = 0; i < HANDLER_PODS_MAX + 5; i++)
			put_pod(&handlers, handler, i, T0 + round * 10 * USEC_PER_SEC);
		assert_int_equal(handlers.list[0]->dirty, round == 0);
		assert_int_equal(handlers_write(&handlers, world->roots.state_fd, T0, &err), 0);
	}
	assert_string_equal(handler->pods[0].id, "pod0");
	assert_null(handlers_find_pod(handler, "pod128"));
	/* Some have ended. */
	for (int i = 1; i < HANDLER_PODS_MAX + 5; i++)
		put_pod(&handlers, handler, i, T0 + USEC_PER_HOUR);
	assert_null(handlers_find_pod(handler, "pod0"));
	assert_non_null(handlers_find_pod(handler, "pod128"));
	assert_null(handlers_find_pod(handler, "pod129"));
	handlers_free(&handlers);
}

static void too_small_an_overhead_is_warned_of_at_once_and_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
	assert_says(world, EVENT_MISDECLARED,
		    "MESSAGE=the virtual machine of pod default/web-0 costs 180Mi, its RuntimeClass declares "
		    "160Mi: it may be "
		    "OOM-killed before its containers reach their limits\n");
	assert_says(world, EVENT_MISDECLARED, "TIDEMARK_OVERHEAD_DECLARED_BYTES=167772160\n");
	assert_says(world, EVENT_MISDECLARED, "PRIORITY=4\n");
	charge(world, 100, 0);
	pass(world, 10);
	charge(world, 300, 0);
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
}

static void too_large_an_overhead_is_warned_of_after_a_while_and_once(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 400);
	pass(world, 590);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 0);
	pass(world, 100);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
	assert_says(world, EVENT_MISDECLARED, "declares 400Mi: the rest is kept for it in vain\n");
	/* It may yet be too small. */
	charge(world, 401, 0);
	pass(world, 10);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 2);
}

static void pod_that_declares_none_is_told_of(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 0);
	pass(world, 1);
	assert_int_equal(world->n_said[EVENT_MISDECLARED], 1);
	assert_says(world, EVENT_MISDECLARED, "declares nothing");
}

/* ---- What is told ---- */

static void node_event_has_each_part_and_its_share(void **state)
{
	struct world *world = *state;
	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	make_machine(world, 300);
	charge(world, 400, 20);
	figures(world, "c1 usage=104857600 inactive_file=31457280\n");
	pass(world, 10);
	node_report(&world->node, world->now_usec);

	assert_int_equal(world->n_said[EVENT_NODE], 1);
	assert_int_equal(world->n_said[EVENT_OVERHEAD], 1);
	assert_says(world, EVENT_NODE, "TIDEMARK_WORKLOADS=1\n");
	for (enum event event = EVENT_NODE; event <= EVENT_OVERHEAD; event++) {
		assert_says(world, event,
			    "1 container: declared 512Mi, working set 70Mi, slack 442Mi; "
			    "1 virtual machine is charged 400Mi: guest RAM 300Mi (75 %), VMM 16Mi (4 %), "
			    "virtiofsd 7Mi (2 %), shim 21Mi (5 %), kernel 4Mi (1 %), page cache 20Mi (5 %); "
			    "overhead 300Mi (75 %)\n");
		assert_says(world, event, "TIDEMARK_PODS=1\n");
		assert_says(world, event, "TIDEMARK_MACHINES=1\n");
		assert_says(world, event, "TIDEMARK_CHARGE_BYTES=419430400\n");
		assert_says(world, event, "TIDEMARK_RAM_PERCENT=75\n");
		assert_says(world, event, "TIDEMARK_PAGETABLES_BYTES=1048576\n");
		assert_says(world, event, "TIDEMARK_USED_BYTES=104857600\n");
		assert_says(world, event, "TIDEMARK_UNUSED_BYTES=209715200\n");
		assert_says(world, event, "TIDEMARK_OVERHEAD_BYTES=314572800\n");
		assert_says(world, event, "TIDEMARK_OVERHEAD_DECLARED_BYTES=167772160\n");
		assert_says(world, event, "TIDEMARK_PRESTART_BYTES=188743680\n");
	}
	assert_says(world, EVENT_OVERHEAD, "RUNTIME=kata\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_RECOMMENDED_BYTES=293601280\n");
}

static void overheads_share_is_of_those_that_have_answered(void **state)
{
	struct world *world = *state;
	const struct account account = {.handler = "kata",
					.is_vm = true,
					.pods = 2,
					.machines = 2,
					.charge_bytes = 800 * MIB,
					.answered = 1,
					.used_bytes = 100 * MIB,
					.unused_bytes = (int64_t)(50 * MIB),
					.overhead_bytes = (int64_t)(100 * MIB)};
	voice_overhead(&world->node.journal, &account);
	assert_says(world, EVENT_OVERHEAD, "; overhead 100Mi (50 %)\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_USED_PERCENT=50\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_UNUSED_PERCENT=25\n");
	assert_says(world, EVENT_OVERHEAD, "TIDEMARK_OVERHEAD_PERCENT=50\n");
}

static void file_has_what_tidemarkctl_shows(void **state)
{
	struct world *world = *state;
	struct document {
		uint64_t version, usec, interval_usec, pods, charge;
		struct json_span handlers, sandboxes;
	} document = {0};
	static const struct json_field fields[] = {
		JSON_FIELD("v", JSON_UINT, struct document, version),
		JSON_FIELD("usec", JSON_UINT, struct document, usec),
		JSON_FIELD("interval_usec", JSON_UINT, struct document, interval_usec),
		JSON_FIELD("node>pods", JSON_UINT, struct document, pods),
		JSON_FIELD("node>charge", JSON_UINT, struct document, charge),
		JSON_FIELD("handlers", JSON_VALUE, struct document, handlers),
		JSON_FIELD("sandboxes", JSON_VALUE, struct document, sandboxes),
	};
	struct error err = {0};
	char *text;
	size_t length;

	add_sandbox(world, 160);
	pass(world, 1);
	add_container(world, "c1");
	add_container(world, "c2");
	figures(world, "c1 usage=209715200 inactive_file=31457280 limit=536870912\n");
	pass(world, 10);
	node_account(&world->node, world->now_usec);
	assert_int_equal(
		file_load_at(world->roots.run_fd, ACCOUNT_FILE, ACCOUNT_FILE_MAX, &text, &length, &err), 0);
	if (json_read(text, length, fields, sizeof fields / sizeof *fields, &document, &err) < 0)
		fail_msg("%s: %s", err.text, text);
	assert_int_equal(document.version, 1);
	assert_int_equal(document.usec, world->now_usec);
	assert_int_equal(document.interval_usec, 10 * USEC_PER_SEC);
	assert_int_equal(document.pods, 1);
	assert_int_equal(document.charge, 180 * MIB);
	static const char *const members[] = {
		"{\"handler\":\"kata\",\"vm\":true,\"pods\":1,\"containers\":1,",
		("\"sandboxes\":[{\"id\":\"" SID
		 "\",\"handler\":\"kata\",\"namespace\":\"default\",\"pod\":\"web-0\",\"vm\":true,"
		 "\"overhead_declared\":167772160,"),
		"\"guest_used\":209715200,\"overhead\":-20971520,\"unused\":-83886080,",
		"\"vmm_pid\":1002,",
		("\"prestart\":188743680,\"boot\":125829120,\"containers\":[{\"id\":\"c1\",\"name\":\"app\","
		 "\"usage\":209715200,"
		 "\"working_set\":178257920,\"limit\":536870912,"),
		",{\"id\":\"c2\",\"name\":\"app\"}]}",
	};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (!strstr(text, members[i]))
			fail_msg("no %s in %s", members[i], text);
	free(text);
}

static void file_is_there_without_any_machine(void **state)
{
	struct world *world = *state;
	char *text;
	size_t length;

	node_account(&world->node, world->now_usec);
	assert_int_equal(
		file_load_at(world->roots.run_fd, ACCOUNT_FILE, ACCOUNT_FILE_MAX, &text, &length, NULL), 0);
	assert_non_null(strstr(text, "\"handlers\":[],\"sandboxes\":[]}\n"));
	free(text);
}

static void what_cannot_be_written_is_said_once(void **state)
{
	struct world *world = *state;
	fixture_directory(world->fixture.root_fd, "run/overhead.json");
	node_account(&world->node, world->now_usec);
	node_account(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
	fixture_remove(world->fixture.root_fd, "run/overhead.json");
	node_account(&world->node, world->now_usec);
	assert_int_equal(world->n_said[EVENT_FAULT], 1);
}

/* ---- conmon ---- */

static void monitors_are_counted_by_handler(void **state)
{
	struct world *world = *state;
	struct accounts accounts;

	for (int i = 0; i < 3; i++) {
		char id[8], arguments[64];
		snprintf(id, sizeof id, "o%d", i);
		struct container *container = registry_add(&world->node, id);
		container->state = CONTAINER_RUNNING;
		container->pid = 2000 + (uint64_t)i;
		container->declared_bytes = DECISION_UNLIMITED;
		container->pod_hash = i < 2 ? 1 : 2;
		strcpy(container->runtime, "crun");
		snprintf(arguments, sizeof arguments, "/usr/bin/%s|-c|%s|-n|x", i == 2 ? "sh" : "conmon", id);
		make_process(world, 3000 + i, 1, arguments, 1, 0);
		make_process(world, 2000 + i, 3000 + i, "sleep", 1, 0);
	}
	node_look_at_conmons(&world->node, world->now_usec);
	account_make(&world->node, world->now_usec, &accounts);
	assert_int_equal(accounts.n, 1);
	assert_string_equal(accounts.handlers[0].handler, "crun");
	assert_int_equal(accounts.handlers[0].conmons, 2);
	assert_int_equal(accounts.handlers[0].conmon_bytes, 2 * MIB);
	assert_int_equal(accounts.handlers[0].pods, 2);
	assert_int_equal(accounts.total.pods, 2);
	assert_int_equal(accounts.total.conmons, 2);

	/* Not again before a node_interval has passed. */
	make_process(world, 3000, 1, "/usr/bin/conmon|-c|o0", 9, 0);
	node_look_at_conmons(&world->node, world->now_usec + USEC_PER_MIN);
	account_make(&world->node, world->now_usec, &accounts);
	assert_int_equal(accounts.total.conmon_bytes, 2 * MIB);
	node_look_at_conmons(&world->node, world->now_usec + 5 * USEC_PER_MIN);
	account_make(&world->node, world->now_usec, &accounts);
	assert_int_equal(accounts.total.conmon_bytes, 10 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(pod_is_split_by_what_its_guest_says),
		SANDBOX_TEST(containers_that_use_more_than_is_charged_are_told_as_they_are),
		SANDBOX_TEST(container_that_the_guest_does_not_have_uses_nothing),
		SANDBOX_TEST(what_containers_have_freed_is_overhead_now_but_need_not_be_declared),
		SANDBOX_TEST(machine_without_pod_is_its_one_containers),
		SANDBOX_TEST(records_may_come_in_any_order),
		SANDBOX_TEST(prestart_is_what_is_charged_when_the_first_container_is_created),
		SANDBOX_TEST(prestart_is_the_reading_before_a_record_that_is_read_late),
		SANDBOX_TEST(prestart_is_unknown_where_it_was_missed),
		SANDBOX_TEST(samples_from_the_guest_make_a_recommendation),
		SANDBOX_TEST(container_in_a_guest_is_not_looked_for_in_the_hosts_cgroups),
		SANDBOX_TEST(events_that_the_host_does_not_have_end_no_container),
		SANDBOX_TEST(end_is_noticed_by_the_records_removal),
		SANDBOX_TEST(end_is_noticed_by_the_guests_word),
		SANDBOX_TEST(container_may_go_while_its_answer_is_under_way),
		SANDBOX_TEST(kill_in_the_guest_is_learned_from_once),
		SANDBOX_TEST(kill_after_a_restart_of_the_daemon_is_learned_from),
		SANDBOX_TEST(kill_before_any_answer_is_learned_from),
		SANDBOX_TEST(kill_of_the_machine_is_told_as_its_sandboxs),
		SANDBOX_TEST(guest_that_hangs_leaves_the_hosts_side_and_is_asked_once),
		SANDBOX_TEST(shim_that_is_broken_leaves_the_hosts_side),
		SANDBOX_TEST(refusal_of_one_container_keeps_the_others_answers),
		SANDBOX_TEST(shim_that_ends_is_asked_again_when_it_is_back),
		SANDBOX_TEST(pod_whose_shim_cannot_be_asked_has_its_hosts_side),
		SANDBOX_TEST(answers_that_take_too_long_together_are_not_compared),
		SANDBOX_TEST(guest_that_hangs_at_one_container_is_told_of_as_such),
		SANDBOX_TEST(slow_guest_is_asked_for_all_its_containers),
		SANDBOX_TEST(machine_that_dies_has_no_numbers),
		SANDBOX_TEST(machine_whose_charge_is_not_told_has_that_of_its_processes),
		SANDBOX_TEST(machine_whose_ram_is_charged_elsewhere_costs_what_it_holds),
		SANDBOX_TEST(machine_that_comes_late_is_found),
		SANDBOX_TEST(machine_that_is_never_found_is_told_of_once),
		SANDBOX_TEST(clock_that_jumps_does_no_harm),
		SANDBOX_TEST(handler_file_keeps_what_pods_cost),
		SANDBOX_TEST(pods_life_outlives_the_daemon),
		SANDBOX_TEST(handler_file_that_is_broken_is_begun_anew),
		SANDBOX_TEST(handler_file_that_is_not_understood_is_left_as_it_is),
		SANDBOX_TEST(handler_file_that_cannot_be_read_now_is_left_as_it_is),
		SANDBOX_TEST(handler_keeps_the_pods_that_were_seen_last),
		SANDBOX_TEST(more_pods_than_are_kept_do_not_displace_each_other),
		SANDBOX_TEST(too_small_an_overhead_is_warned_of_at_once_and_once),
		SANDBOX_TEST(too_large_an_overhead_is_warned_of_after_a_while_and_once),
		SANDBOX_TEST(pod_that_declares_none_is_told_of),
		SANDBOX_TEST(node_event_has_each_part_and_its_share),
		SANDBOX_TEST(overheads_share_is_of_those_that_have_answered),
		SANDBOX_TEST(file_has_what_tidemarkctl_shows),
		SANDBOX_TEST(file_is_there_without_any_machine),
		SANDBOX_TEST(what_cannot_be_written_is_said_once),
		SANDBOX_TEST(monitors_are_counted_by_handler),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
	(void)printf("1..0 # SKIP built without protobuf-c\n");
	return 0;
}
#endif
