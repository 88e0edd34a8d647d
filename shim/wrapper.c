/* SPDX-License-Identifier: Apache-2.0 */

/* tidemark: stands in for an OCI runtime. It edits the bundle where there is something to edit, leaves a
 * record, and becomes the real runtime by execve(). Whatever goes wrong on our side, the runtime is run all
 * the same, as it would have been without us: every function here that fails says so in one log line, and
 * that is all. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "cgroups/memory.h"
#include "cgroups/quantity.h"
#include "oci/bundle.h"
#include "oci/command.h"
#include "oci/config.h"
#include "oci/edit.h"
#include "oci/identity.h"
#include "oci/runtime.h"
#include "shim/report/fault.h"
#include "shim/store/limits.h"
#include "shim/store/record.h"
#include "shim/store/settings.h"
#include "shim/tune/decision.h"

/* The largest `update --resources` document that is looked at; larger ones pass through unread. */
#define RESOURCES_SIZE_MAX (1u << 20)

struct wrapper {
	char **argv;
	struct command command;
	const char *runtime;
	const char *root; /* of all the paths below; "" but for a trial of tidemark */
	struct settings settings;
};

static int open_below(const struct wrapper *wrapper, const char *path, struct error *err)
{
	char buf[PATH_MAX];
	if ((size_t)snprintf(buf, sizeof buf, "%s%s", wrapper->root, path) >= sizeof buf)
		return error_set(err, ENAMETOOLONG, "TIDEMARK_ROOT is too long");
	int fd = open(buf, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, errno, "cannot open %s", buf) : fd;
}

static int open_containers(const struct wrapper *wrapper, struct error *err)
{
	char buf[PATH_MAX];
	if ((size_t)snprintf(buf, sizeof buf, "%s/run/tidemark/containers", wrapper->root) >= sizeof buf)
		return error_set(err, ENAMETOOLONG, "TIDEMARK_ROOT is too long");
	return file_open_directory_at(AT_FDCWD, buf, 0700, err);
}

static uint64_t now_usec(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static void copy_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

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
			copy_text(buf, size, arg + 3);
			return buf;
		}
	return NULL;
}

static void find_identity(const struct config *config, int bundle_fd, const char *id, struct identity *ret)
{
	char name[CONFIG_NAME_SIZE];
	cleanup_free char *text = NULL;
	size_t length;
	struct pod_labels labels;
	bool has_labels = false;

	/* The labels are a help, not a need: where they are not found the pod's name has to do. */
	if (config->sandbox_id[0] &&
	    bundle_load_sandbox_config(bundle_fd, config->sandbox_id, &text, &length, NULL) == 0) {
		pod_labels_find(text, length, &labels);
		has_labels = true;
	}
	const char *fallback = config->pod_name[0] ? NULL : container_name_of_parent(name, sizeof name);
	if (!identity_of(config, has_labels ? &labels : NULL, id, fallback, ret))
		*ret = (struct identity){0};
}

/* What the node's mode and the pod's annotation make together. A pod's author can ask for less than the node
 * does, never for more. */
static int mode_of(int node_mode, const char *annotation)
{
	for (int mode = MODE_OFF; mode < node_mode; mode++)
		if (strcmp(annotation, mode_names[mode]) == 0)
			return mode;
	return node_mode;
}

/* Fills the record's decision from its identity and what it declares. in_use_bytes as in decision_make(). */
static void decide(const struct wrapper *wrapper, struct record *record, uint64_t in_use_bytes)
{
	struct limits limits = {0};
	struct error err;
	struct decision decision;

	if (record->identity.owner[0] && !record->is_sandbox) {
		cleanup_close int state_fd = open_below(wrapper, "/var/lib/tidemark", &err);
		int r = state_fd < 0 ? state_fd : limits_read(state_fd, &record->identity, &limits, &err);
		if (r < 0 && r != -ENOENT)
			copy_text(record->fault, sizeof record->fault, err.text);
	}

	const uint64_t *prestart = limits_prestart(&limits, wrapper->runtime);
	const struct decision_input input = {
		.mode = record->mode,
		.declared_bytes = record->declared_bytes,
		.recommended_bytes = limits.recommendation.limit_bytes,
		.enforced_bytes = limits.enforced_limit_bytes,
		.p95_bytes = limits.observed.p95_bytes,
		.prestart_bytes = prestart ? *prestart : 0,
		.last_applied_bytes = limits.applied_bytes,
		.oom_floor_bytes = limits.recommendation.oom_floor_bytes,
		.in_use_bytes = in_use_bytes,
	};
	decision_make(&input, &wrapper->settings.guards, &decision);
	record->recommended_bytes = input.recommended_bytes;
	record->limit_bytes = decision.limit_bytes;
	record->source = decision.source;
	decision_reason(&decision, record->reason);
}

