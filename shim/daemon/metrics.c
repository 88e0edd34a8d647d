/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/daemon/account.h"

/* What a series describes. */
enum level {
	LEVEL_NODE,
	LEVEL_PROCESS, /* the daemon's */
	LEVEL_CONTAINER,
	LEVEL_WORKLOAD,
	LEVEL_SANDBOX, /* a pod that is a virtual machine */
	LEVEL_HANDLER,
	LEVELS_COUNT,
};

static const char *const level_labels[LEVELS_COUNT] = {
	[LEVEL_NODE] = "",
	[LEVEL_PROCESS] = "",
	[LEVEL_CONTAINER] = "namespace,pod,container,id",
	[LEVEL_WORKLOAD] = "namespace,owner,container",
	[LEVEL_SANDBOX] = "namespace,pod,handler,id",
	[LEVEL_HANDLER] = "handler",
};

/* A container, workload, pod or handler that has samples of its own. */
struct series {
	uint32_t index;      /* in the level's list of objects */
	uint32_t at, length; /* where its labels are in view->labels */
};

/* What the getters see. Only the members of the metric's level are set. */
struct view {
	const struct metrics_source *source;
	const struct node *node;
	const struct cost *process;
	const struct container *container;
	const struct workload *workload;
	const struct sandbox *sandbox;
	const struct account *account;
	struct accounts accounts;
	uint64_t left_out[LEVELS_COUNT];
	bool left[LEVELS_COUNT];
	struct series *series[LEVELS_COUNT];
	size_t n_series[LEVELS_COUNT];
	struct exposition labels; /* of all series, made once for all metrics */
};

struct metric {
	const char *name; /* as in Prometheus' own format */
	enum exposition_type type;
	const char *unit; /* for "seconds", get() returns microseconds */
	enum level level;
	/* One more label than the level has, and its values, NULL-ended: a sample for each of them. */
	const char *label;
	const char *const *values;
	/* Gets the sample of the i-th value. Returns false if there is none. */
	bool (*get)(const struct view *view, size_t i, uint64_t *ret);
	size_t histogram; /* a histogram's place in struct tally */
	const char *help;
	bool is_signed; /* get() returns an int64_t */
};

/* ---- Where the numbers come from ---- */

/* The levels that may have too many series, in the order of left_out_names. */
static const enum level levels_left_out[] = {LEVEL_CONTAINER, LEVEL_WORKLOAD, LEVEL_SANDBOX};

#define GETTER(name, value)                                                \
	static bool name(const struct view *view, size_t i, uint64_t *ret) \
	{                                                                  \
		(void)view, (void)i;                                       \
		*ret = (value);                                            \
		return true;                                               \
	}

/* For amounts: 0 is "not known", UINT64_MAX is "no limit". Both are left out. */
#define GETTER_KNOWN(name, value)                                          \
	static bool name(const struct view *view, size_t i, uint64_t *ret) \
	{                                                                  \
		(void)i;                                                   \
		*ret = (value);                                            \
		return *ret != 0 && *ret != UINT64_MAX;                    \
	}

GETTER(one, 1)
GETTER(node_containers, view->accounts.total.containers)
GETTER(node_workloads, view->node->registry.n_workloads)
GETTER(node_declared, view->accounts.total.declared_bytes)
GETTER(node_working_set, view->accounts.total.working_set_bytes)
GETTER(node_slack, view->accounts.total.slack_bytes)
GETTER(node_prestart, view->accounts.total.prestart_bytes)
GETTER(node_unpublished, view->node->learning.unpublished)
GETTER(left_out, view->left_out[levels_left_out[i]])
GETTER(events, view->node->voice.tally.events[i])
GETTER(decisions, view->node->voice.tally.decisions[i])
GETTER(guards, view->node->voice.tally.guards[i])
GETTER(kills, view->node->voice.tally.kills[i])

GETTER(process_cpu, view->process->cpu_usec)
GETTER(process_resident, view->process->resident_bytes)
GETTER(process_virtual, view->process->virtual_bytes)
GETTER(process_fds, view->process->open_fds)
GETTER(process_max_fds, view->process->max_fds)
GETTER(process_start, view->source->started_usec)

