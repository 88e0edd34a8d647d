/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/file.h"
#include "cgroups/quantity.h"
#include "oci/json.h"

#define ENDING ".json"

#define ROW(path, kind, member)               JSON_FIELD(path, kind, struct record, member)
#define ROW_UNLESS(path, kind, member, value) JSON_FIELD_UNLESS(path, kind, struct record, member, value)
#define ROW_STEP(guard, range, name, sentence) \
	ROW_UNLESS("decision>steps>" name, JSON_UINT, step_bytes[guard], 0),

static const struct json_field fields[] = {
	ROW("v", JSON_UINT, version),
	ROW("id", JSON_STRING, id),
	ROW_UNLESS("namespace", JSON_STRING, identity.namespace, 0),
	ROW_UNLESS("owner", JSON_STRING, identity.owner, 0),
	ROW_UNLESS("container", JSON_STRING, identity.container, 0),
	JSON_FIELD_ENUM("owner_kind", struct record, identity.kind, owner_kind_names),
	ROW_UNLESS("service", JSON_STRING, identity.service, 0),
	JSON_FIELD_ENUM("role", struct record, role, container_role_names),
	ROW_UNLESS("pod>name", JSON_STRING, pod_name, 0),
	ROW_UNLESS("pod>uid", JSON_STRING, pod_uid, 0),
	ROW_UNLESS("pod>sandbox_id", JSON_STRING, sandbox_id, 0),
	ROW_UNLESS("sandbox", JSON_BOOL, is_sandbox, 0),
	ROW_UNLESS("image_ref", JSON_STRING, image_ref, 0),
	ROW_UNLESS("template", JSON_STRING, template, 0),
	ROW("runtime", JSON_STRING, runtime),
	ROW_UNLESS("shim", JSON_BOOL, is_shim, 0),
	ROW_UNLESS("vm", JSON_BOOL, is_vm, 0),
	ROW("bundle", JSON_STRING, bundle),
	ROW_UNLESS("pid_file", JSON_STRING, pid_file, 0),
	ROW("oom_score_adj", JSON_INT, oom_score_adj),
	ROW_UNLESS("sizes", JSON_STRING, sizes, 0),
	ROW_UNLESS("declared", JSON_UINT, declared_bytes, DECISION_UNLIMITED),
	ROW_UNLESS("recommended", JSON_UINT, recommended_bytes, 0),
	ROW_UNLESS("override", JSON_UINT, override_bytes, 0),
	ROW_UNLESS("override_request", JSON_UINT, override_request_bytes, 0),
	ROW_UNLESS("overhead", JSON_UINT, overhead_bytes, 0),
	ROW_UNLESS("vm_memory", JSON_UINT, vm_memory_bytes, 0),
	JSON_FIELD_ENUM("decision>mode", struct record, mode, mode_names),
	JSON_FIELD_ENUM("decision>source", struct record, source, decision_source_names),
	ROW_UNLESS("decision>limit", JSON_UINT, limit_bytes, DECISION_UNLIMITED),
	ROW("decision>reason", JSON_STRING, reason),
	ROW_UNLESS("decision>fault", JSON_STRING, fault, 0),
	ROW_UNLESS("decision>before", JSON_UINT, before_bytes, 0),
	DECISION_GUARDS(ROW_STEP) ROW_UNLESS("protect>request", JSON_UINT, protect.request_bytes, 0),
	ROW_UNLESS("protect>low", JSON_UINT, protect.bytes[UNIFIED_LOW], 0),
	ROW_UNLESS("protect>min", JSON_UINT, protect.bytes[UNIFIED_MIN], 0),
	ROW_UNLESS("protect>high", JSON_UINT, protect.bytes[UNIFIED_HIGH], 0),
	ROW("created_usec", JSON_UINT, created_usec),
	ROW_UNLESS("started_usec", JSON_UINT, started_usec, 0),
	ROW_UNLESS("updated_usec", JSON_UINT, updated_usec, 0),
	ROW_UNLESS("pid", JSON_UINT, pid, 0),
	ROW_UNLESS("cgroup", JSON_STRING, cgroup, 0),
	ROW_UNLESS("cgroup_id", JSON_UINT, cgroup_id, 0),
	ROW_UNLESS("prestart>current", JSON_UINT, prestart.current_bytes, 0),
	ROW_UNLESS("prestart>peak", JSON_UINT, prestart.peak_bytes, 0),
	ROW_UNLESS("prestart>anon", JSON_UINT, prestart.anon_bytes, 0),
	ROW_UNLESS("prestart>file", JSON_UINT, prestart.file_bytes, 0),
	ROW_UNLESS("prestart>kernel", JSON_UINT, prestart.kernel_bytes, 0),
};

#define FIELDS_COUNT (sizeof fields / sizeof *fields)
_Static_assert(FIELDS_COUNT <= JSON_FIELDS_MAX, "json_read() would refuse every one");

