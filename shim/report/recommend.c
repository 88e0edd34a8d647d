/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/recommend.h"

#include <stdio.h>
#include <string.h>

/* An owner's kind in the Kubernetes API, and where its pods' spec is. */
static const struct object {
	const char *api_version, *kind;
	const char *pod_spec[6];       /* the keys that lead to the spec; NULL-ended */
	const char *no_patch, *no_vpa; /* why there can be no such document, or NULL */
} objects[OWNER_KINDS_COUNT] = {
	[OWNER_UNKNOWN] = {.no_patch = "what kind of object owns it is not known",
			   .no_vpa = "what kind of object owns it is not known"},
	[OWNER_POD] = {.no_patch = "a pod on its own has no template",
		       .no_vpa = "a pod on its own has no controller"},
	[OWNER_DEPLOYMENT] = {"apps/v1", "Deployment", {"spec", "template", "spec"}},
	[OWNER_STATEFULSET] = {"apps/v1", "StatefulSet", {"spec", "template", "spec"}},
	[OWNER_DAEMONSET] = {"apps/v1", "DaemonSet", {"spec", "template", "spec"}},
	[OWNER_JOB] = {"batch/v1", "Job", .no_patch = "the template of a Job cannot be changed"},
	[OWNER_CRONJOB] = {"batch/v1", "CronJob", {"spec", "jobTemplate", "spec", "template", "spec"}},
	[OWNER_KNATIVE_SERVICE] = {"serving.knative.dev/v1",
				   "Service",
				   {"spec", "template", "spec"},
				   .no_vpa = "Knative scales by requests, and a VerticalPodAutoscaler cannot "
					     "aim at its Service"},
};

static const struct object *object_of(const struct advice *advice)
{
	return &objects[advice->identity->kind];
}

static bool is_in_kubernetes(const struct advice *advice)
{
	return strcmp(advice->identity->namespace, "-") != 0;
}

/* How many elements from here on belong to one object. is_owner: to one owner; a Knative Service has
 * several, its revisions. */
static size_t group(const struct advice *advice, size_t count, bool is_owner)
{
	const struct identity *first = advice->identity;
	size_t n = 1;

	while (n < count && strcmp(advice[n].identity->namespace, first->namespace) == 0 &&
	       advice[n].identity->kind == first->kind &&
	       strcmp(advice_object(&advice[n]), advice_object(advice)) == 0 &&
	       (!is_owner || strcmp(advice[n].identity->owner, first->owner) == 0))
		n++;
	return n;
}

/* ---- To be read ---- */

static void write_current(struct document *document, const struct advice *advice)
{
	const struct request *request = &advice->request;

	document_map(document, "current", true);
	if (request->bytes > 0)
		document_amount(document, "request", request->bytes, true);
	if (advice->limit_bytes != DECISION_UNLIMITED)
		document_amount(document, "limit", advice->limit_bytes, true);
	if (advice->applied_bytes > 0 && advice->applied_bytes != DECISION_UNLIMITED &&
	    advice->applied_bytes != advice->limit_bytes)
		document_amount(document, "applied", advice->applied_bytes, false);
	if (request->is_known)
		document_truth(document, "request_inferred", true);
	if (request->from_bytes < request->to_bytes) {
		document_list(document, "request_within", true);
		document_amount(document, NULL, request->from_bytes, false);
		document_amount(document, NULL, request->to_bytes, false);
		document_end_list(document);
	}
	document_end_map(document);
}

static void write_container(struct document *document, const struct advice *advice)
{
	const struct observed *seen = &advice->observed;

	document_map(document, NULL, false);
	document_text(document, "name", advice->identity->container);
	if (advice->role == ROLE_INIT || advice->role == ROLE_EPHEMERAL)
		document_text(document, "role", container_role_names[advice->role]);
	write_current(document, advice);
	if (seen->samples > 0) {
		document_map(document, "observed", true);
		document_amount(document, "ws_avg", seen->avg_bytes, false);
		document_amount(document, "ws_p95", seen->p95_bytes, false);
		document_amount(document, "ws_max", seen->max_bytes, false);
		document_duration(document, "window", seen->until_usec - seen->since_usec);
		document_end_map(document);
	}
	if (advice->new_limit_bytes > 0) {
		document_map(document, "recommended", true);
		document_amount(document, "request", advice->new_request_bytes, true);
		document_amount(document, "limit", advice->new_limit_bytes, true);
		document_end_map(document);
		document_text(document, "rationale", advice->rationale);
	}
	if (advice->not_yet[0])
		document_text(document, "not_yet", advice->not_yet);
	document_end_map(document);
}

