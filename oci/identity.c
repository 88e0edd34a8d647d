/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/identity.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX_LENGTH     5
#define BASE_MAX          58 /* a generated name's base, with its dash, is cut to this */
#define GENERATED_MAX     (BASE_MAX + SUFFIX_LENGTH)
#define GENERATED_LETTERS "bcdfghjklmnpqrstvwxz2456789"
#define DIGITS            "0123456789"
/* A template hash is a 32-bit number in decimal, each digit written as one of these letters. */
#define HASH_LETTERS "456789bcdf"

const char *const owner_kind_names[] = {"unknown", "Pod",     "Deployment",     "StatefulSet", "DaemonSet",
					"Job",     "CronJob", "KnativeService", NULL};

static bool all_of(const char *text, size_t length, const char *letters)
{
	return length > 0 && strspn(text, letters) >= length;
}

/* The length of the name without "-<last part>", if this part has min to max characters, all of letters; else
 * 0. Only the first length characters of the name count. */
static size_t without_part(const char *name, size_t length, size_t min, size_t max, const char *letters)
{
	size_t dash = length;
	while (dash > 0 && name[dash - 1] != '-')
		dash--;
	if (dash < 2)
		return 0;
	size_t part = length - dash;
	return part >= min && part <= max && all_of(name + dash, part, letters) ? dash - 1 : 0;
}

/* The length of a generated name's base. A base of BASE_MAX characters was cut, and its dash with it. */
static size_t without_suffix(const char *name, size_t length)
{
	size_t base = without_part(name, length, SUFFIX_LENGTH, SUFFIX_LENGTH, GENERATED_LETTERS);
	if (base == 0 && length == GENERATED_MAX && all_of(name + BASE_MAX, SUFFIX_LENGTH, GENERATED_LETTERS))
		base = BASE_MAX;
	return base;
}

/* A pod of a ReplicaSet whose template hash is known: "<owner>-<hash>-<5>". If the base was cut, the end of
 * the hash or all of it may be missing. */
static size_t without_template_hash(const char *name, size_t length, const char *hash)
{
	size_t hash_length = strlen(hash);
	size_t base = without_suffix(name, length);

	for (size_t kept = hash_length; kept > 0; kept--) {
		if (base > kept + 1 && name[base - kept - 1] == '-' &&
		    memcmp(name + base - kept, hash, kept) == 0)
			return base - kept - 1;
		if (base != BASE_MAX)
			break;
	}
	return length == GENERATED_MAX ? base : 0;
}

/* A CronJob adds the scheduled time in minutes to its jobs' names (8 digits; old versions: 10, in
 * seconds). */
static size_t without_schedule(const char *name, size_t length, size_t min)
{
	size_t base = without_part(name, length, min, 10, DIGITS);
	return base > 0 ? base : length;
}

/* The owner of a job's pod, if the pod's name begins as such a name does. A job whose name has a time in it
 * belongs to a CronJob. */
static size_t owner_by_job(const char *name, size_t length, const char *job, int *kind)
{
	size_t job_length = strlen(job);
	size_t kept = job_length < BASE_MAX ? job_length : BASE_MAX;

	if (kept >= length || strncmp(name, job, kept) != 0 || (kept < BASE_MAX && name[kept] != '-'))
		return 0;
	size_t base = without_schedule(job, job_length, 8);
	*kind = base < job_length ? OWNER_CRONJOB : OWNER_JOB;
	return base < kept ? base : kept;
}

static size_t owner_by_labels(const char *name, size_t length, const struct pod_labels *labels, int *kind)
{
	size_t base;

	if (labels->statefulset_pod_name[0]) {
		*kind = OWNER_STATEFULSET;
		return without_part(name, length, 1, 10, DIGITS);
	}
	if (labels->pod_template_hash[0]) {
		/* Knative makes a Deployment for each revision, and undoes changes that others make to it. */
		*kind = labels->knative_service[0]         ? OWNER_KNATIVE_SERVICE
			: labels->knative_configuration[0] ? OWNER_UNKNOWN
							   : OWNER_DEPLOYMENT;
		return without_template_hash(name, length, labels->pod_template_hash);
	}
	if (labels->job_name[0])
		return owner_by_job(name, length, labels->job_name, kind);
	if (labels->controller_revision_hash[0]) {
		base = without_suffix(name, length);
		*kind = base > 0 ? OWNER_DAEMONSET : OWNER_STATEFULSET;
		return base > 0 ? base : without_part(name, length, 1, 10, DIGITS);
	}
	return 0;
}

