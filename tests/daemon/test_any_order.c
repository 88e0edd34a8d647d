/* SPDX-License-Identifier: Apache-2.0 */

/* Lives whose records, cgroups, exits and kills come and go in any order, made up from seeds. Whatever the
 * order, each end is told once, and nothing is left of what has gone. */

#include "shim/daemon/node.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/daemon/world.h"

#define SEEDS     40
#define STEPS     160
#define IDS       4
#define WORKLOADS 2
#define LIVES_MAX 256

/* A life says its number as what it declares. */
#define DECLARED(number) (512 * MIB + (number))

/* Of one creation. */
struct life {
	uint64_t created_usec;
	bool is_sandbox;
	bool is_started; /* its record has said so */
	bool had_cgroup; /* at any time */
	bool must_end;   /* the daemon that runs has seen it run, or started */
	unsigned ends;   /* told */
	/* Of the daemon, since the creation: after each all may be told again. So may it where what was not
	 * worth a file is in no history. */
	unsigned crashes;
	unsigned decisions, decided; /* told, and those that there were */
};

struct play {
	struct world *world;
	uint64_t random;
	bool has_exits;
	size_t n_heard; /* of world->n_all */

	struct life lives[LIVES_MAX];
	size_t n_lives;
	/* By the index of an id; -1: none. */
	int creation[IDS]; /* whose record was written last, be it there or not */
	int resident[IDS]; /* whose cgroup is there */
	struct record records[IDS];
	bool is_empty[IDS];             /* no process is in that cgroup */
	unsigned ooms[IDS], kills[IDS]; /* as that cgroup counts them */

	struct exit_peak exits[LIVES_MAX]; /* not told yet */
	size_t n_exits, n_graves, n_logged, n_kills;
};

static const char *const ids[IDS] = {"a0", "b1", "c2", "d3"};

