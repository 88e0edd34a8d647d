/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The few fields of an OCI config.json that we need (runtime-spec, config.md and config-linux.md), and
 * where those that we may change lie in its text. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/json.h"

/* The largest config.json that is read. CRI-O's have 7 to 20 KiB; Kubernetes caps annotations at 256 KiB. */
#define CONFIG_SIZE_MAX (4u << 20)

/* No limit: the field is absent, -1, 0 or "max". */
#define RESOURCES_UNLIMITED UINT64_MAX

/* The members of unified that act below the limit: they keep memory from reclaim, or slow a container down. */
enum unified_key {
	UNIFIED_LOW,
	UNIFIED_MIN,
	UNIFIED_HIGH,
	UNIFIED_KEYS,
};
extern const char *const unified_names[UNIFIED_KEYS]; /* "memory.low", … */

/* What unified holds by our hand, where a text may be edited again. */
struct unified_mark {
	uint64_t keys;                /* a set: 1 << enum unified_key */
	uint64_t bytes[UNIFIED_KEYS]; /* what we wrote; RESOURCES_UNLIMITED: "max" */
	/* What a memory.min was that is not ours and that we lowered to bytes[UNIFIED_MIN]; 0: there is none. */
	uint64_t min_before_bytes;
};

/* The memory part of linux.resources. */
struct resources {
	/* In the text. Objects "{" to "}"; absent ones have length 0. */
	struct json_span linux_braces, braces, memory, limit, swap, reservation, unified, unified_max;
	struct json_span unified_key[UNIFIED_KEYS];

	/* The limit that the container would get from this: runtimes let unified's memory.max win over
	 * memory.limit. Bytes, or RESOURCES_UNLIMITED. */
	uint64_t limit_bytes;
};

/* Names in a Kubernetes API object have at most 253 bytes. */
#define CONFIG_NAME_SIZE 256

/* Values of labels at most 63. */
#define CONFIG_LABEL_SIZE 64

enum container_role {
	ROLE_UNKNOWN,   /* by a kubelet that does not say, or none */
	ROLE_CONTAINER, /* of spec.containers */
	ROLE_INIT,      /* of spec.initContainers: also a sidecar */
	ROLE_EPHEMERAL, /* put into a running pod by a person */
};
extern const char *const container_role_names[]; /* as the kubelet has them; NULL-ended */

struct config {
	/* Annotations that CRI-O writes after the pod's own ones, so that a pod's author cannot forge them. */
	char pod_namespace[CONFIG_NAME_SIZE], pod_name[CONFIG_NAME_SIZE], pod_uid[64];
	char container_name[CONFIG_NAME_SIZE];
	char container_type[16];    /* "container" or "sandbox" */
	struct json_span kube_name; /* a pod's name, which CRI-O gives to sandboxes only */
	char sandbox_id[80];
	char image_name[512], image_ref[512];

	/* Of a sandbox: what the kubelet told CRI-O of its pod (CRI's LinuxContainerResources as JSON, by the key of today and
	 * by the one of before), and kata's annotations that size its virtual machine. oci/vm.h reads them. */
	struct json_span annotations; /* the object */
	struct json_span pod_resources, pod_resources_old, pod_overhead, pod_overhead_old;
	struct json_span vm_memory, vm_default_memory;

	/* Where the pod's annotations that steer us lie in the text: oci/annotations.h reads them. */
	struct json_span mode, workload, overrides;

	/* The arrays of the program's arguments and of its environment: oci/sizing.h reads them. */
	struct json_span args, env;
	/* Where in its pod the container stands, by the kubelet's io.kubernetes.container.type. */
	struct json_span role_text;
	int role; /* enum container_role */

	int64_t oom_score_adj;
	struct resources resources;
};

/* Parses a whole config.json. Returns 0, or -EBADMSG with *err saying what is wrong with it: what
 * json_read() refuses, and a memory limit that is negative other than -1, a float, or beyond 2^63 - 1. */
int config_read(const char *text, size_t length, struct config *ret, struct error *err);

/* The same for a LinuxResources object on its own, as `update --resources` takes it. */
int resources_read(const char *text, size_t length, struct resources *ret, struct error *err);

/* The number at span in text, which stands there bare or in quotes; name is for the error. */
int resources_parse_number(const char *text, struct json_span span, const char *name, uint64_t *ret,
			   struct error *err);

/* The pod's labels that its controller set. CRI-O writes labels into the config.json of the pod's sandbox only, as
 * annotations. Empty where absent. */
struct pod_labels {
	char pod_template_hash[64], controller_revision_hash[CONFIG_NAME_SIZE];
	char statefulset_pod_name[CONFIG_NAME_SIZE], job_name[CONFIG_NAME_SIZE];
	char knative_service[CONFIG_LABEL_SIZE], knative_configuration[CONFIG_LABEL_SIZE];
};

/* Finds the labels in the text of a sandbox's config.json, which is taken to be JSON: it is CRI-O's own, and a
 * whole parse would cost more than all else that the wrapper does. */
void pod_labels_find(const char *text, size_t length, struct pod_labels *ret);

/* In a sandbox's config.json CRI-O writes the pod author's annotations last: any value of its own may be forged, and
 * the container type with it. A key that only sandboxes have cannot be taken away; a container that is given it by
 * its author is the poorer. */
bool config_is_sandbox(const struct config *config);