static bool container_working_set(const struct view *view, size_t i, uint64_t *ret)
{
	(void)i;
	*ret = memory_working_set(&view->container->memory);
	return view->container->samples > 0;
}

GETTER_KNOWN(container_peak, view->container->peak_bytes)
GETTER_KNOWN(container_prestart, view->container->prestart_bytes)

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static const char *const limit_kinds[] = {"declared", "recommended", "applied", "effective", NULL};

static bool container_limit(const struct view *view, size_t i, uint64_t *ret)
{
	const struct container *container = view->container;
	const uint64_t bytes[] = {
		container->declared_bytes,
		container->workload ? container->workload->limits.recommendation.limit_bytes : 0,
		container->limit_bytes,
		smaller(container->max_bytes, container->ancestors_max_bytes),
	};
	*ret = bytes[i];
	return *ret != 0 && *ret != UINT64_MAX;
}

static const char *const pressure_kinds[] = {"some", "full", NULL};

static bool container_pressure(const struct view *view, size_t i, uint64_t *ret)
{
	*ret = i == 0 ? view->container->pressure.some_usec : view->container->pressure.full_usec;
	return true;
}

GETTER(pressures_watched, view->node->sources.pressures.n)
GETTER(pressures, view->node->voice.tally.pressures)
GETTER(workload_containers, view->workload->n_containers)
GETTER_KNOWN(exit_peak, view->workload->exit_peak_bytes)
GETTER(workload_warm, view->workload->limits.recommendation.warm)
GETTER(workload_revision, view->workload->limits.recommendation.revision)
GETTER(workload_kills, view->workload->limits.recommendation.oom_kills)

static const char *const recommendation_kinds[] = {"request", "limit", NULL};

static bool workload_recommended(const struct view *view, size_t i, uint64_t *ret)
{
	const struct recommendation *recommendation = &view->workload->limits.recommendation;
	*ret = i == 0 ? recommendation->request_bytes : recommendation->limit_bytes;
	return *ret != 0;
}

static const char *const window_kinds[] = {"mean", "p95", "max", NULL};

static bool workload_window(const struct view *view, size_t i, uint64_t *ret)
{
	const struct observed *observed = &view->workload->limits.observed;
	const uint64_t bytes[] = {observed->avg_bytes, observed->p95_bytes, observed->max_bytes};
	*ret = bytes[i];
	return observed->samples > 0;
}

/* For amounts that are VMM_UNKNOWN if not known. */
#define GETTER_TOLD(name, value)                                           \
	static bool name(const struct view *view, size_t i, uint64_t *ret) \
	{                                                                  \
		(void)i;                                                   \
		*ret = (value);                                            \
		return *ret != VMM_UNKNOWN;                                \
	}

/* For amounts of the last split, which is known if the guest has answered. */
#define GETTER_SPLIT(name, value, is_there)                                 \
	static bool name(const struct view *view, size_t i, uint64_t *ret)  \
	{                                                                   \
		const struct overhead_split *split = &view->sandbox->split; \
		(void)i;                                                    \
		*ret = (uint64_t)(value);                                   \
		return split->is_known && (is_there);                       \
	}

GETTER_TOLD(vm_charge, view->sandbox->memory.charge_bytes)
GETTER_TOLD(vm_part, account_vm_part(view->sandbox, (enum vm_part)i))
GETTER_SPLIT(vm_used, split->used_bytes, true)
GETTER_SPLIT(vm_unused, split->unused_bytes, split->unused_is_known)
GETTER_SPLIT(vm_overhead, split->overhead_bytes, true)
GETTER_SPLIT(vm_apart, split->apart_usec, true)
GETTER_KNOWN(vm_declared, view->sandbox->declared_bytes)
GETTER_KNOWN(vm_prestart, view->sandbox->prestart_bytes)

static bool vm_fixed(const struct view *view, size_t i, uint64_t *ret)
{
	(void)i;
	*ret = (uint64_t)view->sandbox->most_fixed_bytes;
	return view->sandbox->is_kept;
}

