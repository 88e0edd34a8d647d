/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which workload a container belongs to: namespace / owner / container, what outlives a pod. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "oci/config.h"

enum owner_kind {
	OWNER_UNKNOWN, /* or none: outside Kubernetes */
	OWNER_POD,
	OWNER_DEPLOYMENT,
	OWNER_STATEFULSET,
	OWNER_DAEMONSET,
	OWNER_JOB,
	OWNER_CRONJOB,
	OWNER_KNATIVE_SERVICE,
	OWNER_KINDS_COUNT,
};
extern const char *const owner_kind_names[]; /* NULL-ended, in the order of the enum */

struct identity {
	char namespace[CONFIG_NAME_SIZE]; /* "-" outside Kubernetes */
	char owner[CONFIG_NAME_SIZE];     /* Deployment, StatefulSet, DaemonSet, CronJob, Job or pod */
	char container[CONFIG_NAME_SIZE];

	/* What is known of the owner beyond its name; no part of the identity. */
	int kind; /* enum owner_kind */
	/* Of a Knative Service: the owner is the Deployment of one of its revisions. */
	char service[CONFIG_LABEL_SIZE];
};

/* labels are those of the pod, which say what kind of controller named it, or NULL where they are not known; the
 * name's shape then decides. Labels are the pod author's own word, but
 * they can only choose among workloads of the author's namespace.
 * Outside Kubernetes the owner is what the container manager calls the container: its id where a person
 * chose it, else fallback_name, which may be NULL.
 * Returns false where nothing names the workload. */
bool identity_of(const struct config *config, const struct pod_labels *labels, const char *id,
		 const char *fallback_name, struct identity *ret);

/* Whether all that names a container of a pod is there: the namespace is then the pod's, else "-". */
bool identity_is_of_pod(const struct config *config);

/* The owner in a pod's name: the name less what its controller adds. owner has CONFIG_NAME_SIZE bytes.
 * Returns its kind (enum owner_kind): what the labels say if they are known, else what pods with such a name
 * mostly belong to. Rules: Kubernetes' names.SimpleNameGenerator (base cut to 58 characters, then 5 of
 * "bcdfghjklmnpqrstvwxz2456789"), the Deployment, StatefulSet, DaemonSet, Job and CronJob controllers. */
int identity_owner(const char *pod_name, const struct pod_labels *labels, char *owner);

/* "<namespace>/<owner>/<container>" with every byte that is not safe in a file name as %XX, so that
 * nothing leaves its directory and two names never meet. Returns 0, -ENAMETOOLONG, or -EINVAL for an empty name. */
int identity_path(const struct identity *identity, char *buf, size_t size);

/* Orders by namespace, owner, container, as strcmp(). */
int identity_compare(const struct identity *a, const struct identity *b);

/* "namespace/owner/container" as people read it. Returns buf. */
#define IDENTITY_TEXT_MAX (3 * CONFIG_NAME_SIZE)
const char *identity_text(const struct identity *identity, char buf[static IDENTITY_TEXT_MAX]);
