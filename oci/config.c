/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config.h"

#include <errno.h>
#include <string.h>

#include "cgroups/memory.h"
#include "cgroups/quantity.h"

const char *const unified_names[UNIFIED_KEYS] = {"memory.low", "memory.min", "memory.high"};

#define ROW(path, kind, member) JSON_FIELD(path, kind, struct config, member)

static const struct json_field config_fields[] = {
	ROW("annotations", JSON_BRACES, annotations),
	ROW("annotations>io.kubernetes.pod.namespace", JSON_STRING, pod_namespace),
	ROW("annotations>io.kubernetes.pod.name", JSON_STRING, pod_name),
	ROW("annotations>io.kubernetes.pod.uid", JSON_STRING, pod_uid),
	ROW("annotations>io.kubernetes.container.name", JSON_STRING, container_name),
	ROW("annotations>io.kubernetes.cri-o.ContainerType", JSON_STRING, container_type),
	ROW("annotations>io.kubernetes.cri-o.KubeName", JSON_VALUE, kube_name),
	ROW("annotations>io.kubernetes.cri-o.SandboxID", JSON_STRING, sandbox_id),
	ROW("annotations>io.kubernetes.cri-o.ImageName", JSON_STRING, image_name),
	ROW("annotations>io.kubernetes.cri-o.ImageRef", JSON_STRING, image_ref),
	ROW("annotations>io.kubernetes.container.type", JSON_VALUE, role_text),
	ROW("annotations>tidemark.dev/mode", JSON_VALUE, mode),
	ROW("annotations>tidemark.dev/workload", JSON_VALUE, workload),
	ROW("annotations>tidemark.dev/overrides", JSON_VALUE, overrides),
	ROW("annotations>pod-linux-resources.crio.io", JSON_VALUE, pod_resources),
	ROW("annotations>io.kubernetes.cri-o.PodLinuxResources", JSON_VALUE, pod_resources_old),
	ROW("annotations>pod-linux-overhead.crio.io", JSON_VALUE, pod_overhead),
	ROW("annotations>io.kubernetes.cri-o.PodLinuxOverhead", JSON_VALUE, pod_overhead_old),
	ROW("annotations>io.kubernetes.cri.sandbox-memory", JSON_VALUE, vm_memory),
	ROW("annotations>io.katacontainers.config.hypervisor.default_memory", JSON_VALUE, vm_default_memory),
	ROW("process>args", JSON_VALUE, args),
	ROW("process>env", JSON_VALUE, env),
	ROW("process>oomScoreAdj", JSON_INT, oom_score_adj),
	ROW("linux", JSON_BRACES, resources.linux_braces),
	ROW("linux>resources", JSON_BRACES, resources.braces),
	ROW("linux>resources>memory", JSON_BRACES, resources.memory),
	ROW("linux>resources>memory>limit", JSON_VALUE, resources.limit),
	ROW("linux>resources>memory>swap", JSON_VALUE, resources.swap),
	ROW("linux>resources>memory>reservation", JSON_VALUE, resources.reservation),
	ROW("linux>resources>unified", JSON_BRACES, resources.unified),
	ROW("linux>resources>unified>memory.max", JSON_VALUE, resources.unified_max),
	ROW("linux>resources>unified>memory.low", JSON_VALUE, resources.unified_key[UNIFIED_LOW]),
	ROW("linux>resources>unified>memory.min", JSON_VALUE, resources.unified_key[UNIFIED_MIN]),
	ROW("linux>resources>unified>memory.high", JSON_VALUE, resources.unified_key[UNIFIED_HIGH]),
};

#undef ROW
#define ROW(path, kind, member) JSON_FIELD(path, kind, struct resources, member)

const char *const container_role_names[] = {"unknown", "container", "init", "ephemeral", NULL};

static const struct json_field resources_fields[] = {
	ROW("", JSON_BRACES, braces),
	ROW("memory", JSON_BRACES, memory),
	ROW("memory>limit", JSON_VALUE, limit),
	ROW("memory>swap", JSON_VALUE, swap),
	ROW("memory>reservation", JSON_VALUE, reservation),
	ROW("unified", JSON_BRACES, unified),
	ROW("unified>memory.max", JSON_VALUE, unified_max),
	ROW("unified>memory.low", JSON_VALUE, unified_key[UNIFIED_LOW]),
	ROW("unified>memory.min", JSON_VALUE, unified_key[UNIFIED_MIN]),
	ROW("unified>memory.high", JSON_VALUE, unified_key[UNIFIED_HIGH]),
};

#undef ROW

int resources_parse_number(const char *text, struct json_span span, const char *name, uint64_t *ret,
			   struct error *err)
{
	if (span.length == 0) {
		*ret = RESOURCES_UNLIMITED;
		return 0;
	}
	const char *value = text + span.at;
	size_t length = span.length;
	uint64_t number;
	int r;

	if (*value == '"') {
		r = memory_parse_limit(value + 1, length - 2, &number);
	} else if ((length == 2 && memcmp(value, "-1", 2) == 0) || (length == 1 && *value == '0')) {
		/* -1 is "no limit" in the runtime-spec. Programs in Go write 0 if no limit was set. */
		r = 0;
		number = RESOURCES_UNLIMITED;
	} else {
		r = quantity_parse_uint(value, length, &number);
		if (r == 0 && number > INT64_MAX)
			r = -ERANGE;
		else if (r == 0 && number >= MEMORY_LIMIT_NONE)
			number = RESOURCES_UNLIMITED;
	}
	if (r < 0)
		return error_set(err, EBADMSG, "%s is no size in bytes: %.*s", name,
				 span.length < 40 ? (int)span.length : 40, text + span.at);
	*ret = number;
	return 0;
}

