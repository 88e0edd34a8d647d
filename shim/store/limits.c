/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "oci/json.h"

#define LIMITS_DIRECTORY "limits"
#define LIMITS_PATH_MAX  1024

#define ROW(path, kind, member)               JSON_FIELD(path, kind, struct limits, member)
#define ROW_UNLESS(path, kind, member, value) JSON_FIELD_UNLESS(path, kind, struct limits, member, value)

static const struct json_field fields[] = {
	ROW("v", JSON_UINT, version),
	ROW("namespace", JSON_STRING, identity.namespace),
	ROW("owner", JSON_STRING, identity.owner),
	ROW("container", JSON_STRING, identity.container),
	JSON_FIELD_ENUM("owner_kind", struct limits, identity.kind, owner_kind_names),
	ROW_UNLESS("service", JSON_STRING, identity.service, 0),
	JSON_FIELD_ENUM("role", struct limits, role, container_role_names),
	ROW_UNLESS("oom_score_adj", JSON_INT, oom_score_adj, 0),
	ROW_UNLESS("image_ref", JSON_STRING, image_ref, 0),
	ROW_UNLESS("template", JSON_STRING, template, 0),
	ROW("revision", JSON_UINT, recommendation.revision),
	ROW("changed_usec", JSON_UINT, recommendation.changed_usec),
	ROW("recommended>request", JSON_UINT, recommendation.request_bytes),
	ROW("recommended>limit", JSON_UINT, recommendation.limit_bytes),
	JSON_FIELD_ENUM("recommended>request_term", struct limits, recommendation.request_term,
			tuner_term_names),
	JSON_FIELD_ENUM("recommended>limit_term", struct limits, recommendation.limit_term, tuner_term_names),
	ROW("recommended>from_avg", JSON_UINT, recommendation.seen_avg_bytes),
	ROW("recommended>from_p95", JSON_UINT, recommendation.seen_p95_bytes),
	ROW("recommended>from_max", JSON_UINT, recommendation.seen_max_bytes),
	ROW_UNLESS("recommended>from_highest", JSON_UINT, recommendation.seen_highest_bytes, 0),
	ROW_UNLESS("recommended>from_history_usec", JSON_UINT, recommendation.seen_history_usec, 0),
	ROW_UNLESS("recommended>from_records", JSON_UINT, recommendation.seen_records, 0),
	ROW_UNLESS("recommended>from_margin", JSON_UINT, recommendation.seen_margin_bytes, 0),
	ROW_UNLESS("recommended>from_life_usec", JSON_UINT, recommendation.seen_life_usec, 0),
	ROW_UNLESS("enforced>request", JSON_UINT, enforced_request_bytes, 0),
	ROW_UNLESS("enforced>limit", JSON_UINT, enforced_limit_bytes, 0),
	ROW("warmup>done", JSON_BOOL, recommendation.warm),
	ROW("warmup>since_usec", JSON_UINT, recommendation.warmup_since_usec),
	ROW("warmup>samples_before", JSON_UINT, recommendation.warmup_samples),
	ROW("observed>samples", JSON_UINT, observed.samples),
	ROW("observed>fresh_samples", JSON_UINT, observed.fresh_samples),
	ROW("observed>since_usec", JSON_UINT, observed.since_usec),
	ROW("observed>until_usec", JSON_UINT, observed.until_usec),
	ROW("observed>avg", JSON_UINT, observed.avg_bytes),
	ROW_UNLESS("observed>life_usec", JSON_UINT, observed.life_usec, 0),
	ROW("observed>p95", JSON_UINT, observed.p95_bytes),
	ROW("observed>max", JSON_UINT, observed.max_bytes),
	ROW_UNLESS("observed>highest", JSON_UINT, observed.highest_bytes, 0),
	ROW_UNLESS("observed>history_usec", JSON_UINT, observed.history_usec, 0),
	ROW_UNLESS("observed>records", JSON_UINT, observed.records, 0),
	ROW_UNLESS("recent>samples", JSON_UINT, recent.samples, 0),
	ROW_UNLESS("recent>until_usec", JSON_UINT, recent.until_usec, 0),
	ROW_UNLESS("recent>avg", JSON_UINT, recent.avg_bytes, 0),
	ROW_UNLESS("recent>p95", JSON_UINT, recent.p95_bytes, 0),
	ROW_UNLESS("recent>max", JSON_UINT, recent.max_bytes, 0),
	ROW_UNLESS("tide", JSON_STRING, tide, 0),
	ROW_UNLESS("oom>kills", JSON_UINT, recommendation.oom_kills, 0),
	ROW_UNLESS("oom>usec", JSON_UINT, recommendation.oom_usec, 0),
	ROW_UNLESS("oom>limit", JSON_UINT, recommendation.oom_limit_bytes, 0),
	ROW_UNLESS("oom>floor", JSON_UINT, recommendation.oom_floor_bytes, 0),
	ROW_UNLESS("oom>peak", JSON_UINT, recommendation.oom_peak_bytes, 0),
	ROW_UNLESS("oom>row", JSON_UINT, recommendation.oom_row, 0),
	ROW_UNLESS("ratchet", JSON_STRING, ratchet, 0),
	ROW_UNLESS("prestart>crun", JSON_UINT, prestart_crun_bytes, 0),
	ROW_UNLESS("prestart>runc", JSON_UINT, prestart_runc_bytes, 0),
	ROW_UNLESS("declared", JSON_UINT, declared_bytes, UINT64_MAX),
	ROW_UNLESS("applied", JSON_UINT, applied_bytes, 0),
	ROW("written_usec", JSON_UINT, written_usec),
};

