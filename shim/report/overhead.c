/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/overhead.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "oci/json.h"

#define COUNT(fields) (sizeof(fields) / sizeof *(fields))

#define HANDLER_ROW(path, kind, member) JSON_FIELD(path, kind, struct overhead_handler, member)
#define HANDLER_AMOUNT(path, member) \
	JSON_FIELD_UNLESS(path, JSON_UINT, struct overhead_handler, member, OVERHEAD_UNKNOWN)
static const struct json_field handler_fields[] = {
	JSON_FIELD_UNLESS("handler", JSON_STRING, struct overhead_handler, name, 0),
	HANDLER_ROW("vm", JSON_BOOL, is_vm),
	HANDLER_AMOUNT("pods", pods),
	HANDLER_AMOUNT("containers", containers),
	HANDLER_AMOUNT("declared", declared_bytes),
	HANDLER_AMOUNT("working_set", working_set_bytes),
	HANDLER_AMOUNT("slack", slack_bytes),
	HANDLER_AMOUNT("prestart", prestart_bytes),
	HANDLER_AMOUNT("conmon", conmons),
	HANDLER_AMOUNT("conmon_bytes", conmon_bytes),
	HANDLER_AMOUNT("overhead_declared", overhead_declared_bytes),
	HANDLER_AMOUNT("recommended", recommended_bytes),
	HANDLER_AMOUNT("machines", machines),
	HANDLER_AMOUNT("answered", answered),
	JSON_FIELD_UNLESS("overhead", JSON_INT, struct overhead_handler, overhead_bytes,
			  (uint64_t)OVERHEAD_UNKNOWN_SIGNED),
};

#define SANDBOX_ROW(path, kind, member) JSON_FIELD(path, kind, struct overhead_sandbox, member)
#define SANDBOX_UNLESS(path, kind, member, value) \
	JSON_FIELD_UNLESS(path, kind, struct overhead_sandbox, member, value)
#define SANDBOX_AMOUNT(path, member) SANDBOX_UNLESS(path, JSON_UINT, member, OVERHEAD_UNKNOWN)
#define SANDBOX_SIGNED(path, member) SANDBOX_UNLESS(path, JSON_INT, member, (uint64_t)OVERHEAD_UNKNOWN_SIGNED)
#define CONTAINER_ROW(path, member)  JSON_FIELD(path, JSON_STRING, struct overhead_container, member)
#define CONTAINER_AMOUNT(path, member) \
	JSON_FIELD_UNLESS(path, JSON_UINT, struct overhead_container, member, OVERHEAD_UNKNOWN)
static const struct json_field container_fields[] = {
	CONTAINER_ROW("id", id),
	CONTAINER_ROW("name", name),
	CONTAINER_AMOUNT("usage", usage_bytes),
	CONTAINER_AMOUNT("working_set", working_set_bytes),
	CONTAINER_AMOUNT("limit", limit_bytes),
};
static const struct json_objects container_rows = {
	.fields = container_fields,
	.n_fields = COUNT(container_fields),
	.size = sizeof(struct overhead_container),
	.count_offset = offsetof(struct overhead_sandbox, n_containers),
	.max = OVERHEAD_CONTAINERS_MAX,
};