size_t recommend_write(struct document *document, const struct advice *advice, size_t count)
{
	size_t n_documents = 0;

	for (size_t n; count > 0; advice += n, count -= n) {
		const struct identity *identity = advice->identity;
		n = group(advice, count, true);
		document_next(document);
		document_text(document, "namespace", identity->namespace);
		if (is_in_kubernetes(advice))
			document_text(document, "kind", owner_kind_names[identity->kind]);
		document_text(document, "name", advice_object(advice));
		if (identity->kind == OWNER_KNATIVE_SERVICE)
			document_text(document, "deployment", identity->owner);
		document_list(document, "containers", false);
		for (size_t i = 0; i < n; i++)
			write_container(document, &advice[i]);
		document_end_list(document);
		document_end_map(document);
		n_documents++;
	}
	return n_documents;
}

/* ---- To be given to Kubernetes ---- */

static void leave_out(const struct advice *advice, const char *why, recommend_remark *remark)
{
	char text[EXPLAIN_MAX + 16];

	(void)snprintf(text, sizeof text, "left out: %s", why);
	remark(advice, text);
}

/* Why this container is left out, or NULL. no_object: why its object can have no document, or NULL. */
static const char *obstacle(const struct advice *advice, const char *no_object, const char *newest_owner)
{
	const struct identity *identity = advice->identity;

	if (!is_in_kubernetes(advice))
		return "it runs outside Kubernetes";
	if (no_object)
		return no_object;
	if (strcmp(identity->owner, newest_owner) != 0)
		return "a newer revision has been seen";
	if (identity->kind == OWNER_KNATIVE_SERVICE && strcmp(identity->container, "queue-proxy") == 0)
		return "it is Knative's own";
	if (advice->role == ROLE_EPHEMERAL)
		return "an ephemeral container is in no template";
	return advice_is_ready(advice) ? NULL : advice->not_yet;
}

/* The object's owner that was seen last. Only a Knative Service has more than one: its revisions. */
static const char *newest_owner(const struct advice *advice, size_t count)
{
	const struct advice *newest = advice;

	for (size_t i = 1; i < count; i++)
		if (advice[i].observed.until_usec > newest->observed.until_usec)
			newest = &advice[i];
	return newest->identity->owner;
}

static void write_metadata(struct document *document, const struct advice *advice)
{
	document_map(document, "metadata", false);
	document_text(document, "name", advice_object(advice));
	document_text(document, "namespace", advice->identity->namespace);
	document_end_map(document);
}

static void write_memory(struct document *document, const char *key, uint64_t bytes)
{
	document_map(document, key, false);
	document_amount(document, "memory", bytes, true);
	document_end_map(document);
}

/* parts: containers of one object, none with an obstacle. Writes the init containers only, or all others. */
static void write_containers(struct document *document, const char *key, const struct advice *const *parts,
			     size_t n_parts, bool is_init)
{
	bool is_open = false;

	for (size_t i = 0; i < n_parts; i++) {
		if ((parts[i]->role == ROLE_INIT) != is_init)
			continue;
		if (!is_open)
			document_list(document, key, false);
		is_open = true;
		document_map(document, NULL, false);
		document_text(document, "name", parts[i]->identity->container);
		document_map(document, "resources", false);
		write_memory(document, "requests", parts[i]->new_request_bytes);
		write_memory(document, "limits", parts[i]->new_limit_bytes);
		document_end_map(document);
		document_end_map(document);
	}
	if (is_open)
		document_end_list(document);
}

static void write_patch(struct document *document, const struct advice *const *parts, size_t n_parts)
{
	const struct object *object = object_of(parts[0]);
	size_t depth = 0;

	document_text(document, "apiVersion", object->api_version);
	document_text(document, "kind", object->kind);
	write_metadata(document, parts[0]);
	for (; object->pod_spec[depth]; depth++)
		document_map(document, object->pod_spec[depth], false);
	write_containers(document, "containers", parts, n_parts, false);
	write_containers(document, "initContainers", parts, n_parts, true);
	while (depth-- > 0)
		document_end_map(document);
}

/* The autoscaler may move a request between our request and our limit, and does not touch limits. The entry
 * "*" keeps it away from containers for which we have no recommendation. */
