/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a sandbox's config.json says about its virtual machine. The pod's author may forge these annotations,
 * but they speak only of the author's own pod. */

#include <stdint.h>

#include "oci/edit.h"

/* What the kubelet told about the pod. Bytes; 0: not told, or not understood. vm_declared_of() is the limit
 * of all containers of the pod together, vm_overhead_of() the overhead of the pod's RuntimeClass. */
uint64_t vm_declared_of(const char *text, const struct config *config);
uint64_t vm_overhead_of(const char *text, const struct config *config);

/* kata's annotations. SANDBOX_MEMORY is what the containers get, beside the default_memory of kata's own
 * settings; it counts if those settings have static_sandbox_resource_mgmt. DEFAULT_MEMORY replaces that
 * default_memory. */
enum vm_size {
	VM_SIZE_SANDBOX_MEMORY, /* io.kubernetes.cri.sandbox-memory, bytes */
	VM_SIZE_DEFAULT_MEMORY, /* io.katacontainers.config.hypervisor.default_memory, MiB */
};

/* Reads the annotation. Returns 0 with *ret_bytes set, to 0 if the annotation is absent; or -EBADMSG. */
int vm_size_of(const char *text, const struct config *config, enum vm_size size, uint64_t *ret_bytes,
	       struct error *err);

/* Makes the edit that sets the annotation to bytes, rounded up to its unit. Returns as edit_annotation(). */
int vm_edit_size(const char *text, const struct config *config, enum vm_size size, uint64_t bytes,
		 struct edit *ret, struct error *err);
