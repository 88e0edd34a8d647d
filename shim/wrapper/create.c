/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper's create, run and restore. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "oci/annotations.h"
#include "oci/bundle.h"
#include "oci/config.h"
#include "oci/identity.h"
#include "oci/sizing.h"
#include "oci/vm.h"
#include "shim/report/fault.h"
#include "shim/wrapper/wrapper.h"

/* The path as another process can use it, whatever its working directory; empty where it does not fit, since
 * half a path is another path. */
static void copy_path(char *to, size_t size, const char *from)
{
	char here[PATH_MAX];

	const char *base = from[0] == '/' || !getcwd(here, sizeof here) ? "" : here;
	if ((size_t)snprintf(to, size, "%s%s%s", base, base[0] ? "/" : "", from) >= size)
		to[0] = '\0';
}

/* What conmon calls the container ("conmon … -n <name> …"), our parent at create under podman and CRI-O:
 * podman writes the name nowhere in the bundle. Returns NULL where it cannot be told. */
static const char *container_name_of_parent(char *buf, size_t size)
{
	char path[64], cmdline[8192];
	size_t length;

	(void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)getppid());
	if (file_read_at(AT_FDCWD, path, cmdline, sizeof cmdline, &length, NULL) < 0)
		return NULL;
	if (!strstr(cmdline, "conmon"))
		return NULL; /* others give -n another meaning */
	for (const char *arg = cmdline, *end = cmdline + length; arg < end; arg += strlen(arg) + 1)
		if (strcmp(arg, "-n") == 0 && arg + 3 < end) {
			wrapper_copy_text(buf, size, arg + 3);
			return buf;
		}
	return NULL;
}

/* text is the container's own config.json. */
static void find_identity(const struct config *config, const char *text, size_t length, int bundle_fd,
			  struct record *record)
{
	char name[CONFIG_NAME_SIZE];
	cleanup_free char *loaded = NULL;
	const char *sandbox = config_is_sandbox(config) ? text : NULL;
	struct pod_labels labels;

	/* The labels are a help, not a need: where they are not found the pod's name has to do. */
	if (!sandbox && config->sandbox_id[0] &&
	    bundle_load_sandbox_config(bundle_fd, config->sandbox_id, &loaded, &length, NULL) == 0)
		sandbox = loaded;
	if (sandbox) {
		pod_labels_find(sandbox, length, &labels);
		wrapper_copy_text(record->template, sizeof record->template,
				  labels.pod_template_hash[0] ? labels.pod_template_hash
							      : labels.controller_revision_hash);
	}
	const char *fallback = config->pod_name[0] ? NULL : container_name_of_parent(name, sizeof name);
	if (!identity_of(config, sandbox ? &labels : NULL, record->id, fallback, &record->identity))
		record->identity = (struct identity){0};
}

/* A fault of the pod's author: passed over. */
static void on_annotation_fault(const char *key, const char *why, void *data)
{
	const struct wrapper *wrapper = data;
	fault_log("container %s: its annotation %s is ignored: %s", wrapper->command.id, key, why);
}

/* What the node's mode and the pod's annotation make together. A pod's author can ask for less than the node
 * does, never for more. */
static int mode_of(int node_mode, const char *word, const char *id)
{
	for (int mode = 0; word[0] && mode_names[mode]; mode++)
		if (strcmp(word, mode_names[mode]) == 0)
			return mode < node_mode ? mode : node_mode;
	if (word[0])
		fault_log("container %s: its annotation %s is ignored: %s is not off, observe or enforce", id,
			  ANNOTATION_MODE, word);
	return node_mode;
}

/* What the node does not allow is as if the author had not asked for it; and a sandbox is never tuned. */
static void drop_annotations(struct config *config, unsigned allowed)
{
	if (!(allowed & SETTINGS_ALLOW_MODE))
		config->mode.length = 0;
	if (config_is_sandbox(config))
		allowed &= SETTINGS_ALLOW_MODE;
	if (!(allowed & SETTINGS_ALLOW_WORKLOAD))
		config->workload.length = 0;
	if (!(allowed & SETTINGS_ALLOW_OVERRIDES))
		config->overrides.length = 0;
}

/* Of a sandbox that is started in a virtual machine of its own. */
static int create_vm(const struct wrapper *wrapper, struct record *record, const struct config *config,
		     bool is_steered, const char *text, size_t length, char **ret_text, size_t *ret_length,
		     struct error *err)
{
	struct edit edit = {0};

	record->overhead_bytes = vm_overhead_of(text, config);
	int r = is_steered ? 0 : wrapper_size_vm(wrapper, record, config, text, &edit, err);
	if (r == 0 && edit.n_changes > 0)
		r = edit_apply(text, length, &edit, ret_text, ret_length, err);
	if (r < 0)
		record->vm_memory_bytes = 0;
	return r;
}

