/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The fields of an OCI config.json that we need (runtime-spec, config.md and config-linux.md), and the places
 * in its text of those that we may change. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/json.h"

/* Bytes of the largest config.json that is read. CRI-O's have 7 to 20 KiB; Kubernetes allows 256 KiB of
 * annotations. */
#define CONFIG_SIZE_MAX (4u << 20)

/* No limit: the field is absent, -1, 0, "max", or at least MEMORY_LIMIT_NONE. */
#define RESOURCES_UNLIMITED UINT64_MAX

/* The members of unified that act below the limit: memory.low and memory.min protect memory from reclaim,
 * memory.high slows the container down. */
enum unified_key {
	UNIFIED_LOW,
	UNIFIED_MIN,
	UNIFIED_HIGH,
	UNIFIED_KEYS,
};
extern const char *const unified_names[UNIFIED_KEYS]; /* "memory.low", … */

/* What we wrote into unified: for a text that is edited a second time. */
struct unified_mark {
	uint64_t keys;                /* the keys that we wrote, a set of 1 << enum unified_key */
	uint64_t bytes[UNIFIED_KEYS]; /* the values that we wrote; RESOURCES_UNLIMITED: "max" */
	/* The pod's own memory.min before we lowered it to bytes[UNIFIED_MIN]. 0: not lowered. */
	uint64_t min_before_bytes;
};

/* The memory part of linux.resources. */
struct resources {
	/* Places in the text. Objects run from "{" to "}". Absent members have length 0. */
	struct json_span linux_braces, braces, memory, limit, swap, reservation, unified, unified_max;
	struct json_span unified_key[UNIFIED_KEYS];

	/* The limit that a runtime would set from this: unified's memory.max wins over memory.limit. Bytes,
	 * or RESOURCES_UNLIMITED. */
	uint64_t limit_bytes;
};

/* Bytes: a name in the Kubernetes API has at most 253. */
#define CONFIG_NAME_SIZE 256

/* Bytes: a label's value has at most 63. */
#define CONFIG_LABEL_SIZE 64

enum container_role {
	ROLE_UNKNOWN,   /* the kubelet does not say, or there is none */
	ROLE_CONTAINER, /* of spec.containers */
	ROLE_INIT,      /* of spec.initContainers, also a sidecar */
	ROLE_EPHEMERAL, /* added by a person to a running pod */
};
extern const char *const container_role_names[]; /* the kubelet's words; NULL-ended */

struct config {
	/* In a container's config.json CRI-O writes these after the pod's own annotations: the pod's author
	 * cannot forge them. */
	char pod_namespace[CONFIG_NAME_SIZE], pod_name[CONFIG_NAME_SIZE], pod_uid[64];
	char container_name[CONFIG_NAME_SIZE];
	char container_type[16]; /* "container" or "sandbox" */
	/* The pod's name; only sandboxes have this annotation. */
	struct json_span kube_name;
	char sandbox_id[80];
	char image_name[512], image_ref[512];

	/* Of a sandbox: what the kubelet told CRI-O about the pod (CRI's LinuxContainerResources as JSON;
	 * …_old: under the key of older CRI-O versions), and kata's annotations that size its virtual
	 * machine. oci/vm.h reads them. */
	struct json_span annotations; /* the whole object */
	struct json_span pod_resources, pod_resources_old, pod_overhead, pod_overhead_old;
	struct json_span vm_memory, vm_default_memory;

	/* The places of the pod's annotations that steer us. oci/annotations.h reads them. */
	struct json_span mode, workload, overrides;

	/* The arrays of the program's arguments and environment. oci/sizing.h reads them. */
	struct json_span args, env;
	/* The container's place in its pod: the kubelet's io.kubernetes.container.type. */
	struct json_span role_text;
	int role; /* enum container_role */

	int64_t oom_score_adj;
	struct resources resources;
};

/* Parses a whole config.json. Returns 0, or -EBADMSG with the reason in *err: what json_read() refuses; a
 * memory limit that is no whole number, is negative other than -1, or above 2^63 - 1; a unified memory.max
 * that is no string, is 0, or that the kernel would not accept. Returns -ENOMEM without memory. *ret is set only
 * with 0. */
int config_read(const char *text, size_t length, struct config *ret, struct error *err);

/* Parses a LinuxResources object on its own, as `update --resources` gets it. Returns as config_read(). */
int resources_read(const char *text, size_t length, struct resources *ret, struct error *err);

/* Parses the value at span: a bare number of bytes below 2^63, or a text in quotes as memory_parse_limit()
 * takes it. RESOURCES_UNLIMITED: no value, a bare -1 or 0, "max", and all from MEMORY_LIMIT_NONE on. name is
 * for the error. Returns 0 or -EBADMSG. */
int resources_parse_number(const char *text, struct json_span span, const char *name, uint64_t *ret,
			   struct error *err);

/* The labels that a pod's controller set. CRI-O writes labels, as annotations, only into the config.json of
 * the pod's sandbox. Empty: absent. */
struct pod_labels {
	char pod_template_hash[64], controller_revision_hash[CONFIG_NAME_SIZE];
	char statefulset_pod_name[CONFIG_NAME_SIZE], job_name[CONFIG_NAME_SIZE];
	char knative_service[CONFIG_LABEL_SIZE], knative_configuration[CONFIG_LABEL_SIZE];
};

/* Finds the labels in the text of a sandbox's config.json. The text is not checked to be JSON: CRI-O wrote
 * it, and a whole parse would cost more than all else that the wrapper does. */
void pod_labels_find(const char *text, size_t length, struct pod_labels *ret);

/* Whether the config.json is a sandbox's. In such a file CRI-O writes the pod author's annotations last, so
 * that they can replace any value of CRI-O's, the container type too. But the author cannot remove a key that
 * only sandboxes have. A container with this key, added by its author, is taken for a sandbox, which harms
 * only its author. */
bool config_is_sandbox(const struct config *config);