#define FIELDS_COUNT (sizeof fields / sizeof *fields)
_Static_assert(FIELDS_COUNT <= JSON_FIELDS_MAX, "json_read() would refuse every one");

static int limits_path(const struct identity *identity, char *buf, size_t size, struct error *err)
{
	char workload[LIMITS_PATH_MAX];

	int r = identity_path(identity, workload, sizeof workload);
	if (r == 0 && (size_t)snprintf(buf, size, LIMITS_DIRECTORY "/%s.json", workload) >= size)
		r = -ENAMETOOLONG;
	if (r < 0) {
		char text[IDENTITY_TEXT_MAX];
		return error_errno(err, -r, "no file name for the workload %.128s",
				   identity_text(identity, text));
	}
	return 0;
}

/* What no daemon of ours would write. A limit that is out of its senses must not reach a container. */
static int limits_check(const struct limits *limits, const char *name, struct error *err)
{
	const struct recommendation *rec = &limits->recommendation;

	if (rec->limit_bytes > INT64_MAX || rec->request_bytes > rec->limit_bytes ||
	    limits->enforced_limit_bytes > rec->limit_bytes ||
	    limits->enforced_request_bytes > limits->enforced_limit_bytes)
		return error_set(err, EBADMSG, "%s: its limits contradict each other", name);
	if (limits->observed.avg_bytes > limits->observed.max_bytes ||
	    limits->observed.p95_bytes > limits->observed.max_bytes || limits->observed.max_bytes > INT64_MAX)
		return error_set(err, EBADMSG, "%s: its measurements contradict each other", name);
	return 0;
}

int limits_format(const struct limits *limits, char buf[static LIMITS_SIZE_MAX], size_t *ret_length,
		  struct error *err)
{
	return json_write(fields, FIELDS_COUNT, limits, buf, LIMITS_SIZE_MAX, ret_length, err);
}

int limits_parse(const char *text, size_t length, const char *name, struct limits *ret, struct error *err)
{
	struct limits limits = {.declared_bytes = UINT64_MAX};
	struct error fault = {0};

	int r = json_read(text, length, fields, FIELDS_COUNT, &limits, &fault);
	if (limits.version > LIMITS_VERSION)
		return error_set(err, ENOTSUP, "%s is of version %llu, newer than this program knows", name,
				 (unsigned long long)limits.version);
	if (r < 0)
		return error_set(err, -r, "%.100s: %.120s", name, fault.text);
	if (limits.version == 0)
		return error_set(err, EBADMSG, "%s has no version", name);
	r = limits_check(&limits, name, err);
	if (r == 0)
		*ret = limits;
	return r;
}

/* path: below state_fd, "limits/<namespace>/…". */
static int limits_read_path(int state_fd, const char *path, struct limits *ret, struct error *err)
{
	char text[LIMITS_SIZE_MAX], own_path[LIMITS_PATH_MAX + 32];
	size_t length;
	struct limits limits;

	int r = file_read_at(state_fd, path, text, sizeof text, &length, err);
	if (r < 0)
		return r == -E2BIG ? -EBADMSG : r;
	r = limits_parse(text, length, path, &limits, err);
	if (r < 0)
		return r;
	/* A path says which workload it is of, and no two workloads share one. */
	if (limits_path(&limits.identity, own_path, sizeof own_path, NULL) < 0 || strcmp(own_path, path) != 0)
		return error_set(err, EBADMSG, "%s names another workload", path);
	*ret = limits;
	return 0;
}

