/* SPDX-License-Identifier: Apache-2.0 */

/* The wrapper's create, run and restore, and a shim's start: steps 3 to 9 of "A creation, step by step" in
 * docs/ARCHITECTURE.md. main() does steps 1 and 2, command and settings, for every verb. */

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

/* What one step leaves for the next. */
struct creation {
	struct wrapper *wrapper;
	struct record record; /* filled by each step from find_mode() on */

	/* read_config() */
	int bundle_fd;
	char *text; /* config.json */
	size_t length;
	struct config config;

	/* find_mode() */
	struct annotations annotations;
	/* The pod has override or workload annotations, even if not allowed. We do not size its VM: its
	 * containers' limits may not come from their profiles. */
	bool is_steered;

	/* make_decision() */
	struct bundle_mark mark;

	/* make_edit() */
	char *edited; /* NULL: nothing changes */
	size_t edited_length;
};

/* ---- 3. The config ---- */

static int read_config(struct creation *creation, struct error *err)
{
	const char *bundle = creation->wrapper->command.bundle;
	struct error fault;

	creation->bundle_fd = bundle_open(bundle ? bundle : ".", err);
	if (creation->bundle_fd < 0)
		return creation->bundle_fd;
	int r = bundle_load_config(creation->bundle_fd, &creation->text, &creation->length, err);
	if (r < 0)
		return r;
	r = config_read(creation->text, creation->length, &creation->config, &fault);
	return r < 0 ? error_set(err, -r, "config.json: %s", fault.text) : STEP_DONE;
}

/* ---- 4. The mode ---- */

/* A faulty annotation is logged and ignored. */
static void on_annotation_fault(const char *key, const char *why, void *data)
{
	const struct wrapper *wrapper = data;
	fault_log("container %s: its annotation %s is ignored: %s", wrapper->command.id, key, why);
}

/* The container's mode, from the node's mode and the pod's annotation. A pod's author can ask for less than
 * the node does, never for more. */
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

/* Drops the annotations that the node does not allow. A sandbox keeps only the mode: its own limit
 * is never tuned. */
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

static int find_mode(struct creation *creation, struct error *err)
{
	struct wrapper *wrapper = creation->wrapper;
	struct config *config = &creation->config;
	struct record *record = &creation->record;
	(void)err;

	settings_for_namespace(&wrapper->settings, identity_is_of_pod(config) ? config->pod_namespace : "-");
	if (wrapper->settings.mode == MODE_OFF)
		return STEP_LEAVE_ALONE;
	creation->is_steered = config->overrides.length > 0 || config->workload.length > 0;
	drop_annotations(config, wrapper->settings.annotations);
	annotations_read(creation->text, config, &creation->annotations, on_annotation_fault, wrapper);
	record->mode = mode_of(wrapper->settings.mode, creation->annotations.mode, wrapper->command.id);
	record->override_bytes = creation->annotations.limit_bytes;
	record->override_request_bytes = creation->annotations.request_bytes;
	return record->mode == MODE_OFF ? STEP_LEAVE_ALONE : STEP_DONE;
}

/* ---- 5. The identity ---- */

/* Makes the path absolute, for processes with another working directory. "" if it does not fit: a cut path
 * would be another path. */
static void copy_path(char *to, size_t size, const char *from)
{
	cleanup_free char *here = from[0] == '/' ? NULL : getcwd(NULL, 0);

	if ((size_t)snprintf(to, size, "%s%s%s", here ? here : "", here ? "/" : "", from) >= size)
		to[0] = '\0';
}

/* Records the bundle and the pid file. */
static void take_places(struct creation *creation)
{
	const struct wrapper *wrapper = creation->wrapper;
	struct record *record = &creation->record;
	const char *path = wrapper->command.bundle ? wrapper->command.bundle : ".";
	cleanup_free char *absolute = path[0] == '/' ? NULL : realpath(path, NULL);

	if (absolute || path[0] == '/')
		copy_path(record->bundle, sizeof record->bundle, absolute ? absolute : path);
	if (wrapper->command.pid_file)
		copy_path(record->pid_file, sizeof record->pid_file, wrapper->command.pid_file);
	if (wrapper->shim && wrapper->shim->pid_file &&
	    (size_t)snprintf(record->pid_file, sizeof record->pid_file, "%s/%s", record->bundle,
			     wrapper->shim->pid_file) >= sizeof record->pid_file)
		record->pid_file[0] = '\0';
}

