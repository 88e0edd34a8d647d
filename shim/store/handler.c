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
#define PODS      ",\"pods\":["

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* As it is read: the pods are still text. */
struct document {
	struct handler handler;
	struct json_span pods;
};

#define ROW(path, kind, member)               JSON_FIELD(path, kind, struct document, member)
#define ROW_UNLESS(path, kind, member, value) JSON_FIELD_UNLESS(path, kind, struct document, member, value)
#define POD(path, kind, member)               JSON_FIELD(path, kind, struct handler_pod, member)
#define POD_UNLESS(path, kind, member, value) JSON_FIELD_UNLESS(path, kind, struct handler_pod, member, value)

static const struct json_field fields[] = {
	ROW("v", JSON_UINT, handler.version),
	ROW("handler", JSON_STRING, handler.name),
	ROW("written_usec", JSON_UINT, handler.written_usec),
	ROW_UNLESS("declared", JSON_UINT, handler.declared_bytes, 0),
	ROW("pods", JSON_VALUE, pods),
};
static const struct json_field pod_fields[] = {
	POD("id", JSON_STRING, id),
	POD("usec", JSON_UINT, seen_usec),
	POD("overhead", JSON_INT, overhead_bytes),
	POD_UNLESS("prestart", JSON_UINT, prestart_bytes, 0),
	POD_UNLESS("boot", JSON_UINT, boot_bytes, 0),
	POD_UNLESS("used", JSON_UINT, used_bytes, 0),
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

struct walk {
	struct handler *handler;
	struct error *err;
};

static int on_pod(const char *element, size_t length, void *data)
{
	const struct walk *walk = data;
	struct handler *handler = walk->handler;

	if (handler->n_pods == HANDLER_PODS_MAX)
		return error_set(walk->err, EBADMSG, "more than %d pods", HANDLER_PODS_MAX);
	struct handler_pod *pod = &handler->pods[handler->n_pods];
	*pod = (struct handler_pod){0};
	int r = json_read(element, length, pod_fields, COUNT(pod_fields), pod, walk->err);
	if (r < 0)
		return r;
	if (!pod->id[0] || pod->prestart_bytes > INT64_MAX || pod->boot_bytes > INT64_MAX)
		return error_set(walk->err, EBADMSG, "a pod that cannot be");
	handler->n_pods++;
	return 0;
}

int handler_read(int state_fd, const char *name, struct handler *ret, struct error *err)
{
	char file[FILE_MAX], path[sizeof DIRECTORY + 1 + FILE_MAX];
	cleanup_free char *text = NULL;
	size_t length;
	struct document document = {0};
	struct error fault = {0};

	int r = handler_file_name(name, file, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof path, DIRECTORY "/%s", file);
	r = file_load_at(state_fd, path, HANDLER_SIZE_MAX, &text, &length, err);
	if (r < 0)
		return r == -E2BIG || r == -EINVAL ? -EBADMSG : r;
	struct walk walk = {&document.handler, &fault};
	r = json_read(text, length, fields, COUNT(fields), &document, &fault);
	if (document.handler.version > HANDLER_VERSION)
		return error_set(err, ENOTSUP, "%s is of version %llu, newer than this program knows", path,
				 (unsigned long long)document.handler.version);
	if (r == 0)
		r = json_each(text, document.pods, on_pod, &walk, &fault);
	if (r < 0)
		return error_set(err, -r, "%.100s: %.120s", path, fault.text);
	if (document.handler.version == 0 || strcmp(document.handler.name, name) != 0)
		return error_set(err, EBADMSG, "%s is not one of that handler", path);
	if (document.handler.declared_bytes > INT64_MAX)
		return error_set(err, EBADMSG, "%s holds an overhead that cannot be", path);
	*ret = document.handler;
	return 0;
}

/* The document without its pods ends in a bracket and a newline, which give way to them. */
static int handler_format(const struct handler *handler, char *buf, size_t size, size_t *ret_length,
			  struct error *err)
{
	struct document document = {.handler = *handler};
	size_t used, length;

	document.handler.version = HANDLER_VERSION;
	int r = json_write(fields, COUNT(fields), &document, buf, size, &used, err);
	if (r < 0)
		return r;
	used -= 2;
	struct json_out out = {buf, size, used, false};
	json_out_raw(&out, PODS);
	for (size_t i = 0; i < handler->n_pods; i++) {
		json_out_raw(&out, i > 0 ? "," : "");
		r = json_write(pod_fields, COUNT(pod_fields), &handler->pods[i], buf + out.length,
			       size - out.length, &length, err);
		if (r < 0)
			return r;
		out.length += length - 1; /* without the newline */
	}
	json_out_raw(&out, "]}\n");
	if (out.overflow)
		return error_set(err, ENOBUFS, "the document does not fit in %zu bytes", size);
	*ret_length = out.length;
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
	r = handler_format(handler, text, sizeof text, &length, err);
	if (r < 0)
		return r;
	cleanup_close int dir_fd = file_open_directory_at(state_fd, DIRECTORY, 0700, err);
	if (dir_fd < 0)
		return dir_fd;
	return file_replace_at(dir_fd, file, 0600, text, length, err);
}