void record_set_decision(struct record *record, const struct decision_input *input,
			 const struct decision *decision)
{
	const uint64_t before_bytes = input->last_applied_bytes;

	record->recommended_bytes = input->recommended_bytes;
	record->limit_bytes = decision->limit_bytes;
	record->source = decision->source;
	decision_reason(decision, record->reason);
	record->before_bytes = decision->n_steps > 0 && before_bytes != DECISION_UNLIMITED ? before_bytes : 0;
	memset(record->step_bytes, 0, sizeof record->step_bytes);
	for (size_t i = 0; i < decision->n_steps; i++)
		if (decision->step[i].limit_bytes != DECISION_UNLIMITED)
			record->step_bytes[decision->step[i].guard] = decision->step[i].limit_bytes;
}

/* Writes "<id>.json". Returns 0; -EINVAL if the id is no file name; -ENAMETOOLONG. */
static int record_file_name(const char *id, char *buf, size_t size, struct error *err)
{
	if (!id[0] || id[0] == '.' || strchr(id, '/') || strlen(id) >= RECORD_ID_SIZE)
		return error_set(err, EINVAL, "the container id %.80s is no file name", id);
	if ((size_t)snprintf(buf, size, "%s" ENDING, id) >= size)
		return error_set(err, ENAMETOOLONG, "the container id %.80s is too long", id);
	return 0;
}

bool record_id_of(const char *file_name, char id[static RECORD_ID_SIZE])
{
	const size_t ending = sizeof ENDING - 1, length = strlen(file_name);

	if (file_name[0] == '.' || length <= ending || length - ending >= RECORD_ID_SIZE ||
	    strcmp(file_name + length - ending, ENDING) != 0)
		return false;
	memcpy(id, file_name, length - ending);
	id[length - ending] = '\0';
	return true;
}

int record_read(int containers_fd, const char *id, struct record *ret, struct error *err)
{
	char name[NAME_MAX + 1], text[RECORD_SIZE_MAX];
	size_t length;
	struct record record = {.declared_bytes = DECISION_UNLIMITED, .limit_bytes = DECISION_UNLIMITED};
	struct error fault = {0};

	int r = record_file_name(id, name, sizeof name, err);
	if (r < 0)
		return r;
	r = file_read_at(containers_fd, name, text, sizeof text, &length, err);
	if (r < 0)
		return r == -E2BIG ? -EBADMSG : r;
	r = json_read(text, length, fields, FIELDS_COUNT, &record, &fault);
	if (record.version > RECORD_VERSION)
		return error_set(err, ENOTSUP,
				 "the record %.80s is of version %llu, newer than this program knows", name,
				 (unsigned long long)record.version);
	if (r < 0)
		return error_set(err, -r, "the record %.80s: %.120s", name, fault.text);
	if (record.version == 0 || strcmp(record.id, id) != 0 || record.pid > INT_MAX)
		return error_set(err, EBADMSG, "the record %.80s is not one of that container", name);
	*ret = record;
	return 0;
}

int record_write(int containers_fd, const struct record *record, struct error *err)
{
	char name[NAME_MAX + 1], text[RECORD_SIZE_MAX];
	size_t length;

	int r = record_file_name(record->id, name, sizeof name, err);
	if (r < 0)
		return r;
	r = json_write(fields, FIELDS_COUNT, record, text, sizeof text, &length, err);
	if (r < 0)
		return r;
	return file_replace_at(containers_fd, name, 0600, text, length, err);
}

int record_remove(int containers_fd, const char *id, struct error *err)
{
	char name[NAME_MAX + 1];

	int r = record_file_name(id, name, sizeof name, err);
	if (r < 0)
		return r;
	if (unlinkat(containers_fd, name, 0) < 0)
		return error_errno(err, errno, "cannot remove the record %s", name);
	return 0;
}

bool record_is_there(int containers_fd, const char *id)
{
	char name[NAME_MAX + 1];
	struct stat st;

	return record_file_name(id, name, sizeof name, NULL) < 0 ||
	       fstatat(containers_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int record_find_cgroup(const struct record *record, int proc_fd, char *path, size_t size, struct error *err)
{
	char pid_file[PATH_MAX], text[32];
	uint64_t pid = record->pid;

	if (pid == 0) {
		/* A relative path starts at the bundle, the runtime's working directory. */
		bool absolute = record->pid_file[0] == '/';
		if (!record->pid_file[0])
			return error_set(err, ESRCH, "container %.80s has no pid file", record->id);
		(void)snprintf(pid_file, sizeof pid_file, "%s%s%s", absolute ? "" : record->bundle,
			       absolute ? "" : "/", record->pid_file);
		int r = file_read_at(AT_FDCWD, pid_file, text, sizeof text, NULL, err);
		if (r < 0)
			return r == -ENOENT ? -ESRCH : r;
		if (quantity_parse_uint(text, strcspn(text, "\n"), &pid) < 0 || pid > INT_MAX)
			return error_set(err, EBADMSG, "%.160s holds no process id", pid_file);
	}
	int r = cgroup_of_pid(proc_fd, pid > INT_MAX ? 0 : (pid_t)pid, path, size, err);
	if (r < 0)
		return r;
	if (!cgroup_path_names(path, record->id))
		return error_set(err, ESRCH, "process %llu is not of container %.80s any more",
				 (unsigned long long)pid, record->id);
	return 0;
}
