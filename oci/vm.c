/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/quantity.h"
#include "oci/annotations.h"

static const struct {
	const char *key;
	size_t span; /* offset in struct config */
	uint64_t unit_bytes;
} sizes[] = {
	[VM_SIZE_SANDBOX_MEMORY] = {"io.kubernetes.cri.sandbox-memory", offsetof(struct config, vm_memory),
				    1},
	[VM_SIZE_DEFAULT_MEMORY] = {"io.katacontainers.config.hypervisor.default_memory",
				    offsetof(struct config, vm_default_memory), MIB},
};

static struct json_span span_of(const struct config *config, enum vm_size size)
{
	struct json_span span;
	memcpy(&span, (const char *)config + sizes[size].span, sizeof span);
	return span;
}

/* "{"cpu_period":100000,"memory_limit_in_bytes":67108864}" */
static uint64_t memory_limit_of(const char *text, struct json_span span)
{
	const struct json_field field = {
		.path = "memory_limit_in_bytes", .kind = JSON_INT, .size = sizeof(int64_t)};
	char value[4096];
	int64_t bytes = 0;

	if (annotation_text(text, span, value, sizeof value, NULL) < 0 ||
	    json_read(value, strlen(value), &field, 1, &bytes, NULL) < 0 || bytes < 0)
		return 0;
	return (uint64_t)bytes;
}

uint64_t vm_declared_of(const char *text, const struct config *config)
{
	return memory_limit_of(text, config->pod_resources.length > 0 ? config->pod_resources
								      : config->pod_resources_old);
}

uint64_t vm_overhead_of(const char *text, const struct config *config)
{
	return memory_limit_of(text, config->pod_overhead.length > 0 ? config->pod_overhead
								     : config->pod_overhead_old);
}

int vm_size_of(const char *text, const struct config *config, enum vm_size size, uint64_t *ret_bytes,
	       struct error *err)
{
	const struct json_span span = span_of(config, size);
	char value[64];
	uint64_t number;

	if (span.length == 0) {
		*ret_bytes = 0;
		return 0;
	}
	if (annotation_text(text, span, value, sizeof value, NULL) < 0 ||
	    quantity_parse_uint(value, strlen(value), &number) < 0 ||
	    number > INT64_MAX / sizes[size].unit_bytes)
		return error_set(err, EBADMSG, "%s is no amount", sizes[size].key);
	*ret_bytes = number * sizes[size].unit_bytes;
	return 0;
}

int vm_edit_size(const char *text, const struct config *config, enum vm_size size, uint64_t bytes,
		 struct edit *ret, struct error *err)
{
	const uint64_t unit_bytes = sizes[size].unit_bytes;
	char value[24];

	(void)snprintf(value, sizeof value, "%" PRIu64, bytes / unit_bytes + (bytes % unit_bytes > 0));
	return edit_annotation(text, config, sizes[size].key, span_of(config, size), value, ret, err);
}