/* The container keeps the limit that the runtime is given without us, though something else was meant. */
static void fall_back(struct record *record, uint64_t limit_bytes, const struct error *err)
{
	record->limit_bytes = limit_bytes;
	record->source = SOURCE_DECLARED;
	copy_text(record->reason, sizeof record->reason, decision_source_names[SOURCE_DECLARED]);
	copy_text(record->fault, sizeof record->fault, err->text);
}

/* Whether a container of this id runs: the runtime will then refuse to create another, or to delete it
 * without force. */
static bool is_alive(int containers_fd, const char *id)
{
	struct record record;
	char cgroup[CGROUP_PATH_SIZE];

	if (record_read(containers_fd, id, &record, NULL) < 0 || record.pid == 0)
		return false;
	cleanup_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return cgroup_of_pid(proc_fd, (pid_t)record.pid, cgroup, sizeof cgroup, NULL) == 0 &&
	       cgroup_path_names(cgroup, id);
}

static int write_limit(int bundle_fd, const char *text, size_t length, const struct resources *resources,
		       const struct record *record, struct error *err)
{
	cleanup_free char *edited = NULL;
	size_t edited_length;
	struct edit edit;

	if (record->limit_bytes == DECISION_UNLIMITED)
		return error_set(err, ENOTSUP, "the limit that was put in before cannot be taken out");
	int r = edit_limit(text, resources, record->limit_bytes, &edit, err);
	if (r < 0)
		return r;
	r = edit_apply(text, length, &edit, &edited, &edited_length, err);
	if (r < 0)
		return r;
	r = bundle_replace_config(bundle_fd, edited, edited_length, err);
	if (r < 0)
		return r;
	bundle_remember_declared(bundle_fd, record->declared_bytes, record->limit_bytes);
	return 0;
}

static int create(struct wrapper *wrapper, struct record *record, struct error *err)
{
	const char *path = wrapper->command.bundle ? wrapper->command.bundle : ".";
	cleanup_free char *text = NULL, *absolute = NULL;
	cleanup_free struct config *config = malloc(sizeof *config);
	size_t length;

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

	record->mode = mode_of(wrapper->settings.mode, config->mode);
	if (record->mode == MODE_OFF)
		return 0;
	if (strlen(wrapper->command.id) >= sizeof record->id)
		return error_set(err, ENAMETOOLONG, "its id has more than %zu bytes", sizeof record->id - 1);
	if (path[0] != '/')
		path = absolute = realpath(path, NULL);
	if (path)
		copy_path(record->bundle, sizeof record->bundle, path);
	if (wrapper->command.pid_file)
		copy_path(record->pid_file, sizeof record->pid_file, wrapper->command.pid_file);
	copy_text(record->pod_name, sizeof record->pod_name, config->pod_name);
	copy_text(record->pod_uid, sizeof record->pod_uid, config->pod_uid);
	copy_text(record->sandbox_id, sizeof record->sandbox_id, config->sandbox_id);
	copy_text(record->image_ref, sizeof record->image_ref, config->image_ref);
	record->is_sandbox = config_is_sandbox(config);
	record->oom_score_adj = config->oom_score_adj;
	record->declared_bytes = bundle_recall_declared(bundle_fd, config->resources.limit_bytes);
	find_identity(config, bundle_fd, record->id, &record->identity);
	decide(wrapper, record, 0);

	/* The record first: a limit that nobody could account for must not be set. */
	cleanup_close int containers_fd = open_containers(wrapper, err);
	if (containers_fd < 0)
		return containers_fd;
	if (is_alive(containers_fd, record->id))
		return 0;
	r = record_write(containers_fd, record, err);
	if (r < 0 || record->limit_bytes == config->resources.limit_bytes)
		return r;
	r = write_limit(bundle_fd, text, length, &config->resources, record, err);
	if (r < 0) {
		fall_back(record, config->resources.limit_bytes, err);
		(void)record_write(containers_fd, record, NULL);
	}
	return r;
}

