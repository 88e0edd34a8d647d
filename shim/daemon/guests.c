/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/guests.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"

/* A machine that is not found yet is looked for below its shim whenever it is due. All of /proc, which takes
 * milliseconds, is searched first after SEARCH_USEC from its record on, then after pauses that double up to
 * SEARCH_USEC_MAX, for one machine a round. */
#define SEARCH_USEC     (10 * USEC_PER_SEC)
#define SEARCH_USEC_MAX (10 * USEC_PER_MIN)

/* This long after a machine was found, it is looked for once more: virtiofsd's child may not
 * have been there. */
#define AGAIN_USEC (10 * USEC_PER_SEC)

/* This long after its record's creation, the first container is taken as not running yet. */
#define FIRST_USEC USEC_PER_SEC

/* If the readings of host and guest are farther apart, they are not used for the most that a machine costs: a
 * container may have grown in between. */
#define CLOSE_USEC USEC_PER_SEC

/* At this age of a machine, little more is expected. */
#define SETTLED_USEC (10 * USEC_PER_MIN)

int guests_open(struct guests *guests, const struct roots *roots, const struct vm_settings *settings,
		struct registry *registry, struct error *err)
{
	*guests = (struct guests){
		.fd = epoll_create1(EPOLL_CLOEXEC),
		.roots = roots,
		.settings = settings,
		.registry = registry,
	};
	return guests->fd < 0 ? error_errno(err, errno, "cannot use epoll") : 0;
}

void guests_close(struct guests *guests)
{
	handlers_free(&guests->handlers);
	cleanup_close_fd(&guests->fd);
	guests->fd = -1;
}

void guests_forget(struct guests *guests, struct container *container)
{
	struct sandbox *sandbox = container->sandbox;

	if (!sandbox)
		return;
	assert(container->guest_news == 0 && !sandbox->has_news && sandbox->n_records > 0);
	sandbox_remove_container(sandbox, container);
	container->sandbox = NULL;
	if (--sandbox->n_records == 0)
		registry_remove_sandbox(guests->registry, sandbox);
}

/* ---- What is kept of its handler ---- */

static struct handler *handler_of(struct guests *guests, const struct sandbox *sandbox)
{
	struct error err;
	struct handler *handler =
		handlers_get(&guests->handlers, guests->roots->state_fd, sandbox->handler, &err);

	if (handler && err.code != 0)
		guest_news_of_handler(&guests->news, &err);
	return handler;
}

/* Takes what the handler's file has about this pod, from before the daemon was started or the
 * pod's record read. */
static void recall(struct guests *guests, struct sandbox *sandbox)
{
	struct handler *handler = handler_of(guests, sandbox);
	const struct handler_pod *pod = handler ? handlers_find_pod(handler, sandbox->id) : NULL;

	if (handler)
		handlers_set_declared(&guests->handlers, handler, sandbox->declared_bytes);
	if (!pod)
		return;
	sandbox->missed_start = false;
	sandbox->prestart_bytes = pod->prestart_bytes;
	sandbox->boot_bytes = pod->boot_bytes;
	sandbox->most_used_bytes = pod->used_bytes;
	sandbox->most_fixed_bytes = pod->overhead_bytes;
	sandbox->is_kept = true;
	sandbox->told[overhead_judge(pod->overhead_bytes, sandbox->declared_bytes,
				     guests->settings->waste_ratio, true)] = true;
}

static void keep(struct guests *guests, const struct sandbox *sandbox, uint64_t now_usec)
{
	struct handler_pod pod = {
		.seen_usec = now_usec,
		.overhead_bytes = sandbox->most_fixed_bytes,
		.prestart_bytes = sandbox->prestart_bytes,
		.boot_bytes = sandbox->boot_bytes,
		.used_bytes = sandbox->most_used_bytes,
	};
	struct handler *handler = handler_of(guests, sandbox);

	if (!handler || strlen(sandbox->id) >= sizeof pod.id)
		return;
	strcpy(pod.id, sandbox->id);
	handlers_put_pod(&guests->handlers, handler, &pod);
}

/* ---- The host's side ---- */

static void set_fault(struct sandbox *sandbox, const char *fault)
{
	(void)snprintf(sandbox->fault, sizeof sandbox->fault, "%s", fault);
}

/* Tells the fault, once a pod. */
static void tell_fault(struct guests *guests, struct sandbox *sandbox)
{
	if (sandbox->told_fault[0])
		return;
	memcpy(sandbox->told_fault, sandbox->fault, sizeof sandbox->told_fault);
	guest_news_of_sandbox(&guests->news, sandbox, GUEST_FAULT);
}