GETTER(handler_pods, view->account->pods)
GETTER(handler_containers, view->account->containers)
GETTER(handler_declared, view->account->declared_bytes)
GETTER(handler_working_set, view->account->working_set_bytes)
GETTER(handler_slack, view->account->slack_bytes)
GETTER(handler_prestart, view->account->prestart_bytes)
GETTER(handler_conmons, view->account->conmons)
GETTER(handler_conmon, view->account->conmon_bytes)
GETTER_KNOWN(handler_recommended, view->account->recommended_bytes)

/* ---- The table ---- */

static const char *const versions[] = {TIDEMARK_VERSION, NULL};
static const char *const left_out_names[] = {"container", "workload", "pod", NULL};
static const char *event_names[EVENTS_COUNT + 1]; /* of event_kinds[] */

#define GAUGE(name, unit, level, get, help)                                   \
	{                                                                     \
		name, EXPOSITION_GAUGE, unit, level, NULL, NULL, get, 0, help \
	}
#define GAUGES(name, unit, level, label, values, get, help)                      \
	{                                                                        \
		name, EXPOSITION_GAUGE, unit, level, label, values, get, 0, help \
	}
#define COUNTER(name, unit, level, get, help)                                   \
	{                                                                       \
		name, EXPOSITION_COUNTER, unit, level, NULL, NULL, get, 0, help \
	}
#define COUNTERS(name, level, label, values, get, help)                          \
	{                                                                        \
		name, EXPOSITION_COUNTER, "", level, label, values, get, 0, help \
	}
#define GAUGE_SIGNED(name, unit, level, get, help)                                  \
	{                                                                           \
		name, EXPOSITION_GAUGE, unit, level, NULL, NULL, get, 0, help, true \
	}
#define HISTOGRAM(name, unit, member, help)                                     \
	{                                                                       \
		name, EXPOSITION_HISTOGRAM, unit, LEVEL_NODE, "le", NULL, NULL, \
			offsetof(struct tally, member), help                    \
	}

