/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/store/handler.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "oci/json.h"

#define DIRECTORY "handlers"
#define FILE_MAX  (HANDLER_NAME_SIZE + sizeof ".json")

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define ROW(path, kind, member)               JSON_FIELD(path, kind, struct handler, member)
#define ROW_UNLESS(path, kind, member, value) JSON_FIELD_UNLESS(path, kind, struct handler, member, value)
#define POD(path, kind, member)               JSON_FIELD(path, kind, struct handler_pod, member)
#define POD_UNLESS(path, kind, member, value) JSON_FIELD_UNLESS(path, kind, struct handler_pod, member, value)

static const struct json_field pod_fields[] = {
	POD("id", JSON_STRING, id),
	POD("usec", JSON_UINT, seen_usec),
	POD("overhead", JSON_INT, overhead_bytes),
	POD_UNLESS("prestart", JSON_UINT, prestart_bytes, 0),
	POD_UNLESS("boot", JSON_UINT, boot_bytes, 0),
	POD_UNLESS("used", JSON_UINT, used_bytes, 0),
};
static const struct json_objects pods = {
	.fields = pod_fields,
	.n_fields = COUNT(pod_fields),
	.size = sizeof(struct handler_pod),
	.count_offset = offsetof(struct handler, n_pods),
	.max = HANDLER_PODS_MAX,
	.is_inline = true,
};
static const struct json_field fields[] = {
	ROW("v", JSON_UINT, version),
	ROW("handler", JSON_STRING, name),
	ROW("written_usec", JSON_UINT, written_usec),
	ROW_UNLESS("declared", JSON_UINT, declared_bytes, 0),
	JSON_FIELD_NESTED("pods", JSON_OBJECTS, struct handler, pods, &pods),
};

bool handler_name_is_valid(const char *name)
{
	size_t length = 0;

	for (; name[length]; length++)
		if (!isalnum((unsigned char)name[length]) && !strchr("-_+.", name[length]))
			return false;
	return length > 0 && length < HANDLER_NAME_SIZE && name[0] != '.';
}

static int handler_file_name(const char *name, char buf[static FILE_MAX], struct error *err)
{
	if (!handler_name_is_valid(name))
		return error_set(err, EINVAL, "%.80s is no runtime handler's name", name);
	(void)snprintf(buf, FILE_MAX, "%s.json", name);
	return 0;
}

/* Whether all its pods have possible values. */
static bool handler_is_possible(const struct handler *handler)
{
	for (const struct handler_pod *pod = handler->pods; pod < handler->pods + handler->n_pods; pod++)
		if (!pod->id[0] || pod->prestart_bytes > INT64_MAX || pod->boot_bytes > INT64_MAX)
			return false;
	return true;
}

int handler_read(int state_fd, const char *name, struct handler *ret, struct error *err)
{
	char file[FILE_MAX], path[sizeof DIRECTORY + 1 + FILE_MAX];
	cleanup_free char *text = NULL;
	size_t length;
	struct handler handler = {0};
	struct error fault = {0};

	int r = handler_file_name(name, file, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof path, DIRECTORY "/%s", file);
	r = file_load_at(state_fd, path, HANDLER_SIZE_MAX, &text, &length, err);
	if (r < 0)
		return r == -E2BIG || r == -EINVAL ? -EBADMSG : r;
	r = json_read(text, length, fields, COUNT(fields), &handler, &fault);
	if (handler.version > HANDLER_VERSION)
		return error_set(err, ENOTSUP, "%s is of version %llu, newer than this program knows", path,
				 (unsigned long long)handler.version);
	if (r == 0)
		r = handler_is_possible(&handler) ? 0 : error_set(&fault, EBADMSG, "a pod that cannot be");
	if (r < 0)
		return error_set(err, -r, "%.100s: %.120s", path, fault.text);
	if (handler.version == 0 || strcmp(handler.name, name) != 0)
		return error_set(err, EBADMSG, "%s is not one of that handler", path);
	if (handler.declared_bytes > INT64_MAX)
		return error_set(err, EBADMSG, "%s holds an overhead that cannot be", path);
	*ret = handler;
	return 0;
}

int handler_write(int state_fd, const struct handler *handler, struct error *err)
{
	char file[FILE_MAX], text[HANDLER_SIZE_MAX];
	size_t length = 0;

	int r = handler_file_name(handler->name, file, err);
	if (r < 0)
		return r;
	if (handler->n_pods > HANDLER_PODS_MAX)
		return error_set(err, EINVAL, "more than %d pods of %s", HANDLER_PODS_MAX, handler->name);
	struct handler current = *handler;
	current.version = HANDLER_VERSION;
	r = json_write(fields, COUNT(fields), &current, text, sizeof text, &length, err);
	if (r < 0)
		return r;
	cleanup_close int dir_fd = file_open_directory_at(state_fd, DIRECTORY, 0700, err);
	if (dir_fd < 0)
		return dir_fd;
	return file_replace_at(dir_fd, file, 0600, text, length, err);
}