/* Whether all of /proc is to be searched now: for a machine that was never found, less and less often. */
static bool takes_search(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	const uint64_t since_usec = sandbox->searched_usec ? sandbox->searched_usec : sandbox->created_usec;

	if (sandbox->search_usec == 0)
		sandbox->search_usec = SEARCH_USEC;
	if (sandbox->found_usec > 0 || guests->searched_round == guests->round ||
	    now_usec - since_usec < sandbox->search_usec)
		return false;
	if (sandbox->searched_usec > 0 && sandbox->search_usec < SEARCH_USEC_MAX)
		sandbox->search_usec *= 2;
	sandbox->searched_usec = now_usec;
	guests->searched_round = guests->round;
	return true;
}

static void look_for(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	struct error err;

	if (!sandbox->bundle)
		return;
	const bool whole_proc = takes_search(guests, sandbox, now_usec);
	int r = sandbox_find(sandbox, guests->roots->host_run_fd, guests->roots->proc_fd, whole_proc, &err);
	if (r == 0 && sandbox->found_usec == 0)
		sandbox->found_usec = now_usec;
	if (r < 0 && whole_proc) {
		set_fault(sandbox, err.text);
		tell_fault(guests, sandbox);
	}
}

/* Finds the machine, and where its shim listens. Call before anything is read or asked. */
static void find_machine(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	if (!sandbox->is_found || !vmm_has(&sandbox->vmm, VMM_VMM)) {
		look_for(guests, sandbox, now_usec);
	} else if (!sandbox->looked_again && now_usec - sandbox->found_usec >= AGAIN_USEC) {
		sandbox->looked_again = true;
		look_for(guests, sandbox, now_usec);
	}
}

/* kata's Go shim makes the file "oom" in the bundle, for CRI-O, when the guest's kernel has killed in
 * the container. There is one file, however many kills. It may be there before the guest was first asked
 * for the container. */