/* Records what config.json says about the container. */
static void take_description(struct creation *creation)
{
	const struct config *config = &creation->config;
	struct record *record = &creation->record;

	wrapper_copy_text(record->pod_name, sizeof record->pod_name, config->pod_name);
	wrapper_copy_text(record->pod_uid, sizeof record->pod_uid, config->pod_uid);
	wrapper_copy_text(record->sandbox_id, sizeof record->sandbox_id, config->sandbox_id);
	wrapper_copy_text(record->image_ref, sizeof record->image_ref, config->image_ref);
	record->is_sandbox = config_is_sandbox(config);
	record->role = config->role;
	record->oom_score_adj = config->oom_score_adj;
	enum sizing sizing = sizing_of_config(creation->text, config->args, config->env);
	if (sizing != SIZING_UNKNOWN)
		wrapper_copy_text(record->sizes, sizeof record->sizes, sizing_names[sizing]);
}

/* Finds the labels of the pod's controller. Returns false if they are not found: then the pod's
 * name must do. */
static bool find_labels(const struct creation *creation, struct pod_labels *ret)
{
	const struct config *config = &creation->config;
	cleanup_free char *sandbox = NULL;
	size_t length;

	if (config_is_sandbox(config)) {
		pod_labels_find(creation->text, creation->length, ret);
		return true;
	}
	if (!config->sandbox_id[0] ||
	    bundle_load_sandbox_config(creation->bundle_fd, config->sandbox_id, &sandbox, &length, NULL) < 0)
		return false;
	pod_labels_find(sandbox, length, ret);
	return true;
}

/* The container's name on the command line of conmon ("conmon … -n <name> …"), which is our parent at
 * create under podman and CRI-O. podman does not write the name into the bundle. Returns buf, or NULL if
 * there is no name. */
static const char *container_name_of_parent(char *buf, size_t size)
{
	enum { CMDLINE_MAX = 8192 };
	cleanup_free char *cmdline = malloc(CMDLINE_MAX);
	char path[64];
	size_t length;

	(void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)getppid());
	if (!cmdline || file_read_at(AT_FDCWD, path, cmdline, CMDLINE_MAX, &length, NULL) < 0)
		return NULL;
	/* Looks at argv[0] alone: a NUL ends each argument. In other programs -n means something else. */
	if (!strstr(cmdline, "conmon"))
		return NULL;
	for (const char *arg = cmdline, *end = cmdline + length; arg < end; arg += strlen(arg) + 1)
		if (strcmp(arg, "-n") == 0 && arg + sizeof "-n" < end) {
			wrapper_copy_text(buf, size, arg + sizeof "-n");
			return buf;
		}
	return NULL;
}

static int find_identity(struct creation *creation, struct error *err)
{
	const struct config *config = &creation->config;
	struct record *record = &creation->record;
	char name[CONFIG_NAME_SIZE];
	struct pod_labels labels;

	if (strlen(creation->wrapper->command.id) >= sizeof record->id)
		return error_set(err, ENAMETOOLONG, "its id has more than %zu bytes", sizeof record->id - 1);
	take_places(creation);
	take_description(creation);

	const bool is_labelled = find_labels(creation, &labels);
	if (is_labelled)
		wrapper_copy_text(record->template, sizeof record->template,
				  labels.pod_template_hash[0] ? labels.pod_template_hash
							      : labels.controller_revision_hash);
	const char *fallback = config->pod_name[0] ? NULL : container_name_of_parent(name, sizeof name);
	if (!identity_of(config, is_labelled ? &labels : NULL, record->id, fallback, &record->identity))
		record->identity = (struct identity){0};
	/* Within the pod's namespace, its author may join pods of several names to one workload,
	 * or separate them. */
	if (creation->annotations.workload[0] && identity_is_of_pod(config)) {
		wrapper_copy_text(record->identity.owner, sizeof record->identity.owner,
				  creation->annotations.workload);
		record->identity.kind = OWNER_UNKNOWN;
		record->identity.service[0] = '\0';
	}
	return STEP_DONE;
}

/* ---- 6. The decision ---- */