static const struct metric metrics[] = {
	{"tidemark_build_info", EXPOSITION_INFO, "", LEVEL_NODE, "version", versions, one, 0,
	 "The daemon's version."},

	GAUGE("tidemark_node_containers", "", LEVEL_NODE, node_containers,
	      "Containers that run and are measured."),
	GAUGE("tidemark_node_workloads", "", LEVEL_NODE, node_workloads,
	      "Workloads that are known, also those without containers."),
	GAUGE("tidemark_node_memory_declared_bytes", "bytes", LEVEL_NODE, node_declared,
	      "Sum of the limits that running containers declare."),
	GAUGE("tidemark_node_memory_working_set_bytes", "bytes", LEVEL_NODE, node_working_set,
	      "Sum of the working sets of all running containers."),
	GAUGE("tidemark_node_memory_slack_bytes", "bytes", LEVEL_NODE, node_slack,
	      "Sum of what is declared but not used, over running containers that declare a limit."),
	GAUGE("tidemark_node_memory_prestart_bytes", "bytes", LEVEL_NODE, node_prestart,
	      "Sum of the pre-start footprints of all running containers and of virtual machines."),
	COUNTERS("tidemark_events_total", LEVEL_NODE, "event", event_names, events,
		 "Events in the journal, by kind: tidemarkd(8)."),
	COUNTERS("tidemark_decisions_total", LEVEL_NODE, "source", decision_source_names, decisions,
		 "Creations and resizes, by where the limit came from."),
	COUNTERS("tidemark_decision_guards_total", LEVEL_NODE, "guard", guard_names, guards,
		 "Creations and resizes whose limit this guard moved: tidemark(8)."),
	COUNTERS("tidemark_oom_kills_total", LEVEL_NODE, "cause", oom_cause_names, kills,
		 "OOM kills in containers, by whose limit was hit."),
	GAUGE("tidemark_pressure_watched", "", LEVEL_NODE, pressures_watched,
	      "Containers close to their limit, whose pressure the kernel reports at once."),
	COUNTER("tidemark_pressure_readings_total", "", LEVEL_NODE, pressures,
		"Readings made at once because the kernel reported such pressure."),
	GAUGE("tidemark_limits_unpublished", "", LEVEL_NODE, node_unpublished,
	      "Workloads whose limits could not be written."),
	GAUGES("tidemark_metrics_left_out", "", LEVEL_NODE, "level", left_out_names, left_out,
	       "Containers, workloads and pods that have no series here, because there are too many."),

	HISTOGRAM("tidemark_tick_duration_seconds", "seconds", tick,
		  "How long it took to read all containers once."),
	HISTOGRAM("tidemark_tick_delay_seconds", "seconds", delay,
		  "How late a reading of all containers began."),
	COUNTER("process_cpu_seconds_total", "seconds", LEVEL_PROCESS, process_cpu,
		"Processor time of the daemon, user and system."),
	GAUGE("process_resident_memory_bytes", "bytes", LEVEL_PROCESS, process_resident,
	      "Resident memory of the daemon."),
	GAUGE("process_virtual_memory_bytes", "bytes", LEVEL_PROCESS, process_virtual,
	      "Virtual memory of the daemon."),
	GAUGE("process_open_fds", "", LEVEL_PROCESS, process_fds,
	      "File descriptors that the daemon has open."),
	GAUGE("process_max_fds", "", LEVEL_PROCESS, process_max_fds,
	      "File descriptors that the daemon may have open."),
	GAUGE("process_start_time_seconds", "seconds", LEVEL_PROCESS, process_start,
	      "When the daemon was started, since 1970."),

	{"tidemark_container_info", EXPOSITION_INFO, "", LEVEL_CONTAINER, "owner,runtime", NULL, one, 0,
	 "A running container, its workload's owner and its runtime."},
	GAUGE("tidemark_container_memory_working_set_bytes", "bytes", LEVEL_CONTAINER, container_working_set,
	      "Working set: memory.current less inactive_file."),
	GAUGE("tidemark_container_memory_peak_bytes", "bytes", LEVEL_CONTAINER, container_peak,
	      "Highest charge of the container, page cache included, as read last."),
	GAUGE("tidemark_container_memory_prestart_bytes", "bytes", LEVEL_CONTAINER, container_prestart,
	      "Pre-start footprint: the charge before the container's program ran."),
	{"tidemark_container_memory_pressure_seconds_total", EXPOSITION_COUNTER, "seconds", LEVEL_CONTAINER,
	 "kind", pressure_kinds, container_pressure, 0,
	 "How long some process, or all processes, of the container waited for memory: memory.pressure."},
	GAUGES("tidemark_container_memory_limit_bytes", "bytes", LEVEL_CONTAINER, "kind", limit_kinds,
	       container_limit,
	       "Limits: declared by the pod, recommended for the workload, applied at the creation, and "
	       "effective in the cgroup and those above. A missing one means no limit."),

	GAUGE("tidemark_workload_containers", "", LEVEL_WORKLOAD, workload_containers,
	      "Containers of the workload that have not been removed."),
	GAUGES("tidemark_workload_memory_working_set_bytes", "bytes", LEVEL_WORKLOAD, "kind", window_kinds,
	       workload_window, "Working set of the workload's containers over the long window."),
	GAUGE("tidemark_container_memory_exit_peak_bytes", "bytes", LEVEL_WORKLOAD, exit_peak,
	      "Peak of the workload's container that ended last, page cache included."),
	GAUGES("tidemark_workload_memory_recommended_bytes", "bytes", LEVEL_WORKLOAD, "kind",
	       recommendation_kinds, workload_recommended, "Recommended request and limit."),
	GAUGE("tidemark_workload_warm", "", LEVEL_WORKLOAD, workload_warm,
	      "1 once the workload is past its warm-up, 0 before."),
	COUNTER("tidemark_workload_revisions_total", "", LEVEL_WORKLOAD, workload_revision,
		"How often the recommendation has changed."),
	COUNTER("tidemark_workload_oom_kills_total", "", LEVEL_WORKLOAD, workload_kills,
		"OOM kills in the workload's containers at their own limit, also before the daemon's start."),

	GAUGE("tidemark_vm_charge_bytes", "bytes", LEVEL_SANDBOX, vm_charge,
	      "Charge on the host of the cgroups of a pod that is a virtual machine."),
	GAUGES("tidemark_vm_part_bytes", "bytes", LEVEL_SANDBOX, "part", vm_part_names, vm_part,
	       "Parts of the charge. The part outside is not in it: it is charged to other cgroups than the "
	       "pod's."),
	GAUGE("tidemark_vm_guest_used_bytes", "bytes", LEVEL_SANDBOX, vm_used,
	      "Memory that the pod's containers use, as the guest reports it."),
	GAUGE_SIGNED("tidemark_vm_guest_unused_bytes", "bytes", LEVEL_SANDBOX, vm_unused,
		     "Resident RAM of the guest less what the containers use. Negative if they use more."),
	GAUGE_SIGNED("tidemark_vm_overhead_bytes", "bytes", LEVEL_SANDBOX, vm_overhead,
		     "Charge on the host less what the containers use. Negative if they use more."),
	GAUGE("tidemark_vm_apart_seconds", "seconds", LEVEL_SANDBOX, vm_apart,
	      "Longest possible time between the reading of the host and that of the guest."),
	GAUGE_SIGNED("tidemark_vm_overhead_fixed_bytes", "bytes", LEVEL_SANDBOX, vm_fixed,
		     "Highest cost of the virtual machine beyond the most that its containers had used."),
	GAUGE("tidemark_vm_overhead_declared_bytes", "bytes", LEVEL_SANDBOX, vm_declared,
	      "Overhead that the pod's RuntimeClass declares."),
	GAUGE("tidemark_vm_prestart_bytes", "bytes", LEVEL_SANDBOX, vm_prestart,
	      "Charge on the host before the pod's first container."),

	GAUGE("tidemark_handler_pods", "", LEVEL_HANDLER, handler_pods, "Pods of the runtime handler."),
	GAUGE("tidemark_handler_containers", "", LEVEL_HANDLER, handler_containers,
	      "Containers of the handler that run and are measured."),
	GAUGE("tidemark_handler_memory_declared_bytes", "bytes", LEVEL_HANDLER, handler_declared,
	      "Sum of the limits that the handler's containers declare."),
	GAUGE("tidemark_handler_memory_working_set_bytes", "bytes", LEVEL_HANDLER, handler_working_set,
	      "Sum of the working sets of the handler's containers."),
	GAUGE("tidemark_handler_memory_slack_bytes", "bytes", LEVEL_HANDLER, handler_slack,
	      "Sum of what is declared but not used, over the handler's containers that declare a limit."),
	GAUGE("tidemark_handler_memory_prestart_bytes", "bytes", LEVEL_HANDLER, handler_prestart,
	      "Sum of the pre-start footprints of the handler's containers or virtual machines."),
	GAUGE("tidemark_handler_conmons", "", LEVEL_HANDLER, handler_conmons,
	      "Monitor processes (conmon) of the handler's containers."),
	GAUGE("tidemark_handler_conmon_bytes", "bytes", LEVEL_HANDLER, handler_conmon,
	      "Anonymous memory of these monitors. The pages of their program, which all share, are not "
	      "counted."),
	GAUGE("tidemark_handler_overhead_recommended_bytes", "bytes", LEVEL_HANDLER, handler_recommended,
	      "What overhead.podFixed of the handler's RuntimeClass should be, by the pods that were "
	      "measured."),
};