static int resources_parse(const char *text, struct resources *resources, struct error *err)
{
	uint64_t limit_bytes, unified_bytes;

	/* In memory, values are numbers. unified is a map of string to string. */
	if (resources->limit.length > 0 && text[resources->limit.at] == '"')
		return error_set(err, EBADMSG, "memory limit is not a whole number");
	if (resources->unified_max.length > 0 && text[resources->unified_max.at] != '"')
		return error_set(err, EBADMSG, "unified memory.max is not a string");

	int r = resources_parse_number(text, resources->limit, "memory limit", &limit_bytes, err);
	if (r < 0)
		return r;
	r = resources_parse_number(text, resources->unified_max, "unified memory.max", &unified_bytes, err);
	if (r < 0)
		return r;
	/* memory.max = 0 does not mean "no limit": it kills whatever starts. */
	if (unified_bytes == 0)
		return error_set(err, EBADMSG, "unified memory.max is 0");
	resources->limit_bytes = resources->unified_max.length > 0 ? unified_bytes : limit_bytes;
	return 0;
}

/* Any text may stand here: older kubelets do not set this annotation, and a pod's author may. */
static int role_of(const char *text, struct json_span span)
{
	for (int role = ROLE_CONTAINER; container_role_names[role]; role++) {
		const char *name = container_role_names[role];
		const size_t length = strlen(name);
		if (span.length == length + 2 && text[span.at] == '"' &&
		    memcmp(text + span.at + 1, name, length) == 0)
			return role;
	}
	return ROLE_UNKNOWN;
}

int config_read(const char *text, size_t length, struct config *ret, struct error *err)
{
	struct config config = {0};

	int r = json_read(text, length, config_fields, sizeof config_fields / sizeof *config_fields, &config,
			  err);
	if (r < 0)
		return r;
	r = resources_parse(text, &config.resources, err);
	if (r < 0)
		return r;
	config.role = role_of(text, config.role_text);
	*ret = config;
	return 0;
}

int resources_read(const char *text, size_t length, struct resources *ret, struct error *err)
{
	struct resources resources = {0};

	int r = json_read(text, length, resources_fields, sizeof resources_fields / sizeof *resources_fields,
			  &resources, err);
	if (r < 0)
		return r;
	r = resources_parse(text, &resources, err);
	if (r < 0)
		return r;
	*ret = resources;
	return 0;
}

bool config_is_sandbox(const struct config *config)
{
	return strcmp(config->container_type, "sandbox") == 0 || config->kube_name.length > 0;
}

static const struct {
	const char *key; /* with its quotes */
	size_t length, offset, size;
} label_rows[] = {
#define LABEL(key, member)                                                          \
	{                                                                           \
		"\"" key "\"", sizeof key + 1, offsetof(struct pod_labels, member), \
			sizeof(((struct pod_labels *)NULL)->member)                 \
	}
	LABEL("pod-template-hash", pod_template_hash),
	LABEL("controller-revision-hash", controller_revision_hash),
	LABEL("statefulset.kubernetes.io/pod-name", statefulset_pod_name),
	LABEL("batch.kubernetes.io/job-name", job_name),
	LABEL("serving.knative.dev/service", knative_service),
	LABEL("serving.knative.dev/configuration", knative_configuration),
#undef LABEL
};
#define LABELS_COUNT (sizeof label_rows / sizeof *label_rows)

/* Bytes: as long as the shortest key (with its quotes), which is the first one. */
#define WINDOW (sizeof "pod-template-hash" + 1)

/* A hash of two characters. */
#define PAIR(at)  (((unsigned char)(at)[0] * 31u + (unsigned char)(at)[1]) % PAIRS_MAX)
#define PAIRS_MAX 512

/* For each pair of characters at a window's end: how far to move the window, so that no key is missed (Wu
 * and Manber, 1994). */
static void label_skips(unsigned char skips[static PAIRS_MAX])
{
	memset(skips, WINDOW - 1, PAIRS_MAX);
	for (size_t i = 0; i < LABELS_COUNT; i++)
		for (size_t at = 0; at + 2 <= WINDOW; at++) {
			unsigned char *skip = &skips[PAIR(label_rows[i].key + at)];
			if (*skip > WINDOW - 2 - at)
				*skip = (unsigned char)(WINDOW - 2 - at);
		}
}

/* Takes the value if `: "value"` stands here. A label's value has no escapes. */
static void pod_label_take(const char *at, char *value, size_t size)
{
	at += strspn(at, " \t\r\n");
	if (*at != ':')
		return;
	at++;
	at += strspn(at, " \t\r\n");
	if (*at != '"')
		return;
	size_t length = strcspn(++at, "\"\\");
	if (at[length] != '"' || length >= size)
		return;
	memcpy(value, at, length);
	value[length] = '\0';
}

void pod_labels_find(const char *text, size_t length, struct pod_labels *ret)
{
	const char *at = text, *const end = text + length;
	unsigned char skips[PAIRS_MAX], skip;
	struct pod_labels labels = {0};

	label_skips(skips);
	/* A quote inside a string has a backslash before it. So a bare quote, a label's key, a quote and a
	 * colon are always a member of an object. */
	for (; (size_t)(end - at) >= WINDOW; at += skip > 0 ? skip : 1) {
		skip = skips[PAIR(at + WINDOW - 2)];
		for (size_t i = 0; skip == 0 && *at == '"' && i < LABELS_COUNT; i++)
			if ((size_t)(end - at) >= label_rows[i].length &&
			    memcmp(at, label_rows[i].key, label_rows[i].length) == 0 &&
			    (at == text || at[-1] != '\\'))
				pod_label_take(at + label_rows[i].length,
					       (char *)&labels + label_rows[i].offset, label_rows[i].size);
	}
	*ret = labels;
}
