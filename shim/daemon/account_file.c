/* SPDX-License-Identifier: Apache-2.0 */

/* Writes the accounts to /run/tidemark/overhead.json, for tidemarkctl. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "oci/json.h"
#include "shim/daemon/account.h"

static void put_uint(struct json_out *out, const char *name, uint64_t value)
{
	if (value != VMM_UNKNOWN)
		json_out_uint(out, name, value);
}

/* Leaves out 0, which is "not known" here. */
static void put_known(struct json_out *out, const char *name, uint64_t value)
{
	if (value > 0)
		put_uint(out, name, value);
}

static void put_text(struct json_out *out, const char *name, const char *text)
{
	if (text && *text)
		json_out_string(out, name, text);
}

/* ---- Sums ---- */

static void put_account(struct json_out *out, const char *name, const struct account *account)
{
	json_out_open(out, name, '{');
	if (account->handler) {
		put_text(out, "handler", account->handler);
		json_out_bool(out, "vm", account->is_vm);
	}
	put_uint(out, "pods", account->pods);
	put_uint(out, "containers", account->containers);
	put_uint(out, "declared", account->declared_bytes);
	put_uint(out, "overhead_declared", account->overhead_declared_bytes);
	put_uint(out, "working_set", account->working_set_bytes);
	put_uint(out, "slack", account->slack_bytes);
	put_uint(out, "prestart", account->prestart_bytes);
	put_uint(out, "conmon", account->conmons);
	put_uint(out, "conmon_bytes", account->conmon_bytes);
	put_known(out, "recommended", account->recommended_bytes);
	if (account->machines > 0) {
		put_uint(out, "machines", account->machines);
		put_uint(out, "charge", account->charge_bytes);
		for (enum vm_part part = 0; part < VM_PARTS_COUNT; part++)
			put_uint(out, vm_part_names[part], account->parts_bytes[part]);
		put_uint(out, "answered", account->answered);
	}
	if (account->answered > 0) {
		put_uint(out, "guest_used", account->used_bytes);
		json_out_int(out, "overhead", account->overhead_bytes);
		json_out_int(out, "unused", account->unused_bytes);
	}
	json_out_close(out);
}

/* ---- Machines ---- */

static void put_container(struct json_out *out, const struct container *container, bool is_current)
{
	json_out_open(out, NULL, '{');
	put_text(out, "id", container->id);
	if (container->workload)
		put_text(out, "name", container->workload->limits.identity.container);
	if (is_current) {
		put_uint(out, "usage", container->memory.current_bytes);
		put_uint(out, "working_set", memory_working_set(&container->memory));
		put_uint(out, "limit", container->max_bytes);
		put_uint(out, "usec", container->guest_usec);
	}
	json_out_close(out);
}

static uint64_t vmm_pid(const struct vmm *vmm)
{
	for (size_t i = 0; i < vmm->n_processes; i++)
		if (vmm->processes[i].part == VMM_VMM)
			return (uint64_t)vmm->processes[i].pid;
	return 0;
}

static void put_host(struct json_out *out, const struct sandbox *sandbox)
{
	put_uint(out, "usec", sandbox->host_usec);
	put_uint(out, "charge", sandbox->memory.charge_bytes);
	json_out_bool(out, "charge_resident", sandbox->memory.charge_is_resident);
	for (enum vm_part part = 0; part < VM_PARTS_COUNT; part++)
		put_uint(out, vm_part_names[part], account_vm_part(sandbox, part));
	json_out_bool(out, "ram_shared", sandbox->memory.ram_is_shared);
	json_out_bool(out, "ram_hugetlb", sandbox->memory.ram_is_hugetlb);
	put_known(out, "ram_size", sandbox->vmm.ram_size_bytes);
	put_known(out, "vmm_pid", vmm_pid(&sandbox->vmm));
}