/* create, run and restore: identity, decision, edit, record. */
static void on_create(struct wrapper *wrapper)
{
	struct record record = {
		.version = RECORD_VERSION,
		.declared_bytes = DECISION_UNLIMITED,
		.limit_bytes = DECISION_UNLIMITED,
		.created_usec = now_usec(),
	};
	struct error err;

	if (wrapper->settings.mode == MODE_OFF)
		return;
	copy_text(record.id, sizeof record.id, wrapper->command.id);
	copy_text(record.runtime, sizeof record.runtime, wrapper->runtime);
	if (create(wrapper, &record, &err) < 0)
		fault_log("container %s starts as declared: %s", wrapper->command.id, err.text);
	else if (record.fault[0])
		fault_log("container %s starts as declared: %s", wrapper->command.id, record.fault);
}

/* The init process that the runtime has left for `start`, by the pid file that it was told to write. */
static int read_pid_file(const char *path, uint64_t *ret_pid, struct error *err)
{
	char text[32];

	int r = file_read_at(AT_FDCWD, path, text, sizeof text, NULL, err);
	if (r < 0)
		return r;
	if (quantity_parse_uint(text, strcspn(text, "\n"), ret_pid) < 0 || *ret_pid > INT_MAX)
		return error_set(err, EBADMSG, "%s holds no process id", path);
	return 0;
}

static int open_cgroup(const char *path, struct error *err)
{
	cleanup_close int root_fd = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return error_errno(err, errno, "cannot open /sys/fs/cgroup");
	return cgroup_open(root_fd, path, err);
}

/* Finds the container's cgroup, and what is charged to it before the user's program runs. */
static int measure_prestart(struct record *record, struct error *err)
{
	struct memory memory;

	int r = read_pid_file(record->pid_file, &record->pid, err);
	if (r < 0)
		return r;
	cleanup_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = cgroup_of_pid(proc_fd, (pid_t)record->pid, record->cgroup, sizeof record->cgroup, err);
	if (r < 0)
		return r;
	if (!cgroup_path_names(record->cgroup, record->id)) {
		r = error_set(err, ESRCH,
			      "process %d of %.80s is in the cgroup %.80s, which is not the container's",
			      (int)record->pid, record->pid_file, record->cgroup);
		record->cgroup[0] = '\0';
		return r;
	}
	cleanup_close int cgroup_fd = open_cgroup(record->cgroup, err);
	if (cgroup_fd < 0)
		return cgroup_fd;
	r = memory_read(cgroup_fd, &memory, err);
	if (r != 0)
		return r < 0 ? r : error_set(err, ENOENT, "the cgroup %.160s went away", record->cgroup);
	record->prestart.current_bytes = memory.current_bytes;
	record->prestart.peak_bytes = memory.peak_bytes;
	record->prestart.anon_bytes = memory.anon_bytes;
	record->prestart.file_bytes = memory.file_bytes;
	record->prestart.kernel_bytes = memory.kernel_bytes;
	return 0;
}

static void on_start(struct wrapper *wrapper)
{
	struct record record;
	struct error err;

	cleanup_close int containers_fd = open_containers(wrapper, &err);
	int r = containers_fd < 0 ? containers_fd
				  : record_read(containers_fd, wrapper->command.id, &record, &err);
	if (r == -ENOENT)
		return; /* created without us, or with the mode off */
	if (r == 0) {
		record.started_usec = now_usec();
		r = record.pid_file[0] ? measure_prestart(&record, &err) : 0;
		int written = record_write(containers_fd, &record, r < 0 ? NULL : &err);
		r = r < 0 ? r : written;
	}
	if (r < 0)
		fault_log("container %s: its pre-start footprint is not recorded: %s", wrapper->command.id,
			  err.text);
}

