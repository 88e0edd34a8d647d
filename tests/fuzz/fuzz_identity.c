/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "oci/identity.h"

static void take_line(char **rest, char *to, size_t size)
{
	const char *line = *rest ? strsep(rest, "\n") : "";
	size_t length = strnlen(line, size - 1);
	memcpy(to, line, length);
	to[length] = '\0';
}

static int hex_of(char digit)
{
	return digit >= 'A' ? digit - 'A' + 10 : digit - '0';
}

/* The inverse of identity_path() for one component. Returns what follows it. */
static const char *decode(const char *path, char *name)
{
	ENSURE(*path && *path != '/' && *path != '.');
	for (; *path && *path != '/'; path++) {
		ENSURE(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.%", *path));
		if (*path == '%') {
			*name++ = (char)(hex_of(path[1]) << 4 | hex_of(path[2]));
			path += 2;
		} else {
			*name++ = *path;
		}
	}
	*name = '\0';
	return *path ? path + 1 : path;
}

static void check_path(const struct identity *identity)
{
	char path[1024], name[3][CONFIG_NAME_SIZE];

	int r = identity_path(identity, path, sizeof path);
	ENSURE(r == 0 || r == -ENAMETOOLONG || r == -EINVAL);
	for (size_t size = 0; size < 40; size++) {
		cleanup_free char *small = malloc(size > 0 ? size : 1);
		ENSURE(!small || identity_path(identity, small, size) == 0 || r < 0 || strlen(path) >= size);
	}
	if (r < 0)
		return;
	/* It can be told back from its path, so no two meet. */
	ENSURE(*decode(decode(decode(path, name[0]), name[1]), name[2]) == '\0');
	ENSURE(strcmp(name[0], identity->namespace) == 0 && strcmp(name[1], identity->owner) == 0 &&
	       strcmp(name[2], identity->container) == 0);
}

/* The input's lines are the names and labels. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config = {0};
	struct pod_labels labels = {0};
	struct identity identity;
	char id[80], fallback[CONFIG_NAME_SIZE];
	cleanup_free char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	char *rest = text;
	take_line(&rest, config.pod_namespace, sizeof config.pod_namespace);
	take_line(&rest, config.pod_name, sizeof config.pod_name);
	take_line(&rest, config.container_name, sizeof config.container_name);
	take_line(&rest, labels.pod_template_hash, sizeof labels.pod_template_hash);
	take_line(&rest, labels.controller_revision_hash, sizeof labels.controller_revision_hash);
	take_line(&rest, labels.statefulset_pod_name, sizeof labels.statefulset_pod_name);
	take_line(&rest, labels.job_name, sizeof labels.job_name);
	take_line(&rest, config.image_name, sizeof config.image_name);
	take_line(&rest, id, sizeof id);
	take_line(&rest, fallback, sizeof fallback);
	take_line(&rest, labels.knative_service, sizeof labels.knative_service);

	for (int with_labels = 0; with_labels < 2; with_labels++) {
		if (!identity_of(&config, with_labels ? &labels : NULL, id, fallback, &identity))
			continue;
		ENSURE(identity.owner[0] && identity.namespace[0] && identity.container[0]);
		ENSURE(identity.kind >= 0 && identity.kind < OWNER_KINDS_COUNT);
		ENSURE((identity.kind == OWNER_KNATIVE_SERVICE) == (identity.service[0] != '\0'));
		if (strcmp(identity.namespace, "-") != 0)
			ENSURE(strncmp(config.pod_name, identity.owner, strlen(identity.owner)) == 0);
		check_path(&identity);
	}
	return 0;
}