static const struct json_field sandbox_fields[] = {
	SANDBOX_ROW("id", JSON_STRING, id),
	SANDBOX_ROW("handler", JSON_STRING, handler),
	SANDBOX_ROW("namespace", JSON_STRING, namespace),
	SANDBOX_ROW("pod", JSON_STRING, pod),
	SANDBOX_ROW("vm", JSON_BOOL, is_vm),
	SANDBOX_AMOUNT("overhead_declared", overhead_declared_bytes),
	SANDBOX_UNLESS("usec", JSON_UINT, host_usec, 0),
	SANDBOX_UNLESS("guest_usec", JSON_UINT, guest_usec, 0),
	SANDBOX_AMOUNT("charge", charge_bytes),
	SANDBOX_AMOUNT("ram", ram_bytes),
	SANDBOX_ROW("ram_shared", JSON_BOOL, ram_is_shared),
	SANDBOX_AMOUNT("vmm_anon", vmm_anon_bytes),
	SANDBOX_AMOUNT("vmm_file", vmm_file_bytes),
	SANDBOX_AMOUNT("virtiofsd", virtiofsd_bytes),
	SANDBOX_AMOUNT("shim", shim_bytes),
	SANDBOX_AMOUNT("pagetables", pagetables_bytes),
	SANDBOX_AMOUNT("kernel", kernel_bytes),
	SANDBOX_AMOUNT("guest_used", guest_used_bytes),
	SANDBOX_SIGNED("overhead", overhead_bytes),
	SANDBOX_SIGNED("unused", unused_bytes),
	SANDBOX_SIGNED("fixed", fixed_bytes),
	SANDBOX_AMOUNT("droppable", droppable_bytes),
	SANDBOX_AMOUNT("outside", outside_bytes),
	SANDBOX_AMOUNT("prestart", prestart_bytes),
	SANDBOX_AMOUNT("boot", boot_bytes),
	SANDBOX_AMOUNT("ram_size", ram_size_bytes),
	SANDBOX_AMOUNT("apart_usec", apart_usec),
	SANDBOX_UNLESS("ram_hugetlb", JSON_BOOL, ram_is_hugetlb, 0),
	SANDBOX_UNLESS("vmm_pid", JSON_UINT, vmm_pid, 0),
	SANDBOX_UNLESS("fault", JSON_STRING, fault, 0),
	JSON_FIELD_NESTED("containers", JSON_OBJECTS, struct overhead_sandbox, containers, &container_rows),
};
_Static_assert(COUNT(sandbox_fields) <= JSON_FIELDS_MAX, "json_read() would refuse every one");

static const struct json_objects handler_rows = {
	.fields = handler_fields,
	.n_fields = COUNT(handler_fields),
	.size = sizeof(struct overhead_handler),
	.count_offset = offsetof(struct overhead, n_handlers),
	.max = OVERHEAD_HANDLERS_MAX,
};
static const struct json_objects sandbox_rows = {
	.fields = sandbox_fields,
	.n_fields = COUNT(sandbox_fields),
	.size = sizeof(struct overhead_sandbox),
	.count_offset = offsetof(struct overhead, n_sandboxes),
	.max = OVERHEAD_SANDBOXES_MAX,
};

#define FILE_ROW(path, kind, member)          JSON_FIELD(path, kind, struct overhead, member)
#define FILE_NESTED(path, kind, member, rows) JSON_FIELD_NESTED(path, kind, struct overhead, member, rows)
static const struct json_field file_fields[] = {
	FILE_ROW("v", JSON_UINT, version),
	FILE_ROW("usec", JSON_UINT, written_usec),
	FILE_ROW("interval_usec", JSON_UINT, interval_usec),
	FILE_ROW("left_out", JSON_UINT, left_out),
	FILE_NESTED("node", JSON_OBJECT, node, &handler_rows),
	FILE_NESTED("handlers", JSON_OBJECTS, handlers, &handler_rows),
	FILE_NESTED("sandboxes", JSON_OBJECTS, sandboxes, &sandbox_rows),
};

/* ---- Reading ---- */

/* 256 TiB: no node has so much, and a sum over OVERHEAD_SANDBOXES_MAX does not overflow. */
#define AMOUNT_MAX (INT64_C(1) << 48)

/* Makes values unknown that are too high for an amount, a count or a span of time. Points in time are never
 * touched: their skip_value is not OVERHEAD_UNKNOWN. */
