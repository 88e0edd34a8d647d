/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a sandbox's config.json says of the virtual machine that it is started in. Its annotations may be forged by the
 * pod's author, but speak of that pod alone. */

#include <stdint.h>

#include "oci/edit.h"

/* Bytes; 0: not told, or not understood. */
uint64_t vm_declared_of(const char *text,
			const struct config *config); /* the limit of the pod's containers together */
uint64_t vm_overhead_of(const char *text, const struct config *config); /* the RuntimeClass's overhead */

/* kata's annotations. The first is what the containers get beside the default_memory of kata's own settings, where
 * those say static_sandbox_resource_mgmt; the second takes the place of that default_memory. */
enum vm_size {
	VM_SIZE_SANDBOX_MEMORY, /* io.kubernetes.cri.sandbox-memory, bytes */
	VM_SIZE_DEFAULT_MEMORY, /* io.katacontainers.config.hypervisor.default_memory, MiB */
};

/* Returns 0 with what the annotation says in *ret_bytes, 0 if it is not there; -EBADMSG. */
int vm_size_of(const char *text, const struct config *config, enum vm_size size, uint64_t *ret_bytes,
	       struct error *err);

/* What gives the annotation this value, rounded up to its unit. Errors as of edit_annotation(). */
int vm_edit_size(const char *text, const struct config *config, enum vm_size size, uint64_t bytes,
		 struct edit *ret, struct error *err);
