/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/account.h"

#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"

const char *const vm_part_names[] = {
	[VM_RAM] = "ram",         [VM_ANON] = "vmm_anon",
	[VM_FILE] = "vmm_file",   [VM_VIRTIOFSD] = "virtiofsd",
	[VM_SHIM] = "shim",       [VM_PAGETABLES] = "pagetables",
	[VM_KERNEL] = "kernel",   [VM_DROPPABLE] = "droppable",
	[VM_OUTSIDE] = "outside", [VM_PARTS_COUNT] = NULL,
};

uint64_t account_vm_part(const struct sandbox *sandbox, enum vm_part part)
{
	static const size_t offsets[] = {
		[VM_RAM] = offsetof(struct vmm_memory, ram_bytes),
		[VM_ANON] = offsetof(struct vmm_memory, vmm_anon_bytes),
		[VM_FILE] = offsetof(struct vmm_memory, vmm_file_bytes),
		[VM_VIRTIOFSD] = offsetof(struct vmm_memory, virtiofsd_bytes),
		[VM_SHIM] = offsetof(struct vmm_memory, shim_bytes),
		[VM_PAGETABLES] = offsetof(struct vmm_memory, pagetables_bytes),
		[VM_KERNEL] = offsetof(struct vmm_memory, kernel_bytes),
		[VM_DROPPABLE] = offsetof(struct vmm_memory, inactive_file_bytes),
		[VM_OUTSIDE] = offsetof(struct vmm_memory, outside_bytes),
	};
	uint64_t bytes;

	if (!sandbox_is_measured(sandbox))
		return VMM_UNKNOWN;
	memcpy(&bytes, (const char *)&sandbox->memory + offsets[part], sizeof bytes);
	return bytes;
}

static struct account *account_of(struct accounts *accounts, const char *handler, bool is_vm)
{
	for (size_t i = 0; i < accounts->n; i++)
		if (strcmp(accounts->handlers[i].handler, handler) == 0) {
			accounts->handlers[i].is_vm |= is_vm;
			return &accounts->handlers[i];
		}
	if (accounts->n == ACCOUNTS_MAX)
		return NULL;
	accounts->handlers[accounts->n] = (struct account){.handler = handler, .is_vm = is_vm};
	return &accounts->handlers[accounts->n++];
}

static void add_container(struct account *account, const struct container *container)
{
	const uint64_t working_set_bytes = memory_working_set(&container->memory);

	account->containers++;
	account->working_set_bytes += working_set_bytes;
	account->prestart_bytes += container->prestart_bytes;
	account->conmons += container->conmon_bytes > 0;
	account->conmon_bytes += container->conmon_bytes;
	if (container->declared_bytes == DECISION_UNLIMITED)
		return;
	account->declared_bytes += container->declared_bytes;
	if (container->declared_bytes > working_set_bytes)
		account->slack_bytes += container->declared_bytes - working_set_bytes;
}

/* Adds, bounded to int64_t: signed numbers come from what a guest says, which can be anything. */
static void add_signed(int64_t *sum, int64_t bytes)
{
	if (__builtin_add_overflow(*sum, bytes, sum))
		*sum = bytes < 0 ? INT64_MIN : INT64_MAX;
}

static void add_sandbox(struct account *account, const struct sandbox *sandbox)
{
	account->overhead_declared_bytes += sandbox->declared_bytes;
	account->prestart_bytes += sandbox->prestart_bytes;
	if (!sandbox_is_measured(sandbox))
		return;
	account->machines++;
	account->charge_bytes += sandbox->memory.charge_bytes;
	for (enum vm_part part = 0; part < VM_PARTS_COUNT; part++) {
		uint64_t bytes = account_vm_part(sandbox, part);
		account->parts_bytes[part] += bytes == VMM_UNKNOWN ? 0 : bytes;
	}
	if (!sandbox->split.is_known)
		return;
	account->answered++;
	account->used_bytes += sandbox->split.used_bytes;
	add_signed(&account->overhead_bytes, sandbox->split.overhead_bytes);
	if (sandbox->split.unused_is_known)
		add_signed(&account->unused_bytes, sandbox->split.unused_bytes);
}

/* ---- Pods ---- */

struct pod {
	uint64_t hash;
	struct account *account; /* NULL: counts only in the total */
};

static int compare_pod(const void *a, const void *b)
{
	const struct pod *left = a, *right = b;
	return (left->hash > right->hash) - (left->hash < right->hash);
}

static bool is_counted(const struct container *container)
{
	return container->state == LIFE_RUNNING || (container->sandbox && container->is_sandbox);
}

/* Counts each pod once, however many containers it has. */
static void count_pods(const struct registry *registry, struct accounts *accounts)
{
	size_t n = 0;

	cleanup_free struct pod *pods =
		calloc(registry->n_containers ? registry->n_containers : 1, sizeof *pods);
	if (!pods)
		return;
	for (size_t i = 0; i < registry->n_containers; i++) {
		const struct container *container = registry->containers[i];
		if (container->pod_hash && is_counted(container))
			pods[n++] = (struct pod){container->pod_hash,
						 account_of(accounts, container->runtime, container->is_vm)};
	}
	qsort(pods, n, sizeof *pods, compare_pod);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && pods[i].hash == pods[i - 1].hash)
			continue;
		accounts->total.pods++;
		if (pods[i].account)
			pods[i].account->pods++;
	}
}

void account_make(const struct registry *registry, const struct handlers *handlers, uint64_t interval_usec,
		  uint64_t now_usec, struct accounts *ret)
{
	struct account *account;

	*ret = (struct accounts){0};
	for (size_t i = 0; i < registry->n_containers; i++) {
		const struct container *container = registry->containers[i];
		if (container->state != LIFE_RUNNING ||
		    !container_is_current(container, interval_usec, now_usec))
			continue;
		add_container(&ret->total, container);
		if ((account = account_of(ret, container->runtime, container->is_vm)))
			add_container(account, container);
	}
	for (size_t i = 0; i < registry->n_sandboxes; i++) {
		const struct sandbox *sandbox = registry->sandboxes[i];
		add_sandbox(&ret->total, sandbox);
		if ((account = account_of(ret, sandbox->handler, true)))
			add_sandbox(account, sandbox);
	}
	for (size_t i = 0; i < handlers->n; i++) {
		const struct handler *handler = &handlers->list[i]->handler;
		if ((account = account_of(ret, handler->name, true)))
			account->recommended_bytes = handlers_recommend(handler);
	}
	count_pods(registry, ret);
}