static int make_decision(struct creation *creation, struct error *err)
{
	(void)err;
	creation->mark = bundle_recall(creation->bundle_fd, creation->config.resources.limit_bytes);
	creation->record.declared_bytes = creation->mark.declared_bytes;
	wrapper_decide(creation->wrapper, &creation->record, 0);
	return STEP_DONE;
}

/* ---- 7. The edit ---- */

/* The edit for a sandbox that starts a virtual machine. */
static int edit_vm(struct creation *creation, struct error *err)
{
	struct record *record = &creation->record;
	struct edit edit = {0};

	record->overhead_bytes = vm_overhead_of(creation->text, &creation->config);
	if (creation->is_steered)
		return 0;
	int r = wrapper_size_vm(creation->wrapper, record, &creation->config, creation->text, &edit, err);
	if (r == 0 && edit.n_changes > 0)
		r = edit_apply(creation->text, creation->length, &edit, &creation->edited,
			       &creation->edited_length, err);
	return r;
}

/* After a fault: the record tells that the container keeps config.json's limit. */
static void fall_back(struct creation *creation, const struct error *err)
{
	wrapper_fall_back(&creation->record, creation->config.resources.limit_bytes, err);
	creation->record.vm_memory_bytes = 0;
}

/* If the edit cannot be made, config.json stays as it is, and the record says why. */
static int make_edit(struct creation *creation, struct error *err)
{
	struct record *record = &creation->record;

	int r = wrapper_edit(record, creation->text, creation->length, &creation->config.resources,
			     &creation->mark.unified, &creation->edited, &creation->edited_length,
			     &creation->mark.unified, err);
	if (r == 0 && record->is_vm && record->is_sandbox && !creation->edited)
		r = edit_vm(creation, err);
	if (r < 0)
		fall_back(creation, err);
	return STEP_DONE;
}

/* ---- 8. The record ---- */

/* The record is written before config.json: no limit may be set that no record explains. */
static int write_record(struct creation *creation, struct error *err)
{
	cleanup_close int containers_fd = wrapper_open_containers(creation->wrapper, err);
	if (containers_fd < 0)
		return containers_fd;
	if (wrapper_is_alive(containers_fd, creation->record.id))
		return STEP_LEAVE_ALONE;
	return record_write(containers_fd, &creation->record, err);
}

/* ---- 9. The file ---- */

static int replace_file(struct creation *creation, struct error *err)
{
	struct record *record = &creation->record;

	if (!creation->edited)
		return STEP_DONE;
	creation->mark.declared_bytes = record->declared_bytes;
	creation->mark.limit_bytes = record->limit_bytes;
	int r = bundle_replace_config(creation->bundle_fd, creation->edited, creation->edited_length,
				      &creation->mark, err);
	if (r < 0) {
		fall_back(creation, err);
		(void)write_record(creation, NULL);
	}
	return r;
}

static int (*const steps[])(struct creation *creation, struct error *err) = {
	read_config, find_mode, find_identity, make_decision, make_edit, write_record, replace_file,
};

void wrapper_create(struct wrapper *wrapper)
{
	struct creation creation = {
		.wrapper = wrapper,
		.bundle_fd = -1,
		.record.version = RECORD_VERSION,
		.record.declared_bytes = DECISION_UNLIMITED,
		.record.limit_bytes = DECISION_UNLIMITED,
		.record.created_usec = wrapper_now_usec(),
		.record.is_shim = wrapper->shim,
		.record.is_vm = wrapper->shim && wrapper->shim->is_vm,
	};
	struct record *record = &creation.record;
	struct error err;
	int r = STEP_DONE;

	if (wrapper->settings.mode == MODE_OFF && wrapper->settings.n_namespaces == 0)
		return;
	wrapper_copy_text(record->id, sizeof record->id, wrapper->command.id);
	wrapper_copy_text(record->runtime, sizeof record->runtime, wrapper->runtime);
	for (size_t i = 0; i < sizeof steps / sizeof *steps && r == STEP_DONE; i++)
		r = steps[i](&creation, &err);
	if (r < 0)
		fault_log("container %s starts as declared: %s", wrapper->command.id, err.text);
	else if (record->fault[0])
		fault_log("container %s starts as declared: %s", wrapper->command.id, record->fault);
	free(creation.edited);
	free(creation.text);
	if (creation.bundle_fd >= 0)
		(void)close(creation.bundle_fd);
}