#define METRICS_COUNT (sizeof metrics / sizeof *metrics)

static void name_events(void)
{
	for (size_t i = 0; i < EVENTS_COUNT; i++)
		event_names[i] = event_kinds[i].name;
}

/* ---- Rendering ---- */

/* A generated id, of 64 hexadecimal digits, is shortened to 12. An id that a person chose stays whole. */
#define ID_LENGTH    64
#define ID_SHORTENED 12

static void put_id(struct exposition *out, const char *id)
{
	char text[ID_SHORTENED + 1];

	if (strlen(id) == ID_LENGTH && strspn(id, "0123456789abcdef") == ID_LENGTH) {
		memcpy(text, id, ID_SHORTENED);
		text[ID_SHORTENED] = '\0';
		id = text;
	}
	exposition_label(out, "id", id);
}

static void put_labels(struct exposition *out, const struct container *container,
		       const struct workload *workload)
{
	static const struct identity unknown;
	const struct identity *identity = workload ? &workload->limits.identity : &unknown;

	exposition_label(out, "namespace", identity->namespace);
	if (container)
		exposition_label(out, "pod", container->pod_name ? container->pod_name : "");
	else
		exposition_label(out, "owner", identity->owner);
	exposition_label(out, "container", identity->container);
	if (container)
		put_id(out, container->id);
}