static void drop_senseless(const struct json_objects *rows, void *object)
{
	const uint64_t unknown = OVERHEAD_UNKNOWN;
	const int64_t unknown_signed = OVERHEAD_UNKNOWN_SIGNED;

	for (const struct json_field *field = rows->fields; field < rows->fields + rows->n_fields; field++) {
		char *member = (char *)object + field->offset;
		uint64_t value;
		int64_t value_signed;
		if (field->kind == JSON_UINT && field->skip && field->skip_value == unknown) {
			memcpy(&value, member, sizeof value);
			if (value > (uint64_t)AMOUNT_MAX)
				memcpy(member, &unknown, sizeof unknown);
		} else if (field->kind == JSON_INT) {
			memcpy(&value_signed, member, sizeof value_signed);
			if (value_signed > AMOUNT_MAX || value_signed < -AMOUNT_MAX)
				memcpy(member, &unknown_signed, sizeof unknown_signed);
		}
	}
}

static void drop_all_senseless(struct overhead *overhead)
{
	drop_senseless(&handler_rows, &overhead->node);
	for (size_t i = 0; i < overhead->n_handlers; i++)
		drop_senseless(&handler_rows, &overhead->handlers[i]);
	for (size_t i = 0; i < overhead->n_sandboxes; i++) {
		struct overhead_sandbox *sandbox = &overhead->sandboxes[i];
		drop_senseless(&sandbox_rows, sandbox);
		if (sandbox->vmm_pid > INT_MAX)
			sandbox->vmm_pid = 0;
		for (size_t c = 0; c < sandbox->n_containers; c++)
			drop_senseless(&container_rows, &sandbox->containers[c]);
	}
}

int overhead_parse(const char *text, size_t length, struct overhead *ret, struct error *err)
{
	struct overhead overhead = {0};
	struct error fault = {0};

	int r = json_read(text, length, file_fields, COUNT(file_fields), &overhead, &fault);
	if (overhead.version > OVERHEAD_VERSION)
		r = error_set(err, ENOTSUP, "%s is of version %llu, newer than this program knows",
			      OVERHEAD_FILE, (unsigned long long)overhead.version);
	else if (r == 0 && overhead.version == 0)
		r = error_set(err, EBADMSG, "%s: it has no version", OVERHEAD_FILE);
	else if (r < 0)
		r = error_set(err, -r, "%s: %.160s", OVERHEAD_FILE, fault.text);
	if (r < 0) {
		overhead_free(&overhead);
		return r;
	}
	drop_all_senseless(&overhead);
	*ret = overhead;
	return 0;
}

int overhead_load(int run_fd, struct overhead *ret, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t length;

	int r = file_load_at(run_fd, OVERHEAD_FILE, OVERHEAD_SIZE_MAX, &text, &length, err);
	if (r < 0)
		return r == -E2BIG ? -EBADMSG : r;
	return overhead_parse(text, length, ret, err);
}

void overhead_free(struct overhead *overhead)
{
	for (size_t i = 0; i < overhead->n_sandboxes; i++)
		free(overhead->sandboxes[i].containers);
	free(overhead->sandboxes);
	free(overhead->handlers);
	*overhead = (struct overhead){0};
}

const struct overhead_sandbox *overhead_find(const struct overhead *overhead, const char *sandbox_id)
{
	for (size_t i = 0; i < overhead->n_sandboxes; i++)
		if (strcmp(overhead->sandboxes[i].id, sandbox_id) == 0)
			return &overhead->sandboxes[i];
	return NULL;
}

const struct overhead_container *overhead_find_container(const struct overhead *overhead,
							 const char *sandbox_id, const char *id)
{
	const struct overhead_sandbox *sandbox = overhead_find(overhead, sandbox_id);

	for (size_t i = 0; sandbox && i < sandbox->n_containers; i++)
		if (strcmp(sandbox->containers[i].id, id) == 0)
			return &sandbox->containers[i];
	return NULL;
}

/* ---- The split ---- */

static int64_t known(uint64_t bytes)
{
	return bytes > INT64_MAX ? OVERHEAD_UNKNOWN_SIGNED : (int64_t)bytes;
}

static int64_t plus(int64_t a, int64_t b)
{
	return a == OVERHEAD_UNKNOWN_SIGNED || b == OVERHEAD_UNKNOWN_SIGNED ? OVERHEAD_UNKNOWN_SIGNED : a + b;
}

