/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT, "what guest_events() says is for poll(2)");

struct sandbox *sandbox_new(const char *id)
{
	struct sandbox *sandbox = calloc(1, sizeof *sandbox);
	if (!sandbox)
		return NULL;
	sandbox->id = strdup(id);
	if (!sandbox->id) {
		free(sandbox);
		return NULL;
	}
	return sandbox;
}

static void sandbox_lose_machine(struct sandbox *sandbox)
{
	vmm_close(&sandbox->vmm);
	sandbox->vmm = (struct vmm){0};
	sandbox->is_found = false;
	sandbox->host_usec = 0;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	sandbox_disconnect(sandbox);
	sandbox_lose_machine(sandbox);
	free(sandbox->id);
	free(sandbox->namespace);
	free(sandbox->pod_name);
	free(sandbox->bundle);
	free(sandbox);
}

int sandbox_compare(const void *a, const void *b)
{
	return strcmp(((const struct sandbox *)a)->id, ((const struct sandbox *)b)->id);
}

static int set_text(char **member, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

int sandbox_take_record(struct sandbox *sandbox, const struct record *record, bool own)
{
	if (!own && sandbox->bundle)
		return 0;
	if (set_text(&sandbox->bundle, record->bundle) < 0 ||
	    set_text(&sandbox->pod_name, record->pod_name) < 0 ||
	    set_text(&sandbox->namespace, record->identity.namespace) < 0)
		return -ENOMEM;
	memcpy(sandbox->handler, record->runtime, sizeof sandbox->handler);
	sandbox->created_usec = record->created_usec;
	sandbox->declared_bytes = record->overhead_bytes;
	sandbox->has_record = own;
	return 0;
}

void sandbox_add_container(struct sandbox *sandbox, struct container *container)
{
	struct container **at = &sandbox->containers;
	while (*at)
		at = &(*at)->next_in_sandbox;
	*at = container;
	sandbox->had_container = true;
}

void sandbox_remove_container(struct sandbox *sandbox, struct container *container)
{
	for (struct container **at = &sandbox->containers; *at; at = &(*at)->next_in_sandbox)
		if (*at == container) {
			*at = container->next_in_sandbox;
			container->next_in_sandbox = NULL;
			break;
		}
	/* An answer for this container may still come, and is then ignored. */
	if (sandbox->asked == container)
		sandbox->asked = NULL;
}

/* ---- The host's side ---- */

int sandbox_find(struct sandbox *sandbox, int host_run_fd, int proc_fd, bool whole_proc, struct error *err)
{
	struct sandbox_files files = {0};
	struct vmm vmm = {0};

	/* If the files do not tell, the machine may still be found below the shim. */
	(void)sandbox_files_read(host_run_fd, sandbox->bundle, sandbox->id, &files, NULL);
	if (files.address[0] && !sandbox->guest)
		memcpy(sandbox->address, files.address, sizeof sandbox->address);

	const pid_t hints[VMM_PARTS] = {[VMM_VMM] = files.vmm_pid,
					[VMM_VIRTIOFSD] = files.virtiofsd_pid,
					[VMM_SHIM] = files.shim_pid};
	int r = vmm_find(proc_fd, sandbox->id, hints, whole_proc, &vmm, err);
	if (r < 0)
		return r;
	const bool is_whole = vmm_has(&vmm, VMM_VMM);
	/* A machine that was found stays until one with a VMM is found. */
	if (is_whole || !sandbox->is_found) {
		vmm_close(&sandbox->vmm);
		sandbox->vmm = vmm;
		sandbox->is_found = true;
	} else {
		vmm_close(&vmm);
	}
	return is_whole ? 0
			: error_set(err, ESRCH, "no virtual machine is found below the shim of %s",
				    sandbox->id);
}

int sandbox_read_host(struct sandbox *sandbox, int cgroup_fd, uint64_t now_usec, struct error *err)
{
	sandbox->host_usec = 0;
	if (!sandbox->is_found)
		return error_set(err, ESRCH, "no virtual machine is found");
	int r = vmm_read(&sandbox->vmm, cgroup_fd, &sandbox->memory, err);
	if (r == -ESRCH)
		sandbox_lose_machine(sandbox);
	if (r < 0)
		return r;
	sandbox->host_usec = now_usec;
	return 0;
}

bool sandbox_is_measured(const struct sandbox *sandbox)
{
	return sandbox->host_usec > 0 && vmm_has(&sandbox->vmm, VMM_VMM);
}

/* ---- The guest's side ---- */

static int sandbox_poll(struct sandbox *sandbox, int epoll_fd, struct error *err)
{
	const short events = guest_events(sandbox->guest);
	struct epoll_event event = {.events = (uint32_t)events, .data.ptr = sandbox};

	if (events == sandbox->polled)
		return 0;
	if (epoll_ctl(epoll_fd, sandbox->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, guest_fd(sandbox->guest),
		      &event) < 0)
		return error_errno(err, errno, "cannot wait for the shim");
	sandbox->polled = events;
	return 0;
}

void sandbox_disconnect(struct sandbox *sandbox)
{
	/* Closing the descriptor removes it from the epoll. */
	guest_free(sandbox->guest);
	sandbox->guest = NULL;
	sandbox->polled = 0;
	sandbox->asking = SANDBOX_SILENT;
	sandbox->asked = NULL;
}

static int sandbox_connect(struct sandbox *sandbox, struct error *err)
{
	if (!sandbox->address[0])
		return error_set(err, ENOENT, "where its shim listens is not known");
	return guest_new(&sandbox->guest, sandbox->address, err);
}

int sandbox_ask_next(struct sandbox *sandbox, int epoll_fd, uint64_t deadline_usec, uint64_t now_usec,
		     struct error *err)
{
	struct container *container = sandbox->containers;

	while (container && container->guest_pass == sandbox->pass)
		container = container->next_in_sandbox;
	if (!container)
		return 1;
	int r = sandbox->guest ? 0 : sandbox_connect(sandbox, err);
	if (r == 0)
		r = guest_ask(sandbox->guest, container->id, deadline_usec * 1000, err);
	if (r == 0)
		r = sandbox_poll(sandbox, epoll_fd, err);
	if (r < 0) {
		sandbox_disconnect(sandbox);
		return r;
	}
	container->guest_pass = sandbox->pass;
	sandbox->asked = container;
	sandbox->asking = SANDBOX_ASKING;
	sandbox->asked_usec = now_usec;
	return 0;
}

int sandbox_take_answer(struct sandbox *sandbox, int epoll_fd, struct guest_stats *ret,
			struct container **ret_container, struct error *err)
{
	struct error fault;

	*ret_container = NULL;
	int r = guest_on_ready(sandbox->guest, ret, err);
	if (r != 0) {
		/* A late answer is from another time than the host's reading. */
		*ret_container = sandbox->asking == SANDBOX_ASKING ? sandbox->asked : NULL;
		sandbox->asking = SANDBOX_SILENT;
		sandbox->asked = NULL;
	}
	int lost = guest_fd(sandbox->guest) < 0 ? error_set(&fault, ECONNRESET, "the shim has hung up")
						: sandbox_poll(sandbox, epoll_fd, &fault);
	if (lost < 0)
		sandbox_disconnect(sandbox);
	if (lost < 0 && r >= 0) {
		*ret_container = NULL;
		*err = fault;
		return lost;
	}
	return r;
}

bool sandbox_is_overdue(const struct sandbox *sandbox, uint64_t deadline_usec, uint64_t now_usec)
{
	/* Unsigned: a clock that was set back makes the answer overdue too. */
	return sandbox->asking == SANDBOX_ASKING && now_usec - sandbox->asked_usec >= deadline_usec;
}

/* ---- Both ---- */

void sandbox_split(struct sandbox *sandbox, uint64_t max_apart_usec)
{
	const struct overhead_host host = {sandbox->host_usec, sandbox->memory.charge_bytes,
					   sandbox->memory.ram_bytes};
	struct overhead_guest guest = {0};

	sandbox->split = (struct overhead_split){0};
	if (!sandbox_is_measured(sandbox))
		return;
	for (const struct container *container = sandbox->containers; container;
	     container = container->next_in_sandbox)
		if (container->guest_answer == GUEST_ANSWERED)
			overhead_add_use(&guest, container->memory.current_bytes, container->guest_usec);
		else if (container->guest_answer == GUEST_UNANSWERED)
			overhead_add_unknown(&guest);
	overhead_split(&host, &guest, max_apart_usec, &sandbox->split);
}