static int create(struct wrapper *wrapper, struct record *record, struct error *err)
{
	const char *path = wrapper->command.bundle ? wrapper->command.bundle : ".";
	cleanup_free char *text = NULL, *absolute = NULL, *edited = NULL;
	cleanup_free struct config *config = malloc(sizeof *config);
	size_t length, edited_length;

	if (!config)
		return error_errno(err, ENOMEM, "cannot read config.json");
	cleanup_close int bundle_fd = bundle_open(path, err);
	if (bundle_fd < 0)
		return bundle_fd;
	int r = bundle_load_config(bundle_fd, &text, &length, err);
	if (r < 0)
		return r;
	struct error fault;
	r = config_read(text, length, config, &fault);
	if (r < 0)
		return error_set(err, -r, "config.json: %s", fault.text);

	struct annotations annotations;
	settings_for_namespace(&wrapper->settings, identity_is_of_pod(config) ? config->pod_namespace : "-");
	if (wrapper->settings.mode == MODE_OFF)
		return 0;
	/* By these its containers may get what no profile of theirs tells, be it allowed or not. */
	const bool is_steered = config->overrides.length > 0 || config->workload.length > 0;
	drop_annotations(config, wrapper->settings.annotations);
	annotations_read(text, config, &annotations, on_annotation_fault, wrapper);
	record->mode = mode_of(wrapper->settings.mode, annotations.mode, wrapper->command.id);
	if (record->mode == MODE_OFF)
		return 0;
	record->override_bytes = annotations.limit_bytes;
	record->override_request_bytes = annotations.request_bytes;
	if (strlen(wrapper->command.id) >= sizeof record->id)
		return error_set(err, ENAMETOOLONG, "its id has more than %zu bytes", sizeof record->id - 1);
	if (path[0] != '/')
		path = absolute = realpath(path, NULL);
	if (path)
		copy_path(record->bundle, sizeof record->bundle, path);
	if (wrapper->command.pid_file)
		copy_path(record->pid_file, sizeof record->pid_file, wrapper->command.pid_file);
	if (wrapper->shim && wrapper->shim->pid_file &&
	    (size_t)snprintf(record->pid_file, sizeof record->pid_file, "%s/%s", record->bundle,
			     wrapper->shim->pid_file) >= sizeof record->pid_file)
		record->pid_file[0] = '\0';
	wrapper_copy_text(record->pod_name, sizeof record->pod_name, config->pod_name);
	wrapper_copy_text(record->pod_uid, sizeof record->pod_uid, config->pod_uid);
	wrapper_copy_text(record->sandbox_id, sizeof record->sandbox_id, config->sandbox_id);
	wrapper_copy_text(record->image_ref, sizeof record->image_ref, config->image_ref);
	record->is_sandbox = config_is_sandbox(config);
	record->role = config->role;
	record->oom_score_adj = config->oom_score_adj;
	enum sizing sizing = sizing_of_config(text, config->args, config->env);
	if (sizing != SIZING_UNKNOWN)
		wrapper_copy_text(record->sizes, sizeof record->sizes, sizing_names[sizing]);
	struct bundle_mark mark = bundle_recall(bundle_fd, config->resources.limit_bytes);
	record->declared_bytes = mark.declared_bytes;
	find_identity(config, text, length, bundle_fd, record);
	/* Within the pod's own namespace an author may join pods of several names, or part them. */
	if (annotations.workload[0] && identity_is_of_pod(config)) {
		wrapper_copy_text(record->identity.owner, sizeof record->identity.owner,
				  annotations.workload);
		record->identity.kind = OWNER_UNKNOWN;
		record->identity.service[0] = '\0';
	}
	wrapper_decide(wrapper, record, 0);

	/* The record first: a limit that nobody could account for must not be set. */
	cleanup_close int containers_fd = wrapper_open_containers(wrapper, err);
	if (containers_fd < 0)
		return containers_fd;
	if (wrapper_is_alive(containers_fd, record->id))
		return 0;
	int edit = wrapper_edit(record, text, length, &config->resources, &mark.unified, &edited,
				&edited_length, &mark.unified, err);
	if (edit == 0 && record->is_vm && record->is_sandbox && !edited)
		edit = create_vm(wrapper, record, config, is_steered, text, length, &edited, &edited_length,
				 err);
	if (edit < 0)
		wrapper_fall_back(record, config->resources.limit_bytes, err);
	r = record_write(containers_fd, record, edit < 0 ? NULL : err);
	if (edit < 0)
		return edit;
	if (r < 0 || !edited)
		return r;
	mark.declared_bytes = record->declared_bytes;
	mark.limit_bytes = record->limit_bytes;
	r = bundle_replace_config(bundle_fd, edited, edited_length, &mark, err);
	if (r < 0) {
		wrapper_fall_back(record, config->resources.limit_bytes, err);
		record->vm_memory_bytes = 0;
		(void)record_write(containers_fd, record, NULL);
	}
	return r;
}

void wrapper_create(struct wrapper *wrapper)
{
	struct record record = {
		.version = RECORD_VERSION,
		.declared_bytes = DECISION_UNLIMITED,
		.limit_bytes = DECISION_UNLIMITED,
		.created_usec = wrapper_now_usec(),
	};
	struct error err;

	if (wrapper->settings.mode == MODE_OFF && wrapper->settings.n_namespaces == 0)
		return;
	wrapper_copy_text(record.id, sizeof record.id, wrapper->command.id);
	wrapper_copy_text(record.runtime, sizeof record.runtime, wrapper->runtime);
	record.is_shim = wrapper->shim;
	record.is_vm = wrapper->shim && wrapper->shim->is_vm;
	if (create(wrapper, &record, &err) < 0)
		fault_log("container %s starts as declared: %s", wrapper->command.id, err.text);
	else if (record.fault[0])
		fault_log("container %s starts as declared: %s", wrapper->command.id, record.fault);
}