static int64_t minus(int64_t a, int64_t b)
{
	return b == OVERHEAD_UNKNOWN_SIGNED ? b : plus(a, -b);
}

void overhead_take_smaps(struct overhead_sandbox *sandbox, uint64_t ram_bytes, uint64_t vmm_anon_bytes,
			 uint64_t vmm_file_bytes)
{
	sandbox->ram_bytes = ram_bytes;
	sandbox->vmm_anon_bytes = vmm_anon_bytes;
	sandbox->vmm_file_bytes = vmm_file_bytes;
	sandbox->unused_bytes = minus(known(ram_bytes), known(sandbox->guest_used_bytes));
}

void overhead_parts_of(const struct overhead_sandbox *sandbox, struct overhead_parts *ret)
{
	const int64_t anon = known(sandbox->vmm_anon_bytes), file = known(sandbox->vmm_file_bytes);
	const bool ram_has_vmm = sandbox->ram_bytes == OVERHEAD_UNKNOWN && !sandbox->ram_is_shared &&
				 anon != OVERHEAD_UNKNOWN_SIGNED;

	*ret = (struct overhead_parts){
		.bytes =
			{
				[PART_CHARGE] = known(sandbox->charge_bytes),
				[PART_RAM] = ram_has_vmm ? anon : known(sandbox->ram_bytes),
				[PART_USED] = known(sandbox->guest_used_bytes),
				[PART_UNUSED] = sandbox->unused_bytes,
				[PART_VMM] = ram_has_vmm ? file : plus(anon, file),
				[PART_VIRTIOFSD] = known(sandbox->virtiofsd_bytes),
				[PART_SHIM] = known(sandbox->shim_bytes),
				[PART_KERNEL] = known(sandbox->kernel_bytes),
				[PART_OVERHEAD] = sandbox->overhead_bytes,
			},
		.ram_has_vmm = ram_has_vmm,
	};

	/* The rest is known without virtiofsd and shim: a VM may have no virtiofsd, and its shim may
	 * be the VMM. */
	int64_t rest = ret->bytes[PART_CHARGE];
	static const enum overhead_part parts[] = {PART_RAM, PART_VMM, PART_VIRTIOFSD, PART_SHIM,
						   PART_KERNEL};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const bool may_lack = parts[i] == PART_VIRTIOFSD || parts[i] == PART_SHIM;
		if (ret->bytes[parts[i]] != OVERHEAD_UNKNOWN_SIGNED || !may_lack)
			rest = minus(rest, ret->bytes[parts[i]]);
	}
	ret->bytes[PART_REST] = rest;
}

void overhead_parts_add(struct overhead_parts *sum, const struct overhead_parts *one)
{
	for (size_t i = 0; i < PARTS_COUNT; i++) {
		const int64_t bytes = plus(sum->bytes[i], one->bytes[i]);
		if (bytes == OVERHEAD_UNKNOWN_SIGNED)
			sum->unknown[i]++;
		else
			sum->bytes[i] = bytes;
	}
	sum->ram_has_vmm |= one->ram_has_vmm;
}

/* ---- Writing ---- */

void overhead_out_handler(struct json_out *out, const char *key, const struct overhead_handler *handler)
{
	json_out_object(out, key, handler_fields, COUNT(handler_fields), handler);
}

void overhead_out_sandbox(struct json_out *out, const struct overhead_sandbox *sandbox)
{
	struct overhead_parts parts;

	overhead_parts_of(sandbox, &parts);
	json_out_open(out, NULL, '{');
	/* "rest" is not a member of the file. It goes before the containers, which are the last row. */
	json_out_members(out, sandbox_fields, COUNT(sandbox_fields) - 1, sandbox);
	if (parts.bytes[PART_REST] != OVERHEAD_UNKNOWN_SIGNED)
		json_out_int(out, "rest", parts.bytes[PART_REST]);
	json_out_members(out, sandbox_fields + COUNT(sandbox_fields) - 1, 1, sandbox);
	json_out_close(out);
}