static size_t owner_by_shape(const char *name, size_t length, int *kind)
{
	size_t base = without_suffix(name, length);
	if (base > 0) {
		/* If the base was cut, only the first characters of a hash or a time may be left. */
		const bool cut = base == BASE_MAX;
		size_t deployment = without_part(name, base, cut ? 1 : 6, 10, HASH_LETTERS);
		size_t cron_job = without_schedule(name, base, cut ? 1 : 8);
		*kind = deployment > 0 ? OWNER_DEPLOYMENT : cron_job < base ? OWNER_CRONJOB : OWNER_UNKNOWN;
		return deployment > 0 ? deployment : cron_job;
	}
	base = without_part(name, length, 1, 5, DIGITS);
	*kind = base > 0 ? OWNER_STATEFULSET : OWNER_POD;
	return base > 0 ? base : length;
}

int identity_owner(const char *pod_name, const struct pod_labels *labels, char *owner)
{
	size_t length = strnlen(pod_name, CONFIG_NAME_SIZE - 1);
	int kind = OWNER_UNKNOWN;
	size_t base = labels ? owner_by_labels(pod_name, length, labels, &kind) : 0;

	if (base == 0 || base > length) {
		base = owner_by_shape(pod_name, length, &kind);
		/* These controllers set labels on their pods. Without the labels, somebody else uses such a
		 * name. */
		if (labels && kind != OWNER_POD)
			kind = OWNER_UNKNOWN;
	}
	/* An owner's name that was cut off names no object that can be found. */
	if (length == GENERATED_MAX && base == BASE_MAX && kind != OWNER_STATEFULSET &&
	    kind != OWNER_KNATIVE_SERVICE)
		kind = OWNER_UNKNOWN;
	memcpy(owner, pod_name, base);
	owner[base] = '\0';
	return kind;
}

/* Ids that container managers generate: 64 hexadecimal digits. */
static bool is_generated_id(const char *id)
{
	return strlen(id) == 64 && strspn(id, DIGITS "abcdef") == 64;
}

static void set_name(char name[static CONFIG_NAME_SIZE], const char *value)
{
	size_t length = strnlen(value, CONFIG_NAME_SIZE - 1);
	memcpy(name, value, length);
	name[length] = '\0';
}

bool identity_is_of_pod(const struct config *config)
{
	return config->pod_namespace[0] && config->pod_name[0] && config->container_name[0];
}

bool identity_of(const struct config *config, const struct pod_labels *labels, const char *id,
		 const char *fallback_name, struct identity *ret)
{
	struct identity identity = {0};

	if (identity_is_of_pod(config)) {
		set_name(identity.namespace, config->pod_namespace);
		set_name(identity.container, config->container_name);
		identity.kind = identity_owner(config->pod_name, labels, identity.owner);
		if (identity.kind == OWNER_KNATIVE_SERVICE)
			memcpy(identity.service, labels->knative_service, sizeof identity.service);
	} else {
		const char *name = id && !is_generated_id(id) ? id : fallback_name;
		if (!name || !name[0])
			name = config->image_name;
		if (!name[0])
			return false;
		set_name(identity.namespace, "-");
		set_name(identity.owner, name);
		set_name(identity.container, config->container_name[0] ? config->container_name : name);
	}
	*ret = identity;
	return true;
}

/* Writes one component of identity_path(). */
static int put_component(const char *name, char **buf, const char *end)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t written = 0;

	for (const char *p = name; *p; p++) {
		unsigned char c = (unsigned char)*p;
		/* "." and ".." are no file names, and a leading dot marks a temporary file. */
		bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_' || (c == '.' && p != name);
		size_t need = safe ? 1 : 3;
		written += need;
		if ((size_t)(end - *buf) <= need || written > NAME_MAX - sizeof ".4194304.tmp.json")
			return -ENAMETOOLONG;
		if (safe) {
			*(*buf)++ = (char)c;
		} else {
			*(*buf)++ = '%';
			*(*buf)++ = hex[c >> 4];
			*(*buf)++ = hex[c & 15];
		}
	}
	return 0;
}

int identity_path(const struct identity *identity, char *buf, size_t size)
{
	const char *const parts[] = {identity->namespace, identity->owner, identity->container};
	const char *end = buf + size;
	char *at = buf;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (!parts[i][0])
			return -EINVAL;
		if (i > 0)
			*at++ = '/'; /* put_component() leaves room for one byte */
		int r = put_component(parts[i], &at, end);
		if (r < 0)
			return r;
	}
	*at = '\0';
	return 0;
}

int identity_compare(const struct identity *a, const struct identity *b)
{
	int order = strcmp(a->namespace, b->namespace);
	if (order == 0)
		order = strcmp(a->owner, b->owner);
	return order != 0 ? order : strcmp(a->container, b->container);
}

const char *identity_text(const struct identity *identity, char buf[static IDENTITY_TEXT_MAX])
{
	(void)snprintf(buf, IDENTITY_TEXT_MAX, "%s/%s/%s", identity->namespace, identity->owner,
		       identity->container);
	return buf;
}
