/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The workload that a container belongs to: namespace, owner and container. A workload outlives its pods. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "oci/config.h"

enum owner_kind {
	OWNER_UNKNOWN, /* also outside Kubernetes */
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

	/* More about the owner; no part of the identity. */
	int kind; /* enum owner_kind */
	/* The Knative Service, if the owner is the Deployment of one of its revisions. */
	char service[CONFIG_LABEL_SIZE];
};

/* Finds the workload. labels: the pod's, or NULL if not known. They tell the kind of controller that named
 * the pod; without them the name's shape decides. A pod's author may write labels, but they only choose among
 * workloads of the author's own namespace. Outside Kubernetes the owner is the container manager's name of
 * the container: the id if a person chose it, else fallback_name (may be NULL), else the image. Returns false
 * if nothing names the workload. */
bool identity_of(const struct config *config, const struct pod_labels *labels, const char *id,
		 const char *fallback_name, struct identity *ret);

/* Whether the names of the pod's namespace, the pod and the container are all there. The identity's namespace
 * is then the pod's, else "-". */
bool identity_is_of_pod(const struct config *config);

/* Finds the owner in a pod's name: the name without what its controller added. owner has CONFIG_NAME_SIZE
 * bytes. Returns the owner's kind (enum owner_kind): by the labels if they are known, else the kind that most
 * pods with such a name have. Rules: Kubernetes' names.SimpleNameGenerator (base cut to 58 characters, then 5
 * of "bcdfghjklmnpqrstvwxz2456789"), the Deployment, StatefulSet, DaemonSet, Job and CronJob controllers. */
int identity_owner(const char *pod_name, const struct pod_labels *labels, char *owner);

/* "<namespace>/<owner>/<container>" with every byte that is not safe in a file name as %XX. No name can leave
 * its directory, and two different names stay different. Returns 0, -ENAMETOOLONG, or -EINVAL for an empty
 * name. */
int identity_path(const struct identity *identity, char *buf, size_t size);

/* Orders by namespace, owner, container, as strcmp(). */
int identity_compare(const struct identity *a, const struct identity *b);

/* "namespace/owner/container" as people read it. Returns buf. */
#define IDENTITY_TEXT_MAX (3 * CONFIG_NAME_SIZE)
const char *identity_text(const struct identity *identity, char buf[static IDENTITY_TEXT_MAX]);