static void put_sandbox_labels(struct exposition *out, const struct sandbox *sandbox)
{
	exposition_label(out, "namespace", sandbox->namespace ? sandbox->namespace : "");
	exposition_label(out, "pod", sandbox->pod_name ? sandbox->pod_name : "");
	exposition_label(out, "handler", sandbox->handler);
	put_id(out, sandbox->id);
}

/* series: NULL for the levels node and process. */
static void put_sample(struct exposition *out, const struct metric *metric, const struct view *view,
		       const struct series *series, size_t i)
{
	uint64_t value;

	if (!metric->get(view, i, &value))
		return;
	exposition_sample(out, metric->name, "");
	if (series)
		exposition_labels(out, view->labels.text + series->at, series->length);
	if (metric->values) {
		exposition_label(out, metric->label, metric->values[i]);
	} else if (metric->type == EXPOSITION_INFO) {
		const struct workload *workload = view->container->workload;
		exposition_label(out, "owner", workload ? workload->limits.identity.owner : "");
		exposition_label(out, "runtime", view->container->runtime);
	}
	if (strcmp(metric->unit, "seconds") == 0)
		exposition_seconds(out, value);
	else if (metric->is_signed)
		exposition_int(out, (int64_t)value);
	else
		exposition_uint(out, value);
}

static void put_samples(struct exposition *out, const struct metric *metric, const struct view *view,
			const struct series *series)
{
	for (size_t i = 0; metric->values ? metric->values[i] != NULL : i == 0; i++)
		put_sample(out, metric, view, series, i);
}

static void put_histogram(struct exposition *out, const struct metric *metric, const struct view *view)
{
	const struct histogram *histogram =
		(const void *)((const char *)&view->node->voice.tally + metric->histogram);
	uint64_t count = 0;

	for (size_t i = 0; i <= HISTOGRAM_BOUNDS_COUNT; i++) {
		char bound[32] = "+Inf";
		/* No bound is a whole number of seconds: the two formats would write it differently. */
		if (i < HISTOGRAM_BOUNDS_COUNT)
			(void)snprintf(bound, sizeof bound, "%g", (double)histogram_bounds_usec[i] / 1e6);
		count += histogram->counts[i];
		exposition_sample(out, metric->name, "_bucket");
		exposition_label(out, "le", bound);
		exposition_uint(out, count);
	}
	exposition_sample(out, metric->name, "_sum");
	exposition_seconds(out, histogram->sum_usec);
	exposition_sample(out, metric->name, "_count");
	exposition_uint(out, count);
}

/* A pod's sandbox has no series: it is only in the sums. */
static bool container_is_shown(const struct view *view, const struct container *container)
{
	return container->state == LIFE_RUNNING && !container->is_sandbox &&
	       container_is_current(container, view->node->settings.vm.interval_usec, view->source->now_usec);
}

static bool workload_is_shown(const struct workload *workload, uint64_t now_usec)
{
	/* Unsigned: a workload that was seen before the clock was set back is left out. */
	return workload->n_containers > 0 || now_usec - workload->seen_usec < METRICS_KEEP_USEC;
}

static bool is_shown(const struct view *view, enum level level, size_t index)
{
	switch (level) {
	case LEVEL_CONTAINER:
		return container_is_shown(view, view->node->registry.containers[index]);
	case LEVEL_WORKLOAD:
		return workload_is_shown(view->node->registry.workloads[index], view->source->now_usec);
	case LEVEL_SANDBOX:
		return sandbox_is_measured(view->node->registry.sandboxes[index]);
	default:
		return true;
	}
}

static void put_labels_of(struct exposition *out, const struct view *view, enum level level, size_t index)
{
	const struct node *node = view->node;

	switch (level) {
	case LEVEL_CONTAINER:
		put_labels(out, node->registry.containers[index], node->registry.containers[index]->workload);
		break;
	case LEVEL_WORKLOAD:
		put_labels(out, NULL, node->registry.workloads[index]);
		break;
	case LEVEL_SANDBOX:
		put_sandbox_labels(out, node->registry.sandboxes[index]);
		break;
	default:
		exposition_label(out, "handler", view->accounts.handlers[index].handler);
	}
}