/* xorshift64*: the same numbers on every machine. */
static unsigned pick(struct play *play, unsigned n)
{
	play->random ^= play->random >> 12;
	play->random ^= play->random << 25;
	play->random ^= play->random >> 27;
	return (unsigned)((play->random * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

/* ---- What the daemon has said, and what it holds ---- */

static struct life *life_of(struct play *play, uint64_t declared_bytes)
{
	assert_in_range(declared_bytes, DECLARED(0), DECLARED(play->n_lives - 1));
	return &play->lives[declared_bytes - DECLARED(0)];
}

static void hear_end(struct play *play, struct life *life)
{
	life->ends++;
	assert_true(life->is_started || life->had_cgroup);
	if (life->ends > 1 + life->crashes)
		fail_msg("the end of life %zu is told %u times", (size_t)(life - play->lives), life->ends);
}

static void hear(struct play *play)
{
	const struct world *world = play->world;

	assert_true(world->n_all - play->n_heard <= WORLD_SAID_MAX);
	for (; play->n_heard < world->n_all; play->n_heard++) {
		const size_t at = play->n_heard % WORLD_SAID_MAX;
		const char *text = strstr(world->said[at].text, "TIDEMARK_DECLARED_BYTES=");
		if (world->said[at].event != EVENT_EXIT && world->said[at].event != EVENT_DECISION)
			continue;
		assert_non_null(text);
		struct life *life = life_of(play, strtoull(strchr(text, '=') + 1, NULL, 10));
		if (world->said[at].event == EVENT_EXIT)
			hear_end(play, life);
		else
			life->decisions++;
		/* Of what has no workload, a restart may tell again where nothing was published. */
		assert_true(life->is_sandbox || life->decisions <= life->decided * (1 + life->crashes));
	}
	/* Each kill is told once at most. */
	assert_true(world->n_said[EVENT_OOM] <= play->n_kills);
}

static void check_container(struct play *play, const struct container *container)
{
	if (container->state == LIFE_NEW || container->state == LIFE_BROKEN)
		return;
	struct life *life = life_of(play, container->declared_bytes);
	assert_int_equal(life->created_usec, container->created_usec);
	if (container->state == LIFE_RUNNING || life_is_ending(container->state) ||
	    (container->state == LIFE_CREATED && container->started_usec > 0 && !container->followed_before))
		life->must_end = true;
}

static void check_tables(struct play *play)
{
	const struct node *node = &play->world->node;
	const struct registry *registry = &node->registry;
	size_t n_listed = 0, n_watched = 0;

	for (size_t i = 0; i < registry->n_containers; i++) {
		const struct container *container = registry->containers[i];
		assert_int_equal(container->index, i);
		check_container(play, container);
		n_listed += container->is_listed;
		n_watched += container->process_fd >= 0;
		/* Ends and removals are never forgotten of. */
		assert_int_equal(container->is_listed,
				 life_is_ending(container->state) || container->state == LIFE_GONE);
	}
	assert_int_equal(node->sources.processes.n, n_watched);
	for (const struct container *container = node->ending; container; container = container->next_ending)
		n_listed--;
	assert_int_equal(n_listed, 0);
	for (size_t i = 0; i < registry->n_workloads; i++) {
		size_t n = 0;
		for (size_t j = 0; j < registry->n_containers; j++)
			n += registry->containers[j]->workload == registry->workloads[i];
		assert_int_equal(registry->workloads[i]->n_containers, n);
	}
}

/* ---- What happens on the node ---- */

static void empty(struct play *play, unsigned at)
{
	play->is_empty[at] = true;
	if (play->resident[at] >= 0)
		write_cgroup_file(play->world, ids[at], "cgroup.events", "populated 0\nfrozen 0\n");
}

/* Its directories stay, elsewhere: their inodes' numbers must not be another's, as they are not with cgroups. */
static void bury(struct play *play, unsigned at)
{
	static const char *const files[] = {"memory.max",          "memory.peak",   "memory.events",
					    "memory.events.local", "memory.stat",   "cgroup.type",
					    "cgroup.events",       "memory.current"};
	const int cgroup_fd = play->world->roots.cgroup_fd;
	char from[128], to[128], file[256];

	if (play->resident[at] < 0)
		return;
	snprintf(from, sizeof from, "pods/crio-%s.scope", ids[at]);
	snprintf(to, sizeof to, "graves/%zu", play->n_graves++);
	fixture_parents(cgroup_fd, to);
	assert_int_equal(renameat(cgroup_fd, from, cgroup_fd, to), 0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(file, sizeof file, "%s/container/%s", to, files[i]);
		assert_int_equal(unlinkat(cgroup_fd, file, 0), 0);
	}
	/* The kernel may lose it. */
	if (play->has_exits && pick(play, 4) > 0)
		play->exits[play->n_exits++] = (struct exit_peak){
			.cgroup_id = 1 + (uint64_t)play->resident[at],
			.peak_bytes = 40 * MIB,
			.oom = play->ooms[at],
			.oom_kill = play->kills[at],
			.all_oom_kill = play->kills[at],
		};
	play->resident[at] = -1;
}

/* Of a machine that nobody finds: a pod, or a container in one of the others, or outside of pods. */
static void put_into_machine(struct play *play, struct record *record)
{
	record->is_shim = record->is_vm = true;
	record->is_sandbox = pick(play, 3) == 0;
	if (!record->is_sandbox && pick(play, 3) > 0)
		strcpy(record->sandbox_id, ids[pick(play, IDS)]);
	strcpy(record->runtime, "kata");
}

static void create(struct play *play, unsigned at)
{
	struct world *world = play->world;
	struct record *record = &play->records[at];

	if (play->n_lives == LIVES_MAX)
		return;
	/* A runtime refuses an id that runs. */
	if (pick(play, 2))
		bury(play, at);
	else
		empty(play, at);
	world->now_usec++;
	*record = make_record(world, ids[at]);
	snprintf(record->identity.owner, sizeof record->identity.owner, "web%u", pick(play, WORKLOADS));
	record->declared_bytes = DECLARED(play->n_lives);
	record->limit_bytes = 512 * MIB + pick(play, 2) * MIB;
	if (pick(play, 5) == 0)
		put_into_machine(play, record);
	write_record(world, record);
	play->creation[at] = (int)play->n_lives;
	play->lives[play->n_lives++] = (struct life){
		.created_usec = record->created_usec, .is_sandbox = record->is_sandbox, .decided = 1};
}

static void make(struct play *play, unsigned at)
{
	bury(play, at);
	make_cgroup(play->world, ids[at], 512);
	play->resident[at] = play->creation[at];
	play->ooms[at] = play->kills[at] = 0;
	play->is_empty[at] = false;
	play->lives[play->creation[at]].had_cgroup = true;
}

static void start(struct play *play, unsigned at)
{
	struct record *record = &play->records[at];
	const int number = play->creation[at];

	if (number < 0 || record->is_vm || play->lives[number].had_cgroup ||
	    !is_recorded(play->world, ids[at]))
		return;
	/* It may be gone again already. */
	make(play, at);
	if (pick(play, 6) == 0)
		bury(play, at);
	start_record(play->world, record);
	record->pid = pick(play, 2) ? 0 : INT32_MAX; /* none has that number */
	if (pick(play, 4) > 0)
		record->cgroup_id = 1 + (uint64_t)number;
	/* `run` says where it is, and not that it was started. */
	if (pick(play, 8) == 0)
		record->started_usec = 0;
	play->lives[number].is_started |= record->started_usec > 0;
	write_record(play->world, record);
}

static void resize(struct play *play, unsigned at)
{
	if (!is_recorded(play->world, ids[at]))
		return;
	play->records[at].updated_usec = ++play->world->now_usec;
	play->lives[play->creation[at]].decided++;
	write_record(play->world, &play->records[at]);
}

/* Nobody knows more of a life whose record nobody could read. */
static void tear(struct play *play, unsigned at)
{
	char name[16];

	if (!is_recorded(play->world, ids[at]))
		return;
	snprintf(name, sizeof name, "%s.json", ids[at]);
	fixture_write(play->world->roots.containers_fd, name, pick(play, 2) ? "{\"v\":1,\"id\"" : "");
}

static void drop(struct play *play, unsigned at)
{
	(void)record_remove(play->world->roots.containers_fd, ids[at], NULL);
}

/* own: by its own limit, which then counts that it was hit. */
static void count_kill(struct play *play, unsigned at, bool own)
{
	char text[64];

	play->n_kills++;
	play->kills[at]++;
	play->ooms[at] += own;
	snprintf(text, sizeof text, "oom %u\noom_kill %u\n", play->ooms[at], play->kills[at]);
	write_cgroup_file(play->world, ids[at], "memory.events", text);
	write_cgroup_file(play->world, ids[at], "memory.events.local", text);
}

/* The log names an id. Nobody can tell by it which life was meant, where the daemon takes one for running
 * that another has followed. */
static bool is_ambiguous(struct play *play, unsigned at)
{
	const struct container *known = world_container(play->world, ids[at]);

	return known && known->declared_bytes != DECLARED((unsigned)play->resident[at]) &&
	       (known->state == LIFE_RUNNING || life_is_ending(known->state));
}

/* The kernel logs a kill before it counts it; the log may be full. */
static void kill_one(struct play *play, unsigned at)
{
	const bool own = pick(play, 3) > 0;
	char cgroup[128];

	if (play->resident[at] < 0 || play->is_empty[at])
		return;
	snprintf(cgroup, sizeof cgroup, "/pods/crio-%s.scope/container", ids[at]);
	if (play->n_logged < 8 && pick(play, 2) && !is_ambiguous(play, at)) {
		log_kill(play->world, own ? cgroup : "", cgroup, 99);
		play->n_logged++;
	}
	count_kill(play, at, own);
}

/* ---- What the daemon does ---- */

static void begin(struct play *play)
{
	world_start(play->world);
	if (play->has_exits)
		world_use_exits(play->world);
	/* None is held open: here a file outlives its cgroup. */
	world_use_census(play->world);
}

static void restart(struct play *play, unsigned at)
{
	struct world *world = play->world;
	const bool crashes = pick(play, 4) == 0, forgets = crashes || world->is_without_history;
	char line[1024];

	(void)at;
	if (!crashes)
		world_flush(world);
	hear(play);
	world_stop(world);
	for (size_t i = 0; i < play->n_lives; i++) {
		play->lives[i].must_end = false;
		play->lives[i].crashes += forgets;
	}
	play->n_kills *= 1 + forgets;
	/* A daemon reads the kernel log from where it ends. */
	while (read(world->kernel_log[0], line, sizeof line) > 0)
		continue;
	play->n_logged = 0;
	world->now_usec += USEC_PER_SEC;
	begin(play);
}

static void hear_kernel_log(struct play *play, unsigned at)
{
	(void)at;
	play->n_logged = 0;
	world_on_kernel_log(play->world);
}

static void take_exit(struct play *play, unsigned at)
{
	(void)at;
	if (play->n_exits == 0)
		return;
	hear_kernel_log(play, at);
	const unsigned which = pick(play, (unsigned)play->n_exits);
	const struct exit_peak exit = play->exits[which];
	play->exits[which] = play->exits[--play->n_exits];
	world_take_exit(play->world, &exit);
}

/* The event loop asks the kernel log first. */
static void take_records(struct play *play, unsigned at)
{
	hear_kernel_log(play, at);
	world_on_records(play->world);
}

static void take_events(struct play *play, unsigned at)
{
	hear_kernel_log(play, at);
	world_on_events(play->world);
}

static void wait_a_little(struct play *play, unsigned at)
{
	(void)at;
	pass(play->world, 1 + pick(play, 12));
}

static void tune(struct play *play, unsigned at)
{
	(void)at;
	world_tune(play->world);
}

static void watch_guests(struct play *play, unsigned at)
{
	(void)at;
	world_watch_guests(play->world);
}

static void sweep(struct play *play, unsigned at)
{
	(void)at;
	world_sweep(play->world);
}

#define ACT(act, weight)          \
	{                         \
		act, #act, weight \
	}

static const struct {
	void (*act)(struct play *play, unsigned at);
	const char *name;
	unsigned weight;
} acts[] = {
	ACT(create, 10),
	ACT(start, 14),
	ACT(resize, 3),
	ACT(tear, 2),
	ACT(drop, 8),
	ACT(empty, 5),
	ACT(bury, 8),
	ACT(kill_one, 6),
	ACT(take_records, 20),
	ACT(take_events, 10),
	ACT(hear_kernel_log, 3),
	ACT(take_exit, 8),
	ACT(wait_a_little, 6),
	ACT(tune, 2),
	ACT(sweep, 2),
	ACT(watch_guests, 3),
	ACT(restart, 2),
};

static void act(struct play *play, bool is_shown)
{
	unsigned sum = 0, at = pick(play, IDS);

	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		sum += acts[i].weight;
	for (unsigned left = pick(play, sum), i = 0;; left -= acts[i++].weight)
		if (left < acts[i].weight) {
			if (is_shown)
				print_message("# %s %s\n", acts[i].name, ids[at]);
			acts[i].act(play, at);
			return;
		}
}

/* All goes, and time passes. */
static void end(struct play *play)
{
	const struct node *node = &play->world->node;

	for (unsigned at = 0; at < IDS; at++) {
		bury(play, at);
		drop(play, at);
	}
	take_records(play, 0);
	take_events(play, 0);
	check_tables(play);
	pass(play->world, 25);
	hear(play);
	assert_int_equal(world_n_containers(play->world), 0);
	assert_int_equal(node->registry.n_sandboxes, 0);
	assert_null(node->ending);
	assert_null(node->sources.watch.by_number);
	assert_int_equal(node->sampling.sampler.kept, 0);
	for (size_t i = 0; i < play->n_lives; i++)
		if (play->lives[i].must_end && play->lives[i].ends == 0)
			fail_msg("the end of life %zu is not told", i);
}

static void play(struct world *world, uint64_t seed, bool is_shown)
{
	struct play *play = calloc(1, sizeof *play);

	*play = (struct play){.world = world, .random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15)};
	for (unsigned at = 0; at < IDS; at++)
		play->creation[at] = play->resident[at] = -1;
	play->has_exits = pick(play, 2);
	world->is_without_inotify = pick(play, 4) == 0;
	world->is_without_history = pick(play, 4) > 0;
	begin(play);
	for (unsigned i = 0; i < STEPS; i++) {
		act(play, is_shown);
		hear(play);
		check_tables(play);
	}
	end(play);
	free(play);
}

static void each_end_is_told_once_in_whatever_order_things_happen(void **state)
{
	const char *only = getenv("TIDEMARK_SEED"); /* the one to be played, and shown */

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		void *world = NULL;
		if (only && seed != strtoull(only, NULL, 10))
			continue;
		print_message("# seed %" PRIu64 "\n", seed);
		assert_int_equal(world_begin(&world), 0);
		play(world, seed, only);
		assert_int_equal(world_end(&world), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_is_told_once_in_whatever_order_things_happen),
	};
	return cmocka_run_group_tests_name("any_order", tests, NULL, NULL);
}