/* Copies the whole of stdin, which can be read but once, into memory that takes its place. */
static int keep_stdin(struct error *err)
{
	char buf[16384];
	ssize_t n;

	cleanup_close int fd = memfd_create("resources", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	while ((n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot read stdin");
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(fd, buf + done, (size_t)(n - done));
			if (m < 0)
				return error_errno(err, errno, "cannot keep what stdin holds");
		}
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0)
		return error_errno(err, errno, "cannot hand on what stdin held");
	return 0;
}

/* Makes fd what the runtime reads its resources from, and argv say so. */
static int hand_on_resources(struct wrapper *wrapper, const char *text, size_t length, struct error *err)
{
	const struct command *command = &wrapper->command;
	char *argument = wrapper->argv[command->resources_index];
	/* The value ends the argument: "--resources=FILE" or "FILE". */
	int prefix = (int)(command->resources - argument);

	cleanup_close int fd = memfd_create("resources", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	if (write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "cannot write a file in memory");
	char *replaced;
	if (asprintf(&replaced, "%.*s-", prefix, argument) < 0)
		return error_errno(err, ENOMEM, "cannot change the command line");
	if (dup2(fd, STDIN_FILENO) < 0) {
		free(replaced);
		return error_errno(err, errno, "cannot replace stdin");
	}
	wrapper->argv[command->resources_index] = replaced;
	return 0;
}

static int load_resources(const struct wrapper *wrapper, char **ret_text, size_t *ret_length,
			  struct error *err)
{
	struct stat st;

	if (strcmp(wrapper->command.resources, "-") != 0)
		return file_load_at(AT_FDCWD, wrapper->command.resources, RESOURCES_SIZE_MAX, ret_text,
				    ret_length, err);
	int r = keep_stdin(err);
	if (r < 0)
		return r;
	if (fstat(STDIN_FILENO, &st) < 0 || st.st_size > RESOURCES_SIZE_MAX)
		return error_set(err, E2BIG, "the resources are larger than %u bytes", RESOURCES_SIZE_MAX);
	size_t length = (size_t)st.st_size;
	char *text = malloc(length + 1);
	if (!text || pread(STDIN_FILENO, text, length, 0) != st.st_size) {
		free(text);
		return error_set(err, EIO, "cannot read the resources");
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

/* What is charged to the container now: a limit below it would make the kernel reclaim, or kill, at once. */
static int read_in_use(const struct record *record, uint64_t *ret_bytes, struct error *err)
{
	struct memory memory;

	cleanup_close int cgroup_fd = open_cgroup(record->cgroup, err);
	if (cgroup_fd < 0)
		return cgroup_fd;
	int r = memory_read(cgroup_fd, &memory, err);
	if (r != 0)
		return r < 0 ? r : error_set(err, ENOENT, "the cgroup %.160s went away", record->cgroup);
	*ret_bytes = memory.current_bytes;
	return 0;
}

/* The limit that a container which runs gets in place of the one that is asked for. */
static int decide_resize(const struct wrapper *wrapper, struct record *record, struct error *err)
{
	uint64_t in_use_bytes = 0;

	/* What the node has stopped doing since the creation is not done here either. */
	if (record->mode > wrapper->settings.mode)
		record->mode = wrapper->settings.mode;
	if (record->mode == MODE_ENFORCE) {
		if (!record->cgroup[0])
			return error_set(err, ESRCH, "its cgroup is not known");
		int r = read_in_use(record, &in_use_bytes, err);
		if (r < 0)
			return r;
	}
	decide(wrapper, record, in_use_bytes);
	return 0;
}

static int update(struct wrapper *wrapper, struct record *record, struct error *err)
{
	cleanup_free char *text = NULL, *edited = NULL;
	size_t length, edited_length;
	struct resources resources;
	struct edit edit;

	int r = load_resources(wrapper, &text, &length, err);
	if (r < 0)
		return r;
	r = resources_read(text, length, &resources, err);
	if (r < 0)
		return r;
	if (resources.limit.length == 0 && resources.unified_max.length == 0)
		return 0; /* no memory limit is resized */

	cleanup_close int containers_fd = open_containers(wrapper, err);
	if (containers_fd < 0)
		return containers_fd;
	r = record_read(containers_fd, wrapper->command.id, record, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;

	record->declared_bytes = resources.limit_bytes;
	record->updated_usec = now_usec();
	record->fault[0] = '\0';
	if (decide_resize(wrapper, record, err) < 0)
		fall_back(record, resources.limit_bytes, err);
	r = record_write(containers_fd, record, err);
	if (r < 0 || record->limit_bytes == resources.limit_bytes)
		return r;
	r = edit_limit(text, &resources, record->limit_bytes, &edit, err);
	if (r == 0)
		r = edit_apply(text, length, &edit, &edited, &edited_length, err);
	if (r == 0)
		r = hand_on_resources(wrapper, edited, edited_length, err);
	if (r < 0) {
		fall_back(record, resources.limit_bytes, err);
		(void)record_write(containers_fd, record, NULL);
	}
	return r;
}

/* An in-place resize: what is asked for is the new declared limit, and the decision is made again. */
static void on_update(struct wrapper *wrapper)
{
	struct record record = {.version = RECORD_VERSION};
	struct error err;

	if (!wrapper->command.resources)
		return;
	if (update(wrapper, &record, &err) < 0)
		fault_log("container %s is resized as asked: %s", wrapper->command.id, err.text);
	else if (record.fault[0])
		fault_log("container %s is resized as asked: %s", wrapper->command.id, record.fault);
}

static void on_delete(struct wrapper *wrapper)
{
	const char *id = wrapper->command.id;
	struct error err;

	cleanup_close int containers_fd = open_containers(wrapper, &err);
	if (containers_fd < 0 || (!wrapper->command.force && is_alive(containers_fd, id)))
		return;
	if (record_remove(containers_fd, id, &err) < 0 && err.code != ENOENT)
		fault_log("container %s: %s", id, err.text);
}

static void (*const handlers[])(struct wrapper *wrapper) = {
	[VERB_OTHER] = NULL,        [VERB_CREATE] = on_create, [VERB_RUN] = on_create,
	[VERB_RESTORE] = on_create, [VERB_START] = on_start,   [VERB_UPDATE] = on_update,
	[VERB_DELETE] = on_delete,
};

static const char *runtime_path_setting(const struct settings *settings, const char *runtime)
{
	if (strcmp(runtime, "crun") == 0)
		return settings->runtime.crun;
	if (strcmp(runtime, "runc") == 0)
		return settings->runtime.runc;
	return "";
}

/* A standard file that is closed stays so for the runtime, but no file of ours may take its place before. */
static void occupy_closed_standard_files(void)
{
	int fd;

	while ((fd = open("/", O_PATH | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO)
		continue;
	if (fd >= 0)
		(void)close(fd);
}

/* With settings that cannot be read, nothing is enforced; but which runtime is run must not hang on that. */
static void load_settings(struct wrapper *wrapper, bool is_logged)
{
	struct error err;

	cleanup_close int etc_fd = open_below(wrapper, "/etc/tidemark", &err);
	int r = etc_fd < 0 && etc_fd != -ENOENT ? etc_fd : settings_load(etc_fd, &wrapper->settings, &err);
	if (r == 0)
		return;
	settings_salvage(etc_fd, &wrapper->settings);
	if (is_logged)
		fault_log("container %s gets what it declares: %s", wrapper->command.id, err.text);
}

int main(int argc, char *argv[])
{
	char path[PATH_MAX];
	struct error err;
	const char *root = getenv("TIDEMARK_ROOT");
	struct wrapper wrapper = {
		.argv = argv,
		.command = command_parse(argc, argv),
		.runtime = runtime_from_program(argc > 0 ? argv[0] : ""),
		.root = root ? root : "",
	};

	void (*handler)(struct wrapper *) = handlers[wrapper.command.verb];

	occupy_closed_standard_files();
	load_settings(&wrapper, handler == on_create || handler == on_update);
	if (!wrapper.runtime)
		wrapper.runtime = wrapper.settings.runtime.name;
	if (handler) {
		/* A file that must not grow is a fault like others, and no reason to be killed. */
		void (*on_too_large)(int) = signal(SIGXFSZ, SIG_IGN);
		handler(&wrapper);
		(void)signal(SIGXFSZ, on_too_large);
	}

	if (runtime_find(wrapper.runtime, runtime_path_setting(&wrapper.settings, wrapper.runtime), path,
			 sizeof path, &err) == 0) {
		argv[0] = path;
		(void)execv(path, argv);
		error_errno(&err, errno, "cannot run %s", path);
	}
	fault_log("%s", err.text);
	(void)fprintf(stderr, "tidemark: %s\n", err.text);
	return 127;
}
