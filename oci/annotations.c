/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/annotations.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "cgroups/quantity.h"
#include "oci/json.h"

struct reading {
	const char *text;
	void (*fault)(const char *key, const char *why, void *data);
	void *data;
};

int annotation_text(const char *text, struct json_span span, char *value, size_t size, struct error *err)
{
	const struct json_field field = {.path = "its value", .kind = JSON_STRING, .size = size};

	*value = '\0';
	if (span.length == 0)
		return 0;
	if (span.length > ANNOTATION_SIZE_MAX)
		return error_set(err, E2BIG, "longer than %d bytes", ANNOTATION_SIZE_MAX);
	cleanup_free char *document = malloc(span.length + sizeof "{\"its value\":}");
	if (!document)
		return error_set(err, ENOMEM, "no memory");
	int length = sprintf(document, "{\"its value\":%.*s}", (int)span.length, text + span.at);
	return json_read(document, (size_t)length, &field, 1, value, err);
}

static void read_word(const struct reading *reading, const char *key, struct json_span span, char *value,
		      size_t size)
{
	struct error err;

	if (annotation_text(reading->text, span, value, size, &err) < 0) {
		*value = '\0';
		reading->fault(key, err.text, reading->data);
	}
}

/* A DNS subdomain (RFC 1123), as names of Kubernetes objects are. */
static bool is_name(const char *name)
{
	size_t length = strlen(name);
	return length > 0 && length <= 253 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == length && !strchr("-.", name[0]) &&
	       !strchr("-.", name[length - 1]) && !strstr(name, "..") && !strstr(name, ".-") &&
	       !strstr(name, "-.");
}

static int read_overrides(const struct reading *reading, const struct config *config,
			  struct annotations *annotations, struct error *err)
{
	struct {
		char request[QUANTITY_MAX], limit[QUANTITY_MAX];
	} quantities = {"", ""};
	char request_path[CONFIG_NAME_SIZE + 16], limit_path[CONFIG_NAME_SIZE + 16];

	if (config->overrides.length == 0)
		return 0;
	cleanup_free char *value = malloc(ANNOTATION_SIZE_MAX + 1);
	if (!value)
		return error_set(err, ENOMEM, "no memory");
	int r = annotation_text(reading->text, config->overrides, value, ANNOTATION_SIZE_MAX + 1, err);
	if (r < 0 || !value[0])
		return r;
	/* json_read() gets this name as part of a path: a '>' in it, or an empty name, would be another
	 * path. */
	if (!is_name(config->container_name))
		return error_set(err, EINVAL, "the container has no name as Kubernetes has them");

	(void)snprintf(request_path, sizeof request_path, "%s>request", config->container_name);
	(void)snprintf(limit_path, sizeof limit_path, "%s>limit", config->container_name);
	const struct json_field fields[] = {
		{.path = request_path, .kind = JSON_STRING, .offset = 0, .size = sizeof quantities.request},
		{.path = limit_path,
		 .kind = JSON_STRING,
		 .offset = offsetof(__typeof__(quantities), limit),
		 .size = sizeof quantities.limit},
	};
	r = json_read(value, strlen(value), fields, 2, &quantities, err);
	if (r < 0)
		return r;
	uint64_t request_bytes = 0, limit_bytes = 0;
	if (quantities.request[0] && quantity_parse_bytes(quantities.request, &request_bytes) < 0)
		return error_set(err, EINVAL, "request %s is no size such as 256Mi", quantities.request);
	if (quantities.limit[0] &&
	    (quantity_parse_bytes(quantities.limit, &limit_bytes) < 0 || limit_bytes == 0))
		return error_set(err, EINVAL, "limit %s is no size such as 512Mi", quantities.limit);
	if (limit_bytes > 0 && request_bytes > limit_bytes)
		return error_set(err, EINVAL, "the request %s is above the limit %s", quantities.request,
				 quantities.limit);
	annotations->request_bytes = request_bytes;
	annotations->limit_bytes = limit_bytes;
	return 0;
}

void annotations_read(const char *text, const struct config *config, struct annotations *ret,
		      void (*fault)(const char *key, const char *why, void *data), void *data)
{
	const struct reading reading = {text, fault, data};
	struct annotations annotations = {0};
	struct error err;

	read_word(&reading, ANNOTATION_MODE, config->mode, annotations.mode, sizeof annotations.mode);
	read_word(&reading, ANNOTATION_WORKLOAD, config->workload, annotations.workload,
		  sizeof annotations.workload);
	if (config->workload.length > 0 && annotations.workload[0] && !is_name(annotations.workload)) {
		fault(ANNOTATION_WORKLOAD, "not a name as Kubernetes has them", data);
		annotations.workload[0] = '\0';
	}
	if (read_overrides(&reading, config, &annotations, &err) < 0)
		fault(ANNOTATION_OVERRIDES, err.text, data);
	*ret = annotations;
}