static void look_for_kill(struct guests *guests, struct container *container)
{
	char path[sizeof((struct record *)NULL)->bundle + sizeof "/oom"];
	struct stat st;

	if (!container->bundle || container->own_kills.by_events > 0 ||
	    (container->state != LIFE_CREATED && container->state != LIFE_RUNNING))
		return;
	(void)snprintf(path, sizeof path, "%s/oom", container->bundle);
	if (stat(path, &st) < 0)
		return;
	container->guest_killed_usec =
		(uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec / 1000;
	guest_news_of_container(&guests->news, container, GUEST_KILL);
}

static void look_for_kills(struct guests *guests, const struct sandbox *sandbox)
{
	for (struct container *container = sandbox->containers; container;
	     container = container->next_in_sandbox)
		look_for_kill(guests, container);
}

/* The container is not in the guest any more, or the machine is gone. The record may stay for long: the
 * kubelet removes ended containers with their pod, or when there are too many. */
static void end_container(struct guests *guests, struct container *container)
{
	look_for_kill(guests, container);
	guest_news_of_container(&guests->news, container, GUEST_LOST);
}

static void read_host(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	const bool had_vmm = sandbox->vmm.had_vmm;
	struct error err;

	int r = sandbox_read_host(sandbox, guests->roots->cgroup_fd, now_usec, &err);
	if (r < 0)
		set_fault(sandbox, err.text);
	for (struct container *container = r == -ESRCH && had_vmm ? sandbox->containers : NULL; container;
	     container = container->next_in_sandbox)
		end_container(guests, container);
	if (!sandbox->had_container && sandbox_is_measured(sandbox)) {
		sandbox->prestart_bytes = sandbox->memory.charge_bytes;
		sandbox->boot_bytes =
			sandbox->memory.ram_bytes == VMM_UNKNOWN ? 0 : sandbox->memory.ram_bytes;
	}
}

/* ---- Both ---- */

static void judge(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	const bool settled = now_usec - sandbox->created_usec >= SETTLED_USEC;
	enum overhead_fit fit = overhead_judge(sandbox->most_fixed_bytes, sandbox->declared_bytes,
					       guests->settings->waste_ratio, settled);

	/* Outside Kubernetes no overhead is declared, and no kubelet limits the pod. */
	if (fit == OVERHEAD_FITS || sandbox->told[fit] || !sandbox->has_record || !sandbox->pod_name[0])
		return;
	sandbox->told[fit] = true;
	guest_news_of_sandbox(&guests->news, sandbox,
			      fit == OVERHEAD_TOO_SMALL ? GUEST_TOO_SMALL : GUEST_WASTEFUL);
}

/* Takes the split into the pod's highest values, and keeps them. */
static void take_split(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	const struct overhead_split *split = &sandbox->split;

	if (!split->is_known)
		return;
	if (split->used_bytes > sandbox->most_used_bytes)
		sandbox->most_used_bytes = split->used_bytes;
	if (sandbox->memory.charge_is_resident)
		set_fault(sandbox, "its cgroups do not tell all: the charge is what its processes hold");
	if (sandbox->missed_start || split->apart_usec > CLOSE_USEC)
		return;
	const bool has_droppable =
		!sandbox->memory.charge_is_resident && sandbox->memory.inactive_file_bytes != VMM_UNKNOWN;
	const uint64_t droppable = has_droppable ? sandbox->memory.inactive_file_bytes : 0;
	const int64_t fixed =
		overhead_fixed(sandbox->memory.charge_bytes, droppable, sandbox->most_used_bytes);
	if (!sandbox->is_kept || fixed > sandbox->most_fixed_bytes)
		sandbox->most_fixed_bytes = fixed;
	sandbox->is_kept = true;
	keep(guests, sandbox, now_usec);
	/* A machine that is not in the pod's cgroups is not held by the pod's limit. */
	if (!sandbox->memory.charge_is_resident)
		judge(guests, sandbox, now_usec);
}

/* A guest that does not answer in two passes in a row, while its machine is there, is a fault. Once is none:
 * the pod may be ending, or the machine still be booting. */
static void note_fault(struct guests *guests, struct sandbox *sandbox)
{
	char fault[sizeof sandbox->fault], apart[QUANTITY_MAX];
	const struct overhead_split *split = &sandbox->split;

	if (split->is_known) {
		sandbox->fault[0] = '\0';
		sandbox->failed = 0;
		return;
	}
	/* A fault that is there already says more: why one did not answer while the other
	 * answers grew old. */
	if (!sandbox->fault[0] && split->apart_usec > guests->settings->interval_usec) {
		(void)snprintf(fault, sizeof fault, "the guest was asked %s before the host was read",
			       quantity_format_duration(split->apart_usec, apart));
		set_fault(sandbox, fault);
	}
	if (sandbox_is_measured(sandbox) && sandbox->fault[0] && ++sandbox->failed >= 2)
		tell_fault(guests, sandbox);
}

/* Reads the host's side, and compares it with the guest's answers so far. */
static void compare(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	read_host(guests, sandbox, now_usec);
	sandbox_split(sandbox, guests->settings->interval_usec);
	note_fault(guests, sandbox);
	take_split(guests, sandbox, now_usec);
}

/* Nobody is left to ask. The host's side is read at once, so that both sides are close together. */
static void end_pass(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	sandbox->in_pass = false;
	compare(guests, sandbox, now_usec);
}

static void go_on(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	struct error err;

	int r = sandbox_ask_next(sandbox, guests->fd, guests->settings->deadline_usec, now_usec, &err);
	if (r < 0)
		set_fault(sandbox, err.text);
	if (r != 0)
		end_pass(guests, sandbox, now_usec);
}

static void begin_pass(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	sandbox->pass_usec = now_usec;
	sandbox->pass++;
	sandbox->in_pass = true;
	for (struct container *container = sandbox->containers; container;
	     container = container->next_in_sandbox) {
		const bool has_ended = life_is_over(container->state);
		container->guest_answer = has_ended ? GUEST_ABSENT : GUEST_UNANSWERED;
		if (has_ended)
			container->guest_pass = sandbox->pass; /* not asked for */
	}
	find_machine(guests, sandbox, now_usec);
	go_on(guests, sandbox, now_usec);
}

/* ---- Answers ---- */

/* Unknown counts as 0. The working set is then rather too large than too small. */
static uint64_t known(uint64_t bytes)
{
	return bytes == GUEST_UNKNOWN ? 0 : bytes;
}

static void take_answer(struct guests *guests, struct container *container, const struct guest_stats *stats,
			uint64_t asked_usec, uint64_t now_usec)
{
	const uint64_t max_bytes =
		stats->limit_bytes == GUEST_UNKNOWN ? MEMORY_UNLIMITED : stats->limit_bytes;
	const struct memory memory = {
		.current_bytes = stats->usage_bytes,
		.anon_bytes = known(stats->anon_bytes),
		.file_bytes = known(stats->file_bytes),
		.inactive_file_bytes = known(stats->inactive_file_bytes),
		.kernel_bytes = known(stats->kernel_bytes),
	};

	container->guest_answer = GUEST_ANSWERED;
	container->guest_usec = asked_usec;
	if (life_is_over(container->state))
		return;
	container_take_guest_sample(container, &memory, max_bytes, now_usec);
	guest_news_of_container(&guests->news, container, GUEST_MEASURED);
}

static void take_absence(struct guests *guests, struct container *container)
{
	container->guest_answer = GUEST_ABSENT;
	end_container(guests, container);
}

static void on_guest(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	struct guest_stats stats;
	struct container *container;
	struct error err;
	const bool was_asked = sandbox->asking == SANDBOX_ASKING;

	int r = sandbox_take_answer(sandbox, guests->fd, &stats, &container, &err);
	if (r == 0)
		return;
	if (r > 0 && container)
		take_answer(guests, container, &stats, sandbox->asked_usec, now_usec);
	else if (r == -ENOENT && sandbox->guest && container)
		take_absence(guests, container);
	/* A fault of one container: the others are still asked. */
	else if (r < 0 && was_asked)
		set_fault(sandbox, err.text);
	if (!sandbox->in_pass || !was_asked)
		return;
	if (sandbox->guest)
		go_on(guests, sandbox, now_usec);
	else
		end_pass(guests, sandbox, now_usec);
}

void guests_read(struct guests *guests, uint64_t now_usec)
{
	struct epoll_event events[64];

	/* If more are ready, epoll reports them again. */
	int n = epoll_wait(guests->fd, events, sizeof events / sizeof *events, 0);
	for (int i = 0; i < n; i++) {
		struct sandbox *sandbox = events[i].data.ptr;
		if (sandbox->guest)
			on_guest(guests, sandbox, now_usec);
	}
}

/* ---- Time ---- */

static void check_deadline(struct guests *guests, struct sandbox *sandbox, uint64_t now_usec)
{
	char fault[sizeof sandbox->fault], deadline[QUANTITY_MAX];

	if (!sandbox_is_overdue(sandbox, guests->settings->deadline_usec, now_usec))
		return;
	sandbox->asking = SANDBOX_LATE;
	(void)snprintf(fault, sizeof fault, "the guest has not answered within %s",
		       quantity_format_duration(guests->settings->deadline_usec, deadline));
	set_fault(sandbox, fault);
	end_pass(guests, sandbox, now_usec);
}

static bool is_due(const struct guests *guests, const struct sandbox *sandbox, uint64_t now_usec)
{
	/* Each round until the first container comes, so that the last reading before it is fresh. Unsigned:
	 * a clock that was set back makes the pod due. */
	return (!sandbox->had_container && now_usec - sandbox->created_usec < SETTLED_USEC) ||
	       sandbox->pass == 0 || now_usec - sandbox->pass_usec >= guests->settings->interval_usec;
}

void guests_begin_round(struct guests *guests, uint64_t now_usec)
{
	guests->round++;
	for (size_t i = 0; i < guests->registry->n_sandboxes; i++) {
		struct sandbox *sandbox = guests->registry->sandboxes[i];
		check_deadline(guests, sandbox, now_usec);
		if (!is_due(guests, sandbox, now_usec))
			continue;
		look_for_kills(guests, sandbox);
		if (sandbox->asking == SANDBOX_SILENT) {
			begin_pass(guests, sandbox, now_usec);
		} else {
			/* An answer is awaited: this shim is not asked more, but the host is read. */
			sandbox->pass_usec = now_usec;
			find_machine(guests, sandbox, now_usec);
			compare(guests, sandbox, now_usec);
		}
	}
}

/* ---- Records ---- */

/* The first container's record is there, but the container does not run yet: the charge is
 * the machine's own. */
static void before_first_container(struct guests *guests, struct sandbox *sandbox,
				   const struct record *record, bool is_late, uint64_t now_usec)
{
	if (!sandbox->has_record || is_late) {
		sandbox->missed_start = !sandbox->is_kept;
		return;
	}
	if (now_usec - record->created_usec < FIRST_USEC) {
		find_machine(guests, sandbox, now_usec);
		read_host(guests, sandbox, now_usec);
	}
	if (sandbox->prestart_bytes > 0)
		guest_news_of_sandbox(&guests->news, sandbox, GUEST_PRESTART);
}

void guests_take_record(struct guests *guests, struct container *container, const struct record *record,
			bool is_late, uint64_t now_usec)
{
	/* Outside Kubernetes each container has a machine of its own. */
	const char *id = record->is_sandbox || !record->sandbox_id[0] ? record->id : record->sandbox_id;
	const bool own = strcmp(id, record->id) == 0, new = !container->sandbox;

	if (!record->is_vm)
		return;
	struct sandbox *sandbox =
		container->sandbox ? container->sandbox : registry_find_sandbox(guests->registry, id);
	if (!sandbox)
		sandbox = registry_add_sandbox(guests->registry, id);
	if (!sandbox)
		return; /* out of memory: tried again with the next record */
	if (sandbox_take_record(sandbox, record, own) < 0) {
		if (sandbox->n_records == 0)
			registry_remove_sandbox(guests->registry, sandbox);
		return;
	}
	container->sandbox = sandbox;
	sandbox->n_records += new;
	if (own && new)
		recall(guests, sandbox);
	if (!new || record->is_sandbox)
		return;
	if (!sandbox->had_container)
		before_first_container(guests, sandbox, record, is_late, now_usec);
	sandbox_add_container(sandbox, container);
}