/* Finds the series of a level among its n objects, and makes their labels. */
static int find_series(struct view *view, enum level level, size_t n)
{
	const size_t max = view->node->settings.report.metrics_containers_max;
	size_t n_shown = 0;

	for (size_t i = 0; i < n; i++)
		n_shown += is_shown(view, level, i);
	/* Handlers are never left out: there are ACCOUNTS_MAX at most. */
	view->left[level] = level != LEVEL_HANDLER && n_shown > max;
	view->left_out[level] = view->left[level] ? n_shown : 0;
	if (view->left[level] || n_shown == 0)
		return 0;
	struct series *series = view->series[level] = calloc(n_shown, sizeof *series);
	if (!series)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!is_shown(view, level, i))
			continue;
		const size_t at = view->labels.length;
		view->labels.labelled = false;
		put_labels_of(&view->labels, view, level, i);
		*series++ = (struct series){(uint32_t)i, (uint32_t)at, (uint32_t)(view->labels.length - at)};
	}
	view->n_series[level] = n_shown;
	return view->labels.failed ? -ENOMEM : 0;
}

static void view_free(struct view *view)
{
	for (size_t i = 0; i < LEVELS_COUNT; i++)
		free(view->series[i]);
	exposition_free(&view->labels);
}

static void put_metric(struct exposition *out, const struct metric *metric, struct view *view)
{
	const struct node *node = view->node;
	const enum level level = metric->level;

	if (view->left[level])
		return;
	exposition_family(out, metric->name, metric->type, metric->unit, metric->help);
	if (metric->type == EXPOSITION_HISTOGRAM) {
		put_histogram(out, metric, view);
	} else if (level == LEVEL_NODE || level == LEVEL_PROCESS) {
		put_samples(out, metric, view, NULL);
	} else {
		for (size_t i = 0; i < view->n_series[level]; i++) {
			const struct series *series = &view->series[level][i];
			if (level == LEVEL_CONTAINER)
				view->container = node->registry.containers[series->index];
			else if (level == LEVEL_WORKLOAD)
				view->workload = node->registry.workloads[series->index];
			else if (level == LEVEL_SANDBOX)
				view->sandbox = node->registry.sandboxes[series->index];
			else
				view->account = &view->accounts.handlers[series->index];
			put_samples(out, metric, view, series);
		}
	}
}

int metrics_render(const struct metrics_source *source, enum exposition_format format, char **ret_text,
		   size_t *ret_length)
{
	__attribute__((cleanup(exposition_free))) struct exposition out;
	__attribute__((cleanup(view_free))) struct view view = {
		.source = source, .node = source->node, .process = source->process};

	name_events();
	account_make(&source->node->registry, &source->node->sources.guests.handlers,
		     source->node->settings.vm.interval_usec, source->now_usec, &view.accounts);
	view.left[LEVEL_PROCESS] = source->process == NULL;
	exposition_begin(&out, format);
	exposition_begin(&view.labels, format);
	if (find_series(&view, LEVEL_CONTAINER, source->node->registry.n_containers) < 0 ||
	    find_series(&view, LEVEL_WORKLOAD, source->node->registry.n_workloads) < 0 ||
	    find_series(&view, LEVEL_SANDBOX, source->node->registry.n_sandboxes) < 0 ||
	    find_series(&view, LEVEL_HANDLER, view.accounts.n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < METRICS_COUNT; i++)
		put_metric(&out, &metrics[i], &view);
	return exposition_end(&out, ret_text, ret_length);
}

void metrics_print_list(FILE *out)
{
	for (size_t i = 0; i < METRICS_COUNT; i++) {
		const struct metric *metric = &metrics[i];
		const char *labels = level_labels[metric->level];
		(void)fprintf(out, "%s\t%s\t%s\t%s%s%s\t%s\n", metric->name,
			      exposition_type_names[metric->type], metric->unit, labels,
			      *labels && metric->label ? "," : "", metric->label ? metric->label : "",
			      metric->help);
	}
}