static void write_vpa(struct document *document, const struct advice *const *parts, size_t n_parts)
{
	const struct object *object = object_of(parts[0]);

	document_text(document, "apiVersion", "autoscaling.k8s.io/v1");
	document_text(document, "kind", "VerticalPodAutoscaler");
	write_metadata(document, parts[0]);
	document_map(document, "spec", false);
	document_map(document, "targetRef", false);
	document_text(document, "apiVersion", object->api_version);
	document_text(document, "kind", object->kind);
	document_text(document, "name", advice_object(parts[0]));
	document_end_map(document);
	document_map(document, "updatePolicy", false);
	document_text(document, "updateMode", "Off");
	document_end_map(document);
	document_map(document, "resourcePolicy", false);
	document_list(document, "containerPolicies", false);
	for (size_t i = 0; i < n_parts; i++) {
		document_map(document, NULL, false);
		document_text(document, "containerName", parts[i]->identity->container);
		write_memory(document, "minAllowed", parts[i]->new_request_bytes);
		write_memory(document, "maxAllowed", parts[i]->new_limit_bytes);
		document_list(document, "controlledResources", true);
		document_text(document, NULL, "memory");
		document_end_list(document);
		document_text(document, "controlledValues", "RequestsOnly");
		document_end_map(document);
	}
	document_map(document, NULL, false);
	document_text(document, "containerName", "*");
	document_text(document, "mode", "Off");
	document_end_map(document);
	document_end_list(document);
	document_end_map(document);
	document_end_map(document);
}

/* The most containers of a document. Others are left out, with a remark: real pods have few. */
#define PARTS_MAX 256

struct manifest {
	void (*write)(struct document *document, const struct advice *const *parts, size_t n_parts);
	bool is_vpa;
};

static const char *manifest_obstacle(const struct manifest *manifest, const struct advice *advice,
				     const char *owner)
{
	const struct object *object = object_of(advice);

	const char *why = obstacle(advice, manifest->is_vpa ? object->no_vpa : object->no_patch, owner);
	if (!why && manifest->is_vpa && advice->role == ROLE_INIT)
		why = "a VerticalPodAutoscaler leaves init containers alone";
	return why;
}

static bool manifest_group(const struct manifest *manifest, struct document *document,
			   const struct advice *advice, size_t count, recommend_remark *remark)
{
	const struct advice *parts[PARTS_MAX];
	const char *owner = newest_owner(advice, count);
	size_t n_parts = 0;

	for (size_t i = 0; i < count; i++) {
		const char *why = manifest_obstacle(manifest, &advice[i], owner);
		if (!why && n_parts == PARTS_MAX)
			why = "the object has too many containers";
		if (why) {
			leave_out(&advice[i], why, remark);
			continue;
		}
		parts[n_parts++] = &advice[i];
		if (!manifest->is_vpa && advice[i].is_guaranteed &&
		    advice[i].new_request_bytes < advice[i].new_limit_bytes)
			remark(&advice[i], "its pod is Guaranteed, and becomes Burstable by this");
	}
	if (n_parts == 0)
		return false;
	/* Knative's resource definition gives the list of containers no keys to merge by. */
	if (!manifest->is_vpa && advice->identity->kind == OWNER_KNATIVE_SERVICE)
		remark(parts[0],
		       "Knative takes a list of containers as a whole and refuses one without images: "
		       "merge this document into the Service's own");
	document_next(document);
	manifest->write(document, parts, n_parts);
	document_end_map(document);
	return true;
}

static size_t manifest_all(const struct manifest *manifest, struct document *document,
			   const struct advice *advice, size_t count, recommend_remark *remark)
{
	size_t n_documents = 0;

	for (size_t n; count > 0; advice += n, count -= n) {
		n = group(advice, count, false);
		n_documents += manifest_group(manifest, document, advice, n, remark);
	}
	return n_documents;
}

size_t recommend_patch(struct document *document, const struct advice *advice, size_t count,
		       recommend_remark *remark)
{
	static const struct manifest patch = {write_patch, false};
	return manifest_all(&patch, document, advice, count, remark);
}

size_t recommend_vpa(struct document *document, const struct advice *advice, size_t count,
		     recommend_remark *remark)
{
	static const struct manifest vpa = {write_vpa, true};
	return manifest_all(&vpa, document, advice, count, remark);
}