int limits_read(int state_fd, const struct identity *identity, struct limits *ret, struct error *err)
{
	char path[LIMITS_PATH_MAX + 32];

	int r = limits_path(identity, path, sizeof path, err);
	return r < 0 ? r : limits_read_path(state_fd, path, ret, err);
}

int limits_write(int state_fd, const struct limits *limits, struct error *err)
{
	char path[LIMITS_PATH_MAX + 32], text[LIMITS_SIZE_MAX];
	size_t length;

	int r = limits_path(&limits->identity, path, sizeof path, err);
	if (r < 0)
		return r;
	r = limits_format(limits, text, &length, err);
	if (r < 0)
		return r;

	char *name = strrchr(path, '/');
	*name++ = '\0';
	cleanup_close int dir_fd = file_open_directory_at(state_fd, path, 0700, err);
	if (dir_fd < 0)
		return dir_fd;
	return file_replace_at(dir_fd, name, 0600, text, length, err);
}

int limits_remove(int state_fd, const struct identity *identity, struct error *err)
{
	char path[LIMITS_PATH_MAX + 32];

	int r = limits_path(identity, path, sizeof path, err);
	if (r < 0)
		return r;
	if (unlinkat(state_fd, path, 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove %s", path);
	/* The owner's directory and the namespace's stay where there are other files in them. */
	for (unsigned levels = 2; levels > 0; levels--) {
		*strrchr(path, '/') = '\0';
		if (unlinkat(state_fd, path, AT_REMOVEDIR) < 0)
			break;
	}
	return 0;
}

uint64_t *limits_prestart(struct limits *limits, const char *runtime)
{
	if (strcmp(runtime, "crun") == 0)
		return &limits->prestart_crun_bytes;
	if (strcmp(runtime, "runc") == 0)
		return &limits->prestart_runc_bytes;
	return NULL;
}

struct walk {
	int state_fd;
	int (*visit)(const struct limits *limits, void *data);
	void (*fault)(const char *path, const struct error *err, void *data);
	void *data;
};

/* limits/<namespace>/<owner>/<container>.json: two levels of directories, then files. */
static int limits_walk(const struct walk *walk, const char *path, unsigned levels)
{
	struct error err;

	int fd = openat(walk->state_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		if (errno != ENOENT && walk->fault) { /* gone meanwhile, or nothing published yet */
			error_errno(&err, errno, "cannot open %.180s", path);
			walk->fault(path, &err, walk->data);
		}
		return 0;
	}
	cleanup_dir DIR *dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char below[LIMITS_PATH_MAX + 32];
		struct limits limits;
		if (entry->d_name[0] == '.' ||
		    (size_t)snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= sizeof below)
			continue;
		int r = 0;
		if (levels > 0)
			r = limits_walk(walk, below, levels - 1);
		else if (limits_read_path(walk->state_fd, below, &limits, &err) == 0)
			r = walk->visit(&limits, walk->data);
		else if (walk->fault)
			walk->fault(below, &err, walk->data);
		if (r != 0)
			return r;
	}
	return 0;
}

int limits_each(int state_fd, int (*visit)(const struct limits *limits, void *data),
		void (*fault)(const char *path, const struct error *err, void *data), void *data)
{
	const struct walk walk = {state_fd, visit, fault, data};
	return limits_walk(&walk, LIMITS_DIRECTORY, 2);
}

int limits_each_of(int state_fd, const struct identity *owner,
		   int (*visit)(const struct limits *limits, void *data),
		   void (*fault)(const char *path, const struct error *err, void *data), void *data)
{
	const struct walk walk = {state_fd, visit, fault, data};
	char path[LIMITS_PATH_MAX + 32];
	struct error err;

	int r = limits_path(owner, path, sizeof path, &err);
	if (r < 0) {
		if (fault)
			fault("", &err, data);
		return 0;
	}
	*strrchr(path, '/') = '\0';
	return limits_walk(&walk, path, 0);
}