static void put_guest(struct json_out *out, const struct sandbox *sandbox)
{
	const struct overhead_split *split = &sandbox->split;

	put_uint(out, "guest_usec", sandbox->host_usec - split->apart_usec);
	put_uint(out, "apart_usec", split->apart_usec);
	put_uint(out, "guest_used", split->used_bytes);
	json_out_int(out, "overhead", split->overhead_bytes);
	if (split->unused_is_known)
		json_out_int(out, "unused", split->unused_bytes);
}

static void put_sandbox(struct json_out *out, const struct sandbox *sandbox, uint64_t interval_usec,
			uint64_t now_usec)
{
	json_out_open(out, NULL, '{');
	put_text(out, "id", sandbox->id);
	put_text(out, "handler", sandbox->handler);
	put_text(out, "namespace", sandbox->namespace);
	put_text(out, "pod", sandbox->pod_name);
	json_out_bool(out, "vm", true);
	if (sandbox->has_record)
		put_known(out, "overhead_declared", sandbox->declared_bytes);
	if (sandbox_is_measured(sandbox))
		put_host(out, sandbox);
	if (sandbox->split.is_known)
		put_guest(out, sandbox);
	if (sandbox->is_kept)
		json_out_int(out, "fixed", sandbox->most_fixed_bytes);
	put_known(out, "prestart", sandbox->prestart_bytes);
	put_known(out, "boot", sandbox->boot_bytes);
	put_text(out, "fault", sandbox->fault);
	json_out_open(out, "containers", '[');
	for (const struct container *container = sandbox->containers; container;
	     container = container->next_in_sandbox)
		put_container(out, container, container_is_current(container, interval_usec, now_usec));
	json_out_close(out);
	json_out_close(out);
	json_out_newline(out);
}

static void put_all(struct json_out *out, const struct registry *registry, const struct accounts *accounts,
		    uint64_t interval_usec, bool left_out, uint64_t now_usec)
{
	json_out_open(out, NULL, '{');
	put_uint(out, "v", ACCOUNT_VERSION);
	put_uint(out, "usec", now_usec);
	put_uint(out, "interval_usec", interval_usec);
	put_account(out, "node", &accounts->total);
	json_out_open(out, "handlers", '[');
	for (size_t i = 0; i < accounts->n; i++)
		put_account(out, NULL, &accounts->handlers[i]);
	json_out_close(out);
	if (left_out)
		put_uint(out, "left_out", registry->n_sandboxes);
	json_out_open(out, "sandboxes", '[');
	for (size_t i = 0; !left_out && i < registry->n_sandboxes; i++)
		put_sandbox(out, registry->sandboxes[i], interval_usec, now_usec);
	json_out_close(out);
	json_out_close(out);
	json_out_newline(out);
}

/* Bytes for the whole file, with room for escapes in names and faults. */
static size_t size_of(const struct registry *registry)
{
	size_t size = 4096 + (ACCOUNTS_MAX + 1) * 1024 + registry->n_sandboxes * 4096;

	for (size_t i = 0; i < registry->n_sandboxes; i++)
		for (const struct container *container = registry->sandboxes[i]->containers; container;
		     container = container->next_in_sandbox)
			size += 1024;
	return size < ACCOUNT_FILE_MAX ? size : ACCOUNT_FILE_MAX;
}

int account_write(const struct registry *registry, const struct accounts *accounts, uint64_t interval_usec,
		  int run_fd, uint64_t now_usec, struct error *err)
{
	const size_t size = size_of(registry);

	cleanup_free char *buf = malloc(size);
	if (!buf)
		return error_set(err, ENOMEM, "out of memory");
	struct json_out out = {.buf = buf, .size = size};
	put_all(&out, registry, accounts, interval_usec, false, now_usec);
	if (out.overflow) {
		out = (struct json_out){.buf = buf, .size = size};
		put_all(&out, registry, accounts, interval_usec, true, now_usec);
	}
	if (out.overflow)
		return error_set(err, E2BIG, "%s would be too large", ACCOUNT_FILE);
	return file_replace_at(run_fd, ACCOUNT_FILE, 0600, buf, out.length, err);
}
